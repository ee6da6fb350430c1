"""Layers in files, read back by GDAL and GeoPandas."""

from __future__ import annotations

import importlib.util
import json
import subprocess
from pathlib import Path

import geopandas
import numpy as np
import pandas as pd
import pyogrio
import pytest
import shapely

from tests.tiles.grids import snapshot, town
from tiles.export_files import ExportError
from tiles.export_layers import TABLES, export_layers
from tiles.export_tables import EXPORT_NAMES
from tiles.frames import FRAME_NAMES, frame
from tiles.source import UnknownLayer
from twin.network import Network
from twin.state import Snapshot


@pytest.fixture(scope="module")
def network() -> Network:
    return town(3)


@pytest.fixture(scope="module")
def state(network: Network) -> Snapshot:
    return snapshot(network, 3)


def same(found: geopandas.GeoDataFrame, wanted: geopandas.GeoDataFrame, tolerance: float = 0) -> None:
    """Every column and every geometry, in order; null where null."""
    assert len(found) == len(wanted)
    for column in wanted.columns.drop(["geometry", "id"]):
        theirs, ours = found[column].reset_index(drop=True), wanted[column].reset_index(drop=True)
        assert theirs.isna().tolist() == ours.isna().tolist(), column
        assert theirs.dropna().tolist() == ours.dropna().tolist(), column
    theirs, ours = found.geometry.reset_index(drop=True), wanted.geometry.reset_index(drop=True)
    assert theirs.isna().tolist() == ours.isna().tolist()
    assert shapely.equals_exact(theirs.dropna().values, ours.dropna().values, tolerance).all()


def test_geopackage(tmp_path: Path, network: Network, state: Snapshot) -> None:
    path = tmp_path / "grid.gpkg"
    counts = export_layers(network, state, path, FRAME_NAMES)
    assert counts == {name: len(frame(network, state, name)) for name in FRAME_NAMES}
    assert pyogrio.list_layers(path)[:, 0].tolist() == list(FRAME_NAMES)
    for name in FRAME_NAMES:
        read = geopandas.read_file(path, layer=name, fid_as_index=True)
        same(read, frame(network, state, name))
        assert read.index.tolist() == list(range(1, len(read) + 1))
        assert read.crs == "EPSG:4326"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.gdal
def test_gdal_finds_nothing_wrong_with_the_geopackage(
    gdal_info: str, tmp_path: Path, network: Network, state: Snapshot
) -> None:
    path = tmp_path / "grid.gpkg"
    export_layers(network, state, path)
    seen = subprocess.run([gdal_info, "-so", "-al", path], capture_output=True, text=True, check=True, timeout=60)
    assert seen.stderr == ""
    for name in EXPORT_NAMES:
        assert f"Layer name: {name}" in seen.stdout
    assert seen.stdout.count("Geometry: Point") == len(EXPORT_NAMES) - 1
    assert seen.stdout.count("Geometry: Line String") == 1
    assert seen.stdout.count('ID["EPSG",4326]') == len(EXPORT_NAMES)


@pytest.mark.parametrize("ending", [".parquet", ".geojson", ".geojsonl"])
def test_one_table_of_all_layers(tmp_path: Path, network: Network, state: Snapshot, ending: str) -> None:
    path = tmp_path / f"grid{ending}"
    export_layers(network, state, path, FRAME_NAMES)
    read = geopandas.read_parquet(path) if ending == ".parquet" else geopandas.read_file(path)
    assert read["layer"].drop_duplicates().tolist() == list(FRAME_NAMES)
    assert read.crs == "EPSG:4326"
    for name in FRAME_NAMES:
        same(read[read["layer"] == name], frame(network, state, name), 0 if ending == ".parquet" else 1e-9)


def test_parquet_says_that_it_is_geographic(tmp_path: Path, network: Network, state: Snapshot) -> None:
    path = tmp_path / "lines.parquet"
    export_layers(network, state, path, ["lines"])
    read = geopandas.read_parquet(path, bbox=(9.0, 48.0, 9.001, 48.001))
    whole = frame(network, state, "lines")
    assert 0 < len(read) < len(whole)
    boxes = whole[whole.geometry.notna()]
    met = boxes.cx[9.0:9.001, 48.0:48.001]  # type: ignore[misc]
    assert set(met["mrid"]) <= set(read["mrid"])
    assert read.columns[0] == "layer" and "bbox" not in read.columns


def test_geojson_is_plain_json(tmp_path: Path, network: Network, state: Snapshot) -> None:
    export_layers(network, state, tmp_path / "grid.geojson", ["switches", "lines"])
    whole = json.loads((tmp_path / "grid.geojson").read_text())
    assert whole["type"] == "FeatureCollection" and "crs" not in whole
    layers = [feature["properties"]["layer"] for feature in whole["features"]]
    assert layers == ["lines"] * len(network.lines) + ["switches"] * len(network.switches)
    export_layers(network, state, tmp_path / "grid.geojsonl", ["switches"])
    lines = (tmp_path / "grid.geojsonl").read_text().splitlines()
    assert len(lines) == len(network.switches)
    switch = json.loads(lines[0])
    assert switch["properties"]["mrid"] == network.switches["mrid"][0]
    assert switch["properties"]["open"] in (True, False)


def test_an_export_replaces_the_file_as_a_whole(tmp_path: Path, network: Network, state: Snapshot) -> None:
    path = tmp_path / "grid.gpkg"
    export_layers(network, state, path, ["lines"])
    export_layers(network, state, path, ["meters"])
    assert pyogrio.list_layers(path)[:, 0].tolist() == ["meters"]


def test_an_empty_layer(tmp_path: Path) -> None:
    bare = town(5)
    tables = {name: table for name, table in bare.tables.items() if name not in ("lines", "feeders")}
    network = Network.from_tables("bare", tables)
    for ending in TABLES:
        path = tmp_path / f"grid{ending}"
        assert export_layers(network, snapshot(network), path, ["lines"]) == {"lines": 0}
        if ending == ".geojsonl":
            assert path.read_bytes() == b""
            continue
        read = geopandas.read_parquet(path) if ending == ".parquet" else geopandas.read_file(path)
        assert len(read) == 0


@pytest.mark.parametrize("ending", TABLES)
def test_what_cannot_be_written_leaves_nothing(
    tmp_path: Path, network: Network, state: Snapshot, ending: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / f"grid{ending}"
    with pytest.raises(ExportError, match="cannot be written"):
        export_layers(network, state, tmp_path / "nowhere" / path.name)
    path.write_bytes(b"old")

    def full(file: Path, *_: object) -> None:
        file.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setitem(TABLES, ending, full)
    with pytest.raises(ExportError, match=r"grid\..*: cannot be written: No space left on device"):
        export_layers(network, state, path)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_bad_arguments(tmp_path: Path, network: Network, state: Snapshot, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UnknownLayer, match="no layer 'poles'"):
        export_layers(network, state, tmp_path / "grid.gpkg", ["poles"])
    with pytest.raises(ExportError, match="no layer to export"):
        export_layers(network, state, tmp_path / "grid.gpkg", [])
    with pytest.raises(ExportError, match=r"must end in \.gpkg, \.parquet"):
        export_layers(network, state, tmp_path / "grid.shp")
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "pyarrow" else found(name))
    with pytest.raises(ExportError, match=r"pip install 'gridtwin\[parquet\]'"):
        export_layers(network, state, tmp_path / "grid.parquet")
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_null_that_was_known(tmp_path: Path, network: Network, state: Snapshot) -> None:
    path = tmp_path / "grid.parquet"
    export_layers(network, state, path, ["switches"])
    read = pd.read_parquet(path)
    assert read["open"].notna().all()
    assert np.count_nonzero(read["open"]) == np.count_nonzero(state.state.open & network.switches["phases"] & 7)
