"""The whole pyramid of tiles of one state, into one file that maps read without a server."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

from tiles.budget import COMPRESSED_LIMIT
from tiles.cache import compress
from tiles.export_archives import ARCHIVES, About
from tiles.export_files import ExportError, replacing
from tiles.export_journal import Journal, MadeTile
from tiles.export_plan import Plan, plan_tiles
from tiles.export_workers import Address, Make, Workers, available_cores, workers
from tiles.layers import LAYER_NAMES
from tiles.mercator import MAX_LATITUDE
from tiles.source import TileSource, UnknownLayer, UnknownTileset
from tiles.tilejson import GRID_MINZOOM, TILESETS, ZOOMS
from topology.jit import warm_up
from twin.state import Snapshot

__all__ = ["ARCHIVES", "Exported", "Pyramid", "export_pyramid"]

CHUNK = 64
"""Tiles that are made, and kept, together."""

Progress = Callable[[str, int, int], None]
"""Called with what is under way, how many are done and how many there are."""


@dataclass(frozen=True, slots=True)
class Pyramid:
    """Which tiles. layers: those of `grid`. minzoom, maxzoom: within those of the tilesets.

    Raises UnknownTileset, UnknownLayer or ExportError for what there is not.
    """

    tilesets: tuple[str, ...] = TILESETS
    layers: tuple[str, ...] = LAYER_NAMES
    minzoom: int = min(low for low, _ in ZOOMS.values())
    maxzoom: int = max(high for _, high in ZOOMS.values())

    def __post_init__(self) -> None:
        for tileset in self.tilesets:
            if tileset not in ZOOMS:
                raise UnknownTileset(tileset)
        for layer in self.layers:
            if layer not in LAYER_NAMES:
                raise UnknownLayer(layer, LAYER_NAMES)
        if not self.tilesets:
            raise ExportError(f"no tileset to export; there are {', '.join(TILESETS)}")
        low, high = min(ZOOMS[name][0] for name in self.tilesets), max(ZOOMS[name][1] for name in self.tilesets)
        for what, zoom in (("lowest", self.minzoom), ("deepest", self.maxzoom)):
            if not low <= zoom <= high:
                raise ExportError(
                    f"{what} zoom is {zoom}; with {' and '.join(self.tilesets)} it must lie in {low} … {high}"
                )
        if self.minzoom > self.maxzoom:
            raise ExportError(f"lowest zoom is {self.minzoom}, above the deepest, {self.maxzoom}")

    @classmethod
    def within(
        cls,
        tilesets: Sequence[str] = TILESETS,
        layers: Sequence[str] = LAYER_NAMES,
        minzoom: int | None = None,
        maxzoom: int | None = None,
    ) -> Pyramid:
        """With the zooms that the tilesets have where none are given."""
        known = [ZOOMS[name] for name in tilesets if name in ZOOMS] or list(ZOOMS.values())
        return cls(
            tuple(name for name in TILESETS if name in tilesets) + tuple(set(tilesets) - set(TILESETS)),
            tuple(name for name in LAYER_NAMES if name in layers) + tuple(set(layers) - set(LAYER_NAMES)),
            min(low for low, _ in known) if minzoom is None else minzoom,
            max(high for _, high in known) if maxzoom is None else maxzoom,
        )

    def shows(self, tileset: str, z: int) -> bool:
        """Whether a tile of this zoom shows the tileset."""
        low, high = ZOOMS[tileset]
        return tileset in self.tilesets and low <= z <= high


@dataclass(frozen=True, slots=True)
class Exported:
    """What an export made. resumed: tiles that an earlier run had made. partial: tiles that are not complete.

    left_out: features left out of them. discarded: what the unfinished export was that this one did not go on with.
    """

    tiles: int
    bytes: int
    resumed: int
    partial: int
    left_out: int
    discarded: dict[str, object] | None


def export_pyramid(
    source: TileSource,
    snapshot: Snapshot,
    path: Path,
    pyramid: Pyramid,
    *,
    state: str = "current",
    attribution: str = "",
    cores: int | None = None,
    max_tiles: int | None = None,
    progress: Progress = lambda what, done, of: None,
) -> Exported:
    """Writes every tile that shows anything, as PMTiles or MBTiles by the ending of the path; replaces what is there.

    Where it is interrupted, or killed, `PATH.part` stays, and the same export of the same state goes on from it; the
    file is the same as if nothing had happened. state: what the snapshot is, as the file will say it. cores: processes
    that make tiles, all there are where None. max_tiles: more are refused before the first is made. Raises ExportError,
    and leaves no half file.
    """
    write = ARCHIVES.get(path.suffix.lower())
    if write is None:
        raise ExportError(f"{path}: no such archive of tiles; its name must end in {' or '.join(ARCHIVES)}")
    progress("looking for tiles", 0, 0)
    plan = plan_tiles(source, pyramid.tilesets, pyramid.minzoom, pyramid.maxzoom, pyramid.layers)
    if len(plan) == 0:
        raise ExportError(f"{path}: nothing to write: no element of these layers has a place")
    if max_tiles is not None and len(plan) > max_tiles:
        raise ExportError(
            f"{path}: it would hold {len(plan):,} tiles, and --max-tiles is {max_tiles:,}; "
            f"raise it, or leave out the deepest zoom with --max-zoom"
        )
    warm_up()
    with workers(_maker(source, snapshot, pyramid), available_cores() if cores is None else cores) as spread:
        journal = Journal(path.with_name(path.name + ".part"), _key(snapshot, pyramid, state))
        resumed = len(journal)
        try:
            _fill(journal, plan, spread, progress)
            partial, left_out = journal.left_out()
            about = _about(source, snapshot, pyramid, state, attribution, partial, left_out)
            with replacing(path) as unfinished:
                write(journal, unfinished, about, lambda done, of: progress("writing", done, of))
            exported = Exported(len(journal), path.stat().st_size, resumed, partial, left_out, journal.discarded)
        except BaseException:
            journal.close()
            raise
        journal.remove()
    return exported


def _fill(journal: Journal, plan: Plan, spread: Workers, progress: Progress) -> None:
    """Makes the tiles that are not there yet."""
    addresses = np.stack([plan.number, plan.z, plan.x, plan.y], axis=1)
    chunks = range(-(-len(plan) // CHUNK))
    sizes = [min(CHUNK, len(plan) - chunk * CHUNK) for chunk in chunks]
    done = sum(sizes[chunk] for chunk in journal.done)
    progress("making tiles", done, len(plan))
    missing = (
        (chunk, [(int(n), int(z), int(x), int(y)) for n, z, x, y in addresses[chunk * CHUNK : (chunk + 1) * CHUNK]])
        for chunk in chunks
        if chunk not in journal.done
    )
    for chunk, tiles in spread(missing):
        journal.add(chunk, tiles)
        done += sizes[chunk]
        progress("making tiles", done, len(plan))


def _maker(source: TileSource, snapshot: Snapshot, pyramid: Pyramid) -> Make:
    """What makes tiles; all that they share is made now."""
    if "hexes" in pyramid.tilesets:
        source.hexes.supply(snapshot)
    if "feeders" in pyramid.tilesets:
        source.feeders.supply(snapshot)

    def make(chunk: Sequence[Address]) -> list[MadeTile]:
        made = []
        for number, z, x, y in chunk:
            at, shown = (z, x, y), [tileset for tileset in TILESETS if pyramid.shows(tileset, z)]
            sums = b"".join(source.tile(each, *at, snapshot).data for each in shown if each != "grid")
            if "grid" not in shown:
                made.append((number, compress(sums), 0))
                continue
            room = COMPRESSED_LIMIT * 99 // 100 - len(compress(sums))  # together they are one tile
            tile = source.tile("grid", *at, snapshot, layers=pyramid.layers, limit=room)
            made.append((number, compress(tile.data + sums), tile.left_out))
        return made

    return make


def _key(snapshot: Snapshot, pyramid: Pyramid, state: str) -> dict[str, object]:
    """All that decides the bytes of the tiles, as JSON values."""
    positions = hashlib.blake2b(snapshot.state.open.tobytes(), digest_size=8).hexdigest()
    return {
        "model": snapshot.network.model,
        "revision": snapshot.revision,
        "state": state,
        "positions": positions,
        "tilesets": list(pyramid.tilesets),
        "layers": list(pyramid.layers),
        "minzoom": pyramid.minzoom,
        "maxzoom": pyramid.maxzoom,
        "chunk": CHUNK,
        "version": _version(),
    }


def _about(
    source: TileSource,
    snapshot: Snapshot,
    pyramid: Pyramid,
    state: str,
    attribution: str,
    partial: int,
    left_out: int,
) -> About:
    name = source.network.name
    described = [layer for tileset in TILESETS if tileset in pyramid.tilesets for layer in _layers(source, tileset)]
    shown = (*pyramid.layers, "partial", "hexes", "feeders")
    west, south, east, north = source.network.bounds or (-180.0, -MAX_LATITUDE, 180.0, MAX_LATITUDE)
    south, north = max(south, -MAX_LATITUDE), min(north, MAX_LATITUDE)
    vector_layers = []
    for layer in described:
        low, high = max(layer["minzoom"], pyramid.minzoom), min(layer["maxzoom"], pyramid.maxzoom)
        if layer["id"] in shown and low <= high:
            types = {name: text.partition(":")[0] for name, text in layer["fields"].items()}  # all that MBTiles allows
            vector_layers.append({**layer, "fields": types, "minzoom": low, "maxzoom": high})
    return About(
        name,
        f"{name} in its {state} state at revision {snapshot.revision}: {' and '.join(pyramid.tilesets)}",
        attribution or name,
        f"1.0.{snapshot.revision}",
        pyramid.minzoom,
        pyramid.maxzoom,
        (west, south, east, north),
        ((west + east) / 2, (south + north) / 2, min(max(GRID_MINZOOM, pyramid.minzoom), pyramid.maxzoom)),
        vector_layers,
        {
            "version": _version(),
            "model": snapshot.network.model,
            "revision": snapshot.revision,
            "state": state,
            "partial_tiles": partial,
            "left_out": left_out,
        },
    )


def _layers(source: TileSource, tileset: str) -> list[dict[str, Any]]:
    found: Any = source.tilejson("", tileset)["vector_layers"]
    return list(found)


def _version() -> str:
    try:
        return version("gridtwin")
    except PackageNotFoundError:
        return "unknown"
