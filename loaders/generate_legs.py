"""Where the lines of each feeder run and what hangs on them: legs along streets, transformers, phases, devices, ties.

A leg is a street that a feeder follows from one intersection to the next, or a spur into a street that it does not
follow: the half of it that is nearer. Two spurs of different feeders in one street can be tied where they nearly meet.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from loaders.generate_territory import Territory
from twin.phases import ABC

SMALLEST, LARGEST = 4, 12
"""Customers of a transformer."""

TRUNK_SHARE = 0.12
"""Of a feeder's customers, behind a street that belongs to its trunk."""

THREE_PHASE = 60
"""Customers from which a lateral has three phases."""

SECTIONS = 4
"""Into which switches cut a trunk, by customers."""

NO_DEVICE, FUSE, LOAD_BREAK, RECLOSER = range(4)


@dataclass(frozen=True, slots=True, eq=False)
class Legs:
    """All by leg, but the last three by transformer, ordered by leg and along it.

    start: int32, the intersection where it begins. end: int32, where it ends, -1 for a spur and where nothing follows.
    xy0, xy1: float64 (legs, 2), its ends in metres. phases: uint8. trunk: bool. device: uint8, at its beginning. tie:
    int32, the number of the tie at its end, -1 for none. transformers: int32, how many. below: int64, customers on it
    and beyond. of: int32 (transformers,), the leg of each. along: float64 (transformers,), 0 … 1. customers: int32.
    used: bool (intersections,), whether a feeder gets there at all.
    """

    start: NDArray[np.int32]
    end: NDArray[np.int32]
    xy0: NDArray[np.float64]
    xy1: NDArray[np.float64]
    phases: NDArray[np.uint8]
    trunk: NDArray[np.bool_]
    device: NDArray[np.uint8]
    tie: NDArray[np.int32]
    transformers: NDArray[np.int32]
    below: NDArray[np.int64]
    used: NDArray[np.bool_]
    of: NDArray[np.int32]
    along: NDArray[np.float64]
    customers: NDArray[np.int32]


def transformer_sizes(meters: int, rng: np.random.Generator) -> NDArray[np.int32]:
    """Customers of each transformer, 4 to 12, their sum exactly so many meters."""
    count = max(1, round(meters / 8))
    sizes = rng.integers(SMALLEST, LARGEST + 1, count, dtype=np.int32)
    while (missing := meters - int(sizes.sum())) != 0:
        step = 1 if missing > 0 else -1
        free = np.flatnonzero(sizes < LARGEST if step > 0 else sizes > SMALLEST)
        sizes[rng.permutation(free)[: abs(missing)]] += step
    return sizes


def legs(area: Territory, meters: int, rng: np.random.Generator) -> Legs:
    """Every leg that leads to a customer or a tie."""
    graph = area.graph
    count = graph.node_count
    chord_u, chord_v = graph.branch_u[graph.chord], graph.branch_v[graph.chord]
    child = np.flatnonzero(graph.parent >= 0).astype(np.int32)
    middle = (area.xy[chord_u] + area.xy[chord_v]) / 2
    start = np.concatenate([graph.parent[child], chord_u, chord_v])
    end = np.concatenate([child, np.full(2 * len(chord_u), -1, dtype=np.int32)])
    xy0 = area.xy[start]
    xy1 = np.concatenate([area.xy[child], middle, middle])
    sizes = transformer_sizes(meters, rng)
    weight = np.hypot(*(xy1 - xy0).T) * area.density[start]
    transformers = rng.multinomial(len(sizes), weight / weight.sum())
    of = np.repeat(np.arange(len(start), dtype=np.int32), transformers)
    on_leg = np.bincount(of, sizes, len(start)).astype(np.int64)

    node_of = np.where(end >= 0, end, start)  # a leg counts where it ends, a spur where it begins
    below = _subtree(graph.end, np.bincount(node_of, on_leg, count).astype(np.int64))
    tie_chord = _ties(area, chord_u, chord_v, rng)
    ends_of_ties = np.concatenate([chord_u[tie_chord], chord_v[tie_chord]])
    to_tie = _subtree(graph.end, np.bincount(ends_of_ties, minlength=count).astype(np.int64)) > 0
    whole = below[area.root][area.feeder]
    root = graph.parent < 0
    used = root | (below > 0) | to_tie
    trunk = root | to_tie | (below >= np.maximum(TRUNK_SHARE * whole, THREE_PHASE))

    tie = np.full(len(start), -1, dtype=np.int32)
    for side in (0, 1):
        tie[len(child) + side * len(chord_u) + tie_chord] = np.arange(len(tie_chord))
    spur = end < 0
    on_trunk = np.where(spur, tie >= 0, trunk[node_of])
    tapped = trunk[start] & ~on_trunk
    phases = _phases(graph.end, trunk, child, tapped, below, len(start), rng)
    phases = np.where(on_trunk, ABC, np.where(spur & ~tapped, phases[:count][start], phases[count:]))
    device = np.where(tapped, FUSE, NO_DEVICE)
    cut = ~spur & on_trunk & (graph.parent[start] >= 0)
    device[cut] = _sections(below[start[cut]], below[end[cut]], whole[start[cut]])
    kept = np.where(spur, (transformers > 0) | (tie >= 0), used[node_of])
    leads_on = np.zeros(count, dtype=np.bool_)
    leads_on[start[kept]] = True
    end = np.where(spur | leads_on[node_of], end, -1)  # what leads nowhere else ends at its last transformer
    number = np.cumsum(kept, dtype=np.int32) - 1
    along = _along(of, transformers, spur | (tie >= 0), rng)
    return Legs(
        start[kept],
        end[kept],
        xy0[kept],
        xy1[kept],
        phases[kept].astype(np.uint8),
        on_trunk[kept],
        device[kept].astype(np.uint8),
        tie[kept],
        transformers[kept].astype(np.int32),
        np.where(spur, on_leg, below[node_of])[kept],
        used & (root | leads_on),
        number[of],
        along,
        sizes,
    )


def _subtree(end: NDArray[np.int32], own: NDArray[np.int64]) -> NDArray[np.int64]:
    """Sums over subtrees of nodes in preorder."""
    sums = np.concatenate([[0], np.cumsum(own)])
    return sums[end] - sums[:-1]


def _ties(area: Territory, u: NDArray[np.int32], v: NDArray[np.int32], rng: np.random.Generator) -> NDArray[np.intp]:
    """One street for each two feeders that meet: where both are furthest from their beginnings."""
    a, b = area.feeder[u], area.feeder[v]
    between = np.flatnonzero(a != b)
    low, high = np.minimum(a, b)[between], np.maximum(a, b)[between]
    far = np.minimum(area.graph.depth[u], area.graph.depth[v])[between] + rng.random(len(between))
    order = np.lexsort((far, high, low))
    last = np.ones(len(order), dtype=np.bool_)
    last[:-1] = (np.diff(low[order]) != 0) | (np.diff(high[order]) != 0)
    return between[order[last]]


def _phases(
    end: NDArray[np.int32],
    trunk: NDArray[np.bool_],
    child: NDArray[np.int32],
    tapped: NDArray[np.bool_],
    below: NDArray[np.int64],
    leg_count: int,
    rng: np.random.Generator,
) -> NDArray[np.int64]:
    """int64 (intersections + legs,): phases of laterals where they have come, then those that each leg would begin.

    Subtrees of laterals do not overlap, so each paints its interval of preorder numbers.
    """
    own = 1 << rng.integers(0, 3, leg_count)
    large = np.zeros(leg_count, dtype=np.bool_)
    large[: len(child)] = below[child] >= THREE_PHASE
    own = np.where(large, ABC, own)
    first = np.flatnonzero(tapped[: len(child)])
    paint = np.zeros(len(trunk) + 1, dtype=np.int64)
    np.add.at(paint, child[first], own[first])
    np.add.at(paint, end[child[first]], -own[first])
    painted = np.cumsum(paint)[:-1]
    own[: len(child)] = painted[child]
    return np.concatenate([painted, own])


def _sections(above: NDArray[np.int64], below: NDArray[np.int64], whole: NDArray[np.int64]) -> NDArray[np.uint8]:
    """A switch where the customers behind fall below another quarter of the feeder's; a recloser at the half."""
    from_section, to_section = (
        np.minimum(count * SECTIONS // np.maximum(whole, 1), SECTIONS - 1) for count in (above, below)
    )
    half = (from_section >= SECTIONS // 2) & (to_section < SECTIONS // 2)
    return np.where(half, RECLOSER, np.where(from_section > to_section, LOAD_BREAK, NO_DEVICE)).astype(np.uint8)


def _along(
    of: NDArray[np.int32], transformers: NDArray[np.int64], open_end: NDArray[np.bool_], rng: np.random.Generator
) -> NDArray[np.float64]:
    """0 … 1 (transformers,): evenly along the leg but for a little; a spur does not reach its very end."""
    first = np.cumsum(transformers) - transformers
    nth = np.arange(len(of)) - first[of]
    even = (nth + rng.uniform(0.35, 0.65, len(of))) / transformers[of]
    return 0.06 + even * np.where(open_end[of], 0.82, 0.88)
