"""PMTiles' numbering of tiles: zoom after zoom, each in the order of a Hilbert curve."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["tile_to_id"]

Longs = NDArray[np.int64]


def tile_to_id(z: int, x: ArrayLike, y: ArrayLike) -> Longs:
    """Numbers of tiles of one zoom, by column and row."""
    x, y = np.array(x, dtype=np.int64), np.array(y, dtype=np.int64)
    found = np.full(x.shape, ((1 << (2 * z)) - 1) // 3, dtype=np.int64)
    for bit in range(z - 1, -1, -1):
        side = np.int64(1 << bit)
        right, lower = x & side, y & side
        found += ((3 * right) ^ lower) << bit
        x, y = _turned(side, x, y, right, lower)
    return found


def _turned(side: np.int64, x: Longs, y: Longs, right: Longs, lower: Longs) -> tuple[Longs, Longs]:
    """The quarter's own axes: the upper two are mirrored along their diagonals."""
    flipped = (lower == 0) & (right != 0)
    x, y = np.where(flipped, side - 1 - x, x), np.where(flipped, side - 1 - y, y)
    upper = lower == 0
    return np.where(upper, y, x), np.where(upper, x, y)
