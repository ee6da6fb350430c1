"""Cycle basis, parallel sources, radiality, bridges and exclusive weights."""

import random
from collections import Counter

import networkx as nx
import numpy as np
import pytest

from tests import oracles
from tests.topology.grids import Grid
from tests.topology.test_trace import PARTS, networks
from topology.loops import bridges, exclusive_weight, find_loops, is_radial, loop_blocks, source_paths


@pytest.mark.parametrize("part", range(PARTS))
def test_exclusive_weight(part):
    for seed, graph, plain, conducting, sources in networks(part, 1200, nodes=12, extra=5):
        rng = random.Random(seed)
        points = sorted(
            (rng.randrange(graph.node_count), rng.choice((7, 1, 2, 4, 3, 9)), rng.randint(0, 9)) for _ in range(9)
        )
        pointer = np.searchsorted([p[0] for p in points], range(graph.node_count + 1))
        phases, weights = [p[1] for p in points], [p[2] for p in points]
        found = exclusive_weight(graph, conducting, sources, pointer, phases, weights)
        assert found.tolist() == oracles.weight_lost(*plain, points)


def test_wrong_points_are_refused():
    grid = Grid.case("f3_ring").build()
    state = (grid.graph, grid.conducting, grid.sources)
    with pytest.raises(ValueError, match="point_ptr has shape"):
        exclusive_weight(*state, [0, 1], [7], [1])
    with pytest.raises(ValueError, match="point_ptr ends at 1, but there are 2 points"):
        exclusive_weight(*state, [0, 1, 1, 1, 1, 1], [7, 7], [1, 1])


@pytest.mark.parametrize("part", range(PARTS))
def test_cycle_basis_and_bridges(part):
    for _, graph, plain, conducting, sources in networks(part, nodes=9, extra=7):
        loops = find_loops(graph, conducting, sources)
        parallel = 0
        for phase in oracles.PHASES:
            members, rank = oracles.on_cycles(*plain[:4], phase)
            here = [loop for loop in loops if loop.kind == "loop" and loop.phases & phase]
            vectors = [set(loop.branches.tolist()) for loop in here]
            assert len(vectors) == rank == independent(vectors)
            assert set().union(*vectors) == members
            every = {b for b in range(graph.branch_count) if plain[3][b] & phase and plain[1][b] != plain[2][b]}
            assert set(bridges(graph, conducting, phase).tolist()) == every - members
            tied = check_parallel(loops, plain, phase)
            parallel += tied
        assert is_radial(graph, conducting, sources) == (not loops)
        for loop in loops:
            if loop.kind == "loop":
                ends = Counter(end for b in loop.branches.tolist() for end in (plain[1][b], plain[2][b]))
                assert set(ends.values()) == {2}
                assert loop.sources.size == 0


@pytest.mark.parametrize("part", range(PARTS))
def test_blocks_and_paths_are_those_of_the_loops(part):
    for seed, graph, plain, conducting, sources in networks(part, nodes=9, extra=7):
        loops = find_loops(graph, conducting, sources)
        paths = [loop for loop in loops if loop.kind == "parallel_sources"]
        for one, other in zip(source_paths(graph, conducting, sources), paths, strict=True):
            assert (one.kind, one.phases, one.branches.tolist()) == (other.kind, other.phases, other.branches.tolist())
        rng = random.Random(seed)
        merged = [7 if rng.random() < 0.2 else 0 for _ in range(graph.node_count)]
        expected = set()
        for phase in oracles.PHASES:
            halves = nx.Graph()
            for branch in range(graph.branch_count):
                u, v = ("merged" if merged[end] else end for end in (plain[1][branch], plain[2][branch]))
                if plain[3][branch] & phase and plain[1][branch] != plain[2][branch]:
                    halves.add_edges_from([(u, (branch,)), ((branch,), v)])
            for block in nx.biconnected_components(halves):
                branches = sorted(each[0] for each in block if isinstance(each, tuple))
                if len(branches) > 1 or all(merged[plain[end][branches[0]]] for end in (1, 2)):
                    expected.add(tuple(branches))
        found = loop_blocks(graph, conducting, merged)
        assert {tuple(branches.tolist()) for branches in found} == expected and len(found) == len(expected)


def independent(vectors):
    """The rank over GF(2) of sets of branches."""
    rank = 0
    rows = [sum(1 << b for b in vector) for vector in vectors]
    while rows:
        row = rows.pop()
        if row:
            rank += 1
            low = row & -row
            rows = [other ^ row if other & low else other for other in rows]
    return rank


def check_parallel(loops, plain, phase):
    here = [loop for loop in loops if loop.kind == "parallel_sources" and loop.phases & phase]
    graph = oracles.phase_graph(*plain[:4], [0] * plain[0], phase)
    fed = [n for n in range(plain[0]) if plain[4][n] & phase]
    expected = sum(max(0, len(part & set(fed)) - 1) for part in nx.connected_components(graph))
    assert len(here) == expected
    for loop in here:
        node, last = loop.sources.tolist()
        for branch in loop.branches.tolist():
            assert node in (plain[1][branch], plain[2][branch])
            assert plain[3][branch] & phase
            node = plain[1][branch] + plain[2][branch] - node
            assert node == last or node not in fed
        assert node == last
    return len(here)


def test_a_doubled_line_is_a_loop_of_two():
    grid = Grid.case("f4_doubled_line").build()
    (loop,) = find_loops(grid.graph, grid.conducting, grid.sources)
    assert {grid.branch_name[b] for b in loop.branches.tolist()} == {"d1", "d2"}
    assert (loop.kind, loop.phases) == ("loop", 7)


def test_f2_has_parallel_sources():
    grid = Grid.case("f2_closed_tie").build()
    (loop,) = find_loops(grid.graph, grid.conducting, grid.sources)
    assert loop.kind == "parallel_sources"
    assert {grid.node_name[n] for n in loop.sources.tolist()} == {"S", "T"}
    assert loop.branches.size == 7


def test_loops_that_share_equipment_share_a_block():
    grid = Grid.from_text("a 1 2\nb 2 3\nc 3 1\nd 3 2\ne 3 4\nf 4 5\ng 5 3").build()
    blocks = Counter(loop.block for loop in find_loops(grid.graph, grid.conducting, grid.sources))
    assert sorted(blocks.values()) == [1, 2]
