"""Every attribute of every feature, against a plain look at the tables."""

import math

import numpy as np
import pytest

from tests.tiles import reader
from tests.tiles.grids import snapshot, town
from tiles.layers import FIELDS, LAYER_NAMES, NAMES_ZOOM
from tiles.mercator import lnglat_to_tile
from tiles.source import TileSource
from twin import phases
from twin.elements import element_of_feature
from twin.network import Network
from twin.state import Snapshot

CENTRE = (9.0, 48.0)


def supplied(own: int, energized: int) -> int:
    live = own & energized & 7
    return 0 if live == 0 else 2 if live == own & 7 else 1


def expected(network: Network, state: Snapshot, layer: str, row: int) -> dict[str, object]:
    """Attributes by the definitions, one element at a time."""
    table, volts = network.tables["nodes"], network.nodes["nominal_voltage_v"]
    feeders = network.feeders
    element = element_of_feature(network, layer, row + 1)
    found: dict[str, object] = {"id": row + 1, "mrid": network.tables[element.component.table]["mrid"][element.row]}
    found["name"] = network.tables[element.component.table]["name"][element.row]
    if layer == "substations":
        nodes = np.flatnonzero(table["substation"] == row).tolist()
        own = live = 0
        for node in nodes:
            live |= int(state.energized[node])
            for branch in range(network.graph.branch_count):
                if node in (network.graph.branch_u[branch], network.graph.branch_v[branch]):
                    own |= int(network.graph.branch_phases[branch])
        mine = np.flatnonzero(feeders["substation"] == row)
        members = np.isin(network.node_feeder[network.consumers["node"]], mine)
        found |= {"class": "Substation", "kv": np.fmax.reduce(volts[nodes]) / 1000, "customers": 0}
        found |= {"customers": int(network.consumer_customers[members].sum()), "energized": supplied(own, live)}
        found["phases"] = phases.mask_to_code(own)
    elif layer == "meters":
        consumer = int(network.meters.consumer[row])
        node, own = int(network.consumers["node"][consumer]), int(network.consumers["phases"][consumer])
        found |= {"class": element.component.name, "kv": volts[node] / 1000, "phases": phases.mask_to_code(own)}
        found |= {"customers": int(network.meters.customers[row])}
        found["energized"] = supplied(own, int(state.energized[node]))
        if network.node_feeder[node] >= 0:
            found["feeder"] = feeders["name"][network.node_feeder[node]]
    else:
        branch = network.branch_of(element)
        assert branch is not None
        record = network.tables[layer].record(row)
        kv = [volts[record["node1"]] / 1000, volts[record["node2"]] / 1000]
        own = int(record["phases"])  # type: ignore[arg-type]
        found |= {"class": record.get("kind") or element.component.name, "phases": phases.mask_to_code(own)}
        found["kv"] = kv[1] if math.isnan(kv[0]) else kv[0]
        found["customers"] = int(network.branch_customers[branch])
        found["energized"] = supplied(own, int(state.branch_energized[branch]))
        if network.branch_feeder[branch] >= 0:
            found["feeder"] = feeders["name"][network.branch_feeder[branch]]
        if layer == "lines":
            found["length_m"] = record["length_m"]
        if layer == "switches":
            found["open"] = (int(state.state.open[row]) & own) != 0
            found["normal_open"] = (int(record["normal_open"]) & own) != 0  # type: ignore[arg-type]
        if layer == "transformers":
            found["kv"] = np.fmax(*kv)
            found["rated_kva"] = network.transformers["rated_power_va"][row] / 1000
    return {
        key: value
        for key, value in found.items()
        if value is not None and value != "" and not (isinstance(value, float) and math.isnan(value))
    }


@pytest.mark.parametrize(("seed", "uuids"), [(1, False), (2, True), (3, False)])
def test_every_attribute_of_every_feature(seed: int, uuids: bool) -> None:
    network = town(seed, uuids=uuids, size=0.002)
    source, state = TileSource(network), snapshot(network, seed)
    x, y = (int(part) for part in lnglat_to_tile(*CENTRE, NAMES_ZOOM))
    seen = dict.fromkeys(LAYER_NAMES, 0)
    for column in (x - 1, x, x + 1):
        for row in (y - 1, y, y + 1):
            for name, layer in reader.read(source.tile("grid", NAMES_ZOOM, column, row, state).data).items():
                for feature in layer.features:
                    assert feature.properties == expected(network, state, name, feature.id - 1)
                    assert feature.properties["id"] == feature.id
                    assert set(feature.properties) <= set(FIELDS[name])
                    seen[name] += 1
    assert min(seen.values()) >= 1
    assert seen["meters"] > 100


def test_zoomed_out_there_are_no_mrids_and_no_names() -> None:
    network = town()
    x, y = (int(part) for part in lnglat_to_tile(*CENTRE, 13))
    layers = reader.read(TileSource(network).tile("grid", 13, x, y, snapshot(network)).data)
    properties = [feature.properties for layer in layers.values() for feature in layer.features]
    assert not any("mrid" in each or "name" in each for each in properties)


def test_a_switch_without_a_first_place_stands_at_its_second() -> None:
    network = town()
    source = TileSource(network)
    layer = next(layer for layer in source.layers if layer.name == "switches")
    first = network.node_lnglat[network.switches["node1"]]
    second = network.node_lnglat[network.switches["node2"]]
    placed = ~(np.isnan(first).any(axis=1) & np.isnan(second).any(axis=1))
    assert sorted(layer.index.row.tolist()) == np.flatnonzero(placed).tolist()
    assert (np.isnan(first).any(axis=1) & placed).any()
