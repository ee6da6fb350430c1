"""Measuring: medians, the speed of memory, and rows of a table."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

__all__ = ["Row", "Spread", "bandwidth", "copy_seconds", "median", "row", "spread", "table"]

LARGEST_COPY = 1 << 27
LEAST_COPY = 1000
"""Bytes: copying less is no measure of anything."""


@dataclass(frozen=True)
class Row:
    """One measurement."""

    what: str
    network: str
    nodes: int
    seconds: float | None
    """Median, None where it was not measured."""
    p99: float | None = None
    """99th percentile of single operations."""
    worst: float | None = None
    """The slowest of them."""
    copies: float | None = None
    """How many times as long as copying the bytes that it must read or write at the least."""
    share: float | None = None
    """The same as a share of the bandwidth of copying, 1 / copies."""
    times: float | None = None
    """How many times as long as ours."""
    conversion: float | None = None
    """Seconds to turn arrays into what a peer works on, not part of `seconds`."""
    note: str = ""


@dataclass(frozen=True)
class Spread:
    """Many single operations."""

    median: float
    p99: float
    worst: float


def median(call: Callable[[], object], budget: float = 0.5) -> float:
    """Median seconds of at least 3 calls, within about `budget` seconds; a call that takes longer is made once."""
    taken: list[float] = []
    while not taken or (taken[0] < budget and (len(taken) < 3 or (sum(taken) < budget and len(taken) < 200))):
        start = time.perf_counter()
        call()
        taken.append(time.perf_counter() - start)
    return float(np.median(taken))


def spread(taken: Sequence[float]) -> Spread:
    """What single operations took."""
    return Spread(float(np.median(taken)), float(np.percentile(taken, 99)), float(np.max(taken)))


def copy_seconds(size: int) -> float:
    """Seconds to copy so many bytes from one array to another; of more than 128 MB, those are copied and scaled up."""
    copied = min(size, LARGEST_COPY)
    source, target = np.ones(copied, np.uint8), np.zeros(copied, np.uint8)
    return median(lambda: np.copyto(target, source)) * size / copied


def bandwidth(nodes: int) -> float:
    """Bytes a second at which 7 bytes a node are copied."""
    return 7 * nodes / copy_seconds(7 * nodes)


def row(what: str, network: str, nodes: int, taken: float | Spread, size: float, speed: float, note: str = "") -> Row:
    """One measurement beside the copying of `size` bytes at `speed` bytes a second."""
    seconds = taken.median if isinstance(taken, Spread) else taken
    copies, share = (seconds * speed / size, size / speed / seconds) if size >= LEAST_COPY else (None, None)
    if isinstance(taken, Spread):
        return Row(what, network, nodes, seconds, taken.p99, taken.worst, copies, share, note=note)
    return Row(what, network, nodes, seconds, copies=copies, share=share, note=note)


def table(rows: Sequence[Row]) -> str:
    """The rows as text."""
    heads = ("median ms", "p99 ms", "worst ms", "copies", "× ours", "convert ms")
    lines = [f"{'':38} {'network':26} {'nodes':>11} " + " ".join(f"{head:>11}" for head in heads)]
    for each in rows:
        seconds = [each.seconds, each.p99, each.worst, None, None, each.conversion]
        numbers = [None if value is None else value * 1e3 for value in seconds]
        numbers[3:5] = each.copies, each.times
        cells = ["" if n is None else f"{n:,.4f}" if n < 1 else f"{n:,.1f}" for n in numbers]
        text = " ".join(f"{cell:>11}" for cell in cells)
        lines.append(f"{each.what:38} {each.network:26} {each.nodes:11,} {text}  {each.note}".rstrip())
    return "\n".join(lines)
