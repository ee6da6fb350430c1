"""JSON Schemas of what is asked and answered, for the OpenAPI document; tests hold the answers to them."""

from __future__ import annotations

from collections.abc import Mapping

from web.ogc_schemas import OGC_SCHEMAS
from web.schema_words import (
    BOUNDS,
    COUNT,
    COUNTS,
    FLAG,
    GEOMETRY,
    INSTANT,
    PHASES,
    PLACE,
    SUPPLY,
    TEXT,
    TEXT_OR_NULL,
    Schema,
    array,
    choice,
    record,
)
from web.trace_schemas import TRACE_SCHEMAS

OPERATIONS: Schema = {
    **array(record({"mrid": TEXT, "open": FLAG}, {"phases": PHASES}, closed=True)),
    "minItems": 1,
}
REPAIR: Schema = {
    "oneOf": [
        {"type": "null"},
        record(
            {"text": TEXT, "operation": {"type": ["object", "null"], "description": "for a program: docs/findings.md"}}
        ),
    ],
    "description": "what would mend it, where that can be said",
}
SCENARIO = {
    "id": TEXT,
    "name": TEXT,
    "model": TEXT,
    "base": COUNT,
    "revision": {**COUNT, "description": "number of steps"},
    "created_at": INSTANT,
    "author": TEXT,
    "note": TEXT,
    "stale": {**FLAG, "description": "made on a model that is no longer in force"},
}
COMPARISON = record(
    {
        "lost": SUPPLY,
        "gained": SUPPLY,
        "feeders": array(record({"mrid": TEXT, "name": TEXT, "lost": COUNT, "gained": COUNT})),
        "switches": array(record({"mrid": TEXT, "before": PHASES, "after": PHASES})),
    }
)

SCHEMAS: Mapping[str, Schema] = {
    "Problem": record(
        {"type": TEXT, "title": TEXT, "status": {"type": "integer"}, "detail": TEXT},
        {
            "field": {**TEXT, "description": "JSON pointer into the body, or the name of a parameter or header"},
            "value": {"description": "what was sent"},
            "limit": {"description": "the limit that it breaks"},
            "setting": {**TEXT, "description": "the setting of the server that holds this limit"},
            "request_id": {**TEXT, "description": "as in the header X-Request-ID, and in the server's log"},
        },
    ),
    "Network": record(
        {
            "name": TEXT,
            "model": TEXT,
            "revision": COUNT,
            "counts": COUNTS,
            "customers": COUNT,
            "customers_out": COUNT,
            "unplaced": COUNTS,
            "bounds": BOUNDS,
            "sources": array(record({"mrid": TEXT, "name": TEXT, **PLACE})),
            "feeders": array(record({"mrid": TEXT, "name": TEXT, "substation": TEXT_OR_NULL, "customers": COUNT})),
            "zooms": {"type": "object", "additionalProperties": array(COUNT)},
        }
    ),
    "Element": record(
        {
            "mrid": TEXT,
            "name": TEXT,
            "class": TEXT,
            "layer": TEXT_OR_NULL,
            "id": {"type": ["integer", "null"]},
            "model": TEXT,
            "revision": COUNT,
            "attributes": {"type": "object"},
            "geometry": GEOMETRY,
            "feeder": {"type": ["object", "null"]},
            "substation": TEXT_OR_NULL,
            "nodes": array(TEXT),
            "neighbours": array(record({"mrid": TEXT, "class": TEXT, "node": TEXT})),
            "neighbours_left_out": COUNT,
        },
        {
            "energized_phases": PHASES,
            "energized": choice(0, 1, 2),
            "customers": COUNT,
            "customers_downstream": COUNT,
            "open": FLAG,
            "open_phases": PHASES,
            "normal_open": FLAG,
            "live_ends": choice(0, 1, 2),
            "operable": FLAG,
        },
    ),
    "SearchResults": record(
        {"results": array(record({"mrid": TEXT, "name": TEXT, "class": TEXT, "feeder": TEXT, **PLACE}))}
    ),
    **TRACE_SCHEMAS,
    **OGC_SCHEMAS,
    "FeatureCollection": record({"type": choice("FeatureCollection"), "features": array({"type": "object"})}),
    "SwitchingRequest": record(
        {},
        {
            "operations": OPERATIONS,
            "normal": {"const": True, "description": "instead of operations: every switch to its normal position"},
            "note": TEXT,
            "expected_revision": {**COUNT, "description": "refused with 409 where the log is not there"},
            "dry_run": {**FLAG, "description": "tell what it would do, and do nothing"},
        },
        closed=True,
    ),
    "SwitchingResult": record({"revision": COUNT, "deenergized": SUPPLY, "reenergized": SUPPLY}),
    "ScenarioRequest": record(
        {"name": {**TEXT, "minLength": 1}},
        {"note": TEXT, "base": {**COUNT, "description": "revision of the log to start from"}},
        closed=True,
    ),
    "ScenarioSwitching": record(
        {},
        {
            "operations": OPERATIONS,
            "normal": {"const": True, "description": "instead of operations: every switch to its normal position"},
            "undo": {"const": True, "description": "instead of operations: take the last step back"},
            "note": TEXT,
            "expected_revision": {**COUNT, "description": "refused with 409 where the scenario has more steps"},
            "dry_run": {**FLAG, "description": "tell what it would do, and do nothing"},
        },
        closed=True,
    ),
    "ScenarioHead": record(SCENARIO),
    "Scenarios": record({"scenarios": array(record(SCENARIO))}),
    "Scenario": record(
        {
            **SCENARIO,
            "steps": array(record({"recorded_at": INSTANT, "author": TEXT, "note": TEXT})),
            "customers_out": COUNT,
            "comparison": COMPARISON,
        }
    ),
    "Outages": record(
        {
            "revision": COUNT,
            "customers_out": COUNT,
            "outages": array(
                record(
                    {
                        "id": TEXT,
                        "nodes": COUNT,
                        "customers": COUNT,
                        "cause": TEXT_OR_NULL,
                        "causes": array(TEXT),
                        "since": {"type": ["string", "null"], "format": "date-time"},
                        "feeder": TEXT_OR_NULL,
                        "feeders": array(TEXT),
                        "substation": TEXT_OR_NULL,
                        "bounds": BOUNDS,
                        **PLACE,
                    }
                )
            ),
        }
    ),
    "Findings": record(
        {
            "findings": array(
                record(
                    {
                        "kind": TEXT,
                        "severity": choice("error", "warning", "info"),
                        "mrids": array(TEXT),
                        "message": TEXT,
                        **PLACE,
                        "repair": REPAIR,
                    }
                )
            ),
            "counts": COUNTS,
            "total": COUNT,
            "next": TEXT_OR_NULL,
        }
    ),
    "Events": record(
        {
            "revision": COUNT,
            "events": array(
                record(
                    {
                        "revision": COUNT,
                        "recorded_at": INSTANT,
                        "occurred_at": INSTANT,
                        "author": TEXT,
                        "note": TEXT,
                        "kind": choice("SwitchOperated", "ModelReplaced"),
                    }
                )
            ),
            "next": TEXT_OR_NULL,
        }
    ),
    "TileJson": record(
        {
            "tilejson": choice("3.0.0"),
            "tiles": array(TEXT),
            "minzoom": COUNT,
            "maxzoom": COUNT,
            "vector_layers": array(record({"id": TEXT, "fields": {"type": "object"}})),
        }
    ),
    "Style": record({"version": choice(8), "sources": {"type": "object"}, "layers": array({"type": "object"})}),
    "Health": record({"status": TEXT}, {"revision": COUNT, "model": TEXT}),
    "Document": {"type": "object"},
}
