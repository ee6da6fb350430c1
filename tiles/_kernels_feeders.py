"""Loops that order the pieces of feeders as lines run, and cut them to a tile with its buffer, as MVT geometry."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from tiles._kernels import Bytes, Ints, Longs
from tiles._kernels_cut import clipped, put_part
from topology.jit import kernel

TOLERANCE = 0.75
"""Pixels by which a line may leave the pixels that it was snapped to: as much as it left its true place before."""

MOST_TRIED = 8
"""Pieces at a place of which the one that goes on most straight is taken: more would cost their square."""


@kernel
def trails(
    ends: Longs, xs: Longs, ys: Longs, ptr: Longs, incident: Longs, feeder_ptr: Longs
) -> tuple[Longs, NDArray[np.bool_]]:
    """Pieces in an order in which they follow each other in as few lines as can be, and which of them are turned round.

    ends: the nodes of each piece (pieces, 2). xs, ys: where nodes lie. ptr, incident: pieces at each node, a loop
    twice. feeder_ptr: where the nodes of each feeder begin, whose pieces stay together. A line begins where an odd
    number of pieces meets, as every walk that does ends at another such place (Euler); rings come last.
    """
    count = len(ends)
    order = np.empty(count, np.int64)
    turned = np.zeros(count, np.bool_)
    used = np.zeros(count, np.bool_)
    left = ptr[1:] - ptr[:-1]
    begin = ptr[:-1].copy()
    found = 0
    for feeder in range(len(feeder_ptr) - 1):
        for only_odd in (True, False):
            for node in range(feeder_ptr[feeder], feeder_ptr[feeder + 1]):
                while left[node] > 0 and (left[node] % 2 == 1 or not only_odd):
                    found = _walk(node, ends, xs, ys, ptr, incident, left, begin, used, order, turned, found)
    return order, turned


@kernel
def _walk(
    node: int,
    ends: Longs,
    xs: Longs,
    ys: Longs,
    ptr: Longs,
    incident: Longs,
    left: Longs,
    begin: Longs,
    used: NDArray[np.bool_],
    order: Longs,
    turned: NDArray[np.bool_],
    found: int,
) -> int:
    """Takes pieces from a node on until it can go no further; how many are taken by then."""
    dx = 0.0
    dy = 0.0
    while left[node] > 0:
        best = -1
        straightest = -np.inf
        tried = 0
        i = begin[node]
        while i < ptr[node + 1] and tried < MOST_TRIED:
            piece = incident[i]
            if used[piece]:
                if i == begin[node]:
                    begin[node] += 1
            else:
                tried += 1
                other = ends[piece, 0] + ends[piece, 1] - node
                ax = float(xs[other] - xs[node])
                ay = float(ys[other] - ys[node])
                along = (ax * dx + ay * dy) / max(1.0, math.hypot(ax, ay))
                if along > straightest:
                    straightest = along
                    best = piece
            i += 1
        used[best] = True
        order[found] = best
        turned[found] = ends[best, 0] != node
        found += 1
        other = ends[best, 0] + ends[best, 1] - node
        dx = float(xs[other] - xs[node])
        dy = float(ys[other] - ys[node])
        left[node] -= 1
        left[other] -= 1
        node = other
    return found


@kernel
def thinned(part: Longs, count: int, tolerance: float, spans: Longs, kept: Bytes) -> int:
    """Leaves out the points of a line that lie that close to what is left (Douglas and Peucker); how many are left.

    spans, kept: room for as many rows as points; kept is all 0, and is left so.
    """
    kept[0] = 1
    kept[count - 1] = 1
    spans[0, 0] = 0
    spans[0, 1] = count - 1
    depth = 1
    while depth > 0:
        depth -= 1
        first = spans[depth, 0]
        last = spans[depth, 1]
        farthest = _farthest(part, first, last, tolerance)
        if farthest < 0:
            continue
        kept[farthest] = 1
        spans[depth, 0] = first
        spans[depth, 1] = farthest
        spans[depth + 1, 0] = farthest
        spans[depth + 1, 1] = last
        depth += 2
    left = 0
    for i in range(count):
        if kept[i]:
            kept[i] = 0
            part[left, 0] = part[i, 0]
            part[left, 1] = part[i, 1]
            left += 1
    return left


@kernel
def _farthest(part: Longs, first: int, last: int, tolerance: float) -> int:
    """The point between two that lies farthest from the piece between them, -1 where all are within the tolerance."""
    x = part[first, 0]
    y = part[first, 1]
    dx = part[last, 0] - x
    dy = part[last, 1] - y
    square = dx * dx + dy * dy
    most = tolerance * tolerance
    found = -1
    for i in range(first + 1, last):
        px = part[i, 0] - x
        py = part[i, 1] - y
        along = 0.0
        if square > 0:
            along = min(1.0, max(0.0, (px * dx + py * dy) / square))
        away = (px - along * dx) ** 2 + (py - along * dy) ** 2
        if away > most:
            most = away
            found = i
    return found


@kernel
def cut_pieces(
    feeders: Ints, x0s: Ints, y0s: Ints, x1s: Ints, y1s: Ints, left: int, top: int, pixel: int
) -> tuple[Longs, Bytes, Longs]:
    """Straight pieces between pixels, those of a feeder together: the feeders shown, bytes, and offsets into them.

    left, top: the tile's corner in pixels. pixel: its size in tile units. Pieces that follow each other become one
    line, without the steps from pixel to pixel; one that is a single pixel stays as a line across it.
    """
    count = feeders.size
    shown = np.empty(count, np.int64)
    ptr = np.zeros(count + 1, np.int64)
    out = np.empty(32 * count + 16, np.uint8)
    part = np.empty((count + 1, 2), np.int64)
    spans = np.empty((count + 1, 2), np.int64)
    kept = np.zeros(count + 1, np.uint8)
    cursor = np.zeros(2, np.int64)
    at = 0
    length = 0
    found = 0
    half = pixel / 2
    for i in range(count):
        if i > 0 and feeders[i] != feeders[i - 1]:
            if length > 1:
                at = put_part(out, at, part, thinned(part, length, TOLERANCE * pixel, spans, kept), cursor)
            length = 0
            if at > ptr[found]:
                shown[found] = feeders[i - 1]
                found += 1
                ptr[found] = at
            cursor[:] = 0
        ax = (x0s[i] - left) * pixel + half
        ay = (y0s[i] - top) * pixel + half
        bx = (x1s[i] - left) * pixel + half
        by = (y1s[i] - top) * pixel + half
        if ax == bx and ay == by:
            ax -= half
            bx += half
        enter, leave = clipped(ax, ay, bx, by)
        if enter > leave:
            continue
        px = math.floor(ax + enter * (bx - ax) + 0.5)
        py = math.floor(ay + enter * (by - ay) + 0.5)
        qx = math.floor(ax + leave * (bx - ax) + 0.5)
        qy = math.floor(ay + leave * (by - ay) + 0.5)
        if px == qx and py == qy:
            continue
        if length > 0 and part[length - 1, 0] == qx and part[length - 1, 1] == qy:
            qx, qy = px, py
        elif length == 0 or part[length - 1, 0] != px or part[length - 1, 1] != py:
            if length > 1:
                at = put_part(out, at, part, thinned(part, length, TOLERANCE * pixel, spans, kept), cursor)
            part[0, 0] = px
            part[0, 1] = py
            length = 1
        part[length, 0] = qx
        part[length, 1] = qy
        length += 1
    if length > 1:
        at = put_part(out, at, part, thinned(part, length, TOLERANCE * pixel, spans, kept), cursor)
    if count > 0 and at > ptr[found]:
        shown[found] = feeders[count - 1]
        found += 1
        ptr[found] = at
    return shown[:found], out[:at], ptr[: found + 1]
