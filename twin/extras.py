"""Columns of a table beyond its class: what a source says that CIM's columns have no place for, by name."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

ExtraKind = Literal["real", "text"]
EXTRA_KINDS: tuple[ExtraKind, ...] = ("real", "text")
Extras = Mapping[str, NDArray[Any]]
"""By name, in the order of names: float64 (rows,), NaN where not known, or StringDType (rows,), empty where not."""

PLACED_FROM = "placed_from"
"""Extra column of nodes: `neighbours` where the coordinates are not the source's, but worked out from theirs."""
NEIGHBOURS = "neighbours"
REPEATED_ID = "repeated_id"
"""Extra column of any class: the id that the source gives to several elements, of which all but one were renamed."""

MOST = 100
"""How many a table may have."""
RESERVED = ("id", "fid", "geom", "geometry", "model", "class", "layer")
"""Names that layers of a store or an export have already."""
_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")


class ExtraError(ValueError):
    """Extra columns that cannot be kept; names column, row and value."""


def check_name(name: str, taken: Sequence[str] = ()) -> None:
    """Raises ExtraError for a name that not every store can keep."""
    if not _NAME.fullmatch(name):
        raise ExtraError(f"the extra column {name!r} needs a name of a–z, 0–9 and _, up to 63, with a letter first")
    if name in taken or name in RESERVED:
        raise ExtraError(f"the extra column {name!r} has the name of a column that is there already")


def extras_of(given: Mapping[str, object], length: int, taken: Sequence[str]) -> dict[str, NDArray[Any]]:
    """Checked columns, ordered by name; those without any value are left out. taken: names of the class's own.

    Raises ExtraError.
    """
    if len(given) > MOST:
        raise ExtraError(f"{len(given)} extra columns are given; at most {MOST} are kept")
    columns = {}
    for name in sorted(given):
        check_name(name, taken)
        column = _column(name, np.asarray(given[name]))
        if len(column) != length:
            raise ExtraError(f"the extra column {name!r} has {len(column)} rows where mrid has {length}")
        column.flags.writeable = False
        if known(column).any():
            columns[name] = column
    return columns


def kind_of(column: NDArray[Any]) -> ExtraKind:
    """What a column holds."""
    return "text" if column.dtype.kind == "T" else "real"


def known(column: NDArray[Any]) -> NDArray[np.bool_]:
    """bool (rows,): a value is given."""
    return column != "" if kind_of(column) == "text" else ~np.isnan(column)


def values(column: NDArray[Any]) -> list[str | float | None]:
    """Plain values; None where not known."""
    there = known(column).tolist()
    return [value if given else None for value, given in zip(column.tolist(), there, strict=True)]


def column_of(kind: ExtraKind, plain: Sequence[Any]) -> NDArray[Any]:
    """The column of plain values, None where not known."""
    if kind == "text":
        return np.array(["" if value is None else value for value in plain], dtype=np.dtypes.StringDType())
    return np.array([np.nan if value is None else value for value in plain], dtype=np.float64)


def extra_record(extras: Extras, row: int) -> dict[str, str | float]:
    """What is known of one row, by name."""
    return {
        name: column[row].item() if kind_of(column) == "real" else str(column[row])
        for name, column in extras.items()
        if known(column[row : row + 1])[0]
    }


def to_documents(extras: Extras, rows: int) -> Iterator[str | None]:
    """A JSON object a row with what is known; None for none."""
    if not extras:
        yield from (None for _ in range(rows))
        return
    for row in zip(*(values(column) for column in extras.values()), strict=True):
        given = {name: value for name, value in zip(extras, row, strict=True) if value is not None}
        yield json.dumps(given, ensure_ascii=False) if given else None


def from_documents(documents: Sequence[str]) -> dict[str, NDArray[Any]]:
    """The columns of JSON objects, one a row, empty text for none; raises ExtraError for two kinds in one column."""
    return from_records([json.loads(text) if text else {} for text in documents])


def from_records(records: Sequence[Mapping[str, Any]]) -> dict[str, NDArray[Any]]:
    """The columns of what is known of each row; raises ExtraError for two kinds in one column."""
    found: dict[str, list[Any]] = {}
    for row, record in enumerate(records):
        for name, value in record.items():
            found.setdefault(name, [None] * len(records))[row] = value
    columns = {}
    for name, plain in found.items():
        texts = {isinstance(value, str) for value in plain if value is not None}
        if len(texts) > 1:
            raise ExtraError(f"the extra column {name!r} holds text and numbers")
        columns[name] = column_of("text" if texts == {True} else "real", plain)
    return columns


def _column(name: str, given: NDArray[Any]) -> NDArray[Any]:
    if given.dtype.kind in "TUO":
        column = np.array(given, dtype=np.dtypes.StringDType())
        broken = next((row for row, text in enumerate(column.tolist()) if "\0" in text), None)
        if broken is not None:
            raise ExtraError(f"the extra column {name!r} has a NUL in its text at row {broken}")
        return column
    if given.dtype.kind not in "iufb":
        raise ExtraError(f"the extra column {name!r} holds {given.dtype}; text or numbers are kept")
    column = given.astype(np.float64) + 0.0  # there is no negative zero in JSON's numbers everywhere
    if np.isinf(column).any():
        row = int(np.argmax(np.isinf(column)))
        raise ExtraError(f"the extra column {name!r} is {column[row]} at row {row}; it must be finite")
    return column
