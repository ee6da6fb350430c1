"""From a click to a pixel: a switch operated, committed, announced, and the new tile in the hands of a waiting client.

`python -m benchmarks.latency [STORE] [--meters N]` serves a store (a GeoPackage or PostGIS; a made-up utility in a
GeoPackage where left out), prints a table and writes benchmarks/results/latency.json. Each time runs from the start of
the request until the other client, which waits on the event stream, holds the tile of that switch at zoom 14.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Queue

import httpx
import numpy as np

from benchmarks.http import WARM_CACHE, served
from benchmarks.tiles import city
from tiles.mercator import lnglat_to_tile
from twin.engine import Twin
from twin.stores import open_store

RESULTS = Path(__file__).resolve().parent / "results" / "latency.json"
PATIENCE_S = 30.0
ZOOM = 14


@contextmanager
def announced(base: str) -> Iterator[Queue[tuple[int, float]]]:
    """Revisions as the event stream tells them, each with the instant it came."""
    told: Queue[tuple[int, float]] = Queue()
    ready, done = threading.Event(), threading.Event()

    def listen() -> None:
        try:
            with httpx.Client(timeout=PATIENCE_S) as http, http.stream("GET", f"{base}/api/stream") as lines:
                for line in lines.iter_lines():
                    ready.set()
                    if done.is_set():
                        return
                    if line.startswith("id:"):
                        told.put((int(line[3:]), time.perf_counter()))
        except httpx.TransportError:
            if not done.is_set():  # the server may end before the next line
                raise

    thread = threading.Thread(target=listen, daemon=True)
    thread.start()
    if not ready.wait(PATIENCE_S):
        raise RuntimeError("the event stream is silent")
    try:
        yield told
    finally:
        done.set()


def run(store: str, operations: int) -> dict[str, list[float]]:
    """Milliseconds until acknowledged, until announced, until the tile is there; one of each for every operation."""
    with Twin.from_store(open_store(store)) as twin:
        network = twin.network
        at = network.node_lnglat[network.switches["node1"]]
        rows = np.flatnonzero(network.operable & (network.switches["normal_open"] == 0) & ~np.isnan(at[:, 0]))
        rows = np.random.default_rng(1).choice(rows, operations)
        switches = [(str(network.switches["mrid"][row]), *at[row].tolist()) for row in rows.tolist()]
    taken: dict[str, list[float]] = {"acknowledged": [], "announced": [], "tile": []}
    with served(store, WARM_CACHE) as base, httpx.Client(timeout=PATIENCE_S) as http, announced(base) as told:
        for number, (mrid, lng, lat) in enumerate(switches):
            x, y = (int(each) for each in lnglat_to_tile(lng, lat, ZOOM))
            tile = f"{base}/tiles/grid/{ZOOM}/{x}/{y}.mvt"
            http.get(tile)
            for opened in (True, False):
                _once(http, told, base, tile, mrid, opened, taken if number else {})  # the first warms up
    return taken


def _once(
    http: httpx.Client,
    told: Queue[tuple[int, float]],
    base: str,
    tile: str,
    mrid: str,
    opened: bool,
    taken: dict[str, list[float]],
) -> None:
    begins = time.perf_counter()
    answer = http.post(f"{base}/api/switching", json={"operations": [{"mrid": mrid, "open": opened}]})
    acknowledged = time.perf_counter()
    revision = answer.raise_for_status().json()["revision"]
    seen, at = told.get(timeout=PATIENCE_S)
    while seen < revision:
        seen, at = told.get(timeout=PATIENCE_S)
    shown = http.get(tile)
    ends = time.perf_counter()
    if int(shown.headers["gridtwin-revision"]) < revision:
        raise AssertionError("the tile is older than its announcement")
    for name, instant in (("acknowledged", acknowledged), ("announced", at), ("tile", ends)):
        taken.setdefault(name, []).append((instant - begins) * 1e3)


def main() -> int:
    """Prints the table and writes the JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("store", nargs="?", help="a GeoPackage; a made-up one where left out")
    parser.add_argument("--meters", type=int, default=1_000_000, help="of what is made up")
    parser.add_argument("--operations", type=int, default=200)
    told = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        store = told.store
        if store is None:
            store = str(Path(folder) / "city.gpkg")
            Twin.load(city(told.meters), open_store(store, write=True, create=True)).close()
        taken = run(store, told.operations)
    rows = []
    print(f"{'until':14} {'p50 ms':>9} {'p99 ms':>9} {'worst ms':>9}")
    for name, values in taken.items():
        p50, p99, worst = np.percentile(values, [50, 99, 100]).tolist()
        rows.append({"until": name, "count": len(values), "p50_ms": p50, "p99_ms": p99, "worst_ms": worst})
        print(f"{name:14} {p50:9.1f} {p99:9.1f} {worst:9.1f}")
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(rows, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
