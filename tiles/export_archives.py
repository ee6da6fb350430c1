"""The two archives that hold a whole pyramid of tiles: PMTiles 3 and MBTiles 1.3, written from a journal."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from pmtiles.tile import Compression, Entry, TileType, tileid_to_zxy
from pmtiles.writer import finalize_header

from tiles.export_journal import Journal

__all__ = ["ARCHIVES", "About", "write_mbtiles", "write_pmtiles"]

Told = Callable[[int, int], None]
"""Called with tiles written, and tiles in all."""

_MBTILES_SCHEMA = """
CREATE TABLE metadata (name TEXT NOT NULL PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE map (
    zoom_level INTEGER NOT NULL, tile_column INTEGER NOT NULL, tile_row INTEGER NOT NULL, tile_id INTEGER NOT NULL,
    PRIMARY KEY (zoom_level, tile_column, tile_row)
) WITHOUT ROWID;
CREATE TABLE images (tile_id INTEGER PRIMARY KEY, tile_data BLOB NOT NULL);
CREATE VIEW tiles AS
    SELECT zoom_level, tile_column, tile_row, tile_data FROM map JOIN images USING (tile_id);
"""
_MBTILES_APPLICATION = 0x4D504258


@dataclass(frozen=True, slots=True)
class About:
    """What an archive says of itself. bounds: left, bottom, right, top in degrees. center: lng, lat, zoom.

    more: what is gridtwin's own, as JSON values.
    """

    name: str
    description: str
    attribution: str
    version: str
    minzoom: int
    maxzoom: int
    bounds: tuple[float, float, float, float]
    center: tuple[float, float, int]
    vector_layers: Sequence[Mapping[str, object]]
    more: Mapping[str, object]


def write_pmtiles(journal: Journal, path: Path, about: About, told: Told) -> None:
    """PMTiles, clustered: data in the order of the tiles' numbers, each content once."""
    entries, contents, size = _entries(journal)
    metadata = {
        "name": about.name,
        "description": about.description,
        "attribution": about.attribution,
        "type": "overlay",
        "version": about.version,
        "vector_layers": about.vector_layers,
        "gridtwin": about.more,
    }
    left, bottom, right, top = (round(degrees * 1e7) for degrees in about.bounds)
    header = {
        "tile_compression": Compression.GZIP,
        "tile_type": TileType.MVT,
        "min_lon_e7": left,
        "min_lat_e7": bottom,
        "max_lon_e7": right,
        "max_lat_e7": top,
        "center_zoom": about.center[2],
        "center_lon_e7": round(about.center[0] * 1e7),
        "center_lat_e7": round(about.center[1] * 1e7),
    }
    addressed = sum(entry.run_length for entry in entries)
    with path.open("wb") as file:
        for part in finalize_header(header, addressed, entries, len(contents), metadata, True, size):
            file.write(part)
        for done, content in enumerate(contents):
            file.write(journal.data(content))
            told(done + 1, len(contents))
        _flushed(file)


def _entries(journal: Journal) -> tuple[list[Entry], list[int], int]:
    """The directory, contents in the order of their first tile, and their size in bytes."""
    entries: list[Entry] = []
    offsets: dict[int, int] = {}
    size = 0
    for number, content, length in journal.tiles():
        offset = offsets.get(content)
        if offset is None:
            offset = offsets[content] = size
            size += length
        last = entries[-1] if entries else None
        if last is not None and last.offset == offset and last.tile_id + last.run_length == number:
            last.run_length += 1
        else:
            entries.append(Entry(number, offset, length, 1))
    return entries, list(offsets), size


def write_mbtiles(journal: Journal, path: Path, about: About, told: Told) -> None:
    """MBTiles: rows counted from the bottom, gzip, each content once."""
    count = len(journal)
    database = sqlite3.connect(path, isolation_level=None)
    try:
        database.executescript(f"PRAGMA journal_mode = OFF; PRAGMA application_id = {_MBTILES_APPLICATION}; BEGIN;")
        for statement in _MBTILES_SCHEMA.split(";\n"):
            database.execute(statement)
        database.executemany("INSERT INTO metadata VALUES (?, ?)", _mbtiles_metadata(about))
        numbers: dict[int, int] = {}
        for done, (number, content, _) in enumerate(journal.tiles()):
            z, x, y = tileid_to_zxy(number)
            if content not in numbers:
                numbers[content] = len(numbers) + 1
                database.execute("INSERT INTO images VALUES (?, ?)", (numbers[content], journal.data(content)))
            database.execute("INSERT INTO map VALUES (?, ?, ?, ?)", (z, x, (1 << z) - 1 - y, numbers[content]))
            told(done + 1, count)
        database.execute("COMMIT")
    except sqlite3.Error as error:
        raise OSError(str(error)) from error
    finally:
        database.close()
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _mbtiles_metadata(about: About) -> list[tuple[str, str]]:
    return [
        ("name", about.name),
        ("format", "pbf"),
        ("bounds", ",".join(f"{degrees:.7f}" for degrees in about.bounds)),
        ("center", f"{about.center[0]:.7f},{about.center[1]:.7f},{about.center[2]}"),
        ("minzoom", str(about.minzoom)),
        ("maxzoom", str(about.maxzoom)),
        ("attribution", about.attribution),
        ("description", about.description),
        ("type", "overlay"),
        ("version", about.version),
        ("json", json.dumps({"vector_layers": list(about.vector_layers)})),
        ("gridtwin", json.dumps(dict(about.more))),
    ]


def _flushed(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())


ARCHIVES: dict[str, Callable[[Journal, Path, About, Told], None]] = {
    ".pmtiles": write_pmtiles,
    ".mbtiles": write_mbtiles,
}
"""What writes an archive, by the ending of its name."""
