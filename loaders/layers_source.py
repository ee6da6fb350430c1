"""GIS layers as GDAL reads them: what a source holds, and its columns and shapes in EPSG:4326."""

from __future__ import annotations

import importlib.util
import re
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pyogrio
import pyogrio.errors
import pyogrio.raw
import shapely
from numpy.typing import NDArray

from loaders.layers_parquet import SUFFIX as PARQUET
from loaders.layers_parquet import ParquetFile
from loaders.report import LoadError
from loaders.text_files import file_ends_open
from twin.postgis_url import SCHEMES

SUFFIXES = (".gpkg", ".shp", ".gdb", ".geojson", ".json", ".geojsonl", ".fgb", ".parquet", ".csv", ".zip", ".sqlite")
"""Of files and folders that are tried as layers."""
SHAPEFILE_LETTERS = 10
"""Of the names of its columns."""
_SCHEME = re.compile(r"([a-z][a-z0-9+.-]+)://")
_GDAL_ERRORS = (
    pyogrio.errors.DataSourceError,
    pyogrio.errors.DataLayerError,
    pyogrio.errors.FeatureError,
    pyogrio.errors.FieldError,
    pyogrio.errors.GeometryError,
)


@dataclass(frozen=True, slots=True)
class LayerInfo:
    """A layer before it is read."""

    name: str
    file: Path | str
    """Or the database."""
    geometry: str
    """`Point`, `LineString`, …; empty for a table."""
    columns: tuple[str, ...]
    count: int
    crs: str | None


@dataclass(frozen=True, slots=True, eq=False)
class Layer:
    """Rows of a layer: ids of its features, the columns asked for, and its shapes as they are stored."""

    name: str
    file: Path | str
    fids: NDArray[np.int64]
    columns: dict[str, NDArray[Any]]
    shapes: NDArray[Any] | None
    """object (rows,): shapely geometries, None where not given; None for a table."""
    crs: str | None


class LayerSource:
    """A file, a FileGDB, or a folder of files, each with one layer or many."""

    def __init__(self, path: Path | None) -> None:
        self.path = path or Path()
        self.warnings: list[str] = []
        """What GDAL said while reading, each once."""
        self._infos: dict[str, LayerInfo] = {}
        self._parquet: dict[Path, ParquetFile] = {}

    def __str__(self) -> str:
        return str(self.path)

    @property
    def title(self) -> str:
        """Of the network, where the mapping gives none."""
        return self.path.name.partition(".")[0]

    def close(self) -> None:
        """Lets go of what it holds open."""

    @cached_property
    def layers(self) -> Mapping[str, Path | str]:
        """The file of each layer; raises LoadError for a source that GDAL cannot open, or two layers of one name."""
        found: dict[str, Path] = {}
        for file in self._files():
            if file.suffix.lower() == ".csv" and file_ends_open(file):
                self.warnings.append(f"{file.name} ends within a line: it may have been cut off")
            if file.suffix.lower() == PARQUET:
                names = [file.stem]
            else:
                with self._complaints(file, ""):
                    names = [str(name) for name, _ in pyogrio.list_layers(file).tolist()]
            for name in names:
                if name in found:
                    raise LoadError(f"{found[name]} and {file} both have a layer {name!r}")
                found[name] = file
        if not found:
            raise LoadError(f"{self.path} holds no layer that GDAL reads ({', '.join(SUFFIXES)})")
        return found

    def info(self, name: str) -> LayerInfo:
        """A layer's columns and size; raises LoadError for one that is not there."""
        if name not in self.layers:
            raise LoadError(f"{self} has no layer {name!r}; it has {', '.join(self.layers)}")
        if name not in self._infos:
            self._infos[name] = self._described(name)
        return self._infos[name]

    def _described(self, name: str) -> LayerInfo:
        file = Path(self.layers[name])
        if file.suffix.lower() == PARQUET:
            table = self._parquet.setdefault(file, ParquetFile(file))
            return LayerInfo(name, file, table.geometry, table.columns, len(table), table.crs)
        with self._complaints(file, f" layer {name}"):
            return _info(file, name)

    def infos(self) -> dict[str, LayerInfo]:
        """Of all layers, by name."""
        return {name: self.info(name) for name in self.layers}

    def read(self, name: str, columns: Sequence[str]) -> Layer:
        """A layer with the given columns; raises LoadError naming file, layer and column."""
        info = self._checked(name, columns)
        file = Path(info.file)
        stored = {_stored(info, column): column for column in columns}
        if file in self._parquet:
            table = self._parquet[file]
            kept = {column: table.column(column) for column in columns}
            return Layer(name, file, np.arange(1, len(table) + 1), kept, table.shapes(), info.crs)
        with self._complaints(file, f" layer {name}"):
            meta, fids, shapes, fields = pyogrio.raw.read(
                file, layer=name, columns=list(stored), return_fids=True, force_2d=True, **_options(file)
            )
        given = {stored[field]: values for field, values in zip(meta["fields"].tolist(), fields, strict=True)}
        return Layer(
            name, info.file, fids, given, None if shapes is None else self._shapes(info, fids, shapes), meta["crs"]
        )

    def _checked(self, name: str, columns: Sequence[str]) -> LayerInfo:
        info = self.info(name)
        for column in columns:
            if _stored(info, column) not in info.columns:
                has = ", ".join(info.columns)
                raise LoadError(f"{info.file} layer {name}: there is no column {column!r}; it has {has}")
        return info

    def _shapes(self, info: LayerInfo, fids: NDArray[np.int64], wkb: NDArray[Any]) -> NDArray[Any]:
        shapes = shapely.from_wkb(wkb, on_invalid="ignore")
        broken = np.array([raw is not None for raw in wkb], dtype=np.bool_) & shapely.is_missing(shapes)
        if broken.any():
            raise LoadError(
                f"{info.file} layer {info.name} feature {fids[int(np.argmax(broken))]}: its shape is broken"
            )
        return np.asarray(shapes, dtype=object)

    def _files(self) -> list[Path]:
        if not self.path.is_dir() or self.path.suffix.lower() == ".gdb":
            return [self.path]
        return sorted(each for each in self.path.iterdir() if each.suffix.lower() in SUFFIXES)

    def _complaints(self, file: Path, where: str) -> _Complaints:
        return _Complaints(self.warnings, f"{file}{where}")


class _Complaints:
    """Turns GDAL's errors into LoadError, and keeps its warnings, each once."""

    def __init__(self, kept: list[str], where: str) -> None:
        self.kept, self.where = kept, where
        self._catching = warnings.catch_warnings(record=True)

    def __enter__(self) -> None:
        self._caught = self._catching.__enter__()
        warnings.simplefilter("always")

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        self._catching.__exit__(None, None, None)
        for each in self._caught or ():
            said = f"{self.where}: {each.message}"
            if said not in self.kept:
                self.kept.append(said)
        if isinstance(error, (*_GDAL_ERRORS, UnicodeDecodeError)):
            raise LoadError(f"{self.where}: GDAL cannot read it: {error}") from error


def _options(file: Path) -> dict[str, str]:
    """Of GDAL's reader: text in GeoJSON that looks like a date, as a name may, is text."""
    return {"DATE_AS_STRING": "YES"} if file.suffix.lower() in (".geojson", ".json") else {}


def _stored(info: LayerInfo, column: str) -> str:
    """The name of a column in its file: a Shapefile keeps ten letters of it."""
    short = column[:SHAPEFILE_LETTERS]
    cut = Path(info.file).suffix.lower() == ".shp" and column not in info.columns and short in info.columns
    return short if cut else column


def _info(file: Path, name: str) -> LayerInfo:
    info = pyogrio.read_info(file, layer=name, force_feature_count=True)
    kind = (info["geometry_type"] or "").removesuffix(" Z").removesuffix(" ZM").removeprefix("2.5D ")
    return LayerInfo(name, file, kind, tuple(map(str, info["fields"])), int(info["features"]), info["crs"])


def open_layers(source: Path | str) -> LayerSource:
    """Files and folders by their path, a database by its URL; raises LoadError for a URL of another kind."""
    scheme = _SCHEME.match(str(source)) if isinstance(source, str) else None
    if scheme is None:
        return LayerSource(Path(source))
    if scheme[1] not in SCHEMES:
        raise LoadError(f"no layers are read from {scheme[1]}:// addresses; postgresql:// is one")
    if importlib.util.find_spec("asyncpg") is None:
        raise LoadError("layers in PostGIS need the extra of that name: pip install 'gridtwin[postgis]'")
    found: LayerSource = importlib.import_module("loaders.layers_postgis").PostgisSource(source)
    return found


def to_degrees(shapes: NDArray[Any], crs: str | None, where: str) -> NDArray[Any]:
    """The shapes in EPSG:4326; raises LoadError for a system that is not known, or none and no degrees.

    shapes: object (rows,), None where not given. where: the file and layer, for errors.
    """
    if crs is not None and crs != "EPSG:4326":
        try:
            series = geopandas.GeoSeries(shapes, crs=crs)
        except RuntimeError as error:  # of pyproj, which geopandas brings along
            raise LoadError(
                f"{where}: crs is {crs!r}, which is no known coordinate system; EPSG:25832 is one"
            ) from error
        shapes = series.to_crs("EPSG:4326").to_numpy()
    bounds = shapely.bounds(shapes)
    given = ~np.isnan(bounds).any(axis=1)
    wrong = given & ~(np.abs(bounds) <= (180, 90, 180, 90)).all(axis=1)
    if wrong.any():
        x, y = bounds[int(np.argmax(wrong)), :2]
        what = f"in {crs} that is no place on earth" if crs else "no degrees, and the layer names no system: give --crs"
        raise LoadError(f"{where}: row {int(np.argmax(wrong)) + 1} is at {x:g}, {y:g}; {what}")
    return np.asarray(shapes, dtype=object)
