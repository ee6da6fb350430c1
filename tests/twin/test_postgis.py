"""The PostGIS store: what is true of it alone."""

from __future__ import annotations

import asyncio
import re
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
import numpy as np
import pytest

from tests.postgres import EMPTY, Postgres
from tests.twin.networks import F1, draw, rng_network
from twin import postgis_network, postgis_session
from twin.components import COMPONENTS, Field
from twin.engine import Twin
from twin.events import Operation, SwitchOperated
from twin.network import Network
from twin.phases import mask_to_code
from twin.postgis import PostgisStore
from twin.postgis_migrations import SCRIPTS, newest
from twin.postgis_network import sql_name, stored_fields
from twin.postgis_schema import SCHEMA
from twin.state import Snapshot, supply
from twin.store import OutcomeUnknown, StaleRevision, StoreAway, StoreError, StoreInvalid, StoreLocked, StoreMissing
from twin.stores import open_store
from twin.transitions import SwitchingError

pytestmark = pytest.mark.postgis

SOON_S = 60.0
EVENT = SwitchOperated((Operation("b3", True),))


def small(**options) -> Network:
    given = {"consumers": {"load 3": "3", "load 4": "4"}, "opened": "b5", "sources": "S T"}
    return draw(F1 + " t9:6-8", **{**given, **options})


class Base:
    """One database, and SQL in it as another program would send it."""

    def __init__(self, postgres: Postgres, name: str) -> None:
        self.postgres, self.name = postgres, name
        self.url = postgres.url(name)

    def rows(self, query: str, *values: object) -> list[tuple]:
        return self.postgres.fetch(self.name, query, *values)

    def execute(self, *statements: str) -> None:
        self.postgres.execute(self.name, *statements)

    @contextmanager
    def twin(self) -> Iterator[Twin]:
        store = PostgisStore(self.url, write=True)
        try:
            yield Twin.from_store(store)
        finally:
            store.close()


@pytest.fixture
def base(postgres: Postgres, database: str) -> Base:
    """An empty database with PostGIS."""
    return Base(postgres, database)


@pytest.fixture(scope="module")
def small_database(postgres: Postgres) -> Iterator[str]:
    """A database with the small network at revision 1, to be copied."""
    with postgres.database() as name:
        load(Base(postgres, name), small())
        yield name


@pytest.fixture
def loaded(postgres: Postgres, small_database: str) -> Iterator[Base]:
    """The small network at revision 1."""
    with postgres.database(small_database) as name:
        yield Base(postgres, name)


@pytest.fixture(scope="module")
def town(postgres: Postgres, simbench: Network) -> Iterator[Base]:
    """The demo network, for tests that leave every switch in its normal position."""
    with postgres.database() as name:
        base = Base(postgres, name)
        load(base, simbench)
        yield base


def load(base: Base, network: Network) -> None:
    Twin.load(network, PostgisStore(base.url, write=True, create=True)).close()


# --- the schema ---------------------------------------------------------------------------------------------------

TYPES = {"text": "text", "row": "int4", "phases": "int2", "flag": "bool", "count": "int4", "real": "float8"}


def test_tables_are_those_of_the_model(loaded: Base) -> None:
    """Every declared column is there, with its type, its comment and its unit; and no other column of the model is."""
    for component in COMPONENTS:
        table = sql_name(component)
        found = {
            name: (kind, required, comment or "")
            for name, kind, required, comment in loaded.rows(
                "SELECT a.attname, t.typname, a.attnotnull, col_description(a.attrelid, a.attnum) FROM pg_attribute a "
                "JOIN pg_type t ON t.oid = a.atttypid WHERE a.attrelid = $1::text::regclass AND a.attnum > 0",
                f"gridtwin.{table}",
            )
        }
        fields = stored_fields(component)
        derived = {"normal_phases", "customers", "extras"}
        assert set(found) - {"model", "id", "geom"} - derived == {field.name for field in fields}, table
        for field in fields:
            kind, required, comment = found[field.name]
            assert (kind, required) == (TYPES[field.kind], is_required(field)), (table, field.name)
            assert comment.startswith(field.doc.partition(";")[0].partition(", -1")[0]), (table, field.name)
            assert field.unit in comment


def is_required(field: Field) -> bool:
    return field.kind in ("text", "phases", "flag") or (field.kind == "row" and field.low >= 0)


def test_everything_has_a_comment(loaded: Base) -> None:
    """Tables, views, and the columns of tables."""
    assert not loaded.rows(
        "SELECT c.relname, a.attname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 "
        "WHERE c.relnamespace = 'gridtwin'::regnamespace AND c.relkind IN ('r', 'p') "
        "AND c.relname <> 'alembic_version' AND col_description(c.oid, a.attnum) IS NULL"
    )
    assert not loaded.rows(
        "SELECT relname FROM pg_class WHERE relnamespace = 'gridtwin'::regnamespace AND NOT relispartition "
        "AND relkind IN ('r', 'p', 'v') AND relname <> 'alembic_version' AND obj_description(oid) IS NULL"
    )


def test_geometry_is_indexed_and_in_4326(loaded: Base) -> None:
    columns = loaded.rows(
        "SELECT f_table_name, srid, type FROM geometry_columns WHERE f_table_schema = 'gridtwin' ORDER BY 1"
    )
    assert {srid for _, srid, _ in columns} == {4326}
    types = {name: kind for name, _, kind in columns}
    assert types["lines_now"] == types["ac_line_segment"] == "LINESTRING"
    assert types["switches_now"] == types["switch"] == types["consumers_now"] == "POINT"
    indexed = {name for (name,) in loaded.rows("SELECT tablename FROM pg_indexes WHERE indexdef LIKE '%USING gist%'")}
    tables = {sql_name(c) for c in COMPONENTS if c.table in postgis_network.WITH_GEOMETRY}
    assert tables <= indexed and {f"{table}_1" for table in tables} <= indexed


def test_models_refuse_edits(loaded: Base) -> None:
    for table in map(sql_name, COMPONENTS):
        rows = loaded.rows(f"SELECT count(*) FROM gridtwin.{table}")[0][0]
        for name in (table, f"{table}_1"):
            edits = [f"UPDATE gridtwin.{name} SET name = 'x'", f"DELETE FROM gridtwin.{name}"] if rows else []
            for edit in (f"INSERT INTO gridtwin.{name} (model) VALUES (1)", *edits):
                with pytest.raises(asyncpg.ObjectNotInPrerequisiteStateError, match="a model is read-only"):
                    loaded.execute(edit)


def test_the_log_is_append_only(loaded: Base) -> None:
    for edit in ("UPDATE gridtwin.log SET note = 'x'", "DELETE FROM gridtwin.log", "TRUNCATE gridtwin.log CASCADE"):
        with pytest.raises(asyncpg.ObjectNotInPrerequisiteStateError, match="the log is append-only"):
            loaded.execute(edit)


def test_references_hold(loaded: Base) -> None:
    keys = loaded.rows(
        "SELECT count(*) FROM pg_constraint WHERE contype = 'f' AND conrelid = 'gridtwin.switch_1'::regclass"
    )
    assert keys == [(2,)]


def test_two_schemas_in_one_database(base: Base) -> None:
    for schema, network in (("north", small()), ("south", small(opened=""))):
        with Twin.load(network, PostgisStore(f"{base.url}?schema={schema}", write=True, create=True)) as twin:
            twin.switch([Operation("b3", True)])
    with Twin.from_store(open_store(f"{base.url}?schema=south")) as twin:
        assert (twin.network.model, twin.revision) == (small(opened="").model, 2)
    assert base.rows("SELECT count(*) FROM north.switches WHERE normal_open <> ''") == [(1,)]
    with pytest.raises(StoreMissing, match="no gridtwin store in its schema gridtwin"):
        PostgisStore(base.url)


# --- migrations ---------------------------------------------------------------------------------------------------

FOLLOWING = f"{int(SCHEMA) + 1:04}"
NEXT = f"""
from alembic import op
revision = "{FOLLOWING}"
down_revision = "{SCHEMA}"
def upgrade():
    op.execute("ALTER TABLE ac_line_segment ADD COLUMN conductor text NOT NULL DEFAULT '50% Al:St'")
    op.execute({{extra!r}})
"""


@pytest.fixture
def newer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """As if a newer version of gridtwin were installed; its migration is the file that is returned."""
    scripts = tmp_path / "sql"
    (scripts / "versions").mkdir(parents=True)
    for path in (*SCRIPTS.glob("*.*"), *SCRIPTS.glob("versions/*.py")):
        (scripts / path.relative_to(SCRIPTS)).write_bytes(path.read_bytes())
    step = scripts / "versions" / f"v{FOLLOWING}.py"
    step.write_text(NEXT.format(extra="SELECT 1"))
    monkeypatch.setattr("twin.postgis_migrations.upgrade_script.__defaults__", (scripts,))
    monkeypatch.setattr("twin.postgis_schema.SCHEMA", FOLLOWING)
    return step


def test_the_newest_schema_is_the_one_that_the_scripts_lead_to() -> None:
    assert newest() == SCHEMA


def test_an_older_schema_is_brought_up_to_date_with_what_is_in_it(loaded: Base, newer: Path) -> None:
    with pytest.raises(
        StoreInvalid, match=f"has schema {SCHEMA}; this gridtwin reads {FOLLOWING}: open it for writing once"
    ):
        PostgisStore(loaded.url)
    with loaded.twin() as twin:
        assert twin.switch([Operation("b3", True)]).revision == 2
    assert loaded.rows("SELECT version_num FROM gridtwin.alembic_version") == [(FOLLOWING,)]
    assert loaded.rows("SELECT DISTINCT conductor FROM gridtwin.ac_line_segment_1") == [("50% Al:St",)]
    load(loaded, small(opened=""))  # and a new model fits as well
    assert loaded.rows("SELECT count(*) FROM gridtwin.ac_line_segment WHERE model = 2 AND conductor <> ''") == [(3,)]


def test_the_first_schema_goes_forward_with_what_is_in_it(loaded: Base) -> None:
    first, second = ((SCRIPTS / f"{number}.sql").read_text(encoding="utf-8") for number in ("0001", "0002"))
    for view in re.findall(r"CREATE OR REPLACE VIEW (\w+)", second):
        (before,) = re.findall(rf"CREATE VIEW {view} AS\n.*?;", first, re.DOTALL)
        loaded.execute(f"SET search_path = gridtwin, public; DROP VIEW {view}; {before}")
    for table in re.findall(r"ALTER TABLE (\w+) ADD COLUMN extras", second):
        loaded.execute(f"ALTER TABLE gridtwin.{table} DROP COLUMN extras")
    loaded.execute("UPDATE gridtwin.alembic_version SET version_num = '0001'")
    with pytest.raises(StoreInvalid, match=f"has schema 0001; this gridtwin reads {SCHEMA}"):
        PostgisStore(loaded.url)
    with loaded.twin() as twin:
        assert twin.network.model == small().model
    network = small()
    nodes = network.nodes.with_extras(pole=np.array(["wood"] * len(network.nodes)))
    load(loaded, Network.from_tables("poles", {**network.tables, "nodes": nodes}, network.line_geometry))
    assert loaded.rows("SELECT DISTINCT extras->>'pole' FROM gridtwin.nodes") == [("wood",)]
    assert loaded.rows("SELECT count(extras) FROM gridtwin.lines") == [(0,)]


def test_a_migration_that_fails_leaves_the_old_schema(loaded: Base, newer: Path) -> None:
    newer.write_text(NEXT.format(extra="SELECT 1 / 0"))
    with pytest.raises(StoreError, match="division by zero"):
        PostgisStore(loaded.url, write=True)
    assert loaded.rows("SELECT version_num FROM gridtwin.alembic_version") == [(SCHEMA,)]
    assert not loaded.rows("SELECT 1 FROM pg_attribute WHERE attname = 'conductor'")


def test_processes_that_start_together_make_the_schema_once(base: Base) -> None:
    failures: list[BaseException] = []

    def start() -> None:
        try:
            PostgisStore(base.url, write=True, create=True).close()
        except StoreError as error:
            failures.append(error)

    threads = [threading.Thread(target=start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(SOON_S)
    assert failures == []
    assert base.rows("SELECT version_num FROM gridtwin.alembic_version") == [(SCHEMA,)]


def test_a_newer_schema_is_refused(loaded: Base) -> None:
    loaded.execute("UPDATE gridtwin.alembic_version SET version_num = '9999'")
    for write in (False, True):
        with pytest.raises(StoreInvalid, match=f"has schema 9999; this gridtwin reads up to {SCHEMA}: use a newer"):
            PostgisStore(loaded.url, write=write, create=write)


# --- what cannot be opened ----------------------------------------------------------------------------------------


def test_a_database_without_store(base: Base) -> None:
    for write in (False, True):
        with pytest.raises(StoreMissing, match=r"make it with `gridtwin load SOURCE --store postgresql://"):
            PostgisStore(base.url, write=write)
    assert not base.rows("SELECT 1 FROM pg_namespace WHERE nspname = 'gridtwin'")


def test_what_is_wrong_with_a_database_is_said(postgres: Postgres, base: Base) -> None:
    with pytest.raises(StoreMissing, match="the database nowhere is not there; make it with `createdb nowhere`"):
        PostgisStore(postgres.url("nowhere"))
    with pytest.raises(StoreError, match="lets gridtwin not in with this password"):
        PostgisStore(postgres.url(base.name, password="wrong-secret"))
    with pytest.raises(StoreError, match="lets nobody not in"):
        PostgisStore(postgres.url(base.name, user="nobody"))
    with pytest.raises(StoreAway, match=r"does not answer .* see that PostgreSQL runs"):
        PostgisStore(postgres.url(base.name, port=1))
    with pytest.raises(StoreError, match="sslmode"):
        PostgisStore(f"{base.url}?sslmode=sometimes")


def test_postgis_is_enabled_where_that_is_allowed(postgres: Postgres) -> None:
    postgres.execute("postgres", "DROP ROLE IF EXISTS clerk", "CREATE ROLE clerk LOGIN PASSWORD 'clerk-secret'")
    with postgres.database(EMPTY) as name:
        postgres.execute(name, f"GRANT CREATE ON DATABASE {name} TO clerk")
        clerk = postgres.url(name, user="clerk", password="clerk-secret")
        with pytest.raises(StoreInvalid, match=rf"PostGIS is not enabled in {name}, and clerk may not enable it"):
            PostgisStore(clerk, write=True, create=True)
        assert not postgres.fetch(name, "SELECT 1 FROM pg_namespace WHERE nspname = 'gridtwin'")
        Twin.load(small(), PostgisStore(postgres.url(name), write=True, create=True)).close()
        with pytest.raises(StoreError, match="clerk may not do that"):
            PostgisStore(clerk)
        postgres.execute(name, "GRANT USAGE ON SCHEMA gridtwin TO clerk")
        postgres.execute(name, "GRANT SELECT ON ALL TABLES IN SCHEMA gridtwin TO clerk")
        with Twin.from_store(PostgisStore(clerk)) as twin, pytest.raises(StoreError, match="reading only"):
            twin.switch([Operation("b3", True)])
        with Twin.from_store(PostgisStore(clerk, write=True)) as twin, pytest.raises(StoreError, match="clerk may not"):
            twin.switch([Operation("b3", True)])
    postgres.execute("postgres", "DROP ROLE clerk")


def test_postgis_in_a_schema_of_its_own(postgres: Postgres) -> None:
    with postgres.database(EMPTY) as name:
        postgres.execute(name, "CREATE SCHEMA geo", "CREATE EXTENSION postgis SCHEMA geo")
        base = Base(postgres, name)
        load(base, small())
        with base.twin() as twin:
            assert twin.switch([Operation("b3", True)]).revision == 2
        assert base.rows("SELECT count(*) FROM gridtwin.outages_now") == [(1,)]


def test_the_socket_is_a_way_in(postgres: Postgres, base: Base) -> None:
    store = PostgisStore(postgres.socket_url(base.name), write=True, create=True)
    assert store.head() is None
    store.close()


# --- durability ---------------------------------------------------------------------------------------------------


def test_an_acknowledged_write_is_on_disk(postgres: Postgres, loaded: Base) -> None:
    """The role may have asked for less: the store asks for it by itself."""
    loaded.execute("ALTER ROLE gridtwin SET synchronous_commit = off")
    try:
        with loaded.twin() as twin:
            assert setting(twin, "synchronous_commit") == "on"
            assert setting(twin, "fsync") == "on"
            for number in range(20):
                acknowledged = twin.switch([Operation("b3", number % 2 == 0)]).revision
            postgres.kill()
            postgres.start()
            assert twin.switch([Operation("b3", True)]).revision == acknowledged + 1
    finally:
        loaded.execute("ALTER ROLE gridtwin RESET synchronous_commit")
    assert loaded.rows("SELECT count(*), max(revision) FROM gridtwin.log") == [(22, 22)]


def setting(twin: Twin, name: str) -> str:
    store = twin.store
    assert isinstance(store, PostgisStore)
    return store._session.run(lambda connection: connection.fetchval(f"SHOW {name}"))


def test_nothing_is_answered_before_the_commit(loaded: Base, monkeypatch: pytest.MonkeyPatch) -> None:
    """The event is there for others, and only then for readers of the twin and for the caller."""
    seen: list[int] = []

    def look() -> None:
        seen.append(len(loaded.rows("SELECT 1 FROM gridtwin.log")))

    async def looks_first(connection: postgis_session.Connection) -> None:
        await asyncio.to_thread(look)
        await connection.execute("COMMIT")
        await asyncio.to_thread(look)

    monkeypatch.setattr(postgis_session, "_committing", looks_first)
    with loaded.twin() as twin:
        twin.subscribe(lambda change: seen.append(-change.recorded.revision))
        twin.switch([Operation("b3", True)])
    assert seen == [1, 2, -2]


def test_time_never_runs_backwards_in_the_log(loaded: Base) -> None:
    ahead = datetime.now(UTC) + timedelta(hours=1)
    loaded.execute(f"UPDATE gridtwin.head SET recorded_at = '{ahead.isoformat()}'")  # the clock was set back by an hour
    with loaded.twin() as twin:
        for opened in (True, False):
            twin.switch([Operation("b3", opened)])
        times = [recorded.recorded_at for recorded in twin.store.events()]
    assert times[1] == times[2] == ahead
    assert times[0] < ahead


def test_revisions_have_no_gaps_after_failures(loaded: Base) -> None:
    """A sequence would have."""
    with loaded.twin() as twin:
        for _ in range(3):
            with suppress(LookupError), twin.store.writing() as writer:
                writer.append(EVENT, occurred_at=None, author="", note="")
                raise LookupError
        assert twin.switch([Operation("b3", True)]).revision == 2


# --- several writers ----------------------------------------------------------------------------------------------


def test_writers_race_for_one_revision(loaded: Base) -> None:
    """Four processes' worth of stores: each revision has one winner, the others are told."""
    won: list[int] = []
    lost: list[int] = []
    together = threading.Barrier(4)

    def race(mrid: str) -> None:
        with loaded.twin() as twin:
            for _ in range(10):
                together.wait(SOON_S)
                expected = twin.catch_up()
                together.wait(SOON_S)
                try:
                    won.append(twin.switch([Operation(mrid, True)], expected_revision=expected).revision)
                except StaleRevision as stale:
                    lost.append(stale.expected)

    threads = [threading.Thread(target=race, args=(mrid,)) for mrid in ("b1", "b3", "b5", "b7")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(SOON_S)
    assert sorted(won) == list(range(2, 12))
    assert sorted(lost) == sorted(list(range(1, 11)) * 3)
    assert loaded.rows("SELECT count(*) FROM gridtwin.log") == [(11,)]


def test_who_waits_too_long_for_the_head_is_told(loaded: Base, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(postgis_session._SETTINGS, "lock_timeout", "200")
    with loaded.twin() as one, loaded.twin() as other:
        with one.store.writing(), pytest.raises(StoreLocked, match="is being written by another process"):
            other.switch([Operation("b3", True)])
        assert other.switch([Operation("b3", True)]).revision == 2


def test_others_are_woken(loaded: Base) -> None:
    with loaded.twin() as one, loaded.twin() as other:
        assert other.store.wait(SOON_S)  # the first time: nobody knows what was before
        assert not other.store.wait(0.05)
        woken: list[bool] = []
        waiter = threading.Thread(target=lambda: woken.append(other.store.wait(SOON_S)))
        waiter.start()
        one.switch([Operation("b3", True)])
        waiter.join(SOON_S)
        assert woken == [True]
        assert other.catch_up() == 2
        other.switch([Operation("b3", False)])
        assert not other.store.wait(0.2)  # its own


def test_others_are_found_without_notification(loaded: Base) -> None:
    """As behind a proxy that drops them: the revision is looked at every second."""
    with loaded.twin() as twin:
        assert twin.store.wait(SOON_S)
        loaded.execute("UPDATE gridtwin.head SET revision = revision + 1")
        assert twin.store.wait(SOON_S)


# --- lost connections ---------------------------------------------------------------------------------------------


def cut(base: Base) -> None:
    """As an administrator would."""
    base.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'gridtwin' "
        f"AND datname = '{base.name}'"
    )


def test_a_lost_connection_is_made_anew(loaded: Base) -> None:
    with loaded.twin() as twin:
        assert twin.store.wait(1)
        for number in range(3):
            cut(loaded)
            assert twin.switch([Operation("b3", number % 2 == 0)]).revision == number + 2
            cut(loaded)
            assert len(list(twin.store.events())) == number + 2


def test_a_connection_lost_while_writing_writes_nothing(loaded: Base) -> None:
    with loaded.twin() as twin:
        before = twin.current
        with suppress(StoreAway), twin.store.writing() as writer:
            cut(loaded)
            with pytest.raises(StoreAway, match="does not answer"):
                writer.append(EVENT, occurred_at=None, author="", note="")
            writer.append(EVENT, occurred_at=None, author="", note="")  # and nothing else works in it
        assert twin.catch_up() == 1 and twin.current is before
        assert twin.switch([Operation("b3", True)]).revision == 2


@pytest.mark.parametrize("committed", [True, False])
def test_a_connection_lost_at_the_commit_leaves_it_open(
    loaded: Base, monkeypatch: pytest.MonkeyPatch, committed: bool
) -> None:
    async def lost(connection: postgis_session.Connection) -> None:
        if committed:
            await connection.execute("COMMIT")
        raise ConnectionResetError("lost")

    batch = [Operation("b3", True)]
    with loaded.twin() as twin:
        before = twin.current
        with monkeypatch.context() as patch:
            patch.setattr(postgis_session, "_committing", lost)
            with pytest.raises(OutcomeUnknown, match="repeat the request with the same Idempotency-Key"):
                twin.switch(batch, idempotency_key="k")
        assert twin.current is before
        assert twin.switch(batch, idempotency_key="k").revision == 2  # once, in both cases
        assert twin.revision == 2
        assert not np.array_equal(twin.current.energized, before.energized)
    assert loaded.rows("SELECT count(*) FROM gridtwin.log") == [(2,)]
    assert loaded.rows("SELECT sum(customers) FROM gridtwin.outages_now") == [(2,)]


def test_a_server_that_stops_and_starts(postgres: Postgres, loaded: Base) -> None:
    with loaded.twin() as twin:
        twin.switch([Operation("b3", True)])
        postgres.stop()
        with pytest.raises(StoreAway, match="does not answer"):
            twin.switch([Operation("b3", False)])
        with pytest.raises(StoreAway):
            twin.store.head()
        with pytest.raises(StoreAway):
            twin.store.wait(1)
        postgres.start()
        assert twin.switch([Operation("b3", False)]).revision == 3
        assert twin.store.wait(1)


def test_text_with_nul_is_refused(loaded: Base) -> None:
    with loaded.twin() as twin:
        with pytest.raises(StoreError, match="NUL"):
            twin.switch([Operation("b3", True)], note="a\0b")
        assert twin.switch([Operation("b3", True)], note="ab").revision == 2


# --- networks -----------------------------------------------------------------------------------------------------


def from_tables(base: Base, number: int, name: str) -> Network:
    store = PostgisStore(base.url)
    network = store._session.run(lambda connection: postgis_network.read_tables(connection, number, name))
    store.close()
    return network


def test_networks_come_back_from_their_tables_alone(base: Base, town: Base, simbench: Network) -> None:
    """The packed columns are a short cut, not the truth."""
    for number, seed in enumerate(range(8), 1):
        load(base, rng_network(seed))
        assert from_tables(base, number, "again").model == rng_network(seed).model
    assert from_tables(town, 1, "again").model == simbench.model


def test_changes_behind_the_logs_back_are_found(loaded: Base) -> None:
    loaded.execute(
        "ALTER TABLE gridtwin.network_column DISABLE TRIGGER ALL; "
        "UPDATE gridtwin.network_column SET data = '\\x00' WHERE class = 'lines' AND name = 'length_m'"
    )
    with loaded.twin() as twin:
        assert twin.network.model == small().model  # from the tables
    loaded.execute(
        "ALTER TABLE gridtwin.ac_line_segment_1 DISABLE TRIGGER ALL; "
        "UPDATE gridtwin.ac_line_segment_1 SET length_m = 1 WHERE mrid = 'c2'"
    )
    with pytest.raises(StoreInvalid, match="were changed behind the log's back"), loaded.twin():
        pass


def test_older_models_are_kept(loaded: Base) -> None:
    with loaded.twin() as twin:
        twin.switch([Operation("b3", True)])
    new = small(opened="", name="new")
    load(loaded, new)
    with loaded.twin() as twin:
        assert twin.network.model == new.model
        assert twin.store.read_network(small().model).model == small().model
        past = twin.at(2)
        assert past.network.model == small().model
        assert past.customers_out == 2
    assert loaded.rows("SELECT name FROM gridtwin.network_model ORDER BY number") == [("drawn",), ("new",)]
    assert loaded.rows("SELECT count(*) FROM gridtwin.lines") == [(3,)]


def test_writing_is_quick_to_undo_a_load(loaded: Base) -> None:
    with loaded.twin() as twin, suppress(LookupError), twin.store.writing() as writer:
        writer.write_network(small(opened=""))
        raise LookupError
    assert loaded.rows("SELECT count(*) FROM pg_class WHERE relname = 'switch_2'") == [(0,)]


# --- views --------------------------------------------------------------------------------------------------------


def operate_some(twin: Twin, rng: np.random.Generator) -> None:
    switches = twin.network.switches
    for row in rng.permutation(len(switches))[:3].tolist():
        mask = int(switches["phases"][row]) & int(rng.integers(1, 16))
        with suppress(SwitchingError):
            twin.switch([Operation(str(switches["mrid"][row]), bool(rng.random() < 0.6), mask)])


@pytest.mark.parametrize("seed", range(4))
def test_views_show_what_the_twin_shows(base: Base, seed: int) -> None:
    """After each of many operations on random networks with loops, ties and single phases."""
    rng = np.random.default_rng(seed)
    for number in range(3):
        load(base, rng_network(10 * seed + number))
        with base.twin() as twin:
            for _ in range(4):
                operate_some(twin, rng)
                assert_views_agree(base, twin.current)


def test_views_of_simbench(town: Base, simbench: Network) -> None:
    rng = np.random.default_rng(1)
    with town.twin() as twin:
        rows = rng.choice(np.flatnonzero(simbench.operable), 30, replace=False)
        twin.switch([Operation(str(simbench.switches["mrid"][row]), True) for row in rows.tolist()])
        for row in rows[:10].tolist():
            twin.switch([Operation(str(simbench.switches["mrid"][row]), False)])
        assert_views_agree(town, twin.current)
        assert twin.current.customers_out > 0
        twin.switch([], normal=True)


def test_nothing_of_an_older_model_is_left_in_the_views(loaded: Base) -> None:
    with loaded.twin() as twin:
        twin.switch([Operation("b3", True), Operation("b7", True)])
    load(loaded, small(more={"switches": {"mrid": ["b1", "b3 new", "b5", "b7"]}}))
    with loaded.twin() as twin:
        assert twin.current.state.open.any()
        assert_views_agree(loaded, twin.current)


def assert_views_agree(base: Base, now: Snapshot) -> None:
    network = now.network
    nodes = base.rows("SELECT phases, mask FROM gridtwin.nodes_now ORDER BY id")
    assert [mask for _, mask in nodes] == now.energized.tolist()
    assert [code for code, _ in nodes] == [mask_to_code(mask) for mask in now.energized.tolist()]
    for code, name in enumerate(("lines", "switches", "transformers")):
        own = network.tables[name]["phases"]
        expected = supply(own, now.branch_energized[network.table_branches[code]])
        found = base.rows(f"SELECT mrid, energized FROM gridtwin.{name}_now ORDER BY id")
        assert found == list(zip(network.tables[name]["mrid"].tolist(), expected.tolist(), strict=True)), name
    switches = base.rows("SELECT open_phases, open, live_ends, since FROM gridtwin.switches_now ORDER BY id")
    opened = now.state.open & network.switches["phases"]
    assert [row[:2] for row in switches] == [(mask_to_code(mask), mask != 0) for mask in opened.tolist()]
    some = range(0, len(switches), max(1, len(switches) // 50))
    assert [switches[row][2] for row in some] == [now.live_ends(row) for row in some]
    off = np.flatnonzero(now.state.open != network.switches["normal_open"]).tolist()
    assert {row: since for row, (_, _, _, since) in enumerate(switches) if since} == {
        row: now.state.since[row] for row in off
    }
    for name in ("consumers", "sources"):
        table = network.tables[name]
        expected = supply(table["phases"], now.energized[table["node"]])
        found = base.rows(f"SELECT energized FROM gridtwin.{name}_now ORDER BY id")
        assert [row[0] for row in found] == expected.tolist()
    assert (base.rows("SELECT sum(customers) FROM gridtwin.outages_now")[0][0] or 0) == now.customers_out
    out = base.rows("SELECT mrid FROM gridtwin.consumers_out_now ORDER BY id")
    assert [mrid for (mrid,) in out] == network.consumers["mrid"][now.consumers_out].tolist()
    whole = sum(len(network.tables[name]) for name in ("lines", "switches", "transformers", "sources", "consumers"))
    assert base.rows("SELECT count(*), count(DISTINCT mrid) FROM gridtwin.elements_now") == [(whole, whole)]


def test_only_the_difference_is_written(town: Base, simbench: Network) -> None:
    """Runs that stay as they were keep their row."""
    with town.twin() as twin:
        rows = np.flatnonzero(simbench.branch_customers[simbench.table_branches[1]] > 0)[[5, 200, 900]].tolist()
        twin.switch([Operation(str(simbench.switches["mrid"][row]), True) for row in rows[:2]])
        before = set(town.rows("SELECT lo, ctid::text FROM gridtwin.deenergized"))
        assert before
        twin.switch([Operation(str(simbench.switches["mrid"][rows[2]]), True)])
        assert before < set(town.rows("SELECT lo, ctid::text FROM gridtwin.deenergized"))
        twin.switch([], normal=True)
    assert town.rows("SELECT count(*) FROM gridtwin.deenergized") == [(0,)]
    assert town.rows("SELECT count(*) FROM gridtwin.switch_position") == [(0,)]


def test_an_outage_that_grows_goes_on_since_it_began(loaded: Base) -> None:
    begun, grown = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC)
    with loaded.twin() as twin:
        twin.switch([Operation("b3", True)], occurred_at=begun)
        twin.switch([Operation("b1", True)], occurred_at=grown)
        assert sum(nodes for (nodes,) in loaded.rows("SELECT nodes FROM gridtwin.outages_now")) == 4
        assert loaded.rows("SELECT min(since), max(since) FROM gridtwin.outages_now")[0][0] == begun


def test_gdal_reads_a_view(loaded: Base, postgres: Postgres, gdal_info: str) -> None:
    """As QGIS does: the geometry with its type and EPSG:4326, and the id as key."""
    with loaded.twin() as twin:
        twin.switch([Operation("b3", True)])
    where = f"PG:host=127.0.0.1 port={postgres.port} user=gridtwin password={postgres.password} dbname={loaded.name}"
    done = subprocess.run(
        [gdal_info, "-al", "-where", "energized = 0", where, "gridtwin.lines_now"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "Geometry: Line String" in done.stdout and 'ID["EPSG",4326]' in done.stdout
    assert "Feature Count: 1" in done.stdout and "mrid (String) = c4" in done.stdout


def test_the_documented_queries_work(postgres: Postgres, loaded: Base) -> None:
    """And plan, on the tables that the document names."""
    text = (Path(__file__).resolve().parents[2] / "docs" / "postgis.md").read_text(encoding="utf-8")
    queries = re.findall(r"```sql\n(.*?)```", text, re.DOTALL)
    assert len(queries) == 5
    with loaded.twin() as twin:
        twin.switch([Operation("b3", True)], note="tree on the line")
    grants, outages, _, _, switches = queries
    loaded.execute("DROP ROLE IF EXISTS readers", *grants.strip().split("\n"))
    for query in queries[1:]:
        loaded.rows(query.replace("ST_", "public.ST_"))
    assert [row[0] for row in loaded.rows(outages)] == [2]
    assert [row[::3] for row in loaded.rows(switches)] == [("b3", "tree on the line")]
    loaded.execute("DROP OWNED BY readers", "DROP ROLE readers")
    views = {name for (name,) in loaded.rows("SELECT viewname FROM pg_views WHERE schemaname = 'gridtwin'")}
    assert set(re.findall(r"`(\w+_now)`", text)) == {name for name in views if name.endswith("_now")}
