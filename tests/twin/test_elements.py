"""Cards, places and tile features of elements."""

from __future__ import annotations

import pytest

from tests.twin.networks import F1, draw
from twin.elements import NoSuchFeature, card, element_of_feature, feature_of_element, geometry, place
from twin.engine import Twin
from twin.events import Operation


@pytest.fixture(scope="module")
def network():
    points = {"usage_points": {"mrid": ["p1", "p2"], "consumer": [0, 0]}}
    loads = {"load 3": "3", "load 4": "4"}
    return draw(F1, sources="S T", opened="b5", consumers=loads, feeders=[("b1", "1"), ("b7", "6")], more=points)


def test_features_go_round(network):
    for mrid in ("b3", "c4", "p1", "p2", "load 4"):
        element = network.mrids.find(mrid)
        assert element_of_feature(network, *feature_of_element(network, element)) == element
    assert feature_of_element(network, network.mrids.find("S")) is None
    for layer, number in (("lines", 0), ("lines", 4), ("meters", 4), ("roads", 1), ("switches", -1)):
        with pytest.raises(NoSuchFeature):
            element_of_feature(network, layer, number)


def test_every_meter_goes_round_where_only_some_consumers_have_usage_points():
    points = {"usage_points": {"mrid": ["p1", "p2", "p3"], "consumer": [1, 3, 3]}}
    loads = {f"load {node}": str(node) for node in (2, 3, 4, 5, 6)}
    network = draw(F1, sources="S T", opened="b5", consumers=loads, more=points)
    for number in range(1, len(network.meters) + 1):
        element = element_of_feature(network, "meters", number)
        assert feature_of_element(network, element) == ("meters", number)


def test_card_of_a_switch(network):
    twin = Twin(network)
    before = card(twin.current, network.mrids.find("b3"))
    assert before["customers_downstream"] == 3 and before["feeder"] == {"mrid": "feeder b1", "name": "Feeder b1"}
    assert (before["open"], before["live_ends"], before["energized"]) == (False, 2, 2)
    assert before["attributes"]["phases"] == "ABC" and before["operable"]
    assert {n["mrid"] for n in before["neighbours"]} == {"c2", "c4", "load 3"}
    twin.switch([Operation("b3", True, 1)])
    after = card(twin.current, network.mrids.find("b3"))
    assert (after["open"], after["open_phases"], after["energized_phases"], after["energized"]) == (True, "A", "BC", 1)
    twin.switch([Operation("b3", True)])
    assert card(twin.current, network.mrids.find("b3"))["live_ends"] == 1
    load = card(twin.current, network.mrids.find("load 3"))
    assert (load["energized"], load["energized_phases"], load["customers"]) == (0, "", 2)


def test_every_element_has_a_card(network):
    current = Twin(network).current
    for table in network.tables.values():
        for mrid in table["mrid"].tolist():
            assert card(current, network.mrids.find(mrid))["mrid"] == mrid


def test_places(network):
    assert place(network, network.mrids.find("c2")) == pytest.approx((9.0015, 52))
    assert geometry(network, network.mrids.find("c2"))["type"] == "LineString"
    nowhere = draw("c1:S-1", more={"nodes": {"lng": float("nan")}})
    assert place(nowhere, nowhere.mrids.find("c1")) is geometry(nowhere, nowhere.mrids.find("c1")) is None
