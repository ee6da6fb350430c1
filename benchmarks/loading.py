"""A source read and stored: seconds of each, of the clock and of the processor, and memory.

`python -m benchmarks.loading SOURCE [--format NAME] [--crs EPSG:n]` prints a table and writes
benchmarks/results/loading.json. `--profile` adds where Python spent the time of reading, by function.
"""

from __future__ import annotations

import argparse
import cProfile
import json
import pstats
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TypeVar

from benchmarks.nation import peak_gigabytes
from loaders.formats import read
from twin.engine import Twin
from twin.stores import open_store

RESULTS = Path(__file__).resolve().parent / "results" / "loading.json"
FUNCTIONS = 30
"""Shown of a profile."""

T = TypeVar("T")


@dataclass(frozen=True)
class Row:
    """One step. processor_s: of this process."""

    what: str
    seconds: float
    processor_s: float
    peak_megabytes: float


def timed(what: str, call: Callable[[], T]) -> tuple[T, Row]:
    """What a call returns, and what it took."""
    begin, processor = time.perf_counter(), time.process_time()
    result = call()
    seconds, used = time.perf_counter() - begin, time.process_time() - processor
    return result, Row(what, round(seconds, 2), round(used, 2), round(peak_gigabytes() * 2**30 / 1e6))


def run(source: Path, format_name: str = "auto", crs: str | None = None) -> list[Row]:
    """Reads a source and stores it in a GeoPackage, which is gone afterwards."""
    (network, _), reading = timed("read", lambda: read(source, format_name, crs=crs))
    with tempfile.TemporaryDirectory() as folder:
        store = open_store(f"{folder}/store.gpkg", write=True, create=True)
        _, storing = timed("store in a GeoPackage", lambda: Twin.load(network, store).close())
    both = (reading.seconds + storing.seconds, reading.processor_s + storing.processor_s)
    return [reading, storing, Row("both", round(both[0], 2), round(both[1], 2), storing.peak_megabytes)]


def main(arguments: Sequence[str] | None = None) -> None:
    """Prints the table and writes the JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path)
    parser.add_argument("--format", default="auto")
    parser.add_argument("--crs")
    parser.add_argument("--profile", action="store_true")
    parser.add_argument("--results", type=Path, default=RESULTS)
    chosen = parser.parse_args(arguments)
    rows = run(chosen.source, chosen.format, chosen.crs)
    print(f"{'':24} {'seconds':>9} {'processor':>10} {'peak MB':>9}")
    for row in rows:
        print(f"{row.what:24} {row.seconds:9.2f} {row.processor_s:10.2f} {row.peak_megabytes:9,.0f}")
    chosen.results.parent.mkdir(parents=True, exist_ok=True)
    chosen.results.write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n")
    if chosen.profile:
        profile = cProfile.Profile()
        profile.runcall(read, chosen.source, chosen.format, crs=chosen.crs)
        pstats.Stats(profile).sort_stats("tottime").print_stats(FUNCTIONS)


if __name__ == "__main__":
    main()
