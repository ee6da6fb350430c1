"""The layers of the tileset `grid`: which elements, where, with which attributes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tiles import geometry
from tiles.index import LineIndex, PointIndex, TileBox
from tiles.live import BranchSupply, NodeSupply, Supply, SwitchSupply
from tiles.mvt import (
    ABSENT,
    DOUBLE,
    LINE,
    POINT,
    SHARED_UINT,
    TEXT,
    UUID,
    Columns,
    Geometry,
    Tags,
    TextPool,
    Value,
    ValuePool,
    doubles,
    encode_layer,
)
from twin import phases
from twin.components import (
    AC_LINE_SEGMENT,
    ENERGY_CONSUMER,
    POWER_TRANSFORMER,
    SUBSTATION,
    SWITCH_BRANCH,
    TRANSFORMER,
    USAGE_POINT,
    Table,
)
from twin.components import LINE as LINE_BRANCH
from twin.network import Network

__all__ = ["FIELDS", "LAYER_NAMES", "NAMES_ZOOM", "Layer", "Selection", "make_layers"]

NAMES_ZOOM = 14
"""`mrid` and `name` are in tiles from here on: they triple a tile."""

_EVERYWHERE = {
    "id": "Number: row of its class + 1, valid for one model only",
    "class": "String: CIM class",
    "feeder": "String: name of its feeder in the normal state",
    "phases": "String: CIM PhaseCode",
    "kv": "Number: nominal voltage in kV",
    "energized": "Number: 0 none, 1 some, 2 all of its own phases",
    "customers": "Number: who loses supply when it alone is taken out",
    "mrid": f"String: master resource id, from zoom {NAMES_ZOOM} on",
    "name": f"String: name for people, from zoom {NAMES_ZOOM} on",
}
FIELDS: dict[str, dict[str, str]] = {
    "lines": {**_EVERYWHERE, "length_m": "Number: length in m"},
    "substations": {**_EVERYWHERE, "customers": "Number: customers of its feeders"},
    "switches": {
        **_EVERYWHERE,
        "open": "Boolean: open now, on any phase",
        "normal_open": "Boolean: open in the normal state, on any phase",
    },
    "transformers": {**_EVERYWHERE, "rated_kva": "Number: rated apparent power in kVA"},
    "meters": {**_EVERYWHERE, "customers": "Number: customers behind it"},
}
"""By layer, bottom one first: attributes and what they mean, as TileJSON says it."""
LAYER_NAMES = tuple(FIELDS)

Ints = NDArray[np.int32]
Longs = NDArray[np.int64]
Floats = NDArray[np.float64]
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


@dataclass(frozen=True, slots=True, eq=False)
class Selection:
    """What a tile shows of a layer.

    entries: int64 (n,), of its index. shapes: int64 (n,), which geometry each has. geometry: None for points, which
    are cut when it is known that they stay.
    """

    entries: Longs
    shapes: Longs
    geometry: Geometry | None

    def take(self, which: Longs) -> Selection:
        """Some of them."""
        return Selection(self.entries[which], self.shapes[which], self.geometry)


@dataclass(frozen=True, slots=True, eq=False)
class Names:
    """mrid and name of every entry.

    mrid_kind: TEXT or UUID; that of entry i has number i. name: int32 (entries,), its number in `texts`, -1 for none.
    """

    mrid_kind: int
    name: Ints
    texts: TextPool


@dataclass(frozen=True, slots=True, eq=False)
class Layer:
    """One layer; every column is in the order of the index's entries.

    tags: what many features share. traced_tags: the same with `flow`, three states for one. combination: int32
    (entries,), row of the tags. customers: int32 (entries,). length_m: float64 (entries,), not a number where not
    known, or None. priority: uint8 (entries,), the higher, the sooner it is left out when zoomed out. supply: what
    changes.
    """

    name: str
    kind: int
    index: PointIndex | LineIndex
    tags: Tags
    traced_tags: Tags
    combination: Ints
    customers: Ints
    length_m: Floats | None
    priority: NDArray[np.uint8]
    supply: Supply
    names: Names

    def select(self, tile: TileBox) -> Selection:
        """What the tile and its buffer hold."""
        if isinstance(self.index, LineIndex):
            entries, made = geometry.cut_lines(self.index, tile)
            return Selection(entries, np.arange(len(entries), dtype=np.int64), made)
        entries = self.index.entries(tile)
        return Selection(entries, np.arange(len(entries), dtype=np.int64), None)

    def encode(
        self, selection: Selection, tile: TileBox, states: Longs, depth: Longs | None = None, flow: Longs | None = None
    ) -> bytes:
        """The selection as an MVT layer.

        states: (n,) from `supply`. depth, flow: (n,), of a trace.
        """
        entries, shapes, made = selection.entries, selection.shapes, selection.geometry
        if len(entries) == 0:
            return b""
        if made is None:
            assert isinstance(self.index, PointIndex)
            made, shapes = geometry.points_of(self.index, entries, tile), np.arange(len(entries), dtype=np.int64)
        tags = self.tags
        if flow is not None:
            tags, states = self.traced_tags, states * 3 + flow + 1
        return encode_layer(
            self.name,
            self.kind,
            self.index.row[entries].astype(np.int64) + 1,
            made,
            tags,
            self.combination[entries].astype(np.int64),
            states,
            self._columns(entries, tile.zoom, depth),
            shapes=shapes,
        )

    def _columns(self, entries: Longs, zoom: int, depth: Longs | None) -> Columns:
        names, kinds = ["customers"], [SHARED_UINT]
        values: list[Longs | Ints] = [self.customers[entries]]
        if self.length_m is not None:
            names.append("length_m")
            kinds.append(DOUBLE)
            values.append(doubles(self.length_m[entries]))
        if zoom >= NAMES_ZOOM:
            names += ["mrid", "name"]
            kinds += [self.names.mrid_kind, TEXT]
            name = self.names.name[entries].astype(np.int64)
            values += [entries, np.where(name < 0, ABSENT, name)]
        if depth is not None:
            names.append("depth")
            kinds.append(SHARED_UINT)
            values.append(depth)
        columns = np.empty((len(entries), len(names)), dtype=np.int64)
        for position, value in enumerate(values):
            columns[:, position] = value
        return Columns(tuple(names), tuple(kinds), columns, self.names.texts)


def make_layers(network: Network) -> tuple[Layer, ...]:
    """All layers of `grid`, bottom one first."""
    return (
        _lines(network),
        _substations(network),
        _switches(network),
        _transformers(network),
        _meters(network),
    )


# --- the five layers ----------------------------------------------------------------------------------------------


def _lines(network: Network) -> Layer:
    table, branches = network.lines, network.table_branches[LINE_BRANCH]
    index = LineIndex.of(network.line_geometry)
    kv = _branch_kv(network, table)
    return _layer(
        "lines",
        index,
        static={
            "class": _constant(AC_LINE_SEGMENT.name, len(table)),
            "feeder": _feeders(network, network.branch_feeder[branches]),
            "phases": _phase_codes(table["phases"]),
            "kv": _reals(kv),
        },
        customers=network.branch_customers[branches],
        length_m=table["length_m"],
        priority=_by_voltage(kv, 0, 1, 5),
        supply=BranchSupply(network, branches[index.row]),
        identity=[table],
    )


def _substations(network: Network) -> Layer:
    table = network.substations
    index = PointIndex.of(network.substation_lnglat)
    row = network.nodes["substation"]
    order = np.argsort(row, kind="stable").astype(np.int32)
    nodes = order[row[order] >= 0]
    ptr = np.searchsorted(row[nodes], np.arange(len(table) + 1)).astype(np.int64)
    own = _node_phases(network)
    kv, present = np.full(len(table), np.nan), np.zeros(len(table), dtype=np.uint8)
    np.fmax.at(kv, row[nodes], network.nodes["nominal_voltage_v"][nodes] / 1000)
    np.bitwise_or.at(present, row[nodes], own[nodes])
    feeder_customers = np.zeros(len(network.feeders) + 1, dtype=np.int64)
    np.add.at(feeder_customers, network.node_feeder[network.consumers["node"]], network.consumer_customers)
    customers = np.zeros(len(table) + 1, dtype=np.int64)  # the last for feeders without a substation
    np.add.at(customers, network.feeders["substation"], feeder_customers[:-1])
    sizes = np.diff(ptr)[index.row]
    entry_ptr = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    entry_nodes = nodes[np.repeat(ptr[:-1][index.row] - entry_ptr[:-1], sizes) + np.arange(entry_ptr[-1])]
    return _layer(
        "substations",
        index,
        static={
            "class": _constant(SUBSTATION.name, len(table)),
            "phases": _phase_codes(present),
            "kv": _reals(kv),
        },
        customers=customers[:-1],
        priority=np.zeros(len(table), dtype=np.uint8),
        supply=NodeSupply(entry_ptr, entry_nodes, present[index.row]),
        identity=[table],
    )


def _switches(network: Network) -> Layer:
    table, branches = network.switches, network.table_branches[SWITCH_BRANCH]
    index = PointIndex.of(_branch_lnglat(network, table))
    kv = _branch_kv(network, table)
    normal_open = (table["normal_open"] & table["phases"]) != 0
    priority = _by_voltage(kv, 2, 4, 6)
    priority[normal_open] = np.minimum(priority[normal_open], 2)
    return _layer(
        "switches",
        index,
        static={
            "class": _texts(table["kind"]),
            "feeder": _feeders(network, network.branch_feeder[branches]),
            "phases": _phase_codes(table["phases"]),
            "kv": _reals(kv),
            "normal_open": (normal_open.astype(np.int64), [False, True]),
        },
        customers=network.branch_customers[branches],
        priority=priority,
        supply=SwitchSupply(BranchSupply(network, branches[index.row]), index.row),
        identity=[table],
    )


def _transformers(network: Network) -> Layer:
    table, branches = network.transformers, network.table_branches[TRANSFORMER]
    index = PointIndex.of(_branch_lnglat(network, table))
    volts = network.nodes["nominal_voltage_v"]
    kv = np.fmax(volts[table["node1"]], volts[table["node2"]]) / 1000
    return _layer(
        "transformers",
        index,
        static={
            "class": _constant(POWER_TRANSFORMER.name, len(table)),
            "feeder": _feeders(network, network.branch_feeder[branches]),
            "phases": _phase_codes(table["phases"]),
            "kv": _reals(kv),
            "rated_kva": _reals(table["rated_power_va"] / 1000),
        },
        customers=network.branch_customers[branches],
        priority=_by_voltage(kv, 1, 3, 3),
        supply=BranchSupply(network, branches[index.row]),
        identity=[table],
    )


def _meters(network: Network) -> Layer:
    meters, consumers = network.meters, network.consumers
    nodes = consumers["node"][meters.consumer]
    index = PointIndex.of(network.node_lnglat[nodes])
    own = consumers["phases"][meters.consumer]
    used = (meters.usage_point >= 0).astype(np.int64)
    return _layer(
        "meters",
        index,
        static={
            "class": (used, [ENERGY_CONSUMER.name, USAGE_POINT.name]),
            "feeder": _feeders(network, network.node_feeder[nodes]),
            "phases": _phase_codes(own),
            "kv": _reals(network.nodes["nominal_voltage_v"][nodes] / 1000),
        },
        customers=meters.customers,
        priority=np.full(len(meters), 7, dtype=np.uint8),
        supply=NodeSupply(None, nodes[index.row], own[index.row]),
        identity=[network.usage_points.take(np.maximum(meters.usage_point, 0)), consumers.take(meters.consumer)]
        if len(network.usage_points)
        else [consumers.take(meters.consumer)],
        identity_of=1 - used if len(network.usage_points) else None,
    )


# --- putting one together -----------------------------------------------------------------------------------------

Static = tuple[Longs, Sequence[Value]]
"""One attribute: for each row which of the values it has, or -1."""


def _layer(
    name: str,
    index: PointIndex | LineIndex,
    *,
    static: dict[str, Static],
    customers: NDArray[np.integer[Any]],
    priority: NDArray[np.uint8],
    supply: Supply,
    identity: list[Table],
    identity_of: Longs | None = None,
    length_m: Floats | None = None,
) -> Layer:
    """Columns are given by row and kept by entry. identity_of: which of several tables each row is named in."""
    rows = index.row
    by_entry = {key: (codes[rows], values) for key, (codes, values) in static.items()}
    tags, combination = _tags(by_entry, supply.states)
    return Layer(
        name,
        LINE if isinstance(index, LineIndex) else POINT,
        index,
        tags,
        _with_flow(tags),
        combination,
        customers[rows].astype(np.int32),
        None if length_m is None else length_m[rows],
        priority[rows],
        supply,
        _names(identity, identity_of, rows),
    )


def _tags(static: dict[str, Static], states: int) -> tuple[Tags, Ints]:
    """Every combination of values that occurs, once, and which of them each entry has."""
    live: list[Value] = [0, 1, 2, *([False, True] if states > 3 else [])]
    values: list[Value] = list(live)
    combined = np.zeros(len(next(iter(static.values()))[0]), dtype=np.int64)
    for codes, own in static.values():
        combined = combined * (len(own) + 1) + codes + 1
    _, first, combination = np.unique(combined, return_index=True, return_inverse=True)
    live_keys = ("energized", "open") if states > 3 else ("energized",)
    combinations = np.full((len(first), len(static) + len(live_keys)), -1, dtype=np.int32)
    for key, (codes, own) in enumerate(static.values()):
        picked = codes[first]
        combinations[:, key] = np.where(picked < 0, -1, picked + len(values))
        values += own
    state_values = np.full((states, combinations.shape[1]), -1, dtype=np.int32)
    state_values[:, len(static)] = np.arange(states) % 3
    if states > 3:
        state_values[:, len(static) + 1] = 3 + np.arange(states) // 3
    tags = Tags((*static, *live_keys), ValuePool.of(values), combinations, state_values)
    return tags, combination.astype(np.int32)


def _with_flow(tags: Tags) -> Tags:
    """The same tags with `flow`: state becomes 3 * state + flow + 1."""
    flows = ValuePool.of([-1, 0, 1])
    pool = ValuePool(
        np.concatenate([tags.pool.data, flows.data]),
        np.concatenate([tags.pool.ptr[:-1], tags.pool.ptr[-1] + flows.ptr]),
    )
    column = np.full((len(tags.combinations), 1), -1, dtype=np.int32)
    states = np.repeat(tags.states, 3, axis=0)
    flow = len(tags.pool) + np.tile(np.arange(3, dtype=np.int32), len(tags.states))
    return replace(
        tags,
        keys=(*tags.keys, "flow"),
        pool=pool,
        combinations=np.hstack([tags.combinations, column]),
        states=np.hstack([states, flow[:, None].astype(np.int32)]),
    )


def _names(tables: list[Table], table_of: Longs | None, rows: Ints) -> Names:
    mrids, names = (_picked([table[column] for table in tables], table_of, rows) for column in ("mrid", "name"))
    named = np.fromiter(map(bool, names), np.bool_, len(names))
    number = np.cumsum(named) - 1
    kept = list(filter(None, names))
    if mrids and all(_UUID.fullmatch(mrid) for mrid in mrids):
        pool = TextPool.of(kept)
        uuids = np.frombuffer(bytes.fromhex("".join(mrids).replace("-", "")), dtype=np.uint8).reshape(-1, 16)
        return Names(UUID, np.where(named, number, -1).astype(np.int32), TextPool(pool.data, pool.ptr, uuids.copy()))
    return Names(TEXT, np.where(named, number + len(mrids), -1).astype(np.int32), TextPool.of(mrids + kept))


def _picked(columns: list[NDArray[Any]], table_of: Longs | None, rows: Ints) -> list[str]:
    texts: list[str]
    if table_of is None:
        texts = columns[0][rows].tolist()
        return texts
    texts = np.where(table_of[rows] == 0, columns[0][rows], columns[1][rows]).tolist()
    return texts


# --- attributes ---------------------------------------------------------------------------------------------------


def _constant(value: Value, rows: int) -> Static:
    return np.zeros(rows, dtype=np.int64), [value]


def _texts(column: NDArray[Any]) -> Static:
    values, codes = np.unique(column, return_inverse=True)
    return codes.astype(np.int64), values.tolist()


def _reals(column: Floats) -> Static:
    """Numbers of which few differ; not-a-number is left out."""
    values, codes = np.unique(column, return_inverse=True)
    known = int(np.count_nonzero(~np.isnan(values)))
    return np.where(codes < known, codes, -1).astype(np.int64), [float(value) for value in values[:known]]


def _phase_codes(masks: NDArray[np.uint8]) -> Static:
    codes: list[Value] = [phases.mask_to_code(mask) for mask in range(1, 16)]
    return masks.astype(np.int64) - 1, codes


def _feeders(network: Network, rows: Ints) -> Static:
    names = [name or mrid for name, mrid in zip(network.feeders["name"], network.feeders["mrid"], strict=True)]
    return rows.astype(np.int64), names


def _branch_lnglat(network: Network, table: Table) -> Floats:
    """float64 (rows, 2): the place of terminal 1, else of terminal 2."""
    first, second = network.node_lnglat[table["node1"]], network.node_lnglat[table["node2"]]
    placed = ~np.isnan(first).any(axis=1)
    lnglat: Floats = np.where(placed[:, None], first, second)
    return lnglat


def _branch_kv(network: Network, table: Table) -> Floats:
    volts = network.nodes["nominal_voltage_v"]
    first, second = volts[table["node1"]], volts[table["node2"]]
    kv: Floats = np.where(np.isnan(first), second, first) / 1000
    return kv


def _by_voltage(kv: Floats, high: int, medium: int, low: int) -> NDArray[np.uint8]:
    """Priority by voltage: from 60 kV on, from 1 kV on (also where not known), below."""
    return np.where(kv >= 60, high, np.where(kv < 1, low, medium)).astype(np.uint8)


def _node_phases(network: Network) -> NDArray[np.uint8]:
    """uint8 (nodes,): phases of the branches at each node."""
    own = np.zeros(len(network.nodes), dtype=np.uint8)
    graph = network.graph
    np.bitwise_or.at(own, graph.branch_u, graph.branch_phases)
    np.bitwise_or.at(own, graph.branch_v, graph.branch_phases)
    return own
