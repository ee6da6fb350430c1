"""Numbers for Prometheus: what is counted, what is told of several processes, and that nothing gets lost."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.web.conftest import Client, Connect, Served
from tests.web.test_ready import GZIP, TILE, Connection
from tests.web.test_service_endpoints import samples
from twin.engine import Twin
from twin.network import Network
from twin.store import StoreAway
from web import metrics
from web.app import create_app
from web.metrics import BOUNDS_S, Family, Metrics, gauge, resident_bytes, text_of
from web.metrics_together import GONE_S, Together
from web.settings import Settings
from web.version import version


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A store that takes a second to answer, as on a busy machine, is not told as one that is away."""
    monkeypatch.setattr("web.service_endpoints.STORE_ANSWERS_S", 60.0)


def test_latencies_are_a_histogram() -> None:
    counted = Metrics()
    for seconds in (0.0005, 0.001, 0.3, 99.0):
        counted.count("/x", "GET", 200, seconds)
    text = text_of(counted.families())
    assert "# TYPE gridtwin_http_request_seconds histogram" in text
    found = dict(line.rsplit(" ", 1) for line in text.splitlines() if line.startswith("gridtwin_http_request_seconds_"))
    name = 'gridtwin_http_request_seconds_bucket{route="/x",le="'
    assert [found[f'{name}{bound}"}}'] for bound in ("0.001", "0.25", "0.5", "30", "+Inf")] == ["2", "2", "3", "3", "4"]
    assert float(found['gridtwin_http_request_seconds_sum{route="/x"}']) == pytest.approx(99.3015)
    assert found['gridtwin_http_request_seconds_count{route="/x"}'] == "4"
    assert list(BOUNDS_S) == sorted(BOUNDS_S)


def test_what_the_process_says_of_itself(client: Client) -> None:
    counted = samples(client)
    assert counted["process_resident_memory_bytes"] > 10e6
    assert counted["process_cpu_seconds_total"] > 0
    assert time.time() - counted["process_start_time_seconds"] == pytest.approx(
        counted["gridtwin_uptime_seconds"], abs=60
    )
    build = next(name for name in counted if name.startswith("gridtwin_build_info"))
    assert f'version="{version()}"' in build and counted[build] == 1
    assert counted["gridtwin_log_lost_lines_total"] == 0


def test_memory_without_proc(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    real = resident_bytes()
    monkeypatch.setattr(metrics, "Path", lambda path: tmp_path / "none")
    assert resident_bytes() > real / 2


def test_the_cache_is_measured(client: Client) -> None:
    assert samples(client)["gridtwin_tile_cache_bytes"] == 0
    client.get(TILE)
    counted = samples(client)
    assert 0 < counted["gridtwin_tile_cache_bytes"] <= counted["gridtwin_tile_cache_limit_bytes"]
    assert counted["gridtwin_tile_cache_tiles"] == 1


def test_the_store_is_measured(client: Client, twin: Twin, monkeypatch: pytest.MonkeyPatch) -> None:
    client.switch("SW1", opened=True)
    counted = samples(client)
    names = ("gridtwin_store_up", "gridtwin_store_revision", "gridtwin_log_lag_revisions")
    assert [counted[name] for name in names] == [1, 2, 0]

    def away() -> None:
        raise StoreAway("gone for a moment")

    monkeypatch.setattr(twin.store, "head", away)
    counted = samples(client)
    assert counted["gridtwin_store_up"] == 0
    assert not {"gridtwin_store_revision", "gridtwin_log_lag_revisions"} & set(counted)


def test_what_is_ready_is_counted_too(twin: Twin, serve: Callable[..., Served]) -> None:
    served = serve(twin)
    connection = Connection(served)
    for _ in range(5):
        connection.ask(TILE, GZIP)
    connection.close()
    counted: Metrics = served.app.state.context.metrics
    route = "/tiles/{tileset}/{z}/{x}/{y}.mvt"
    assert counted.requests[route, "GET", 200] == sum(counted.seconds[route]) == 5
    assert counted.tile_cache == {"miss": 1, "hit": 4}


def test_labels_are_escaped() -> None:
    text = text_of([gauge("x", "what", 1, {"a": 'b"c\\d\ne'})])
    assert text.splitlines()[-1] == 'x{a="b\\"c\\\\d\\ne"} 1'


def test_several_processes_are_told_apart(network: Network, tmp_path: Path) -> None:
    clients = [Client(create_app(Twin(network), Settings(threads=1), Together(tmp_path, n))) for n in (1, 2)]
    clients[1].get("/api/network")
    second = clients[1].app.state.context
    second.together.tell([*second.metrics.families(), gauge("gridtwin_revision", "", 4)])
    counted = samples(clients[0])
    name = 'gridtwin_http_requests_total{worker="2",route="/api/network",method="GET",status="200"}'
    assert counted[name] == 1
    assert (counted['gridtwin_revision{worker="1"}'], counted['gridtwin_revision{worker="2"}']) == (0, 4)
    assert set(counted) >= {f'gridtwin_log_lag_revisions{{worker="{n}"}}' for n in (1, 2)}
    for client in clients:
        client.close()


def test_a_process_that_is_gone_is_told_no_more(tmp_path: Path) -> None:
    one, two = Together(tmp_path, 1), Together(tmp_path, 2)
    two.tell([gauge("x", "what", 1)])
    assert one.others() == [Family("x", "gauge", "what", [("", {"worker": "2"}, 1)])]
    assert two.others() == []
    long_ago = time.time() - GONE_S - 1
    os.utime(tmp_path / "2.json", (long_ago, long_ago))
    assert one.others() == []


def test_refusals_are_counted(twin: Twin, connect: Connect) -> None:
    client = connect(twin)
    client.app.state.context.metrics.refused["max_connections"] += 2
    assert samples(client)['gridtwin_refused_connections_total{setting="max_connections"}'] == 2


def test_operations_md_names_every_metric_and_no_other(client: Client) -> None:
    client.get("/api/network")
    told = set(re.findall(r"^# TYPE (\w+)", client.get("/metrics").text, re.MULTILINE))
    text = (Path(__file__).resolve().parents[2] / "docs" / "operations.md").read_text(encoding="utf-8")
    assert set(re.findall(r"`((?:gridtwin|process)_\w+)`", text)) == told


def test_operations_md_names_every_limit() -> None:
    text = (Path(__file__).resolve().parents[2] / "docs" / "operations.md").read_text(encoding="utf-8")
    settings = set(Settings.__dataclass_fields__)
    table = text.partition("## Limits")[2].partition("\n\n503")[0]
    named = set(re.findall(r"`(\w+)`", table))
    assert named <= settings
    limits = {each for each in settings if each.startswith(("max_", "stream_")) or each.endswith("_s")}
    assert limits - named == {"keep_alive_s", "shutdown_s"}
