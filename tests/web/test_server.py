"""The server as a process: where it listens, how it stops, and that killing it loses nothing."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from twin.engine import Twin
from twin.events import SwitchOperated
from twin.geopackage import GeoPackageStore
from twin.network import Network
from web.server import ServerError, listen

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
                pass
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
        said, complained = server.communicate(timeout=20)
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
