"""The words that schemas are made of: lists, records, choices, and values that many of them hold."""

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
