"""Feeders: where they start when the source does not declare it, and what belongs to each.

A feeder starts at the first closed switch, else line, on the low-voltage busbar of a substation transformer, and is
the subnetwork behind it: everything reached without passing another head or a substation transformer.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from topology.graph import Graph
from topology.islands import islands
from twin.components import BRANCH_COMPONENTS, LINE, SWITCH_BRANCH, TRANSFORMER, Table

SUBSTATION_VOLTAGE_V = 60_000.0
"""A transformer is a substation's when its high side is at least this and its low side below."""


@dataclass(frozen=True, eq=False)
class Membership:
    """Which feeder everything belongs to.

    node: int32 (nodes,) and branch: int32 (branches,), row of the feeder table or -1. Where feeders run in parallel
    (a closed tie) the first of them is given, and `parallel` (bool (feeders,)) says which are not alone.
    """

    node: NDArray[np.int32]
    branch: NDArray[np.int32]
    parallel: NDArray[np.bool_]


def substation_transformers(tables: Mapping[str, Table]) -> NDArray[np.bool_]:
    """bool (transformers,): steps down from transmission (≥ 60 kV) to distribution (below)."""
    volts = tables["nodes"]["nominal_voltage_v"]
    transformers = tables["transformers"]
    high = np.fmax(volts[transformers["node1"]], volts[transformers["node2"]])
    low = np.fmin(volts[transformers["node1"]], volts[transformers["node2"]])
    return (high >= SUBSTATION_VOLTAGE_V) & (low < SUBSTATION_VOLTAGE_V)


def members(
    graph: Graph,
    conducting: NDArray[np.uint8],
    head_branches: NDArray[np.int32],
    head_nodes: NDArray[np.int32],
    barriers: NDArray[np.int32],
) -> Membership:
    """Feeder of every node and branch.

    head_branches, head_nodes: int32 (feeders,), the branch at each head (-1 where it is a node only) and the node on
    its load side. barriers: branch numbers that no feeder passes (substation transformers).
    """
    inside = conducting.copy()
    inside[head_branches[head_branches >= 0]] = 0
    inside[barriers] = 0
    island = islands(graph, inside)
    feeder_of_island = np.full(graph.node_count, -1, dtype=np.int32)
    rows = np.arange(len(head_nodes), dtype=np.int32)
    feeder_of_island[island[head_nodes[::-1]]] = rows[::-1]  # the first feeder of an island wins
    node = feeder_of_island[island]
    shared = np.bincount(island[head_nodes], minlength=graph.node_count)[island[head_nodes]] > 1
    branch = np.where(node[graph.branch_u] >= 0, node[graph.branch_u], node[graph.branch_v])
    branch[barriers] = -1
    branch[head_branches[head_branches >= 0]] = node[head_nodes[head_branches >= 0]]
    return Membership(node, branch.astype(np.int32), shared)


class _Around:
    """Branches around a node with their class, row and far end."""

    def __init__(self, graph: Graph, branch_class: NDArray[np.uint8], branch_row: NDArray[np.int32]) -> None:
        self.graph, self.branch_class, self.branch_row = graph, branch_class, branch_row

    def __call__(self, node: int) -> Iterator[tuple[int, int, int]]:
        """(branch, class, far node), ascending by branch."""
        first, last = self.graph.indptr[node], self.graph.indptr[node + 1]
        for at in range(first, last):
            branch = int(self.graph.adjacent_branch[at])
            yield branch, int(self.branch_class[branch]), int(self.graph.adjacent_node[at])


def derive(
    tables: Mapping[str, Table],
    graph: Graph,
    branch_class: NDArray[np.uint8],
    branch_row: NDArray[np.int32],
    transformer_branches: NDArray[np.int32],
    conducting: NDArray[np.uint8],
) -> dict[str, list[Any]]:
    """Columns of a Feeder table for a network whose source declares no feeder (tables already numbered)."""
    around = _Around(graph, branch_class, branch_row)
    stepping_down = np.flatnonzero(substation_transformers(tables))
    supply = {int(branch) for branch in transformer_branches[stepping_down]}
    volts = tables["nodes"]["nominal_voltage_v"]
    stations = []
    excluded = set(supply)
    for row in stepping_down:
        branch = int(transformer_branches[row])
        ends = int(graph.branch_u[branch]), int(graph.branch_v[branch])
        busbars, approach = _busbars(min(ends, key=lambda node: float(volts[node])), tables, around, conducting)
        stations.append((busbars, int(tables["transformers"]["substation"][row])))
        excluded |= approach  # the way from any transformer to the busbar is no head, seen from its neighbour
    heads: dict[int, tuple[int, int]] = {}  # head branch → load-side node, substation row
    for busbars, substation in stations:
        for busbar in busbars:
            for head, load_side in _heads_on(busbar, busbars, excluded, around, conducting):
                heads.setdefault(head, (load_side, substation))
    return _feeder_columns(tables, graph, branch_class, branch_row, conducting, supply, heads)


def _busbars(
    low: int, tables: Mapping[str, Table], around: _Around, conducting: NDArray[np.uint8]
) -> tuple[set[int], set[int]]:
    """Busbar nodes fed by a transformer's low side, and the switches between the transformer and them.

    The busbar is the first node over closed switches that is marked as one; the low side itself where none is; and
    with it every marked busbar that closed switches join to it (couplers).
    """
    marked = tables["nodes"]["busbar"]
    found: set[int] = set()
    passed: set[int] = set()
    seen, queue = {low}, [low]
    while queue:
        node = queue.pop()
        if marked[node]:
            found.add(node)
        for branch, kind, far in around(node):
            if kind != SWITCH_BRANCH or not conducting[branch]:
                continue
            if marked[node] and not marked[far]:
                continue  # past a busbar only couplers are followed
            passed.add(branch)
            if far not in seen:
                seen.add(far)
                queue.append(far)
    return (found, passed) if found else ({low}, set())


def _heads_on(
    busbar: int, busbars: set[int], excluded: set[int], around: _Around, conducting: NDArray[np.uint8]
) -> Iterator[tuple[int, int]]:
    for branch, kind, far in around(busbar):
        if branch in excluded or far in busbars or kind == TRANSFORMER or not conducting[branch]:
            continue
        yield branch, far


def _feeder_columns(
    tables: Mapping[str, Table],
    graph: Graph,
    branch_class: NDArray[np.uint8],
    branch_row: NDArray[np.int32],
    conducting: NDArray[np.uint8],
    supply: set[int],
    heads: Mapping[int, tuple[int, int]],
) -> dict[str, list[Any]]:
    branches = sorted(heads)
    head_branches = np.array(branches, dtype=np.int32)
    head_nodes = np.array([heads[branch][0] for branch in branches], dtype=np.int32)
    barriers = np.array(sorted(supply), dtype=np.int32)
    membership = members(graph, conducting, head_branches, head_nodes, barriers)
    circuits = _circuits(tables, branch_class, branch_row, membership.branch)
    columns: dict[str, list[Any]] = {name: [] for name in ("mrid", "name", "head_mrid", "head_node", "substation")}
    used: dict[str, int] = defaultdict(int)
    for row, branch in enumerate(branches):
        table = tables[BRANCH_COMPONENTS[branch_class[branch]].table]
        head_mrid = str(table["mrid"][branch_row[branch]])
        name = circuits.get(row) or head_mrid
        used[name] += 1
        columns["mrid"].append(f"feeder {head_mrid}")
        columns["name"].append(name if used[name] == 1 else f"{name} ({used[name]})")
        columns["head_mrid"].append(head_mrid)
        columns["head_node"].append(int(head_nodes[row]))
        columns["substation"].append(heads[branch][1])
    return columns


def _circuits(
    tables: Mapping[str, Table],
    branch_class: NDArray[np.uint8],
    branch_row: NDArray[np.int32],
    branch_feeder: NDArray[np.int32],
) -> dict[int, str]:
    """The source's own name for the circuit of a feeder's first line, by feeder row."""
    lines = np.flatnonzero((branch_class == LINE) & (branch_feeder >= 0))
    feeders, first = np.unique(branch_feeder[lines], return_index=True)
    names = tables["lines"]["circuit"][branch_row[lines[first]]]
    return {int(feeder): str(name) for feeder, name in zip(feeders, names, strict=True)}
