"""Layers that gridtwin exported, read again to the network they came from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from loaders import exported_tables
from loaders.exported_tables import ExportedLayer
from loaders.layers_source import SUFFIXES, LayerSource, to_degrees
from loaders.report import FIRST_IDS, LoadError, LoadReport
from twin.components import COMPONENTS, Component, Field, Table
from twin.extras import ExtraError, check_name
from twin.extras import column_of as extra_column
from twin.geometry import LineStrings
from twin.layer_columns import MODEL_LAYERS, NORMAL_OPEN, OPEN, column_of, column_to_extra
from twin.network import REFERENCES, Network
from twin.phases import PhaseError, code_to_mask

Progress = Callable[[str], None]

_OTHERS = (".gdb", ".zip", ".csv", ".shp")
_FLAGS = {"1": True, "0": False, "true": True, "false": False}
_ORDER = ("substations", "nodes", *(name for name in MODEL_LAYERS if name not in ("substations", "nodes")))
"""What is referred to comes first."""


def is_exported(source: Path) -> bool:
    """Whether a source is one file of layers as `gridtwin export` writes them."""
    if not source.is_file() or source.suffix.lower() not in SUFFIXES or source.suffix.lower() in _OTHERS:
        return False
    try:
        return exported_tables.is_exported(source)
    except LoadError:
        return False


def read_exported(
    source: Path, /, *, crs: str | None = None, progress: Progress = lambda step: None
) -> tuple[Network, LoadReport]:
    """Reads the network that was exported, in its normal state; what was edited since is read as it is now.

    Places are those of nodes and lines; other points, and what is derived, such as `customers`, are not read. Raises
    LoadError, which names file, layer, feature, column and value.
    """
    if crs is not None:
        raise LoadError(f"--crs is {crs!r}, but exported layers know theirs: leave it out")
    progress("reading layers")
    layers = LayerSource(source)
    found = exported_tables.read_layers(source, layers)
    report = LoadReport(str(source), "gridtwin")
    components = {component.table: component for component in COMPONENTS}
    rows: dict[str, Mapping[str, int]] = {}
    tables: dict[str, Table] = {}
    for name in _ORDER:
        progress(name)
        tables[name] = _Rows(found[name], components[name], rows, report).table()
        rows[name] = {mrid: row for row, mrid in enumerate(tables[name]["mrid"].tolist())}
        report.use(name, len(tables[name]))
    for name, layer in found.items():
        if name not in components:
            report.use(name, len(layer), 0)
            what = "it is derived from the others" if name == "meters" else "this layer is none of the model's"
            report.skip(name, what, [f"feature {fid}" for fid in layer.fids])
    _note_switches(found["switches"], report)
    report.notes.extend(layers.warnings)
    progress("numbering the network")
    return Network.from_tables(source.name.partition(".")[0], tables, _courses(found["lines"])), report


class _Rows:
    """The rows of a layer on their way to a table."""

    def __init__(
        self, layer: ExportedLayer, component: Component, rows: Mapping[str, Mapping[str, int]], report: LoadReport
    ) -> None:
        self.layer, self.component, self.rows, self.report = layer, component, rows, report

    def table(self) -> Table:
        columns: dict[str, object] = {}
        for field in self.component.fields:
            name = column_of(self.component, field)
            if not name:
                continue
            if len(self.layer) and name not in self.layer.columns:
                raise LoadError(f"{self.layer.file} layer {self.layer.name} has no column {name!r}")
            columns[field.name] = self._column(field, name)
        if self.component.table == "nodes":
            columns["lng"], columns["lat"] = self._points()
        if self.component.table == "switches":
            self._agree(columns["phases"], columns["normal_open"])
        return Table(self.component, columns, self._extras())

    def _values(self, name: str) -> list[Any]:
        return self.layer.columns.get(name, [])

    def _column(self, field: Field, name: str) -> NDArray[Any]:
        values = self._values(name)
        if field.kind == "text":
            return self._texts(field, name, values)
        if field.kind == "row":
            return self._references(field, name, values)
        if field.kind == "phases":
            return np.array([self._phases(field, name, row, value) for row, value in enumerate(values)], np.uint8)
        if field.kind == "flag":
            default = bool(field.default)
            flags = [default if each is None else self._flag(name, row, each) for row, each in enumerate(values)]
            return np.array(flags, np.bool_)
        numbers = np.array([self._number(name, row, value) for row, value in enumerate(values)], np.float64)
        wrong = (numbers < field.low) | (numbers > field.high)
        if field.kind == "count":
            wrong |= ~np.isnan(numbers) & (numbers != np.round(numbers))
            wrong |= numbers >= 2**31
        for row in np.flatnonzero(wrong)[:1].tolist():
            whole = "a whole number" if field.kind == "count" else "a number"
            limits = f"{field.low:g} … {field.high:g} {field.unit}".rstrip()
            raise self.layer.fail(row, name, values[row], f"{whole} in {limits} is needed")
        if field.kind == "real":
            return numbers
        return np.where(np.isnan(numbers), field.default, numbers).astype(np.int32)  # type: ignore[arg-type]

    def _texts(self, field: Field, name: str, values: list[Any]) -> NDArray[Any]:
        for row, value in enumerate(values):
            if value is None and field.default is None:
                raise self.layer.fail(row, name, value, "it is needed")
            if value is not None and not isinstance(value, str):
                raise self.layer.fail(row, name, value, "text is needed")
        return np.array(["" if value is None else value for value in values], dtype=np.dtypes.StringDType())

    def _references(self, field: Field, name: str, values: list[Any]) -> NDArray[np.int32]:
        target = REFERENCES[field.name]
        found = np.full(len(values), -1, dtype=np.int32)
        for row, value in enumerate(values):
            if isinstance(value, str) and value in self.rows[target]:
                found[row] = self.rows[target][value]
            elif value is not None or field.default is None:
                raise self.layer.fail(row, name, value, f"no feature of the layer {target} has this mrid")
        return found

    def _phases(self, field: Field, name: str, row: int, value: object) -> int:
        if value is None or value == "":
            assert isinstance(field.default, int)
            return field.default
        try:
            return code_to_mask(str(value))
        except PhaseError as error:
            raise self.layer.fail(row, name, value, str(error)) from error

    def _flag(self, name: str, row: int, value: object) -> bool:
        flag = _FLAGS.get(str(int(value)) if isinstance(value, float) and value in (0, 1) else str(value).lower())
        if flag is None:
            raise self.layer.fail(row, name, value, "true or false is needed")
        return flag

    def _number(self, name: str, row: int, value: object) -> float:
        if value is None:
            return np.nan
        if isinstance(value, bool) or not isinstance(value, int | float) or not np.isfinite(value):
            raise self.layer.fail(row, name, value, "a finite number is needed")
        return float(value)

    def _agree(self, phases: object, opened: object) -> None:
        """`normal_open` and its phases say one thing twice: where one was edited alone, nobody knows which is right."""
        said = self._values("normal_open")
        for row, (own, mask, flag) in enumerate(zip(phases, opened, said, strict=bool(said))):  # type: ignore[call-overload]
            if flag is not None and self._flag("normal_open", row, flag) != bool(own & mask):
                what = f"{NORMAL_OPEN} is {self._values(NORMAL_OPEN)[row]!r}, which says otherwise: mend one of them"
                raise self.layer.fail(row, "normal_open", bool(flag), what)

    def _points(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Longitudes and latitudes, NaN where not placed."""
        shapes = _degrees(self.layer)
        _check_shapes(self.layer, shapes, "Point")
        return shapely.get_x(shapes), shapely.get_y(shapes)

    def _extras(self) -> dict[str, NDArray[Any]]:
        found, odd = {}, []
        for column, values in self.layer.columns.items():
            name = column_to_extra(column)
            known = [value for value in values if value is not None]
            if name is None or not known:
                continue
            try:
                check_name(name)
            except ExtraError:
                odd.append(column)
                continue
            if all(isinstance(value, int | float) for value in known):
                found[name] = extra_column("real", values)
            else:
                found[name] = extra_column("text", [None if value is None else str(value) for value in values])
        if odd:
            first = ", ".join(odd[:FIRST_IDS])
            self.report.notes.append(f"layer {self.layer.name}: columns with such names are not kept: {first}")
        return found


def _degrees(layer: ExportedLayer) -> NDArray[Any]:
    known = layer.crs in (None, "EPSG:4326", "OGC:CRS84")
    return to_degrees(layer.shapes, None if known else layer.crs, f"{layer.file} layer {layer.name}")


def _check_shapes(layer: ExportedLayer, shapes: NDArray[Any], kind: str) -> None:
    for row in np.flatnonzero([shape is not None and shape.geom_type != kind for shape in shapes])[:1].tolist():
        raise layer.fail(row, "its shape", shapes[row].geom_type, f"a {kind} is needed")


def _courses(layer: ExportedLayer) -> LineStrings:
    shapes = _degrees(layer)
    _check_shapes(layer, shapes, "LineString")
    placed = ~(shapely.is_missing(shapes) | shapely.is_empty(shapes))
    sizes = np.where(placed, shapely.get_num_coordinates(shapes), 0)
    offsets = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    return LineStrings(offsets, shapely.get_coordinates(shapes[placed]))


def _note_switches(layer: ExportedLayer, report: LoadReport) -> None:
    if OPEN not in layer.columns:
        return
    pairs = zip(layer.columns["mrid"], layer.columns[OPEN], layer.columns[NORMAL_OPEN], strict=True)
    moved = [mrid for mrid, now, normal in pairs if (now or "") != (normal or "")]
    if moved:
        first = ", ".join(moved[:FIRST_IDS])
        report.notes.append(
            f"{len(moved)} switches were not as they normally are ({first}); the network starts in its normal state"
        )
