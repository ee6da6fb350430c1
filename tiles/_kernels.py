"""Loops over arrays: Morton order and search in it, varints. Arrays in, arrays out, never raise.

Coordinates are world units (see mercator.py); a tile unit is `1 << shift` of them. Each runs as plain Python too.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tiles.mercator import WORLD_BITS
from topology.jit import kernel

Bytes = NDArray[np.uint8]
Ints = NDArray[np.int32]
Longs = NDArray[np.int64]
Floats = NDArray[np.float64]

EXTENT = 4096
BUFFER = 64
LOW = -BUFFER
HIGH = EXTENT + BUFFER

RANGES_MAX = 1024
SMALL_RANGE = 64


@kernel
def morton(x: int, y: int) -> int:
    """Interleaves two numbers of 31 bits, y above x."""
    a = x
    a = (a | (a << 16)) & 0x0000FFFF0000FFFF
    a = (a | (a << 8)) & 0x00FF00FF00FF00FF
    a = (a | (a << 4)) & 0x0F0F0F0F0F0F0F0F
    a = (a | (a << 2)) & 0x3333333333333333
    a = (a | (a << 1)) & 0x5555555555555555
    b = y
    b = (b | (b << 16)) & 0x0000FFFF0000FFFF
    b = (b | (b << 8)) & 0x00FF00FF00FF00FF
    b = (b | (b << 4)) & 0x0F0F0F0F0F0F0F0F
    b = (b | (b << 2)) & 0x3333333333333333
    b = (b | (b << 1)) & 0x5555555555555555
    return a | (b << 1)


@kernel
def morton_codes(xs: Ints, ys: Ints) -> Longs:
    """Code of each place, (n,)."""
    codes = np.empty(xs.size, np.int64)
    for i in range(xs.size):
        codes[i] = morton(int(xs[i]), int(ys[i]))
    return codes


@kernel
def first_from(xs: Ints, ys: Ints, low: int, high: int, code: int) -> int:
    """First entry in low … high whose Morton code is at least `code`; entries are in Morton order."""
    while low < high:
        middle = (low + high) >> 1
        if morton(int(xs[middle]), int(ys[middle])) < code:
            low = middle + 1
        else:
            high = middle
    return low


@kernel
def count_in_cell(xs: Ints, ys: Ints, begin: int, end: int, left: int, top: int, bits: int) -> int:
    """Entries in begin … end in the square of 2^bits world units whose corner this is, a multiple of that."""
    code = morton(left, top)
    low = first_from(xs, ys, begin, end, code)
    return first_from(xs, ys, low, end, code + (1 << (2 * bits))) - low


@kernel
def find(xs: Ints, ys: Ints, begin: int, end: int, left: int, top: int, right: int, bottom: int) -> tuple[Longs, int]:
    """Ranges of entries in begin … end that may lie in the box (all four sides inclusive).

    Returns (RANGES_MAX, 2) starts and stops, and how many of them are used. Goes down from the at most four cells
    that cover the box and stops at cells inside it, with few entries, or small beside it.
    """
    world = 1 << WORLD_BITS
    left = max(left, 0)
    top = max(top, 0)
    right = min(right, world - 1)
    bottom = min(bottom, world - 1)
    ranges = np.empty((RANGES_MAX, 2), np.int64)
    count = 0
    if left > right or top > bottom or begin >= end:
        return ranges, 0
    size = max(right - left, bottom - top) + 1
    bits = 0
    while (1 << bits) < size:
        bits += 1
    finest = max(bits - 5, 0)
    stack = np.empty((192, 5), np.int64)  # bits, column, row, first entry, one past the last
    depth = 0
    for row in range(bottom >> bits, (top >> bits) - 1, -1):
        for column in range(right >> bits, (left >> bits) - 1, -1):
            code = morton(column, row) << (2 * bits)
            low = first_from(xs, ys, begin, end, code)
            high = first_from(xs, ys, low, end, code + (1 << (2 * bits)))
            if low < high:
                stack[depth, 0] = bits
                stack[depth, 1] = column
                stack[depth, 2] = row
                stack[depth, 3] = low
                stack[depth, 4] = high
                at = depth  # the first cell in Morton order ends up on top
                while at > 0 and stack[at - 1, 3] < low:
                    for i in range(5):
                        stack[at, i], stack[at - 1, i] = stack[at - 1, i], stack[at, i]
                    at -= 1
                depth += 1
    while depth > 0:
        depth -= 1
        bits = stack[depth, 0]
        column = stack[depth, 1]
        row = stack[depth, 2]
        low = stack[depth, 3]
        high = stack[depth, 4]
        cell_left = column << bits
        cell_top = row << bits
        cell_right = cell_left + (1 << bits) - 1
        cell_bottom = cell_top + (1 << bits) - 1
        if cell_left > right or cell_right < left or cell_top > bottom or cell_bottom < top:
            continue
        inside = cell_left >= left and cell_right <= right and cell_top >= top and cell_bottom <= bottom
        if inside or high - low <= SMALL_RANGE or bits <= finest or count >= RANGES_MAX - 4:
            if count > 0 and ranges[count - 1, 1] == low:
                ranges[count - 1, 1] = high
            elif count < RANGES_MAX:
                ranges[count, 0] = low
                ranges[count, 1] = high
                count += 1
            else:
                ranges[count - 1, 1] = high  # cannot be: fewer are made before
            continue
        code = morton(column, row) << (2 * bits)
        quarter = 1 << (2 * bits - 2)
        stop = high
        for child in range(3, -1, -1):
            start = low if child == 0 else first_from(xs, ys, low, stop, code + child * quarter)
            if start < stop:
                stack[depth, 0] = bits - 1
                stack[depth, 1] = 2 * column + (child & 1)
                stack[depth, 2] = 2 * row + (child >> 1)
                stack[depth, 3] = start
                stack[depth, 4] = stop
                depth += 1
            stop = start
    return ranges, count


@kernel
def points_in_box(xs: Ints, ys: Ints, left: int, top: int, right: int, bottom: int) -> Longs:
    """Entries in the box, all four sides inclusive; entries are in Morton order."""
    ranges, count = find(xs, ys, 0, xs.size, left, top, right, bottom)
    total = 0
    for i in range(count):
        total += ranges[i, 1] - ranges[i, 0]
    entries = np.empty(total, np.int64)
    used = 0
    for i in range(count):
        for entry in range(ranges[i, 0], ranges[i, 1]):
            x = xs[entry]
            y = ys[entry]
            entries[used] = entry
            used += int(left <= x) & int(x <= right) & int(top <= y) & int(y <= bottom)
    return entries[:used]


@kernel
def lines_in_box(
    middle_xs: Ints,
    middle_ys: Ints,
    classes: Longs,
    offsets: Longs,
    xs: Ints,
    ys: Ints,
    left: int,
    top: int,
    right: int,
    bottom: int,
) -> Longs:
    """Entries whose box meets the box. classes: (n, 4), begin, end and largest half width and height of each."""
    found = np.empty(0, np.int64)
    used = 0
    for number in range(classes.shape[0]):
        wide = classes[number, 2]
        high = classes[number, 3]
        a, b, c, d = left - wide, top - high, right + wide, bottom + high
        ranges, count = find(middle_xs, middle_ys, classes[number, 0], classes[number, 1], a, b, c, d)
        total = used
        for i in range(count):
            total += ranges[i, 1] - ranges[i, 0]
        grown = np.empty(total, np.int64)
        grown[:used] = found[:used]
        found = grown
        for i in range(count):
            for entry in range(ranges[i, 0], ranges[i, 1]):
                x = middle_xs[entry]
                y = middle_ys[entry]
                if x < a or x > c or y < b or y > d:
                    continue
                first = offsets[entry]
                x0 = xs[first]
                x1 = x0
                y0 = ys[first]
                y1 = y0
                for vertex in range(first + 1, offsets[entry + 1]):
                    x0 = min(x0, xs[vertex])
                    x1 = max(x1, xs[vertex])
                    y0 = min(y0, ys[vertex])
                    y1 = max(y1, ys[vertex])
                if x0 <= right and x1 >= left and y0 <= bottom and y1 >= top:
                    found[used] = entry
                    used += 1
    return found[:used]


@kernel
def line_extents(offsets: Longs, xs: Ints, ys: Ints, entries: Longs) -> Longs:
    """Longer side of the box of each line, (n,)."""
    extents = np.empty(entries.size, np.int64)
    for i in range(entries.size):
        first = offsets[entries[i]]
        x0 = x1 = int(xs[first])
        y0 = y1 = int(ys[first])
        for vertex in range(first + 1, offsets[entries[i] + 1]):
            x0 = min(x0, int(xs[vertex]))
            x1 = max(x1, int(xs[vertex]))
            y0 = min(y0, int(ys[vertex]))
            y1 = max(y1, int(ys[vertex]))
        extents[i] = max(x1 - x0, y1 - y0)
    return extents


@kernel
def put_varint(out: Bytes, at: int, value: int) -> int:
    """Writes an unsigned varint; returns the position behind it."""
    while value > 127:
        out[at] = (value & 127) | 128
        value >>= 7
        at += 1
    out[at] = value
    return at + 1


@kernel
def put_delta(out: Bytes, at: int, delta: int) -> int:
    """Writes a zigzag varint."""
    return put_varint(out, at, (delta << 1) ^ (delta >> 63))


@kernel
def varint_size(value: int) -> int:
    """Bytes of an unsigned varint."""
    size = 1
    while value > 127:
        value >>= 7
        size += 1
    return size
