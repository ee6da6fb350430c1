"""Downstream by interval: what a node or branch feeds as a run of node numbers, without listing it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from topology import _kernels_walk
from topology.graph import Graph, small_states
from topology.jit import exercise
from topology.masks import ABC, Ints, Longs, Masks, as_masks

__all__ = ["Interval", "interval", "weight_before"]


@dataclass(frozen=True, slots=True)
class Interval:
    """Nodes lo .. hi-1, all in the same phases."""

    lo: int
    hi: int
    phases: int

    def nodes(self) -> Ints:
        """Their numbers, ascending, (hi - lo,)."""
        return np.arange(self.lo, self.hi, dtype=np.int32)

    def weight(self, before: Longs) -> int:
        """Their weight together, by what `weight_before` gives."""
        return int(before[self.hi] - before[self.lo])


def weight_before(weights: ArrayLike) -> Longs:
    """The weight of all nodes below each, (nodes + 1,), from each node's own, (nodes,)."""
    own = np.asarray(weights, np.int64)
    before = np.zeros(own.size + 1, np.int64)
    np.cumsum(own, out=before[1:])
    return before


def interval(
    graph: Graph,
    conducting: Masks,
    sources: Masks,
    energized: Masks,
    node: int = -1,
    branch: int = -1,
    phases: int = ABC,
) -> Interval | None:
    """The nodes of the downstream trace of one node or one branch (in both modes), where they are one run.

    None where a `downstream` trace must tell: no conducting branch outside the forest may touch the subtree, no
    source may lie in it, all of it must be alive in the same phases, and a branch must be closed and of the forest.
    energized: what `energize` gives for this state. Raises IndexError for a node or branch that does not exist,
    ValueError unless one of them is given.
    """
    if (node < 0) == (branch < 0):
        raise ValueError(f"node is {node}, branch is {branch}: expected one of them")
    if node >= graph.node_count or branch >= graph.branch_count:
        raise IndexError(f"node {node} or branch {branch} is not below {graph.node_count} or {graph.branch_count}")
    lo, hi, mask = _kernels_walk.run_below(
        node,
        branch,
        phases & ABC,
        graph.parent,
        graph.parent_branch,
        graph.end,
        graph.chord_end_node,
        graph.chord_end_branch,
        graph.branch_u,
        graph.branch_v,
        as_masks(conducting, graph.branch_count, "conducting"),
        as_masks(sources, graph.node_count, "sources"),
        as_masks(energized, graph.node_count, "energized"),
    )
    return Interval(lo, hi, mask) if mask else None


@exercise
def _exercise() -> None:
    for graph, conducting, sources in small_states():
        interval(graph, conducting, sources, sources, node=1)
