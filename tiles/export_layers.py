"""Layers of one state as tables that GIS tools read, and gridtwin again: GeoPackage, GeoParquet, GeoJSON."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import Any

import geopandas
import orjson
import pandas as pd
import pyogrio
import shapely
from pandas.api.types import is_numeric_dtype

from tiles.export_files import ExportError, replacing
from tiles.export_tables import EXPORT_NAMES, numbers_apart, table_frame
from tiles.source import UnknownLayer
from twin.network import Network
from twin.state import Snapshot

__all__ = ["TABLES", "export_layers"]

Progress = Callable[[str], None]
"""Called with what is under way."""
Frames = Sequence[geopandas.GeoDataFrame]

_FLAGS = ("open", "normal_open", "busbar", "in_service", "locked", "equivalent")
_AT_A_TIME = 10_000
"""Features of GeoJSON that are made together."""
_WRITTEN_ON = "1970-01-01T00:00:00.000Z"
"""What GeoPackages say of when they were: the same layers are the same bytes."""


def export_layers(
    network: Network,
    snapshot: Snapshot,
    path: Path,
    layers: Sequence[str] = EXPORT_NAMES,
    progress: Progress = lambda what: None,
) -> dict[str, int]:
    """Writes layers by the ending of the path, and replaces what is there; returns how many features of each.

    A GeoPackage has a table a layer; the others have one table in all, with the layer's name in the column `layer`.
    What cannot be placed is there without a geometry. `id` is not there, as it is valid for one model only. The same
    state gives the same bytes. Raises UnknownLayer or ExportError, and leaves no half file.
    """
    write = TABLES.get(path.suffix.lower())
    if write is None:
        raise ExportError(f"{path}: no such file of layers; its name must end in {', '.join(TABLES)}")
    if not layers:
        raise ExportError(f"{path}: no layer to export; there are {', '.join(EXPORT_NAMES)}")
    for layer in layers:
        if layer not in EXPORT_NAMES:
            raise UnknownLayer(layer, EXPORT_NAMES)
    if path.suffix.lower() == ".parquet" and importlib.util.find_spec("pyarrow") is None:
        raise ExportError(f"{path}: GeoParquet needs the package pyarrow: pip install 'gridtwin[parquet]'")
    wanted = [name for name in EXPORT_NAMES if name in layers]
    apart = () if path.suffix.lower() == ".gpkg" else numbers_apart(network)
    frames = []
    for name in wanted:
        progress(name)
        frames.append(table_frame(network, snapshot, name, apart))
        _refuse_nul(path, name, frames[-1])
    progress("writing")
    with replacing(path) as unfinished:
        try:
            write(unfinished, wanted, frames)
        except (pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError) as error:
            raise ExportError(f"{path}: cannot be written: {error}") from error
    return {name: len(each) for name, each in zip(wanted, frames, strict=True)}


def _refuse_nul(path: Path, layer: str, frame: geopandas.GeoDataFrame) -> None:
    """Readers of tables end text there, and say nothing."""
    for column in frame.columns.drop("geometry"):
        if is_numeric_dtype(frame[column]):
            continue
        for row, text in enumerate(frame[column]):
            if isinstance(text, str) and "\0" in text:
                mrid = frame["mrid"].iloc[row]
                raise ExportError(f"{path}: layer {layer}: {column} of {mrid!r} has a NUL, which no such file can hold")


def _geopackage(path: Path, names: Sequence[str], frames: Frames) -> None:
    """Version 1.2, which every reader of these years knows."""
    with _dated():
        for name, each in zip(names, frames, strict=True):
            pyogrio.write_dataframe(
                each,
                path,
                layer=name,
                driver="GPKG",
                geometry_type="LineString" if name == "lines" else "Point",
                append=path.exists(),
                dataset_options={"VERSION": "1.2"},
                layer_options={"FID": "fid"},
            )


@contextmanager
def _dated() -> Iterator[None]:
    """Without waiting for the disk after each table: the file takes its place when it is whole."""
    pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": _WRITTEN_ON, "OGR_SQLITE_SYNCHRONOUS": "OFF"})
    try:
        yield
    finally:
        pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": None, "OGR_SQLITE_SYNCHRONOUS": None})


def _parquet(path: Path, names: Sequence[str], frames: Frames) -> None:
    _together(names, frames).to_parquet(path, index=False, write_covering_bbox=True)


def _geojson(path: Path, names: Sequence[str], frames: Frames) -> None:
    """RFC 7946, a feature a line. Numbers have all their digits, so that they are read as what they are."""
    with path.open("wb") as file:
        file.write(b'{"type":"FeatureCollection","features":[')
        before = b"\n"
        for feature in _features(names, frames):
            file.write(before + feature)
            before = b",\n"
        file.write(b"\n]}\n")


def _geojson_lines(path: Path, names: Sequence[str], frames: Frames) -> None:
    with path.open("wb") as file:
        for feature in _features(names, frames):
            file.write(feature + b"\n")


def _features(names: Sequence[str], frames: Frames) -> Iterator[bytes]:
    return chain.from_iterable(
        _features_of(name, each.iloc[at : at + _AT_A_TIME])
        for name, each in zip(names, frames, strict=True)
        for at in range(0, len(each), _AT_A_TIME)
    )


def _features_of(layer: str, part: geopandas.GeoDataFrame) -> Iterator[bytes]:
    columns = [name for name in part.columns if name != "geometry"]
    values = [_plain(part[name]) for name in columns]
    for shape, *row in zip(part.geometry.tolist(), *values, strict=True):
        properties = {"layer": layer, **dict(zip(columns, row, strict=True))}
        yield orjson.dumps({"type": "Feature", "properties": properties, "geometry": _geometry(shape)})


def _plain(column: pd.Series[Any]) -> list[Any]:
    """Python's own values; None where not known."""
    known = column.notna()
    return column.tolist() if known.all() else column.astype(object).where(known, None).tolist()


def _geometry(shape: Any) -> dict[str, object] | None:
    if shape is None:
        return None
    coordinates = shapely.get_coordinates(shape).tolist()
    return {"type": shape.geom_type, "coordinates": coordinates if shape.geom_type == "LineString" else coordinates[0]}


def _together(names: Sequence[str], frames: Frames) -> geopandas.GeoDataFrame:
    """One table; what a layer does not have is null in its rows."""
    tables = [each.assign(layer=name) for name, each in zip(names, frames, strict=True) if len(each)]
    if not tables:
        return frames[0].assign(layer=names[0])
    for table in tables:
        for flag in set(_FLAGS) & set(table.columns):
            table[flag] = table[flag].astype("boolean")
    whole = pd.concat(tables, ignore_index=True)
    rest = [column for column in whole.columns if column not in ("layer", "geometry")]
    return geopandas.GeoDataFrame(whole[["layer", *rest, "geometry"]], geometry="geometry", crs=frames[0].crs)


TABLES: dict[str, Callable[[Path, Sequence[str], Frames], None]] = {
    ".gpkg": _geopackage,
    ".parquet": _parquet,
    ".geojson": _geojson,
    ".geojsonl": _geojson_lines,
}
"""What writes layers, by the ending of the file's name."""
