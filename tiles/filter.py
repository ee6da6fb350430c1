"""Filters of tiles and items: which rows of each layer a condition in CQL2 keeps, in a state."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Collection, Hashable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tiles.attributes import LAYER_NAMES
from tiles.columns import LIVE, LayerColumns, LiveColumns, properties_of
from tiles.cql2 import FilterError, Kind, Node, parse_json, parse_text
from tiles.cql2_values import Truth, combined, evaluate
from twin import phases as phase_codes
from twin.network import Network
from twin.state import Snapshot

__all__ = ["LANGUAGES", "Filter", "FilterError", "FilterMasks", "read_filter", "tile_filter"]

Flags = NDArray[np.bool_]

LANGUAGES: Mapping[str, Callable[[str, Mapping[str, Kind]], Node]] = {
    "cql2-text": parse_text,
    "cql2-json": parse_json,
}
"""How a filter may be written, the default first."""

MASK_BYTES = 64 << 20
"""Memory for masks that were made."""


@dataclass(frozen=True, slots=True)
class Filter:
    """A condition. text: as it was given. node: as it is understood."""

    text: str
    node: Node

    @property
    def key(self) -> str:
        """The same for filters that mean the same in the same order, however they are spaced."""
        return self.node.key


def read_filter(text: str, properties: Mapping[str, Kind], language: str = "cql2-text") -> Filter:
    """A filter that speaks of these properties; raises FilterError."""
    return Filter(text, LANGUAGES[language](text, properties))


def tile_filter(text: str, layers: tuple[str, ...] | None = None) -> Filter:
    """A filter of tiles of `grid` with some layers; raises FilterError.

    What one of these layers has, all of them are asked for: where a layer lacks it, it is not known there.
    """
    return read_filter(text, properties_of(layers))


class FilterMasks:
    """Which rows the filters used last keep, for one network. Any number of threads may ask; one at a time makes."""

    def __init__(self, network: Network, max_bytes: int = MASK_BYTES) -> None:
        self.network, self.max_bytes = network, max_bytes
        self.size = 0
        """Bytes in use."""
        self._columns: dict[str, LayerColumns] = {}
        self._kept: OrderedDict[Hashable, tuple[Any, int, Snapshot | None]] = OrderedDict()
        self._lock = threading.RLock()

    def keep(
        self,
        condition: Filter,
        snapshot: Snapshot,
        layers: Collection[str] | None = None,
        phases: int = phase_codes.ABC,
    ) -> dict[str, Flags]:
        """By layer, bool (rows,): what may be shown of some layers, of all where None."""
        return {layer: self.mask(condition, snapshot, layer, phases) for layer in layers or LAYER_NAMES}

    def mask(self, condition: Filter, snapshot: Snapshot, layer: str, phases: int = phase_codes.ABC) -> Flags:
        """bool (rows,): the rows of a layer of which the condition is surely true in a state."""
        if snapshot.network is not self.network:
            raise ValueError("the snapshot is of another network than the masks")
        phases &= phase_codes.ABC
        with self._lock:
            columns = self.columns(layer)
            if not condition.node.properties() & LIVE:
                return self._static(condition.node, columns).yes
            key = (condition.key, layer, phases, id(snapshot))

            def made() -> Flags:
                return self._truth(condition.node, LiveColumns(columns, snapshot, phases), columns).yes

            mask: Flags = self._get(key, made, snapshot)
            return mask

    def _truth(self, node: Node, live: LiveColumns, columns: LayerColumns) -> Truth:
        """Parts that no state changes are made once and for all."""
        if not node.properties() & LIVE:
            return self._static(node, columns)
        if node.op in ("and", "or", "not"):
            return combined(node.op, [self._truth(arg, live, columns) for arg in node.args])
        return evaluate(node, live)

    def _static(self, node: Node, columns: LayerColumns) -> Truth:
        truth: Truth = self._get((node.key, columns.layer), lambda: evaluate(node, LiveColumns(columns, None)), None)
        return truth

    def columns(self, layer: str) -> LayerColumns:
        """The columns of a layer that never change, made when first asked for."""
        with self._lock:
            if layer not in self._columns:
                self._columns[layer] = LayerColumns(self.network, layer)
            return self._columns[layer]

    def _get(self, key: Hashable, make: Callable[[], Any], snapshot: Snapshot | None) -> Any:
        """A snapshot is held as long as its mask, so that its identity stays its own."""
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key][0]
        made = make()
        size = made.yes.nbytes + made.no.nbytes if isinstance(made, Truth) else made.nbytes
        self._kept[key] = made, size, snapshot
        self.size += size
        while self.size > self.max_bytes and len(self._kept) > 1:
            _, (_, dropped, _) = self._kept.popitem(last=False)
            self.size -= dropped
        return made
