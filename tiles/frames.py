"""Layers as GeoDataFrames: what the tiles of `grid` say of each feature, for every row or for some."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import geopandas
import numpy as np
import shapely
from numpy.typing import NDArray

from tiles.layers import LAYER_NAMES
from tiles.source import UnknownLayer
from twin import phases
from twin.components import (
    AC_LINE_SEGMENT,
    BRANCH_COMPONENTS,
    CONNECTIVITY_NODE,
    ENERGY_CONSUMER,
    LINE,
    POWER_TRANSFORMER,
    SUBSTATION,
    SWITCH_BRANCH,
    TRANSFORMER,
    USAGE_POINT,
    Table,
)
from twin.network import Network
from twin.state import Snapshot, supply

__all__ = ["FRAME_NAMES", "frame", "phase_codes", "points", "texts"]

FRAME_NAMES = (*LAYER_NAMES, "nodes")
"""The layers of `grid`, bottom one first, and the connectivity nodes."""

Rows = NDArray[np.int64]
Floats = NDArray[np.float64]
Masks = NDArray[np.uint8]
Columns = dict[str, Any]

_CODES = np.array([phases.mask_to_code(mask) or None for mask in range(16)], dtype=object)


def frame(
    network: Network, snapshot: Snapshot, layer: str, rows: NDArray[np.integer[Any]] | None = None
) -> geopandas.GeoDataFrame:
    """A layer in a state, EPSG:4326, one row a feature in the order given, all of them where `rows` is None.

    Columns: those of the layer's tiles, `mrid` and `name` at every zoom; a text, number or geometry that is not known
    is null, so what cannot be placed is there without a geometry. `id` is the row + 1. Raises UnknownLayer, IndexError
    for a row that the layer does not have, and ValueError for a snapshot of another network.
    """
    if layer not in _MAKERS:
        raise UnknownLayer(layer, FRAME_NAMES)
    if snapshot.network is not network:
        raise ValueError("the snapshot is of another network than the layer")
    make, count = _MAKERS[layer], feature_count(network, layer)
    chosen = np.arange(count) if rows is None else np.asarray(rows, dtype=np.int64)
    if len(chosen) and not 0 <= chosen.min() <= chosen.max() < count:
        wrong = chosen[(chosen < 0) | (chosen >= count)][0]
        raise IndexError(f"{layer} has no row {wrong}; it has {count} rows")
    columns, shapes = make(network, snapshot, chosen)
    return geopandas.GeoDataFrame({"id": chosen + 1, **columns}, geometry=shapes, crs="EPSG:4326")


def feature_count(network: Network, layer: str) -> int:
    """Rows of a layer, those that cannot be placed too."""
    return len(network.meters) if layer == "meters" else len(network.tables[layer])


# --- the layers ---------------------------------------------------------------------------------------------------


def _lines(network: Network, snapshot: Snapshot, rows: Rows) -> tuple[Columns, NDArray[Any]]:
    columns = {
        "class": AC_LINE_SEGMENT.name,
        **_branch(network, snapshot, LINE, rows),
        "length_m": network.lines["length_m"][rows],
        **_identity(network.lines, rows),
    }
    return columns, _linestrings(network, rows)


def _substations(network: Network, snapshot: Snapshot, rows: Rows) -> tuple[Columns, NDArray[Any]]:
    count, nodes = len(network.substations), np.flatnonzero(network.nodes["substation"] >= 0)
    inside = network.nodes["substation"][nodes]
    kv = np.full(count, np.nan)
    np.fmax.at(kv, inside, network.nodes["nominal_voltage_v"][nodes] / 1000)
    own, live = np.zeros(count, dtype=np.uint8), np.zeros(count, dtype=np.uint8)
    np.bitwise_or.at(own, inside, _node_phases(network)[nodes])
    np.bitwise_or.at(live, inside, snapshot.energized[nodes])
    feeder = network.node_feeder[network.consumers["node"]]
    behind = np.where(feeder < 0, -1, network.feeders["substation"][feeder] if len(network.feeders) else -1)
    customers = np.bincount(behind[behind >= 0], network.consumer_customers[behind >= 0], count).astype(np.int64)
    columns = {
        "class": SUBSTATION.name,
        "phases": phase_codes(own[rows]),
        "kv": kv[rows],
        "energized": _supply(own[rows], live[rows]),
        "customers": customers[rows],
        **_identity(network.substations, rows),
    }
    return columns, points(network.substation_lnglat[rows])


def _switches(network: Network, snapshot: Snapshot, rows: Rows) -> tuple[Columns, NDArray[Any]]:
    table = network.switches
    own = table["phases"][rows]
    columns = {
        "class": texts(table["kind"][rows]),
        **_branch(network, snapshot, SWITCH_BRANCH, rows),
        "open": (snapshot.state.open[rows] & own & phases.ABC) != 0,
        "normal_open": (table["normal_open"][rows] & own) != 0,
        **_identity(table, rows),
    }
    return columns, points(_branch_lnglat(network, table, rows))


def _transformers(network: Network, snapshot: Snapshot, rows: Rows) -> tuple[Columns, NDArray[Any]]:
    table = network.transformers
    columns = {
        "class": POWER_TRANSFORMER.name,
        **_branch(network, snapshot, TRANSFORMER, rows),
        "rated_kva": table["rated_power_va"][rows] / 1000,
        **_identity(table, rows),
    }
    return columns, points(_branch_lnglat(network, table, rows))


def _meters(network: Network, snapshot: Snapshot, rows: Rows) -> tuple[Columns, NDArray[Any]]:
    meters, consumers = network.meters, network.consumers
    consumer, usage_point = meters.consumer[rows], meters.usage_point[rows]
    node, own = consumers["node"][consumer], consumers["phases"][consumer]
    mrid, name = _identity(consumers, consumer).values()
    used = usage_point >= 0
    if used.any():
        identity = _identity(network.usage_points, usage_point[used])
        mrid[used], name[used] = identity["mrid"], identity["name"]
    columns = {
        "class": np.where(used, USAGE_POINT.name, ENERGY_CONSUMER.name).astype(object),
        "feeder": _feeders(network, network.node_feeder[node]),
        "phases": phase_codes(own),
        "kv": network.nodes["nominal_voltage_v"][node] / 1000,
        "energized": _supply(own, snapshot.energized[node]),
        "customers": meters.customers[rows],
        "mrid": mrid,
        "name": name,
    }
    return columns, points(network.node_lnglat[node])


def _nodes(network: Network, snapshot: Snapshot, rows: Rows) -> tuple[Columns, NDArray[Any]]:
    """`phases` are those of its branches; `customers` those of the consumers at it."""
    own = _node_phases(network)[rows]
    columns = {
        "class": CONNECTIVITY_NODE.name,
        "feeder": _feeders(network, network.node_feeder[rows]),
        "phases": phase_codes(own),
        "kv": network.nodes["nominal_voltage_v"][rows] / 1000,
        "energized": _supply(own, snapshot.energized[rows]),
        "customers": network.customer_prefix[rows + 1] - network.customer_prefix[rows],
        "busbar": network.nodes["busbar"][rows],
        **_identity(network.nodes, rows),
    }
    return columns, points(network.node_lnglat[rows])


_MAKERS: dict[str, Callable[[Network, Snapshot, Rows], tuple[Columns, NDArray[Any]]]] = {
    "lines": _lines,
    "substations": _substations,
    "switches": _switches,
    "transformers": _transformers,
    "meters": _meters,
    "nodes": _nodes,
}


# --- columns ------------------------------------------------------------------------------------------------------


def _branch(network: Network, snapshot: Snapshot, code: int, rows: Rows) -> Columns:
    """What lines, switches and transformers have in common."""
    branches = network.table_branches[code][rows]
    table = network.tables[BRANCH_COMPONENTS[code].table]
    volts, own = network.nodes["nominal_voltage_v"], table["phases"][rows]
    first, second = volts[table["node1"][rows]], volts[table["node2"][rows]]
    kv = np.fmax(first, second) if code == TRANSFORMER else np.where(np.isnan(first), second, first)
    return {
        "feeder": _feeders(network, network.branch_feeder[branches]),
        "phases": phase_codes(own),
        "kv": kv / 1000,
        "energized": _supply(own, snapshot.branches_energized(branches)),
        "customers": network.branch_customers[branches].astype(np.int64),
    }


def _supply(own: Masks, live: Masks) -> NDArray[np.int32]:
    """As int32: readers of one-byte numbers are rarer."""
    return supply(own, live).astype(np.int32)


def _identity(table: Table, rows: NDArray[np.integer[Any]]) -> dict[str, NDArray[Any]]:
    return {"mrid": texts(table["mrid"][rows]), "name": texts(table["name"][rows])}


def texts(column: NDArray[Any]) -> NDArray[Any]:
    """Python strings; None for an empty one."""
    plain = column.astype(object)
    plain[column == ""] = None
    return plain


def phase_codes(masks: Masks) -> NDArray[Any]:
    """CIM's text; None for no phase."""
    codes: NDArray[Any] = _CODES[masks]
    return codes


def _feeders(network: Network, rows: NDArray[np.int32]) -> NDArray[Any]:
    names: Sequence[str | None] = [
        name or mrid for name, mrid in zip(network.feeders["name"], network.feeders["mrid"], strict=True)
    ]
    return np.array([*names, None], dtype=object)[rows]


def _node_phases(network: Network) -> Masks:
    """uint8 (nodes,): phases of the branches at each node."""
    own, graph = np.zeros(len(network.nodes), dtype=np.uint8), network.graph
    np.bitwise_or.at(own, graph.branch_u, graph.branch_phases)
    np.bitwise_or.at(own, graph.branch_v, graph.branch_phases)
    return own


def _branch_lnglat(network: Network, table: Table, rows: Rows) -> Floats:
    """float64 (rows, 2): the place of terminal 1, else of terminal 2."""
    first, second = network.node_lnglat[table["node1"][rows]], network.node_lnglat[table["node2"][rows]]
    lnglat: Floats = np.where(np.isnan(first), second, first)
    return lnglat


# --- geometry -----------------------------------------------------------------------------------------------------


def points(lnglat: Floats) -> NDArray[Any]:
    """Shapes; None where not placed."""
    placed = np.asarray(shapely.points(lnglat), dtype=object)
    placed[np.isnan(lnglat).any(axis=1)] = None
    return placed


def _linestrings(network: Network, rows: Rows) -> NDArray[Any]:
    lines, placed = np.full(len(rows), None, dtype=object), network.line_geometry.placed[rows]
    chosen = network.line_geometry.take(rows[placed])  # shapely refuses lines that are all empty
    lines[placed] = shapely.from_ragged_array(shapely.GeometryType.LINESTRING, chosen.coordinates, (chosen.offsets,))
    return lines
