"""Loops: cycle basis, parallel sources, radiality, bridges, and what hangs on each branch alone."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import combinations, pairwise
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from topology import _kernels, _kernels_blocks, _kernels_paths
from topology._search import fed_by_forest
from topology.blocks import grow, phase_groups
from topology.energize import energize
from topology.graph import Graph, small_states
from topology.jit import exercise
from topology.masks import ABC, Flags, Ints, Longs, Masks, as_ints, as_masks
from topology.results import NONE

__all__ = ["Loop", "bridges", "exclusive_weight", "find_loops", "is_radial", "loop_blocks", "source_paths"]


@dataclass(frozen=True, slots=True, eq=False)
class Loop:
    """A cycle of conducting branches, or a path of them between two sources."""

    kind: Literal["loop", "parallel_sources"]
    branches: Ints
    """In order around the cycle, beginning with the one that closes it; or along the path, (branches,)."""
    phases: int
    """Phases in which it is one."""
    sources: Ints
    """The two sources of a path, none of a cycle."""
    block: int
    """Lowest branch of the block that holds a cycle, so that cycles that share equipment share it; else -1."""


def find_loops(graph: Graph, conducting: ArrayLike, sources: ArrayLike) -> list[Loop]:
    """A cycle basis of what conducts, block by block, and a path for each source beyond an island's first.

    Found phase by phase; what is the same in several phases is listed once. A doubled line is a loop of two;
    a self-loop is none. Dead rings are listed too.
    """
    conducting = as_masks(conducting, graph.branch_count, "conducting")
    sources = as_masks(sources, graph.node_count, "sources")
    return _merged(
        (loop, bits)
        for phase, bits in phase_groups(ABC, conducting, sources)
        for loop in (*_cycles(graph, conducting, phase), *_between_sources(graph, conducting, sources, phase))
    )


def source_paths(graph: Graph, conducting: ArrayLike, sources: ArrayLike) -> list[Loop]:
    """Only the paths of `find_loops`, each `parallel_sources`."""
    conducting = as_masks(conducting, graph.branch_count, "conducting")
    sources = as_masks(sources, graph.node_count, "sources")
    return _merged(
        (path, bits)
        for phase, bits in phase_groups(ABC, conducting, sources)
        for path in _between_sources(graph, conducting, sources, phase)
    )


def loop_blocks(graph: Graph, conducting: ArrayLike, merged: ArrayLike) -> list[Ints]:
    """The branches, ascending, of every block that holds a cycle; what is the same in several phases once.

    merged: uint8 (nodes,), phases in which nodes count as one, all of them together. A block with as many branches as
    nodes is one cycle; each further branch is one more.
    """
    conducting = as_masks(conducting, graph.branch_count, "conducting")
    merged = as_masks(merged, graph.node_count, "merged")
    found: dict[bytes, Ints] = {}
    for phase, _ in phase_groups(ABC, conducting, merged):
        blocks = grow(graph, conducting, merged, phase, everywhere=True)
        inside = np.flatnonzero(blocks.branch_block >= 0)
        inside = inside[blocks.cyclic[blocks.branch_block[inside]]]
        order = np.argsort(blocks.branch_block[inside], kind="stable")
        starts = np.flatnonzero(np.diff(blocks.branch_block[inside][order])) + 1
        for branches in np.split(inside[order], starts) if len(inside) else ():
            found[branches.tobytes()] = as_ints(branches)
    return sorted(found.values(), key=lambda branches: branches.tolist())


def _merged(loops: Iterable[tuple[Loop, int]]) -> list[Loop]:
    """The same loop of several phases is one; with each come the phases that it was found for."""
    merged: dict[tuple[str, frozenset[int]], Loop] = {}
    for loop, bits in loops:
        key = loop.kind, frozenset(loop.branches.tolist())
        known = merged.get(key)
        merged[key] = replace(known or loop, phases=bits | (known.phases if known else 0))
    return sorted(merged.values(), key=lambda loop: (loop.kind, loop.block, sorted(loop.branches.tolist())))


def is_radial(graph: Graph, conducting: ArrayLike, sources: ArrayLike) -> bool:
    """Whether no phase has a cycle or an island with two sources."""
    conducting = as_masks(conducting, graph.branch_count, "conducting")
    sources = as_masks(sources, graph.node_count, "sources")
    return not any(
        _forest(graph, conducting, sources, phase)[3].size for phase, _ in phase_groups(ABC, conducting, sources)
    )


def _forest(graph: Graph, conducting: Masks, sources: Masks, phase: int) -> tuple[Ints, Ints, Ints, Ints]:
    """Breadth-first forest of one phase: order, parent, parent branch, and the branches that close cycles."""
    passing = as_masks(conducting & np.uint8(phase), graph.branch_count, "conducting")
    order, parent, parent_branch = _kernels.grow_forest(
        graph.indptr,
        graph.adjacent_node,
        graph.adjacent_branch,
        passing,
        as_masks(sources & np.uint8(phase), graph.node_count, "sources"),
    )
    closes = (passing > 0) & (graph.branch_u != graph.branch_v)
    closes[parent_branch[parent_branch >= 0]] = False
    return order, parent, parent_branch, np.flatnonzero(closes).astype(np.int32)


def _cycles(graph: Graph, conducting: Masks, phase: int) -> Iterator[Loop]:
    nowhere = np.zeros(graph.node_count, np.uint8)
    order, parent, parent_branch, closing = _forest(graph, conducting, nowhere, phase)
    pointer, around = _kernels_paths.cycles(order, parent, parent_branch, graph.branch_u, graph.branch_v, closing)
    if closing.size == 0:
        return
    branch_block = grow(graph, conducting, nowhere, phase, everywhere=True).branch_block
    lowest = np.full(graph.branch_count, graph.branch_count, np.int64)
    member = np.flatnonzero(branch_block >= 0)
    np.minimum.at(lowest, branch_block[member], member)
    for start, stop in pairwise(pointer.tolist()):
        branches = around[start:stop]
        yield Loop("loop", branches, phase, NONE, int(lowest[branch_block[branches[0]]]))


def _between_sources(graph: Graph, conducting: Masks, sources: Masks, phase: int) -> Iterator[Loop]:
    """Paths that join the trees of two sources, the shortest first, until none joins anything new."""
    order, parent, parent_branch, closing = _forest(graph, conducting, sources, phase)
    root, depth = _kernels_paths.roots(order, parent)
    u, v = graph.branch_u[closing], graph.branch_v[closing]
    joins = (root[u] != root[v]) & (sources[root[u]] & sources[root[v]] & phase > 0)
    closing, u, v = closing[joins], u[joins], v[joins]
    island = {int(node): int(node) for node in np.unique(np.concatenate((root[u], root[v])))}

    def first(node: int) -> int:
        while island[node] != node:
            node = island[node]
        return node

    for i in np.lexsort((closing, depth[u] + depth[v])).tolist():
        one, other = first(int(root[u[i]])), first(int(root[v[i]]))
        if one == other:
            continue
        island[max(one, other)] = min(one, other)
        ends = []
        for node in (int(u[i]), int(v[i])):
            way = []
            while parent[node] >= 0:
                way.append(int(parent_branch[node]))
                node = int(parent[node])
            ends.append((node, way))
        (a, to_a), (b, to_b) = sorted(ends)
        branches = as_ints([*reversed(to_a), int(closing[i]), *to_b])
        yield Loop("parallel_sources", branches, phase, as_ints([a, b]), -1)


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
    for graph, conducting, sources in small_states():
        for fed in (sources, np.array([7, 0, 1, 0, 0], np.uint8)):
            find_loops(graph, conducting, fed)
            loop_blocks(graph, conducting, fed)
            exclusive_weight(graph, conducting, fed, np.arange(6), [7] * 5, [1] * 5)
