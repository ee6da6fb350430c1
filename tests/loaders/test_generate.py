"""Made-up utilities: any size, the same bytes for the same numbers, supplied, radial, tied, and nothing to find."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loaders.generate import generate
from loaders.generate_flaws import KINDS
from loaders.generate_legs import transformer_sizes
from loaders.report import LoadError
from topology.energize import energize
from topology.loops import is_radial
from twin import validation
from twin.components import LINE, SWITCH_BRANCH
from twin.geometry import distance_m
from twin.network import Network
from twin.phases import ABC
from twin.validation import findings
from web import cli

SIZES = (10, 11, 57, 300, 1_000, 5_000, 20_000)


@pytest.fixture(scope="module")
def town() -> Network:
    return generate(20_000)[0]


def ties(network: Network) -> np.ndarray:
    """Rows of the switches that are open between two feeders; busbar couplers are open too."""
    switches = network.switches
    couplers = network.nodes["busbar"][switches["node1"]]
    return np.flatnonzero((switches["normal_open"] != 0) & ~couplers)


def check(network: Network, meters: int, feeders: int) -> None:
    """What holds for every made-up utility."""
    assert (network.customers, len(network.usage_points), len(network.feeders)) == (meters, meters, feeders)
    behind = np.bincount(network.usage_points["consumer"], minlength=len(network.consumers))
    assert behind.min() >= 1
    consumers = network.consumers
    assert not (consumers["phases"] & ~network.normal_energized[consumers["node"]]).any()
    assert is_radial(network.graph, network.normal_conducting, network.node_sources)
    assert (network.normal_energized != 0).all()
    assert findings(network) == []
    assert (network.node_feeder[consumers["node"]] >= 0).all() and not network.membership.parallel.any()
    assert network.line_geometry.placed.all() and (network.lines["length_m"] > 0).all()
    check_ties(network, feeders)


def check_ties(network: Network, feeders: int) -> None:
    """Each is between two feeders, at one place, on three phases, and closing it restores either from the other."""
    rows = ties(network)
    u, v = network.switches["node1"][rows], network.switches["node2"][rows]
    sides = np.stack([network.node_feeder[u], network.node_feeder[v]], axis=1)
    assert (sides >= 0).all() and (sides[:, 0] != sides[:, 1]).all()
    assert set(sides.ravel().tolist()) == (set(range(feeders)) if feeders > 1 else set())
    apart = distance_m(network.node_lnglat[u], network.node_lnglat[v])
    assert len(rows) == 0 or 0.5 < apart.min() <= apart.max() < 5
    branches = network.table_branches[SWITCH_BRANCH][rows]
    chosen = np.random.default_rng(1).permutation(len(rows))[:60]
    for branch, pair in zip(branches[chosen].tolist(), sides[chosen].tolist(), strict=True):
        for dead in pair:
            conducting = network.normal_conducting.copy()
            conducting[network.feeder_heads[dead]] = 0
            without = energize(network.graph, conducting, network.node_sources)
            conducting[branch] = ABC
            restored = energize(network.graph, conducting, network.node_sources)
            assert without[network.feeders["head_node"][dead]] == 0
            assert (restored == network.normal_energized).all()


@pytest.mark.parametrize("meters", SIZES)
def test_every_size(meters):
    network, report = generate(meters, seed=meters)
    check(network, meters, max(1, round(meters / 1_500)))
    assert report.used["usage points"] == meters and report.format == "generate"


@settings(max_examples=25, deadline=None)
@given(meters=st.integers(10, 4_000), seed=st.integers(0, 2**63 - 1), share=st.floats(0, 1))
def test_any_numbers(meters, seed, share):
    feeders = max(1, round(share * meters / 96))
    feeders = min(feeders, max(1, meters // 96))
    check(generate(meters, feeders, seed)[0], meters, feeders)


def test_the_same_numbers_give_the_same_bytes(town):
    assert generate(20_000)[0].model == town.model
    assert len({generate(500, 2, seed)[0].model for seed in range(5)} | {generate(500, 1, 0)[0].model}) == 6
    code = "from loaders.generate import generate; print(generate(20_000)[0].model)"
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    assert other.stdout.strip() == town.model


def test_what_it_is_made_of(town):
    kinds = Counter(town.switches["kind"].tolist())
    assert min(kinds[kind] for kind in ("Breaker", "Fuse", "Recloser", "LoadBreakSwitch")) > 10
    own = np.bincount(town.consumers["node"], minlength=len(town.nodes))
    assert own.max() == 1
    distribution = np.flatnonzero(town.transformers["substation"] < 0)
    behind = [
        int(town.branch_customers[town.branch_of(element)])
        for element in (town.mrids.find(str(town.transformers["mrid"][row])) for row in distribution[:400])
    ]
    assert 4 <= min(behind) <= max(behind) <= 12 and sum(behind) / len(behind) == pytest.approx(8, abs=0.5)
    single = np.isin(town.lines["phases"], [1, 2, 4])
    assert 0.3 < single.mean() < 0.95 and set(town.lines["phases"].tolist()) == {1, 2, 4, 7}
    assert set(town.nodes["nominal_voltage_v"].tolist()) == {69_000, 12_470, 240}
    assert not np.isnan(town.lines["rated_current_a"]).any() and (town.transformers["rated_power_va"] > 0).all()
    share = np.array([summary_customers(town, feeder) for feeder in range(len(town.feeders))]) / 20_000
    assert share.max() < 0.25 and share.min() > 0.01


def summary_customers(network: Network, feeder: int) -> int:
    nodes = np.flatnonzero(network.node_feeder == feeder)
    return int((network.customer_prefix[nodes + 1] - network.customer_prefix[nodes]).sum())


def test_lines_follow_their_nodes_and_lengths(town):
    geometry, lines = town.line_geometry, town.lines
    first, last = geometry.offsets[:-1], geometry.offsets[1:] - 1
    for end, at in (("node1", first), ("node2", last)):
        assert np.allclose(geometry.coordinates[at], town.node_lnglat[lines[end]], atol=1e-9)
    points = geometry.coordinates
    steps = np.concatenate([[0], np.cumsum(distance_m(points[:-1], points[1:]))])
    assert np.allclose(steps[last] - steps[first], lines["length_m"], rtol=0.02, atol=0.05)
    express = lines["length_m"][np.diff(geometry.offsets) > 2]
    assert len(express) > 5
    assert lines["length_m"].max() == express.max()


def test_substations(town):
    inside = town.transformers["substation"] >= 0
    couplers = (town.switches["normal_open"] != 0) & town.nodes["busbar"][town.switches["node1"]]
    assert len(town.substations) == 3 == len(town.sources)
    assert np.count_nonzero(inside) == 6 and np.count_nonzero(couplers) == 3
    heads = [town.mrids.find(str(mrid)).row for mrid in town.feeders["head_mrid"]]
    assert town.nodes["busbar"][town.switches["node1"][heads]].all()
    assert sorted(Counter(town.feeders["substation"].tolist()).values())[0] > 1


@pytest.mark.parametrize(("count", "seed"), [(1, 0), (7, 0), (20, 1), (20, 2), (20, 5)])
def test_flaws_are_what_is_found_and_nothing_else(count, seed):
    network, report = generate(5_000, seed=seed, flaws=count)
    expected = {kind: set(note.split(": ")[1].split(", ")) for note in report.notes for kind in [note.split(": ")[0]]}
    assert set(expected) == set(KINDS) and all(len(mrids) == count for mrids in expected.values())
    assert set(KINDS) | {"no_source"} == set(validation.KINDS)
    found = findings(network)
    number = Counter(finding.kind for finding in found)
    assert number == dict.fromkeys(KINDS, count) | {"unplaced": 1}
    for kind, mrids in expected.items():
        named = [set(finding.mrids) for finding in found if finding.kind == kind]
        assert all(mrids & each for each in named) and mrids <= set().union(*named), kind


def test_transformer_sizes():
    for meters in (10, 11, 12, 100, 99_999):
        sizes = transformer_sizes(meters, np.random.default_rng(meters))
        assert sizes.sum() == meters and 4 <= sizes.min() <= sizes.max() <= 12


@pytest.mark.parametrize(
    ("numbers", "what"),
    [
        ({"meters": 9}, r"--meters is 9; it must lie in 10 … 50,000,000"),
        ({"meters": 10**9}, "--meters is 1000000000"),
        ({"meters": 1000, "feeders": 0}, "--feeders is 0; it must lie in 1 … 10"),
        ({"meters": 1000, "feeders": 11}, "so many meters are streets for 10"),
        ({"meters": 1000, "seed": -1}, "--seed is -1"),
        ({"meters": 1000, "flaws": 11}, "--flaws is 11; it must lie in 0 … 5"),
    ],
)
def test_numbers_out_of_range(numbers, what):
    with pytest.raises(LoadError, match=what):
        generate(**numbers)


def test_command(tmp_path, monkeypatch, capsys):
    store = str(tmp_path / "made.gpkg")

    def run(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["gridtwin", *words])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        said = capsys.readouterr()
        return ended.value.code or 0, said.out, said.err

    numbers = ("--meters", "300", "--feeders", "2", "--seed", "4", "--store", store)
    assert json.loads(run("generate", *numbers, "--json")[1])["model"] == generate(300, 2, 4)[0].model
    assert json.loads(run("info", store, "--json")[1])["customers"] == 300
    code, _, said = run("generate", *numbers, "--flaws", "1")
    assert code == 0 and "self_loop: loop N" in said
    assert run("check", store)[0] == 1
    code, _, said = run("generate", "--meters", "3", "--store", store)
    assert code == 2 and "--meters is 3; it must lie in 10" in said


@pytest.mark.long
@pytest.mark.parametrize("meters", [1_000_000, 10_000_000])
def test_a_state_or_a_nation(meters):
    network, _ = generate(meters)
    assert network.customers == meters == len(network.usage_points)
    assert (network.normal_energized != 0).all() and (network.branch_class == LINE).any()
    assert is_radial(network.graph, network.normal_conducting, network.node_sources)
    sides = [network.node_feeder[network.switches[end][ties(network)]] for end in ("node1", "node2")]
    assert (sides[0] != sides[1]).all() and min(side.min() for side in sides) >= 0
