"""Past states of a log: from the nearest checkpoint on, so that the length of the log does not matter."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable
from threading import Lock

from twin.events import ModelReplaced, Recorded
from twin.network import Network
from twin.state import Snapshot, State
from twin.store import Store, StoreInvalid
from twin.transitions import fold, from_checkpoint

CHECKPOINT_EVERY = 1_000
"""Revisions from one checkpoint to the next: what a past state costs at most to find again."""
KEPT_SNAPSHOTS = 8
"""Past states kept energised; each costs about a byte a node and two a branch."""


class RevisionGone(ValueError):
    """A revision whose state cannot be had any more; the message says why."""

    def __init__(self, revision: int, why: str) -> None:
        super().__init__(f"revision {revision} is gone: {why}")
        self.revision = revision


class RevisionAhead(ValueError):
    """A revision that the log has not reached."""

    def __init__(self, revision: int, head: int) -> None:
        super().__init__(f"revision {revision} is not there yet: the log is at {head}")
        self.revision, self.head = revision, head


def since_model(log: Iterable[Recorded]) -> list[Recorded]:
    """The log from the last change of model on: what came before it does not matter to the state."""
    since: list[Recorded] = []
    for recorded in log:
        if isinstance(recorded.event, ModelReplaced):
            since.clear()
        since.append(recorded)
    return since


def state_at(store: Store, revision: int, network_of: Callable[[str], Network]) -> tuple[Network, State]:
    """The state at a revision that the log holds, and the network then in force.

    network_of: model → network; the empty model is that of a log that no loading began. Raises RevisionGone where the
    log does not reach back so far.
    """
    checkpoint = store.checkpoint(revision)
    log = list(store.events(after=checkpoint.revision if checkpoint else 0, until=revision))
    since = since_model(log)
    if since and isinstance(since[0].event, ModelReplaced):
        network = network_of(since[0].event.model)
        return network, fold(network, State.normal(network), since)
    if checkpoint:
        network = network_of(checkpoint.model)
        return network, fold(network, from_checkpoint(network, checkpoint), log)
    begins = next(iter(store.events(until=1)), None)
    if revision != len(log) or (begins is not None and isinstance(begins.event, ModelReplaced)):
        raise RevisionGone(revision, "the log does not reach back so far")
    network = network_of("")
    return network, fold(network, State.normal(network), log)


class History:
    """Snapshots of the past of one store, made when asked for; the store is used by one thread at a time."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._kept: OrderedDict[int, Snapshot] = OrderedDict()
        self._older: Network | None = None
        self._lock = Lock()

    def snapshot(self, revision: int, current: Snapshot) -> Snapshot:
        """The state at a revision, energised; `current` is the newest one.

        Raises RevisionAhead, or RevisionGone where the log or its network of that time is not kept.
        """
        if revision == current.revision:
            return current
        if revision > current.revision:
            raise RevisionAhead(revision, current.revision)
        with self._lock:
            snapshot = self._kept.get(revision)
            if snapshot is None:
                network, state = state_at(self._store, revision, lambda model: self._network(model, revision, current))
                snapshot = self._kept[revision] = Snapshot.of(network, state)
            self._kept.move_to_end(revision)
            while len(self._kept) > KEPT_SNAPSHOTS:
                self._kept.popitem(last=False)
            return snapshot

    def _network(self, model: str, revision: int, current: Snapshot) -> Network:
        """The network in force then: today's, the one asked for last, or read from the store."""
        if model in ("", current.network.model):
            return current.network
        if self._older is None or self._older.model != model:
            try:
                self._older = self._store.read_network(model)
            except StoreInvalid as error:
                raise RevisionGone(revision, f"its network is not kept ({error})") from error
        return self._older
