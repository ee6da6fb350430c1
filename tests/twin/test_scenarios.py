"""What-ifs: their own log on top of a revision, and nothing of it in the live state."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.twin.networks import F1, draw, rng_network
from twin.comparison import compare
from twin.engine import Twin
from twin.events import Operation
from twin.geopackage import GeoPackageStore
from twin.history import RevisionAhead
from twin.memory import MemoryStore
from twin.mrids import UnknownMrid
from twin.scenarios import Scenarios, UnknownScenario
from twin.state import Snapshot, State
from twin.store import StaleRevision
from twin.transitions import SwitchingError
from twin.views import ScenarioMoved, View, ViewError, Views, parse_instant

LOADS = {"load 2": "2", "load 3": "3", "load 4": "4", "load 5": "5"}


@pytest.fixture
def twin() -> Twin:
    return Twin.load(draw(F1, opened="b5", sources="S T", consumers=LOADS), MemoryStore())


def test_the_live_state_never_moves(twin: Twin) -> None:
    scenarios = Scenarios(twin)
    before = twin.current
    made = scenarios.create("maintenance", note="of b3")
    result = scenarios.switch(made.id, [Operation("b3", True)], note="open")
    assert (result.revision, result.deenergized.customers, result.reenergized.customers) == (1, 2, 0)
    result = scenarios.switch(made.id, [Operation("b5", False)], note="close the tie", expected_revision=1)
    assert (result.revision, result.deenergized.customers, result.reenergized.customers) == (2, 0, 2)
    assert twin.current is before and twin.revision == 1
    kept = scenarios.get(made.id)
    assert [step.note for step in kept.steps] == ["open", "close the tie"]
    assert scenarios.compare(kept).lost.customers == 0
    assert [mrid for mrid, _, _ in scenarios.compare(kept).switches] == ["b3", "b5"]


def test_steps_are_undone_and_gone_back_to_normal(twin: Twin) -> None:
    scenarios = Scenarios(twin)
    made = scenarios.create("x")
    scenarios.switch(made.id, [Operation("b3", True)])
    undone = scenarios.undo(made.id)
    assert (undone.revision, undone.reenergized.customers) == (0, 2)
    assert scenarios.undo(made.id).revision == 0
    scenarios.switch(made.id, [Operation("b3", True)])
    scenarios.switch(made.id, normal=True)
    assert scenarios.compare(scenarios.get(made.id)).switches == ()
    first = scenarios.get(made.id).fingerprint
    scenarios.undo(made.id)
    scenarios.switch(made.id, [Operation("b1", True)])
    assert scenarios.get(made.id).revision == 2 and scenarios.get(made.id).fingerprint != first


def test_a_scenario_stays_on_its_base(twin: Twin) -> None:
    scenarios = Scenarios(twin)
    made = scenarios.create("x")
    twin.switch([Operation("b7", True)])
    scenarios.switch(made.id, [Operation("b3", True)])
    now = scenarios.snapshot(scenarios.get(made.id))
    assert now.revision == 1 and now.state.open[twin.network.mrids.find("b7").row] == 0
    later = scenarios.create("y")
    assert later.base == 2
    assert scenarios.create("z", base=1).base == 1


def test_what_breaks_a_rule_changes_nothing(twin: Twin) -> None:
    scenarios = Scenarios(twin)
    made = scenarios.create("x")
    scenarios.switch(made.id, [Operation("b3", True)])
    kept = scenarios.get(made.id)
    for wrong, error in [
        (Operation("c2", True), SwitchingError),
        (Operation("nobody", True), UnknownMrid),
    ]:
        with pytest.raises(error):
            scenarios.switch(made.id, [wrong])
    with pytest.raises(StaleRevision):
        scenarios.switch(made.id, [Operation("b5", False)], expected_revision=0)
    with pytest.raises(RevisionAhead):
        scenarios.create("y", base=99)
    assert scenarios.all() == [kept]
    for use in (scenarios.get, scenarios.delete, scenarios.undo):
        with pytest.raises(UnknownScenario, match="no scenario 'nobody'"):
            use("nobody")


def open_geopackage(path: Path) -> Twin:
    return Twin.from_store(GeoPackageStore(path, write=True))


def test_they_survive_and_are_marked_stale_by_another_model(tmp_path: Path) -> None:
    path = tmp_path / "grid.gpkg"
    Twin.load(draw(F1, opened="b5", consumers=LOADS), GeoPackageStore(path, write=True, create=True)).close()
    with open_geopackage(path) as twin:
        made = Scenarios(twin).create("kept", author="ann")
        Scenarios(twin).switch(made.id, [Operation("b3", True)])
    with open_geopackage(path) as twin:
        scenarios = Scenarios(twin)
        (again,) = scenarios.all()
        assert (again.name, again.author, again.revision, scenarios.is_stale(again)) == ("kept", "ann", 1, False)
        assert scenarios.compare(again).lost.customers == 2
    second = draw(F1 + " t9:6-8", opened="b5", consumers=LOADS)
    with Twin.load(second, GeoPackageStore(path, write=True)) as twin:
        scenarios = Scenarios(twin)
        (stale,) = scenarios.all()
        assert scenarios.is_stale(stale)
        assert scenarios.snapshot(stale).network.model == stale.model  # it goes on showing what it was made for
        scenarios.delete(stale.id)
        assert scenarios.all() == []


def test_comparison_is_what_counting_says() -> None:
    compared = 0
    for seed in range(60):
        network = rng_network(seed)
        rng = np.random.default_rng(seed)
        own = network.switches["phases"]
        before, after = (
            Snapshot.of(network, State("", 0, (own & rng.integers(0, 8, len(own))).astype(np.uint8))) for _ in range(2)
        )
        found = compare(before, after)
        lost = gained = 0
        feeders: dict[int, list[int]] = {}
        for row in range(len(network.consumers)):
            node, service = int(network.consumers["node"][row]), int(network.consumers["phases"][row])
            customers = int(network.consumer_customers[row])
            had, has = int(before.energized[node]) & service, int(after.energized[node]) & service
            sums = feeders.setdefault(int(network.node_feeder[node]), [0, 0])
            if had & ~has:
                lost, sums[0] = lost + customers, sums[0] + customers
            if has & ~had:
                gained, sums[1] = gained + customers, sums[1] + customers
        assert (found.lost.customers, found.gained.customers) == (lost, gained)
        named = {str(network.feeders["mrid"][row]) if row >= 0 else "": tuple(sums) for row, sums in feeders.items()}
        assert {f.mrid: (f.lost, f.gained) for f in found.feeders} == {k: v for k, v in named.items() if any(v)}
        compared += lost + gained
    assert compared > 50


def test_views(twin: Twin) -> None:
    views = Views(twin)
    twin.switch([Operation("b3", True)])
    made = views.scenarios.create("x", base=1)
    views.scenarios.switch(made.id, [Operation("b7", True)])
    assert views.see(View()).snapshot is twin.current
    assert views.see(View(state="normal")).snapshot is twin.normal
    assert views.see(View(revision=1)).snapshot.customers_out == 0
    log = list(twin.store.events())
    assert views.see(View(at=log[1].recorded_at)).snapshot is twin.current
    seen = views.see(View(scenario=made.id))
    assert seen.snapshot.customers_out == 1
    keys = {views.see(view).key for view in (View(), View(state="normal"), View(revision=1), View(scenario=made.id))}
    assert len(keys) == 4
    pinned = View(scenario=seen.scenario)
    assert views.see(pinned).snapshot is seen.snapshot
    views.scenarios.switch(made.id, [Operation("b7", False)])
    with pytest.raises(ScenarioMoved, match="has other steps by now"):
        views.see(pinned)
    normal = views.see(View(state="normal", revision=1)).snapshot
    assert np.array_equal(normal.energized, twin.normal.energized)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: View(scenario="x", revision=1), "revision is '1': goes without scenario"),
        (lambda: parse_instant("yesterday"), "at is 'yesterday': it must be an instant such as"),
        (lambda: parse_instant("2026-03-01T14:30:00"), "needs an offset from UTC"),
    ],
)
def test_views_that_make_no_sense(make: Callable[[], object], said: str) -> None:
    with pytest.raises(ViewError, match=said):
        make()
