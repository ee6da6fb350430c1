"""The one place that compiles: Numba's flags, and the warm-up.

`NUMBA_DISABLE_JIT=1` runs every kernel as plain Python, `NUMBA_CACHE_DIR` says where compiled code is kept.
"""

from collections.abc import Callable
from typing import TypeVar, cast

import numba

__all__ = ["compiled", "exercise", "kernel", "warm_up"]

Function = TypeVar("Function", bound=Callable[..., object])

_exercises: list[Callable[[], None]] = []


def kernel(function: Function) -> Function:
    """Compile a loop over arrays: cached on disk, free of the GIL and of bounds checks."""
    compile_ = numba.njit(cache=True, nogil=True, boundscheck=False, error_model="numpy")
    return cast(Function, compile_(function))


def compiled() -> bool:
    """Whether kernels are machine code, or plain Python because the JIT is off."""
    return not numba.config.DISABLE_JIT  # type: ignore[attr-defined, unused-ignore]


def exercise(function: Callable[[], None]) -> Callable[[], None]:
    """Register a small run of some kernels, for `warm_up` to call."""
    _exercises.append(function)
    return function


def warm_up() -> None:
    """Compile the kernels of every module imported so far, or load them from the cache (a second or so)."""
    for function in _exercises:
        function()
