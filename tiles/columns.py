"""The attributes of a layer as whole columns, by row, in one state: what a filter is asked about."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from tiles.attributes import FIELDS, LAYER_NAMES, LayerRows, layer_rows
from tiles.cql2 import Kind
from tiles.cql2_values import Column, Places
from tiles.live import Supply
from twin import phases
from twin.components import TEXT
from twin.geometry import LineStrings
from twin.narrow import narrow
from twin.network import Network
from twin.state import Snapshot

__all__ = ["LIVE", "PROPERTIES", "LayerColumns", "LiveColumns", "properties_of"]

LIVE = frozenset({"energized", "open"})
"""Attributes that change with the state."""

_KINDS: dict[str, Kind] = {"String": "text", "Number": "number", "Boolean": "flag"}
PROPERTIES: Mapping[str, Mapping[str, Kind]] = {
    layer: {
        **{name: _KINDS[what.partition(":")[0]] for name, what in fields.items()},
        "geometry": "geometry",
    }
    for layer, fields in FIELDS.items()
}
"""By layer: what a filter may speak of."""


_DTYPES: dict[Kind, Any] = {"text": TEXT, "number": np.float64, "flag": np.bool_}


def properties_of(layers: tuple[str, ...] | None) -> dict[str, Kind]:
    """The properties of some layers, of all where None."""
    return {name: kind for layer in layers or LAYER_NAMES for name, kind in PROPERTIES[layer].items()}


class LayerColumns:
    """The columns of one layer that never change, each made when first asked for."""

    def __init__(self, network: Network, layer: str) -> None:
        rows = layer_rows(network, layer)
        static = {name: (narrow(codes), values) for name, (codes, values) in rows.static.items()}
        self._rows: LayerRows = replace(rows, static=static)
        self._columns: dict[str, Column] = {}
        self.layer = layer

    def __len__(self) -> int:
        return len(self._rows)

    def column(self, name: str) -> Column | None:
        """A column that never changes; None for a property that the layer does not have."""
        if name in self._columns:
            return self._columns[name]
        made = self._made(name)
        if made is not None:
            self._columns[name] = made
        return made

    def _made(self, name: str) -> Column | None:
        rows = self._rows
        if name in rows.static:
            codes, values = rows.static[name]
            kind = PROPERTIES[self.layer][name]
            return Column(np.array(values, dtype=_DTYPES[kind]), codes=codes)
        if name == "id":
            return Column(np.arange(1, len(rows) + 1))
        if name == "customers":
            return Column(rows.customers.astype(np.int64))
        if name == "length_m" and rows.length_m is not None:
            return Column(rows.length_m, np.isnan(rows.length_m))
        if name in ("mrid", "name"):
            texts = rows.identity.texts(name, np.arange(len(rows)))
            return Column(texts, texts == "")
        return None

    @cached_property
    def supply(self) -> Supply:
        """The live part of every row."""
        return self._rows.supply(np.arange(len(self), dtype=np.int32))

    @property
    def place(self) -> LineStrings | NDArray[np.float64]:
        """By row, a line, or lng and lat, not a number where it has no place."""
        return self._rows.place

    @cached_property
    def places(self) -> Places:
        """The same, to be asked for boxes and shapes."""
        place = self._rows.place
        return _Lines(place) if isinstance(place, LineStrings) else _Points(place)


class LiveColumns:
    """All columns of a layer in one state, as far as some phases are concerned."""

    def __init__(self, columns: LayerColumns, snapshot: Snapshot | None, mask: int = phases.ABC) -> None:
        """Without a snapshot it knows only what never changes."""
        self._columns, self._snapshot, self._mask = columns, snapshot, mask

    def __len__(self) -> int:
        return len(self._columns)

    def column(self, name: str) -> Column | None:
        """A property; None where the layer does not have it."""
        if name not in LIVE:
            return self._columns.column(name)
        if name == "energized":
            return Column(np.arange(3), codes=self._state % 3)
        if self._columns.supply.states == 3:
            return None
        return Column(np.array([False, True]), codes=self._state // 3)

    @cached_property
    def _state(self) -> NDArray[np.int64]:
        if self._snapshot is None:
            raise ValueError("a live column without a state")
        return self._columns.supply.state(np.arange(len(self)), self._snapshot, self._mask)

    def places(self) -> Places:
        """Where the rows are."""
        return self._columns.places


@dataclass(frozen=True, slots=True, eq=False)
class _Points:
    """lnglat: float64 (n, 2)."""

    lnglat: NDArray[np.float64]

    def bounds(self) -> NDArray[np.float64]:
        """A point is its own box."""
        missing = np.isnan(self.lnglat).any(axis=1)
        whole = np.hstack([self.lnglat, self.lnglat])
        whole[missing] = np.nan
        return whole

    def shapes(self, rows: NDArray[np.int64]) -> NDArray[Any]:
        """Points of some rows."""
        return np.asarray(shapely.points(self.lnglat[rows]))


@dataclass(frozen=True, slots=True, eq=False)
class _Lines:
    lines: LineStrings

    def bounds(self) -> NDArray[np.float64]:
        """The box of each line."""
        placed = np.flatnonzero(self.lines.placed)
        whole = np.full((len(self.lines), 4), np.nan)
        if len(placed):
            first = self.lines.offsets[placed]
            whole[placed, :2] = np.minimum.reduceat(self.lines.coordinates, first, axis=0)
            whole[placed, 2:] = np.maximum.reduceat(self.lines.coordinates, first, axis=0)
        return whole

    def shapes(self, rows: NDArray[np.int64]) -> NDArray[Any]:
        """Lines of some rows."""
        chosen = self.lines.take(rows)
        return np.asarray(
            shapely.from_ragged_array(shapely.GeometryType.LINESTRING, chosen.coordinates, (chosen.offsets,))
        )
