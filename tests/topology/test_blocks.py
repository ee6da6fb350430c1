"""Blocks along the forest against those of a depth-first search."""

import numpy as np

from tests.topology.grids import Grid, multigraph
from tests.topology.test_energize import numbered
from topology import _kernels_blocks, blocks


def parts(block):
    """Which numbers share a block, whatever the blocks are called."""
    found = {}
    for number, name in enumerate(block.tolist()):
        if name >= 0:
            found.setdefault(name, set()).add(number)
    return {frozenset(members) for members in found.values()}


def test_both_ways_find_the_same_blocks():
    compared = 0
    for seed in range(1500):
        graph, conducting, sources = numbered(multigraph(seed, nodes=14, extra=10))
        for phase in (1, 2, 4):
            fast = blocks._along_forest(graph, conducting, sources, phase)
            if fast is None:
                continue
            compared += 1
            ways = (graph.indptr, graph.adjacent_node, graph.adjacent_branch, graph.branch_u, graph.branch_v)
            slow = blocks.Blocks(*_kernels_blocks.grow_blocks(*ways, conducting, sources, phase, False))
            assert parts(fast.branch_block) == parts(slow.branch_block)
            assert parts(fast.node_block) == parts(slow.node_block)
            assert sorted(fast.order.tolist()) == sorted(slow.order.tolist())
            for branch in range(graph.branch_count):
                one, other = fast.branch_block[branch], slow.branch_block[branch]
                if one >= 0:
                    assert fast.entry[one] == slow.entry[other]
                    assert fast.cyclic[one] == slow.cyclic[other]
            check_order(fast, graph)
    assert compared > 3000


def check_order(found, graph):
    """Blocks after those below them, nodes after what is above them."""
    place = {node: at for at, node in enumerate(found.order.tolist())}
    for node, branch in enumerate(found.up_branch.tolist()):
        if branch >= 0:
            above = int(graph.branch_u[branch] + graph.branch_v[branch]) - node
            assert place[above] < place[node]
    for block, entry in enumerate(found.entry.tolist()):
        if entry >= 0:
            assert found.node_block[entry] > block


def test_a_mesh_that_the_forest_does_not_span_is_left_to_the_search():
    ring = Grid.from_text("source S\na S 1\nb 1 2\nc 2 3\ntie 3 S open").build()
    assert blocks._along_forest(ring.graph, ring.conducting, ring.sources, 1) is not None
    fed_by_tie = ring.operated(b="", tie="ABC")
    assert blocks._along_forest(ring.graph, fed_by_tie, ring.sources, 1) is None
    lower = np.zeros(4, np.uint8)
    lower[ring.node["2"]] = 7
    assert blocks._along_forest(ring.graph, ring.conducting, lower, 1) is None
