"""Extents against traces, which have their own oracles: same elements, phases, boundaries, sources, status."""

import random

import numpy as np
import pytest

from tests.topology.grids import Grid
from tests.topology.test_trace import PARTS, networks, regions, starts
from topology import extent, trace
from topology.energize import energize
from topology.graph import build
from topology.results import Options, Start

__all__ = ["regions"]  # a fixture: every test here runs on regions, too


def check(found, ordered, graph):
    """One extent, one trace."""
    expected = extent.from_trace(graph, ordered)
    assert found.node_phases.tolist() == expected.node_phases.tolist()
    assert found.branch_phases.tolist() == expected.branch_phases.tolist()
    assert found.boundaries.tolist() == ordered.boundaries.tolist()
    assert found.boundary_reasons.tolist() == ordered.boundary_reasons.tolist()
    assert found.sources.tolist() == ordered.sources.tolist()
    assert found.status == ordered.status


def choices(rng, graph):
    """Random options, so that barriers, filters, phases and flags meet in all ways."""

    def some():
        return [] if rng.random() < 0.5 else rng.sample(range(graph.branch_count), min(2, graph.branch_count))

    return {
        "phases": rng.choice((7, 7, 1, 6)),
        "barriers": some(),
        "include_barriers": rng.random() < 0.8,
        "ignore_barriers_at_start": rng.random() < 0.5,
        "filter_barriers": some(),
    }


@pytest.mark.parametrize("part", range(PARTS))
def test_extents_and_traces_agree(part):
    for seed, graph, _, conducting, sources in networks(part, 400):
        rng = random.Random(seed)
        given = energize(graph, conducting, sources) if seed % 2 else None
        state = (graph, conducting, sources)
        for nodes, branches in starts(graph, seed):
            start = Start(nodes, branches, [rng.choice((0, 0, 1, 2)) for _ in branches])
            options = Options(**choices(rng, graph)) if rng.random() < 0.5 else None
            across = Options(**choices(rng, graph), ignore_status=rng.random() < 0.5)
            check(extent.connected(*state, start, across), trace.connected(*state, start, across), graph)
            arguments = (*state, start, options, given)
            check(extent.upstream(*arguments), trace.upstream(*arguments), graph)
            for mode in ("flow", "exclusive"):
                check(extent.downstream(*arguments, mode), trace.downstream(*arguments, mode), graph)
            if branches:
                heads = (branches, graph.branch_u[branches], [*branches, 0])
                check(extent.subnetwork(*state, *heads), trace.subnetwork(*state, *heads), graph)


def test_a_mode_that_is_none():
    grid = Grid.case("f3_ring").build()
    with pytest.raises(ValueError, match='mode is "up"'):
        extent.downstream(grid.graph, grid.conducting, grid.sources, Start([0]), mode="up")


def test_bits_of_a_trace_and_back():
    for count in (1, 7, 8, 9, 100):
        graph = build(count, range(count - 1), range(1, count), [7] * (count - 1), [7] * (count - 1), [7] * count).graph
        conducting = graph.branch_phases.copy()
        conducting[count // 2 :] = 0
        found = extent.connected(graph, conducting, np.full(count, 7, np.uint8), Start([0]))
        assert found.node_bits.size == (count + 7) // 8
        for node in range(count):
            assert bool(found.node_bits[node // 8] >> node % 8 & 1) == bool(found.node_phases[node])
        assert extent.bits_to_flags(found.node_bits, count).tolist() == (found.node_phases > 0).tolist()
        assert extent.bits_to_flags(found.branch_bits, count - 1).tolist() == (found.branch_phases > 0).tolist()
    with pytest.raises(ValueError, match="13 bytes of bits, expected 14 for 105"):
        extent.bits_to_flags(found.node_bits, 105)
