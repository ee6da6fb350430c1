"""Batches of switching on any network: incremental against whole, brute force and undoing."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse import csgraph

from topology.energize import Changes, Energizer, energize
from topology.graph import Graph

Masks = NDArray[np.uint8]


def brute_force(graph: Graph, conducting: Masks, sources: Masks) -> Masks:
    """Energised phases by connected components, phase by phase."""
    energized = np.zeros(graph.node_count, np.uint8)
    for bit in (1, 2, 4):
        kept = np.flatnonzero(conducting & bit)
        ends = graph.branch_u[kept], graph.branch_v[kept]
        matrix = sparse.coo_array((np.ones(kept.size, np.int8), ends), shape=(graph.node_count,) * 2)
        _, component = csgraph.connected_components(matrix, directed=False)
        alive = np.zeros(component.max() + 1, np.bool_)
        alive[component[sources & bit > 0]] = True
        energized[alive[component]] |= bit
    return energized


def spread(changes: Changes, energized: Masks) -> Masks:
    """What the runs of a change make of the masks before it."""
    after = energized.copy()
    for lo, hi, old, new in zip(changes.lo, changes.hi, changes.before, changes.after, strict=True):
        assert (after[lo:hi] == old).all() and old != new
        after[lo:hi] = new
    return after


def check_batches(
    graph: Graph,
    conducting: Masks,
    sources: Masks,
    groups: Sequence[NDArray[np.int32]],
    count: int,
    brute_every: int,
    seed: int = 1000,
) -> int:
    """So many batches, as many switches of each group in each, on top of up to two others; all are undone again.

    Closed switches are opened and open ones closed. Returns in how many batches some node lost or gained a phase.
    """
    rng = np.random.default_rng(seed)
    energizer = Energizer(graph, conducting, sources)
    undo: list[tuple[NDArray[np.int32], Masks, Masks, Masks, Changes]] = []
    done = changed = checked = 0
    while done < count or undo:
        if done < count and len(undo) < rng.integers(1, 4):
            each = rng.integers(1, 4)
            branches = np.unique(np.concatenate([rng.choice(group, each) for group in groups]))
            before = energizer.conducting.copy(), energizer.energized.copy()
            old = before[0][branches]
            changes = energizer.operate(branches, np.where(old, np.uint8(0), graph.branch_phases[branches]))
            whole = energize(graph, energizer.conducting, sources)
            assert np.array_equal(energizer.energized, whole)
            assert np.array_equal(spread(changes, before[1]), whole)
            if done % brute_every == 0:
                assert np.array_equal(whole, brute_force(graph, energizer.conducting, sources))
                checked += 1
            undo.append((branches, old, *before, changes))
            done += 1
            changed += changes.lo.size > 0
        else:
            branches, old, was_conducting, was_energized, forth = undo.pop()
            back = energizer.operate(branches, old)
            assert np.array_equal(energizer.conducting, was_conducting)
            assert np.array_equal(energizer.energized, was_energized)
            for name, other in (("lo", "lo"), ("hi", "hi"), ("before", "after"), ("after", "before")):
                assert np.array_equal(getattr(back, name), getattr(forth, other))
    assert checked >= count // brute_every
    assert np.array_equal(energizer.conducting, conducting)
    assert np.array_equal(energizer.energized, energize(graph, conducting, sources))
    return changed
