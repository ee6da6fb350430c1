"""What is energised otherwise than in the normal state, as runs of node numbers."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from twin import phases
from twin.state import Snapshot


class Run(NamedTuple):
    """Nodes lo … hi (rows, both included) that have lost, and gained, the same phases against the normal state."""

    lo: int
    hi: int
    lost: int
    gained: int


def supply_runs(snapshot: Snapshot) -> list[Run]:
    """By lo; none where everything is as in the normal state."""
    energized = snapshot.energized
    changed = (snapshot.network.normal_energized ^ energized) & phases.ABC
    if not changed.any():
        return []
    both = changed | ((energized & changed) << 4)  # which phases, and above them those of them that are live now
    starts = np.concatenate([[0], np.flatnonzero(both[1:] != both[:-1]) + 1])
    ends = np.concatenate([starts[1:], [len(both)]]) - 1
    chosen = changed[starts] != 0
    rows = zip(starts[chosen].tolist(), ends[chosen].tolist(), both[starts[chosen]].tolist(), strict=True)
    return [Run(lo, hi, mask & ~(mask >> 4) & phases.ABC, mask >> 4) for lo, hi, mask in rows]


def run_customers(snapshot: Snapshot, run: Run) -> int:
    """Customers there who have lost any of their service phases."""
    network = snapshot.network
    inside = slice(network.consumer_ptr[run.lo], network.consumer_ptr[run.hi + 1])
    out = (network.consumers["phases"][inside] & run.lost) != 0
    return int(network.consumer_customers[inside][out].sum())


def run_bounds(snapshot: Snapshot, run: Run) -> tuple[float, float, float, float] | None:
    """left, bottom, right, top of its placed nodes, degrees; None where there is none."""
    lnglat = snapshot.network.node_lnglat[run.lo : run.hi + 1]
    placed = lnglat[~np.isnan(lnglat[:, 0])]  # half a place is none
    if len(placed) == 0:
        return None
    (left, bottom), (right, top) = placed.min(axis=0).tolist(), placed.max(axis=0).tolist()
    return left, bottom, right, top
