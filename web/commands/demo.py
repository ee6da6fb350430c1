"""`gridtwin demo`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from loaders.simbench import packaged_folder
from web.commands.loading import keep, read, show_report
from web.commands.serving import Host, Port, serve_store
from web.settings import read_settings

DEMO_STORE = Path("gridtwin-demo.gpkg")


def demo(
    store: Annotated[Path, typer.Option(help="Where to keep the demo network")] = DEMO_STORE,
    host: Host = None,
    port: Port = None,
) -> None:
    """Load a real network (SimBench, 105,615 nodes from 380 kV to 0.4 kV) once, and serve it."""
    settings = read_settings({"host": host, "port": port})
    if not store.exists():
        network, report = read(packaged_folder(), "simbench")
        keep(network, str(store), "demo")
        show_report(report)
    serve_store(str(store), settings)
