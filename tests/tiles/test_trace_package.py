"""GeoPackages of traces: GDAL opens them and reads the same, what cannot be placed is there, a file is whole or not."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tests.twin.networks import F1, draw
from tiles.trace_package import trace_layers, write_trace
from twin.engine import Twin
from twin.traces import TraceResult, trace

LAYERS = ["nodes", "lines", "switches", "transformers", "meters"]


@pytest.fixture(scope="module")
def result() -> TraceResult:
    """Two consumers, one with two usage points, and a node that cannot be placed."""
    more = {
        "nodes": {"lat": [52.0, 52.0, 52.0, float("nan"), 52.0, 52.0, 52.0, 52.0]},
        "consumers": {"customer_count": [5, 1]},
        "usage_points": {"mrid": ["p1", "p2"], "consumer": [0, 0]},
    }
    network = draw(F1, sources="S T", opened="b5", consumers={"load 4": "4", "load 3": "3"}, more=more)
    return trace(Twin(network), kind="downstream", start=["b1"])


def test_layers_stand_in_the_order_of_the_trace(result: TraceResult) -> None:
    layers = trace_layers(result)
    assert list(layers) == LAYERS
    assert layers["nodes"][["mrid", "depth"]].values.tolist() == [["1", 0], ["2", 1], ["3", 2], ["4", 3]]
    assert layers["switches"][["mrid", "depth", "flow"]].values.tolist() == [["b1", 0, 1], ["b3", 2, 1]]
    meters = layers["meters"][["mrid", "depth", "customers", "class"]].values.tolist()
    assert meters == [["load 3", 2, 1, "EnergyConsumer"], ["p1", 3, 3, "UsagePoint"], ["p2", 3, 2, "UsagePoint"]]
    assert layers["nodes"].geometry.isna().tolist() == [False, False, True, False]


@pytest.mark.gdal
def test_gdal_reads_it(result: TraceResult, gdal_info: str, tmp_path: Path) -> None:
    file = tmp_path / "trace.gpkg"
    file.write_bytes(b"older")
    write_trace(result, file)
    told = subprocess.run([gdal_info, "-al", "-so", str(file)], capture_output=True, text=True, check=True)
    assert told.stderr == ""
    _, *layers = told.stdout.split("Layer name: ")
    assert [layer.partition("\n")[0] for layer in layers] == LAYERS
    for layer, (name, frame) in zip(layers, trace_layers(result).items(), strict=True):
        assert f"Geometry: {'Line String' if name == 'lines' else 'Point'}\n" in layer
        assert f"Feature Count: {len(frame)}\n" in layer
        assert 'ID["EPSG",4326]' in layer
        assert set(re.findall(r"^(\w+): (?:String|Integer|Integer64|Real)\b", layer, re.MULTILINE)) == set(
            frame.columns
        ) - {"geometry"}
    assert [each.name for each in tmp_path.iterdir()] == ["trace.gpkg"]


def test_a_write_that_fails_leaves_what_was_there(
    result: TraceResult, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "trace.gpkg"
    file.write_bytes(b"older")

    def full(*_: object, **__: object) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr("tiles.trace_package.pyogrio.write_dataframe", full)
    with pytest.raises(OSError, match="no space left"):
        write_trace(result, file)
    assert [(each.name, each.read_bytes()) for each in tmp_path.iterdir()] == [("trace.gpkg", b"older")]
