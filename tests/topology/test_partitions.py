"""Parts put together, against all of them built at once."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest

from benchmarks.topology_networks import Shape, substations_of
from tests.topology.grids import multigraph
from topology.benchmark import Inputs
from topology.graph import Graph, build
from topology.partitions import Partitions


def together(parts: list[Inputs]) -> tuple[Graph, np.ndarray, np.ndarray]:
    """The graph of all parts, and the numbers of nodes and branches in their order."""
    whole = Partitions(sum(part[0] for part in parts), sum(len(part[1]) for part in parts))
    nodes, branches = [], []
    for part in parts:
        numbering = build(*part)
        first, first_branch = whole.add(numbering.graph)
        nodes.append(numbering.node_number + first)
        branches.append(numbering.branch_number + first_branch)
    return whole.graph(), np.concatenate(nodes), np.concatenate(branches)


def at_once(parts: list[Inputs]) -> Inputs:
    starts = np.cumsum([0, *(part[0] for part in parts)])
    u, v = (
        np.concatenate([np.asarray(p[k], np.int64) + s for p, s in zip(parts, starts, strict=False)]) for k in (1, 2)
    )
    return int(starts[-1]), u, v, *(np.concatenate([np.asarray(p[k], np.uint8) for p in parts]) for k in (3, 4, 5))


def same(parts: list[Inputs]) -> bool:
    graph, nodes, branches = together(parts)
    expected = build(*at_once(parts))
    assert np.array_equal(nodes, expected.node_number)
    assert np.array_equal(branches, expected.branch_number)
    for field in fields(Graph):
        found, wanted = getattr(graph, field.name), getattr(expected.graph, field.name)
        assert found.dtype == wanted.dtype and np.array_equal(found, wanted), field.name
    return True


def test_utilities() -> None:
    shape = Shape(feeders=5, trunk=7, lateral=(0, 1, 1))
    assert same([substations_of(count, shape, seed)[0] for seed, count in enumerate((1, 3, 2, 1))])
    assert same([substations_of(2, shape)[0]])


def test_any_graphs_whose_islands_have_sources() -> None:
    for seed in range(150):
        parts = []
        for each in range(4):
            m = multigraph(4 * seed + each)
            parts.append((m.node_count, m.u, m.v, m.phases, m.conducting, [7] * m.node_count))
        assert same(parts)


def test_islands_without_a_source_stay_with_their_part() -> None:
    part = (3, [0], [1], [7], [7], [7, 0, 0])
    graph, nodes, _ = together([part, part])
    assert nodes.tolist() == [0, 1, 2, 3, 4, 5]
    assert graph.parent.tolist() == [-1, 0, -1, -1, 3, -1]
    assert graph.end.tolist() == [2, 2, 3, 5, 5, 6]


def test_nothing_and_too_much() -> None:
    assert Partitions(0, 0).graph().node_count == 0
    part = build(2, [0], [1], [7], [7], [7, 0]).graph
    whole = Partitions(3, 2)
    whole.add(part)
    with pytest.raises(ValueError, match="a part of 2 nodes and 1 branches after 2 and 1: there is room for 3 and 2"):
        whole.add(part)
    with pytest.raises(ValueError, match="2 of 3 nodes and 1 of 2 branches are there"):
        whole.graph()
    with pytest.raises(ValueError, match="expected 0 <= each < 2\\*\\*31"):
        Partitions(2**31, 0)
