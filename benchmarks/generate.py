"""A made-up utility: how long it takes to make, store and start to serve, and what it takes of memory.

`python -m benchmarks.generate [--meters 1000000 10000000] [--feeders N] [--seed N] [--gigabytes 12] [--folder PLACE]`
prints a table and writes benchmarks/results/generate.json. Each utility is checked: every customer has supply, every
feeder is radial, every tie is between two feeders, a transformer has 4 to 12 customers. It is made in one process, and
served in another, which answers requests for tiles of every zoom, elements, search and traces before its memory is
measured. What a server of the smallest utility holds is Python and its packages; the rest is the twin.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import TypeVar

import httpx
import numpy as np

from benchmarks.http import ROOT, SERVER
from benchmarks.nation import at_most, peak_gigabytes
from loaders.generate import LEAST, generate
from loaders.generate_legs import LARGEST, SMALLEST
from tiles.mercator import lnglat_to_tile
from tiles.tilejson import ZOOMS
from topology.loops import is_radial
from twin.engine import Twin
from twin.network import Network
from twin.stores import open_store
from web.settings import Settings

RESULTS = Path(__file__).resolve().parent / "results" / "generate.json"
TRANSFORMERS = 2_000
"""Whose customers are counted."""

PATIENCE_S = 600.0
IDLE_TICKS = 2
"""Hundredths of a second in a second that a server computes with nobody asking."""

T = TypeVar("T")


@dataclass(frozen=True)
class Place:
    """A transformer, its feeder's head, and where it is."""

    transformer: str
    head: str
    lng: float
    lat: float


@dataclass(frozen=True)
class Row:
    """One measurement of one utility."""

    meters: int
    what: str
    seconds: float | None = None
    megabytes: float | None = None
    bytes_per_meter: float | None = None


def check(network: Network, meters: int) -> None:
    """Raises AssertionError where a made-up utility is not what it is to be."""
    consumers = network.consumers
    _say(network.customers == len(network.usage_points) == meters, "the meters are not as many as were asked for")
    lost = consumers["phases"] & ~network.normal_energized[consumers["node"]]
    _say(not lost.any(), f"{np.count_nonzero(lost)} consumers are without supply")
    radial = is_radial(network.graph, network.normal_conducting, network.node_sources)
    _say(radial and not network.membership.parallel.any(), "a feeder is not radial")
    switches = network.switches
    tied = (switches["normal_open"] != 0) & ~network.nodes["busbar"][switches["node1"]]  # busbar couplers are open too
    one, other = (network.node_feeder[switches[end][tied]] for end in ("node1", "node2"))
    _say(bool(((one >= 0) & (other >= 0) & (one != other)).all()), "a tie is not between two feeders")
    distribution = np.flatnonzero(network.transformers["substation"] < 0)
    chosen = distribution[:: max(1, len(distribution) // TRANSFORMERS)]
    mrids = network.transformers["mrid"][chosen].tolist()
    behind = network.branch_customers[[network.branch_of(network.mrids.find(mrid)) for mrid in mrids]]
    few = SMALLEST <= int(behind.min()) <= int(behind.max()) <= LARGEST
    _say(few, f"a transformer has {behind.min()} to {behind.max()} customers")


def _say(holds: bool, otherwise: str) -> None:
    if not holds:
        raise AssertionError(otherwise)


def made(meters: int, feeders: int | None, seed: int, store: str) -> tuple[list[Row], Place]:
    """Makes and stores a utility."""
    rows = []

    def timed(what: str, call: Callable[[], T]) -> T:
        begin = time.perf_counter()
        result = call()
        rows.append(Row(meters, what, time.perf_counter() - begin, peak_gigabytes() * 2**30 / 1e6))
        return result

    network = timed("generate", lambda: generate(meters, feeders, seed)[0])
    timed("check", lambda: check(network, meters))
    timed("store in a GeoPackage", lambda: Twin.load(network, open_store(store, write=True, create=True)).close())
    rows.append(Row(meters, "GeoPackage", None, Path(store).stat().st_size / 1e6))
    row = int(np.flatnonzero(network.transformers["substation"] < 0)[0])
    lng, lat = network.node_lnglat[network.transformers["node1"][row]].tolist()
    mrids = str(network.transformers["mrid"][row]), str(network.feeders["head_mrid"][0])
    return rows, Place(*mrids, lng, lat)


def served(meters: int, store: Path, place: Place, fixed: float | None) -> list[Row]:
    """Serves a utility; fixed: megabytes that a server of the smallest holds, None for that itself."""
    begin = time.perf_counter()
    with serving(store) as (base, process), httpx.Client(base_url=base, timeout=PATIENCE_S) as http:
        ready = time.perf_counter() - begin
        begin = time.perf_counter()
        count = ask(http, place)
        answered = time.perf_counter() - begin
        settle(process)
        held, peak = resident_megabytes(process)
    rows = [
        Row(meters, "start of the server", ready),
        Row(meters, f"{count} first requests", answered, peak),
        Row(meters, "its process", None, held, held * 1e6 / meters),
    ]
    if fixed is not None:
        rows.append(Row(meters, "of which the twin", None, held - fixed, (held - fixed) * 1e6 / meters))
    return rows


@contextmanager
def serving(store: Path) -> Iterator[tuple[str, int]]:
    """The server in a process of its own; its address and its id."""
    words = [sys.executable, "-c", SERVER, str(store), str(Settings().cache_bytes)]
    process = subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        port = process.stdout.readline().strip()
        if not port:
            raise RuntimeError("the server did not start")
        yield f"http://127.0.0.1:{port}", process.pid
    finally:
        process.terminate()
        process.wait(PATIENCE_S)
        process.stdout.close()


def ask(http: httpx.Client, place: Place) -> int:
    """A request of each kind, and a tile of each zoom at one place; how many. Raises where one fails."""
    paths = ["/api/network", f"/api/elements/{place.transformer}", "/api/search?q=feeder", "/api/outages"]
    for tileset, zooms in ZOOMS.items():
        for zoom in range(zooms[0], zooms[1] + 1):
            x, y = (int(each) for each in lnglat_to_tile(place.lng, place.lat, zoom))
            paths.append(f"/tiles/{tileset}/{zoom}/{x}/{y}.mvt")
    for path in paths:
        http.get(path).raise_for_status()
    starts = (("downstream", place.transformer), ("upstream", place.transformer), ("downstream", place.head))
    for kind, start in starts:
        http.post("/api/traces", json={"kind": kind, "start": [start], "elements": False}).raise_for_status()
    return len(paths) + len(starts)


def settle(process: int) -> None:
    """Waits until a process has computed nothing for a second: what it makes behind requests is there then."""
    before, end = -1, time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        used = sum(int(ticks) for ticks in Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[11:13])
        if used - before <= IDLE_TICKS:
            return
        before = used
        time.sleep(1)


def resident_megabytes(process: int) -> tuple[float, float]:
    """What a process holds, and the most that it held."""
    words = dict(line.split(":", 1) for line in Path(f"/proc/{process}/status").read_text().splitlines())
    held, peak = (int(words[name].split()[0]) * 1024 / 1e6 for name in ("VmRSS", "VmHWM"))
    return held, peak


def alone(call: Callable[..., T], gigabytes: float, *arguments: object) -> T:
    """The call's result, from a process of its own that may take so much address space."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(_limited, call, gigabytes, arguments).result()


def _limited(call: Callable[..., T], gigabytes: float, arguments: Sequence[object]) -> T:
    with at_most(gigabytes):
        return call(*arguments)


def run(
    meters: int, feeders: int | None, seed: int, folder: Path, gigabytes: float, told: Callable[[Row], None]
) -> list[Row]:
    """All measurements of one utility; its GeoPackage is gone afterwards."""
    rows = []

    def tell(*found: Row) -> None:
        for row in found:
            told(row)
            rows.append(row)

    fixed = None
    for size, each in ((LEAST, None), (meters, feeders)):
        store = folder / f"{size}.gpkg"
        measured, place = alone(made, gigabytes, size, each, seed, str(store))
        if size == meters:
            tell(*measured)
        found = served(size, store, place, fixed)
        fixed = found[-1].megabytes
        if size == meters:
            tell(*found)
        for file in folder.glob(f"{store.name}*"):
            file.unlink()
    return rows


def line(row: Row) -> str:
    """One line of the table."""
    shown = (
        "" if value is None else f"{value:,.{digits}f}"
        for value, digits in ((row.seconds, 2), (row.megabytes, 0), (row.bytes_per_meter, 0))
    )
    seconds, megabytes, each = shown
    return f"{row.meters:12,}  {row.what:24} {seconds:>9} {megabytes:>9} {each:>14}"


def main(arguments: Sequence[str] | None = None) -> None:
    """Prints the table while it grows and writes the JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--meters", type=int, nargs="+", default=[1_000_000, 10_000_000])
    parser.add_argument("--feeders", type=int, help="of each; one for 1,500 meters where left out")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--gigabytes", type=float, default=20.0, help="address space that each process may take")
    parser.add_argument("--folder", type=Path, help="for the GeoPackages; a temporary one where left out")
    parser.add_argument("--results", type=Path, default=RESULTS)
    chosen = parser.parse_args(arguments)
    rows: list[Row] = []
    print(f"{'meters':>12}  {'':24} {'seconds':>9} {'peak MB':>9} {'bytes a meter':>14}")
    with tempfile.TemporaryDirectory(dir=chosen.folder) as folder:
        for meters in chosen.meters:
            try:
                rows += run(
                    *(meters, chosen.feeders, chosen.seed, Path(folder), chosen.gigabytes),
                    lambda row: print(line(row), flush=True),
                )
            except MemoryError:
                sys.exit(f"{meters:,} meters do not fit in --gigabytes {chosen.gigabytes:g}")
    chosen.results.parent.mkdir(parents=True, exist_ok=True)
    chosen.results.write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n")


if __name__ == "__main__":
    main()
