"""What is energised otherwise than in the normal state, as runs of node numbers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from twin import phases
from twin.state import Snapshot


@dataclass(frozen=True, slots=True)
class Run:
    """Nodes lo … hi (rows, both included) that have lost, and gained, the same phases against the normal state.

    customers: those there who have lost any of their service phases. bounds: left, bottom, right, top of its placed
    nodes, degrees; None where there is none.
    """

    lo: int
    hi: int
    lost: int
    gained: int
    customers: int
    bounds: tuple[float, float, float, float] | None


def supply_runs(snapshot: Snapshot) -> list[Run]:
    """By lo; none where everything is as in the normal state."""
    network = snapshot.network
    lost = network.normal_energized & ~snapshot.energized & phases.ABC
    gained = snapshot.energized & ~network.normal_energized & phases.ABC
    differs = lost | (gained << 4)
    if not differs.any():
        return []
    starts = np.concatenate([[0], np.flatnonzero(np.diff(differs)) + 1])
    ends = np.concatenate([starts[1:], [len(differs)]])
    chosen = differs[starts] != 0
    return [
        _run(snapshot, lo, hi, int(lost[lo]), int(gained[lo]))
        for lo, hi in zip(starts[chosen].tolist(), (ends[chosen] - 1).tolist(), strict=True)
    ]


def _run(snapshot: Snapshot, lo: int, hi: int, lost: int, gained: int) -> Run:
    network = snapshot.network
    inside = slice(network.consumer_ptr[lo], network.consumer_ptr[hi + 1])
    out = (network.consumers["phases"][inside] & lost) != 0
    customers = int(network.consumer_customers[inside][out].sum())
    return Run(lo, hi, lost, gained, customers, _bounds(network.node_lnglat[lo : hi + 1]))


def _bounds(lnglat: NDArray[np.float64]) -> tuple[float, float, float, float] | None:
    placed = lnglat[~np.isnan(lnglat).any(axis=1)]
    if len(placed) == 0:
        return None
    (left, bottom), (right, top) = placed.min(axis=0).tolist(), placed.max(axis=0).tolist()
    return left, bottom, right, top
