"""Declarations of tables, and tables."""

import numpy as np
import pytest

from twin.components import AC_LINE_SEGMENT, COMPONENTS, SWITCH, Table, among


def test_declarations_are_whole():
    assert len({c.table for c in COMPONENTS}) == len({c.name for c in COMPONENTS}) == len(COMPONENTS) == 9
    for component in COMPONENTS:
        assert len({f.name for f in component.fields}) == len(component.fields)
        assert all(f.doc for f in component.fields)
    with pytest.raises(KeyError, match="Switch has no column 'colour'"):
        SWITCH.field("colour")


def test_defaults_and_records():
    table = Table(SWITCH, {"mrid": ["a", "b"], "node1": 0, "node2": [1, 2]})
    assert len(table) == 2 and set(table) == {f.name for f in SWITCH.fields}
    record = table.record(1)
    assert (record["node2"], record["phases"], record["kind"], record["locked"]) == (2, 7, "Switch", False)
    assert record["rated_current_a"] is None and type(record["node2"]) is int
    swapped = table.take(np.array([1, 0]), node1=np.array([5, 6]))
    assert (swapped["mrid"].tolist(), swapped["node1"].tolist()) == (["b", "a"], [5, 6])


def test_there_is_no_negative_zero_and_one_kind_of_nan():
    """Stores could not give the same network back."""
    lines = Table(AC_LINE_SEGMENT, {"mrid": ["a", "b"], "node1": 0, "node2": 1, "length_m": [-0.0, -np.nan]})
    assert lines["length_m"].tobytes() == np.array([0.0, np.nan]).tobytes()


def test_among():
    kinds = Table(SWITCH, {"mrid": ["a", "b", "c"], "node1": 0, "node2": 1, "kind": ["Fuse", "Cut", "Cut"]})["kind"]
    assert among(kinds, ["Cut", "Jumper"]).tolist() == [False, True, True]
