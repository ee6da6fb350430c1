"""The load benchmark runs: every kind of request is answered, and every fault is survived."""

from __future__ import annotations

import asyncio

import pytest

from benchmarks import load
from benchmarks.load_client import Answers, milliseconds
from tests.web.conftest import tiny_network
from twin.engine import Twin
from twin.stores import open_store


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = str(tmp_path_factory.mktemp("load") / "grid.gpkg")
    Twin.load(tiny_network(), open_store(path, write=True, create=True)).close()
    return path


def test_every_kind_of_load_and_fault(store: str, capsys: pytest.CaptureFixture[str]) -> None:
    wanted = load.Requests(store)
    with load.served(store) as server:
        rows = asyncio.run(load.levels(server, wanted, (1, 3), 0.3))
        parts = asyncio.run(load.soak(server, wanted, 1.5, count=3, steps=3))
        troubled = asyncio.run(load.faults(server, wanted, 1.0, scale=0.02))
        assert server.process.poll() is None
    assert [(row.what, row.clients) for row in rows] == [
        (what, count) for what in ("cached tiles", "tiles", "traces", "switching") for count in (1, 3)
    ]
    for row in [*rows, *parts, *(row for row, _ in troubled)]:
        assert row.errors == {} and row.requests_per_s > 0 and row.rss_mb > 10
        assert 0 < row.p50_ms <= row.p90_ms <= row.p99_ms <= row.max_ms
    assert len(parts) == 3
    trouble = {row.what: told for row, told in troubled}
    assert trouble["5 slow headers"]["opened"] == 5
    assert trouble["20 streams"]["status 200"] == 20 and trouble["20 streams"]["events"] > 0
    assert trouble["bodies of 20 MB"]["status 413"] + trouble["bodies of 20 MB"]["no answer read"] == 2
    load.show_soak(parts)
    load.show_faults(troubled)
    said = capsys.readouterr().out
    assert "from the second part to the last: RSS" in said and "20 streams: events" in said


def test_refusals_are_errors_and_no_answers() -> None:
    answers = Answers()
    answers.add("x", 0.5, 503)
    answers.add("x", 0.001, 200)
    assert answers.errors == {"503": 1}
    assert milliseconds(answers.all()) == pytest.approx((1, 1, 1, 1))
    row = load.row_of("x", 1, answers, 2, 5)
    assert (row.requests_per_s, row.errors) == (0.5, {"503": 1})
