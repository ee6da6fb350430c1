"""Tiles beside SQL-backed servers: Martin and tipg on PostGIS, the same data, attributes, ids and buffer, in one run.

`python -m benchmarks.tile_peers STORE [--martin PROGRAM] [--tipg PYTHON]` prints a table and writes
benchmarks/results/tile_peers.json. A peer that is not there leaves its rows out and the table says so. Peers get
tables that they like best: an indexed column in EPSG:3857, attributes materialised, so that no view is joined; what
ours shows is the live state. tipg answers one table at a time, so it stands beside ours with `layers=lines`.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import asyncpg
import geopandas
import pandas as pd
import shapely

from benchmarks.http import NO_CACHE, WARM_CACHE, Row, chosen, load, paths, served
from tests.postgres import Postgres, private_postgres
from tiles.export_plan import Plan, plan_tiles
from tiles.frames import frame
from tiles.layers import LAYER_NAMES
from tiles.source import TileSource
from twin.engine import Twin
from twin.stores import open_store

RESULTS = Path(__file__).resolve().parent / "results" / "tile_peers.json"
ZOOMS = ((10, 12), (13, 14), (15, 16))
STARTS_WITHIN_S = 60.0
_TYPES = {"i": "bigint", "u": "bigint", "f": "double precision", "b": "boolean"}


def tables(twin: Twin) -> Iterator[tuple[str, geopandas.GeoDataFrame]]:
    """Each layer with what its tiles carry below the zoom of names: id and attributes, in EPSG:3857."""
    for layer in LAYER_NAMES:
        rows = frame(twin.network, twin.current, layer)
        rows = rows[~rows.geometry.isna()].drop(columns=["mrid", "name"], errors="ignore").to_crs(3857)
        if "id" not in rows:
            rows.insert(0, "id", range(1, len(rows) + 1))
        yield layer, rows


def fill(server: Postgres, database: str, twin: Twin) -> None:
    """Loads the tables, with their indexes."""

    async def loaded(connection: asyncpg.Connection) -> None:
        for layer, rows in tables(twin):
            plain = pd.DataFrame(rows.drop(columns=rows.geometry.name)).convert_dtypes()
            typed = ", ".join(f'"{name}" {_TYPES.get(kind.kind, "text")}' for name, kind in plain.dtypes.items())
            await connection.execute(f"CREATE TABLE {layer} ({typed}, geom geometry(Geometry, 3857), PRIMARY KEY (id))")
            shapes = shapely.to_wkb(shapely.set_srid(rows.geometry.values, 3857), hex=True, include_srid=True)
            values = [[None if pd.isna(value) else value for value in plain[name].tolist()] for name in plain]
            await connection.execute(f"CREATE TEMP TABLE raw_{layer} ({typed}, shape text)")
            await connection.copy_records_to_table(f"raw_{layer}", records=zip(*values, shapes.tolist(), strict=True))
            columns = ", ".join(f'"{name}"' for name in plain)
            await connection.execute(f"INSERT INTO {layer} SELECT {columns}, shape::geometry FROM raw_{layer}")
            await connection.execute(f"CREATE INDEX ON {layer} USING gist (geom)")
            await connection.execute(f"ANALYZE {layer}")

    server.run(database, loaded)


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


def measured(name: str, template: str, plan: Plan, cache: str, seconds: float, count: int) -> list[Row]:
    """Three ranges of zooms against one server."""
    base, rows = "/".join(template.split("/")[:3]), []
    for low, high in ZOOMS:
        tiles = chosen(plan, low, high, count)
        wanted = paths(tiles, template)
        with urllib.request.urlopen(base + wanted[0], timeout=60) as answer:  # says early that an address is wrong
            assert answer.status in (200, 204)
        if cache == "warm":
            load(base, wanted, seconds, 16)
        rate, p50, p99, size, errors = load(base, wanted, seconds, 16)
        rows.append(
            Row(
                name,
                f"z{low}–{high}",
                cache,
                len(tiles),
                round(rate, 1),
                round(p50, 2),
                round(p99, 2),
                round(size),
                errors,
            )
        )
    return rows


def ours(store: Path, plan: Plan, seconds: float, count: int) -> list[Row]:
    """Ours, all layers and lines alone, without a cache and with one."""
    rows = []
    for cache, size in (("none", NO_CACHE), ("warm", WARM_CACHE)):
        with served(store, size) as base:
            for name, query in (("gridtwin", ""), ("gridtwin lines", "?layers=lines")):
                template = f"{base}/tiles/grid/{{z}}/{{x}}/{{y}}.mvt{query}"
                rows += measured(name, template, plan, cache, seconds, count)
    return rows


def martin(program: str, url: str, plan: Plan, seconds: float, count: int) -> list[Row]:
    """Martin with all tables in one tile, without a cache and with its own."""
    rows = []
    for cache, size in (("none", "0"), ("warm", "1024")):
        port = _free_port()
        words = [program, "--listen-addresses", f"127.0.0.1:{port}", "--cache-size", size, "--workers", "2", url]
        with running(words, port) as base:
            template = f"{base}/{','.join(LAYER_NAMES)}/{{z}}/{{x}}/{{y}}"
            rows += measured("martin", template, plan, cache, seconds, count)
    return rows


def tipg(python: str, url: str, plan: Plan, seconds: float, count: int) -> list[Row]:
    """tipg with its lines; it has no cache."""
    port = _free_port()
    words = [python, "-m", "uvicorn", "tipg.main:app", "--port", str(port), "--log-level", "error"]
    more = {"DATABASE_URL": url, "TIPG_TILE_BUFFER": "64", "TIPG_MAX_FEATURES_PER_TILE": "1000000"}
    with running(words, port, **more) as base:
        template = f"{base}/collections/public.lines/tiles/WebMercatorQuad/{{z}}/{{x}}/{{y}}"
        return measured("tipg lines", template, plan, "none", seconds, count)


def ratios(rows: Sequence[Row]) -> list[str]:
    """How many times as many requests ours answers, by zooms."""
    rate = {(row.server, row.what, row.cache): row.requests_per_s for row in rows}
    said = []
    for (server, what, cache), theirs in rate.items():
        own = rate.get(("gridtwin lines" if server == "tipg lines" else "gridtwin", what, cache))
        if not server.startswith("gridtwin") and own and theirs:
            said.append(f"{what}, cache {cache}: ours answers {own / theirs:,.1f} × as many requests as {server}")
    return said


def main() -> int:
    """Prints the table and writes the JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("store", type=Path, help="a GeoPackage")
    parser.add_argument("--martin", default="", help="Martin's program")
    parser.add_argument("--tipg", default="", help="a Python that has tipg and uvicorn")
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--tiles", type=int, default=1_000)
    told = parser.parse_args()
    with (
        Twin.from_store(open_store(str(told.store))) as twin,
        private_postgres() as server,
        server.database() as database,
    ):
        fill(server, database, twin)
        plan = plan_tiles(TileSource(twin.network), ["grid"], ZOOMS[0][0], ZOOMS[-1][1])
        url = server.url(database)
        rows = ours(told.store, plan, told.seconds, told.tiles)
        if told.martin:
            rows += martin(told.martin, url, plan, told.seconds, told.tiles)
        if told.tipg:
            rows += tipg(told.tipg, url, plan, told.seconds, told.tiles)
    print(f"{'':16} {'tiles':8} {'cache':6} {'req/s':>10} {'p50 ms':>9} {'p99 ms':>9} {'bytes/tile':>11} {'errors':>7}")
    for row in rows:
        print(
            f"{row.server:16} {row.what:8} {row.cache:6} {row.requests_per_s:10,.1f} {row.p50_ms:9.2f} "
            f"{row.p99_ms:9.2f} {row.bytes_per_tile:11,.0f} {row.errors:7}"
        )
    for name, given in (("Martin", told.martin), ("tipg", told.tipg)):
        if not given:
            print(f"{name} was not measured: no program given")
    print(*ratios(rows), sep="\n")
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
