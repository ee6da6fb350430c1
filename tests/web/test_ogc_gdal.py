"""GDAL as a client: features through OAPIF and OGCAPI, vector tiles through OGCAPI and MVT."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
import shapely

from tests.tiles import reader
from tests.tiles.grids import town
from tests.web.conftest import Served
from tiles.frames import frame
from tiles.mercator import lnglat_to_tile, lnglat_to_unit
from twin.elements import LAYERS
from twin.engine import Twin

pytestmark = pytest.mark.gdal

WORLD_M = 40_075_016.685578488
READ_TILES = """
import json, sys
from pyogrio.raw import read
meta, _, geometries, fields = read(sys.argv[1], layer="Zoom level 14", **json.loads(sys.argv[2]))
print(json.dumps([meta["crs"], len(geometries), fields[list(meta["fields"]).index("mrid")].tolist()]))
"""
"""In a process of its own, as GDAL lets no other thread of its process answer while it reads."""


@pytest.fixture
def served(serve: Callable[..., Served]) -> Served:
    return serve(Twin(town(branches=200, size=0.01)))


def converted(gdal_info: str, folder: Path, source: str, layer: str, *more: str) -> list[dict[str, Any]]:
    """A layer's features as ogr2ogr writes them."""
    target = folder / "converted.geojson"
    target.unlink(missing_ok=True)
    program = str(Path(gdal_info).with_name("ogr2ogr"))
    finished = subprocess.run(
        [program, "-f", "GeoJSON", "-t_srs", "EPSG:4326", *more, str(target), source, layer],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert finished.returncode == 0, finished.stderr
    assert "ERROR" not in finished.stderr, finished.stderr
    features: list[dict[str, Any]] = json.loads(target.read_text())["features"]
    return features


def mrids(features: list[dict[str, Any]]) -> list[str]:
    return [feature["properties"]["mrid"] for feature in features]


@pytest.mark.parametrize("driver", ["OAPIF", "OGCAPI"])
def test_features(gdal_info: str, served: Served, tmp_path: Path, driver: str) -> None:
    state = served.twin.current
    for layer in LAYERS:
        expected = frame(state.network, state, layer)
        source, more = f"OAPIF:{served.url}/ogc", ["-oo", "PAGE_SIZE=50"]
        if driver == "OGCAPI":
            source, more = f"OGCAPI:{served.url}/ogc/collections/{layer}", ["-oo", "API=ITEMS"]
        found = converted(gdal_info, tmp_path, source, layer, *more)
        assert mrids(found) == expected["mrid"].tolist()
        for feature, geometry in zip(found, expected.geometry, strict=True):
            assert (feature["geometry"] is None) == (geometry is None)
            if geometry is not None:
                assert shapely.geometry.shape(feature["geometry"]).distance(geometry) < 1e-6
        for name in ("energized", "customers"):
            assert [feature["properties"][name] for feature in found] == expected[name].tolist()


def test_features_of_a_box_and_a_condition(gdal_info: str, served: Served, tmp_path: Path) -> None:
    state = served.twin.current
    table = frame(state.network, state, "switches")
    box = shapely.box(8.99, 47.99, 9.02, 48.005)
    inside = shapely.intersects(table.geometry.to_numpy(), box)
    where = (table["kv"] > 1) & ~table["open"]
    source = f"OAPIF:{served.url}/ogc"
    by_box = converted(gdal_info, tmp_path, source, "switches", "-spat", "8.99", "47.99", "9.02", "48.005")
    assert mrids(by_box) == table["mrid"][inside].tolist()
    by_both = converted(
        gdal_info, tmp_path, source, "switches", "-spat", "8.99", "47.99", "9.02", "48.005",
        "-where", "kv > 1 AND open = 0",
    )  # fmt: skip
    assert mrids(by_both) == table["mrid"][inside & where].tolist()
    assert 0 < len(by_both) < len(by_box) < len(table)


def test_collections_are_listed(gdal_info: str, served: Served) -> None:
    for driver in ("OAPIF", "OGCAPI"):
        listed = subprocess.run(
            [gdal_info, "-ro", f"{driver}:{served.url}/ogc"], capture_output=True, text=True, timeout=60, check=True
        )
        for collection in (*LAYERS, "outages"):
            assert collection in listed.stdout


@pytest.mark.parametrize("collection", ["lines", "switches"])
def test_vector_tiles_of_a_collection(served: Served, collection: str) -> None:
    """GDAL looks for tiles in the bounds of the collection, taken for metres: so they are given in metres here."""
    bounds = served.twin.network.bounds
    assert bounds is not None
    west, south, east, north = bounds
    x, y = lnglat_to_unit([west, east], [south, north])
    options = {
        "API": "TILES",
        "MINX": str((x[0] - 0.5) * WORLD_M),
        "MAXX": str((x[1] - 0.5) * WORLD_M),
        "MINY": str((0.5 - y[0]) * WORLD_M),
        "MAXY": str((0.5 - y[1]) * WORLD_M),
    }
    source = f"OGCAPI:{served.url}/ogc/collections/{collection}"
    read = subprocess.run(
        [sys.executable, "-c", READ_TILES, source, json.dumps(options)], capture_output=True, text=True, timeout=120
    )
    assert read.returncode == 0, read.stderr
    crs, count, mrid = json.loads(read.stdout)
    state = served.twin.current
    table = frame(state.network, state, collection)
    assert set(mrid) == set(table["mrid"][~table.geometry.isna()])
    assert crs == "EPSG:3857"
    assert count == len(mrid)


@pytest.mark.parametrize("query", ["", "?filter=energized%3D2%20AND%20kv%3E1", "?layers=lines,meters&state=normal"])
def test_a_tile_by_its_address(gdal_info: str, served: Served, tmp_path: Path, query: str) -> None:
    document = httpx.get(f"{served.url}/tiles/grid.json{query}").json()
    x, y = (int(part) for part in lnglat_to_tile(9.0, 48.0, 14))
    url = document["tiles"][0].format(z=14, x=x, y=y)
    layers = reader.read(httpx.get(url).content)
    assert len(layers) > 1
    for name, layer in layers.items():
        found = converted(gdal_info, tmp_path, f"MVT:{url}", name, "-oo", "CLIP=NO")
        assert [feature["properties"]["id"] for feature in found] == [feature.id for feature in layer.features]
