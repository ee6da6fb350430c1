"""Layers as GeoDataFrames, against the tiles and a plain look at the tables."""

from __future__ import annotations

import geopandas
import numpy as np
import pandas as pd
import pytest
import shapely

from tests.tiles import reader
from tests.tiles.grids import snapshot, town
from tiles.frames import FRAME_NAMES, frame
from tiles.layers import FIELDS, LAYER_NAMES, NAMES_ZOOM
from tiles.mercator import lnglat_to_tile
from tiles.source import TileSource, UnknownLayer
from twin import phases
from twin.network import Network
from twin.state import Snapshot

CENTRE = (9.0, 48.0)


@pytest.fixture(scope="module")
def network() -> Network:
    return town(1, uuids=True)


@pytest.fixture(scope="module")
def state(network: Network) -> Snapshot:
    return snapshot(network, 1)


def known(row: pd.Series) -> dict[str, object]:
    """The attributes that are not null, as plain values."""
    return {
        key: value.item() if isinstance(value, np.generic) else value
        for key, value in row.items()
        if key != "geometry" and not pd.isna(value)
    }


@pytest.mark.parametrize("layer", LAYER_NAMES)
def test_a_frame_says_what_the_tiles_say(network: Network, state: Snapshot, layer: str) -> None:
    source, whole = TileSource(network), frame(network, state, layer)
    x, y = (int(part) for part in lnglat_to_tile(*CENTRE, NAMES_ZOOM))
    seen: set[int] = set()
    for column in range(x - 3, x + 4):
        for row in range(y - 3, y + 4):
            tile = source.tile("grid", NAMES_ZOOM, column, row, state, layers=[layer]).data
            for feature in reader.read(tile)[layer].features if tile else ():
                assert known(whole.iloc[feature.id - 1]) == feature.properties
                seen.add(feature.id)
    assert len(seen) > len(whole) / 2
    assert set(FIELDS[layer]) - {"feeder"} <= set(whole.columns)


def test_nodes_have_their_own_columns(network: Network, state: Snapshot) -> None:
    whole = frame(network, state, "nodes")
    for row in range(0, len(network.nodes), 7):
        around = (network.graph.branch_u == row) | (network.graph.branch_v == row)
        own = int(np.bitwise_or.reduce(network.graph.branch_phases[around]))
        live = own & int(state.energized[row]) & phases.ABC
        at = network.consumers["node"] == row
        record = whole.iloc[row]
        assert record["mrid"] == network.nodes["mrid"][row]
        assert record["phases"] == phases.mask_to_code(own)
        assert record["energized"] == (0 if live == 0 else 2 if live == own & phases.ABC else 1)
        assert record["customers"] == network.consumer_customers[at].sum()


@pytest.mark.parametrize("layer", FRAME_NAMES)
def test_some_rows_are_those_of_the_whole_in_the_order_asked_for(network: Network, state: Snapshot, layer: str) -> None:
    whole = frame(network, state, layer)
    rows = np.arange(len(whole))[::-3]
    some = frame(network, state, layer, rows)
    assert some["id"].tolist() == (rows + 1).tolist()
    assert some.reset_index(drop=True).equals(whole.iloc[rows].reset_index(drop=True))
    assert len(frame(network, state, layer, np.array([], dtype=np.int64))) == 0


@pytest.mark.parametrize("layer", FRAME_NAMES)
def test_what_has_no_place_is_there_without_one(network: Network, state: Snapshot, layer: str) -> None:
    whole = frame(network, state, layer)
    assert isinstance(whole, geopandas.GeoDataFrame)
    assert whole.crs == "EPSG:4326"
    if layer == "lines":
        placed = network.line_geometry.placed
    else:
        lnglat = {"nodes": network.node_lnglat, "substations": network.substation_lnglat}.get(layer)
        if lnglat is None:
            first = {
                "meters": lambda: network.consumers["node"][network.meters.consumer],
                "switches": lambda: network.switches["node1"],
                "transformers": lambda: network.transformers["node1"],
            }[layer]()
            second = first if layer == "meters" else network.tables[layer]["node2"]
            lnglat = np.fmax(network.node_lnglat[first], network.node_lnglat[second])
        placed = ~np.isnan(lnglat).any(axis=1)
    assert whole.geometry.notna().tolist() == placed.tolist()
    assert not placed.all() or layer not in ("lines", "meters", "nodes")


def test_lines_keep_every_vertex(network: Network, state: Snapshot) -> None:
    for row, shape in enumerate(frame(network, state, "lines").geometry):
        if shape is not None:
            assert np.array_equal(shapely.get_coordinates(shape), network.line_geometry[row])


def test_what_is_not_there_is_refused(network: Network, state: Snapshot) -> None:
    with pytest.raises(UnknownLayer, match=r"no layer 'poles'; there are lines, .*nodes"):
        frame(network, state, "poles")
    with pytest.raises(IndexError, match="switches has no row 4000; it has "):
        frame(network, state, "switches", np.array([0, 4000]))
    with pytest.raises(IndexError, match="no row -1"):
        frame(network, state, "switches", np.array([-1]))
    other = town(2)
    with pytest.raises(ValueError, match="another network"):
        frame(network, snapshot(other), "lines")
