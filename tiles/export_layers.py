"""Layers of one state as tables that GIS tools read: GeoPackage, GeoParquet, GeoJSON."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable, Sequence
from pathlib import Path

import geopandas
import pandas as pd
import pyogrio

from tiles.export_files import ExportError, replacing
from tiles.frames import FRAME_NAMES, frame
from tiles.layers import LAYER_NAMES
from tiles.source import UnknownLayer
from twin.network import Network
from twin.state import Snapshot

__all__ = ["TABLES", "export_layers"]

Progress = Callable[[str], None]
"""Called with what is under way."""
_FLAGS = ("open", "normal_open", "busbar")
_DIGITS = 9
"""Of a degree in GeoJSON: 0.1 mm."""


def export_layers(
    network: Network,
    snapshot: Snapshot,
    path: Path,
    layers: Sequence[str] = LAYER_NAMES,
    progress: Progress = lambda what: None,
) -> dict[str, int]:
    """Writes layers by the ending of the path, and replaces what is there; returns how many features of each.

    A GeoPackage has a table a layer; the others have one table in all, with the layer's name in the column `layer`.
    What cannot be placed is there without a geometry. `id` is not there, as it is valid for one model only. Raises
    UnknownLayer or ExportError, and leaves no half file.
    """
    write = TABLES.get(path.suffix.lower())
    if write is None:
        raise ExportError(f"{path}: no such file of layers; its name must end in {', '.join(TABLES)}")
    if not layers:
        raise ExportError(f"{path}: no layer to export; there are {', '.join(FRAME_NAMES)}")
    for layer in layers:
        if layer not in FRAME_NAMES:
            raise UnknownLayer(layer, FRAME_NAMES)
    if path.suffix.lower() == ".parquet" and importlib.util.find_spec("pyarrow") is None:
        raise ExportError(f"{path}: GeoParquet needs the package pyarrow: pip install 'gridtwin[parquet]'")
    wanted = [name for name in FRAME_NAMES if name in layers]
    frames = []
    for name in wanted:
        progress(name)
        frames.append(frame(network, snapshot, name).drop(columns="id"))
    progress("writing")
    with replacing(path) as unfinished:
        try:
            write(unfinished, wanted, frames)
        except (pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError) as error:
            raise ExportError(f"{path}: cannot be written: {error}") from error
    return {name: len(each) for name, each in zip(wanted, frames, strict=True)}


Frames = Sequence[geopandas.GeoDataFrame]


def _geopackage(path: Path, names: Sequence[str], frames: Frames) -> None:
    """Version 1.2, which every reader of these years knows."""
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


def _parquet(path: Path, names: Sequence[str], frames: Frames) -> None:
    _together(names, frames).to_parquet(path, index=False, write_covering_bbox=True)


def _geojson(path: Path, names: Sequence[str], frames: Frames) -> None:
    pyogrio.write_dataframe(
        _together(names, frames), path, driver="GeoJSON", RFC7946=True, COORDINATE_PRECISION=_DIGITS, WRITE_NAME=False
    )
    _check_end(path, b"]\n}\n")


def _geojson_lines(path: Path, names: Sequence[str], frames: Frames) -> None:
    whole = _together(names, frames)
    pyogrio.write_dataframe(whole, path, driver="GeoJSONSeq", COORDINATE_PRECISION=_DIGITS)
    if len(whole):
        _check_end(path, b"}\n")


def _check_end(path: Path, end: bytes) -> None:
    """GDAL's text formats do not say when the last of their bytes could not be written."""
    with path.open("rb") as file:
        file.seek(-min(len(end), path.stat().st_size), os.SEEK_END)
        if file.read() != end:
            raise OSError("it is not whole; is the disk full?")


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
