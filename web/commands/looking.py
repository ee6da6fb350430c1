"""`gridtwin check`, `info` and `history`: what is in a store."""

from __future__ import annotations

from typing import Annotated

import typer

from twin import phases
from twin.events import ModelReplaced, Recorded
from twin.stores import is_store, open_store
from twin.summary import summary
from twin.validation import NEAR_M, Finding, findings
from web import console
from web.commands.loading import MappingFile, read
from web.commands.options import FINDINGS, FINE, SHOWN, AsJson, StoreUrl, opened
from web.commands.source_options import Crs, Format

SourceOrStore = Annotated[
    str, typer.Argument(help="A store (grid.gpkg, postgresql://…), or a source that `load` reads")
]

Near = Annotated[
    float, typer.Option(min=0, max=100, metavar="METRES", help="How close ends that are not joined may miss each other")
]


def check(
    source: SourceOrStore,
    format_: Format = "auto",
    crs: Crs = None,
    mapping: MappingFile = None,
    near: Near = NEAR_M,
    json: AsJson = False,
) -> None:
    """Look for what is wrong or doubtful in the topology; exit code 1 if anything is found."""
    if is_store(source) and mapping is None:
        with opened(source) as twin:
            network = twin.network
    else:
        network = read(source, format_, crs, mapping)[0]
    with console.progress("checking") as step:
        found = findings(network, near_m=near, progress=step)
    if json:
        console.write_json({"findings": [finding.to_json() for finding in found]})
    else:
        _show_findings(found)
    raise typer.Exit(FINDINGS if found else FINE)


def info(store: StoreUrl, json: AsJson = False) -> None:
    """Counts by class, bounds, sources, feeders and revision."""
    with opened(store) as twin:
        whole = summary(twin.current)
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


def history(
    store: StoreUrl,
    mrid: Annotated[str | None, typer.Argument(help="Only what happened to this switch")] = None,
    json: AsJson = False,
) -> None:
    """The log: every switching operation and every load, oldest first."""
    kept = open_store(store)
    try:
        log = [recorded for recorded in kept.events() if mrid is None or _is_about(recorded, mrid)]
    finally:
        kept.close()
    rows = [(r.revision, r.recorded_at.isoformat(timespec="seconds"), r.author, r.note, _what(r)) for r in log]
    columns = ("revision", "recorded_at", "author", "note", "what")
    if json:
        console.write_json({"events": [dict(zip(columns, row, strict=True)) for row in rows]})
    else:
        console.table("", columns, rows)


def _show_findings(found: list[Finding]) -> None:
    for finding in found:
        at = "not on the map" if finding.lng is None else f"{finding.lng:.6f}, {finding.lat:.6f}"
        repair = "" if finding.repair is None else f" {finding.repair.text}"
        console.write(f"{finding.severity}: {finding.kind} at {at}: {finding.message}{repair}\n")
    if not found:
        console.say("Nothing found.")


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
