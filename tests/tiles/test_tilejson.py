from __future__ import annotations

import pytest

from tests.tiles import reader
from tests.tiles.grids import snapshot, town
from tiles.mercator import lnglat_to_tile
from tiles.source import TileSource, UnknownTileset


@pytest.mark.parametrize("tileset", ["grid", "hexes", "feeders"])
def test_it_says_what_the_tiles_hold(tileset: str) -> None:
    network = town()
    source = TileSource(network)
    document = source.tilejson("https://host/base", tileset)
    assert document["tilejson"] == "3.0.0"
    assert document["tiles"] == [f"https://host/base/tiles/{tileset}/{{z}}/{{x}}/{{y}}.mvt"]
    layers = document["vector_layers"]
    assert isinstance(layers, list)
    fields = {layer["id"]: set(layer["fields"]) for layer in layers}
    zoom = min(12, int(str(document["maxzoom"])))
    x, y = (int(part) for part in lnglat_to_tile(9.0, 48.0, zoom))
    for name, layer in reader.read(source.tile(tileset, zoom, x, y, snapshot(network)).data).items():
        for feature in layer.features:
            assert set(feature.properties) <= fields[name]
    bounds, centre = document["bounds"], document["center"]
    assert isinstance(bounds, list)
    assert isinstance(centre, list)
    assert bounds == pytest.approx(network.bounds)
    assert bounds[0] <= centre[0] <= bounds[2]
    assert bounds[1] <= centre[1] <= bounds[3]


def test_zooms_and_resolutions() -> None:
    source = TileSource(town())
    grid, hexes = (source.tilejson("", tileset) for tileset in ("grid", "hexes"))
    assert (grid["minzoom"], grid["maxzoom"]) == (10, 16)
    assert (hexes["minzoom"], hexes["maxzoom"]) == (0, 12)
    resolutions = hexes["resolutions"]
    assert isinstance(resolutions, dict)
    assert list(resolutions) == [str(zoom) for zoom in range(13)]
    assert list(resolutions.values()) == sorted(resolutions.values())


def test_a_query_goes_into_every_tiles_url() -> None:
    document = TileSource(town()).tilejson("", "grid", query="scenario=s1", version="1.0.7")
    assert document["tiles"] == ["/tiles/grid/{z}/{x}/{y}.mvt?scenario=s1"]
    assert document["version"] == "1.0.7"


def test_an_unknown_tileset() -> None:
    with pytest.raises(UnknownTileset):
        TileSource(town()).tilejson("", "roads")
