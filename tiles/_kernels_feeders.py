"""The loop that cuts the pieces of feeders to a tile with its buffer, as MVT geometry."""

from __future__ import annotations

import math

import numpy as np

from tiles._kernels import Bytes, Ints, Longs
from tiles._kernels_cut import clipped, put_part
from topology.jit import kernel

TOLERANCE = 0.75
"""Pixels by which a line may leave the pixels that it was snapped to: as much as it left its true place before."""


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
