"""`gridtwin serve`."""

from __future__ import annotations

from typing import Annotated

import typer

from twin.engine import Twin
from web import console, server
from web.app import create_app
from web.commands.options import StoreUrl, opened
from web.commands.serving_together import serve_together
from web.settings import PREFIX, Settings, read_settings

Host = Annotated[str | None, typer.Option(help="Address to listen on; 127.0.0.1 where left out")]
Port = Annotated[int | None, typer.Option(help="Port to listen on, 8080 where left out; 0 takes any that is free")]
Workers = Annotated[int, typer.Option(min=1, max=64, help="Server processes; more than one needs PostGIS")]
PublicUrl = Annotated[str | None, typer.Option(help="Where clients reach the server, if not where it listens")]
TokenFile = Annotated[
    str | None, typer.Option(help="File of tokens that `gridtwin token` writes: nobody else is let in")
]
JwtKeys = Annotated[str | None, typer.Option(help="File with a JSON Web Key Set: signed tokens are let in")]
JwtAudience = Annotated[str | None, typer.Option(help="What the claim aud of signed tokens must be")]
JwtIssuer = Annotated[str | None, typer.Option(help="What the claim iss of signed tokens must be")]
Insecure = Annotated[bool, typer.Option("--insecure", help="Listen beyond this machine without access control")]
CorsOrigins = Annotated[
    list[str] | None,
    typer.Option(help="Origin whose pages may read, such as https://maps.example, or *; may be repeated"),
]
Assigned = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="NAME=VALUE",
        help="Any other setting, such as max_body_bytes=65536; may be repeated. The environment variable "
        f"{PREFIX}MAX_BODY_BYTES does the same, and options go before variables",
    ),
]


def serve(
    store: StoreUrl,
    host: Host = None,
    port: Port = None,
    public_url: PublicUrl = None,
    workers: Workers = 1,
    token_file: TokenFile = None,
    jwt_keys: JwtKeys = None,
    jwt_audience: JwtAudience = None,
    jwt_issuer: JwtIssuer = None,
    insecure: Insecure = False,
    cors_origin: CorsOrigins = None,
    assigned: Assigned = None,
) -> None:
    """Serve the map, the tiles and the API until interrupted."""
    given: dict[str, object] = {
        "host": host,
        "port": port,
        "public_url": public_url,
        "token_file": token_file,
        "jwt_keys": jwt_keys,
        "jwt_audience": jwt_audience,
        "jwt_issuer": jwt_issuer,
        "insecure": insecure or None,
        "cors_origins": tuple(cors_origin) if cors_origin else None,
    }
    settings = read_settings(given, assigned or ())
    if workers > 1:
        raise typer.Exit(serve_together(store, settings, workers))
    serve_store(store, settings)


def serve_store(store: str, settings: Settings) -> None:
    """Serves a store with this process until interrupted."""
    with opened(store, write=True) as twin:
        _serve(twin, settings)
    server.leave_within(server.LEAVE_S)


def _serve(twin: Twin, settings: Settings) -> None:
    with console.progress("starting") as step:
        step("compiling kernels and building tiles; the first time takes longer")
        application = create_app(twin, settings)

    def started(host: str, port: int) -> None:
        name = twin.network.name
        console.say(f"{name} with {len(twin.network.nodes):,} nodes and {twin.network.customers:,} customers")
        console.say(f"gridtwin serves it on http://{host}:{port}   (Ctrl+C stops it)")

    server.run(application, settings, started=started)
