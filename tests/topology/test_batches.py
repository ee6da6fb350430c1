"""Batches of switching on generated utilities with couplers, rings, ties, fuses and laterals of one phase."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.topology_networks import BREAKER, COUPLER, SMALL_SWITCH, TIE, Shape, utility
from tests.batches import check_batches

SMALL = Shape(feeders=6, trunk=12, lateral=(0, 1, 1))


def run(nodes: int, shape: Shape | None, count: int, brute_every: int) -> int:
    case = utility(nodes, shape)
    assert case.kinds is not None and case.nodes > nodes - (shape or Shape()).substation_nodes
    groups = [np.flatnonzero(case.kinds == kind).astype(np.int32) for kind in (BREAKER, COUPLER, TIE, SMALL_SWITCH)]
    assert min(map(len, groups)) > 0
    assert (case.conducting[groups[2]] == 0).all()
    return check_batches(case.graph, case.conducting, case.sources, groups, count, brute_every)


def test_1000_batches_on_three_substations() -> None:
    assert run(3 * SMALL.substation_nodes, SMALL, count=1_000, brute_every=5) > 950


@pytest.mark.long
def test_1000_batches_on_a_million_nodes() -> None:
    assert run(1_040_000, None, count=1_000, brute_every=25) > 950
