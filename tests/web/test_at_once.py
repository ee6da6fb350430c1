"""Tiles made where the request is read are what the application answers, byte for byte, while switching goes on."""

from __future__ import annotations

import gzip
import re
import socket
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from starlette.types import Receive, Scope, Send

from tests.web.conftest import LAT, LNG, STEP, Served
from tiles.mercator import lnglat_to_tile
from tiles.source import TileSource
from twin.engine import Twin
from twin.events import Operation
from web.access import add_token
from web.context import Context
from web.observed import Observed
from web.ready import MADE_AT_ONCE

GZIP = "Accept-Encoding: gzip"


def _address(zoom: int) -> str:
    x, y = lnglat_to_tile(LNG + 2 * STEP, LAT, zoom)
    return f"{zoom}/{x}/{y}"


HEXES = [f"/tiles/hexes/{_address(zoom)}.mvt" for zoom in range(13)]
FEEDERS = [f"/tiles/feeders/{_address(zoom)}.mvt" for zoom in range(11)]
GRID = [f"/tiles/grid/{_address(zoom)}.mvt" for zoom in range(10, 17)]
EMPTY = ["/tiles/grid/16/3/5.mvt", "/tiles/hexes/11/3/5.mvt", "/tiles/feeders/9/0/0.mvt"]
OTHERS = [f"/tiles/hexes/{_address(9)}.pbf", f"/tiles/hexes/0{_address(9)}.mvt"]


class Connection:
    """One connection; answers are read as the bytes that they are, but for the date."""

    def __init__(self, served: Served) -> None:
        self._socket = socket.create_connection(("127.0.0.1", int(served.url.rpartition(":")[2])), timeout=60)
        self._file = self._socket.makefile("rb")

    def send(self, *requests: bytes) -> None:
        self._socket.sendall(b"".join(requests))

    def answer(self, *, body: bool = True) -> tuple[bytes, bytes]:
        """Header and body."""
        head = b"".join(iter(self._file.readline, b"\r\n"))
        size = re.search(rb"content-length: (\d+)", head)
        return re.sub(rb"date: .*\r\n", b"date:\r\n", head), self._file.read(int(size[1]) if size and body else 0)

    def ask(self, path: str, *fields: str, method: str = "GET", version: str = "1.1") -> tuple[bytes, bytes]:
        self.send(request(path, *fields, method=method, version=version))
        return self.answer(body=method != "HEAD")

    def close(self) -> None:
        self._file.close()
        self._socket.close()


def request(path: str, *fields: str, method: str = "GET", version: str = "1.1") -> bytes:
    whole = [f"{method} {path} HTTP/{version}", "Host: twin.test", "X-Request-ID: same", *fields, "", ""]
    return "\r\n".join(whole).encode()


def here(served: Served) -> Context:
    context = served.app.state.context
    assert isinstance(context, Context)
    return context


def forget(served: Served) -> None:
    """Every answer and every tile, but not what tiles are made of."""
    here(served).ready.drop()
    here(served).tiles.cache.clear()


@pytest.fixture
def by_application(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Paths that came to the application."""
    paths: list[str] = []
    call = Observed.__call__

    async def noting(self: Observed, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            paths.append(scope["path"])
        await call(self, scope, receive, send)

    monkeypatch.setattr(Observed, "__call__", noting)
    return paths


@pytest.fixture
def connect() -> Iterator[Callable[[Served], Connection]]:
    opened: list[Connection] = []

    def connected(served: Served) -> Connection:
        here(served).tiles.warm_up()
        here(served).tiles.source.hexes.supply(served.twin.current)
        here(served).tiles.source.feeders.supply(served.twin.current)
        opened.append(Connection(served))
        return opened[-1]

    yield connected
    for each in opened:
        each.close()


@pytest.mark.parametrize("origins", [(), ("*",), ("https://maps.example",)])
def test_it_is_what_the_application_answers(
    twin: Twin,
    serve: Callable[..., Served],
    connect: Callable[[Served], Connection],
    by_application: list[str],
    origins: tuple[str, ...],
) -> None:
    served = serve(twin, cors_origins=origins)
    connection, counted = connect(served), here(served).metrics.tile_cache
    statuses: Counter[bytes] = Counter()
    for path in [*HEXES, *FEEDERS, *GRID, *EMPTY, *OTHERS]:
        application = connection.ask(path, GZIP, "Range: bytes=0-0")  # which is left to the application, and not heeded
        assert by_application == [path]
        for known in ([], ["*"], [_etag(application)], [f'W/{_etag(application)}, "x"'], ['"x"']):
            fields = [GZIP, *(f"If-None-Match: {each}" for each in known)]
            whole = connection.ask(path, *fields, "Range: bytes=0-0")
            by_application.clear()
            forget(served)
            before = counted.copy()
            assert connection.ask(path, *fields) == whole, (path, known)
            assert counted - before == Counter(["not_modified" if b" 304 " in whole[0] else "miss"])
            assert connection.ask(path, *fields) == whole, (path, known)
            assert by_application == []
            statuses[whole[0].split(b" ")[1]] += 1
    assert set(statuses) == {b"200", b"204", b"304"}


def _etag(answer: tuple[bytes, bytes]) -> str:
    found = re.search(rb'etag: (".*?")', answer[0])
    assert found is not None
    return found[1].decode()


def test_it_is_counted_and_logged_as_the_application_does(
    twin: Twin, serve: Callable[..., Served], connect: Callable[[Served], Connection]
) -> None:
    served = serve(twin)
    connection, metrics, path = connect(served), here(served).metrics, HEXES[9]
    connection.ask(path, GZIP, "Range: bytes=0-0")
    forget(served)
    connection.ask(path, GZIP)
    route = "/tiles/{tileset}/{z}/{x}/{y}.mvt"
    assert metrics.requests == {(route, "GET", 200): 2}
    assert sum(metrics.seconds[route]) == 2


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/tiles/hexes/13/0/0.mvt", b"404"),
        ("/tiles/hexes/3/8/0.mvt", b"404"),
        ("/tiles/hexes/3/0/8.mvt", b"404"),
        ("/tiles/grid/9/0/0.mvt", b"404"),
        ("/tiles/hexes/99/99999/99999.mvt", b"404"),
        ("/tiles/hexes/3/-1/0.mvt", b"400"),
        ("/tiles/hexes/3/0/0.png", b"404"),
        ("/tiles/cells/3/0/0.mvt", b"404"),
        (HEXES[9].replace("hexes", "%68exes"), b"200"),
        (HEXES[9] + "?layers=hexes", b"200"),
    ],
)
def test_what_is_no_plain_cheap_tile_goes_to_the_application(
    twin: Twin,
    serve: Callable[..., Served],
    connect: Callable[[Served], Connection],
    by_application: list[str],
    path: str,
    status: bytes,
) -> None:
    connection = connect(serve(twin))
    assert connection.ask(path, GZIP)[0].split(b" ")[1] == status
    assert len(by_application) == 1


def test_requests_of_other_kinds_go_to_the_application(
    twin: Twin, serve: Callable[..., Served], connect: Callable[[Served], Connection], by_application: list[str]
) -> None:
    served = serve(twin)
    connection, path = connect(served), HEXES[9]
    connection.ask(path, GZIP)
    forget(served)
    head, body = connection.ask(path, GZIP)
    by_application.clear()
    forget(served)
    assert connection.ask(path, GZIP, method="HEAD") == (head, b"")
    plain = connection.ask(path)[1]
    assert plain == gzip.decompress(body)
    assert connection.ask(path, GZIP, "Accept-Encoding: br")[1] == body
    assert connection.ask(path, GZIP, "Origin: https://maps.example")[1] == body
    closed, same = connection.ask(path, GZIP, version="1.0")
    assert b"connection: close\r\n" in closed and same == body
    assert by_application == [path] * 5


def test_a_tile_is_first_cut_by_a_thread(
    twin: Twin, serve: Callable[..., Served], connect: Callable[[Served], Connection], by_application: list[str]
) -> None:
    served = serve(twin)
    connection, path = connect(served), HEXES[8]
    first = connection.ask(path, GZIP)
    assert by_application == [path]
    twin.switch([Operation("SW1", True)])
    second = connection.ask(path, GZIP)
    assert by_application == [path] and second != first


def test_a_tile_of_many_elements_goes_to_the_application(
    twin: Twin,
    serve: Callable[..., Served],
    connect: Callable[[Served], Connection],
    by_application: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    connection = connect(serve(twin))
    monkeypatch.setattr("tiles.source.FEW", 0)
    assert connection.ask(GRID[4], GZIP)[0].split(b" ")[1] == b"200"
    assert by_application == [GRID[4]]


def test_requests_sent_ahead_are_answered_in_order_and_hold_the_loop_only_for_some_tiles(
    twin: Twin, serve: Callable[..., Served], connect: Callable[[Served], Connection], by_application: list[str]
) -> None:
    served = serve(twin)
    connection = connect(served)
    alone = {path: (connection.ask(path, GZIP), connection.ask(path, GZIP))[1] for path in HEXES}
    by_application.clear()
    forget(served)
    connection.send(*(request(path, GZIP) for path in HEXES * 2))
    assert [connection.answer() for _ in range(len(HEXES) * 2)] == [alone[path] for path in HEXES * 2]
    assert by_application[0] == HEXES[MADE_AT_ONCE]


def test_with_access_control_the_application_answers(
    twin: Twin,
    serve: Callable[..., Served],
    connect: Callable[[Served], Connection],
    by_application: list[str],
    tmp_path: Path,
) -> None:
    token = add_token(tmp_path / "tokens", "ada", "read")
    connection = connect(serve(twin, token_file=str(tmp_path / "tokens")))
    for fields, status in (((), b"401"), ((f"Authorization: Bearer {token}",), b"200")):
        for _ in range(2):
            assert connection.ask(HEXES[9], GZIP, *fields)[0].split(b" ")[1] == status
    assert by_application == [HEXES[9]] * 4


def test_an_etag_never_names_a_tile_of_another_state_while_switching_goes_on(
    twin: Twin, serve: Callable[..., Served], connect: Callable[[Served], Connection]
) -> None:
    served = serve(twin, cache_bytes=1)  # so that each answer is made anew
    tilesets = {"hexes": HEXES[8], "feeders": FEEDERS[8], "grid": GRID[4]}
    first = connect(served)
    for path in tilesets.values():
        first.ask(path, GZIP)
    done = threading.Event()
    answers: list[tuple[str, bytes, bytes]] = []

    def read(connection: Connection) -> None:
        while not done.is_set():
            for tileset, path in tilesets.items():
                answers.append((tileset, *connection.ask(path, GZIP)))

    readers = [threading.Thread(target=read, args=(connect(served),)) for _ in range(3)]
    for reader in readers:
        reader.start()
    for number in range(60):
        twin.switch([Operation("SW1", number % 2 == 0)])
        asked = len(answers)
        while len(answers) < asked + 6 and all(reader.is_alive() for reader in readers):
            done.wait(0.001)
    done.set()
    for reader in readers:
        reader.join(30)
    source = TileSource(twin.network)
    addresses = {of: [int(part) for part in re.findall(r"\d+", path)] for of, path in tilesets.items()}
    bodies: dict[tuple[str, bytes], set[bytes]] = {}
    expected: dict[tuple[str, int], bytes] = {}
    for tileset, head, body in answers:
        told, tag = re.search(rb"gridtwin-revision: (\d+)", head), re.search(rb"etag: (.*?)\r", head)
        assert told is not None and tag is not None
        of = tileset, int(told[1])
        if of not in expected:
            expected[of] = source.tile(tileset, *addresses[tileset], twin.at(of[1])).data
        assert gzip.decompress(body) == expected[of], of
        bodies.setdefault((tileset, tag[1]), set()).add(body)
    assert all(len(each) == 1 for each in bodies.values())
    assert len({revision for _, revision in expected}) > 20  # otherwise nothing went on at the same time
    assert here(served).metrics.tile_cache["miss"] > len(answers) / 2
