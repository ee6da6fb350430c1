"""A disk that is full in the middle of switching: nothing acknowledged is lost, nothing is half-written."""

from __future__ import annotations

import resource
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from tests.postgres import Postgres, private_postgres
from tests.twin.networks import F1, draw
from topology.jit import warm_up
from twin.engine import Twin
from twin.events import Operation
from twin.store import StoreError
from twin.stores import open_store

MOST = 400
"""Operations after which the disk should have been full."""


@pytest.fixture(scope="module")
def limited() -> Iterator[Postgres]:
    """A server of its own, which is started again with a limit."""
    with private_postgres() as server:
        yield server


@contextmanager
def files_below(size: int) -> Iterator[None]:
    """No file of this process may grow beyond so many bytes."""
    warm_up()  # what is compiled is kept in files, too, and one of them is as large
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def switch_until_full(twin: Twin, note_bytes: int) -> int:
    """Operates one switch to and fro, with long notes; returns how often it was acknowledged before it was refused."""
    for number in range(MOST):
        before = twin.current
        try:
            result = twin.switch([Operation("b3", number % 2 == 0)], note=secrets.token_hex(note_bytes // 2))
        except StoreError:
            assert twin.current is before  # nobody has seen what was not kept
            return number
        assert result.revision == before.revision + 1
    raise AssertionError("the disk was never full")


def check_whole(url: str, acknowledged: int) -> None:
    """Everything acknowledged is there once, and the state follows from it."""
    with Twin.from_store(open_store(url)) as again:
        log = list(again.store.events())
        assert [recorded.revision for recorded in log] == list(range(1, acknowledged + 2))
        row = again.network.mrids.find("b3").row
        assert bool(again.current.state.open[row]) == (acknowledged % 2 == 1)
        assert np.array_equal(again.current.energized, again.at(again.revision).energized)


def test_a_geopackage(tmp_path: Path) -> None:
    url = str(tmp_path / "grid.gpkg")
    Twin.load(draw(F1, opened="b5"), open_store(url, write=True, create=True)).close()
    with Twin.from_store(open_store(url, write=True)) as twin:
        with files_below(600_000):
            acknowledged = switch_until_full(twin, 20_000)
        assert acknowledged > 3
        acknowledged += 1
        twin.switch([Operation("b3", acknowledged % 2 == 1)])  # there is room again
    check_whole(url, acknowledged)


@pytest.mark.postgis
def test_a_database(limited: Postgres) -> None:
    with limited.database() as database:
        url = limited.url(database)
        Twin.load(draw(F1, opened="b5"), open_store(url, write=True, create=True)).close()
        limited.stop()
        limited.start(
            18 << 20
        )  # more than a segment of the write-ahead log, which has a disk of its own where it matters
        with Twin.from_store(open_store(url, write=True)) as twin:
            acknowledged = switch_until_full(twin, 2_000_000)
            assert acknowledged > 3
        limited.stop()
        limited.start()
        with Twin.from_store(open_store(url, write=True)) as twin:
            acknowledged += 1
            twin.switch([Operation("b3", acknowledged % 2 == 1)])
        check_whole(url, acknowledged)
