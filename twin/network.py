"""The network: frozen tables in preorder numbering, connectivity, places, and what follows from them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from topology.energize import energize
from topology.graph import Graph, build
from topology.loops import exclusive_weight
from twin import phases
from twin.components import (
    AC_LINE_SEGMENT,
    BRANCH_COMPONENTS,
    COMPONENTS,
    CONNECTIVITY_NODE,
    ENERGY_CONSUMER,
    ENERGY_SOURCE,
    FEEDER,
    LINE,
    POWER_TRANSFORMER,
    SUBSTATION,
    SWITCH,
    SWITCH_BRANCH,
    TRANSFORMER,
    USAGE_POINT,
    Component,
    Table,
    among,
)
from twin.feeders import Membership, derive, members, substation_transformers
from twin.geometry import LineStrings
from twin.mrids import Element, MridIndex
from twin.narrow import narrow
from twin.texts import joined

NOT_OPERABLE_KINDS = ("Jumper", "Cut")


class NetworkError(ValueError):
    """Tables that do not make a network; names class, row, column and value."""


@dataclass(frozen=True, eq=False)
class Network:
    """A network model; nothing in it ever changes.

    Nodes are numbered in preorder of the normally-fed forest and each class is stored in that order: a branch at
    its child node, a branch outside the forest at its lower end. Row numbers, and tile ids, which are row + 1, are
    valid for one `model` only; anything saved or exchanged uses the mrid. Make one with `from_tables`.
    """

    name: str
    tables: Mapping[str, Table]
    """By table name (`nodes`, `lines`, `switches`, …), each in network order."""
    line_geometry: LineStrings
    """One a row of `lines`; empty where it cannot be placed."""
    graph: Graph
    branch_class: NDArray[np.uint8]
    """uint8 (branches,): LINE, SWITCH_BRANCH or TRANSFORMER."""
    branch_row: NDArray[np.int32]
    """int32 (branches,): row in the table of that class."""
    table_branches: tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int32]]
    """int32 (rows,) for lines, switches, transformers: the branch number of each row, ascending."""
    _cache: dict[str, Any] = field(default_factory=dict, repr=False)

    # --- making -----------------------------------------------------------------------------------------------

    @classmethod
    def from_tables(
        cls,
        name: str,
        tables: Mapping[str, Table],
        line_geometry: LineStrings | None = None,
        mrid_order: NDArray[np.int32] | None = None,
    ) -> Network:
        """Numbers and orders tables given in any order.

        tables: by table name; those left out are empty, `nodes` must be there. Row columns (`node1`, `substation`, …)
        refer to rows of the tables as given. line_geometry: one a row of `lines` as given; straight between the
        nodes where left out. mrid_order: `mrids.order` of this very network, where it is known; a wrong one
        does no harm. Raises NetworkError or DuplicateMrid.
        """
        whole = {c.table: tables.get(c.table) or Table(c, _empty(c)) for c in COMPONENTS}
        whole["nodes"] = _whole_places(whole["nodes"])
        _check_references(whole)
        branch_tables = [whole[c.table] for c in BRANCH_COMPONENTS]
        sizes = [len(table) for table in branch_tables]
        numbering = build(
            len(whole["nodes"]),
            np.concatenate([table["node1"] for table in branch_tables]).astype(np.int32),
            np.concatenate([table["node2"] for table in branch_tables]).astype(np.int32),
            np.concatenate([table["phases"] for table in branch_tables]),
            np.concatenate([_normal_conducting(table) for table in branch_tables]),
            _node_sources(whole["sources"], len(whole["nodes"])),
        )
        node_number = numbering.node_number.astype(np.int32)
        numbers = np.split(numbering.branch_number.astype(np.int32), np.cumsum(sizes)[:-1])
        orders = [np.argsort(number) for number in numbers]
        geometry = line_geometry or _straight(whole)
        ordered = _reordered(whole, node_number, orders)
        branch_class = np.empty(sum(sizes), dtype=np.uint8)
        branch_row = np.empty(sum(sizes), dtype=np.int32)
        branches = []
        for code, (number, order) in enumerate(zip(numbers, orders, strict=True)):
            branches.append(number[order])
            branch_class[number] = code
            branch_row[number[order]] = np.arange(len(order), dtype=np.int32)
        if len(ordered["feeders"]) == 0:
            conducting = np.empty(sum(sizes), dtype=np.uint8)
            for table, number in zip(branch_tables, numbers, strict=True):
                conducting[number] = _normal_conducting(table)
            derived = derive(ordered, numbering.graph, branch_class, branch_row, branches[TRANSFORMER], conducting)
            unordered = Table(FEEDER, derived)
            ordered["feeders"] = unordered.take(np.argsort(unordered["head_node"], kind="stable"))
        lnglat = np.stack([ordered["nodes"]["lng"], ordered["nodes"]["lat"]], axis=1)
        lnglat.flags.writeable = False
        ordered["nodes"] = ordered["nodes"].with_places(lnglat)
        ordered = {table_name: table.compact() for table_name, table in ordered.items()}
        network = cls(
            name,
            ordered,
            geometry.take(orders[LINE]),
            numbering.graph,
            branch_class,
            branch_row,
            (branches[0], branches[1], branches[2]),
        )
        network._cache["lnglat"] = lnglat
        network._cache["mrids"] = MridIndex(list(network.tables.values()), mrid_order)
        return network

    # --- tables -----------------------------------------------------------------------------------------------

    @property
    def nodes(self) -> Table:
        """ConnectivityNode table."""
        return self.tables[CONNECTIVITY_NODE.table]

    @property
    def lines(self) -> Table:
        """AcLineSegment table."""
        return self.tables[AC_LINE_SEGMENT.table]

    @property
    def switches(self) -> Table:
        """Switch table."""
        return self.tables[SWITCH.table]

    @property
    def transformers(self) -> Table:
        """PowerTransformer table; node1 is the high-voltage end."""
        return self.tables[POWER_TRANSFORMER.table]

    @property
    def sources(self) -> Table:
        """EnergySource table."""
        return self.tables[ENERGY_SOURCE.table]

    @property
    def consumers(self) -> Table:
        """EnergyConsumer table, ordered by node."""
        return self.tables[ENERGY_CONSUMER.table]

    @property
    def usage_points(self) -> Table:
        """UsagePoint table, ordered by consumer."""
        return self.tables[USAGE_POINT.table]

    @property
    def substations(self) -> Table:
        """Substation table."""
        return self.tables[SUBSTATION.table]

    @property
    def feeders(self) -> Table:
        """Feeder table; `twin.feeders` says where they come from when the source declares none."""
        return self.tables[FEEDER.table]

    @property
    def mrids(self) -> MridIndex:
        """Finds any element by its mrid."""
        found = self._cache.get("mrids")
        if found is None:
            found = self._cache["mrids"] = MridIndex(list(self.tables.values()))
        assert isinstance(found, MridIndex)
        return found

    @cached_property
    def model(self) -> str:
        """Content hash (BLAKE2b, 16 hexadecimal digits): the same tables in the same order give the same model."""
        digest = hashlib.blake2b(digest_size=8)
        for table_name, table in self.tables.items():
            digest.update(table_name.encode())
            columns = {**{name: table[name] for name in table}, **table.extras}  # no extras: the hash is as it was
            for column_name, column in columns.items():
                digest.update(column_name.encode())
                if column.dtype.kind == "T":
                    digest.update(joined(column)[:-1])  # no NUL behind the last
                else:
                    digest.update(np.ascontiguousarray(column).view(np.uint8).data)
        digest.update(np.ascontiguousarray(self.line_geometry.offsets).view(np.uint8).data)
        digest.update(np.ascontiguousarray(self.line_geometry.coordinates).view(np.uint8).data)
        return digest.hexdigest()

    # --- branches ---------------------------------------------------------------------------------------------

    def branch_element(self, branch: int) -> Element:
        """Class and row of a branch number."""
        return Element(BRANCH_COMPONENTS[self.branch_class[branch]], int(self.branch_row[branch]))

    def branch_of(self, element: Element) -> int | None:
        """Branch number of a line, switch or transformer; None for anything else."""
        if element.component not in BRANCH_COMPONENTS:
            return None
        return int(self.table_branches[BRANCH_COMPONENTS.index(element.component)][element.row])

    def branch_mrids(self, branches: NDArray[np.integer[Any]]) -> NDArray[Any]:
        """StringDType (branches,)."""
        return self.branch_column("mrid", branches)

    def branch_column(self, name: str, branches: NDArray[np.integer[Any]] | None = None) -> NDArray[Any]:
        """A column that lines, switches and transformers share, by branch number (all of them by default)."""
        parts = [self.tables[component.table][name] for component in BRANCH_COMPONENTS]
        count = self.graph.branch_count if branches is None else len(branches)
        column = np.empty(count, dtype=parts[0].dtype)
        if branches is None:
            for part, numbers in zip(parts, self.table_branches, strict=True):
                column[numbers] = part
            return column
        classes, rows = self.branch_class[branches], self.branch_row[branches]
        for code, part in enumerate(parts):
            here = np.flatnonzero(classes == code)
            column[here] = part[rows[here]]
        return column

    @cached_property
    def branch_size(self) -> NDArray[np.float64]:
        """float64 (branches,): length in m of a line, rated power in VA of a transformer, 0 of a switch."""
        size = np.zeros(self.graph.branch_count)
        size[self.table_branches[LINE]] = self.lines["length_m"]
        size[self.table_branches[TRANSFORMER]] = self.transformers["rated_power_va"]
        size.flags.writeable = False
        return size

    @cached_property
    def operable(self) -> NDArray[np.bool_]:
        """bool (switches,): may be operated (switches except jumpers, cuts and locked ones)."""
        return ~(among(self.switches["kind"], NOT_OPERABLE_KINDS) | self.switches["locked"])

    # --- normal state -----------------------------------------------------------------------------------------

    @cached_property
    def node_sources(self) -> NDArray[np.uint8]:
        """uint8 (nodes,): phases of the sources in service at each node, without N."""
        return _node_sources(self.sources, len(self.nodes))

    def conducting(self, switch_open: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """uint8 (branches,): phases each branch conducts, given the open phases of each switch row."""
        mask = self._phases_in_service.copy()
        mask[self.table_branches[SWITCH_BRANCH]] &= ~switch_open
        return mask

    @cached_property
    def _phases_in_service(self) -> NDArray[np.uint8]:
        """uint8 (branches,): phases of each branch, none of one that is out of service."""
        if all(self.tables[component.table]["in_service"].all() for component in BRANCH_COMPONENTS):
            return self.graph.branch_phases
        return (self.graph.branch_phases * self.branch_column("in_service")).astype(np.uint8)

    @cached_property
    def normal_conducting(self) -> NDArray[np.uint8]:
        """uint8 (branches,): conducting phases in the normal state."""
        return self.conducting(self.switches["normal_open"])

    @cached_property
    def normal_energized(self) -> NDArray[np.uint8]:
        """uint8 (nodes,): energised phases in the normal state."""
        return energize(self.graph, self.normal_conducting, self.node_sources)

    # --- feeders ----------------------------------------------------------------------------------------------

    @cached_property
    def substation_transformer_branches(self) -> NDArray[np.int32]:
        """int32: branch numbers of the transformers that feeders hang on and never pass."""
        return self.table_branches[TRANSFORMER][substation_transformers(self.tables)]

    @cached_property
    def feeder_heads(self) -> NDArray[np.int32]:
        """int32 (feeders,): branch number at each feeder's head, -1 where the head is a node."""
        heads = [self.branch_of(self.mrids.find(str(mrid))) for mrid in self.feeders["head_mrid"]]
        return np.array([-1 if head is None else head for head in heads], dtype=np.int32)

    @cached_property
    def membership(self) -> Membership:
        """Feeder of every node and branch, in the normal state."""
        return members(
            self.graph,
            self.normal_conducting,
            self.feeder_heads,
            self.feeders["head_node"],
            self.substation_transformer_branches,
        )

    @property
    def node_feeder(self) -> NDArray[np.int32]:
        """int32 (nodes,): feeder row of each node, -1 for none."""
        return self.membership.node

    @property
    def branch_feeder(self) -> NDArray[np.int32]:
        """int32 (branches,): feeder row of each branch, -1 for none."""
        return self.membership.branch

    # --- customers --------------------------------------------------------------------------------------------

    @cached_property
    def consumer_customers(self) -> NDArray[np.int64]:
        """int64 (consumers,): `customer_count` where given, else its usage points, else 1; equivalents 0."""
        count = self.consumers["customer_count"].astype(np.int64)
        usage = np.bincount(self.usage_points["consumer"], minlength=len(self.consumers))
        count = np.where(count >= 0, count, np.where(usage > 0, usage, 1))
        return np.where(self.consumers["equivalent"], 0, count).astype(np.int64)

    @cached_property
    def consumer_ptr(self) -> NDArray[np.int64]:
        """int64 (nodes + 1,): consumers at node n are rows `consumer_ptr[n]:consumer_ptr[n + 1]`."""
        return np.searchsorted(self.consumers["node"], np.arange(len(self.nodes) + 1)).astype(np.int64)

    def consumers_at(self, nodes: NDArray[np.integer[Any]]) -> NDArray[np.int64]:
        """int64 (n,): rows of the consumers at some nodes, node by node."""
        first = self.consumer_ptr[nodes]
        count = self.consumer_ptr[nodes + 1] - first
        rows: NDArray[np.int64] = np.repeat(first - (np.cumsum(count) - count), count) + np.arange(count.sum())
        return rows

    @cached_property
    def customers(self) -> int:
        """Customers of the whole network."""
        return int(self.consumer_customers.sum())

    @cached_property
    def customer_prefix(self) -> NDArray[np.int64]:
        """int64 (nodes + 1,): customers at nodes below n, so a run of nodes holds a difference."""
        sums = np.concatenate([[0], np.cumsum(self.consumer_customers)])
        return sums[self.consumer_ptr].astype(np.int64)

    @cached_property
    def branch_customers(self) -> NDArray[np.integer[Any]]:
        """(branches,): customers who lose supply, on any of their phases, when the branch alone is taken out."""
        customers = exclusive_weight(
            self.graph,
            self.normal_conducting,
            self.node_sources,
            self.consumer_ptr,
            (self.consumers["phases"] & phases.ABC).astype(np.uint8),
            self.consumer_customers,
        )
        return narrow(customers)

    # --- places -----------------------------------------------------------------------------------------------

    @property
    def node_lnglat(self) -> NDArray[np.float64]:
        """float64 (nodes, 2): lng and lat in degrees, NaN where not placed; the table's own columns."""
        lnglat: NDArray[np.float64] | None = self._cache.get("lnglat")
        if lnglat is None:
            lnglat = self._cache["lnglat"] = np.stack([self.nodes["lng"], self.nodes["lat"]], axis=1)
        return lnglat

    @cached_property
    def bounds(self) -> tuple[float, float, float, float] | None:
        """left, bottom, right, top in degrees; None where nothing is placed."""
        placed = [_placed(points) for points in (self.node_lnglat, self.line_geometry.coordinates)]
        placed = [points for points in placed if len(points)]
        if not placed:
            return None
        left, bottom = np.min([points.min(axis=0) for points in placed], axis=0).tolist()
        right, top = np.max([points.max(axis=0) for points in placed], axis=0).tolist()
        return left, bottom, right, top

    @cached_property
    def meters(self) -> Meters:
        """What the `meters` layer shows: one a usage point, else one a consumer."""
        return Meters.of(self)

    @cached_property
    def substation_lnglat(self) -> NDArray[np.float64]:
        """float64 (substations, 2): centroid of its placed nodes, NaN where there is none."""
        inside = (self.nodes["substation"] >= 0) & ~np.isnan(self.node_lnglat).any(axis=1)
        rows = self.nodes["substation"][inside]
        count = np.bincount(rows, minlength=len(self.substations)).astype(float)
        count[count == 0] = np.nan
        sums = [np.bincount(rows, x, minlength=len(self.substations)) for x in self.node_lnglat[inside].T]
        return np.stack(sums, axis=1) / count[:, None]


@dataclass(frozen=True, eq=False)
class Meters:
    """Features of the `meters` layer, ordered by consumer.

    consumer: int32 (meters,), row of `consumers`. usage_point: int32 (meters,), row of `usage_points` or -1.
    customers: (meters,), the consumer's customers shared out, the first meters taking what does not divide; in as few
    bytes as they need.
    """

    consumer: NDArray[np.int32]
    usage_point: NDArray[np.int32]
    customers: NDArray[np.integer[Any]]

    def __len__(self) -> int:
        return len(self.consumer)

    @classmethod
    def of(cls, network: Network) -> Meters:
        """Derived from consumers and usage points."""
        used = np.bincount(network.usage_points["consumer"], minlength=len(network.consumers))
        features = np.maximum(used, 1)
        first = np.cumsum(features) - features
        consumer = np.repeat(np.arange(len(network.consumers), dtype=np.int32), features)
        nth = np.arange(len(consumer)) - first[consumer]
        usage_point = np.full(len(consumer), -1, dtype=np.int32)
        usage_point[used[consumer] > 0] = np.arange(len(network.usage_points), dtype=np.int32)
        whole = network.consumer_customers[consumer]
        customers = whole // features[consumer] + (nth < whole % features[consumer])
        if np.array_equal(consumer, network.usage_points["consumer"]):
            consumer = network.usage_points["consumer"]  # each has one: kept once
        return cls(consumer, usage_point, narrow(customers))


def _placed(points: NDArray[np.float64]) -> NDArray[np.float64]:
    missing = np.isnan(points).any(axis=1)
    return points[~missing] if missing.any() else points


REFERENCES = {
    "node": "nodes",
    "node1": "nodes",
    "node2": "nodes",
    "head_node": "nodes",
    "substation": "substations",
    "consumer": "consumers",
}
"""The table whose rows a column holds."""


def _empty(component: Component) -> dict[str, object]:
    return {declared.name: [] for declared in component.fields if declared.default is None}


def _check_references(tables: Mapping[str, Table]) -> None:
    if len(tables["nodes"]) == 0:
        raise NetworkError("the network is empty: it has no connectivity node")
    for table in tables.values():
        for column_name, target in REFERENCES.items():
            if column_name not in table:
                continue
            wrong = table[column_name] >= len(tables[target])
            if wrong.any():
                row = int(np.argmax(wrong))
                raise NetworkError(
                    f"{table.component.name} {table['mrid'][row]!r}: {column_name} is row {table[column_name][row]} "
                    f"of {target}, which has {len(tables[target])} rows"
                )


def _whole_places(nodes: Table) -> Table:
    """Half a place is none: where lng or lat is not known, neither is."""
    half = np.isnan(nodes["lng"]) != np.isnan(nodes["lat"])
    if not half.any():
        return nodes
    lng, lat = (np.where(half, np.nan, nodes[name]) for name in ("lng", "lat"))
    return nodes.take(np.arange(len(nodes)), lng=lng, lat=lat)


def _normal_conducting(table: Table) -> NDArray[np.uint8]:
    mask = table["phases"] * table["in_service"]
    if table.component is SWITCH:
        mask = mask & ~table["normal_open"]
    return mask.astype(np.uint8)


def _node_sources(sources: Table, node_count: int) -> NDArray[np.uint8]:
    mask = np.zeros(node_count, dtype=np.uint8)
    np.bitwise_or.at(mask, sources["node"], (sources["phases"] * sources["in_service"] & phases.ABC).astype(np.uint8))
    return mask


def _straight(tables: Mapping[str, Table]) -> LineStrings:
    lnglat = np.stack([tables["nodes"]["lng"], tables["nodes"]["lat"]], axis=1)
    return LineStrings.between(lnglat[tables["lines"]["node1"]], lnglat[tables["lines"]["node2"]])


def _reordered(
    tables: Mapping[str, Table], node_number: NDArray[np.int32], branch_orders: list[NDArray[np.intp]]
) -> dict[str, Table]:
    """Every table in network order, its row columns pointing at the new rows."""
    nodes = tables["nodes"]
    substation_order = _first_seen(nodes["substation"][np.argsort(node_number)], len(tables["substations"]))
    substation_number = _inverse(substation_order)
    consumer_order = np.argsort(node_number[tables["consumers"]["node"]], kind="stable")
    consumer_number = _inverse(consumer_order)
    orders: dict[str, NDArray[np.intp]] = {
        "nodes": np.argsort(node_number),
        **{c.table: order for c, order in zip(BRANCH_COMPONENTS, branch_orders, strict=True)},
        "sources": np.argsort(node_number[tables["sources"]["node"]], kind="stable"),
        "consumers": consumer_order,
        "usage_points": np.argsort(consumer_number[tables["usage_points"]["consumer"]], kind="stable"),
        "substations": substation_order,
        "feeders": np.argsort(node_number[tables["feeders"]["head_node"]], kind="stable"),
    }
    numbers = {"nodes": node_number, "substations": substation_number, "consumers": consumer_number}
    ordered = {}
    for table_name, table in tables.items():
        order = orders[table_name]
        renamed = {
            column_name: _renumber(table[column_name][order], numbers[target])
            for column_name, target in REFERENCES.items()
            if column_name in table
        }
        same = np.array_equal(order, np.arange(len(table))) and all(
            np.array_equal(column, table[column_name]) for column_name, column in renamed.items()
        )
        ordered[table_name] = table if same else table.take(order, **renamed)
    return ordered


def _renumber(rows: NDArray[np.int32], number: NDArray[np.int32]) -> NDArray[np.int32]:
    if len(number) == 0:
        return rows
    return np.where(rows < 0, rows, number[rows]).astype(np.int32)


def _inverse(order: NDArray[np.intp]) -> NDArray[np.int32]:
    number = np.empty(len(order), dtype=np.int32)
    number[order] = np.arange(len(order), dtype=np.int32)
    return number


def _first_seen(rows: NDArray[np.int32], count: int) -> NDArray[np.intp]:
    """Rows 0 … count - 1 in the order in which they first appear; those never seen come last."""
    seen, first = np.unique(rows[rows >= 0], return_index=True)
    position = np.full(count, len(rows), dtype=np.intp)
    position[seen] = first
    return np.argsort(position, kind="stable")
