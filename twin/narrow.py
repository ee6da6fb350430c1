"""Whole numbers in as few bytes as they need: a network has columns of millions, of which most are small."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def narrow(numbers: NDArray[np.integer[Any]]) -> NDArray[np.integer[Any]]:
    """The same numbers as int8, int16, int32 or int64. Take them into int64 before adding up or multiplying."""
    low, high = int(numbers.min(initial=0)), int(numbers.max(initial=0))
    for dtype in (np.int8, np.int16, np.int32):
        if np.iinfo(dtype).min <= low and high <= np.iinfo(dtype).max:
            return numbers.astype(dtype)
    return numbers.astype(np.int64)
