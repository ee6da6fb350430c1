"""`gridtwin bench`: every row is there, the store stays as it was, and small networks do."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.web.conftest import tiny_network
from topology import benchmark, measure, peers
from twin.components import CONNECTIVITY_NODE, Table
from twin.engine import Twin
from twin.events import Operation
from twin.geopackage import GeoPackageStore
from twin.network import Network
from twin.state import Snapshot, State
from web import cli, console
from web.commands.bench import case_of

Run = Callable[..., tuple[int, str]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Calls `gridtwin bench` untimed; gives the exit code and what it wrote."""

    def once(call: Callable[[], object], budget: float = 0) -> float:
        call()
        return 1e-6

    for module in (benchmark, measure, peers):
        monkeypatch.setattr(module, "median", once)
    monkeypatch.setattr(peers, "PEERS", {"scipy": peers._scipy, "no_such_package": peers._scipy})

    def call(*words: object) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["gridtwin", "bench", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        return int(ended.value.code or 0), capsys.readouterr().out

    return call


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """The tiny network with a breaker open, so that revision 2 is the last."""
    path = tmp_path / "grid.gpkg"
    with Twin.load(tiny_network(), GeoPackageStore(path, write=True, create=True)) as twin:
        twin.switch([Operation("CB1", open=True)])
    return path


def test_every_row_is_there(run: Run, store: Path) -> None:
    before = store.read_bytes()
    code, out = run(store, "--json", "--operations", 3)
    rows = {row["what"]: row for row in json.loads(out)["rows"]}
    assert code == 0
    assert {"build", "propagation", "operate any branch", "operate the largest breaker"} <= set(rows)
    assert {"downstream and customers, any node", "connected, everything", "gridtwin"} <= set(rows)
    assert all(row["nodes"] == 9 and row["network"] == "tiny" for row in rows.values())
    assert rows["scipy"]["times"] == 3 and rows["scipy"]["conversion"] > 0
    assert rows["no_such_package"]["note"] == "not installed"
    assert store.read_bytes() == before


def test_a_table_for_people(run: Run, store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(console.out, "width", 200)
    code, out = run(store, "--without-peers", "--operations", 1)
    assert code == 0
    assert "tiny: 9 nodes, 9 branches" in out
    assert "operate any branch" in out
    assert "scipy" not in out


def test_bad_usage(run: Run, tmp_path: Path) -> None:
    assert run(tmp_path / "none.gpkg")[0] == 2
    assert run(tmp_path / "none.gpkg", "--operations", 0)[0] == 2


def test_the_case_is_the_state_that_the_store_is_in() -> None:
    network = tiny_network()
    opened = network.switches["normal_open"].copy()
    opened[0] = 7
    snapshot = Snapshot.of(network, State(network.model, 1, opened))
    case = case_of(snapshot)
    assert case.conducting is snapshot.conducting
    assert case.customers_before is not None and case.customers_before[-1] == network.customers == 6
    assert set(case.heads.tolist()) == set(network.feeder_heads.tolist())


@pytest.mark.usefixtures("run")
def test_a_network_of_one_node() -> None:
    network = Network.from_tables(
        "one", {"nodes": Table(CONNECTIVITY_NODE, {"mrid": ["n"], "lng": [0.0], "lat": [0.0]})}
    )
    case = case_of(Snapshot.of(network, State.normal(network)))
    assert {row.what for row in benchmark.measured(case)} == {"build", "propagation", "propagation, 1 % open"}
    assert [row.nodes for row in peers.peers(case)] == [1, 1, 1]
    assert np.array_equal(case.customers_before, [0, 0])
