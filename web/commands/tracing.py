"""`gridtwin trace`."""

from __future__ import annotations

from typing import Annotated

import typer

from twin.traces import TraceError, TraceRequest, TraceResult, run
from web import console
from web.commands.options import SHOWN, StoreUrl, opened


def trace(
    store: StoreUrl,
    kind: Annotated[str, typer.Argument(help="connected, upstream, downstream or subnetwork")],
    start: Annotated[list[str], typer.Option("--from", help="Id to start from; may be repeated")],
    state: Annotated[str, typer.Option(help="current or normal switch positions")] = "current",
    phases_: Annotated[str, typer.Option("--phases", help="Phases to follow, such as ABC or A")] = "ABC",
    mode: Annotated[str, typer.Option(help="Downstream: flow, or exclusive (what loses supply without it)")] = "flow",
    terminal: Annotated[int | None, typer.Option(help="1 or 2: leave the start on one side only")] = None,
    barrier: Annotated[list[str] | None, typer.Option(help="Id that stops the trace; may be repeated")] = None,
    format_: Annotated[str, typer.Option("--format", help="table, json, csv or geojson")] = "table",
) -> None:
    """Trace from one or more elements; sums count every element once."""
    if format_ not in ("table", "json", "csv", "geojson"):
        raise TraceError("--format", format_, "it must be table, json, csv or geojson")
    request = TraceRequest.from_json(
        {
            "kind": kind,
            "start": start,
            "state": state,
            "phases": phases_,
            "mode": mode,
            "terminal": terminal,
            "barriers": barrier or [],
        }
    )
    with opened(store) as twin:
        result = run(twin.normal if request.state == "normal" else twin.current, request)
    if format_ == "json":
        console.write_json(result.to_json())
    elif format_ == "csv":
        console.write(result.to_csv())
    elif format_ == "geojson":
        console.write_json(result.to_geojson())
    else:
        _show_trace(result)


def _show_trace(result: TraceResult) -> None:
    whole = result.summary()
    sums = result.sums
    counts = sums["counts"]
    length, rating = sums["length_m"], sums["rated_power_va"]
    assert isinstance(counts, dict) and isinstance(length, float) and isinstance(rating, float)
    totals = {
        "status": result.trace.status,
        "customers": sums["customers"],
        "line length, km": length / 1e3,
        "transformers, kVA": rating / 1e3,
    }
    console.facts(f"{result.request.kind} from {', '.join(result.request.start)}", totals | counts)
    boundaries = whole["boundaries"]
    assert isinstance(boundaries, list)
    rows = [(boundary["mrid"], boundary["reason"]) for boundary in boundaries[:SHOWN]]
    if rows:
        console.table(f"\nBoundaries ({len(boundaries)})", ("mrid", "reason"), rows)
    edges = result.edges_json(0, SHOWN)
    rows_ = [(edge["depth"], edge["mrid"], edge["class"], edge["phases"]) for edge in edges]
    console.table(
        f"\nElements, nearest first ({len(result.trace.branches):,})", ("depth", "mrid", "class", "phases"), rows_
    )
