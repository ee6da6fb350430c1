"""What an export has made so far, in a file beside its target, so that one that was interrupted goes on."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from tiles.export_files import ExportError

__all__ = ["Journal", "MadeTile"]

MadeTile = tuple[int, bytes, int]
"""PMTiles number, compressed bytes, features left out."""

_SCHEMA = """
CREATE TABLE about (key TEXT NOT NULL);
CREATE TABLE content (content INTEGER PRIMARY KEY, digest BLOB NOT NULL UNIQUE, data BLOB NOT NULL);
CREATE TABLE tile (number INTEGER PRIMARY KEY, content INTEGER NOT NULL, left_out INTEGER NOT NULL);
CREATE TABLE chunk (chunk INTEGER PRIMARY KEY);
"""
_APPLICATION = 0x67745854
_SAFE_AND_ALONE = "PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;"
_FOREIGN = "it is no unfinished export; move it or delete it"


class Journal:
    """Tiles made so far, each content once; `done` are the numbers of the chunks that are whole.

    A file of another purpose is refused with ExportError; one of another export is begun anew, and `discarded` says
    what that other one was. What is in the file survives the process that wrote it.
    """

    def __init__(self, path: Path, key: Mapping[str, object]) -> None:
        self.path = path
        self.discarded: dict[str, object] | None = None
        try:
            self._database = self._opened(json.dumps(dict(key), sort_keys=True))
        except sqlite3.Error as error:
            if error.sqlite_errorcode == sqlite3.SQLITE_BUSY:
                raise ExportError(f"{path}: another export is writing it; wait, or choose another file") from error
            if error.sqlite_errorcode == sqlite3.SQLITE_NOTADB:
                raise ExportError(f"{path} is in the way: {_FOREIGN}") from error
            raise ExportError(f"{path}: cannot be written: {error}") from error
        self.done = {chunk for (chunk,) in self._database.execute("SELECT chunk FROM chunk")}

    def _opened(self, key: str) -> sqlite3.Connection:
        database = sqlite3.connect(self.path, timeout=0)
        try:
            (tables,) = database.execute("SELECT count(*) FROM sqlite_master").fetchone()
            if tables and database.execute("PRAGMA application_id").fetchone() != (_APPLICATION,):
                raise ExportError(f"{self.path} is in the way: {_FOREIGN}")
            database.executescript(_SAFE_AND_ALONE)
            kept = database.execute("SELECT key FROM about").fetchone() if tables else None
            if kept is not None and kept[0] != key:
                self.discarded = json.loads(kept[0])
                database.close()
                self._unlink()
                return self._opened(key)
            if not tables:
                database.executescript(f"BEGIN; PRAGMA application_id = {_APPLICATION}; {_SCHEMA} COMMIT;")
            if kept is None:
                with database:
                    database.execute("INSERT INTO about VALUES (?)", (key,))
        except BaseException:
            database.close()
            raise
        return database

    def add(self, chunk: int, tiles: Iterable[MadeTile]) -> None:
        """Keeps the tiles of a chunk, all or none; those without data are left out. Raises ExportError."""
        try:
            self._add(chunk, tiles)
        except sqlite3.Error as error:
            raise ExportError(
                f"{self.path}: cannot be written: {error}; what it holds is kept: make room and run it again to go on"
            ) from error
        self.done.add(chunk)

    def _add(self, chunk: int, tiles: Iterable[MadeTile]) -> None:
        with self._database as database:
            for number, data, left_out in tiles:
                if not data:
                    continue
                digest = hashlib.blake2b(data, digest_size=16).digest()
                database.execute("INSERT OR IGNORE INTO content (digest, data) VALUES (?, ?)", (digest, data))
                database.execute(
                    "INSERT INTO tile SELECT ?, content, ? FROM content WHERE digest = ?", (number, left_out, digest)
                )
            database.execute("INSERT INTO chunk VALUES (?)", (chunk,))

    def __len__(self) -> int:
        count: int = self._database.execute("SELECT count(*) FROM tile").fetchone()[0]
        return count

    def tiles(self) -> Iterator[tuple[int, int, int]]:
        """Number, content and its size in bytes of every tile, ascending."""
        return self._database.execute(
            "SELECT number, content, length(data) FROM tile JOIN content USING (content) ORDER BY number"
        )

    def data(self, content: int) -> bytes:
        """The bytes of a content."""
        found: bytes = self._database.execute("SELECT data FROM content WHERE content = ?", (content,)).fetchone()[0]
        return found

    def left_out(self) -> tuple[int, int]:
        """Tiles that are not complete, and features left out of them."""
        count, features = self._database.execute("SELECT count(*), total(left_out) FROM tile WHERE left_out").fetchone()
        return int(count), int(features)

    def close(self) -> None:
        """Keeps the file for the next time."""
        self._database.close()

    def remove(self) -> None:
        """Closes and deletes it."""
        self._database.close()
        self._unlink()

    def _unlink(self) -> None:
        for suffix in ("", "-wal", "-shm", "-journal"):
            self.path.with_name(self.path.name + suffix).unlink(missing_ok=True)
