"""Where networks and the log are kept: the Protocol every store speaks, and the URL that chooses one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from twin.events import Event, ModelReplaced, Position, Recorded
from twin.network import Network
from twin.scenario import Scenario
from twin.state import Snapshot


class StoreError(Exception):
    """A store that cannot be used; the message says what to do."""


class StoreMissing(StoreError):
    """Nothing is there yet."""


class StoreLocked(StoreError):
    """Another process is writing."""


class StoreInvalid(StoreError):
    """Not a gridtwin store, of another schema, or damaged."""


class StoreAway(StoreError):
    """It does not answer at the moment; nothing was written, and the same call may work later."""


class OutcomeUnknown(StoreError):
    """The connection was lost while a write was being committed: it may or may not be in the log."""


class StaleRevision(ValueError):
    """The log moved on since the revision that the caller expected."""

    def __init__(self, expected: int, head: int) -> None:
        super().__init__(f"expected revision {expected}, but the log is at {head}")
        self.expected, self.head = expected, head


class IdempotencyConflict(ValueError):
    """An Idempotency-Key was used before with another request."""

    def __init__(self, key: str) -> None:
        super().__init__(f"Idempotency-Key {key!r} was used before with a different request")
        self.key = key


@dataclass(frozen=True, slots=True)
class Head:
    """Newest revision in the log, and the model in force there."""

    revision: int
    model: str


@dataclass(frozen=True, slots=True)
class Remembered:
    """The answer given to an earlier request with the same Idempotency-Key."""

    request: str
    revision: int
    answer: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The whole state at one revision, so that a long log need not be read from its beginning.

    positions: switches off normal, each with `since`.
    """

    revision: int
    model: str
    positions: tuple[Position, ...]


def following(head: Head | None, recorded: Recorded) -> Head:
    """The head after an event; raises ValueError where its revision is not the next one."""
    before = head or Head(0, "")
    if recorded.revision != before.revision + 1:
        raise ValueError(f"revision {recorded.revision} does not follow on {before.revision}")
    return Head(recorded.revision, recorded.event.model if isinstance(recorded.event, ModelReplaced) else before.model)


class Writer(Protocol):
    """One writing transaction: the head is locked, and everything in it happens or nothing does."""

    head: Head | None

    def remembered(self, key: str) -> Remembered | None:
        """What was answered to this Idempotency-Key before."""

    def append(self, event: Event, *, occurred_at: datetime | None, author: str, note: str) -> Recorded:
        """Adds one event; the store sets revision and recorded_at."""

    def append_recorded(self, recorded: Recorded) -> None:
        """Adds an event of another store's log as it is; its revision must be the next one, else ValueError."""

    def write_network(self, network: Network) -> None:
        """Keeps a network under its model version."""

    def remember(self, key: str, remembered: Remembered) -> None:
        """Keeps the answer under an Idempotency-Key, in the same transaction."""

    def keep_supply(self, after: Snapshot) -> None:
        """Keeps what the state after the last event supplies, where the store shows that to others."""

    def keep_checkpoint(self, checkpoint: Checkpoint) -> None:
        """Keeps the state at a revision that is in the log, or is added in this transaction."""

    def put_scenario(self, scenario: Scenario) -> None:
        """Keeps a scenario under its id, in place of what was there."""

    def delete_scenario(self, scenario_id: str) -> None:
        """Forgets a scenario, if it is there."""


class Store(Protocol):
    """Keeps networks and the log, nothing else. Methods may be called from any thread, one at a time."""

    url: str
    """Without a password: fit for messages."""
    shared: bool
    """Whether others may add to the log while it is open here."""

    def head(self) -> Head | None:
        """Newest revision; None in a store that holds no network yet."""

    def read_network(self, model: str) -> Network:
        """The network of that model; raises StoreInvalid where it is not kept."""

    def events(self, after: int = 0, until: int | None = None) -> Iterator[Recorded]:
        """The log in order, `after` excluded, `until` included."""

    def revision_at(self, instant: datetime) -> int:
        """Newest revision recorded at or before an instant; 0 before the first."""

    def checkpoint(self, until: int) -> Checkpoint | None:
        """Newest checkpoint at or before a revision, if one was kept."""

    def scenarios(self) -> list[Scenario]:
        """All scenarios, by creation."""

    def scenario(self, scenario_id: str) -> Scenario | None:
        """One scenario by its id."""

    def answers(self) -> Iterator[tuple[str, Remembered]]:
        """Every Idempotency-Key with its answer, by revision."""

    def wait(self, timeout_s: float) -> bool:
        """Blocks until another process may have added to the log (True), at most so long (False).

        May be called from a thread of its own beside the other methods; returns early when the store is closed.
        """

    def writing(self) -> AbstractContextManager[Writer]:
        """A writing transaction, committed durably when the block ends, undone when it raises."""

    def close(self) -> None:
        """Leaves everything on disk in one piece."""
