"""Tiles beside SQL-backed servers: PostGIS's ST_AsMVT, Martin and tipg, the same data and attributes, in one run.

`python -m benchmarks.tile_peers [STORE] [--martin PROGRAM] [--tipg PYTHON]` prints a table and writes
benchmarks/results/tile_peers.json. A peer that is not there leaves its rows out and the table says so. benchmarks/
peer_tables.py says what peers get. tipg answers one table at a time, so it stands beside ours with `layers=lines`.
Below zoom 14 ours leaves the smallest classes out where a tile would be larger than 500 kB; so each row says how many
features its tiles hold.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import asyncpg
import mapbox_vector_tile

from benchmarks.http import NO_CACHE, WARM_CACHE, Row, chosen, load, served
from benchmarks.peer_tables import columns, ending, fill
from benchmarks.processes import cpu_seconds
from benchmarks.tiles import city
from tests.postgres import Postgres, private_postgres
from tiles.export_plan import Plan, plan_tiles
from tiles.hexes import RESOLUTIONS
from tiles.layers import LAYER_NAMES
from tiles.source import TileSource
from twin.engine import Twin
from twin.stores import open_store

RESULTS = Path(__file__).resolve().parent / "results" / "tile_peers.json"
RANGES = (("hexes", 5, 11), ("grid", 10, 12), ("grid", 13, 14), ("grid", 15, 16))
STARTS_WITHIN_S = 60.0
CONNECTIONS = 16
WARMED_UP_S = 2.0
"""For what a server makes once, at the first requests."""
COUNTED = 24
"""Tiles of each range whose features are counted."""

Tile = tuple[int, int, int]


@dataclass(frozen=True)
class PeerRow(Row):
    """A run of wrk, or of an encoder alone. features_per_tile: mean of some of the tiles.

    cpu_ms: processor time a tile of all processes that take part but wrk; a busy machine changes it little.
    """

    features_per_tile: float = 0.0
    cpu_ms: float = 0.0


@dataclass(frozen=True)
class Asked:
    """Tiles of one range of zooms."""

    tileset: str
    what: str
    tiles: list[Tile]


def asked(twin: Twin, count: int) -> list[Asked]:
    """Random tiles that show something, of each range."""
    source = TileSource(twin.network)
    found = []
    for tileset, low, high in RANGES:
        plan: Plan = plan_tiles(source, [tileset], low, high)
        found.append(Asked(tileset, f"{tileset} z{low}–{high}", chosen(plan, low, high, count)))
    return found


def paths(tiles: Sequence[Tile], template: str) -> list[str]:
    """The path of each tile's URL; the template may hold {resolution} and {ending}, as the tile's zoom asks for."""
    path, finest = re.sub(r"^https?://[^/]+", "", template), len(RESOLUTIONS) - 1
    return [path.format(z=z, x=x, y=y, resolution=RESOLUTIONS[min(z, finest)], ending=ending(z)) for z, x, y in tiles]


def tables_of(tileset: str, z: int) -> list[str]:
    """The tables that a tile shows."""
    return [name + ending(z) for name in LAYER_NAMES] if tileset == "grid" else [f"hexes_r{RESOLUTIONS[z]}"]


# --- encoders alone -------------------------------------------------------------------------------------------------


def sql_of(tables: dict[str, list[str]], names: Sequence[str]) -> str:
    """A query that makes one tile ($1, $2, $3 are z, x, y) of some tables and gives its size in bytes."""
    layers = []
    for name in names:
        wanted = ", ".join(f'"{column}"' for column in tables[name])
        layers.append(
            f"(SELECT coalesce(ST_AsMVT(t, '{name}', 4096, 'geom', 'fid'), ''::bytea) FROM (SELECT {wanted}, "
            "id AS fid, ST_AsMVTGeom(geom, ST_TileEnvelope($1, $2, $3), 4096, 64) AS geom "
            f"FROM {name} WHERE geom && ST_TileEnvelope($1, $2, $3, margin => 64.0 / 4096)) t WHERE geom IS NOT NULL)"
        )
    return f"SELECT length({' || '.join(layers)})"


def encoders(twin: Twin, server: Postgres, database: str, wanted: Sequence[Asked], count: int) -> list[PeerRow]:
    """Selection and encoding alone, one tile after the other: ours in the process, ST_AsMVT in the database."""
    source, snapshot, rows = TileSource(twin.network), twin.current, []
    tables = columns(server, database)
    for part in wanted:
        tiles = part.tiles[:count]
        for tile in tiles[:3]:
            source.tile(part.tileset, *tile, snapshot)
        sizes, seconds = [], []
        for tile in tiles:
            begin = time.perf_counter()
            made = source.tile(part.tileset, *tile, snapshot)
            seconds.append(time.perf_counter() - begin)
            sizes.append(len(made.data))
        features = [_features(source.tile(part.tileset, *tile, snapshot).data) for tile in tiles[:COUNTED]]
        rows.append(_encoder_row("gridtwin", part, seconds, sizes, features))
        sizes, seconds = server.run(database, lambda connection, part=part: _st_as_mvt(connection, tables, part, count))
        rows.append(_encoder_row("ST_AsMVT", part, seconds, sizes, []))
    return rows


async def _st_as_mvt(
    connection: asyncpg.Connection, tables: dict[str, list[str]], part: Asked, count: int
) -> tuple[list[int], list[float]]:
    sizes, seconds = [], []
    for tile in [*part.tiles[:3], *part.tiles[:count]]:
        query = sql_of(tables, tables_of(part.tileset, tile[0]))
        begin = time.perf_counter()
        sizes.append(await connection.fetchval(query, *tile))
        seconds.append(time.perf_counter() - begin)
    return sizes[3:], seconds[3:]


def _encoder_row(
    name: str, part: Asked, seconds: Sequence[float], sizes: Sequence[int], features: Sequence[int]
) -> PeerRow:
    ordered = sorted(seconds)
    return PeerRow(
        name,
        part.what,
        "alone",
        len(seconds),
        round(len(seconds) / sum(seconds), 1),
        round(ordered[len(ordered) // 2] * 1e3, 3),
        round(ordered[int(len(ordered) * 0.99)] * 1e3, 3),
        round(sum(sizes) / len(sizes)),
        0,
        round(sum(features) / max(len(features), 1), 1),
    )


def _features(data: bytes) -> int:
    """Features of a tile, without our own layer that says what is left out."""
    if not data:
        return 0
    return sum(len(layer["features"]) for name, layer in mapbox_vector_tile.decode(data).items() if name != "partial")


# --- servers --------------------------------------------------------------------------------------------------------


@contextmanager
def running(words: Sequence[str], port: int, **environment: str) -> Iterator[str]:
    """A peer's server; gives its address."""
    process = subprocess.Popen(
        list(words), env={**os.environ, **environment}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    base, end = f"http://127.0.0.1:{port}", time.monotonic() + STARTS_WITHIN_S
    try:
        while True:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            if process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"{words[0]} did not start")
            time.sleep(0.1)
        yield base
    finally:
        process.terminate()
        process.wait(30)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _fetched(url: str) -> bytes:
    """One tile; waits for a server that has still to do what wrk asked of it before."""
    request = urllib.request.Request(url, headers={"Accept-Encoding": "gzip"})
    end = time.monotonic() + STARTS_WITHIN_S
    while True:
        try:
            with urllib.request.urlopen(request, timeout=STARTS_WITHIN_S) as answer:
                data: bytes = answer.read()
                return gzip.decompress(data) if answer.headers.get("Content-Encoding") == "gzip" else data
        except urllib.error.HTTPError as error:
            if error.code not in (408, 503) or time.monotonic() > end:
                raise
            time.sleep(1)


def measured(
    name: str, templates: dict[str, str], wanted: Sequence[Asked], cache: str, seconds: float
) -> Iterator[PeerRow]:
    """Each range of zooms against one server; templates are by tileset."""
    for part in wanted:
        template = templates.get(part.tileset)
        if template is None:
            continue
        base, asked_for = "/".join(template.split("/")[:3]), paths(part.tiles, template)
        features = [_features(_fetched(base + path)) for path in asked_for[:COUNTED]]
        load(base, asked_for, seconds if cache == "warm" else min(seconds, WARMED_UP_S), CONNECTIONS)
        begin, used = time.perf_counter(), cpu_seconds()
        rate, p50, p99, size, errors = load(base, asked_for, seconds, CONNECTIONS)
        used = (cpu_seconds() - used) / (rate * (time.perf_counter() - begin))
        yield PeerRow(
            name,
            part.what,
            cache,
            len(part.tiles),
            round(rate, 1),
            round(p50, 2),
            round(p99, 2),
            round(size),
            errors,
            round(sum(features) / len(features), 1),
            round(used * 1e3, 3),
        )


def ours(store: Path, wanted: Sequence[Asked], seconds: float) -> Iterator[PeerRow]:
    """Ours, all layers and lines alone, without a cache and with one."""
    for cache, size in (("none", NO_CACHE), ("warm", WARM_CACHE)):
        with served(store, size) as base:
            grid, hexes = (f"{base}/tiles/{tileset}/{{z}}/{{x}}/{{y}}.mvt" for tileset in ("grid", "hexes"))
            yield from measured("gridtwin", {"grid": grid, "hexes": hexes}, wanted, cache, seconds)
            yield from measured("gridtwin lines", {"grid": grid + "?layers=lines"}, wanted, cache, seconds)


def martin(program: str, url: str, wanted: Sequence[Asked], seconds: float) -> Iterator[PeerRow]:
    """Martin with all tables in one tile, without a cache and with its own."""
    for cache, size in (("none", "0"), ("warm", "1024")):
        port = _free_port()
        words = [program, "--listen-addresses", f"127.0.0.1:{port}", "--cache-size", size, "--workers", "2", url]
        with running(words, port) as base:
            templates = {
                "grid": f"{base}/{','.join(f'{name}{{ending}}' for name in LAYER_NAMES)}/{{z}}/{{x}}/{{y}}",
                "hexes": f"{base}/hexes_r{{resolution}}/{{z}}/{{x}}/{{y}}",
            }
            yield from measured("martin", templates, wanted, cache, seconds)


def tipg(python: str, url: str, wanted: Sequence[Asked], seconds: float) -> Iterator[PeerRow]:
    """tipg with its lines and its cells, in two processes; it has no cache."""
    port = _free_port()
    words = [python, "-m", "uvicorn", "tipg.main:app", "--port", str(port), "--log-level", "error", "--workers", "2"]
    more = {"DATABASE_URL": url, "TIPG_TILE_BUFFER": "64", "TIPG_MAX_FEATURES_PER_TILE": "1000000"}
    with running(words, port, **more) as base:
        template = f"{base}/collections/public.{{}}/tiles/WebMercatorQuad/{{{{z}}}}/{{{{x}}}}/{{{{y}}}}"
        templates = {"grid": template.format("lines{ending}"), "hexes": template.format("hexes_r{resolution}")}
        yield from measured("tipg lines", templates, wanted, "none", seconds)


def ratios(rows: Sequence[Row]) -> list[str]:
    """How many times as many requests ours answers, by zooms."""
    rate = {(row.server, row.what, row.cache): row.requests_per_s for row in rows}
    said = []
    for (server, what, cache), theirs in rate.items():
        alone = server == "tipg lines" and what.startswith("grid")
        own = rate.get(("gridtwin lines" if alone else "gridtwin", what, cache))
        if not server.startswith("gridtwin") and own and theirs:
            how = "encoder alone" if cache == "alone" else f"cache {cache}"
            verb = "makes" if cache == "alone" else "answers"
            said.append(f"{what}, {how}: ours {verb} {own / theirs:,.1f} × as many tiles as {server}")
    return said


def run(
    store: Path, program: str, python: str, seconds: float, count: int, said: Callable[[str], None] = print
) -> list[PeerRow]:
    """All rows, of the peers that are given; each is said as soon as it is there."""
    head = ("", "tiles", "cache", "tiles/s", "p50 ms", "p99 ms", "bytes/tile", "features", "CPU ms", "errors")
    said("{:16} {:13} {:6} {:>10} {:>9} {:>9} {:>11} {:>10} {:>9} {:>7}".format(*head))
    rows: list[PeerRow] = []

    def keep(found: Iterator[PeerRow] | list[PeerRow]) -> None:
        for row in found:
            rows.append(row)
            said(
                f"{row.server:16} {row.what:13} {row.cache:6} {row.requests_per_s:10,.1f} {row.p50_ms:9.2f} "
                f"{row.p99_ms:9.2f} {row.bytes_per_tile:11,.0f} {row.features_per_tile:10,.1f} {row.cpu_ms:9.3f} "
                f"{row.errors:7}"
            )

    with private_postgres() as server, server.database() as database:
        with Twin.from_store(open_store(str(store))) as twin:
            fill(server, database, twin)
            wanted = asked(twin, count)
            keep(encoders(twin, server, database, wanted, min(count, 200)))
        url = server.url(database)
        if shutil.which("wrk"):
            keep(ours(store, wanted, seconds))
            if program:
                keep(martin(program, url, wanted, seconds))
            if python:
                keep(tipg(python, url, wanted, seconds))
        else:
            said("no server was measured: there is no wrk on PATH")
    for name, given in (("Martin", program), ("tipg", python)):
        if not given:
            said(f"{name} was not measured: no program given")
    return rows


def main() -> int:
    """Prints the table and writes the JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("store", nargs="?", type=Path, help="a GeoPackage; a made-up city where left out")
    parser.add_argument("--meters", type=int, default=200_000, help="of that city")
    parser.add_argument("--martin", default="", help="Martin's program")
    parser.add_argument("--tipg", default="", help="a Python that has tipg and uvicorn")
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--tiles", type=int, default=1_000)
    told = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        store = told.store
        if store is None:
            store = Path(folder) / "city.gpkg"
            Twin.load(city(told.meters), open_store(str(store), write=True, create=True)).close()
        rows = run(store, told.martin, told.tipg, told.seconds, told.tiles)
    print(*ratios(rows), sep="\n")
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
