"""Batches of operations: rules, phases, order."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest

from tests.twin.networks import F1, draw
from twin.engine import Twin
from twin.events import Operation, SwitchOperated
from twin.mrids import UnknownMrid
from twin.transitions import SwitchingError, operated

KINDS = {"kind": ["Breaker", "Breaker", "Jumper", "Breaker"], "locked": [False, False, False, True]}


@pytest.fixture
def network():
    return draw(F1, opened="b1", phases={"b3": "AB"}, more={"switches": KINDS})


@pytest.mark.parametrize(
    ("operations", "message"),
    [
        ([Operation("c2", True)], "'c2' is of class AcLineSegment; only switches are operated"),
        ([Operation("b5", True)], "'b5' is a Jumper, which is not operable"),
        ([Operation("b7", True)], "'b7' is locked"),
        ([Operation("b3", True, 4)], "'b3' has no phase C; it has AB"),
        ([Operation("b3", True), Operation("b3", False, 2)], "'b3' is both opened and closed on B in one batch"),
    ],
)
def test_rules(network, operations, message):
    with pytest.raises(SwitchingError) as raised:
        operated(network, network.switches["normal_open"], SwitchOperated(tuple(operations)))
    assert str(raised.value) == message and raised.value.mrid == operations[-1].mrid


def test_unknown(network):
    with pytest.raises(UnknownMrid):
        operated(network, network.switches["normal_open"], SwitchOperated((Operation("zz", True),)))


def test_any_order_gives_the_same(network):
    batch = [Operation("b1", False), Operation("b3", True, 1), Operation("b3", False, 2), Operation("b3", True, 1)]
    start = network.switches["normal_open"]
    results = [operated(network, start, SwitchOperated(order)).tolist() for order in permutations(batch)]
    opened = dict(zip(network.switches["mrid"].tolist(), results[0], strict=True))
    assert opened == {"b1": 0, "b3": 1, "b5": 0, "b7": 0}
    assert all(result == results[0] for result in results)


def test_normal_first(network):
    now = np.array([7] * 4, dtype=np.uint8)
    opened = operated(network, now, SwitchOperated((Operation("b3", True),), normal=True))
    assert dict(zip(network.switches["mrid"].tolist(), opened.tolist(), strict=True)) == {
        "b1": 7,
        "b3": 3,
        "b5": 0,
        "b7": 0,
    }
    assert now.tolist() == [7] * 4


def test_one_phase_opens():
    """F5: an A customer is out, an ABC customer partly, a B customer not."""
    loads = {"a": "2", "b": "2", "abc": "2"}
    twin = Twin(draw("b1:S-1 c2:1-2", consumers=loads, phases={"a": "A", "b": "B"}))
    result = twin.switch([Operation("b1", True, 1)])
    assert result.deenergized.customers == twin.current.customers_out == 2
    assert twin.current.energized[1:].tolist() == [6, 6]
    assert twin.switch([Operation("b1", False)]).reenergized == result.deenergized
