"""A strict reader of Mapbox Vector Tile 2.1, written from the specification, that refuses whatever it forbids."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

POINT, LINE, POLYGON = 1, 2, 3
Value = str | bool | int | float
Part = list[tuple[int, int]]


@dataclass(frozen=True)
class Feature:
    """Parts are points, lines or rings, in tile units, y downwards; a ring does not repeat its first vertex."""

    id: int
    kind: int
    properties: dict[str, Value]
    parts: list[Part]


@dataclass(frozen=True)
class Layer:
    name: str
    extent: int
    features: list[Feature]


def read(data: bytes) -> dict[str, Layer]:
    """All layers by name; AssertionError for anything that MVT 2.1 does not allow."""
    layers: dict[str, Layer] = {}
    for number, value in _fields(data):
        assert number == 3, f"field {number} in a tile"
        assert isinstance(value, bytes)
        layer = _layer(value)
        assert layer.name not in layers, f"two layers {layer.name}"
        layers[layer.name] = layer
    return layers


def ids(data: bytes) -> dict[str, list[int]]:
    """Feature ids by layer."""
    return {name: [feature.id for feature in layer.features] for name, layer in read(data).items()}


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
        shift += 7


def _fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        number, wire = key >> 3, key & 7
        if wire == 0:
            value, at = _varint(data, at)
            yield number, value
            continue
        if wire == 2:
            size, at = _varint(data, at)
        else:
            assert wire in (1, 5), f"wire type {wire}"
            size = 8 if wire == 1 else 4
        assert at + size <= len(data), "a field that ends behind its message"
        yield number, data[at : at + size]
        at += size


def _packed(data: int | bytes) -> list[int]:
    assert isinstance(data, bytes)
    values, at = [], 0
    while at < len(data):
        value, at = _varint(data, at)
        values.append(value)
    return values


def _layer(data: bytes) -> Layer:
    name, version, extent = None, None, 4096
    keys: list[str] = []
    values: list[Value] = []
    features: list[bytes] = []
    for number, value in _fields(data):
        if number == 15:
            version = value
        elif number == 5:
            assert isinstance(value, int)
            extent = value
        else:
            assert isinstance(value, bytes)
            if number == 1:
                assert name is None
                name = value.decode()
            elif number == 2:
                features.append(value)
            elif number == 3:
                keys.append(value.decode())
            elif number == 4:
                values.append(_value(value))
            else:
                raise AssertionError(f"field {number} in a layer")
    assert version == 2, "version"
    assert name, "name"
    assert features, "a layer without features"
    assert len(set(keys)) == len(keys), "a key twice"
    layer = Layer(name, extent, [_feature(feature, keys, values) for feature in features])
    found = [feature.id for feature in layer.features]
    assert len(set(found)) == len(found), "an id twice"
    return layer


def _value(data: bytes) -> Value:
    fields = list(_fields(data))
    assert len(fields) == 1, "a value sets exactly one field"
    number, value = fields[0]
    if number == 1:
        assert isinstance(value, bytes)
        return value.decode()
    if number == 3:
        assert isinstance(value, bytes)
        return float(struct.unpack("<d", value)[0])
    assert isinstance(value, int)
    if number == 5:
        return value
    if number == 6:
        return (value >> 1) ^ -(value & 1)
    assert number == 7, f"field {number} in a value"
    assert value in (0, 1)
    return bool(value)


def _feature(data: bytes, keys: list[str], values: list[Value]) -> Feature:
    fields = dict(_fields(data))
    assert len(fields) == len(list(_fields(data))), "a field of a feature twice"
    assert set(fields) <= {1, 2, 3, 4}
    identity, kind = fields[1], fields[3]
    assert isinstance(identity, int)
    assert isinstance(kind, int)
    assert 0 < identity < 2**53
    tags = _packed(fields.get(2, b""))
    assert len(tags) % 2 == 0, "tags come in pairs"
    properties = {keys[key]: values[value] for key, value in zip(tags[::2], tags[1::2], strict=True)}
    assert len(properties) == len(tags) // 2, "a key twice in a feature"
    return Feature(identity, kind, properties, _parts(_packed(fields[4]), kind))


def _parts(commands: list[int], kind: int) -> list[Part]:
    parts: list[Part] = []
    x = y = at = 0
    previous = 7 if kind == POLYGON else 0

    def step() -> tuple[int, int]:
        nonlocal x, y, at
        x += (commands[at] >> 1) ^ -(commands[at] & 1)
        y += (commands[at + 1] >> 1) ^ -(commands[at + 1] & 1)
        at += 2
        return x, y

    while at < len(commands):
        command, count = commands[at] & 7, commands[at] >> 3
        at += 1
        assert count > 0
        if command == 1:
            assert kind == POINT or count == 1
            assert kind != POLYGON or previous == 7
            assert kind != LINE or previous in (0, 2)
            parts += [[step()] for _ in range(count)]
        elif command == 2:
            assert kind != POINT
            assert previous == 1
            for _ in range(count):
                before = (x, y)
                parts[-1].append(step())
                assert parts[-1][-1] != before, "LineTo of no length"
        else:
            assert command == 7, f"command {command}"
            assert count == 1
            assert kind == POLYGON
            assert previous == 2
            assert len(parts[-1]) >= 3
        previous = command
    assert parts, "no geometry"
    if kind == POLYGON:
        assert previous == 7
        for ring in parts:
            assert area(ring) > 0, "an outer ring is clockwise on screen"
    if kind == LINE:
        assert previous == 2
        assert all(len(part) > 1 for part in parts)
    return parts


def area(ring: Part) -> float:
    """Surveyor's formula, y downwards: above 0 for clockwise on screen."""
    return sum(a[0] * b[1] - b[0] * a[1] for a, b in zip(ring, ring[1:] + ring[:1], strict=True)) / 2
