"""A store that forgets: for twins made in a program, and for tests."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime

from twin.events import Event, ModelReplaced, Recorded
from twin.network import Network
from twin.store import Head, Remembered, StoreInvalid


class MemoryStore:
    """Keeps the log for as long as the process lives (see `twin.store.Store`); also its own Writer."""

    def __init__(self, log: Sequence[Recorded] = ()) -> None:
        """Begins with a part of a log, in order and without a gap."""
        self.url = "memory"
        self._log = list(log)
        self._answers: dict[str, Remembered] = {}
        self._networks: dict[str, Network] = {}

    def head(self) -> Head | None:
        """Newest revision and the model in force; the model is empty where none was loaded."""
        if not self._log:
            return None
        models = [r.event.model for r in self._log if isinstance(r.event, ModelReplaced)]
        return Head(self._log[-1].revision, models[-1] if models else "")

    def read_network(self, model: str) -> Network:
        """The very network that was written."""
        if model not in self._networks:
            raise StoreInvalid(f"model {model} is not kept in memory")
        return self._networks[model]

    def events(self, after: int = 0, until: int | None = None) -> Iterator[Recorded]:
        """The log in order."""
        before = self._log[0].revision - 1 if self._log else 0
        last = len(self._log) if until is None else max(until - before, 0)
        return iter(self._log[max(after - before, 0) : last])

    @contextmanager
    def writing(self) -> Iterator[MemoryWriter]:
        """A transaction: what it adds is kept when the block ends."""
        writer = MemoryWriter(self.head(), self._answers)
        yield writer
        self._log += writer.added
        self._answers |= writer.answers
        self._networks |= writer.networks

    def close(self) -> None:
        """Nothing to leave."""


class MemoryWriter:
    """One writing transaction in memory (see `twin.store.Writer`)."""

    def __init__(self, head: Head | None, earlier: Mapping[str, Remembered]) -> None:
        self.head = head
        self._earlier = earlier
        self.added: list[Recorded] = []
        self.answers: dict[str, Remembered] = {}
        self.networks: dict[str, Network] = {}

    def remembered(self, key: str) -> Remembered | None:
        """The answer given before under this key."""
        return self._earlier.get(key)

    def remember(self, key: str, remembered: Remembered) -> None:
        """Keeps an answer under a key."""
        self.answers[key] = remembered

    def append(self, event: Event, *, occurred_at: datetime | None, author: str, note: str) -> Recorded:
        """Adds one event under the next revision."""
        now = datetime.now(UTC)
        revision = 1 if self.head is None else self.head.revision + 1
        recorded = Recorded(revision, now, occurred_at or now, author, note, event)
        self.added.append(recorded)
        model = event.model if isinstance(event, ModelReplaced) else self.head.model if self.head else ""
        self.head = Head(revision, model)
        return recorded

    def write_network(self, network: Network) -> None:
        """Keeps a network under its model."""
        self.networks[network.model] = network
