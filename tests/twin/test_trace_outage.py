"""What a batch would change, against operating it."""

from __future__ import annotations

import numpy as np
import pytest

from tests.twin.networks import F1, draw, rng_network
from twin.engine import Twin
from twin.events import Operation
from twin.mrids import UnknownMrid
from twin.phases import code_to_mask, mask_to_code
from twin.traces import trace
from twin.transitions import SwitchingError

LOADS = {"load 1": "1", "load 3": "3", "load 4": "4", "load 6": "6"}


@pytest.fixture
def twin():
    feeders = [("b1", "1"), ("b7", "6")]
    phases = {"load 4": "A"}
    return Twin(draw(F1, sources="S T", opened="b5", consumers=LOADS, feeders=feeders, phases=phases))


def asked(twin, *operations, **more):
    return trace(twin, kind="outage", operations=list(operations), **more).to_json()


def opening(mrid, **more):
    return {"mrid": mrid, "open": True, **more}


def test_what_is_lost(twin):
    answer = asked(twin, opening("b3"))
    assert {node["mrid"]: (node["lost"], node["gained"]) for node in answer["nodes"]} == {
        "3": ("ABC", ""),
        "4": ("ABC", ""),
    }
    assert {edge["mrid"]: edge["lost"] for edge in answer["edges"]} == {"b3": "ABC", "c4": "ABC"}
    assert [(each["mrid"], each["reason"]) for each in answer["boundaries"]] == [("b3", "open"), ("b5", "open")]
    lost = answer["lost"]
    assert (lost["nodes"], lost["edges"], lost["customers"], lost["customers_whole"]) == (2, 2, 2, 2)
    assert lost["feeders"] == [{"mrid": "feeder b1", "name": "Feeder b1", "nodes": 2, "customers": 2}]
    (area,) = lost["areas"]
    left, bottom, right, top = area["bounds"]
    assert left <= area["lng"] <= right and bottom <= area["lat"] <= top
    assert (area["id"], area["nodes"], area["customers"]) == ("3", 2, 2)
    assert area["bounds"] == pytest.approx([9.003, 52, 9.004, 52])
    assert answer["gained"]["nodes"] == 0 and answer["switches"] == ["b3"] and answer["customers"] == 2
    assert twin.revision == 0 and not twin.current.customers_out


def test_part_of_a_supply(twin):
    lost = asked(twin, opening("b3", phases="A"))["lost"]
    assert (lost["customers"], lost["customers_whole"], lost["customers_partial"]) == (2, 1, 1)


def test_lost_and_gained_in_one_batch(twin):
    twin.switch([Operation("b3", open=True)])
    answer = asked(twin, opening("b1"), {"mrid": "b5", "open": False})
    assert {node["mrid"]: (node["lost"], node["gained"]) for node in answer["nodes"]} == {
        **dict.fromkeys("12", ("ABC", "")),
        **dict.fromkeys("34", ("", "ABC")),
    }
    assert (answer["lost"]["customers"], answer["gained"]["customers"]) == (1, 2)
    assert answer["gained"]["areas"][0]["nodes"] == 2
    normal = asked(twin, opening("b1"), state="normal")
    assert normal["lost"]["nodes"] == 4


def test_areas_are_apart_and_the_largest_comes_first():
    spurs = "b1:S-a c2:a-b b3:S-c b4:S-d c5:d-e c6:e-f"
    twin = Twin(draw(spurs, consumers={"x": "b", "y": "f", "z": "e"}))
    areas = asked(twin, *(opening(mrid) for mrid in ("b1", "b3", "b4")))["lost"]["areas"]
    assert [(area["customers"], area["nodes"]) for area in areas] == [(2, 3), (1, 2), (0, 1)]
    assert asked(twin, opening("b3"))["lost"]["feeders"] == [{"mrid": None, "name": None, "nodes": 1, "customers": 0}]


@pytest.mark.parametrize(
    ("operations", "mrid", "rule"),
    [
        ([opening("c2")], "c2", "only switches are operated"),
        ([opening("S")], "S", "only switches are operated"),
        ([opening("b3"), {"mrid": "b3", "open": False}], "b3", "both opened and closed on ABC in one batch"),
        ([opening("b3", phases="AN")], "b3", "has no phase N"),
        ([opening("b7")], "b7", "is locked"),
    ],
)
def test_rules_are_those_of_switching(operations, mrid, rule):
    twin = Twin(draw(F1, opened="b5", more={"switches": {"locked": [False, False, False, True]}}))
    before = twin.current.energized.copy()
    with pytest.raises(SwitchingError, match=rule) as raised:
        asked(twin, *operations)
    assert raised.value.mrid == mrid
    assert (twin.current.energized == before).all()
    with pytest.raises(UnknownMrid, match="'zzz'"):
        asked(twin, opening("zzz"))


@pytest.mark.parametrize("seed", range(40))
def test_it_says_what_operating_does(seed):
    rng = np.random.default_rng(seed)
    twin = Twin(rng_network(seed))
    network = twin.network
    rows = np.flatnonzero(network.operable)
    if len(rows) == 0:
        return
    batch = [
        {"mrid": str(network.switches["mrid"][row]), "open": bool(rng.integers(2))}
        for row in rng.permutation(rows)[: int(rng.integers(1, 5))]
    ]
    answer = asked(twin, *batch)
    before = twin.current
    result = twin.switch([Operation(**each) for each in batch])
    after = twin.current
    told = {each["mrid"]: (each["lost"], each["gained"]) for each in (*answer["nodes"], *answer["edges"])}
    expected = {}
    for mrids, was, now in (
        (network.nodes["mrid"], before.energized, after.energized),
        (network.branch_column("mrid"), before.branch_energized & 7, after.branch_energized & 7),
    ):
        for mrid, old, new in zip(mrids.tolist(), was.tolist(), now.tolist(), strict=True):
            if old != new:
                expected[mrid] = (mask_to_code(old & ~new), mask_to_code(new & ~old))
    assert told == expected
    for name, supply in (("lost", result.deenergized), ("gained", result.reenergized)):
        assert (answer[name]["nodes"], answer[name]["customers"]) == (supply.nodes, supply.customers)
        assert sum(area["nodes"] for area in answer[name]["areas"]) == supply.nodes
        assert sum(area["customers"] for area in answer[name]["areas"]) == supply.customers
        assert sum(feeder["customers"] for feeder in answer[name]["feeders"]) == supply.customers
    assert all(code_to_mask(node["phases"]) & 7 for node in answer["nodes"])
