"""A twin that is kept caught up, through a store that comes and goes."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace

import pytest

from tests.twin.networks import F1, draw
from twin.engine import Twin
from twin.events import Operation, Recorded
from twin.follower import FIRST_PAUSE_S, Follower
from twin.memory import MemoryStore
from twin.store import StoreAway

SOON_S = 20.0


class Shaky(MemoryStore):
    """A store that can be away, and that tells of what others add."""

    def __init__(self) -> None:
        super().__init__()
        self.shared = True
        self.away = False
        self.calls = 0
        self.changed = threading.Event()

    def wait(self, timeout_s: float) -> bool:
        self.calls += 1
        if self.away:
            raise StoreAway("away")
        woken = self.changed.wait(timeout_s)
        self.changed.clear()
        return woken

    def events(self, after: int = 0, until: int | None = None) -> Iterator[Recorded]:
        if self.away:
            raise StoreAway("away")
        return super().events(after, until)


@contextmanager
def followed(store: Shaky) -> Iterator[tuple[Twin, Twin, Follower]]:
    """Somebody who writes, and a twin that follows."""
    writer = Twin.load(draw(F1, sources="S T", opened="b5"), store)
    reader = Twin.from_store(store)
    follower = Follower(reader)
    follower.start()
    try:
        yield writer, reader, follower
    finally:
        follower.stop()


def until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + SOON_S
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.001)


def test_what_others_write_is_taken_in() -> None:
    store = Shaky()
    with followed(store) as (writer, reader, follower):
        heard: list[int] = []
        reader.subscribe(lambda change: heard.append(change.recorded.revision))
        for opened in (True, False, True):
            writer.switch([Operation("b3", opened)])
            store.changed.set()
        until(lambda: len(heard) == 3)  # the revision is seen before its subscribers are told
        assert heard == [2, 3, 4] and reader.revision == 4 and follower.trouble is None
        assert reader.current.state.open.tolist() == writer.current.state.open.tolist()


def test_a_store_that_comes_back_is_caught_up_with(monkeypatch: pytest.MonkeyPatch) -> None:
    paused: list[float] = []

    class Counted(threading.Event):
        """Notes how long the follower pauses."""

        def wait(self, timeout: float | None = None) -> bool:
            paused.append(timeout or 0)
            return super().wait(timeout)

    monkeypatch.setattr("twin.follower.threading", SimpleNamespace(Event=Counted, Thread=threading.Thread))
    store = Shaky()
    with followed(store) as (writer, reader, follower):
        until(lambda: store.calls > 0)
        store.away = True
        store.changed.set()
        until(lambda: isinstance(follower.trouble, StoreAway))
        until(lambda: len(paused) > 2)
        assert paused[:3] == [FIRST_PAUSE_S, 2 * FIRST_PAUSE_S, 4 * FIRST_PAUSE_S]  # it does not run hot
        store.away = False
        writer.switch([Operation("b3", True)])  # and no word of it
        until(lambda: reader.revision == 2)
        until(lambda: follower.trouble is None)


def test_a_log_that_cannot_be_applied_is_trouble() -> None:
    store = Shaky()
    with followed(store) as (writer, reader, follower):
        other = Twin(draw(F1 + " b9:3-9", sources="S T"), MemoryStore())
        with store.writing() as unlike:
            unlike.append(
                next(_log(other, "b9")).event, occurred_at=None, author="", note="of a switch that is not there"
            )
        store.changed.set()
        until(lambda: follower.trouble is not None)
        assert "b9" in str(follower.trouble) and reader.revision == 1
        assert writer.revision == 1


def _log(twin: Twin, mrid: str) -> Iterator[Recorded]:
    twin.switch([Operation(mrid, True)])
    return twin.store.events()


def test_stopping_is_quick_and_may_come_before_starting() -> None:
    store = Shaky()
    Follower(Twin.load(draw(F1), store)).stop()
    with followed(store):
        began = time.monotonic()
    assert time.monotonic() - began < SOON_S
