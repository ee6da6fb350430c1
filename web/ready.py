"""Cached tiles answered as the connection reads the request, before ASGI: some 30,000 a second where ASGI does 9,000.

The protocol class builds on one of uvicorn's that is not a public interface: tests hold every answer equal to the one
that the application gives, and whatever is not the plain case goes there.
"""

from __future__ import annotations

import time
from asyncio import Event
from collections.abc import Callable, Iterable
from typing import NamedTuple

from starlette.requests import Request
from starlette.responses import Response
from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from web.connection import LimitedProtocol
from web.fields import accepts_gzip
from web.log import tell_request
from web.metrics import Metrics
from web.request_ids import HEADER, request_id
from web.responses import etag_matches

MOST = 20_000
"""Answers kept."""
MADE_AT_ONCE = 8
"""Tiles made of what one read of a connection brought, each a millisecond at most; the rest waits its turn."""
_PREFIX = b"/tiles/"
_OF_BODIES = (b"content-length", b"content-type", b"content-encoding", b"gridtwin-left-out")
_REFUSED = frozenset(
    (b"connection", b"content-length", b"expect", b"origin", b"range", b"transfer-encoding", b"upgrade")
)
_READ = frozenset((b"accept-encoding", b"if-none-match", HEADER))


class Ready(NamedTuple):
    """An answer. head, unchanged: header fields of 200 (or 204) and 304, but those of the server and the request."""

    route: str
    status: int
    etag: str
    head: bytes
    unchanged: bytes
    body: bytes

    @classmethod
    def of(cls, route: str, response: Response, common: Iterable[tuple[bytes, bytes]]) -> Ready:
        """From the application's own. common: what middleware adds to its header fields."""
        fields = [*response.raw_headers, *common]
        return cls(
            route,
            response.status_code,
            response.headers["etag"],
            _lines(fields),
            _lines(field for field in fields if field[0] not in _OF_BODIES),
            bytes(response.body),
        )


AtOnce = Callable[[bytes], tuple[Ready, str] | None]
"""Makes an answer by target, and says whether its tile was a `hit` or a `miss`; None for what is not its business."""


class ReadyAnswers:
    """Answers to GET with gzip, by request target, all of one moment: any change drops them as one.

    Any thread may drop; only the event loop's reads and adds.
    """

    def __init__(self, metrics: Metrics, max_bytes: int) -> None:
        self.metrics = metrics
        self.by_target: dict[bytes, Ready] = {}
        self._max_bytes, self._bytes = max_bytes, 0

    def drop(self) -> None:
        """Forgets all; an answer begun before is added to what is forgotten, not to what comes after."""
        self.by_target = {}

    def add(self, kept: dict[bytes, Ready], target: bytes, ready: Ready) -> None:
        """Keeps an answer where nothing changed since `kept` was `by_target`."""
        if kept is not self.by_target or not target.startswith(_PREFIX):
            return
        if not kept:
            self._bytes = 0
        self._bytes += len(ready.body)
        if len(kept) >= MOST or self._bytes > self._max_bytes:
            self.drop()
            return
        kept[target] = ready


def target_of(request: Request) -> bytes:
    """Path and query as they were sent."""
    path, query = request.scope["raw_path"], request.scope["query_string"]
    return bytes(path + b"?" + query if query else path)


def _lines(fields: Iterable[tuple[bytes, bytes]]) -> bytes:
    return b"".join(name + b": " + value + b"\r\n" for name, value in fields)


class _Answered:
    """Stands for a request that needs nothing more, where the protocol looks at its current one."""

    response_complete = True
    disconnected = False
    keep_alive = True

    def __init__(self) -> None:
        self.message_event = Event()


class ReadyProtocol(LimitedProtocol):
    """A connection that answers by itself what is ready, or can be made in a moment."""

    _to_make = MADE_AT_ONCE

    def _begin(self) -> None:
        """Answers, or hands the request to the application."""
        if not (self.url.startswith(_PREFIX) and self._answer()):
            super()._begin()

    def data_received(self, data: bytes) -> None:
        """Reads."""
        self._to_make = MADE_AT_ONCE
        super().data_received(data)

    def _answer(self) -> bool:
        if self.parser.get_method() != b"GET" or self.parser.get_http_version() != "1.1":
            return False
        if (self.cycle is not None and not self.cycle.response_complete) or self.pipeline or self.flow.write_paused:
            return False
        started = time.perf_counter()
        fields: dict[bytes, bytes] = {}
        for name, value in self.headers:
            if name in _REFUSED and not (name == b"connection" and value.lower() == b"keep-alive"):
                return False
            if name in _READ and fields.setdefault(name, value) is not value and name != HEADER:
                return False
        if not accepts_gzip(fields.get(b"accept-encoding", b"").decode("latin-1")):
            return False
        answers: ReadyAnswers = self.app_state["ready"]
        ready, found = answers.by_target.get(self.url), "hit"
        if ready is None:
            made = self._make()
            if made is None:
                return False
            ready, found = made
        if self.cycle is None:
            self.cycle = _Answered()
        status, head, body = ready.status, ready.head, ready.body
        if etag_matches(fields.get(b"if-none-match", b"").decode("latin-1"), ready.etag):
            status, head, body, found = 304, ready.unchanged, b"", "not_modified"
        named = request_id(fields.get(HEADER))
        parts = [STATUS_LINE[status], *self._default_lines(), head, HEADER, b": ", named.encode(), b"\r\n\r\n", body]
        answers.metrics.tile_cache[found] += 1
        seconds = time.perf_counter() - started
        answers.metrics.count(ready.route, "GET", status, seconds)
        if self.settings.log_requests == "all":
            tell_request(named, "GET", ready.route, status, seconds, len(body))
        self.transport.write(b"".join(parts))  # last, so that whoever has the answer finds it counted
        self.on_response_complete()
        return True

    def _make(self) -> tuple[Ready, str] | None:
        at_once: AtOnce | None = self.app_state["at_once"]
        if at_once is None or self._to_make == 0:
            return None
        self._to_make -= 1
        return at_once(self.url)

    def _default_lines(self) -> Iterable[bytes]:
        return (name + b": " + value + b"\r\n" for name, value in self.server_state.default_headers)
