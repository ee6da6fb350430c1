"""A small HTTP client for load: keep-alive connections on asyncio, each with one request at a time; only loopback."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

PATIENCE_S = 60.0

Ask = Callable[[], tuple[str, bytes]]
"""Gives the next request: what it is, and its bytes."""


@dataclass
class Answers:
    """What came back. seconds: until an answer was whole, by what was asked. errors: by status, or what went wrong."""

    seconds: dict[str, list[float]] = field(default_factory=dict)
    errors: Counter[str] = field(default_factory=Counter)

    def add(self, what: str, seconds: float, status: int) -> None:
        """One answer; a refusal is none."""
        if status >= 400:
            self.errors[str(status)] += 1
        else:
            self.seconds.setdefault(what, []).append(seconds)

    def all(self) -> list[float]:
        """Of everything asked."""
        return [each for taken in self.seconds.values() for each in taken]


def milliseconds(seconds: Sequence[float]) -> tuple[float, float, float, float]:
    """p50, p90, p99 and the longest; NaN where there are none."""
    if not seconds:
        return (float("nan"),) * 4
    p50, p90, p99, longest = (float(value) * 1e3 for value in np.percentile(seconds, [50, 90, 99, 100]))
    return p50, p90, p99, longest


def request(method: str, path: str, body: bytes = b"", *fields: str) -> bytes:
    """A request as it goes over the wire."""
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", "Accept-Encoding: gzip", *fields]
    if body:
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, "", ""]).encode() + body


async def answer(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """Status and body of one answer."""
    head = await reader.readuntil(b"\r\n\r\n")
    status = int(head[9:12])
    if status in (204, 304):
        return status, b""
    at = head.lower().find(b"\r\ncontent-length:")
    if at < 0:
        raise ConnectionError("an answer without a length")
    return status, await reader.readexactly(int(head[at + 17 : head.index(b"\r\n", at + 2)]))


async def client(port: int, ask: Ask, end: float, answers: Answers) -> None:
    """One client: asks, waits, asks again, until `end` (time.perf_counter), once at least; begins anew where it is cut
    off."""
    first = True
    while first or time.perf_counter() < end:
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 20)
        except OSError:
            first = False
            answers.errors["no connection"] += 1
            await asyncio.sleep(0.05)
            continue
        try:
            while first or time.perf_counter() < end:
                first = False
                what, wanted = ask()
                begun = time.perf_counter()
                writer.write(wanted)
                status, _ = await asyncio.wait_for(answer(reader), PATIENCE_S)
                answers.add(what, time.perf_counter() - begun, status)
        except (OSError, EOFError, asyncio.LimitOverrunError) as error:
            answers.errors[type(error).__name__] += 1
        finally:
            writer.close()


async def clients(port: int, asks: Sequence[Ask], seconds: float) -> Answers:
    """As many clients as there are in `asks`, for so long."""
    answers, end = Answers(), time.perf_counter() + seconds
    await asyncio.gather(*(client(port, ask, end, answers) for ask in asks))
    return answers


# --- clients that mean no good, or do not care ------------------------------------------------------------------------


async def slow_loris(port: int, end: float, told: Counter[str]) -> None:
    """Sends a header a byte at a time, and begins anew when it is cut off."""
    while time.perf_counter() < end:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            told["refused"] += 1
            await asyncio.sleep(0.2)
            continue
        told["opened"] += 1
        try:
            writer.write(b"GET /api/network HTTP/1.1\r\nX-Slow: ")
            while time.perf_counter() < end and not writer.is_closing():
                writer.write(b"x")
                await writer.drain()
                await asyncio.sleep(0.5)
        except OSError:
            told["cut off"] += 1
        finally:
            writer.close()


async def stream(port: int, end: float, told: Counter[str], reads: bool, *, until_told: bool = False) -> None:
    """Follows the event stream, or opens it and reads nothing. until_told: on beyond `end` while none told anything."""
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 20)
    except OSError:
        told["refused"] += 1
        return
    try:
        writer.write(request("GET", "/api/stream"))
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), PATIENCE_S)
        told[f"status {int(head[9:12])}"] += 1
        while time.perf_counter() < end or (reads and until_told and unheard(told, end)):
            if not reads:
                await asyncio.sleep(0.1)
                continue
            try:
                data = await asyncio.wait_for(reader.read(1 << 16), min(0.2, max(0.01, end - time.perf_counter())))
            except TimeoutError:
                continue
            if not data:
                told["ended"] += 1
                break
            told["events"] += data.count(b"\nevent: revision")
    except (OSError, EOFError):
        told["cut off"] += 1
    finally:
        writer.close()


def unheard(told: Counter[str], end: float) -> bool:
    """Whether no stream has told anything, and one still may."""
    return told["events"] == 0 and time.perf_counter() < end + PATIENCE_S


async def long_body(port: int, end: float, told: Counter[str], size: int, declared: bool) -> None:
    """Sends a body of so many bytes, whatever is answered; declared: with its length, else in chunks."""
    block = b"x" * (1 << 20)
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        told["refused"] += 1
        return
    try:
        length = f"Content-Length: {size}" if declared else "Transfer-Encoding: chunked"
        writer.write(request("POST", "/api/switching", b"", "Content-Type: application/json", length))
        sent = 0
        while sent < size and time.perf_counter() < end:
            writer.write(block if declared else b"%x\r\n%s\r\n" % (len(block), block))
            await asyncio.wait_for(writer.drain(), max(0.01, end - time.perf_counter()))
            sent += len(block)
            told["MB sent"] += 1
        told["whole"] += sent >= size
    except (OSError, TimeoutError):
        told["cut off"] += 1
    try:
        head = await asyncio.wait_for(reader.readuntil(b"\r\n"), 1)
        told[f"status {int(head[9:12])}"] += 1
    except (OSError, EOFError, TimeoutError):
        told["no answer read"] += 1
    finally:
        writer.close()
