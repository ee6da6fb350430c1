"""CQL2 evaluated over whole columns at once, with SQL's third truth value for what is not known."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any, Protocol

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from tiles.cql2 import Node
from twin.components import TEXT

__all__ = ["Column", "Columns", "Places", "Truth", "evaluate"]

Flags = NDArray[np.bool_]
Array = NDArray[Any]


@dataclass(frozen=True, slots=True, eq=False)
class Column:
    """One property of n features.

    values: (n,), or where `codes` is given the distinct values, which codes, integers (n,), number; -1 is null.
    null: bool (n,), which values are not known; none where None.
    """

    values: Array
    null: Flags | None = None
    codes: NDArray[np.integer[Any]] | None = None


class Places(Protocol):
    """The geometries of n features in degrees."""

    def bounds(self) -> NDArray[np.float64]:
        """float64 (n, 4): west, south, east, north; not a number where there is no place."""

    def shapes(self, rows: NDArray[np.int64]) -> Array:
        """Geometries of some features, which have a place."""


class Columns(Protocol):
    """The properties of n features."""

    def __len__(self) -> int: ...

    def column(self, name: str) -> Column | None:
        """A property; None where these features do not have it."""

    def places(self) -> Places: ...


@dataclass(frozen=True, slots=True, eq=False)
class Truth:
    """bool (n,) each: surely so, surely not; where neither, it is not known."""

    yes: Flags
    no: Flags


@dataclass(frozen=True, slots=True, eq=False)
class _Values:
    """data: (n,) or a single value. null: bool (n,), or False for none."""

    data: Any
    null: Any = False


def evaluate(node: Node, columns: Columns) -> Truth:
    """A condition for every feature.

    What speaks of one property only is decided once for each of its distinct values.
    """
    names = node.properties()
    if len(names) == 1 and "geometry" not in names:
        column = columns.column(next(iter(names)))
        if column is not None and column.codes is not None:
            small = evaluate(node, _Distinct(column.values))
            return Truth(small.yes[column.codes], small.no[column.codes])  # -1 is the last, which is null
    if node.op in ("and", "or", "not"):
        return combined(node.op, [evaluate(arg, columns) for arg in node.args])
    return _truth(node, columns)


def combined(op: str, parts: Sequence[Truth]) -> Truth:
    """Parts under `and`, `or` or `not`."""
    if op == "not":
        return Truth(parts[0].no, parts[0].yes)
    yes, no = [part.yes for part in parts], [part.no for part in parts]
    if op == "and":
        return Truth(reduce(np.logical_and, yes), reduce(np.logical_or, no))
    return Truth(reduce(np.logical_or, yes), reduce(np.logical_and, no))


class _Distinct:
    """Columns of which one is all distinct values of a property, and null."""

    def __init__(self, values: Array) -> None:
        filler = values[:1] if len(values) else np.zeros(1, dtype=values.dtype)
        null = np.zeros(len(values) + 1, dtype=np.bool_)
        null[-1] = True
        self._column = Column(np.concatenate([values, filler]), null)

    def __len__(self) -> int:
        return len(self._column.values)

    def column(self, name: str) -> Column:
        """The same whatever it is called."""
        return self._column

    def places(self) -> Places:
        """There are none."""
        raise LookupError("a property of its own has no geometry")


# --- conditions ---------------------------------------------------------------------------------------------------

_COMPARE: dict[str, Callable[[Any, Any], Any]] = {
    "=": np.equal,
    "<>": np.not_equal,
    "<": np.less,
    ">": np.greater,
    "<=": np.less_equal,
    ">=": np.greater_equal,
}


def _truth(node: Node, columns: Columns) -> Truth:
    if node.op == "isnull":
        null = _missing(node.args[0], columns)
        return Truth(null, ~null)
    if node.op.startswith("s_"):
        return _spatial(node, columns)
    if node.op == "like":
        return _like(node, columns)
    if node.op in ("property", "literal"):
        found = _values(node, columns)
        return _known(found.data, found.null, len(columns))
    values = [_values(arg, columns) for arg in node.args]
    unknown: Any = reduce(np.logical_or, [value.null for value in values])
    first = values[0].data
    if node.op == "between":
        return _known((first >= values[1].data) & (first <= values[2].data), unknown, len(columns))
    if node.op == "in":
        return _among(values, len(columns))
    return _known(_COMPARE[node.op](first, values[1].data), unknown, len(columns))


def _known(data: Any, null: Any, count: int) -> Truth:
    known = ~np.broadcast_to(np.asarray(null, dtype=np.bool_), count)
    whole = np.broadcast_to(np.asarray(data, dtype=np.bool_), count)
    return Truth(whole & known, ~whole & known)


def _among(values: Sequence[_Values], count: int) -> Truth:
    """Equal to any; unknown where none is and one is not known."""
    equal = [
        _known(values[0].data == other.data, values[0].null | np.asarray(other.null), count) for other in values[1:]
    ]
    return combined("or", equal)


def _missing(node: Node, columns: Columns) -> Flags:
    count = len(columns)
    if node.kind == "geometry":
        if node.op == "literal":
            return np.zeros(count, dtype=np.bool_)
        missing: Flags = np.isnan(columns.places().bounds()[:, 0])
        return missing
    if node.kind == "flag" and node.op not in ("property", "literal"):
        truth = evaluate(node, columns)
        return ~(truth.yes | truth.no)
    null: Flags = np.broadcast_to(np.asarray(_values(node, columns).null, dtype=np.bool_), count).copy()
    return null


# --- values -------------------------------------------------------------------------------------------------------


def _values(node: Node, columns: Columns) -> _Values:
    if node.op == "literal":
        return _Values(node.value)
    if node.op == "property":
        return _property(node, columns)
    if node.kind == "flag":
        truth = evaluate(node, columns)
        return _Values(truth.yes, ~(truth.yes | truth.no))
    values = [_values(arg, columns) for arg in node.args]
    if node.kind == "text":
        return _Values(_mapped(_TEXT[node.op], values[0].data), values[0].null)
    return _arithmetic(node.op, *values)


def _property(node: Node, columns: Columns) -> _Values:
    column, count = columns.column(str(node.value)), len(columns)
    if column is None:
        return _Values(np.zeros(count, dtype=_DTYPES[node.kind]), np.ones(count, dtype=np.bool_))
    if column.codes is None:
        return _Values(column.values, np.False_ if column.null is None else column.null)
    if len(column.values) == 0:
        return _Values(np.zeros(count, dtype=_DTYPES[node.kind]), np.ones(count, dtype=np.bool_))
    return _Values(column.values[column.codes], column.codes < 0)


_DTYPES: dict[str, Any] = {"text": TEXT, "number": np.float64, "instant": np.float64, "flag": np.bool_}


def _arithmetic(op: str, left: _Values, right: _Values) -> _Values:
    """As floats; what is no number (a division by 0, an overflow) is null."""
    a, b = np.asarray(left.data, dtype=np.float64), np.asarray(right.data, dtype=np.float64)
    with np.errstate(all="ignore"):
        data = _NUMBERS[op](a, b)
    return _Values(data, np.asarray(left.null) | np.asarray(right.null) | ~np.isfinite(data))


_NUMBERS: dict[str, Callable[[Any, Any], Any]] = {
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    "/": np.divide,
    "div": lambda a, b: np.trunc(a / b),
    "%": np.fmod,
    "^": np.power,
}


def _without_accents(text: str) -> str:
    plain = [each for each in unicodedata.normalize("NFD", text) if not unicodedata.combining(each)]
    return unicodedata.normalize("NFC", "".join(plain))


_TEXT: dict[str, Callable[[str], str]] = {"casei": str.casefold, "accenti": _without_accents}


def _mapped(function: Callable[[str], str], data: Any) -> Any:
    if isinstance(data, str):
        return function(data)
    return np.array([function(text) for text in data.tolist()], dtype=TEXT)


# --- patterns -----------------------------------------------------------------------------------------------------


def _like(node: Node, columns: Columns) -> Truth:
    value, pattern = (_values(arg, columns) for arg in node.args)
    matches = like_matcher(str(pattern.data))
    if isinstance(value.data, str):
        return _known(matches(value.data), value.null, len(columns))
    hits = np.fromiter(map(matches, value.data.tolist()), np.bool_, len(value.data))
    return _known(hits, value.null, len(columns))


def like_matcher(pattern: str) -> Callable[[str], bool]:
    r"""Tests texts against a LIKE pattern: % any text, _ one character, \ takes the next as it is.

    The pieces between % are searched one after the other, the first place that fits being as good as any, so no
    pattern makes it slow.
    """
    pieces: list[list[str]] = [[]]
    characters = iter(pattern)
    for each in characters:
        if each == "%":
            pieces.append([])
        else:
            pieces[-1].append("." if each == "_" else re.escape(next(characters, each) if each == "\\" else each))
    first, *middle = [re.compile("".join(piece), re.DOTALL) for piece in pieces]
    if not middle:
        return lambda text: first.fullmatch(text) is not None
    last, width = middle.pop(), len(pieces[-1])

    def matches(text: str) -> bool:
        found = first.match(text)
        for piece in middle:
            if found is None:
                return False
            found = piece.search(text, found.end())
        begin = len(text) - width
        return found is not None and begin >= found.end() and last.fullmatch(text, begin) is not None

    return matches


# --- places -------------------------------------------------------------------------------------------------------

_SPATIAL: dict[str, Callable[[Any, Any], Any]] = {
    "s_intersects": shapely.intersects,
    "s_disjoint": shapely.disjoint,
    "s_equals": shapely.equals,
    "s_touches": shapely.touches,
    "s_within": shapely.within,
    "s_overlaps": shapely.overlaps,
    "s_crosses": shapely.crosses,
    "s_contains": shapely.contains,
}


def _spatial(node: Node, columns: Columns) -> Truth:
    """Only features whose boxes meet that of the given geometry are looked at closely; in a rectangle lie all whose
    boxes do."""
    left, right = node.args
    given = (right if left.op == "property" else left).value
    assert isinstance(given, BaseGeometry)
    places = columns.places()
    bounds = places.bounds()
    placed = ~np.isnan(bounds[:, 0])
    west, south, east, north = shapely.bounds(given)
    with np.errstate(invalid="ignore"):
        near = (bounds[:, 0] <= east) & (bounds[:, 2] >= west) & (bounds[:, 1] <= north) & (bounds[:, 3] >= south)
        within = (bounds[:, 0] >= west) & (bounds[:, 2] <= east) & (bounds[:, 1] >= south) & (bounds[:, 3] <= north)
    holds = placed & (node.op == "s_disjoint")
    if node.op == "s_intersects" and shapely.equals(given, shapely.envelope(given)):
        holds, near = within, near & ~within
    rows = np.flatnonzero(near & placed)
    if len(rows):
        shapely.prepare(given)
        shapes = places.shapes(rows)
        pair = (shapes, given) if left.op == "property" else (given, shapes)
        holds[rows] = _SPATIAL[node.op](*pair)
    return Truth(holds, placed & ~holds)
