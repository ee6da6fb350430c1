"""The OpenAPI 3.1 document and the page that shows it, both written from the table of operations."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape

from starlette.requests import Request
from starlette.responses import Response

from web.errors import PROBLEM, RULES
from web.responses import JSON
from web.schema_words import TEXT, Schema, ref
from web.schemas import SCHEMAS

Endpoint = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter in the query, the path or a header."""

    name: str
    what: str
    schema: Schema = field(default_factory=lambda: TEXT)
    where: str = "query"
    required: bool = False
    repeated: bool = False


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one path: the route, and what is told about it.

    answers: media type → name in SCHEMAS, "" where the answer is no JSON. problems: statuses answered with a problem.
    """

    method: str
    path: str
    endpoint: Endpoint
    what: str
    group: str
    answers: Mapping[str, str]
    parameters: Sequence[Parameter] = ()
    body: str = ""
    problems: Sequence[int] = ()
    also: Mapping[int, str] | None = None
    """Other statuses, and what they mean."""
    status: int = 200
    """Of success; with no media type among the answers it has no body."""
    scope: str = ""
    """Who may: read, operate or admin, `public` for everybody; by its method where left out."""
    name: str = ""
    """Its id in the document; the endpoint's name where left out."""

    @property
    def needs(self) -> str | None:
        """The scope that it takes, None where everybody may."""
        if self.scope:
            return None if self.scope == "public" else self.scope
        return "read" if self.method == "GET" else "operate"

    @property
    def public_path(self) -> str:
        """The path as OpenAPI writes it: parameters without convertors."""
        return re.sub(r":\w+}", "}", self.path)


GROUPS = {
    "network": "The network as it is now.",
    "traces": "What is connected to what, and through what.",
    "switching": "Operating switches, and the log.",
    "scenarios": "What-ifs, which leave the live state alone.",
    "tiles": "Vector tiles of the live state.",
    "ogc": "OGC API - Features and OGC API - Tiles.",
    "service": "About the server itself.",
}


_SECURITY = {
    "token": {"type": "http", "scheme": "bearer", "description": "a token of the server's file, or a signed one"},
    "cookie": {"type": "apiKey", "in": "cookie", "name": "gridtwin_token", "description": "set by POST /signin"},
}


def document(operations: Sequence[Operation], base: str, version: str) -> dict[str, object]:
    """The OpenAPI document of these operations, served from `base`."""
    paths: dict[str, dict[str, object]] = {}
    for operation in operations:
        paths.setdefault(operation.public_path, {})[operation.method.lower()] = _operation(operation)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "gridtwin",
            "version": version,
            "summary": "A digital twin of an electric distribution network, and a tile server for it.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": base}],
        "tags": [{"name": name, "description": what} for name, what in GROUPS.items()],
        "paths": paths,
        "components": {"schemas": SCHEMAS, "securitySchemes": _SECURITY},
    }


def _operation(operation: Operation) -> dict[str, object]:
    told: dict[str, object] = {
        "operationId": operation.name or operation.endpoint.__name__,
        "summary": operation.what,
        "tags": [operation.group],
        "responses": _responses(operation),
    }
    if operation.needs is not None:
        told["security"] = [{}, {"token": []}, {"cookie": []}]
        told["description"] = f"Under access control this takes the scope {operation.needs}."
    if operation.parameters:
        told["parameters"] = [_parameter(parameter) for parameter in operation.parameters]
    if operation.body:
        told["requestBody"] = {"required": True, "content": {JSON: {"schema": ref(operation.body)}}}
    return told


def _responses(operation: Operation) -> dict[str, object]:
    content = {
        media_type: {"schema": ref(schema) if schema else TEXT} for media_type, schema in operation.answers.items()
    }
    success: dict[str, object] = {"description": "As asked for."}
    responses: dict[str, object] = {str(operation.status): success | ({"content": content} if content else {})}
    for status, what in (operation.also or {}).items():
        responses[str(status)] = {"description": what}
    refusals = () if operation.needs is None else (401, 403)
    body = (408, 413) if operation.method == "POST" else ()
    for status in dict.fromkeys((*operation.problems, *refusals, *body, 503, 504)):
        titles = dict.fromkeys(rule.title for rule in RULES.values() if rule.status == status)
        problem = {PROBLEM: {"schema": ref("Problem")}}
        responses[str(status)] = {"description": " / ".join(titles), "content": problem}
    return responses


def _parameter(parameter: Parameter) -> dict[str, object]:
    schema = {"type": "array", "items": parameter.schema} if parameter.repeated else parameter.schema
    return {
        "name": parameter.name,
        "in": parameter.where,
        "required": parameter.required or parameter.where == "path",
        "description": parameter.what,
        "schema": schema,
    }


# --- the page -----------------------------------------------------------------------------------------------------

_CSS = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1b1f24;"
    "background:#fff}code{font:14px ui-monospace,monospace}h3{margin:2rem 0 .2rem}table{border-collapse:collapse}"
    "td,th{text-align:left;padding:.15rem .8rem .15rem 0;vertical-align:top}pre{background:#f3f4f6;padding:.6rem;"
    "overflow:auto}@media(prefers-color-scheme:dark){body{color:#e6e6e6;background:#15181c}a{color:#8ab4f8}"
    "pre{background:#22262b}}"
)
PAGE_POLICY = (
    "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'; "
    f"style-src 'sha256-{base64.b64encode(hashlib.sha256(_CSS.encode()).digest()).decode()}'"
)
"""Content-Security-Policy of the page: its own style and nothing else."""


def page(operations: Sequence[Operation]) -> str:
    """The operations and the problems as one HTML page that needs no other file."""
    parts = [
        '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">',
        f"<title>gridtwin over HTTP</title><style>{_CSS}</style><h1>gridtwin over HTTP</h1>",
        '<p>The same for programs: <a href="openapi.json">openapi.json</a>. Unknown parameters and fields are errors; ',
        'an error is a <a href="#problems">problem document</a>.</p>',
    ]
    for group, what in GROUPS.items():
        parts.append(f"<h2>{escape(what)}</h2>")
        parts += [_section(operation) for operation in operations if operation.group == group]
    parts.append('<h2 id="problems">Problems</h2><table><tr><th>Status<th>Kind<th>Title')
    kinds = {rule.slug: rule for rule in RULES.values()}
    for slug, rule in sorted(kinds.items(), key=lambda item: (item[1].status, item[0])):
        parts.append(
            f'<tr id="{escape(slug)}"><td>{rule.status}<td><code>{escape(slug)}</code><td>{escape(rule.title)}'
        )
    parts.append("</table></html>\n")
    return "".join(parts)


def _section(operation: Operation) -> str:
    title = f"<h3><code>{operation.method} {escape(operation.public_path)}</code></h3><p>{escape(operation.what)}</p>"
    rows = [(p.name, p.where, p.what) for p in operation.parameters]
    if operation.body:
        rows += [(name, "body", _said(schema)) for name, schema in _properties(operation.body).items()]
    cells = "".join(
        f"<tr><td><code>{escape(name)}</code><td>{escape(where)}<td>{escape(what)}" for name, where, what in rows
    )
    table = f"<table>{cells}</table>" if rows else ""
    offered = ", ".join(f"<code>{escape(media_type)}</code>" for media_type in operation.answers)
    return f"{title}{table}<p>Answers {offered or operation.status}</p>"


def _properties(name: str) -> Mapping[str, Schema]:
    properties = SCHEMAS[name]["properties"]
    assert isinstance(properties, Mapping)
    return properties


def _said(schema: Schema) -> str:
    if "description" in schema:
        return str(schema["description"])
    if "enum" in schema:
        assert isinstance(schema["enum"], list)
        return "one of " + ", ".join("null" if value is None else str(value) for value in schema["enum"])
    return str(schema.get("type", ""))
