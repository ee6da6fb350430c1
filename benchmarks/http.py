"""Tiles over HTTP under load by `wrk`: random tiles, far out and near, from a cold cache and from a warm one.

`python -m benchmarks.http [STORE] [--meters N] [--peer NAME=URL …]` prints a table and writes
benchmarks/results/http.json. A peer is a tile server that is running already, on the same data: its URL holds {z}, {x}
and {y}, and it is asked for the same tiles in the same order.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from benchmarks.tiles import city
from tiles.export_plan import Plan, plan_tiles
from tiles.source import TileSource
from tiles.tilejson import ZOOMS
from twin.engine import Twin
from twin.stores import open_store

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results" / "http.json"
WARM_CACHE = 1 << 30
NO_CACHE = 1
"""Bytes: no tile fits."""

SERVER = """
import sys
from twin.engine import Twin
from twin.stores import open_store
from web.app import create_app
from web import server
from web.settings import Settings
settings = Settings(port=0, cache_bytes=int(sys.argv[2]))
with Twin.from_store(open_store(sys.argv[1], write=True)) as twin:
    server.run(create_app(twin, settings), settings, started=lambda host, port: print(port, flush=True))
"""

# Every thread of wrk begins elsewhere in the list of paths and goes around it.
SCRIPT = """
local paths, at = {}, 0
local threads = 0
function setup(thread)
   thread:set("number", threads)
   threads = threads + 1
end
function init(args)
   for line in io.lines(args[1]) do paths[#paths + 1] = line end
   at = math.floor(number * #paths / 2)
end
function request()
   at = at % #paths + 1
   return wrk.format("GET", paths[at], {["Accept-Encoding"] = "gzip"})
end
function done(summary, latency, requests)
   local wrong = summary.errors
   print(string.format("result %d %d %d %f %f %d", summary.requests, summary.bytes, summary.duration,
      latency:percentile(50), latency:percentile(99),
      wrong.connect + wrong.read + wrong.write + wrong.status + wrong.timeout))
end
"""


@dataclass(frozen=True)
class Row:
    """One run of wrk. p50_ms, p99_ms: of the answers. errors: answers that are none (4xx, 5xx, timeouts)."""

    server: str
    what: str
    cache: str
    tiles: int
    requests_per_s: float
    p50_ms: float
    p99_ms: float
    bytes_per_tile: float
    errors: int


def chosen(plan: Plan, low: int, high: int, count: int, seed: int = 1) -> list[tuple[int, int, int]]:
    """Random tiles that show something, as many of each zoom as there are, up to `count` in all, in random order."""
    random = np.random.default_rng(seed)
    found = []
    for z in range(low, high + 1):
        here = np.flatnonzero(plan.z == z)
        found.append(random.permutation(here)[: -(-count // (high - low + 1))])
    rows = random.permutation(np.concatenate(found))
    return [(int(plan.z[row]), int(plan.x[row]), int(plan.y[row])) for row in rows]


def paths(tiles: Sequence[tuple[int, int, int]], template: str) -> list[str]:
    """Of the tiles, the path and query of a URL each."""
    path = re.sub(r"^https?://[^/]+", "", template)
    return [path.format(z=z, x=x, y=y) for z, x, y in tiles]


def load(base: str, wanted: list[str], seconds: float, connections: int) -> tuple[float, float, float, float, int]:
    """One run of wrk: requests/s, p50 and p99 in ms, bytes an answer, errors."""
    with tempfile.TemporaryDirectory() as folder:
        script, listed = Path(folder) / "tiles.lua", Path(folder) / "paths.txt"
        script.write_text(SCRIPT)
        listed.write_text("\n".join(wanted) + "\n")
        words = ["wrk", "-t2", f"-c{connections}", f"-d{seconds:g}s", "--timeout", "30s", "-s", script, base]
        said = subprocess.run([*words, "--", listed], capture_output=True, text=True, check=True).stdout
    found = re.search(r"^result (\d+) (\d+) (\d+) ([\d.]+) ([\d.]+) (\d+)$", said, re.MULTILINE)
    if found is None:
        raise RuntimeError(f"wrk said nothing of use: {said}")
    count, size, micros, p50, p99, errors = (float(part) for part in found.groups())
    return count / micros * 1e6, p50 / 1e3, p99 / 1e3, size / max(count, 1), int(errors)


@contextmanager
def served(store: Path | str, cache_bytes: int) -> Iterator[str]:
    """Our server in a process of its own; gives its address."""
    process = subprocess.Popen(
        [sys.executable, "-c", SERVER, str(store), str(cache_bytes)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    try:
        port = process.stdout.readline().strip()
        if not port:
            raise RuntimeError("the server did not start")
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(30)
        process.stdout.close()


def measured(
    name: str, template: str, plan: dict[str, Plan], cache: str, seconds: float, connections: int, count: int
) -> list[Row]:
    """Both ranges of zooms against one server; template has {tileset}, {z}, {x} and {y}."""
    rows = []
    base = re.match(r"^https?://[^/]+", template)
    if base is None:
        raise ValueError(f"{template!r} is no URL of tiles; it begins with http:// and holds {{z}}, {{x}} and {{y}}")
    for what, tileset, low, high in (("z12–16", "grid", 12, 16), ("z5–11", "hexes", 5, 11)):
        tiles = chosen(plan[tileset], low, high, count)
        wanted = paths(tiles, template.replace("{tileset}", tileset))
        if cache == "warm":
            load(base[0], wanted, seconds, connections)
        rate, p50, p99, size, errors = load(base[0], wanted, seconds, connections)
        rows.append(Row(name, what, cache, len(tiles), round(rate), round(p50, 2), round(p99, 2), round(size), errors))
    return rows


def run(store: Path, peers: dict[str, str], seconds: float, connections: int, count: int) -> list[Row]:
    """Our server from a cold cache and a warm one, then the peers on the same tiles."""
    with Twin.from_store(open_store(str(store))) as twin:
        source = TileSource(twin.network)
        plan = {tileset: plan_tiles(source, [tileset], *ZOOMS[tileset]) for tileset in ZOOMS}
    rows = []
    for cache, size in (("none", NO_CACHE), ("warm", WARM_CACHE)):
        with served(store, size) as url:
            ours = f"{url}/tiles/{{tileset}}/{{z}}/{{x}}/{{y}}.mvt"
            rows += measured("gridtwin", ours, plan, cache, seconds, connections, count)
    for name, template in peers.items():
        rows += measured(name, template, plan, "its own", seconds, connections, count)
    return rows


def main() -> int:
    """Prints the table and writes the JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("store", nargs="?", type=Path, help="a GeoPackage; a made-up city where left out")
    parser.add_argument("--meters", type=int, default=100_000, help="of that city")
    parser.add_argument("--seconds", type=float, default=5, help="of each run")
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--tiles", type=int, default=2_000, help="different tiles asked for")
    parser.add_argument("--peer", action="append", default=[], metavar="NAME=URL")
    told = parser.parse_args()
    if shutil.which("wrk") is None:
        print("no wrk on PATH: install the system's package wrk")
        return 2
    peers = dict(peer.split("=", 1) for peer in told.peer)
    with tempfile.TemporaryDirectory() as folder:
        store = told.store
        if store is None:
            store = Path(folder) / "city.gpkg"
            Twin.load(city(told.meters), open_store(str(store), write=True, create=True)).close()
        rows = run(store, peers, told.seconds, told.connections, told.tiles)
    head = ("", "tiles", "cache", "req/s", "p50 ms", "p99 ms", "bytes/tile", "errors")
    print("{:12} {:8} {:8} {:>9} {:>9} {:>9} {:>11} {:>7}".format(*head))
    for row in rows:
        print(
            f"{row.server:12} {row.what:8} {row.cache:8} {row.requests_per_s:9,.0f} {row.p50_ms:9.2f} "
            f"{row.p99_ms:9.2f} {row.bytes_per_tile:11,.0f} {row.errors:7}"
        )
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
