"""A trace for people: its totals, what its kind says, where it ends, and its first elements."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from twin.trace_kinds import Kind
from twin.traces import TraceResult
from web import console
from web.commands.options import SHOWN

Answer = Mapping[str, Any]


def show_trace(result: TraceResult) -> None:
    """Prints it; long lists are cut, and their titles say how long they are."""
    whole = result.summary()
    _totals(f"{result.request.kind} {_asked(result)}".strip(), whole)
    show = _SHOW.get(result.request.kind)
    if show is not None:
        show(whole)
    for terminal, side in result.sides.items():
        _totals(f"\nAt terminal {terminal}", side.summary())
    _list("Boundaries", ("mrid", "reason"), [(each["mrid"], each["reason"]) for each in result.boundaries])
    _elements(result)


def _asked(result: TraceResult) -> str:
    request = result.request
    batch = [f"{'open' if each.open else 'close'} {each.mrid}" for each in request.operations]
    parts = [f"from {', '.join(request.start)}"] if request.start else []
    parts += [f"to {', '.join(request.to)}"] if request.to else []
    return "; ".join([*parts, *batch])


def _totals(title: str, whole: Answer) -> None:
    sums = whole["sums"]
    totals = {
        "status": whole["status"],
        "customers": sums["customers"],
        "line length, km": sums["length_m"] / 1e3,
        "transformers, kVA": sums["rated_power_va"] / 1e3,
    }
    console.facts(title, totals | sums["counts"])


def _elements(result: TraceResult) -> None:
    edges = result.edges_json(0, SHOWN)
    columns = ["depth", "mrid", "class", "phases", *result.found.branch_columns]
    rows = [[_shown(edge[column]) for column in columns] for edge in edges]
    console.table(f"\nElements, nearest first ({len(result.trace.branches):,})", columns, rows)


def _shown(value: object) -> object:
    if isinstance(value, dict):
        return ", ".join(f"{name} {each}" for name, each in value.items())
    return value


def _list(title: str, columns: tuple[str, ...], rows: Sequence[tuple[object, ...]]) -> None:
    if rows:
        console.table(f"\n{title} ({len(rows):,})", columns, rows[:SHOWN])


# --- what a kind adds ---------------------------------------------------------------------------------------------


def _subnetwork(whole: Answer) -> None:
    rows = [(each["mrid"], each["name"], each["parallel"]) for each in whole["feeders"]]
    _list("Feeders", ("mrid", "name", "parallel"), rows)


def _isolation(whole: Answer) -> None:
    facts = {
        "customers inside": whole["customers_inside"],
        "customers beyond": whole["customers_beyond"],
        "nodes beyond": whole["nodes_beyond"],
    }
    console.facts("\nIsolation", facts)
    _list("Open these", ("mrid",), [(mrid,) for mrid in whole["switches"]])
    _list("Keep these open", ("mrid",), [(mrid,) for mrid in whole["ties"]])
    _list("Fed over, without a switch", ("mrid",), [(mrid,) for mrid in whole["path"]])


def _restoration(whole: Answer) -> None:
    _isolation(whole)
    rows = [
        (each["tie"], each["customers"], each["nodes"], _kva(each["headroom_va"]), ", ".join(each["openings"]))
        for each in whole["restorations"]
    ]
    _list("Close one of these", ("tie", "customers", "nodes", "headroom, kVA", "open first"), rows)


def _kva(headroom: float | str) -> float | str:
    return headroom if isinstance(headroom, str) else headroom / 1e3


def _loops(whole: Answer) -> None:
    rows = [
        (each["kind"], each["phases"], each["length"], each["block"] or ", ".join(each["sources"]))
        for each in whole["loops"]
    ]
    _list("Loops", ("kind", "phases", "branches", "in the block of, or between"), rows)


def _path(whole: Answer) -> None:
    path = whole["path"]
    if path is not None:
        console.facts("\nPath", {"length, km": path["length_m"] / 1e3, "branches crossed": path["hops"]})


def _protection(whole: Answer) -> None:
    console.facts("\nProtection", {"device, counted from the start": whole["n"], "ambiguous": whole["ambiguous"]})
    _list("Devices", ("mrid",), [(mrid,) for mrid in whole["devices"]])


def _outage(whole: Answer) -> None:
    for name in ("lost", "gained"):
        change = whole[name]
        if not change["nodes"]:
            continue
        partly = f"{change['customers']:,} ({change['customers_partial']:,} of them in part)"
        console.facts(f"\nSupply {name}", {"customers": partly, "nodes": change["nodes"], "edges": change["edges"]})
        feeders = [(each["name"] or "–", each["customers"], each["nodes"]) for each in change["feeders"]]
        _list("By feeder", ("feeder", "customers", "nodes"), feeders)
        areas = [(each["id"], each["customers"], each["nodes"]) for each in change["areas"]]
        _list("By area", ("first node", "customers", "nodes"), areas)


_SHOW: Mapping[Kind, Callable[[Answer], None]] = {
    "subnetwork": _subnetwork,
    "isolation": _isolation,
    "restoration": _restoration,
    "loops": _loops,
    "shortest_path": _path,
    "protection": _protection,
    "outage": _outage,
}
