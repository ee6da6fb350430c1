"""Islands: which nodes hang together over conducting branches."""

import numpy as np
from numpy.typing import ArrayLike

from topology.graph import Graph, small
from topology.jit import exercise, kernel
from topology.masks import ABC, Ints, Masks, as_masks

__all__ = ["islands"]


def islands(graph: Graph, conducting: ArrayLike) -> Ints:
    """The lowest node number of each node's island, (nodes,); a branch joins if it conducts on any phase.

    conducting: uint8 (branches,).
    """
    return _islands(
        graph.branch_u, graph.branch_v, as_masks(conducting, graph.branch_count, "conducting"), graph.parent
    )


@kernel
def _islands(u: Ints, v: Ints, conducting: Masks, nodes: Ints) -> Ints:
    """Union-find with path halving, always linking to the lower number."""
    root = np.arange(nodes.size).astype(np.int32)
    for branch in range(u.size):
        if conducting[branch] & ABC:
            a = u[branch]
            b = v[branch]
            while root[a] != a:
                root[a] = root[root[a]]
                a = root[a]
            while root[b] != b:
                root[b] = root[root[b]]
                b = root[b]
            if a < b:
                root[b] = a
            elif b < a:
                root[a] = b
    for node in range(root.size):  # every link points lower, so one ascending pass ends at the roots
        root[node] = root[root[node]]
    return root


@exercise
def _exercise() -> None:
    graph = small().graph
    islands(graph, graph.branch_phases)
