"""Intervals against downstream traces."""

import numpy as np
import pytest

from tests.topology.grids import Grid, multigraph
from tests.topology.test_energize import numbered
from topology.energize import energize
from topology.interval import interval, weight_before
from topology.results import Options, Start
from topology.trace import downstream


def test_an_interval_is_the_downstream_trace():
    found = 0
    for seed in range(600):
        graph, conducting, sources = numbered(multigraph(seed, nodes=12, extra=2))
        alive = energize(graph, conducting, sources)
        limit = (7, 7, 1, 6)[seed % 4]
        before = weight_before(np.arange(graph.node_count))
        asked = [{"node": node} for node in range(graph.node_count)]
        asked += [{"branch": branch} for branch in range(graph.branch_count)]
        for ask in asked:
            run = interval(graph, conducting, sources, alive, **ask, phases=limit)
            if run is None:
                continue
            found += 1
            start = Start([ask["node"]] if "node" in ask else [], [ask["branch"]] if "branch" in ask else [])
            for mode in ("flow", "exclusive"):
                trace = downstream(graph, conducting, sources, start, Options(phases=limit), mode=mode)
                assert run.nodes().tolist() == sorted(trace.nodes.tolist())
                assert set(trace.node_phases.tolist()) == {run.phases}
                assert run.weight(before) == trace.nodes.sum()
    assert found > 800


def test_a_run_that_is_fed_alike_is_found():
    line = Grid.from_text("source S\na S 1\nb 1 2\nc 2 3\ntie 3 S open").build()
    alive = energize(line.graph, line.conducting, line.sources)
    state = (line.graph, line.conducting, line.sources, alive)
    assert interval(*state, node=line.node["1"]).nodes().tolist() == [line.node[name] for name in "123"]
    assert interval(*state, branch=line.branch["b"]).nodes().tolist() == [line.node[name] for name in "23"]
    assert interval(*state, branch=line.branch["tie"]) is None
    closed = line.operated(tie="ABC")
    assert interval(line.graph, closed, line.sources, alive, node=line.node["1"]) is None
    opened = line.operated(c="")
    alive = energize(line.graph, opened, line.sources)
    assert interval(line.graph, opened, line.sources, alive, node=line.node["1"]) is None
    assert interval(line.graph, opened, line.sources, alive, node=line.node["3"]) is None


def test_wrong_starts_are_refused():
    line = Grid.from_text("source S\na S 1").build()
    state = (line.graph, line.conducting, line.sources, energize(line.graph, line.conducting, line.sources))
    for ask in ({}, {"node": 0, "branch": 0}):
        with pytest.raises(ValueError, match="expected one of them"):
            interval(*state, **ask)
    for ask in ({"node": 2}, {"branch": 1}):
        with pytest.raises(IndexError, match="is not below 2 or 1"):
            interval(*state, **ask)
