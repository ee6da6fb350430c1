"""PostgreSQL's binary COPY, whole columns at a time: arrays to bytes and back. Knows no database."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from twin.components import TEXT
from twin.geometry import LineStrings

Bytes = NDArray[np.uint8]

HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
TRAILER = b"\xff\xff"
ROWS_AT_ONCE = 20_000
"""Rows of one piece, a few megabytes."""
SRID = 4326

_POINT, _LINESTRING, _WITH_SRID = 1, 2, 0x2000_0000
_EWKB_POINT = np.dtype([("order", "u1"), ("type", "<u4"), ("srid", "<u4"), ("x", "<f8"), ("y", "<f8")])
_EWKB_LINE = np.dtype([("order", "u1"), ("type", "<u4"), ("srid", "<u4"), ("count", "<u4")])
_ESCAPES = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", "\\": "\\"}
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)


@dataclass(frozen=True, slots=True, eq=False)
class Column:
    """Values of one column as they go over the wire.

    Row i is `data[offsets[i]:offsets[i + 1]]`, or null, and then it has no bytes. offsets: int64 (rows + 1,). data:
    uint8 (bytes,). null: bool (rows,).
    """

    offsets: NDArray[np.int64]
    data: Bytes
    null: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.null)


# --- arrays to columns ------------------------------------------------------------------------------------------


def numbers(values: NDArray[Any], dtype: str, null: NDArray[np.bool_] | None = None) -> Column:
    """Numbers of one width, `dtype` big-endian: `>i4` integer, `>i2` smallint, `>f8` double precision, `?` boolean."""
    there = np.ones(len(values), np.bool_) if null is None else ~null
    given = np.ascontiguousarray(values[there].astype(dtype))
    offsets = np.concatenate([[0], np.cumsum(there)]).astype(np.int64) * given.itemsize
    return Column(offsets, given.view(np.uint8), ~there)


def texts(values: NDArray[Any]) -> Column:
    """Text as UTF-8, never null."""
    encoded = [value.encode() for value in values.tolist()]
    return _pieces(encoded)


def documents(objects: Iterable[str | None]) -> Column:
    """JSON text as jsonb; null for None."""
    encoded = [None if each is None else b"\x01" + each.encode() for each in objects]
    null = np.fromiter((each is None for each in encoded), np.bool_, len(encoded))
    whole = _pieces([each or b"" for each in encoded])
    return Column(whole.offsets, whole.data, null)


def points(lnglat: NDArray[np.float64]) -> Column:
    """float64 (rows, 2), lng and lat in degrees, as geometry; null where either is not a number."""
    null: NDArray[np.bool_] = np.asarray(np.isnan(lnglat).any(axis=1))
    placed = np.zeros(int((~null).sum()), _EWKB_POINT)
    placed["order"], placed["type"], placed["srid"] = 1, _POINT | _WITH_SRID, SRID
    placed["x"], placed["y"] = lnglat[~null].T
    offsets = np.concatenate([[0], np.cumsum(~null)]).astype(np.int64) * _EWKB_POINT.itemsize
    return Column(offsets, placed.view(np.uint8), null)


def lines(geometry: LineStrings) -> Column:
    """Lines as geometry; null where empty."""
    counts = np.diff(geometry.offsets)
    null = counts == 0
    sizes = np.where(null, 0, _EWKB_LINE.itemsize + counts * 16)
    offsets = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    data = np.empty(int(offsets[-1]), np.uint8)
    for start in range(0, len(counts), ROWS_AT_ONCE):
        stop = min(start + ROWS_AT_ONCE, len(counts))
        body = geometry.coordinates[geometry.offsets[start] : geometry.offsets[stop]]
        placed = counts[start:stop]
        _write_lines(data[offsets[start] : offsets[stop]], placed[placed > 0], body)
    return Column(offsets, data, null)


def _write_lines(out: Bytes, counts: NDArray[np.int64], coordinates: NDArray[np.float64]) -> None:
    """Placed lines one after the other."""
    heads = np.zeros(len(counts), _EWKB_LINE)
    heads["order"], heads["type"], heads["srid"], heads["count"] = 1, _LINESTRING | _WITH_SRID, SRID, counts
    sizes = counts * 16
    at = np.cumsum(heads.itemsize + sizes) - sizes
    _write(out, at - heads.itemsize, heads)
    out[_ranges(at, sizes)] = np.ascontiguousarray(coordinates, "<f8").view(np.uint8).reshape(-1)


def _pieces(pieces: Sequence[bytes]) -> Column:
    sizes = np.fromiter(map(len, pieces), np.int64, len(pieces))
    offsets = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    return Column(offsets, np.frombuffer(b"".join(pieces), np.uint8), np.zeros(len(pieces), np.bool_))


def _ranges(starts: NDArray[np.int64], sizes: NDArray[np.int64]) -> NDArray[np.int64]:
    """All of `start … start + size - 1`, one range after the other."""
    ends = np.cumsum(sizes)
    return np.repeat(starts - ends + sizes, sizes) + np.arange(ends[-1] if len(ends) else 0)


# --- columns to bytes -------------------------------------------------------------------------------------------


def rows_to_bytes(columns: Sequence[Column]) -> Iterator[bytes]:
    """The whole COPY stream, in pieces."""
    yield HEADER
    for start in range(0, len(columns[0]), ROWS_AT_ONCE):
        yield _piece(columns, slice(start, min(start + ROWS_AT_ONCE, len(columns[0]))))
    yield TRAILER


def _piece(columns: Sequence[Column], rows: slice) -> bytes:
    sizes = [np.diff(column.offsets[rows.start : rows.stop + 1]) for column in columns]
    row_sizes = np.sum(sizes, axis=0) + 2 + 4 * len(columns)
    ends = np.cumsum(row_sizes)
    at = ends - row_sizes
    out = np.empty(int(ends[-1]), np.uint8)
    _write(out, at, np.full(len(at), len(columns), ">i2"))
    at = at + 2
    for column, size in zip(columns, sizes, strict=True):
        null = column.null[rows]
        _write(out, at, np.where(null, -1, size).astype(">i4"))
        at = at + 4
        data = column.data[column.offsets[rows.start] : column.offsets[rows.stop]]
        width = int(size[0])
        if width and (size == width).all():
            out[at[:, None] + np.arange(width)] = data.reshape(-1, width)
        else:
            out[_ranges(at, size)] = data
        at = at + size
    return out.tobytes()


def _write(out: Bytes, at: NDArray[np.int64], values: NDArray[Any]) -> None:
    out[at[:, None] + np.arange(values.itemsize)] = values.view(np.uint8).reshape(-1, values.itemsize)


# --- bytes to arrays --------------------------------------------------------------------------------------------


def bytes_to_numbers(data: bytes, dtypes: Sequence[str]) -> list[NDArray[Any]]:
    """Columns of a stream without nulls and of known widths, in the machine's byte order."""
    fields: list[tuple[str, str]] = [("count", ">i2")]
    for number, dtype in enumerate(dtypes):
        fields += [(f"size{number}", ">i4"), (f"value{number}", dtype)]
    rows = np.frombuffer(data[len(HEADER) : len(data) - len(TRAILER)], np.dtype(fields))
    return [np.ascontiguousarray(rows[f"value{n}"]).astype(np.dtype(d).newbyteorder("=")) for n, d in enumerate(dtypes)]


def bytes_to_texts(data: bytes, columns: int) -> list[NDArray[Any]]:
    """StringDType columns of a stream in COPY's *text* format, without nulls."""
    whole = data.decode()
    values = whole.replace("\n", "\t").split("\t")[:-1] if whole else []
    if "\\" in whole:
        values = [_ESCAPED.sub(_unescaped, value) if "\\" in value else value for value in values]
    return [np.array(values[number::columns], dtype=TEXT) for number in range(columns)]


def _unescaped(match: re.Match[str]) -> str:
    return _ESCAPES.get(match[1], match[1])


def bytes_to_lines(data: bytes, counts: NDArray[np.int64]) -> LineStrings:
    """Geometry from a stream of one column of placed lines; counts: int64 (lines,), points of each, 0 for none."""
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    sizes = np.where(counts > 0, 2 + 4 + _EWKB_LINE.itemsize + counts * 16, 0)
    ends = len(HEADER) + np.cumsum(sizes)
    at = _ranges((ends - counts * 16)[counts > 0], (counts * 16)[counts > 0])
    raw = np.frombuffer(data, np.uint8)[at]
    return LineStrings(offsets, raw.view("<f8").astype(np.float64).reshape(-1, 2))
