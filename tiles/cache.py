"""Compressed tiles, bounded in bytes; each is made once, however many ask for it at the same time."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import NamedTuple

from isal import igzip

__all__ = ["CachedTile", "TileCache", "TileKey", "compress"]

_OVERHEAD = 300
"""Bytes that an entry takes beside its data, about."""


class TileKey(NamedTuple):
    """What a tile's bytes depend on. params: canonical text of all other parameters. revision: the last one that
    changed this tile (`StaleIndex.revision_of`)."""

    model: str
    tileset: str
    z: int
    x: int
    y: int
    params: str
    revision: int


@dataclass(frozen=True, slots=True)
class CachedTile:
    """data: gzip, empty for an empty tile. left_out: features that did not fit in."""

    data: bytes
    left_out: int = 0


def compress(data: bytes) -> bytes:
    """gzip, level 1, the same bytes for the same data; nothing for nothing."""
    return igzip.compress(data, 1, mtime=0) if data else b""


class TileCache:
    """The tiles used last, up to `max_bytes` in all. Any number of threads may call it."""

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self.size = 0
        """Bytes in use."""
        self.hits = 0
        self.misses = 0
        self._tiles: OrderedDict[TileKey, CachedTile] = OrderedDict()
        self._making: dict[TileKey, Future[CachedTile]] = {}
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._tiles)

    def get(self, key: TileKey) -> CachedTile | None:
        """A tile that is there, else None; never waits for one being made."""
        with self._lock:
            tile = self._tiles.get(key)
            if tile is not None:
                self._tiles.move_to_end(key)
                self.hits += 1
            return tile

    def get_or_make(self, key: TileKey, make: Callable[[], CachedTile]) -> CachedTile:
        """The tile, made by the first who asks while the others wait; what `make` raises, all of them get.

        A failure is not kept: the next to ask tries again.
        """
        with self._lock:
            tile = self._tiles.get(key)
            if tile is not None:
                self._tiles.move_to_end(key)
                self.hits += 1
                return tile
            self.misses += 1
            waiting = self._making.get(key)
            if waiting is None:
                made: Future[CachedTile] = Future()
                self._making[key] = made
        if waiting is not None:
            return waiting.result()
        try:
            tile = make()
        except BaseException as error:  # handed on to whoever waits, and raised here
            with self._lock:
                del self._making[key]
            made.set_exception(error)
            raise
        with self._lock:
            del self._making[key]
            self._keep(key, tile)
        made.set_result(tile)
        return tile

    def put(self, key: TileKey, tile: CachedTile) -> None:
        """Keeps a tile that was made without asking; where it is there already, that one stays."""
        with self._lock:
            self.misses += 1
            if key not in self._tiles:
                self._keep(key, tile)

    def clear(self) -> None:
        """Forgets everything."""
        with self._lock:
            self._tiles.clear()
            self.size = 0

    def _keep(self, key: TileKey, tile: CachedTile) -> None:
        cost = len(tile.data) + _OVERHEAD
        if cost > self.max_bytes:
            return
        self._tiles[key] = tile
        self.size += cost
        while self.size > self.max_bytes:
            _, dropped = self._tiles.popitem(last=False)
            self.size -= len(dropped.data) + _OVERHEAD
