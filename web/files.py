"""Files that are served as they are, plain and compressed."""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import dataclass
from pathlib import Path

from web.responses import SMALLEST_GZIP
from web.scripts import shortened

TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".ico": "image/x-icon",
    ".woff2": "font/woff2",
    ".txt": "text/plain; charset=utf-8",
    ".topojson": "application/json",
}
"""What is served; a file of another kind stays where it is."""

PACKED = (".woff2", ".png", ".ico")
"""Compressed as they are."""

SHORTENED = ".js"
"""Our own scripts; those of vendors (.mjs) come without anything to leave out."""


@dataclass(frozen=True, slots=True)
class File:
    """A file as it is sent; `packed` is None where compressing does not pay. digest: of what is in it."""

    plain: bytes
    packed: bytes | None
    media_type: str
    digest: str


def load(path: Path) -> File:
    """Reads, shortens and compresses a file."""
    plain = path.read_bytes()
    return packed(shortened(plain.decode()).encode() if path.suffix == SHORTENED else plain, path.suffix)


def packed(plain: bytes, suffix: str) -> File:
    """The content of a file, compressed."""
    worth = len(plain) >= SMALLEST_GZIP and suffix not in PACKED
    digest = hashlib.blake2b(plain, digest_size=12).hexdigest()
    return File(plain, gzip.compress(plain, mtime=0) if worth else None, TYPES[suffix], digest)


def inside(folder: Path, name: str) -> Path | None:
    """The file of that name, if it is of a kind that is served and lies in the folder."""
    if "\0" in name or "\\" in name:
        return None
    path = (folder / name).resolve()
    try:
        return path if path.is_relative_to(folder) and path.suffix in TYPES and path.is_file() else None
    except OSError:  # the name is longer than any file's
        return None
