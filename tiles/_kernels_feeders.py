"""The loop that cuts the pieces of feeders to a tile with its buffer, as MVT geometry."""

from __future__ import annotations

import math

import numpy as np

from tiles._kernels import Bytes, Ints, Longs
from tiles._kernels_cut import clipped, put_part
from topology.jit import kernel


@kernel
def cut_pieces(
    feeders: Ints, x0s: Ints, y0s: Ints, x1s: Ints, y1s: Ints, left: int, top: int, pixel: int
) -> tuple[Longs, Bytes, Longs]:
    """Straight pieces between pixels, those of a feeder together: the feeders shown, bytes, and offsets into them.

    left, top: the tile's corner in pixels. pixel: its size in tile units. Pieces that follow each other become one
    line; one that is a single pixel stays as a line across it.
    """
    count = feeders.size
    shown = np.empty(count, np.int64)
    ptr = np.zeros(count + 1, np.int64)
    out = np.empty(32 * count + 16, np.uint8)
    part = np.empty((count + 1, 2), np.int64)
    cursor = np.zeros(2, np.int64)
    at = 0
    length = 0
    found = 0
    half = pixel / 2
    for i in range(count):
        if i > 0 and feeders[i] != feeders[i - 1]:
            if length > 1:
                at = put_part(out, at, part, length, cursor)
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
                at = put_part(out, at, part, length, cursor)
            part[0, 0] = px
            part[0, 1] = py
            length = 1
        part[length, 0] = qx
        part[length, 1] = qy
        length += 1
    if length > 1:
        at = put_part(out, at, part, length, cursor)
    if count > 0 and at > ptr[found]:
        shown[found] = feeders[count - 1]
        found += 1
        ptr[found] = at
    return shown[:found], out[:at], ptr[: found + 1]
