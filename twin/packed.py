"""A network as compressed columns, for stores that want it back quickly. What comes back is checked by its model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, cast

import numpy as np
from isal import isal_zlib
from numpy.typing import NDArray

from twin.components import COMPONENTS, TEXT, Component, Kind, Table, TableError
from twin.extras import EXTRA_KINDS, kind_of
from twin.geometry import LineStrings
from twin.network import Network, NetworkError
from twin.texts import Texts, joined

Key = tuple[str, str]
"""Table and column."""

LEVEL = 1
_BROKEN = cast("type[Exception]", isal_zlib.IsalError)  # its stub calls it an instance
_DTYPES = {"row": "<i4", "phases": "u1", "flag": "?", "count": "<i4", "real": "<f8"}
_EXTRA = "extra {} "
"""Put before the name of an extra column; its kind is in it."""
_OFFSETS, _COORDINATES = ("line_geometry", "offsets"), ("line_geometry", "coordinates")
_MRID_ORDER = ("mrids", "order")


def pack(network: Network) -> Iterator[tuple[Key, bytes]]:
    """Every column of a network, compressed."""
    for component in COMPONENTS:
        table = network.tables[component.table]
        for field in component.fields:
            yield (component.table, field.name), _packed(_bytes(field.kind, table[field.name]))
        for name, column in table.extras.items():
            kind = kind_of(column)
            yield (component.table, _EXTRA.format(kind) + name), _packed(_bytes(kind, column))
    yield _OFFSETS, _packed(network.line_geometry.offsets.astype("<i8").tobytes())
    yield _COORDINATES, _packed(network.line_geometry.coordinates.astype("<f8").tobytes())
    yield _MRID_ORDER, _packed(network.mrids.order.astype("<i4").tobytes())


def unpack(name: str, model: str, columns: Mapping[Key, bytes]) -> Network | None:
    """The network of that model; None where the columns are not it, whole and unchanged."""
    try:
        tables = {component.table: _table(component, columns) for component in COMPONENTS}
        offsets = np.frombuffer(isal_zlib.decompress(columns[_OFFSETS]), "<i8").astype(np.int64)
        coordinates = np.frombuffer(isal_zlib.decompress(columns[_COORDINATES]), "<f8").astype(np.float64)
        order = np.frombuffer(isal_zlib.decompress(columns[_MRID_ORDER]), "<i4") if _MRID_ORDER in columns else None
        network = Network.from_tables(name, tables, LineStrings(offsets, coordinates.reshape(-1, 2)), order)
    except (KeyError, ValueError, _BROKEN, TableError, NetworkError):
        return None
    return network if network.model == model else None


def _packed(data: bytes) -> bytes:
    return bytes(isal_zlib.compress(data, LEVEL))


def _bytes(kind: Kind, column: NDArray[Any]) -> bytes:
    if kind == "text":
        return bytes(joined(column))
    return column.astype(_DTYPES[kind]).tobytes()


def _table(component: Component, columns: Mapping[Key, bytes]) -> Table:
    own = {field.name: _column(field.kind, columns[component.table, field.name]) for field in component.fields}
    extras = {
        name.removeprefix(_EXTRA.format(kind)): _column(kind, packed)
        for (table, name), packed in columns.items()
        for kind in EXTRA_KINDS
        if table == component.table and name.startswith(_EXTRA.format(kind))
    }
    return Table(component, own, extras)


def _column(kind: Kind, packed: bytes) -> NDArray[Any] | Texts:
    data = isal_zlib.decompress(packed)
    if kind == "text":
        first = data[: data.find(b"\0") + 1]
        count = len(data) // max(len(first), 1)
        if count > 1 and data == first * count:
            return np.broadcast_to(np.array([first[:-1].decode()], dtype=TEXT), (count,))
        return Texts.parse(data)
    return np.frombuffer(data, _DTYPES[kind])
