"""Loops over the texts of a column: text i is `data[ptr[i]:ptr[i + 1] - 1]` in UTF-8, a NUL behind it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from topology.jit import kernel
from topology.masks import Ints, Longs, Masks

Numbers = Ints | Longs

EXACT, PREFIX, WORD, SUBSTRING, NO = range(5)
_SPACE = 32


@kernel
def gather(data: Masks, ptr: Numbers, rows: Longs) -> tuple[Masks, Ints]:
    """The texts of some rows one behind the other, without NULs, and their (rows + 1,) offsets."""
    offsets = np.zeros(rows.size + 1, np.int32)
    for i in range(rows.size):
        offsets[i + 1] = offsets[i] + (ptr[rows[i] + 1] - ptr[rows[i]] - 1)
    out = np.empty(offsets[-1], np.uint8)
    at = 0
    for i in range(rows.size):
        for j in range(ptr[rows[i]], ptr[rows[i] + 1] - 1):
            out[at] = data[j]
            at += 1
    return out, offsets


@kernel
def ascends(data: Masks, ptr: Numbers, order: Ints) -> bool:
    """Whether the texts in this order grow from each to the next, as UTF-8 and so by code point."""
    for i in range(1, order.size):
        a, a_end = int(ptr[order[i - 1]]), int(ptr[order[i - 1] + 1]) - 1
        b, b_end = int(ptr[order[i]]), int(ptr[order[i] + 1]) - 1
        while a < a_end and b < b_end and data[a] == data[b]:
            a += 1
            b += 1
        if b == b_end or (a < a_end and data[a] > data[b]):
            return False
    return True


@kernel
def beyond_ascii(data: Masks, ptr: Numbers) -> NDArray[np.bool_]:
    """Which texts have letters beyond ASCII, (texts,)."""
    found = np.zeros(ptr.size - 1, np.bool_)
    for i in range(ptr.size - 1):
        for at in range(ptr[i], ptr[i + 1] - 1):
            if data[at] > 127:
                found[i] = True
                break
    return found


@kernel
def match(data: Masks, ptr: Numbers, folded: Masks, wanted: Masks) -> Masks:
    """How well each text, its bytes replaced by `folded` of them, matches `wanted`, which is not empty, (texts,)."""
    size = wanted.size
    first = wanted[0]
    quality = np.empty(ptr.size - 1, np.uint8)
    for i in range(ptr.size - 1):
        begin, end = int(ptr[i]), int(ptr[i + 1]) - 1
        found = NO
        for at in range(begin, end - size + 1):
            if folded[data[at]] != first:
                continue
            same = 1
            while same < size and folded[data[at + same]] == wanted[same]:
                same += 1
            if same < size:
                continue
            if at == begin:
                found = EXACT if at + size == end else PREFIX
                break
            if folded[data[at - 1]] == _SPACE:
                found = WORD
                break
            found = SUBSTRING
        quality[i] = found
    return quality


@kernel
def letters(data: Masks, ptr: Numbers, rows: Longs) -> Longs:
    """Characters of some texts, (rows,)."""
    count = np.zeros(rows.size, np.int64)
    for i in range(rows.size):
        for at in range(ptr[rows[i]], ptr[rows[i] + 1] - 1):
            count[i] += (data[at] & 0xC0) != 0x80
    return count
