"""Two hubs that hundreds of leaves hang on: what opens at one is fed by the other, hundreds of places at once."""

from __future__ import annotations

import numpy as np
import pytest

from tests import oracles
from topology.energize import Energizer, energize
from topology.graph import build

LEAVES = 700


@pytest.mark.parametrize("phases", [7, 5])
def test_hubs_change_over(phases):
    leaves = range(3, 3 + LEAVES)
    u = [0, 0, *[1] * LEAVES, *[2] * LEAVES]
    v = [1, 2, *leaves, *leaves]
    masks = [7, 7, *[7] * LEAVES, *[phases] * LEAVES]
    numbering = build(3 + LEAVES, u, v, masks, [7, 0, *masks[2:]], [7] + [0] * (2 + LEAVES))
    graph, number = numbering.graph, numbering.branch_number
    conducting, sources = np.empty(len(u), np.uint8), np.zeros(3 + LEAVES, np.uint8)
    conducting[number] = [7, 0, *masks[2:]]
    sources[numbering.node_number[0]] = 7
    energizer = Energizer(graph, conducting, sources)
    ends = (graph.branch_u.tolist(), graph.branch_v.tolist())
    for batch in ({0: 0, 1: 7}, {0: 7, 1: 0}, {0: 0}, {1: 7}, {0: 7}, {1: 0}):
        energizer.operate([number[branch] for branch in batch], list(batch.values()))
        state = energizer.conducting.tolist(), sources.tolist()
        assert energizer.energized.tolist() == oracles.energize(3 + LEAVES, *ends, *state)
        assert (energizer.energized == energize(graph, *map(np.array, state))).all()
