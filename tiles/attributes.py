"""What the layers of `grid` say of their elements, by row: attributes in dictionaries, places, supply."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tiles.live import BranchSupply, NodeSupply, Supply, SwitchSupply
from tiles.mvt import ABSENT, Value
from twin import phases
from twin.components import (
    AC_LINE_SEGMENT,
    ENERGY_CONSUMER,
    POWER_TRANSFORMER,
    SUBSTATION,
    SWITCH_BRANCH,
    TEXT,
    TRANSFORMER,
    USAGE_POINT,
    Table,
    is_constant,
)
from twin.components import LINE as LINE_BRANCH
from twin.geometry import LineStrings
from twin.narrow import narrow
from twin.network import Network
from twin.texts import Texts

__all__ = ["FIELDS", "LAYER_NAMES", "NAMES_ZOOM", "Identity", "LayerRows", "Static", "layer_rows"]

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

Static = tuple[NDArray[np.integer[Any]], Sequence[Value]]
"""One attribute: for each row which of the values it has, or -1."""


@dataclass(frozen=True, slots=True, eq=False)
class Identity:
    """`mrid` and `name` of the rows of a layer, which stay in the tables of the network.

    tables: those that have them, and where in them each row is, at the same place where None. which: (rows,), in which
    of them each row is, the first where None.
    """

    tables: tuple[tuple[Table, NDArray[np.integer[Any]] | None], ...]
    which: NDArray[np.integer[Any]] | None = None

    def texts(self, column: str, rows: NDArray[np.integer[Any]]) -> NDArray[Any]:
        """`mrid` or `name` of some rows, StringDType (n,), empty where there is none."""
        if self.which is None:
            ((table, where),) = self.tables
            return table[column][rows if where is None else where[rows]]
        texts = np.empty(len(rows), dtype=TEXT)
        which = self.which[rows]
        for number, (table, where) in enumerate(self.tables):
            here = np.flatnonzero(which == number)
            texts[here] = table[column][rows[here] if where is None else where[rows[here]]]
        return texts

    def encoded(self, column: str, rows: NDArray[np.integer[Any]]) -> tuple[Texts, Longs]:
        """The same in UTF-8, and which of these texts is whose, int64 (n,), ABSENT where there is none."""
        if self.which is not None:  # in two tables
            texts, numbers = Texts.of(self.texts(column, rows)), np.arange(len(rows))
        else:
            ((table, where),) = self.tables
            texts, numbers = _texts_of(table[column], rows if where is None else where[rows])
        return texts, np.where(texts.ptr[numbers + 1] - texts.ptr[numbers] > 1, numbers, ABSENT)


def _texts_of(column: NDArray[Any] | Texts, rows: NDArray[np.integer[Any]]) -> tuple[Texts, Longs]:
    """The texts of a column, and where the rows are in them."""
    if is_constant(column):
        return Texts.of(column[:1].tolist()), np.zeros(len(rows), dtype=np.int64)
    return Texts.of(column), rows.astype(np.int64)


@dataclass(frozen=True, slots=True, eq=False)
class LayerRows:
    """One layer, every column by row.

    place: a line, or lng and lat, a row. static: attributes of which few values differ, by name. customers: (rows,).
    priority: uint8 (rows,), the higher, the sooner it is left out when zoomed out. supply: the live part of some rows.
    length_m: float64 (rows,), not a number where not known.
    """

    name: str
    place: LineStrings | Floats
    static: dict[str, Static]
    customers: NDArray[np.integer[Any]]
    priority: NDArray[np.uint8]
    supply: Callable[[Ints], Supply]
    identity: Identity
    length_m: Floats | None = None

    def __len__(self) -> int:
        return len(self.customers)


def layer_rows(network: Network, name: str) -> LayerRows:
    """The rows of a layer; KeyError for one that `grid` does not have."""
    return _LAYERS[name](network)


# --- the five layers ----------------------------------------------------------------------------------------------


def _lines(network: Network) -> LayerRows:
    table, branches = network.lines, network.table_branches[LINE_BRANCH]
    place = network.line_geometry
    kv = _branch_kv(network, table)
    return LayerRows(
        "lines",
        place,
        static={
            "class": _constant(AC_LINE_SEGMENT.name, len(table)),
            "feeder": _feeders(network, network.branch_feeder[branches]),
            "phases": _phase_codes(table["phases"]),
            "kv": _reals(kv),
        },
        customers=network.branch_customers[branches],
        length_m=table["length_m"],
        priority=_by_voltage(kv, 0, 1, 5),
        supply=lambda rows: BranchSupply(network, branches[rows]),
        identity=Identity(((table, None),)),
    )


def _substations(network: Network) -> LayerRows:
    table = network.substations
    place = network.substation_lnglat
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

    def supply(rows: Ints) -> Supply:
        sizes = np.diff(ptr)[rows]
        entry_ptr = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
        entry_nodes = nodes[np.repeat(ptr[:-1][rows] - entry_ptr[:-1], sizes) + np.arange(entry_ptr[-1])]
        return NodeSupply(entry_ptr, entry_nodes, present[rows])

    return LayerRows(
        "substations",
        place,
        static={
            "class": _constant(SUBSTATION.name, len(table)),
            "phases": _phase_codes(present),
            "kv": _reals(kv),
        },
        customers=customers[:-1],
        priority=np.broadcast_to(np.uint8(0), (len(table),)),
        supply=supply,
        identity=Identity(((table, None),)),
    )


def _switches(network: Network) -> LayerRows:
    table, branches = network.switches, network.table_branches[SWITCH_BRANCH]
    place = _branch_lnglat(network, table)
    kv = _branch_kv(network, table)
    normal_open = (table["normal_open"] & table["phases"]) != 0
    priority = _by_voltage(kv, 2, 4, 6)
    priority[normal_open] = np.minimum(priority[normal_open], 2)
    return LayerRows(
        "switches",
        place,
        static={
            "class": _texts(table["kind"]),
            "feeder": _feeders(network, network.branch_feeder[branches]),
            "phases": _phase_codes(table["phases"]),
            "kv": _reals(kv),
            "normal_open": (normal_open.view(np.int8), [False, True]),
        },
        customers=network.branch_customers[branches],
        priority=priority,
        supply=lambda rows: SwitchSupply(BranchSupply(network, branches[rows]), rows),
        identity=Identity(((table, None),)),
    )


def _transformers(network: Network) -> LayerRows:
    table, branches = network.transformers, network.table_branches[TRANSFORMER]
    place = _branch_lnglat(network, table)
    volts = network.nodes["nominal_voltage_v"]
    kv = np.fmax(volts[table["node1"]], volts[table["node2"]]) / 1000
    return LayerRows(
        "transformers",
        place,
        static={
            "class": _constant(POWER_TRANSFORMER.name, len(table)),
            "feeder": _feeders(network, network.branch_feeder[branches]),
            "phases": _phase_codes(table["phases"]),
            "kv": _reals(kv),
            "rated_kva": _reals(table["rated_power_va"] / 1000),
        },
        customers=network.branch_customers[branches],
        priority=_by_voltage(kv, 1, 3, 3),
        supply=lambda rows: BranchSupply(network, branches[rows]),
        identity=Identity(((table, None),)),
    )


def _meters(network: Network) -> LayerRows:
    meters, consumers = network.meters, network.consumers
    nodes = consumers["node"][meters.consumer]
    place = network.node_lnglat[nodes]
    own = consumers["phases"][meters.consumer]
    used = (meters.usage_point >= 0).view(np.int8)
    return LayerRows(
        "meters",
        place,
        static={
            "class": (used, [ENERGY_CONSUMER.name, USAGE_POINT.name]),
            "feeder": _feeders(network, network.node_feeder[nodes]),
            "phases": _phase_codes(own),
            "kv": _reals(network.nodes["nominal_voltage_v"][nodes] / 1000),
        },
        customers=meters.customers,
        priority=np.broadcast_to(np.uint8(7), (len(meters),)),
        supply=lambda rows: NodeSupply(None, nodes[rows], own[rows]),
        identity=_meter_identity(network),
    )


def _meter_identity(network: Network) -> Identity:
    meters = network.meters
    used = meters.usage_point >= 0
    if used.all():
        return Identity(((network.usage_points, None),))  # each meter is the usage point of its row
    consumers = network.consumers, meters.consumer
    if not used.any():
        return Identity((consumers,))
    return Identity(((network.usage_points, meters.usage_point), consumers), (~used).view(np.int8))


_LAYERS: dict[str, Callable[[Network], LayerRows]] = {
    "lines": _lines,
    "substations": _substations,
    "switches": _switches,
    "transformers": _transformers,
    "meters": _meters,
}


# --- attributes ---------------------------------------------------------------------------------------------------


def _constant(value: Value, rows: int) -> Static:
    return np.broadcast_to(np.int8(0), (rows,)), [value]


def _texts(column: NDArray[Any]) -> Static:
    values, codes = np.unique(column, return_inverse=True)
    return codes.astype(np.int64), values.tolist()


def _reals(column: Floats) -> Static:
    """Numbers of which few differ; not-a-number is left out."""
    values = np.unique(column)  # with the codes at once it takes five times as long
    codes = np.searchsorted(values, column)
    known = int(np.count_nonzero(~np.isnan(values)))
    return narrow(np.where(codes < known, codes, -1)), [float(value) for value in values[:known]]


def _phase_codes(masks: NDArray[np.uint8]) -> Static:
    codes: list[Value] = [phases.mask_to_code(mask) for mask in range(1, 16)]
    return masks.astype(np.int8) - np.int8(1), codes


def _feeders(network: Network, rows: Ints) -> Static:
    names = [name or mrid for name, mrid in zip(network.feeders["name"], network.feeders["mrid"], strict=True)]
    return rows, names


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
