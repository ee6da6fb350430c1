"""`apply(network, state, event)`: pure; the current state is the fold of the log."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from twin import phases
from twin.components import SWITCH
from twin.events import ModelReplaced, Operation, Position, Recorded, SwitchOperated
from twin.network import Network
from twin.state import State


class SwitchingError(ValueError):
    """An operation that breaks a rule; `mrid` names the element, the message the rule. The state is unchanged."""

    def __init__(self, mrid: str, rule: str) -> None:
        super().__init__(f"{mrid!r} {rule}")
        self.mrid = mrid


def apply(network: Network, state: State, recorded: Recorded) -> State:
    """The state after one recorded event; `network` is the model in force after it.

    Raises SwitchingError or UnknownMrid for an operation that breaks a rule.
    """
    event = recorded.event
    if isinstance(event, SwitchOperated):
        return replace(state, revision=recorded.revision, open=operated(network, state.open, event))
    opened = network.switches["normal_open"].copy()
    for position in event.carried:
        row, _ = _checked(network, Operation(position.mrid, open=True))
        opened[row] = position.open
    return State(network.model, recorded.revision, opened)


def operated(network: Network, open_: NDArray[np.uint8], event: SwitchOperated) -> NDArray[np.uint8]:
    """uint8 (switches,): open phases after the batch, which gives the same result in any order.

    Raises SwitchingError for what is not a switch, may not be operated, lacks a phase, or is both opened and closed
    in one batch; UnknownMrid for an mrid that is not there.
    """
    opened = network.switches["normal_open"].copy() if event.normal else open_.copy()
    touched: dict[int, tuple[int, int]] = {}  # row → masks opened and closed in this batch
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
    for row, (to_open, to_close) in touched.items():
        opened[row] = (int(opened[row]) | to_open) & ~to_close
    return opened


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
            carried.append(Position(mrid, int(state.open[row] & new.switches["phases"][target])))
    return ModelReplaced(new.model, new.name, tuple(carried), tuple(vanished))
