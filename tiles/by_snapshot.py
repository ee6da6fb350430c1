"""What is summed up of a snapshot, each made from the one before and what changed between them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from threading import Lock
from typing import Generic, TypeVar

from twin.state import Snapshot

T = TypeVar("T")

MOST = 8
"""Snapshots whose sums are kept."""


class BySnapshot(Generic[T]):
    """A value for each of the last few snapshots; any thread may ask."""

    def __init__(self, whole: Callable[[Snapshot], T], after: Callable[[Snapshot, T, Snapshot], T]) -> None:
        """whole: makes the first. after: makes one from another snapshot and its value."""
        self._whole, self._after = whole, after
        self._made: OrderedDict[int, tuple[Snapshot, T]] = OrderedDict()
        self._lock = Lock()

    def has(self, snapshot: Snapshot) -> bool:
        """Whether its value is made already."""
        with self._lock:
            return id(snapshot) in self._made

    def of(self, snapshot: Snapshot) -> T:
        """The value; two threads that ask at once may both make it, and it is the same."""
        with self._lock:
            known = self._made.get(id(snapshot))
            last = next(reversed(self._made.values()), None)
        if known is not None:
            return known[1]
        made = self._whole(snapshot) if last is None else self._after(*last, snapshot)
        with self._lock:
            self._made[id(snapshot)] = (snapshot, made)  # held, so that its id stays its own
            while len(self._made) > MOST:
                self._made.popitem(last=False)
        return made
