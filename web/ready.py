"""Cached tiles answered as the connection reads the request, before ASGI: some 30,000 a second where ASGI does 9,000.

The protocol class builds on one of uvicorn's that is not a public interface: tests hold every answer equal to the one
that the application gives, and whatever is not the plain case goes there.
"""

from __future__ import annotations

import time
from asyncio import Event
from collections.abc import Iterable
from typing import Any, NamedTuple

from starlette.requests import Request
from starlette.responses import Response
from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from web.connection import LimitedProtocol
from web.fields import accepts_gzip
from web.log import tell_request
from web.metrics import Metrics
from web.request_ids import HEADER, request_id

MOST = 20_000
"""Answers kept."""
_PREFIX = b"/tiles/"
_REFUSED = frozenset(
    (b"connection", b"content-length", b"expect", b"origin", b"range", b"transfer-encoding", b"upgrade")
)


class Ready(NamedTuple):
    """An answer. head, unchanged: status line and header fields of 200 (or 204) and 304, but the date."""

    route: str
    status: int
    etag: bytes
    head: bytes
    unchanged: bytes
    body: bytes


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

    def add(self, kept: dict[bytes, Ready], request: Request, response: Response, headers: Iterable[Any]) -> None:
        """Keeps an answer, gzip or empty, where nothing changed since `kept` was `by_target`.

        headers: what middleware adds to those of the response.
        """
        scope = request.scope
        target = scope["raw_path"] + (b"?" + scope["query_string"] if scope["query_string"] else b"")
        if kept is not self.by_target or not target.startswith(_PREFIX):
            return
        body = bytes(response.body)
        if not kept:
            self._bytes = 0
        self._bytes += len(body)
        if len(kept) >= MOST or self._bytes > self._max_bytes:
            self.drop()
            return
        fields = [*response.raw_headers, *headers]
        without_body = [field for field in fields if field[0] not in (b"content-length", b"content-type")]
        unchanged = [field for field in without_body if field[0] != b"content-encoding"]
        kept[target] = Ready(
            scope["route"].path,
            response.status_code,
            response.headers["etag"].encode(),
            STATUS_LINE[response.status_code] + _lines(fields),
            STATUS_LINE[304] + _lines(unchanged),
            body,
        )


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
    """A connection that answers by itself what is ready."""

    def _begin(self) -> None:
        """Answers, or hands the request to the application."""
        if not (self.url.startswith(_PREFIX) and self._answer()):
            super()._begin()

    def _answer(self) -> bool:
        answers: ReadyAnswers = self.app_state["ready"]
        ready = answers.by_target.get(self.url)
        if ready is None or self.parser.get_method() != b"GET" or self.parser.get_http_version() != "1.1":
            return False
        if (self.cycle is not None and not self.cycle.response_complete) or self.pipeline or self.flow.write_paused:
            return False
        started = time.perf_counter()
        encodings, known, given = b"", b"", None
        for name, value in self.headers:
            if name in _REFUSED and not (name == b"connection" and value.lower() == b"keep-alive"):
                return False
            if name == b"accept-encoding":
                encodings = value
            elif name == b"if-none-match":
                known = value
            elif name == HEADER:
                given = value
        if not accepts_gzip(encodings.decode("latin-1")) or known not in (b"", ready.etag):
            return False
        if self.cycle is None:
            self.cycle = _Answered()
        status = 304 if known else ready.status
        parts = [ready.unchanged if known else ready.head]
        parts += [name + b": " + value + b"\r\n" for name, value in self.server_state.default_headers]
        named, body = request_id(given), b"" if known else ready.body
        parts += [HEADER, b": ", named.encode(), b"\r\n\r\n", body]
        answers.metrics.tile_cache["not_modified" if known else "hit"] += 1
        seconds = time.perf_counter() - started
        answers.metrics.count(ready.route, "GET", status, seconds)
        if self.settings.log_requests == "all":
            tell_request(named, "GET", ready.route, status, seconds, len(body))
        self.transport.write(b"".join(parts))  # last, so that whoever has the answer finds it counted
        self.on_response_complete()
        return True
