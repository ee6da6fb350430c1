"""Where the text of an OpenDSS circuit comes from: a folder, or a tar archive that is read in memory.

A script names other files. They are looked up, in any case of letters, below the folder of the first script; a file
beyond it is read only where it is in the folder above and its name ends in .dss, as the libraries of test feeders
are. So no script makes us read anything else of the machine.
"""

from __future__ import annotations

import gzip
import lzma
import posixpath
import re
import tarfile
import zlib
from pathlib import Path
from typing import Protocol

from loaders.report import LoadError

ARCHIVE_SUFFIXES = (".tar", ".tar.gz", ".tgz", ".tar.xz", ".tar.bz2")
TEXT_SUFFIXES = (".dss", ".txt", ".csv", ".dat")
MAX_BYTES = 2**30
"""Of text, in one archive or one file."""

MAX_ARCHIVE = 4 * MAX_BYTES
"""Of all that one archive holds, unpacked; to get to one member, those before it are unpacked too."""

MAX_MEMBERS = 100_000

MAX_ZEROS = 0.01
"""Share of bytes 0 up to which a file is taken for text."""

_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029]")


class Forbidden(ValueError):
    """A path that leads out of the circuit's folder; says what is allowed."""


class Files(Protocol):
    """Text files by path with `/`, relative to the folder of the first script."""

    def find(self, path: str) -> str | None:
        """The path as the file is really called; None where it is not there. Raises Forbidden."""

    def read(self, path: str) -> str:
        """Its text. Raises LoadError."""

    def shown(self, path: str) -> str:
        """The file as people are to see it."""


def joined(folder: str, path: str) -> str:
    """A path that a script in `folder` names, from the first script's folder. Raises Forbidden for an absolute one."""
    path = path.replace("\\", "/")
    if path.startswith("/") or re.match(r"[A-Za-z]:", path):
        raise Forbidden("an absolute path; files are named from the script that reads them")
    whole = posixpath.normpath(posixpath.join(folder, path))
    if whole.startswith("../.."):
        raise Forbidden("it leads further up than the folder above the circuit's, where nothing is read")
    if whole.startswith("..") and not whole.lower().endswith(".dss"):
        raise Forbidden("it leads out of the circuit's folder, where only .dss files are read")
    return whole


def decoded(data: bytes, shown: str) -> str:
    """Text in UTF-8, else in Windows' Latin letters; raises LoadError for what is no text.

    Other control characters than tabs and ends of lines become blanks: published circuits have a few.
    """
    if data.count(0) > len(data) * MAX_ZEROS:
        raise LoadError(f"{shown} is no text: it is full of bytes 0")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("latin-1")
    return text if text.isascii() and not _CONTROL.search(text) else _CONTROL.sub(" ", text)


class FolderFiles:
    """Files below a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._listed: dict[str, dict[str, str]] = {}

    def find(self, path: str) -> str | None:
        found = self._cased(path)
        if found is None:
            return None
        outside = found.startswith("..")
        limit = self._folder.resolve().parent if outside else self._folder.resolve()
        if not (self._folder / found).resolve().is_relative_to(limit):
            raise Forbidden("it is a link that leads out of the circuit's folder")
        return found

    def _cased(self, path: str) -> str | None:
        """Each part as it is written on disk: a script written on Windows does not care."""
        found = ""
        for part in path.split("/"):
            if part not in ("", ".", ".."):
                actual = self._names(found).get(part.lower())
                if actual is None:
                    return None
                part = part if (self._folder / found / part).exists() else actual
            found = posixpath.join(found, part)
        return found if (self._folder / found).is_file() else None

    def _names(self, folder: str) -> dict[str, str]:
        if folder not in self._listed:
            place = self._folder / folder
            names = sorted(entry.name for entry in place.iterdir()) if place.is_dir() else []
            self._listed[folder] = {name.lower(): name for name in names}
        return self._listed[folder]

    def read(self, path: str) -> str:
        file = self._folder / path
        try:
            if file.stat().st_size > MAX_BYTES:
                raise LoadError(f"{file} has more than {MAX_BYTES:,} bytes")
            return decoded(file.read_bytes(), str(file))
        except OSError as error:
            raise LoadError(f"{file} cannot be read: {error.strerror}") from error

    def shown(self, path: str) -> str:
        return str(self._folder / path)


class ArchiveFiles:
    """Text files of a tar archive, kept in memory; nothing is ever unpacked to disk."""

    def __init__(self, archive: Path) -> None:
        self._archive = archive
        self._data = _members(archive)
        self._cased = {path.lower(): path for path in sorted(self._data)}
        self.folder = ""
        """Of the first script, from where paths are counted."""

    @property
    def paths(self) -> list[str]:
        """Of every text file, from the top of the archive."""
        return sorted(self._data)

    def _whole(self, path: str) -> str:
        return posixpath.normpath(posixpath.join(self.folder, path))

    def find(self, path: str) -> str | None:
        return path if self._whole(path).lower() in self._cased else None

    def read(self, path: str) -> str:
        return decoded(self._data[self._cased[self._whole(path).lower()]], self.shown(path))

    def shown(self, path: str) -> str:
        return f"{self._archive}/{self._whole(path)}"


def _members(archive: Path) -> dict[str, bytes]:
    data: dict[str, bytes] = {}
    total, whole = 0, 0
    try:
        with tarfile.open(archive) as tar:
            for number, member in enumerate(tar, 1):
                whole += member.size
                if whole > MAX_ARCHIVE or number > MAX_MEMBERS:
                    raise LoadError(f"{archive} holds more than {MAX_ARCHIVE:,} bytes or {MAX_MEMBERS:,} files")
                if not member.isfile() or not member.name.lower().endswith(TEXT_SUFFIXES):
                    continue
                total += member.size
                if total > MAX_BYTES:
                    raise LoadError(f"{archive} holds more than {MAX_BYTES:,} bytes of text")
                content = tar.extractfile(member)
                assert content is not None
                data[posixpath.normpath(member.name)] = content.read()
    except (tarfile.TarError, gzip.BadGzipFile, zlib.error, lzma.LZMAError, EOFError, OSError) as error:
        raise LoadError(f"{archive} is no whole tar archive: {error}") from error
    return data
