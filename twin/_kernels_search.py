"""Loops over texts that lie one behind the other in UTF-8, a NUL after each."""

from __future__ import annotations

import numpy as np

from topology.jit import kernel
from topology.masks import Longs, Masks

EXACT, PREFIX, WORD, SUBSTRING, NO = range(5)
_SPACE = 32


@kernel
def match(data: Masks, wanted: Masks, quality: Masks) -> None:
    """Lowers the quality of every text in which `wanted`, not empty and without NUL, is found better than so far.

    quality: uint8 (texts,).
    """
    size = wanted.size
    first = wanted[0]
    text = 0
    begin = 0
    found = NO
    at = 0
    while at < data.size:
        byte = data[at]
        if byte == 0:
            if found < quality[text]:
                quality[text] = found
            text += 1
            begin = at + 1
            found = NO
        elif byte == first and found > WORD and at + size < data.size:
            same = 1
            while same < size and data[at + same] == wanted[same]:
                same += 1
            if same == size:
                if at == begin:
                    found = EXACT if data[at + size] == 0 else PREFIX
                elif data[at - 1] == _SPACE:
                    found = WORD
                else:
                    found = SUBSTRING
        at += 1


@kernel
def lengths(data: Masks, rows: Longs) -> Longs:
    """Characters of some texts, ascending by row, (rows,)."""
    count = np.zeros(rows.size, np.int64)
    text = 0
    at = 0
    for i in range(rows.size):
        while text < rows[i]:
            text += data[at] == 0
            at += 1
        while data[at] != 0:
            count[i] += data[at] & 0xC0 != 0x80
            at += 1
    return count
