"""Every rule of Mapbox Vector Tile 2.1, checked on the bytes: it reads protobuf itself and knows none of our code.

Rounding to whole units may move an inner ring over its outer one by less than a unit, which is let pass.

`problems(tile)` lists what is wrong, each with where it is; a valid tile has none.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from shapely import Polygon, make_valid
from shapely.geometry.base import BaseGeometry

__all__ = ["problems"]

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
MOVE_TO, LINE_TO, CLOSE_PATH = 1, 2, 7
POINT, LINE, POLYGON = 1, 2, 3

LAYER_FIELDS = {15: VARINT, 1: BYTES, 2: BYTES, 3: BYTES, 4: BYTES, 5: VARINT}
FEATURE_FIELDS = {1: VARINT, 2: BYTES, 3: VARINT, 4: BYTES}
VALUE_FIELDS = {1: BYTES, 2: FIXED32, 3: FIXED64, 4: VARINT, 5: VARINT, 6: VARINT, 7: VARINT}


class Broken(Exception):
    """Bytes that are no protobuf."""


@dataclass
class Found:
    """Problems, with the place that is being looked at."""

    said: list[str] = field(default_factory=list)
    place: str = "tile"

    def unless(self, holds: bool, rule: str) -> bool:
        if not holds:
            self.said.append(f"{self.place}: {rule}")
        return holds


def problems(tile: bytes) -> list[str]:
    """What MVT 2.1 forbids, or calls invalid, in a tile."""
    found = Found()
    names: list[bytes] = []
    try:
        for number, wire, value in fields(tile):
            if found.unless(number == 3 and wire == BYTES, f"field {number} of wire type {wire}; a tile has layers"):
                assert isinstance(value, bytes)
                found.place = f"layer {len(names)}"
                names.append(layer(value, found))
                found.place = "tile"
    except Broken as error:
        found.said.append(f"{found.place}: {error}")
    found.unless(len(set(names)) == len(names), "two layers have one name (4.1)")
    return found.said


def layer(data: bytes, found: Found) -> bytes:
    """Checks a layer; returns its name."""
    whole: dict[int, list[int | bytes]] = {number: [] for number in LAYER_FIELDS}
    for number, wire, value in fields(data):
        if found.unless(LAYER_FIELDS.get(number) == wire, f"field {number} of wire type {wire} in a layer"):
            whole[number].append(value)
    found.unless(whole[15] == [2], f"version is {whole[15]}; 2.1 writes version 2, once (4.1)")
    found.unless(len(whole[1]) == 1 and whole[1] != [b""], "a layer has one name (4.1)")
    found.unless(len(whole[5]) == 1 and 0 < whole[5][0] < 1 << 32, "a layer has one extent, a uint32 (4.1)")  # type: ignore[operator]
    found.unless(len(whole[2]) > 0, "a layer should have a feature (4.1)")
    keys, values = whole[3], whole[4]
    found.unless(len(set(keys)) == len(keys), "a key is there twice")
    for key in [*whole[1], *keys]:
        found.unless(is_text(key), f"{key!r} is no UTF-8")
    for position, message in enumerate(values):
        found.place = f"value {position}"
        assert isinstance(message, bytes)
        check_value(message, found)
    ids: list[int] = []
    for position, message in enumerate(whole[2]):
        found.place = f"layer {whole[1]} feature {position}"
        assert isinstance(message, bytes)
        ids += feature(message, len(keys), len(values), found)
    found.place = f"layer {whole[1]}"
    found.unless(len(set(ids)) == len(ids), "two features have one id (4.2)")
    name = whole[1][0] if whole[1] else b""
    assert isinstance(name, bytes)
    return name


def check_value(data: bytes, found: Found) -> None:
    said = list(fields(data))
    if found.unless(len(said) == 1, f"a value has exactly one field, not {len(said)} (4.1)"):
        number, wire, value = said[0]
        found.unless(VALUE_FIELDS.get(number) == wire, f"field {number} of wire type {wire} in a value")
        if number == 1:
            found.unless(is_text(value), "a text is no UTF-8")
        if number == 7:
            found.unless(value in (0, 1), f"a boolean is {value!r}")
        if number in (2, 3) and isinstance(value, bytes):
            (real,) = struct.unpack("<f" if number == 2 else "<d", value)
            found.unless(real == real, "a number is not a number")


def feature(data: bytes, keys: int, values: int, found: Found) -> list[int]:
    """Checks a feature; returns its id, if it has one."""
    whole: dict[int, list[int | bytes]] = {number: [] for number in FEATURE_FIELDS}
    for number, wire, value in fields(data):
        if found.unless(FEATURE_FIELDS.get(number) == wire, f"field {number} of wire type {wire} in a feature"):
            whole[number].append(value)
    for number, name in ((1, "id"), (2, "tags"), (3, "type"), (4, "geometry")):
        found.unless(len(whole[number]) <= 1, f"{name} is there twice")
    tags = [tag for part in whole[2] for tag in packed(part)]
    if found.unless(len(tags) % 2 == 0, "tags come in pairs (4.4)"):
        found.unless(all(key < keys for key in tags[::2]), "a tag names a key that the layer does not have (4.4)")
        found.unless(all(value < values for value in tags[1::2]), "a tag names a value that is not there (4.4)")
        found.unless(len(set(tags[::2])) == len(tags) // 2, "a key is there twice in a feature (4.4)")
    if found.unless(len(whole[4]) == 1, "a feature has a geometry (4.2)"):
        kind = whole[3][0] if whole[3] else 0
        if found.unless(kind in (POINT, LINE, POLYGON), f"geometry type is {kind} (4.3.4)"):
            assert isinstance(kind, int)
            commands = packed(whole[4][0])
            GEOMETRY[kind](list(parsed(commands, found)), found)
    return [value for value in whole[1] if isinstance(value, int)]


Command = tuple[int, list[tuple[int, int]]]
"""Its number, and where the cursor is after each repetition."""


def parsed(numbers: list[int], found: Found) -> Iterator[Command]:
    """Commands with places (4.3.1, 4.3.2, 4.3.3)."""
    at = x = y = 0
    while at < len(numbers):
        command, count = numbers[at] & 7, numbers[at] >> 3
        at += 1
        if not found.unless(command in (MOVE_TO, LINE_TO, CLOSE_PATH), f"command {command} (4.3.3)"):
            return
        if not found.unless(count > 0, "a command that is repeated 0 times (4.3.3)"):
            return
        places = []
        if command == CLOSE_PATH:
            found.unless(count == 1, f"ClosePath has count {count}; it must be 1 (4.3.3.3)")
        else:
            if not found.unless(at + 2 * count <= len(numbers), "parameters are missing (4.3.2)"):
                return
            for _ in range(count):
                step_x, step_y = ((n >> 1) ^ -(n & 1) for n in numbers[at : at + 2])
                found.unless(abs(step_x) < 1 << 31 and abs(step_y) < 1 << 31, "a parameter beyond 2**31 (4.3.2)")
                if command == LINE_TO:
                    found.unless((step_x, step_y) != (0, 0), "LineTo goes nowhere (4.3.3.2)")
                x, y, at = x + step_x, y + step_y, at + 2
                places.append((x, y))
        yield command, places


def point(commands: list[Command], found: Found) -> None:
    found.unless([command for command, _ in commands] == [MOVE_TO], "a point is one MoveTo (4.3.4.2)")


def line(commands: list[Command], found: Found) -> None:
    order = [command for command, _ in commands]
    found.unless(
        order == [MOVE_TO, LINE_TO] * (len(order) // 2) and bool(order),
        f"a line is MoveTo, LineTo, … not {order} (4.3.4.3)",
    )
    moves = [places for command, places in commands if command == MOVE_TO]
    found.unless(all(len(places) == 1 for places in moves), "MoveTo of a line has count 1 (4.3.4.3)")


def polygon(commands: list[Command], found: Found) -> None:
    order = [command for command, _ in commands]
    if not found.unless(
        order == [MOVE_TO, LINE_TO, CLOSE_PATH] * (len(order) // 3) and bool(order),
        f"a polygon is MoveTo, LineTo, ClosePath, … not {order} (4.3.4.4)",
    ):
        return
    outer: BaseGeometry = Polygon()
    for number in range(0, len(commands), 3):
        begin, rest = commands[number][1], commands[number + 1][1]
        found.unless(len(begin) == 1, "MoveTo of a ring has count 1 (4.3.4.4)")
        if not found.unless(len(rest) > 1, "LineTo of a ring has a count above 1 (4.3.4.4)"):
            continue
        found.unless(rest[-1] != begin[0], "a ring repeats its first place before ClosePath (4.3.3.3)")
        area = surveyed([*begin, *rest])
        found.unless(area != 0, "a ring has no area (4.3.4.4)")
        if number == 0:
            found.unless(area > 0, "the first ring is an outer one, of positive area (4.3.4.4)")
        ring = make_valid(Polygon([*begin, *rest]))
        if area > 0:
            outer = ring
        elif number > 0:
            found.unless(outer.buffer(1).covers(ring), "an inner ring is not inside its outer one (4.3.4.4)")


def surveyed(ring: list[tuple[int, int]]) -> float:
    """The surveyor's formula in tile units, y downwards: above 0 for an outer ring."""
    return sum(a[0] * b[1] - b[0] * a[1] for a, b in zip(ring, [*ring[1:], ring[0]], strict=True)) / 2


GEOMETRY: dict[int, Callable[[list[Command], Found], None]] = {POINT: point, LINE: line, POLYGON: polygon}


# --- protobuf -----------------------------------------------------------------------------------------------------


def fields(data: bytes) -> Iterator[tuple[int, int, int | bytes]]:
    """Number, wire type and value of each field."""
    at = 0
    while at < len(data):
        key, at = varint(data, at)
        number, wire = key >> 3, key & 7
        if wire == VARINT:
            value, at = varint(data, at)
            yield number, wire, value
            continue
        if wire == BYTES:
            size, at = varint(data, at)
        elif wire in (FIXED64, FIXED32):
            size = 8 if wire == FIXED64 else 4
        else:
            raise Broken(f"wire type {wire}")
        if at + size > len(data):
            raise Broken("a field ends behind its message")
        yield number, wire, data[at : at + size]
        at += size


def varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if at >= len(data) or shift > 63:
            raise Broken("a number without an end")
        byte = data[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at


def packed(data: int | bytes) -> list[int]:
    assert isinstance(data, bytes)
    numbers, at = [], 0
    while at < len(data):
        number, at = varint(data, at)
        numbers.append(number)
    return numbers


def is_text(data: int | bytes) -> bool:
    assert isinstance(data, bytes)
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True
