"""The H3 pyramid: cells whose totals add up to the network's at every resolution. The one place that knows H3.

Every element is binned once, at the finest resolution (a line by the point halfway along it); a coarser cell is the
sum of its children, so sums are conserved although the outlines of children and parents differ a little.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import repeat
from typing import Any

import h3.api.numpy_int as h3
import numpy as np
from numpy.typing import NDArray

from tiles import geometry
from tiles.by_snapshot import BySnapshot
from tiles.index import EXTENT_BITS, PointIndex, TileBox
from tiles.kept import Kept
from tiles.mercator import WORLD, lnglat_to_unit, tile_bounds, tiles_of_boxes, world_to_lnglat
from tiles.mvt import (
    BUFFER,
    DOUBLE,
    NO_TEXTS,
    POLYGON,
    SHARED_UINT,
    TEXT,
    Columns,
    Geometry,
    Tags,
    ValuePool,
    doubles,
    encode_layer,
)
from twin import phases
from twin.geometry import EARTH_RADIUS_M, LineStrings
from twin.network import Network
from twin.state import Snapshot, supply
from twin.texts import Texts

__all__ = ["FIELDS", "RESOLUTIONS", "HexLevel", "HexPyramid", "HexSupply"]

RESOLUTIONS = (0, 1, 2, 3, 3, 4, 5, 5, 6, 7, 8, 8, 9)
"""H3 resolution by zoom, 0 … 12: about 0.71 a zoom, so that cells keep their size on screen."""
FINEST = RESOLUTIONS[-1]
_KEPT = 512
"""Tiles whose outlines are kept."""
_AT_ONCE = 1 << 16
"""Places that are binned at once, so that what Python makes of them on the way stays small."""
FEW = 500
"""Cells of a tile that is encoded in some tenths of a millisecond."""

FIELDS = {
    "h3": "String: H3 cell",
    "resolution": "Number: H3 resolution",
    "customers": "Number: customers",
    "customers_out": "Number: customers who lost any of their phases",
    "meters": "Number: meters",
    "transformers": "Number: transformers",
    "line_km": "Number: km of line, by midpoint",
    "rated_kva": "Number: rated apparent power of its transformers in kVA",
    "energized_share": "Number: share of its customers with all their phases energised; left out without customers",
    "owner": "Boolean: whether this tile holds the cell's centre; add up these only",
}

Longs = NDArray[np.int64]
Floats = NDArray[np.float64]
Ints = NDArray[np.int32]

MOST_BOXES = 256
"""Cells whose tiles are found by their outlines, which takes some microseconds each the first time."""

_RADIUS_MARGIN = 1.15
"""Circumradius of a cell over the average edge of its resolution, at most (1.10 measured)."""


@dataclass(frozen=True, slots=True, eq=False)
class HexLevel:
    """The cells of one resolution that hold anything, ascending; totals int64 or float64 (cells,).

    parent: int64 (cells,), position of each one's parent in the next coarser level. centres: where they are, by
    position.
    """

    resolution: int
    cells: Longs
    customers: Longs
    meters: Longs
    transformers: Longs
    line_km: Floats
    rated_kva: Floats
    parent: Longs
    centres: PointIndex

    entry: Ints
    """int32 (cells,): where each stands in `centres`."""

    def __len__(self) -> int:
        return len(self.cells)

    known: Floats
    """float64 (4, cells): boxes that were asked for, else not a number."""

    def entries(self, positions: Longs) -> Longs:
        """Entries of `centres` of some cells."""
        return self.entry[positions].astype(np.int64)

    def boxes(self, positions: Longs) -> Floats:
        """float64 (4, n): left, top, right and bottom of cells in the unit square, x perhaps beyond it."""
        for position in positions[np.isnan(self.known[0, positions])].tolist():
            x, y = _ring(int(self.cells[position]))
            self.known[:, position] = x.min(), y.min(), x.max(), y.max()
        return self.known[:, positions]

    def circles(self, positions: Longs) -> Floats:
        """The same of circles around them."""
        entry = self.entries(positions)
        x, y = self.centres.x[entry].astype(np.int64), self.centres.y[entry].astype(np.int64)
        _, lat = world_to_lnglat(x, y)
        reach = _reach(self.resolution, lat)
        circles: Floats = np.stack([x - reach, y - reach, x + reach, y + reach]) / WORLD
        return circles


@dataclass(frozen=True, slots=True, eq=False)
class HexSupply:
    """The live totals of a snapshot, by resolution: customers out, and customers with all their phases."""

    out: tuple[Longs, ...]
    energized: tuple[Longs, ...]


@dataclass(frozen=True, slots=True, eq=False)
class _Outlines:
    """What a tile shows of a level: positions of cells, whether it holds their centres, outlines and names."""

    positions: Longs
    owner: Longs
    geometry: Geometry
    names: Texts


class HexPyramid:
    """All levels of a network, and their live totals by snapshot. Any number of threads may read it."""

    def __init__(self, network: Network) -> None:
        self.network = network
        nodes, at = np.unique(network.consumers["node"], return_inverse=True)
        consumer_cells = _cells_at(network.node_lnglat[nodes])[at]
        transformer_cells = _cells_at(_transformer_lnglat(network))
        line_cells = _cells_at(_midpoints(network.line_geometry))
        cells = np.unique(np.concatenate([consumer_cells, transformer_cells, line_cells]))
        cells = cells[cells > 0]
        self._consumer_position = _positions(cells, consumer_cells)
        transformer_position, line_position = _positions(cells, transformer_cells), _positions(cells, line_cells)
        count = len(cells)
        meters = np.bincount(network.meters.consumer, minlength=len(network.consumers)).astype(np.int64)
        kva = np.nan_to_num(network.transformers["rated_power_va"]) / 1000
        km = np.nan_to_num(network.lines["length_m"]) / 1000
        ones = np.ones(len(network.transformers), dtype=np.int64)
        self.unplaced: dict[str, int | float] = {
            "customers": int(network.consumer_customers[self._consumer_position < 0].sum()),
            "meters": int(meters[self._consumer_position < 0].sum()),
            "transformers": int(np.count_nonzero(transformer_position < 0)),
            "line_km": float(km[line_position < 0].sum()),
            "rated_kva": float(kva[transformer_position < 0].sum()),
        }
        """Totals of what has no place and so is in no cell."""
        self.levels = _levels(
            cells,
            _counted(self._consumer_position, network.consumer_customers, count),
            _counted(self._consumer_position, meters, count),
            _counted(transformer_position, ones, count),
            _summed(line_position, km, count),
            _summed(transformer_position, kva, count),
        )
        """By resolution, 0 … FINEST."""
        self._supplies = BySnapshot(self._supply, self._supply_after)
        self._outlines: Kept[tuple[int, int, int], _Outlines] = Kept(_KEPT)

    # --- live totals ----------------------------------------------------------------------------------------------

    def supply(self, snapshot: Snapshot) -> HexSupply:
        """Live totals of a snapshot."""
        return self._supplies.of(snapshot)

    def _supply(self, snapshot: Snapshot) -> HexSupply:
        consumers = np.arange(len(self.network.consumers))
        out, live = self._finest(snapshot, consumers)
        position, count = self._consumer_position, len(self.levels[FINEST])
        return self._upwards(_counted(position, out, count), _counted(position, live, count))

    def _supply_after(self, before: Snapshot, known: HexSupply, after: Snapshot) -> HexSupply:
        """From the change at the nodes that changed only."""
        consumers = self.network.consumers_at(np.flatnonzero(before.energized != after.energized))
        position = self._consumer_position[consumers]
        out_before, live_before = self._finest(before, consumers)
        out_after, live_after = self._finest(after, consumers)
        out, live = known.out[FINEST].copy(), known.energized[FINEST].copy()
        np.add.at(out, position[position >= 0], (out_after - out_before)[position >= 0])
        np.add.at(live, position[position >= 0], (live_after - live_before)[position >= 0])
        return self._upwards(out, live)

    def _finest(self, snapshot: Snapshot, consumers: NDArray[np.integer[Any]]) -> tuple[Longs, Longs]:
        """Customers out and customers with all their phases, of some consumers."""
        network = self.network
        nodes, own = network.consumers["node"][consumers], network.consumers["phases"][consumers]
        customers = network.consumer_customers[consumers]
        energized = snapshot.energized[nodes]
        lost = (network.normal_energized[nodes] & ~energized & own & phases.ABC) != 0
        return customers * lost, customers * (supply(own, energized) == 2)

    def _upwards(self, out: Longs, live: Longs) -> HexSupply:
        outs, lives = [out], [live]
        for level in reversed(self.levels[1:]):
            count = len(self.levels[level.resolution - 1])
            outs.append(_counted(level.parent, outs[-1], count))
            lives.append(_counted(level.parent, lives[-1], count))
        return HexSupply(tuple(reversed(outs)), tuple(reversed(lives)))

    # --- tiles ----------------------------------------------------------------------------------------------------

    def tile(self, z: int, x: int, y: int, snapshot: Snapshot) -> bytes:
        """One tile, uncompressed; empty where there is no cell."""
        outlines = self.outlines(z, x, y)
        if len(outlines.positions) == 0:
            return b""
        level, positions = self.levels[RESOLUTIONS[z]], outlines.positions
        live = self.supply(snapshot)
        customers = level.customers[positions]
        with np.errstate(invalid="ignore"):
            share = live.energized[level.resolution][positions] / customers
        columns = np.stack(
            [
                np.arange(len(positions)),
                customers,
                live.out[level.resolution][positions],
                level.meters[positions],
                level.transformers[positions],
                doubles(level.line_km[positions]),
                doubles(level.rated_kva[positions]),
                doubles(share),
            ],
            axis=1,
        ).astype(np.int64)
        names = (
            "h3",
            "customers",
            "customers_out",
            "meters",
            "transformers",
            "line_km",
            "rated_kva",
            "energized_share",
        )
        return encode_layer(
            "hexes",
            POLYGON,
            positions + 1,
            outlines.geometry,
            _tags(level.resolution),
            np.zeros(len(positions), dtype=np.int64),
            outlines.owner,
            Columns(names, (TEXT, *[SHARED_UINT] * 4, *[DOUBLE] * 3), columns, outlines.names),
            repeat_id=False,
        )

    def at_hand(self, z: int, x: int, y: int, snapshot: Snapshot) -> bool:
        """Whether a tile only has to be encoded: its cells, not too many, and the sums of the state are kept."""
        outlines = self._outlines.peek((z, x, y))
        count = FEW + 1 if outlines is None else len(outlines.positions)
        return count == 0 or (count <= FEW and self._supplies.has(snapshot))

    def level(self, z: int) -> HexLevel:
        """The level that tiles of a zoom show."""
        return self.levels[RESOLUTIONS[z]]

    def tiles_of(self, z: int, positions: Longs) -> tuple[Longs, Longs]:
        """Columns and rows of all tiles that show any of these cells of their level, and hardly any more.

        Taken from the box around each cell, or the circle where they are many; some more than once.
        """
        level, count = self.level(z), 1 << z
        left, top, right, bottom = (level.boxes if len(positions) <= MOST_BOXES else level.circles)(positions) * count
        edge = (BUFFER + 1) / (1 << EXTENT_BITS)  # one unit for rounding
        low_x, low_y = np.floor(left - edge).astype(np.int64), np.maximum(np.floor(top - edge).astype(np.int64), 0)
        high_x = np.minimum(np.floor(right + edge).astype(np.int64), low_x + count - 1)
        high_y = np.minimum(np.floor(bottom + edge).astype(np.int64), count - 1)
        columns, rows = tiles_of_boxes(low_x, low_y, high_x, high_y)
        return columns % count, rows

    def outlines(self, z: int, x: int, y: int) -> _Outlines:
        """The cells of a tile, which do not change with the state; those of recent tiles are kept."""
        return self._outlines.get((z, x, y), lambda: self._cut(z, x, y))

    def _cut(self, z: int, x: int, y: int) -> _Outlines:
        level, tile = self.level(z), TileBox.of(z, x, y)
        _, south, _, north = tile_bounds(z, x, y)
        farthest = max(abs(south), abs(north)) * 1.02 + np.degrees(_angle(level.resolution))
        margin = int(_reach(level.resolution, np.array([farthest]))[0])
        left, top, right, bottom = tile.box
        wide = left - margin, top - margin, right + margin, bottom + margin
        unit = 2.0 ** (z + EXTENT_BITS)
        rings: list[tuple[int, Floats, Floats]] = []
        for world in (-1, 0, 1):
            for position in level.centres.row[level.centres.within(wide, -world * WORLD)].tolist():
                ring_x, ring_y = _ring(int(level.cells[position]))
                rings.append((position, (ring_x + world) * unit - x * 4096.0, ring_y * unit - y * 4096.0))
        if not rings:
            none = np.empty(0, np.int64)
            return _Outlines(none, none, Geometry(np.empty(0, np.uint8), np.zeros(1, np.int64)), NO_TEXTS)
        rings.sort(key=lambda ring: ring[0])
        shown, outlines = geometry.cut_rings(
            np.array([position for position, _, _ in rings], dtype=np.int64),
            np.concatenate([[0], np.cumsum([len(ring) for _, ring, _ in rings])]).astype(np.int64),
            np.concatenate([ring for _, ring, _ in rings]),
            np.concatenate([ring for _, _, ring in rings]),
        )
        entry, bits = level.entries(shown), tile.shift + EXTENT_BITS
        owner = (level.centres.x[entry] >> bits == x) & (level.centres.y[entry] >> bits == y)
        names = Texts.of([f"{cell:x}" for cell in level.cells[shown].tolist()])
        return _Outlines(shown, owner.astype(np.int64), outlines, names)


def _tags(resolution: int) -> Tags:
    """`resolution` in common; `owner` is the state."""
    pool = ValuePool.of([resolution, False, True])
    combinations = np.array([[0, -1]], dtype=np.int32)
    return Tags(("resolution", "owner"), pool, combinations, np.array([[-1, 1], [-1, 2]], dtype=np.int32))


# --- binning ------------------------------------------------------------------------------------------------------


def _cells_at(lnglat: Floats) -> Longs:
    """int64 (n,): the finest cell of each place, 0 where it is not a number."""
    cells = np.zeros(len(lnglat), dtype=np.int64)
    placed = np.flatnonzero(~np.isnan(lnglat).any(axis=1))
    for begin in range(0, len(placed), _AT_ONCE):
        part = placed[begin : begin + _AT_ONCE]
        lng, lat = lnglat[part, 0].tolist(), lnglat[part, 1].tolist()
        cells[part] = np.fromiter(map(h3.latlng_to_cell, lat, lng, repeat(FINEST)), np.int64, len(lng))
    return cells


def _positions(cells: Longs, wanted: Longs) -> Ints:
    """Position of each in ascending cells, -1 for none."""
    return np.where(wanted > 0, np.searchsorted(cells, wanted), -1).astype(np.int32)


def _counted(position: NDArray[np.integer[Any]], weight: Longs, count: int) -> Longs:
    """Whole-number sums by position; float64 holds them exactly up to 2**53."""
    placed = position >= 0
    sums: Longs = np.bincount(position[placed], weight[placed], minlength=count).astype(np.int64)
    return sums


def _summed(position: NDArray[np.integer[Any]], weight: Floats, count: int) -> Floats:
    placed = position >= 0
    sums: Floats = np.bincount(position[placed], weight[placed], minlength=count).astype(np.float64)
    return sums


def _levels(
    cells: Longs, customers: Longs, meters: Longs, transformers: Longs, line_km: Floats, rated_kva: Floats
) -> tuple[HexLevel, ...]:
    levels: list[HexLevel] = []
    for resolution in range(FINEST, -1, -1):
        parents, parent = np.unique(_parents(cells, resolution - 1), return_inverse=True)
        parent, count = parent.astype(np.int64), len(parents)
        centres = PointIndex.of(_centres(cells))
        entry = np.empty(len(cells), dtype=np.int32)
        entry[centres.row] = np.arange(len(cells), dtype=np.int32)
        totals = (customers, meters, transformers, line_km, rated_kva)
        known = np.full((4, len(cells)), np.nan)
        levels.append(HexLevel(resolution, cells, *totals, parent, centres, entry, known))
        cells = parents
        customers, meters, transformers = (_counted(parent, x, count) for x in (customers, meters, transformers))
        line_km, rated_kva = _summed(parent, line_km, count), _summed(parent, rated_kva, count)
    return tuple(reversed(levels))


def _parents(cells: Longs, resolution: int) -> Longs:
    """int64 (n,): the cell of a coarser resolution that each belongs to (0 for resolution -1, the whole earth).

    By the layout of an H3 index: the resolution in bits 52 … 55, then a digit of 3 bits each, 7 where not used.
    """
    if resolution < 0:
        return np.zeros(len(cells), dtype=np.int64)
    unused = (1 << (3 * (15 - resolution))) - 1
    return (cells & ~(0xF << 52)) | (resolution << 52) | unused


def _centres(cells: Longs) -> Floats:
    latlng = np.array([h3.cell_to_latlng(cell) for cell in cells.tolist()], dtype=np.float64).reshape(-1, 2)
    lnglat: Floats = latlng[:, ::-1]
    return lnglat


def _ring(cell: int) -> tuple[Floats, Floats]:
    """Outline in the unit square, not repeated at its end; x goes beyond it across the antimeridian.

    A cell with a pole inside becomes a band around the earth that reaches past the edge of the square.
    """
    latlng = np.array(h3.cell_to_boundary(cell), dtype=np.float64)
    lng, lat = latlng[:, 1], latlng[:, 0]
    steps = (np.diff(np.append(lng, lng[0])) + 180) % 360 - 180
    unwrapped = lng[0] + np.concatenate([[0], np.cumsum(steps)])
    if abs(steps.sum()) < 180:
        centre = float(h3.cell_to_latlng(cell)[1])
        near = unwrapped[:-1] + 360 * np.round((centre - unwrapped[:-1].mean()) / 360)
        return lnglat_to_unit(near, lat)
    x, y = lnglat_to_unit(unwrapped, np.append(lat, lat[0]))
    beyond = -1.0 if lat.mean() > 0 else 2.0
    return np.concatenate([x, [x[-1], x[0]]]), np.concatenate([y, [beyond, beyond]])


def _reach(resolution: int, lat: Floats) -> Longs:
    """World units from a cell's centre, at these latitudes or nearer the equator, to its farthest corner, at most."""
    angle = _angle(resolution)
    farthest = np.radians(np.abs(lat)) + angle
    near_pole = farthest > np.radians(88)
    reach = angle / np.cos(np.where(near_pole, 0, farthest)) / (2 * np.pi) * WORLD
    return np.where(near_pole, WORLD, reach).astype(np.int64) + 1


def _angle(resolution: int) -> float:
    """Largest circumradius of a cell, in radians."""
    return float(h3.average_hexagon_edge_length(resolution, unit="m")) * _RADIUS_MARGIN / EARTH_RADIUS_M


def _transformer_lnglat(network: Network) -> Floats:
    first = network.node_lnglat[network.transformers["node1"]]
    second = network.node_lnglat[network.transformers["node2"]]
    lnglat: Floats = np.where(np.isnan(first).any(axis=1)[:, None], second, first)
    return lnglat


def _midpoints(lines: LineStrings) -> Floats:
    """float64 (lines, 2): the place halfway along each, in degrees; not a number where it has none."""
    middles = np.full((len(lines), 2), np.nan)
    sizes = np.diff(lines.offsets)
    rows = np.flatnonzero(sizes > 0)
    if len(rows) == 0:
        return middles
    coordinates = lines.coordinates
    step = np.diff(coordinates, axis=0)
    step[:, 0] = (step[:, 0] + 180) % 360 - 180
    scale = np.cos(np.radians((coordinates[1:, 1] + coordinates[:-1, 1]) / 2))
    along = np.concatenate([[0], np.cumsum(np.hypot(step[:, 0] * scale, step[:, 1]))])
    first, last = lines.offsets[rows], lines.offsets[rows + 1] - 1
    half = (along[first] + along[last]) / 2
    at = np.clip(np.searchsorted(along, half, side="right") - 1, first, np.maximum(last - 1, first))
    following = np.minimum(at + 1, last)
    length = along[following] - along[at]
    share = np.where(length > 0, (half - along[at]) / np.where(length > 0, length, 1), 0)
    move = step[np.minimum(at, max(len(step) - 1, 0))] * share[:, None] if len(step) else 0
    middles[rows] = coordinates[at] + move
    middles[:, 0] = (middles[:, 0] + 180) % 360 - 180
    return middles
