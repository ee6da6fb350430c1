"""The demo network over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import mapbox_vector_tile
import numpy as np
import pytest

from loaders.simbench import read_simbench
from tests.web.conftest import Client, quoted
from tiles.mercator import lnglat_to_tile
from twin.engine import Twin
from web.app import create_app
from web.settings import Settings


@pytest.fixture(scope="module")
def demo(simbench_folder: Path) -> Iterator[Client]:
    network, _ = read_simbench(simbench_folder)
    client = Client(create_app(Twin(network), Settings(threads=2)))
    yield client
    client.close()


def test_counts_are_those_of_the_data_set(demo: Client) -> None:
    counts = demo.get("/api/network").json()["counts"]
    assert (counts["nodes"], counts["lines"], counts["switches"]) == (105_615, 34_606, 73_511)


def test_customers_add_up_over_the_cells(demo: Client) -> None:
    network = demo.get("/api/network").json()
    tile = mapbox_vector_tile.decode(demo.get("/tiles/hexes/0/0/0.mvt").content)
    cells = [f["properties"] for f in tile["hexes"]["features"] if f["properties"]["owner"]]
    assert sum(cell["customers"] for cell in cells) == network["customers"]


def test_a_switching_changes_the_etags_of_those_tiles_that_it_changes(demo: Client) -> None:
    """The busiest switch that is operable, and tiles all over the network."""
    network = demo.app.state.context.twin.network
    behind = network.branch_customers[network.table_branches[1]] * network.operable * (network.switches["kind"] != "")
    switch = str(network.switches["mrid"][int(np.argsort(behind)[-20])])
    rows = np.linspace(0, len(network.nodes) - 1, 40).astype(int).tolist()
    rows.append(int(network.switches["node2"][network.mrids.find(switch).row]))
    paths = set()
    for row in rows:
        lng, lat = network.node_lnglat[row].tolist()
        for z in (10, 13, 16):
            x, y = (int(each) for each in lnglat_to_tile(lng, lat, z))
            paths.add(f"/tiles/grid/{z}/{x}/{y}.mvt")
            if z < 13:
                paths.add(f"/tiles/hexes/{z}/{x}/{y}.mvt")
    before = {path: demo.get(path) for path in sorted(paths)}
    lost = demo.switch(switch, opened=True)["deenergized"]
    assert isinstance(lost, dict) and lost["customers"] > 0
    changed = 0
    for path, old in before.items():
        new = demo.get(path)
        if new.content != old.content:
            assert new.headers["etag"] != old.headers["etag"], path
            changed += 1
        elif int(old.headers.get("gridtwin-left-out", 0)) == 0:
            assert new.headers["etag"] == old.headers["etag"], path
    assert 0 < changed < len(before)
    assert demo.get("/api/outages").json()["outages"][0]["cause"] == switch
    demo.post("/api/switching", {"normal": True})


def test_every_class_has_cards_and_traces(demo: Client) -> None:
    network = demo.app.state.context.twin.network
    for table in network.tables.values():
        for row in range(0, len(table), max(1, len(table) // 5)):
            mrid = str(table["mrid"][row])
            assert demo.get(f"/api/elements/{quoted(mrid)}").json()["mrid"] == mrid
            for kind in ("upstream", "downstream"):
                answer = demo.post("/api/traces", {"kind": kind, "start": [mrid], "elements": "page"})
                assert answer.status_code == 200, answer.text


def test_a_large_trace_as_a_tile_layer(demo: Client) -> None:
    source = demo.get("/api/network").json()["sources"][0]["mrid"]
    told = demo.post("/api/traces", {"kind": "connected", "start": [source], "elements": False}).json()
    assert told["sums"]["counts"]["ConnectivityNode"] > 100_000
    left, bottom, right, top = told["bounds"]
    x, y = (int(each) for each in lnglat_to_tile((left + right) / 2, (bottom + top) / 2, 10))
    assert demo.get(f"/tiles/grid/10/{x}/{y}.mvt?trace={told['id']}").status_code in (200, 204)
