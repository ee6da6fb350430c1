"""Outage propagation: which phases are alive at each node."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from topology import _kernels
from topology.graph import Graph, small
from topology.jit import exercise
from topology.masks import Ints, Masks, as_ints, as_masks, check_indices

__all__ = ["Changes", "Energizer", "energize"]


def energize(graph: Graph, conducting: ArrayLike, sources: ArrayLike) -> Masks:
    """Energised phases of every node, (nodes,), exact on any mesh.

    conducting: phases that pass through each branch now, (branches,). sources: phases fed into each node,
    (nodes,). The result never holds N.
    """
    energized = np.empty(graph.node_count, np.uint8)
    _kernels.energize_all(
        graph.parent,
        graph.parent_branch,
        graph.chord,
        graph.branch_u,
        graph.branch_v,
        graph.indptr,
        graph.adjacent_node,
        graph.adjacent_branch,
        as_masks(conducting, graph.branch_count, "conducting"),
        as_masks(sources, graph.node_count, "sources"),
        energized,
    )
    return energized


@dataclass(frozen=True, slots=True, eq=False)
class Changes:
    """What an operation changed: ascending maximal runs of nodes alike before and alike after."""

    lo: Ints
    """First node of each run, (runs,)."""
    hi: Ints
    """One past its last node, (runs,)."""
    before: Masks
    """Energised phases before, (runs,)."""
    after: Masks
    """Energised phases after, never equal to `before`, (runs,)."""


class Energizer:
    """The energised phases of a network that is operated on. One writer at a time."""

    def __init__(self, graph: Graph, conducting: ArrayLike, sources: ArrayLike) -> None:
        self.graph = graph
        self.conducting = np.array(as_masks(conducting, graph.branch_count, "conducting"))
        self.sources = np.array(as_masks(sources, graph.node_count, "sources"))
        self.energized = energize(graph, conducting, sources)

    def operate(self, branches: ArrayLike, conducting: ArrayLike) -> Changes:
        """Give branches new conducting masks, as one batch in any order; say which nodes changed.

        branches: each at most once, (operations,). conducting: the new masks, (operations,).
        """
        branches = as_ints(branches)
        check_indices(branches, self.graph.branch_count, "branch")
        before = self.energized
        self.conducting[branches] = as_masks(conducting, branches.size, "conducting")
        self.energized = energize(self.graph, self.conducting, self.sources)
        return compare(before, self.energized)


def compare(before: Masks, after: Masks) -> Changes:
    """The runs of nodes whose energised phases differ."""
    key = before.astype(np.uint16) << 8 | after
    starts = np.flatnonzero(np.concatenate(([True], key[1:] != key[:-1]))) if key.size else np.empty(0, int)
    ends = np.append(starts[1:], key.size)
    changed = before[starts] != after[starts]
    lo, hi = starts[changed].astype(np.int32), ends[changed].astype(np.int32)
    return Changes(lo, hi, before[lo], after[lo])


@exercise
def _exercise() -> None:
    graph = small().graph
    energizer = Energizer(graph, graph.branch_phases, [7, 0, 0, 0, 0])
    energizer.operate([0], [0])
    energizer.operate([0, 1], [7, 1])
