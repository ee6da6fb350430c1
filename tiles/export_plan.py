"""Which tiles of a network have anything in them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tiles import _kernels_stale
from tiles.hilbert import tile_to_id
from tiles.index import LineIndex
from tiles.mercator import code_to_tile, tile_to_code
from tiles.source import TileSource
from tiles.tilejson import TILESETS, ZOOMS

__all__ = ["Plan", "plan_tiles"]

Longs = NDArray[np.int64]

_AT_A_TIME = 1 << 18
"""Elements looked at together: each is in some ten tiles."""


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """Tiles to be made, each int64 (n,), in the order of their PMTiles numbers."""

    number: Longs
    z: Longs
    x: Longs
    y: Longs

    def __len__(self) -> int:
        return len(self.number)


def plan_tiles(
    source: TileSource, tilesets: Collection[str], minzoom: int, maxzoom: int, layers: Collection[str] | None = None
) -> Plan:
    """Every tile of these tilesets and zooms that shows anything, and a few that turn out empty (not of `grid`).

    layers: those of `grid` that count, all where None.
    """
    found = []
    for z in range(minzoom, maxzoom + 1):
        here = [tileset for tileset in TILESETS if tileset in tilesets and ZOOMS[tileset][0] <= z <= ZOOMS[tileset][1]]
        codes = [_grid(source, z, layers) if tileset == "grid" else _summed(source, tileset, z) for tileset in here]
        columns, rows = code_to_tile(np.unique(np.concatenate([np.empty(0, np.int64), *codes])))
        numbers = tile_to_id(z, columns, rows)
        order = np.argsort(numbers)
        found.append(np.stack([numbers, np.full_like(numbers, z), columns, rows])[:, order])
    return Plan(*np.concatenate(found, axis=1))


def _grid(source: TileSource, z: int, layers: Collection[str] | None) -> Longs:
    """Morton codes of tiles, ascending."""
    found = [np.empty(0, np.int64)]
    for layer in source.layers:
        if layers is not None and layer.name not in layers:
            continue
        index = layer.index
        for begin in range(0, len(index), _AT_A_TIME):
            entries = np.arange(begin, min(begin + _AT_A_TIME, len(index)), dtype=np.int64)
            if isinstance(index, LineIndex):
                tiles = _kernels_stale.tiles_of_lines(index.offsets, index.x, index.y, index.first_zoom, entries, z, z)
            else:
                tiles = _kernels_stale.tiles_of_points(index.x, index.y, entries, z, z)
            found.append(np.unique(tiles & ((1 << _kernels_stale.ZOOM_BITS) - 1)))
    return np.unique(np.concatenate(found))


def _summed(source: TileSource, tileset: str, z: int) -> Longs:
    """The same, of cells or of feeders."""
    if tileset == "feeders":
        feeders = np.arange(len(source.network.feeders), dtype=np.int64)
        return np.unique(tile_to_code(*source.feeders.tiles_of(z, feeders)))
    hexes = source.hexes
    return np.unique(tile_to_code(*hexes.tiles_of(z, np.arange(len(hexes.level(z)), dtype=np.int64))))
