"""The conformance cases, asked by mrid: every folder of tests/cases, every question in it."""

from __future__ import annotations

import json

import pytest

from tests.topology.grids import CASES, Grid, mask, text
from tests.topology.test_cases import QUESTIONS, WAYS, in_order
from tests.twin.networks import table_of
from twin.engine import Twin
from twin.network import Network
from twin.traces import TraceRequest, run, trace

BY_WAY = {"none": 0, "down": 1, "up": 2, "both": 3}


def network_of(name: str) -> Network:
    """Every branch is a switch, so that any may be operated; a feeder's load side is the end without a source."""
    grid = Grid.case(name)
    heads = [grid.branches.index(head) for head in grid.heads]
    tables = {
        "nodes": {"mrid": grid.nodes},
        "switches": {
            "mrid": grid.branches,
            "node1": grid.u,
            "node2": grid.v,
            "phases": grid.phases,
            "normal_open": [own & ~normal for own, normal in zip(grid.phases, grid.normal, strict=True)],
        },
        "sources": {
            "mrid": [f"source {grid.nodes[node]}" for node in grid.feeds],
            "node": list(grid.feeds),
            "phases": list(grid.feeds.values()),
        },
        "feeders": {
            "mrid": [f"feeder {head}" for head in grid.heads],
            "head_mrid": grid.heads,
            "head_node": [grid.v[at] if grid.u[at] in grid.feeds else grid.u[at] for at in heads],
        },
    }
    return Network.from_tables(name, {table: table_of(table, given) for table, given in tables.items()})


@pytest.mark.parametrize(("name", "question"), QUESTIONS)
def test_case(name, question):
    twin = Twin(network_of(name))
    ask = {"outage": check_outage, "direction": check_direction, "loops": check_loops}
    ask.get(question["ask"], check_trace)(twin, question)


def check_outage(twin, question):
    operations = []
    for mrid, conducting in question["operate"].items():
        row = twin.network.mrids.find(mrid).row
        own, wanted = int(twin.network.switches["phases"][row]), mask(conducting)
        for opened, phases in ((True, own & ~wanted), (False, wanted)):
            if phases:
                operations.append({"mrid": mrid, "open": opened, "phases": text(phases)})
    answer = trace(twin, kind="outage", operations=operations).to_json()
    assert {node["mrid"]: node["lost"] for node in answer["nodes"] if node["lost"]} == question["dead"]
    assert answer["lost"]["nodes"] == len(question["dead"])
    assert trace(twin, kind="outage", operations=operations[::-1]).to_json()["nodes"] == answer["nodes"]


def check_direction(twin, question):
    answer = trace(twin, kind="direction").to_json()
    ways = {edge["mrid"]: edge["direction"] for edge in answer["edges"]}
    assert set(ways) == set(twin.network.switches["mrid"].tolist())
    for mrid, way in question["ways"].items():
        assert {BY_WAY[each] for each in ways[mrid].values()} <= WAYS[way]
        assert trace(twin, kind="direction", start=[mrid]).to_json()["edges"] == [
            edge for edge in answer["edges"] if edge["mrid"] == mrid
        ]


def check_loops(twin, question):
    found = trace(twin, kind="loops").to_json()["loops"]
    assert [[loop["kind"], sorted(loop["edges"])] for loop in found] == question["loops"]
    assert all(loop["length"] == len(loop["edges"]) for loop in found)


def check_trace(twin, question):
    taken = ("start", "mode", "barriers", "include_barriers", "ignore_barriers_at_start")
    asked = {name: question[name] for name in taken if name in question}
    answer = run(twin.current, TraceRequest.from_json({"kind": question["ask"], **asked})).to_json()
    for part, expected in (("nodes", question["nodes"]), ("edges", question["branches"])):
        depth = {each["mrid"]: each["depth"] for each in answer[part]}
        assert in_order(depth, depth.values()) == in_order(expected, [depth.get(mrid, -1) for mrid in expected])
    assert {each["mrid"]: each["reason"].upper() for each in answer["boundaries"]} == question["boundaries"]
    if "sources" in question:
        assert {each["node"] for each in answer["sources"]} == set(question["sources"])
    assert answer["status"] == question.get("status", "ok")


def test_every_case_is_asked():
    asked = {question.values[0] for question in QUESTIONS}
    assert asked == {folder.name for folder in CASES.iterdir() if folder.is_dir()}
    assert all(json.loads((CASES / name / "expected.json").read_text()) for name in asked)
