"""PostGIS: loading, starting, switching, what another process sees, and what people ask of the views.

`python -m benchmarks.postgis [--meters N]` starts a PostgreSQL of its own, prints a table and writes
benchmarks/results/postgis.json. The database writes through to the disk, as a real one does.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import asyncpg
import numpy as np

from benchmarks.tiles import city
from tests.postgres import Postgres, private_postgres
from topology.jit import warm_up
from twin.engine import Change, Twin
from twin.events import Operation
from twin.follower import Follower
from twin.network import Network
from twin.postgis import PostgisStore

RESULTS = Path(__file__).parent / "results" / "postgis.json"
DATABASE = "postgres"
ASKED = 1_000
"""Queries of each kind."""
SWITCHED = 500
"""Operations, one after the other."""
HALF_SCREEN = 0.002
"""Degrees: the box of a query is about a screen of zoom 16."""
OPTIONS = ("max_wal_size=4GB", "shared_buffers=512MB")

START = """
import sys, time
begin = time.perf_counter()
from topology.jit import warm_up
from twin.engine import Twin
from twin.postgis import PostgisStore
warm_up()
imported = time.perf_counter()
with Twin.from_store(PostgisStore(sys.argv[1], write=True)) as twin:
    print(imported - begin, time.perf_counter() - imported)
"""


@dataclass(frozen=True)
class Row:
    """One measurement: median, 99th percentile and worst of so many, in milliseconds."""

    what: str
    count: int
    p50_ms: float
    p99_ms: float
    worst_ms: float
    rows: float = 0
    """Rows that a query gave, on average."""


def row_of(what: str, seconds: Sequence[float], rows: float = 0) -> Row:
    """Summary of some durations."""
    p50, p99, worst = (float(1e3 * value) for value in np.percentile(seconds, [50, 99, 100]))
    return Row(what, len(seconds), p50, p99, worst, rows)


def timed(call: Callable[[], object]) -> float:
    """Seconds that a call takes."""
    begin = time.perf_counter()
    call()
    return time.perf_counter() - begin


def queries(
    network: Network, random: np.random.Generator, asked: int
) -> Iterator[tuple[str, str, list[tuple[object, ...]]]]:
    """What is asked, as SQL, and random values for it."""
    consumers = random.integers(0, len(network.consumers), asked)
    mrids = [(str(mrid),) for mrid in network.consumers["mrid"][consumers].tolist()]
    places = network.node_lnglat[network.consumers["node"][consumers]]
    boxes = [tuple(row) for row in np.hstack([places - HALF_SCREEN, places + HALF_SCREEN]).tolist()]
    box = "geom && ST_MakeEnvelope($1, $2, $3, $4, 4326)"
    yield "element by mrid", "SELECT * FROM elements_now WHERE mrid = $1", mrids
    for name in ("lines", "switches", "transformers", "consumers"):
        ids = [(int(each),) for each in random.integers(1, len(network.tables[name]) + 1, asked)]
        yield f"{name} by id", f"SELECT * FROM {name}_now WHERE id = $1", ids
    for name in ("lines", "switches", "transformers", "consumers"):
        yield f"{name} by box", f"SELECT * FROM {name}_now WHERE {box}", boxes
    yield "current outages", "SELECT * FROM outages_now", [()] * asked


def ask(url: str, network: Network, asked: int) -> list[Row]:
    """Times every query on a connection as a GIS has it."""

    async def all_of_them() -> list[Row]:
        connection = await asyncpg.connect(url, server_settings={"search_path": "gridtwin, public"})
        rows = []
        for what, query, values in queries(network, np.random.default_rng(1), asked):
            statement = await connection.prepare(query)
            for some in values[:20]:
                await statement.fetch(*some)
            seconds, found = [], 0
            for some in values:
                begin = time.perf_counter()
                found += len(await statement.fetch(*some))
                seconds.append(time.perf_counter() - begin)
            rows.append(row_of(what, seconds, found / len(values)))
        await connection.close()
        return rows

    return asyncio.run(all_of_them())


def switch(url: str, network: Network, switched: int) -> list[Row]:
    """Times operations in one process, and when another sees them; leaves a dozen switches open."""
    random = np.random.default_rng(2)
    operable = np.flatnonzero(network.operable)
    rows = random.choice(operable, switched)
    seen: dict[int, float] = {}
    acknowledged: dict[int, float] = {}

    def see(change: Change) -> None:
        seen[change.recorded.revision] = time.perf_counter()

    with Twin.from_store(PostgisStore(url, write=True)) as twin, Twin.from_store(PostgisStore(url)) as other:
        follower = Follower(other)
        other.subscribe(see)
        follower.start()
        twin.switch([Operation(str(network.switches["mrid"][operable[0]]), True)])
        seconds = []
        for number, row in enumerate(rows.tolist()):
            mrid, opened = str(network.switches["mrid"][row]), not twin.current.state.open[row]
            begin = time.perf_counter()
            revision = twin.switch([Operation(mrid, opened)], idempotency_key=str(number)).revision
            acknowledged[revision] = time.perf_counter()
            seconds.append(acknowledged[revision] - begin)
        while other.revision < twin.revision:
            time.sleep(0.01)
        follower.stop()
        last = [Operation(str(network.switches["mrid"][row]), True) for row in operable[:: max(1, len(operable) // 12)]]
        twin.switch([], normal=True)
        twin.switch(last)
    delays = [max(0.0, seen[revision] - at) for revision, at in acknowledged.items() if revision in seen]
    return [row_of("switched and committed", seconds), row_of("seen by another process after that", delays)]


def start(url: str) -> list[Row]:
    """A new process: from nothing to a twin in its live state."""
    begin = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", START, url], capture_output=True, text=True, check=True)
    whole = time.perf_counter() - begin
    imported, opened = (float(word) for word in done.stdout.split())
    return [
        row_of("restart: whole process", [whole]),
        row_of("  imports and kernels", [imported]),
        row_of("  opening, network and state", [opened]),
    ]


def run(meters: int, server: Postgres, database: str, asked: int = ASKED, switched: int = SWITCHED) -> list[Row]:
    """All measurements on a city of so many meters, in an empty database."""
    warm_up()
    network = city(meters)
    url = server.url(database)
    store = PostgisStore(url, write=True, create=True)
    rows = [row_of(f"load {meters:,} meters", [timed(lambda: Twin.load(network, store))])]
    store.close()
    size = server.fetch(database, "SELECT pg_database_size(current_database())")[0][0]
    print(f"{meters:,} meters are {size / 1e6:,.0f} MB in PostGIS")
    rows += start(url)
    rows += switch(url, network, switched)
    return rows + ask(url, network, asked)


def main() -> None:
    """Prints the table and writes the JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--meters", type=int, default=1_000_000)
    meters = parser.parse_args().meters
    with private_postgres(OPTIONS) as server:
        rows = run(meters, server, DATABASE)
    print(f"{'':36} {'count':>6} {'p50 ms':>10} {'p99 ms':>10} {'worst ms':>10} {'rows':>9}")
    for row in rows:
        print(
            f"{row.what:36} {row.count:6,} {row.p50_ms:10.2f} {row.p99_ms:10.2f} {row.worst_ms:10.2f} {row.rows:9,.1f}"
        )
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n")


if __name__ == "__main__":
    main()
