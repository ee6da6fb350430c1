"""Rows of a layer in Morton order, and which of them a tile holds: exact, buffer included."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from tiles import _kernels, _kernels_cut
from tiles._kernels import BUFFER, EXTENT
from tiles.mercator import MAX_ZOOM, WORLD, WORLD_BITS, lnglat_to_unit, lnglat_to_world, unit_to_world
from topology.jit import exercise
from twin.geometry import LineStrings

__all__ = ["EXTENT_BITS", "LENGTH_CUTS_M", "LineIndex", "PointIndex", "TileBox"]

EXTENT_BITS = 12
LENGTH_CUTS_M = (512.0,)
"""Lines are searched in classes of half extent, cut here (at the equator), so that few long ones widen few searches."""

Ints = NDArray[np.int32]
Longs = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class TileBox:
    """A tile in world units: its corner, log2 of its unit, and the box that it shows with its buffer (inclusive)."""

    zoom: int
    left: int
    top: int
    shift: int

    @classmethod
    def of(cls, z: int, x: int, y: int) -> TileBox:
        """The box of a tile address."""
        bits = WORLD_BITS - z
        return cls(z, x << bits, y << bits, bits - EXTENT_BITS)

    @property
    def bits(self) -> int:
        """log2 of its side."""
        return self.shift + EXTENT_BITS

    @property
    def seams(self) -> list[TileBox]:
        """The same tile a world further, on the sides where its buffer reaches over the antimeridian."""
        if self.zoom < 2:
            return []
        left, _, right, _ = self.box
        east = [replace(self, left=self.left + WORLD)] if left < 0 else []
        return east + ([replace(self, left=self.left - WORLD)] if right >= WORLD else [])

    @property
    def box(self) -> tuple[int, int, int, int]:
        """left, top, right, bottom with the buffer; all four inclusive."""
        low, high = BUFFER << self.shift, (EXTENT + BUFFER) << self.shift
        return self.left - low, self.top - low, self.left + high, self.top + high


@dataclass(frozen=True, slots=True, eq=False)
class PointIndex:
    """Placed points in Morton order: row of the layer, and place in world units, each int32 (entries,)."""

    row: Ints
    x: Ints
    y: Ints

    @classmethod
    def of(cls, lnglat: Floats) -> PointIndex:
        """From float64 (rows, 2) in degrees; rows that are not a number are left out."""
        rows = np.flatnonzero(~np.isnan(lnglat).any(axis=1))
        x, y = lnglat_to_world(lnglat[rows, 0], lnglat[rows, 1])
        order = np.argsort(_kernels.morton_codes(x, y), kind="stable")
        return cls(rows[order].astype(np.int32), x[order], y[order])

    def __len__(self) -> int:
        return len(self.row)

    def entries(self, tile: TileBox) -> Longs:
        """The entries that the tile and its buffer hold."""
        own = _kernels.points_in_box(self.x, self.y, *tile.box)
        seams = tile.seams
        if not seams:
            return own
        return np.concatenate([own, *(_kernels.points_in_box(self.x, self.y, *seam.box) for seam in seams)])

    def about(self, tile: TileBox) -> int:
        """How many entries the tile holds, without its buffer; takes microseconds."""
        return _kernels.count_in_cell(self.x, self.y, 0, len(self), tile.left, tile.top, tile.bits)

    def within(self, box: tuple[int, int, int, int], move_x: int = 0) -> Longs:
        """The entries in a box in world units, inclusive, moved by `move_x`."""
        left, top, right, bottom = box
        return _kernels.points_in_box(self.x, self.y, left + move_x, top, right + move_x, bottom)


@dataclass(frozen=True, slots=True, eq=False)
class LineIndex:
    """Placed lines by length class, each class in Morton order of their boxes' midpoints.

    row: int32 (entries,), row of the layer; a line over the antimeridian has an entry on either side. middle_x,
    middle_y: (entries,). classes: int64 (classes, 4), first entry, one past the last, largest half width and height.
    offsets: int64 (entries + 1,) into x, y: (vertices,) in world units. first_zoom: uint8 (vertices,), the lowest
    zoom at which each is drawn. parted: whether any row has several entries.
    """

    row: Ints
    middle_x: Ints
    middle_y: Ints
    classes: Longs
    offsets: Longs
    x: Ints
    y: Ints
    first_zoom: NDArray[np.uint8]
    parted: bool = False

    @classmethod
    def of(cls, lines: LineStrings) -> LineIndex:
        """From one line a row; rows without vertices are left out."""
        row, offsets, x, y = _projected(lines)
        if len(row) == 0:
            none = np.empty(0, np.int32)
            classes = np.empty((0, 4), np.int64)
            return cls(none, none, none, classes, offsets, x, y, np.empty(0, np.uint8))
        low_x, high_x = np.minimum.reduceat(x, offsets[:-1]), np.maximum.reduceat(x, offsets[:-1])
        low_y, high_y = np.minimum.reduceat(y, offsets[:-1]), np.maximum.reduceat(y, offsets[:-1])
        middle_x, middle_y = low_x + (high_x - low_x) // 2, low_y + (high_y - low_y) // 2
        half_x, half_y = high_x - middle_x, high_y - middle_y
        cuts = np.array(LENGTH_CUTS_M) / 40_075_016.7 * WORLD
        length_class = np.searchsorted(cuts, np.maximum(half_x, half_y))
        order = np.lexsort((_kernels.morton_codes(middle_x, middle_y), length_class))
        bounds = np.searchsorted(length_class[order], np.arange(len(cuts) + 2))
        half_x, half_y = half_x[order], half_y[order]
        searched = [(a, b, half_x[a:b].max(), half_y[a:b].max()) for a, b in pairwise(bounds.tolist()) if a < b]
        sizes = np.diff(offsets)[order]
        ordered = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
        vertices = np.repeat(offsets[:-1][order] - ordered[:-1], sizes) + np.arange(ordered[-1])
        x, y = x[vertices], y[vertices]
        return cls(
            row[order].astype(np.int32),
            middle_x[order],
            middle_y[order],
            np.array(searched, dtype=np.int64),
            ordered,
            x,
            y,
            _kernels_cut.vertex_zooms(ordered, x, y, MAX_ZOOM),
            len(row) > int(np.count_nonzero(lines.placed)),
        )

    def __len__(self) -> int:
        return len(self.row)

    def entries(self, tile: TileBox) -> Longs:
        """The entries whose boxes meet the tile and its buffer, those beyond the antimeridian not (see `seams`)."""
        return _kernels.lines_in_box(
            self.middle_x, self.middle_y, self.classes, self.offsets, self.x, self.y, *tile.box
        )

    def about(self, tile: TileBox) -> int:
        """How many lines have their middle in the tile; takes microseconds."""
        searched = (
            _kernels.count_in_cell(self.middle_x, self.middle_y, int(begin), int(end), tile.left, tile.top, tile.bits)
            for begin, end in self.classes[:, :2]
        )
        return sum(searched)

    def extent(self, entries: Longs) -> Longs:
        """Longer side of each one's box in world units, int64 (n,)."""
        return _kernels.line_extents(self.offsets, self.x, self.y, entries)


def _projected(lines: LineStrings) -> tuple[Longs, Longs, Ints, Ints]:
    """Row, offsets, x and y of every placed line, cut in two where it crosses the antimeridian."""
    rows = np.flatnonzero(lines.placed).astype(np.int64)
    placed = lines.take(rows)
    lng, lat = placed.coordinates[:, 0], placed.coordinates[:, 1]
    x, y = lnglat_to_unit(lng, lat)
    y = np.clip(y, 0, 1)
    step = np.abs(np.diff(lng)) > 180
    step[placed.offsets[1:-1] - 1] = False
    if not step.any():
        return rows, placed.offsets, unit_to_world(x), unit_to_world(y)
    row: list[int] = []
    pieces: list[Floats] = []
    for line in range(len(placed)):
        first, last = placed.offsets[line], placed.offsets[line + 1]
        for piece in _over_antimeridian(np.stack([x[first:last], y[first:last]], axis=1)):
            row.append(int(rows[line]))
            pieces.append(piece)
    offsets = np.concatenate([[0], np.cumsum([len(piece) for piece in pieces])]).astype(np.int64)
    whole = np.concatenate(pieces)
    return np.array(row, dtype=np.int64), offsets, unit_to_world(whole[:, 0]), unit_to_world(whole[:, 1])


def _over_antimeridian(line: Floats) -> list[Floats]:
    """(vertices, 2) in the unit square, taken the short way round, as pieces that stay inside it."""
    pieces: list[list[Floats]] = [[line[0]]]
    for before, after in pairwise(line):
        leap = after[0] - before[0]
        if abs(leap) > 0.5:
            edge, other = (1.0, 0.0) if leap < 0 else (0.0, 1.0)
            share = (edge - before[0]) / (leap + (1.0 if leap < 0 else -1.0) or 1.0)
            y = before[1] + share * (after[1] - before[1])
            pieces[-1].append(np.array([edge, y]))
            pieces.append([np.array([other, y])])
        pieces[-1].append(after)
    return [np.stack(piece) for piece in pieces]


@exercise
def _search_one() -> None:
    tile = TileBox.of(16, 0, 0)
    points = PointIndex.of(np.zeros((1, 2)))
    points.entries(tile)
    points.about(tile)
    lines = LineIndex.of(LineStrings.between(np.zeros((1, 2)), np.ones((1, 2))))
    lines.extent(lines.entries(tile))
