"""Load and faults over HTTP: tiles, traces and switching at 1, 8, 64 and 256 clients, all on this machine.

`python -m benchmarks.load [STORE] [--meters N]` prints a table of requests a second and latencies.
`python -m benchmarks.load [STORE] --soak MINUTES` mixes them for so long and tells memory, errors and p99 over time.
`python -m benchmarks.load [STORE] --faults` measures some clients while 256 others send a header a byte at a time,
1,000 follow the stream (half of them reading nothing) or bodies of 1 GB arrive.
Each writes benchmarks/results/load.json, soak.json or faults.json. Client and server share the machine's cores.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Coroutine, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.http import chosen
from benchmarks.load_client import (
    Answers,
    Ask,
    clients,
    long_body,
    milliseconds,
    request,
    slow_loris,
    stream,
    unheard,
)
from benchmarks.tiles import city
from tiles.export_plan import plan_tiles
from tiles.source import TileSource
from twin.engine import Twin
from twin.stores import open_store
from web.metrics import resident_bytes
from web.server import allow_files

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results"
LEVELS = (1, 8, 64, 256)
FEW_TILES, MANY_TILES = 200, 20_000
STARTS = 5_000
MB = 1 << 20

SERVER = """
import sys
from twin.engine import Twin
from twin.stores import open_store
from web.app import create_app
from web import server
from web.settings import Settings
settings = Settings(port=0)
with Twin.from_store(open_store(sys.argv[1], write=True)) as twin:
    server.run(create_app(twin, settings), settings, started=lambda host, port: print(port, flush=True))
"""


@dataclass(frozen=True)
class Row:
    """One run. errors: refusals and lost connections, by kind. rss_mb: of the server afterwards."""

    what: str
    clients: int
    requests_per_s: float
    p50_ms: float
    p90_ms: float
    p99_ms: float
    max_ms: float
    errors: dict[str, int]
    rss_mb: float


@dataclass(frozen=True)
class Served:
    """Our server in a process of its own."""

    port: int
    process: subprocess.Popen[str]

    @property
    def rss_mb(self) -> float:
        """Memory that it holds now."""
        return resident_bytes(self.process.pid) / MB


@contextmanager
def served(store: str) -> Iterator[Served]:
    """With the settings that it has by default, warm."""
    with subprocess.Popen(
        [sys.executable, "-c", SERVER, store], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            port = process.stdout.readline().strip()
            if not port:
                raise RuntimeError("the server did not start")
            yield Served(int(port), process)
        finally:
            process.terminate()
            process.wait(60)


class Requests:
    """Random requests for a network, the same in each run."""

    def __init__(self, store: str, seed: int = 1) -> None:
        with Twin.from_store(open_store(store)) as twin:
            network = twin.network
            plan = plan_tiles(TileSource(network), ("grid",), 12, 16)
            starts = network.consumers["mrid"]
            rows = np.random.default_rng(seed).integers(0, len(starts), STARTS)
            self._starts = [str(mrid) for mrid in starts[rows].tolist()]
            operable = np.flatnonzero(network.operable & (network.switches["normal_open"] == 0))
            self._switches = [str(mrid) for mrid in network.switches["mrid"][operable[:STARTS]].tolist()]
        tiles = [f"/tiles/grid/{z}/{x}/{y}.mvt" for z, x, y in chosen(plan, 12, 16, MANY_TILES)]
        self._tiles = [request("GET", path) for path in tiles]
        self._random = random.Random(seed)

    def tiles(self) -> tuple[str, bytes]:
        """Any of many tiles: rendered, for the most part."""
        return "tiles", self._random.choice(self._tiles)

    def cached_tiles(self) -> tuple[str, bytes]:
        """Any of a few tiles: in memory, for the most part."""
        return "cached tiles", self._random.choice(self._tiles[:FEW_TILES])

    def traces(self) -> tuple[str, bytes]:
        """A trace from some consumer, with its first page of elements."""
        kind, start = self._random.choice(("upstream", "subnetwork")), self._random.choice(self._starts)
        body = {"kind": kind, "start": [start], "elements": "page"}
        return "traces", request("POST", "/api/traces", json.dumps(body).encode())

    def switching(self) -> tuple[str, bytes]:
        """A switch opened or closed, each on disk before it is answered."""
        operation = {"mrid": self._random.choice(self._switches), "open": self._random.random() < 0.5}
        return "switching", request("POST", "/api/switching", json.dumps({"operations": [operation]}).encode())

    def mixed(self) -> tuple[str, bytes]:
        """80 % tiles, 17 % traces, 3 % switching."""
        number = self._random.random()
        return self.tiles() if number < 0.8 else self.traces() if number < 0.97 else self.switching()


def row_of(what: str, count: int, answers: Answers, seconds: float, rss_mb: float) -> Row:
    """Summary of one run."""
    taken = answers.all()
    p50, p90, p99, longest = (round(each, 2) for each in milliseconds(taken))
    rate = round(len(taken) / seconds, 1)
    return Row(what, count, rate, p50, p90, p99, longest, dict(answers.errors), round(rss_mb, 1))


async def levels(server: Served, wanted: Requests, counts: Sequence[int], seconds: float) -> list[Row]:
    """Every kind of request at every number of clients."""
    rows = []
    asks: dict[str, Ask] = {
        "cached tiles": wanted.cached_tiles,
        "tiles": wanted.tiles,
        "traces": wanted.traces,
        "switching": wanted.switching,
    }
    for what, ask in asks.items():
        await clients(server.port, [ask] * 8, min(2.0, seconds))
        for count in counts:
            begun = time.perf_counter()
            answers = await clients(server.port, [ask] * count, seconds)
            rows.append(row_of(what, count, answers, time.perf_counter() - begun, server.rss_mb))
            print("\n".join(list(told(rows))[0 if len(rows) == 1 else -1 :]), flush=True)
    return rows


async def soak(server: Served, wanted: Requests, seconds: float, count: int = 16, steps: int = 20) -> list[Row]:
    """Mixed load, told in so many parts; some clients follow the stream all the while."""
    told: Counter[str] = Counter()
    end = time.perf_counter() + seconds
    following = [asyncio.create_task(stream(server.port, end, told, True)) for _ in range(8)]
    rows = []
    for step in range(steps):
        begun = time.perf_counter()
        answers = await clients(server.port, [wanted.mixed] * count, max(0.1, (end - begun) / (steps - step)))
        rows.append(row_of(f"part {step + 1}", count, answers, time.perf_counter() - begun, server.rss_mb))
    await asyncio.gather(*following)
    return rows


async def faults(
    server: Served, wanted: Requests, seconds: float, scale: float = 1.0
) -> list[tuple[Row, Counter[str]]]:
    """Some clients measured alone, then beside each fault, then alone again."""
    rows = []

    async def beside(what: str, troubles: Sequence[Coroutine[Any, Any, None]], told: Counter[str]) -> None:
        running = [asyncio.create_task(each) for each in troubles]
        most = [server.rss_mb]
        watching = asyncio.create_task(_watched(server, most))
        answers = await clients(server.port, [wanted.cached_tiles] * 4 + [wanted.traces] * 4, seconds)
        await asyncio.gather(*running)
        watching.cancel()
        rows.append((row_of(what, 8, answers, seconds, max(most)), told))

    def many(count: int) -> int:
        return max(1, round(count * scale))

    await beside("alone", [], Counter())
    end, told = time.perf_counter() + seconds, Counter[str]()
    await beside(f"{many(256)} slow headers", [slow_loris(server.port, end, told) for _ in range(many(256))], told)
    end, told = time.perf_counter() + seconds, Counter[str]()
    troubles = [stream(server.port, end, told, number % 2 == 0, until_told=True) for number in range(many(1_000))]
    await beside(f"{many(1_000)} streams", [*troubles, _switched(server.port, wanted, end, told)], told)
    end, told = time.perf_counter() + seconds, Counter[str]()
    size = many(1 << 30)
    troubles = [long_body(server.port, end, told, size, declared) for declared in (True, False)]
    await beside(f"bodies of {size / MB:,.0f} MB", troubles, told)
    await beside("alone again", [], Counter())
    return rows


async def _switched(port: int, wanted: Requests, end: float, heard: Counter[str]) -> None:
    """A few operations a second, for the streams to tell of, until one has."""
    while time.perf_counter() < end or unheard(heard, end):
        await clients(port, [wanted.switching], 0.01)
        await asyncio.sleep(0.2)


async def _watched(server: Served, most: list[float]) -> None:
    while True:
        most.append(server.rss_mb)
        await asyncio.sleep(0.1)


def told(rows: Sequence[Row]) -> Iterator[str]:
    """The rows as lines of a table."""
    heads = " ".join(f"{head:>9}" for head in ("req/s", "p50 ms", "p90 ms", "p99 ms", "max ms"))
    yield f"{'':26} {'clients':>7} {heads} {'RSS MB':>8}  errors"
    for row in rows:
        times = " ".join(f"{value:9.2f}" for value in (row.p50_ms, row.p90_ms, row.p99_ms, row.max_ms))
        errors = ", ".join(f"{kind}: {count:,}" for kind, count in row.errors.items()) or "none"
        yield f"{row.what:26} {row.clients:7} {row.requests_per_s:9,.0f} {times} {row.rss_mb:8,.0f}  {errors}"


def keep(name: str, rows: object) -> None:
    """Writes the JSON."""
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.json").write_text(json.dumps(rows, indent=1) + "\n")


def show_soak(rows: Sequence[Row]) -> None:
    """The parts, and what changed from the second to the last."""
    print("\n".join(told(rows)))
    first, last = rows[min(1, len(rows) - 1)], rows[-1]
    errors = sum(sum(row.errors.values()) for row in rows)
    print(
        f"from the second part to the last: RSS {first.rss_mb:,.0f} → {last.rss_mb:,.0f} MB, "
        f"p99 {first.p99_ms:.1f} → {last.p99_ms:.1f} ms; {errors:,} errors"
    )


def show_faults(rows: Sequence[tuple[Row, Counter[str]]]) -> None:
    """Who was measured, and what became of those who gave trouble; RSS is the highest."""
    print("\n".join(told([row for row, _ in rows])))
    for row, trouble in rows:
        if trouble:
            print(f"{row.what}: " + ", ".join(f"{kind} {count:,}" for kind, count in sorted(trouble.items())))


def main() -> None:
    """Prints the table and writes the JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "store", nargs="?", help="a GeoPackage or PostGIS, which is operated; a made-up one if left out"
    )
    parser.add_argument("--meters", type=int, default=1_000_000, help="of what is made up")
    parser.add_argument("--seconds", type=float, default=5, help="of each run; 20 with --faults are better")
    parser.add_argument("--soak", type=float, metavar="MINUTES")
    parser.add_argument("--faults", action="store_true")
    given = parser.parse_args()
    allow_files(8_192)
    with tempfile.TemporaryDirectory() as folder:
        store = given.store
        if store is None:
            store = str(Path(folder) / "city.gpkg")
            Twin.load(city(given.meters), open_store(store, write=True, create=True)).close()
        wanted = Requests(store)
        with served(store) as server:
            if given.soak:
                parts = asyncio.run(soak(server, wanted, given.soak * 60))
                show_soak(parts)
                keep("soak", [asdict(row) for row in parts])
            elif given.faults:
                troubled = asyncio.run(faults(server, wanted, given.seconds))
                show_faults(troubled)
                keep("faults", [{**asdict(row), "trouble": dict(trouble)} for row, trouble in troubled])
            else:
                rows = asyncio.run(levels(server, wanted, LEVELS, given.seconds))
                keep("load", [asdict(row) for row in rows])


if __name__ == "__main__":
    main()
