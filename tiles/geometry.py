"""Points, lines and rings cut to a tile with its buffer, as MVT geometry."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tiles import _kernels_cut
from tiles.index import LineIndex, PointIndex, TileBox
from tiles.mvt import Geometry
from topology.jit import exercise
from twin.geometry import LineStrings

__all__ = ["cut_lines", "cut_points", "cut_rings", "points_of"]

Longs = NDArray[np.int64]


def cut_points(index: PointIndex, tile: TileBox) -> tuple[Longs, Geometry]:
    """The entries that the tile shows, (n,), and their geometry."""
    entries = index.entries(tile)
    return entries, points_of(index, entries, tile)


def points_of(index: PointIndex, entries: Longs, tile: TileBox) -> Geometry:
    """Geometry of entries that the tile is known to show."""
    return Geometry(*_kernels_cut.cut_points(index.x, index.y, entries, tile.left, tile.top, tile.shift))


def cut_lines(index: LineIndex, tile: TileBox) -> tuple[Longs, Geometry]:
    """The same for lines: simplified by less than a tile unit, clipped, in several parts where they come back.

    A line shorter than a unit stays as a segment one unit long.
    """
    entries, data, ptr = _kernels_cut.cut_lines(
        index.offsets,
        index.x,
        index.y,
        index.first_zoom,
        index.entries(tile),
        tile.left,
        tile.top,
        tile.shift,
        tile.zoom,
    )
    return entries, Geometry(data, ptr)


def cut_rings(polygon: Longs, offsets: Longs, x: NDArray[np.float64], y: NDArray[np.float64]) -> tuple[Longs, Geometry]:
    """Outer rings in tile units, the last vertex not repeated: the polygons that the tile shows, in order.

    polygon: (rings,), which polygon each ring is of, ascending. offsets: (rings + 1,) into x and y. Rings come out
    clockwise on screen; those without area are left out.
    """
    shown, data, ptr = _kernels_cut.cut_rings(polygon, offsets, x, y)
    return shown, Geometry(data, ptr)


@exercise
def _cut_one() -> None:
    tile = TileBox.of(16, 1 << 15, 1 << 15)
    cut_points(PointIndex.of(np.zeros((1, 2))), tile)
    cut_lines(LineIndex.of(LineStrings.between(np.zeros((1, 2)), np.ones((1, 2)))), tile)
    corners = np.array([0.0, 9.0, 9.0])
    cut_rings(np.zeros(1, dtype=np.int64), np.array([0, 3], dtype=np.int64), corners, corners[::-1].copy())
