"""Mapbox Vector Tile 2.1, written straight from arrays."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tiles import _kernels_encode
from tiles._kernels import BUFFER, EXTENT
from tiles._kernels_encode import ABSENT, DOUBLE, OTHER_TEXT, SHARED_UINT, SINT, TEXT
from topology.jit import exercise
from twin.texts import Texts

__all__ = [
    "ABSENT",
    "BUFFER",
    "DOUBLE",
    "EXTENT",
    "LINE",
    "NO_TEXTS",
    "OTHER_TEXT",
    "POINT",
    "POLYGON",
    "SHARED_UINT",
    "SINT",
    "TEXT",
    "Columns",
    "Geometry",
    "Tags",
    "Value",
    "ValuePool",
    "doubles",
    "encode_layer",
    "one_of_each",
]

POINT, LINE, POLYGON = 1, 2, 3

Value = str | bool | int | float
"""What an attribute may be; a feature that lacks it has no tag."""

NO_TEXTS = Texts.of([])

Bytes = NDArray[np.uint8]
Longs = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Geometry:
    """MVT geometry of n features: their bytes, and int64 (n + 1,) offsets."""

    data: Bytes
    ptr: Longs

    def __len__(self) -> int:
        return len(self.ptr) - 1


@dataclass(frozen=True, slots=True, eq=False)
class ValuePool:
    """Values as they stand in a layer message, by number: their bytes, and int64 (values + 1,) offsets."""

    data: Bytes
    ptr: Longs

    @classmethod
    def of(cls, values: Sequence[Value]) -> ValuePool:
        """Encodes each value: bool, whole number (signed only where negative), float64 or text."""
        parts = [_value_message(value) for value in values]
        return cls(*_joined(parts))

    def __len__(self) -> int:
        return len(self.ptr) - 1


@dataclass(frozen=True, slots=True, eq=False)
class Tags:
    """Attributes that features have in common, dictionary-encoded.

    keys: names, at most 127. pool: the values they take. combinations: int32 (combinations, keys), a value number a
    key or -1. states: int32 (states, keys), the same for the keys that change with the state of the network.
    """

    keys: tuple[str, ...]
    pool: ValuePool
    combinations: NDArray[np.int32]
    states: NDArray[np.int32]


@dataclass(frozen=True, slots=True, eq=False)
class Columns:
    """Attributes of n features that hardly any two share.

    names: (m,). kinds: (m,) of SHARED_UINT (whole numbers that repeat), SINT, DOUBLE (see `doubles`), TEXT (a row of
    `texts`) and OTHER_TEXT (of `others`). values: int64 (n, m), ABSENT where a feature lacks one.
    """

    names: tuple[str, ...]
    kinds: tuple[int, ...]
    values: Longs
    texts: Texts = field(default_factory=lambda: NO_TEXTS)
    others: Texts = field(default_factory=lambda: NO_TEXTS)


def doubles(values: NDArray[np.floating[Any]]) -> Longs:
    """Floats as a column of kind DOUBLE; not-a-number becomes ABSENT."""
    bits = (np.asarray(values, dtype=np.float64) + 0.0).view(np.int64)
    return np.where(np.isnan(values), ABSENT, bits)


def encode_layer(
    name: str,
    kind: int,
    ids: Longs,
    geometry: Geometry,
    tags: Tags,
    combination: Longs,
    states: Longs,
    columns: Columns,
    *,
    shapes: Longs | None = None,
    repeat_id: bool = True,
) -> bytes:
    """One layer of a tile, as the tile message holds it; nothing for no features.

    kind: POINT, LINE or POLYGON. ids: int64 (n,), above 0. combination, states: int64 (n,), rows of `tags`. shapes:
    int64 (n,), which of the geometries each feature has (the first n where None). repeat_id: also as the attribute
    `id`.
    """
    if shapes is None:
        shapes = np.arange(len(ids), dtype=np.int64)
    if len(ids) == 0:
        return b""
    frame = _frame(name, (*tags.keys, *columns.names, *(("id",) if repeat_id else ())))
    column_keys = np.arange(len(tags.keys), len(tags.keys) + len(columns.names), dtype=np.int64)
    runs, run_tags, run_ptr, shared = _kernels_encode.share_tags(
        combination, tags.combinations, states, tags.states, len(tags.pool)
    )
    features, values = _kernels_encode.encode_features(
        kind,
        len(tags.keys) + len(columns.names) if repeat_id else -1,
        ids,
        shapes,
        geometry.data,
        geometry.ptr,
        runs,
        run_tags,
        run_ptr,
        shared,
        tags.pool.data,
        tags.pool.ptr,
        columns.values,
        np.array(columns.kinds, dtype=np.int64),
        column_keys,
        columns.texts.data,
        columns.texts.ptr,
        columns.others.data,
        columns.others.ptr,
    )
    size = len(frame.head) + len(features) + len(frame.foot) + len(values)
    return b"".join([b"\x1a", _varint(size), frame.head, features.data, frame.foot, values.data])


class _Frame(NamedTuple):
    """What stands before the features of a layer, and between them and the values."""

    head: bytes
    foot: bytes


@lru_cache(maxsize=256)
def _frame(name: str, keys: tuple[str, ...]) -> _Frame:
    """Name, version and extent; keys."""
    head = _text_field(0x0A, name.encode()) + b"\x78\x02\x28" + _varint(EXTENT)
    return _Frame(head, b"".join(_text_field(0x1A, key.encode()) for key in keys))


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append((value & 127) | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def _text_field(tag: int, text: bytes) -> bytes:
    return bytes([tag]) + _varint(len(text)) + text


def _value_message(value: Value) -> bytes:
    if isinstance(value, bool):
        body = b"\x38" + _varint(value)
    elif isinstance(value, int):
        body = b"\x28" + _varint(value) if value >= 0 else b"\x30" + _varint(-2 * value - 1)
    elif isinstance(value, float):
        body = b"\x19" + struct.pack("<d", value)
    else:
        body = _text_field(0x0A, value.encode())
    return _text_field(0x22, body)


def _joined(parts: Sequence[bytes]) -> tuple[Bytes, Longs]:
    ptr = np.concatenate([[0], np.cumsum([len(part) for part in parts])]).astype(np.int64)
    return np.frombuffer(b"".join(parts), dtype=np.uint8).copy(), ptr


def one_of_each(values: Mapping[str, Value]) -> Tags:
    """Tags of a single combination and a single state: the same attributes for every feature."""
    pool = ValuePool.of(list(values.values()))
    states = np.full((1, len(values)), -1, dtype=np.int32)
    return Tags(tuple(values), pool, np.arange(len(values), dtype=np.int32)[None, :], states)


@exercise
def _encode_one() -> None:
    geometry = Geometry(np.array([9, 0, 0], dtype=np.uint8), np.array([0, 3], dtype=np.int64))
    nothing = np.zeros(1, dtype=np.int64)
    columns = Columns(("a",), (SHARED_UINT,), np.zeros((1, 1), dtype=np.int64))
    encode_layer("warm", POINT, nothing + 1, geometry, one_of_each({"b": "c"}), nothing, nothing, columns)
