"""Every feeder as one feature at every zoom, however far out: drawn, not sampled.

A feeder's lines from 1 kV on (all of them where it has none) are snapped to the pixels of a screen, what falls on the
same pixels is there once, and what only sticks out of the rest by a pixel is left out. Pieces are put in an order in
which they make few and long lines, of which steps from pixel to pixel become straight where these stay as near. So a
feeder costs less than a byte or two a pixel, and one that is smaller than a pixel is still one pixel.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tiles import _kernels_feeders, _kernels_live
from tiles.by_snapshot import BySnapshot
from tiles.index import EXTENT_BITS
from tiles.kept import Kept
from tiles.live import BranchSupply
from tiles.mercator import WORLD_BITS, lnglat_to_world, tiles_of_boxes
from tiles.mvt import LINE, SHARED_UINT, TEXT, Columns, Geometry, Tags, ValuePool, encode_layer
from tiles.trails import following
from topology.jit import exercise
from twin import phases
from twin.components import LINE as LINE_BRANCH
from twin.network import Network
from twin.state import Snapshot
from twin.texts import Texts

__all__ = ["FIELDS", "MAXZOOM", "FeederSupply", "Feeders"]

MAXZOOM = 10
"""Deepest zoom; from there on the elements themselves are drawn."""

FIELDS = {
    "feeder": "String: name of the feeder",
    "customers": "Number: its customers in the normal state",
    "customers_out": "Number: those of them who lost any of their phases",
    "energized": "Number: 0 none, 1 some, 2 all of its lines are supplied on all their phases",
}

_PIXEL_BITS = 3
"""A pixel of a tile of 512 pixels is 8 tile units."""
_MARGIN = 8
"""A tile's buffer, in pixels."""
_KEPT = 512
"""Tiles."""
FEW_BYTES = 20_000
"""Geometry of a tile that is encoded in some tenths of a millisecond."""

Ints = NDArray[np.int32]
Longs = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class _Level:
    """Pieces of one zoom in its pixels, int32 (pieces,) each, those of a feeder together and in order.

    ptr: int64 (feeders + 1,), where each feeder's begin.
    """

    feeder: Ints
    x0: Ints
    y0: Ints
    x1: Ints
    y1: Ints
    ptr: Longs

    def take(self, which: NDArray[Any]) -> tuple[Ints, Ints, Ints, Ints, Ints]:
        return self.feeder[which], self.x0[which], self.y0[which], self.x1[which], self.y1[which]


@dataclass(frozen=True, slots=True, eq=False)
class FeederSupply:
    """The live part, by feeder: `energized`, and customers without supply, int64 (feeders,) each."""

    energized: Longs
    out: Longs


@dataclass(frozen=True, slots=True, eq=False)
class _Shown:
    """Feeders that a tile shows, int64 (n,), with their geometry."""

    feeders: Longs
    geometry: Geometry


class Feeders:
    """The feeders of a network at every zoom, and their supply by snapshot. Any number of threads may read it."""

    def __init__(self, network: Network) -> None:
        self.network = network
        rows, self._ptr = _drawn(network)
        self._supply = BranchSupply(network, network.table_branches[LINE_BRANCH][rows].astype(np.int32))
        self._consumer_feeder = network.node_feeder[network.consumers["node"]]
        inside = self._consumer_feeder >= 0
        count = len(network.feeders)
        self.customers: Longs = np.bincount(
            self._consumer_feeder[inside], network.consumer_customers[inside], count
        ).astype(np.int64)
        self._levels = _levels(network, rows, self._ptr)
        self._names = Texts.of(
            [name or mrid for name, mrid in zip(network.feeders["name"], network.feeders["mrid"], strict=True)]
        )
        self._supplies = BySnapshot(self._whole, self._after)
        self._tiles: Kept[tuple[int, int, int], _Shown] = Kept(_KEPT)

    # --- live -----------------------------------------------------------------------------------------------------

    def supply(self, snapshot: Snapshot) -> FeederSupply:
        """That of a snapshot."""
        return self._supplies.of(snapshot)

    def _whole(self, snapshot: Snapshot) -> FeederSupply:
        count = len(self.network.feeders)
        out = np.zeros(count, dtype=np.int64)
        self._add_out(out, snapshot, np.arange(len(self.network.consumers)), 1)
        return FeederSupply(self._energized(snapshot, np.arange(count, dtype=np.int64)), out)

    def _after(self, before: Snapshot, known: FeederSupply, after: Snapshot) -> FeederSupply:
        """From the change at the nodes that changed only."""
        network = self.network
        nodes = np.flatnonzero(before.energized != after.energized)
        consumers = network.consumers_at(nodes)
        out, energized = known.out.copy(), known.energized.copy()
        self._add_out(out, before, consumers, -1)
        self._add_out(out, after, consumers, 1)
        graph = network.graph
        around = _kernels_live.branches_around(nodes, graph.indptr, graph.adjacent_branch)
        touched = np.unique(network.branch_feeder[around].astype(np.int64))
        touched = touched[touched >= 0]
        energized[touched] = self._energized(after, touched)
        return FeederSupply(energized, out)

    def _add_out(self, out: Longs, snapshot: Snapshot, consumers: NDArray[np.integer[Any]], sign: int) -> None:
        network = self.network
        feeder = self._consumer_feeder[consumers]
        nodes, own = network.consumers["node"][consumers], network.consumers["phases"][consumers]
        lost = (network.normal_energized[nodes] & ~snapshot.energized[nodes] & own & phases.ABC) != 0
        lost &= feeder >= 0
        np.add.at(out, feeder[lost], sign * network.consumer_customers[consumers][lost])

    def _energized(self, snapshot: Snapshot, feeders: Longs) -> Longs:
        """0, 1 or 2 by the lines of each; 0 of one without any."""
        sizes = (self._ptr[feeders + 1] - self._ptr[feeders]).astype(np.int64)
        begin = np.concatenate([[0], np.cumsum(sizes)])
        entries = np.repeat(self._ptr[feeders] - begin[:-1], sizes) + np.arange(begin[-1])
        states = self._supply.state(entries, snapshot, phases.ABC)
        sums = np.concatenate([[0], np.cumsum(states)])
        total = sums[begin[1:]] - sums[begin[:-1]]
        energized: Longs = np.where(total == 2 * sizes, 2, 1) * (total > 0)
        return energized.astype(np.int64)

    # --- tiles ----------------------------------------------------------------------------------------------------

    def tile(self, z: int, x: int, y: int, snapshot: Snapshot) -> bytes:
        """One tile, uncompressed; empty where there is no feeder."""
        shown = self._tiles.get((z, x, y), lambda: self._cut(z, x, y))
        feeders = shown.feeders
        if len(feeders) == 0:
            return b""
        live = self.supply(snapshot)
        columns = np.stack([feeders, self.customers[feeders], live.out[feeders]], axis=1)
        return encode_layer(
            "feeders",
            LINE,
            feeders + 1,
            shown.geometry,
            _TAGS,
            np.zeros(len(feeders), dtype=np.int64),
            live.energized[feeders],
            Columns(("feeder", "customers", "customers_out"), (TEXT, SHARED_UINT, SHARED_UINT), columns, self._names),
            repeat_id=False,
        )

    def at_hand(self, z: int, x: int, y: int, snapshot: Snapshot) -> bool:
        """Whether a tile only has to be encoded: its feeders, not too many, and the supply in the state are kept."""
        shown = self._tiles.peek((z, x, y))
        size = FEW_BYTES + 1 if shown is None else len(shown.geometry.data)
        return size == 0 or (size <= FEW_BYTES and self._supplies.has(snapshot))

    def _cut(self, z: int, x: int, y: int) -> _Shown:
        level, bits = self._levels[z], EXTENT_BITS - _PIXEL_BITS
        left, top = x << bits, y << bits
        low_x, high_x = np.minimum(level.x0, level.x1), np.maximum(level.x0, level.x1)
        low_y, high_y = np.minimum(level.y0, level.y1), np.maximum(level.y0, level.y1)
        size = (1 << bits) + _MARGIN
        near = (low_x <= left + size) & (high_x >= left - _MARGIN) & (low_y <= top + size) & (high_y >= top - _MARGIN)
        feeders, data, ptr = _kernels_feeders.cut_pieces(*level.take(np.flatnonzero(near)), left, top, 1 << _PIXEL_BITS)
        return _Shown(feeders, Geometry(data, ptr))

    def tiles_of(self, z: int, feeders: Longs) -> tuple[Longs, Longs]:
        """Columns and rows of all tiles that show any of these feeders, and hardly any more; some more than once."""
        level, bits = self._levels[z], EXTENT_BITS - _PIXEL_BITS
        sizes = level.ptr[feeders + 1] - level.ptr[feeders]
        begin = np.cumsum(sizes) - sizes
        _, x0, y0, x1, y1 = level.take(np.repeat(level.ptr[feeders] - begin, sizes) + np.arange(sizes.sum()))
        last = (1 << z) - 1
        low_x, high_x = (np.minimum(x0, x1) - _MARGIN - 1) >> bits, (np.maximum(x0, x1) + _MARGIN) >> bits
        low_y, high_y = (np.minimum(y0, y1) - _MARGIN - 1) >> bits, (np.maximum(y0, y1) + _MARGIN) >> bits
        low_x, high_x, low_y, high_y = (
            np.clip(each, 0, last).astype(np.int64) for each in (low_x, high_x, low_y, high_y)
        )
        return tiles_of_boxes(low_x, low_y, high_x, high_y)


_TAGS = Tags(
    ("energized",),
    ValuePool.of([0, 1, 2]),
    np.full((1, 1), -1, dtype=np.int32),
    np.arange(3, dtype=np.int32)[:, None],
)


def _drawn(network: Network) -> tuple[Longs, Longs]:
    """Rows of the lines that are drawn, by feeder and in their order, and where each feeder's begin (feeders + 1,)."""
    lines, count = network.lines, len(network.feeders)
    feeder = network.branch_feeder[network.table_branches[LINE_BRANCH]].astype(np.int64)
    volts = network.nodes["nominal_voltage_v"]
    low = np.fmax(volts[lines["node1"]], volts[lines["node2"]]) < 1_000  # not where it is not known
    placed = np.asarray(network.line_geometry.placed) & (feeder >= 0)
    high = np.bincount(feeder[placed & ~low], minlength=count) > 0
    rows = np.flatnonzero(placed)
    rows = rows[~low[rows] | ~high[feeder[rows]]]
    rows = rows[np.argsort(feeder[rows], kind="stable")]
    return rows, np.searchsorted(feeder[rows], np.arange(count + 1)).astype(np.int64)


def _levels(network: Network, rows: Longs, ptr: Longs) -> list[_Level]:
    """By zoom, each made of the next deeper one."""
    lines = network.line_geometry.take(rows)
    x, y = (each.astype(np.int64) for each in lnglat_to_world(lines.coordinates[:, 0], lines.coordinates[:, 1]))
    first = np.ones(max(len(x) - 1, 0), dtype=np.bool_)
    first[lines.offsets[1:-1] - 1] = False  # between two lines
    first &= np.abs(np.diff(x)) < 1 << (WORLD_BITS - 1)  # the other way round is over the antimeridian
    begin = np.flatnonzero(first)
    feeder = np.repeat(np.repeat(np.arange(len(ptr) - 1), np.diff(ptr)), np.diff(lines.offsets))[begin]
    pieces = np.stack([feeder, x[begin], y[begin], x[begin + 1], y[begin + 1]])
    pieces[1:] >>= WORLD_BITS - MAXZOOM - EXTENT_BITS + _PIXEL_BITS
    levels = []
    for _ in range(MAXZOOM, -1, -1):
        pieces = _once(pieces)
        shown = following(pieces)
        begins = np.searchsorted(shown[0], np.arange(len(ptr))).astype(np.int64)
        feeder, x0, y0, x1, y1 = shown.astype(np.int32)
        levels.append(_Level(feeder, x0, y0, x1, y1, begins))
        pieces = np.concatenate([pieces[:1], pieces[1:] >> 1])
    return levels[::-1]


def _once(pieces: Longs) -> Longs:
    """Each piece once, in whichever direction; single pixels only of feeders that have nothing longer, one of them."""
    feeder, x0, y0, x1, y1 = pieces
    dot = (x0 == x1) & (y0 == y1)
    longer = np.bincount(feeder[~dot], minlength=int(feeder.max(initial=-1)) + 1) > 0
    turned = (x1 < x0) | ((x1 == x0) & (y1 < y0))
    ax, ay, bx, by = (np.where(turned, one, other) for one, other in ((x1, x0), (y1, y0), (x0, x1), (y0, y1)))
    order = np.lexsort((by, bx, ay, ax, dot, feeder))
    key = np.stack([feeder, dot, ax, ay, bx, by])[:, order]
    key[2:, key[1] == 1] = 0  # the single pixels of a feeder count as one
    new = np.ones(len(order), dtype=np.bool_)
    new[1:] = (key[:, 1:] != key[:, :-1]).any(axis=0)
    kept = np.sort(order[new])
    return pieces[:, kept[~dot[kept] | ~longer[feeder[kept]]]]


@exercise
def _cut_one() -> None:
    none = np.empty(0, dtype=np.int32)
    following(np.empty((5, 0), dtype=np.int64))
    _kernels_feeders.cut_pieces(none, none, none, none, none, 0, 0, 1 << _PIXEL_BITS)
