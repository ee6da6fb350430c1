"""A store that forgets: for twins made in a program, and for tests."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from threading import Event

from twin import events
from twin.events import ModelReplaced, Recorded
from twin.network import Network
from twin.scenario import Scenario
from twin.state import Snapshot
from twin.store import Checkpoint, Head, Remembered, StoreInvalid, following


class MemoryStore:
    """Keeps the log for as long as the process lives (see `twin.store.Store`); also its own Writer."""

    def __init__(self, log: Sequence[Recorded] = (), base: int = 0) -> None:
        """Begins with a part of a log, in order and without a gap, or with none after the revision `base`."""
        self.url = "memory"
        self.shared = False
        self._base = log[0].revision - 1 if log else base
        self._log = list(log)
        self._checkpoints: dict[int, Checkpoint] = {}
        self._scenarios: dict[str, Scenario] = {}
        self._closed = Event()
        self._answers: dict[str, Remembered] = {}
        self._networks: dict[str, Network] = {}

    def head(self) -> Head | None:
        """Newest revision and the model in force; the model is empty where none was loaded."""
        if not self._log:
            return Head(self._base, "") if self._base else None
        models = [r.event.model for r in self._log if isinstance(r.event, ModelReplaced)]
        return Head(self._log[-1].revision, models[-1] if models else "")

    def read_network(self, model: str) -> Network:
        """The very network that was written."""
        if model not in self._networks:
            raise StoreInvalid(f"model {model} is not kept in memory")
        return self._networks[model]

    def events(self, after: int = 0, until: int | None = None) -> Iterator[Recorded]:
        """The log in order."""
        last = len(self._log) if until is None else max(until - self._base, 0)
        return iter(self._log[max(after - self._base, 0) : last])

    def revision_at(self, instant: datetime) -> int:
        """Newest revision recorded at or before an instant."""
        return self._base + bisect_right(self._log, instant, key=lambda recorded: recorded.recorded_at)

    def checkpoint(self, until: int) -> Checkpoint | None:
        """Newest checkpoint at or before a revision."""
        newest = max((revision for revision in self._checkpoints if revision <= until), default=None)
        return None if newest is None else self._checkpoints[newest]

    def scenarios(self) -> list[Scenario]:
        """All of them, by creation."""
        return sorted(self._scenarios.values(), key=lambda scenario: (scenario.created_at, scenario.id))

    def scenario(self, scenario_id: str) -> Scenario | None:
        """One by its id."""
        return self._scenarios.get(scenario_id)

    def answers(self) -> Iterator[tuple[str, Remembered]]:
        """Every key with its answer."""
        return iter(sorted(self._answers.items(), key=lambda item: item[1].revision))

    def wait(self, timeout_s: float) -> bool:
        """Nobody else can write here."""
        self._closed.wait(timeout_s)
        return False

    @contextmanager
    def writing(self) -> Iterator[MemoryWriter]:
        """A transaction: what it adds is kept when the block ends."""
        writer = MemoryWriter(self.head(), self._answers)
        yield writer
        self._log += writer.added
        self._answers |= writer.answers
        self._networks |= writer.networks
        self._checkpoints |= writer.checkpoints
        for scenario_id, scenario in writer.scenarios.items():
            if scenario is None:
                self._scenarios.pop(scenario_id, None)
            else:
                self._scenarios[scenario_id] = scenario

    def close(self) -> None:
        """Ends waiting; nothing is to be left on disk."""
        self._closed.set()


class MemoryWriter:
    """One writing transaction in memory (see `twin.store.Writer`)."""

    def __init__(self, head: Head | None, earlier: Mapping[str, Remembered]) -> None:
        self.head = head
        self._earlier = earlier
        self.added: list[Recorded] = []
        self.answers: dict[str, Remembered] = {}
        self.networks: dict[str, Network] = {}
        self.checkpoints: dict[int, Checkpoint] = {}
        self.scenarios: dict[str, Scenario | None] = {}

    def remembered(self, key: str) -> Remembered | None:
        """The answer given before under this key."""
        return self._earlier.get(key)

    def remember(self, key: str, remembered: Remembered) -> None:
        """Keeps an answer under a key."""
        self.answers[key] = remembered

    def append(self, event: events.Event, *, occurred_at: datetime | None, author: str, note: str) -> Recorded:
        """Adds one event under the next revision."""
        now = datetime.now(UTC)
        revision = 1 if self.head is None else self.head.revision + 1
        recorded = Recorded(revision, now, occurred_at or now, author, note, event)
        self.append_recorded(recorded)
        return recorded

    def append_recorded(self, recorded: Recorded) -> None:
        """Adds an event as it is."""
        self.head = following(self.head, recorded)
        self.added.append(recorded)

    def write_network(self, network: Network) -> None:
        """Keeps a network under its model."""
        self.networks[network.model] = network

    def keep_supply(self, after: Snapshot) -> None:
        """Nobody else looks."""

    def keep_checkpoint(self, checkpoint: Checkpoint) -> None:
        """Keeps the state at a revision."""
        self.checkpoints[checkpoint.revision] = checkpoint

    def put_scenario(self, scenario: Scenario) -> None:
        """Keeps a scenario under its id."""
        self.scenarios[scenario.id] = scenario

    def delete_scenario(self, scenario_id: str) -> None:
        """Forgets a scenario."""
        self.scenarios[scenario_id] = None
