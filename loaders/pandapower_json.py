"""The JSON file of a pandapower net, as `pandapower.to_json` writes it, read without pandapower.

A net is an object of tables, and a table is an object that says which class it is and holds its rows as text: a
pandas frame oriented `split` (or, in older files, by column), or a GeoDataFrame as a GeoJSON FeatureCollection.
Nothing in a file is ever imported or called.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from loaders.report import LoadError
from loaders.text_files import decoded

_HEAD_BYTES = 4096
"""How far into a file its class is looked for."""


def is_pandapower(source: Path) -> bool:
    """Whether a source looks like a pandapower net: a JSON file whose first class is pandapowerNet."""
    if not source.is_file() or source.suffix.lower() != ".json":
        return False
    with source.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    return b'"pandapowerNet"' in head or b'"pandapower.auxiliary"' in head


def read_tables(source: Path) -> dict[str, pd.DataFrame]:
    """The tables of a net, by name; every value as the file has it. Raises LoadError for a file that holds no net."""
    data = source.read_bytes()
    net = _net(source, _parsed(str(source), decoded(data, str(source), json.detect_encoding(data))))
    return {name: frame for name, value in net.items() if (frame := _frame(source, name, value)) is not None}


def _net(source: Path, whole: object) -> Mapping[str, object]:
    if not isinstance(whole, dict):
        raise LoadError(f"{source} holds {_kind(whole)} where a pandapower net, an object, is needed")
    name = whole.get("_class", "pandapowerNet")
    if name != "pandapowerNet":
        raise LoadError(f"{source}: _class is {name!r}; only a pandapowerNet can be read")
    net = whole.get("_object", whole)
    if isinstance(net, str):  # up to format version 1.5
        net = _parsed(f"{source}: _object", net)
    if not isinstance(net, dict):
        raise LoadError(f"{source}: _object is {_kind(net)}; a pandapower net is an object of tables")
    if "bus" not in net:
        raise LoadError(f"{source} has no table bus; a pandapower net, written by pandapower.to_json, has one")
    return net


def _frame(source: Path, name: str, value: object) -> pd.DataFrame | None:
    """A table, or None for anything else that a net holds (its version, its standard types, …)."""
    where = f"{source} table {name}"
    if not isinstance(value, dict):
        if name == "bus":
            raise LoadError(f"{where} is {_kind(value)}; a table is needed")
        return None
    written = value.get("_class", "DataFrame" if name == "bus" else None)
    if written not in ("DataFrame", "GeoDataFrame"):
        return None
    rows = value.get("_object", value)
    if isinstance(rows, str):
        rows = _parsed(where, rows)
    if not isinstance(rows, dict):
        raise LoadError(f"{where} holds {_kind(rows)} where rows are needed")
    if rows.get("type") == "FeatureCollection":
        return _features(where, rows)
    if {"columns", "index", "data"} <= rows.keys():
        return _split(where, rows)
    return _by_column(where, rows)


def _split(where: str, rows: Mapping[str, Any]) -> pd.DataFrame:
    for part in ("columns", "index", "data"):
        if not isinstance(rows[part], list):
            raise LoadError(f"{where}: {part} is {_kind(rows[part])}; a list is needed")
    columns, index, data = rows["columns"], rows["index"], rows["data"]
    if len(index) != len(data):
        raise LoadError(f"{where} names {len(index)} rows, but holds {len(data)}")
    for at, row in enumerate(data):
        if not isinstance(row, list) or len(row) != len(columns):
            has = f"{len(row)} values" if isinstance(row, list) else _kind(row)
            raise LoadError(f"{where} row {index[at]} has {has}; it needs one for each of its {len(columns)} columns")
    names = [str(column) for column in columns]
    values = {at: pd.Series([row[at] for row in data], dtype=object) for at in range(len(names))}
    frame = pd.DataFrame(values, columns=range(len(names)), index=range(len(data)), dtype=object)
    frame.columns, frame.index = pd.Index(names, dtype=object), pd.Index(index, dtype=object)
    return frame


def _by_column(where: str, rows: Mapping[str, Any]) -> pd.DataFrame:
    for column, values in rows.items():
        if not isinstance(values, dict):
            raise LoadError(f"{where}: {column} is {_kind(values)}; a column is an object of values by row")
    index: dict[str, None] = {}
    for values in rows.values():
        index.update(dict.fromkeys(values))
    data = [[values.get(row) for values in rows.values()] for row in index]
    return _split(where, {"columns": list(rows), "index": list(index), "data": data})


def _features(where: str, rows: Mapping[str, Any]) -> pd.DataFrame:
    """One row a feature: its properties, and the geometry as an object."""
    features = rows.get("features")
    if not isinstance(features, list) or not all(isinstance(feature, dict) for feature in features):
        raise LoadError(f"{where}: features is {_kind(features)}; a list of objects is needed")
    records = [{**(feature.get("properties") or {}), "geometry": feature.get("geometry")} for feature in features]
    columns = list(dict.fromkeys(name for record in records for name in record if name != "id"))
    ids = [feature.get("id", at) for at, feature in enumerate(features)]
    index = [record.get("id", id_) for record, id_ in zip(records, ids, strict=True)]
    data = [[record.get(name) for name in columns] for record in records]
    return _split(where, {"columns": columns, "index": index, "data": data})


def _parsed(where: str, text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:  # a number of thousands of digits is a ValueError
        raise LoadError(f"{where} cannot be read as JSON: {error}") from error


def _kind(value: object) -> str:
    names = {dict: "an object", list: "a list", str: "text", bool: "true or false", type(None): "nothing"}
    return names.get(type(value), "a number")
