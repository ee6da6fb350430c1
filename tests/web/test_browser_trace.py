"""A trace of more than 100,000 elements on the map: as tiles, and not a byte of GeoJSON."""

from __future__ import annotations

import httpx
import pytest

from tests.web.browser_viewer import LINE, TOWN, Show

pytest_plugins = ["tests.web.browser_fixtures"]
pytestmark = pytest.mark.browser


def test_a_trace_of_everything_is_a_layer_of_tiles(show: Show, address: str, normal: None) -> None:
    request = {"kind": "connected", "start": [LINE], "elements": False}
    answer = httpx.post(f"{address}/api/traces", json=request, timeout=60).raise_for_status().json()
    counts = answer["sums"]["counts"]
    assert sum(counts.values()) > 200_000 and counts["ConnectivityNode"] > 100_000
    lng, lat = TOWN
    asked: list[str] = []
    viewer = show()
    viewer.page.on("request", lambda each: asked.append(each.url))
    viewer.open(f"13/{lat}/{lng}", trace="connected", **{"from": LINE})
    assert viewer.ask("gridtwin.map.map.queryRenderedFeatures({layers: ['trace-line']}).length") > 100
    assert f"{answer['customers']:,}" in viewer.text("#trace")
    assert any("/tiles/grid/" in url and "trace=" in url for url in asked)
    assert not [url for url in asked if "geojson" in url]
    viewer.look("trace-of-everything")
