"""Which plans PostgreSQL makes for what the server sends while it serves, and for what people ask of the views."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from benchmarks.postgis import run
from benchmarks.tiles import city
from tests.postgres import Postgres
from twin.engine import Twin
from twin.events import Operation
from twin.network import Network
from twin.postgis import PostgisStore
from twin.scenario import Scenario
from twin.transitions import to_checkpoint

pytestmark = pytest.mark.postgis

FEW = 1_000
"""Rows of a table that PostgreSQL may as well read whole."""
EVENTS = 100_000
CONSUMER_BOX = 0.002
"""Degrees: what a screen shows."""


@pytest.fixture(scope="module", params=["simbench", pytest.param("million meters", marks=pytest.mark.long)])
def network(request: pytest.FixtureRequest) -> Network:
    if request.param == "simbench":
        return request.getfixturevalue("simbench")
    return city(1_000_000)


@pytest.fixture(scope="module")
def explained(postgres: Postgres, network: Network) -> Iterator[str]:
    """A database with a long log, in which PostgreSQL writes every plan to its own log."""
    with postgres.database() as name:
        Twin.load(network, PostgisStore(postgres.url(name), write=True, create=True)).close()
        postgres.execute(
            name,
            f"INSERT INTO gridtwin.log SELECT n, now(), now(), '', '', event FROM generate_series(2, {EVENTS}) n, "
            "gridtwin.log WHERE revision = 1",
            f"INSERT INTO gridtwin.answer SELECT 'key ' || n, '', n, '{{}}' FROM generate_series(2, {EVENTS}) n",
            "INSERT INTO gridtwin.checkpoint SELECT revision, event ->> 'model', '[]' FROM gridtwin.log "
            "WHERE revision % 50 = 0",
            f"UPDATE gridtwin.head SET revision = {EVENTS}, recorded_at = clock_timestamp()",
            "ANALYZE gridtwin.log, gridtwin.answer, gridtwin.checkpoint",
            f"ALTER DATABASE {name} SET session_preload_libraries = 'auto_explain'",
            f"ALTER DATABASE {name} SET auto_explain.log_min_duration = 0",
            f"ALTER DATABASE {name} SET auto_explain.log_format = 'json'",
            f"ALTER DATABASE {name} SET auto_explain.log_nested_statements = on",
        )
        yield name


def logged_plans(postgres: Postgres, began: int) -> list[dict]:
    text = (postgres.folder / "log").read_bytes()[began:].decode()
    found = re.findall(r"^\S.*? LOG:  duration: .*? plan:\n((?:\t.*\n)+)", text, re.MULTILINE)
    return [json.loads(plan) for plan in found]


def read_whole(plan: dict) -> set[str]:
    """Tables that a plan scans from end to end."""
    inner = set().union(*(read_whole(part) for part in plan.get("Plans", ())))
    return inner | ({plan["Relation Name"]} if plan["Node Type"] == "Seq Scan" else set())


def test_the_server_reads_by_index(postgres: Postgres, explained: str, network: Network) -> None:
    began = (postgres.folder / "log").stat().st_size
    row = int(np.argmax(network.branch_customers[network.table_branches[1]]))
    batch = [Operation(str(network.switches["mrid"][row]), True)]
    with Twin.from_store(PostgisStore(postgres.url(explained), write=True)) as twin:
        store = twin.store
        store.wait(0.01)
        first = twin.switch(batch, idempotency_key="key")
        assert twin.switch(batch, idempotency_key="key") == first
        twin.switch([], normal=True)
        twin.catch_up()
        assert len(list(store.events(after=EVENTS - 10))) == 12
        assert store.revision_at(datetime.now(UTC) - timedelta(days=1)) == 0
        assert store.revision_at(datetime.now(UTC)) == EVENTS + 2
        now = datetime.now(UTC)
        with store.writing() as writer:
            writer.keep_checkpoint(to_checkpoint(network, twin.current.state))
            for number in range(300):
                writer.put_scenario(Scenario(f"s{number}", "", network.model, 1, now))
            writer.delete_scenario("s7")
        assert store.scenario("s8") is not None
        store.wait(1.5)
    plans = logged_plans(postgres, began)
    statements = {plan["Query Text"].strip() for plan in plans}
    assert len(statements) > 12
    tables = large(postgres, explained)
    assert {"log", "answer", "checkpoint", "connectivity_node_1", "ac_line_segment_1", "energy_consumer_1"} <= tables
    for plan in plans:
        assert not read_whole(plan["Plan"]) & tables, plan["Query Text"]


def large(postgres: Postgres, database: str) -> set[str]:
    """Tables of more than a few rows, PostgreSQL's own left out."""
    rows = postgres.fetch(
        database,
        "SELECT relname FROM pg_class WHERE relkind = 'r' AND reltuples > $1 AND relname NOT LIKE 'pg\\_%'",
        float(FEW),
    )
    return {name for (name,) in rows}


def operational(network: Network) -> dict[str, tuple[str, tuple[object, ...]]]:
    """What people ask most, with values from the middle of the network."""
    middle = len(network.consumers) // 2
    lng, lat = network.node_lnglat[network.consumers["node"][middle]].tolist()
    box = "ST_MakeEnvelope($1, $2, $3, $4, 4326)"
    around = (lng - CONSUMER_BOX, lat - CONSUMER_BOX, lng + CONSUMER_BOX, lat + CONSUMER_BOX)
    mrid = str(network.consumers["mrid"][middle])
    return {
        "element by mrid": ("SELECT * FROM elements_now WHERE mrid = $1", (mrid,)),
        "line by id": ("SELECT * FROM lines_now WHERE id = $1", (len(network.lines) // 2,)),
        "lines by box": (f"SELECT * FROM lines_now WHERE geom && {box}", around),
        "switches by box": (f"SELECT * FROM switches_now WHERE geom && {box}", around),
        "transformers by box": (f"SELECT * FROM transformers_now WHERE geom && {box}", around),
        "consumers by box": (f"SELECT * FROM consumers_now WHERE geom && {box}", around),
        "outages": ("SELECT * FROM outages_now", ()),
        "consumers out": ("SELECT * FROM consumers_out_now", ()),
    }


def test_people_read_by_index(postgres: Postgres, explained: str, network: Network) -> None:
    with Twin.from_store(PostgisStore(postgres.url(explained), write=True)) as twin:
        rows = np.flatnonzero(network.branch_customers[network.table_branches[1]] > 0)[:3].tolist()
        twin.switch([Operation(str(network.switches["mrid"][row]), True) for row in rows])
        tables = large(postgres, explained)
        for name, (query, values) in operational(network).items():
            assert not read_whole(postgres.explain(explained, query, *values)) & tables, name
        twin.switch([], normal=True)


def test_the_benchmark_runs(postgres: Postgres) -> None:
    with postgres.database() as name:
        rows = run(500, postgres, name, asked=5, switched=5)
    assert [row.what for row in rows][:2] == ["load 500 meters", "restart: whole process"]
    assert {"element by mrid", "lines by box", "current outages"} <= {row.what for row in rows}
    assert all(row.worst_ms >= row.p50_ms >= 0 for row in rows)
