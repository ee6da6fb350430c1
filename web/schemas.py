"""JSON Schemas of what is asked and answered, for the OpenAPI document; tests hold the answers to them."""

from __future__ import annotations

from collections.abc import Mapping

Schema = Mapping[str, object]


def ref(name: str) -> Schema:
    """A schema of this file, by name."""
    return {"$ref": f"#/components/schemas/{name}"}


def array(items: Schema) -> Schema:
    """A list of one kind of thing."""
    return {"type": "array", "items": items}


def record(
    required: Mapping[str, Schema], optional: Mapping[str, Schema] | None = None, *, closed: bool = False
) -> Schema:
    """An object; `closed` allows no other fields."""
    schema: dict[str, object] = {"type": "object", "properties": {**required, **(optional or {})}}
    if required:
        schema["required"] = list(required)
    if closed:
        schema["additionalProperties"] = False
    return schema


def choice(*values: object) -> Schema:
    """One of some values."""
    return {"enum": list(values)}


TEXT: Schema = {"type": "string"}
TEXT_OR_NULL: Schema = {"type": ["string", "null"]}
FLAG: Schema = {"type": "boolean"}
COUNT: Schema = {"type": "integer", "minimum": 0}
NUMBER: Schema = {"type": "number"}
NUMBER_OR_NULL: Schema = {"type": ["number", "null"]}
INSTANT: Schema = {"type": "string", "format": "date-time"}
PHASES: Schema = {"type": "string", "pattern": "^[ABCN]*$", "description": "CIM PhaseCode"}
COUNTS: Schema = {"type": "object", "additionalProperties": COUNT}
BOUNDS: Schema = {
    "type": ["array", "null"],
    "items": NUMBER,
    "minItems": 4,
    "maxItems": 4,
    "description": "left, bottom, right, top in degrees, EPSG:4326",
}
GEOMETRY: Schema = {"type": ["object", "null"], "description": "GeoJSON geometry (RFC 7946)"}
PLACE = {"lng": NUMBER_OR_NULL, "lat": NUMBER_OR_NULL}
SUPPLY = record({"nodes": COUNT, "customers": COUNT})
TRACE_NODES = array(record({"mrid": TEXT, "depth": COUNT, "phases": PHASES}))
TRACE_EDGES = array(record({"mrid": TEXT, "class": TEXT, "depth": COUNT, "phases": PHASES, "flow": choice(-1, 0, 1)}))

SCHEMAS: Mapping[str, Schema] = {
    "Problem": record(
        {"type": TEXT, "title": TEXT, "status": {"type": "integer"}, "detail": TEXT},
        {
            "field": {**TEXT, "description": "JSON pointer into the body, or the name of a parameter or header"},
            "value": {"description": "what was sent"},
            "limit": {"description": "the limit that it breaks"},
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
    "TraceRequest": record(
        {"kind": choice("connected", "upstream", "downstream", "subnetwork"), "start": array(TEXT)},
        {
            "state": choice("current", "normal"),
            "phases": PHASES,
            "mode": choice("flow", "exclusive"),
            "terminal": choice(1, 2, None),
            "barriers": array(TEXT),
            "include_barriers": FLAG,
            "ignore_barriers_at_start": FLAG,
            "filter_barriers": array(TEXT),
            "ignore_status": FLAG,
            "elements": choice("all", "page", False),
        },
        closed=True,
    ),
    "Trace": record(
        {
            "id": TEXT,
            "kind": TEXT,
            "status": TEXT,
            "state": choice("current", "normal"),
            "revision": COUNT,
            "model": TEXT,
            "customers": COUNT,
            "sums": record({"customers": COUNT, "rated_power_va": NUMBER, "length_m": NUMBER, "counts": COUNTS}),
            "bounds": BOUNDS,
            "sources": array(record({"mrid": TEXT, "node": TEXT, **PLACE})),
            "boundaries": array(record({"mrid": TEXT, "reason": TEXT, **PLACE})),
            "next": TEXT_OR_NULL,
        },
        {"nodes": TRACE_NODES, "edges": TRACE_EDGES},
    ),
    "TracePage": record({"id": TEXT, "edges": TRACE_EDGES, "nodes": TRACE_NODES, "next": TEXT_OR_NULL}),
    "FeatureCollection": record({"type": choice("FeatureCollection"), "features": array({"type": "object"})}),
    "SwitchingRequest": record(
        {},
        {
            "operations": {
                **array(record({"mrid": TEXT, "open": FLAG}, {"phases": PHASES}, closed=True)),
                "minItems": 1,
            },
            "normal": {"const": True, "description": "instead of operations: every switch to its normal position"},
            "note": TEXT,
            "expected_revision": {**COUNT, "description": "refused with 409 where the log is not there"},
        },
        closed=True,
    ),
    "SwitchingResult": record({"revision": COUNT, "deenergized": SUPPLY, "reenergized": SUPPLY}),
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
                    }
                )
            ),
            "counts": COUNTS,
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
