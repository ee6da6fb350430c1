"""What each kind of trace holds, found once for extents and traces alike."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from topology import _kernels_blocks, _kernels_extent
from topology._forest import hanging_mask
from topology._region import Region, around
from topology._search import Search, check
from topology.blocks import Blocks, grow, phase_groups
from topology.energize import energize
from topology.graph import Graph
from topology.masks import Ints, Masks, as_ints, check_indices
from topology.results import Extent, Options, Reason, Start, Trace

__all__ = [
    "MODES",
    "Found",
    "Mode",
    "check_mode",
    "find_connected",
    "find_downstream",
    "find_subnetwork",
    "find_upstream",
]

Mode: TypeAlias = Literal["flow", "exclusive"]
MODES: tuple[Mode, ...] = ("flow", "exclusive")


def check_mode(mode: str) -> None:
    """Raise ValueError for what is no mode of a downstream trace."""
    if mode not in MODES:
        raise ValueError(f'mode is "{mode}", expected "flow" or "exclusive"')


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """An extent, and what puts its elements in order."""

    search: Search
    found: Extent
    rule: int
    energized: Masks | None = None
    fed: tuple[Masks, Masks] | None = None
    """Conducting and sources to find flows in."""
    region: Region | None = None
    """The part of the network that was searched, where not all of it."""

    def extent(self) -> Extent:
        """The extent alone."""
        return self.found if self.region is None else self.region.extent_outside(self.found)

    def trace(self) -> Trace:
        """The same in order."""
        trace = self.search.trace(self.found, self.rule, self.energized, self.fed)
        return trace if self.region is None else self.region.outside(trace)


def find_connected(graph: Graph, conducting: Masks, sources: Masks, start: Start, options: Options | None) -> Found:
    """See `topology.trace.connected`."""
    return _undirected(_both_ways(graph, conducting, sources, start, options))


def find_subnetwork(
    graph: Graph,
    conducting: Masks,
    sources: Masks,
    head_branches: ArrayLike,
    head_nodes: ArrayLike,
    other_heads: ArrayLike,
    substation_branches: ArrayLike,
    options: Options | None,
) -> Found:
    """See `topology.trace.subnetwork`."""
    heads, loads = as_ints(head_branches), as_ints(head_nodes)
    check_indices(heads, graph.branch_count, "branch")
    check_indices(loads, graph.node_count, "node")
    at_u = graph.branch_u[heads] == loads
    if not (at_u | (graph.branch_v[heads] == loads)).all():
        raise ValueError("the load side of a feeder head must be one of its ends")
    start = Start(branches=heads, terminal=as_ints(np.where(at_u, 1, 2)))
    search = _both_ways(graph, conducting, sources, start, options)
    search.bar(np.setdiff1d(as_ints(substation_branches), heads), Reason.SUBSTATION)
    search.bar(np.setdiff1d(as_ints(other_heads), heads), Reason.FEEDER_HEAD)
    return _undirected(search)


def _both_ways(graph: Graph, conducting: Masks, sources: Masks, start: Start, options: Options | None) -> Search:
    options = options or Options()
    seen = graph.branch_phases if options.ignore_status else conducting
    return Search(graph, seen, sources, start, options, conducting)


def _undirected(search: Search) -> Found:
    rule = _kernels_extent.CARRIED_BY_EITHER_END
    return Found(search, search.extent(None, rule), rule)


def find_upstream(
    graph: Graph,
    conducting: Masks,
    sources: Masks,
    start: Start,
    options: Options,
    energized: Masks | None,
) -> Found:
    """See `topology.trace.upstream`."""
    check(graph, start, options)
    region = around(graph, conducting, sources, start, options)
    if region is not None:
        return _upstream(region.graph, region.conducting, region.sources, region.start, region.options, None, region)
    return _upstream(graph, conducting, sources, start, options, energized, None)


def _upstream(
    graph: Graph,
    conducting: Masks,
    sources: Masks,
    start: Start,
    options: Options,
    energized: Masks | None,
    region: Region | None,
) -> Found:
    rule = _kernels_extent.CARRIED_AS_GIVEN
    search = Search(graph, conducting, sources, start, options)
    cut, feeds, energized, feeding = search.fed(energized)
    if _all_dead(search, energized):
        return Found(search, search.dead(), rule, energized, (cut, feeds), region)
    search.grown = []
    node_mask, branch_mask = _above(search, cut, feeds, search.grown)
    if feeding:
        begins = np.zeros(graph.node_count, np.uint8)
        np.bitwise_or.at(begins, *search.ends())
    for node in set(feeding.values()):
        around = slice(graph.indptr[node], graph.indptr[node + 1])
        passed = begins[node] | np.bitwise_or.reduce(branch_mask[graph.adjacent_branch[around]])
        node_mask[node] |= passed & feeds[node] & ~search.sources[node]
    if search.stops:
        if search.barriers.size:
            met = _above(search, search.conducting, search.sources, [])[1]
            branch_mask[search.barriers] = met[search.barriers]
        barred = np.flatnonzero(search.stop)
        search.stop[barred[branch_mask[barred] == 0]] = 0
    return Found(search, search.extent(node_mask, rule, branch_mask), rule, energized, (cut, feeds), region)


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


def find_downstream(
    graph: Graph,
    conducting: Masks,
    sources: Masks,
    start: Start,
    options: Options,
    energized: Masks | None,
    mode: Mode,
) -> Found:
    """See `topology.trace.downstream`."""
    check(graph, start, options)
    if energized is not None:
        allowed = hanging_mask(graph, conducting, sources, start, options, energized)
        if allowed is not None:
            rule, search = _kernels_extent.CARRIED_BY_BOTH_ENDS, Search(graph, conducting, sources, start, options)
            return Found(search, search.extent(allowed, rule), rule, energized, (search.conducting, search.sources))
    region = around(graph, conducting, sources, start, options)
    if region is not None:
        state = (region.graph, region.conducting, region.sources)
        return _downstream(*state, region.start, region.options, mode, None, region)
    return _downstream(graph, conducting, sources, start, options, mode, energized, None)


def _downstream(
    graph: Graph,
    conducting: Masks,
    sources: Masks,
    start: Start,
    options: Options,
    mode: Mode,
    energized: Masks | None,
    region: Region | None,
) -> Found:
    rule = _kernels_extent.CARRIED_BY_BOTH_ENDS
    search = Search(graph, conducting, sources, start, options)
    cut, feeds, energized, feeding = search.fed(energized)
    if _all_dead(search, energized):
        return Found(search, search.dead(), rule, energized, (cut, feeds), region)
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
    return Found(search, search.extent(allowed, rule), rule, energized, (cut, feeds), region)


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
