from __future__ import annotations

import numpy as np
import pytest
import shapely
from shapely import MultiLineString

from loaders.generate import generate
from tests.tiles import reader
from tests.tiles.grids import snapshot, town
from tiles.feeders import MAXZOOM, Feeders
from tiles.mercator import lnglat_to_unit
from tiles.source import TileSource
from twin import phases
from twin.components import AC_LINE_SEGMENT, CONNECTIVITY_NODE, ENERGY_SOURCE, FEEDER, SWITCH, Table
from twin.components import LINE as LINE_BRANCH
from twin.network import Network
from twin.state import Snapshot


@pytest.fixture(scope="module")
def network() -> Network:
    return generate(3_000, 12, 3)[0]


def tiles_at(source: TileSource, z: int) -> list[tuple[int, int]]:
    columns, rows = source.feeders.tiles_of(z, np.arange(len(source.network.feeders)))
    return sorted(set(zip(columns.tolist(), rows.tolist(), strict=True)))


def drawn(source: TileSource, z: int, state: Snapshot) -> dict[int, reader.Feature]:
    """Features by id; where several tiles show one, they say the same of it."""
    found: dict[int, reader.Feature] = {}
    for x, y in tiles_at(source, z):
        for feature in reader.read(source.tile("feeders", z, x, y, state).data)["feeders"].features:
            assert feature.properties == found.setdefault(feature.id, feature).properties
    return found


@pytest.mark.parametrize("z", range(MAXZOOM + 1))
def test_every_feeder_is_drawn_at_every_zoom(network: Network, z: int) -> None:
    features = drawn(TileSource(network), z, snapshot(network))
    assert sorted(features) == list(range(1, len(network.feeders) + 1))
    for number, feature in features.items():
        assert feature.properties["feeder"] == network.feeders["name"][number - 1]
        assert (feature.kind, feature.properties["energized"], feature.properties["customers_out"]) == (2, 2, 0)
        assert all(len(part) > 1 for part in feature.parts)
    assert sum(int(feature.properties["customers"]) for feature in features.values()) == network.customers


def test_what_is_drawn_lies_within_a_pixel_of_its_feeders_lines(network: Network) -> None:
    """And every vertex of these is within three of what is drawn, as what sticks out by a pixel is not."""
    source, z = TileSource(network), MAXZOOM
    feeder = network.branch_feeder[network.table_branches[LINE_BRANCH]]
    volts = network.nodes["nominal_voltage_v"][network.lines["node1"]]
    shown: dict[int, list[np.ndarray]] = {}
    for x, y in tiles_at(source, z):
        for feature in reader.read(source.tile("feeders", z, x, y, snapshot(network)).data)["feeders"].features:
            for part in feature.parts:
                shown.setdefault(feature.id - 1, []).append(np.array(part) + np.array([x, y]) * 4096)
    for row, parts in shown.items():
        lines = network.line_geometry.take(np.flatnonzero((feeder == row) & (volts >= 1_000)))
        unit = np.stack(lnglat_to_unit(lines.coordinates[:, 0], lines.coordinates[:, 1]), axis=1)
        real = unit * 2.0 ** (z + 12)
        vertices = np.concatenate(parts)
        apart = np.abs(vertices[:, None] - real[None]).max(axis=2)
        assert (apart.min(axis=1) <= 8).all()
        lines_drawn = MultiLineString([part.tolist() for part in parts])
        assert (shapely.distance(lines_drawn, shapely.points(real)) <= 24).all()
        assert len(vertices) < 0.6 * len(real)


@pytest.mark.parametrize("seed", range(6))
def test_supply_and_customers_follow_the_state(network: Network, seed: int) -> None:
    """Made from a change or from nothing, it is what plain Python counts."""
    before, after = snapshot(network), snapshot(network, seed + 1)
    feeders = Feeders(network)
    feeders.supply(before)
    live, anew = feeders.supply(after), Feeders(network).supply(after)
    assert np.array_equal(live.energized, anew.energized)
    assert np.array_equal(live.out, anew.out)
    out = [0] * len(network.feeders)
    consumers = network.consumers
    for node, own, customers in zip(consumers["node"], consumers["phases"], network.consumer_customers, strict=True):
        lost = network.normal_energized[node] & ~after.energized[node] & own & phases.ABC
        if lost and network.node_feeder[node] >= 0:
            out[network.node_feeder[node]] += int(customers)
    assert live.out.tolist() == out
    graph, lines = network.graph, network.table_branches[LINE_BRANCH]
    states: list[set[int]] = [set() for _ in out]
    for row, branch in enumerate(lines.tolist()):
        if network.nodes["nominal_voltage_v"][network.lines["node1"][row]] < 1_000:
            continue
        own = int(graph.branch_phases[branch]) & phases.ABC
        ends = after.energized[graph.branch_u[branch]] | after.energized[graph.branch_v[branch]]
        supplied = int(after.conducting[branch]) & int(ends) & own
        states[network.branch_feeder[branch]].add(2 if supplied == own else 1 if supplied else 0)
    assert live.energized.tolist() == [each.pop() if len(each) == 1 else 1 for each in states]


def test_a_town_of_any_kind_has_its_feeders_in_its_tiles() -> None:
    """Lines without voltage, with bends, some without a place."""
    for seed in range(4):
        network = town(seed)
        source = TileSource(network)
        feeder = network.branch_feeder[network.table_branches[LINE_BRANCH]]
        placed = set((feeder[network.line_geometry.placed & (feeder >= 0)] + 1).tolist())
        for z in (0, 6, MAXZOOM):
            assert set(drawn(source, z, snapshot(network, seed))) == placed


def line_network(lnglat: list[tuple[float, float]]) -> Network:
    """A source, a breaker, and one line through these places, a feeder."""
    places = [lnglat[0], *lnglat]
    count = len(places)
    return Network.from_tables(
        "line",
        {
            "nodes": Table(
                CONNECTIVITY_NODE,
                {
                    "mrid": [f"n{row}" for row in range(count)],
                    "lng": [place[0] for place in places],
                    "lat": [place[1] for place in places],
                    "nominal_voltage_v": [20e3] * count,
                },
            ),
            "switches": Table(SWITCH, {"mrid": ["B"], "node1": [0], "node2": [1], "kind": "Breaker"}),
            "lines": Table(
                AC_LINE_SEGMENT,
                {
                    "mrid": [f"l{row}" for row in range(1, count - 1)],
                    "node1": list(range(1, count - 1)),
                    "node2": list(range(2, count)),
                },
            ),
            "sources": Table(ENERGY_SOURCE, {"mrid": ["g"], "node": [0]}),
            "feeders": Table(FEEDER, {"mrid": ["F"], "name": [""], "head_mrid": ["B"], "head_node": [1]}),
        },
    )


def test_a_feeder_smaller_than_a_pixel_is_one() -> None:
    source = TileSource(line_network([(9.0, 48.0), (9.00001, 48.00001), (9.00002, 48.0)]))
    for z in range(MAXZOOM + 1):
        (feature,) = drawn(source, z, snapshot(source.network)).values()
        (part,) = feature.parts
        (x0, y0), (x1, y1) = part
        assert (abs(x1 - x0), abs(y1 - y0)) == (8, 0)
        assert feature.properties["feeder"] == "F"


def test_a_line_across_many_tiles_is_cut_at_their_edges() -> None:
    source = TileSource(line_network([(9.0, 48.0), (12.0, 50.0)]))
    tiles = tiles_at(source, MAXZOOM)
    assert len(tiles) > 10
    shown = 0
    for x, y in tiles:
        for feature in (
            reader.read(source.tile("feeders", MAXZOOM, x, y, snapshot(source.network)).data)
            .get("feeders", reader.Layer("feeders", 4096, []))
            .features
        ):
            shown += 1
            assert all(-64 <= value <= 4160 for part in feature.parts for point in part for value in point)
    assert shown > 10


def test_a_line_over_the_antimeridian_is_not_drawn_around_the_world() -> None:
    source = TileSource(line_network([(179.9, 0.0), (179.99, 0.0), (-179.99, 0.0)]))
    (feature,) = drawn(source, 0, snapshot(source.network)).values()
    assert all(x > 4000 for part in feature.parts for x, _ in part)


def test_nothing_to_draw() -> None:
    nodes = Table(CONNECTIVITY_NODE, {"mrid": ["n"], "lng": [0.0], "lat": [0.0]})
    source = TileSource(Network.from_tables("one node", {"nodes": nodes}))
    assert source.tile("feeders", 0, 0, 0, snapshot(source.network)).data == b""


def test_a_tile_is_at_hand_where_all_but_the_state_is_kept_and_little(
    network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = TileSource(network)
    before, after = snapshot(network), snapshot(network, 1)
    x, y = tiles_at(source, 8)[0]
    assert not source.at_hand("feeders", 8, x, y, before)
    assert source.tile("feeders", 8, x, y, before).data
    assert source.at_hand("feeders", 8, x, y, before)
    assert not source.at_hand("feeders", 8, x, y, after)  # whose supply is not worked out so far
    source.tile("feeders", 8, x, y, after)
    assert source.at_hand("feeders", 8, x, y, after)
    monkeypatch.setattr("tiles.feeders.FEW_BYTES", 0)
    assert not source.at_hand("feeders", 8, x, y, after)
