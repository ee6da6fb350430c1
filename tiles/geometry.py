"""Points, lines and rings cut to a tile with its buffer, as MVT geometry."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tiles import _kernels_cut
from tiles._kernels import put_delta
from tiles.index import LineIndex, PointIndex, TileBox
from tiles.mercator import WORLD
from tiles.mvt import Geometry
from topology.jit import exercise
from twin.geometry import LineStrings

__all__ = ["appended", "cut_lines", "cut_points", "cut_rings", "points_of"]

Longs = NDArray[np.int64]


def cut_points(index: PointIndex, tile: TileBox) -> tuple[Longs, Geometry]:
    """The entries that the tile shows, (n,), and their geometry."""
    entries = index.entries(tile)
    return entries, points_of(index, entries, tile)


def points_of(index: PointIndex, entries: Longs, tile: TileBox) -> Geometry:
    """Geometry of entries that the tile is known to show."""
    wrap = WORLD if tile.zoom >= 2 else 0
    return Geometry(*_kernels_cut.cut_points(index.x, index.y, entries, tile.left, tile.top, tile.shift, wrap))


def cut_lines(index: LineIndex, tile: TileBox) -> tuple[Longs, Geometry]:
    """The same for lines: simplified by less than a tile unit, clipped, in several parts where they come back.

    A line shorter than a unit stays as a segment one unit long. A line over the antimeridian is there once, in parts.
    """
    pieces = [_cut_lines(index, each) for each in (tile, *tile.seams)]
    shown = [piece for piece in pieces if len(piece[0])]
    if len(shown) < 2 and not index.parted:
        return shown[0] if shown else pieces[0]
    return _joined(index, shown)


def _cut_lines(index: LineIndex, tile: TileBox) -> tuple[Longs, Geometry]:
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


def _joined(index: LineIndex, pieces: list[tuple[Longs, Geometry]]) -> tuple[Longs, Geometry]:
    """All of them, the parts of a row in one: ids stay unique in a tile."""
    place: dict[int, int] = {}
    entries: list[int] = []
    parts: list[bytes] = []
    for found, made in pieces:
        for number, entry in enumerate(found.tolist()):
            part = made.data[made.ptr[number] : made.ptr[number + 1]].tobytes()
            here = place.setdefault(int(index.row[entry]), len(parts))
            if here < len(parts):
                parts[here] = appended(parts[here], part)
            else:
                entries.append(entry)
                parts.append(part)
    ptr = np.concatenate([[0], np.cumsum([len(part) for part in parts])]).astype(np.int64)
    return np.array(entries, dtype=np.int64), Geometry(np.frombuffer(b"".join(parts), dtype=np.uint8).copy(), ptr)


def appended(first: bytes, second: bytes) -> bytes:
    """Two MVT geometries in one: the second begins where the first ends."""
    x, y = _end(first)
    at = 1  # behind MoveTo, once
    step_x, at = _unsigned(second, at)
    step_y, at = _unsigned(second, at)
    out = np.empty(20, dtype=np.uint8)
    size = put_delta(out, 0, (step_x >> 1 ^ -(step_x & 1)) - x)
    size = put_delta(out, size, (step_y >> 1 ^ -(step_y & 1)) - y)
    return first + second[:1] + out[:size].tobytes() + second[at:]


def _end(lines: bytes) -> tuple[int, int]:
    """Where the cursor is behind MVT lines."""
    x = y = at = 0
    while at < len(lines):
        command, at = _unsigned(lines, at)
        for _ in range(command >> 3):
            step_x, at = _unsigned(lines, at)
            step_y, at = _unsigned(lines, at)
            x, y = x + (step_x >> 1 ^ -(step_x & 1)), y + (step_y >> 1 ^ -(step_y & 1))
    return x, y


def _unsigned(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at


def cut_rings(
    polygon: Longs,
    offsets: Longs,
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    hole: NDArray[np.uint8] | None = None,
) -> tuple[Longs, Geometry]:
    """Rings in tile units, the last vertex not repeated: the polygons that the tile shows, in order.

    polygon: (rings,), which polygon each ring is of, ascending. offsets: (rings + 1,) into x and y. hole: (rings,), 1
    for an inner ring, which follows its outer one; none where left out. Outer rings come out clockwise on screen, inner
    ones against; those without area are left out.
    """
    if hole is None:
        hole = np.zeros(len(polygon), dtype=np.uint8)
    shown, data, ptr = _kernels_cut.cut_rings(polygon, hole, offsets, x, y)
    return shown, Geometry(data, ptr)


@exercise
def _cut_one() -> None:
    tile = TileBox.of(16, 1 << 15, 1 << 15)
    cut_points(PointIndex.of(np.zeros((1, 2))), tile)
    cut_lines(LineIndex.of(LineStrings.between(np.zeros((1, 2)), np.ones((1, 2)))), tile)
    corners = np.array([0.0, 9.0, 9.0])
    cut_rings(np.zeros(1, dtype=np.int64), np.array([0, 3], dtype=np.int64), corners, corners[::-1].copy())
