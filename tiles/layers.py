"""The layers of the tileset `grid`: which elements, where, with which attributes."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tiles import geometry
from tiles.attributes import FIELDS, LAYER_NAMES, NAMES_ZOOM, Identity, LayerRows, Static, layer_rows
from tiles.index import LineIndex, PointIndex, TileBox
from tiles.live import Supply
from tiles.mvt import (
    DOUBLE,
    LINE,
    NO_TEXTS,
    OTHER_TEXT,
    POINT,
    SHARED_UINT,
    TEXT,
    Columns,
    Geometry,
    Tags,
    Value,
    ValuePool,
    doubles,
    encode_layer,
)
from twin.components import is_constant
from twin.geometry import LineStrings
from twin.narrow import narrow
from twin.network import Network

__all__ = ["FIELDS", "LAYER_NAMES", "NAMES_ZOOM", "Layer", "Selection", "make_layers"]

Ints = NDArray[np.int32]
Longs = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Selection:
    """What a tile shows of a layer.

    entries: int64 (n,), of its index. shapes: int64 (n,), which geometry each has. geometry: None for points, which
    are cut when it is known that they stay.
    """

    entries: Longs
    shapes: Longs
    geometry: Geometry | None

    def take(self, which: Longs) -> Selection:
        """Some of them."""
        return Selection(self.entries[which], self.shapes[which], self.geometry)


@dataclass(frozen=True, slots=True, eq=False)
class Layer:
    """One layer; every column but length_m is in the order of the index's entries.

    tags: what many features share. traced_tags: the same with `flow`, three states for one. combination: (entries,),
    row of the tags. customers: (entries,). length_m: float64 (rows,), by row, not a number where not known, or None.
    priority: uint8 (entries,), the higher, the sooner it is left out when zoomed out. supply: what changes. identity:
    mrid and name, by row; no tile below NAMES_ZOOM has any.
    """

    name: str
    kind: int
    index: PointIndex | LineIndex
    tags: Tags
    traced_tags: Tags
    combination: NDArray[np.integer[Any]]
    customers: NDArray[np.integer[Any]]
    length_m: Floats | None
    priority: NDArray[np.uint8]
    supply: Supply
    identity: Identity

    def select(self, tile: TileBox) -> Selection:
        """What the tile and its buffer hold."""
        if isinstance(self.index, LineIndex):
            entries, made = geometry.cut_lines(self.index, tile)
            return Selection(entries, np.arange(len(entries), dtype=np.int64), made)
        entries = self.index.entries(tile)
        return Selection(entries, np.arange(len(entries), dtype=np.int64), None)

    def encode(
        self, selection: Selection, tile: TileBox, states: Longs, depth: Longs | None = None, flow: Longs | None = None
    ) -> bytes:
        """The selection as an MVT layer.

        states: (n,) from `supply`. depth, flow: (n,), of a trace.
        """
        entries, shapes, made = selection.entries, selection.shapes, selection.geometry
        if len(entries) == 0:
            return b""
        if made is None:
            assert isinstance(self.index, PointIndex)
            made, shapes = geometry.points_of(self.index, entries, tile), np.arange(len(entries), dtype=np.int64)
        tags = self.tags
        if flow is not None:
            tags, states = self.traced_tags, states * 3 + flow + 1
        return encode_layer(
            self.name,
            self.kind,
            self.index.row[entries].astype(np.int64) + 1,
            made,
            tags,
            self.combination[entries].astype(np.int64),
            states,
            self._columns(entries, tile.zoom, depth),
            shapes=shapes,
        )

    def _columns(self, entries: Longs, zoom: int, depth: Longs | None) -> Columns:
        names, kinds, texts, others = ["customers"], [SHARED_UINT], NO_TEXTS, NO_TEXTS
        values: list[NDArray[np.integer[Any]]] = [self.customers[entries]]
        if self.length_m is not None:
            names.append("length_m")
            kinds.append(DOUBLE)
            values.append(doubles(self.length_m[self.index.row[entries]]))
        if zoom >= NAMES_ZOOM:
            rows = self.index.row[entries]
            (texts, mrids), (others, own_names) = (self.identity.encoded(column, rows) for column in ("mrid", "name"))
            names += ["mrid", "name"]
            kinds += [TEXT, OTHER_TEXT]
            values += [mrids, own_names]
        if depth is not None:
            names.append("depth")
            kinds.append(SHARED_UINT)
            values.append(depth)
        columns = np.empty((len(entries), len(names)), dtype=np.int64)
        for position, value in enumerate(values):
            columns[:, position] = value
        return Columns(tuple(names), tuple(kinds), columns, texts, others)


def make_layers(network: Network) -> tuple[Layer, ...]:
    """All layers of `grid`, bottom one first."""
    return tuple(_layer(layer_rows(network, name)) for name in LAYER_NAMES)


# --- putting one together -----------------------------------------------------------------------------------------


def _layer(rows: LayerRows) -> Layer:
    """Columns are given by row and kept by entry, in as few bytes as they need."""
    index = LineIndex.of(rows.place) if isinstance(rows.place, LineStrings) else PointIndex.of(rows.place)
    supply = rows.supply(index.row)
    tags, combination = _tags(rows.static, supply.states)
    alike = is_constant(rows.priority)
    return Layer(
        rows.name,
        LINE if isinstance(index, LineIndex) else POINT,
        index,
        tags,
        _with_flow(tags),
        narrow(combination)[index.row],
        narrow(rows.customers)[index.row],
        rows.length_m,
        np.broadcast_to(rows.priority[:1], (len(index),)) if alike and len(index) else rows.priority[index.row],
        supply,
        rows.identity,
    )


def _tags(static: dict[str, Static], states: int) -> tuple[Tags, Longs]:
    """Every combination of values that occurs, once, and which of them each row has."""
    live: list[Value] = [0, 1, 2, *([False, True] if states > 3 else [])]
    values: list[Value] = list(live)
    combined = np.zeros(len(next(iter(static.values()))[0]), dtype=np.int64)
    for codes, own in static.values():
        combined *= len(own) + 1
        combined += codes
        combined += 1
    distinct, combination = _numbered(combined, math.prod(len(own) + 1 for _, own in static.values()))
    live_keys = ("energized", "open") if states > 3 else ("energized",)
    combinations = np.full((len(distinct), len(static) + len(live_keys)), -1, dtype=np.int32)
    picked = []
    for _, own in reversed(static.values()):
        distinct, code = np.divmod(distinct, len(own) + 1)
        picked.append(code - 1)
    for key, ((_, own), code) in enumerate(zip(static.values(), reversed(picked), strict=True)):
        combinations[:, key] = np.where(code < 0, -1, code + len(values))
        values += own
    state_values = np.full((states, combinations.shape[1]), -1, dtype=np.int32)
    state_values[:, len(static)] = np.arange(states) % 3
    if states > 3:
        state_values[:, len(static) + 1] = 3 + np.arange(states) // 3
    return Tags((*static, *live_keys), ValuePool.of(values), combinations, state_values), combination


def _numbered(numbers: Longs, stop: int) -> tuple[Longs, Longs]:
    """The distinct ones of numbers in 0 … stop - 1, ascending, and which of them each is."""
    if stop > 8 * len(numbers) + 1024:
        return np.unique(numbers, return_inverse=True)
    occurs = np.zeros(stop, dtype=np.bool_)
    occurs[numbers] = True
    return np.flatnonzero(occurs), (np.cumsum(occurs) - 1)[numbers]


def _with_flow(tags: Tags) -> Tags:
    """The same tags with `flow`: state becomes 3 * state + flow + 1."""
    flows = ValuePool.of([-1, 0, 1])
    pool = ValuePool(
        np.concatenate([tags.pool.data, flows.data]),
        np.concatenate([tags.pool.ptr[:-1], tags.pool.ptr[-1] + flows.ptr]),
    )
    column = np.full((len(tags.combinations), 1), -1, dtype=np.int32)
    states = np.repeat(tags.states, 3, axis=0)
    flow = len(tags.pool) + np.tile(np.arange(3, dtype=np.int32), len(tags.states))
    return replace(
        tags,
        keys=(*tags.keys, "flow"),
        pool=pool,
        combinations=np.hstack([tags.combinations, column]),
        states=np.hstack([states, flow[:, None].astype(np.int32)]),
    )
