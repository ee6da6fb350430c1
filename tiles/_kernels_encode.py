"""Loops that write the features and values of an MVT layer."""

from __future__ import annotations

import numpy as np

from tiles._kernels import Bytes, Ints, Longs, put_varint, varint_size
from topology.jit import kernel

SHARED_UINT, SINT, DOUBLE, TEXT, OTHER_TEXT = range(5)
ABSENT = -(1 << 63)
"""Stands for an attribute that the feature does not have."""


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
def put_text_value(out: Bytes, at: int, data: Bytes, begin: int, end: int) -> int:
    """The same for UTF-8 text."""
    size = end - begin
    out[at] = 0x22
    at = put_varint(out, at + 1, 1 + varint_size(size) + size)
    out[at] = 0x0A
    at = put_varint(out, at + 1, size)
    for i in range(begin, end):
        out[at] = data[i]
        at += 1
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
def texts_room(texts: Longs, text_ptr: Ints | Longs) -> int:
    """Bytes of these texts, (n,), ABSENT for none."""
    room = 0
    for i in range(texts.size):
        if texts[i] != ABSENT:
            room += text_ptr[texts[i] + 1] - text_ptr[texts[i]]
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
    text_data: Bytes,
    text_ptr: Ints | Longs,
    other_data: Bytes,
    other_ptr: Ints | Longs,
) -> tuple[Bytes, Bytes]:
    """The features and the values of one MVT layer, each ready to stand in the layer message.

    kind: 1 points, 2 lines, 3 polygons. id_key: key of the attribute that repeats the id, -1 for none. ids: (n,).
    shapes: (n,), which of the geometries each has. runs, tags, tag_ptr, shared: from `share_tags`; value_pool,
    value_ptr: those values as they stand in a layer. columns: (n, m) other attributes with their kinds and keys,
    ABSENT where a feature lacks one; texts are numbers of text_ptr or other_ptr (with a NUL behind each text), doubles
    their bits.
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
    value_room = count * (12 + 12 * width)
    for c in range(width):
        if column_kinds[c] == TEXT:
            value_room += texts_room(columns[:, c], text_ptr)
        elif column_kinds[c] == OTHER_TEXT:
            value_room += texts_room(columns[:, c], other_ptr)
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
                elif column_kind == TEXT:
                    value_at = put_text_value(values, value_at, text_data, text_ptr[value], text_ptr[value + 1] - 1)
                elif column_kind == OTHER_TEXT:
                    value_at = put_text_value(values, value_at, other_data, other_ptr[value], other_ptr[value + 1] - 1)
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
