"""Modules that only some requests need, and that take a second to import: loaded when first asked for."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

_MODULES: set[str] = set()


def later(module: str, name: str) -> Callable[..., Any]:
    """A function that is imported when it is first called."""

    _MODULES.add(module)

    def called(*args: Any, **kwargs: Any) -> Any:
        return getattr(importlib.import_module(module), name)(*args, **kwargs)

    return called


def load_all() -> None:
    """Imports all of these, so that no request has to wait for it."""
    for module in _MODULES:
        importlib.import_module(module)
