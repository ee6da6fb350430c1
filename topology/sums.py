"""What a trace adds up to, straight from its extent: each element counts once, in one pass over its arrays."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from topology import _kernels_sums
from topology.graph import Graph, small
from topology.jit import exercise
from topology.masks import Floats, Longs, as_floats, as_ints, as_longs, as_masks, check_indices
from topology.results import NONE, Extent

__all__ = ["ClassSums", "bounds", "by_class", "points"]


@dataclass(frozen=True, slots=True, eq=False)
class ClassSums:
    """Branches of an extent by class."""

    counts: Longs
    """How many, (classes,)."""
    totals: Floats
    """The sum of their values, (classes,)."""


def by_class(extent: Extent, classes: ArrayLike, values: ArrayLike, class_count: int) -> ClassSums:
    """Count branches by class and add up a value of each; NaN, a value that is not known, adds nothing.

    classes: uint8 below class_count, values: float64, (branches,) each. Raises ValueError for a class that is not
    below class_count, and for arrays of the wrong length.
    """
    branches = extent.branch_phases
    kinds = as_masks(classes, branches.size, "classes")
    if kinds.size and kinds.max() >= class_count:
        raise ValueError(f"class {kinds.max()} is not below class_count {class_count}")
    return ClassSums(*_kernels_sums.by_class(branches, kinds, as_floats(values, branches.shape, "values"), class_count))


def points(extent: Extent, nodes: ArrayLike, phases: ArrayLike, weights: ArrayLike) -> tuple[int, int]:
    """How many points (customers' connections) the trace reaches in a phase of theirs, and what they weigh together.

    nodes: node of each point, phases, weights: whole numbers, (points,) each. Raises ValueError for arrays of the
    wrong length, IndexError for a node that does not exist.
    """
    at = as_ints(nodes)
    check_indices(at, extent.node_phases.size, "node")
    masks = as_masks(phases, at.size, "phases")
    count, weight = _kernels_sums.of_points(extent.node_phases, at, masks, as_longs(weights, at.size, "weights"))
    return int(count), int(weight)


def bounds(graph: Graph, extent: Extent, lnglat: ArrayLike) -> tuple[float, float, float, float] | None:
    """left, bottom, right, top of the nodes of an extent and the ends of its branches; None where none has a place.

    lnglat: (nodes, 2), NaN where a node has no place.
    """
    places = as_floats(lnglat, (graph.node_count, 2), "lnglat")
    found = _kernels_sums.corners(extent.node_phases, extent.branch_phases, graph.branch_u, graph.branch_v, places)
    left, bottom, right, top = (float(value) for value in found)
    return None if left == np.inf else (left, bottom, right, top)


@exercise
def _exercise() -> None:
    graph = small().graph
    extent = Extent(np.zeros(5, np.uint8), np.zeros(5, np.uint8), NONE, np.empty(0, np.uint8), NONE)
    by_class(extent, [0] * 5, [0.0] * 5, 1)
    points(extent, [0], [7], [1])
    bounds(graph, extent, np.zeros((5, 2)))
