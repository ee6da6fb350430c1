"""What the log of a twin says, for those who need more of it than the present state."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from twin import engine
from twin.engine import Twin
from twin.events import ModelReplaced, Recorded


def lineage(twin: Twin) -> str:
    """What tells this log from another one with the same revisions: when it began."""
    first: Iterator[Recorded] = twin.store.events(until=1)
    began = next(first, None)
    return datetime.now(UTC).isoformat() if began is None else began.recorded_at.isoformat()


def since_model(twin: Twin, model: str, until: int) -> list[Recorded]:
    """The log up to a revision, from the last event on that put a model in force.

    Empty where that was another model, where the log ends before that revision, and where it names no model.
    """
    log = engine.since_model(twin.store.events(until=until))
    if not log or log[-1].revision != until:
        return []
    first = log[0].event
    return log if isinstance(first, ModelReplaced) and first.model == model else []
