"""Files that are there whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["ExportError", "replacing"]


class ExportError(RuntimeError):
    """An export that cannot be done; the message says why and what to do."""


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A name in the same folder, and of the same ending, to write to; it takes the path's place when the block ends.

    Where the block fails nothing is left behind. OSError becomes an ExportError that names the path.
    """
    if path.is_dir():
        raise ExportError(f"{path} is a folder; give the name of a file")
    unfinished = path.with_name(f".{path.stem}.unfinished{path.suffix}")
    try:
        unfinished.unlink(missing_ok=True)  # of one that was killed
        yield unfinished
        os.replace(unfinished, path)
    except OSError as error:
        raise ExportError(f"{path}: cannot be written: {error.strerror or error}") from error
    finally:
        if path.parent.is_dir():
            unfinished.unlink(missing_ok=True)
