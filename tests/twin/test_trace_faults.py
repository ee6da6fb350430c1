"""Isolation and restoration by mrid."""

from __future__ import annotations

import pytest

from tests.twin.networks import F1, draw
from twin.engine import Twin
from twin.events import Operation
from twin.mrids import UnknownMrid
from twin.traces import trace

LOADS = {"load 1": "1", "load 3": "3", "load 4": "4", "load 6": "6"}


def network(**more):
    return draw(F1, sources="S T", opened="b5", consumers=LOADS, feeders=[("b1", "1"), ("b7", "6")], more=more)


def energized(twin):
    nodes = twin.network.nodes["mrid"].tolist()
    return {mrid for mrid, mask in zip(nodes, twin.current.energized.tolist(), strict=True) if mask}


def test_isolation():
    twin = Twin(network())
    answer = trace(twin, kind="isolation", start=["c2"]).to_json()
    assert (answer["switches"], answer["ties"], answer["status"], answer["path"]) == (["b1"], [], "ok", [])
    assert ([e["mrid"] for e in answer["edges"]], {n["mrid"] for n in answer["nodes"]}) == (["c2"], {"1", "2"})
    assert (answer["customers_inside"], answer["customers_beyond"], answer["nodes_beyond"]) == (1, 2, 2)
    assert answer["customers"] == answer["sums"]["customers"] == 1
    assert {b["mrid"]: b["reason"] for b in answer["boundaries"]} == {"b1": "operable", "b3": "operable"}
    before = energized(twin)
    twin.switch([Operation(**each) for each in answer["operations"]])
    assert before - energized(twin) == {"1", "2", "3", "4"}


def test_a_tie_at_the_section_stays_open():
    answer = trace(Twin(network()), kind="isolation", start=["4"]).to_json()
    assert (answer["switches"], answer["ties"]) == (["b3"], ["b5"])
    assert [(n["mrid"], n["depth"]) for n in answer["nodes"]] == [("4", 0), ("3", 1)]
    assert {b["mrid"]: b["reason"] for b in answer["boundaries"]} == {"b3": "operable", "b5": "open"}


@pytest.mark.parametrize(
    "switches", [{"locked": [True, False, False, False]}, {"kind": ["Jumper", "Breaker", "Breaker", "Breaker"]}]
)
def test_what_cannot_be_isolated_says_the_way(switches):
    twin = Twin(network(switches=switches))
    answer = trace(twin, kind="isolation", start=["c2"]).to_json()
    assert (answer["status"], answer["path"]) == ("not_isolable", ["c2", "b1"])
    assert [source["mrid"] for source in answer["sources"]] == ["source S"]
    fault = trace(twin, kind="restoration", start=["c2"]).to_json()
    assert (fault["status"], fault["restorations"]) == ("not_isolable", [])


def test_a_start_that_is_not_there_is_named():
    for kind in ("isolation", "restoration"):
        with pytest.raises(UnknownMrid, match="'zzz'"):
            trace(Twin(network()), kind=kind, start=["zzz"])


def test_restoration_is_a_batch_that_works():
    twin = Twin(network())
    answer = trace(twin, kind="restoration", start=["c2"]).to_json()
    (best,) = answer["restorations"]
    assert (best["tie"], best["openings"], best["customers"], best["nodes"]) == ("b5", ["b3"], 2, 2)
    assert best["headroom_va"] == "unknown"
    assert (answer["switches"], answer["customers_beyond"]) == (["b1"], 2)
    twin.switch([Operation(**each) for each in best["operations"]])
    assert energized(twin) == {"S", "T", *"3456"}


def test_restoration_after_the_breaker_has_opened():
    twin = Twin(network())
    twin.switch([Operation("b1", open=True)])
    answer = trace(twin, kind="restoration", start=["c2"]).to_json()
    assert (answer["customers_beyond"], answer["switches"]) == (0, [])
    assert [each["tie"] for each in answer["restorations"]] == ["b5"]


def test_other_dead_ends_are_not_suggested():
    """b9 leads to a node that never has supply: its tie has nothing to do with the fault."""
    twin = Twin(draw(f"{F1} b9:6-x", sources="S T", opened="b5 b9", consumers=LOADS))
    answer = trace(twin, kind="restoration", start=["c2"]).to_json()
    assert [each["tie"] for each in answer["restorations"]] == ["b5"]


KV20 = {"nodes": {"nominal_voltage_v": 20e3}}
VA_PER_A = 20e3 * 3**0.5


def test_headroom_in_va():
    """Behind T: load 6 and, over the tie, loads 3 and 4; the line c6 carries 100 A, the breaker b7 60 A."""
    rated = {"rated_current_a": [100.0, 100.0, 100.0]}
    loads = {"p_w": [3e5, 4e5, 4e5, 0.0], "q_var": [0.0, 3e5, 3e5, 1e5]}
    answer = trace(Twin(network(**KV20, lines=rated, consumers=loads)), kind="restoration", start=["c2"]).to_json()
    (best,) = answer["restorations"]
    assert best["headroom_va"] == pytest.approx(100 * VA_PER_A - 2 * 5e5)
    tight = {"rated_current_a": [float("nan"), float("nan"), float("nan"), 60.0]}
    twin = Twin(network(**KV20, lines=rated, consumers=loads, switches=tight))
    (best,) = trace(twin, kind="restoration", start=["c2"]).to_json()["restorations"]
    assert best["headroom_va"] == pytest.approx(60 * VA_PER_A - 2 * 5e5 - 1e5)


@pytest.mark.parametrize(
    "missing",
    [
        {"lines": {"rated_current_a": [100.0, 100.0, float("nan")]}},
        {"nodes": {"nominal_voltage_v": float("nan")}},
        {"consumers": {"p_w": [1e5, float("nan"), 1e5, 1e5]}},
        {"consumers": {"p_w": [1e5, 1e5, 1e5, float("nan")]}},
    ],
)
def test_headroom_is_unknown_where_something_is_missing(missing):
    known = {**KV20, "lines": {"rated_current_a": 100.0}, "consumers": {"p_w": 1e5, "q_var": 0.0}}
    whole = trace(Twin(network(**known)), kind="restoration", start=["c2"]).to_json()["restorations"]
    assert whole[0]["headroom_va"] == pytest.approx(100 * VA_PER_A - 2e5)
    answer = trace(Twin(network(**(known | missing))), kind="restoration", start=["c2"]).to_json()
    assert answer["restorations"][0]["headroom_va"] == "unknown"
