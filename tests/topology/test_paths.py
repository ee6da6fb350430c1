"""Shortest paths against all simple paths, and protective devices."""

import random

import numpy as np
import pytest

from tests import oracles
from tests.topology.grids import Grid
from tests.topology.test_trace import PARTS, networks
from topology.paths import protection, shortest_path
from topology.results import Options, Start


@pytest.mark.parametrize("part", range(PARTS))
def test_shortest_path(part):
    for seed, graph, plain, conducting, sources in networks(part):
        rng = random.Random(seed)
        weight = [rng.choice((0, 1, 1, 2, 5)) for _ in range(graph.branch_count)]
        lengths = [1] * graph.branch_count if seed % 3 == 0 else weight
        for _ in range(6):
            start, goal = rng.randrange(graph.node_count), rng.randrange(graph.node_count)
            limit = rng.choice((7, 7, 2))
            trace = shortest_path(
                graph,
                conducting,
                sources,
                Start([start]),
                Start([goal]),
                Options(phases=limit),
                None if seed % 3 == 0 else weight,
            )
            expected = oracles.shortest(*plain[:4], lengths, start, goal, limit)
            if expected is None:
                assert trace.status == "unreachable"
                assert trace.nodes.size == trace.branches.size == 0
                continue
            assert trace.branches.tolist() == expected[0]
            assert (trace.nodes[0], trace.nodes[-1]) == (start, goal)
            assert trace.node_depth.tolist() == list(range(trace.nodes.size))


def test_the_lighter_of_parallel_branches_wins():
    grid = Grid.from_text("source S\nS-a S a\nheavy a b length=5\nlight a b length=2\nb-x b x").build()
    weight = np.empty(4)
    weight[grid.numbering.branch_number] = grid.grid.length
    state = (grid.graph, grid.conducting, grid.sources)
    path = shortest_path(*state, grid.start("S"), grid.start("x"), weight=weight)
    assert [grid.branch_name[b] for b in path.branches.tolist()] == ["S-a", "light", "b-x"]
    assert [grid.node_name[n] for n in path.nodes.tolist()] == ["S", "a", "b", "x"]
    assert path.branch_depth.tolist() == [1, 2, 3]
    hops = shortest_path(*state, grid.start("S"), grid.start("x"))
    assert hops.branches[1] == min(grid.rows("heavy", "light"))


def test_a_path_between_branches_holds_them():
    grid = Grid.case("f1_open_tie").build()
    state = (grid.graph, grid.conducting, grid.sources)
    path = shortest_path(*state, grid.start("b1"), grid.start("b3"))
    assert [grid.branch_name[b] for b in path.branches.tolist()] == ["b1", "c2", "b3"]
    assert path.branch_depth.tolist() == [0, 1, 2]
    assert shortest_path(*state, grid.start("b1"), grid.start("c6")).status == "unreachable"
    through = shortest_path(*state, grid.start("b1"), grid.start("c6"), Options(ignore_status=True))
    assert "b5" in grid.branches_of(through)
    barred = Options(barriers=grid.rows("c2"))
    assert shortest_path(*state, grid.start("b1"), grid.start("b3"), barred).status == "unreachable"


def test_wrong_weights_are_refused():
    grid = Grid.case("f3_ring").build()
    state = (grid.graph, grid.conducting, grid.sources, grid.start("p"), grid.start("q"))
    with pytest.raises(ValueError, match=r"weight has shape \(1,\), expected \(5,\)"):
        shortest_path(*state, weight=[1.0])
    with pytest.raises(ValueError, match="branch 2 weighs nan"):
        shortest_path(*state, weight=[1, 1, np.nan, 1, 1])


@pytest.mark.parametrize("part", range(PARTS))
def test_protection(part):
    for seed, graph, plain, conducting, sources in networks(part, 600):
        rng = random.Random(seed)
        devices = {b for b in range(graph.branch_count) if rng.random() < 0.5}
        flags = [b in devices for b in range(graph.branch_count)]
        for node in range(graph.node_count):
            up = oracles.Upstream(*plain, [node], [])
            for n in (1, 2, 3):
                found = protection(graph, conducting, sources, Start([node]), flags, n)
                expected = oracles.first_devices(up, plain[1], plain[2], devices, [node], n)
                if found.status == "ok":
                    assert set(found.devices.tolist()) == expected
                    assert found.ambiguous == (len(expected) > 1)
                else:
                    assert not any(up.nodes)


def test_the_start_does_not_protect_itself():
    grid = Grid.case("f1_open_tie").build()
    flags = np.zeros(grid.graph.branch_count, bool)
    flags[grid.rows("b1", "b3", "b7")] = True
    state = (grid.graph, grid.conducting, grid.sources)
    for start, n, expected in (("c4", 1, {"b3"}), ("b3", 1, {"b1"}), ("c4", 2, {"b1"}), ("c4", 3, set())):
        found = protection(*state, grid.start(start), flags, n)
        assert {grid.branch_name[b] for b in found.devices.tolist()} == expected
        assert not found.ambiguous


def test_a_ring_has_two_first_devices():
    grid = Grid.case("f3_ring").build()
    flags = np.zeros(grid.graph.branch_count, bool)
    flags[grid.rows("r2", "r3", "S-j")] = True
    found = protection(grid.graph, grid.conducting, grid.sources, grid.start("x"), flags)
    assert {grid.branch_name[b] for b in found.devices.tolist()} == {"r2", "r3"}
    assert found.ambiguous
    second = protection(grid.graph, grid.conducting, grid.sources, grid.start("x"), flags, 2)
    assert {grid.branch_name[b] for b in second.devices.tolist()} == {"S-j"}


def test_wrong_protection_arguments_are_refused():
    grid = Grid.case("f3_ring").build()
    state = (grid.graph, grid.conducting, grid.sources, grid.start("x"))
    with pytest.raises(ValueError, match="n is 0"):
        protection(*state, [True] * 5, 0)
    with pytest.raises(ValueError, match="devices has shape"):
        protection(*state, [True])
