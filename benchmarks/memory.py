"""What a served twin takes: seconds until it is ready, and bytes of memory a meter.

`python -m benchmarks.memory [STORE …] [--meters N …]` serves one store after the other (GeoPackages; made-up utilities
of so many meters where none is given), each in a process of its own with the settings that it has by default, and
writes benchmarks/results/memory.json. The memory is what the process holds: when it is ready, when all that it makes in
the background is there, after tiles, after traces. Of several stores the last line tells what each further meter takes
from the smallest to the largest, Python, its packages and compiled code left out.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import httpx
import numpy as np

from benchmarks.load import MB, served
from benchmarks.processes import cpu_seconds
from loaders.generate import generate
from tiles.mercator import lnglat_to_tile
from twin.engine import Twin
from twin.stores import open_store

RESULTS = Path(__file__).resolve().parent / "results" / "memory.json"
PATIENCE_S = 120.0
IDLE_S = 2.0
ZOOMS = (10, 16)
KINDS = ("upstream", "downstream", "connected")


@dataclass(frozen=True)
class Row:
    """One store. Megabytes: held by the process then; a meter: those when all is made, over the meters."""

    meters: int
    ready_s: float
    ready_mb: float
    made_mb: float
    tiles_mb: float
    traces_mb: float
    bytes_a_meter: float


@dataclass(frozen=True)
class Asked:
    """What is asked of the server of one store."""

    meters: int
    tiles: list[str]
    starts: list[str]

    @classmethod
    def of(cls, store: str, tiles: int, traces: int) -> Asked:
        """Tiles around random nodes at random zooms, and consumers."""
        rng = np.random.default_rng(1)
        with Twin.from_store(open_store(store)) as twin:
            network = twin.network
            placed = network.node_lnglat[~np.isnan(network.node_lnglat[:, 0])]
            paths = []
            for lng, lat in placed[rng.integers(0, len(placed), tiles)].tolist():
                z = int(rng.integers(ZOOMS[0], ZOOMS[1] + 1))
                x, y = (int(each) for each in lnglat_to_tile(lng, lat, z))
                paths.append(f"/tiles/grid/{z}/{x}/{y}.mvt")
            starts = network.consumers["mrid"][rng.integers(0, len(network.consumers), traces)].tolist()
            return cls(len(network.meters), paths, starts)


def until_idle(process: subprocess.Popen[str], used: Callable[[], float]) -> None:
    """Waits until the processes under this one use hardly any processor time, so that nothing is being made."""
    before = used()
    while process.poll() is None:
        time.sleep(IDLE_S)
        now = used()
        if now - before < IDLE_S / 50:
            return
        before = now


def measure(store: str, tiles: int = 1000, traces: int = 200) -> Row:
    """Serves a store, asks for tiles and traces, and tells what the process held."""
    asked = Asked.of(store, tiles, traces)
    begins = time.perf_counter()
    with served(store) as server, httpx.Client(base_url=f"http://127.0.0.1:{server.port}", timeout=PATIENCE_S) as http:
        http.get("/readyz").raise_for_status()
        ready_s, held = time.perf_counter() - begins, [server.rss_mb]
        until_idle(server.process, cpu_seconds)
        held.append(server.rss_mb)
        for path in asked.tiles:
            http.get(path).raise_for_status()
        held.append(server.rss_mb)
        for number, start in enumerate(asked.starts):
            body = {"kind": KINDS[number % len(KINDS)], "start": [start], "elements": False}
            http.post("/api/traces", json=body).raise_for_status()
        held.append(server.rss_mb)
    a_meter = held[1] * MB / asked.meters
    return Row(asked.meters, round(ready_s, 2), *(round(each, 1) for each in held), round(a_meter, 1))


def each_further(rows: Sequence[Row]) -> float:
    """Bytes that each meter takes from the smallest network to the largest."""
    small, large = min(rows, key=lambda row: row.meters), max(rows, key=lambda row: row.meters)
    return (large.made_mb - small.made_mb) * MB / (large.meters - small.meters)


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints the table while it grows and writes the JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("store", nargs="*", help="GeoPackages; made-up ones where left out")
    parser.add_argument("--meters", type=int, nargs="+", default=[1_000_000], help="of what is made up")
    parser.add_argument("--tiles", type=int, default=1000)
    parser.add_argument("--traces", type=int, default=200)
    parser.add_argument("--results", type=Path, default=RESULTS)
    told = parser.parse_args(arguments)
    rows = []
    print(
        f"{'meters':>12} {'ready s':>9} {'ready MB':>9} {'made MB':>9} {'tiles MB':>9} {'traces MB':>10} {'a meter':>9}"
    )
    with tempfile.TemporaryDirectory() as folder:
        stores = list(told.store)
        for meters in () if stores else told.meters:
            stores.append(str(Path(folder) / f"{meters}.gpkg"))
            Twin.load(generate(meters)[0], open_store(stores[-1], write=True, create=True)).close()
        for store in stores:
            row = measure(store, told.tiles, told.traces)
            rows.append(row)
            print(
                f"{row.meters:12,} {row.ready_s:9.2f} {row.ready_mb:9,.0f} {row.made_mb:9,.0f} {row.tiles_mb:9,.0f} "
                f"{row.traces_mb:10,.0f} {row.bytes_a_meter:9,.0f}",
                flush=True,
            )
    if len({row.meters for row in rows}) > 1:
        print(f"each further meter: {each_further(rows):,.0f} bytes")
    told.results.parent.mkdir(parents=True, exist_ok=True)
    told.results.write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
