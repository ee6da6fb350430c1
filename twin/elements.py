"""One element as people and programs read it: attributes, place, supply, neighbours."""

from __future__ import annotations

import numpy as np

from twin import phases
from twin.components import (
    AC_LINE_SEGMENT,
    BRANCH_COMPONENTS,
    CONNECTIVITY_NODE,
    ENERGY_CONSUMER,
    ENERGY_SOURCE,
    FEEDER,
    POWER_TRANSFORMER,
    SUBSTATION,
    SWITCH,
    USAGE_POINT,
    Component,
)
from twin.extras import extra_record
from twin.mrids import Element
from twin.network import Network
from twin.state import Snapshot, supply

LAYERS = {
    "lines": AC_LINE_SEGMENT,
    "substations": SUBSTATION,
    "switches": SWITCH,
    "transformers": POWER_TRANSFORMER,
    "meters": ENERGY_CONSUMER,
}
"""Tile layers and the class behind each; a meter is a usage point where its consumer has any."""

NEIGHBOUR_LIMIT = 100
"""How many neighbours a card lists; the card says when there are more."""

_TOPOLOGICAL = {"node", "node1", "node2", "head_node", "substation", "consumer", "circuit", "lng", "lat"}


class NoSuchFeature(LookupError):
    """A layer, or a feature id in it, that does not exist."""

    def __init__(self, layer: str, feature_id: int) -> None:
        super().__init__(f"layer {layer!r} has no feature {feature_id}")
        self.layer, self.id = layer, feature_id


def element_of_feature(network: Network, layer: str, feature_id: int) -> Element:
    """The element behind a tile feature; raises NoSuchFeature."""
    if layer not in LAYERS:
        raise NoSuchFeature(layer, feature_id)
    row = feature_id - 1
    if layer == "meters":
        if 0 <= row < len(network.meters):
            usage_point = int(network.meters.usage_point[row])
            if usage_point >= 0:
                return Element(USAGE_POINT, usage_point)
            return Element(ENERGY_CONSUMER, int(network.meters.consumer[row]))
    elif 0 <= row < len(network.tables[LAYERS[layer].table]):
        return Element(LAYERS[layer], row)
    raise NoSuchFeature(layer, feature_id)


def feature_of_element(network: Network, element: Element) -> tuple[str, int] | None:
    """Layer and feature id under which tiles show an element; None for a class that has no layer."""
    if element.component is USAGE_POINT:
        consumers = network.usage_points["consumer"]
        consumer = consumers[element.row]
        nth = element.row - int(np.searchsorted(consumers, consumer))
        return "meters", int(np.searchsorted(network.meters.consumer, consumer)) + nth + 1
    if element.component is ENERGY_CONSUMER:
        return "meters", int(np.searchsorted(network.meters.consumer, element.row)) + 1
    for layer, component in LAYERS.items():
        if component is element.component:
            return layer, element.row + 1
    return None


def node_of(network: Network, element: Element) -> int | None:
    """The connectivity node of an element, terminal 1 of a branch; None for a substation."""
    table, row = network.tables[element.component.table], element.row
    if element.component is CONNECTIVITY_NODE:
        return row
    if element.component is SUBSTATION:
        return None
    if element.component is USAGE_POINT:
        return int(network.consumers["node"][table["consumer"][row]])
    if element.component is FEEDER:
        return int(table["head_node"][row])
    if element.component in (ENERGY_CONSUMER, ENERGY_SOURCE):
        return int(table["node"][row])
    return int(table["node1"][row])


def place(network: Network, element: Element) -> tuple[float, float] | None:
    """lng and lat in degrees where the element is put on the map, the middle of a line; None if it cannot be placed."""
    if element.component is AC_LINE_SEGMENT and len(network.line_geometry[element.row]):
        points = network.line_geometry[element.row]
        middle = points[len(points) // 2 - 1 : len(points) // 2 + 1].mean(axis=0)
        return float(middle[0]), float(middle[1])
    if element.component is SUBSTATION:
        lng, lat = network.substation_lnglat[element.row]
    else:
        node = node_of(network, element)
        assert node is not None
        lng, lat = network.node_lnglat[node]
        if np.isnan(lng) and element.component in BRANCH_COMPONENTS:
            lng, lat = network.node_lnglat[network.tables[element.component.table]["node2"][element.row]]
    return None if np.isnan(lng) or np.isnan(lat) else (float(lng), float(lat))


def geometry(network: Network, element: Element) -> dict[str, object] | None:
    """GeoJSON geometry (RFC 7946), None where the element cannot be placed."""
    if element.component is AC_LINE_SEGMENT:
        points = network.line_geometry[element.row]
        return {"type": "LineString", "coordinates": points.tolist()} if len(points) else None
    at = place(network, element)
    return None if at is None else {"type": "Point", "coordinates": list(at)}


def feeder_of(network: Network, element: Element) -> int:
    """Row of the feeder that an element belongs to, -1 for none."""
    if element.component is FEEDER:
        return element.row
    branch = network.branch_of(element)
    if branch is not None:
        return int(network.branch_feeder[branch])
    node = node_of(network, element)
    return -1 if node is None else int(network.node_feeder[node])


def feeder_name(network: Network, row: int) -> str:
    """Name of a feeder row, empty for -1."""
    return str(network.feeders["name"][row]) if row >= 0 else ""


def card(snapshot: Snapshot, element: Element) -> dict[str, object]:
    """Everything known about one element in a state, as JSON values."""
    network = snapshot.network
    table, row = network.tables[element.component.table], element.row
    record = table.record(row)
    feature = feature_of_element(network, element)
    whole: dict[str, object] = {
        "mrid": record["mrid"],
        "name": record["name"] if element.component is not CONNECTIVITY_NODE else record["mrid"],
        "class": _class_name(element, record),
        "layer": feature[0] if feature else None,
        "id": feature[1] if feature else None,
        "model": network.model,
        "revision": snapshot.revision,
        "attributes": _attributes(element.component, record) | extra_record(table.extras, row),
        "geometry": geometry(network, element),
        "feeder": _feeder(network, element),
        "substation": _substation(network, element),
    }
    whole |= _supply(snapshot, element)
    return whole | _around(network, element)


def _class_name(element: Element, record: dict[str, str | int | float | bool | None]) -> object:
    return record["kind"] if element.component is SWITCH else element.component.name


def _attributes(component: Component, record: dict[str, str | int | float | bool | None]) -> dict[str, object]:
    attributes: dict[str, object] = {}
    for declared in component.fields:
        if declared.name in _TOPOLOGICAL or declared.name in ("mrid", "name"):
            continue
        value = record[declared.name]
        if declared.kind == "phases" and isinstance(value, int):
            value = phases.mask_to_code(value)
        attributes[declared.name] = value
    return attributes


def _feeder(network: Network, element: Element) -> dict[str, object] | None:
    row = feeder_of(network, element)
    if row < 0:
        return None
    return {"mrid": str(network.feeders["mrid"][row]), "name": feeder_name(network, row)}


def _substation(network: Network, element: Element) -> str | None:
    table = network.tables[element.component.table]
    if "substation" in table:
        row = int(table["substation"][element.row])
    else:
        node = node_of(network, element)
        row = -1 if node is None else int(network.nodes["substation"][node])
    return str(network.substations["name"][row]) if row >= 0 else None


def _supply(snapshot: Snapshot, element: Element) -> dict[str, object]:
    """Energised phases, and of a switch its position; of a branch the customers behind it."""
    network = snapshot.network
    branch = network.branch_of(element)
    node = node_of(network, element)
    if branch is not None:
        own = network.graph.branch_phases[branch]
        live = int(snapshot.branches_energized(np.array([branch]))[0])
    elif node is not None:
        table = network.tables[element.component.table]
        own = table["phases"][element.row] if "phases" in table else network.normal_energized[node]
        if element.component is USAGE_POINT:
            own = network.consumers["phases"][table["consumer"][element.row]]
        live = int(snapshot.energized[node]) & int(own)
    else:
        return {}
    supplied: dict[str, object] = {
        "energized_phases": phases.mask_to_code(live),
        "energized": int(supply(np.array([own], np.uint8), np.array([live], np.uint8))[0]),
    }
    if branch is not None:
        supplied["customers_downstream"] = int(network.branch_customers[branch])
    if element.component is SWITCH:
        opened = int(snapshot.state.open[element.row])
        supplied |= {
            "open": opened != 0,
            "open_phases": phases.mask_to_code(opened),
            "normal_open": bool(network.switches["normal_open"][element.row]),
            "live_ends": snapshot.live_ends(element.row),
            "operable": bool(network.operable[element.row]),
        }
    if element.component is ENERGY_CONSUMER:
        supplied["customers"] = int(network.consumer_customers[element.row])
    return supplied


def _around(network: Network, element: Element) -> dict[str, object]:
    """Nodes at its terminals, and the branches and one-terminal equipment that share them."""
    node = node_of(network, element)
    if node is None:
        return {"nodes": [], "neighbours": [], "neighbours_left_out": 0}
    own = network.branch_of(element)
    ends = [node]
    if own is not None:
        ends = list(dict.fromkeys((int(network.graph.branch_u[own]), int(network.graph.branch_v[own]))))
    neighbours: list[dict[str, object]] = []
    for end in ends:
        at = str(network.nodes["mrid"][end])
        for other in _equipment(network, end):
            if other != element:
                mrid = str(network.tables[other.component.table]["mrid"][other.row])
                neighbours.append({"mrid": mrid, "class": other.component.name, "node": at})
    return {
        "nodes": [str(network.nodes["mrid"][end]) for end in ends],
        "neighbours": neighbours[:NEIGHBOUR_LIMIT],
        "neighbours_left_out": max(0, len(neighbours) - NEIGHBOUR_LIMIT),
    }


def _equipment(network: Network, node: int) -> list[Element]:
    graph = network.graph
    branches = graph.adjacent_branch[graph.indptr[node] : graph.indptr[node + 1]]
    found = [network.branch_element(int(branch)) for branch in branches]
    found += [
        Element(ENERGY_CONSUMER, row) for row in range(network.consumer_ptr[node], network.consumer_ptr[node + 1])
    ]
    sources = np.flatnonzero(network.sources["node"] == node)
    return found + [Element(ENERGY_SOURCE, int(row)) for row in sources]
