"""What GIS layers mean: a TOML file that says which layer is which class, and which column which field."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from loaders.report import LoadError
from twin.components import COMPONENTS, Component
from twin.extras import ExtraError, check_name

CLASSES = {component.name: component for component in COMPONENTS}
TWO_ENDED = ("AcLineSegment", "Switch", "PowerTransformer")
FLAG_TEXTS = {"1": True, "0": False, "true": True, "false": False, "yes": True, "no": False}
"""What a flag may be without `values`, in any case of letters."""

_BRANCH_FIELDS = ("place1", "place2", "nominal_voltage_v", "nominal_voltage1_v", "nominal_voltage2_v")
_MORE_FIELDS = {
    **dict.fromkeys(TWO_ENDED, _BRANCH_FIELDS),
    "ConnectivityNode": ("place",),
    "EnergySource": ("place", "nominal_voltage_v"),
    "EnergyConsumer": ("place", "nominal_voltage_v"),
    "Feeder": ("node",),
}
"""Fields that the class has no column for: where an element's ends are, and the voltage of its nodes."""
_NOT_MAPPED = {"Feeder": ("head_node",), "ConnectivityNode": ("lng", "lat")}
_TOP = ("name", "crs", "snap_m", "layers", "places")
_LAYER = ("layer", "class", "prefix", "fields", "where", "keep", "optional", "repeated_ids", "lng", "lat", "wkt")
_FIELD = ("column", "value", "values", "other", "default", "scale")


@dataclass(frozen=True, slots=True)
class FieldMap:
    """Where one field comes from: a column, whose values may be replaced and scaled, or one value for all."""

    column: str | None
    value: object = None
    values: Mapping[str, object] | None = None
    other: object = None
    """What a value that `values` does not list becomes; None where that is an error."""
    default: object = None
    """What stands for a value not given."""
    scale: float = 1.0


@dataclass(frozen=True, slots=True)
class LayerMap:
    """One use of a layer: its rows as elements of one class."""

    entry: str
    """Its name in the mapping."""
    layer: str
    component: Component
    fields: Mapping[str, FieldMap]
    prefix: str = ""
    """Put before every mrid."""
    where: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Only rows with one of these values in these columns are used."""
    keep: Mapping[str, str | tuple[str, ...]] = field(default_factory=dict)
    """Extra columns that the class does not declare: by name, a column as it is, or several summed up."""
    optional: bool = False
    """The layer may be missing."""
    repeated_ids: bool = False
    """The id may repeat; the second gets ` (2)`."""
    lnglat: tuple[str, str] | None = None
    """Columns with the coordinates, where the layer has no geometry."""
    wkt: str | None = None

    def columns(self) -> list[str]:
        """Every column it needs."""
        mapped = [each.column for each in self.fields.values() if each.column is not None]
        kept = [name for given in self.keep.values() for name in ((given,) if isinstance(given, str) else given)]
        places = [*(self.lnglat or ()), *([self.wkt] if self.wkt else [])]
        return list(dict.fromkeys([*mapped, *self.where, *kept, *places]))


@dataclass(frozen=True, slots=True)
class Places:
    """A layer of points that others name, such as poles."""

    layer: str
    id: str


@dataclass(frozen=True, slots=True)
class LayersMapping:
    """A whole mapping."""

    layers: tuple[LayerMap, ...]
    name: str = ""
    crs: str | None = None
    """Coordinate system of layers that do not say theirs."""
    snap_m: float = 0.1
    """Ends without node ids that lie within this of each other are one node."""
    places: Places | None = None


def read_mapping(path: Path) -> LayersMapping:
    """The mapping in a TOML file; raises LoadError naming the file, the entry, the key and the value."""
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise LoadError(f"the mapping {path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise LoadError(f"the mapping {path} is no text in UTF-8: byte {error.start} is not") from error
    except (ValueError, RecursionError) as error:  # no TOML, a number of thousands of digits, or lists within lists
        raise LoadError(f"the mapping {path} is no TOML: {error}") from error
    return mapping_of(document, str(path))


def mapping_of(document: Mapping[str, Any], source: str) -> LayersMapping:
    """The same from parsed TOML; `source` is what errors call it."""
    _only(document, _TOP, source)
    snap = document.get("snap_m", 0.1)
    if isinstance(snap, bool) or not isinstance(snap, int | float) or not 0 <= snap <= 100:
        raise LoadError(f"{source}: snap_m is {snap!r}; a tolerance of 0 … 100 metres is needed")
    layers = _table(document, "layers", source)
    if not layers:
        raise LoadError(f"{source} maps no layer: it needs tables [layers.NAME]")
    places = None
    if "places" in document:
        table = _table(document, "places", source)
        _only(table, ("layer", "id"), f"{source} [places]")
        places = Places(_text(table, "layer", f"{source} [places]"), _text(table, "id", f"{source} [places]"))
    made = tuple(_layer(entry, table, source) for entry, table in layers.items())
    for each in made:
        if places is None and any(name.startswith("place") for name in each.fields):
            raise LoadError(f"{source} [layers.{each.entry}]: it names places, but the mapping has no table [places]")
    crs = _text(document, "crs", source) if "crs" in document else None
    return LayersMapping(made, _text(document, "name", source, ""), crs, float(snap), places)


def _layer(entry: str, table: object, source: str) -> LayerMap:
    where = f"{source} [layers.{entry}]"
    if not isinstance(table, dict):
        raise LoadError(f"{source}: layers.{entry} is {table!r}; a table [layers.{entry}] is needed")
    _only(table, _LAYER, where)
    class_name = _text(table, "class", where)
    if class_name not in CLASSES:
        raise LoadError(f"{where}: class is {class_name!r}; it must be one of {', '.join(CLASSES)}")
    fields = {name: _field(name, given, where) for name, given in _table(table, "fields", where).items()}
    _known_fields(class_name, fields, where)
    both = [key for key in ("lng", "lat") if key in table]
    if len(both) == 1:
        raise LoadError(f"{where}: {both[0]} is given alone; lng and lat are needed together")
    return LayerMap(
        entry,
        _text(table, "layer", where, entry),
        CLASSES[class_name],
        fields,
        _text(table, "prefix", where, ""),
        {
            name: tuple(map(as_text, _list(values, where, name)))
            for name, values in _table(table, "where", where).items()
        },
        _keep(table, CLASSES[class_name], where),
        _flag(table, "optional", where),
        _flag(table, "repeated_ids", where),
        (_text(table, "lng", where), _text(table, "lat", where)) if both else None,
        _text(table, "wkt", where) if "wkt" in table else None,
    )


def _keep(table: Mapping[str, Any], component: Component, where: str) -> dict[str, str | tuple[str, ...]]:
    kept: dict[str, str | tuple[str, ...]] = {}
    for name, given in _table(table, "keep", where).items():
        try:
            check_name(name, [each.name for each in component.fields])
        except ExtraError as error:
            raise LoadError(f"{where} keep: {error}") from error
        columns = _list(given, where, f"keep.{name}")
        if not all(isinstance(each, str) for each in columns):
            raise LoadError(f"{where}: keep.{name} is {given!r}; a column's name or a list of them is needed")
        kept[name] = given if isinstance(given, str) else tuple(columns)
    return kept


def _known_fields(class_name: str, fields: Mapping[str, FieldMap], where: str) -> None:
    own = [each.name for each in CLASSES[class_name].fields if each.name not in _NOT_MAPPED.get(class_name, ())]
    known = (*own, *_MORE_FIELDS.get(class_name, ()))
    for name in fields:
        if name not in known:
            raise LoadError(f"{where}: {class_name} has no field {name!r}; it has {', '.join(known)}")
    needed = {"EnergyConsumer": (), "UsagePoint": ("consumer",), "Feeder": ("node",)}.get(class_name, ())
    for name in needed:
        if name not in fields:
            raise LoadError(f"{where}: {class_name} needs the field {name!r}")
    if class_name in TWO_ENDED and ("node1" in fields) != ("node2" in fields):
        raise LoadError(f"{where}: one of node1 and node2 is given; give both, or none to snap the ends")


def _field(name: str, given: object, where: str) -> FieldMap:
    where = f"{where} fields.{name}"
    if isinstance(given, str):
        return FieldMap(given)
    if not isinstance(given, dict):
        raise LoadError(f"{where} is {given!r}; a column's name, or a table with column or value is needed")
    _only(given, _FIELD, where)
    if ("column" in given) == ("value" in given):
        raise LoadError(f"{where}: either column or value is needed, and not both")
    scale = given.get("scale", 1.0)
    if isinstance(scale, bool) or not isinstance(scale, int | float):
        raise LoadError(f"{where}: scale is {scale!r}; a number is needed")
    values = _table(given, "values", where) if "values" in given else None
    column = _text(given, "column", where) if "column" in given else None
    return FieldMap(column, given.get("value"), values, given.get("other"), given.get("default"), float(scale))


def as_text(value: object) -> str:
    """A value as a mapping writes it: 1.0 and 1 are `1`, true is `true`, blanks around text are left out."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip()


def _only(table: Mapping[str, Any], known: tuple[str, ...], where: str) -> None:
    for key in table:
        if key not in known:
            raise LoadError(f"{where}: {key!r} is not known; known are {', '.join(known)}")


def _table(table: Mapping[str, Any], key: str, where: str) -> dict[str, Any]:
    found = table.get(key, {})
    if not isinstance(found, dict):
        raise LoadError(f"{where}: {key} is {found!r}; a table is needed")
    return found


def _text(table: Mapping[str, Any], key: str, where: str, default: str | None = None) -> str:
    found = table.get(key, default)
    if not isinstance(found, str):
        raise LoadError(f"{where}: {key} is {found!r}; text is needed")
    return found


def _flag(table: Mapping[str, Any], key: str, where: str) -> bool:
    found = table.get(key, False)
    if not isinstance(found, bool):
        raise LoadError(f"{where}: {key} is {found!r}; true or false is needed")
    return found


def _list(given: object, where: str, key: str) -> list[Any]:
    found = given if isinstance(given, list) else [given]
    if not found or not all(isinstance(each, str | int | float) for each in found):
        raise LoadError(f"{where}: {key} is {given!r}; a value or a list of values is needed")
    return found
