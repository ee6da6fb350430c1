"""Files of layers that gridtwin exported: their rows by layer, be it a table each or one table of all."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import orjson
import shapely
from numpy.typing import NDArray

from loaders.layers_source import Layer, LayerSource
from loaders.report import LoadError
from twin.layer_columns import MODEL_LAYERS

_OF_NODES = frozenset(("class", "mrid", "nominal_voltage_v", "busbar"))
"""Columns by which an export is known: no store and no other tool names them all so."""
_SHOWN = 80
"""Characters of a value that a complaint repeats."""


@dataclass(frozen=True, slots=True, eq=False)
class ExportedLayer:
    """Rows of one layer: plain values by column, None where not known, and shapes (rows,) as they are stored."""

    name: str
    file: Path | str
    fids: Sequence[int]
    columns: Mapping[str, list[Any]]
    shapes: NDArray[Any]
    crs: str | None

    def __len__(self) -> int:
        return len(self.fids)

    def fail(self, row: int, column: str, value: object, what: str) -> LoadError:
        """The error for one value; raise it."""
        shown = repr(value)
        shown = shown if len(shown) <= _SHOWN else f"{shown[:_SHOWN]}…"
        return LoadError(f"{self.file} layer {self.name} feature {self.fids[row]}: {column} is {shown}; {what}")


def is_exported(source: Path) -> bool:
    """Whether a file has the columns of an export."""
    if source.suffix.lower() == ".parquet":
        return importlib.util.find_spec("pyarrow") is not None and _parquet_is(source)
    if source.suffix.lower() == ".geojsonl":
        return _first_properties(source) >= {"layer", "class", "mrid"}
    layers = LayerSource(source)
    if len(layers.layers) == 1:
        (only,) = layers.layers
        return "layer" in layers.info(only).columns and set(layers.info(only).columns) >= _OF_NODES
    return "nodes" in layers.layers and set(layers.info("nodes").columns) >= _OF_NODES


def read_layers(source: Path, layers: LayerSource) -> dict[str, ExportedLayer]:
    """Every layer by name. layers: the same source, which keeps GDAL's warnings. Raises LoadError."""
    if source.suffix.lower() == ".parquet":
        return _by_name(_parquet(source))
    if source.suffix.lower() == ".geojsonl":
        return _by_name(_lines(source))
    names = list(layers.layers)
    if len(names) == 1 and "layer" in layers.info(names[0]).columns:
        return _by_name(_of(layers.read(names[0], layers.info(names[0]).columns)))
    missing = [name for name in MODEL_LAYERS if name not in names]
    if missing:
        raise LoadError(
            f"{source} has no layer {missing[0]!r}: a network is all of {', '.join(MODEL_LAYERS)}; export all layers"
        )
    return {name: _of(layers.read(name, layers.info(name).columns)) for name in names}


def _of(layer: Layer) -> ExportedLayer:
    columns = {name: _plain(column) for name, column in layer.columns.items()}
    shapes = np.full(len(layer.fids), None, dtype=object) if layer.shapes is None else layer.shapes
    return ExportedLayer(layer.name, layer.file, layer.fids.tolist(), columns, shapes, layer.crs)


def _plain(column: NDArray[Any]) -> list[Any]:
    """Python's own values; what is not a number is not known; dates are text."""
    if column.dtype.kind == "M":
        return [None if text == "NaT" else text for text in column.astype(str).tolist()]
    values: list[Any] = column.tolist()
    return [None if value != value else value for value in values]


def _by_name(whole: ExportedLayer) -> dict[str, ExportedLayer]:
    """One table parted by its column `layer`; layers without a feature are there without rows."""
    rows: dict[str, list[int]] = {name: [] for name in MODEL_LAYERS}
    for row, name in enumerate(whole.columns["layer"]):
        if not isinstance(name, str) or not name:
            raise whole.fail(row, "layer", name, "the name of a layer is needed")
        rows.setdefault(name, []).append(row)
    return {
        name: ExportedLayer(
            name,
            whole.file,
            [whole.fids[row] for row in own],
            {column: [values[row] for row in own] for column, values in whole.columns.items()},
            whole.shapes[own],
            whole.crs,
        )
        for name, own in rows.items()
    }


def _first_properties(source: Path) -> set[str]:
    """Names of the properties of the first feature; none where the file has none."""
    try:
        with source.open("rb") as file:
            return set(_feature(source, 1, file.readline())["properties"])
    except OSError as error:
        raise LoadError(f"{source} cannot be read: {error}") from error


def _lines(source: Path) -> ExportedLayer:
    """Features of GeoJSON, one a line; GDAL takes some text there for dates."""
    columns: dict[str, list[Any]] = {}
    shapes: list[str | None] = []
    try:
        with source.open("rb") as file:
            for count, line in enumerate(file):
                feature = _feature(source, count + 1, line)
                for name in feature["properties"].keys() - columns.keys():
                    columns[name] = [None] * count
                for name, values in columns.items():
                    values.append(feature["properties"].get(name))
                shapes.append(orjson.dumps(feature["geometry"]).decode() if feature.get("geometry") else None)
    except OSError as error:
        raise LoadError(f"{source} cannot be read: {error}") from error
    made = shapely.from_geojson(np.array(shapes, dtype=object), on_invalid="ignore")
    for row, (shape, text) in enumerate(zip(made, shapes, strict=True)):
        if shape is None and text is not None:
            raise LoadError(f"{source} line {row + 1}: geometry is {text[:_SHOWN]}; a shape of GeoJSON is needed")
    return ExportedLayer(source.stem, source, range(1, len(shapes) + 1), columns, made, None)


def _feature(source: Path, number: int, line: bytes) -> dict[str, Any]:
    try:
        feature = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise LoadError(f"{source} line {number}: this is no JSON: {error}") from error
    if not isinstance(feature, dict) or not isinstance(feature.get("properties"), dict):
        raise LoadError(f"{source} line {number}: a feature of GeoJSON with properties is needed")
    return feature


def _parquet_is(source: Path) -> bool:
    try:
        geopandas.read_parquet(source, columns=["layer", *sorted(_OF_NODES), "geometry"])
    except (OSError, ValueError, KeyError):
        return False
    return True


def _parquet(source: Path) -> ExportedLayer:
    try:
        frame = geopandas.read_parquet(source)
    except (OSError, ValueError) as error:
        raise LoadError(f"{source} cannot be read: {error}") from error
    columns = {
        str(name): frame[name].astype(object).where(frame[name].notna(), None).tolist()
        for name in frame.columns
        if name != frame.geometry.name
    }
    shapes = np.array(frame.geometry, dtype=object)
    crs = None if frame.crs is None else frame.crs.to_string()
    return ExportedLayer(source.stem, source, range(1, len(frame) + 1), columns, shapes, crs)
