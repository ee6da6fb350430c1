"""JSON Schemas of traces: what may be asked comes from the table of kinds, what a kind adds stands here."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations

from twin.trace_kinds import EVERYWHERE, FIELDS, KINDS, Takes
from twin.trace_request import CHOICES, FLAGS, MRID_LISTS, N_LIMIT
from web.schema_words import (
    BOUNDS,
    COUNT,
    COUNTS,
    FLAG,
    INSTANT,
    NUMBER,
    PHASES,
    PLACE,
    TEXT,
    TEXT_OR_NULL,
    Schema,
    array,
    choice,
    record,
    ref,
)

OPERATION = record({"mrid": TEXT, "open": FLAG}, {"phases": PHASES}, closed=True)
MRIDS = array(TEXT)
NODE = record(
    {"mrid": TEXT, "depth": COUNT, "phases": PHASES},
    {
        "feeders": {**MRIDS, "description": "subnetwork: mrids of all the feeders that it belongs to now"},
        "parallel": {**FLAG, "description": "subnetwork: whether they are several, joined by a closed tie"},
        "lost": {**PHASES, "description": "outage: phases that it would lose"},
        "gained": {**PHASES, "description": "outage: phases that it would gain"},
    },
)
EDGE = record(
    {"mrid": TEXT, "class": TEXT, "depth": COUNT, "phases": PHASES, "flow": choice(-1, 0, 1)},
    {
        "direction": {
            "type": "object",
            "additionalProperties": choice("none", "down", "up", "both"),
            "description": "direction: by phase; down is from terminal 1 to terminal 2",
        },
        "lost": {**PHASES, "description": "outage: phases that it would lose"},
        "gained": {**PHASES, "description": "outage: phases that it would gain"},
    },
)
CHANGED = record(
    {
        "nodes": COUNT,
        "edges": COUNT,
        "customers": COUNT,
        "customers_whole": {**COUNT, "description": "who lose (or gain) all that they have in the other state"},
        "customers_partial": {**COUNT, "description": "who have some phases in both"},
        "feeders": array(record({"mrid": TEXT_OR_NULL, "name": TEXT_OR_NULL, "nodes": COUNT, "customers": COUNT})),
        "areas": array(record({"id": TEXT, "nodes": COUNT, "customers": COUNT, "bounds": BOUNDS, **PLACE})),
    }
)
ADDED: Mapping[str, Schema] = {
    "feeders": array(record({"mrid": TEXT, "name": TEXT, "parallel": FLAG})),
    "parallel": FLAG,
    "switches": {**MRIDS, "description": "isolation: closed switches to open; outage: switches that move"},
    "ties": {**MRIDS, "description": "open switches at the section, which must stay open"},
    "operations": array(OPERATION),
    "customers_inside": COUNT,
    "customers_beyond": COUNT,
    "nodes_beyond": COUNT,
    "path": {
        "anyOf": [
            {**MRIDS, "description": "not_isolable: the way to a source without a switch"},
            record({"length_m": NUMBER, "hops": COUNT, "without_length": COUNT}),
            {"type": "null"},
        ]
    },
    "restorations": array(
        record(
            {
                "tie": TEXT,
                "openings": MRIDS,
                "operations": array(OPERATION),
                "customers": COUNT,
                "nodes": COUNT,
                "headroom_va": {"anyOf": [NUMBER, choice("unknown")]},
            }
        )
    ),
    "loops": array(
        record(
            {
                "kind": choice("loop", "parallel_sources"),
                "phases": PHASES,
                "length": COUNT,
                "sources": MRIDS,
                "block": TEXT_OR_NULL,
            },
            {"edges": MRIDS},
        )
    ),
    "n": COUNT,
    "devices": MRIDS,
    "ambiguous": FLAG,
    "lost": CHANGED,
    "gained": CHANGED,
}
"""What the kinds add to an answer, beside what all have."""

_SHAPES: Mapping[str, Schema] = {
    **{name: choice(*values) for name, values in CHOICES.items()},
    **dict.fromkeys(MRID_LISTS, MRIDS),
    **dict.fromkeys(FLAGS, FLAG),
    "phases": PHASES,
    "terminal": choice(1, 2, None),
    "n": {"type": "integer", "minimum": 1, "maximum": N_LIMIT},
    "operations": array(OPERATION),
    "scenario": TEXT,
    "at": INSTANT,
    "revision": COUNT,
}
FIELD_SCHEMAS: Mapping[str, Schema] = {name: {**_SHAPES[name], "description": what} for name, what in FIELDS.items()}
"""The schema of each field of a request."""


def _of_kind(kind: str, takes: Takes) -> Schema:
    """The fields that go with one kind, and no others."""
    full = {name: {"minItems": 1} for name in takes.needed}
    return {
        "title": kind,
        "description": takes.what,
        "properties": {"kind": {"const": kind}, **full},
        "required": ["kind", *takes.needed],
        "propertyNames": {"enum": ["kind", "elements", *EVERYWHERE, *takes.fields]},
    }


_ONE_STATE = {"not": {"anyOf": [{"required": list(both)} for both in combinations(("scenario", "at", "revision"), 2)]}}
_SUMS = {"customers": COUNT, "rated_power_va": NUMBER, "length_m": NUMBER, "counts": COUNTS}
_REQUEST = record({}, {**FIELD_SCHEMAS, "elements": choice("all", "page", False)}, closed=True)

TRACE_SCHEMAS: Mapping[str, Schema] = {
    "TraceRequest": {**_REQUEST, **_ONE_STATE, "oneOf": [_of_kind(kind, takes) for kind, takes in KINDS.items()]},
    "Trace": record(
        {
            "id": TEXT,
            "kind": choice(*KINDS),
            "request": {"type": "object"},
            "status": choice("ok", "not_energized", "no_feeder", "unreachable", "not_isolable"),
            "state": choice(*CHOICES["state"]),
            "revision": COUNT,
            "model": TEXT,
            "customers": COUNT,
            "sums": record(_SUMS),
            "by_feeder": {
                **array(record({"mrid": TEXT_OR_NULL, "name": TEXT_OR_NULL, **_SUMS})),
                "description": "the sums of each feeder of the normal state, most customers first; null is for none",
            },
            "by_feeder_left_out": {**COUNT, "description": "how many more feeders there are"},
            "bounds": BOUNDS,
            "sources": array(record({"mrid": TEXT, "node": TEXT, **PLACE})),
            "boundaries": array(record({"mrid": TEXT, "reason": TEXT, "operable": FLAG, **PLACE})),
            "boundaries_left_out": {
                **COUNT,
                "description": "how many more there are, where elements is false",
            },
            "next": TEXT_OR_NULL,
        },
        {
            "nodes": array(NODE),
            "edges": array(EDGE),
            "sides": {
                "type": "object",
                "additionalProperties": ref("Trace"),
                "description": "of an open switch: the trace of each side, by terminal",
            },
            **ADDED,
        },
    ),
    "TracePage": record({"id": TEXT, "edges": array(EDGE), "nodes": array(NODE), "next": TEXT_OR_NULL}),
}
