"""A what-if: switching steps on top of one revision of the log."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from twin.events import SwitchOperated


@dataclass(frozen=True, slots=True)
class Step:
    """One batch of a scenario, with what its author said about it."""

    event: SwitchOperated
    recorded_at: datetime
    author: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Scenario:
    """A small log on top of a base revision; costs memory and storage for its steps only.

    base: the revision of the log that it starts from. model: in force at the base; a scenario whose model is no longer
    the one in force is stale. steps: in order; the scenario's own revision is their number.
    """

    id: str
    name: str
    model: str
    base: int
    created_at: datetime
    author: str = ""
    note: str = ""
    steps: tuple[Step, ...] = ()

    @property
    def revision(self) -> int:
        """Number of steps carried out."""
        return len(self.steps)
