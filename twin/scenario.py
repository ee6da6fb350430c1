"""A what-if: switching steps on top of one revision of the log."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from twin.events import EventError, SwitchOperated, event_from_json, event_to_json


@dataclass(frozen=True, slots=True)
class Step:
    """One batch of a scenario, with what its author said about it."""

    event: SwitchOperated
    recorded_at: datetime
    author: str = ""
    note: str = ""

    def to_json(self) -> dict[str, object]:
        """As stored."""
        told = {"recorded_at": self.recorded_at.isoformat(), "author": self.author, "note": self.note}
        return {**told, "event": event_to_json(self.event)}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Step:
        """The inverse of `to_json`; raises EventError for anything else."""
        event = event_from_json(value["event"])
        if not isinstance(event, SwitchOperated):
            raise EventError(f"stored step {value!r} of a scenario is no switching")
        return cls(event, datetime.fromisoformat(value["recorded_at"]), str(value["author"]), str(value["note"]))


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

    @property
    def fingerprint(self) -> str:
        """Says which steps were carried out, as undone steps may be followed by others; the same in any process."""
        steps = json.dumps([self.base, *(step.to_json() for step in self.steps)], sort_keys=True)
        return hashlib.blake2b(steps.encode(), digest_size=8).hexdigest()

    def to_json(self) -> dict[str, object]:
        """As stored."""
        return {
            "id": self.id,
            "name": self.name,
            "model": self.model,
            "base": self.base,
            "created_at": self.created_at.isoformat(),
            "author": self.author,
            "note": self.note,
            "steps": [step.to_json() for step in self.steps],
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Scenario:
        """The inverse of `to_json`; raises EventError, KeyError or ValueError for anything else."""
        given = {name: value[name] for name in ("id", "name", "model", "base", "author", "note")}
        steps = tuple(Step.from_json(step) for step in value["steps"])
        return cls(created_at=datetime.fromisoformat(value["created_at"]), steps=steps, **given)
