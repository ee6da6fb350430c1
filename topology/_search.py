"""One trace under way: the network as that trace may see it, and how its result is put together."""

from dataclasses import dataclass, field

import numpy as np

from topology import _kernels_energize, _kernels_extent, _kernels_order, _kernels_walk
from topology.blocks import Blocks, grow, phase_groups
from topology.energize import energize
from topology.graph import Graph
from topology.masks import ABC, Ints, Masks, Signs, as_ints, as_masks, check_indices
from topology.results import NONE, Extent, Options, Reason, Start, Trace

__all__ = ["Search", "check", "fed_by_forest", "flows"]


FLOW = np.array([0, 1, -1, 0], np.int8)
"""Of a branch through which power can come 0 neither way, 1 from u, 2 from v, 3 both ways."""


@dataclass(slots=True)
class Search:
    """A network state, a start and its restraints."""

    graph: Graph
    conducting: Masks
    """What branches conduct; all their phases where the trace ignores switch status."""
    sources: Masks
    start: Start
    options: Options
    state: Masks | None = None
    """What branches conduct really, if other than `conducting`: flows are found in it."""
    stop: Masks = field(init=False)
    """Reason by branch that is never crossed, else 0."""
    stops: bool = False
    barriers: Ints = field(default_factory=lambda: NONE)
    """Plain barriers but those at the start."""
    filters: Ints = field(default_factory=lambda: NONE)
    """Filter barriers but those at the start."""
    grown: list[tuple[int, Blocks]] | None = None
    """Blocks by phases, if they were found on the way to the result: they tell flows."""
    halted: Ints = field(default_factory=lambda: NONE)
    """Start branches that are barriers, where the trace stops at once."""

    def __post_init__(self) -> None:
        graph, options, start = self.graph, self.options, self.start
        check(graph, start, options)
        self.conducting = as_masks(self.conducting, graph.branch_count, "conducting")
        self.sources = as_masks(self.sources, graph.node_count, "sources")
        self.stop = np.zeros(graph.branch_count, np.uint8)
        self.barriers, self.filters = options.barriers, options.filter_barriers
        if options.ignore_barriers_at_start:
            self.barriers = self.barriers[~np.isin(self.barriers, start.branches)]
            self.filters = self.filters[~np.isin(self.filters, start.branches)]
        elif self.barriers.size or self.filters.size:
            halts = np.isin(start.branches, self.barriers) | np.isin(start.branches, self.filters)
            self.halted = start.branches[halts]
            self.start = Start(start.nodes, start.branches[~halts], start.terminal[~halts])
        self.bar(self.barriers, Reason.BARRIER)
        self.bar(self.filters, Reason.BARRIER)

    @property
    def limit(self) -> int:
        """The phases to follow."""
        return self.options.phases & ABC

    def bar(self, branches: Ints, reason: Reason) -> None:
        """Never cross these branches."""
        self.stop[branches] = reason
        self.stops = self.stops or branches.size > 0

    def crossable(self, one_sided: bool) -> Masks:
        """Conducting masks, 0 where the trace stops, or where it leaves a start at one terminal only."""
        closed = self.start.branches[self.start.terminal > 0] if one_sided else NONE
        if not (self.stops or closed.size):
            return self.conducting
        masks = np.where(self.stop > 0, np.uint8(0), self.conducting)
        masks[closed] = 0
        return as_masks(masks, masks.size, "conducting")

    def fed(self, energized: Masks | None) -> tuple[Masks, Masks, Masks, dict[int, int]]:
        """The network without its plain barriers, so that it tells directions.

        What only a barrier feeds is fed at the barrier's load side instead. Returns conducting, sources,
        energized and those barriers, each with its load-side node.
        """
        graph = self.graph
        if self.barriers.size == 0:
            if energized is None:
                energized = energize(graph, self.conducting, self.sources)
            return self.conducting, self.sources, as_masks(energized, graph.node_count, "energized"), {}
        conducting, sources = self.conducting.copy(), self.sources.copy()
        conducting[self.barriers] = 0
        feeding: dict[int, int] = {}
        while True:
            energized = energize(graph, conducting, sources)
            fed = False
            for branch in self.barriers.tolist():
                u, v = int(graph.branch_u[branch]), int(graph.branch_v[branch])
                for near, far in ((u, v), (v, u)):
                    gained = self.conducting[branch] & energized[near] & ~energized[far] & self.limit
                    if gained:
                        sources[far] |= gained
                        feeding[branch] = far
                        fed = True
            if not fed:
                frozen = as_masks(conducting, graph.branch_count, "conducting")
                return frozen, as_masks(sources, graph.node_count, "sources"), energized, feeding

    def begins_with(self) -> Masks:
        """The phases that each start branch is followed in: those it conducts; where open, those it has."""
        branches = self.start.branches
        carried = self.conducting[branches] & self.limit
        phases: Masks = np.where(carried > 0, carried, self.graph.branch_phases[branches] & self.limit)
        return phases.astype(np.uint8)

    def ends(self) -> tuple[Ints, Masks]:
        """Start nodes and the ends that start branches expand, with the phases each begins with."""
        graph, start = self.graph, self.start
        carried = self.begins_with()
        from_u, from_v = start.terminal != 2, start.terminal != 1
        nodes = (start.nodes, graph.branch_u[start.branches][from_u], graph.branch_v[start.branches][from_v])
        masks = (np.full(start.nodes.size, self.limit, np.uint8), carried[from_u], carried[from_v])
        return np.concatenate(nodes), np.concatenate(masks)

    def extent(self, allowed: Masks | None, rule: int, given: Masks | None = None) -> Extent:
        """Spread from the ends through the allowed phases of nodes, and tell what was met.

        given: phases by branch, for an upstream trace, which meets no open switches.
        """
        graph = self.graph
        everything = allowed is not None and not self.stops and not self.start.terminal.any()
        mask = allowed if allowed is not None and everything else self.spread(allowed)
        carried, edge, reason = _kernels_extent.met_branches(
            graph.branch_u,
            graph.branch_v,
            graph.branch_phases,
            self.conducting,
            self.stop,
            self.stops,
            self.limit,
            rule,
            mask,
            mask if given is None else given,
        )
        starts = np.concatenate((self.start.branches, self.halted))
        carried[starts] = self.conducting[starts] & np.uint8(self.limit)
        carried[self.halted] = 0
        met = ~np.isin(edge, starts)
        if given is not None:
            met &= reason == Reason.BARRIER
        sources = _kernels_extent.met_sources(
            self.sources, mask, carried, graph.indptr, graph.adjacent_branch, given is not None
        )
        return Extent(mask, carried, *self.with_start_boundaries(edge[met], reason[met]), sources)

    def spread(self, allowed: Masks | None) -> Masks:
        """Phases that reach each node from the ends; with `allowed`, only these."""
        graph = self.graph
        nodes, masks = self.ends()
        crossable = self.crossable(allowed is None)
        if allowed is not None:
            masks = masks & allowed[nodes]
            allowed = as_masks(allowed, graph.node_count, "allowed")
            crossable = _kernels_extent.within(crossable, allowed, graph.branch_u, graph.branch_v)
        begins = np.zeros(graph.node_count, np.uint8)
        np.bitwise_or.at(begins, nodes, masks)
        return energize(graph, crossable, begins)

    def depths(self, mask: Masks, one_sided: bool) -> Ints:
        """How far from the ends each node is that was reached in the phases of mask, (nodes,)."""
        graph, start = self.graph, self.start
        depth = np.empty(graph.node_count, np.int32)
        nodes, masks = self.ends()
        crossable = self.crossable(one_sided)
        lower = np.maximum(graph.branch_u[start.branches], graph.branch_v[start.branches])
        in_forest = bool((graph.parent_branch[lower] == start.branches).all())
        single = start.nodes.size + start.branches.size == 1 and in_forest
        forest = (graph.parent, graph.parent_branch, graph.chord, graph.branch_u, graph.branch_v)
        if _kernels_order.relaxed_depth(nodes, masks, single, *forest, crossable, mask, depth):
            return depth
        depth[:] = -1
        _kernels_walk.walk(
            graph.indptr, graph.adjacent_node, graph.adjacent_branch, crossable, nodes, masks, mask.copy(), depth
        )
        return depth

    def trace(
        self, extent: Extent, rule: int, energized: Masks | None = None, fed: tuple[Masks, Masks] | None = None
    ) -> Trace:
        """The elements of an extent in order, with their flows.

        fed: conducting and sources to find flows in, energized what they energise.
        """
        graph, mask = self.graph, extent.node_phases
        depth = self.depths(mask, rule == _kernels_extent.CARRIED_BY_EITHER_END)
        branch_depth = _kernels_order.branch_depth(graph.branch_u, graph.branch_v, extent.branch_phases, mask, depth)
        branch_depth[self.start.branches] = 0
        branches, branch_depth, carried = _kernels_order.in_order(extent.branch_phases, branch_depth)
        return Trace(
            *_kernels_order.in_order(mask, depth),
            branches,
            branch_depth,
            carried,
            self.flow(branches, carried, mask, rule, energized, fed),
            extent.boundaries,
            extent.boundary_reasons,
            extent.sources,
            extent.status,
        )

    def flow(
        self,
        branches: Ints,
        carried: Masks,
        mask: Masks,
        rule: int,
        energized: Masks | None,
        fed: tuple[Masks, Masks] | None,
    ) -> Signs:
        """Flows in the branches of the result, in as small a part of the network as tells them."""
        if fed is None:
            state = self.conducting if self.state is None else self.state
            state = as_masks(state, self.graph.branch_count, "conducting")
            return flows(self.graph, state, self.sources, branches, carried, energized)
        if self.grown is not None:
            return flows_in(self.graph, self.grown, branches, carried)
        if rule == _kernels_extent.CARRIED_BY_BOTH_ENDS and energized is not None:
            found = self.flow_below(branches, carried, mask, fed[0], energized)
            if found is not None:
                return found
        return flows(self.graph, *fed, branches, carried, energized)

    def flow_below(
        self, branches: Ints, carried: Masks, mask: Masks, conducting: Masks, energized: Masks
    ) -> Signs | None:
        """Flows in what a single start alone feeds: nothing but the start can be where power enters it."""
        graph, start = self.graph, self.start
        if start.nodes.size + start.branches.size != 1 or start.terminal.any():
            return None
        roots = start.nodes
        first = 0
        if start.branches.size:
            u, v = int(graph.branch_u[start.branches[0]]), int(graph.branch_v[start.branches[0]])
            live = conducting[start.branches[0]] & energized[u] & energized[v] & self.limit
            if branches.size == 0 or not live or (mask[u] & live, mask[v] & live) not in ((0, live), (live, 0)):
                return None
            first = 1 if mask[v] & live else -1
            roots = as_ints([v if first == 1 else u])
        inside = np.zeros(graph.branch_count, np.uint8)
        inside[branches] = carried
        inside[start.branches] = 0
        enters = np.zeros(graph.node_count, np.uint8)
        enters[roots] = mask[roots]
        result = flows_in(
            graph,
            [(bits, grow(graph, inside, enters, phase)) for phase, bits in phase_groups(self.limit, inside, enters)],
            branches,
            carried,
        )
        result[np.isin(branches, start.branches)] = first
        return result

    def with_start_boundaries(self, edge: Ints, reason: Masks) -> tuple[Ints, Masks]:
        """Boundaries by number: those met, and the starts that are open or barriers."""
        starts = self.start.branches[self.conducting[self.start.branches] & self.limit == 0]
        has_phase = self.graph.branch_phases[starts] & self.limit > 0
        edges = np.concatenate((edge, starts, self.halted)).astype(np.int32)
        start_reasons = np.where(has_phase, np.uint8(Reason.OPEN), np.uint8(Reason.PHASE_END))
        halted_reasons = np.full(self.halted.size, Reason.BARRIER, np.uint8)
        reasons = np.concatenate((reason, start_reasons, halted_reasons))
        if not self.options.include_barriers:
            kept = reasons != Reason.BARRIER
            edges, reasons = edges[kept], reasons[kept]
        edges, first = np.unique(edges, return_index=True)
        return edges, reasons[first]

    def dead(self) -> Extent:
        """The empty answer where every start is dead."""
        nodes, branches = np.zeros(self.graph.node_count, np.uint8), np.zeros(self.graph.branch_count, np.uint8)
        edges, reasons = self.with_start_boundaries(NONE, np.empty(0, np.uint8))
        return Extent(nodes, branches, edges, reasons, NONE, status="not_energized")


def check(graph: Graph, start: Start, options: Options) -> None:
    """Raise IndexError for a start or barrier that does not exist."""
    check_indices(start.nodes, graph.node_count, "node")
    for branches in (start.branches, options.barriers, options.filter_barriers):
        check_indices(branches, graph.branch_count, "branch")


def flows(
    graph: Graph,
    conducting: Masks,
    sources: Masks,
    branches: Ints,
    phases: Masks,
    energized: Masks | None = None,
) -> Signs:
    """1 from u to v, -1 from v to u, 0 where both ways, neither, or its phases differ, (branches,)."""
    if branches.size == 0:
        return np.empty(0, np.int8)
    if fed_by_forest(graph, conducting, sources):
        if energized is None:
            energized = energize(graph, conducting, sources)
        return _kernels_order.forest_flow(
            branches, phases, conducting, energized, graph.parent_branch, graph.branch_u, graph.branch_v
        )
    followed = int(np.bitwise_or.reduce(phases))
    grown = [
        (bits, grow(graph, conducting, sources, phase)) for phase, bits in phase_groups(followed, conducting, sources)
    ]
    return flows_in(graph, grown, branches, phases)


def flows_in(graph: Graph, grown: list[tuple[int, Blocks]], branches: Ints, phases: Masks) -> Signs:
    """The same from blocks by phases that are at hand."""
    ways = np.zeros(branches.size, np.uint8)
    for bits, blocks in grown:
        _kernels_order.add_ways(
            branches, phases, bits, blocks.branch_block, blocks.up_branch, blocks.cyclic, graph.branch_v, ways
        )
    return FLOW[ways]


def fed_by_forest(graph: Graph, conducting: Masks, sources: Masks) -> bool:
    """Whether power flows down the forest alone: no chord conducts and no source lies below a root."""
    chord = graph.chord
    closed = chord[conducting[chord] & ABC > 0]
    if (graph.branch_u[closed] != graph.branch_v[closed]).any():
        return False
    return not _kernels_energize.feeds_below_a_root(graph.parent, as_masks(sources, graph.node_count, "sources"))
