"""What may be asked: types, choices, which fields go with which kind, ids."""

from __future__ import annotations

import dataclasses

import pytest

from twin.events import Operation
from twin.trace_kinds import EVERYWHERE, FIELDS, KINDS
from twin.trace_request import CHOICES, FLAGS, MRID_LISTS, TraceError, TraceRequest

NEEDED = {"start": ["b3"], "to": ["b1"], "operations": [{"mrid": "b3", "open": True}]}
"""A value for each field that some kind needs."""
GIVEN = NEEDED | {
    "phases": "AB",
    "mode": "exclusive",
    "terminal": 2,
    "barriers": ["c4"],
    "include_barriers": False,
    "ignore_barriers_at_start": True,
    "filter_barriers": ["b5"],
    "ignore_status": True,
    "weight": "hops",
    "n": 2,
}


def asked(kind, **more):
    return {"kind": kind, **{name: NEEDED[name] for name in KINDS[kind].needed}, **more}


@pytest.mark.parametrize(
    ("change", "field", "rule"),
    [
        ({"kind": "sideways"}, "kind", "one of connected, upstream"),
        ({"start": []}, "start", "name at least one"),
        ({"start": "b3"}, "start", "a list of mrids"),
        ({"start": [3]}, "start", "a list of mrids"),
        ({"phases": "ABX"}, "phases", "letters A, B, C, N"),
        ({"phases": "N"}, "phases", "N alone"),
        ({"phases": 7}, "phases", "a phase code"),
        ({"terminal": 3}, "terminal", "one of 1, 2"),
        ({"terminal": True}, "terminal", "one of 1, 2"),
        ({"mode": "x"}, "mode", "flow, exclusive"),
        ({"state": "past"}, "state", "current, normal"),
        ({"include_barriers": 1}, "include_barriers", "true or false"),
        ({"ignore_status": True}, "ignore_status", "kind downstream takes no ignore_status"),
        ({"colour": "red"}, "colour", "no such field"),
    ],
)
def test_requests_are_checked(change, field, rule):
    with pytest.raises(TraceError, match=rule) as raised:
        TraceRequest.from_json({"kind": "downstream", "start": ["b3"]} | change)
    assert raised.value.field == field


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_takes_its_fields_and_no_others(kind):
    takes = KINDS[kind]
    for name, value in GIVEN.items():
        if name in takes.fields:
            request = TraceRequest.from_json(asked(kind, **{name: value}))
            assert TraceRequest.from_json(request.to_json()) == request
            continue
        with pytest.raises(TraceError, match=f"a trace of kind {kind} takes no {name}; it is for ") as raised:
            TraceRequest.from_json(asked(kind, **{name: value}))
        assert raised.value.field == name
        plain = TraceRequest.from_json(asked(kind))
        with pytest.raises(TraceError, match=f"takes no {name}"):
            dataclasses.replace(plain, **{name: value})
    for name in takes.needed:
        with pytest.raises(TraceError, match="it is needed") as raised:
            TraceRequest.from_json({k: v for k, v in asked(kind).items() if k != name})
        assert raised.value.field == name
        with pytest.raises(TraceError, match="name at least one"):
            TraceRequest.from_json(asked(kind, **{name: []}))


def test_the_table_knows_every_field():
    declared = {field.name for field in dataclasses.fields(TraceRequest)}
    assert declared == set(FIELDS)
    assert {name for takes in KINDS.values() for name in takes.fields} == declared - {"kind", *EVERYWHERE}
    assert {*CHOICES, *FLAGS, *MRID_LISTS} <= declared


@pytest.mark.parametrize(
    ("operations", "at", "rule"),
    [
        ({}, (), "a list of operations"),
        (["b3"], (0,), "an object with mrid and open"),
        ([{"mrid": "b3"}], (0, "open"), "true or false"),
        ([{"open": True}], (0, "mrid"), "the mrid of a switch"),
        ([{"mrid": "b3", "open": 1}], (0, "open"), "true or false"),
        ([{"mrid": "b3", "open": True}, {"mrid": "b3", "open": True, "phases": "Z"}], (1, "phases"), "letters A, B"),
        ([{"mrid": "b3", "open": True, "phases": 1}], (0, "phases"), "a phase code"),
        ([{"mrid": "b3", "open": True, "when": "now"}], (0, "when"), "mrid, open and phases"),
        ([{"mrid": "\ud800", "open": True}], (0, "mrid"), "surrogate"),
    ],
)
def test_operations_are_checked(operations, at, rule):
    with pytest.raises(TraceError, match=rule) as raised:
        TraceRequest.from_json({"kind": "outage", "operations": operations})
    assert (raised.value.field, raised.value.at) == ("operations", at)


@pytest.mark.parametrize("n", [0, -1, 1001, 2**70, 1.0, True, "1", None])
def test_n_counts_from_one(n):
    with pytest.raises(TraceError, match="a whole number from 1 to 1000"):
        TraceRequest.from_json(asked("protection", n=n))


def test_operations_go_round_in_an_id():
    batch = (Operation("Süd/1", True), Operation("b5", False, 5))
    request = TraceRequest("outage", operations=batch)
    assert TraceRequest.from_id(request.to_id("m", 3)) == (request, "m", 3)
    assert TraceRequest.from_json({"kind": "outage", "operations": list(batch)}) == request
    assert request.to_json()["operations"] == [
        {"mrid": "Süd/1", "open": True},
        {"mrid": "b5", "open": False, "phases": "AC"},
    ]


def test_ids_go_round():
    request = TraceRequest.from_json(
        {"kind": "downstream", "start": ["b3", "Süd/1"], "mode": "exclusive", "phases": "BA"}
    )
    trace_id = request.to_id("model", 12)
    assert TraceRequest.from_id(trace_id) == (request, "model", 12)
    assert request.phases == "AB" and request.to_id("model", 12) == trace_id != request.to_id("model", 13)
    for broken in ("", "%%%", "AAAA", trace_id[:-4], "x" * 9000, "eJyLVkpUitUBAAg_AiA"):
        with pytest.raises(TraceError):
            TraceRequest.from_id(broken)
