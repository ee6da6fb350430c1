"""Text out of bytes; what is no text is named by file, line and byte."""

from __future__ import annotations

import os
from pathlib import Path

from loaders.report import LoadError

SHOWN = 80
"""Characters of a text that a complaint repeats."""


def decoded(data: bytes, shown: str, encoding: str = "utf-8-sig") -> str:
    """The text of a file; shown: the file, for people. Raises LoadError."""
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        name = encoding.removesuffix("-sig").upper()
        raise LoadError(f"{shown} line {line}: byte {data[error.start]:#04x} is no text in {name}") from error


def ends_open(data: bytes) -> bool:
    """Whether the last line has no end: a file that was cut off seldom does."""
    return bool(data) and not data.endswith((b"\n", b"\r"))


def file_ends_open(path: Path) -> bool:
    """The same of a file; what is no file that can be read has an end."""
    if not path.is_file() or path.stat().st_size == 0:
        return False
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return ends_open(file.read())


def shortened(text: str, most: int = SHOWN) -> str:
    """The beginning of a text, as much of it as a complaint repeats."""
    return text if len(text) <= most else f"{text[:most]}…"
