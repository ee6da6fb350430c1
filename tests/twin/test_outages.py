"""Areas without supply."""

from __future__ import annotations

from datetime import UTC, datetime

from tests.twin.networks import F1, draw
from twin.engine import Twin
from twin.events import Operation
from twin.outages import outages

LOADS = {"load 3": "3", "load 4": "4", "load 6": "6"}


def test_none_in_the_normal_state():
    assert outages(Twin(draw(F1, opened="b5", consumers=LOADS))) == []  # dead in the normal state is no outage


def test_an_area_with_its_cause():
    twin = Twin(draw(F1, sources="S T", opened="b5", consumers=LOADS, feeders=[("b1", "1"), ("b7", "6")]))
    at = datetime(2026, 1, 2, 3, tzinfo=UTC)
    twin.switch([Operation("b3", True)], occurred_at=at)
    (outage,) = outages(twin)
    assert (outage.nodes, outage.customers, outage.causes, outage.since) == (2, 2, ("b3",), at)
    assert outage.id in ("3", "4") and outage.feeders == ("Feeder b1",)
    assert outage.bounds is not None and outage.bounds[0] < outage.bounds[2]
    nodes = twin.network.nodes
    assert outage.place in [(nodes["lng"][at], nodes["lat"][at]) for at in map(nodes["mrid"].tolist().index, "34")]
    assert (outage.to_json()["lng"], outage.to_json()["lat"]) == outage.place
    assert outage.to_json()["cause"] == "b3" and outage.to_json()["substation"] is None
    twin.switch([Operation("b7", True)])
    assert [o.causes for o in outages(twin)] == [("b3",), ("b7",)]  # most customers first
    twin.switch([Operation("b5", False)])  # dead joined to dead: areas are those of the normal state
    assert [o.customers for o in outages(twin)] == [2, 1]
    twin.switch(normal=True)
    assert outages(twin) == []


def test_the_switch_at_the_live_border_is_the_cause():
    twin = Twin(draw("b1:S-1 b2:1-2", consumers={"load": "2"}))
    twin.switch([Operation("b1", True), Operation("b2", True)])
    (outage,) = outages(twin)
    assert (outage.causes, outage.customers) == (("b1",), 1)


def test_a_lost_phase_is_an_outage():
    twin = Twin(draw("b1:S-1", consumers={"a": "1", "b": "1"}, phases={"a": "A", "b": "B"}))
    twin.switch([Operation("b1", True, 2)])
    assert [(o.nodes, o.customers) for o in outages(twin)] == [(1, 1)]
