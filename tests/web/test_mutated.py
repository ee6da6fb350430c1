"""A million requests that are nearly right: no fault of ours, every refusal a problem document, memory bounded.

In this process, where the most requests get the furthest; a smaller number over a socket, byte by byte.
"""

from __future__ import annotations

import asyncio
import gc
import json
import socket
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from random import Random
from urllib.parse import unquote

import pytest
from starlette.applications import Starlette
from starlette.types import Message

from tests.web import mutants
from tests.web.conftest import Served, tiny_network
from tests.web.mutants import Request
from twin.engine import Twin
from twin.memory import MemoryStore
from twin.scenarios import Scenarios
from web.app import create_app
from web.routes import OPERATIONS
from web.settings import Settings

AT_A_TIME = 8
CACHE_BYTES = 4 << 20
MOST_GROWN = 100 << 20
"""Bytes that the process may grow by between the first fifth of the requests and the end, the log included."""


async def answer(app: Starlette, asked: Request) -> tuple[int, dict[bytes, bytes], bytes]:
    """Status, headers and body; whatever the application raises is raised."""
    path, _, query = asked.target.partition("?")
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": asked.method,
        "scheme": "http",
        "path": unquote(path),
        "raw_path": path.encode("ascii", "replace"),
        "query_string": query.encode("ascii", "replace"),
        "root_path": "",
        "headers": [(name.encode(), value.encode("latin-1", "replace")) for name, value in asked.headers],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
        "state": {},
    }
    given: list[Message] = [{"type": "http.request", "body": asked.body}]
    sent: list[Message] = []

    async def receive() -> Message:
        return given.pop() if given else {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)

    await app(scope, receive, send)
    start, *rest = sent
    return start["status"], dict(start["headers"]), b"".join(message.get("body", b"") for message in rest)


def check(asked: Request, status: int, headers: dict[bytes, bytes], body: bytes) -> None:
    """What every answer has to be."""
    shown = (asked, status, body[:300])
    assert status < 500, shown
    assert b"Traceback" not in body, shown
    if status in (204, 304):
        assert body == b"", shown
    elif b"content-length" in headers and asked.method != "HEAD":  # the server leaves out what HEAD does not want
        assert int(headers[b"content-length"]) == len(body), shown
    if status >= 400 and asked.method != "HEAD" and headers.get(b"content-type", b"")[:9] != b"text/html":
        assert headers[b"content-type"] == b"application/problem+json", shown
        problem = json.loads(body)
        assert problem["status"] == status, shown
        assert {"type", "title", "detail"} <= set(problem), shown


class Target:
    """An application, and a what-if in it that is made again when a request deletes it."""

    def __init__(self) -> None:
        self._twin = Twin.load(tiny_network(), MemoryStore())
        self._scenarios = Scenarios(self._twin)
        self.app = create_app(self._twin, Settings(threads=2, cache_bytes=CACHE_BYTES))
        self.statuses: Counter[int] = Counter()
        self.routes: Counter[str] = Counter()
        """Requests that succeeded, by first part of the path."""
        self._scenario = self._scenarios.create("what if").id

    async def ask(self, asked: Request) -> None:
        """Asks, and checks the answer."""
        there = replace(asked, target=asked.target.replace(mutants.SCENARIO, self._scenario))
        status, headers, body = await answer(self.app, there)
        check(there, status, headers, body)
        self.statuses[status] += 1
        if status < 400:
            self.routes["/".join(asked.target.partition("?")[0].split("/")[:3])] += 1
        if status == 204 and asked.method == "DELETE":
            self._scenario = self._scenarios.create("what if").id

    def close(self) -> None:
        self.app.state.context.close()


@pytest.fixture
def target() -> Iterator[Target]:
    target = Target()
    yield target
    target.close()


def resident_bytes() -> int:
    """Memory of this process (Linux)."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


def test_what_is_bent_is_right_before(target: Target) -> None:
    """The mutator begins with requests that mostly succeed, or it would only ever see the first check of each."""

    async def all_of_them() -> None:
        for seed in range(20):
            for asked in mutants.plain(seed):
                await target.ask(asked)

    asyncio.run(all_of_them())
    assert target.statuses[200] > 0.6 * target.statuses.total()
    assert len(set(mutants.plain(1))) == len(OPERATIONS)
    assert list(mutants.requests(7, 50)) == list(mutants.requests(7, 50))


@pytest.mark.parametrize("count", [6_000, pytest.param(1_000_000, marks=pytest.mark.long)])
def test_whatever_is_sent_is_answered(target: Target, count: int) -> None:
    todo = mutants.requests(20, count)
    grown: list[int] = []

    async def work() -> None:
        for asked in todo:
            await target.ask(asked)
            if target.statuses.total() == count // 5:
                gc.collect()
                grown.append(resident_bytes())

    async def everybody() -> None:
        async with asyncio.TaskGroup() as group:
            for _ in range(AT_A_TIME):
                group.create_task(work())

    asyncio.run(everybody())
    gc.collect()
    grown.append(resident_bytes())
    statuses = target.statuses
    print(f"{count} requests: {sorted(statuses.items())}; {(grown[1] - grown[0]) / 2**20:.1f} MiB grown")
    assert statuses.total() == count
    assert {200, 204, 304, 400, 404, 405, 413, 415, 422} <= set(statuses)
    assert grown[1] - grown[0] < MOST_GROWN
    assert target.app.state.context.tiles.cache.size <= CACHE_BYTES


# --- over a socket ------------------------------------------------------------------------------------------------

BROKEN = (
    b"GET /\r\n\r\n",
    b"GET / HTTP/9.9\r\n\r\n",
    b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03",
    b"POST /api/switching HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    b"POST /api/switching HTTP/1.1\r\nHost: a\r\nContent-Length: 1, 2\r\n\r\n",
    b"GET /tiles/grid/12/2150/1352.mvt HTTP/1.1\nHost: a\n\n",
    b"GET /tiles/grid/12/2150/1352.mvt HTTP/1.1\r\nHost: a\r\n" + b"X: y\r\n" * 5_000 + b"\r\n",
    b"GET /" + b"a" * 200_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
)
"""Which get a 4xx, or no answer; the connection then ends."""


class Connection:
    """Bytes out, statuses in."""

    def __init__(self, served: Served) -> None:
        self._socket = socket.create_connection(("127.0.0.1", int(served.url.rpartition(":")[2])), timeout=60)
        self._file = self._socket.makefile("rb")

    def ask(self, data: bytes, *, head: bool = False) -> tuple[int, bool]:
        """The status, 0 where the connection just ends; and whether it goes on."""
        with suppress(ConnectionError):
            self._socket.sendall(data)
            line = self._file.readline()
            if line:
                fields = dict(field.lower().split(b": ", 1) for field in iter(self._file.readline, b"\r\n") if field)
                status, size = int(line.split()[1]), int(fields.get(b"content-length", b"0"))
                if not head and status not in (204, 304):
                    assert len(self._file.read(size)) == size
                return status, fields.get(b"connection") != b"close\r\n"
        return 0, False

    def close(self) -> None:
        self._file.close()
        self._socket.close()


def on_the_wire(random: Random, asked: Request) -> bytes:
    """One request; now and then with a byte in its head that is no ASCII."""
    fields = [f"{name}: {value}" for name, value in asked.headers if name != "content-length"]
    lines = [f"{asked.method} {asked.target} HTTP/1.1", *fields, f"content-length: {len(asked.body)}", "", ""]
    head = bytearray("\r\n".join(lines).encode("latin-1", "replace"))
    if random.random() < 0.05:
        head[random.randrange(len(head) - 4)] = random.randrange(256)
    return bytes(head) + asked.body


@pytest.mark.parametrize("count", [1_500, pytest.param(100_000, marks=pytest.mark.long)])
def test_whatever_bytes_come_the_server_goes_on(serve: Callable[..., Served], count: int) -> None:
    served = serve(Twin.load(tiny_network(), MemoryStore()), cache_bytes=CACHE_BYTES)
    random, statuses = Random(5), Counter[int]()
    connection = Connection(served)
    for asked in mutants.requests(21, count):
        if asked.target.startswith("/api/stream") or asked.method not in mutants.METHODS[:7]:
            continue  # endless, or answered by the parser of HTTP
        broken = random.random() < 0.02
        data = random.choice(BROKEN) if broken else on_the_wire(random, asked)
        status, goes_on = connection.ask(data, head=asked.method == "HEAD")
        assert status < 500, (asked, status)
        statuses[status] += 1
        if broken or not goes_on:
            connection.close()
            connection = Connection(served)
    assert connection.ask(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n") == (200, True)
    connection.close()
    print(f"{statuses.total()} requests over a socket: {sorted(statuses.items())}")
    assert {200, 400, 404, 405, 422} <= set(statuses)
