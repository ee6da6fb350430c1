"""Numbering: against the plain twin, and the properties that everything else leans on."""

import numpy as np
import pytest

from tests import oracles
from tests.topology.grids import Grid, multigraph
from topology.graph import build


@pytest.mark.parametrize("part", range(4))
def test_numbering_equals_its_plain_twin(part):
    for seed in range(part, 1200, 4):
        m = multigraph(seed, nodes=9)
        built = build(m.node_count, m.u, m.v, m.phases, m.conducting, m.sources)
        node, branch, parent = oracles.numbering(m.node_count, m.u, m.v, m.conducting, m.sources)
        assert built.node_number.tolist() == node
        assert built.branch_number.tolist() == branch
        assert built.graph.parent.tolist() == parent


@pytest.mark.parametrize("part", range(4))
def test_a_numbered_network_keeps_its_numbers(part):
    for seed in range(part, 400, 4):
        m = multigraph(seed, nodes=30, extra=10)
        first = build(m.node_count, m.u, m.v, m.phases, m.conducting, m.sources)
        conducting = np.empty(len(m.u), np.uint8)
        conducting[first.branch_number] = m.conducting
        sources = np.empty(m.node_count, np.uint8)
        sources[first.node_number] = m.sources
        g = first.graph
        again = build(m.node_count, g.branch_u, g.branch_v, g.branch_phases, conducting, sources)
        assert again.node_number.tolist() == list(range(m.node_count))
        assert again.branch_number.tolist() == list(range(len(m.u)))


def test_subtrees_and_their_branches_are_ranges():
    for seed in range(300):
        m = multigraph(seed, nodes=30, extra=10)
        g = build(m.node_count, m.u, m.v, m.phases, m.conducting, m.sources).graph
        for node in range(g.node_count):
            inside = [n for n in range(g.node_count) if node in ancestors(g.parent, n)]
            assert inside == list(range(node, g.end[node]))
            assert g.depth[node] == len(ancestors(g.parent, node)) - 1
            anchored = range(g.anchor_ptr[node], g.anchor_ptr[node + 1])
            for branch in anchored:
                ends = (g.branch_u[branch], g.branch_v[branch])
                assert node in ends
                assert (branch == g.parent_branch[node]) == (branch == anchored[0] and g.parent[node] >= 0)
            around = g.adjacent_branch[g.indptr[node] : g.indptr[node + 1]].tolist()
            touching = [b for b in range(g.branch_count) if node in (g.branch_u[b], g.branch_v[b])]
            assert around == touching
        outside = sorted(set(range(g.branch_count)) - set(g.parent_branch.tolist()))
        assert g.chord.tolist() == outside
        ends = sorted((n, b) for b in outside for n in {int(g.branch_u[b]), int(g.branch_v[b])})
        assert list(zip(g.chord_end_node.tolist(), g.chord_end_branch.tolist(), strict=True)) == ends


def ancestors(parent, node):
    chain = []
    while node >= 0:
        chain.append(node)
        node = parent[node]
    return chain


def test_arrays_are_read_only():
    graph = Grid.case("f3_ring").build().graph
    with pytest.raises(ValueError, match="read-only"):
        graph.parent[0] = 1


def test_an_empty_network():
    built = build(0, [], [], [], [], [])
    assert (built.graph.node_count, built.graph.branch_count) == (0, 0)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((2, [0], [2], [7], [7], [7, 0]), IndexError, "node 2 is outside 0 <= node < 2"),
        ((2, [0], [-1], [7], [7], [7, 0]), IndexError, "node -1 is outside"),
        ((2, [0], [1], [7, 7], [7], [7, 0]), ValueError, r"phases has shape \(2,\), expected \(1,\)"),
        ((2, [0], [1], [7], [], [7, 0]), ValueError, "conducting has shape"),
        ((2, [0], [1], [7], [7], [7]), ValueError, "sources has shape"),
        ((2, [0], [1, 1], [7], [7], [7, 7]), ValueError, "u has 1 branches, v has 2"),
        ((-1, [], [], [], [], []), ValueError, "node_count is -1"),
        ((2, [0.5], [1], [7], [7], [7, 7]), TypeError, "expected whole numbers"),
    ],
)
def test_wrong_arrays_are_refused(arguments, error, message):
    with pytest.raises(error, match=message):
        build(*arguments)
