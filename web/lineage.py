"""What tells the log of one twin from that of another."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from twin.engine import Twin
from twin.events import Recorded


def lineage(twin: Twin) -> str:
    """What tells this log from another one with the same revisions: when it began."""
    first: Iterator[Recorded] = twin.store.events(until=1)
    began = next(first, None)
    return datetime.now(UTC).isoformat() if began is None else began.recorded_at.isoformat()
