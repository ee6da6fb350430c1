"""The embedded store: one GeoPackage 1.2 file with the network as layers and the log beside them.

Layers are plain GeoPackage tables, one a class, so QGIS and GDAL open them as they are; triggers refuse edits behind
the log's back. WAL with `synchronous=FULL`: an acknowledged write is on disk. One process writes at a time.
"""

from __future__ import annotations

import fcntl
import json
import sqlite3
import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import shapely
from numpy.typing import NDArray

from twin import phases
from twin.components import COMPONENTS, TEXT, Component, Field, Table
from twin.events import Event, ModelReplaced, Recorded, event_from_json, event_to_json
from twin.geometry import LineStrings
from twin.network import Network
from twin.store import Head, Remembered, StoreError, StoreInvalid, StoreLocked, StoreMissing

APPLICATION_ID = 0x47504B47  # "GPKG"
GEOPACKAGE_VERSION = 10200
SCHEMA_VERSION = "1"
SRS_ID = 4326

_SQL_TYPES = {
    "text": "TEXT NOT NULL",
    "row": "INTEGER",
    "phases": "TEXT NOT NULL",
    "flag": "BOOLEAN NOT NULL",
    "count": "INTEGER NOT NULL",
    "real": "REAL",
}
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

_WGS84 = (
    'GEOGCS["WGS 84",DATUM["WGS_1984",SPHEROID["WGS 84",6378137,298.257223563]],PRIMEM["Greenwich",0],'
    'UNIT["degree",0.0174532925199433]]'
)
_CORE = """
CREATE TABLE gpkg_spatial_ref_sys (srs_name TEXT NOT NULL, srs_id INTEGER NOT NULL PRIMARY KEY,
  organization TEXT NOT NULL, organization_coordsys_id INTEGER NOT NULL, definition TEXT NOT NULL, description TEXT);
CREATE TABLE gpkg_contents (table_name TEXT NOT NULL PRIMARY KEY, data_type TEXT NOT NULL, identifier TEXT UNIQUE,
  description TEXT DEFAULT '', last_change DATETIME NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ','now')),
  min_x DOUBLE, min_y DOUBLE, max_x DOUBLE, max_y DOUBLE, srs_id INTEGER,
  CONSTRAINT fk_gc_r_srs_id FOREIGN KEY (srs_id) REFERENCES gpkg_spatial_ref_sys(srs_id));
CREATE TABLE gpkg_geometry_columns (table_name TEXT NOT NULL, column_name TEXT NOT NULL,
  geometry_type_name TEXT NOT NULL, srs_id INTEGER NOT NULL, z TINYINT NOT NULL, m TINYINT NOT NULL,
  CONSTRAINT pk_geom_cols PRIMARY KEY (table_name, column_name), CONSTRAINT uk_gc_table_name UNIQUE (table_name),
  CONSTRAINT fk_gc_tn FOREIGN KEY (table_name) REFERENCES gpkg_contents(table_name),
  CONSTRAINT fk_gc_srs FOREIGN KEY (srs_id) REFERENCES gpkg_spatial_ref_sys(srs_id));
CREATE TABLE gridtwin_meta (key TEXT NOT NULL PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE gridtwin_log (revision INTEGER PRIMARY KEY, recorded_at TEXT NOT NULL, occurred_at TEXT NOT NULL,
  author TEXT NOT NULL, note TEXT NOT NULL, event TEXT NOT NULL);
CREATE TABLE gridtwin_answers (key TEXT NOT NULL PRIMARY KEY, request TEXT NOT NULL, revision INTEGER NOT NULL,
  answer TEXT NOT NULL);
CREATE TRIGGER gridtwin_log_keeps_update BEFORE UPDATE ON gridtwin_log
  BEGIN SELECT RAISE(ABORT, 'the log is append-only'); END;
CREATE TRIGGER gridtwin_log_keeps_delete BEFORE DELETE ON gridtwin_log
  BEGIN SELECT RAISE(ABORT, 'the log is append-only'); END;
"""


class GeoPackageStore:
    """A GeoPackage file as a store (see `twin.store.Store`)."""

    def __init__(self, path: Path, *, write: bool = False, create: bool = False) -> None:
        """Opens a file; `write` takes the one writer's place, `create` makes a file that is not there yet.

        Raises StoreMissing, StoreLocked or StoreInvalid.
        """
        self.path = path
        self.url = str(path)
        self._lock = _take_writers_place(path) if write else None
        try:
            self._connection = self._open(write, create)
        except BaseException:
            self._release()
            raise

    # --- opening ----------------------------------------------------------------------------------------------

    def _open(self, write: bool, create: bool) -> sqlite3.Connection:
        if not self.path.exists() and not (write and create):
            raise StoreMissing(f"{self.path} is not there; make it with `gridtwin load SOURCE --store {self.path}`")
        fresh = not self.path.exists() or self.path.stat().st_size == 0
        mode = "rwc" if create else "rw" if write else "ro"
        uri = f"{self.path.absolute().as_uri()}?mode={mode}"
        with _said(self.path):
            connection = sqlite3.connect(uri, uri=True, check_same_thread=False, isolation_level=None, timeout=10)
            try:
                if write:
                    connection.execute("PRAGMA journal_mode=WAL")
                    connection.execute("PRAGMA synchronous=FULL")
                if fresh:
                    _make_schema(connection)
                _check_schema(connection, self.path)
            except BaseException:
                connection.close()
                raise
        return connection

    def close(self) -> None:
        """Folds the WAL back into the one file and gives up the writer's place."""
        if self._lock is not None:
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self._connection.close()
        self._release()

    def _release(self) -> None:
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    # --- reading ----------------------------------------------------------------------------------------------

    def head(self) -> Head | None:
        """Newest revision and the model in force."""
        with _said(self.path):
            row = self._connection.execute("SELECT max(revision) FROM gridtwin_log").fetchone()
            meta = dict(self._connection.execute("SELECT key, value FROM gridtwin_meta").fetchall())
        return None if row[0] is None else Head(int(row[0]), meta["model"])

    def read_network(self, model: str) -> Network:
        """The network kept in the layers; raises StoreInvalid where it is of another model, or was tampered with."""
        with _said(self.path):
            meta = dict(self._connection.execute("SELECT key, value FROM gridtwin_meta").fetchall())
            if meta.get("model") != model:
                raise StoreInvalid(f"{self.path} holds model {meta.get('model')}, not {model}")
            tables = {c.table: self._read_table(c) for c in COMPONENTS}
            geometry = self._read_lines()
        network = Network.from_tables(meta["name"], tables, geometry)
        if network.model != model:
            raise StoreInvalid(f"the layers of {self.path} were changed behind the log's back; load the source again")
        return network

    def events(self, after: int = 0, until: int | None = None) -> Iterator[Recorded]:
        """The log in order."""
        last = until if until is not None else 2**62
        with _said(self.path):
            rows = self._connection.execute(
                "SELECT revision, recorded_at, occurred_at, author, note, event FROM gridtwin_log "
                "WHERE revision > ? AND revision <= ? ORDER BY revision",
                (after, last),
            ).fetchall()
        for revision, recorded_at, occurred_at, author, note, event in rows:
            yield Recorded(
                revision,
                datetime.fromisoformat(recorded_at),
                datetime.fromisoformat(occurred_at),
                author,
                note,
                event_from_json(json.loads(event)),
            )

    def _read_table(self, component: Component) -> Table:
        fields = _stored_fields(component)
        names = ", ".join(f'"{f.name}"' for f in fields)
        rows = self._connection.execute(f"SELECT {names} FROM {component.table} ORDER BY fid").fetchall()
        columns: dict[str, object] = {}
        values = list(zip(*rows, strict=True)) if rows else [()] * len(fields)
        for declared, column in zip(fields, values, strict=True):
            columns[declared.name] = _from_sql(declared, column)
        if component.table == "nodes":
            columns["lng"], columns["lat"] = self._read_points()
        return Table(component, columns)

    def _read_points(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        blobs = [blob for (blob,) in self._connection.execute("SELECT geom FROM nodes ORDER BY fid")]
        placed = np.array([blob is not None for blob in blobs], dtype=bool)
        lnglat = np.full((len(blobs), 2), np.nan)
        raw = np.frombuffer(b"".join(blob for blob in blobs if blob is not None), dtype=_POINT)
        lnglat[placed, 0], lnglat[placed, 1] = raw["x"], raw["y"]
        return lnglat[:, 0], lnglat[:, 1]

    def _read_lines(self) -> LineStrings:
        blobs = [blob for (blob,) in self._connection.execute("SELECT geom FROM lines ORDER BY fid")]
        placed = [row for row, blob in enumerate(blobs) if blob is not None]
        shapes = np.asarray(shapely.from_wkb([blobs[row][_LINE_HEADER.size :] for row in placed]))
        sizes = np.zeros(len(blobs), dtype=np.int64)
        sizes[placed] = shapely.get_num_coordinates(shapes)
        offsets = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
        return LineStrings(offsets, shapely.get_coordinates(shapes))

    # --- writing ----------------------------------------------------------------------------------------------

    @contextmanager
    def writing(self) -> Iterator[GeoPackageWriter]:
        """A transaction that holds the write lock from its first moment and is on disk when the block has ended."""
        if self._lock is None:
            raise StoreError(f"{self.path} was opened for reading only")
        with _said(self.path):
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield GeoPackageWriter(self._connection, self.head())
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")


class GeoPackageWriter:
    """One writing transaction on a GeoPackage (see `twin.store.Writer`)."""

    def __init__(self, connection: sqlite3.Connection, head: Head | None) -> None:
        self._connection = connection
        self.head = head

    def remembered(self, key: str) -> Remembered | None:
        """The answer given before under this key."""
        row = self._connection.execute(
            "SELECT request, revision, answer FROM gridtwin_answers WHERE key = ?", (key,)
        ).fetchone()
        return None if row is None else Remembered(row[0], row[1], json.loads(row[2]))

    def remember(self, key: str, remembered: Remembered) -> None:
        """Keeps an answer under a key."""
        self._connection.execute(
            "INSERT INTO gridtwin_answers VALUES (?, ?, ?, ?)",
            (key, remembered.request, remembered.revision, json.dumps(dict(remembered.answer))),
        )

    def append(self, event: Event, *, occurred_at: datetime | None, author: str, note: str) -> Recorded:
        """Adds one event under the next revision."""
        newest = self._connection.execute("SELECT max(recorded_at) FROM gridtwin_log").fetchone()[0]
        now = datetime.now(UTC)
        recorded_at = now if newest is None else max(now, datetime.fromisoformat(newest))
        revision = 1 if self.head is None else self.head.revision + 1
        recorded = Recorded(revision, recorded_at, occurred_at or recorded_at, author, note, event)
        self._connection.execute(
            "INSERT INTO gridtwin_log VALUES (?, ?, ?, ?, ?, ?)",
            (
                revision,
                _instant(recorded.recorded_at),
                _instant(recorded.occurred_at),
                author,
                note,
                json.dumps(event_to_json(event)),
            ),
        )
        model = event.model if isinstance(event, ModelReplaced) else self.head.model if self.head else ""
        self.head = Head(revision, model)
        return recorded

    def write_network(self, network: Network) -> None:
        """Replaces the layers by those of this network."""
        for component in COMPONENTS:
            _drop_layer(self._connection, component.table)
            _write_layer(self._connection, component, network)
        self._connection.executemany(
            "INSERT OR REPLACE INTO gridtwin_meta VALUES (?, ?)",
            [("model", network.model), ("name", network.name)],
        )


# --- one writer -----------------------------------------------------------------------------------------------


def _take_writers_place(path: Path) -> BinaryIO:
    if not path.parent.is_dir():
        raise StoreMissing(f"{path}: the folder {path.parent} is not there")
    try:
        lock = open(path.with_name(path.name + ".lock"), "ab")  # noqa: SIM115  kept open for as long as we write
    except OSError as error:
        raise StoreError(f"{path} cannot be written: {error.strerror}") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        lock.close()
        raise StoreLocked(
            f"{path} is being written by another process (a running `gridtwin serve`, say); "
            "switch through that server, or stop it first"
        ) from error
    return lock


@contextmanager
def _said(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.DatabaseError as error:
        text = str(error)
        if isinstance(error, sqlite3.OperationalError) and "disk" in text:
            raise StoreError(f"{path} cannot be written: {text}") from error
        raise StoreInvalid(f"{path} cannot be used as a gridtwin store: {text}") from error


# --- schema ---------------------------------------------------------------------------------------------------


def _make_schema(connection: sqlite3.Connection) -> None:
    connection.execute("BEGIN IMMEDIATE")
    connection.execute(f"PRAGMA application_id={APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version={GEOPACKAGE_VERSION}")
    for statement in _statements(_CORE):
        connection.execute(statement)
    connection.executemany(
        "INSERT INTO gpkg_spatial_ref_sys VALUES (?, ?, ?, ?, ?, ?)",
        [
            ("Undefined cartesian SRS", -1, "NONE", -1, "undefined", None),
            ("Undefined geographic SRS", 0, "NONE", 0, "undefined", None),
            ("WGS 84 geodetic", SRS_ID, "EPSG", SRS_ID, _WGS84, "longitude/latitude in degrees on WGS 84"),
        ],
    )
    connection.execute("INSERT INTO gridtwin_meta VALUES ('schema', ?)", (SCHEMA_VERSION,))
    connection.execute("COMMIT")


def _statements(script: str) -> Iterator[str]:
    statement = ""
    for line in script.strip().splitlines():
        statement += line + "\n"
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


def _check_schema(connection: sqlite3.Connection, path: Path) -> None:
    known = connection.execute("SELECT count(*) FROM sqlite_master WHERE name = 'gridtwin_meta'").fetchone()[0]
    if not known:
        raise StoreInvalid(f"{path} is not a gridtwin store; name another file, or load layers from it as a source")
    (schema,) = connection.execute("SELECT value FROM gridtwin_meta WHERE key = 'schema'").fetchone()
    if schema != SCHEMA_VERSION:
        raise StoreInvalid(f"{path} has schema {schema}; this gridtwin reads {SCHEMA_VERSION}: use a matching version")


def _stored_fields(component: Component) -> Sequence[Field]:
    return [f for f in component.fields if f.name not in _HIDDEN.get(component.table, ())]


def _drop_layer(connection: sqlite3.Connection, table: str) -> None:
    connection.execute("DELETE FROM gpkg_geometry_columns WHERE table_name = ?", (table,))
    connection.execute("DELETE FROM gpkg_contents WHERE table_name = ?", (table,))
    connection.execute(f"DROP TABLE IF EXISTS {table}")


def _write_layer(connection: sqlite3.Connection, component: Component, network: Network) -> None:
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
    values: list[object] = column.tolist()
    return values


def _from_sql(declared: Field, values: Sequence[Any]) -> NDArray[Any]:
    if declared.kind == "row":
        return np.array([-1 if value is None else value - 1 for value in values], dtype=np.int32)
    if declared.kind == "phases":
        masks = {phases.mask_to_code(mask): mask for mask in range(16)}
        return np.array([masks[value] for value in values], dtype=np.uint8)
    if declared.kind == "real":
        return np.array([np.nan if value is None else value for value in values], dtype=np.float64)
    if declared.kind == "text":
        return np.array(list(values), dtype=TEXT)
    return np.array(values, dtype=np.bool_ if declared.kind == "flag" else np.int32)


def _instant(instant: datetime) -> str:
    return instant.astimezone(UTC).isoformat(timespec="microseconds")


# --- geometry: the GeoPackage binary header (OGC 12-128r14, 2.1.3) before well-known binary ----------------------

_POINT_HEADER = struct.pack("<2sBBi", b"GP", 0, 0b0000_0001, SRS_ID) + struct.pack("<BI", 1, 1)
_POINT = np.dtype([("header", f"V{len(_POINT_HEADER)}"), ("x", "<f8"), ("y", "<f8")])
_LINE_HEADER = struct.Struct("<2sBBi4d")  # envelope minx, maxx, miny, maxy


def _blobs(table: str, network: Network) -> list[bytes | None]:
    if table == "lines":
        return _line_blobs(network.line_geometry)
    return _point_blobs(_places(table, network))


def _places(table: str, network: Network) -> NDArray[np.float64]:
    if table == "nodes":
        return network.node_lnglat
    if table == "substations":
        return network.substation_lnglat
    rows = network.tables[table]
    if table in ("sources", "consumers"):
        return network.node_lnglat[rows["node"]]
    at = network.node_lnglat[rows["node1"]]
    return np.where(np.isnan(at), network.node_lnglat[rows["node2"]], at)


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
