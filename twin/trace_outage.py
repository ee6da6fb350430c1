"""What a batch of switching operations would change in the supply; nothing is operated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from topology.islands import islands
from topology.results import Reason
from twin import phases
from twin.components import SWITCH_BRANCH
from twin.events import SwitchOperated
from twin.middles import lng_and_lat, middle
from twin.network import Network
from twin.state import Snapshot
from twin.trace_elements import codes_of
from twin.trace_request import TraceRequest
from twin.trace_result import Found
from twin.trace_ways import listed_trace
from twin.transitions import operated

Masks = NDArray[np.uint8]


def outage(snapshot: Snapshot, request: TraceRequest) -> Found:
    """Nodes and branches whose energised phases differ after the batch, and customers lost and gained.

    Raises SwitchingError for an operation that breaks a rule, UnknownMrid for an mrid that is not there.
    """
    network = snapshot.network
    opened = operated(network, snapshot.state.open, SwitchOperated(request.operations))
    after = Snapshot.of(network, replace(snapshot.state, open=opened))
    nodes, lost, gained = _changed(snapshot.energized, after.energized)
    branches, branch_lost, branch_gained = _changed(snapshot.branch_energized, after.branch_energized)
    trace = listed_trace(nodes, lost | gained, branches, branch_lost | branch_gained)
    ends = _open_ends(after, nodes)
    trace = replace(trace, boundaries=ends, boundary_reasons=np.full(len(ends), Reason.OPEN, dtype=np.uint8))
    moved = np.flatnonzero(opened != snapshot.state.open)
    details = {
        "switches": network.branch_mrids(np.sort(network.table_branches[SWITCH_BRANCH][moved])).tolist(),
        "lost": _supply(snapshot, after, snapshot),
        "gained": _supply(after, snapshot, after),
    }
    return Found.of(
        trace,
        node_columns={"lost": codes_of(lost), "gained": codes_of(gained)},
        branch_columns={"lost": codes_of(branch_lost), "gained": codes_of(branch_gained)},
        details=lambda listed: details,
    )


def _changed(before: Masks, after: Masks) -> tuple[NDArray[np.int32], Masks, Masks]:
    """Numbers that changed, ascending, and the phases that each lost and gained."""
    changed = np.flatnonzero((before ^ after) & phases.ABC).astype(np.int32)
    was, now = before[changed] & np.uint8(phases.ABC), after[changed] & np.uint8(phases.ABC)
    return changed, was & ~now, now & ~was


def _open_ends(after: Snapshot, nodes: NDArray[np.int32]) -> NDArray[np.int32]:
    """Switches that are open afterwards at the nodes that changed."""
    graph = after.network.graph
    changed = np.zeros(graph.node_count, dtype=np.bool_)
    changed[nodes] = True
    switches = after.network.table_branches[SWITCH_BRANCH]
    touching = changed[graph.branch_u[switches]] | changed[graph.branch_v[switches]]
    shut = after.state.open & after.network.switches["phases"] & phases.ABC
    return switches[touching & (shut != 0)].astype(np.int32)


def _supply(having: Snapshot, lacking: Snapshot, joined: Snapshot) -> Mapping[str, object]:
    """What is energised in one state and not in the other; areas hang together in the state that has it."""
    network = having.network
    mask = having.energized & ~lacking.energized & np.uint8(phases.ABC)
    service = network.consumers["phases"] & phases.ABC
    at = network.consumers["node"]
    hit = mask[at] & service != 0
    left = lacking.energized[at] & having.energized[at] & service != 0
    customers = network.consumer_customers
    edges = having.branch_energized & ~lacking.branch_energized & phases.ABC
    return {
        "nodes": int(np.count_nonzero(mask)),
        "edges": int(np.count_nonzero(edges)),
        "customers": int(customers[hit].sum()),
        "customers_whole": int(customers[hit & ~left].sum()),
        "customers_partial": int(customers[hit & left].sum()),
        "feeders": _by_feeder(network, mask, hit),
        "areas": _areas(joined, mask, hit),
    }


def _by_feeder(network: Network, mask: Masks, hit: NDArray[np.bool_]) -> list[dict[str, object]]:
    """Nodes and customers by feeder of the normal state, most customers first; those of no feeder under null."""
    row = network.node_feeder
    count = len(network.feeders) + 1  # row -1 counts last
    nodes = np.bincount(row[np.flatnonzero(mask)] % count, minlength=count)
    consumers = np.flatnonzero(hit)
    weights = network.consumer_customers[consumers]
    customers = np.bincount(row[network.consumers["node"][consumers]] % count, weights, count).astype(int)
    order = sorted(np.flatnonzero(nodes).tolist(), key=lambda each: (-customers[each], each))
    return [{**_feeder(network, each), "nodes": int(nodes[each]), "customers": int(customers[each])} for each in order]


def _feeder(network: Network, row: int) -> dict[str, object]:
    if row == len(network.feeders):
        return {"mrid": None, "name": None}
    return {"mrid": str(network.feeders["mrid"][row]), "name": str(network.feeders["name"][row])}


def _areas(joined: Snapshot, mask: Masks, hit: NDArray[np.bool_]) -> list[dict[str, object]]:
    """Nodes of the mask that hang together, most customers first, each named by its first node."""
    network, graph = joined.network, joined.network.graph
    dead = np.flatnonzero(mask)
    if not len(dead):
        return []
    island = islands(graph, joined.conducting * ((mask[graph.branch_u] != 0) & (mask[graph.branch_v] != 0)))
    labels, area = np.unique(island[dead], return_inverse=True)
    nodes = np.bincount(area)
    consumers = np.flatnonzero(hit)
    at = np.searchsorted(labels, island[network.consumers["node"][consumers]])
    customers = np.bincount(at, network.consumer_customers[consumers], len(labels)).astype(int)
    order = np.argsort(area, kind="stable")
    first = np.cumsum(nodes) - nodes
    points = network.node_lnglat[dead[order]]
    low, high = (reduce.reduceat(points, first, axis=0) for reduce in (np.fmin, np.fmax))
    return [
        {
            "id": str(network.nodes["mrid"][dead[order[first[each]]]]),
            "nodes": int(nodes[each]),
            "customers": int(customers[each]),
            "bounds": None if np.isnan(low[each]).any() else [*low[each].tolist(), *high[each].tolist()],
            **lng_and_lat(middle(points[first[each] : first[each] + nodes[each]])),
        }
        for each in np.argsort(-customers, kind="stable").tolist()
    ]
