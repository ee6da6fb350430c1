"""Memory that starting took and serving does not need, given back to the system."""

from __future__ import annotations

import ctypes
import gc


def give_back() -> None:
    """Collects garbage, takes what is left out of later collections, and returns free pages where the C library can.

    Reading a network makes columns that live for a moment, and glibc keeps for itself what they took.
    """
    gc.collect()
    gc.freeze()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
