"""The benchmarks run, at a size that takes no time, and write what they say."""

import importlib.util
import json
from types import SimpleNamespace

import numpy as np
import pytest

from benchmarks import topology
from benchmarks.topology_networks import Shape, meshed, radial, utility
from tests.conftest import in_ci
from topology import benchmark, measure, peers
from topology.measure import Row, Spread

CASES = [radial(300, 20, ties=5), radial(300, 200), meshed(300, 0.2), utility(300, Shape(4, 18, (0, 1, 1)))]


@pytest.fixture(autouse=True)
def untimed(monkeypatch):
    """Every call is made once."""
    for module in (benchmark, measure, peers):
        monkeypatch.setattr(module, "median", once)


def once(call, budget=0):
    call()
    return 1e-6


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
@pytest.mark.parametrize("measured", [benchmark.building, benchmark.propagation, benchmark.tracing])
def test_each_benchmark_measures(measured, case):
    rows = measured(case)
    assert rows
    for row in rows:
        assert row.seconds > 0
        assert row.nodes == case.nodes
        if row.copies is not None:
            assert row.copies * row.share == pytest.approx(1)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_operating_checks_itself(case, monkeypatch):
    rows = benchmark.operating(case, operations=5)
    assert any(row.what == "close a tie, head open" for row in rows) == ((case.conducting == 0).any())
    assert all(row.worst >= row.p99 >= row.seconds for row in rows)
    assert {"operate any branch", "operate a feeder's head", "operate the largest breaker"} <= {r.what for r in rows}
    monkeypatch.setattr(benchmark, "energize", lambda *_: np.full(case.nodes, 9, np.uint8))
    with pytest.raises(AssertionError, match="incremental"):
        benchmark.operating(case, operations=1)


def test_the_largest_breaker_feeds_the_most():
    for case in CASES[:3]:
        assert case.breaker() == case.graph.parent_branch[1]
    assert case.graph.parent_branch[1] in range(case.graph.branch_count)


def test_customers_of_an_interval_and_of_any_nodes():
    before = np.array([0, 2, 2, 5, 6])
    counts = {(): 0, (0,): 2, (1, 2): 3, (0, 2): 5, (0, 3): 3, (0, 1, 2, 3): 6}
    assert {nodes: benchmark.customers(np.array(nodes, np.int32), before) for nodes in counts} == counts


def test_a_missing_peer_is_named(monkeypatch):
    monkeypatch.setattr(peers, "PEERS", {"networkx": peers._networkx, "no_such_package": peers._scipy})
    told = []
    ours, found, missing = peers.peers(CASES[0], told.append)
    assert told == [ours, found, missing]
    assert (ours.what, ours.times, ours.conversion) == ("gridtwin", 1, None)
    assert (found.what, found.times) == ("networkx", 3) and found.conversion > 0
    assert (missing.seconds, missing.copies, missing.note) == (None, None, "not installed")


@pytest.mark.parametrize("name", list(peers.PEERS))
@pytest.mark.filterwarnings("ignore")
def test_each_installed_peer_reaches_the_network(name):
    if importlib.util.find_spec(name) is None and not in_ci():
        pytest.skip(f"{name} is not installed")
    ways = peers.PEERS[name](peers._closed(CASES[0]), 300, 0)
    for way in ways:
        way()


def test_rows_and_spreads():
    spread = measure.spread([1.0, 2.0, 9.0])
    assert (spread.median, spread.worst) == (2, 9) and 2 < spread.p99 < 9
    row = measure.row("x", "n", 5, Spread(2, 3, 4), 2_000, 1_000.0, "noted")
    assert row == Row("x", "n", 5, 2, 3, 4, 1, 1, note="noted")
    assert measure.row("x", "n", 5, 2.0, 10, 1_000.0).copies is None
    lines = measure.table([row, Row("missing", "n", 5, None, note="not installed")]).splitlines()
    assert "worst ms" in lines[0] and "4,000.0" in lines[1] and lines[2].endswith("not installed")
    assert measure.copy_seconds(4 * measure.LARGEST_COPY) == pytest.approx(4e-6)


def test_results_are_written(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(peers, "PEERS", {"networkx": peers._networkx})
    topology.main(["--nodes", "100", "1000", "--peer-nodes", "100", "--results", str(tmp_path)])
    assert "propagation" in capsys.readouterr().out
    rows = json.loads((tmp_path / "topology.json").read_text())
    assert {row["nodes"] for row in rows} == {100, 1000, utility(0).nodes}
    assert "<polyline" in (tmp_path / "topology.svg").read_text()


def test_a_long_call_is_made_once(monkeypatch):
    monkeypatch.undo()
    clock, calls = [0.0], []

    def takes(seconds):
        calls.append(seconds)
        clock[0] += seconds

    monkeypatch.setattr(measure, "time", SimpleNamespace(perf_counter=lambda: clock[0]))
    assert measure.median(lambda: takes(2.0), budget=1.0) == 2.0
    assert len(calls) == 1
    assert measure.median(lambda: takes(0.5), budget=1.0) == 0.5
    assert len(calls) == 1 + 3
    measure.median(lambda: takes(0.125), budget=1.0)
    assert len(calls) == 4 + 8
