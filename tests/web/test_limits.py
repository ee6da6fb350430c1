"""Every limit of the settings: what is beyond it is refused with the name of the setting, and others are served."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import httpx
import pytest

from tests.web.conftest import Client, Connect, Served, quoted
from twin.engine import Twin
from twin.network import Network
from web.context import Context
from web.errors import Overloaded
from web.settings import Settings
from web.workers import Line, Workers

Serve = Callable[..., Served]
PATIENCE_S = 60.0


def refused(answer: httpx.Response, status: int, setting: str, limit: float) -> None:
    problem = answer.json()
    assert (answer.status_code, problem["status"], problem["setting"], problem["limit"]) == (
        status,
        status,
        setting,
        limit,
    ), answer.text


@contextmanager
def connected(served: Served) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", int(served.url.rpartition(":")[2])), timeout=PATIENCE_S) as connection:
        yield connection


def everything(connection: socket.socket) -> bytes:
    """What comes until the server closes."""
    received = b""
    try:
        while data := connection.recv(65536):
            received += data
    except ConnectionResetError:
        pass
    return received


def answered(connection: socket.socket) -> None:
    """Reads until /healthz has answered."""
    received = b""
    while not received.endswith(b'{"status":"ok"}'):
        data = connection.recv(65536)
        assert data, received
        received += data


def problem_in(received: bytes) -> dict[str, object]:
    """Of an answer as it came over the wire."""
    head, _, body = received.partition(b"\r\n\r\n")
    assert b"application/problem+json" in head, received
    whole: dict[str, object] = json.loads(body)
    assert int(received.split()[1]) == whole["status"]
    return whole


# --- what is asked for ------------------------------------------------------------------------------------------------


def test_a_body_has_a_length(twin: Twin, connect: Connect) -> None:
    client = connect(twin, max_body_bytes=100)
    body = {"operations": [{"mrid": "SW1", "open": True}], "note": "x" * 100}
    answer = client.post("/api/switching", body)
    refused(answer, 413, "max_body_bytes", 100)
    assert answer.json()["value"] == len(json.dumps(body))
    assert twin.revision == 1


def test_a_trace_lists_so_many_elements(network: Network, connect: Connect) -> None:
    client = connect(Twin(network), max_trace_elements=4)
    body = {"kind": "connected", "start": ["n1"]}
    whole = client.post("/api/traces", body)
    refused(whole, 422, "max_trace_elements", 4)
    assert whole.json()["field"] == "elements" and whole.json()["value"] > 4
    for accepted in ("text/csv", "application/geo+json", "application/geopackage+sqlite3"):
        refused(client.post("/api/traces", body, {"Accept": accepted}), 422, "max_trace_elements", 4)
    assert client.post("/api/traces", body | {"elements": "page"}).status_code == 200
    assert client.post("/api/traces", body | {"elements": False}).status_code == 200
    assert client.get("/api/traces?kind=connected&start=c2&elements=false").status_code == 200


def test_an_author_has_so_many_scenarios_of_so_many_steps(twin: Twin, connect: Connect) -> None:
    client = connect(twin, max_scenarios=2, max_steps=1)
    ids = [client.post("/api/scenarios", {"name": name}).json()["id"] for name in ("one", "two")]
    refused(client.post("/api/scenarios", {"name": "three"}), 409, "max_scenarios", 2)
    steps = f"/api/scenarios/{quoted(ids[0])}/switching"
    assert client.post(steps, {"normal": True}).status_code == 200
    refused(client.post(steps, {"normal": True}), 409, "max_steps", 1)
    assert client.post(steps, {"undo": True}).status_code == 200
    assert client.request("DELETE", f"/api/scenarios/{ids[1]}").status_code == 204
    assert client.post("/api/scenarios", {"name": "three"}).status_code == 201


def test_there_are_so_many_traces_at_once(network: Network, connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    go_on = threading.Event()
    client = connect(Twin(network), max_traces=1)
    context: Context = client.app.state.context
    traced = context._traced
    monkeypatch.setattr(context, "_traced", lambda *args: go_on.wait(PATIENCE_S) and traced(*args))
    asked = ("GET", "/api/traces?kind=connected&start=n1&elements=false", {})

    async def second_while_first() -> list[httpx.Response]:
        transport = httpx.ASGITransport(client.app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://twin.test") as http:
            first = asyncio.create_task(http.request(asked[0], asked[1]))
            while not len(context.workers.traces):
                await asyncio.sleep(0.01)
            second = await http.request(asked[0], asked[1])
            other = await http.get("/api/network")
            go_on.set()
            return [await first, second, other]

    first, second, other = asyncio.run(second_while_first())
    assert (first.status_code, other.status_code) == (200, 200)
    refused(second, 503, "max_traces", 1)
    assert second.headers["retry-after"] == "1"


def test_there_are_so_many_clients_of_the_stream(twin: Twin, serve: Serve) -> None:
    served = serve(twin, stream_clients=1)
    with httpx.Client(timeout=PATIENCE_S) as http, http.stream("GET", f"{served.url}/api/stream") as first:
        lines = first.iter_lines()  # kept, as the connection is closed with it
        next(lines)
        refused(httpx.get(f"{served.url}/api/stream", timeout=PATIENCE_S), 503, "stream_clients", 1)


# --- time -------------------------------------------------------------------------------------------------------------


def test_an_answer_begins_in_time_or_is_given_up(
    network: Network, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = connect(Twin(network), request_s=0.1, threads=1)
    context: Context = client.app.state.context
    begun, go_on = threading.Event(), threading.Event()

    def stuck(*_: object) -> None:
        begun.set()
        go_on.wait(PATIENCE_S)

    monkeypatch.setattr(context, "_traced", stuck)
    asked = ("GET", "/api/traces?kind=connected&start=n1&elements=false", {})
    while not begun.is_set():  # on a busy machine neither of two may begin within the limit
        for answer in client.together([asked, asked]):
            refused(answer, 504, "request_s", 0.1)
    until(lambda: len(context.workers.traces) == 1)  # one runs and counts until it is done; the other never began
    go_on.set()
    until(lambda: len(context.workers.traces) == 0)


def test_a_write_that_has_begun_is_waited_for(twin: Twin, connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    client = connect(twin, request_s=0.1)
    switch, go_on = twin.switch, threading.Event()

    def slow(*args: object, **kwargs: object) -> object:
        go_on.wait(PATIENCE_S)
        return switch(*args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(twin, "switch", slow)
    body = {"operations": [{"mrid": "SW1", "open": True}]}

    async def three() -> list[int]:
        """Statuses of three at once; what has begun goes on when the two others were answered."""
        transport = httpx.ASGITransport(client.app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://twin.test") as http:
            asked = [asyncio.create_task(http.post("/api/switching", json=body)) for _ in range(3)]
            waiting = set(asked)
            while len(waiting) > 1:
                _, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            go_on.set()
            return sorted([(await each).status_code for each in asked])

    while (statuses := asyncio.run(three())) == [504, 504, 504]:  # on a busy machine none may begin within the limit
        assert twin.revision == 1
        go_on.clear()
    assert statuses == [200, 504, 504]
    until(lambda: len(client.app.state.context.workers._store) == 0)
    assert twin.revision == 2  # who was told 504 changed nothing


def test_who_stops_waiting_leaves_the_line() -> None:
    line = Line("test", 1, 2, lambda: Overloaded(2))
    begun, go_on = threading.Event(), threading.Event()
    first, second = line.begin(lambda: begun.set() or go_on.wait(PATIENCE_S)), line.begin(lambda: True)
    assert begun.wait(PATIENCE_S)
    with pytest.raises(Overloaded):
        line.begin(lambda: True)
    assert second.cancel() and not first.cancel()
    assert len(line) == 1
    line.begin(lambda: True)
    go_on.set()
    line.close(wait=True)
    with pytest.raises(RuntimeError):
        line.begin(lambda: True)
    assert len(line) == 0


def test_a_failed_write_fails_for_who_waits() -> None:
    workers = Workers(Settings(threads=1))

    async def failing() -> None:
        await workers.write(lambda: 1 / 0)

    with pytest.raises(ZeroDivisionError):
        asyncio.run(failing())
    workers.close()


def test_a_body_comes_in_time(twin: Twin, serve: Serve) -> None:
    served = serve(twin, request_s=0.2)
    with connected(served) as connection:
        connection.sendall(
            b"POST /api/switching HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 50\r\n\r\n{"
        )
        problem = problem_in(everything(connection))
    assert (problem["status"], problem["setting"], problem["limit"]) == (408, "request_s", 0.2)


@pytest.mark.parametrize("sent", [b"", b"GET /healthz HTTP/1.1\r\nHost:", b"\r\n\r\n"])
def test_a_header_comes_in_time(twin: Twin, serve: Serve, sent: bytes) -> None:
    served = serve(twin, header_s=1.0)  # what is sent at once comes in time
    with connected(served) as connection:
        connection.sendall(sent)
        received = everything(connection)
    if b"GET" in sent:
        assert problem_in(received)["setting"] == "header_s"
    else:
        assert received == b""
    assert served.app.state.context.metrics.refused["header_s"] == 1


def test_the_header_of_a_second_request_comes_in_time_too(twin: Twin, serve: Serve) -> None:
    served = serve(twin, header_s=1.0, idle_s=PATIENCE_S * 2)
    for rest in (b"GET /healthz HTTP/1.1\r\n", b"\r\n"):
        with connected(served) as connection:
            connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            answered(connection)
            connection.sendall(rest)
            everything(connection)
    assert served.app.state.context.metrics.refused["header_s"] == 2


def test_a_silent_connection_is_closed(twin: Twin, serve: Serve) -> None:
    with connected(serve(twin, idle_s=0.2)) as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        assert everything(connection).endswith(b'{"status":"ok"}')


def test_a_client_that_reads_nothing_is_dropped(twin: Twin, serve: Serve) -> None:
    served = serve(twin, write_timeout_s=0.3)
    with connected(served) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        asked = b"GET /viewer/vendor/maplibre-gl.mjs HTTP/1.1\r\nHost: x\r\n\r\n"
        connection.sendall(asked * 40)
        refused = served.app.state.context.metrics.refused
        until(lambda: refused["write_timeout_s"] == 1)
    assert httpx.get(f"{served.url}/healthz", timeout=PATIENCE_S).status_code == 200


# --- sizes ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("whole", [True, False])
def test_a_header_has_a_length(twin: Twin, serve: Serve, whole: bool) -> None:
    served = serve(twin, max_header_bytes=1000)
    with connected(served) as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nX: " + b"x" * 1000 + (b"\r\n\r\n" if whole else b""))
        problem = problem_in(everything(connection))
    assert (problem["status"], problem["setting"], problem["limit"]) == (431, "max_header_bytes", 1000)
    with connected(served) as connection:  # a long body is not a long header
        connection.sendall(b"POST /api/switching HTTP/1.1\r\nHost: x\r\nContent-Length: 5000\r\n\r\n" + b"x" * 5000)
        assert connection.recv(65536).startswith(b"HTTP/1.1 415")


def test_what_is_no_http_is_told_so(twin: Twin, serve: Serve) -> None:
    with connected(serve(twin)) as connection:
        connection.sendall(b"\x16\x03\x01\x02\x00\x01 hello\r\n\r\n")
        assert problem_in(everything(connection))["status"] == 400


def test_there_are_so_many_connections(twin: Twin, serve: Serve) -> None:
    served = serve(twin, max_connections=2)
    with connected(served) as one, connected(served) as two:
        for connection in (one, two):
            connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            answered(connection)
        with connected(served) as three:
            three.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            problem = problem_in(everything(three))
            assert (problem["status"], problem["setting"], problem["limit"]) == (503, "max_connections", 2)
        with connected(served) as silent:
            assert everything(silent) == b""
    until(lambda: httpx.get(f"{served.url}/healthz", timeout=PATIENCE_S).status_code == 200)


def test_requests_are_sent_ahead_to_a_limit(twin: Twin, serve: Serve) -> None:
    served = serve(twin)
    with connected(served) as connection:
        with suppress(ConnectionError):  # where it is cut off before it has sent them all
            connection.sendall(b"GET /api/network HTTP/1.1\r\n\r\n" * 2000)
        everything(connection)
    assert served.app.state.context.metrics.refused["pipelined"] == 1


def test_a_body_that_nobody_wants_is_not_kept(twin: Twin, serve: Serve) -> None:
    """It is refused by its length; what is sent all the same is thrown away, until the connection is closed."""
    served = serve(twin, header_s=0.5)
    with connected(served) as connection:
        connection.sendall(
            b"POST /api/switching HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            b"Content-Length: 1000000000\r\n\r\n" + b"x" * 65536
        )
        assert connection.recv(65536).startswith(b"HTTP/1.1 413")
        sent = 65536
        try:
            while sent < 1_000_000_000:
                sent += connection.send(b"x" * 65536)
                time.sleep(0.01)
        except OSError:
            pass
        assert sent < 1_000_000_000


def until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_every_limit_is_tested_or_of_another_kind(reader: Client) -> None:
    """The settings that a refusal names are those of this file."""
    with open(__file__, encoding="utf-8") as file:
        text = file.read()
    limits = [name for name in Settings.__dataclass_fields__ if name.startswith("max_") or name.endswith("_s")]
    elsewhere = {"max_operations", "max_waiting", "keep_alive_s", "shutdown_s"}
    assert {name for name in limits if f"{name}=" not in text} == elsewhere
    assert reader.get("/healthz").status_code == 200
