"""Frozen connectivity: CSR, preorder node numbers of the normally-fed forest, branch numbers."""

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import ArrayLike

from topology import _kernels
from topology.jit import exercise
from topology.masks import Ints, Longs, Masks, as_ints, as_masks, check_indices

__all__ = ["Graph", "Numbering", "build", "small", "small_states"]


@dataclass(frozen=True, slots=True, eq=False)
class Graph:
    """A multigraph in node and branch numbers. Every array is read-only.

    Nodes are numbered in depth-first preorder of the normally-fed forest, so the subtree of `n` is
    `range(n, end[n])`; branches are sorted by anchor node, so those of a subtree are one range too.
    """

    branch_u: Ints
    """Node at terminal 1, (branches,)."""
    branch_v: Ints
    """Node at terminal 2, (branches,)."""
    branch_phases: Masks
    """Phases a branch has, (branches,)."""
    parent: Ints
    """Next node towards the root, -1 at a root, (nodes,)."""
    parent_branch: Ints
    """Branch to the parent, -1 at a root, (nodes,)."""
    end: Ints
    """One past the last node of the subtree, (nodes,)."""
    depth: Ints
    """Forest branches between a node and its root, (nodes,)."""
    anchor_ptr: Ints
    """Branches anchored at `n`: `anchor_ptr[n] .. anchor_ptr[n + 1]`, forest branch first, (nodes + 1,)."""
    indptr: Longs
    """Where each node's neighbours start, (nodes + 1,)."""
    adjacent_node: Ints
    """Neighbours in branch order, (2 branches - self-loops,)."""
    adjacent_branch: Ints
    """The branch to each neighbour, (2 branches - self-loops,)."""
    chord: Ints
    """Branches outside the forest, ascending, (chords,)."""
    chord_ptr: Ints
    """Ends of chords at `n`: `chord_ptr[n] .. chord_ptr[n + 1]`, (nodes + 1,)."""
    chord_end_node: Ints
    """Ends of the chords, ascending, a self-loop once, (2 chords - self-loops,)."""
    chord_end_branch: Ints
    """The chord of each end, (2 chords - self-loops,)."""
    straight: Ints
    """First nodes of the runs along which the parent branch grows with the node; ends with nodes, (runs + 1,)."""

    def __post_init__(self) -> None:
        for field in fields(self):
            getattr(self, field.name).flags.writeable = False

    @property
    def node_count(self) -> int:
        return int(self.parent.size)

    @property
    def branch_count(self) -> int:
        return int(self.branch_u.size)


@dataclass(frozen=True, slots=True, eq=False)
class Numbering:
    """A graph, and where the caller's nodes and branches went in it."""

    graph: Graph
    node_number: Ints
    """Caller's node -> number, (nodes,)."""
    branch_number: Ints
    """Caller's branch -> number, (branches,)."""


def build(
    node_count: int,
    u: ArrayLike,
    v: ArrayLike,
    phases: ArrayLike,
    conducting: ArrayLike,
    sources: ArrayLike,
) -> Numbering:
    """Number a network. All arrays are in the caller's order.

    u, v: ends of each branch, (branches,). phases, conducting: its phase mask, and that of the phases that
    are closed in the normal state, (branches,). sources: phase mask of the sources at a node, (nodes,).
    Raises IndexError for an end that is no node, ValueError for arrays of the wrong length.
    """
    if not 0 <= node_count < 2**31:
        raise ValueError(f"node_count is {node_count}, expected 0 <= node_count < 2**31")
    u, v = as_ints(u), as_ints(v)
    check_indices(u, node_count, "node")
    check_indices(v, node_count, "node")
    phases = as_masks(phases, u.size, "phases")
    conducting = as_masks(conducting, u.size, "conducting")
    sources = as_masks(sources, node_count, "sources")
    if v.size != u.size:
        raise ValueError(f"u has {u.size} branches, v has {v.size}")
    order, above, above_branch = _kernels.grow_forest(*_kernels.adjacency(node_count, u, v), conducting, sources)
    node_number, parent, end, depth = _kernels.number_nodes(order, above)
    branch_number, anchor_ptr, branch_u, branch_v, branch_phases = _kernels.number_branches(
        u, v, phases, above_branch, node_number
    )
    parent_branch = np.where(parent < 0, np.int32(-1), anchor_ptr[:-1])
    indptr, adjacent_node, adjacent_branch = _kernels.adjacency(node_count, branch_u, branch_v)
    graph = Graph(
        branch_u,
        branch_v,
        branch_phases,
        parent,
        parent_branch,
        end,
        depth,
        anchor_ptr,
        indptr,
        adjacent_node,
        adjacent_branch,
        *_kernels.chords(parent_branch, anchor_ptr, indptr, adjacent_branch, branch_u, branch_v),
        _kernels.straights(parent, parent_branch),
    )
    return Numbering(graph, node_number, branch_number)


@exercise
def _exercise() -> None:
    small()


def small() -> Numbering:
    """A source, a line, a ring and a tie: what the warm-up runs on."""
    return build(5, [0, 1, 2, 3, 2], [1, 2, 3, 1, 4], [7] * 5, [7, 7, 7, 7, 0], [7, 0, 0, 0, 7])


def small_states() -> list[tuple[Graph, Masks, Masks]]:
    """Its graph with conducting branches and sources: all closed, and radial."""
    graph = small().graph
    sources = np.array([7, 0, 0, 0, 0], np.uint8)
    radial = graph.branch_phases.copy()
    radial[graph.chord] = 0
    return [(graph, graph.branch_phases, sources), (graph, radial, sources)]
