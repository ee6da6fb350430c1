"""The OpenAPI 3.0 document of what is below /ogc, which clients of the OGC standards read."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from web.errors import PROBLEM, RULES
from web.ogc import ROOT
from web.openapi import Operation, Parameter
from web.schemas import SCHEMAS

Json = dict[str, object]


def document(operations: Sequence[Operation], root: str, version: str) -> Json:
    """The operations below `root`, which is the address of the landing page."""
    chosen = [operation for operation in operations if operation.path.startswith(ROOT)]
    parameters = _Parameters(chosen)
    paths: Json = {
        operation.public_path.removeprefix(ROOT) or "/": {"get": _operation(operation, parameters)}
        for operation in chosen
    }
    names = {name for operation in chosen for name in operation.answers.values() if name} | {"Problem"}
    return {
        "openapi": "3.0.3",
        "info": {
            "title": "gridtwin: OGC API",
            "version": version,
            "license": {"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
        },
        "servers": [{"url": root}],
        "paths": paths,
        "components": {
            "schemas": {name: _lowered(SCHEMAS[name]) for name in sorted(names)},
            "parameters": parameters.described,
        },
    }


class _Parameters:
    """The parameters of all operations under their names; under another where two differ that have one name."""

    def __init__(self, operations: Sequence[Operation]) -> None:
        self.described: Json = {}
        self._keys: dict[int, str] = {}
        for parameter in (each for operation in operations for each in operation.parameters):
            told, number = _parameter(parameter), 1
            key = plain = re.sub(r"[^A-Za-z0-9._-]", "_", parameter.name)
            while self.described.get(key, told) != told:
                number += 1
                key = f"{plain}-{number}"
            self.described[key] = told
            self._keys[id(parameter)] = key

    def reference(self, parameter: Parameter) -> Json:
        """To one of them."""
        return {"$ref": f"#/components/parameters/{self._keys[id(parameter)]}"}


def _operation(operation: Operation, parameters: _Parameters) -> Json:
    media = {media_type: {"schema": _answer(name)} for media_type, name in operation.answers.items()}
    responses: Json = {"200": {"description": "As asked for.", "content": media}}
    for status, what in (operation.also or {}).items():
        responses[str(status)] = {"description": what}
    for status in operation.problems:
        titles = dict.fromkeys(rule.title for rule in RULES.values() if rule.status == status)
        responses[str(status)] = {
            "description": " / ".join(titles),
            "content": {PROBLEM: {"schema": _answer("Problem")}},
        }
    told: Json = {
        "operationId": operation.name or operation.endpoint.__name__,
        "summary": operation.what,
        "responses": responses,
    }
    if operation.parameters:
        told["parameters"] = [parameters.reference(each) for each in operation.parameters]
    return told


def _answer(schema: str) -> Json:
    return {"$ref": f"#/components/schemas/{schema}"} if schema else {"type": "string", "format": "binary"}


def _parameter(parameter: Parameter) -> Json:
    told: Json = {
        "name": parameter.name,
        "in": parameter.where,
        "required": parameter.required or parameter.where == "path",
        "description": parameter.what,
        "schema": _lowered(parameter.schema),
    }
    if parameter.where == "query":
        told |= {"style": "form", "explode": False}
    return told


def _lowered(schema: object) -> object:
    """From JSON Schema 2020-12 to what OpenAPI 3.0 understands: no lists of types, no constants."""
    if isinstance(schema, list | tuple):
        return [_lowered(each) for each in schema]
    if not isinstance(schema, Mapping):
        return schema
    lowered = {name: _lowered(value) for name, value in schema.items()}
    kinds = lowered.get("type")
    if isinstance(kinds, list):
        (kind,) = (each for each in kinds if each != "null")
        lowered |= {"type": kind, "nullable": "null" in kinds}
    if "const" in lowered:
        lowered["enum"] = [lowered.pop("const")]
    return lowered
