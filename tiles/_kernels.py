"""Loops over arrays: spatial search, cutting to a tile, MVT bytes. Arrays in, arrays out, never raise.

Coordinates are world units (see mercator.py); a tile unit is `1 << shift` of them. Each runs as plain Python too.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from topology.jit import kernel

Bytes = NDArray[np.uint8]
Ints = NDArray[np.int32]
Longs = NDArray[np.int64]
Floats = NDArray[np.float64]

WORLD_BITS = 31
EXTENT = 4096
BUFFER = 64
LOW = -BUFFER
HIGH = EXTENT + BUFFER

RANGES_MAX = 1024
SMALL_RANGE = 64

SHARED_UINT, SINT, DOUBLE, TEXT, UUID = range(5)
ABSENT = -(1 << 63)
"""Stands for an attribute that the feature does not have."""

# --- Morton order -------------------------------------------------------------------------------------------------


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


# --- geometry -----------------------------------------------------------------------------------------------------


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


@kernel
def rounded(place: int, shift: int) -> int:
    """World units from the tile's corner to tile units, the nearest one, halves upwards."""
    return place if shift == 0 else (place + (1 << (shift - 1))) >> shift


@kernel
def cut_points(xs: Ints, ys: Ints, entries: Longs, left: int, top: int, shift: int) -> tuple[Bytes, Longs]:
    """MVT geometry of each entry: bytes, and (n + 1,) offsets into them."""
    out = np.empty(entries.size * 7, np.uint8)
    ptr = np.empty(entries.size + 1, np.int64)
    at = 0
    for i in range(entries.size):
        ptr[i] = at
        out[at] = 9  # MoveTo, once
        at = put_delta(out, at + 1, rounded(int(xs[entries[i]]) - left, shift))
        at = put_delta(out, at, rounded(int(ys[entries[i]]) - top, shift))
    ptr[entries.size] = at
    return out[:at], ptr


@kernel
def clipped(ax: float, ay: float, bx: float, by: float) -> tuple[float, float]:
    """Share of the segment at which it enters and leaves the tile with its buffer; (2, -1) where it never does."""
    enter = 0.0
    leave = 1.0
    for side in range(4):
        step = bx - ax if side < 2 else by - ay
        start = ax if side < 2 else ay
        if side & 1:
            step = -step
            room = start - LOW
        else:
            room = HIGH - start
        if step == 0:
            if room < 0:
                return 2.0, -1.0
        elif step > 0:
            leave = min(leave, room / step)
        else:
            enter = max(enter, room / step)
    if enter > leave:
        return 2.0, -1.0
    return enter, leave


@kernel
def put_part(out: Bytes, at: int, part: Longs, count: int, cursor: Longs) -> int:
    """Writes one line of at least two points; moves the cursor."""
    out[at] = 9
    at = put_delta(out, at + 1, part[0, 0] - cursor[0])
    at = put_delta(out, at, part[0, 1] - cursor[1])
    at = put_varint(out, at, 2 | (count - 1) << 3)
    for i in range(1, count):
        at = put_delta(out, at, part[i, 0] - part[i - 1, 0])
        at = put_delta(out, at, part[i, 1] - part[i - 1, 1])
    cursor[0] = part[count - 1, 0]
    cursor[1] = part[count - 1, 1]
    return at


@kernel
def cut_line(
    out: Bytes,
    at: int,
    part: Longs,
    first: int,
    last: int,
    xs: Ints,
    ys: Ints,
    first_zoom: Bytes,
    left: int,
    top: int,
    shift: int,
    zoom: int,
) -> int:
    """Writes what the tile and its buffer hold of one line, as one part or several; nothing where it holds none.

    A line that collapses to one tile unit stays as a segment one unit long.
    """
    unit = float(1 << shift)
    cursor = np.zeros(2, np.int64)
    begin = at
    count = 0
    collapsed = True
    ax = (float(xs[first]) - left) / unit
    ay = (float(ys[first]) - top) / unit
    home_x = math.floor(ax + 0.5)
    home_y = math.floor(ay + 0.5)
    home = LOW <= ax <= HIGH and LOW <= ay <= HIGH
    for vertex in range(first + 1, last):
        if first_zoom[vertex] > zoom:
            continue
        bx = (float(xs[vertex]) - left) / unit
        by = (float(ys[vertex]) - top) / unit
        if math.floor(bx + 0.5) != home_x or math.floor(by + 0.5) != home_y:
            collapsed = False
        enter, leave = clipped(ax, ay, bx, by)
        if enter > leave or enter > 0:
            if count > 1:
                at = put_part(out, at, part, count, cursor)
            count = 0
        if enter <= leave:
            if count == 0:
                part[0, 0] = math.floor(ax + enter * (bx - ax) + 0.5)
                part[0, 1] = math.floor(ay + enter * (by - ay) + 0.5)
                count = 1
            x = math.floor(ax + leave * (bx - ax) + 0.5)
            y = math.floor(ay + leave * (by - ay) + 0.5)
            if x != part[count - 1, 0] or y != part[count - 1, 1]:
                part[count, 0] = x
                part[count, 1] = y
                count += 1
            if leave < 1:
                if count > 1:
                    at = put_part(out, at, part, count, cursor)
                count = 0
        ax = bx
        ay = by
    if count > 1:
        at = put_part(out, at, part, count, cursor)
    if at == begin and collapsed and home:
        part[0, 0] = home_x
        part[0, 1] = home_y
        part[1, 0] = home_x + 1 if home_x < HIGH else home_x - 1
        part[1, 1] = home_y
        at = put_part(out, at, part, 2, cursor)
    return at


@kernel
def cut_lines(
    offsets: Longs,
    xs: Ints,
    ys: Ints,
    first_zoom: Bytes,
    entries: Longs,
    left: int,
    top: int,
    shift: int,
    zoom: int,
) -> tuple[Longs, Bytes, Longs]:
    """Those entries that the tile shows, the bytes of their MVT geometry, and (n + 1,) offsets into them."""
    vertices = 0
    longest = 2
    for i in range(entries.size):
        size = offsets[entries[i] + 1] - offsets[entries[i]]
        vertices += size
        longest = max(longest, size)
    out = np.empty(vertices * 12 + entries.size * 16, np.uint8)
    ptr = np.empty(entries.size + 1, np.int64)
    shown = np.empty(entries.size, np.int64)
    part = np.empty((longest + 1, 2), np.int64)
    used = 0
    at = 0
    ptr[0] = 0
    for i in range(entries.size):
        entry = entries[i]
        begin = at
        at = cut_line(out, at, part, offsets[entry], offsets[entry + 1], xs, ys, first_zoom, left, top, shift, zoom)
        if at > begin:
            shown[used] = entry
            used += 1
            ptr[used] = at
    return shown[:used], out[:at], ptr[: used + 1]


@kernel
def vertex_zooms(offsets: Longs, xs: Ints, ys: Ints, deepest: int) -> Bytes:
    """uint8 (vertices,): the lowest zoom at which a vertex matters by more than a tile unit.

    Douglas and Peucker's order, made monotone, so that every zoom is a subset of the next; ends are always there.
    """
    zooms = np.zeros(xs.size, np.uint8)
    for line in range(offsets.size - 1):
        first = offsets[line]
        last = offsets[line + 1] - 1
        if last - first < 2:
            continue
        stack = np.empty((last - first + 1, 2), np.int64)
        limits = np.empty(last - first + 1, np.int64)
        stack[0, 0] = first
        stack[0, 1] = last
        limits[0] = 0
        depth = 1
        while depth > 0:
            depth -= 1
            a = stack[depth, 0]
            b = stack[depth, 1]
            lowest = limits[depth]
            ax = float(xs[a])
            ay = float(ys[a])
            dx = xs[b] - ax
            dy = ys[b] - ay
            square = dx * dx + dy * dy
            far = a + 1
            farthest = -1.0
            for vertex in range(a + 1, b):
                px = xs[vertex] - ax
                py = ys[vertex] - ay
                along = 0.0 if square == 0 else min(max((px * dx + py * dy) / square, 0.0), 1.0)
                ex = px - along * dx
                ey = py - along * dy
                distance = ex * ex + ey * ey
                if distance > farthest:
                    farthest = distance
                    far = vertex
            zoom = lowest
            while zoom < deepest and farthest <= float(1 << (2 * (WORLD_BITS - 12 - zoom))):
                zoom += 1
            zooms[far] = zoom
            if far - a > 1:
                stack[depth, 0] = a
                stack[depth, 1] = far
                limits[depth] = zoom
                depth += 1
            if b - far > 1:
                stack[depth, 0] = far
                stack[depth, 1] = b
                limits[depth] = zoom
                depth += 1
    return zooms


@kernel
def cut_rings(polygon: Longs, offsets: Longs, xs: Floats, ys: Floats) -> tuple[Longs, Bytes, Longs]:
    """Outer rings (open, in tile units), cut to the tile and its buffer by Sutherland and Hodgman.

    polygon: the feature that each ring is of, (rings,), ascending. Returns the features that the tile shows, the bytes
    of their MVT geometry (clockwise on screen) and offsets.
    """
    count = offsets.size - 1
    longest = 0
    for i in range(count):
        longest = max(longest, offsets[i + 1] - offsets[i])
    out = np.empty(xs.size * 8 + count * 48, np.uint8)
    ptr = np.empty(count + 1, np.int64)
    shown = np.empty(count, np.int64)
    one = np.empty((2 * longest + 16, 2), np.float64)
    two = np.empty((2 * longest + 16, 2), np.float64)
    ring = np.empty((2 * longest + 16, 2), np.int64)
    used = 0
    at = 0
    x = 0
    y = 0
    ptr[0] = 0
    for number in range(count):
        size = offsets[number + 1] - offsets[number]
        for i in range(size):
            one[i, 0] = xs[offsets[number] + i]
            one[i, 1] = ys[offsets[number] + i]
        for side in range(4):
            axis = side >> 1
            sign = 1.0 if side & 1 else -1.0
            limit = float(HIGH) if side & 1 else float(-LOW)
            kept = 0
            for i in range(size):
                j = i + 1 if i + 1 < size else 0
                a = limit - sign * one[i, axis]
                b = limit - sign * one[j, axis]
                if a >= 0:
                    two[kept, 0] = one[i, 0]
                    two[kept, 1] = one[i, 1]
                    kept += 1
                if (a > 0 and b < 0) or (a < 0 and b > 0):
                    share = a / (a - b)
                    two[kept, 0] = one[i, 0] + share * (one[j, 0] - one[i, 0])
                    two[kept, 1] = one[i, 1] + share * (one[j, 1] - one[i, 1])
                    kept += 1
            one, two = two, one
            size = kept
        points = 0
        for i in range(size):
            ring[points, 0] = math.floor(one[i, 0] + 0.5)
            ring[points, 1] = math.floor(one[i, 1] + 0.5)
            if points == 0 or ring[points, 0] != ring[points - 1, 0] or ring[points, 1] != ring[points - 1, 1]:
                points += 1
        while points > 1 and ring[0, 0] == ring[points - 1, 0] and ring[0, 1] == ring[points - 1, 1]:
            points -= 1
        area = 0
        for i in range(points):
            j = i + 1 if i + 1 < points else 0
            area += ring[i, 0] * ring[j, 1] - ring[j, 0] * ring[i, 1]
        if points < 3 or area == 0:
            continue
        if used == 0 or shown[used - 1] != polygon[number]:
            shown[used] = polygon[number]
            used += 1
            x = 0
            y = 0
        out[at] = 9
        step = 1 if area > 0 else -1
        i = 0 if area > 0 else points - 1
        at = put_delta(out, at + 1, ring[i, 0] - x)
        at = put_delta(out, at, ring[i, 1] - y)
        x = ring[i, 0]
        y = ring[i, 1]
        at = put_varint(out, at, 2 | (points - 1) << 3)
        for _ in range(points - 1):
            i += step
            at = put_delta(out, at, ring[i, 0] - x)
            at = put_delta(out, at, ring[i, 1] - y)
            x = ring[i, 0]
            y = ring[i, 1]
        out[at] = 15  # ClosePath
        at += 1
        ptr[used] = at
    return shown[:used], out[:at], ptr[: used + 1]


# --- features -----------------------------------------------------------------------------------------------------


@kernel
def slot_of(slots: Longs, key: int) -> int:
    """Where a key is in an open hash table of (size, 2), or the free slot where it belongs; -1 marks a free one."""
    mask = slots.shape[0] - 1
    at: int = ((key * 40503) ^ (key >> 7)) & mask
    while slots[at, 0] != key and slots[at, 0] != -1:
        at = (at + 1) & mask
    return at


@kernel
def table_for(count: int) -> Longs:
    """An empty hash table with room for `count` keys."""
    size = 16
    while size < 2 * count:
        size *= 2
    slots = np.empty((size, 2), np.int64)
    slots[:, 0] = -1
    return slots


@kernel
def put_uint_value(out: Bytes, at: int, value: int) -> int:
    """Writes one entry of a layer's values: an unsigned whole number."""
    out[at] = 0x22
    out[at + 1] = 1 + varint_size(value)
    out[at + 2] = 0x28
    return put_varint(out, at + 3, value)


@kernel
def put_sint_value(out: Bytes, at: int, value: int) -> int:
    """The same for a signed one."""
    zigzag = (value << 1) ^ (value >> 63)
    out[at] = 0x22
    out[at + 1] = 1 + varint_size(zigzag)
    out[at + 2] = 0x30
    return put_varint(out, at + 3, zigzag)


@kernel
def put_double_value(out: Bytes, at: int, bits: int) -> int:
    """The same for a float64, given as its bits."""
    out[at] = 0x22
    out[at + 1] = 9
    out[at + 2] = 0x19
    for i in range(8):
        out[at + 3 + i] = (bits >> (8 * i)) & 255
    return at + 11


@kernel
def put_text_value(out: Bytes, at: int, pool: Bytes, begin: int, end: int) -> int:
    """The same for UTF-8 text."""
    size = end - begin
    out[at] = 0x22
    at = put_varint(out, at + 1, 1 + varint_size(size) + size)
    out[at] = 0x0A
    at = put_varint(out, at + 1, size)
    for i in range(begin, end):
        out[at] = pool[i]
        at += 1
    return at


@kernel
def put_uuid_value(out: Bytes, at: int, uuids: Bytes, row: int) -> int:
    """The same for a UUID kept as 16 bytes, written as lower-case text."""
    out[at] = 0x22
    out[at + 1] = 38
    out[at + 2] = 0x0A
    out[at + 3] = 36
    at += 4
    for i in range(16):
        if i == 4 or i == 6 or i == 8 or i == 10:
            out[at] = 45
            at += 1
        high = uuids[row, i] >> 4
        low = uuids[row, i] & 15
        out[at] = 48 + high if high < 10 else 87 + high
        out[at + 1] = 48 + low if low < 10 else 87 + low
        at += 2
    return at


@kernel
def share_tags(
    combination: Longs, combination_values: Ints, states: Longs, state_values: Ints, value_count: int
) -> tuple[Longs, Bytes, Longs, Longs]:
    """Tags that many features have in common, written once.

    Returns for each feature which run of tags is its own, the runs with their (runs + 1,) offsets, and the
    numbers of the values they refer to, in the order of their index in the layer.
    """
    count = combination.size
    keys = combination_values.shape[1]
    state_count = state_values.shape[0]
    met = table_for(min(count, combination_values.shape[0] * state_count))
    known = table_for(min(count * keys, value_count))
    runs = np.empty(count, np.int64)
    tags = np.empty(count * 6 * keys, np.uint8)
    tag_ptr = np.empty(count + 1, np.int64)
    values = np.empty(min(count * keys, value_count), np.int64)
    run_count = 0
    used = 0
    at = 0
    tag_ptr[0] = 0
    for i in range(count):
        code = combination[i] * state_count + states[i]
        slot = slot_of(met, code)
        if met[slot, 0] == -1:
            met[slot, 0] = code
            met[slot, 1] = run_count
            for key in range(keys):
                value = int(combination_values[combination[i], key])
                if value < 0:
                    value = int(state_values[states[i], key])
                if value < 0:
                    continue
                place = slot_of(known, value)
                if known[place, 0] == -1:
                    known[place, 0] = value
                    known[place, 1] = used
                    values[used] = value
                    used += 1
                tags[at] = key
                at = put_varint(tags, at + 1, known[place, 1])
            run_count += 1
            tag_ptr[run_count] = at
        runs[i] = met[slot, 1]
    return runs, tags[:at], tag_ptr[: run_count + 1], values[:used]


@kernel
def own_values_room(columns: Longs, kinds: Longs, text_ptr: Ints | Longs) -> int:
    """Bytes that the values of these features need at most."""
    room: int = columns.shape[0] * (12 + 12 * columns.shape[1])
    for c in range(columns.shape[1]):
        if kinds[c] == UUID:
            room += columns.shape[0] * 30
        elif kinds[c] == TEXT:
            for i in range(columns.shape[0]):
                text = columns[i, c]
                if text != ABSENT:
                    room += text_ptr[text + 1] - text_ptr[text]
    return room


@kernel
def encode_features(
    kind: int,
    id_key: int,
    ids: Longs,
    shapes: Longs,
    geometry: Bytes,
    geometry_ptr: Longs,
    runs: Longs,
    tags: Bytes,
    tag_ptr: Longs,
    shared: Longs,
    value_pool: Bytes,
    value_ptr: Longs,
    columns: Longs,
    column_kinds: Longs,
    column_keys: Longs,
    text_pool: Bytes,
    text_ptr: Ints | Longs,
    uuids: Bytes,
) -> tuple[Bytes, Bytes]:
    """The features and the values of one MVT layer, each ready to stand in the layer message.

    kind: 1 points, 2 lines, 3 polygons. id_key: key of the attribute that repeats the id, -1 for none. ids: (n,).
    shapes: (n,), which of the geometries each has. runs, tags, tag_ptr, shared: from `share_tags`; value_pool,
    value_ptr: those values as they stand in a layer. columns: (n, m) other attributes with their kinds and keys,
    ABSENT where a feature lacks one; texts are numbers of text_ptr, UUIDs rows of uuids, doubles their bits.
    """
    count = ids.size
    width = columns.shape[1]
    room = 0
    shared_columns = 0
    for c in range(width):
        shared_columns += column_kinds[c] == SHARED_UINT
    for i in range(count):
        room += geometry_ptr[shapes[i] + 1] - geometry_ptr[shapes[i]] + tag_ptr[runs[i] + 1] - tag_ptr[runs[i]]
    out = np.empty(room + count * (40 + 6 * width), np.uint8)
    value_room = own_values_room(columns, column_kinds, text_ptr)
    for i in range(shared.size):
        value_room += value_ptr[shared[i] + 1] - value_ptr[shared[i]]
    values = np.empty(value_room, np.uint8)
    value_at = 0
    for i in range(shared.size):
        for b in range(value_ptr[shared[i]], value_ptr[shared[i] + 1]):
            values[value_at] = value_pool[b]
            value_at += 1
    value_count = shared.size
    known = table_for(count * shared_columns)
    index = np.empty(width, np.int64)
    at = 0
    for i in range(count):
        geometry_begin = geometry_ptr[shapes[i]]
        geometry_end = geometry_ptr[shapes[i] + 1]
        tag_begin = tag_ptr[runs[i]]
        tag_end = tag_ptr[runs[i] + 1]
        size = tag_end - tag_begin
        identity = ids[i]
        id_index = value_count
        if id_key >= 0:
            value_at = put_uint_value(values, value_at, identity)
            value_count += 1
            size += 1 + varint_size(id_index)
        for c in range(width):
            value = columns[i, c]
            index[c] = -1
            if value == ABSENT:
                continue
            column_kind = column_kinds[c]
            index[c] = value_count
            if column_kind == SHARED_UINT:
                place = slot_of(known, value)
                if known[place, 0] == -1:
                    known[place, 0] = value
                    known[place, 1] = value_count
                    value_at = put_uint_value(values, value_at, value)
                    value_count += 1
                index[c] = known[place, 1]
            else:
                if column_kind == DOUBLE:
                    value_at = put_double_value(values, value_at, value)
                elif column_kind == UUID:
                    value_at = put_uuid_value(values, value_at, uuids, value)
                elif column_kind == TEXT:
                    value_at = put_text_value(values, value_at, text_pool, text_ptr[value], text_ptr[value + 1])
                else:
                    value_at = put_sint_value(values, value_at, value)
                value_count += 1
            size += 1 + varint_size(index[c])
        shape = geometry_end - geometry_begin
        body = 5 + varint_size(identity) + varint_size(size) + size + varint_size(shape) + shape
        out[at] = 0x12
        at = put_varint(out, at + 1, body)
        out[at] = 0x08
        at = put_varint(out, at + 1, identity)
        out[at] = 0x12
        at = put_varint(out, at + 1, size)
        for b in range(tag_begin, tag_end):
            out[at] = tags[b]
            at += 1
        if id_key >= 0:
            out[at] = id_key
            at = put_varint(out, at + 1, id_index)
        for c in range(width):
            if index[c] >= 0:
                out[at] = column_keys[c]
                at = put_varint(out, at + 1, index[c])
        out[at] = 0x18
        out[at + 1] = kind
        out[at + 2] = 0x22
        at = put_varint(out, at + 3, shape)
        for b in range(geometry_begin, geometry_end):
            out[at] = geometry[b]
            at += 1
    return out[:at], values[:value_at]


# --- supply -------------------------------------------------------------------------------------------------------


@kernel
def supply_code(own: int, energized: int) -> int:
    """0 none, 1 some, 2 all of the element's own phases."""
    live = own & energized
    if live == 0:
        return 0
    return 2 if live == own else 1


@kernel
def branch_supply(
    branches: Ints, phases: Bytes, u: Ints, v: Ints, conducting: Bytes, energized: Bytes, mask: int
) -> Longs:
    """Supply of some branches on the phases of `mask`, int64 (n,)."""
    codes = np.empty(branches.size, np.int64)
    for i in range(branches.size):
        branch = branches[i]
        carried = conducting[branch] & (energized[u[branch]] | energized[v[branch]])
        codes[i] = supply_code(int(phases[branch]) & mask, int(carried))
    return codes


@kernel
def node_supply(entries: Longs, ptr: Longs, nodes: Ints, phases: Bytes, energized: Bytes, mask: int) -> Longs:
    """Supply of equipment on nodes: of entry i on nodes[ptr[i]:ptr[i + 1]], with its own phases, (n,).

    With an empty ptr it is on nodes[i] alone.
    """
    codes = np.empty(entries.size, np.int64)
    for i in range(entries.size):
        entry = entries[i]
        live = 0
        first = ptr[entry] if ptr.size else entry
        last = ptr[entry + 1] if ptr.size else entry + 1
        for at in range(first, last):
            live |= int(energized[nodes[at]])
        codes[i] = supply_code(int(phases[entry]) & mask, live)
    return codes


@kernel
def lowest_depth(entries: Longs, ptr: Longs, nodes: Ints, phases: Bytes, node_depth: Ints, node_phases: Bytes) -> Longs:
    """Lowest depth of each entry's nodes where a trace brought one of its phases, -1 for none, (n,)."""
    depths = np.empty(entries.size, np.int64)
    for i in range(entries.size):
        entry = entries[i]
        lowest = -1
        first = ptr[entry] if ptr.size else entry
        last = ptr[entry + 1] if ptr.size else entry + 1
        for at in range(first, last):
            node = nodes[at]
            depth = int(node_depth[node])
            if depth >= 0 and (phases[entry] & node_phases[node]) and (lowest < 0 or depth < lowest):
                lowest = depth
        depths[i] = lowest
    return depths


# --- tiles of elements --------------------------------------------------------------------------------------------

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
    """All tiles that show any of these points, some more than once; fewest times for entries in Morton order."""
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
                for column in range(max((x - margin - 1) >> bits, 0), min((x + margin) >> bits, limit) + 1):
                    left = x - (column << bits)
                    top = y - (row << bits)
                    high = (1 << bits) + margin
                    if left < -margin or left > high or top < -margin or top > high:
                        continue
                    tile = zoom << ZOOM_BITS | morton(column, row)
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
                first_column = max((x0 - margin - 1) >> bits, 0)
                last_column = min((x1 + margin) >> bits, limit)
                alone = first_row == last_row and first_column == last_column
                for row in range(first_row, last_row + 1):
                    for column in range(first_column, last_column + 1):
                        tile = zoom << ZOOM_BITS | morton(column, row)
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
            for top_column in range(max((x0 - margin) >> bits, 0), min((x1 + margin) >> bits, limit) + 1):
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
                    tile = zoom << ZOOM_BITS | morton(column, row)
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


@kernel
def branches_around(nodes: Longs, indptr: Longs, adjacent_branch: Ints) -> Longs:
    """Branches at any of these nodes, one with two such ends twice."""
    total = 0
    for i in range(nodes.size):
        total += indptr[nodes[i] + 1] - indptr[nodes[i]]
    branches = np.empty(total, np.int64)
    used = 0
    for i in range(nodes.size):
        for at in range(indptr[nodes[i]], indptr[nodes[i] + 1]):
            branches[used] = adjacent_branch[at]
            used += 1
    return branches
