"""CIM PhaseCode text and the bitmask that stands for it inside."""

from __future__ import annotations

from collections.abc import Iterable

A, B, C, N = 1, 2, 4, 8
ABC = A | B | C

_LETTERS = ((A, "A"), (B, "B"), (C, "C"), (N, "N"))
_CODES = {text: bit for bit, text in _LETTERS}


class PhaseError(ValueError):
    """A phase code that is not made of A, B, C and N."""


def code_to_mask(code: str) -> int:
    """`"ABCN"` → 15. Split-phase `s1`/`s2` is an attribute, not a phase: refuse it here.

    Raises PhaseError naming the code and the letters allowed.
    """
    mask = 0
    for letter in code:
        bit = _CODES.get(letter)
        if bit is None or mask & bit:
            raise PhaseError(f"phases {code!r}: use each of the letters A, B, C, N at most once")
        mask |= bit
    if mask == 0:
        raise PhaseError("phases '': name at least one of A, B, C, N")
    return mask


def mask_to_code(mask: int) -> str:
    """15 → `"ABCN"`; 0 → `""` (CIM's `none`)."""
    return "".join(letter for bit, letter in _LETTERS if mask & bit)


def union(masks: Iterable[int]) -> int:
    """All phases that any of the masks holds."""
    whole = 0
    for mask in masks:
        whole |= int(mask)
    return whole
