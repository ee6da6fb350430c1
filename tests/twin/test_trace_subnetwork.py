"""Feeders joined by a closed tie, several starts, and starts that stand for many."""

from __future__ import annotations

import pytest

from tests.twin.networks import F1, draw
from twin.engine import Twin
from twin.events import Operation
from twin.traces import TraceError, trace

STATION = "b0:S-1 c1:1-2 b2:S-3 c3:3-4 b5:2-4 b6:S-5"
"""Three feeders from one node, the first two with an open tie between their ends."""


@pytest.fixture
def twin():
    return Twin(draw(F1, sources="S T", opened="b5", feeders=[("b1", "1"), ("b7", "6")]))


def test_a_closed_tie_gives_its_nodes_both_feeders(twin):
    alone = trace(twin, kind="subnetwork", start=["3"]).to_json()
    assert alone["feeders"] == [{"mrid": "feeder b1", "name": "Feeder b1", "parallel": False}]
    assert not alone["parallel"]
    assert {tuple(node["feeders"]) for node in alone["nodes"]} == {("feeder b1",)}
    assert {node["parallel"] for node in alone["nodes"]} == {False}
    twin.switch([Operation("b5", open=False)])
    for start in ("3", "5", "feeder b7"):
        joined = trace(twin, kind="subnetwork", start=[start]).to_json()
        assert {node["mrid"] for node in joined["nodes"]} == set("123456")
        assert {tuple(node["feeders"]) for node in joined["nodes"]} == {("feeder b1", "feeder b7")}
        assert {node["parallel"] for node in joined["nodes"]} == {True}
        assert joined["parallel"] and all(feeder["parallel"] for feeder in joined["feeders"])
        assert joined["status"] == "ok"


def test_of_several_feeders_each_node_has_its_own():
    twin = Twin(draw(STATION, opened="b5", feeders=[("b0", "1"), ("b2", "3"), ("b6", "5")]))
    starts = ["feeder b0", "c3", "5"]
    apart = trace(twin, kind="subnetwork", start=starts).to_json()
    belongs = {node["mrid"]: node["feeders"] for node in apart["nodes"]}
    assert belongs == {
        **{node: ["feeder b0"] for node in "12"},
        **{node: ["feeder b2"] for node in "34"},
        "5": ["feeder b6"],
    }
    twin.switch([Operation("b5", open=False)])
    joined = trace(twin, kind="subnetwork", start=starts).to_json()
    belongs = {node["mrid"]: (node["feeders"], node["parallel"]) for node in joined["nodes"]}
    both = (["feeder b0", "feeder b2"], True)
    assert belongs == {**dict.fromkeys("1234", both), "5": (["feeder b6"], False)}
    assert {feeder["mrid"]: feeder["parallel"] for feeder in joined["feeders"]} == {
        "feeder b0": True,
        "feeder b2": True,
        "feeder b6": False,
    }


def test_a_substation_stands_for_its_feeders_and_its_nodes():
    more = {
        "substations": {"mrid": ["west", "empty"]},
        "nodes": {"substation": [0, -1, -1, -1, -1, -1]},
        "feeders": {"substation": [0, -1, 0]},
    }
    twin = Twin(draw(STATION, opened="b5", feeders=[("b0", "1"), ("b2", "3"), ("b6", "5")], more=more))
    fed = trace(twin, kind="subnetwork", start=["west"]).to_json()
    assert {node["mrid"] for node in fed["nodes"]} == {"1", "2", "5"}
    assert trace(twin, kind="connected", start=["west"]).to_json()["nodes"][0] == {
        "mrid": "S",
        "depth": 0,
        "phases": "ABC",
    }
    with pytest.raises(TraceError, match="'empty': it is a substation without any node"):
        trace(twin, kind="connected", start=["empty"])
    assert trace(twin, kind="subnetwork", start=["empty"]).status == "no_feeder"
