"""`apply(network, state, event)`: pure; the current state is the fold of the log."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from twin import phases
from twin.components import SWITCH
from twin.events import ModelReplaced, Operation, Position, Recorded, SwitchOperated
from twin.network import Network
from twin.state import State
from twin.store import Checkpoint


class SwitchingError(ValueError):
    """An operation that breaks a rule; `mrid` names the element, the message the rule. The state is unchanged."""

    def __init__(self, mrid: str, rule: str) -> None:
        super().__init__(f"{mrid!r} {rule}")
        self.mrid = mrid


def apply(network: Network, state: State, recorded: Recorded) -> State:
    """The state after one recorded event; `network` is the model in force after it.

    Raises SwitchingError or UnknownMrid for an operation that breaks a rule.
    """
    return fold(network, state, [recorded])


def fold(network: Network, state: State, log: Iterable[Recorded]) -> State:
    """The state after some events, in order; `network` is in force after each of them."""
    opened, since, revision = state.open.copy(), dict(state.since), state.revision
    for recorded in log:
        event, revision = recorded.event, recorded.revision
        if isinstance(event, ModelReplaced):
            opened, since = _restored(network, event.carried, recorded.occurred_at)
        else:
            _operate(network, opened, since, event, recorded.occurred_at)
    return State(network.model, revision, opened, since)


def from_checkpoint(network: Network, checkpoint: Checkpoint) -> State:
    """The state that a checkpoint keeps."""
    opened, since = _restored(network, checkpoint.positions, None)
    return State(network.model, checkpoint.revision, opened, since)


def to_checkpoint(network: Network, state: State) -> Checkpoint:
    """Everything that `from_checkpoint` needs."""
    rows = np.flatnonzero(state.open != network.switches["normal_open"]).tolist()
    mrids = network.switches["mrid"][rows].tolist()
    positions = [
        Position(mrid, int(state.open[row]), state.since.get(row)) for mrid, row in zip(mrids, rows, strict=True)
    ]
    return Checkpoint(state.revision, state.model, tuple(positions))


def _restored(
    network: Network, positions: Iterable[Position], otherwise: datetime | None
) -> tuple[NDArray[np.uint8], dict[int, datetime]]:
    """Open phases, and since when; `otherwise` where a position does not say."""
    opened, since = network.switches["normal_open"].copy(), {}
    for position in positions:
        row, _ = _checked(network, Operation(position.mrid, open=True))
        opened[row] = position.open
        moved = position.since or otherwise
        if moved is not None and position.open != network.switches["normal_open"][row]:
            since[row] = moved
    return opened, since


def _operate(
    network: Network, opened: NDArray[np.uint8], since: dict[int, datetime], event: SwitchOperated, at: datetime
) -> None:
    """Carries a batch out in place, after all of it was checked."""
    normal = network.switches["normal_open"]
    for row, after in _targets(network, opened, event).items():
        if after == opened[row]:
            continue
        opened[row] = after
        if after == normal[row]:
            since.pop(row, None)
        else:
            since[row] = at


def operated(network: Network, open_: NDArray[np.uint8], event: SwitchOperated) -> NDArray[np.uint8]:
    """uint8 (switches,): open phases after the batch, which gives the same result in any order.

    Raises SwitchingError for what is not a switch, may not be operated, lacks a phase, or is both opened and closed
    in one batch; UnknownMrid for an mrid that is not there.
    """
    opened = open_.copy()
    for row, after in _targets(network, open_, event).items():
        opened[row] = after
    return opened


def _targets(network: Network, opened: NDArray[np.uint8], event: SwitchOperated) -> dict[int, int]:
    """Open phases after the batch of every switch that it may move, by row."""
    normal = network.switches["normal_open"]
    touched = _touched(network, event)
    targets: dict[int, int] = {}
    if event.normal:
        targets = {row: int(normal[row]) for row in np.flatnonzero(opened != normal).tolist()}
    for row, (to_open, to_close) in touched.items():
        before = int(normal[row]) if event.normal else int(opened[row])
        targets[row] = (before | to_open) & ~to_close
    return targets


def _touched(network: Network, event: SwitchOperated) -> dict[int, tuple[int, int]]:
    """Switch row → masks opened and closed in this batch."""
    touched: dict[int, tuple[int, int]] = {}
    for operation in event.operations:
        row, mask = _checked(network, operation)
        to_open, to_close = touched.get(row, (0, 0))
        if operation.open:
            to_open |= mask
        else:
            to_close |= mask
        if to_open & to_close:
            both = phases.mask_to_code(to_open & to_close)
            raise SwitchingError(operation.mrid, f"is both opened and closed on {both} in one batch")
        touched[row] = (to_open, to_close)
    return touched


def _checked(network: Network, operation: Operation) -> tuple[int, int]:
    element = network.mrids.find(operation.mrid)
    if element.component is not SWITCH:
        raise SwitchingError(operation.mrid, f"is of class {element.component.name}; only switches are operated")
    row = element.row
    if not network.operable[row]:
        kind = network.switches["kind"][row]
        rule = "is locked" if network.switches["locked"][row] else f"is a {kind}, which is not operable"
        raise SwitchingError(operation.mrid, rule)
    own = int(network.switches["phases"][row])
    missing = operation.phases & ~own
    if missing:
        code, has = phases.mask_to_code(missing), phases.mask_to_code(own)
        raise SwitchingError(operation.mrid, f"has no phase {code}; it has {has}")
    return row, operation.phases or own


def model_replaced(old: Network | None, state: State | None, new: Network) -> ModelReplaced:
    """The event that puts a new network in force: positions off normal carry over by mrid.

    A switch that is gone, is no switch any more, or may no longer be operated, counts as vanished.
    """
    if old is None or state is None:
        return ModelReplaced(new.model, new.name)
    rows = {str(mrid): row for row, mrid in enumerate(new.switches["mrid"].tolist())}
    carried, vanished = [], []
    for row in np.flatnonzero(state.open != old.switches["normal_open"]).tolist():
        mrid = str(old.switches["mrid"][row])
        target = rows.get(mrid)
        if target is None or not new.operable[target]:
            vanished.append(mrid)
        else:
            opened = int(state.open[row] & new.switches["phases"][target])
            carried.append(Position(mrid, opened, state.since.get(row)))
    return ModelReplaced(new.model, new.name, tuple(carried), tuple(vanished))
