"""What the benchmarks measure with."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

LARGEST_COPY = 1 << 27


def median(call: Callable[[], object], budget: float = 0.5) -> float:
    """Median seconds of at least 3 calls, within about `budget` seconds."""
    taken: list[float] = []
    while len(taken) < 3 or (sum(taken) < budget and len(taken) < 200):
        start = time.perf_counter()
        call()
        taken.append(time.perf_counter() - start)
    return float(np.median(taken))


def copy_seconds(size: int) -> float:
    """Seconds to copy so many bytes from one array to another; of more than 128 MB, those are copied and scaled up."""
    copied = min(size, LARGEST_COPY)
    source, target = np.ones(copied, np.uint8), np.zeros(copied, np.uint8)
    return median(lambda: np.copyto(target, source)) * size / copied
