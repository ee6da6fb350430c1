"""The command `gridtwin`. Exit codes: 0 fine, 1 findings, 2 bad usage or input."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterable

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
from web.commands.options import BAD_INPUT
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

COMMANDS = {
    "load": "loading",
    "generate": "generating",
    "check": "looking",
    "info": "looking",
    "history": "looking",
    "trace": "tracing",
    "switch": "switching",
    "copy": "copying",
    "export": "exporting",
    "bench": "bench",
    "serve": "serving",
    "demo": "demo",
    "token": "tokens",
    "warm-up": "warming",
}
"""Each command, and the module of `web.commands` that has it under the same name."""


def app_of(names: Iterable[str] = COMMANDS) -> typer.Typer:
    """The command line with these commands; imports what they need, which takes seconds for some."""
    app = typer.Typer(
        help="A digital twin of an electric distribution network: load, check, trace, switch, export, serve.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
    )
    app.callback()(_nothing)  # so that a single command keeps its name
    for name in names:
        module = importlib.import_module(f"web.commands.{COMMANDS[name]}")
        app.command(name)(getattr(module, name.replace("-", "_")))
    return app


def _nothing() -> None:
    pass


def main() -> None:
    """Entry point: bad input becomes one sentence and exit code 2."""
    asked = sys.argv[1:2]
    try:
        app_of(asked if asked and asked[0] in COMMANDS else COMMANDS)()
    except BAD as error:
        console.say(f"gridtwin: {redacted(str(error))}")
        sys.exit(BAD_INPUT)
