"""The benchmark of the viewer, small and untimed: it measures what it says, or fails."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from benchmarks.viewer import Row, copied, kept, run_city, run_nation, ties
from twin.engine import Twin
from twin.events import Operation
from twin.stores import open_store

pytest_plugins = ["tests.web.browser_fixtures"]
pytestmark = pytest.mark.browser

METERS, FEEDERS, ELEMENTS = 3_000, 24, 2_000


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return kept(METERS, FEEDERS, tmp_path_factory.mktemp("kept"))


def test_every_row_is_measured(browser: Browser, store: Path) -> None:
    with copied(store) as copy:
        rows = {row.what: row for row in run_city(browser, copy, 2, elements=ELEMENTS, drags=1)}
    assert rows["first map, new browser"].runs == rows["first map, again"].runs == 2
    assert rows["trace on screen"].size >= ELEMENTS
    assert rows["switch to changed pixels"].runs == 2
    assert {f"long tasks while panning, z{zoom}" for zoom in (9, 12, 14, 16)} < set(rows)
    for row in rows.values():
        assert row.worst_ms >= row.p50_ms >= 0
        assert row.p50_ms > 0 or "long tasks" in row.what


def test_a_nation_counts_the_feeders_that_are_drawn(browser: Browser, store: Path) -> None:
    with copied(store) as copy:
        (row,) = run_nation(browser, copy, FEEDERS, 1)
        assert (row.size, row.runs) == (FEEDERS, 1)
    with copied(store) as copy, pytest.raises(AssertionError, match=f"{FEEDERS} of {FEEDERS + 1} feeders"):
        list(run_nation(browser, copy, FEEDERS + 1, 1))


def test_what_is_made_up_is_made_once(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert kept(METERS, FEEDERS, store.parent) == store
    assert capsys.readouterr().err == ""
    assert [path.name for path in store.parent.glob("*.gpkg")] == [store.name]


def test_ties_join_as_many_elements_as_are_asked_for(store: Path, tmp_path: Path) -> None:
    with Twin.from_store(open_store(shutil.copy(store, tmp_path), write=True)) as twin:
        close, starts = ties(twin.network, ELEMENTS)
        assert close and starts
        before = twin.current.customers_out
        twin.switch([Operation(mrid, open=False) for mrid in close])
        assert twin.current.customers_out == before == 0


def test_a_row_of_nothing_measured() -> None:
    assert Row.of("nothing", [], 100) == Row("nothing", 0, 0.0, 0.0, 100)
