"""Whole tiles: nothing is lost, nothing is where it should not be."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import mapbox_vector_tile
import numpy as np
import pytest

from loaders.simbench import read_simbench
from tests.tiles import reader
from tests.tiles.grids import snapshot, town
from tiles import source as source_module
from tiles.index import TileBox
from tiles.layers import LAYER_NAMES
from tiles.mercator import TileAddressError, code_to_tile, lnglat_to_tile, tile_to_code
from tiles.source import TileSource, UnknownLayer, UnknownTileset
from tiles.stale import StaleIndex
from topology.trace import Options, Start, connected
from twin.components import CONNECTIVITY_NODE, ENERGY_CONSUMER, Table
from twin.network import Network
from twin.state import Snapshot

CENTRE = (9.0, 48.0)


@pytest.fixture(scope="module")
def network() -> Network:
    return town()


@pytest.fixture(scope="module")
def source(network: Network) -> TileSource:
    return TileSource(network)


def tiles_around(network: Network, z: int) -> list[tuple[int, int, int]]:
    """Every tile that may hold anything."""
    assert network.bounds is not None
    left, bottom, right, top = network.bounds
    x, y = lnglat_to_tile([left, right], [top, bottom], z)
    limit = 2**z - 1
    return [
        (z, column, row)
        for column in range(max(int(x[0]) - 1, 0), min(int(x[1]) + 1, limit) + 1)
        for row in range(max(int(y[0]) - 1, 0), min(int(y[1]) + 1, limit) + 1)
    ]


def tiles_of_places(network: Network, z: int) -> list[tuple[int, int, int]]:
    """The tiles that hold a placed node, a vertex of a line or a substation."""
    places = np.concatenate([network.node_lnglat, network.line_geometry.coordinates, network.substation_lnglat])
    places = places[~np.isnan(places).any(axis=1)]
    codes = np.unique(tile_to_code(*lnglat_to_tile(places[:, 0], places[:, 1], z)))
    return [(z, int(x), int(y)) for x, y in zip(*code_to_tile(codes), strict=True)]


def placed(network: Network) -> dict[str, set[int]]:
    """Ids of everything that has a place, by layer."""
    known = ~np.isnan(network.node_lnglat).any(axis=1)
    switches, transformers = network.switches, network.transformers
    found = {
        "lines": network.line_geometry.placed,
        "substations": ~np.isnan(network.substation_lnglat).any(axis=1),
        "switches": known[switches["node1"]] | known[switches["node2"]],
        "transformers": known[transformers["node1"]] | known[transformers["node2"]],
        "meters": known[network.consumers["node"][network.meters.consumer]],
    }
    return {name: set((np.flatnonzero(mask) + 1).tolist()) for name, mask in found.items()}


def all_ids(source: TileSource, state: Snapshot, tiles: list[tuple[int, int, int]]) -> dict[str, set[int]]:
    found: dict[str, set[int]] = {name: set() for name in LAYER_NAMES}
    for tile in tiles:
        for name, ids in reader.ids(source.tile("grid", *tile, state).data).items():
            found[name].update(ids)
    return found


@pytest.mark.parametrize("z", range(10, 17))
def test_all_tiles_together_hold_every_placed_element(network: Network, source: TileSource, z: int) -> None:
    tiles = tiles_of_places(network, z) if z > 14 else tiles_around(network, z)
    assert all_ids(source, snapshot(network), tiles) == placed(network)


@pytest.mark.parametrize("z", range(10, 17))
def test_nothing_leaves_the_buffer_and_every_tile_decodes(network: Network, source: TileSource, z: int) -> None:
    state = snapshot(network, 5)
    for tile in tiles_of_places(network, z)[:40]:
        data = source.tile("grid", *tile, state).data
        layers = reader.read(data)
        others = mapbox_vector_tile.decode(data, default_options={"y_coord_down": True})
        assert set(layers) == set(others)
        for name, layer in layers.items():
            assert layer.extent == 4096
            places = np.array([place for feature in layer.features for part in feature.parts for place in part])
            assert places.min() >= -64
            assert places.max() <= 4160
            assert [each["properties"] for each in others[name]["features"]] == [
                feature.properties for feature in layer.features
            ]


def test_simbench_is_whole_at_the_deepest_zoom(simbench_folder: Path) -> None:
    network, _ = read_simbench(simbench_folder)
    source, state = TileSource(network), Snapshot.of(network, snapshot(network).state)
    found: dict[str, set[int]] = {name: set() for name in LAYER_NAMES}
    for tile in tiles_of_places(network, 16):
        data = source.tile("grid", *tile, state).data
        for name, layer in mapbox_vector_tile.decode(data).items():
            found[name].update(feature["id"] for feature in layer["features"])
    assert found == placed(network)


def test_out_of_the_way_there_is_nothing(source: TileSource, network: Network) -> None:
    for tileset, z in (("grid", 10), ("grid", 16), ("hexes", 12)):
        assert source.tile(tileset, z, 3, 3, snapshot(network)) == source_module.Tile(b"", 0)


def test_wanted_layers_only(source: TileSource, network: Network) -> None:
    x, y = (int(part) for part in lnglat_to_tile(*CENTRE, 12))
    state = snapshot(network)
    whole = source.tile("grid", 12, x, y, state).data
    assert list(reader.read(whole)) == list(LAYER_NAMES)
    two = source.tile("grid", 12, x, y, state, layers=["meters", "lines"]).data
    assert list(reader.read(two)) == ["lines", "meters"]
    assert source.tile("grid", 12, x, y, state, layers=[]).data == b""


def test_bad_requests_say_what_is_wrong(source: TileSource, network: Network) -> None:
    state = snapshot(network)
    with pytest.raises(UnknownTileset, match="'roads'; there are grid, hexes"):
        source.tile("roads", 1, 0, 0, state)
    with pytest.raises(UnknownLayer, match="'hexes'; there are lines, "):
        source.tile("grid", 12, 0, 0, state, layers=["hexes"])
    for tileset, z, field in (("grid", 9, "z"), ("grid", 17, "z"), ("hexes", 13, "z"), ("hexes", -1, "z")):
        with pytest.raises(TileAddressError) as caught:
            source.tile(tileset, z, 0, 0, state)
        assert caught.value.field == field


def test_rows_may_be_kept_out(source: TileSource, network: Network) -> None:
    x, y = (int(part) for part in lnglat_to_tile(*CENTRE, 12))
    keep = {"lines": network.lines["length_m"] > 300}
    layers = reader.read(source.tile("grid", 12, x, y, snapshot(network), keep=keep).data)
    assert layers["lines"].features
    assert all(float(feature.properties["length_m"]) > 300 for feature in layers["lines"].features)
    whole = reader.read(source.tile("grid", 12, x, y, snapshot(network)).data)
    assert len(layers["meters"].features) == len(whole["meters"].features)


def test_single_phases(source: TileSource, network: Network) -> None:
    x, y = (int(part) for part in lnglat_to_tile(*CENTRE, 12))
    state = snapshot(network, 3)
    for feature in reader.read(source.tile("grid", 12, x, y, state, phases=2).data)["meters"].features:
        assert "B" in str(feature.properties["phases"])
        consumer = int(network.meters.consumer[feature.id - 1])
        live = int(state.energized[network.consumers["node"][consumer]]) & 2
        assert feature.properties["energized"] == live  # 2 all, 0 none: of one phase there is no part


def test_a_trace_is_a_layer(source: TileSource, network: Network) -> None:
    state = snapshot(network)
    start = Start(nodes=np.array([1], dtype=np.int32))
    trace = connected(network.graph, state.conducting, network.node_sources, start, Options())
    assert len(trace.nodes) > 10
    depth = dict(zip(trace.branches.tolist(), trace.branch_depth.tolist(), strict=True))
    flow = dict(zip(trace.branches.tolist(), trace.branch_flow.tolist(), strict=True))
    node_depth = dict(zip(trace.nodes.tolist(), trace.node_depth.tolist(), strict=True))
    node_phases = dict(zip(trace.nodes.tolist(), trace.node_phases.tolist(), strict=True))
    boundaries = set(trace.boundaries.tolist())
    seen = set()
    for tile in tiles_around(network, 12):
        for name, layer in reader.read(source.tile("grid", *tile, state, trace=trace).data).items():
            for feature in layer.features:
                seen.add((name, feature.id))
                properties = feature.properties
                if name in ("lines", "switches", "transformers"):
                    branch = int(
                        network.table_branches[("lines", "switches", "transformers").index(name)][feature.id - 1]
                    )
                    assert branch in depth or branch in boundaries
                    assert properties["flow"] == flow.get(branch, 0)
                    if branch in depth:
                        assert properties["depth"] == depth[branch]
                elif name == "meters":
                    node = int(network.consumers["node"][network.meters.consumer[feature.id - 1]])
                    assert (properties["depth"], properties["flow"]) == (node_depth[node], 0)
    meters = placed(network)["meters"]
    wanted = set()
    for row in range(len(network.meters)):
        consumer = int(network.meters.consumer[row])
        reached = node_phases.get(int(network.consumers["node"][consumer]), 0)
        if row + 1 in meters and reached & int(network.consumers["phases"][consumer]):
            wanted.add(row + 1)
    assert {row for name, row in seen if name == "meters"} == wanted
    lines = {int(network.branch_row[b]) + 1 for b in {*depth, *boundaries} if network.branch_class[b] == 0}
    assert {row for name, row in seen if name == "lines"} == lines & placed(network)["lines"]


def test_a_tile_that_would_be_too_large_says_what_it_leaves_out(monkeypatch: pytest.MonkeyPatch) -> None:
    network = town(2, branches=600, size=0.02)
    source, state = TileSource(network), snapshot(network)
    x, y = (int(part) for part in lnglat_to_tile(*CENTRE, 12))
    whole = reader.read(source.tile("grid", 12, x, y, state).data)
    assert "partial" not in whole
    size = len(source_module.igzip.compress(source.tile("grid", 12, x, y, state).data, 1))
    for share in (0.8, 0.3, 0.05):
        limit = int(size * share)
        monkeypatch.setattr(source_module, "COMPRESSED_LIMIT", limit)
        tile = source.tile("grid", 12, x, y, state)
        layers = reader.read(tile.data)
        left_out = {str(f.properties["layer"]): f.properties["left_out"] for f in layers["partial"].features}
        assert tile.left_out == sum(int(count) for count in left_out.values()) > 0
        for name in LAYER_NAMES:
            shown = len(layers[name].features) if name in layers else 0
            assert shown + int(left_out.get(name, 0)) == len(whole[name].features)
        assert len(source_module.igzip.compress(tile.data, 1)) <= limit
        assert "meters" in left_out
    assert source.tile("grid", 14, 4 * x, 4 * y, state).left_out == 0


def test_any_number_of_threads(source: TileSource, network: Network) -> None:
    states = [snapshot(network, seed) for seed in range(4)]
    work = [
        ("grid", *tile, state) for z in (10, 12, 13) for tile in tiles_of_places(network, z)[:6] for state in states
    ] + [("hexes", *tile, state) for z in (3, 9, 12) for tile in tiles_of_places(network, z) for state in states]
    alone = [source.tile(*arguments) for arguments in work]
    shared = TileSource(network)
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda arguments: shared.tile(*arguments), work)) == alone


def least(**tables: Table) -> Network:
    nodes = Table(CONNECTIVITY_NODE, {"mrid": ["n"], "lng": [9.0], "lat": [48.0]})
    return Network.from_tables("least", {"nodes": nodes, **tables})


def test_the_least_of_networks() -> None:
    at = tuple(int(part) for part in lnglat_to_tile(*CENTRE, 16))
    empty = least()
    state = snapshot(empty)
    assert TileSource(empty).tile("grid", 16, *at, state).data == b""
    assert TileSource(empty).tile("hexes", 0, 0, 0, state).data == b""
    one = least(consumers=Table(ENERGY_CONSUMER, {"mrid": ["c"], "node": [0]}))
    feature = reader.read(TileSource(one).tile("grid", 16, *at, snapshot(one)).data)["meters"].features[0]
    assert feature.properties == {
        "id": 1, "class": "EnergyConsumer", "phases": "ABC", "energized": 0, "customers": 1, "mrid": "c"
    }  # fmt: skip
    assert StaleIndex(one, TileSource(one)).changed(snapshot(one), snapshot(one), 1).tiles["grid"].tolist() == []


def test_the_snapshot_must_be_of_the_same_network(source: TileSource) -> None:
    with pytest.raises(ValueError, match="another network"):
        source.tile("grid", 10, 0, 0, snapshot(town()))


def test_a_tile_is_at_hand_where_all_but_the_state_is_kept_and_few(
    network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = TileSource(network)
    z, x, y = tiles_of_places(network, 9)[0]
    before, after = snapshot(network), snapshot(network, seed=1)
    assert not made.at_hand("hexes", z, x, y, before)
    assert "hexes" not in vars(made)  # and asking makes nothing
    assert made.tile("hexes", z, x, y, before).data
    assert made.at_hand("hexes", z, x, y, before)
    assert not made.at_hand("hexes", z, x, y, after)  # whose sums are not made so far
    made.tile("hexes", z, x, y, after)
    assert made.at_hand("hexes", z, x, y, after)
    assert not made.at_hand("hexes", 9, 0, 0, after)
    assert not made.tile("hexes", 9, 0, 0, after).data
    monkeypatch.setattr("tiles.hexes.FEW", 0)
    assert not made.at_hand("hexes", z, x, y, after)
    assert made.at_hand("hexes", 9, 0, 0, snapshot(network))  # nothing is in it in any state


def test_a_tile_of_elements_is_at_hand_where_they_are_few(
    source: TileSource, network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = snapshot(network)
    for z in (10, 13, 16):
        for tile in tiles_of_places(network, z)[:20]:
            held = sum(len(layer.features) for layer in reader.read(source.tile("grid", *tile, state).data).values())
            monkeypatch.setattr("tiles.source.FEW", held)  # the buffer's share is in the tile and not counted
            assert source.at_hand("grid", *tile, state), tile
            monkeypatch.setattr("tiles.source.FEW", -1)
            assert not source.at_hand("grid", *tile, state)
    world = TileBox.of(0, 0, 0)
    assert all(layer.index.about(world) == len(layer.index) for layer in source.layers)
