"""Biconnected blocks of the branches that conduct, one phase at a time, rooted at the merged sources."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from topology import _kernels_blocks, _kernels_forest_blocks
from topology.graph import Graph, small
from topology.jit import exercise
from topology.masks import ABC, Flags, Ints, Masks, Signs, as_masks

__all__ = ["Blocks", "direction", "grow", "phase_groups"]


@dataclass(frozen=True, slots=True, eq=False)
class Blocks:
    """A block-cut tree. A block is numbered after the blocks below it."""

    branch_block: Ints
    """Block of each branch, -1 where not reached and for self-loops, (branches,)."""
    node_block: Ints
    """Block that joins each node to its root, -1 at roots and where not reached, (nodes,)."""
    up_branch: Ints
    """Depth-first branch towards the root, -1 at roots and where not reached, (nodes,)."""
    order: Ints
    """Reached nodes, each after its depth-first parent, (reached,)."""
    entry: Ints
    """Node through which each block is entered, -1 for the merged sources, (blocks,)."""
    cyclic: Flags
    """Whether each block holds a cycle; the others are one bridge each, (blocks,)."""


def grow(graph: Graph, conducting: Masks, sources: Masks, phase: int, everywhere: bool = False) -> Blocks:
    """The blocks that one phase (a single bit) reaches from its sources, or all of them with `everywhere`."""
    blocks = None if everywhere else _along_forest(graph, conducting, sources, phase)
    return blocks or Blocks(
        *_kernels_blocks.grow_blocks(
            graph.indptr,
            graph.adjacent_node,
            graph.adjacent_branch,
            graph.branch_u,
            graph.branch_v,
            as_masks(conducting, graph.branch_count, "conducting"),
            as_masks(sources, graph.node_count, "sources"),
            phase,
            everywhere,
        )
    )


def _along_forest(graph: Graph, conducting: Masks, sources: Masks, phase: int) -> Blocks | None:
    """The same in half the time; None where chords reach what the forest does not, or a source lies below a root."""
    conducting = as_masks(conducting, graph.branch_count, "conducting")
    sources = as_masks(sources, graph.node_count, "sources")
    chords = (graph.chord, graph.branch_u, graph.branch_v, conducting)
    whole, reached = _kernels_forest_blocks.spanned(graph.parent, graph.parent_branch, *chords, sources, phase)
    if not whole:
        return None
    first = _kernels_forest_blocks.join_branches(reached, graph.parent, graph.end, *chords, phase)
    return Blocks(
        *_kernels_forest_blocks.forest_blocks(first, reached, graph.parent, graph.parent_branch, *chords, phase)
    )


def phase_groups(phases: int, *masks: Masks) -> Iterator[tuple[int, int]]:
    """Phases that all the masks treat alike are searched once: yields (the lowest of a group, all its bits)."""
    left = phases & ABC
    while left:
        phase = left & -left
        group = phase
        for other in (2, 4):
            if other > phase and left & other and alike(phase | other, masks):
                group |= other
        yield phase, group
        left &= ~group


def alike(both: int, masks: Iterable[Masks]) -> bool:
    """Whether every mask has both phases, or neither."""
    return all(bool(((mask & both == 0) | (mask & both == both)).all()) for mask in masks)


def direction(graph: Graph, conducting: Masks, sources: Masks, phases: int = ABC) -> Signs:
    """Where power can come from in each branch, per phase A, B, C: (branches, 3).

    0 none, 1 from u to v, 2 from v to u, 3 both: the branch lies on a cycle with the merged sources.
    """
    result = np.zeros((graph.branch_count, 3), np.int8)
    column = np.empty(graph.branch_count, np.int8)
    for phase, group in phase_groups(phases, conducting, sources):
        blocks = grow(graph, conducting, sources, phase)
        _kernels_blocks.branch_directions(
            blocks.branch_block, blocks.up_branch, blocks.cyclic, graph.branch_u, graph.branch_v, column
        )
        for bit in range(3):
            if group >> bit & 1:
                result[:, bit] = column
    return result


@exercise
def _exercise() -> None:
    graph = small().graph
    for sources in ([7, 0, 0, 0, 0], [7, 0, 1, 0, 0]):
        direction(graph, graph.branch_phases, np.array(sources, np.uint8))
