"""Layers for files: what maps show of each element, and every column of its table, so that the file loads again."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import geopandas
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tiles.frames import FRAME_NAMES, frame, phase_codes, points, texts
from tiles.source import UnknownLayer
from twin.components import COMPONENTS, Component, Field
from twin.extras import kind_of
from twin.layer_columns import OPEN, column_of, extra_to_column
from twin.network import REFERENCES, Network
from twin.state import Snapshot

__all__ = ["EXPORT_NAMES", "numbers_apart", "table_frame"]

EXPORT_NAMES = (*FRAME_NAMES, "sources", "consumers", "usage_points", "feeders")
"""The layers of maps, bottom one first, the nodes, and the tables that maps show as something else."""

_COMPONENTS = {component.table: component for component in COMPONENTS}


def table_frame(
    network: Network, snapshot: Snapshot, layer: str, apart: Collection[str] = ()
) -> geopandas.GeoDataFrame:
    """A layer in a state, EPSG:4326, one row a feature; what is not known is null.

    Columns: those of `tiles.frames.frame` without the id, those of the layer's table, then its extras. apart: extras
    whose numbers need a column of their own. Raises UnknownLayer.
    """
    if layer not in EXPORT_NAMES:
        raise UnknownLayer(layer, EXPORT_NAMES)
    if layer in FRAME_NAMES:
        shown = frame(network, snapshot, layer).drop(columns="id")
    else:
        shown = _shown(network, _COMPONENTS[layer])
    if layer not in _COMPONENTS:
        return shown
    more = _columns(network, _COMPONENTS[layer], apart)
    if layer == "switches":
        more[OPEN] = phase_codes(snapshot.state.open & network.switches["phases"])
    return shown.assign(**{name: column for name, column in more.items() if name not in shown})


def numbers_apart(network: Network) -> frozenset[str]:
    """Extras that are text in one table of the network and numbers in another."""
    kinds: dict[str, set[str]] = {}
    for table in network.tables.values():
        for name, column in table.extras.items():
            kinds.setdefault(name, set()).add(kind_of(column))
    return frozenset(name for name, found in kinds.items() if len(found) > 1)


def _shown(network: Network, component: Component) -> geopandas.GeoDataFrame:
    """Tables that maps do not show as such, at their nodes."""
    table = network.tables[component.table]
    if component.table == "usage_points":
        nodes = network.consumers["node"][table["consumer"]]
    else:
        nodes = table["head_node" if component.table == "feeders" else "node"]
    named = {"class": np.full(len(table), component.name, dtype=object)}
    named |= {name: texts(table[name]) for name in ("mrid", "name")}
    return geopandas.GeoDataFrame(named, geometry=points(network.node_lnglat[nodes]), crs="EPSG:4326")


def _columns(network: Network, component: Component, apart: Collection[str]) -> dict[str, Any]:
    table, columns = network.tables[component.table], {}
    for field in component.fields:
        name = column_of(component, field)
        if name:
            columns[name] = _column(network, field, table[field.name])
    for name, column in table.extras.items():
        number = kind_of(column) == "real"
        columns[extra_to_column(name, number and name in apart)] = column if number else texts(column)
    return columns


def _column(network: Network, field: Field, column: NDArray[Any]) -> Any:
    """Rows of other tables as mrids, phases as CIM has them."""
    if field.kind == "row":
        mrids = texts(network.tables[REFERENCES[field.name]]["mrid"])
        return np.append(mrids, np.array([None], dtype=object))[column]
    if field.kind == "phases":
        return phase_codes(column)
    if field.kind == "text":
        return texts(column)
    if field.kind == "count":
        counts = pd.array(column, dtype="Int32")
        counts[column < 0] = pd.NA
        return counts
    return column
