"""`gridtwin trace`."""

from __future__ import annotations

import json as json_text
from pathlib import Path
from typing import Annotated

import typer

from tiles.trace_package import write_trace
from twin.trace_kinds import FIELDS, KINDS
from twin.traces import ElementsWanted, TraceError, TraceRequest, TraceResult, run_in
from twin.views import Views
from web import console
from web.commands.options import AsJson, StoreUrl, opened
from web.commands.trace_tables import show_trace

FORMATS = ("table", "json", "csv", "geojson", "gpkg")
ELEMENTS: dict[str, ElementsWanted] = {"all": "all", "page": "page", "false": False}

Mrids = list[str] | None


def _says(field: str, more: str = "") -> str:
    return FIELDS[field][0].upper() + FIELDS[field][1:] + more


def trace(
    store: StoreUrl,
    kind: Annotated[str, typer.Argument(help=" ".join(f"{kind}: {takes.what}" for kind, takes in KINDS.items()))],
    start: Annotated[Mrids, typer.Option("--from", help=_says("start", "; may be repeated"))] = None,
    to: Annotated[Mrids, typer.Option("--to", help=_says("to", "; may be repeated"))] = None,
    state: Annotated[str | None, typer.Option(help=_says("state", ": current or normal"))] = None,
    scenario: Annotated[str | None, typer.Option(help=_says("scenario"))] = None,
    at: Annotated[str | None, typer.Option(help=_says("at"))] = None,
    revision: Annotated[int | None, typer.Option(min=0, help=_says("revision"))] = None,
    phases: Annotated[str | None, typer.Option(help=_says("phases", ", such as ABC or A"))] = None,
    mode: Annotated[str | None, typer.Option(help=_says("mode"))] = None,
    terminal: Annotated[int | None, typer.Option(help=_says("terminal", ": 1 or 2"))] = None,
    weight: Annotated[str | None, typer.Option(help=_says("weight"))] = None,
    n: Annotated[int | None, typer.Option("--n", help=_says("n"))] = None,
    barriers: Annotated[Mrids, typer.Option("--barrier", help=_says("barriers", "; may be repeated"))] = None,
    filter_barriers: Annotated[Mrids, typer.Option("--filter-barrier", help=_says("filter_barriers"))] = None,
    include_barriers: Annotated[
        bool | None, typer.Option("--include-barriers/--no-include-barriers", help=_says("include_barriers"))
    ] = None,
    ignore_barriers_at_start: Annotated[
        bool | None, typer.Option("--ignore-barriers-at-start", help=_says("ignore_barriers_at_start"))
    ] = None,
    ignore_status: Annotated[bool | None, typer.Option("--ignore-status", help=_says("ignore_status"))] = None,
    to_open: Annotated[Mrids, typer.Option("--open", help="outage: id of a switch to open; may be repeated")] = None,
    to_close: Annotated[Mrids, typer.Option("--close", help="outage: id of a switch to close; may be repeated")] = None,
    operation: Annotated[
        Mrids,
        typer.Option(
            help='outage: one operation as JSON, for single phases: {"mrid": "SW1", "open": true, "phases": "A"}'
        ),
    ] = None,
    elements: Annotated[str, typer.Option(help="JSON: all elements, a page of them, or false: none")] = "all",
    after: Annotated[
        int | None, typer.Option(min=0, help="JSON: only the page of elements after this position")
    ] = None,
    format_: Annotated[str, typer.Option("--format", help="table, json, csv, geojson or gpkg")] = "table",
    json: AsJson = False,
    output: Annotated[Path | None, typer.Option(help="Write into this file; needed for gpkg")] = None,
) -> None:
    """Trace from one or more elements; sums count every element once."""
    wanted = "json" if json else format_
    _check_output(wanted, elements, after, output)
    given = {
        "kind": kind,
        "start": start,
        "to": to,
        "state": state,
        "scenario": scenario,
        "at": at,
        "revision": revision,
        "phases": phases,
        "mode": mode,
        "terminal": terminal,
        "weight": weight,
        "n": n,
        "barriers": barriers,
        "filter_barriers": filter_barriers,
        "include_barriers": include_barriers,
        "ignore_barriers_at_start": ignore_barriers_at_start,
        "ignore_status": ignore_status,
        "operations": _operations(to_open, to_close, operation),
    }
    request = TraceRequest.from_json({name: value for name, value in given.items() if value not in (None, [])})
    with opened(store) as twin:
        result = run_in(Views(twin), request)
    if wanted == "table":
        show_trace(result)
    elif wanted == "gpkg" and output is not None:
        write_trace(result, output)
    else:
        _write(output, _text(result, wanted, ELEMENTS[elements], after))


def _operations(to_open: Mrids, to_close: Mrids, others: Mrids) -> list[object]:
    batch: list[object] = [{"mrid": mrid, "open": True} for mrid in to_open or ()]
    batch += [{"mrid": mrid, "open": False} for mrid in to_close or ()]
    for text in others or ():
        try:
            batch.append(json_text.loads(text))
        except ValueError as error:
            raise TraceError("--operation", text, f"it is not one operation as JSON: {error}") from error
    return batch


def _check_output(wanted: str, elements: str, after: int | None, output: Path | None) -> None:
    if wanted not in FORMATS:
        raise TraceError("--format", wanted, f"it must be one of {', '.join(FORMATS)}")
    if elements not in ELEMENTS:
        raise TraceError("--elements", elements, f"it must be one of {', '.join(ELEMENTS)}")
    if wanted != "json" and (elements != "all" or after is not None):
        field, value = ("--elements", elements) if elements != "all" else ("--after", after)
        raise TraceError(field, value, "it is for JSON: say --json")
    if wanted == "gpkg" and output is None:
        raise TraceError("--output", None, "a GeoPackage needs a file: say --output FILE")
    if output is not None and wanted == "table":
        raise TraceError("--output", str(output), f"a table is for the screen: say --format {' or '.join(FORMATS[1:])}")
    if output is not None and not output.parent.is_dir():
        raise TraceError("--output", str(output), f"there is no folder {output.parent}")
    if output is not None and output.is_dir():
        raise TraceError("--output", str(output), "it is a folder")


def _text(result: TraceResult, wanted: str, elements: ElementsWanted, after: int | None) -> str:
    if wanted == "csv":
        return result.to_csv()
    if wanted == "geojson":
        return console.json_text(result.to_geojson())
    return console.json_text(result.to_json(elements) if after is None else result.page(after))


def _write(output: Path | None, text: str) -> None:
    if output is None:
        console.write(text)
        return
    with output.open("w", encoding="utf-8", newline="") as file:
        file.write(text)
