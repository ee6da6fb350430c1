"""The parameters of a trace as a link: one a field of the request, lists repeated, operations as `open` and `close`."""

from __future__ import annotations

from twin.trace_kinds import FIELDS, KINDS, kinds_with
from twin.trace_request import CHOICES, FLAGS, MRID_LISTS
from web.openapi import Parameter
from web.schema_words import TEXT, Schema, choice
from web.trace_schemas import FIELD_SCHEMAS

_BATCH = (
    Parameter("open", "outage: mrid of a switch to open", repeated=True),
    Parameter("close", "outage: mrid of a switch to close", repeated=True),
    Parameter(
        "operations",
        'outage: one operation as JSON, for single phases: {"mrid": "SW1", "open": true, "phases": "A"}',
        repeated=True,
    ),
)


def trace_parameters() -> tuple[Parameter, ...]:
    """Those of `GET /api/traces`."""
    told = [_parameter(name) for name in FIELDS if name != "operations"]
    elements = "JSON only: all elements, the first page of them, or none"
    return (*told, *_BATCH, Parameter("elements", elements, choice("all", "page", "false")))


def _parameter(name: str) -> Parameter:
    return Parameter(name, _said(name), _schema(name), required=name == "kind", repeated=name in MRID_LISTS)


def _said(name: str) -> str:
    kinds = kinds_with(name)
    if not kinds:
        return FIELDS[name]
    whose = "all kinds" if len(kinds) == len(KINDS) else ", ".join(kinds)
    return f"{FIELDS[name]} ({whose})"


def _schema(name: str) -> Schema:
    if name in MRID_LISTS:
        return TEXT
    if name in FLAGS:
        return choice("true", "false")
    return choice(*CHOICES[name]) if name in CHOICES else FIELD_SCHEMAS[name]
