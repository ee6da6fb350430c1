"""Switching on the demo network against networkx, which deletes edges of a graph made of the CSV files alone."""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path

import networkx as nx
import numpy as np
import pytest

from tests.batches import check_batches
from topology.loops import exclusive_weight
from twin.components import SWITCH_BRANCH
from twin.engine import Twin
from twin.events import Operation

ROOT = ("root",)
EACH = 125


def rows(folder: Path, name: str) -> list[dict[str, str]]:
    with (folder / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter=";"))


class Oracle:
    """What conducts, as a simple graph that counts parallel edges; all sources hang on one root."""

    def __init__(self, folder: Path) -> None:
        self.switches = {row["id"]: row for row in rows(folder, "Switch")}
        self.busbars = {row["id"] for row in rows(folder, "Node") if "busbar" in row["type"]}
        self.customers: Counter[str] = Counter()
        self.loads: Counter[str] = Counter()
        for row in rows(folder, "Load"):
            self.loads[row["node"]] += 1
            self.customers[row["node"]] += not row["subnet"].endswith("_eq")
        self.graph = nx.Graph()
        for row in rows(folder, "Line"):
            self.join(row["nodeA"], row["nodeB"])
        for row in rows(folder, "Transformer"):
            self.join(row["nodeHV"], row["nodeLV"])
        for row in rows(folder, "PowerPlant"):
            if row["calc_type"] == "vavm":
                self.join(ROOT, row["node"])
        for row in self.switches.values():
            if row["cond"] == "1":
                self.join(row["nodeA"], row["nodeB"])

    def join(self, a: object, b: object) -> None:
        if self.graph.has_edge(a, b):
            self.graph[a][b]["count"] += 1
        else:
            self.graph.add_edge(a, b, count=1)

    def part(self, a: object, b: object) -> None:
        self.graph[a][b]["count"] -= 1
        if not self.graph[a][b]["count"]:
            self.graph.remove_edge(a, b)

    def dead_by(self, mrid: str) -> set[str]:
        """Nodes that lose the root when a closed switch opens."""
        a, b = self.switches[mrid]["nodeA"], self.switches[mrid]["nodeB"]
        self.part(a, b)
        dead: set[str] = set()
        if a != b and not nx.has_path(self.graph, a, b):
            for end in (a, b):
                if not nx.has_path(self.graph, ROOT, end):
                    dead |= nx.node_connected_component(self.graph, end)
        self.join(a, b)
        return dead


@pytest.fixture(scope="module")
def oracle(simbench_folder):
    return Oracle(simbench_folder)


def grouped(oracle: Oracle) -> tuple[list[str], ...]:
    """Breakers, busbar couplers, ties, and low-voltage switches."""
    closed = {mrid: row for mrid, row in oracle.switches.items() if row["cond"] == "1"}
    couplers = [mrid for mrid, row in closed.items() if {row["nodeA"], row["nodeB"]} <= oracle.busbars]
    return (
        [mrid for mrid, row in closed.items() if row["type"] == "CB" and mrid not in set(couplers)],
        couplers,
        [mrid for mrid in oracle.switches if mrid not in closed],
        [mrid for mrid, row in closed.items() if row["type"] == "LS"],
    )


def chosen(oracle: Oracle) -> list[str]:
    """The same number of each group."""
    rng = np.random.default_rng(500)
    return [str(mrid) for group in grouped(oracle) for mrid in rng.choice(group, EACH, replace=False)]


def test_1000_batches_equal_the_whole_and_brute_force_and_can_be_undone(simbench, oracle):
    branches = simbench.table_branches[SWITCH_BRANCH]
    mrids = simbench.switches["mrid"].tolist()
    row_of = {mrid: row for row, mrid in enumerate(mrids)}
    groups = [branches[[row_of[mrid] for mrid in group]] for group in grouped(oracle)]
    assert [len(group) for group in groups] == [len(set(group.tolist())) for group in groups]
    state = simbench.graph, simbench.normal_conducting, simbench.node_sources
    assert check_batches(*state, groups, count=1_000, brute_every=25) > 900


def test_500_switches_lose_what_deletion_loses(simbench, oracle):
    twin = Twin(simbench)
    mrids = simbench.nodes["mrid"]
    normal = twin.current
    checked = lost_something = 0
    for number, mrid in enumerate(chosen(oracle)):
        tie = oracle.switches[mrid]["cond"] == "0"
        dead = set() if tie else oracle.dead_by(mrid)
        if number % 15 == 0 and not tie:  # the plain way, 25 times
            ends = oracle.switches[mrid]["nodeA"], oracle.switches[mrid]["nodeB"]
            oracle.part(*ends)
            assert dead == set(oracle.graph) - nx.node_connected_component(oracle.graph, ROOT)
            oracle.join(*ends)
            checked += 1
        customers = sum(oracle.customers[node] for node in dead)
        first = twin.switch([Operation(mrid, not tie)])
        found = mrids[np.flatnonzero(normal.energized & ~twin.current.energized)].tolist()
        assert set(found) == dead
        assert (first.deenergized.nodes, first.deenergized.customers) == (len(dead), customers), mrid
        assert (first.reenergized.nodes, first.reenergized.customers) == (0, 0), mrid
        assert twin.current.customers_out == customers
        second = twin.switch([Operation(mrid, tie)])
        assert second.reenergized == first.deenergized and second.deenergized == first.reenergized
        for array in ("conducting", "energized"):
            assert np.array_equal(getattr(twin.current, array), getattr(normal, array))
        assert np.array_equal(twin.current.state.open, normal.state.open)
        lost_something += bool(dead)
    assert number == 4 * EACH - 1 and checked >= 25 and lost_something > 150


def test_ties_restore_what_networkx_says(simbench, oracle):
    """A switch is opened, then a tie at the border of what it took out is closed."""
    twin = Twin(simbench)
    ties = {}
    for mrid, row in oracle.switches.items():
        if row["cond"] == "0":
            ties.setdefault(row["nodeA"], mrid)
            ties.setdefault(row["nodeB"], mrid)
    restored = 0
    for mrid in chosen(oracle)[: 2 * EACH]:
        dead = oracle.dead_by(mrid)
        tie = next((ties[node] for node in sorted(dead) if node in ties), None)
        if tie is None or len(dead) > 20_000:
            continue
        row, opened = oracle.switches[tie], oracle.switches[mrid]
        oracle.part(opened["nodeA"], opened["nodeB"])
        oracle.join(row["nodeA"], row["nodeB"])
        alive = {node for node in dead if nx.has_path(oracle.graph, node, ROOT)} if len(dead) < 500 else None
        oracle.part(row["nodeA"], row["nodeB"])
        oracle.join(opened["nodeA"], opened["nodeB"])
        if alive is None:
            continue
        assert twin.switch([Operation(mrid, True)]).deenergized.nodes == len(dead)
        result = twin.switch([Operation(tie, False)])
        assert result.reenergized.nodes == len(alive)
        assert result.reenergized.customers == sum(oracle.customers[node] for node in alive)
        assert twin.switch(normal=True).reenergized.nodes == len(dead) - len(alive)
        restored += bool(alive)
        if restored == 5:
            break
    assert restored == 5


def test_the_worst_switch_loses_more_than_ten_thousand_loads(simbench, oracle):
    weight = np.ones(len(simbench.consumers), dtype=np.int64)
    own_phases = np.full(len(weight), 7, dtype=np.uint8)
    state = simbench.graph, simbench.normal_conducting, simbench.node_sources
    loads = exclusive_weight(*state, simbench.consumer_ptr, own_phases, weight)[simbench.table_branches[SWITCH_BRANCH]]
    worst = int(np.argmax(loads))
    mrid = str(simbench.switches["mrid"][worst])
    dead = oracle.dead_by(mrid)
    assert loads[worst] == sum(oracle.loads[node] for node in dead) == 11_773
    result = Twin(simbench).switch([Operation(mrid, True)])
    assert result.deenergized.nodes == len(dead)
    customers = sum(oracle.customers[node] for node in dead)
    assert result.deenergized.customers == customers
    assert simbench.branch_customers[simbench.table_branches[SWITCH_BRANCH][worst]] == customers
