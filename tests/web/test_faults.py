"""What is acknowledged stays, and happens once: servers and databases that are killed, stopped, cut off and raced."""

from __future__ import annotations

import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from tests.ports import free_port
from tests.postgres import Postgres
from tests.web.conftest import Connect, tiny_network
from twin.engine import Twin
from twin.postgis import PostgisStore
from twin.stores import open_store

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 120.0

PROGRAM = """
import sys
from twin.engine import Twin
from twin.stores import open_store
from web.app import create_app
from web.server import run
from web.settings import Settings

settings = Settings(port=int(sys.argv[2]), threads=2)
with Twin.from_store(open_store(sys.argv[1], write=True)) as twin:
    run(create_app(twin, settings), settings, started=lambda host, port: print(f"http://{host}:{port}", flush=True))
"""


class Server:
    """A server in a process of its own, always on the same port."""

    def __init__(self, store: str) -> None:
        self.store, self.url, self._port = store, "", free_port()
        self.start()

    def start(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, self.store, str(self._port)],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        assert self._process.stdout is not None
        self.url = self._process.stdout.readline().strip()
        assert self.url

    def end(self, number: signal.Signals = signal.SIGKILL) -> None:
        self._process.send_signal(number)
        self._process.wait(PATIENCE_S)
        assert self._process.stdout is not None
        self._process.stdout.close()


@contextmanager
def serving(store: str) -> Iterator[Server]:
    server = Server(store)
    try:
        yield server
    finally:
        server.end()


@dataclass
class Clients:
    """Threads that each carry out operations one after the other, and repeat what was not answered under its key."""

    urls: list[str]
    each: int
    count: int = 3
    acknowledged: dict[str, int] = field(default_factory=dict)
    """Revision by key."""
    acknowledged_at: dict[int, float] = field(default_factory=dict)
    """When the answer came, by revision."""
    statuses: list[int] = field(default_factory=list)
    repeated: int = 0
    wrong: list[str] = field(default_factory=list)

    def __enter__(self) -> Clients:
        self._threads = [threading.Thread(target=self._work, args=(number,)) for number in range(self.count)]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        for thread in self._threads:
            thread.join(PATIENCE_S * 10)

    def wait_for(self, acknowledged: int) -> None:
        end = time.monotonic() + PATIENCE_S
        while len(self.acknowledged) < acknowledged and time.monotonic() < end:
            time.sleep(0.005)
        assert len(self.acknowledged) >= acknowledged, self.wrong

    def _work(self, number: int) -> None:
        url = self.urls[number % len(self.urls)]
        mrid = ("SW1", "CB1", "CB2", "TIE")[number % 4]
        with httpx.Client(timeout=60) as http:
            for nth in range(self.each):
                key = f"{number}/{nth}"
                body = {"operations": [{"mrid": mrid, "open": nth % 2 == 0}], "note": key}
                revision = self._done(lambda k=key, b=body: http.post(  # type: ignore[misc]
                    f"{url}/api/switching", json=b, headers={"Idempotency-Key": k}))  # fmt: skip
                if revision is None:
                    return
                self.acknowledged[key] = revision
                self.acknowledged_at[revision] = time.monotonic()

    def _done(self, post: Callable[[], httpx.Response]) -> int | None:
        end = time.monotonic() + PATIENCE_S
        while time.monotonic() < end:
            try:
                answer = post()
            except httpx.TransportError:
                self.repeated += 1
                time.sleep(0.05)
                continue
            self.statuses.append(answer.status_code)
            if answer.status_code == 200:
                return int(answer.json()["revision"])
            if answer.status_code != 503:
                self.wrong.append(f"{answer.status_code} {answer.text}")
                return None
            self.repeated += 1
            time.sleep(0.05)
        self.wrong.append("not answered in time")
        return None

    def check(self, store: str) -> None:
        """Every acknowledged operation is in the log under its revision, and none is there twice."""
        assert self.wrong == []
        assert len(self.acknowledged) == self.count * self.each
        with Twin.from_store(open_store(store)) as twin:
            log = list(twin.store.events())
            assert [recorded.revision for recorded in log] == list(range(1, len(log) + 1))
            notes = {recorded.note: recorded.revision for recorded in log[1:]}
            assert len(notes) == len(log) - 1
            assert notes == self.acknowledged


@pytest.fixture(params=["geopackage", pytest.param("postgis", marks=pytest.mark.postgis)])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a store with the tiny network."""
    if request.param == "geopackage":
        url = str(tmp_path / "grid.gpkg")
    else:
        url = request.getfixturevalue("postgres").url(request.getfixturevalue("database"))
    Twin.load(tiny_network(), open_store(url, write=True, create=True)).close()
    return url


@pytest.fixture
def base(postgres: Postgres, database: str) -> str:
    """The URL of a PostGIS store with the tiny network."""
    url = postgres.url(database)
    Twin.load(tiny_network(), open_store(url, write=True, create=True)).close()
    return url


def sizes(quick: int, whole: int) -> pytest.MarkDecorator:
    """How many operations: a few in every run, all of them in the long tests."""
    return pytest.mark.parametrize("operations", [quick, pytest.param(whole, marks=pytest.mark.long)])


# --- a killed server ----------------------------------------------------------------------------------------------


@sizes(60, 1_000)
def test_a_killed_server_loses_nothing_and_does_nothing_twice(store: str, operations: int) -> None:
    with serving(store) as server, Clients([server.url], -(-operations // 3)) as clients:
        for share in (0.3, 0.7):
            clients.wait_for(int(operations * share))
            server.end(signal.SIGKILL)
            server.start()
        clients.wait_for(operations)
    clients.check(store)
    print(
        f"{len(clients.acknowledged)} operations, 2 kills, {clients.repeated} requests repeated: all there, none twice"
    )


# --- a database that is away --------------------------------------------------------------------------------------


@pytest.mark.postgis
@sizes(60, 1_000)
def test_a_database_that_stops_and_starts(postgres: Postgres, base: str, operations: int) -> None:
    with serving(base) as server, Clients([server.url], -(-operations // 3)) as clients:
        for stop in (postgres.stop, postgres.kill):
            clients.wait_for(operations // 4 if stop == postgres.stop else operations // 2)
            stop()
            began = time.monotonic()
            until(lambda: ready(server) == 503)
            unready = time.monotonic() - began
            assert httpx.get(f"{server.url}/healthz").status_code == 200  # it is not to be restarted
            assert httpx.get(f"{server.url}/api/network").status_code == 200  # and goes on answering
            postgres.start()
            began = time.monotonic()
            until(lambda: ready(server) == 200)
            print(f"not ready after {unready:.3f} s, ready again {time.monotonic() - began:.3f} s after the database")
        clients.wait_for(operations)
    clients.check(base)
    assert 503 in clients.statuses or clients.repeated == 0
    print(f"{operations} operations, {clients.repeated} requests repeated: all there, none twice")


def ready(server: Server) -> int:
    return httpx.get(f"{server.url}/readyz", timeout=PATIENCE_S).status_code


def until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.005)


# --- a connection that is cut -------------------------------------------------------------------------------------


class Proxy:
    """Between a store and its database; can cut a connection just after a COMMIT went through, or just before."""

    def __init__(self, port: int) -> None:
        self._to = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.cut = ""
        """`before` or `after` the next COMMIT."""
        self.cuts = 0
        self._open: list[socket.socket] = []
        self._silenced: socket.socket | None = None
        """Whose answers are kept back."""
        self._answered = threading.Event()
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.close()
        for each in self._open:
            _shut(each)

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(("127.0.0.1", self._to))
                self._open += [client, server]
                threading.Thread(target=self._requests, args=(client, server), daemon=True).start()
                threading.Thread(target=self._answers, args=(client, server), daemon=True).start()

    def _requests(self, client: socket.socket, server: socket.socket) -> None:
        with suppress(OSError):
            while data := client.recv(65536):
                if b"COMMIT" in data and self.cut:
                    self.cuts += 1
                    when, self.cut = self.cut, ""
                    if when == "after":
                        self._silenced = client
                        server.sendall(data)
                        self._answered.wait(PATIENCE_S)
                    break
                server.sendall(data)
        _shut(client)
        _shut(server)

    def _answers(self, client: socket.socket, server: socket.socket) -> None:
        with suppress(OSError):
            while data := server.recv(65536):
                if client is self._silenced:
                    self._answered.set()  # it is committed, and nobody hears of it
                    return
                client.sendall(data)
        _shut(client)


def _shut(each: socket.socket) -> None:
    with suppress(OSError):
        each.shutdown(socket.SHUT_RDWR)
    each.close()


@pytest.fixture
def proxy(postgres: Postgres) -> Iterator[Proxy]:
    between = Proxy(postgres.port)
    yield between
    between.close()


@pytest.mark.postgis
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_retry_after_a_cut_is_answered_once(
    postgres: Postgres, base: str, database: str, proxy: Proxy, connect: Connect, when: str
) -> None:
    body = {"operations": [{"mrid": "SW1", "open": True}]}
    key = {"Idempotency-Key": "once"}
    with Twin.from_store(PostgisStore(postgres.url(database, port=proxy.port), write=True)) as twin:
        client = connect(twin)
        proxy.cut = when
        first = client.post("/api/switching", body, key)
        assert first.status_code == 503 and first.headers["Retry-After"] == "1"
        assert "repeat the request with the same Idempotency-Key" in first.json()["detail"]
        kept = postgres.fetch(database, "SELECT count(*) FROM gridtwin.log")
        assert kept == ([(2,)] if when == "after" else [(1,)])
        assert twin.revision == 1  # nobody was told what is not known
        second, third = (client.post("/api/switching", body, key) for _ in range(2))
        assert second.status_code == 200 and second.content == third.content
        assert second.json() == {
            "revision": 2,
            "deenergized": {"nodes": 2, "customers": 3},
            "reenergized": {"nodes": 0, "customers": 0},
        }
        assert (twin.revision, twin.current.customers_out, proxy.cuts) == (2, 3, 1)
    assert postgres.fetch(database, "SELECT count(*) FROM gridtwin.log") == [(2,)]


# --- several servers ----------------------------------------------------------------------------------------------


@pytest.mark.postgis
def test_two_servers_race_for_one_revision(base: str, serve: Callable[..., object]) -> None:
    with ExitStack() as stack:
        twins = [stack.enter_context(Twin.from_store(PostgisStore(base, write=True))) for _ in range(2)]
        servers = [serve(twin) for twin in twins]
        for revision in range(1, 9):
            statuses: list[int] = []

            def race(url: str, expected: int = revision, statuses: list[int] = statuses) -> None:
                body = {"operations": [{"mrid": "SW1", "open": True}], "expected_revision": expected}
                statuses.append(httpx.post(f"{url}/api/switching", json=body, timeout=PATIENCE_S).status_code)

            together([lambda server=server: race(server.url) for server in servers])  # type: ignore[attr-defined,misc]
            assert sorted(statuses) == [200, 409]
        for server in servers:
            server.stop()  # type: ignore[attr-defined]


def together(calls: list[Callable[[], object]]) -> None:
    threads = [threading.Thread(target=call) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_S)


class Watcher:
    """Follows the event stream of one server, and remembers when each revision came."""

    def __init__(self, url: str) -> None:
        self.seen: dict[int, float] = {}
        self._url = url
        self._begun = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        assert self._begun.wait(PATIENCE_S)

    def _watch(self) -> None:
        with (
            suppress(httpx.TransportError),
            httpx.Client(timeout=None) as http,
            http.stream("GET", f"{self._url}/api/stream") as lines,
        ):
            self._begun.set()
            for line in lines.iter_lines():
                if line.startswith("data:"):
                    told = json.loads(line.removeprefix("data:"))
                    self.seen.setdefault(told["revision"], time.monotonic())


@pytest.mark.postgis
@sizes(120, 10_000)
def test_three_servers_agree(base: str, operations: int) -> None:
    """All end at the same revision and the same bytes; how soon a change is seen elsewhere is printed."""
    with ExitStack() as stack:
        servers = [stack.enter_context(serving(base)) for _ in range(3)]
        urls = [server.url for server in servers]
        watchers = [Watcher(url) for url in urls]
        with Clients(urls, -(-operations // 6), count=6) as clients:
            clients.wait_for(operations // 2)
        clients.check(base)
        head = len(clients.acknowledged) + 1
        for watcher in watchers:
            until(lambda watcher=watcher: head in watcher.seen)  # type: ignore[misc]
        for path in ("/api/network", "/api/outages", "/api/elements/SW1", "/tiles/grid/12/2150/1356.mvt"):
            answers = [httpx.get(f"{url}{path}", timeout=PATIENCE_S) for url in urls]
            assert {answer.headers["Gridtwin-Revision"] for answer in answers} == {str(head)}, path
            assert len({answer.headers["ETag"] for answer in answers}) == 1, path
            assert (
                len({answer.content.replace(url.encode(), b"") for url, answer in zip(urls, answers, strict=True)}) == 1
            )
        logs = [events(url) for url in urls]
        assert logs[0] == logs[1] == logs[2]
        assert len(logs[0]) == head
        tell_delays(clients, watchers)


def events(url: str) -> list[dict[str, object]]:
    """The whole log, as a server tells it."""
    log: list[dict[str, object]] = []
    while True:
        since = log[-1]["revision"] if log else 0
        page = httpx.get(f"{url}/api/events", params={"since": str(since)}, timeout=PATIENCE_S).json()["events"]
        if not page:
            return log
        log += page


def tell_delays(clients: Clients, watchers: list[Watcher]) -> None:
    delays: list[float] = []
    for revision, answered in clients.acknowledged_at.items():
        seen = sorted(watcher.seen[revision] for watcher in watchers if revision in watcher.seen)
        delays += [at - answered for at in seen[1:]]  # the first is the server that wrote it
    cuts = [1e3 * cut for cut in statistics.quantiles(delays, n=100)]
    print(
        f"{len(clients.acknowledged):,} operations, 6 clients, 3 servers: seen elsewhere after {cuts[49]:.1f} ms p50, "
        f"{cuts[94]:.1f} ms p95, {cuts[98]:.1f} ms p99, {max(delays) * 1e3:.1f} ms at most"
    )
