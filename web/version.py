"""Which version of the program runs."""

from __future__ import annotations

import importlib.metadata


def version() -> str:
    """As installed; 0 where it is not."""
    try:
        return importlib.metadata.version("gridtwin")
    except importlib.metadata.PackageNotFoundError:
        return "0"
