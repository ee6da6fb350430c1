"""Faults: what to open around one, and what could bring supply back to the rest."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from topology import restore
from topology.energize import energize
from topology.islands import islands
from topology.results import Reason, Trace
from twin import phases
from twin.components import LINE, SWITCH_BRANCH, TRANSFORMER
from twin.network import Network
from twin.state import Snapshot
from twin.trace_request import TraceRequest
from twin.trace_result import OPERABLE, Found
from twin.trace_starts import start_of

UNKNOWN = "unknown"
"""Headroom where a rating or a load is missing."""


def isolation(snapshot: Snapshot, request: TraceRequest) -> Found:
    """The section around the start that operable switches enclose, and what to open so that it is dead."""
    found = _isolated(snapshot, request)
    told = _isolation(snapshot, found)
    return Found.of(_section(snapshot, found), details=lambda listed: told)


def restoration(snapshot: Snapshot, request: TraceRequest) -> Found:
    """The same, and the open switches that could bring supply back to what the fault takes with it, best first."""
    network = snapshot.network
    found = _isolated(snapshot, request)
    told = _isolation(snapshot, found)
    suggested: list[restore.Restoration] = []
    if found.status == "ok":
        suggested = restore.restorations(
            network.graph,
            snapshot.conducting,
            network.node_sources,
            _operable(network),
            found.nodes,
            network.consumer_ptr,
            (network.consumers["phases"] & phases.ABC).astype(np.uint8),
            network.consumer_customers,
            _ratings(network),
            np.hypot(network.consumers["p_w"], np.nan_to_num(network.consumers["q_var"])),
        )
        affected = _affected(snapshot, found)
        suggested = [each for each in suggested if affected[each.nodes].any()]
    listed_ = [_restoration(network, found, each) for each in suggested]
    return Found.of(_section(snapshot, found), details=lambda listed: {**told, "restorations": listed_})


def _isolated(snapshot: Snapshot, request: TraceRequest) -> restore.Isolation:
    network = snapshot.network
    start = start_of(network, request)
    return restore.isolation(network.graph, snapshot.conducting, network.node_sources, start, _operable(network))


def _operable(network: Network) -> NDArray[np.bool_]:
    """bool (branches,): switches that may be operated and are in service."""
    operable = np.zeros(network.graph.branch_count, dtype=np.bool_)
    operable[network.table_branches[SWITCH_BRANCH]] = network.operable & network.switches["in_service"]
    return operable


def _section(snapshot: Snapshot, found: restore.Isolation) -> Trace:
    """The section as a trace: its branches with the phases they conduct; closed switches at its border by name."""
    section = found.section
    closed = snapshot.conducting[section.boundaries] & phases.ABC != 0
    reasons = np.where(closed & (section.boundary_reasons == Reason.OPEN), OPERABLE, section.boundary_reasons)
    return replace(
        section,
        branch_phases=(snapshot.conducting[section.branches] & phases.ABC).astype(np.uint8),
        boundary_reasons=reasons.astype(np.uint8),
        status=found.status,
    )


def _isolation(snapshot: Snapshot, found: restore.Isolation) -> Mapping[str, object]:
    network = snapshot.network
    inside, beyond = (np.zeros(network.graph.node_count, dtype=np.uint8) for _ in range(2))
    inside[found.nodes] = phases.ABC
    beyond[found.beyond] = found.beyond_phases
    switches = network.branch_mrids(found.switches).tolist()
    return {
        "switches": switches,
        "ties": network.branch_mrids(found.ties).tolist(),
        "operations": [{"mrid": mrid, "open": True} for mrid in switches],
        "customers_inside": _customers(network, inside),
        "customers_beyond": _customers(network, beyond),
        "nodes_beyond": len(found.beyond),
        "path": network.branch_mrids(found.path).tolist(),
    }


def _customers(network: Network, mask: NDArray[np.uint8]) -> int:
    """Customers with a service phase in the mask, uint8 (nodes,)."""
    hit = (mask[network.consumers["node"]] & network.consumers["phases"]) != 0
    return int(network.consumer_customers[hit].sum())


def _affected(snapshot: Snapshot, found: restore.Isolation) -> NDArray[np.bool_]:
    """bool (nodes,): loses supply with the section, or has lost it, and hangs together with it without supply."""
    network, graph = snapshot.network, snapshot.network.graph
    inside = np.zeros(graph.node_count, dtype=np.bool_)
    inside[found.nodes] = True
    cut, fed = snapshot.conducting.copy(), network.node_sources.copy()
    cut[inside[graph.branch_u] | inside[graph.branch_v]] = 0
    fed[inside] = 0
    dead = (network.normal_energized & ~energize(graph, cut, fed) & phases.ABC != 0) | inside
    joined = (network.normal_conducting | snapshot.conducting) * (dead[graph.branch_u] & dead[graph.branch_v])
    island = islands(graph, joined)
    return dead & np.isin(island, np.unique(island[found.nodes]))


def _restoration(network: Network, isolated: restore.Isolation, suggested: restore.Restoration) -> Mapping[str, object]:
    """The operations are one batch: they isolate the fault and close the tie."""
    tie = str(network.branch_mrids(np.array([suggested.tie]))[0])
    opened = network.branch_mrids(np.union1d(isolated.switches, suggested.openings)).tolist()
    headroom = suggested.headroom
    return {
        "tie": tie,
        "openings": network.branch_mrids(suggested.openings).tolist(),
        "operations": [*({"mrid": mrid, "open": True} for mrid in opened), {"mrid": tie, "open": False}],
        "customers": suggested.customers,
        "nodes": len(suggested.nodes),
        "headroom_va": UNKNOWN if headroom is None or not math.isfinite(headroom) else headroom,
    }


def _ratings(network: Network) -> NDArray[np.float64]:
    """float64 (branches,): VA that each can carry, NaN where not known.

    A switch that has no rating of its own is not the limit: the lines and transformers beside it are.
    """
    ratings = np.full(network.graph.branch_count, np.nan)
    own = network.graph.branch_phases & phases.ABC
    count = np.array([bin(mask).count("1") for mask in range(8)])[own]
    volts = network.nodes["nominal_voltage_v"][network.graph.branch_u] / math.sqrt(3)
    for code, table in ((LINE, network.lines), (SWITCH_BRANCH, network.switches)):
        numbers = network.table_branches[code]
        ratings[numbers] = table["rated_current_a"] * volts[numbers] * count[numbers]
    switches = network.table_branches[SWITCH_BRANCH]
    ratings[switches[np.isnan(network.switches["rated_current_a"])]] = np.inf
    ratings[network.table_branches[TRANSFORMER]] = network.transformers["rated_power_va"]
    return ratings
