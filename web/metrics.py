"""Counters of one server process, and the Prometheus text that tells them."""

from __future__ import annotations

import platform
import resource
import sys
import time
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from pathlib import Path

from web.version import version

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
BOUNDS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Of the histograms, in seconds."""

STARTED = time.time()
"""Of this process."""

Labels = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Family:
    """One metric: samples are (ending of the name, labels, value)."""

    name: str
    kind: str
    what: str
    samples: Sequence[tuple[str, Labels, float]]

    def labelled(self, more: Labels) -> Family:
        """The same with more labels on each sample."""
        return replace(self, samples=[(ending, {**more, **labels}, value) for ending, labels, value in self.samples])


class Metrics:
    """What this process counted since it started; the event loop's own."""

    def __init__(self) -> None:
        self.requests: Counter[tuple[str, str, int]] = Counter()
        """By route, method and status."""
        self.seconds: defaultdict[str, list[int]] = defaultdict(lambda: [0] * (len(BOUNDS_S) + 1))
        """Answers by route and by the bound that the time until they were sent whole is under; the last has none."""
        self.seconds_in_all: defaultdict[str, float] = defaultdict(float)
        """By route."""
        self.tile_cache: Counter[str] = Counter()
        """`hit`, `miss` and `not_modified`."""
        self.refused: Counter[str] = Counter()
        """Connections closed by a limit, by the setting that holds it."""
        self.switching = 0
        """Batches of operations carried out."""

    def count(self, route: str, method: str, status: int, seconds: float) -> None:
        """One request answered."""
        self.requests[route, method, status] += 1
        self.seconds[route][bisect_left(BOUNDS_S, seconds)] += 1
        self.seconds_in_all[route] += seconds

    def families(self) -> list[Family]:
        """All of it."""
        requests = [
            ("", {"route": route, "method": method, "status": str(status)}, float(count))
            for (route, method, status), count in sorted(self.requests.items())
        ]
        seconds = [sample for route in sorted(self.seconds) for sample in self._histogram(route)]
        cache = [("", {"result": result}, float(self.tile_cache[result])) for result in ("hit", "miss", "not_modified")]
        refused = [("", {"setting": setting}, float(count)) for setting, count in sorted(self.refused.items())]
        return [
            Family("gridtwin_http_requests_total", "counter", "Requests answered.", requests),
            Family("gridtwin_http_request_seconds", "histogram", "Seconds until answers were sent whole.", seconds),
            Family("gridtwin_tile_cache_total", "counter", "Tile requests by what they found.", cache),
            Family("gridtwin_refused_connections_total", "counter", "Connections closed by a limit.", refused),
            counter("gridtwin_switching_total", "Switching batches carried out.", self.switching),
            *_process(),
        ]

    def _histogram(self, route: str) -> Iterable[tuple[str, Labels, float]]:
        totals = list(accumulate(self.seconds[route]))
        for bound, total in zip((*map("{:g}".format, BOUNDS_S), "+Inf"), totals, strict=True):
            yield "_bucket", {"route": route, "le": bound}, total
        yield "_sum", {"route": route}, self.seconds_in_all[route]
        yield "_count", {"route": route}, totals[-1]


def gauge(name: str, what: str, value: float, labels: Labels | None = None) -> Family:
    """A single value that goes up and down."""
    return Family(name, "gauge", what, [("", labels or {}, value)])


def counter(name: str, what: str, value: float) -> Family:
    """A single value that goes up."""
    return Family(name, "counter", what, [("", {}, value)])


def _process() -> Iterable[Family]:
    used = resource.getrusage(resource.RUSAGE_SELF)
    build = {"version": version(), "python": platform.python_version()}
    yield gauge("process_resident_memory_bytes", "Memory in use.", resident_bytes())
    yield counter("process_cpu_seconds_total", "Processor time used.", used.ru_utime + used.ru_stime)
    yield gauge("process_start_time_seconds", "When the process started, in seconds since 1970.", STARTED)
    yield gauge("gridtwin_uptime_seconds", "Seconds since the process started.", time.time() - STARTED)
    yield gauge("gridtwin_build_info", "Always 1; which version runs.", 1, build)


def resident_bytes(pid: int | str = "self") -> int:
    """Memory that a process holds now; where the system does not say, the most that this one ever held."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * resource.getpagesize()
    except OSError:
        unit = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def text_of(families: Iterable[Family]) -> str:
    """The Prometheus text format; families of one name, as several processes have them, are told together."""
    together: dict[str, Family] = {}
    for family in families:
        known = together.get(family.name)
        samples = family.samples if known is None else [*known.samples, *family.samples]
        together[family.name] = replace(family, samples=samples)
    lines: list[str] = []
    for name, family in together.items():
        lines += [f"# HELP {name} {family.what}", f"# TYPE {name} {family.kind}"]
        for ending, labels, value in family.samples:
            inside = ",".join(f'{label}="{_escaped(text)}"' for label, text in labels.items())
            lines.append(f"{name}{ending}{{{inside}}} {value:.12g}" if inside else f"{name}{ending} {value:.12g}")
    return "\n".join(lines) + "\n"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
