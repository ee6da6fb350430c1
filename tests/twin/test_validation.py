"""Each kind of finding: on a network that triggers it, on one that triggers none, and against a plain search."""

from __future__ import annotations

import gc
import re
import weakref
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from tests.twin.naive_findings import messy_network, naive_findings
from tests.twin.networks import draw
from twin.components import Table
from twin.extras import NEIGHBOURS, PLACED_FROM, REPEATED_ID
from twin.network import Network
from twin.validation import KINDS, findings

LINE = "c1:S-1 c2:1-2"
"""S-1-2 with a consumer at 2, unless a case says otherwise."""
FED = {"x": "2"}
VOLTS = [69e3, 12e3, 240.0]

CASES = [
    # S -c1- 1 -c2- 2(x): nothing
    ({}, []),
    ({"sources": ""}, [("no_source", "error", "S")]),
    # S -c1- 1 /b2 2 -c3- 3(x)
    (
        {"branches": "c1:S-1 b2:1-2 c3:2-3", "opened": "b2", "consumers": {"x": "3"}},
        [("not_supplied", "error", "2 3")],
    ),
    ({"more": {"lines": {"in_service": [True, False]}}}, [("not_supplied", "error", "2")]),
    # S -c1- 1 -c2- 2(x)   3 -c3- 4
    ({"branches": LINE + " c3:3-4"}, [("island", "error", "3 4")]),
    # S -c1- 1 -t1- 2 and 3(x) -c3- 4(y), at low voltage
    (
        {
            "branches": "c1:S-1 t1:1-2 c3:3-4",
            "consumers": {"w": "2", "x": "3", "y": "4"},
            "more": {"nodes": {"nominal_voltage_v": [12e3, 12e3, 240.0, 240.0, 240.0]}},
        },
        [("meter_without_transformer", "error", "x y")],
    ),
    # S -c1- 1 -c2- 2(x): 2 is at 240 V
    (
        {"more": {"nodes": {"nominal_voltage_v": [12e3, 12e3, 240.0]}}},
        [("meter_without_transformer", "error", "x"), ("voltage_mismatch", "warning", "c2")],
    ),
    ({"branches": LINE + " t3:1-3"}, [("transformer_without_customers", "info", "t3")]),
    (
        {"phases": {"c1": "A", "c2": "B"}},
        [("not_supplied", "error", "2"), ("phase_mismatch", "error", "c2")],
    ),
    ({"phases": {"c2": "A", "x": "AB"}}, [("phase_mismatch", "error", "x")]),
    ({"more": {"nodes": {"nominal_voltage_v": [20e3, 20e3, 4e3]}}}, [("voltage_mismatch", "warning", "c2")]),
    # S -c1- 1 =c2,c3= 2(x)
    ({"branches": LINE + " c3:1-2"}, [("unexpected_loop", "warning", "c2 c3")]),
    # S -c1- 1 =t2,t3= 2(x)
    ({"branches": "c1:S-1 t2:1-2 t3:1-2"}, [("unexpected_loop", "info", "t2 t3")]),
    # S -c1- 1 -c2- 2(x) -b3- T
    ({"branches": LINE + " b3:2-T", "sources": "S T"}, [("parallel_sources", "warning", "S T c1 c2 b3")]),
    # S -c1- 1 -c2- 2(x); c3 ends beside 2
    ({"branches": LINE + " c3:S-3", "lng": {"3": 9.002005}}, [("near_miss", "info", "3 2")]),
    # S -c1- 1 -c2- 2(x); 3 -c3- 4(y): 3 lies beside the middle of c2
    (
        {"branches": LINE + " c3:3-4", "consumers": {"x": "2", "y": "4"}, "lng": {"3": 9.0015, "4": 9.01}},
        [("near_miss", "error", "3 c2")],
    ),
    ({"branches": LINE + " c3:1-3"}, [("dangling_end", "info", "3 c3")]),
    ({"branches": LINE + " b3:1-3", "opened": "b3"}, [("dangling_switch", "warning", "b3")]),
    ({"branches": LINE + " b3:1-3"}, [("dangling_switch", "warning", "b3")]),
    ({"branches": LINE + " b3:3-4", "opened": "b3"}, [("dangling_switch", "warning", "b3")]),
    ({"branches": "c1:S-1 c2:1-2 c3:1-1"}, [("self_loop", "warning", "c3")]),
    ({"more": {"lines": {"length_m": [100.0, 0.0]}}}, [("zero_length", "info", "c2")]),
    ({"more": {"lines": {"length_m": np.nan}}, "lng": {"2": 9.001}}, [("zero_length", "info", "c2")]),
    ({"lng": {"2": 10.0}}, [("coordinate_outlier", "warning", "c2 2")]),
    ({"lng": {"1": 10.0}}, [("coordinate_outlier", "warning", "c1 c2 1")]),
    ({"branches": "c1:S-1 b2:1-2", "lng": {"2": 10.0}}, [("coordinate_outlier", "warning", "b2 2")]),
    ({"lng": {"2": np.nan}}, [("unplaced", "warning", "2")]),
    (
        {"extras": ("nodes", PLACED_FROM, {"1": NEIGHBOURS, "2": NEIGHBOURS})},
        [("placed_from_neighbours", "info", "1 2")],
    ),
    ({"extras": ("lines", REPEATED_ID, {"c1": "c", "c2": "c"})}, [("duplicate_id", "warning", "c1 c2")]),
]


def drawn(options: dict) -> Network:
    given = dict(options)
    branches = given.pop("branches", LINE)
    lng, extras = given.pop("lng", {}), given.pop("extras", None)
    given.setdefault("consumers", FED)
    network = draw(branches, **given)
    tables = dict(network.tables)
    if lng:
        nodes = tables["nodes"]
        moved = [lng.get(str(mrid), at) for mrid, at in zip(nodes["mrid"], nodes["lng"], strict=True)]
        tables["nodes"] = nodes.take(np.arange(len(nodes)), lng=np.array(moved))
    if extras:
        table, name, by_mrid = extras
        column = np.array([by_mrid.get(str(mrid), "") for mrid in tables[table]["mrid"]])
        tables[table] = tables[table].with_extras(**{name: column})
    return Network.from_tables("drawn", tables)


@pytest.mark.parametrize(("options", "expected"), CASES)
def test_each_kind_on_a_network_with_just_that(options, expected):
    found = findings(drawn(options))
    rows = [(f.kind, f.severity, {mrid.removeprefix("source ") for mrid in f.mrids}) for f in found]
    assert rows == [(kind, severity, set(mrids.split())) for kind, severity, mrids in expected]
    for finding in found:
        assert finding.message.endswith(".") and finding.repair is not None and finding.repair.text.endswith(".")
        assert finding.to_json()["mrids"] == list(finding.mrids)
        if finding.kind != "unplaced":
            assert finding.lng is not None and finding.lat == 52.0


def test_the_cases_hold_every_kind():
    kinds = [kind for _, expected in CASES for kind, _, _ in expected]
    assert set(kinds) == set(KINDS)


def test_every_kind_is_documented():
    text = (Path(__file__).parents[2] / "docs" / "findings.md").read_text(encoding="utf-8")
    assert re.findall(r"^\| `(\w+)` \|", text, re.M) == list(KINDS)


@pytest.mark.parametrize(
    ("options", "operation"),
    [
        ({"branches": "c1:S-1 b2:1-2", "opened": "b2"}, {"close": ["b2"]}),
        ({"more": {"lines": {"in_service": [True, False]}}}, {"set": {"mrid": "c2", "in_service": True}}),
        ({"phases": {"c2": "A", "x": "AB"}}, {"set": {"mrid": "x", "phases": "A"}}),
        ({"branches": "c1:S-1 b2:1-2 b3:1-2"}, {"open": ["b2"]}),
        ({"branches": LINE + " b3:2-T", "sources": "S T"}, {"open": ["b3"]}),
        ({"branches": LINE + " c3:S-3", "lng": {"3": 9.002005}}, {"join": ["3", "2"]}),
        (
            {"branches": LINE + " c3:3-4", "consumers": {"x": "2", "y": "4"}, "lng": {"3": 9.0015, "4": 9.01}},
            {"split": "c2", "node": "3", "lng": 9.0015, "lat": 52.0},
        ),
        ({"branches": LINE + " c3:1-1"}, {"remove": ["c3"]}),
        ({"more": {"lines": {"length_m": [100.0, 0.0]}}}, {"set": {"mrid": "c2", "length_m": 68.459}}),
        ({"lng": {"2": 10.0}}, {"move": {"mrid": "2", "lng": 9.001, "lat": 52.0}}),
        ({"branches": "c1:S-1", "consumers": {"x": "1"}, "lng": {"1": 10.0}}, None),
        ({"lng": {"1": 10.0}}, {"move": {"mrid": "1", "lng": 9.001, "lat": 52.0}}),
    ],
)
def test_repairs_that_a_program_can_follow(options, operation):
    (finding,) = findings(drawn(options))
    repair = finding.to_json()["repair"]
    assert isinstance(repair, dict) and rounded(repair["operation"]) == operation


def rounded(value: object) -> object:
    if isinstance(value, dict):
        return {key: rounded(each) for key, each in value.items()}
    return round(value, 6) if isinstance(value, float) else value


def test_sources_out_of_service():
    (only,) = findings(drawn({"more": {"sources": {"in_service": False}}}))
    assert "none of its 1 sources is in service" in only.message


def test_a_tie_to_nowhere_names_the_other_feeder_beside_it():
    grid = "b1:S-1 c2:1-2 b3:2-3 b4:T-5 c5:5-6"
    lng = [9.0, 9.001, 9.002, 9.002, 9.01, 9.011, 9.002005]
    options = {
        "sources": "S T",
        "opened": "b3",
        "feeders": [("b1", "1"), ("b4", "5")],
        "consumers": {"x": "2", "y": "6"},
    }
    (tie,) = (f for f in findings(draw(grid, more={"nodes": {"lng": lng}}, **options)) if f.kind == "dangling_switch")
    assert "nothing else is at its end '3'" in tie.message and "'6' of another feeder is within 1 m" in tie.message
    assert tie.repair is not None and tie.repair.operation == {"join": ["3", "6"]}
    lng[-1] = 9.002050
    (tie,) = (f for f in findings(draw(grid, more={"nodes": {"lng": lng}}, **options)) if f.kind == "dangling_switch")
    assert "another feeder" not in tie.message and tie.repair is not None and tie.repair.operation is None


def test_transmission_may_be_meshed():
    # S =c1,c2= 1 -t3- 2(x)     T -c4- 1
    grid = {"branches": "c1:S-1 c2:S-1 t3:1-2 c4:T-1", "sources": "S T"}
    high = [110e3, 110e3, 20e3, 110e3]
    assert findings(drawn({**grid, "more": {"nodes": {"nominal_voltage_v": high}}})) == []
    assert Counter(f.kind for f in findings(drawn(grid))) == {"unexpected_loop": 1, "parallel_sources": 1}


def test_a_mesh_below_two_stations_is_a_loop():
    # S -c1- 1 -t2- 3 -c4- 4(x) -c5- 2 -t3- 1': both primaries are transmission
    grid = "c1:S-1 t2:1-3 c4:3-4 c5:4-2 t3:5-2 c6:S-5"
    volts = {"S": 110e3, "1": 110e3, "5": 110e3}
    nodes = ["S", "1", "3", "4", "2", "5"]
    more = {"nodes": {"nominal_voltage_v": [volts.get(node, 20e3) for node in nodes]}}
    (loop,) = findings(draw(grid, consumers={"x": "4"}, more=more))
    assert (loop.kind, loop.severity, set(loop.mrids)) == ("unexpected_loop", "warning", {"t2", "c4", "c5", "t3"})
    assert "make a loop" in loop.message


def test_near_is_a_setting():
    network = drawn({"branches": LINE + " c3:S-3", "lng": {"3": 9.00203}})  # 2 m
    assert [f.kind for f in findings(network)] == ["dangling_end"]
    assert [f.kind for f in findings(network, near_m=3.0)] == ["near_miss"]
    for wrong in (-1, 101, np.nan):
        with pytest.raises(ValueError, match=r"near_m is .*; it must lie in 0 … 100 m"):
            findings(network, near_m=wrong)


def test_everything_at_one_point_is_checked():
    count = 300
    nodes = {"mrid": [f"n{i}" for i in range(count)], "lng": 9.0, "lat": 52.0}
    lines = {"mrid": [f"c{i}" for i in range(count // 2)], "node1": range(0, count, 2), "node2": range(1, count, 2)}
    sources = {"mrid": ["s"], "node": [0]}
    tables = {
        name: Table(draw(LINE).tables[name].component, columns)
        for name, columns in (("nodes", nodes), ("lines", lines), ("sources", sources))
    }
    kinds = Counter(f.kind for f in findings(Network.from_tables("heap", tables)))
    assert kinds["near_miss"] >= count // 2 - 1 and kinds["zero_length"] == count // 2


def test_they_are_found_once_a_network_and_forgotten_with_it():
    steps: list[str] = []
    network = drawn({})
    assert findings(network, progress=steps.append) == []
    assert len(steps) > 5 and all(step.startswith("checking ") for step in steps)
    steps.clear()
    findings(network, progress=steps.append).append("mine")  # type: ignore[arg-type]
    assert steps == [] and findings(network) == []
    forgotten = weakref.ref(network)
    del network
    gc.collect()
    assert forgotten() is None


@pytest.mark.parametrize("seed", range(60))
def test_a_plain_search_finds_the_same(seed):
    network = messy_network(seed)
    found = Counter(
        (f.kind, f.severity, frozenset(f.mrids[: 2 if f.kind == "parallel_sources" else None]))
        for f in findings(network)
    )
    assert found == naive_findings(network)


def test_random_networks_hold_every_kind():
    kinds = {f.kind for seed in range(60) for f in findings(messy_network(seed))}
    assert kinds == set(KINDS)
