"""Every trace against simple paths and deletion, on random small multigraphs."""

from itertools import pairwise

import numpy as np
import pytest

from tests import oracles
from tests.topology.grids import Grid, multigraph
from topology import _find
from topology._region import cut_out
from topology.energize import energize
from topology.graph import build
from topology.results import Options, Reason, Start
from topology.trace import connected, direction, downstream, subnetwork, upstream

PARTS = 4


@pytest.fixture(autouse=True, params=["whole", "region"])
def regions(request, monkeypatch):
    """Small networks are traced as a whole; each test runs once more as if they were parts of large ones."""
    if request.param == "region":
        monkeypatch.setattr(_find, "around", cut_out)


def networks(part, count=1000, **sizes):
    """Numbered random multigraphs: graph, the oracle's arguments, conducting, sources."""
    for seed in range(part, count, PARTS):
        m = multigraph(seed, **sizes)
        numbered = build(m.node_count, m.u, m.v, m.phases, m.conducting, m.sources)
        graph = numbered.graph
        conducting, sources = np.empty(len(m.u), np.uint8), np.empty(m.node_count, np.uint8)
        conducting[numbered.branch_number], sources[numbered.node_number] = m.conducting, m.sources
        u, v = graph.branch_u.tolist(), graph.branch_v.tolist()
        plain = (m.node_count, u, v, conducting.tolist(), sources.tolist())
        yield seed, graph, plain, conducting, sources


def starts(graph, seed):
    """Every single node and branch, and one start of several."""
    yield from (([node], []) for node in range(graph.node_count))
    yield from (([], [branch]) for branch in range(graph.branch_count))
    if graph.branch_count:
        yield [seed % graph.node_count], [seed % graph.branch_count, (seed // 7) % graph.branch_count]


def begins(graph, plain, nodes, branches, limit):
    """Where a trace starts: each node, and the ends of a branch with what it conducts, or, open, has."""
    seeds = [(node, limit) for node in nodes]
    for branch in branches:
        carried = plain[3][branch] & limit or int(graph.branch_phases[branch]) & limit
        seeds += [(plain[1][branch], carried), (plain[2][branch], carried)]
    return seeds


def masks_of(numbers, masks, size):
    result = [0] * size
    for number, mask in zip(numbers.tolist(), masks.tolist(), strict=True):
        result[number] = mask
    return result


def check_order(trace):
    for numbers, depth in ((trace.nodes, trace.node_depth), (trace.branches, trace.branch_depth)):
        keys = list(zip(depth.tolist(), numbers.tolist(), strict=True))
        assert all(one < other for one, other in pairwise(keys))
    assert all(one < other for one, other in pairwise(trace.boundaries.tolist()))
    assert not set(trace.boundaries.tolist()) & set(trace.branches.tolist())


def check_flow(trace, ways):
    for branch, phases, flow in zip(
        trace.branches.tolist(), trace.branch_phases.tolist(), trace.branch_flow.tolist(), strict=True
    ):
        found = {ways[branch][bit] for bit in range(3) if phases >> bit & 1} - {0}
        assert flow == ({1: 1, 2: -1}.get(found.pop(), 0) if len(found) == 1 else 0)


@pytest.mark.parametrize("part", range(PARTS))
def test_direction(part):
    for _, graph, plain, conducting, sources in networks(part):
        assert direction(graph, conducting, sources).tolist() == oracles.direction(*plain)


@pytest.mark.parametrize("part", range(PARTS))
def test_connected(part):
    for seed, graph, plain, conducting, sources in networks(part):
        limit = (7, 7, 1, 6)[seed // PARTS % 4]
        ways = oracles.direction(*plain)
        for nodes, branches in starts(graph, seed):
            trace = connected(graph, conducting, sources, Start(nodes, branches), Options(phases=limit))
            reach, depth = oracles.spread(*plain[:4], begins(graph, plain, nodes, branches, limit))
            assert masks_of(trace.nodes, trace.node_phases, graph.node_count) == reach
            assert dict(zip(trace.nodes.tolist(), trace.node_depth.tolist(), strict=True)) == depth
            carried = [
                plain[3][b] & (limit if b in branches else reach[plain[1][b]] | reach[plain[2][b]]) & limit
                for b in range(graph.branch_count)
            ]
            assert masks_of(trace.branches, trace.branch_phases, graph.branch_count) == carried
            check_boundaries(trace, graph, plain, reach, carried, limit, branches)
            assert trace.sources.tolist() == [n for n, m in enumerate(reach) if m & plain[4][n]]
            check_order(trace)
            check_flow(trace, ways)


def check_boundaries(trace, graph, plain, reach, carried, limit, starts=()):
    """What touches the trace without being in it: open where it has the phases, else an end of phases."""
    expected = {}
    for branch in range(graph.branch_count):
        phases = int(graph.branch_phases[branch])
        met = reach[plain[1][branch]] | reach[plain[2][branch]]
        if branch in starts:
            if not plain[3][branch] & limit:
                expected[branch] = Reason.OPEN if phases & limit else Reason.PHASE_END
        elif not carried[branch] and not plain[3][branch] & met:
            if phases & met:
                expected[branch] = Reason.OPEN
            elif met and phases & limit:
                expected[branch] = Reason.PHASE_END
    found = dict(zip(trace.boundaries.tolist(), trace.boundary_reasons.tolist(), strict=True))
    assert found == expected


@pytest.mark.parametrize("part", range(PARTS))
def test_upstream(part):
    for seed, graph, plain, conducting, sources in networks(part):
        limit = (7, 7, 1, 6)[seed // PARTS % 4]
        ways = oracles.direction(*plain)
        alive = oracles.energize(*plain)
        given = energize(graph, conducting, sources) if seed % 2 else None
        for nodes, branches in starts(graph, seed):
            options = Options(phases=limit)
            trace = upstream(graph, conducting, sources, Start(nodes, branches), options, given)
            if trace.status == "not_energized":
                assert not any(alive[n] & m for n, m in begins(graph, plain, nodes, branches, limit))
                assert trace.nodes.size == trace.branches.size == trace.sources.size == 0
                continue
            up = oracles.Upstream(*plain, nodes, branches, limit, graph.branch_phases.tolist())
            assert masks_of(trace.nodes, trace.node_phases, graph.node_count) == up.nodes
            assert masks_of(trace.branches, trace.branch_phases, graph.branch_count) == up.branches
            listed = {n for b, m in enumerate(up.branches) for n in (plain[1][b], plain[2][b]) if m & plain[4][n]} | {
                n for n in nodes if plain[4][n] & limit
            }
            assert set(trace.sources.tolist()) == listed
            assert set(trace.boundaries.tolist()) == {b for b in branches if not plain[3][b] & limit}
            check_order(trace)
            check_flow(trace, ways)


@pytest.mark.parametrize("mode", ["flow", "exclusive"])
@pytest.mark.parametrize("part", range(PARTS))
def test_downstream(part, mode):
    twin = oracles.fed_through if mode == "flow" else oracles.lost_without
    for seed, graph, plain, conducting, sources in networks(part):
        limit = (7, 7, 1, 6)[seed // PARTS % 4]
        ways = oracles.direction(*plain)
        alive = oracles.energize(*plain)
        given = energize(graph, conducting, sources) if seed % 2 else None
        for nodes, branches in starts(graph, seed):
            options = Options(phases=limit)
            trace = downstream(graph, conducting, sources, Start(nodes, branches), options, given, mode)
            if trace.status == "not_energized":
                assert not any(alive[n] & m for n, m in begins(graph, plain, nodes, branches, limit))
                continue
            expected = [0] * graph.node_count
            for kind, numbers in (("node", nodes), ("branch", branches)):
                for number in numbers:
                    below = twin(*plain, **{kind: number})
                    expected = [one | other & limit for one, other in zip(expected, below, strict=True)]
            assert masks_of(trace.nodes, trace.node_phases, graph.node_count) == expected
            carried = [
                plain[3][b] & limit & (7 if b in branches else expected[plain[1][b]] & expected[plain[2][b]])
                for b in range(graph.branch_count)
            ]
            assert masks_of(trace.branches, trace.branch_phases, graph.branch_count) == carried
            check_order(trace)
            check_flow(trace, ways)
            if not branches:
                check_boundaries(trace, graph, plain, expected, carried, limit)


def test_modes_agree_on_trees():
    for _, graph, _, conducting, sources in networks(0):
        if graph.chord.size or np.count_nonzero(sources) != 1 or sources[0] != 7:
            continue
        for node in range(graph.node_count):
            start = Start([node])
            flow = downstream(graph, conducting, sources, start, mode="flow")
            alone = downstream(graph, conducting, sources, start, mode="exclusive")
            assert flow.nodes.tolist() == alone.nodes.tolist()
            assert flow.branches.tolist() == alone.branches.tolist()
            assert flow.boundaries.tolist() == alone.boundaries.tolist()


def test_an_isolated_node_returns_itself():
    lone = Grid.from_text("source S\nnode X\nb S 1").build()
    trace = connected(lone.graph, lone.conducting, lone.sources, lone.start("X"))
    assert lone.nodes_of(trace) == {"X"}
    assert trace.branches.size == trace.boundaries.size == 0


def test_a_self_loop_is_in_the_result_without_a_direction():
    grid = Grid.from_text("source S\nb S 1\nloop 1 1").build()
    for trace in (connected, downstream):
        result = trace(grid.graph, grid.conducting, grid.sources, grid.start("1"))
        flow = dict(zip(result.branches.tolist(), result.branch_flow.tolist(), strict=True))
        assert flow[grid.branch["loop"]] == 0


def test_one_terminal_of_a_start_branch():
    grid = Grid.case("f1_open_tie").build()
    towards = 1 if grid.node_name[int(grid.graph.branch_u[grid.branch["b3"]])] == "3" else 2
    one = connected(grid.graph, grid.conducting, grid.sources, grid.start("b3", terminal=towards))
    other = connected(grid.graph, grid.conducting, grid.sources, grid.start("b3", terminal=3 - towards))
    assert grid.nodes_of(one) == {"3", "4"}
    assert grid.branches_of(one) == {"b3", "c4"}
    assert grid.nodes_of(other) == {"S", "1", "2"}


def test_an_open_switch_has_two_sides():
    grid = Grid.case("f1_open_tie").build()
    both = upstream(grid.graph, grid.conducting, grid.sources, grid.start("b5"))
    assert grid.nodes_of(both) == set("123456")
    assert grid.boundaries_of(both) == {"b5": Reason.OPEN}
    sides = [
        upstream(grid.graph, grid.conducting, grid.sources, grid.start("b5", terminal=terminal)) for terminal in (1, 2)
    ]
    assert {frozenset(grid.nodes_of(side)) for side in sides} == {frozenset("1234"), frozenset("56")}
    below = [
        downstream(grid.graph, grid.conducting, grid.sources, grid.start("b5", terminal=terminal))
        for terminal in (1, 2)
    ]
    assert {frozenset(grid.nodes_of(side)) for side in below} == {frozenset("4"), frozenset("5")}


@pytest.mark.parametrize("kind", ["barriers", "filter_barriers"])
def test_barriers_on_a_line(kind):
    grid = Grid.case("f1_open_tie").build()
    options = Options(**{kind: grid.rows("c2")})
    up = upstream(grid.graph, grid.conducting, grid.sources, grid.start("c4"), options)
    assert grid.nodes_of(up) == {"3", "2"}
    assert grid.branches_of(up) == {"c4", "b3"}
    assert grid.boundaries_of(up) == {"c2": Reason.BARRIER}
    assert up.sources.size == 0
    assert abs(up.branch_flow).tolist() == [1, 1]
    down = downstream(grid.graph, grid.conducting, grid.sources, grid.start("1"), options)
    assert grid.nodes_of(down) == {"1"}
    assert grid.boundaries_of(down) == {"c2": Reason.BARRIER}
    below = downstream(grid.graph, grid.conducting, grid.sources, grid.start("2"), options)
    assert grid.nodes_of(below) == {"2", "3", "4"}
    assert grid.boundaries_of(below) == {"b5": Reason.OPEN}
    around = connected(grid.graph, grid.conducting, grid.sources, grid.start("4"), options)
    assert grid.nodes_of(around) == {"2", "3", "4"}
    assert grid.boundaries_of(around) == {"b5": Reason.OPEN, "c2": Reason.BARRIER}


def test_barriers_in_a_row():
    grid = Grid.case("f1_open_tie").build()
    options = Options(barriers=grid.rows("c2", "c4"))
    up = upstream(grid.graph, grid.conducting, grid.sources, grid.start("4"), options)
    assert grid.nodes_of(up) == {"4"}
    assert grid.boundaries_of(up) == {"c4": Reason.BARRIER}
    up = upstream(grid.graph, grid.conducting, grid.sources, grid.start("3"), options)
    assert grid.nodes_of(up) == {"2", "3"}
    assert grid.boundaries_of(up) == {"c2": Reason.BARRIER}


def test_a_barrier_gives_a_ring_a_direction_and_a_filter_barrier_does_not():
    grid = Grid.case("f3_ring").build()
    start = grid.start("q")
    plain = upstream(grid.graph, grid.conducting, grid.sources, start, Options(barriers=grid.rows("r3")))
    assert grid.boundaries_of(plain) == {"r3": Reason.BARRIER}
    assert grid.branches_of(plain) == {"r2", "r1", "S-j"}
    assert all(plain.branch_flow)
    filtered = upstream(grid.graph, grid.conducting, grid.sources, start, Options(filter_barriers=grid.rows("r3")))
    assert grid.branches_of(filtered) == {"r2", "r1", "S-j"}
    ring = [grid.branch_name[b] != "S-j" for b in filtered.branches.tolist()]
    assert not filtered.branch_flow[ring].any()


def test_ignoring_switch_status_crosses_open_switches():
    grid = Grid.case("f1_open_tie").build()
    trace = connected(grid.graph, grid.conducting, grid.sources, grid.start("2"), Options(ignore_status=True))
    assert grid.nodes_of(trace) == set("S123456T")
    assert trace.boundaries.size == 0


def test_a_feeder_stops_at_heads_and_substation_transformers():
    grid = Grid.from_text(
        "source S\nsub S bus\nh1 bus 1 head\na 1 2\ntie 2 3\nb 3 4\nh2 bus 4 head\nother 3 5\n"
    ).build()
    feeder = subnetwork(
        grid.graph,
        grid.conducting,
        grid.sources,
        grid.rows("h1"),
        [grid.node["1"]],
        grid.rows("h1", "h2"),
        grid.rows("sub", "other"),
    )
    assert grid.nodes_of(feeder) == set("1234")
    assert grid.branches_of(feeder) == {"h1", "a", "tie", "b"}
    assert grid.boundaries_of(feeder) == {"h2": Reason.FEEDER_HEAD, "other": Reason.SUBSTATION}
    with pytest.raises(ValueError, match="load side"):
        subnetwork(grid.graph, grid.conducting, grid.sources, grid.rows("h1"), [grid.node["5"]])


@pytest.mark.parametrize(
    ("start", "message"), [(Start([9]), "node 9 is outside"), (Start([], [-2]), "branch -2 is outside")]
)
def test_an_unknown_start_is_an_error(start, message):
    grid = Grid.case("f3_ring").build()
    for trace in (connected, upstream, downstream):
        with pytest.raises(IndexError, match=message):
            trace(grid.graph, grid.conducting, grid.sources, start)


def test_wrong_arguments_are_refused():
    grid = Grid.case("f3_ring").build()
    with pytest.raises(ValueError, match='mode is "up"'):
        downstream(grid.graph, grid.conducting, grid.sources, Start([0]), mode="up")
    with pytest.raises(ValueError, match="1 start branches, but 2 terminals"):
        Start([], [1], [1, 2])
    with pytest.raises(ValueError, match="terminal is"):
        Start([], [1], [3])
