"""Counters for Prometheus, and the middleware that counts requests."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping

from starlette.types import ASGIApp, Message, Receive, Scope, Send

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Metrics:
    """What this process counted since it started."""

    def __init__(self) -> None:
        self.requests: Counter[tuple[str, str, int]] = Counter()
        """By route, method and status."""
        self.seconds: defaultdict[str, float] = defaultdict(float)
        """Seconds until an answer was sent whole, by route."""
        self.tile_cache: Counter[str] = Counter()
        """`hit`, `miss` and `not_modified`."""
        self.refused: Counter[str] = Counter()
        """Connections closed by a limit, by the setting that holds it."""
        self.switching = 0
        """Batches of operations carried out."""

    def count(self, route: str, method: str, status: int, seconds: float) -> None:
        """One request answered."""
        self.requests[route, method, status] += 1
        self.seconds[route] += seconds

    def text(self, gauges: Mapping[str, tuple[str, float]]) -> str:
        """The Prometheus text format; `gauges` are name → (what it is, value)."""
        lines: list[str] = []
        _family(
            lines,
            "gridtwin_http_requests_total",
            "counter",
            "Requests answered.",
            [
                ({"route": route, "method": method, "status": str(status)}, count)
                for (route, method, status), count in sorted(self.requests.items())
            ],
        )
        _family(
            lines,
            "gridtwin_http_request_seconds_total",
            "counter",
            "Seconds until answers were sent whole.",
            [({"route": route}, seconds) for route, seconds in sorted(self.seconds.items())],
        )
        _family(
            lines,
            "gridtwin_tile_cache_total",
            "counter",
            "Tile requests by what they found.",
            [({"result": result}, self.tile_cache[result]) for result in ("hit", "miss", "not_modified")],
        )
        _family(lines, "gridtwin_switching_total", "counter", "Switching batches carried out.", [({}, self.switching)])
        for name, (what, value) in gauges.items():
            _family(lines, name, "gauge", what, [({}, value)])
        return "\n".join(lines) + "\n"


def _family(
    lines: list[str], name: str, kind: str, what: str, samples: Iterable[tuple[Mapping[str, str], float]]
) -> None:
    lines += [f"# HELP {name} {what}", f"# TYPE {name} {kind}"]
    for labels, value in samples:
        inside = ",".join(f'{label}="{_escaped(text)}"' for label, text in labels.items())
        lines.append(f"{name}{{{inside}}} {value:.12g}" if inside else f"{name} {value:.12g}")


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


METHODS = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT")


class CountRequests:
    """ASGI middleware: counts each request under its route, never under its path, so that labels stay few."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self.app, self.metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started, status = time.perf_counter(), 500

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self.app(scope, receive, noting)
        finally:
            route = getattr(scope.get("route"), "path", "unknown")
            method = scope["method"] if scope["method"] in METHODS else "OTHER"
            self.metrics.count(route, method, status, time.perf_counter() - started)
