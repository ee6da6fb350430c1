"""Loops from elements to the tiles that show them."""

from __future__ import annotations

import numpy as np

from tiles._kernels import BUFFER, EXTENT, HIGH, LOW, Bytes, Ints, Longs, morton
from tiles._kernels_cut import clipped
from tiles.mercator import WORLD_BITS
from topology.jit import kernel

ZOOM_BITS = 40
"""A tile as one number: its zoom above its Morton code."""


@kernel
def appended(found: Longs, used: int, value: int) -> Longs:
    """`found` with room for one more, and that one in it."""
    if used == found.size:
        grown = np.empty(2 * found.size, np.int64)
        grown[:used] = found
        found = grown
    found[used] = value
    return found


@kernel
def tiles_of_points(xs: Ints, ys: Ints, entries: Longs, minzoom: int, maxzoom: int) -> Longs:
    """All tiles that show any of these points, some more than once; fewest times for entries in Morton order.

    Around the earth too, so minzoom is at least 2.
    """
    found = np.empty(64, np.int64)
    used = 0
    last = np.full(maxzoom + 1, -1, np.int64)
    for i in range(entries.size):
        x = int(xs[entries[i]])
        y = int(ys[entries[i]])
        for zoom in range(minzoom, maxzoom + 1):
            bits = WORLD_BITS - zoom
            margin = BUFFER << (bits - 12)
            limit = (1 << zoom) - 1
            for row in range(max((y - margin - 1) >> bits, 0), min((y + margin) >> bits, limit) + 1):
                for column in range((x - margin - 1) >> bits, ((x + margin) >> bits) + 1):
                    left = x - (column << bits)
                    top = y - (row << bits)
                    high = (1 << bits) + margin
                    if left < -margin or left > high or top < -margin or top > high:
                        continue
                    tile = zoom << ZOOM_BITS | morton(column & limit, row)
                    if tile != last[zoom]:
                        found = appended(found, used, tile)
                        used += 1
                        last[zoom] = tile
    return found[:used]


@kernel
def line_meets(
    first: int, last: int, xs: Ints, ys: Ints, first_zoom: Bytes, column: int, row: int, zoom: int, grown: int
) -> bool:
    """Whether a line, as drawn at this zoom, meets a tile with its buffer and `grown` units more."""
    bits = WORLD_BITS - zoom
    unit = 1 << (bits - 12)
    left = (column << bits) - (BUFFER + grown) * unit
    top = (row << bits) - (BUFFER + grown) * unit
    scale = (HIGH - LOW) / ((EXTENT + 2 * BUFFER + 2 * grown) * float(unit))
    ax = (float(xs[first]) - left) * scale + LOW
    ay = (float(ys[first]) - top) * scale + LOW
    if last - first == 1:
        return LOW <= ax <= HIGH and LOW <= ay <= HIGH
    for vertex in range(first + 1, last):
        if first_zoom[vertex] > zoom:
            continue
        bx = (float(xs[vertex]) - left) * scale + LOW
        by = (float(ys[vertex]) - top) * scale + LOW
        enter, leave = clipped(ax, ay, bx, by)
        if enter <= leave:
            return True
        ax = bx
        ay = by
    return False


@kernel
def tiles_of_lines(
    offsets: Longs, xs: Ints, ys: Ints, first_zoom: Bytes, entries: Longs, minzoom: int, maxzoom: int
) -> Longs:
    """All tiles that show any of these lines, some more than once.

    Long lines go down from the lowest zoom into what they meet; of short ones every zoom has a few tiles to look at.
    Around the earth too, so minzoom is at least 2.
    """
    found = np.empty(64, np.int64)
    used = 0
    stack = np.empty((4 * (maxzoom + 1), 3), np.int64)
    recent = np.full(maxzoom + 1, -1, np.int64)
    for i in range(entries.size):
        first = offsets[entries[i]]
        last = offsets[entries[i] + 1]
        x0 = x1 = int(xs[first])
        y0 = y1 = int(ys[first])
        for vertex in range(first + 1, last):
            x0 = min(x0, int(xs[vertex]))
            x1 = max(x1, int(xs[vertex]))
            y0 = min(y0, int(ys[vertex]))
            y1 = max(y1, int(ys[vertex]))
        deepest = WORLD_BITS - maxzoom
        if max(x1 - x0, y1 - y0) >> deepest < 2:
            for zoom in range(minzoom, maxzoom + 1):
                bits = WORLD_BITS - zoom
                margin = BUFFER << (bits - 12)
                limit = (1 << zoom) - 1
                first_row = max((y0 - margin - 1) >> bits, 0)
                last_row = min((y1 + margin) >> bits, limit)
                first_column = (x0 - margin - 1) >> bits
                last_column = (x1 + margin) >> bits
                alone = first_row == last_row and first_column == last_column
                for row in range(first_row, last_row + 1):
                    for column in range(first_column, last_column + 1):
                        tile = zoom << ZOOM_BITS | morton(column & limit, row)
                        if tile == recent[zoom]:
                            continue
                        if alone or line_meets(first, last, xs, ys, first_zoom, column, row, zoom, 0):
                            found = appended(found, used, tile)
                            used += 1
                            recent[zoom] = tile
            continue
        bits = WORLD_BITS - minzoom
        margin = (BUFFER + 2) << (bits - 12)
        limit = (1 << minzoom) - 1
        for top_row in range(max((y0 - margin) >> bits, 0), min((y1 + margin) >> bits, limit) + 1):
            for top_column in range((x0 - margin) >> bits, ((x1 + margin) >> bits) + 1):
                stack[0, 0] = minzoom
                stack[0, 1] = top_column
                stack[0, 2] = top_row
                depth = 1
                while depth > 0:
                    depth -= 1
                    zoom = stack[depth, 0]
                    column = stack[depth, 1]
                    row = stack[depth, 2]
                    if not line_meets(first, last, xs, ys, first_zoom, column, row, zoom, 2):
                        continue
                    tile = zoom << ZOOM_BITS | morton(column & ((1 << zoom) - 1), row)
                    if tile != recent[zoom] and line_meets(first, last, xs, ys, first_zoom, column, row, zoom, 0):
                        found = appended(found, used, tile)
                        used += 1
                        recent[zoom] = tile
                    if zoom < maxzoom:
                        for child in range(4):
                            stack[depth, 0] = zoom + 1
                            stack[depth, 1] = 2 * column + (child & 1)
                            stack[depth, 2] = 2 * row + (child >> 1)
                            depth += 1
    return found[:used]
