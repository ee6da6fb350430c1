"""The layers of the tileset `grid`: which elements, where, with which attributes."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from tiles import geometry
from tiles.attributes import FIELDS, LAYER_NAMES, NAMES_ZOOM, LayerRows, Static, layer_rows
from tiles.index import LineIndex, PointIndex, TileBox
from tiles.live import Supply
from tiles.mvt import (
    ABSENT,
    DOUBLE,
    LINE,
    NO_TEXTS,
    POINT,
    SHARED_UINT,
    TEXT,
    UUID,
    Columns,
    Geometry,
    Tags,
    TextPool,
    Value,
    ValuePool,
    doubles,
    encode_layer,
)
from twin.geometry import LineStrings
from twin.network import Network

__all__ = ["FIELDS", "LAYER_NAMES", "NAMES_ZOOM", "Layer", "Selection", "make_layers"]

Ints = NDArray[np.int32]
Longs = NDArray[np.int64]
Floats = NDArray[np.float64]
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


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
class Names:
    """mrid and name of every entry.

    mrid_kind: TEXT or UUID; that of entry i has number i. name: int32 (entries,), its number in `texts`, -1 for none.
    """

    mrid_kind: int
    name: Ints
    texts: TextPool


class NamesLater:
    """Names, made when first asked for: a million of them are half a second, and no tile below NAMES_ZOOM has any."""

    def __init__(self, make: Callable[[], Names]) -> None:
        self._make: Callable[[], Names] | None = make
        self._made: Names | None = None
        self._lock = Lock()

    def __call__(self) -> Names:
        """The names; any thread may ask, and one makes them."""
        if self._made is None:
            with self._lock:
                if self._made is None:
                    assert self._make is not None
                    self._made, self._make = self._make(), None  # and lets go of what they were made of
        return self._made


@dataclass(frozen=True, slots=True, eq=False)
class Layer:
    """One layer; every column is in the order of the index's entries.

    tags: what many features share. traced_tags: the same with `flow`, three states for one. combination: int32
    (entries,), row of the tags. customers: int32 (entries,). length_m: float64 (entries,), not a number where not
    known, or None. priority: uint8 (entries,), the higher, the sooner it is left out when zoomed out. supply: what
    changes.
    """

    name: str
    kind: int
    index: PointIndex | LineIndex
    tags: Tags
    traced_tags: Tags
    combination: Ints
    customers: Ints
    length_m: Floats | None
    priority: NDArray[np.uint8]
    supply: Supply
    names: NamesLater

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
        names, kinds, texts = ["customers"], [SHARED_UINT], NO_TEXTS
        values: list[Longs | Ints] = [self.customers[entries]]
        if self.length_m is not None:
            names.append("length_m")
            kinds.append(DOUBLE)
            values.append(doubles(self.length_m[entries]))
        if zoom >= NAMES_ZOOM:
            own = self.names()
            names += ["mrid", "name"]
            kinds += [own.mrid_kind, TEXT]
            texts, name = own.texts, own.name[entries].astype(np.int64)
            values += [entries, np.where(name < 0, ABSENT, name)]
        if depth is not None:
            names.append("depth")
            kinds.append(SHARED_UINT)
            values.append(depth)
        columns = np.empty((len(entries), len(names)), dtype=np.int64)
        for position, value in enumerate(values):
            columns[:, position] = value
        return Columns(tuple(names), tuple(kinds), columns, texts)


def make_layers(network: Network) -> tuple[Layer, ...]:
    """All layers of `grid`, bottom one first."""
    return tuple(_layer(layer_rows(network, name)) for name in LAYER_NAMES)


# --- putting one together -----------------------------------------------------------------------------------------


def _layer(rows: LayerRows) -> Layer:
    """Columns are given by row and kept by entry."""
    index = LineIndex.of(rows.place) if isinstance(rows.place, LineStrings) else PointIndex.of(rows.place)
    by_entry = {key: (codes[index.row], values) for key, (codes, values) in rows.static.items()}
    supply = rows.supply(index.row)
    tags, combination = _tags(by_entry, supply.states)
    return Layer(
        rows.name,
        LINE if isinstance(index, LineIndex) else POINT,
        index,
        tags,
        _with_flow(tags),
        combination,
        rows.customers[index.row].astype(np.int32),
        None if rows.length_m is None else rows.length_m[index.row],
        rows.priority[index.row],
        supply,
        NamesLater(lambda: _names(rows, index.row)),
    )


def _tags(static: dict[str, Static], states: int) -> tuple[Tags, Ints]:
    """Every combination of values that occurs, once, and which of them each entry has."""
    live: list[Value] = [0, 1, 2, *([False, True] if states > 3 else [])]
    values: list[Value] = list(live)
    combined = np.zeros(len(next(iter(static.values()))[0]), dtype=np.int64)
    for codes, own in static.values():
        combined = combined * (len(own) + 1) + codes + 1
    _, first, combination = np.unique(combined, return_index=True, return_inverse=True)
    live_keys = ("energized", "open") if states > 3 else ("energized",)
    combinations = np.full((len(first), len(static) + len(live_keys)), -1, dtype=np.int32)
    for key, (codes, own) in enumerate(static.values()):
        picked = codes[first]
        combinations[:, key] = np.where(picked < 0, -1, picked + len(values))
        values += own
    state_values = np.full((states, combinations.shape[1]), -1, dtype=np.int32)
    state_values[:, len(static)] = np.arange(states) % 3
    if states > 3:
        state_values[:, len(static) + 1] = 3 + np.arange(states) // 3
    tags = Tags((*static, *live_keys), ValuePool.of(values), combinations, state_values)
    return tags, combination.astype(np.int32)


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


def _names(layer: LayerRows, rows: Ints) -> Names:
    mrids, names = (layer.texts_of(column, rows).tolist() for column in ("mrid", "name"))
    named = np.fromiter(map(bool, names), np.bool_, len(names))
    number = np.cumsum(named) - 1
    kept = list(filter(None, names))
    if mrids and all(_UUID.fullmatch(mrid) for mrid in mrids):
        pool = TextPool.of(kept)
        uuids = np.frombuffer(bytes.fromhex("".join(mrids).replace("-", "")), dtype=np.uint8).reshape(-1, 16)
        return Names(UUID, np.where(named, number, -1).astype(np.int32), TextPool(pool.data, pool.ptr, uuids.copy()))
    return Names(TEXT, np.where(named, number + len(mrids), -1).astype(np.int32), TextPool.of(mrids + kept))
