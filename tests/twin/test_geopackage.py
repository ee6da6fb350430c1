"""The GeoPackage store: what is in it after anything that can happen to a file and its writer."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pyogrio
import pytest

from tests.twin.networks import F1, draw
from twin.engine import Twin
from twin.events import Operation
from twin.geopackage import GeoPackageStore
from twin.network import Network
from twin.store import (
    Head,
    StoreError,
    StoreInvalid,
    StoreLocked,
    StoreMissing,
)

ROOT = Path(__file__).resolve().parents[2]
LAYERS = ["nodes", "lines", "switches", "transformers", "sources", "consumers", "substations"]
TABLES = [*LAYERS, "usage_points", "feeders"]


def small(**options) -> Network:
    given = {"consumers": {"load 3": "3", "load 4": "4"}, "opened": "b5", "sources": "S T"}
    return draw(F1 + " t9:6-8", **{**given, **options})


@pytest.fixture
def path(tmp_path):
    return tmp_path / "grid twin ä.gpkg"


@pytest.fixture
def loaded(path):
    """A file with the small network at revision 1, closed."""
    Twin.load(small(), GeoPackageStore(path, write=True, create=True), author="me", note="first").close()
    return path


def opened(path: Path) -> Twin:
    return Twin.from_store(GeoPackageStore(path, write=True))


@contextmanager
def reading(path: Path) -> Iterator[GeoPackageStore]:
    store = GeoPackageStore(path)
    yield store
    store.close()


# --- what comes back ----------------------------------------------------------------------------------------------


def test_simbench_comes_back_whole(simbench, tmp_path):
    path = tmp_path / "simbench.gpkg"
    with Twin.load(simbench, GeoPackageStore(path, write=True, create=True)) as twin:
        twin.switch([Operation(str(simbench.switches["mrid"][0]), True)])
        before = twin.current
    assert not path.with_name(path.name + "-wal").exists()  # one file, in one piece
    with reading(path) as store:
        again = Twin.from_store(store)
        assert again.network.model == simbench.model
        assert again.revision == 2
        assert np.array_equal(again.current.energized, before.energized)


# --- durability ---------------------------------------------------------------------------------------------------

WRITER = """
import sys
from pathlib import Path
from twin.engine import Twin
from twin.events import Operation
from twin.geopackage import GeoPackageStore

twin = Twin.from_store(GeoPackageStore(Path(sys.argv[1]), write=True))
while True:
    result = twin.switch([Operation("b3", twin.revision % 2 == 1)], note=str(twin.revision + 1))
    print(result.revision, flush=True)
"""


def test_killed_writers_lose_nothing_acknowledged(loaded):
    acknowledged = 1
    for patience in (1, 40, 7):
        with subprocess.Popen(
            [sys.executable, "-c", WRITER, str(loaded)], stdout=subprocess.PIPE, text=True, cwd=ROOT
        ) as writer:
            assert writer.stdout is not None
            for _ in range(patience):
                acknowledged = int(writer.stdout.readline())
            writer.kill()
            acknowledged = max([acknowledged, *map(int, writer.stdout.read().split())])
        with opened(loaded) as twin:
            log = list(twin.store.events())
            assert [r.revision for r in log] == list(range(1, len(log) + 1))  # none missing, none twice
            assert acknowledged <= twin.revision <= acknowledged + 1
            assert all(r.note == str(r.revision) for r in log[1:])
            row = twin.network.mrids.find("b3").row
            assert bool(twin.current.state.open[row]) == (twin.revision % 2 == 0)


def test_writes_wait_for_the_disk(loaded):
    store = GeoPackageStore(loaded, write=True)
    assert store._connection.execute("PRAGMA synchronous").fetchone() == (2,)  # FULL
    assert store._connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    store.close()


def test_one_writer_many_readers(loaded):
    with opened(loaded) as twin:
        with pytest.raises(StoreLocked, match=r"is being written by another process .* stop it first"):
            GeoPackageStore(loaded, write=True)
        with reading(loaded) as store:
            reader = Twin.from_store(store)
            twin.switch([Operation("b3", True)])
            assert (reader.revision, reader.catch_up(), reader.revision) == (1, 2, 2)
            assert np.array_equal(reader.current.energized, twin.current.energized)
            with pytest.raises(StoreError, match="was opened for reading only"):
                reader.switch([Operation("b3", False)])
    opened(loaded).close()  # free again


# --- what is no store ---------------------------------------------------------------------------------------------


def test_missing_file_and_folder(tmp_path):
    for options in ({}, {"write": True}):
        with pytest.raises(StoreMissing, match=r"none\.gpkg is not there; make it with `gridtwin load"):
            GeoPackageStore(tmp_path / "none.gpkg", **options)
    with pytest.raises(StoreMissing, match=r"the folder .*nowhere is not there"):
        GeoPackageStore(tmp_path / "nowhere" / "a.gpkg", write=True, create=True)
    store = GeoPackageStore(tmp_path / "empty.gpkg", write=True, create=True)
    assert store.head() is None
    with pytest.raises(StoreMissing, match="holds no network yet"):
        Twin.from_store(store)
    store.close()


@pytest.mark.parametrize("write", [False, True])
def test_other_files_are_refused_and_left_alone(tmp_path, loaded, write):
    text, truncated, other = tmp_path / "a.gpkg", tmp_path / "b.gpkg", tmp_path / "c.gpkg"
    text.write_text("not a database, only some words of no importance\n" * 50)
    truncated.write_bytes(loaded.read_bytes()[:6000])
    with sqlite3.connect(other) as connection:
        connection.execute("CREATE TABLE roads (fid INTEGER PRIMARY KEY)")
    connection.close()
    with pytest.raises(StoreInvalid, match=r"c\.gpkg is not a gridtwin store"):
        GeoPackageStore(other, write=write)
    for path in (text, truncated):
        before = path.read_bytes()
        with pytest.raises(StoreInvalid, match=rf"{path.name} cannot be used as a gridtwin store"):
            Twin.from_store(GeoPackageStore(path, write=write))
        assert path.read_bytes() == before


def test_another_schema_is_refused(loaded):
    with sqlite3.connect(loaded) as connection:
        connection.execute("UPDATE gridtwin_meta SET value = '99' WHERE key = 'schema'")
    connection.close()
    with pytest.raises(StoreInvalid, match="has schema 99; this gridtwin reads 4"):
        GeoPackageStore(loaded)


# --- layers -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("table", TABLES)
def test_layers_refuse_edits(loaded, table):
    connection = sqlite3.connect(loaded)
    (rows,) = connection.execute(f"SELECT count(*) FROM {table}").fetchone()
    edits = [f"INSERT INTO {table} (mrid, name) VALUES ('x', 'x')"]
    if rows:
        edits += [f"UPDATE {table} SET name = 'x'", f"DELETE FROM {table}"]
    for edit in edits:
        with pytest.raises(sqlite3.IntegrityError, match="gridtwin layers are read-only"):
            connection.execute(edit)
    connection.close()


def test_the_log_is_append_only(loaded):
    connection = sqlite3.connect(loaded)
    for edit in ("UPDATE gridtwin_log SET note = 'x'", "DELETE FROM gridtwin_log"):
        with pytest.raises(sqlite3.IntegrityError, match="the log is append-only"):
            connection.execute(edit)
    connection.close()


def test_changes_behind_the_logs_back_are_found(loaded):
    connection = sqlite3.connect(loaded)
    connection.execute("DROP TRIGGER gridtwin_lines_keeps_update")
    connection.execute("UPDATE lines SET length_m = 1 WHERE mrid = 'c2'")
    connection.commit()
    connection.close()
    with reading(loaded) as store, pytest.raises(StoreInvalid, match="were changed behind the log's back"):
        Twin.from_store(store)


def test_a_trigger_put_back_hides_nothing(loaded):
    connection = sqlite3.connect(loaded)
    (trigger,) = connection.execute(
        "SELECT sql FROM sqlite_master WHERE name = 'gridtwin_lines_keeps_update'"
    ).fetchone()
    connection.execute("DROP TRIGGER gridtwin_lines_keeps_update")
    connection.execute("UPDATE lines SET length_m = 1 WHERE mrid = 'c2'")
    connection.execute(trigger)
    connection.commit()
    connection.close()
    with reading(loaded) as store, pytest.raises(StoreInvalid, match="were changed behind the log's back"):
        Twin.from_store(store)


def test_layers_are_read_only_where_their_guards_were_touched(loaded, monkeypatch):
    """The packed form is quicker; a table that another program adds costs one slow opening."""
    with monkeypatch.context() as patch:
        patch.setattr("twin.geopackage.read_layer", None)
        with opened(loaded) as twin:
            assert twin.network.model == small().model
    connection = sqlite3.connect(loaded)
    connection.execute("CREATE TABLE my_notes (note TEXT)")
    connection.close()
    with monkeypatch.context() as patch:
        patch.setattr("twin.geopackage.read_layer", None)
        with reading(loaded) as store, pytest.raises(TypeError):
            Twin.from_store(store)
    opened(loaded).close()
    with monkeypatch.context() as patch:
        patch.setattr("twin.geopackage.read_layer", None)
        opened(loaded).close()


def test_gdal_opens_the_layers(loaded):
    """Warnings are errors in all tests: GDAL has nothing to complain about."""
    layers = dict(pyogrio.list_layers(loaded).tolist())
    assert set(layers) >= set(TABLES)
    assert {name for name, geometry in layers.items() if geometry} == set(LAYERS)
    lines = pyogrio.read_dataframe(loaded, layer="lines")
    assert sorted(lines["mrid"]) == ["c2", "c4", "c6"]
    assert lines.crs.to_epsg() == 4326
    assert lines.geometry.iloc[0].geom_type == "LineString"
    network = small()
    row = network.mrids.find("c2").row
    at = lines[lines["mrid"] == "c2"].geometry.iloc[0]
    assert list(at.coords) == [tuple(point) for point in network.line_geometry[row].tolist()]
    nodes = pyogrio.read_dataframe(loaded, layer="nodes")
    assert nodes.geometry.x.tolist() == network.nodes["lng"].tolist()
    assert set(pyogrio.read_dataframe(loaded, layer="switches")["phases"]) == {"ABC"}


# --- loading again ------------------------------------------------------------------------------------------------


def test_a_failed_load_changes_nothing(loaded, monkeypatch):
    before = loaded.read_bytes()
    store = GeoPackageStore(loaded, write=True)

    def fails(lines: object) -> list[bytes | None]:
        raise OSError("no space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("twin.geopackage_layers._line_blobs", fails)  # after the log entry and the nodes were written
        with pytest.raises(OSError, match="no space left"):
            Twin.load(small(opened=""), store)
    assert store.head() == Head(1, small().model)
    assert store.read_network(small().model).model == small().model
    store.close()
    assert loaded.read_bytes() == before


def test_subscribers_hear_of_what_is_written(loaded):
    with opened(loaded) as twin:
        heard = []
        stop = twin.subscribe(heard.append)
        twin.switch([Operation("b3", True)])
        stop()
        twin.switch([Operation("b3", False)])
    assert [change.recorded.revision for change in heard] == [2]
    assert heard[0].before.energized.all() and not heard[0].after.energized.all()
