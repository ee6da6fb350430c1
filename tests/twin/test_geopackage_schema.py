"""Files of every released schema open, and go forward when they are written to."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from tests.twin.networks import F1, draw
from twin.engine import Twin
from twin.events import Operation
from twin.geopackage import GeoPackageStore


@pytest.fixture
def first_schema(tmp_path: Path) -> Path:
    """A file as the first release wrote it."""
    path = tmp_path / "old.gpkg"
    with Twin.load(draw(F1, opened="b5"), GeoPackageStore(path, write=True, create=True)) as twin:
        twin.switch([Operation("b3", True)])
    with sqlite3.connect(path) as connection:
        connection.executescript(
            "DROP TABLE gridtwin_checkpoints; DROP TABLE gridtwin_scenarios; DROP INDEX gridtwin_log_recorded_at;"
            "DROP TABLE gridtwin_networks;"
            "DELETE FROM gridtwin_meta WHERE key = 'extras';"
            "UPDATE gridtwin_meta SET value = '1' WHERE key = 'schema';"
        )
    connection.close()
    return path


def test_it_is_read_as_it_is(first_schema: Path) -> None:
    before = first_schema.read_bytes()
    store = GeoPackageStore(first_schema)
    with Twin.from_store(store) as twin:
        assert twin.revision == 2
        assert store.checkpoint(2) is None and store.scenarios() == [] and store.scenario("x") is None
    assert first_schema.read_bytes() == before


def test_a_file_of_the_third_schema_is_read_whole(first_schema: Path) -> None:
    GeoPackageStore(first_schema, write=True).close()
    with sqlite3.connect(first_schema) as connection:
        connection.executescript(
            "DELETE FROM gridtwin_meta WHERE key = 'extras'; UPDATE gridtwin_meta SET value = '3' WHERE key = 'schema';"
            "INSERT INTO gridtwin_checkpoints SELECT 1, value, '[]' FROM gridtwin_meta WHERE key = 'model';"
        )
    connection.close()
    store = GeoPackageStore(first_schema)
    with Twin.from_store(store) as twin:
        assert twin.revision == 2 and not twin.network.nodes.extras
        checkpoint = store.checkpoint(2)
        assert checkpoint is not None and checkpoint.revision == 1


def test_writing_takes_it_forward(first_schema: Path) -> None:
    for revision in (3, 4):
        store = GeoPackageStore(first_schema, write=True)
        with Twin.from_store(store) as twin:
            assert twin.switch([Operation("b3", revision == 4)]).revision == revision
            assert store.scenarios() == []
    connection = sqlite3.connect(first_schema)
    assert connection.execute("SELECT value FROM gridtwin_meta WHERE key = 'schema'").fetchone() == ("4",)
    assert connection.execute("SELECT count(*) FROM gridtwin_log").fetchone() == (4,)
    connection.close()
