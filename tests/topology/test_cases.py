"""The conformance cases: every folder of tests/cases, every question in it."""

import json

import numpy as np
import pytest

from tests.topology.grids import CASES, Grid, mask, text
from topology.energize import Energizer, energize
from topology.loops import find_loops
from topology.results import Options
from topology.trace import connected, direction, downstream, subnetwork, upstream

QUESTIONS = [
    pytest.param(folder.name, question, id=f"{folder.name}-{at}-{question['ask']}")
    for folder in sorted(CASES.iterdir())
    if folder.is_dir()
    for at, question in enumerate(json.loads((folder / "expected.json").read_text()))
]
WAYS = {"none": {0}, "down": {1, 2}, "both": {3}}


@pytest.mark.parametrize(("name", "question"), QUESTIONS)
def test_case(name, question):
    grid = Grid.case(name).build()
    if question["ask"] == "outage":
        check_outage(grid, question)
    elif question["ask"] == "direction":
        ways = direction(grid.graph, grid.conducting, grid.sources)
        for branch, way in question["ways"].items():
            assert set(ways[grid.branch[branch]].tolist()) <= WAYS[way]
    elif question["ask"] == "loops":
        loops = find_loops(grid.graph, grid.conducting, grid.sources)
        found = [[loop.kind, sorted(grid.branch_name[b] for b in loop.branches.tolist())] for loop in loops]
        assert found == question["loops"]
    else:
        check_trace(grid, question)


def check_outage(grid, question):
    before = energize(grid.graph, grid.conducting, grid.sources)
    energizer = Energizer(grid.graph, grid.conducting, grid.sources)
    operated = question["operate"]
    energizer.operate(grid.rows(*operated), [mask(phases) for phases in operated.values()])
    lost = before & ~energizer.energized
    assert {grid.node_name[n]: text(int(lost[n])) for n in np.flatnonzero(lost).tolist()} == question["dead"]


def check_trace(grid, question):
    state = (grid.graph, grid.conducting, grid.sources)
    options = Options(
        barriers=grid.rows(*question.get("barriers", ())),
        include_barriers=question.get("include_barriers", True),
        ignore_barriers_at_start=question.get("ignore_barriers_at_start", False),
    )
    start = grid.start(*question["start"])
    if question["ask"] == "subnetwork":
        heads = grid.rows(*question["start"])
        trace = subnetwork(*state, heads, [grid.node[question["load"]]], grid.rows(*grid.grid.heads), (), options)
    elif question["ask"] == "downstream":
        trace = downstream(*state, start, options, mode=question["mode"])
    else:
        trace = {"connected": connected, "upstream": upstream}[question["ask"]](*state, start, options)
    names = [grid.node_name[n] for n in trace.nodes.tolist()]
    assert in_order(names, trace.node_depth.tolist()) == in_order(
        question["nodes"], [trace.node_depth[names.index(name)] for name in question["nodes"]]
    )
    names = [grid.branch_name[b] for b in trace.branches.tolist()]
    assert in_order(names, trace.branch_depth.tolist()) == in_order(
        question["branches"], [trace.branch_depth[names.index(name)] for name in question["branches"]]
    )
    assert {b: reason.name for b, reason in grid.boundaries_of(trace).items()} == question["boundaries"]
    if "sources" in question:
        assert grid.sources_of(trace) == set(question["sources"])
    assert trace.status == question.get("status", "ok")


def in_order(names, depth):
    """Names by depth, sorted where it is equal, which must not mix up the order they stand in."""
    assert list(depth) == sorted(depth)
    return sorted(zip(depth, names, strict=True))
