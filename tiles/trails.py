"""Straight pieces between pixels in an order in which they make few and long lines."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tiles import _kernels_feeders

__all__ = ["following"]

Longs = NDArray[np.int64]


def following(pieces: Longs) -> Longs:
    """Those of each feeder so that as many as can be begin where the one before ends.

    pieces: int64 (5, n): feeder, in order; x0, y0, x1 and y1 in pixels. Those that only stick out of others of their
    feeder by a pixel are left out; the rest may be turned round.
    """
    nodes, ends = _places(pieces)
    degree = np.bincount(ends.ravel(), minlength=nodes.shape[1])
    sticks_out = (degree[ends] == 1).any(axis=1) & (np.abs(pieces[3:] - pieces[1:3]) <= 1).all(axis=0)
    others = np.bincount(pieces[0, ~sticks_out], minlength=int(pieces[0].max(initial=-1)) + 1) > 0
    kept = ~(sticks_out & others[pieces[0]])
    pieces, ends = pieces[:, kept], ends[kept]
    incident = np.argsort(ends.ravel(), kind="stable") >> 1
    ptr = np.append(0, np.cumsum(np.bincount(ends.ravel(), minlength=nodes.shape[1])))
    feeder_ptr = np.append(np.flatnonzero(np.diff(nodes[0], prepend=-1)), nodes.shape[1])
    taken, turned = _kernels_feeders.trails(ends, nodes[1], nodes[2], ptr, incident, feeder_ptr)
    found = pieces[:, taken]
    found[1:, turned] = found[[3, 4, 1, 2]][:, turned]
    return found


def _places(pieces: Longs) -> tuple[Longs, Longs]:
    """The nodes that pieces end at in order, (3, nodes): feeder, x and y; and which they are, by piece (pieces, 2)."""
    feeder, x0, y0, x1, y1 = pieces
    both = np.stack([np.repeat(feeder, 2), np.stack([x0, x1], axis=1).ravel(), np.stack([y0, y1], axis=1).ravel()])
    order = np.lexsort(both[::-1])
    new = np.ones(len(order), dtype=np.bool_)
    new[1:] = (both[:, order[1:]] != both[:, order[:-1]]).any(axis=0)
    node = np.empty(len(order), dtype=np.int64)
    node[order] = np.cumsum(new) - 1
    return np.ascontiguousarray(both[:, order[new]]), node.reshape(-1, 2)
