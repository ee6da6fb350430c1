"""`gridtwin serve` and `gridtwin demo`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from loaders.simbench import packaged_folder
from twin.engine import Twin
from web import console, server
from web.app import create_app
from web.commands.loading import keep, read, show_report
from web.commands.options import StoreUrl, opened
from web.commands.serving_together import serve_together
from web.settings import Settings

DEMO_STORE = Path("gridtwin-demo.gpkg")

Host = Annotated[str, typer.Option(help="Address to listen on")]
Port = Annotated[int, typer.Option(help="Port to listen on; 0 takes any that is free")]
Workers = Annotated[int, typer.Option(min=1, max=64, help="Server processes; more than one needs PostGIS")]
PublicUrl = Annotated[str, typer.Option(help="Where clients reach the server, if not where it listens")]


def serve(
    store: StoreUrl,
    host: Host = "127.0.0.1",
    port: Port = 8080,
    public_url: PublicUrl = "",
    workers: Workers = 1,
) -> None:
    """Serve the map, the tiles and the API until interrupted."""
    settings = Settings(host=host, port=port, public_url=public_url)
    if workers > 1:
        raise typer.Exit(serve_together(store, settings, workers))
    with opened(store, write=True) as twin:
        _serve(twin, settings)


def demo(
    store: Annotated[Path, typer.Option(help="Where to keep the demo network")] = DEMO_STORE,
    host: Host = "127.0.0.1",
    port: Port = 8080,
) -> None:
    """Load a real network (SimBench, 105,615 nodes from 380 kV to 0.4 kV) once, and serve it."""
    settings = Settings(host=host, port=port)
    if not store.exists():
        network, report = read(packaged_folder(), "simbench")
        keep(network, str(store), "demo")
        show_report(report)
    with opened(str(store), write=True) as twin:
        _serve(twin, settings)


def _serve(twin: Twin, settings: Settings) -> None:
    with console.progress("starting") as step:
        step("compiling kernels and building tiles; the first time takes longer")
        application = create_app(twin, settings)

    def started(host: str, port: int) -> None:
        name = twin.network.name
        console.say(f"{name} with {len(twin.network.nodes):,} nodes and {twin.network.customers:,} customers")
        console.say(f"gridtwin serves it on http://{host}:{port}   (Ctrl+C stops it)")

    server.run(application, settings, started=started)
