"""What-ifs of a twin: made, switched, compared with their base, kept in the store; the live state never moves."""

from __future__ import annotations

import uuid
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from threading import Lock

from twin.comparison import Comparison, compare
from twin.engine import SwitchingResult, Twin
from twin.events import Operation, Recorded, SwitchOperated
from twin.scenario import Scenario, Step
from twin.state import Snapshot
from twin.store import StaleRevision, Writer
from twin.transitions import fold

KEPT_SNAPSHOTS = 8
"""Scenarios kept energised; each costs about a byte a node and two a branch."""


class UnknownScenario(LookupError):
    """No scenario has this id."""

    def __init__(self, scenario_id: str) -> None:
        super().__init__(f"there is no scenario {scenario_id!r}; it may have been deleted")
        self.scenario_id = scenario_id


class Scenarios:
    """The scenarios in a twin's store. Methods read and write the store, so one thread at a time calls them."""

    def __init__(self, twin: Twin) -> None:
        self._twin = twin
        self._kept: OrderedDict[tuple[str, str], Snapshot] = OrderedDict()
        self._lock = Lock()

    def all(self) -> list[Scenario]:
        """By creation."""
        return self._twin.store.scenarios()

    def get(self, scenario_id: str) -> Scenario:
        """Raises UnknownScenario."""
        scenario = self._twin.store.scenario(scenario_id)
        if scenario is None:
            raise UnknownScenario(scenario_id)
        return scenario

    def is_stale(self, scenario: Scenario) -> bool:
        """Whether another model is in force than the one that the scenario was made on."""
        return scenario.model != self._twin.network.model

    def create(self, name: str, *, base: int | None = None, author: str = "", note: str = "") -> Scenario:
        """A scenario on top of a revision, the newest one by default; raises RevisionAhead or RevisionGone."""
        twin = self._twin
        with twin.transaction() as writer:
            start = twin.current if base is None else twin.at(base)
            made = datetime.now(UTC)
            scenario = Scenario(str(uuid.uuid4()), name, start.network.model, start.revision, made, author, note)
            writer.put_scenario(scenario)
        return scenario

    def delete(self, scenario_id: str) -> None:
        """Raises UnknownScenario."""
        with self._twin.transaction() as writer:
            self.get(scenario_id)
            writer.delete_scenario(scenario_id)

    def switch(
        self,
        scenario_id: str,
        operations: Iterable[Operation] = (),
        *,
        normal: bool = False,
        note: str = "",
        author: str = "",
        expected_revision: int | None = None,
        dry_run: bool = False,
    ) -> SwitchingResult:
        """Carries out one step; the result counts against the scenario before it, and its revision is the scenario's.

        dry_run: tells what the step would do, and keeps nothing.

        Raises SwitchingError or UnknownMrid for an operation that breaks a rule, StaleRevision where the scenario has
        more steps than the caller expected, UnknownScenario, or RevisionGone where its base is not kept.
        """
        with self._twin.transaction() as writer:
            scenario = self._expected(scenario_id, expected_revision)
            step = Step(SwitchOperated(tuple(operations), normal), datetime.now(UTC), author, note)
            return self._changed(writer, scenario, replace(scenario, steps=(*scenario.steps, step)), dry_run)

    def undo(self, scenario_id: str, *, expected_revision: int | None = None, dry_run: bool = False) -> SwitchingResult:
        """Takes the last step back; without a step nothing changes. Raises as `switch` does."""
        with self._twin.transaction() as writer:
            scenario = self._expected(scenario_id, expected_revision)
            return self._changed(writer, scenario, replace(scenario, steps=scenario.steps[:-1]), dry_run)

    def _expected(self, scenario_id: str, revision: int | None) -> Scenario:
        scenario = self.get(scenario_id)
        if revision is not None and revision != scenario.revision:
            raise StaleRevision(revision, scenario.revision)
        return scenario

    def _changed(self, writer: Writer, before: Scenario, after: Scenario, dry_run: bool) -> SwitchingResult:
        change = compare(self.snapshot(before), self.snapshot(after))
        if dry_run:
            return SwitchingResult(before.revision, change.lost, change.gained)
        writer.put_scenario(after)
        return SwitchingResult(after.revision, change.lost, change.gained)

    def base(self, scenario: Scenario) -> Snapshot:
        """The state that a scenario starts from; raises RevisionGone where it is not kept."""
        return self._twin.at(scenario.base)

    def snapshot(self, scenario: Scenario) -> Snapshot:
        """The state after all steps; its revision is that of the base. Raises RevisionGone."""
        key = (scenario.id, scenario.fingerprint)
        with self._lock:
            snapshot = self._kept.get(key)
            if snapshot is None:
                base = self.base(scenario)
                log = [
                    Recorded(base.revision, step.recorded_at, step.recorded_at, step.author, step.note, step.event)
                    for step in scenario.steps
                ]
                snapshot = self._kept[key] = Snapshot.of(base.network, fold(base.network, base.state, log))
            self._kept.move_to_end(key)
            while len(self._kept) > KEPT_SNAPSHOTS:
                self._kept.popitem(last=False)
            return snapshot

    def compare(self, scenario: Scenario) -> Comparison:
        """What the scenario changes against its base."""
        return compare(self.base(scenario), self.snapshot(scenario))
