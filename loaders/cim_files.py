"""The RDF/XML files of a source: one file, a folder of them, or a zip archive that is never unpacked."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from loaders.report import LoadError

SUFFIXES = (".xml", ".rdf")
SNIFFED = 65_536
"""Bytes at the start of a file that tell CIM from other XML."""

MOST_FILES = 10_000

MOST_BYTES = 64 * 2**30
"""Of all files of a zip archive as they are unpacked; a bomb promises more."""


class CimFile:
    """One RDF/XML file, on the disk or in an archive."""

    def __init__(self, path: Path, member: str = "") -> None:
        self.path, self.member = path, member
        self.shown = f"{path}/{member}" if member else str(path)
        """Path as errors name it."""

    @contextmanager
    def open(self) -> Iterator[IO[bytes]]:
        """Its bytes. Raises LoadError where it cannot be read, then and while it is read."""
        try:
            if not self.member:
                with self.path.open("rb") as stream:
                    yield stream
                return
            with zipfile.ZipFile(self.path) as archive, archive.open(self.member) as stream:
                yield stream
        except (OSError, zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
            raise LoadError(f"{self.shown} cannot be read: {error}") from error


def cim_files(source: Path) -> tuple[list[CimFile], list[CimFile]]:
    """The files of a source, by name, and those XML files of it that are no CIM. Raises LoadError where there is none.

    A source that is a file itself is taken for CIM whatever it holds.
    """
    if source.is_dir():
        paths = sorted(path for path in source.iterdir() if path.suffix.lower() in SUFFIXES and path.is_file())
        found = [CimFile(path) for path in paths]
    elif source.suffix.lower() == ".zip":
        found = [CimFile(source, name) for name in _members(source)]
    else:
        return [CimFile(source)], []
    if len(found) > MOST_FILES:
        raise LoadError(f"{source} holds {len(found)} files; a model may have {MOST_FILES}")
    files = [file for file in found if _is_rdf(file)]
    if not files:
        raise LoadError(f"{source} holds no RDF/XML file; those of CIM end in {' or '.join(SUFFIXES)}")
    return files, [file for file in found if file not in files]


def is_cim(source: Path) -> bool:
    """Whether a source looks like CIM RDF/XML: a file, a folder with one, or a zip archive with one."""
    try:
        if source.is_file() and source.suffix.lower() not in (*SUFFIXES, ".zip"):
            return False
        return any(_is_rdf(file) for file in cim_files(source)[0])
    except LoadError:
        return False


def _members(source: Path) -> list[str]:
    try:
        with zipfile.ZipFile(source) as archive:
            members = [member for member in archive.infolist() if member.filename.lower().endswith(SUFFIXES)]
    except (OSError, zipfile.BadZipFile, NotImplementedError) as error:
        raise LoadError(f"{source} cannot be read: {error}") from error
    size = sum(member.file_size for member in members)
    if size > MOST_BYTES:
        raise LoadError(f"{source} holds {size:,} bytes of XML; {MOST_BYTES:,} may be")
    return sorted(member.filename for member in members)


def _is_rdf(file: CimFile) -> bool:
    with file.open() as stream:
        start = stream.read(SNIFFED).replace(b"\0", b"")  # UTF-16 too
    return b"22-rdf-syntax-ns" in start and (b"TC57" in start or b"ucaiug.org" in start or b"/CIM" in start)
