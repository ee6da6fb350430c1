"""Where buses are: as the circuit says, and for those it does not say, between their neighbours."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from topology.graph import build

USUAL_M = 30.0
"""Taken for the length of what has none."""

SHORTEST_M = 0.1


def between_neighbours(
    points: NDArray[np.float64],
    node1: NDArray[np.int32],
    node2: NDArray[np.int32],
    length_m: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Points with those that are NaN filled in, (nodes, 2); NaN stays where nothing placed hangs together with it.

    points: (nodes, 2). node1, node2, length_m: (branches,), NaN for what has no length. Along a spanning forest every
    filled point is the mean of its neighbours, each weighed by one over its length: on a way between two known points
    they part it by length, and what hangs on one known point lies there.
    """
    known = ~np.isnan(points).any(axis=1)
    if known.all() or not known.any():
        return points
    count = len(points)
    ones = np.full(len(node1), 1, dtype=np.uint8)
    numbering = build(count, node1, node2, ones, ones, np.zeros(count, dtype=np.uint8))
    graph = numbering.graph
    number = numbering.node_number
    length = np.empty(len(node1))
    length[numbering.branch_number] = np.maximum(np.where(np.isnan(length_m), USUAL_M, length_m), SHORTEST_M)
    placed = np.full((count, 2), np.nan)
    placed[number] = points
    stiffness = np.zeros(count)
    """Of all springs to below that end at something known."""
    pull = np.zeros((count, 2))
    """The points they pull to, times their stiffness."""
    fixed = np.zeros(count, dtype=np.bool_)
    fixed[number] = known
    parent, branch = graph.parent, graph.parent_branch
    pulling = (parent >= 0) & ~fixed[parent]
    for node in np.flatnonzero(pulling)[::-1].tolist():
        above = parent[node]
        spring = 1 / length[branch[node]]
        if fixed[node]:
            stiffness[above] += spring
            pull[above] += spring * placed[node]
        elif stiffness[node] > 0:
            series = spring * stiffness[node] / (spring + stiffness[node])
            stiffness[above] += series
            pull[above] += series * pull[node] / stiffness[node]
    for node in np.flatnonzero(~fixed).tolist():
        above = parent[node]
        if above >= 0 and not np.isnan(placed[above, 0]):
            spring = 1 / length[branch[node]]
            placed[node] = (pull[node] + spring * placed[above]) / (stiffness[node] + spring)
        elif stiffness[node] > 0:
            placed[node] = pull[node] / stiffness[node]
    return placed[number]
