"""The fixtures F1 to F10 of the trace contract."""

from itertools import permutations

import numpy as np
import pytest

from tests.topology.grids import Grid
from topology.energize import Energizer, energize
from topology.results import Options, Reason
from topology.trace import connected, direction, downstream, subnetwork, upstream


def test_f1_two_feeders_and_an_open_tie():
    f1 = Grid.case("f1_open_tie").build()
    down = downstream(f1.graph, f1.conducting, f1.sources, f1.start("b3"))
    assert f1.branches_of(down) == {"b3", "c4"}
    assert f1.nodes_of(down) == {"3", "4"}
    assert f1.boundaries_of(down) == {"b5": Reason.OPEN}
    up = upstream(f1.graph, f1.conducting, f1.sources, f1.start("c4"))
    assert [f1.branch_name[b] for b in up.branches.tolist()] == ["c4", "b3", "c2", "b1"]
    assert up.branch_depth.tolist() == [0, 1, 2, 3]
    assert [f1.node_name[n] for n in up.nodes.tolist()] == ["3", "2", "1"]
    assert f1.sources_of(up) == {"S"}
    assert f1.boundaries_of(up) == {}
    for head, load in (("b1", "1"), ("b7", "6")):
        feeder = subnetwork(f1.graph, f1.conducting, f1.sources, f1.rows(head), [f1.node[load]])
        assert f1.boundaries_of(feeder) == {"b5": Reason.OPEN}


@pytest.mark.parametrize("mode", ["flow", "exclusive"])
def test_downstream_modes_agree_on_a_tree(mode):
    f1 = Grid.case("f1_open_tie").build()
    down = downstream(f1.graph, f1.conducting, f1.sources, f1.start("2"), mode=mode)
    assert f1.nodes_of(down) == {"2", "3", "4"}
    assert f1.branches_of(down) == {"b3", "c4"}


def test_f2_the_tie_closed():
    f2 = Grid.case("f2_closed_tie").build()
    assert (direction(f2.graph, f2.conducting, f2.sources) == 3).all()
    lost = downstream(f2.graph, f2.conducting, f2.sources, f2.start("b3"))
    assert f2.branches_of(lost) == {"b3"}
    assert lost.nodes.size == 0
    assert Energizer(f2.graph, f2.conducting, f2.sources).operate(f2.rows("b3"), [0]).lo.size == 0
    for head, load, other in (("b1", "1", "b7"), ("b7", "6", "b1")):
        feeder = subnetwork(f2.graph, f2.conducting, f2.sources, f2.rows(head), [f2.node[load]], f2.rows(other))
        assert f2.nodes_of(feeder) == set("123456")
        assert f2.boundaries_of(feeder) == {other: Reason.FEEDER_HEAD}


def test_f3_a_ring():
    f3 = Grid.case("f3_ring").build()
    ways = direction(f3.graph, f3.conducting, f3.sources)
    assert (ways[f3.rows("r1", "r2", "r3")] == 3).all()
    c7 = f3.branch["c7"]
    assert ways[c7, 0] == (1 if f3.node_name[int(f3.graph.branch_u[c7])] == "q" else 2)
    up = upstream(f3.graph, f3.conducting, f3.sources, f3.start("c7"))
    assert f3.branches_of(up) == {"c7", "r1", "r2", "r3", "S-j"}
    assert f3.nodes_of(up) == {"j", "p", "q"}
    flow = downstream(f3.graph, f3.conducting, f3.sources, f3.start("r2"), mode="flow")
    assert f3.nodes_of(flow) == {"p", "q", "x"}
    alone = downstream(f3.graph, f3.conducting, f3.sources, f3.start("r2"), mode="exclusive")
    assert f3.branches_of(alone) == {"r2"}
    assert alone.nodes.size == 0


def test_f4_a_doubled_line():
    f4 = Grid.case("f4_doubled_line").build()
    energizer = Energizer(f4.graph, f4.conducting, f4.sources)
    assert energizer.operate(f4.rows("d1"), [0]).lo.size == 0
    energizer.operate(f4.rows("d2"), [0])
    dead = {f4.node_name[n] for n in np.flatnonzero(energizer.energized == 0).tolist()}
    assert dead == {"b", "x"}
    for name in ("d1", "d2"):
        lost = downstream(f4.graph, f4.conducting, f4.sources, f4.start(name))
        assert lost.nodes.size == 0


def test_f5_one_phase_opens():
    f5 = Grid.case("f5_one_phase_opens").build()
    after = energize(f5.graph, f5.operated(sw="BC"), f5.sources)
    assert {name: int(after[f5.node[name]]) for name in ("a", "abc", "b")} == {"a": 0, "abc": 6, "b": 2}


def test_f6_a_phase_that_is_not_there():
    f6 = Grid.case("f6_wrong_phase").build()
    assert energize(f6.graph, f6.conducting, f6.sources)[f6.node["2"]] == 0
    met = connected(f6.graph, f6.conducting, f6.sources, f6.start("line"))
    assert f6.nodes_of(met) == {"S", "1"}
    assert f6.boundaries_of(met) == {"t": Reason.PHASE_END}


def test_f7_an_open_switch_at_a_dead_end():
    f7 = Grid.case("f7_dead_end").build()
    down = downstream(f7.graph, f7.conducting, f7.sources, f7.start("sw"))
    assert f7.boundaries_of(down) == {"sw": Reason.OPEN}
    assert down.nodes.size == down.branches.size == 0
    before = downstream(f7.graph, f7.conducting, f7.sources, f7.start("line"))
    assert f7.nodes_of(before) == {"1"}
    assert f7.boundaries_of(before) == {"sw": Reason.OPEN}


def test_f8_a_ring_without_a_source():
    f8 = Grid.case("f8_dead_ring").build()
    assert (direction(f8.graph, f8.conducting, f8.sources) == 0).all()
    for start in ("1", "r1"):
        up = upstream(f8.graph, f8.conducting, f8.sources, f8.start(start))
        assert up.status == "not_energized"
        assert up.nodes.size == up.branches.size == up.sources.size == 0


@pytest.mark.parametrize("trace", [connected, upstream, downstream])
def test_f9_a_barrier_at_the_start(trace):
    f1 = Grid.case("f1_open_tie").build()
    start, barriers = f1.start("b3"), f1.rows("b3")
    stopped = trace(f1.graph, f1.conducting, f1.sources, start, Options(barriers=barriers))
    assert stopped.nodes.size == stopped.branches.size == 0
    assert f1.boundaries_of(stopped) == {"b3": Reason.BARRIER}
    hidden = trace(f1.graph, f1.conducting, f1.sources, start, Options(barriers=barriers, include_barriers=False))
    assert hidden.boundaries.size == 0
    ignored = Options(barriers=barriers, ignore_barriers_at_start=True)
    left = trace(f1.graph, f1.conducting, f1.sources, start, ignored)
    free = trace(f1.graph, f1.conducting, f1.sources, start)
    assert f1.nodes_of(left) == f1.nodes_of(free) != set()
    assert f1.branches_of(left) == f1.branches_of(free)


def test_f10_a_batch_in_any_order():
    f1 = Grid.case("f1_open_tie").build()
    operations = {"b3": 0, "b5": 7, "b1": 0}
    results = []
    for order in permutations(operations):
        energizer = Energizer(f1.graph, f1.conducting, f1.sources)
        changes = energizer.operate(f1.rows(*order), [operations[name] for name in order])
        runs = zip(changes.lo, changes.hi, changes.before, changes.after, strict=True)
        results.append((energizer.energized.tolist(), [tuple(map(int, run)) for run in runs]))
    assert all(result == results[0] for result in results)
