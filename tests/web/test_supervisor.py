"""Several server processes on one port, and the commands that work on a PostGIS store."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.loaders.conftest import Folder
from tests.postgres import Postgres
from tests.web.conftest import tiny_network
from twin.engine import Twin
from twin.stores import open_store
from web import cli
from web.server import ServerError, listen
from web.supervisor import supervise

PATIENCE_S = 120.0
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def base(postgres: Postgres, database: str) -> str:
    """The URL of a PostGIS store with the tiny network."""
    url = postgres.url(database)
    Twin.load(tiny_network(), open_store(url, write=True, create=True)).close()
    return url


Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def gridtwin(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Calls `gridtwin` with words; gives the exit code and what it wrote to its two streams."""

    def call(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["gridtwin", *words])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        return int(ended.value.code or 0), *capsys.readouterr()

    return call


@contextmanager
def together(base: str, workers: int) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """`gridtwin serve --workers`, and its address once all answer."""
    words = ["serve", base, "--port", "0", "--workers", str(workers)]
    command = [sys.executable, "-c", "from web.cli import main; main()", *words]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=ROOT) as supervisor:
        try:
            assert supervisor.stderr is not None
            said = supervisor.stderr.readline() + supervisor.stderr.readline()
            found = re.search(r"http://\S+", said)
            assert found is not None, said
            yield supervisor, found[0]
        finally:
            supervisor.kill()


def children(pid: int) -> list[int]:
    """Server processes of a supervisor."""
    command = ["ps", "-ww", "-o", "pid=,args=", "--ppid", str(pid)]
    listed = subprocess.run(command, capture_output=True, text=True, check=False)
    return [int(line.split()[0]) for line in listed.stdout.splitlines() if "spawn_main" in line]


def until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.02)


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.postgis
def test_workers_share_a_port_and_a_database(base: str, postgres: Postgres) -> None:
    with together(base, 2) as (supervisor, url):
        workers = children(supervisor.pid)
        assert len(workers) == 2
        for nth in range(8):
            body = {"operations": [{"mrid": "SW1", "open": nth % 2 == 0}]}
            answer = httpx.post(
                f"{url}/api/switching", json=body, timeout=PATIENCE_S
            )  # each on a connection of its own
            assert answer.json()["revision"] == nth + 2
        told = ""

        def both_tell() -> bool:  # of the other, the one that is asked knows from a file; the store has a second
            nonlocal told
            told = httpx.get(f"{url}/metrics", timeout=PATIENCE_S).text
            names = ("gridtwin_revision", "gridtwin_log_lag_revisions")
            every = [f'{name}{{worker="{worker}"}} ' for worker in (1, 2) for name in names]
            return all(each in told for each in [*every, "gridtwin_store_revision 9\n"])

        until(both_tell)
        assert told.count("# TYPE gridtwin_http_requests_total counter") == 1
        os.kill(workers[0], signal.SIGKILL)
        assert supervisor.stderr is not None
        assert re.match(r"Server process \d ended with code -9 and is started again\.", supervisor.stderr.readline())
        until(lambda: len(children(supervisor.pid)) == 2 and workers[0] not in children(supervisor.pid))
        assert httpx.get(f"{url}/readyz", timeout=PATIENCE_S).json()["revision"] == 9
        workers = children(supervisor.pid)
        supervisor.send_signal(signal.SIGTERM)
        assert supervisor.wait(PATIENCE_S) == 0
        assert supervisor.stderr.read() == ""
        assert not any(map(is_alive, workers))


@pytest.mark.postgis
def test_workers_end_with_a_supervisor_that_is_killed(base: str) -> None:
    with together(base, 2) as (supervisor, _):
        workers = children(supervisor.pid)
        assert len(workers) == 2
        supervisor.kill()
        until(lambda: not any(map(is_alive, workers)))


def test_workers_need_postgis(tmp_path: Path, gridtwin: Run) -> None:
    path = tmp_path / "grid.gpkg"
    Twin.load(tiny_network(), open_store(str(path), write=True, create=True)).close()
    code, _, said = gridtwin("serve", str(path), "--workers", "2")
    assert code == 2
    assert said == f"gridtwin: --workers 2 needs a PostGIS store: only one process at a time writes to {path}\n"


def test_a_port_that_is_taken_is_said_before_anything_starts() -> None:
    with listen("127.0.0.1", 0, shared=True) as taken, pytest.raises(ServerError, match="Address already in use"):
        supervise(
            lambda *_: None,
            2,
            "127.0.0.1",
            taken.getsockname()[1],
            started=lambda host, port: None,
            restarted=lambda number, code: None,
        )


@pytest.mark.postgis
def test_commands_on_postgis_hide_the_password(
    postgres: Postgres, database: str, tmp_path: Path, gridtwin: Run
) -> None:
    """Loading is covered by `copy`: the same way into the store."""
    path, url, back = tmp_path / "grid.gpkg", postgres.url(database), str(tmp_path / "back.gpkg")
    with Twin.load(tiny_network(), open_store(str(path), write=True, create=True)) as twin:
        twin.switch([], normal=True, note="n", idempotency_key="k")
    copied = gridtwin("copy", str(path), url, "--json")
    assert copied[0] == 0, copied
    assert json.loads(copied[1]) == {
        "revision": 2,
        "model": tiny_network().model,
        "models": 1,
        "events": 2,
        "answers": 1,
        "checkpoints": 0,
        "scenarios": 0,
        "missing": [],
        "store": url.replace(postgres.password, "***"),
    }
    again = gridtwin("copy", str(path), url)
    assert again[0] == 2 and "holds something already" in again[2]
    switched = gridtwin("switch", url, "open", "SW1", "--json")
    assert json.loads(switched[1])["deenergized"]["customers"] == 3
    restored = gridtwin("copy", url, back)
    assert "Copied 1 models, 3 events, 1 answers and 0 scenarios" in restored[2]
    with Twin.from_store(open_store(back)) as twin:
        assert (twin.revision, twin.current.customers_out) == (3, 3)
    fine = [
        copied,
        switched,
        restored,
        gridtwin("info", url),
        gridtwin("history", url, "--json"),
        gridtwin("check", url),
    ]
    refused = [
        again,
        gridtwin("switch", url, "open", "none"),
        gridtwin("load", url, "--store", url),
        gridtwin("info", url.replace(database, "nowhere")),
        gridtwin("info", f"{url}?sslmode=sometimes"),
        gridtwin("info", url.replace(postgres.password, f"{postgres.password}x")),
    ]
    assert [code for code, _, _ in fine + refused] == [0] * 5 + [1] + [2] * 6  # the jumper leads nowhere
    for _, out, err in fine + refused:
        assert postgres.password not in out + err


@pytest.mark.postgis
def test_a_network_is_loaded_into_postgis(postgres: Postgres, database: str, tmp_path: Path, gridtwin: Run) -> None:
    (tmp_path / "town").mkdir()
    source = Folder(tmp_path / "town")
    code, out, err = gridtwin("load", str(source.path), "--store", postgres.url(database), "--json")
    assert code == 0, err
    assert postgres.password not in out + err
    assert json.loads(out)["store"] == postgres.url(database, password="***")
    assert postgres.fetch(database, "SELECT count(*) FROM gridtwin.nodes") == [(6,)]
