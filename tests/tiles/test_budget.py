import gzip
from pathlib import Path

import numpy as np
import pytest
from pmtiles.reader import Reader as Archive

from benchmarks.tiles import CENTRE, city
from tests.tiles import reader
from tests.tiles.grids import snapshot
from tests.tiles.validator import problems
from tests.web.conftest import Client
from tiles.budget import COMPRESSED_LIMIT, Part, fit
from tiles.cache import compress
from tiles.export import Pyramid, export_pyramid
from tiles.index import TileBox
from tiles.mercator import lnglat_to_tile
from tiles.source import TileSource
from twin.components import CONNECTIVITY_NODE, ENERGY_CONSUMER, ENERGY_SOURCE, Table
from twin.engine import Twin
from twin.network import Network
from web.app import create_app
from web.settings import Settings


def part(priorities: list[int], size: list[int] | None = None, feature_bytes: float = 10) -> Part:
    return Part(
        np.array(priorities, dtype=np.uint8),
        None if size is None else np.array(size, dtype=np.int64),
        feature_bytes,
    )


def test_everything_that_fits_stays() -> None:
    kept = fit([part([0, 5, 7]), part([1], [9])], 40)
    assert [each.tolist() for each in kept] == [[0, 1, 2], [0]]


def test_the_least_important_go_first() -> None:
    kept = fit([part([7, 0, 5, 0]), part([1, 6], [9, 9])], 40)
    assert [each.tolist() for each in kept] == [[1, 2, 3], [0]]


def test_of_lines_the_longest_stay_and_points_are_thinned_evenly() -> None:
    assert fit([part([3] * 5, [5, 1, 9, 2, 8])], 30)[0].tolist() == [0, 2, 4]
    assert fit([part([3] * 8)], 40)[0].tolist() == [0, 2, 4, 6]


def test_nothing_to_choose_from() -> None:
    assert fit([], 10) == []
    assert [each.tolist() for each in fit([part([]), part([], [])], 10)] == [[], []]
    assert fit([part([1, 1])], 0)[0].tolist() == []


# --- a dense network ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def dense() -> TileSource:
    """40,000 meters on 50 km²."""
    return TileSource(city(40_000))


@pytest.mark.parametrize("z", range(10, 14))
def test_a_tile_of_a_dense_network_stays_small_and_says_what_it_leaves_out(dense: TileSource, z: int) -> None:
    x, y = (int(part) for part in lnglat_to_tile(*CENTRE, z))
    tile = dense.tile("grid", z, x, y, snapshot(dense.network))
    assert len(compress(tile.data)) <= COMPRESSED_LIMIT
    shown = reader.read(tile.data)
    partial = shown.pop("partial", reader.Layer("partial", 4096, []))
    said = {feature.properties["layer"]: feature.properties["left_out"] for feature in partial.features}
    kept: list[int] = []
    dropped: list[int] = []
    for layer in dense.layers:
        here = layer.select(TileBox.of(z, x, y)).entries
        rows, priority = layer.index.row[here], layer.priority[here]
        there = np.isin(rows + 1, [feature.id for feature in shown[layer.name].features] if layer.name in shown else [])
        assert np.count_nonzero(~there) == said.get(layer.name, 0)
        kept += priority[there].tolist()
        dropped += priority[~there].tolist()
    assert tile.left_out == len(dropped)
    assert not dropped or max(kept) <= min(dropped), "nothing is left out that matters more than what stays"
    if z == 10:
        assert dropped and len(compress(tile.data)) > COMPRESSED_LIMIT * 0.6, "and not much more than has to be"


@pytest.fixture(scope="module")
def packed() -> TileSource:
    """14,000 meters on a tile of zoom 14, each with an id and a name that do not compress."""
    count = 14_000
    random = np.random.default_rng(3)
    names = ["".join(map(chr, each)) for each in random.integers(0x4E00, 0x9FFF, (2 * count + 2, 16)).tolist()]
    lng, lat = (random.uniform(low, low + 0.01, count + 1) for low in CENTRE)
    nodes = {"mrid": [f"n{row}" for row in range(count + 1)], "lng": lng, "lat": lat}
    at = np.arange(count)
    return TileSource(
        Network.from_tables(
            "packed",
            {
                "nodes": Table(CONNECTIVITY_NODE, nodes),
                "sources": Table(ENERGY_SOURCE, {"mrid": ["grid"], "node": [0]}),
                "consumers": Table(
                    ENERGY_CONSUMER, {"mrid": names[:count], "name": names[count : 2 * count], "node": at}
                ),
            },
        )
    )


@pytest.mark.parametrize("z", [10, 13, 14, 16])
def test_names_and_ids_do_not_make_a_tile_too_large(packed: TileSource, z: int) -> None:
    x, y = (int(part) for part in lnglat_to_tile(CENTRE[0] + 0.005, CENTRE[1] + 0.005, z))
    tile = packed.tile("grid", z, x, y, snapshot(packed.network))
    assert problems(tile.data) == []
    assert len(compress(tile.data)) <= COMPRESSED_LIMIT
    shown = reader.read(tile.data)
    assert (tile.left_out > 0) == ("partial" in shown) == (z == 14)
    if z == 14:
        whole = len(packed.layers[-1].select(TileBox.of(z, x, y)).entries)
        (said,) = shown["partial"].features
        assert said.properties["left_out"] == tile.left_out == whole - len(shown["meters"].features)
        assert len(compress(tile.data)) > COMPRESSED_LIMIT * 0.6


@pytest.mark.parametrize("z", [10, 11, 12])
def test_with_the_cells_in_it_an_exported_tile_is_no_larger(dense: TileSource, tmp_path: Path, z: int) -> None:
    """What archives hold is one tile for all tilesets; it makes room for the cells, and says what it leaves out."""
    state, path = snapshot(dense.network), tmp_path / "city.pmtiles"
    exported = export_pyramid(dense, state, path, Pyramid.within(("grid", "hexes"), minzoom=z, maxzoom=z), cores=1)
    archive = path.read_bytes()
    archived = Archive(lambda offset, size: archive[offset : offset + size])
    x, y = (int(part) for part in lnglat_to_tile(*CENTRE, z))
    tile = archived.get(z, x, y)
    assert tile is not None
    assert len(tile) <= COMPRESSED_LIMIT
    layers = reader.read(gzip.decompress(tile))
    cells = dense.tile("hexes", z, x, y, state).data
    assert layers["hexes"] == reader.read(cells)["hexes"]
    alone = dense.tile("grid", z, x, y, state)
    said = sum(int(each.properties["left_out"]) for each in layers["partial"].features) if "partial" in layers else 0
    assert said >= alone.left_out
    assert exported.left_out >= said
    assert (exported.partial > 0) == (exported.left_out > 0)
    if z == 10:
        assert said > alone.left_out > 0, "the cells take room"


def test_an_answer_says_what_its_tile_leaves_out(dense: TileSource) -> None:
    client = Client(create_app(Twin(dense.network), Settings(threads=2)))
    x, y = (int(part) for part in lnglat_to_tile(*CENTRE, 10))
    tile = dense.tile("grid", 10, x, y, snapshot(dense.network))
    answer = client.get(f"/tiles/grid/10/{x}/{y}.mvt")
    assert answer.headers["Gridtwin-Left-Out"] == str(tile.left_out)
    assert answer.content == tile.data
    x, y = (int(part) for part in lnglat_to_tile(*CENTRE, 14))
    assert "Gridtwin-Left-Out" not in client.get(f"/tiles/grid/14/{x}/{y}.mvt").headers
    client.close()
