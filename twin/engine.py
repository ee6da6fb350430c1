"""The twin: one network in its live state, one writer, any number of readers and subscribers."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

import numpy as np

from topology.energize import Energizer
from topology.nx import ArrayGraph
from twin.comparison import Supply, compare
from twin.components import SWITCH_BRANCH
from twin.events import Operation, Recorded, SwitchOperated, event_to_json
from twin.graph import conducting_graph, structural_graph
from twin.history import CHECKPOINT_EVERY, History, since_model, state_at
from twin.memory import MemoryStore
from twin.network import Network
from twin.state import Snapshot, State
from twin.store import IdempotencyConflict, Remembered, StaleRevision, Store, StoreMissing, Writer
from twin.transitions import apply, fold, model_replaced, operated, to_checkpoint


@dataclass(frozen=True, slots=True)
class SwitchingResult:
    """What a batch did: supply lost and regained against the state before it (a lost phase counts)."""

    revision: int
    deenergized: Supply
    reenergized: Supply

    def to_json(self) -> dict[str, object]:
        """As the HTTP answer."""
        return {
            "revision": self.revision,
            "deenergized": self.deenergized.to_json(),
            "reenergized": self.reenergized.to_json(),
        }

    @classmethod
    def from_json(cls, value: Mapping[str, object]) -> SwitchingResult:
        """The inverse of `to_json`."""
        lost, gained, revision = value["deenergized"], value["reenergized"], value["revision"]
        assert isinstance(lost, dict) and isinstance(gained, dict) and isinstance(revision, int)
        return cls(revision, Supply(**lost), Supply(**gained))


@dataclass(frozen=True, eq=False)
class Change:
    """Told to subscribers after each event: the event, and the snapshots before and after it."""

    recorded: Recorded
    before: Snapshot
    after: Snapshot


class Twin:
    """A network in its live state.

    Reads take `current` or `normal` once and work on that snapshot, which never changes; writes go one by one through
    the store, and an acknowledged write is in it. Use as a context manager, or call `close`.
    """

    def __init__(
        self,
        network: Network,
        store: Store | None = None,
        log: Sequence[Recorded] = (),
        state: State | None = None,
    ) -> None:
        """A twin of a network; without a store, switching is kept in memory only.

        log: events to start from, the first of them the one that put this network in force, or, with a state, the
        ones after it.
        """
        self._store: Store = store or MemoryStore(log)
        self._writing = threading.RLock()
        self._subscribers: list[Callable[[Change], None]] = []
        self._history = History(self._store)
        self._begin(fold(network, state or State.normal(network), log), network)

    @classmethod
    def from_store(cls, store: Store) -> Twin:
        """The twin that a store keeps; raises StoreMissing for a store without a network."""
        head = store.head()
        if head is None:
            raise StoreMissing(f"{store.url} holds no network yet; `gridtwin load SOURCE --store {store.url}` adds one")
        network, state = state_at(store, head.revision, store.read_network)
        return cls(network, store, state=state)

    @classmethod
    def load(cls, network: Network, store: Store, *, author: str = "", note: str = "") -> Twin:
        """Puts a network into a store, in one transaction, as an event; switch positions carry over by mrid."""
        with store.writing() as writer:
            earlier = cls.from_store(store) if writer.head is not None else None
            event = model_replaced(
                earlier.network if earlier else None, earlier.current.state if earlier else None, network
            )
            recorded = writer.append(event, occurred_at=None, author=author, note=note)
            writer.write_network(network)
            twin = cls(network, store, [recorded])
            writer.keep_supply(twin.current)
        return twin

    def __enter__(self) -> Twin:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Closes the store."""
        self._store.close()

    # --- reading ----------------------------------------------------------------------------------------------

    @property
    def network(self) -> Network:
        """The network model in force."""
        return self._current.network

    @property
    def current(self) -> Snapshot:
        """The live state, as of this moment."""
        return self._current

    @property
    def normal(self) -> Snapshot:
        """The normal state of the same network, at the same revision."""
        return self._normal

    @property
    def revision(self) -> int:
        """Newest revision applied."""
        return self._current.revision

    @property
    def store(self) -> Store:
        """Where the log is kept; in memory where the twin was made without a store."""
        return self._store

    @property
    def graph(self) -> ArrayGraph:
        """The network as a `networkx.MultiGraph`, open switches too, with their positions of this moment."""
        snapshot = self._current
        return structural_graph(snapshot.network, snapshot.state.open)

    def conducting(self, phases: str = "ABC", state: Literal["current", "normal"] = "current") -> ArrayGraph:
        """The `networkx.MultiGraph` of what conducts any of the phases, as of this moment or in the normal state."""
        if state not in ("current", "normal"):
            raise ValueError(f"state is {state!r}; it must be 'current' or 'normal'")
        return conducting_graph(self._current if state == "current" else self._normal, phases)

    def at(self, when: int | datetime) -> Snapshot:
        """The state at a revision, or as it was recorded at an instant; reads the store.

        Raises RevisionAhead, or RevisionGone where the log does not reach back so far.
        """
        current = self._current
        if isinstance(when, datetime):
            return self._history.snapshot(min(self._store.revision_at(when), current.revision), current)
        return self._history.snapshot(when, current)

    def subscribe(self, subscriber: Callable[[Change], None]) -> Callable[[], None]:
        """Calls `subscriber` after every event, in order, from the writing thread; returns how to stop that."""
        self._subscribers.append(subscriber)
        return lambda: self._subscribers.remove(subscriber)

    # --- writing ----------------------------------------------------------------------------------------------

    def switch(
        self,
        operations: Iterable[Operation] = (),
        *,
        normal: bool = False,
        note: str = "",
        author: str = "",
        occurred_at: datetime | None = None,
        expected_revision: int | None = None,
        idempotency_key: str | None = None,
    ) -> SwitchingResult:
        """Operates switches as one batch; with `normal`, everything else goes back to its normal position.

        Raises SwitchingError or UnknownMrid for an operation that breaks a rule, StaleRevision where the log moved on,
        IdempotencyConflict for a key used before with another request; the state is unchanged then. A request
        repeated under its key is answered as the first time and changes nothing.
        """
        event = SwitchOperated(tuple(operations), normal)
        request = _fingerprint(event, note, author, expected_revision)
        with self._writing:
            with self._undone_on_error(), self._store.writing() as writer:
                self.catch_up()
                earlier = writer.remembered(idempotency_key) if idempotency_key is not None else None
                if earlier is not None:
                    if earlier.request != request:
                        raise IdempotencyConflict(str(idempotency_key))
                    return SwitchingResult.from_json(earlier.answer)
                self._refuse(event, expected_revision)
                recorded = writer.append(event, occurred_at=occurred_at, author=author, note=note)
                after, result = self._advance(recorded)
                writer.keep_supply(after)
                if recorded.revision % CHECKPOINT_EVERY == 0:
                    writer.keep_checkpoint(to_checkpoint(after.network, after.state))
                if idempotency_key is not None:
                    writer.remember(idempotency_key, Remembered(request, recorded.revision, result.to_json()))
            self._publish(recorded, after)  # committed: now, and not before, readers see it
            return result

    def would_switch(self, operations: Iterable[Operation] = (), *, normal: bool = False) -> SwitchingResult:
        """What `switch` would do to the state of this moment, which stays as it is.

        Raises SwitchingError or UnknownMrid.
        """
        now = self._current
        event = SwitchOperated(tuple(operations), normal)
        state = replace(now.state, open=operated(now.network, now.state.open, event))
        change = compare(now, Snapshot.of(now.network, state))
        return SwitchingResult(now.revision, change.lost, change.gained)

    @contextmanager
    def transaction(self) -> Iterator[Writer]:
        """A writing transaction of the store, after the log was caught up with; nothing else writes meanwhile."""
        with self._writing, self._store.writing() as writer:
            self.catch_up()
            yield writer

    def catch_up(self) -> int:
        """Applies what other writers added to the log; returns the newest revision."""
        with self._writing:
            for recorded in since_model(self._store.events(after=self.revision)):
                self._apply(recorded)
            return self.revision

    # --- inside -----------------------------------------------------------------------------------------------

    def _begin(self, state: State, network: Network) -> None:
        normal = State.normal(network, state.revision)
        self._normal = Snapshot(network, normal, network.normal_conducting, network.normal_energized)
        self._energizer = Energizer(network.graph, network.normal_conducting.copy(), network.node_sources)
        self._current = self._normal
        self._current = self._energized(state)

    def _energized(self, state: State) -> Snapshot:
        """The snapshot of a state, by the incremental path from the one before."""
        network = self.network
        rows = np.flatnonzero(state.open != self._current.state.open)
        own = network.switches["phases"][rows] * network.switches["in_service"][rows]
        self._energizer.operate(network.table_branches[SWITCH_BRANCH][rows], (own & ~state.open[rows]).astype(np.uint8))
        return Snapshot(network, state, self._energizer.conducting.copy(), self._energizer.energized.copy())

    @contextmanager
    def _undone_on_error(self) -> Iterator[None]:
        """Takes the energizer back to the published state when a write did not come through."""
        try:
            yield
        except BaseException:
            published = self._current.conducting
            moved = np.flatnonzero(self._energizer.conducting != published).astype(np.int32)
            self._energizer.operate(moved, published[moved])
            raise

    def _refuse(self, event: SwitchOperated, expected_revision: int | None) -> None:
        """Raises for a stale revision or a broken rule, before anything is written."""
        if expected_revision is not None and expected_revision != self.revision:
            raise StaleRevision(expected_revision, self.revision)
        operated(self.network, self._current.state.open, event)

    def _advance(self, recorded: Recorded) -> tuple[Snapshot, SwitchingResult]:
        before = self._current
        after = self._energized(apply(self.network, before.state, recorded))
        lost = before.energized & ~after.energized
        gained = after.energized & ~before.energized
        return after, SwitchingResult(recorded.revision, Supply.of(self.network, lost), Supply.of(self.network, gained))

    def _publish(self, recorded: Recorded, after: Snapshot) -> None:
        before = self._current
        self._current = after
        self._normal = replace(self._normal, state=replace(self._normal.state, revision=after.revision))
        change = Change(recorded, before, after)
        for subscriber in tuple(self._subscribers):
            subscriber(change)

    def _apply(self, recorded: Recorded) -> None:
        if isinstance(recorded.event, SwitchOperated):
            after, _ = self._advance(recorded)
            self._publish(recorded, after)
            return
        before, network = self._current, self._store.read_network(recorded.event.model)
        self._begin(fold(network, State.normal(network), [recorded]), network)
        after, self._current = self._current, before
        self._publish(recorded, after)


def _fingerprint(event: SwitchOperated, note: str, author: str, expected_revision: int | None) -> str:
    """What makes two requests the same one."""
    whole = json.dumps([event_to_json(event), note, author, expected_revision], sort_keys=True)
    return hashlib.blake2b(whole.encode(), digest_size=16).hexdigest()
