"""The embedded store: one GeoPackage 1.2 file with the network as layers and the log beside them.

Layers are plain GeoPackage tables, one a class, so QGIS and GDAL open them as they are; triggers refuse edits behind
the log's back. WAL with `synchronous=FULL`: an acknowledged write is on disk. One process writes at a time.
"""

from __future__ import annotations

import fcntl
import json
import sqlite3
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

from twin.components import COMPONENTS
from twin.events import Event, Position, Recorded, event_from_json, event_to_json
from twin.geopackage_layers import SRS_ID, drop_layer, extra_kinds, read_layer, read_lines, write_layer
from twin.geopackage_styles import write_styles
from twin.network import Network
from twin.packed import pack, unpack
from twin.scenario import Scenario
from twin.state import Snapshot
from twin.store import (
    Checkpoint,
    Head,
    Remembered,
    StoreError,
    StoreInvalid,
    StoreLocked,
    StoreMissing,
    following,
)

APPLICATION_ID = 0x47504B47  # "GPKG"
GEOPACKAGE_VERSION = 10200
SCHEMA_VERSION = "4"
POLL_S = 1.0

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
_MIGRATIONS = {
    "1": """
CREATE INDEX gridtwin_log_recorded_at ON gridtwin_log (recorded_at);
CREATE TABLE gridtwin_checkpoints (revision INTEGER PRIMARY KEY, model TEXT NOT NULL, positions TEXT NOT NULL);
CREATE TABLE gridtwin_scenarios (id TEXT NOT NULL PRIMARY KEY, created_at TEXT NOT NULL, scenario TEXT NOT NULL);
""",
    "2": """
CREATE TABLE gridtwin_networks (model TEXT NOT NULL, name TEXT NOT NULL, class TEXT NOT NULL, "column" TEXT NOT NULL,
  data BLOB NOT NULL, PRIMARY KEY (model, class, "column"));
""",
    "3": """
INSERT INTO gridtwin_meta VALUES ('extras', '{}');
""",
}
"""What takes a file from each released schema to the next; a new file begins with the first schema.

From 4 on, `extras` in gridtwin_meta names the columns of each layer that its class does not declare, and their kinds.
"""
_GROWN = 3
"""The schema that has all tables of the newest one."""


class GeoPackageStore:
    """A GeoPackage file as a store (see `twin.store.Store`)."""

    def __init__(self, path: Path, *, write: bool = False, create: bool = False) -> None:
        """Opens a file; `write` takes the one writer's place, `create` makes a file that is not there yet.

        Raises StoreMissing, StoreLocked or StoreInvalid.
        """
        self.path = path
        self.url = str(path)
        self.shared = not write  # one process writes, and this is it
        self._closed = threading.Event()
        self._grown = False
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
                if write:
                    _migrate(connection)
                self._grown = int(_schema(connection)) >= _GROWN  # a file of an older schema, read only, is not
            except BaseException:
                connection.close()
                raise
        return connection

    def close(self) -> None:
        """Folds the WAL back into the one file and gives up the writer's place."""
        self._closed.set()
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
        """The network in the layers, or an older one; raises StoreInvalid where it is not kept or was tampered with."""
        with _said(self.path):
            meta = dict(self._connection.execute("SELECT key, value FROM gridtwin_meta").fetchall())
            older = meta.get("model") != model
            packed = self._read_packed(model) if older or self._guarded(meta) else None
            if packed is not None:
                return packed
            if older:
                raise StoreInvalid(f"{self.path} does not keep model {model}")
            extras = json.loads(meta.get("extras", "{}"))
            tables = {c.table: read_layer(self._connection, c, extras.get(c.table, {})) for c in COMPONENTS}
            geometry = read_lines(self._connection)
        network = Network.from_tables(meta["name"], tables, geometry)
        if network.model != model:
            raise StoreInvalid(f"the layers of {self.path} were changed behind the log's back; load the source again")
        if self._lock is not None and not self._connection.in_transaction:
            with self.writing() as writer:
                writer.keep_packed(network)  # a program added a table, say: the next opening is quick again
        return network

    def _read_packed(self, model: str) -> Network | None:
        rows = self._grown_rows('SELECT name, class, "column", data FROM gridtwin_networks WHERE model = ?', model)
        columns = {(table, column): data for _, table, column, data in rows}
        return unpack(rows[0][0], model, columns) if rows else None

    def _guarded(self, meta: Mapping[str, str]) -> bool:
        """Whether the triggers that refuse edits of the layers are those that were written with them.

        SQLite counts changes of the schema: who took a trigger away was counted. So the layers need not be read to
        know that they are what the model says.
        """
        (counted,) = self._connection.execute("PRAGMA schema_version").fetchone()
        return meta.get("schema_version") == str(counted)

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

    def revision_at(self, instant: datetime) -> int:
        """Newest revision recorded at or before an instant."""
        with _said(self.path):
            row = self._connection.execute(
                "SELECT revision FROM gridtwin_log WHERE recorded_at <= ? "
                "ORDER BY recorded_at DESC, revision DESC LIMIT 1",
                (_instant(instant),),
            ).fetchone()
        return 0 if row is None else int(row[0])

    def checkpoint(self, until: int) -> Checkpoint | None:
        """Newest checkpoint at or before a revision."""
        rows = self._grown_rows(
            "SELECT revision, model, positions FROM gridtwin_checkpoints WHERE revision <= ? "
            "ORDER BY revision DESC LIMIT 1",
            until,
        )
        for revision, model, positions in rows:
            return Checkpoint(revision, model, tuple(map(Position.from_json, json.loads(positions))))
        return None

    def scenarios(self) -> list[Scenario]:
        """All of them, by creation."""
        rows = self._grown_rows("SELECT scenario FROM gridtwin_scenarios ORDER BY created_at, id")
        return [Scenario.from_json(json.loads(scenario)) for (scenario,) in rows]

    def scenario(self, scenario_id: str) -> Scenario | None:
        """One by its id."""
        rows = self._grown_rows("SELECT scenario FROM gridtwin_scenarios WHERE id = ?", scenario_id)
        return Scenario.from_json(json.loads(rows[0][0])) if rows else None

    def _grown_rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        if not self._grown:
            return []
        with _said(self.path):
            return self._connection.execute(query, values).fetchall()

    def answers(self) -> Iterator[tuple[str, Remembered]]:
        """Every key with its answer."""
        with _said(self.path):
            rows = self._connection.execute(
                "SELECT key, request, revision, answer FROM gridtwin_answers ORDER BY revision, key"
            ).fetchall()
        return ((key, Remembered(request, revision, json.loads(answer))) for key, request, revision, answer in rows)

    def wait(self, timeout_s: float) -> bool:
        """Looks again after a second: a file tells nobody that another process wrote to it."""
        return not self._closed.wait(min(timeout_s, POLL_S))

    # --- writing ----------------------------------------------------------------------------------------------

    @contextmanager
    def writing(self) -> Iterator[GeoPackageWriter]:
        """A transaction that holds the write lock from its first moment and is on disk when the block has ended."""
        if self._lock is None:
            raise StoreError(f"{self.path} was opened for reading only")
        with _said(self.path):
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield GeoPackageWriter(self, self._connection)
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")


class GeoPackageWriter:
    """One writing transaction on a GeoPackage (see `twin.store.Writer`)."""

    def __init__(self, store: GeoPackageStore, connection: sqlite3.Connection) -> None:
        self._store, self._connection = store, connection
        self.head = store.head()

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
        newest = self._connection.execute(
            "SELECT recorded_at FROM gridtwin_log ORDER BY revision DESC LIMIT 1"
        ).fetchone()
        now = datetime.now(UTC)
        recorded_at = now if newest is None else max(now, datetime.fromisoformat(newest[0]))
        revision = 1 if self.head is None else self.head.revision + 1
        recorded = Recorded(revision, recorded_at, occurred_at or recorded_at, author, note, event)
        self.append_recorded(recorded)
        return recorded

    def append_recorded(self, recorded: Recorded) -> None:
        """Adds an event as it is."""
        self.head = following(self.head, recorded)
        self._connection.execute(
            "INSERT INTO gridtwin_log VALUES (?, ?, ?, ?, ?, ?)",
            (
                recorded.revision,
                _instant(recorded.recorded_at),
                _instant(recorded.occurred_at),
                recorded.author,
                recorded.note,
                json.dumps(event_to_json(recorded.event)),
            ),
        )

    def keep_supply(self, after: Snapshot) -> None:
        """The file shows the network, not its supply."""

    def keep_checkpoint(self, checkpoint: Checkpoint) -> None:
        """Keeps the state at a revision."""
        positions = json.dumps([position.to_json() for position in checkpoint.positions])
        self._connection.execute(
            "INSERT OR REPLACE INTO gridtwin_checkpoints VALUES (?, ?, ?)",
            (checkpoint.revision, checkpoint.model, positions),
        )

    def put_scenario(self, scenario: Scenario) -> None:
        """Keeps a scenario under its id."""
        self._connection.execute(
            "INSERT OR REPLACE INTO gridtwin_scenarios VALUES (?, ?, ?)",
            (scenario.id, _instant(scenario.created_at), json.dumps(scenario.to_json())),
        )

    def delete_scenario(self, scenario_id: str) -> None:
        """Forgets a scenario."""
        self._connection.execute("DELETE FROM gridtwin_scenarios WHERE id = ?", (scenario_id,))

    def write_network(self, network: Network) -> None:
        """Replaces the layers by those of this network; the one before is kept beside them."""
        self._keep_older(network.model)
        for component in COMPONENTS:
            drop_layer(self._connection, component.table)
            write_layer(self._connection, component, network)
        write_styles(self._connection)
        self._connection.executemany(
            "INSERT OR REPLACE INTO gridtwin_meta VALUES (?, ?)",
            [("model", network.model), ("name", network.name), ("extras", _extras(network))],
        )
        self.keep_packed(network)

    def keep_packed(self, network: Network) -> None:
        """Keeps the network that is in the layers in a form that is read faster, for as long as they are guarded."""
        self._connection.executemany(
            "INSERT OR REPLACE INTO gridtwin_networks VALUES (?, ?, ?, ?, ?)",
            ((network.model, network.name, *key, data) for key, data in pack(network)),
        )
        (counted,) = self._connection.execute("PRAGMA schema_version").fetchone()
        self._connection.execute("INSERT OR REPLACE INTO gridtwin_meta VALUES ('schema_version', ?)", (str(counted),))

    def _keep_older(self, coming: str) -> None:
        meta = dict(self._connection.execute("SELECT key, value FROM gridtwin_meta").fetchall())
        model = meta.get("model", coming)
        kept = self._connection.execute("SELECT 1 FROM gridtwin_networks WHERE model = ? LIMIT 1", (model,)).fetchone()
        if model == coming or kept is not None:
            return
        self.keep_packed(self._store.read_network(model))


def _extras(network: Network) -> str:
    return json.dumps({name: extra_kinds(table.extras) for name, table in network.tables.items() if table.extras})


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
    connection.execute("INSERT INTO gridtwin_meta VALUES ('schema', '1')")
    connection.execute("COMMIT")


def _migrate(connection: sqlite3.Connection) -> None:
    """Forward from any released schema, in one transaction."""
    connection.execute("BEGIN IMMEDIATE")
    while (schema := _schema(connection)) in _MIGRATIONS:
        for statement in _statements(_MIGRATIONS[schema]):
            connection.execute(statement)
        connection.execute("UPDATE gridtwin_meta SET value = ? WHERE key = 'schema'", (str(int(schema) + 1),))
    connection.execute("COMMIT")


def _statements(script: str) -> Iterator[str]:
    statement = ""
    for line in script.strip().splitlines():
        statement += line + "\n"
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


def _schema(connection: sqlite3.Connection) -> str:
    (schema,) = connection.execute("SELECT value FROM gridtwin_meta WHERE key = 'schema'").fetchone()
    assert isinstance(schema, str)
    return schema


def _check_schema(connection: sqlite3.Connection, path: Path) -> None:
    known = connection.execute("SELECT count(*) FROM sqlite_master WHERE name = 'gridtwin_meta'").fetchone()[0]
    if not known:
        raise StoreInvalid(f"{path} is not a gridtwin store; name another file, or load layers from it as a source")
    schema = _schema(connection)
    if schema != SCHEMA_VERSION and schema not in _MIGRATIONS:
        raise StoreInvalid(f"{path} has schema {schema}; this gridtwin reads {SCHEMA_VERSION}: use a matching version")


def _instant(instant: datetime) -> str:
    return instant.astimezone(UTC).isoformat(timespec="microseconds")
