"""Ways of power: direction of branches, loops, the shortest path, protective devices."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from topology import paths
from topology.blocks import direction as directions
from topology.loops import Loop, find_loops
from topology.results import NONE, Trace
from topology.trace import upstream
from twin import phases
from twin.components import SWITCH_BRANCH, among
from twin.network import Network
from twin.state import Snapshot
from twin.trace_elements import CODES, Index
from twin.trace_request import TraceRequest
from twin.trace_result import Found
from twin.trace_starts import options_of, start_of
from twin.trace_subnetwork import subnetwork, zone

PROTECTIVE_KINDS = ("Breaker", "Recloser", "Fuse")
WAYS = ("none", "down", "up", "both")
"""From terminal 1 to 2 is down, from 2 to 1 is up, by number of `topology.blocks.direction`."""


def listed_trace(
    nodes: NDArray[Any],
    node_phases: NDArray[np.uint8],
    branches: NDArray[Any],
    branch_phases: NDArray[np.uint8],
    *,
    branch_depth: NDArray[Any] | None = None,
    branch_flow: NDArray[np.int8] | None = None,
    sources: NDArray[Any] = NONE,
    status: str = "ok",
) -> Trace:
    """A set of elements in the shape of a trace, each at depth 0 where nothing else is said."""
    return Trace(
        nodes.astype(np.int32),
        np.zeros(len(nodes), dtype=np.int32),
        node_phases.astype(np.uint8),
        branches.astype(np.int32),
        np.zeros(len(branches), dtype=np.int32) if branch_depth is None else branch_depth.astype(np.int32),
        branch_phases.astype(np.uint8),
        np.zeros(len(branches), dtype=np.int8) if branch_flow is None else branch_flow.astype(np.int8),
        NONE,
        np.empty(0, dtype=np.uint8),
        sources.astype(np.int32),
        status,
    )


# --- direction ----------------------------------------------------------------------------------------------------


def direction(snapshot: Snapshot, request: TraceRequest) -> Found:
    """Which way power comes, by phase: in start branches, and in those at start nodes; of feeders, in all of them."""
    network, graph = snapshot.network, snapshot.network.graph
    limit = phases.code_to_mask(request.phases) & phases.ABC
    nodes, branches, depth = _asked(snapshot, request)
    ways = directions(graph, snapshot.conducting, network.node_sources, limit)[branches]
    own = graph.branch_phases[branches] & np.uint8(limit)
    carried = (own[:, None] >> np.arange(3, dtype=np.uint8)) & 1 > 0
    either = np.bitwise_or.reduce(np.where(carried, ways, 0), axis=1)
    trace = listed_trace(
        nodes,
        snapshot.energized[nodes] & np.uint8(limit),
        branches,
        snapshot.branches_energized(branches) & np.uint8(limit),
        branch_depth=depth,
        branch_flow=np.where(either == 1, 1, np.where(either == 2, -1, 0)),
        sources=nodes[(network.node_sources[nodes] & limit) > 0],
    )

    def column(part: Index) -> list[Any]:
        return [
            {letter: WAYS[way] for letter, way, bit in zip("ABC", each, (1, 2, 4), strict=True) if mask & bit}
            for each, mask in zip(ways[part].tolist(), own[part].tolist(), strict=True)
        ]

    return Found.of(trace, branch_columns={"direction": column})


def _asked(snapshot: Snapshot, request: TraceRequest) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Nodes, branches and the depth of branches, by depth, then number."""
    network, graph = snapshot.network, snapshot.network.graph
    if not request.start:
        every = np.arange(graph.branch_count, dtype=np.int32)
        return np.arange(graph.node_count, dtype=np.int32), every, np.zeros(graph.branch_count, dtype=np.int32)
    feeders = [mrid for mrid in request.start if network.mrids.find(mrid).component.table == "feeders"]
    if feeders and len(feeders) == len(request.start):
        trace = subnetwork(snapshot, TraceRequest("subnetwork", request.start, phases=request.phases)).trace
        return trace.nodes, trace.branches, trace.branch_depth
    start = start_of(network, request)
    around = [graph.adjacent_branch[graph.indptr[node] : graph.indptr[node + 1]] for node in start.nodes.tolist()]
    at_nodes = np.setdiff1d(np.concatenate([NONE, *around]), start.branches)
    first = np.unique(start.branches)
    depth = np.concatenate([np.zeros(len(first), dtype=np.int32), np.ones(len(at_nodes), dtype=np.int32)])
    return np.unique(start.nodes), np.concatenate([first, at_nodes]), depth


# --- loops --------------------------------------------------------------------------------------------------------


def loops(snapshot: Snapshot, request: TraceRequest) -> Found:
    """Loops of what conducts, dead rings included, and ways between two sources; with a start, of its zone."""
    network, graph = snapshot.network, snapshot.network.graph
    limit = np.uint8(phases.code_to_mask(request.phases) & phases.ABC)
    found = find_loops(graph, snapshot.conducting & limit, network.node_sources & limit)
    if request.start:
        around = zone(snapshot, request)
        inside = np.zeros(graph.branch_count, dtype=np.bool_)
        inside[around.branches] = True
        found = [loop for loop in found if inside[loop.branches].any()]
    branch_phases = np.zeros(graph.branch_count, dtype=np.uint8)
    for loop in found:
        branch_phases[loop.branches] |= np.uint8(loop.phases)
    branches = np.flatnonzero(branch_phases)
    node_phases = np.zeros(graph.node_count, dtype=np.uint8)
    for ends in (graph.branch_u, graph.branch_v):
        np.bitwise_or.at(node_phases, ends[branches], branch_phases[branches])
    nodes = np.flatnonzero(node_phases)
    sources = np.unique(np.concatenate([NONE, *(loop.sources for loop in found)]))
    trace = listed_trace(nodes, node_phases[nodes], branches, branch_phases[branches], sources=sources)

    def details(listed: bool) -> Mapping[str, object]:
        return {"loops": [_loop(network, loop, listed) for loop in found]}

    return Found.of(trace, details=details)


def _loop(network: Network, loop: Loop, listed: bool) -> dict[str, object]:
    at = np.flatnonzero(np.isin(network.sources["node"], loop.sources))
    told: dict[str, object] = {
        "kind": loop.kind,
        "phases": CODES[loop.phases],
        "length": len(loop.branches),
        "sources": network.sources["mrid"][at].tolist(),
        "block": None if loop.block < 0 else str(network.branch_mrids(np.array([loop.block]))[0]),
    }
    return told | ({"edges": network.branch_mrids(loop.branches).tolist()} if listed else {})


# --- paths --------------------------------------------------------------------------------------------------------


def shortest_path(snapshot: Snapshot, request: TraceRequest) -> Found:
    """The way with the fewest metres of line, or the fewest branches; status `unreachable` where there is none."""
    network = snapshot.network
    start, goal = start_of(network, request), start_of(network, request, "to")
    lengths = _branch_lengths(network)
    weight = np.nan_to_num(lengths) if request.weight == "length" else None
    trace = paths.shortest_path(
        network.graph,
        snapshot.conducting,
        network.node_sources,
        start,
        goal,
        options_of(network, request),
        weight,
    )
    hops = max(len(trace.nodes) - 1, 0)
    first = int(len(trace.branches) > 0 and trace.branch_depth[0] == 0)
    crossed = lengths[trace.branches[first : first + hops]]
    path = None
    if trace.status == "ok":
        unknown = int(np.isnan(crossed).sum())
        path = {"length_m": float(np.nansum(crossed)), "hops": hops, "without_length": unknown}
    return Found.of(trace, details=lambda listed: {"path": path})


def _branch_lengths(network: Network) -> NDArray[np.float64]:
    """float64 (branches,): metres of lines, NaN where not known; 0 of all else."""
    lengths = np.zeros(network.graph.branch_count)
    lengths[network.table_branches[0]] = network.lines["length_m"]
    return lengths


def protection(snapshot: Snapshot, request: TraceRequest) -> Found:
    """The n-th protective devices upstream; several in a mesh are all given, as `ambiguous`."""
    network = snapshot.network
    start, options = start_of(network, request), options_of(network, request)
    state = (network.graph, snapshot.conducting, network.node_sources, start)
    is_device = np.zeros(network.graph.branch_count, dtype=np.bool_)
    is_device[network.table_branches[SWITCH_BRANCH]] = among(network.switches["kind"], PROTECTIVE_KINDS)
    found = paths.protection(*state, is_device, request.n, options, snapshot.energized)
    above = upstream(*state, options, snapshot.energized)
    at = np.flatnonzero(np.isin(above.branches, found.devices))
    trace = listed_trace(
        NONE,
        np.empty(0, dtype=np.uint8),
        above.branches[at],
        above.branch_phases[at],
        branch_depth=above.branch_depth[at],
        branch_flow=above.branch_flow[at],
        status=found.status,
    )
    devices = network.branch_mrids(trace.branches).tolist()
    details = {"n": request.n, "devices": devices, "ambiguous": found.ambiguous}
    return Found.of(trace, details=lambda listed: details)
