"""The pyramid conserves sums at every zoom, and every tile tells the same of a cell."""

from __future__ import annotations

from collections import defaultdict

import h3.api.basic_str as h3
import mapbox_vector_tile
import numpy as np
import pytest

from tests.tiles import reader
from tests.tiles.grids import snapshot, town
from tiles.hexes import FIELDS, RESOLUTIONS, HexPyramid
from tiles.mercator import code_to_tile, lnglat_to_tile, tile_to_code
from twin.network import Network
from twin.state import Snapshot, supply

Properties = dict[str, reader.Value]

PLACES = {"a town": (9.0, 48.0, 0.05), "the antimeridian": (180.0, -17.0, 0.0), "the far north": (15.0, 84.0, 0.3)}
COUNTS = ("customers", "meters", "transformers")


@pytest.fixture(scope="module", params=PLACES)
def network(request: pytest.FixtureRequest) -> Network:
    lng, lat, size = PLACES[request.param]
    if size:
        return town(3, 200, (lng, lat), size)
    return over_antimeridian()


def over_antimeridian() -> Network:
    """A town on both sides of 180°."""
    at_zero = town(3, 200, (0.0, -17.0), 0.5)
    tables = dict(at_zero.tables)
    lng = at_zero.nodes["lng"] + 180
    lng = np.where(lng > 180, lng - 360, lng)
    tables["nodes"] = at_zero.nodes.take(np.arange(len(at_zero.nodes)), lng=lng)
    return Network.from_tables("both sides", tables)


def tiles_near(pyramid: HexPyramid, z: int) -> list[tuple[int, int]]:
    """All tiles up to two away from any that holds a cell's centre."""
    centres = pyramid.level(z).centres
    bits = 31 - z
    count = 1 << z
    codes = set()
    for dx in (-2, -1, 0, 1, 2):
        for dy in (-2, -1, 0, 1, 2):
            x, y = ((centres.x >> bits) + dx) % count, (centres.y >> bits) + dy
            inside = (y >= 0) & (y < count)
            codes.update(tile_to_code(x[inside], y[inside]).tolist())
    return [(int(x), int(y)) for x, y in zip(*code_to_tile(sorted(codes)), strict=True)]


def cells_by_tile(pyramid: HexPyramid, z: int, state: Snapshot) -> dict[tuple[int, int], dict[str, Properties]]:
    found = {}
    for x, y in tiles_near(pyramid, z):
        data = pyramid.tile(z, x, y, state)
        features = reader.read(data)["hexes"].features if data else []
        assert len(mapbox_vector_tile.decode(data)["hexes"]["features"] if data else []) == len(features)
        found[x, y] = {str(feature.properties["h3"]): feature.properties for feature in features}
        assert len(found[x, y]) == len(features)
        for feature in features:
            places = np.array([place for part in feature.parts for place in part])
            assert places.min() >= -64
            assert places.max() <= 4160
    return found


@pytest.mark.parametrize("z", range(13))
def test_sums_over_owners_and_the_unplaced_are_the_networks(network: Network, z: int) -> None:
    pyramid, state = HexPyramid(network), snapshot(network, 8)
    owners: dict[str, Properties] = {}
    told: dict[str, list[Properties]] = defaultdict(list)
    for cells in cells_by_tile(pyramid, z, state).values():
        for cell, properties in cells.items():
            assert set(properties) <= set(FIELDS)
            assert properties["resolution"] == RESOLUTIONS[z] == h3.get_resolution(cell)
            if properties["owner"]:
                assert cell not in owners
                owners[cell] = properties
            told[cell].append({key: value for key, value in properties.items() if key != "owner"})
    assert set(owners) == set(told)
    assert len(owners) == len(pyramid.level(z))
    for cell, each in told.items():
        assert all(properties == each[0] for properties in each), cell
    sums = {key: sum(float(cell[key]) for cell in owners.values()) for key in (*COUNTS, "line_km", "rated_kva")}
    whole = {key: sums[key] + pyramid.unplaced[key] for key in sums}
    assert whole["customers"] == network.customers
    assert whole["meters"] == len(network.meters)
    assert whole["transformers"] == len(network.transformers)
    assert whole["line_km"] == pytest.approx(np.nansum(network.lines["length_m"]) / 1000, rel=1e-9)
    assert whole["rated_kva"] == pytest.approx(np.nansum(network.transformers["rated_power_va"]) / 1000, rel=1e-9)
    placed = ~np.isnan(network.node_lnglat[network.consumers["node"]]).any(axis=1)
    out = network.consumer_customers[state.consumers_out & placed].sum()
    assert sum(int(cell["customers_out"]) for cell in owners.values()) == out


@pytest.mark.parametrize("z", range(13))
def test_a_cell_is_in_every_tile_that_it_touches(network: Network, z: int) -> None:
    pyramid = HexPyramid(network)
    cells = cells_by_tile(pyramid, z, snapshot(network))
    for cell in pyramid.level(z).cells.tolist():
        boundary = np.array(h3.cell_to_boundary(f"{cell:x}"))
        for x, y in zip(*lnglat_to_tile(boundary[:, 1], boundary[:, 0], z), strict=True):
            assert f"{cell:x}" in cells[int(x), int(y)]


def test_each_element_is_in_the_cell_that_h3_says(network: Network) -> None:
    pyramid = HexPyramid(network)
    wanted: dict[str, int] = defaultdict(int)
    for consumer in range(len(network.consumers)):
        lng, lat = network.node_lnglat[network.consumers["node"][consumer]]
        if not np.isnan(lng):
            finest = h3.latlng_to_cell(lat, lng, RESOLUTIONS[-1])
            for resolution in range(RESOLUTIONS[-1] + 1):
                wanted[h3.cell_to_parent(finest, resolution)] += int(network.consumer_customers[consumer])
    for level in pyramid.levels:
        for cell, customers in zip(level.cells.tolist(), level.customers.tolist(), strict=True):
            assert wanted.get(f"{cell:x}", 0) == customers


def test_live_totals_from_the_change_are_those_from_everything(network: Network) -> None:
    pyramid = HexPyramid(network)
    for seed in range(12):
        state = snapshot(network, seed)
        made = pyramid.supply(state)
        fresh = HexPyramid(network).supply(state)
        assert pyramid.supply(state) is made
        for one, other in zip((*made.out, *made.energized), (*fresh.out, *fresh.energized), strict=True):
            assert one.tolist() == other.tolist()


def test_share_of_customers_with_all_their_phases() -> None:
    network = town(5)
    state, pyramid = snapshot(network, 1), HexPyramid(network)
    own, nodes = network.consumers["phases"], network.consumers["node"]
    placed = ~np.isnan(network.node_lnglat[nodes]).any(axis=1)
    live = network.consumer_customers[placed & (supply(own, state.energized[nodes]) == 2)].sum()
    earth = reader.read(pyramid.tile(0, 0, 0, state))["hexes"].features
    energized = [float(cell.properties["energized_share"]) * int(cell.properties["customers"]) for cell in earth]
    assert sum(energized) == pytest.approx(live)
    assert 0 < live < network.customers
    x, y = (int(part) for part in lnglat_to_tile(9.0, 48.0, 12))
    for cell in reader.read(pyramid.tile(12, x, y, state))["hexes"].features:
        assert ("energized_share" in cell.properties) == (cell.properties["customers"] != 0)


def test_around_a_pole_a_cell_is_a_band() -> None:
    network = town(3, 60, (20.0, 88.5), 0.4)
    pyramid, state = HexPyramid(network), snapshot(network)
    features = reader.read(pyramid.tile(0, 0, 0, state))["hexes"].features
    widths = [np.ptp([x for part in feature.parts for x, _ in part]) for feature in features]
    assert (
        sum(int(feature.properties["customers"]) for feature in features)
        == network.customers - pyramid.unplaced["customers"]
    )
    assert max(widths) >= 4096


def test_nothing_placed() -> None:
    at = town(1, 30)
    tables = {**at.tables, "nodes": at.nodes.take(np.arange(len(at.nodes)), lng=np.full(len(at.nodes), np.nan))}
    network = Network.from_tables("nowhere", tables)
    pyramid = HexPyramid(network)
    assert pyramid.unplaced["customers"] == network.customers
    assert pyramid.tile(0, 0, 0, snapshot(network)) == b""
