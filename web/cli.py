"""The command `gridtwin`. Exit codes: 0 fine, 1 findings, 2 bad usage or input."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from loaders import formats
from loaders.report import LoadError, LoadReport
from loaders.simbench import packaged_folder
from twin import phases
from twin.engine import SwitchingResult, Twin
from twin.events import ModelReplaced, Operation, Recorded
from twin.mrids import UnknownMrid
from twin.network import Network
from twin.outages import outages
from twin.phases import PhaseError
from twin.store import StaleRevision, StoreError
from twin.stores import open_store
from twin.summary import summary
from twin.traces import TraceError, TraceRequest, TraceResult, run
from twin.transitions import SwitchingError
from twin.validation import Finding, findings
from web import console, server
from web.app import create_app
from web.settings import Settings, SettingsError

FINE, FINDINGS, BAD_INPUT = 0, 1, 2
DEMO_STORE = Path("gridtwin-demo.gpkg")
SHOWN = 20
"""Rows that a table for people shows before it says how many more there are."""

app = typer.Typer(
    help="A digital twin of an electric distribution network: load, check, trace, switch, serve.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

SourceOrStore = Annotated[str, typer.Argument(help="A store (grid.gpkg), or a source that `load` reads")]
StoreUrl = Annotated[str, typer.Argument(metavar="STORE", help="A GeoPackage file (grid.gpkg)")]
StoreOption = Annotated[str, typer.Option("--store", help="Where to keep it: a GeoPackage file (grid.gpkg)")]
Format = Annotated[str, typer.Option("--format", help="auto, or the name of a format: simbench")]
AsJson = Annotated[bool, typer.Option("--json", help="Write JSON")]
Mrids = Annotated[list[str], typer.Argument(metavar="MRID…", help="Ids of switches")]
Note = Annotated[str, typer.Option(help="Kept in the log")]
Host = Annotated[str, typer.Option(help="Address to listen on")]
Port = Annotated[int, typer.Option(help="Port to listen on; 0 takes any that is free")]
PublicUrl = Annotated[str, typer.Option(help="Where clients reach the server, if not where it listens")]


def main() -> None:
    """Entry point: bad input becomes one sentence and exit code 2."""
    try:
        app()
    except (
        LoadError,
        PhaseError,
        SettingsError,
        StaleRevision,
        StoreError,
        SwitchingError,
        TraceError,
        UnknownMrid,
        server.ServerError,
    ) as error:
        console.say(f"gridtwin: {error}")
        sys.exit(BAD_INPUT)


@contextmanager
def _opened(store: str, *, write: bool = False) -> Iterator[Twin]:
    with console.progress("opening") as step:
        step(store)
        twin = _from_store(store, write=write)
    with twin:
        yield twin


def _from_store(url: str, *, write: bool = False) -> Twin:
    store = open_store(url, write=write)
    try:
        return Twin.from_store(store)
    except BaseException:
        store.close()
        raise


# --- loading and looking ----------------------------------------------------------------------------------------


@app.command()
def load(
    source: Annotated[Path, typer.Argument(help="A folder or file to read")],
    store: StoreOption,
    format_: Format = "auto",
    note: Note = "",
    json: AsJson = False,
) -> None:
    """Read a network, check that it is whole, store it, and report what was read, used and left out."""
    network, report = _read(source, format_)
    found = findings(network)
    dead = [finding for finding in found if finding.kind == "no_source"]
    if dead:
        raise LoadError(f"{source}: {dead[0].message} Nothing was stored.")
    vanished = _keep(network, store, note)
    if json:
        console.write_json(report.to_json() | {"store": store, "model": network.model, "vanished": list(vanished)})
        return
    _show_report(report)
    for mrid in vanished:
        console.say(f"Off normal before, and gone from the new model: {mrid}")
    console.say(f"Stored in {store} as model {network.model}.")
    if found:
        console.say(f"{len(found)} findings: see `gridtwin check {store}`.")


@app.command()
def check(source: SourceOrStore, format_: Format = "auto", json: AsJson = False) -> None:
    """Look for what is wrong or doubtful in the topology; exit code 1 if anything is found."""
    if source.lower().endswith(".gpkg"):
        with _opened(source) as twin:
            found = findings(twin.network)
    else:
        found = findings(_read(Path(source), format_)[0])
    if json:
        console.write_json({"findings": [finding.to_json() for finding in found]})
    else:
        _show_findings(found)
    raise typer.Exit(FINDINGS if found else FINE)


@app.command()
def info(store: StoreUrl, json: AsJson = False) -> None:
    """Counts by class, bounds, sources, feeders and revision."""
    with _opened(store) as twin:
        whole = summary(twin)
    if json:
        console.write_json(whole)
        return
    counts, feeders, sources = whole["counts"], whole["feeders"], whole["sources"]
    assert isinstance(counts, dict) and isinstance(feeders, list) and isinstance(sources, list)
    skipped = ("name", "counts", "unplaced", "sources", "feeders")
    console.facts(str(whole["name"]), {k: v for k, v in whole.items() if k not in skipped})
    console.facts("\nElements", {name.replace("_", " "): count for name, count in counts.items()})
    console.facts("\nSources", {source["mrid"]: f"{source['lng']}, {source['lat']}" for source in sources})
    largest = sorted(feeders, key=lambda feeder: -feeder["customers"])
    rows = [(feeder["name"], feeder["substation"] or "–", feeder["customers"]) for feeder in largest[:SHOWN]]
    console.table(f"\nFeeders ({len(feeders)}), largest first", ("feeder", "substation", "customers"), rows)


@app.command()
def history(
    store: StoreUrl,
    mrid: Annotated[str | None, typer.Argument(help="Only what happened to this switch")] = None,
    json: AsJson = False,
) -> None:
    """The log: every switching operation and every load, oldest first."""
    opened = open_store(store)
    try:
        log = [recorded for recorded in opened.events() if mrid is None or _is_about(recorded, mrid)]
    finally:
        opened.close()
    rows = [(r.revision, r.recorded_at.isoformat(timespec="seconds"), r.author, r.note, _what(r)) for r in log]
    columns = ("revision", "recorded_at", "author", "note", "what")
    if json:
        console.write_json({"events": [dict(zip(columns, row, strict=True)) for row in rows]})
    else:
        console.table("", columns, rows)


# --- tracing and switching --------------------------------------------------------------------------------------


@app.command()
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
    with _opened(store) as twin:
        result = run(twin.normal if request.state == "normal" else twin.current, request)
    if format_ == "json":
        console.write_json(result.to_json())
    elif format_ == "csv":
        console.write(result.to_csv())
    elif format_ == "geojson":
        console.write_json(result.to_geojson())
    else:
        _show_trace(result)


@app.command()
def switch(
    store: StoreUrl,
    what: Annotated[str, typer.Argument(help="open, close, or normal (every switch to its normal position)")],
    mrids: Mrids = [],  # noqa: B006  typer reads the default, nobody changes it
    phases_: Annotated[str, typer.Option("--phases", help="Only these phases, such as A")] = "",
    note: Note = "",
    json: AsJson = False,
) -> None:
    """Operate switches as one batch and say who lost and who regained supply."""
    if what not in ("open", "close", "normal") or (what == "normal") != (not mrids):
        raise typer.BadParameter("say `open MRID…`, `close MRID…` or `normal`")
    mask = phases.code_to_mask(phases_) if phases_ else 0
    with _opened(store, write=True) as twin:
        operations = [Operation(mrid, what == "open", mask) for mrid in mrids]
        result = twin.switch(operations, normal=what == "normal", note=note)
        out = twin.current.customers_out
        areas = [outage.to_json() for outage in outages(twin)]
    if json:
        console.write_json(result.to_json() | {"customers_out": out, "outages": areas})
    else:
        _show_switching(result, out, len(areas))


# --- serving ----------------------------------------------------------------------------------------------------


@app.command()
def serve(
    store: StoreUrl,
    host: Host = "127.0.0.1",
    port: Port = 8080,
    public_url: PublicUrl = "",
) -> None:
    """Serve the map, the tiles and the API until interrupted."""
    settings = Settings(host=host, port=port, public_url=public_url)
    with _opened(store, write=True) as twin:
        _serve(twin, settings)


@app.command()
def demo(
    store: Annotated[Path, typer.Option(help="Where to keep the demo network")] = DEMO_STORE,
    host: Host = "127.0.0.1",
    port: Port = 8080,
) -> None:
    """Load a real network (SimBench, 105,615 nodes from 380 kV to 0.4 kV) once, and serve it."""
    settings = Settings(host=host, port=port)
    if not store.exists():
        network, report = _read(packaged_folder(), "simbench")
        _keep(network, str(store), "demo")
        _show_report(report)
    with _opened(str(store), write=True) as twin:
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


# --- shared -----------------------------------------------------------------------------------------------------


def _read(source: Path, format_name: str) -> tuple[Network, LoadReport]:
    with console.progress(f"loading {source.name}") as step:
        return formats.read(source, format_name, progress=step)


def _keep(network: Network, url: str, note: str) -> tuple[str, ...]:
    """Stores a network; returns the switches off normal that are gone."""
    with console.progress("storing") as step:
        step(url)
        store = open_store(url, write=True, create=True)
        try:
            Twin.load(network, store, note=note)
            (*_, last) = store.events()
        finally:
            store.close()
    assert isinstance(last.event, ModelReplaced)
    return last.event.vanished


def _show_report(report: LoadReport) -> None:
    rows = [(kind, read, report.used[kind], read - report.used[kind]) for kind, read in report.read.items()]
    console.table(f"{report.source} ({report.format})", ("kind", "read", "used", "left out"), rows)
    for skipped in report.skipped:
        first = ", ".join(skipped.first_ids)
        console.say(f"Left out {skipped.count:,} {skipped.kind} ({first}, …): {skipped.reason}.")
    for note in report.notes:
        console.say(f"{note}.")


def _show_findings(found: list[Finding]) -> None:
    for finding in found:
        at = "not on the map" if finding.lng is None else f"{finding.lng:.6f}, {finding.lat:.6f}"
        console.write(f"{finding.severity}: {finding.kind} at {at}: {finding.message}\n")
    if not found:
        console.say("Nothing found.")


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


def _show_switching(result: SwitchingResult, customers_out: int, areas: int) -> None:
    lost, gained = result.deenergized, result.reenergized
    console.facts(
        f"Revision {result.revision}",
        {
            "lost supply": f"{lost.customers:,} customers, {lost.nodes:,} nodes",
            "regained supply": f"{gained.customers:,} customers, {gained.nodes:,} nodes",
            "out now": f"{customers_out:,} customers in {areas:,} areas",
        },
    )


def _is_about(recorded: Recorded, mrid: str) -> bool:
    event = recorded.event
    if isinstance(event, ModelReplaced):
        return True
    return event.normal or any(operation.mrid == mrid for operation in event.operations)


def _what(recorded: Recorded) -> str:
    event = recorded.event
    if isinstance(event, ModelReplaced):
        return f"loaded {event.name} as model {event.model}"
    parts = ["all to normal"] if event.normal else []
    for operation in event.operations:
        on = f" on {phases.mask_to_code(operation.phases)}" if operation.phases else ""
        parts.append(f"{'open' if operation.open else 'close'} {operation.mrid}{on}")
    return "; ".join(parts)
