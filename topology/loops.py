"""Loops: bridges, and what hangs on each branch alone."""

from itertools import combinations

import numpy as np
from numpy.typing import ArrayLike

from topology import _kernels_blocks
from topology._search import fed_by_forest
from topology.blocks import grow, phase_groups
from topology.energize import energize
from topology.graph import Graph, small
from topology.jit import exercise
from topology.masks import ABC, Flags, Ints, Longs, Masks, as_masks

__all__ = ["bridges", "exclusive_weight"]


def bridges(graph: Graph, conducting: Masks, phase: int) -> Ints:
    """Branches that lie on no cycle of the branches that conduct `phase` (one bit), ascending.

    Sources play no part here: see `direction` for cycles through them.
    """
    blocks = grow(graph, conducting, np.zeros(graph.node_count, np.uint8), phase, everywhere=True)
    member = blocks.branch_block >= 0
    member[member] = ~blocks.cyclic[blocks.branch_block[member]]
    return np.flatnonzero(member).astype(np.int32)


def exclusive_weight(
    graph: Graph,
    conducting: ArrayLike,
    sources: ArrayLike,
    point_ptr: ArrayLike,
    point_phases: ArrayLike,
    point_weight: ArrayLike,
) -> Longs:
    """Per branch the weight of the points that lose a phase when that branch alone is deleted, (branches,).

    A point (a customer's connection) loses if one of its service phases that is energised no longer is; it
    counts once. point_ptr: points of node `n` are `point_ptr[n] .. point_ptr[n + 1]`, (nodes + 1,);
    point_phases, point_weight: (points,). 0 for branches that do not conduct, are dead or lie on loops.
    """
    conducting = as_masks(conducting, graph.branch_count, "conducting")
    sources = as_masks(sources, graph.node_count, "sources")
    pointer = np.asarray(point_ptr, np.int64)
    if pointer.shape != (graph.node_count + 1,):
        raise ValueError(f"point_ptr has shape {pointer.shape}, expected ({graph.node_count + 1},)")
    weights = np.asarray(point_weight, np.int64)
    phases = as_masks(point_phases, weights.size, "point_phases")
    points = np.repeat(np.arange(graph.node_count, dtype=np.int32), np.diff(pointer))
    if points.size != weights.size:
        raise ValueError(f"point_ptr ends at {points.size}, but there are {weights.size} points")
    live = phases & energize(graph, conducting, sources)[points]
    counted = live > 0
    total = np.zeros(graph.branch_count, np.int64)
    if fed_by_forest(graph, conducting, sources):
        _kernels_blocks.add_along_forest(graph.parent, graph.parent_branch, points[counted], weights[counted], total)
    else:
        _add_along_bridges(graph, conducting, sources, points[counted], live[counted], weights[counted], total)
    return total


def _add_along_bridges(
    graph: Graph, conducting: Masks, sources: Masks, points: Ints, live: Masks, weights: Longs, total: Longs
) -> None:
    """Add the weights phase by phase, and those whose phases hang on different bridges one by one."""
    groups = list(phase_groups(ABC, conducting, sources))
    trees = [grow(graph, conducting, sources, phase) for phase, _ in groups]
    chains = [
        _kernels_blocks.bridge_chains(
            tree.order, tree.up_branch, tree.branch_block, tree.entry, tree.cyclic, graph.branch_u
        )
        for tree in trees
    ]
    has = [live & bits > 0 for _, bits in groups]
    alike: Flags = np.ones(points.size, np.bool_)
    for (one, first), (other, second) in combinations(enumerate(chains), 2):
        same = _kernels_blocks.same_chains(trees[one].order, *first, *second)
        alike &= ~(has[one] & has[other]) | same[points]
    left = alike.copy()
    for tree, chain, present in zip(trees, chains, has, strict=True):
        chosen = left & present
        left &= ~present
        _kernels_blocks.add_along_chains(tree.order, tree.up_branch, *chain, points[chosen], weights[chosen], total)
    apart = ~alike
    if apart.any():
        marks = np.zeros(points.size, np.uint8)
        for group, present in enumerate(has):
            marks |= present.astype(np.uint8) << np.uint8(group)
        firsts, followings = (np.stack(column) for column in zip(*chains, strict=True))
        _kernels_blocks.add_along_union(firsts, followings, points[apart], marks[apart], weights[apart], total)


@exercise
def _exercise() -> None:
    graph = small().graph
    for sources in ([7, 0, 0, 0, 0], [7, 0, 1, 0, 0]):
        exclusive_weight(graph, graph.branch_phases, sources, np.arange(6), [7] * 5, [1] * 5)
