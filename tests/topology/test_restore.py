"""Isolation and restoration, by their definitions on random networks and on drawn ones."""

import random

import numpy as np
import pytest

from tests import oracles
from tests.topology.grids import Grid
from tests.topology.test_trace import PARTS, networks
from topology.restore import isolation, restorations
from topology.results import Start


@pytest.mark.parametrize("part", range(PARTS))
def test_isolation_kills_the_section_and_opens_nothing_needless(part):
    for seed, graph, plain, conducting, sources in networks(part, 800, nodes=9):
        rng = random.Random(seed)
        operable = [rng.random() < 0.5 for _ in range(graph.branch_count)]
        node = rng.randrange(graph.node_count)
        found = isolation(graph, conducting, sources, Start([node]), operable)
        assert node in found.nodes.tolist()
        opened = [0 if b in found.switches.tolist() else mask for b, mask in enumerate(plain[3])]
        after = oracles.energize(*plain[:3], opened, plain[4])
        if found.status == "ok":
            assert found.path.size == 0
            assert not any(after[n] for n in found.nodes.tolist())
            for branch in found.switches.tolist():
                kept = [plain[3][b] if b == branch else mask for b, mask in enumerate(opened)]
                again = oracles.energize(*plain[:3], kept, plain[4])
                assert any(again[n] for n in found.nodes.tolist())
        else:
            assert not any(operable[b] for b in found.path.tolist())
            assert any(plain[4][n] & 7 for n in found.nodes.tolist())
        for branch in found.switches.tolist():
            assert operable[branch]
            assert plain[3][branch] & 7
        for branch in found.ties.tolist():
            assert operable[branch]
            assert not plain[3][branch] & 7
        before = oracles.energize(*plain)
        inside = set(found.nodes.tolist())
        if found.status == "ok":
            lost = {n: b & ~a for n, (b, a) in enumerate(zip(before, after, strict=True)) if b & ~a and n not in inside}
            assert dict(zip(found.beyond.tolist(), found.beyond_phases.tolist(), strict=True)) == lost


LOOPED = """
source S
source T
b1 S 1
c2 1 2
b3 2 3
c4 3 4
b5 4 5 open
c6 5 6
b7 6 T
"""


def test_isolation_on_a_line():
    grid = Grid.from_text(LOOPED).build()
    operable = np.zeros(grid.graph.branch_count, bool)
    operable[grid.rows("b1", "b3", "b5", "b7")] = True
    found = isolation(grid.graph, grid.conducting, grid.sources, grid.start("c2"), operable)
    assert found.switches.tolist() == grid.rows("b1")
    assert {grid.node_name[n] for n in found.nodes.tolist()} == {"1", "2"}
    assert {grid.node_name[n] for n in found.beyond.tolist()} == {"3", "4"}
    assert found.ties.size == 0
    last = isolation(grid.graph, grid.conducting, grid.sources, grid.start("c4"), operable)
    assert last.switches.tolist() == grid.rows("b3")
    assert last.ties.tolist() == grid.rows("b5")
    operable[grid.rows("b1")] = False
    stuck = isolation(grid.graph, grid.conducting, grid.sources, grid.start("c2"), operable)
    assert stuck.status == "not_isolable"
    assert [grid.branch_name[b] for b in stuck.path.tolist()] == ["c2", "b1"]


def points_of(grid, **customers):
    """One point a named node."""
    at = sorted((grid.node[name], weight) for name, weight in customers.items())
    pointer = np.searchsorted([node for node, _ in at], range(grid.graph.node_count + 1))
    return pointer, [7] * len(at), [weight for _, weight in at]


def faulted(grid, *names):
    """The state after the section is dead, as protection leaves it: its head b1 is open."""
    return grid.operated(b1=""), [grid.node[name] for name in names]


def test_restoration_around_a_fault():
    grid = Grid.from_text(LOOPED + "b8 3 S open\nb9 4 x open\nb10 2 T open").build()
    operable = [True] * grid.graph.branch_count
    conducting, section = faulted(grid, "1", "2")
    points = points_of(grid, **{"3": 5, "4": 7, "6": 1})
    found = restorations(grid.graph, conducting, grid.sources, operable, section, *points)
    assert [grid.branch_name[r.tie] for r in found] == sorted(["b5", "b8"], key=lambda n: grid.branch[n])
    for restoration in found:
        assert restoration.customers == 12
        assert {grid.node_name[n] for n in restoration.nodes.tolist()} == {"3", "4"}
        assert restoration.openings.tolist() == grid.rows("b3")
        assert restoration.operations == 2
        assert restoration.headroom is None
    operable[grid.branch["b3"]] = False
    assert restorations(grid.graph, conducting, grid.sources, operable, section, *points) == []


def test_headroom_ranks_ties_and_is_unknown_without_ratings():
    grid = Grid.from_text(LOOPED + "b8 3 S open").build()
    operable = [True] * grid.graph.branch_count
    conducting, section = faulted(grid, "1", "2")
    points = points_of(grid, **{"3": 5, "4": 7, "6": 1})
    load = np.array([{5: 50.0, 7: 70.0, 1: 10.0}[weight] for weight in points[2]])
    rating = np.full(grid.graph.branch_count, np.inf)
    rating[grid.rows("b7", "b8")] = 500, 200
    found = restorations(grid.graph, conducting, grid.sources, operable, section, *points, rating, load)
    assert [(grid.branch_name[r.tie], r.headroom) for r in found] == [("b5", 370.0), ("b8", 80.0)]
    rating[grid.rows("b7")] = np.nan
    found = restorations(grid.graph, conducting, grid.sources, operable, section, *points, rating, load)
    assert [(grid.branch_name[r.tie], r.headroom) for r in found] == [("b8", 80.0), ("b5", None)]


@pytest.mark.parametrize("part", range(PARTS))
def test_restoration_by_closing_every_switch(part):
    for seed, graph, plain, conducting, sources in networks(part, 800, nodes=9):
        rng = random.Random(seed)
        operable = [rng.random() < 0.7 for _ in range(graph.branch_count)]
        node = rng.randrange(graph.node_count)
        section = isolation(graph, conducting, sources, Start([node]), operable).nodes.tolist()
        pointer = list(range(graph.node_count + 1))
        weight = [rng.randint(0, 5) for _ in range(graph.node_count)]
        found = restorations(graph, conducting, sources, operable, section, pointer, [7] * graph.node_count, weight)
        ends = list(zip(plain[1], plain[2], strict=True))
        cut = [0 if set(pair) & set(section) else mask for pair, mask in zip(ends, plain[3], strict=True)]
        fed = [0 if n in section else mask for n, mask in enumerate(plain[4])]
        before = oracles.energize(*plain[:3], cut, fed)
        expected = {}
        for branch, (a, b) in enumerate(ends):
            closing = int(graph.branch_phases[branch]) & ~cut[branch] & 7
            if not operable[branch] or {a, b} & set(section) or closing & before[a] & before[b]:
                continue
            closed = [int(graph.branch_phases[b2]) if b2 == branch else m for b2, m in enumerate(cut)]
            after = oracles.energize(*plain[:3], closed, fed)
            back = [n for n in range(graph.node_count) if after[n] & ~before[n]]
            needed = {b2 for b2, pair in enumerate(ends) if plain[3][b2] & 7 and touches(pair, back, section)}
            if back and all(operable[b2] for b2 in needed):
                expected[branch] = (sum(weight[n] for n in back), back, sorted(needed))
        assert {r.tie: (r.customers, r.nodes.tolist(), r.openings.tolist()) for r in found} == expected
        keys = [(-r.customers, r.operations, r.tie) for r in found]
        assert keys == sorted(keys)


def touches(pair, back, section):
    return (pair[0] in back and pair[1] in section) or (pair[1] in back and pair[0] in section)


def test_wrong_flags_are_refused():
    grid = Grid.case("f3_ring").build()
    with pytest.raises(ValueError, match="operable has shape"):
        isolation(grid.graph, grid.conducting, grid.sources, grid.start("p"), [True])
