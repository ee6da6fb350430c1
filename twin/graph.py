"""The network as a `networkx.MultiGraph`, over the tables and arrays; and back from one.

Nodes are connectivity nodes and edge keys are equipment, both by mrid. Attributes are the columns of the class as
plain Python values: other rows by mrid, phases as CIM text, None where a value is not known.
"""

from __future__ import annotations

import sys
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from itertools import pairwise, repeat
from typing import Any, TypeAlias

import networkx as nx
import numpy as np
from numpy.typing import NDArray

from topology.masks import Ints
from topology.nx import ArrayGraph
from twin import extras, phases
from twin.components import (
    AC_LINE_SEGMENT,
    BRANCH_COMPONENTS,
    CONNECTIVITY_NODE,
    ENERGY_CONSUMER,
    ENERGY_SOURCE,
    FEEDER,
    SUBSTATION,
    SWITCH,
    USAGE_POINT,
    Component,
    Field,
    Table,
)
from twin.geometry import LineStrings
from twin.mrids import DuplicateMrid, UnknownMrid
from twin.network import Network, NetworkError
from twin.state import Snapshot

__all__ = ["conducting_graph", "network_from_networkx", "structural_graph"]

AnyGraph: TypeAlias = "nx.Graph[Any]"
Attributes: TypeAlias = dict[str, Any]
Rows: TypeAlias = "slice | NDArray[np.integer[Any]]"

_TARGETS = {
    "node": "nodes",
    "node1": "nodes",
    "node2": "nodes",
    "head_node": "nodes",
    "substation": "substations",
    "consumer": "consumers",
}
"""The table that a `row` column refers to."""

_REMEMBERED = 65_536
"""Names of nodes that a graph remembers the numbers of."""

_CODES = tuple(map(phases.mask_to_code, range(16)))
_WHOLE = int, np.integer
_REAL = int, float, np.integer, np.floating


def structural_graph(network: Network, switch_open: NDArray[np.uint8] | None = None) -> ArrayGraph:
    """All equipment, open switches too; a read-only view that holds no copy of anything.

    switch_open: uint8 (switches,), open phases by row, what `open` tells; the normal position where left out.

    Nodes have the columns of ConnectivityNode and `equipment`, a list of the one-terminal equipment there, each with
    `class` and its columns, consumers with their `usage_points`. Edges have `class`, the columns of that class
    (`node1` and `node2` say which way round), and `branch`, the branch number, which is valid for one model only;
    lines have `geometry`, a list of (lng, lat); switches have `open` and `normal_open`, the open phases, "" for none.
    What has columns beyond its class has `extras`, a dictionary of what is known of them. The graph has `name`,
    `substations` and `feeders`.
    """
    return _graph(network, switch_open, None)


def conducting_graph(snapshot: Snapshot, phases_text: str = "ABC") -> ArrayGraph:
    """Only what conducts any of the phases in that state, on all nodes; otherwise as `structural_graph`.

    Raises PhaseError for phases that are not made of A, B, C and N.
    """
    member = snapshot.conducting & np.uint8(phases.code_to_mask(phases_text))
    return _graph(snapshot.network, snapshot.state.open, member)


def network_from_networkx(graph: AnyGraph, name: str | None = None) -> Network:
    """The network that a `structural_graph`, or a copy of one, or a graph made by hand tells of.

    Attributes are those of `structural_graph`. An edge must have `class`; columns with a default may be left out, and
    so may `geometry` (straight then), `node1` and `node2` (the edge as the graph lists it), and the graph's
    `substations` and `feeders` (derived then). `open` and `branch` are no part of a model: `open` is passed over, and
    `branch` keeps the order, so that an unchanged graph gives the same `model`. Attributes of the graph itself that
    are not known are passed over too; those of nodes, edges and equipment are refused.

    name: the network's; the graph's own where left out, else "networkx". Raises NetworkError naming the node, edge or
    equipment, the attribute and the value.
    """
    if not graph.is_multigraph() or graph.is_directed():
        raise NetworkError(f"the graph is a {type(graph).__name__}; it must be an undirected MultiGraph")
    given = graph.graph.get("name") or "networkx" if name is None else name
    reader = _Reader()
    reader.read_substations(graph)
    reader.read_nodes(graph)
    reader.read_edges(graph)
    reader.read_feeders(graph)
    try:
        return Network.from_tables(str(given), reader.tables(), reader.line_geometry())
    except (DuplicateMrid, extras.ExtraError) as error:
        raise NetworkError(str(error)) from error


# --- from tables to attributes --------------------------------------------------------------------------------


def _graph(network: Network, switch_open: NDArray[np.uint8] | None, member: NDArray[np.uint8] | None) -> ArrayGraph:
    opened = network.switches["normal_open"] if switch_open is None else switch_open
    graph = ArrayGraph(network.graph, _Labels(network, opened), member)
    graph.graph["name"] = network.name
    for table in (network.substations, network.feeders):
        graph.graph[table.component.table] = _records(network, table, slice(None))
    return graph


def _records(network: Network, table: Table, rows: Rows) -> list[Attributes]:
    """Rows as plain values: rows of other tables by mrid, phases as text."""
    return _rows(_columns(network, table, rows))


def _columns(network: Network, table: Table, rows: Rows) -> dict[str, Iterable[Any]]:
    columns: dict[str, Iterable[Any]] = {
        declared.name: _plain(network, declared, table[declared.name][rows]) for declared in table.component.fields
    }
    if table.extras:
        columns["extras"] = _extras(table, rows)
    return columns


def _extras(table: Table, rows: Rows) -> list[dict[str, Any]]:
    given = [extras.values(column[rows]) for column in table.extras.values()]
    return [
        {name: value for name, value in zip(table.extras, row, strict=True) if value is not None}
        for row in zip(*given, strict=True)
    ]


def _rows(columns: Mapping[str, Iterable[Any]]) -> list[Attributes]:
    names = tuple(columns)
    return [dict(zip(names, values, strict=True)) for values in zip(*columns.values(), strict=False)]


def _plain(network: Network, declared: Field, values: NDArray[Any]) -> list[Any]:
    listed: list[Any] = values.tolist()
    if declared.kind == "phases":
        return [_CODES[value] for value in listed]
    if declared.kind == "row":
        known = values >= 0
        mrids = iter(network.tables[_TARGETS[declared.name]]["mrid"][values[known]].tolist())
        return [next(mrids) if there else None for there in known.tolist()]
    if declared.kind == "real":
        return [value if value == value else None for value in listed]  # a NaN differs from itself
    return listed


class _Labels:
    """Mrids and columns, looked up in the network when asked for."""

    def __init__(self, network: Network, switch_open: NDArray[np.uint8]) -> None:
        self._network = network
        self._open = switch_open
        self._sources, self._usage_points = network.sources["node"], network.usage_points["consumer"]
        self._numbers: dict[Hashable, int] = {}

    def node_of(self, label: Hashable) -> int:
        number = self._numbers.get(label)
        if number is not None:
            return number
        if not isinstance(label, str):
            raise KeyError(label)
        try:
            element = self._network.mrids.find(label)
        except UnknownMrid:
            raise KeyError(label) from None
        if element.component is not CONNECTIVITY_NODE:
            raise KeyError(label)
        return element.row

    def node_label(self, node: int) -> Hashable:
        return self.node_labels(np.array([node], np.int32))[0]

    def branch_label(self, branch: int) -> Hashable:
        element = self._network.branch_element(branch)
        return str(self._network.tables[element.component.table]["mrid"][element.row])

    def node_attributes(self, node: int) -> Attributes:
        return self.node_records(np.array([node], np.int32))[0]

    def branch_attributes(self, branch: int) -> Attributes:
        return self.branch_records(np.array([branch], np.int32))[0]

    def node_labels(self, nodes: Ints) -> list[Hashable]:
        """Whoever is told a name soon asks for it: the last ones told are remembered."""
        labels: list[Hashable] = self._network.nodes["mrid"][nodes].tolist()
        if len(self._numbers) + len(labels) > _REMEMBERED:
            self._numbers = {}
        if len(labels) <= _REMEMBERED:
            self._numbers.update(zip(labels, nodes.tolist(), strict=True))
        return labels

    def branch_labels(self, branches: Ints) -> list[Hashable]:
        labels: list[Hashable] = [None] * len(branches)
        for component, places, rows in self._by_class(branches):
            mrids = self._network.tables[component.table]["mrid"][rows].tolist()
            for place, mrid in zip(places, mrids, strict=True):
                labels[place] = mrid
        return labels

    def node_records(self, nodes: Ints) -> list[Attributes]:
        records = _records(self._network, self._network.nodes, nodes)
        for record, equipment in zip(records, self._equipment(nodes), strict=True):
            record["equipment"] = equipment
        return records

    def branch_records(self, branches: Ints) -> list[Attributes]:
        found: list[Attributes] = [{}] * len(branches)
        for component, places, rows in self._by_class(branches):
            columns: dict[str, Iterable[Any]] = {"class": repeat(component.name)}
            columns |= _columns(self._network, self._network.tables[component.table], rows)
            if component is SWITCH:
                columns["open"] = map(_CODES.__getitem__, self._open[rows].tolist())
            elif component is AC_LINE_SEGMENT:
                columns["geometry"] = self._geometry(rows)
            columns["branch"] = branches[places].tolist()
            for place, record in zip(places, _rows(columns), strict=True):
                found[place] = record
        return found

    def _geometry(self, rows: NDArray[np.int32]) -> Iterator[list[tuple[float, float]]]:
        taken = self._network.line_geometry.take(rows)
        points = list(map(tuple, taken.coordinates.tolist()))
        return (points[start:end] for start, end in pairwise(taken.offsets.tolist()))

    def _by_class(self, branches: Ints) -> Iterator[tuple[Component, list[int], NDArray[np.int32]]]:
        """Each class among the branches, where in the list it stands, and its rows."""
        classes, rows = self._network.branch_class[branches], self._network.branch_row[branches]
        for code, component in enumerate(BRANCH_COMPONENTS):
            places = np.flatnonzero(classes == code)
            if places.size:
                yield component, places.tolist(), rows[places]

    def _equipment(self, nodes: Ints) -> list[list[Attributes]]:
        """The one-terminal equipment of each node: sources, then consumers."""
        network = self._network
        found: list[list[Attributes]] = [[] for _ in nodes]
        for place, record in self._at(network.sources, *_rows_of(self._sources, nodes)):
            found[place].append(record)
        places, consumers = _rows_of(network.consumers["node"], nodes)
        metered: list[list[Attributes]] = [[] for _ in consumers]
        owners, usage_points = _rows_of(self._usage_points, consumers)
        for owner, record in zip(owners, _records(network, network.usage_points, usage_points), strict=True):
            metered[owner].append({key: value for key, value in record.items() if key != "consumer"})
        for (place, record), points in zip(self._at(network.consumers, places, consumers), metered, strict=True):
            found[place].append({**record, "usage_points": points})
        return found

    def _at(self, table: Table, places: list[int], rows: Ints) -> Iterator[tuple[int, Attributes]]:
        """Rows of one-terminal equipment as attributes, each with its place."""
        for place, record in zip(places, _records(self._network, table, rows), strict=True):
            del record["node"]
            yield place, {"class": table.component.name, **record}


def _rows_of(ascending: NDArray[np.int32], values: Ints) -> tuple[list[int], Ints]:
    """Rows whose column, which ascends, holds one of the values, value by value; and which of them each has."""
    first = np.searchsorted(ascending, values, "left")
    counts = np.searchsorted(ascending, values, "right") - first
    place = np.repeat(np.arange(len(values)), counts)
    rows = np.arange(len(place)) + (first - np.concatenate(([0], np.cumsum(counts)[:-1])))[place]
    return place.tolist(), rows.astype(np.int32)


# --- from attributes to tables --------------------------------------------------------------------------------


class _Reader:
    """Columns of a graph, value by value; every complaint says where it was."""

    def __init__(self) -> None:
        self._columns: dict[str, dict[str, list[object]]] = {}
        self._extras: dict[str, list[dict[str, object]]] = {}
        self._components: dict[str, Component] = {}
        self._rows: dict[str, dict[str, int]] = {"nodes": {}, "substations": {}}
        self._lines: list[list[tuple[float, float]]] = []

    def tables(self) -> dict[str, Table]:
        """What was read, as tables in the order of reading."""
        return {
            name: Table(self._components[name], columns, extras.from_records(self._extras[name]))
            for name, columns in self._columns.items()
        }

    def line_geometry(self) -> LineStrings:
        """One a line."""
        offsets = np.cumsum([0, *map(len, self._lines)]).astype(np.int64)
        points = [point for line in self._lines for point in line]
        return LineStrings(offsets, np.array(points, dtype=np.float64).reshape(-1, 2))

    def read_substations(self, graph: AnyGraph) -> None:
        self._begin(SUBSTATION)
        for attributes in _listed(graph.graph, "substations", "the graph"):
            where = f"substation {attributes.get('mrid')!r}"
            mrid = self._add(SUBSTATION, where, attributes)
            self._rows["substations"][mrid] = len(self._rows["substations"])

    def read_feeders(self, graph: AnyGraph) -> None:
        self._begin(FEEDER)
        for attributes in _listed(graph.graph, "feeders", "the graph"):
            self._add(FEEDER, f"feeder {attributes.get('mrid')!r}", attributes)

    def read_nodes(self, graph: AnyGraph) -> None:
        """Nodes and what stands on them."""
        for component in (CONNECTIVITY_NODE, ENERGY_SOURCE, ENERGY_CONSUMER, USAGE_POINT):
            self._begin(component)
        for label, attributes in graph.nodes(data=True):
            where = f"node {label!r}"
            known = _own_mrid(where, label, attributes)
            known.pop("equipment", None)
            self._rows["nodes"][self._add(CONNECTIVITY_NODE, where, known)] = len(self._rows["nodes"])
        for label, attributes in graph.nodes(data=True):
            for each in _listed(attributes, "equipment", f"node {label!r}"):
                self._read_equipment(label, each)

    def _read_equipment(self, node: str, attributes: Mapping[str, object]) -> None:
        where = f"equipment {attributes.get('mrid')!r} of node {node!r}"
        component = _class_of(where, attributes, (ENERGY_SOURCE, ENERGY_CONSUMER))
        known = {key: value for key, value in attributes.items() if key != "class"}
        row = self._rows["nodes"][node]
        if component is ENERGY_SOURCE:
            self._add(component, where, known, node=row)
            return
        usage_points = _listed(attributes, "usage_points", where)
        known.pop("usage_points", None)
        consumer = len(self._columns[ENERGY_CONSUMER.table]["mrid"])
        self._add(component, where, known, node=row)
        for each in usage_points:
            self._add(USAGE_POINT, f"usage point {each.get('mrid')!r} of {where}", each, consumer=consumer)

    def read_edges(self, graph: AnyGraph) -> None:
        """Lines, switches and transformers, in branch order where they have one, then in the graph's."""
        for component in BRANCH_COMPONENTS:
            self._begin(component)
        edges = [
            (_branch_order(f"edge {(u, v, key)!r}", attributes), u, v, key, attributes)
            for u, v, key, attributes in graph.edges(keys=True, data=True)  # type: ignore[call-overload]
        ]
        for _, u, v, key, attributes in sorted(edges, key=lambda edge: edge[0]):
            self._read_edge(u, v, key, attributes)

    def _read_edge(self, u: str, v: str, key: object, attributes: Mapping[str, object]) -> None:
        where = f"edge {(u, v, key)!r}"
        known = _own_mrid(where, key, attributes)
        component = _class_of(where, attributes, BRANCH_COMPONENTS)
        ends = known.pop("node1", u), known.pop("node2", v)
        if ends not in ((u, v), (v, u)):
            raise NetworkError(f"{where}: node1 and node2 are {ends[0]!r} and {ends[1]!r}, which are not its ends")
        known.pop("class")
        known.pop("branch", None)
        if component is SWITCH:
            known.pop("open", None)
        node1, node2 = (self._rows["nodes"][str(end)] for end in ends)
        if component is AC_LINE_SEGMENT:
            geometry = known.pop("geometry", None)
            self._lines.append(self._straight(node1, node2) if geometry is None else _points(where, geometry))
        self._add(component, where, known, node1=node1, node2=node2)

    def _straight(self, *rows: int) -> list[tuple[float, float]]:
        nodes = self._columns["nodes"]
        start, end = (np.array([[nodes["lng"][row], nodes["lat"][row]]], np.float64) for row in rows)
        return [(lng, lat) for lng, lat in LineStrings.between(start, end).coordinates.tolist()]

    def _begin(self, component: Component) -> None:
        self._components[component.table] = component
        self._columns[component.table] = {declared.name: [] for declared in component.fields}
        self._extras[component.table] = []

    def _add(self, component: Component, where: str, attributes: Mapping[str, object], **given: int) -> str:
        """One row; returns its mrid. given: columns that are no attributes, as rows."""
        declared_names = {declared.name for declared in component.fields}
        for key in attributes:
            if (key not in declared_names and key != "extras") or key in given:
                raise NetworkError(f"{where}: {component.name} has no attribute {key!r}")
        self._extras[component.table].append(_extras_given(where, attributes.get("extras", {})))
        columns = self._columns[component.table]
        for declared in component.fields:
            value: object = declared.default
            if declared.name in given:
                value = given[declared.name]
            elif declared.name in attributes:
                value = self._value(where, declared, attributes[declared.name])
            elif value is None:
                raise NetworkError(f"{where}: attribute {declared.name!r} is missing")
            columns[declared.name].append(value)
        return str(columns["mrid"][-1])

    def _value(self, where: str, declared: Field, value: object) -> object:
        if declared.kind == "text":
            return _text(where, declared, value)
        if declared.kind == "row":
            return self._row(where, declared, value)
        if declared.kind == "phases":
            return _mask(where, declared, value)
        if declared.kind == "flag":
            if not isinstance(value, bool | np.bool_):
                raise _wrong(where, declared.name, value, "must be True or False")
            return bool(value)
        return _number(where, declared, value)

    def _row(self, where: str, declared: Field, value: object) -> int:
        if value is None and declared.low < 0:
            return -1
        target = _TARGETS[declared.name]
        row = self._rows[target].get(value) if isinstance(value, str) else None
        if row is None:
            raise _wrong(where, declared.name, value, f"is not the mrid of any of the {target}")
        return row


def _wrong(where: str, attribute: str, value: object, rule: str) -> NetworkError:
    return NetworkError(f"{where}: {attribute} is {value!r}; it {rule}")


def _own_mrid(where: str, label: object, attributes: Mapping[str, object]) -> dict[str, object]:
    """The attributes with `mrid`, which is the node's name or the edge's key."""
    if not isinstance(label, str) or not label:
        raise NetworkError(f"{where} has the name {label!r}; it must be an mrid, which is text")
    if attributes.get("mrid", label) != label:
        raise _wrong(where, "mrid", attributes["mrid"], f"must be {label!r}, as the graph has it")
    return {**attributes, "mrid": label}


def _class_of(where: str, attributes: Mapping[str, object], among: Sequence[Component]) -> Component:
    for component in among:
        if attributes.get("class") == component.name:
            return component
    names = ", ".join(component.name for component in among)
    if "class" not in attributes:
        raise NetworkError(f"{where}: attribute 'class' is missing; it must be one of {names}")
    raise _wrong(where, "class", attributes["class"], f"must be one of {names}")


def _extras_given(where: str, value: object) -> dict[str, object]:
    if not isinstance(value, Mapping):
        raise _wrong(where, "extras", value, "must be a dictionary")
    for name, each in value.items():
        try:
            extras.check_name(str(name))
        except extras.ExtraError as error:
            raise NetworkError(f"{where}: {error}") from error
        finite = isinstance(each, _REAL) and not isinstance(each, bool) and bool(np.isfinite(each))
        if not finite and (not isinstance(each, str) or "\0" in each):
            raise _wrong(where, f"extras.{name}", each, "must be text or a finite number")
    return dict(value)


def _listed(attributes: Mapping[str, object], name: str, where: str) -> list[Mapping[str, object]]:
    """A list of dictionaries among the attributes, empty where it is left out."""
    found = attributes.get(name, [])
    if not isinstance(found, list | tuple) or not all(isinstance(each, Mapping) for each in found):
        raise _wrong(where, name, found, "must be a list of dictionaries")
    return list(found)


def _branch_order(where: str, attributes: Mapping[str, object]) -> int:
    branch = attributes.get("branch", sys.maxsize)
    if not isinstance(branch, int) or isinstance(branch, bool):
        raise _wrong(where, "branch", branch, "must be a whole number")
    return branch


def _points(where: str, value: object) -> list[tuple[float, float]]:
    rule = "must be a list of (lng, lat) in degrees, EPSG:4326"
    if not isinstance(value, Iterable) or isinstance(value, str):
        raise _wrong(where, "geometry", value, rule)
    points = []
    for point in value:
        match point:
            case [int() | float() as lng, int() | float() as lat] if abs(lng) <= 180 and abs(lat) <= 90:
                points.append((float(lng), float(lat)))
            case _:
                raise _wrong(where, "geometry", value, rule)
    return points


def _text(where: str, declared: Field, value: object) -> str:
    if not isinstance(value, str):
        raise _wrong(where, declared.name, value, "must be text")
    if declared.name == "mrid" and not value:
        raise _wrong(where, declared.name, value, "must not be empty")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise _wrong(where, declared.name, value, "must be Unicode text") from None
    return value


def _mask(where: str, declared: Field, value: object) -> int:
    if value == "" and declared.low == 0:
        return 0
    if not isinstance(value, str):
        raise _wrong(where, declared.name, value, "must be phases as text, such as 'ABC'")
    try:
        return phases.code_to_mask(value)
    except phases.PhaseError as error:
        raise NetworkError(f"{where}: {declared.name}: {error}") from error


def _number(where: str, declared: Field, value: object) -> float:
    """A `count` or a `real`; None, and a real that is no number, are what is not known."""
    real = declared.kind == "real"
    if value is None and isinstance(declared.default, int | float):
        return declared.default
    if isinstance(value, bool) or not isinstance(value, _REAL if real else _WHOLE):
        raise _wrong(where, declared.name, value, "must be a number" if real else "must be a whole number")
    if real and value != value:
        return float("nan")
    largest = sys.float_info.max if real else np.iinfo(np.int32).max
    low, high = max(declared.low, -largest), min(declared.high, largest)
    if not low <= value <= high:
        raise _wrong(where, declared.name, value, f"must lie in {low:g} … {high:g} {declared.unit}".rstrip())
    return float(value) if real else int(value)
