"""What a tile leaves out when zoomed out so far that everything would be too much: the least important first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["COMPRESSED_LIMIT", "Part", "fit"]

COMPRESSED_LIMIT = 500_000
"""Bytes of a compressed tile that stays complete only as far as this allows."""

Longs = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """A layer's features in a tile.

    priority: uint8 (n,), 0 the most important. size: int64 (n,), extent
    of each, so that of lines of one priority the longest stay; points are thinned evenly. feature_bytes: what one
    adds to the compressed tile, about.
    """

    priority: NDArray[np.uint8]
    size: Longs | None
    feature_bytes: float


def fit(parts: Sequence[Part], room: float) -> list[Longs]:
    """Which features of each part stay within about `room` bytes, int64, ascending; always the same for the same."""
    kept: list[list[NDArray[np.bool_]]] = [[] for _ in parts]
    top = max((int(part.priority.max()) for part in parts if len(part.priority)), default=0)
    for priority in range(top + 1):
        here = [part.priority == priority for part in parts]
        needed = sum(np.count_nonzero(mask) * part.feature_bytes for mask, part in zip(here, parts, strict=True))
        share = 1.0 if needed <= room else max(room, 0.0) / needed
        for position, (mask, part) in enumerate(zip(here, parts, strict=True)):
            kept[position].append(mask if share == 1 else _thinned(mask, part.size, share))
        room = 0.0 if share < 1 else room - needed
    return [np.flatnonzero(np.logical_or.reduce(masks)) for masks in kept]


def _thinned(mask: NDArray[np.bool_], size: Longs | None, share: float) -> NDArray[np.bool_]:
    """A share of what the mask holds: the largest, or else every so many-th, which is even in Morton order."""
    candidates = np.flatnonzero(mask)
    count = int(len(candidates) * share)
    thinned = np.zeros_like(mask)
    if count == 0:
        return thinned
    if size is None:
        thinned[candidates[np.arange(count) * len(candidates) // count]] = True
        return thinned
    sizes = size[candidates]
    least = np.partition(sizes, len(sizes) - count)[len(sizes) - count]
    larger = sizes > least
    thinned[candidates[larger]] = True
    thinned[candidates[sizes == least][: count - int(np.count_nonzero(larger))]] = True
    return thinned
