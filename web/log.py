"""The log of the server: lines for people or for programs, written by a thread of its own, without secrets."""

from __future__ import annotations

import logging
import queue
import re
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import TextIO

import orjson

from twin.postgis_url import redacted
from web.settings import Settings

REQUESTS = logging.getLogger("gridtwin.requests")
REQUEST_ID: ContextVar[str] = ContextVar("request_id", default="")
"""Of the request that is being answered."""

MOST_WAITING = 10_000
"""Lines that wait to be written; beyond it they are counted and lost, for no request waits for the log."""
FIELDS = ("method", "route", "status", "duration_ms", "bytes", "author")
"""What the log tells of a request, beside its id; never its path, query, headers or body."""

_SECRETS = re.compile(r"(?i)(\bbearer\s+|gridtwin_token=|\btoken=)[^\s,;&\"']+")


def without_secrets(text: str) -> str:
    """The text with tokens and passwords hidden."""
    return _SECRETS.sub(r"\1***", redacted(text))


class JsonLines(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        """time, level, logger, message; of a request its id and FIELDS; of a fault the traceback."""
        instant = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        told: dict[str, object] = {"time": instant, "level": record.levelname.lower(), "logger": record.name}
        told["message"] = without_secrets(record.getMessage())
        request_id = getattr(record, "request_id", "") or REQUEST_ID.get()
        if request_id:
            told["request_id"] = request_id
        told |= {name: record.__dict__[name] for name in FIELDS if name in record.__dict__}
        if record.exc_info:
            told["traceback"] = without_secrets(self.formatException(record.exc_info))
        return orjson.dumps(told, default=str).decode()


class TextLines(logging.Formatter):
    """A line for people, and the traceback of a fault below it."""

    def format(self, record: logging.LogRecord) -> str:
        """Time, level, message, and the id of the request."""
        instant = datetime.fromtimestamp(record.created).isoformat(" ", timespec="milliseconds")
        request_id = getattr(record, "request_id", "") or REQUEST_ID.get()
        line = f"{instant} {record.levelname.lower():7} {record.getMessage()}"
        line += f" [{request_id}]" if request_id else ""
        if record.exc_info:
            line += "\n" + self.formatException(record.exc_info)
        return without_secrets(line)


class Lines(logging.Handler):
    """Hands lines to a thread that writes them, so that a slow reader of the log holds nobody up."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__()
        self.lost = 0
        self._stream = stream
        self._waiting: queue.Queue[str | None] = queue.Queue(MOST_WAITING)
        self._writer = threading.Thread(target=self._write, name="log", daemon=True)
        self._writer.start()

    def emit(self, record: logging.LogRecord) -> None:
        """Puts a line at the end, or counts it as lost."""
        try:
            self._waiting.put_nowait(self.format(record))
        except queue.Full:
            self.lost += 1

    def _write(self) -> None:
        while (line := self._waiting.get()) is not None:
            try:
                self._stream.write(line + "\n")
                self._stream.flush()
            except (OSError, ValueError):  # nobody reads the log any more
                self.lost += 1

    def finish(self) -> None:
        """Writes what waits, for a second at most."""
        try:
            self._waiting.put(None, timeout=1)
        except queue.Full:
            return
        self._writer.join(1)


@contextmanager
def written_log(settings: Settings, stream: TextIO | None = None) -> Iterator[Lines]:
    """Writes what this process logs, from warnings on and of requests as the settings say, until the block ends."""
    lines = Lines(stream or sys.stderr)
    lines.setFormatter(JsonLines() if settings.log_format == "json" else TextLines())
    root = logging.getLogger()
    before = REQUESTS.level
    root.addHandler(lines)
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)  # its warnings are about what clients send
    REQUESTS.setLevel({"all": logging.INFO, "errors": logging.ERROR, "none": logging.CRITICAL}[settings.log_requests])
    try:
        yield lines
    finally:
        root.removeHandler(lines)
        REQUESTS.setLevel(before)
        lines.finish()


def lost_lines() -> int:
    """Lines that were not written, as nobody read the log fast enough."""
    return sum(each.lost for each in logging.getLogger().handlers if isinstance(each, Lines))


def tell_request(
    request_id: str, method: str, route: str, status: int, seconds: float, size: int, author: str = ""
) -> None:
    """A line about a request that was answered, or given up."""
    level = logging.ERROR if status >= 500 else logging.INFO
    if not REQUESTS.isEnabledFor(level):
        return
    values = (method, route, status, round(seconds * 1e3, 3), size, author)
    said = f"{method} {route} {status} {seconds * 1e3:.1f} ms {size} bytes{f' by {author}' if author else ''}"
    REQUESTS.log(level, said, extra={"request_id": request_id, **dict(zip(FIELDS, values, strict=True))})
