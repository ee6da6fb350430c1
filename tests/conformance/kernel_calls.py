"""A pytest plugin that records which kernels a run with the JIT off calls, and writes down those that it does not.

Run as `NUMBA_DISABLE_JIT=1 KERNELS_NOT_CALLED=FILE pytest -p tests.conformance.kernel_calls …`. Of tests that come in
parts, each over its share of the random networks, one part is enough for kernels that run as plain Python.
"""

from __future__ import annotations

import functools
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from topology import jit

PART = 1
KERNELS: set[str] = set()
CALLED: set[str] = set()


def recording(function: Callable[..., Any]) -> Callable[..., Any]:
    """Stands in for `topology.jit.kernel`: the plain function, which says when it is called."""
    name = f"{function.__module__}.{function.__qualname__}"
    KERNELS.add(name)

    @functools.wraps(function)
    def called(*arguments: Any) -> Any:
        CALLED.add(name)
        return function(*arguments)

    return called


assert not jit.compiled(), "set NUMBA_DISABLE_JIT=1"
assert not [name for name in sys.modules if "._kernels" in name], "kernels came before they could be recorded"
jit.kernel = recording  # at once: pytest imports the first conftest before it configures plugins


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items[:] = [item for item in items if _parameters(item).get("part", PART) == PART]


def _parameters(item: pytest.Item) -> dict[str, Any]:
    callspec = getattr(item, "callspec", None)
    return {} if callspec is None else callspec.params


def pytest_sessionfinish() -> None:
    result = {"kernels": len(KERNELS), "not_called": sorted(KERNELS - CALLED)}
    Path(os.environ["KERNELS_NOT_CALLED"]).write_text(json.dumps(result), encoding="utf-8")
