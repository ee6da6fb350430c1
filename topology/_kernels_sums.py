"""What hangs on the nodes and branches of a trace, added up: arrays in, arrays out, never raise."""

import numpy as np

from topology.jit import kernel
from topology.masks import Floats, Ints, Longs, Masks


@kernel
def by_class(masks: Masks, classes: Masks, values: Floats, class_count: int) -> tuple[Longs, Floats]:
    """How many masks of each class are not 0, and the sum of their values; NaN adds nothing.

    Four sums a class, in turn, so that none waits for the one before.
    """
    counts = np.zeros((4, class_count), np.int64)
    totals = np.zeros((4, class_count), np.float64)
    for i in range(masks.size):
        if masks[i]:
            counts[i & 3, classes[i]] += 1
            if values[i] == values[i]:
                totals[i & 3, classes[i]] += values[i]
    return counts.sum(axis=0), totals.sum(axis=0)


@kernel
def of_points(masks: Masks, nodes: Ints, phases: Masks, weights: Longs) -> tuple[int, int]:
    """How many points share a phase with the mask of their node, and the sum of their weights."""
    count = 0
    weight = 0
    for point in range(nodes.size):
        hit = 1 if masks[nodes[point]] & phases[point] else 0
        count += hit
        weight += hit * weights[point]
    return count, weight


@kernel
def corners(nodes: Masks, branches: Masks, u: Ints, v: Ints, places: Floats) -> tuple[float, float, float, float]:
    """Lowest and highest x, then y, of the nodes whose mask is not 0 and of the ends of such branches; NaN is no place.

    The lowest are infinite where nothing has a place.
    """
    left = bottom = np.inf
    right = top = -np.inf
    hit = 0
    for node in range(nodes.size):
        if nodes[node]:
            hit += 1
            x = places[node, 0]
            y = places[node, 1]
            left = x if x < left else left
            right = x if x > right else right
            bottom = y if y < bottom else bottom
            top = y if y > top else top
    for branch in range(branches.size if hit < nodes.size else 0):
        if branches[branch] and not (nodes[u[branch]] and nodes[v[branch]]):
            for node in (u[branch], v[branch]):
                x = places[node, 0]
                y = places[node, 1]
                left = x if x < left else left
                right = x if x > right else right
                bottom = y if y < bottom else bottom
                top = y if y > top else top
    return left, bottom, right, top
