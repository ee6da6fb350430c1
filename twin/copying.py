"""From one store to another: every model, the log with its revisions and instants, answers, checkpoints, scenarios."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass

from twin.events import ModelReplaced
from twin.history import state_at
from twin.state import Snapshot
from twin.store import Checkpoint, Head, Store, StoreError, StoreInvalid, StoreMissing, Writer

Step = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class CopyReport:
    """What was copied. missing: models that the log names and the source does not keep any more."""

    revision: int
    model: str
    models: int
    events: int
    answers: int
    checkpoints: int
    scenarios: int
    missing: tuple[str, ...]

    def to_json(self) -> dict[str, object]:
        """As `gridtwin copy --json` gives it."""
        return asdict(self) | {"missing": list(self.missing)}


def copy_store(source: Store, target: Store, step: Step = lambda what: None) -> CopyReport:
    """Copies all of a store into one that holds nothing, in one transaction.

    What others add to the source meanwhile is left out. Raises StoreMissing for an empty source, StoreError for a
    target that holds something.
    """
    head = source.head()
    if head is None:
        raise StoreMissing(f"{source.url} holds no network yet: there is nothing to copy")
    with target.writing() as writer:
        if target.head() is not None or target.scenarios():
            raise StoreError(f"{target.url} holds something already; name one that is not there yet")
        return _copy(source, head, writer, step)


def _copy(source: Store, head: Head, writer: Writer, step: Step) -> CopyReport:
    events, models = 0, []
    for recorded in source.events(until=head.revision):
        writer.append_recorded(recorded)
        events += 1
        if isinstance(recorded.event, ModelReplaced):
            models.append(recorded.event.model)
        if events % 1_000 == 0:
            step(f"{events:,} of {head.revision:,} events")
    kept, missing = _copy_networks(source, head, models, writer, step)
    step("answers, checkpoints and scenarios")
    answers = 0
    for key, remembered in source.answers():
        if remembered.revision <= head.revision:
            writer.remember(key, remembered)
            answers += 1
    checkpoints = 0
    for checkpoint in _checkpoints(source, head.revision):
        if checkpoint.model in kept:
            writer.keep_checkpoint(checkpoint)
            checkpoints += 1
    scenarios = source.scenarios()
    for scenario in scenarios:
        writer.put_scenario(scenario)
    return CopyReport(
        head.revision, head.model, len(kept), events, answers, checkpoints, len(scenarios), tuple(missing)
    )


def _copy_networks(
    source: Store, head: Head, models: list[str], writer: Writer, step: Step
) -> tuple[set[str], list[str]]:
    """Older models first, so that the one in force is the last to be written."""
    kept: set[str] = set()
    missing: list[str] = []
    for number, model in enumerate(dict.fromkeys(each for each in models if each != head.model), 1):
        step(f"model {number}: {model}")
        try:
            writer.write_network(source.read_network(model))
            kept.add(model)
        except StoreInvalid:
            missing.append(model)
    step(f"model {head.model}, which is in force")
    network, state = state_at(source, head.revision, source.read_network)
    writer.write_network(network)
    writer.keep_supply(Snapshot.of(network, state))
    kept.add(head.model)
    return kept, missing


def _checkpoints(source: Store, until: int) -> Iterator[Checkpoint]:
    """All of them, the newest first."""
    while (checkpoint := source.checkpoint(until)) is not None:
        yield checkpoint
        until = checkpoint.revision - 1
