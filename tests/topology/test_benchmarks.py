"""The benchmarks run, at a size that takes no time, and write what they say."""

import json

import pytest

from benchmarks import topology
from benchmarks.topology_networks import meshed, radial

CASES = [radial(300, 20, ties=5), radial(300, 200), meshed(300, 0.2)]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
@pytest.mark.parametrize("benchmark_", [topology.building, topology.propagation, topology.tracing])
def test_each_benchmark_measures(benchmark_, case, monkeypatch):
    monkeypatch.setattr(topology, "median", once)
    for row in benchmark_(case):
        assert row.seconds > 0
        assert row.nodes == 300


def once(call, budget=0):
    call()
    return 1e-6


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_operating_checks_itself(case):
    rows = topology.operating(case, operations=5)
    assert any(row.what == "close a tie, head open" for row in rows) == ("ties" in case.name)
    assert all(row.worst >= row.seconds for row in rows)


def test_peers_are_named_when_missing(monkeypatch):
    monkeypatch.setattr(topology, "median", once)
    monkeypatch.setattr(topology, "PEERS", {"networkx": topology._networkx, "no_such_package": topology._scipy})
    ours, found, missing = topology.peers(CASES[0])
    assert (ours.what, found.what) == ("gridtwin", "networkx")
    assert (missing.seconds, missing.note) == (None, "not installed")


@pytest.mark.parametrize("name", list(topology.PEERS))
def test_each_installed_peer_reaches_the_network(name):
    pytest.importorskip(name)
    topology.PEERS[name](CASES[0])()


def test_results_are_written(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(topology, "median", once)
    monkeypatch.setattr(topology, "PEERS", {"networkx": topology._networkx})
    topology.main(["--nodes", "100", "1000", "--peer-nodes", "100", "--results", str(tmp_path)])
    assert "propagation" in capsys.readouterr().out
    rows = json.loads((tmp_path / "topology.json").read_text())
    assert {row["nodes"] for row in rows} == {100, 1000}
    assert "<polyline" in (tmp_path / "topology.svg").read_text()
