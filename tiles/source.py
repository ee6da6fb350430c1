"""The tiles of a network in any state: the one door to this package."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from isal import igzip
from numpy.typing import NDArray

from tiles import tilejson
from tiles.budget import COMPRESSED_LIMIT, Part, fit
from tiles.feeders import Feeders
from tiles.filter import FilterMasks
from tiles.hexes import HexPyramid
from tiles.index import LineIndex, TileBox
from tiles.layers import NAMES_ZOOM, Layer, Selection, make_layers
from tiles.live import TraceColumns, TraceLike
from tiles.mercator import check_tile
from tiles.mvt import POINT, Columns, Geometry, Tags, ValuePool, encode_layer
from tiles.tilejson import LAYERS, TILESETS, ZOOMS
from twin import phases as phase_codes
from twin.network import Network
from twin.state import Snapshot

__all__ = ["TILESETS", "ZOOMS", "Tile", "TileSource", "UnknownLayer", "UnknownTileset"]

Longs = NDArray[np.int64]
Keep = Mapping[str, NDArray[np.bool_]]

_FEATURE_BYTES = {"lines": 24.0, "substations": 40.0, "switches": 18.0, "transformers": 20.0, "meters": 16.0}
"""About what a feature adds to a compressed tile; where that is too little, the tile is made again with more."""


FEW = 1_500
"""Elements of a tile that is made where it is asked for: each takes half a microsecond, and the same to compress."""


class UnknownTileset(LookupError):
    """A tileset that does not exist."""

    def __init__(self, tileset: str) -> None:
        super().__init__(f"no tileset {tileset!r}; there are {', '.join(TILESETS)}")
        self.tileset = tileset


class UnknownLayer(LookupError):
    """A layer that the tileset does not have."""

    def __init__(self, layer: str, known: Collection[str]) -> None:
        super().__init__(f"no layer {layer!r}; there are {', '.join(known)}")
        self.layer = layer


@dataclass(frozen=True, slots=True)
class Tile:
    """data: an MVT, uncompressed, empty where there is nothing. left_out: features that did not fit in."""

    data: bytes
    left_out: int = 0


EMPTY = Tile(b"")


class TileSource:
    """Tiles of one network. Nothing in it changes but caches, so any number of threads may call it."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self.layers: tuple[Layer, ...] = make_layers(network)
        self._lock = threading.Lock()
        self._traces: OrderedDict[int, tuple[TraceLike, TraceColumns]] = OrderedDict()

    @cached_property
    def hexes(self) -> HexPyramid:
        """The H3 pyramid, made when first asked for."""
        return HexPyramid(self.network)

    @cached_property
    def feeders(self) -> Feeders:
        """The feeders at every zoom, made when first asked for."""
        return Feeders(self.network)

    @cached_property
    def filters(self) -> FilterMasks:
        """Which rows filters keep, for `keep` of `tile`."""
        return FilterMasks(self.network)

    def tile(
        self,
        tileset: str,
        z: int,
        x: int,
        y: int,
        snapshot: Snapshot,
        *,
        layers: Collection[str] | None = None,
        trace: TraceLike | None = None,
        phases: int = phase_codes.ABC,
        keep: Keep | None = None,
        limit: int | None = None,
    ) -> Tile:
        """One tile of a state of this network.

        layers: names of those wanted, all where None. trace: features outside it are left out, `depth` and `flow`
        added. phases: features with none of them are left out, and `energized` and `open` speak of them only. keep: by
        layer, bool (rows,), which rows may be shown. limit: bytes of the compressed tile, COMPRESSED_LIMIT where None;
        what does not fit is left out. The last four are for `grid`. Raises UnknownTileset, UnknownLayer or
        TileAddressError.
        """
        if snapshot.network is not self.network:
            raise ValueError("the snapshot is of another network than the tiles")
        if tileset not in ZOOMS:
            raise UnknownTileset(tileset)
        check_tile(z, x, y, *ZOOMS[tileset])
        known = LAYERS[tileset]
        for layer in layers or ():
            if layer not in known:
                raise UnknownLayer(layer, known)
        if layers is not None and not layers:
            return EMPTY
        if tileset == "hexes":
            return Tile(self.hexes.tile(z, x, y, snapshot))
        if tileset == "feeders":
            return Tile(self.feeders.tile(z, x, y, snapshot))
        wanted = [layer for layer in self.layers if layers is None or layer.name in layers]
        columns = None if trace is None else self.trace_columns(trace)
        parts = [_LayerTile.of(layer, TileBox.of(z, x, y), columns, phases, keep) for layer in wanted]
        most = COMPRESSED_LIMIT if limit is None else limit
        if z >= NAMES_ZOOM:  # where hardly any tile is too large
            whole = b"".join(part.encode(snapshot, phases) for part in parts)
            if _compressed(whole, most) <= most:
                return Tile(whole)
        return _fitted(parts, snapshot, phases, most)

    def at_hand(self, tileset: str, z: int, x: int, y: int, snapshot: Snapshot) -> bool:
        """Whether a tile as it is without options takes about a millisecond at most.

        So it is with few elements, and with cells and feeders whose part that does not change with the state is kept.
        """
        if tileset == "grid":
            tile = TileBox.of(z, x, y)
            return sum(layer.index.about(tile) for layer in self.layers) <= FEW
        if tileset not in vars(self):  # not made so far
            return False
        made: HexPyramid | Feeders = self.hexes if tileset == "hexes" else self.feeders
        return made.at_hand(z, x, y, snapshot)

    def tilejson(self, base_url: str, tileset: str, *, query: str = "", version: str = "1.0.0") -> dict[str, object]:
        """TileJSON 3.0; see `tiles.tilejson`. Raises UnknownTileset."""
        if tileset not in ZOOMS:
            raise UnknownTileset(tileset)
        network = self.network
        return tilejson.tilejson(
            base_url, tileset, name=network.name, bounds=network.bounds, query=query, version=version
        )

    def trace_columns(self, trace: TraceLike) -> TraceColumns:
        """A trace spread over the network; those of the last few are kept."""
        with self._lock:
            known = self._traces.get(id(trace))
            if known is not None:
                self._traces.move_to_end(id(trace))
                return known[1]
        columns = TraceColumns.of(self.network, trace)
        with self._lock:
            self._traces[id(trace)] = (trace, columns)
            while len(self._traces) > 8:
                self._traces.popitem(last=False)
        return columns


@dataclass(frozen=True, slots=True, eq=False)
class _LayerTile:
    """What a tile may show of one layer; depth and flow with a trace only, each int64 (n,)."""

    layer: Layer
    tile: TileBox
    selection: Selection
    depth: Longs | None = None
    flow: Longs | None = None

    @classmethod
    def of(cls, layer: Layer, tile: TileBox, trace: TraceColumns | None, phases: int, keep: Keep | None) -> _LayerTile:
        whole = cls(layer, tile, layer.select(tile))
        entries = whole.selection.entries
        if phases & phase_codes.ABC != phase_codes.ABC:
            whole = whole.take(np.flatnonzero(layer.supply.present(entries, phases)))
        if keep is not None and layer.name in keep:
            rows = layer.index.row[whole.selection.entries]
            whole = whole.take(np.flatnonzero(keep[layer.name][rows]))
        if trace is not None:
            depth, flow = layer.supply.traced(whole.selection.entries, trace)
            whole = replace(whole, depth=depth, flow=flow).take(np.flatnonzero(depth >= 0))
        return whole

    def __len__(self) -> int:
        return len(self.selection.entries)

    def take(self, which: Longs) -> _LayerTile:
        """Some of its features."""
        depth = None if self.depth is None else self.depth[which]
        flow = None if self.flow is None else self.flow[which]
        return _LayerTile(self.layer, self.tile, self.selection.take(which), depth, flow)

    def encode(self, snapshot: Snapshot, phases: int) -> bytes:
        if len(self) == 0:
            return b""
        states = self.layer.supply.state(self.selection.entries, snapshot, phases)
        return self.layer.encode(self.selection, self.tile, states, self.depth, self.flow)

    def part(self) -> Part:
        entries, index = self.selection.entries, self.layer.index
        size = index.extent(entries) if isinstance(index, LineIndex) else None
        return Part(self.layer.priority[entries], size, _FEATURE_BYTES[self.layer.name])


def _compressed(data: bytes, limit: int) -> int:
    """Bytes when compressed, at most; not looked at where the data is within the limit already."""
    return len(data) if len(data) <= limit else len(igzip.compress(data, 1))


def _fitted(layers: list[_LayerTile], snapshot: Snapshot, phases: int, limit: int) -> Tile:
    """The tile with as much as fits, and the layer `partial` saying of each layer how much does not."""
    parts = [layer.part() for layer in layers]
    room = float(limit)
    while True:
        kept = fit(parts, room)
        left_out = {
            layer.layer.name: len(layer) - len(which)
            for layer, which in zip(layers, kept, strict=True)
            if len(which) < len(layer)
        }
        shown = [layer.take(which) for layer, which in zip(layers, kept, strict=True)]
        data = b"".join([*(layer.encode(snapshot, phases) for layer in shown), _partial(left_out)])
        compressed = _compressed(data, limit)
        if compressed <= limit or not any(map(len, shown)):
            break
        room *= 0.95 * max(limit, 0) / compressed
    return Tile(data, sum(left_out.values()))


def _partial(left_out: Mapping[str, int]) -> bytes:
    """The layer `partial`: in the middle of the tile a point for each layer that is not complete."""
    if not left_out:
        return b""
    count = len(left_out)
    middle = np.array([9, 0x80, 0x20, 0x80, 0x20], dtype=np.uint8)  # MoveTo 2048 2048
    rows = np.arange(count, dtype=np.int64)
    tags = Tags(
        ("layer", "left_out"),
        ValuePool.of([*left_out, *left_out.values()]),
        np.stack([rows, rows + count], axis=1).astype(np.int32),
        np.full((1, 2), -1, dtype=np.int32),
    )
    geometry = Geometry(np.tile(middle, count), np.arange(count + 1, dtype=np.int64) * len(middle))
    nothing = Columns((), (), np.empty((count, 0), dtype=np.int64))
    return encode_layer("partial", POINT, rows + 1, geometry, tags, rows, 0 * rows, nothing, repeat_id=False)
