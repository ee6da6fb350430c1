"""GDAL's own MVT driver reads the tiles: counts, attributes, places."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest

from tests.tiles import reader
from tests.tiles.grids import snapshot, town
from tiles.mercator import lnglat_to_tile
from tiles.source import TileSource

pytestmark = pytest.mark.gdal


def converted(
    gdal_info: str, folder: Path, tile: tuple[int, int, int], data: bytes, layer: str
) -> list[dict[str, object]]:
    """A layer's features as GDAL sees them, in degrees."""
    z, x, y = tile
    file = folder / str(z) / str(x) / f"{y}.mvt"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(data)
    target = folder / f"{layer}.geojson"
    target.unlink(missing_ok=True)
    program = Path(gdal_info).with_name("ogr2ogr")
    arguments = [str(program), "-f", "GeoJSON", "-t_srs", "EPSG:4326", "-lco", "COORDINATE_PRECISION=9"]
    arguments += ["-oo", "CLIP=NO"]  # the buffer too
    finished = subprocess.run(
        [*arguments, str(target), f"MVT:{file}", layer], capture_output=True, text=True, check=True
    )
    assert finished.stderr == ""
    features: list[dict[str, object]] = json.loads(target.read_text())["features"]
    return features


@pytest.mark.parametrize("z", [10, 13, 14, 16])
def test_elements(gdal_info: str, tmp_path: Path, z: int) -> None:
    network = town(size=0.004)
    x, y = (int(part) for part in lnglat_to_tile(9.0, 48.0, z))
    data = TileSource(network).tile("grid", z, x, y, snapshot(network)).data
    for name, layer in reader.read(data).items():
        features = converted(gdal_info, tmp_path, (z, x, y), data, name)
        assert len(features) == len(layer.features)
        for theirs, ours in zip(features, layer.features, strict=True):
            properties = theirs["properties"]
            assert isinstance(properties, dict)
            found = {key: value for key, value in properties.items() if value is not None and key != "mvt_id"}
            assert found == ours.properties
            assert properties["mvt_id"] == ours.id
            geometry = theirs["geometry"]
            assert isinstance(geometry, dict)
            if name == "switches":
                switch = network.switches
                node = switch["node1"][ours.id - 1]
                place = network.node_lnglat[node]
                if not np.isnan(place).any():
                    assert np.abs(np.array(geometry["coordinates"]) - place).max() < 360 / 2**z / 4096


@pytest.mark.parametrize("z", [0, 7, 12])
def test_cells(gdal_info: str, tmp_path: Path, z: int) -> None:
    network = town()
    x, y = (int(part) for part in lnglat_to_tile(9.0, 48.0, z))
    data = TileSource(network).tile("hexes", z, x, y, snapshot(network, 1)).data
    layer = reader.read(data)["hexes"]
    features = converted(gdal_info, tmp_path, (z, x, y), data, "hexes")
    assert [feature["properties"]["h3"] for feature in features] == [  # type: ignore[index]
        feature.properties["h3"] for feature in layer.features
    ]
    assert {feature["geometry"]["type"] for feature in features} <= {"Polygon", "MultiPolygon"}  # type: ignore[index]
