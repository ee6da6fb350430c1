"""Loops that cut points, lines and rings to a tile with its buffer, as MVT geometry."""

from __future__ import annotations

import math

import numpy as np

from tiles._kernels import HIGH, LOW, Bytes, Floats, Ints, Longs, put_delta, put_varint
from tiles.mercator import WORLD_BITS
from topology.jit import kernel


@kernel
def rounded(place: int, shift: int) -> int:
    """World units from the tile's corner to tile units, the nearest one, halves upwards."""
    return place if shift == 0 else (place + (1 << (shift - 1))) >> shift


@kernel
def cut_points(xs: Ints, ys: Ints, entries: Longs, left: int, top: int, shift: int, wrap: int) -> tuple[Bytes, Longs]:
    """MVT geometry of each entry: bytes, and (n + 1,) offsets into them.

    wrap: how far around the earth is, in world units, as each point is put where it is nearest to the tile; 0 for not.
    """
    out = np.empty(entries.size * 7, np.uint8)
    ptr = np.empty(entries.size + 1, np.int64)
    at = 0
    for i in range(entries.size):
        ptr[i] = at
        out[at] = 9  # MoveTo, once
        x = int(xs[entries[i]]) - left
        if 2 * x > wrap > 0:
            x -= wrap
        elif 2 * x < -wrap < 0:
            x += wrap
        at = put_delta(out, at + 1, rounded(x, shift))
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
def cut_rings(polygon: Longs, hole: Bytes, offsets: Longs, xs: Floats, ys: Floats) -> tuple[Longs, Bytes, Longs]:
    """Rings (open, in tile units), cut to the tile and its buffer by Sutherland and Hodgman.

    polygon: the feature that each ring is of, (rings,), ascending. hole: 1 where it is an inner ring of the outer one
    before it, (rings,). Returns the features that the tile shows, the bytes of their MVT geometry (outer rings
    clockwise on screen, inner ones against) and offsets.
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
    outside = False  # whether the outer ring before is not in the tile
    outer_area = 0
    outer_at = 0
    outer_x = 0
    outer_y = 0
    first = False  # whether it is the first of its feature
    ptr[0] = 0
    for number in range(count):
        if hole[number] != 0 and outside:
            continue
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
            outside = outside or hole[number] == 0
            continue
        if hole[number] != 0 and abs(area) == abs(outer_area):  # it covers all that the tile has of the outer one
            outside = True
            at = outer_at
            x = outer_x
            y = outer_y
            used -= int(first)
            ptr[used] = at
            continue
        if hole[number] == 0:
            outside = False
            outer_area = area
            outer_at = at
            outer_x = x
            outer_y = y
            first = used == 0 or shown[used - 1] != polygon[number]
        if used == 0 or shown[used - 1] != polygon[number]:
            shown[used] = polygon[number]
            used += 1
            x = 0
            y = 0
        out[at] = 9
        onward = (area > 0) != (hole[number] != 0)
        step = 1 if onward else -1
        i = 0 if onward else points - 1
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
