"""The traces: connected, subnetwork, upstream, downstream, and the direction of branches."""

from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from topology import _kernels_blocks, _kernels_walk
from topology._region import around
from topology._search import Search, check, fed_by_forest
from topology.blocks import Blocks, direction, grow, phase_groups
from topology.energize import energize
from topology.graph import Graph, small_states
from topology.jit import exercise
from topology.masks import ABC, Ints, Masks, as_ints, as_masks, check_indices
from topology.results import NONE, Options, Reason, Start, Trace

__all__ = [
    "Options",
    "Reason",
    "Start",
    "Trace",
    "connected",
    "direction",
    "downstream",
    "subnetwork",
    "upstream",
]

Mode: TypeAlias = Literal["flow", "exclusive"]
MODES: tuple[Mode, ...] = ("flow", "exclusive")


def connected(graph: Graph, conducting: Masks, sources: Masks, start: Start, options: Options | None = None) -> Trace:
    """Everything that conducting branches join to the start.

    conducting, sources: phase masks, (branches,) and (nodes,). Raises IndexError for a start or barrier
    that does not exist.
    """
    search = _undirected(graph, conducting, sources, start, options)
    return search.result(None, _kernels_walk.CARRIED_BY_EITHER_END)


def subnetwork(
    graph: Graph,
    conducting: Masks,
    sources: Masks,
    head_branches: ArrayLike,
    head_nodes: ArrayLike,
    other_heads: ArrayLike = (),
    substation_branches: ArrayLike = (),
    options: Options | None = None,
) -> Trace:
    """What hangs behind feeder heads, each a branch and the node on its load side.

    Stops at the heads themselves, at other_heads, and at substation_branches (their transformers).
    """
    heads, loads = as_ints(head_branches), as_ints(head_nodes)
    check_indices(heads, graph.branch_count, "branch")
    check_indices(loads, graph.node_count, "node")
    at_u = graph.branch_u[heads] == loads
    if not (at_u | (graph.branch_v[heads] == loads)).all():
        raise ValueError("the load side of a feeder head must be one of its ends")
    start = Start(branches=heads, terminal=as_ints(np.where(at_u, 1, 2)))
    search = _undirected(graph, conducting, sources, start, options)
    search.bar(np.setdiff1d(as_ints(substation_branches), heads), Reason.SUBSTATION)
    search.bar(np.setdiff1d(as_ints(other_heads), heads), Reason.FEEDER_HEAD)
    return search.result(None, _kernels_walk.CARRIED_BY_EITHER_END)


def _undirected(graph: Graph, conducting: Masks, sources: Masks, start: Start, options: Options | None) -> Search:
    options = options or Options()
    seen = graph.branch_phases if options.ignore_status else conducting
    return Search(graph, seen, sources, start, options, conducting)


def upstream(
    graph: Graph,
    conducting: Masks,
    sources: Masks,
    start: Start,
    options: Options | None = None,
    energized: Masks | None = None,
) -> Trace:
    """Everything on some simple path from a source to the start; of a branch, to its source side.

    energized: what `energize` gives for this state, if at hand. An open start branch is a boundary, and
    both of its sides are followed, or the one `terminal` says.
    """
    options = options or Options()
    if energized is not None:
        trace = _climbed(graph, conducting, sources, start, options, energized)
        if trace is not None:
            return trace
    check(graph, start, options)
    region = around(graph, conducting, sources, start, options)
    if region is not None:
        return region.outside(_upstream(region.graph, region.conducting, region.sources, region.start, region.options))
    return _upstream(graph, conducting, sources, start, options, energized)


def _upstream(
    graph: Graph,
    conducting: Masks,
    sources: Masks,
    start: Start,
    options: Options,
    energized: Masks | None = None,
) -> Trace:
    search = Search(graph, conducting, sources, start, options)
    cut, feeds, energized, feeding = search.fed(energized)
    if _all_dead(search, energized):
        return search.dead()
    search.grown = []
    node_mask, branch_mask = _above(search, cut, feeds, search.grown)
    for node in set(feeding.values()):
        around = slice(graph.indptr[node], graph.indptr[node + 1])
        node_mask[node] |= np.bitwise_or.reduce(branch_mask[graph.adjacent_branch[around]])
    if search.stops:
        met = _above(search, search.conducting, search.sources, [])[1] if search.barriers.size else branch_mask
        barred = np.flatnonzero(search.stop)
        search.stop[barred[met[barred] == 0]] = 0
        branch_mask[barred] = met[barred]
    return search.result(node_mask, _kernels_walk.CARRIED_AS_GIVEN, branch_mask, energized, (cut, feeds))


def _all_dead(search: Search, energized: Masks) -> bool:
    nodes, masks = search.ends()
    return search.halted.size == 0 and not (energized[nodes] & masks).any()


def _above(search: Search, conducting: Masks, feeds: Masks, grown: list[tuple[int, Blocks]]) -> tuple[Masks, Masks]:
    """Phases of the nodes and branches upstream of the start. Feeding nodes only if they are starts.

    Appends the blocks it found, by phases, to grown.
    """
    node_mask = np.zeros(search.graph.node_count, np.uint8)
    branch_mask = np.zeros(search.graph.branch_count, np.uint8)
    for phase, bits in phase_groups(search.limit, conducting, feeds, search.begins_with()):
        blocks = grow(search.graph, conducting, feeds, phase)
        grown.append((bits, blocks))
        chosen = np.zeros(blocks.entry.size, np.bool_)
        ends = np.concatenate((search.start.nodes, _source_side(search, blocks, conducting, phase)))
        chosen[blocks.node_block[ends][blocks.node_block[ends] >= 0]] = True
        _kernels_blocks.blocks_above(chosen, blocks.entry, blocks.node_block)
        _kernels_blocks.mark_blocks(chosen, blocks.node_block, blocks.branch_block, bits, node_mask, branch_mask)
        at_source = search.start.nodes[feeds[search.start.nodes] & phase > 0]
        node_mask[at_source] |= np.uint8(bits)
    return node_mask, branch_mask


def _source_side(search: Search, blocks: Blocks, conducting: Masks, phase: int) -> Ints:
    """The ends of start branches that power comes from; both where open, on a cycle, or a self-loop."""
    graph, start = search.graph, search.start
    u, v = graph.branch_u[start.branches], graph.branch_v[start.branches]
    block = blocks.branch_block[start.branches]
    bridge = (block >= 0) & ~blocks.cyclic[block] if blocks.cyclic.size else np.zeros(u.size, np.bool_)
    at_u, at_v = start.terminal != 2, start.terminal != 1
    free = start.terminal == 0
    at_u &= ~(free & bridge & (blocks.up_branch[u] == start.branches))
    at_v &= ~(free & bridge & (blocks.up_branch[v] == start.branches))
    followed = search.begins_with() & phase > 0
    return np.concatenate((u[at_u & followed], v[at_v & followed]))


def downstream(
    graph: Graph,
    conducting: Masks,
    sources: Masks,
    start: Start,
    options: Options | None = None,
    energized: Masks | None = None,
    mode: Mode = "exclusive",
) -> Trace:
    """What the start feeds: what loses supply without it (exclusive), or all that it can reach (flow).

    energized: what `energize` gives for this state, if at hand. Several starts give the union. An open start
    branch carries nothing, so that it is just a boundary; with a `terminal`, the node there is a start.
    """
    if mode not in MODES:
        raise ValueError(f'mode is "{mode}", expected "flow" or "exclusive"')
    options = options or Options()
    if energized is not None:
        trace = _hanging(graph, conducting, sources, start, options, energized)
        if trace is not None:
            return trace
    check(graph, start, options)
    region = around(graph, conducting, sources, start, options)
    if region is not None:
        return region.outside(
            _downstream(region.graph, region.conducting, region.sources, region.start, region.options, mode)
        )
    return _downstream(graph, conducting, sources, start, options, mode, energized)


def _downstream(
    graph: Graph,
    conducting: Masks,
    sources: Masks,
    start: Start,
    options: Options,
    mode: Mode,
    energized: Masks | None = None,
) -> Trace:
    search = Search(graph, conducting, sources, start, options)
    cut, feeds, energized, feeding = search.fed(energized)
    if _all_dead(search, energized):
        return search.dead()
    nodes = np.concatenate((search.start.nodes, _open_ends(search)))
    if mode == "exclusive":
        allowed = _lost(search, cut, feeds, energized, nodes)
    else:
        allowed = _fed_through(search, cut, feeds, energized, nodes)
    for branch in [*feeding, *search.filters.tolist()]:
        u, v = graph.branch_u[branch], graph.branch_v[branch]
        met = allowed[u + v - feeding[branch]] if branch in feeding else allowed[u] & allowed[v]
        if not search.conducting[branch] & met:
            search.stop[branch] = 0  # on the way up, so that the trace does not meet it
    return search.result(allowed, _kernels_walk.CARRIED_BY_BOTH_ENDS, None, energized, (cut, feeds))


def _single(graph: Graph, conducting: Masks, start: Start, options: Options) -> tuple[int, int] | None:
    """The node of a single start node, or the lower end of a start branch of the forest that conducts.

    Returns that node and the branch or -1; None for any other start, or where barriers matter.
    """
    if start.nodes.size + start.branches.size != 1 or options.barriers.size or options.filter_barriers.size:
        return None
    if start.nodes.size:
        node = int(start.nodes[0])
        return (node, -1) if 0 <= node < graph.node_count else None
    branch = int(start.branches[0])
    if not 0 <= branch < graph.branch_count or start.terminal[0] or not conducting[branch] & options.phases & ABC:
        return None
    node = int(max(graph.branch_u[branch], graph.branch_v[branch]))
    return (node, branch) if graph.parent_branch[node] == branch else None


def _hanging(
    graph: Graph, conducting: Masks, sources: Masks, start: Start, options: Options, energized: Masks
) -> Trace | None:
    """Both modes at once where they are one interval: a single live start that alone feeds its subtree."""
    single = _single(graph, conducting, start, options)
    limit = options.phases & ABC
    if single is None or not energized[single[0]] & limit:
        return None
    top, branch = single
    found = _kernels_walk.hanging(
        top,
        limit,
        graph.parent,
        graph.parent_branch,
        graph.end,
        graph.depth,
        graph.chord_end_node,
        graph.chord_end_branch,
        graph.branch_u,
        graph.branch_v,
        graph.branch_phases,
        as_masks(conducting, graph.branch_count, "conducting"),
        as_masks(sources, graph.node_count, "sources"),
        as_masks(energized, graph.node_count, "energized"),
    )
    plain, nodes, node_depth, node_phases, branches, branch_depth, branch_phases, flow, edges, reasons = found
    if not plain:
        return None
    if branch >= 0:
        branches = np.concatenate((start.branches, branches))
        branch_depth = np.concatenate((np.zeros(1, np.int32), branch_depth))
        branch_phases = np.concatenate((conducting[start.branches] & np.uint8(limit), branch_phases))
        flow = np.concatenate((np.array([1 if graph.branch_v[branch] == top else -1], np.int8), flow))
    fed = nodes[:1] if sources[top] & limit else nodes[:0]
    return Trace(nodes, node_depth, node_phases, branches, branch_depth, branch_phases, flow, edges, reasons, fed)


def _climbed(
    graph: Graph, conducting: Masks, sources: Masks, start: Start, options: Options, energized: Masks
) -> Trace | None:
    """The way to the root, where power flows down the forest alone and the start is single and live."""
    single = _single(graph, conducting, start, options)
    if single is None or not fed_by_forest(graph, conducting, sources):
        return None
    node, branch = single
    mask = int(energized[node]) & options.phases & ABC
    if not mask:
        return None
    nodes, branches, flow = _kernels_walk.climb(node, graph.parent, graph.parent_branch, graph.branch_v)
    source = nodes[-1:]
    carried = np.full(branches.size, mask, np.uint8)
    branch_depth = np.arange(branches.size, dtype=np.int32)
    if branch >= 0:
        nodes = nodes[1:]
        carried[0] = conducting[branch] & options.phases & ABC
    else:
        branch_depth += 1
    if nodes.size > 1 or branch >= 0:
        nodes = nodes[:-1]
    return Trace(
        nodes,
        np.arange(nodes.size, dtype=np.int32),
        np.full(nodes.size, mask, np.uint8),
        branches,
        branch_depth,
        carried,
        flow,
        NONE,
        np.empty(0, np.uint8),
        source,
    )


def _open_ends(search: Search) -> Ints:
    """The end that `terminal` names of each open start branch."""
    start, graph = search.start, search.graph
    named = (start.terminal > 0) & (search.conducting[start.branches] & search.limit == 0)
    branches = start.branches[named]
    ends: Ints = np.where(start.terminal[named] == 1, graph.branch_u[branches], graph.branch_v[branches])
    return ends


def _lost(search: Search, conducting: Masks, feeds: Masks, energized: Masks, nodes: Ints) -> Masks:
    """Phases that each node loses when a start is deleted."""
    graph = search.graph
    lost = np.zeros(graph.node_count, np.uint8)
    for node in nodes.tolist():
        without, fed = conducting.copy(), feeds.copy()
        without[graph.adjacent_branch[graph.indptr[node] : graph.indptr[node + 1]]] = 0
        fed[node] = 0
        lost |= energized & ~energize(graph, without, fed)
    for branch in search.start.branches[conducting[search.start.branches] > 0].tolist():
        without = conducting.copy()
        without[branch] = 0
        lost |= energized & ~energize(graph, without, feeds)
    return lost & np.uint8(search.limit)


def _fed_through(search: Search, conducting: Masks, feeds: Masks, energized: Masks, nodes: Ints) -> Masks:
    """Phases that simple paths bring to each node after they passed a start."""
    graph = search.graph
    allowed = np.zeros(graph.node_count, np.uint8)
    unused = np.zeros(graph.branch_count, np.uint8)
    grown = search.grown = []
    for phase, bits in phase_groups(search.limit, conducting, feeds):
        blocks = grow(graph, conducting, feeds, phase)
        grown.append((bits, blocks))
        chosen = np.zeros(blocks.entry.size, np.bool_)
        entered = np.concatenate((blocks.node_block[nodes], blocks.branch_block[search.start.branches]))
        chosen[entered[entered >= 0]] = True
        for node in nodes[feeds[nodes] & phase > 0].tolist():
            around = graph.adjacent_branch[graph.indptr[node] : graph.indptr[node + 1]]
            below = blocks.branch_block[around]
            chosen[below[below >= 0]] = True
            allowed[node] |= np.uint8(bits)
        _kernels_blocks.blocks_below(chosen, blocks.entry, blocks.node_block)
        _kernels_blocks.mark_blocks(chosen, blocks.node_block, blocks.branch_block, bits, allowed, unused)
    return allowed


@exercise
def _exercise() -> None:
    start = Start(nodes=as_ints([1]))
    for graph, conducting, sources in small_states():
        energized = energize(graph, conducting, sources)
        connected(graph, conducting, sources, start)
        upstream(graph, conducting, sources, start, energized=energized)
        for mode in MODES:
            downstream(graph, conducting, sources, start, energized=energized, mode=mode)
