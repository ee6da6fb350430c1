"""Direction, loops, shortest paths and protective devices by mrid."""

from __future__ import annotations

import pytest

from tests.twin.networks import F1, draw
from twin.engine import Twin
from twin.mrids import UnknownMrid
from twin.traces import TraceError, trace

RING = "b0:S-j c1:j-p c2:p-q c3:q-j b7:q-x"
"""A ring with a spur, as F3."""


def mrids(answer, part="edges"):
    return [each["mrid"] for each in answer[part]]


# --- direction ----------------------------------------------------------------------------------------------------


def test_direction_by_phase():
    twin = Twin(draw("c1:S-a c2:b-a c3:b-c b4:c-d", opened="b4", phases={"c2": "AB", "c3": "BC"}))
    answer = trace(twin, kind="direction").to_json()
    assert {edge["mrid"]: edge["direction"] for edge in answer["edges"]} == {
        "c1": {"A": "down", "B": "down", "C": "down"},
        "c2": {"A": "up", "B": "up"},
        "c3": {"B": "down", "C": "none"},
        "b4": {"A": "none", "B": "none", "C": "none"},
    }
    assert {edge["mrid"]: (edge["flow"], edge["phases"]) for edge in answer["edges"]} == {
        "c1": (1, "ABC"),
        "c2": (-1, "AB"),
        "c3": (1, "B"),
        "b4": (0, ""),
    }
    assert (mrids(answer, "nodes"), mrids(answer, "sources")) == (twin.network.nodes["mrid"].tolist(), ["source S"])
    only_b = trace(twin, kind="direction", phases="B").to_json()
    assert [edge["direction"] for edge in only_b["edges"]] == [{"B": way} for way in ("down", "up", "down", "none")]


def test_direction_at_a_start():
    twin = Twin(draw(RING, feeders=[("b7", "x")]))
    at_node = trace(twin, kind="direction", start=["q"]).to_json()
    assert {edge["mrid"]: (edge["direction"]["A"], edge["depth"]) for edge in at_node["edges"]} == {
        "c2": ("both", 1),
        "c3": ("both", 1),
        "b7": ("down", 1),
    }
    assert mrids(at_node, "nodes") == ["q"]
    at_both = trace(twin, kind="direction", start=["c2", "q"]).to_json()
    assert {edge["mrid"]: edge["depth"] for edge in at_both["edges"]} == {"c2": 0, "c3": 1, "b7": 1}
    assert mrids(at_both)[0] == "c2"
    of_feeder = trace(twin, kind="direction", start=["feeder b7"]).to_json()
    assert (mrids(of_feeder), mrids(of_feeder, "nodes")) == (["b7"], ["x"])


# --- loops --------------------------------------------------------------------------------------------------------


def test_loops_around_a_start_and_everywhere():
    rings = f"{RING} c8:x-y c9:x-y b10:S-z c11:z-w c12:w-z"
    twin = Twin(draw(rings, feeders=[("b7", "x"), ("b10", "z")], phases={"c12": "A"}))
    whole = trace(twin, kind="loops").to_json()
    assert {frozenset(loop["edges"]): loop["phases"] for loop in whole["loops"]} == {
        frozenset({"c1", "c2", "c3"}): "ABC",
        frozenset({"c8", "c9"}): "ABC",
        frozenset({"c11", "c12"}): "A",
    }
    assert {edge["mrid"]: edge["phases"] for edge in whole["edges"]}["c12"] == "A"
    assert set(mrids(whole, "nodes")) == set("jpqxyzw")
    of_feeder = trace(twin, kind="loops", start=["y"]).to_json()
    assert [set(loop["edges"]) for loop in of_feeder["loops"]] == [{"c8", "c9"}]
    no_feeder = trace(twin, kind="loops", start=["p"]).to_json()
    assert [set(loop["edges"]) for loop in no_feeder["loops"]] == [{"c1", "c2", "c3"}]
    assert trace(twin, kind="loops", phases="B", start=["z"]).to_json()["loops"] == []


def test_a_way_between_two_sources():
    twin = Twin(draw(F1, sources="S T", feeders=[("b1", "1"), ("b7", "6")]))
    (loop,) = trace(twin, kind="loops", start=["3"]).to_json()["loops"]
    assert (loop["kind"], loop["length"], loop["block"]) == ("parallel_sources", 7, None)
    assert sorted(loop["sources"]) == ["source S", "source T"]
    counted = trace(twin, kind="loops").to_json(elements=False)
    assert "edges" not in counted["loops"][0] and counted["loops"][0]["length"] == 7


# --- shortest path ------------------------------------------------------------------------------------------------


@pytest.fixture
def square():
    lengths = {"lines": {"length_m": [100.0, 100.0, 100.0, 500.0, float("nan")]}}
    return Twin(draw("c1:S-a c2:a-b c3:b-d c4:S-d c5:d-e b6:e-f", opened="b6", more=lengths))


def test_shortest_by_length_and_by_hops(square):
    short = trace(square, kind="shortest_path", start=["S"], to=["d"]).to_json()
    assert (mrids(short), mrids(short, "nodes")) == (["c1", "c2", "c3"], ["S", "a", "b", "d"])
    assert short["path"] == {"length_m": 300.0, "hops": 3, "without_length": 0}
    few = trace(square, kind="shortest_path", start=["S"], to=["d"], weight="hops").to_json()
    assert (mrids(few), few["path"]) == (["c4"], {"length_m": 500.0, "hops": 1, "without_length": 0})
    round_it = trace(square, kind="shortest_path", start=["S"], to=["d"], barriers=["c2"]).to_json()
    assert mrids(round_it) == ["c4"]


def test_edges_at_the_ends_weigh_nothing_and_unknown_lengths_are_counted(square):
    answer = trace(square, kind="shortest_path", start=["c3"], to=["e", "c5"]).to_json()
    assert (mrids(answer), answer["path"]["length_m"]) == (["c3", "c5"], 0.0)
    through = trace(square, kind="shortest_path", start=["b"], to=["e"]).to_json()
    assert through["path"] == {"length_m": 100.0, "hops": 2, "without_length": 1}


def test_what_cannot_be_reached(square):
    nowhere = trace(square, kind="shortest_path", start=["S"], to=["f"]).to_json()
    assert (nowhere["status"], nowhere["path"], nowhere["edges"]) == ("unreachable", None, [])
    there = trace(square, kind="shortest_path", start=["S"], to=["f"], ignore_status=True).to_json()
    assert mrids(there)[-1] == "b6"
    with pytest.raises(UnknownMrid, match="'zzz'"):
        trace(square, kind="shortest_path", start=["S"], to=["zzz"])


# --- protection ---------------------------------------------------------------------------------------------------


def test_protection_counts_devices_upstream():
    kinds = {"switches": {"kind": ["Breaker", "LoadBreakSwitch", "Fuse", "Recloser"]}}
    twin = Twin(draw("b1:S-a b2:a-b b3:b-c c4:c-d b5:d-e", more=kinds))
    found = [trace(twin, kind="protection", start=["b5"], n=n).to_json() for n in (1, 2, 3)]
    assert [each["devices"] for each in found] == [["b3"], ["b1"], []]
    assert [(each["n"], each["ambiguous"], each["status"]) for each in found] == [(n, False, "ok") for n in (1, 2, 3)]
    assert [(edge["mrid"], edge["depth"]) for edge in found[0]["edges"]] == [("b3", 2)]
    assert trace(twin, kind="protection", start=["b3"]).to_json()["devices"] == ["b1"]


def test_protection_in_a_mesh_is_ambiguous():
    kinds = {"switches": {"kind": ["Breaker", "Breaker"]}}
    twin = Twin(draw("b1:S-a b2:S-b c3:a-c c4:b-c", more=kinds))
    answer = trace(twin, kind="protection", start=["c"]).to_json()
    assert (sorted(answer["devices"]), answer["ambiguous"]) == (["b1", "b2"], True)


def test_nothing_protects_what_is_dead():
    twin = Twin(draw("b1:S-a b2:a-b", opened="b1"))
    assert trace(twin, kind="protection", start=["b"]).status == "not_energized"


def test_a_phase_that_the_start_has_not_is_refused():
    twin = Twin(draw("c1:S-a", consumers={"load": "a"}, phases={"c1": "AB", "load": "B"}))
    for start, phases in (("c1", "C"), ("load", "A"), ("load", "AC")):
        with pytest.raises(TraceError, match=f"'{start}' has no such phase; it has") as raised:
            trace(twin, kind="connected", start=[start], phases=phases)
        assert raised.value.field == "phases"
    assert trace(twin, kind="connected", start=["load"], phases="AB").status == "ok"
