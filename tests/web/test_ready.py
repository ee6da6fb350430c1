"""Answers given before ASGI are those that the application gives, and only in the plain case."""

from __future__ import annotations

import gzip
import socket
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from email.parser import BytesParser

import pytest

from tests.web.conftest import LAT, LNG, STEP, Served
from tiles.mercator import lnglat_to_tile
from twin.engine import Twin
from twin.events import Operation
from web.ready import ReadyAnswers

X, Y = lnglat_to_tile(LNG + 2 * STEP, LAT, 14)
TILE = f"/tiles/grid/14/{X}/{Y}.mvt"
EMPTY = "/tiles/grid/14/0/0.mvt"
GZIP = "Accept-Encoding: gzip"

Answer = tuple[int, dict[str, str], bytes]


class Connection:
    """One connection on which requests are written as bytes."""

    def __init__(self, served: Served) -> None:
        self._socket = socket.create_connection(("127.0.0.1", int(served.url.rpartition(":")[2])), timeout=60)
        self._file = self._socket.makefile("rb")

    def send(self, *requests: bytes) -> None:
        self._socket.sendall(b"".join(requests))

    def answer(self, *, body: bool = True) -> Answer:
        status = int(self._file.readline().split()[1])
        lines = b"".join(iter(self._file.readline, b"\r\n"))
        headers = {name.lower(): value for name, value in BytesParser().parsebytes(lines).items()}
        size = int(headers.get("content-length", 0)) if body and status not in (204, 304) else 0
        return status, headers, self._file.read(size)

    def ask(self, path: str, *fields: str, method: str = "GET") -> Answer:
        self.send(request(path, *fields, method=method))
        return self.answer(body=method != "HEAD")

    def close(self) -> None:
        self._file.close()
        self._socket.close()


def request(path: str, *fields: str, method: str = "GET") -> bytes:
    return "\r\n".join([f"{method} {path} HTTP/1.1", "Host: twin.test", *fields, "", ""]).encode()


@pytest.fixture
def served(twin: Twin, serve: Callable[..., Served]) -> Served:
    return serve(twin)


@pytest.fixture
def connection(served: Served) -> Iterator[Connection]:
    opened = Connection(served)
    yield opened
    opened.close()


def ready(served: Served) -> ReadyAnswers:
    answers = served.app.state.context.ready
    assert isinstance(answers, ReadyAnswers)
    return answers


@pytest.mark.parametrize("path", [TILE, EMPTY, f"{TILE}?layers=lines&state=normal", TILE.replace("mvt", "pbf")])
def test_it_is_what_the_application_answers(served: Served, connection: Connection, path: str) -> None:
    by_application = connection.ask(path, GZIP)
    assert path.encode() in ready(served).by_target
    hits = ready(served).metrics.tile_cache["hit"]
    at_once = connection.ask(path, GZIP)
    assert ready(served).metrics.tile_cache["hit"] == hits + 1
    for _, headers, _ in (by_application, at_once):
        headers.pop("date"), headers.pop("x-request-id")
    assert at_once == by_application
    etag = f"If-None-Match: {at_once[1]['etag']}"
    unchanged = connection.ask(path, GZIP, etag)
    also = connection.ask(path, GZIP, f'{etag}, W/"x"')  # a list is for the application
    assert unchanged[0] == also[0] == 304 and unchanged[2] == b""
    for _, headers, _ in (unchanged, also):
        headers.pop("date"), headers.pop("x-request-id")
    assert unchanged == also


def test_what_is_not_plain_goes_to_the_application(connection: Connection) -> None:
    status, headers, whole = connection.ask(TILE, GZIP)
    assert connection.ask(TILE, GZIP, method="HEAD")[1]["content-length"] == str(len(whole))
    plain = connection.ask(TILE)
    assert (plain[0], "content-encoding" in plain[1], plain[2]) == (200, False, gzip.decompress(whole))
    assert connection.ask(TILE, "Accept-Encoding: gzip;q=0, identity")[2] == plain[2]
    assert connection.ask(TILE, GZIP, 'If-None-Match: "other"')[2] == whole
    connection.send(request(TILE, GZIP, "Content-Length: 3") + b"abc")
    assert connection.answer()[2] == whole
    assert connection.ask(TILE, GZIP, method="POST")[0] == 405
    assert (status, headers["content-encoding"]) == (200, "gzip")
    assert connection.ask(TILE, GZIP, "Connection: close")[1]["connection"] == "close"


def test_requests_in_a_row_are_answered_in_order(connection: Connection) -> None:
    first = connection.ask(TILE, GZIP)[2]
    paths = [TILE, "/api/network", TILE, EMPTY, TILE, "/healthz", EMPTY, TILE] * 20
    connection.send(*(request(path, GZIP) for path in paths))
    for path in paths:
        status, headers, body = connection.answer()
        if path == TILE:
            assert (status, body) == (200, first)
        elif path == EMPTY:
            assert status == 204
        else:
            assert headers["content-type"] == "application/json"


def test_a_change_is_seen_at_once(twin: Twin, served: Served, connection: Connection) -> None:
    seen = set()
    for number in range(6):
        for _ in range(3):
            status, headers, body = connection.ask(TILE, GZIP)
            assert (status, headers["gridtwin-revision"]) == (200, str(twin.revision))
        seen.add(body)
        twin.switch([Operation("SW1", number % 2 == 0)])
        assert ready(served).by_target == {}
    assert len(seen) == 2


def test_an_answer_begun_before_a_change_is_not_kept(twin: Twin, served: Served, connection: Connection) -> None:
    answers, before = ready(served), ready(served).by_target
    connection.ask(TILE, GZIP)
    assert TILE.encode() in before
    answers.drop()
    assert answers.by_target == {} and TILE.encode() in before


def test_other_states_are_not_kept(served: Served, connection: Connection) -> None:
    for path in (f"{TILE}?revision=1", f"{TILE}?at={datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%fZ}"):
        assert connection.ask(path, GZIP)[0] == 200
        assert path.encode() not in ready(served).by_target


def test_they_are_bounded(twin: Twin, serve: Callable[..., Served]) -> None:
    served = serve(twin, cache_bytes=1)
    opened = Connection(served)
    for _ in range(3):
        assert opened.ask(TILE, GZIP)[0] == 200
    assert ready(served).by_target == {}
    opened.close()
