"""The server as a process: where it listens, how it stops, and that killing it loses nothing."""

from __future__ import annotations

import os
import resource
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from twin.engine import Twin
from twin.events import SwitchOperated
from twin.geopackage import GeoPackageStore
from twin.network import Network
from web.server import ServerError, allow_files, listen

ROOT = Path(__file__).resolve().parents[2]

PROGRAM = """
import sys
from pathlib import Path
from twin.engine import Twin
from twin.geopackage import GeoPackageStore
from web.app import create_app
from web.server import run
from web.settings import Settings

settings = Settings(port=0, threads=2)
with Twin.from_store(GeoPackageStore(Path(sys.argv[1]), write=True)) as twin:
    run(create_app(twin, settings), settings, started=lambda host, port: print(f"http://{host}:{port}", flush=True))
print("closed", flush=True)
"""


@contextmanager
def process(path: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A server in a process of its own, and its address."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    ) as server:
        try:
            assert server.stdout is not None and server.stderr is not None
            url = server.stdout.readline().strip()
            assert url.startswith("http://127.0.0.1:"), server.stderr.read()
            yield server, url
        finally:
            server.kill()


@pytest.fixture
def store_path(network: Network, tmp_path: Path) -> Path:
    path = tmp_path / "grid.gpkg"
    Twin.load(network, GeoPackageStore(path, write=True, create=True)).close()
    return path


def operate(url: str, acknowledged: list[int], number: int) -> None:
    """Switches until the server is gone, keeping the revision of each answer."""
    with httpx.Client() as http:
        for count in range(100_000):
            body = {"operations": [{"mrid": "SW1", "open": count % 2 == 0}], "note": f"{number}/{count}"}
            try:
                answer = http.post(f"{url}/api/switching", json=body)
            except httpx.TransportError:
                return
            assert answer.status_code == 200
            acknowledged.append(answer.json()["revision"])


def test_a_killed_server_loses_no_acknowledged_operation(store_path: Path) -> None:
    acknowledged: list[int] = []
    for _ in range(2):
        before = len(acknowledged)
        with process(store_path) as (server, url):
            writers = [threading.Thread(target=operate, args=(url, acknowledged, n)) for n in range(3)]
            for writer in writers:
                writer.start()
            while len(acknowledged) < before + 40 and any(writer.is_alive() for writer in writers):
                time.sleep(0.005)
            server.send_signal(signal.SIGKILL)
            for writer in writers:
                writer.join()
        assert len(acknowledged) >= before + 40
    with Twin.from_store(GeoPackageStore(store_path)) as twin:
        assert twin.store is not None
        log = list(twin.store.events())
        assert [recorded.revision for recorded in log] == list(range(1, len(log) + 1))
        assert set(acknowledged) <= {recorded.revision for recorded in log}
        assert len(set(acknowledged)) == len(acknowledged)
        last = log[-1].event
        assert isinstance(last, SwitchOperated)
        row = twin.network.mrids.find("SW1").row
        assert (twin.current.state.open[row] != 0) == last.operations[0].open


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stopped_server_says_nothing_and_leaves_one_file(store_path: Path, number: signal.Signals) -> None:
    with process(store_path) as (server, url):
        assert httpx.get(f"{url}/readyz").json()["status"] == "ready"
        httpx.post(f"{url}/api/switching", json={"normal": True})
        with httpx.Client() as http, http.stream("GET", f"{url}/api/stream") as stream:
            lines = stream.iter_lines()
            next(lines)
            server.send_signal(number)
            assert list(lines)[-1] == ""  # ended whole
        said, complained = server.communicate(timeout=60)
    assert (said, complained, server.returncode) == ("closed\n", "", 0)
    assert not store_path.with_name("grid.gpkg-wal").exists()


def test_a_port_that_is_taken_is_said() -> None:
    with listen("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ServerError, match=rf"127\.0\.0\.1:{port}: Address already in use"):
            listen("127.0.0.1", port)


def test_a_host_that_is_not_ours_is_said() -> None:
    with pytest.raises(ServerError, match=r"cannot listen on host\.invalid"):
        listen("host.invalid", 0)


def test_ipv6_works_where_there_is_any() -> None:
    if not socket.has_ipv6:
        return
    try:
        listener = listen("::1", 0)
    except ServerError:
        return  # the machine has none
    with listener:
        assert listener.getsockname()[0] == "::1"


POST = b"POST /api/switching HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"


@contextmanager
def stuck(url: str) -> Iterator[None]:
    """A request under way whose body never comes."""
    with socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2])), timeout=60) as connection:
        connection.sendall(POST % 9 + b"{")
        assert httpx.get(f"{url}/healthz").status_code == 200  # the server has seen it
        yield


def ask_for_ever(url: str) -> None:
    while True:
        httpx.get(f"{url}/healthz")


def test_a_stopping_server_answers_what_it_was_asked_and_ends_streams(store_path: Path) -> None:
    """A slow request in flight is answered whole; a stream ends with what says when to come back."""
    with process(store_path) as (server, url):
        port = int(url.rpartition(":")[2])
        with (
            socket.create_connection(("127.0.0.1", port), timeout=60) as slow,
            httpx.Client(timeout=60) as http,
            http.stream("GET", f"{url}/api/stream") as stream,
        ):
            lines = stream.iter_lines()
            assert next(lines) == "retry: 2000"
            body = b'{"operations": [{"mrid": "SW1", "open": true}]}'
            slow.sendall(POST % len(body) + body[:10])
            assert httpx.get(f"{url}/healthz").status_code == 200  # the server has seen the first part
            server.send_signal(signal.SIGTERM)
            assert list(lines)[-1] == ""
            slow.sendall(body[10:])
            answer = b"".join(iter(lambda: slow.recv(65536), b""))
        assert answer.startswith(b"HTTP/1.1 200") and b"connection: close" in answer.lower()
        said, complained = server.communicate(timeout=60)
    assert (said, complained, server.returncode) == ("closed\n", "", 0)
    with Twin.from_store(GeoPackageStore(store_path)) as twin:
        assert twin.revision == 2


def test_a_stopping_server_does_not_wait_for_ever(store_path: Path) -> None:
    with process(store_path) as (server, url), stuck(url):
        server.send_signal(signal.SIGTERM)
        said, _ = server.communicate(timeout=60)
    assert (said, server.returncode) == ("closed\n", 0)


def test_a_second_signal_ends_the_server_at_once(store_path: Path) -> None:
    with process(store_path) as (server, url), stuck(url):
        server.send_signal(signal.SIGTERM)
        with pytest.raises(httpx.TransportError):
            ask_for_ever(url)  # until it has heard the first: then it takes no connections
        server.send_signal(signal.SIGTERM)
        said, complained = server.communicate(timeout=60)
    assert (said, complained, server.returncode) == ("", "", 128 + signal.SIGTERM)


def test_a_process_waits_no_longer_for_threads_than_it_is_told(tmp_path: Path) -> None:
    program = (
        "import threading, time; from web.server import leave_within; leave_within(0.2); "
        "threading.Thread(target=time.sleep, args=(600,)).start(); print('done', flush=True)"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    ended = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, timeout=120, check=True
    )
    assert ended.stdout == b"done\n"


def test_a_server_may_open_as_many_files_as_it_has_connections() -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (300, before[1]))
        allow_files(500)
        assert resource.getrlimit(resource.RLIMIT_NOFILE) == (500, before[1])
        allow_files(400)
        assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] == 500
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
