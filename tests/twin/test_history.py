"""Past states: any revision, any instant, whatever the checkpoints are."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from tests.twin.networks import F1, draw, rng_network
from twin import engine, history
from twin.engine import Twin
from twin.events import Operation, SwitchOperated
from twin.geopackage import GeoPackageStore
from twin.history import RevisionAhead, RevisionGone, state_at
from twin.memory import MemoryStore
from twin.state import Snapshot, State
from twin.transitions import apply, fold, from_checkpoint, operated, to_checkpoint


def random_batch(twin: Twin, rng: np.random.Generator) -> list[Operation]:
    rows = rng.choice(np.flatnonzero(twin.network.operable), size=rng.integers(1, 4))
    mrids = twin.network.switches["mrid"]
    return [Operation(str(mrids[row]), bool(rng.integers(2))) for row in dict.fromkeys(rows.tolist())]


def switchable(seed: int) -> Twin | None:
    network = rng_network(seed)
    return Twin.load(network, MemoryStore()) if network.operable.any() else None


def test_every_past_state_is_what_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "CHECKPOINT_EVERY", 4)
    monkeypatch.setattr(history, "KEPT_SNAPSHOTS", 2)
    seen = 0
    for seed in range(30):
        twin = switchable(seed)
        if twin is None:
            continue
        rng = np.random.default_rng(seed)
        snapshots = [twin.current]
        for number in range(15):
            twin.switch(random_batch(twin, rng), normal=number == 9)
            snapshots.append(twin.current)
        for then in [*snapshots, *snapshots[::-1]]:
            again = twin.at(then.revision)
            assert np.array_equal(again.state.open, then.state.open)
            assert again.state.since == then.state.since
            assert np.array_equal(again.energized, then.energized)
            seen += 1
    assert seen > 300


def test_an_instant_means_what_was_recorded_by_then() -> None:
    twin = Twin.load(draw(F1, opened="b5", sources="S T"), MemoryStore())
    for number in range(5):
        twin.switch([Operation("b3", number % 2 == 0)], occurred_at=datetime(2020, 1, 1, tzinfo=UTC))
    log = list(twin.store.events())
    for recorded in log:
        at = recorded.recorded_at
        newest = max(r.revision for r in log if r.recorded_at <= at)
        assert twin.at(at).revision == newest
    assert twin.at(log[-1].recorded_at + timedelta(days=1)) is twin.current
    with pytest.raises(RevisionGone, match="does not reach back"):
        twin.at(log[0].recorded_at - timedelta(microseconds=1))


def test_what_is_not_there_is_said() -> None:
    twin = Twin.load(draw(F1, opened="b5"), MemoryStore())
    with pytest.raises(RevisionAhead, match="revision 2 is not there yet: the log is at 1"):
        twin.at(2)
    for revision in (0, -1):
        with pytest.raises(RevisionGone):
            twin.at(revision)


def test_a_twin_without_a_load_begins_at_revision_zero() -> None:
    twin = Twin(draw(F1, opened="b5"))
    normal = twin.current
    twin.switch([Operation("b3", True)])
    assert np.array_equal(twin.at(0).energized, normal.energized)
    later = Twin(twin.network, MemoryStore(base=7), state=State.normal(twin.network, 7))
    later.switch([Operation("b3", True)])
    assert later.revision == 8
    with pytest.raises(RevisionGone):
        later.at(6)


def test_a_state_under_an_older_model_needs_that_model(tmp_path: Path) -> None:
    first, second = draw(F1, opened="b5"), draw(F1 + " t9:6-8", opened="b5")
    in_memory = MemoryStore()
    Twin.load(first, in_memory).switch([Operation("b3", True)])
    twin = Twin.load(second, in_memory)
    past = twin.at(2)
    assert past.network is first and past.state.open[first.mrids.find("b3").row] == 7
    since = twin.current.state.since[second.mrids.find("b3").row]
    assert since == list(in_memory.events())[1].occurred_at  # carried over, not the instant of loading

    path = tmp_path / "one.gpkg"
    with Twin.load(first, GeoPackageStore(path, write=True, create=True)) as before:
        before.switch([Operation("b3", True)])
    with Twin.load(second, GeoPackageStore(path, write=True)) as after:
        past = after.at(2)
        assert past.network.model == first.model and past.state.open[first.mrids.find("b3").row] == 7
    with sqlite3.connect(path) as connection:  # as in a file of an earlier version, which kept one model only
        connection.execute("DELETE FROM gridtwin_networks")
    connection.close()
    with (
        Twin.from_store(GeoPackageStore(path)) as without,
        pytest.raises(RevisionGone, match="its network is not kept"),
    ):
        without.at(2)


def test_folding_is_applying_one_by_one() -> None:
    for seed in range(20):
        twin = switchable(seed)
        if twin is None:
            continue
        rng = np.random.default_rng(seed)
        for number in range(12):
            twin.switch(random_batch(twin, rng), normal=number % 5 == 4)
        log = list(twin.store.events())
        state = State.normal(twin.network)
        for recorded in log:
            before, state = state, apply(twin.network, state, recorded)
            if isinstance(recorded.event, SwitchOperated):
                assert np.array_equal(operated(twin.network, before.open, recorded.event), state.open)
        whole = fold(twin.network, State.normal(twin.network), log)
        assert np.array_equal(whole.open, state.open) and whole.since == state.since
        again = from_checkpoint(twin.network, to_checkpoint(twin.network, whole))
        assert np.array_equal(again.open, whole.open) and again.since == whole.since
        off_normal = np.flatnonzero(whole.open != twin.network.switches["normal_open"]).tolist()
        assert sorted(whole.since) == off_normal


def test_a_long_log_is_read_from_the_nearest_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "CHECKPOINT_EVERY", 10)
    path = tmp_path / "long.gpkg"
    with Twin.load(draw(F1, opened="b5"), GeoPackageStore(path, write=True, create=True)) as twin:
        for number in range(64):
            twin.switch([Operation("b3", number % 2 == 0)])
    store = GeoPackageStore(path)
    asked: list[tuple[int, int | None]] = []
    events = store.events

    def counting(after: int = 0, until: int | None = None) -> object:
        asked.append((after, until))
        return events(after, until)

    monkeypatch.setattr(store, "events", counting)
    with Twin.from_store(store) as again:
        assert again.revision == 65
        assert asked == [(60, 65)]
        row = again.network.mrids.find("b3").row
        assert [int(again.at(revision).state.open[row]) for revision in (36, 37)] == [7, 0]
        assert asked[-1] == (30, 37)
        network, state = state_at(store, 37, lambda _: again.network)
        assert np.array_equal(Snapshot.of(network, state).energized, again.at(37).energized)
