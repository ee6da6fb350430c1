"""A trace as a GeoPackage that any GIS opens: a layer for each kind of element, with depth and flow."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pyogrio
from numpy.typing import NDArray

from tiles.frames import frame
from twin.components import LINE, SWITCH_BRANCH, TRANSFORMER
from twin.trace_elements import CODES, Column
from twin.trace_result import TraceResult

__all__ = ["trace_layers", "trace_package", "write_trace"]

BRANCH_LAYERS = {"lines": LINE, "switches": SWITCH_BRANCH, "transformers": TRANSFORMER}


def trace_layers(result: TraceResult) -> dict[str, geopandas.GeoDataFrame]:
    """nodes, lines, switches, transformers and meters of a trace, each by depth, then number.

    Columns: those of `tiles.frames` in the state traced; `depth`; `flow` of branches (1 from terminal 1 to 2, -1
    against, 0 both or none); `trace_phases`, those that the trace found; and what its kind adds.
    """
    network, trace, found = result.network, result.trace, result.found
    nodes = np.arange(len(trace.nodes))
    layers = {
        "nodes": _layer(result, "nodes", trace.nodes, nodes, trace.node_depth, trace.node_phases, found.node_columns)
    }
    for name, code in BRANCH_LAYERS.items():
        at = np.flatnonzero(network.branch_class[trace.branches] == code)
        rows = network.branch_row[trace.branches[at]]
        layer = _layer(result, name, rows, at, trace.branch_depth, trace.branch_phases, found.branch_columns)
        layer.insert(2, "flow", trace.branch_flow[at].astype(np.int32))
        layers[name] = layer
    position, meters = result.elements.meter_positions, result.elements.meter_rows
    order = np.argsort(trace.node_depth[position], kind="stable")
    layers["meters"] = _layer(
        result, "meters", meters[order], position[order], trace.node_depth, trace.node_phases, found.node_columns
    )
    return layers


def _layer(
    result: TraceResult,
    name: str,
    rows: NDArray[np.integer[Any]],
    at: NDArray[np.intp],
    depth: NDArray[np.int32],
    masks: NDArray[np.uint8],
    added: Mapping[str, Column],
) -> geopandas.GeoDataFrame:
    """Some rows of a layer; at: where each stands in the trace."""
    layer = frame(result.network, result.snapshot, name, rows)
    layer.insert(1, "depth", depth[at].astype(np.int32))
    layer["trace_phases"] = np.array([*CODES], dtype=object)[masks[at]]
    for column, values in added.items():
        layer[column] = [json.dumps(each) if isinstance(each, dict | list) else each for each in values(at)]
    return layer


def write_trace(result: TraceResult, path: Path) -> None:
    """Writes a GeoPackage; a file that is there is replaced once the new one is whole."""
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".gridtwin-") as folder:
        whole = Path(folder) / "trace.gpkg"
        for name, layer in trace_layers(result).items():
            pyogrio.write_dataframe(
                layer,
                whole,
                layer=name,
                driver="GPKG",
                geometry_type="LineString" if name == "lines" else "Point",
                promote_to_multi=False,
                dataset_options={"VERSION": "1.2"},
            )
        whole.replace(path)


def trace_package(result: TraceResult) -> bytes:
    """The same file in memory."""
    with tempfile.TemporaryDirectory(prefix="gridtwin-") as folder:
        path = Path(folder) / "trace.gpkg"
        write_trace(result, path)
        return path.read_bytes()
