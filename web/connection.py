"""One connection, which nobody can hold for ever or fill without end: uvicorn's protocol with limits of our own.

uvicorn bounds the silence between two requests and what waits of a body. It bounds neither how long a header may take
nor how long it may be, nor how many requests are sent ahead, nor how long an answer lies unread.
"""

from __future__ import annotations

from asyncio import TimerHandle, Transport
from collections import Counter
from typing import Any

import orjson
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from web.request_ids import HEADER, request_id
from web.settings import Settings

MOST_AHEAD = 256
"""Requests sent ahead of their answers on one connection; a client that sends more is cut off."""
LEAST_READ = 64 << 10
"""Bytes of an answer that a client must take within `write_timeout_s`, where so many wait for it."""
REFUSED_S = 1.0
"""How long a connection that is one too many may take to say what it wants, which it will not get."""


class LimitedProtocol(HttpToolsProtocol):
    """uvicorn's protocol with the limits of the settings. Counts what it refuses by the setting."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.settings: Settings = self.app_state["settings"]
        self.refused: Counter[str] = self.app_state["refused"]
        self._in_header = False
        self._header_bytes = 0
        self._one_too_many = False
        self._answer_to_error = b""
        self._header_timer: TimerHandle | None = None
        self._write_timer: TimerHandle | None = None

    # --- connections ------------------------------------------------------------------------------------------

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        """Begins to wait for a header, or for anything at all where there are too many connections."""
        super().connection_made(transport)
        if len(self.connections) > self.settings.max_connections:
            self.connections.discard(self)
            self._one_too_many = True
            self._header_timer = self.loop.call_later(REFUSED_S, self._abort, "max_connections")
            return
        self._wait_for_header()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forgets the timers."""
        self._stop_header_timer()
        self._stop_write_timer()
        super().connection_lost(exc)

    def _abort(self, setting: str) -> None:
        self.refused[setting] += 1
        self.transport.abort()

    @property
    def _busy(self) -> bool:
        """Whether a request is being answered."""
        return self.cycle is not None and not self.cycle.response_complete

    # --- headers ----------------------------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        """Parses; a header has a length and a time."""
        if self._one_too_many:
            limit = self.settings.max_connections
            self._refuse(503, "overloaded", f"{limit} connections are open already", "max_connections", limit)
            return
        if self.transport.is_closing():
            return
        self._header_bytes += len(data)
        super().data_received(data)
        if self.transport.is_closing():
            return
        if self._in_header and self._header_bytes > self.settings.max_header_bytes:
            self._refuse_long_header()
        elif self._in_header or not (self._busy or self.timeout_keep_alive_task):
            self._wait_for_header()

    def on_message_begin(self) -> None:
        """A request begins."""
        self._in_header = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Hands the request on, unless its header is too long or it is one of too many."""
        self._in_header = False
        self._stop_header_timer()
        if self._header_bytes > self.settings.max_header_bytes:
            whole = len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)
            if whole > self.settings.max_header_bytes:
                self._refuse_long_header()
                return
        self._header_bytes = 0
        if self.transport.is_closing():
            return
        if len(self.pipeline) >= MOST_AHEAD:
            self._abort("pipelined")
        else:
            self._begin()

    def _begin(self) -> None:
        """Answers a request whose header is whole."""
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Takes in a part of a body, unless it is nobody's."""
        if self.cycle is not None:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """A request is whole."""
        if self.cycle is not None:
            super().on_message_complete()

    def _wait_for_header(self) -> None:
        if self._header_timer is None:
            self._header_timer = self.loop.call_later(self.settings.header_s, self._header_late)

    def _stop_header_timer(self) -> None:
        if self._header_timer is not None:
            self._header_timer.cancel()
            self._header_timer = None

    def _header_late(self) -> None:
        self._header_timer = None
        if self.transport.is_closing():
            return
        if self._busy:  # the header of the next request may wait for this answer
            self._wait_for_header()
        elif self._in_header:
            seconds = self.settings.header_s
            self._refuse(408, "header-too-slow", f"the header was not whole within {seconds:g} s", "header_s", seconds)
        else:
            self.refused["header_s"] += 1
            self.transport.close()

    def _refuse_long_header(self) -> None:
        limit = self.settings.max_header_bytes
        said = f"the request line and the header fields are longer than {limit} bytes"
        self._refuse(431, "header-too-long", said, "max_header_bytes", limit)

    def send_400_response(self, msg: str) -> None:
        """What is no HTTP is told so."""
        if not self.transport.is_closing():
            self._say(400, "not-http", msg, {})

    def _refuse(self, status: int, slug: str, detail: str, setting: str, limit: float) -> None:
        self.refused[setting] += 1
        self._say(status, slug, detail, {"limit": limit, "setting": setting})

    def _say(self, status: int, slug: str, detail: str, members: dict[str, object]) -> None:
        """Answers with a problem document, and closes; where an answer is under way already, closes at once."""
        if self._busy:
            self.transport.abort()
            return
        title = slug.replace("-", " ").capitalize()
        named = request_id(None)
        told = {"type": f"/docs#{slug}", "title": title, "status": status, "detail": detail, **members}
        told["request_id"] = named
        body = orjson.dumps(told)
        fields = [*self.server_state.default_headers, (b"content-type", b"application/problem+json")]
        fields += [(b"content-length", str(len(body)).encode()), (b"cache-control", b"no-store")]
        fields += [(b"connection", b"close"), (HEADER, named.encode())]
        fields += [(b"retry-after", b"1")] if status == 503 else []
        lines = b"".join(name + b": " + value + b"\r\n" for name, value in fields)
        self.transport.write(STATUS_LINE[status] + lines + b"\r\n" + body)
        self.transport.close()

    # --- clients that do not read -----------------------------------------------------------------------------

    def pause_writing(self) -> None:
        """The client is slower than the answer."""
        super().pause_writing()
        self._watch_reader()

    def resume_writing(self) -> None:
        """The client has caught up."""
        self._stop_write_timer()
        super().resume_writing()

    def on_response_complete(self) -> None:
        """An answer is written, which does not mean that it is read."""
        super().on_response_complete()
        if self.transport.is_closing() and self.transport.get_write_buffer_size():
            self._watch_reader()

    def timeout_keep_alive_handler(self) -> None:
        """The connection was silent for too long."""
        if self.transport.get_write_buffer_size() and not self.transport.is_closing():
            self._watch_reader()
        super().timeout_keep_alive_handler()

    def _watch_reader(self) -> None:
        if self._write_timer is None:
            waiting = self.transport.get_write_buffer_size()
            self._write_timer = self.loop.call_later(self.settings.write_timeout_s, self._reader_late, waiting)

    def _reader_late(self, before: int) -> None:
        self._write_timer = None
        waiting = self.transport.get_write_buffer_size()
        if waiting == 0:
            return
        if waiting > max(before - LEAST_READ, 0):
            self._abort("write_timeout_s")
        else:
            self._watch_reader()

    def _stop_write_timer(self) -> None:
        if self._write_timer is not None:
            self._write_timer.cancel()
            self._write_timer = None
