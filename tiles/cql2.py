"""CQL2 (OGC 21-065r2) read into a checked tree: every property known, every operator given what it takes.

The `cql2` package parses the text; what a tree may hold, and which kind of value each part has, is decided here.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Literal

import cql2
import orjson
import shapely
from shapely.geometry import shape
from shapely.geometry.base import BaseGeometry

__all__ = ["DEEPEST", "LONGEST", "FilterError", "Kind", "Node", "parse_json", "parse_text"]

Kind = Literal["text", "number", "flag", "instant", "geometry"]
"""What an expression is worth; an instant is seconds since 1970 in UTC."""

LONGEST = 8_000
"""Characters of a filter."""
DEEPEST = 100
"""Levels of a filter."""
MOST_BRACKETS = 300
"""The parser goes one level deeper at each, and a process has only so much stack."""

_WORDS: dict[Kind, str] = {
    "text": "a text",
    "number": "a number",
    "flag": "a truth value",
    "instant": "an instant",
    "geometry": "a geometry",
}
_ORDERED = ("<", ">", "<=", ">=")
_EQUAL = ("=", "<>")
_ARITHMETIC = ("+", "-", "*", "/", "div", "%", "^")
_TEXT_FUNCTIONS = ("casei", "accenti")
SPATIAL = ("s_intersects", "s_disjoint", "s_equals", "s_touches", "s_within", "s_overlaps", "s_crosses", "s_contains")


class FilterError(ValueError):
    """A filter that cannot be used. value: the part that is wrong. position: character of the text, from 1."""

    def __init__(self, message: str, value: object = None, position: int | None = None) -> None:
        super().__init__(message)
        self.value, self.position = value, position


@dataclass(frozen=True, slots=True)
class Node:
    """Part of a filter.

    op: `property`, `literal` or an operator in lower case. value: the property's name or the literal's value (text,
    float, bool or geometry). key: text that is the same for the same part only.
    """

    op: str
    kind: Kind
    args: tuple[Node, ...] = ()
    value: str | float | bool | BaseGeometry | None = None
    key: str = ""

    def properties(self) -> frozenset[str]:
        """Names of all properties in it."""
        if self.op == "property":
            return frozenset([str(self.value)])
        return frozenset().union(*(arg.properties() for arg in self.args))


Properties = Mapping[str, Kind]


def parse_text(text: str, properties: Properties) -> Node:
    """A filter in CQL2 text; raises FilterError."""
    _check_size(text)
    try:
        tree = cql2.parse_text(text).to_json()
    except Exception as error:  # the package has no class of its own for a geometry that it cannot read
        raise _unparsed(text, error) from error
    return _filter(tree, properties)


def parse_json(text: str, properties: Properties) -> Node:
    """A filter in CQL2 JSON; raises FilterError."""
    _check_size(text)
    try:
        tree = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise FilterError(f"the filter is not JSON: {error}", text, error.pos + 1) from error
    return _filter(tree, properties)


def _check_size(text: str) -> None:
    if len(text) > LONGEST:
        raise FilterError(f"the filter has {len(text)} characters; {LONGEST} is the limit", text)
    if text.count("(") > MOST_BRACKETS:
        raise FilterError(f"the filter has {text.count('(')} opening brackets; {MOST_BRACKETS} is the limit", text)


def _unparsed(text: str, error: Exception) -> FilterError:
    """What the parser says, in one sentence."""
    said = str(error)
    place, expected = re.search(r"--> (\d+):(\d+)", said), re.search(r"= expected (.+)", said)
    if place is None:
        return FilterError(f"the filter does not parse: {said.strip() or 'it is empty'}", text)
    line, column = int(place[1]), int(place[2])
    position = sum(len(each) + 1 for each in text.split("\n")[: line - 1]) + column
    wanted = f"; expected {expected[1]}" if expected else ""
    return FilterError(f"the filter does not parse at character {position}{wanted}", text, position)


def _filter(tree: object, properties: Properties) -> Node:
    node = _node(tree, properties, 1)
    if node.kind != "flag":
        raise FilterError(f"the filter is {_WORDS[node.kind]}; it must be a condition", _shown(tree))
    return node


# --- reading ------------------------------------------------------------------------------------------------------


def _node(tree: object, properties: Properties, depth: int) -> Node:
    if depth > DEEPEST:
        raise FilterError(f"the filter is nested deeper than {DEEPEST} levels")
    if isinstance(tree, dict):
        return _object(tree, properties, depth)
    if isinstance(tree, bool):
        return _literal("flag", tree)
    if isinstance(tree, str):
        return _literal("text", tree)
    if isinstance(tree, int | float):
        return _number(tree)
    if tree is None:
        raise FilterError("null compares with nothing; use IS NULL", None)
    raise FilterError(f"a list stands where none may: {_shown(tree)}", _shown(tree))


def _object(tree: dict[str, object], properties: Properties, depth: int) -> Node:
    if "property" in tree:
        return _property(tree["property"], properties)
    if "op" in tree:
        return _operation(tree, properties, depth)
    if "bbox" in tree:
        return _geometry(tree, lambda: _box(tree["bbox"]))
    if "type" in tree:
        return _geometry(tree, lambda: shape(tree))
    for word, read in (("timestamp", _timestamp), ("date", _date)):
        if word in tree:
            return _literal("instant", read(tree[word]), f"{word} {tree[word]}")
    raise FilterError(f"the filter holds {_shown(tree)}, which is not supported", _shown(tree))


def _property(name: object, properties: Properties) -> Node:
    if not isinstance(name, str) or name not in properties:
        raise FilterError(f"no property {name!r}; there are {', '.join(properties)}", _shown(name))
    return Node("property", properties[name], value=name, key=f"property({name!r})")


def _literal(kind: Kind, value: str | float | bool | BaseGeometry, shown: object = None) -> Node:
    return Node("literal", kind, value=value, key=f"{kind}({shown if shown is not None else value!r})")


def _number(value: float) -> Node:
    try:
        number = float(value)
    except OverflowError as error:
        raise FilterError("a number of the filter is out of range", value) from error
    if not math.isfinite(number):
        raise FilterError("a number of the filter is out of range", str(value))
    return _literal("number", number)


def _timestamp(text: object) -> float:
    try:
        instant = datetime.fromisoformat(str(text))
    except ValueError as error:
        raise FilterError(f"{text!r} is not a timestamp (RFC 3339)", _shown(text)) from error
    return instant.replace(tzinfo=instant.tzinfo or UTC).timestamp()


def _date(text: object) -> float:
    try:
        day = date.fromisoformat(str(text))
    except ValueError as error:
        raise FilterError(f"{text!r} is not a date (RFC 3339)", _shown(text)) from error
    return datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()


def _box(value: object) -> BaseGeometry:
    """West, south, east, north (heights in between are left aside); over the antimeridian where west is more."""
    numbers = [float(number) for number in value] if isinstance(value, list) else []
    if len(numbers) not in (4, 6):
        raise ValueError("a bbox has 4 or 6 numbers")
    west, south, east, north = numbers if len(numbers) == 4 else (*numbers[:2], *numbers[3:5])
    if south > north:
        raise ValueError("its south lies above its north")
    if west > east:
        return shapely.union(_rectangle(west, south, 180, north), _rectangle(-180, south, east, north))
    return _rectangle(west, south, east, north)


def _rectangle(west: float, south: float, east: float, north: float) -> BaseGeometry:
    """A polygon; a line or a point where it has no width or height."""
    return shapely.envelope(shapely.multipoints([(west, south), (east, north)]))


def _geometry(tree: dict[str, object], make: Callable[[], BaseGeometry]) -> Node:
    try:
        made = make()
    except (AttributeError, IndexError, KeyError, TypeError, ValueError, shapely.errors.ShapelyError) as error:
        raise FilterError(f"{_shown(tree)} is not a geometry: {error}", _shown(tree)) from error
    if made.is_empty or not all(math.isfinite(bound) for bound in made.bounds):
        raise FilterError(f"{_shown(tree)} is empty or not finite", _shown(tree))
    if not made.is_valid:
        raise FilterError(f"{_shown(tree)} is not valid: {shapely.is_valid_reason(made)}", _shown(tree))
    return _literal("geometry", made, made.wkb_hex)


# --- operators ----------------------------------------------------------------------------------------------------


def _operation(tree: dict[str, object], properties: Properties, depth: int) -> Node:
    given, raw = tree["op"], tree.get("args")
    if not isinstance(given, str) or not isinstance(raw, list):
        raise FilterError(f"{_shown(tree)} is not an operation: it needs op and args", _shown(tree))
    op = "isnull" if given in ("isNull", "isnull") else given.lower()
    if op in ("and", "or") and len(raw) > 2:  # chains are as long as they like, not deep
        args = tuple(_node(arg, properties, depth + 1) for arg in raw)
    elif op == "in":
        args = _in_args(raw, properties, depth)
    else:
        args = tuple(_node(arg, properties, depth + 1) for arg in raw)
    return Node(op, _kind_of(op, given, args), args, key=f"{op}({','.join(arg.key for arg in args)})")


def _in_args(raw: list[object], properties: Properties, depth: int) -> tuple[Node, ...]:
    """The value, then those that it may be."""
    if len(raw) != 2 or not isinstance(raw[1], list) or not raw[1]:
        raise FilterError("IN takes a value and a list that is not empty", _shown(raw))
    return tuple(_node(arg, properties, depth + 1) for arg in (raw[0], *raw[1]))


def _kind_of(op: str, given: str, args: Sequence[Node]) -> Kind:
    """The kind of the result; raises FilterError where the arguments do not fit."""
    if op in ("and", "or"):
        _expect(given, args, ["flag"] * max(len(args), 2))
    elif op == "not":
        _expect(given, args, ["flag"])
    elif op in _EQUAL or op in _ORDERED:
        _comparable(given, args, 2, ("text", "number", "instant") if op in _ORDERED else _COMPARABLE)
    elif op == "between":
        _comparable(given, args, 3, ("number", "instant"))
    elif op == "in":
        _comparable(given, args, len(args), _COMPARABLE)
    elif op == "like":
        _expect(given, args, ["text", "text"])
        if args[1].properties():
            raise FilterError("LIKE takes a pattern, not a property", args[1].key)
    elif op == "isnull":
        _count(given, args, 1)
    elif op in SPATIAL:
        _expect(given, args, ["geometry", "geometry"])
        if sum(arg.op == "property" for arg in args) != 1:
            raise FilterError(f"{given} takes the property geometry and one geometry that is given")
    elif op in _ARITHMETIC:
        _expect(given, args, ["number", "number"])
        return "number"
    elif op in _TEXT_FUNCTIONS:
        _expect(given, args, ["text"])
        return "text"
    else:
        raise FilterError(f"the operator or function {given} is not supported", given)
    return "flag"


_COMPARABLE: tuple[Kind, ...] = ("text", "number", "flag", "instant")


def _count(op: str, args: Sequence[Node], wanted: int) -> None:
    if len(args) != wanted:
        raise FilterError(f"{op} takes {wanted} argument{'s' * (wanted != 1)}, not {len(args)}", op)


def _expect(op: str, args: Sequence[Node], kinds: Sequence[Kind]) -> None:
    _count(op, args, len(kinds))
    for arg, kind in zip(args, kinds, strict=True):
        if arg.kind != kind:
            raise FilterError(f"{op} takes {_WORDS[kind]}, and {_said(arg)} is {_WORDS[arg.kind]}", _said(arg))


def _comparable(op: str, args: Sequence[Node], count: int, kinds: Sequence[Kind]) -> None:
    _count(op, args, count)
    # The property gives the kind, so that the message names it.
    first = next((arg for arg in args if arg.op == "property"), args[0])
    if first.kind not in kinds:
        raise FilterError(f"{op} does not compare {_said(first)}, which is {_WORDS[first.kind]}", _said(first))
    for arg in args:
        if arg.kind != first.kind:
            message = f"{_said(first)} is {_WORDS[first.kind]} and cannot be compared with {_said(arg)}"
            raise FilterError(f"{message}, which is {_WORDS[arg.kind]}", _said(arg))


def _said(node: Node) -> str:
    """A property's name, a literal's value, or the operator."""
    if node.op == "property":
        return str(node.value)
    if node.op == "literal":
        return _shown(node.value) if node.kind != "geometry" else "a geometry"
    return f"{node.op}(…)"


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:80] + "…"
