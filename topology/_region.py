"""The part of a network that directions at a start depend on, as a small network of its own."""

from dataclasses import dataclass

import numpy as np

from topology import _kernels_walk
from topology.graph import Graph, build, small_states
from topology.jit import exercise
from topology.masks import Ints, Longs, Masks, as_ints, as_masks
from topology.results import Extent, Options, Start, Trace

__all__ = ["Region", "around", "cut_out"]

SMALL = 10_000
"""Networks of fewer nodes are searched whole."""
WORTHWHILE = 8
"""A region is cut out only if it has less than one node in so many."""


@dataclass(frozen=True, slots=True, eq=False)
class Region:
    """A small graph, its state, and what its numbers are outside."""

    graph: Graph
    conducting: Masks
    sources: Masks
    start: Start
    options: Options
    node: Ints
    """Outside number of each node, (nodes,)."""
    branch: Ints
    """Outside number of each branch, (branches,)."""
    node_count: int
    """Nodes outside."""
    branch_count: int
    """Branches outside."""

    def extent_outside(self, extent: Extent) -> Extent:
        """The same extent in outside numbers."""
        nodes, branches = np.zeros(self.node_count, np.uint8), np.zeros(self.branch_count, np.uint8)
        nodes[self.node], branches[self.branch] = extent.node_phases, extent.branch_phases
        boundaries = self.branch[extent.boundaries]
        order = np.argsort(boundaries)
        return Extent(
            nodes,
            branches,
            boundaries[order],
            extent.boundary_reasons[order],
            np.sort(self.node[extent.sources]),
            extent.status,
        )

    def outside(self, trace: Trace) -> Trace:
        """The same trace in outside numbers, in their order."""
        nodes, branches = self.node[trace.nodes], self.branch[trace.branches]
        boundaries = self.branch[trace.boundaries]
        by_node = np.lexsort((nodes, trace.node_depth))
        by_branch = np.lexsort((branches, trace.branch_depth))
        by_boundary = np.argsort(boundaries)
        return Trace(
            nodes[by_node],
            trace.node_depth[by_node],
            trace.node_phases[by_node],
            branches[by_branch],
            trace.branch_depth[by_branch],
            trace.branch_phases[by_branch],
            trace.branch_flow[by_branch],
            boundaries[by_boundary],
            trace.boundary_reasons[by_boundary],
            np.sort(self.node[trace.sources]),
            trace.status,
        )


def around(graph: Graph, conducting: Masks, sources: Masks, start: Start, options: Options) -> Region | None:
    """What conducting branches join to the start without passing a source, or None where that is a large part.

    Every simple path from a source to anything that depends on the start lies in it.
    """
    return None if graph.node_count < SMALL else cut_out(graph, conducting, sources, start, options)


def cut_out(graph: Graph, conducting: Masks, sources: Masks, start: Start, options: Options) -> Region | None:
    """`around`, in networks of any size."""
    conducting = as_masks(conducting, graph.branch_count, "conducting")
    sources = as_masks(sources, graph.node_count, "sources")
    ends = (start.nodes, graph.branch_u[start.branches], graph.branch_v[start.branches])
    inner, outer = _kernels_walk.region(
        graph.indptr,
        graph.adjacent_node,
        graph.adjacent_branch,
        conducting,
        sources,
        as_ints(np.concatenate(ends)),
        start.nodes.size,
        np.zeros(graph.node_count, np.uint8),
        max(64, graph.node_count // WORTHWHILE),
    )
    if inner.size + outer.size == 0:
        return None
    branches = np.unique(np.concatenate((_around(graph, inner), start.branches)))
    u, v = graph.branch_u[branches], graph.branch_v[branches]
    nodes = np.unique(np.concatenate((inner, outer, u, v)))
    passing, feeds = conducting[branches], sources[nodes]
    numbering = build(
        nodes.size, np.searchsorted(nodes, u), np.searchsorted(nodes, v), graph.branch_phases[branches], passing, feeds
    )

    def inside(chosen: Ints) -> Ints:
        return numbering.branch_number[np.searchsorted(branches, chosen[np.isin(chosen, branches)])]

    by_node, by_branch = np.argsort(numbering.node_number), np.argsort(numbering.branch_number)
    return Region(
        numbering.graph,
        as_masks(passing[by_branch], branches.size, "conducting"),
        as_masks(feeds[by_node], nodes.size, "sources"),
        Start(
            numbering.node_number[np.searchsorted(nodes, start.nodes)],
            numbering.branch_number[np.searchsorted(branches, start.branches)],
            start.terminal,
        ),
        Options(
            options.phases,
            inside(options.barriers),
            options.include_barriers,
            options.ignore_barriers_at_start,
            inside(options.filter_barriers),
        ),
        nodes[by_node],
        branches[by_branch],
        graph.node_count,
        graph.branch_count,
    )


def _around(graph: Graph, nodes: Ints) -> Ints:
    """Branches at the nodes, some twice."""
    first = graph.indptr[nodes]
    count = graph.indptr[nodes + 1] - first
    begins: Longs = np.cumsum(count) - count
    at = np.repeat(first - begins, count) + np.arange(int(count.sum()))
    return graph.adjacent_branch[at]


@exercise
def _exercise() -> None:
    graph, conducting, sources = small_states()[0]
    cut_out(graph, conducting, sources, Start(as_ints([1])), Options())
