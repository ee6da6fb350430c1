"""The command `gridtwin`. Exit codes: 0 fine, 1 findings, 2 bad usage or input."""

from __future__ import annotations

import sys

import typer

from loaders.report import LoadError
from tiles.export_files import ExportError
from tiles.source import UnknownLayer, UnknownTileset
from twin.history import RevisionAhead, RevisionGone
from twin.mrids import UnknownMrid
from twin.phases import PhaseError
from twin.postgis_url import redacted
from twin.scenarios import UnknownScenario
from twin.store import StaleRevision, StoreError
from twin.traces import TraceError
from twin.transitions import SwitchingError
from twin.views import ScenarioMoved, ViewError
from web import console, server
from web.access import AccessError
from web.commands.bench import bench
from web.commands.copying import copy
from web.commands.exporting import export
from web.commands.generating import generate
from web.commands.loading import load
from web.commands.looking import check, history, info
from web.commands.options import BAD_INPUT
from web.commands.serving import demo, serve
from web.commands.switching import switch
from web.commands.tokens import token
from web.commands.tracing import trace
from web.commands.warming import warm_up
from web.settings import SettingsError

BAD = (
    AccessError,
    ExportError,
    LoadError,
    PhaseError,
    RevisionAhead,
    RevisionGone,
    ScenarioMoved,
    SettingsError,
    StaleRevision,
    StoreError,
    SwitchingError,
    TraceError,
    UnknownLayer,
    UnknownMrid,
    UnknownScenario,
    ViewError,
    UnknownTileset,
    server.ServerError,
)
"""What is the caller's to mend: one sentence, and exit code 2."""

app = typer.Typer(
    help="A digital twin of an electric distribution network: load, check, trace, switch, export, serve.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for command in (load, generate, check, info, history, trace, switch, copy, export, bench, serve, demo, token, warm_up):
    app.command()(command)


def main() -> None:
    """Entry point: bad input becomes one sentence and exit code 2."""
    try:
        app()
    except BAD as error:
        console.say(f"gridtwin: {redacted(str(error))}")
        sys.exit(BAD_INPUT)
