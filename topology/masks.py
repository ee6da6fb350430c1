"""Phase masks and index arrays: their types, and how arguments become them."""

from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = [
    "ABC",
    "Flags",
    "Floats",
    "Ints",
    "Longs",
    "Masks",
    "Signs",
    "as_floats",
    "as_ints",
    "as_longs",
    "as_masks",
    "check_indices",
]

ABC = 7
"""The phases that can be energised: A=1, B=2, C=4. N=8 never is."""

_INT32, _UINT8 = np.dtype(np.int32), np.dtype(np.uint8)

Ints: TypeAlias = NDArray[np.int32]
Longs: TypeAlias = NDArray[np.int64]
Floats: TypeAlias = NDArray[np.float64]
Masks: TypeAlias = NDArray[np.uint8]
Signs: TypeAlias = NDArray[np.int8]
Flags: TypeAlias = NDArray[np.bool_]


def as_ints(values: ArrayLike) -> Ints:
    """A read-only contiguous int32 view (or copy, when it must be converted) of whole numbers."""
    array = np.asarray(values)
    if type(array) is np.ndarray and array.dtype == _INT32 and array.flags.c_contiguous:
        if not array.flags.writeable:
            return array
    elif array.size and array.dtype.kind not in "iu":
        raise TypeError(f"expected whole numbers, got {array.dtype}")
    view = np.ascontiguousarray(array, np.int32).view(np.ndarray)[:]
    view.flags.writeable = False
    return view


def as_masks(values: ArrayLike, size: int, name: str) -> Masks:
    """A read-only contiguous uint8 view of `size` masks; raises ValueError on another length."""
    if type(values) is np.ndarray and values.dtype == _UINT8 and values.shape == (size,):
        flags = values.flags
        if flags.c_contiguous and not flags.writeable:
            return values
    view = np.ascontiguousarray(values, np.uint8).view(np.ndarray)[:]
    if view.shape != (size,):
        raise ValueError(f"{name} has shape {view.shape}, expected ({size},)")
    view.flags.writeable = False
    return view


def as_longs(values: ArrayLike, size: int, name: str) -> Longs:
    """A read-only contiguous int64 view of `size` whole numbers; raises ValueError on another length."""
    array = np.asarray(values)
    if array.size and array.dtype.kind not in "iu":
        raise TypeError(f"{name} has {array.dtype}, expected whole numbers")
    view = np.ascontiguousarray(array, np.int64).view(np.ndarray)[:]
    if view.shape != (size,):
        raise ValueError(f"{name} has shape {view.shape}, expected ({size},)")
    view.flags.writeable = False
    return view


def as_floats(values: ArrayLike, shape: tuple[int, ...], name: str) -> Floats:
    """A read-only contiguous float64 view; raises ValueError on another shape."""
    view = np.ascontiguousarray(values, np.float64).view(np.ndarray)[:]
    if view.shape != shape:
        raise ValueError(f"{name} has shape {view.shape}, expected {shape}")
    view.flags.writeable = False
    return view


def check_indices(values: Ints, limit: int, name: str) -> None:
    """Raise IndexError naming the first value outside 0 <= value < limit."""
    if values.size and (values.min() < 0 or values.max() >= limit):
        wrong = values[(values < 0) | (values >= limit)][0]
        raise IndexError(f"{name} {wrong} is outside 0 <= {name} < {limit}")
