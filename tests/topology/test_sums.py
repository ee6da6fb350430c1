"""Sums over extents against the same in plain Python and NumPy."""

import math
import random

import numpy as np
import pytest

from tests.topology.grids import multigraph
from tests.topology.test_energize import numbered
from topology import extent, sums
from topology.energize import energize
from topology.results import Start


def extents(count):
    """Random networks with extents of every kind, some of which hold branches whose ends they do not."""
    for seed in range(count):
        graph, conducting, sources = numbered(multigraph(seed, nodes=14, extra=8))
        state = (graph, conducting, sources)
        rng = random.Random(seed)
        start = Start([rng.randrange(graph.node_count)])
        yield rng, graph, extent.connected(*state, start)
        yield rng, graph, extent.upstream(*state, start)
        if graph.branch_count:
            branch = Start([], [rng.randrange(graph.branch_count)], [rng.randrange(3)])
            yield rng, graph, extent.connected(*state, branch)
            yield rng, graph, extent.downstream(*state, branch, energized=energize(*state))


def test_counts_and_totals_by_class():
    for rng, graph, found in extents(150):
        classes = np.array([rng.randrange(4) for _ in range(graph.branch_count)], np.uint8)
        values = [rng.choice((1.5, 1e6, -2.0, math.nan)) for _ in range(graph.branch_count)]
        result = sums.by_class(found, classes, values, 5)
        inside = found.branch_phases > 0
        assert result.counts.tolist() == np.bincount(classes[inside], minlength=5).tolist()
        for kind in range(5):
            known = [value for value, here in zip(values, inside & (classes == kind), strict=True) if here]
            assert result.totals[kind] == math.fsum(value for value in known if not math.isnan(value))


def test_points_reached_in_a_phase_of_theirs():
    for rng, graph, found in extents(150):
        count = rng.choice((0, 1, 20))
        at = [rng.randrange(graph.node_count) for _ in range(count)]
        phases = [rng.randrange(16) for _ in at]
        weights = [rng.randrange(5) for _ in at]
        hit = [i for i in range(count) if int(found.node_phases[at[i]]) & phases[i]]
        assert sums.points(found, at, phases, weights) == (len(hit), sum(weights[i] for i in hit))


def test_bounds_of_nodes_and_branch_ends():
    beyond = 0
    for rng, graph, found in extents(150):
        places = np.array([[rng.uniform(-180, 180), rng.uniform(-90, 90)] for _ in range(graph.node_count)])
        places[[rng.random() < 0.3 for _ in range(graph.node_count)]] = np.nan
        branches = found.branch_phases > 0
        nodes = set(np.flatnonzero(found.node_phases).tolist())
        ends = {*graph.branch_u[branches].tolist(), *graph.branch_v[branches].tolist()}
        beyond += bool(ends - nodes)
        known = [places[node].tolist() for node in nodes | ends if not np.isnan(places[node]).any()]
        expected = None
        if known:
            x, y = zip(*known, strict=True)
            expected = (min(x), min(y), max(x), max(y))
        assert sums.bounds(graph, found, places) == expected
    assert beyond > 10


def test_wrong_arrays_are_refused():
    _, graph, found = next(extents(1))
    count = graph.branch_count
    with pytest.raises(ValueError, match="class 3 is not below class_count 3"):
        sums.by_class(found, [3] * count, [0.0] * count, 3)
    with pytest.raises(ValueError, match="values has shape"):
        sums.by_class(found, [0] * count, [0.0] * (count + 1), 3)
    with pytest.raises(IndexError, match="node 99 is outside"):
        sums.points(found, [99], [7], [1])
    with pytest.raises(ValueError, match="weights has shape"):
        sums.points(found, [0], [7], [1, 2])
    with pytest.raises(TypeError, match="weights has float64"):
        sums.points(found, [0], [7], [1.5])
    with pytest.raises(ValueError, match="lnglat has shape"):
        sums.bounds(graph, found, np.zeros((1, 3)))
