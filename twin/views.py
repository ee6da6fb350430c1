"""Which state is looked at: the live one, the normal one, one of the past, or a what-if."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Literal, get_args

from twin.engine import Twin
from twin.scenarios import Scenarios
from twin.state import Snapshot, State

StateName = Literal["current", "normal"]
STATES: tuple[StateName, ...] = get_args(StateName)
CLOCKS_DIFFER_BY = timedelta(minutes=1)
"""At most, between whoever asks, the server and its store."""
NORMAL = "normal"
"""Key of every normal state; it is the same at all revisions of a model."""


class ViewError(ValueError):
    """A view that makes no sense; `field` and `value` say which part, the message says the rule."""

    def __init__(self, field: str, value: object, rule: str) -> None:
        super().__init__(f"{field} is {value!r}: {rule}")
        self.field, self.value, self.rule = field, value, rule


@dataclass(frozen=True, slots=True)
class View:
    """A state, by name or by when; at most one of scenario, at and revision.

    state: `normal` for every switch in its normal position. scenario: id of a what-if, which `@` and a fingerprint may
    follow to say which steps it must have. at: an instant, with an offset
    from UTC: the state as it was recorded by then. revision: of the log.
    """

    state: StateName = "current"
    scenario: str | None = None
    at: datetime | None = None
    revision: int | None = None

    def __post_init__(self) -> None:
        given = [name for name in ("scenario", "at", "revision") if getattr(self, name) is not None]
        if len(given) > 1:
            value = getattr(self, given[1])
            raise ViewError(given[1], str(value), f"goes without {given[0]}: each of them names a state")
        if self.state not in STATES:
            raise ViewError("state", self.state, f"it must be one of {', '.join(STATES)}")
        if self.at is not None and self.at.tzinfo is None:
            raise ViewError("at", self.at.isoformat(), "an instant needs an offset from UTC, such as Z or +02:00")

    @property
    def is_live(self) -> bool:
        """Whether it is today's model, in its current or its normal state."""
        return self.scenario is None and self.at is None and self.revision is None


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """A snapshot, and a text that no other state of the same log has; it never changes, but for the live state's.

    scenario: the what-if with its fingerprint, where the snapshot is of one.
    """

    snapshot: Snapshot
    key: str
    scenario: str | None = None


def parse_instant(text: str) -> datetime:
    """RFC 3339 (ISO 8601 with an offset); raises ViewError."""
    try:
        instant = datetime.fromisoformat(text)
    except ValueError as error:
        raise ViewError("at", text, "it must be an instant such as 2026-03-01T14:30:00Z") from error
    if instant.tzinfo is None:
        raise ViewError("at", text, "an instant needs an offset from UTC, such as Z or +02:00")
    return instant


class ScenarioMoved(LookupError):
    """A scenario that was pinned to steps it no longer has."""

    def __init__(self, pinned: str) -> None:
        super().__init__(f"scenario {pinned} has other steps by now; ask without what follows the @")
        self.pinned = pinned


class Views:
    """Finds the state that a view names. All but live views read the store, so one thread at a time asks for them."""

    def __init__(self, twin: Twin) -> None:
        self._twin = twin
        self.scenarios = Scenarios(twin)

    def see(self, view: View) -> Seen:
        """Raises UnknownScenario, ScenarioMoved, RevisionAhead, RevisionGone, or ViewError for an instant to come."""
        if view.at is not None and view.at > datetime.now(UTC) + CLOCKS_DIFFER_BY:
            raise ViewError("at", view.at.isoformat(), "it lies in the future, which has no state yet")
        if view.is_live:
            return self.live(view)
        if view.scenario is not None:
            scenario_id, _, fingerprint = view.scenario.partition("@")
            scenario = self.scenarios.get(scenario_id)
            if fingerprint not in ("", scenario.fingerprint):
                raise ScenarioMoved(view.scenario)
            pinned = f"{scenario.id}@{scenario.fingerprint}"
            seen = Seen(self.scenarios.snapshot(scenario), pinned, pinned)
        else:
            when = view.at if view.at is not None else view.revision
            assert when is not None
            snapshot = self._twin.at(when)
            seen = Seen(snapshot, f"revision {snapshot.revision}")
        if view.state == "normal":
            network, revision = seen.snapshot.network, seen.snapshot.revision
            state = State.normal(network, revision)
            normal = Snapshot(network, state, network.normal_conducting, network.normal_energized)
            return replace(seen, snapshot=normal, key=NORMAL)
        return seen

    def live(self, view: View) -> Seen:
        """The present state, or the normal one."""
        if view.state == "normal":
            return Seen(self._twin.normal, NORMAL)
        return Seen(self._twin.current, "")
