"""What happened: the events of the append-only log."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class Operation:
    """One switch opened or closed, on the given phases (mask; 0 means all of its own)."""

    mrid: str
    open: bool
    phases: int = 0


@dataclass(frozen=True, slots=True)
class SwitchOperated:
    """Operations that took effect together. With `normal`, every switch first goes to its normal position."""

    operations: tuple[Operation, ...]
    normal: bool = False


@dataclass(frozen=True, slots=True)
class Position:
    """A switch that is off its normal position: the phases (mask) that are open, and when it last moved, UTC."""

    mrid: str
    open: int
    since: datetime | None = None

    def to_json(self) -> dict[str, object]:
        """As stored in the log; an unknown `since` is left out."""
        since = {} if self.since is None else {"since": self.since.isoformat()}
        return {"mrid": self.mrid, "open": self.open, **since}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Position:
        """The inverse of `to_json`."""
        since = value.get("since")
        return cls(str(value["mrid"]), int(value["open"]), None if since is None else datetime.fromisoformat(since))


@dataclass(frozen=True, slots=True)
class ModelReplaced:
    """A network was loaded. Positions off normal carry over by mrid; `vanished` ones were off normal and are gone.

    With `carried` the event says the whole state after it, so nothing before it is needed to know what came after.
    """

    model: str
    name: str
    carried: tuple[Position, ...] = ()
    vanished: tuple[str, ...] = ()


Event = SwitchOperated | ModelReplaced


@dataclass(frozen=True, slots=True)
class Recorded:
    """An event in the log.

    revision: 1, 2, 3 …; recorded_at: set by the store, UTC, never decreasing with revision; occurred_at: when it
    happened in the field, UTC.
    """

    revision: int
    recorded_at: datetime
    occurred_at: datetime
    author: str
    note: str
    event: Event


class EventError(ValueError):
    """A stored event that cannot be read; names revision, kind and field."""


def event_to_json(event: Event) -> dict[str, object]:
    """The event as JSON values, its class under `kind`."""
    if isinstance(event, SwitchOperated):
        operations = [{"mrid": o.mrid, "open": o.open, "phases": o.phases} for o in event.operations]
        return {"kind": "SwitchOperated", "operations": operations, "normal": event.normal}
    return {
        "kind": "ModelReplaced",
        "model": event.model,
        "name": event.name,
        "carried": [position.to_json() for position in event.carried],
        "vanished": list(event.vanished),
    }


def event_from_json(value: Mapping[str, object]) -> Event:
    """The inverse of `event_to_json`; raises EventError for anything else."""
    try:
        kind = value["kind"]
        if kind == "SwitchOperated":
            operations = value["operations"]
            assert isinstance(operations, list)
            batch = tuple(Operation(str(o["mrid"]), bool(o["open"]), int(o["phases"])) for o in operations)
            return SwitchOperated(batch, bool(value["normal"]))
        if kind == "ModelReplaced":
            carried, vanished = value["carried"], value["vanished"]
            assert isinstance(carried, list) and isinstance(vanished, list)
            positions = tuple(Position.from_json(position) for position in carried)
            return ModelReplaced(str(value["model"]), str(value["name"]), positions, tuple(vanished))
    except (KeyError, AssertionError, TypeError, ValueError) as error:
        raise EventError(f"stored event {value!r} lacks a field or has one of the wrong type: {error}") from error
    raise EventError(f"stored event of unknown kind {kind!r}: this version knows SwitchOperated and ModelReplaced")
