"""Tables of a network as layers of a GeoPackage, and back."""

from __future__ import annotations

import sqlite3
import struct
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from twin import phases
from twin.components import TEXT, Component, Field, Table
from twin.extras import ExtraKind, Extras, column_of, kind_of, values
from twin.geometry import LineStrings
from twin.network import Network
from twin.places import table_lnglat

SRS_ID = 4326
_SQL_TYPES = {
    "text": "TEXT NOT NULL",
    "row": "INTEGER",
    "phases": "TEXT NOT NULL",
    "flag": "BOOLEAN NOT NULL",
    "count": "INTEGER NOT NULL",
    "real": "REAL",
}
_EXTRA_TYPES = {"real": "REAL", "text": "TEXT"}
_GEOMETRY = {
    "nodes": "POINT",
    "lines": "LINESTRING",
    "switches": "POINT",
    "transformers": "POINT",
    "sources": "POINT",
    "consumers": "POINT",
    "substations": "POINT",
}
_HIDDEN = {"nodes": ("lng", "lat")}  # kept in the geometry


def _stored_fields(component: Component) -> Sequence[Field]:
    return [f for f in component.fields if f.name not in _HIDDEN.get(component.table, ())]


def drop_layer(connection: sqlite3.Connection, table: str) -> None:
    """Takes a layer out of the file."""
    connection.execute("DELETE FROM gpkg_geometry_columns WHERE table_name = ?", (table,))
    connection.execute("DELETE FROM gpkg_contents WHERE table_name = ?", (table,))
    connection.execute(f"DROP TABLE IF EXISTS {table}")


def write_layer(connection: sqlite3.Connection, component: Component, network: Network) -> None:
    """Makes a layer of one table of a network, with triggers that refuse edits behind the log's back."""
    table, name, fields = network.tables[component.table], component.table, _stored_fields(component)
    geometry_type = _GEOMETRY.get(name)
    definitions = ["fid INTEGER PRIMARY KEY"]
    columns: list[Sequence[object]] = [range(1, len(table) + 1)]
    if geometry_type:
        definitions.append(f"geom {geometry_type}")
        columns.append(_blobs(name, network))
    for declared in fields:
        definitions.append(f'"{declared.name}" {_SQL_TYPES[declared.kind]}')
        columns.append(_to_sql(declared, table[declared.name]))
    for extra, column in table.extras.items():
        definitions.append(f'"{extra}" {_EXTRA_TYPES[kind_of(column)]}')
        columns.append(values(column))
    connection.execute(f"CREATE TABLE {name} ({', '.join(definitions)})")
    marks = ", ".join("?" * len(columns))
    connection.executemany(f"INSERT INTO {name} VALUES ({marks})", zip(*columns, strict=True))
    bounds = network.bounds if geometry_type else None
    connection.execute(
        "INSERT INTO gpkg_contents (table_name, data_type, identifier, description, min_x, min_y, max_x, max_y, srs_id)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            name,
            "features" if geometry_type else "attributes",
            name,
            f"CIM {component.name}; read-only, changes go through gridtwin",
            *(bounds or (None,) * 4),
            SRS_ID if geometry_type else None,
        ),
    )
    if geometry_type:
        connection.execute(
            "INSERT INTO gpkg_geometry_columns VALUES (?, 'geom', ?, ?, 0, 0)", (name, geometry_type, SRS_ID)
        )
    for verb in ("INSERT", "UPDATE", "DELETE"):
        connection.execute(
            f"CREATE TRIGGER gridtwin_{name}_keeps_{verb.lower()} BEFORE {verb} ON {name} BEGIN SELECT "
            "RAISE(ABORT, 'gridtwin layers are read-only: operate switches or load a model with gridtwin'); END"
        )


# --- values ---------------------------------------------------------------------------------------------------


def _to_sql(declared: Field, column: NDArray[Any]) -> Sequence[object]:
    """Rows are kept as the fid they point at (row + 1), phases as CIM text, what is not known as NULL."""
    if declared.kind == "row":
        return [None if value < 0 else value + 1 for value in column.tolist()]
    if declared.kind == "phases":
        codes = [phases.mask_to_code(mask) for mask in range(16)]
        return [codes[mask] for mask in column.tolist()]
    if declared.kind == "real":
        return [None if value != value else value for value in column.tolist()]
    plain: list[object] = column.tolist()
    return plain


def _from_sql(declared: Field, read: Sequence[Any]) -> NDArray[Any]:
    if declared.kind == "row":
        return np.array([-1 if value is None else value - 1 for value in read], dtype=np.int32)
    if declared.kind == "phases":
        masks = {phases.mask_to_code(mask): mask for mask in range(16)}
        return np.array([masks[value] for value in read], dtype=np.uint8)
    if declared.kind == "real":
        return np.array([np.nan if value is None else value for value in read], dtype=np.float64)
    if declared.kind == "text":
        return np.array(list(read), dtype=TEXT)
    return np.array(read, dtype=np.bool_ if declared.kind == "flag" else np.int32)


# --- geometry: the GeoPackage binary header (OGC 12-128r14, 2.1.3) before well-known binary ----------------------

_POINT_HEADER = struct.pack("<2sBBi", b"GP", 0, 0b0000_0001, SRS_ID) + struct.pack("<BI", 1, 1)
_POINT = np.dtype([("header", f"V{len(_POINT_HEADER)}"), ("x", "<f8"), ("y", "<f8")])
_LINE_HEADER = struct.Struct("<2sBBi4d")  # envelope minx, maxx, miny, maxy


def _blobs(table: str, network: Network) -> list[bytes | None]:
    if table == "lines":
        return _line_blobs(network.line_geometry)
    return _point_blobs(table_lnglat(network, table))


def _point_blobs(lnglat: NDArray[np.float64]) -> list[bytes | None]:
    points = np.zeros(len(lnglat), dtype=_POINT)
    points["header"] = np.void(_POINT_HEADER)
    points["x"], points["y"] = lnglat[:, 0], lnglat[:, 1]
    whole = points.tobytes()
    size = _POINT.itemsize
    placed: list[bool] = np.logical_and.reduce(~np.isnan(lnglat), axis=1).tolist()
    return [whole[i * size : (i + 1) * size] if there else None for i, there in enumerate(placed)]


def _line_blobs(lines: LineStrings) -> list[bytes | None]:
    blobs: list[bytes | None] = [None] * len(lines)
    placed = np.flatnonzero(lines.placed)
    if len(placed) == 0:
        return blobs
    index = np.repeat(np.arange(len(placed)), np.diff(lines.offsets)[placed])
    shapes = shapely.linestrings(lines.coordinates, indices=index)
    for row, wkb, bounds in zip(
        placed.tolist(),
        np.asarray(shapely.to_wkb(shapes, byte_order=1)).tolist(),
        shapely.bounds(shapes).tolist(),
        strict=True,
    ):
        left, bottom, right, top = bounds
        blobs[row] = _LINE_HEADER.pack(b"GP", 0, 0b0000_0011, SRS_ID, left, right, bottom, top) + wkb
    return blobs


# --- reading back ---


def extra_kinds(extras: Extras) -> dict[str, ExtraKind]:
    """What a file has to remember of them to read them again."""
    return {name: kind_of(column) for name, column in extras.items()}


def read_layer(connection: sqlite3.Connection, component: Component, extras: Mapping[str, ExtraKind]) -> Table:
    """One table as it was written. extras: its columns beyond the class."""
    fields = _stored_fields(component)
    names = ", ".join(f'"{name}"' for name in (*(f.name for f in fields), *extras))
    rows = connection.execute(f"SELECT {names} FROM {component.table} ORDER BY fid").fetchall()
    columns: dict[str, object] = {}
    read = list(zip(*rows, strict=True)) if rows else [()] * (len(fields) + len(extras))
    for declared, column in zip(fields, read, strict=False):
        columns[declared.name] = _from_sql(declared, column)
    more = zip(extras.items(), read[len(fields) :], strict=True)
    beyond = {name: column_of(kind, column) for (name, kind), column in more}
    if component.table == "nodes":
        columns["lng"], columns["lat"] = _read_points(connection)
    return Table(component, columns, beyond)


def _read_points(connection: sqlite3.Connection) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    blobs = [blob for (blob,) in connection.execute("SELECT geom FROM nodes ORDER BY fid")]
    placed = np.array([blob is not None for blob in blobs], dtype=bool)
    lnglat = np.full((len(blobs), 2), np.nan)
    raw = np.frombuffer(b"".join(blob for blob in blobs if blob is not None), dtype=_POINT)
    lnglat[placed, 0], lnglat[placed, 1] = raw["x"], raw["y"]
    return lnglat[:, 0], lnglat[:, 1]


def read_lines(connection: sqlite3.Connection) -> LineStrings:
    """The geometry of the lines."""
    blobs = [blob for (blob,) in connection.execute("SELECT geom FROM lines ORDER BY fid")]
    placed = [row for row, blob in enumerate(blobs) if blob is not None]
    shapes = np.asarray(shapely.from_wkb([blobs[row][_LINE_HEADER.size :] for row in placed]))
    sizes = np.zeros(len(blobs), dtype=np.int64)
    sizes[placed] = shapely.get_num_coordinates(shapes)
    offsets = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    return LineStrings(offsets, shapely.get_coordinates(shapes))
