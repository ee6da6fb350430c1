"""The streets of a made-up town: intersections and the street segments between them, in metres."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from topology.graph import build
from topology.islands import islands
from twin.phases import ABC

BLOCK_M = 110.0
JITTER = 0.16
"""Of intersections, as a share of a block."""

STRETCH = 0.55
"""By how much more blocks are long at the outskirts than in the middle."""

PER_CENTRE = 20_000
"""Intersections for each centre of a town beyond the first."""

BRIDGE_EVERY = 7
"""Of streets that a river meets, every so many cross it."""

SMALL = 60
"""Intersections below which a town has neither river nor parks."""


@dataclass(frozen=True, slots=True, eq=False)
class Streets:
    """xy: float64 (intersections, 2), metres. u, v: int32 (segments,), intersections at either end. along: bool
    (segments,), from west to east rather than from south to north. density: float64 (intersections,), of people."""

    xy: NDArray[np.float64]
    u: NDArray[np.int32]
    v: NDArray[np.int32]
    along: NDArray[np.bool_]
    density: NDArray[np.float64]

    @property
    def length_m(self) -> NDArray[np.float64]:
        """float64 (segments,)."""
        return np.hypot(*(self.xy[self.u] - self.xy[self.v]).T)


def streets(intersections: int, rng: np.random.Generator) -> Streets:
    """A town of about so many intersections, all of which hang together.

    A grid of blocks, bent and stretched, within an outline that is none of a compass; fewer streets where fewer people
    live; a river with a few bridges; parks.
    """
    side = max(3, round(np.sqrt(intersections * 1.62)))
    column, row = (axis.ravel() for axis in np.meshgrid(np.arange(side), np.arange(side), indexing="ij"))
    flat = (np.stack([column, row], axis=1) - (side - 1) / 2) / (side / 2)  # -1 … 1
    angle, distance = np.arctan2(flat[:, 1], flat[:, 0]), np.hypot(*flat.T)
    density = _density(flat, max(1, round(intersections / PER_CENTRE)), rng)
    grid = np.arange(side * side).reshape(side, side)
    u = np.concatenate([grid[:-1].ravel(), grid[:, :-1].ravel()])
    v = np.concatenate([grid[1:].ravel(), grid[:, 1:].ravel()])
    along = np.arange(len(u)) < side * (side - 1)
    inside = np.ones(len(flat), dtype=np.bool_)
    kept = np.ones(len(u), dtype=np.bool_)
    if intersections >= SMALL:
        inside = distance < _outline(angle, rng)
        inside &= ~_parks(flat, intersections, rng)
        kept = rng.random(len(u)) < 0.78 + 0.2 * np.minimum(density[u], 1)
        kept &= ~_river(flat, u, v, rng)
    kept &= inside[u] & inside[v]
    jitter = rng.uniform(-JITTER, JITTER, flat.shape)
    xy = (flat * (side / 2) + jitter) * BLOCK_M * (1 + STRETCH * distance**2)[:, None]
    xy += _bend(flat, rng) * BLOCK_M
    return _largest(Streets(xy, u[kept].astype(np.int32), v[kept].astype(np.int32), along[kept], density))


def _density(flat: NDArray[np.float64], centres: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """0.25 at the outskirts to about 1 in a centre."""
    found = np.zeros(len(flat))
    for at in range(min(centres, 200)):
        middle = np.zeros(2) if at == 0 else rng.uniform(-0.85, 0.85, 2)
        width = (0.45 if centres == 1 else 0.5 / np.sqrt(centres)) * rng.uniform(0.7, 1.3)
        found = np.maximum(found, np.exp(-(((flat - middle) ** 2).sum(axis=1)) / (2 * width**2)))
    return 0.25 + 0.75 * found


def _outline(angle: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    """How far the town reaches in each direction, 1 at the edge of the grid."""
    reach = np.full(len(angle), 0.93)
    for wave in (2, 3, 5, 8):
        reach += rng.uniform(-0.055, 0.055) * np.sin(wave * angle + rng.uniform(0, 2 * np.pi))
    return reach


def _parks(flat: NDArray[np.float64], intersections: int, rng: np.random.Generator) -> NDArray[np.bool_]:
    inside = np.zeros(len(flat), dtype=np.bool_)
    block = 2 / np.sqrt(len(flat))
    for _ in range(min(3 + intersections // 400, 150)):
        middle = rng.uniform(-0.8, 0.8, 2)
        half = rng.uniform(1.0, 2.8, 2) * block
        inside |= (np.abs(flat - middle) < half).all(axis=1)
    return inside


def _river(
    flat: NDArray[np.float64], u: NDArray[np.int64], v: NDArray[np.int64], rng: np.random.Generator
) -> NDArray[np.bool_]:
    """Segments that would cross the river, but for the bridges."""
    shift, waves, phase = rng.uniform(-0.45, 0.45), rng.uniform(1.5, 3.5), rng.uniform(0, 6)
    bank = flat[:, 1] - shift - 0.14 * np.sin(waves * flat[:, 0] + phase)
    crossing = np.flatnonzero((bank[u] > 0) != (bank[v] > 0))
    cut = np.zeros(len(u), dtype=np.bool_)
    order = crossing[np.argsort(flat[u[crossing], 0], kind="stable")]
    cut[order] = np.arange(len(order)) % BRIDGE_EVERY != BRIDGE_EVERY // 2
    return cut


def _bend(flat: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    """Smooth shifts in blocks, so that streets are not quite straight."""
    size = min(3.0, np.sqrt(len(flat)) / 30)
    bends = [
        np.sin(rng.uniform(2, 4) * flat[:, 1 - axis] + rng.uniform(0, 6)) * size
        + np.sin(rng.uniform(5, 9) * flat[:, axis] + rng.uniform(0, 6)) * size / 4
        for axis in (0, 1)
    ]
    return np.stack(bends, axis=1)


def _largest(whole: Streets) -> Streets:
    """The largest part that hangs together, numbered anew."""
    count = len(whole.xy)
    full = np.full(len(whole.u), ABC, dtype=np.uint8)
    numbering = build(count, whole.u, whole.v, full, full, np.zeros(count, dtype=np.uint8))
    island = islands(numbering.graph, full)[numbering.node_number]
    chosen = island == np.bincount(island, minlength=count).argmax()
    number = np.cumsum(chosen, dtype=np.int32) - 1
    kept = chosen[whole.u]
    return Streets(
        whole.xy[chosen],
        number[whole.u[kept]].astype(np.int32),
        number[whole.v[kept]].astype(np.int32),
        whole.along[kept],
        whole.density[chosen],
    )
