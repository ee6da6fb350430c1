"""What every store does, whatever keeps it: one suite for memory, GeoPackage and PostGIS."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from tests.postgres import Postgres
from tests.twin.networks import F1, draw, rng_network
from twin.copying import copy_store
from twin.engine import Twin
from twin.events import ModelReplaced, Operation, Position, SwitchOperated
from twin.memory import MemoryStore
from twin.network import Network
from twin.scenario import Scenario, Step
from twin.store import (
    Checkpoint,
    Head,
    IdempotencyConflict,
    StaleRevision,
    Store,
    StoreError,
    StoreInvalid,
    StoreMissing,
)
from twin.stores import UnknownStore, open_store
from twin.transitions import SwitchingError

SOON_S = 30.0


@dataclass
class Place:
    """Where one store is kept: open it as often as you like."""

    kind: str
    url: str
    make: Callable[[], Store]
    """Opens it for writing, and makes what is not there."""

    @contextmanager
    def store(self) -> Iterator[Store]:
        store = self.make()
        try:
            yield store
        finally:
            store.close()

    @contextmanager
    def twin(self) -> Iterator[Twin]:
        with self.store() as store:
            yield Twin.from_store(store)


def at_memory() -> Place:
    memory = MemoryStore()
    return Place("memory", memory.url, lambda: memory)


def at_file(path: Path) -> Place:
    return Place("geopackage", str(path), lambda: open_store(str(path), write=True, create=True))


def at_postgis(url: str) -> Place:
    return Place("postgis", url, lambda: open_store(url, write=True, create=True))


KINDS = ["memory", "geopackage", pytest.param("postgis", marks=pytest.mark.postgis)]


@pytest.fixture(params=KINDS)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """An empty place."""
    if request.param == "postgis":
        postgres: Postgres = request.getfixturevalue("postgres")
        return at_postgis(postgres.url(request.getfixturevalue("database")))
    return at_memory() if request.param == "memory" else at_file(tmp_path / "grid twin ä.gpkg")


def small(**options) -> Network:
    given = {"consumers": {"load 3": "3", "load 4": "4"}, "opened": "b5", "sources": "S T"}
    return draw(F1 + " t9:6-8", **{**given, **options})


@pytest.fixture
def loaded(place: Place) -> Place:
    """The small network at revision 1."""
    with place.store() as store:
        Twin.load(small(), store, author="me", note="first")
    return place


def assert_same(one: Network, other: Network) -> None:
    """Every column, not only the hash of all."""
    assert (one.model, one.name) == (other.model, other.name)
    for name, table in one.tables.items():
        assert list(table.extras) == list(other.tables[name].extras)
        for column, values in {**{column: table[column] for column in table}, **table.extras}.items():
            there = other.tables[name].extras.get(column) if column in table.extras else other.tables[name][column]
            assert np.array_equal(values, there, equal_nan=values.dtype.kind == "f")
    assert np.array_equal(one.line_geometry.offsets, other.line_geometry.offsets)
    assert np.array_equal(one.line_geometry.coordinates, other.line_geometry.coordinates)


# --- networks -----------------------------------------------------------------------------------------------------


def test_an_empty_store_has_no_head(place):
    with place.store() as store:
        assert store.head() is None
        assert list(store.events()) == [] and store.scenarios() == []
        assert store.revision_at(datetime.now(UTC)) == 0
        assert store.checkpoint(10) is None and store.scenario("x") is None
        with pytest.raises(StoreMissing, match="holds no network yet"):
            Twin.from_store(store)
        with pytest.raises(StoreInvalid, match="0123"):
            store.read_network("0123")


def test_random_networks_come_back_whole(place):
    for seed in range(12):
        network = rng_network(seed)
        with place.store() as store:
            Twin.load(network, store)
        with place.store() as store:
            assert_same(store.read_network(network.model), network)


def test_simbench_comes_back_whole(place, simbench):
    with place.store() as store:
        twin = Twin.load(simbench, store)
        twin.switch([Operation(str(simbench.switches["mrid"][0]), True)])
        before = twin.current
    with place.twin() as again:
        assert_same(again.network, simbench)
        assert again.revision == 2
        assert np.array_equal(again.current.energized, before.energized)


def test_any_text_comes_back(place):
    texts = [
        "tab\there",
        "line\nbreak",
        "back\\slash \\n \\N",
        "quotes ' \" %s :x $1",
        "žluťoučký 變電站 ⚡",
        " ",
        "r\re",
    ]
    network = small(more={"switches": {"name": texts[:4]}, "lines": {"name": texts[4:]}}, name="a\tb\\c")
    with place.store() as store:
        Twin.load(network, store, author=texts[0], note=texts[2])
        Twin.from_store(store).switch([Operation("b3", True)], note=texts[3], idempotency_key=texts[1])
    with place.twin() as twin:
        assert_same(twin.network, network)
        log = list(twin.store.events())
        assert [(r.author, r.note) for r in log] == [(texts[0], texts[2]), ("", texts[3])]
        twin.switch([Operation("b3", True)], note=texts[3], idempotency_key=texts[1])
        assert twin.revision == 2


def test_columns_beyond_the_classes_come_back(place):
    plain = small()
    texts = ["tab\there", "back\\slash \\n", "quotes ' \"", "žluťoučký 變電站 ⚡", "r\re", "line\nbreak"]
    tables = {}
    for name, table in plain.tables.items():
        text = [texts[row % 6] if row % 3 != 2 else "" for row in range(len(table))]
        number = [np.nan if row % 3 == 1 else (row + 1) / 3 * 10.0 ** (row - 5) for row in range(len(table))]
        tables[name] = table.with_extras(source_text=np.array(text), source_number=np.array(number))
    network = Network.from_tables("extras", tables, plain.line_geometry)
    assert network.nodes.extras.keys() == {"source_text", "source_number"}
    with place.store() as store:
        Twin.load(network, store)
        Twin.load(plain, store)
    with place.store() as store:
        assert_same(store.read_network(network.model), network)  # the older one of two
        assert_same(store.read_network(plain.model), plain)
        Twin.load(network, store)
    with place.store() as store:
        assert_same(store.read_network(network.model), network)


def test_a_second_model_carries_positions(loaded):
    with loaded.twin() as twin:
        twin.switch([Operation("b1", True), Operation("b3", True), Operation("b5", False), Operation("b7", True)])
        since = twin.current.state.since[twin.network.mrids.find("b1").row]
    new = small(more={"switches": {"mrid": ["b1", "b3 new", "b5", "b7"], "kind": ["Switch"] * 3 + ["Jumper"]}})
    with loaded.store() as store:
        twin = Twin.load(new, store, note="new")
        event = list(store.events())[-1].event
        assert isinstance(event, ModelReplaced)
        assert set(event.carried) == {Position("b1", 7, since), Position("b5", 0, since)}
        assert set(event.vanished) == {"b3", "b7"}
        positions = dict(zip(new.switches["mrid"].tolist(), twin.current.state.open.tolist(), strict=True))
        assert positions == {"b1": 7, "b3 new": 0, "b5": 0, "b7": 0}
    with loaded.twin() as twin:
        assert (twin.revision, twin.network.model) == (3, new.model)
        assert np.array_equal(twin.current.state.open, [positions[m] for m in new.switches["mrid"].tolist()])


def test_a_model_that_comes_again_is_kept_once(loaded):
    first, second = small(), small(opened="")
    for network in (second, first):
        with loaded.store() as store:
            Twin.load(network, store)
    with loaded.twin() as twin:
        assert (twin.revision, twin.network.model) == (3, first.model)
        assert_same(twin.network, first)


def test_a_failed_load_changes_nothing(loaded):
    new = small(opened="")
    with loaded.store() as store:
        with suppress(OSError), store.writing() as writer:
            writer.append(ModelReplaced(new.model, new.name), occurred_at=None, author="", note="")
            writer.write_network(new)
            writer.put_scenario(scenario())
            raise OSError("no space left on device")
        assert store.head() == Head(1, small().model)
        assert_same(store.read_network(small().model), small())
        assert store.scenarios() == []
        with pytest.raises(StoreInvalid):
            store.read_network(new.model)
        Twin.load(new, store)  # and works when it is tried again
        assert store.head() == Head(2, new.model)


# --- the log ------------------------------------------------------------------------------------------------------


def test_log_and_state_survive(loaded):
    with loaded.twin() as twin:
        twin.switch([Operation("b3", True)], note="fault", author="ann")
        twin.switch([Operation("b5", False)], occurred_at=datetime(2020, 1, 2, 3, 4, 5, 678901, UTC))
        before = twin.current
    with loaded.twin() as twin:
        assert np.array_equal(twin.current.state.open, before.state.open)
        assert np.array_equal(twin.current.energized, before.energized)
        assert dict(twin.current.state.since) == dict(before.state.since) != {}
        log = list(twin.store.events())
    assert [recorded.revision for recorded in log] == [1, 2, 3]
    assert [(r.author, r.note) for r in log] == [("me", "first"), ("ann", "fault"), ("", "")]
    assert isinstance(log[0].event, ModelReplaced)
    assert log[1].event == SwitchOperated((Operation("b3", True),))
    assert log[0].recorded_at <= log[1].recorded_at <= log[2].recorded_at
    assert log[1].occurred_at == log[1].recorded_at
    assert log[2].occurred_at == datetime(2020, 1, 2, 3, 4, 5, 678901, UTC)


def test_the_log_is_read_in_parts(loaded, monkeypatch):
    monkeypatch.setattr("twin.postgis.EVENTS_AT_ONCE", 3)
    with loaded.twin() as twin:
        for number in range(7):
            twin.switch([Operation("b3", number % 2 == 0)])
        store = twin.store
        assert [r.revision for r in store.events()] == [1, 2, 3, 4, 5, 6, 7, 8]
        assert [r.revision for r in store.events(after=2)] == [3, 4, 5, 6, 7, 8]
        assert [r.revision for r in store.events(after=1, until=2)] == [2]
        assert [r.revision for r in store.events(after=1, until=7)] == [2, 3, 4, 5, 6, 7]
        assert list(store.events(after=8)) == list(store.events(until=0)) == list(store.events(after=5, until=4)) == []


def test_revisions_by_time(loaded):
    with loaded.twin() as twin:
        for opened in (True, False):
            newest = list(twin.store.events())[-1].recorded_at
            while datetime.now(UTC) <= newest:  # two events may be of one instant
                time.sleep(0.002)
            twin.switch([Operation("b3", opened)])
        store = twin.store
        one, two, three = (r.recorded_at for r in store.events())
        tick = timedelta(microseconds=1)
        assert [store.revision_at(at) for at in (one - tick, one, two - tick, two, three - tick)] == [0, 1, 1, 2, 2]
        assert store.revision_at(three) == store.revision_at(datetime.max.replace(tzinfo=UTC)) == 3
        assert store.revision_at(two.astimezone()) == 2
        assert twin.at(two).state.open.tolist() == twin.at(2).state.open.tolist() != twin.current.state.open.tolist()


def test_refused_writes_leave_no_trace(loaded):
    with loaded.twin() as twin:
        before = twin.current
        with pytest.raises(StaleRevision, match="expected revision 7, but the log is at 1"):
            twin.switch([Operation("b3", True)], expected_revision=7, idempotency_key="k")
        with pytest.raises(SwitchingError):
            twin.switch([Operation("b3", True), Operation("c2", True)], idempotency_key="k")
        assert twin.current is before and len(list(twin.store.events())) == 1
        assert twin.switch([Operation("b3", True)], expected_revision=1, idempotency_key="k").revision == 2


def test_one_of_two_writers_wins_a_revision(loaded):
    with loaded.store() as store:
        one, other = Twin.from_store(store), Twin.from_store(store)
        assert one.switch([Operation("b3", True)], expected_revision=1).revision == 2
        with pytest.raises(StaleRevision, match="expected revision 1, but the log is at 2"):
            other.switch([Operation("b7", True)], expected_revision=1)
        assert other.switch([Operation("b7", True)], expected_revision=2).revision == 3
        assert one.catch_up() == 3
        assert np.array_equal(one.current.energized, other.current.energized)
        assert not np.array_equal(one.current.energized, one.normal.energized)


# --- answers ------------------------------------------------------------------------------------------------------


def test_a_key_is_answered_once(loaded):
    batch = [Operation("b3", True)]
    with loaded.twin() as twin:
        first = twin.switch(batch, idempotency_key="k1")
        assert first.deenergized.customers == 2
        assert twin.switch(batch, idempotency_key="k1") == first
        assert twin.revision == 2
        with pytest.raises(IdempotencyConflict, match="'k1' was used before with a different request"):
            twin.switch([Operation("b1", True)], idempotency_key="k1")
    with loaded.twin() as twin:  # remembered for good
        assert twin.switch(batch, idempotency_key="k1") == first
        assert twin.switch(batch, idempotency_key="k2").deenergized.nodes == 0
        assert twin.revision == 3


# --- checkpoints --------------------------------------------------------------------------------------------------


def test_checkpoints(loaded):
    moved = datetime(2026, 5, 4, 3, 2, 1, 987654, UTC)
    with loaded.twin() as twin:
        for opened in (True, False, True):
            twin.switch([Operation("b3", opened)])
        kept = [
            Checkpoint(2, twin.network.model, (Position("b3", 7, moved), Position("b5", 0))),
            Checkpoint(4, twin.network.model, ()),
        ]
        for checkpoint in kept:
            with twin.store.writing() as writer:
                writer.keep_checkpoint(checkpoint)
    with loaded.store() as store:
        assert [store.checkpoint(until) for until in range(1, 7)] == [None, kept[0], kept[0], *[kept[1]] * 3]


def test_a_long_log_is_not_read_from_its_beginning(loaded, monkeypatch):
    monkeypatch.setattr("twin.engine.CHECKPOINT_EVERY", 5)
    with loaded.twin() as twin:
        for number in range(12):
            twin.switch([Operation("b3", number % 2 == 0), Operation("b7", number % 3 == 0)])
        states = {revision: twin.at(revision).state.open.tolist() for revision in range(1, 14)}
    with loaded.twin() as twin:
        checkpoint = twin.store.checkpoint(13)
        assert checkpoint is not None and checkpoint.revision == 10
        assert twin.current.state.open.tolist() == states[13]
        assert {revision: twin.at(revision).state.open.tolist() for revision in range(1, 14)} == states


# --- scenarios ----------------------------------------------------------------------------------------------------


def scenario(number: int = 1, **options) -> Scenario:
    made = datetime(2026, 1, number, 12, 0, 0, 123456, UTC)
    step = Step(SwitchOperated((Operation("b3", True, 1),)), made, "ann", 'a "note"')
    whole = Scenario(f"s{number}", "What if ä", small().model, 1, made, "ann", "why\nnot", (step, step))
    return replace(whole, **options)


def test_scenarios_are_kept_and_forgotten(loaded):
    first, second = scenario(2), scenario(1)
    with loaded.store() as store:
        for each in (first, second):
            with store.writing() as writer:
                writer.put_scenario(each)
        changed = replace(first, name="What now", steps=first.steps[:1])
        with store.writing() as writer:
            writer.put_scenario(changed)
    with loaded.store() as store:
        assert store.scenarios() == [second, changed]
        assert store.scenario("s2") == changed and store.scenario("s3") is None
        with store.writing() as writer:
            writer.delete_scenario("s1")
            writer.delete_scenario("never there")
        assert store.head() == Head(1, small().model)  # no event: the log is as it was
    with loaded.store() as store:
        assert store.scenarios() == [changed]


def test_a_refused_scenario_is_not_kept(loaded):
    with loaded.store() as store:
        with suppress(LookupError), store.writing() as writer:
            writer.put_scenario(scenario())
            writer.delete_scenario("s2")
            raise LookupError
        assert store.scenarios() == []


# --- waiting ------------------------------------------------------------------------------------------------------


def test_waiting_ends_in_time_and_when_the_store_is_closed(loaded):
    store = loaded.make()
    store.wait(0.01)  # what was added before is not known
    began = time.monotonic()
    store.wait(0.05)
    assert time.monotonic() - began < SOON_S
    woken: list[bool] = []
    begins = threading.Event()

    def wait() -> None:
        begins.set()
        woken.append(store.wait(60))

    waiter = threading.Thread(target=wait)
    waiter.start()
    assert begins.wait(SOON_S)
    time.sleep(0.05)
    store.close()
    waiter.join(SOON_S)
    assert not waiter.is_alive()
    if loaded.kind == "postgis":
        assert woken == [False]


# --- copies -------------------------------------------------------------------------------------------------------


def test_verbatim_events_have_to_follow(loaded):
    with loaded.store() as store:
        last = next(store.events())
        for revision in (1, 3):
            with (
                pytest.raises(ValueError, match=f"revision {revision} does not follow on 1"),
                store.writing() as writer,
            ):
                writer.append_recorded(replace(last, revision=revision))
        assert store.head() == Head(1, small().model)


@pytest.fixture
def there(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """A second place, empty."""
    if request.param == "postgis":
        postgres: Postgres = request.getfixturevalue("postgres")
        return at_postgis(postgres.url(request.getfixturevalue("database")) + "?schema=there")
    return at_memory() if request.param == "memory" else at_file(tmp_path / "there.gpkg")


@pytest.mark.parametrize("there", KINDS, indirect=True)
def test_a_copy_is_the_same(loaded, there, monkeypatch):
    monkeypatch.setattr("twin.engine.CHECKPOINT_EVERY", 3)
    monkeypatch.setattr("twin.postgis.EVENTS_AT_ONCE", 2)
    with loaded.twin() as twin:
        for number in range(3):
            twin.switch([Operation("b3", number % 2 == 0)], note=f"n{number}", idempotency_key=f"k{number}")
    with loaded.store() as store:
        twin = Twin.load(small(opened="", name="new"), store, author="ann")
        twin.switch([Operation("b1", True)], occurred_at=datetime(2020, 1, 2, 3, 4, 5, 678901, UTC))
        with store.writing() as writer:
            writer.put_scenario(scenario(1))
            writer.put_scenario(scenario(2))
    with loaded.store() as source, there.store() as target:
        report = copy_store(source, target)
        assert (report.models, report.events, report.answers, report.scenarios, report.missing) == (2, 6, 3, 2, ())
        assert_copied(source, target)
        with pytest.raises(StoreError, match="holds something already"):
            copy_store(source, target)
        before = Twin.from_store(source).current
    with there.twin() as twin:
        assert np.array_equal(twin.current.state.open, before.state.open)
        assert dict(twin.current.state.since) == dict(before.state.since)
        assert np.array_equal(twin.current.energized, before.energized)
        again = twin.switch([Operation("b1", False)])
        assert again.revision == 7 and again.reenergized.nodes > 0  # and life goes on


def assert_copied(source: Store, target: Store) -> None:
    assert target.head() == source.head()
    assert list(target.events()) == list(source.events())
    assert list(target.answers()) == list(source.answers()) != []
    assert target.scenarios() == source.scenarios()
    assert [target.checkpoint(until) for until in range(7)] == [source.checkpoint(until) for until in range(7)]
    assert target.checkpoint(6) is not None
    for model in (small().model, small(opened="").model):
        assert_same(target.read_network(model), source.read_network(model))


def test_a_copy_that_fails_leaves_nothing(loaded, tmp_path):
    class Stops(Exception):
        pass

    def stops(what: str) -> None:
        if "scenarios" in what:
            raise Stops

    with loaded.store() as source, at_file(tmp_path / "there.gpkg").store() as target:
        with pytest.raises(Stops):
            copy_store(source, target, stops)
        assert target.head() is None
        copy_store(source, target)


def test_an_empty_store_is_not_copied(place, tmp_path):
    empty = pytest.raises(StoreMissing, match="there is nothing to copy")
    with place.store() as source, at_file(tmp_path / "there.gpkg").store() as target, empty:
        copy_store(source, target)


# --- urls ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("url", ["mysql://a:secret@b/c", "grid.sqlite", "", "http://x/y.gpkg"])
def test_urls_of_no_store(url):
    with pytest.raises(UnknownStore, match=r"postgresql:// URL") as refused:
        open_store(url)
    assert "secret" not in str(refused.value)
