"""Which tiles a change of state makes stale: exact to the tile, at every zoom, and which revision that was."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from itertools import repeat
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tiles import _kernels, _kernels_live, _kernels_stale
from tiles.feeders import Feeders
from tiles.hexes import HexPyramid
from tiles.index import LineIndex
from tiles.layers import Layer
from tiles.mercator import check_tile, tile_to_code
from tiles.source import TileSource
from tiles.tilejson import TILESETS, ZOOMS
from topology.jit import exercise
from twin import phases
from twin.components import LINE, SWITCH_BRANCH, TRANSFORMER
from twin.network import Network
from twin.state import Snapshot

__all__ = ["EPOCH", "StaleIndex", "StaleTiles", "epoch"]

EPOCH = 1024
"""Every so many revisions all tiles count as changed, so that an index made anew by replaying the log from
`epoch(head)` on agrees with one that has been there all the time: two processes, or one and itself restarted."""

Longs = NDArray[np.int64]
_ZOOM_BITS = _kernels_stale.ZOOM_BITS
_CODE = (1 << _ZOOM_BITS) - 1


@dataclass(frozen=True, slots=True, eq=False)
class StaleTiles:
    """Tiles that a revision changed. tiles: by tileset, ascending numbers made of zoom and Morton code."""

    revision: int
    tiles: dict[str, Longs]

    def __len__(self) -> int:
        return sum(len(packed) for packed in self.tiles.values())

    def codes(self, tileset: str, z: int) -> Longs:
        """Morton codes (`mercator.tile_to_code`) of the stale tiles of one zoom, ascending."""
        packed = self.tiles[tileset]
        low, high = np.searchsorted(packed, [z << _ZOOM_BITS, (z + 1) << _ZOOM_BITS])
        codes: Longs = packed[low:high] & _CODE
        return codes

    def ranges(self, tileset: str) -> Longs:
        """int64 (n, 2): ranges of Morton codes at the deepest zoom, the end excluded, ascending.

        With their ancestors they cover every stale tile. A tile may be stale only through its buffer, which is wider
        than that of its descendants; one descendant then stands for it.
        """
        minzoom, deepest = ZOOMS[tileset]
        covered = self.codes(tileset, deepest)
        for z in range(deepest - 1, minzoom - 1, -1):
            shift = 2 * (deepest - z)
            missing = np.setdiff1d(self.codes(tileset, z), covered >> shift)
            covered = np.union1d(covered, missing << shift)
        if len(covered) == 0:
            return np.empty((0, 2), dtype=np.int64)
        breaks = np.flatnonzero(np.diff(covered) > 1)
        first = covered[np.concatenate([[0], breaks + 1])]
        last = covered[np.concatenate([breaks, [len(covered) - 1]])]
        return np.stack([first, last + 1], axis=1)


def epoch(revision: int) -> int:
    """The revision at which all tiles last counted as changed."""
    return revision - revision % EPOCH


class StaleIndex:
    """Remembers for every tile the last revision that changed it. One thread writes, any number read.

    It speaks of tiles without `trace` and with all phases; for the others take the newest revision.
    """

    def __init__(self, network: Network, source: TileSource, revision: int = 0) -> None:
        """revision: the newest one before the first call of `changed`, best `epoch(head)`: see EPOCH."""
        self.network = network
        self.source = source
        self.revision = revision
        """The newest revision seen."""
        self._base = revision
        self._last: dict[str, dict[int, int]] = {tileset: {} for tileset in TILESETS}
        self._lock = threading.Lock()
        self._layers = {layer.name: _Layer(layer, rows) for layer, rows in _layers(network, source)}

    def revision_of(self, tileset: str, z: int, x: int, y: int) -> int:
        """The last revision that changed the tile, or else the one that the index began with."""
        check_tile(z, x, y, *ZOOMS[tileset])
        packed = z << _ZOOM_BITS | int(_kernels.morton(x, y))
        return self._last[tileset].get(packed, self._base)

    def changed(self, before: Snapshot, after: Snapshot, revision: int) -> StaleTiles:
        """The tiles whose bytes differ between two states of the network (and no others, but for what a tile leaves
        out), now known as changed at this revision."""
        stale = self.difference(before, after, revision)
        with self._lock:
            if epoch(revision) > self._base:
                self._base, self._last = epoch(revision), {tileset: {} for tileset in TILESETS}
            self.revision = revision
            for tileset, packed in stale.tiles.items():
                self._last[tileset].update(zip(packed.tolist(), repeat(revision)))
        return stale

    def difference(self, before: Snapshot, after: Snapshot, revision: int) -> StaleTiles:
        """The same, remembering nothing."""
        if before.network is not self.network or after.network is not self.network:
            raise ValueError("both snapshots must be of the network that the index was made for")
        nodes = np.flatnonzero(before.energized != after.energized)
        grid = [
            layer.tiles(rows, before, after)
            for layer, rows in zip(self._layers.values(), self._touched(before, after, nodes), strict=True)
            if len(rows)
        ]
        found = {
            "grid": _distinct(np.concatenate([np.empty(0, np.int64), *grid])),
            "hexes": _hex_tiles(self.source.hexes, before, after) if len(nodes) else np.empty(0, np.int64),
            "feeders": _feeder_tiles(self.source.feeders, before, after) if len(nodes) else np.empty(0, np.int64),
        }
        return StaleTiles(revision, found)

    def _touched(self, before: Snapshot, after: Snapshot, nodes: Longs) -> list[Longs]:
        """Rows of each layer that may look different, ascending."""
        network, graph = self.network, self.network.graph
        operated = np.flatnonzero(before.state.open != after.state.open)
        branches = _distinct(
            np.concatenate(
                [
                    _kernels_live.branches_around(nodes, graph.indptr, graph.adjacent_branch),
                    np.flatnonzero(before.conducting != after.conducting),
                    network.table_branches[SWITCH_BRANCH][operated],
                ]
            )
        )
        kind, row = network.branch_class[branches], network.branch_row[branches].astype(np.int64)
        consumers = _ranges(network.consumer_ptr[nodes], network.consumer_ptr[nodes + 1])
        owners = network.meters.consumer
        meters = _ranges(
            np.searchsorted(owners, consumers, side="left"), np.searchsorted(owners, consumers, side="right")
        )
        substations = _distinct(network.nodes["substation"][nodes])
        return [
            row[kind == LINE],
            substations[substations >= 0],
            row[kind == SWITCH_BRANCH],
            row[kind == TRANSFORMER],
            meters,
        ]


class _Layer:
    """A layer, and where each of its rows stands in its index."""

    def __init__(self, layer: Layer, rows: int) -> None:
        self.layer = layer
        self._entry = np.full(rows, -1, dtype=np.int32)
        entries = np.arange(len(layer.index), dtype=np.int32)
        self._entry[layer.index.row] = entries
        self._other = entries[self._entry[layer.index.row] != entries]  # of lines over the antimeridian

    def entries(self, rows: Longs) -> Longs:
        """Entries of some rows, ascending."""
        found = self._entry[rows]
        if len(self._other):
            found = np.concatenate([found, self._other[np.isin(self.layer.index.row[self._other], rows)]])
        return _distinct(found[found >= 0])

    def tiles(self, rows: Longs, before: Snapshot, after: Snapshot) -> Longs:
        """Tiles, as numbers, that show any of these rows which really looks different."""
        entries = self.entries(rows)
        supply, index = self.layer.supply, self.layer.index
        differs = supply.state(entries, before, phases.ABC) != supply.state(entries, after, phases.ABC)
        entries = entries[differs]
        if isinstance(index, LineIndex):
            return _kernels_stale.tiles_of_lines(
                index.offsets, index.x, index.y, index.first_zoom, entries, *ZOOMS["grid"]
            )
        return _kernels_stale.tiles_of_points(index.x, index.y, entries, *ZOOMS["grid"])


def _layers(network: Network, source: TileSource) -> list[tuple[Layer, int]]:
    sizes = (
        len(network.lines),
        len(network.substations),
        len(network.switches),
        len(network.transformers),
        len(network.meters),
    )
    return list(zip(source.layers, sizes, strict=True))


def _distinct(numbers: NDArray[np.integer[Any]]) -> Longs:
    """Each number once, ascending (several times faster than np.unique)."""
    ordered = np.sort(numbers.astype(np.int64))
    first = np.ones(len(ordered), dtype=np.bool_)
    np.not_equal(ordered[1:], ordered[:-1], out=first[1:])
    distinct: Longs = ordered[first]
    return distinct


def _ranges(first: NDArray[np.integer[Any]], stop: NDArray[np.integer[Any]]) -> Longs:
    """int64: first[0] … stop[0] - 1, first[1] … stop[1] - 1, …"""
    sizes = (stop - first).astype(np.int64)
    begin = np.cumsum(sizes) - sizes
    return np.repeat(first - begin, sizes) + np.arange(sizes.sum(), dtype=np.int64)


def _hex_tiles(hexes: HexPyramid, before: Snapshot, after: Snapshot) -> Longs:
    """Tiles, as numbers, that show a cell whose live totals differ."""
    old, new = hexes.supply(before), hexes.supply(after)
    found = [np.empty(0, np.int64)]
    for z in range(ZOOMS["hexes"][0], ZOOMS["hexes"][1] + 1):
        level = hexes.level(z)
        resolution = level.resolution
        differs = (old.out[resolution] != new.out[resolution]) | (
            old.energized[resolution] != new.energized[resolution]
        )
        columns, rows = hexes.tiles_of(z, np.flatnonzero(differs))
        found.append(z << _ZOOM_BITS | _distinct(tile_to_code(columns, rows)))
    return np.concatenate(found)


def _feeder_tiles(feeders: Feeders, before: Snapshot, after: Snapshot) -> Longs:
    """Tiles, as numbers, that show a feeder whose supply differs."""
    old, new = feeders.supply(before), feeders.supply(after)
    differs = np.flatnonzero((old.out != new.out) | (old.energized != new.energized))
    found = [np.empty(0, np.int64)]
    for z in range(ZOOMS["feeders"][0], ZOOMS["feeders"][1] + 1):
        columns, rows = feeders.tiles_of(z, differs)
        found.append(z << _ZOOM_BITS | _distinct(tile_to_code(columns, rows)))
    return np.concatenate(found)


@exercise
def _tiles_of_one() -> None:
    none, offsets, place = np.empty(0, np.int64), np.zeros(1, np.int64), np.empty(0, np.int32)
    _kernels.morton(0, 0)
    indptr, branches = np.zeros(1, np.int64), np.empty(0, np.int32)
    indptr.flags.writeable = branches.flags.writeable = False
    _kernels_live.branches_around(none, indptr, branches)
    _kernels_stale.tiles_of_points(place, place, none, 16, 16)
    _kernels_stale.tiles_of_lines(offsets, place, place, np.empty(0, np.uint8), none, 16, 16)
