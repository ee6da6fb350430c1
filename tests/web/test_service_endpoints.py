"""Health, readiness and metrics."""

from __future__ import annotations

import re

import pytest

from tests.web.conftest import Client
from tests.web.test_tile_endpoints import FED
from twin.engine import Twin
from twin.store import StoreInvalid


def samples(client: Client) -> dict[str, float]:
    """Name with labels → value."""
    answer = client.get("/metrics")
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert answer.headers["cache-control"] == "no-store"
    lines = [line for line in answer.text.splitlines() if not line.startswith("#")]
    assert all(re.fullmatch(r'[a-z_]+(\{\w+="[^"]*"(,\w+="[^"]*")*\})? [0-9.e+-]+', line) for line in lines), lines
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}


def test_the_process_is_healthy_and_ready(client: Client, twin: Twin) -> None:
    assert client.get("/healthz").json() == {"status": "ok"}
    ready = client.get("/readyz")
    assert ready.json() == {"status": "ready", "revision": 1, "model": twin.network.model}
    assert ready.headers["cache-control"] == "no-store"


def test_a_store_that_is_gone_is_not_ready(client: Client, twin: Twin, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> None:
        raise StoreInvalid("the file is damaged")

    monkeypatch.setattr(twin.store, "head", broken)
    assert client.get("/readyz").status_code == 503
    assert client.get("/healthz").status_code == 200


def test_requests_are_counted_by_route_and_status(client: Client) -> None:
    for path in ("SW1", "L2", "gone"):
        client.get(f"/api/elements/{path}")
    client.get("/nowhere")
    client.request("BREW", "/healthz")
    counted = samples(client)
    route = 'gridtwin_http_requests_total{route="/api/elements/{mrid:path}",method="GET",status='
    assert (counted[route + '"200"}'], counted[route + '"404"}']) == (2, 1)
    assert counted['gridtwin_http_requests_total{route="unknown",method="GET",status="404"}'] == 1
    assert counted['gridtwin_http_requests_total{route="/healthz",method="OTHER",status="405"}'] == 1
    assert counted['gridtwin_http_request_seconds_sum{route="/api/elements/{mrid:path}"}'] > 0


def test_the_state_of_the_network_is_measured(client: Client) -> None:
    client.get(f"{FED}.mvt")
    client.get(f"{FED}.mvt")
    client.switch("SW1", opened=True)
    counted = samples(client)
    assert counted["gridtwin_revision"] == 2
    assert (counted["gridtwin_customers"], counted["gridtwin_customers_out"]) == (6, 3)
    assert counted["gridtwin_switching_total"] == 1
    assert counted["gridtwin_stream_clients"] == 0
    results = {r: counted[f'gridtwin_tile_cache_total{{result="{r}"}}'] for r in ("hit", "miss", "not_modified")}
    assert results == {"hit": 1, "miss": 1, "not_modified": 0}
