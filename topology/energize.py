"""Outage propagation: which phases are alive at each node."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from topology import _kernels_energize
from topology.graph import Graph, small
from topology.jit import exercise
from topology.masks import Ints, Masks, as_ints, as_masks

__all__ = ["Changes", "Energizer", "energize"]


def energize(graph: Graph, conducting: ArrayLike, sources: ArrayLike) -> Masks:
    """Energised phases of every node, (nodes,), exact on any mesh.

    conducting: phases that pass through each branch now, (branches,). sources: phases fed into each node,
    (nodes,). The result never holds N.
    """
    energized = np.empty(graph.node_count, np.uint8)
    _kernels_energize.energize_all(
        graph.parent,
        graph.parent_branch,
        graph.end,
        graph.straight,
        graph.chord,
        graph.chord_ptr,
        graph.chord_end_branch,
        graph.branch_u,
        graph.branch_v,
        as_masks(conducting, graph.branch_count, "conducting"),
        as_masks(sources, graph.node_count, "sources"),
        energized,
        np.empty((graph.node_count >> _kernels_energize.BLOCK) + 1, np.uint8),
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
    """The energised phases of a network that is operated on. One writer at a time.

    Costs three bytes a node and one a branch beside the graph.
    """

    conducting: Masks
    """What each branch conducts now, (branches,). To be changed by `operate` only."""
    energized: Masks
    """Energised phases of each node now, (nodes,), equal to what `energize` gives."""
    sources: Masks
    """Phases fed into each node, (nodes,). Fixed."""

    def __init__(self, graph: Graph, conducting: ArrayLike, sources: ArrayLike) -> None:
        self.graph = graph
        self.conducting = np.array(as_masks(conducting, graph.branch_count, "conducting"))
        self.sources = as_masks(np.array(sources, np.uint8), graph.node_count, "sources")
        self.energized = energize(graph, self.conducting, self.sources)
        ends_in_block = _kernels_energize.count_ends(
            graph.parent,
            graph.parent_branch,
            graph.chord,
            graph.branch_u,
            graph.branch_v,
            self.conducting,
            self.sources,
        )
        self._arrays = (
            graph.straight,
            graph.parent,
            graph.parent_branch,
            graph.end,
            graph.chord_ptr,
            graph.chord_end_branch,
            graph.branch_u,
            graph.branch_v,
            graph.indptr,
            graph.adjacent_node,
            graph.adjacent_branch,
            self.conducting,
            self.sources,
            self.energized,
            self.energized.copy(),
            ends_in_block,
            np.zeros(graph.node_count, np.uint8),
            np.zeros(ends_in_block.size, np.uint8),
        )

    def operate(self, branches: ArrayLike, conducting: ArrayLike) -> Changes:
        """Give branches new conducting masks, as one batch in any order; say which nodes changed.

        branches: each at most once, (operations,). conducting: the new masks, (operations,). Raises
        IndexError for a branch that does not exist, ValueError for one given twice; nothing changes then.
        """
        branches = as_ints(branches)
        masks = as_masks(conducting, branches.size, "conducting")
        wrong, branch = _kernels_energize.check_operations(branches, self.graph.branch_count)
        if wrong == _kernels_energize.NO_SUCH_BRANCH:
            raise IndexError(f"branch {branch} is outside 0 <= branch < {self.graph.branch_count}")
        if wrong == _kernels_energize.GIVEN_TWICE:
            raise ValueError(f"branch {branch} is operated twice in one batch")
        return Changes(*_kernels_energize.operate(branches, masks, *self._arrays))


@exercise
def _exercise() -> None:
    graph = small().graph
    energizer = Energizer(graph, graph.branch_phases, [7, 0, 0, 0, 0])
    for mask in (0, 7):
        for branch in range(graph.branch_count):
            energizer.operate([branch], [mask])
