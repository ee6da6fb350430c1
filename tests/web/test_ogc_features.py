"""Items of OGC API: the same as going through every row, whatever is asked for, and of one state over all pages."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlencode

import numpy as np
import pytest
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.tiles.grids import town
from tests.web.conftest import Client
from tiles.frames import frame
from twin.components import CONNECTIVITY_NODE, SWITCH, Table
from twin.elements import LAYERS
from twin.engine import Twin
from twin.network import Network
from web.app import create_app
from web.settings import Settings

BASE = "http://twin.test"
CENTRE = (9.0, 48.0)


@pytest.fixture(scope="module")
def town_network() -> Network:
    return town(branches=200, uuids=True)


@pytest.fixture(scope="module")
def ogc(town_network: Network) -> Iterator[Client]:
    client = Client(create_app(Twin(town_network), Settings(threads=2)))
    yield client
    client.close()


def got(client: Client, path: str, status: int = 200) -> dict[str, Any]:
    answer = client.get(path)
    assert answer.status_code == status, answer.text
    whole: dict[str, Any] = answer.json()
    return whole


def every_item(client: Client, collection: str, **query: object) -> list[dict[str, Any]]:
    """All pages."""
    following = f"{BASE}/ogc/collections/{collection}/items?{urlencode(query)}"
    found: list[dict[str, Any]] = []
    while following:
        page = got(client, following.removeprefix(BASE))
        found += page["features"]
        following = next((link["href"] for link in page["links"] if link["rel"] == "next"), "")
        assert following or page["numberMatched"] == len(found)
    return found


@pytest.mark.parametrize("layer", LAYERS)
def test_items_are_what_frames_hold(ogc: Client, town_network: Network, layer: str) -> None:
    expected = frame(town_network, ogc.app.state.context.twin.current, layer)
    items = every_item(ogc, layer, limit=50)
    assert [item["id"] for item in items] == expected["mrid"].tolist()
    for item, record, geometry in zip(items, expected.to_dict("records"), expected.geometry, strict=True):
        assert item["geometry"] == (None if geometry is None else shapely.geometry.mapping(geometry) | _lists(geometry))
        for name, value in item["properties"].items():
            theirs = record.get(name)
            assert value == (None if theirs is None or theirs != theirs else theirs), name


def _lists(geometry: Any) -> dict[str, object]:
    coordinates = [list(place) for place in geometry.coords]
    return {"coordinates": coordinates[0] if geometry.geom_type == "Point" else coordinates}


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],  # on a busy machine all is slow
)
@given(
    layer=st.sampled_from(["lines", "switches", "meters", "substations"]),
    middle=st.tuples(st.floats(-0.1, 0.1), st.floats(-0.1, 0.1)),
    half=st.tuples(st.floats(0, 0.08), st.floats(0, 0.08)),
)
def test_a_box_holds_what_meets_it_and_what_has_no_place(
    ogc: Client, town_network: Network, layer: str, middle: tuple[float, float], half: tuple[float, float]
) -> None:
    (x, y), (w, h) = middle, half
    bounds = [CENTRE[0] + x - w, CENTRE[1] + y - h, CENTRE[0] + x + w, CENTRE[1] + y + h]
    table = frame(town_network, ogc.app.state.context.twin.current, layer)
    meets = shapely.intersects(table.geometry.to_numpy(), shapely.box(*bounds)) | table.geometry.isna().to_numpy()
    items = every_item(ogc, layer, limit=10_000, bbox=",".join(map(repr, bounds)))
    assert [item["id"] for item in items] == table["mrid"][meets].tolist()


def test_a_box_at_a_point_holds_the_point(ogc: Client, town_network: Network) -> None:
    lng, lat = town_network.node_lnglat[town_network.switches["node1"]][0].tolist()
    items = every_item(ogc, "switches", limit=10_000, bbox=f"{lng!r},{lat!r},{lng!r},{lat!r}")
    assert str(town_network.switches["mrid"][0]) in [item["id"] for item in items]


@pytest.mark.parametrize("lng", [179.99, -179.99, 180.0, -180.0])
@pytest.mark.parametrize("lat", [-90.0, -86.0, 0.0, 89.0, 90.0])
def test_places_at_the_ends_of_the_world(lng: float, lat: float) -> None:
    nodes = Table(CONNECTIVITY_NODE, {"mrid": ["a", "b"], "lng": [lng, lng], "lat": [lat, lat]})
    switches = Table(SWITCH, {"mrid": ["s"], "node1": [0], "node2": [1]})
    client = Client(create_app(Twin(Network.from_tables("far", {"nodes": nodes, "switches": switches})), Settings()))
    south, north = max(lat - 1, -90), min(lat + 1, 90)
    for west, east, count in ((179, -179, 1), (-179, 179, 0)):
        items = every_item(client, "switches", bbox=f"{west},{south},{east},{north}")
        assert len(items) == count
    assert every_item(client, "switches", bbox=f"-180,{-90 if lat > 0 else 1},180,{-1 if lat > 0 else 90}") == []
    client.close()


def test_a_box_and_a_filter_are_both_held_to(ogc: Client, town_network: Network) -> None:
    table = frame(town_network, ogc.app.state.context.twin.current, "meters")
    meets = shapely.intersects(table.geometry.to_numpy(), shapely.box(8.98, 47.98, 9.03, 48.05))
    both = table["mrid"][(meets | table.geometry.isna()) & (table["customers"] > 2)].tolist()
    items = every_item(ogc, "meters", bbox="8.98,47.98,9.03,48.05", filter="customers > 2", limit=7)
    assert [item["id"] for item in items] == both
    assert 7 < len(both) < len(table)


def test_all_pages_are_of_one_state_whatever_is_switched_meanwhile(client: Client) -> None:
    first = got(client, "/ogc/collections/switches/items?filter=open%3Dfalse&limit=2")
    assert first["numberMatched"] == 4
    client.switch("SW1", opened=True)
    (following,) = [link["href"] for link in first["links"] if link["rel"] == "next"]
    second = got(client, following.removeprefix(BASE))
    assert second["numberMatched"] == 4
    assert len({item["id"] for item in first["features"] + second["features"]}) == 4
    assert got(client, "/ogc/collections/switches/items?filter=open%3Dfalse")["numberMatched"] == 3


def test_items_of_other_states(client: Client) -> None:
    client.switch("SW1", opened=True)
    path = "/ogc/collections/lines/items?filter=energized%3D0"
    assert got(client, path)["numberMatched"] == 1
    assert got(client, path + "&state=normal")["numberMatched"] == 0
    assert got(client, path + "&revision=1")["numberMatched"] == 0
    assert got(client, path + "&revision=9", 404)["field"] == "revision"
    assert got(client, path + "&model=0000", 410)["field"] == "model"
    one = "/ogc/collections/lines/items/L2"
    assert got(client, one)["properties"]["energized"] == 0
    assert got(client, one + "?revision=1")["properties"]["energized"] == 2


def test_what_did_not_change_is_not_sent_again(client: Client) -> None:
    path = "/ogc/collections/switches/items?limit=2"
    before = client.get(path)
    seen = {"If-None-Match": before.headers["etag"]}
    assert client.get(path, headers=seen).status_code == 304
    client.switch("SW1", opened=True)
    after = client.get(path, headers=seen)
    assert after.status_code == 200
    assert after.headers["gridtwin-revision"] == "2"


def test_properties_can_be_chosen(ogc: Client) -> None:
    (item,) = got(ogc, "/ogc/collections/lines/items?limit=1&properties=kv,class")["features"]
    assert list(item["properties"]) == ["kv", "class"]
    assert got(ogc, "/ogc/collections/lines/items?limit=1&properties=")["features"][0]["properties"] == {}
    assert got(ogc, "/ogc/collections/lines/items?properties=volts", 400)["value"] == "volts"
    assert got(ogc, "/ogc/collections/lines/items?properties=geometry", 400)["field"] == "properties"


@pytest.mark.parametrize("collection", ["lines", "outages", "meters"])
def test_an_element_of_another_class_is_not_here(client: Client, collection: str) -> None:
    for mrid in ("SW1", "n2", "gone"):
        assert got(client, f"/ogc/collections/{collection}/items/{mrid}", 404)["value"] == mrid


def test_a_consumer_with_usage_points_is_represented_by_them(ogc: Client, town_network: Network) -> None:
    meters = town_network.meters
    used = int(np.flatnonzero(meters.usage_point >= 0)[0])
    point = str(town_network.usage_points["mrid"][meters.usage_point[used]])
    consumer = str(town_network.consumers["mrid"][meters.consumer[used]])
    assert got(ogc, f"/ogc/collections/meters/items/{point}")["id"] == point
    assert got(ogc, f"/ogc/collections/meters/items/{consumer}", 404)["value"] == consumer


def test_outages_are_areas_with_a_cause(client: Client) -> None:
    assert got(client, "/ogc/collections/outages/items")["numberMatched"] == 0
    client.switch("SW1", opened=True)
    client.switch("CB2", opened=True)
    told = {each["id"]: each for each in got(client, "/api/outages")["outages"]}
    items = every_item(client, "outages", limit=1)
    assert [item["id"] for item in items] == sorted(told)
    for item in items:
        assert item["properties"] == {name: told[item["id"]][name] for name in item["properties"]}
        west, south, east, north = told[item["id"]]["bounds"]
        left, bottom, right, top = shapely.geometry.shape(item["geometry"]).bounds
        assert left < west <= east < right and bottom < south <= north < top
        assert got(client, f"/ogc/collections/outages/items/{quote(item['id'])}")["properties"] == item["properties"]
    inside = every_item(client, "outages", bbox="9.03,51.99,9.1,52.1")
    assert [item["id"] for item in inside] == ["n3"]
    assert [item["id"] for item in every_item(client, "outages", filter="cause = 'CB2'")] == ["m1"]
