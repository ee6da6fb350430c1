"""schemathesis against our own OpenAPI document: what it allows, what it forbids, and answers that fit it.

It makes requests from the document alone, so it shows where the document is wrong; test_fuzz.py knows the network and
what makes sense of it, and gets deeper; test_mutated.py bends bytes, and goes where no document leads.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, Verbosity, given, reject, settings
from schemathesis.checks import CHECKS, load_all_checks
from schemathesis.schemas import BaseSchema

from tests.web.conftest import Client, tiny_network
from twin.engine import Twin
from twin.memory import MemoryStore
from web.app import create_app
from web.ogc_parameters import LARGEST_LIMIT
from web.openapi import Operation
from web.routes import OPERATIONS
from web.schema_words import TEXT
from web.settings import Settings

FEW = 5
"""Requests of each operation and mode in every run."""
MANY = 1_500
"""The same in the long run: over 100,000 in all, as some operations allow only one."""

ENDLESS = "/api/stream"
ASKED = [operation for operation in OPERATIONS if operation.path != ENDLESS]

MRIDS = ("SW1", "CB1", "TIE", "L 1/1", "n1", "c2", "T1", "north", "grid")
KNOWN: Mapping[str, Sequence[str]] = {
    **dict.fromkeys(("mrid", "start", "to", "barriers", "filter_barriers", "featureId", "open", "close"), MRIDS),
    "model": [tiny_network().model],
    "layer": ["lines", "switches", "meters"],
    "layers": ["lines", "lines,meters"],
    "filter": ["class = 'Breaker'", "customers > 1", '"open" = true'],
    "tileMatrix": ["10", "12", "16"],
    "phases": ["ABC", "A"],
    "q": ["n", "SW"],
    "operations": ['{"mrid": "SW1", "open": true}'],
}
"""What only a server with this network can know of what its document calls a text."""


def enriched(value: Any, name: str = "") -> Any:
    """The document with these texts offered where it asks for any text of that name."""
    if isinstance(value, list):
        return [enriched(each, name) for each in value]
    if not isinstance(value, dict):
        return value
    if name in KNOWN and value.get("type") == "string" and "enum" not in value:
        return {"anyOf": [{"enum": list(KNOWN[name])}, value]}
    if "in" in value and "schema" in value:
        return {**value, "schema": enriched(value["schema"], value["name"])}
    return {key: enriched(each, name if key == "items" else key) for key, each in value.items()}


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    client = Client(create_app(Twin.load(tiny_network(), MemoryStore()), Settings(threads=2)))
    yield client
    client.close()


@pytest.fixture(scope="module")
def schema(client: Client) -> BaseSchema:
    document = client.get("/openapi.json").json()
    components = document.pop("components")
    schemas = components["schemas"]
    asked = {name for operation in OPERATIONS if (name := operation.body)}
    components["schemas"] = {name: enriched(each) if name in asked else each for name, each in schemas.items()}
    return schemathesis.openapi.from_dict({**enriched(document), "components": components, "servers": [{"url": "/"}]})


def checks() -> list[Any]:
    """All that schemathesis knows but one: which of the ids, revisions and instants that the document allows there
    are, and which parameters go together, only the server can say."""
    load_all_checks()
    return [CHECKS.get_one(name) for name in CHECKS.get_all_names() if name != "positive_data_acceptance"]


def above_the_largest_limit(case: schemathesis.Case[Any]) -> bool:
    """OGC API – Features wants a largest limit named, and more than that answered as if it were that."""
    limit = str((case.query or {}).get("limit", ""))
    return case.path.startswith("/ogc/") and limit.isdecimal() and int(limit) > LARGEST_LIMIT


def test_what_is_checked() -> None:
    """A new release may call its checks otherwise."""
    wanted = {"not_a_server_error", "status_code_conformance", "content_type_conformance", "negative_data_rejection"}
    assert {*wanted, "response_schema_conformance"} <= {check.__name__ for check in checks()}


def can_be_wrong(operation: Operation) -> bool:
    """Whether the document forbids anything that a client can send there."""
    shaped = [each for each in operation.parameters if each.schema is not TEXT or each.name in KNOWN]
    return bool(operation.body or [each for each in shaped if each.where != "header"])


MODES = [
    pytest.param(operation, mode, id=f"{operation.method} {operation.public_path} {mode.value}")
    for operation in ASKED
    for mode in schemathesis.GenerationMode
    if mode is schemathesis.GenerationMode.POSITIVE or can_be_wrong(operation)
]


@pytest.mark.parametrize(("operation", "mode"), MODES)
@pytest.mark.parametrize("count", [FEW, pytest.param(MANY, marks=pytest.mark.long)])
def test_answers_fit_the_document(
    client: Client, schema: BaseSchema, operation: Operation, mode: schemathesis.GenerationMode, count: int
) -> None:
    cases = schema[operation.public_path][operation.method].as_strategy(generation_mode=mode)
    chosen = checks()

    @settings(
        max_examples=count,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
        verbosity=Verbosity.quiet,
    )
    @given(cases)
    def ask(case: schemathesis.Case[Any]) -> None:
        request = case.as_transport_kwargs(base_url="http://twin.test")
        sent = {name: request[name] for name in ("params", "headers", "json", "data") if request.get(name) is not None}
        if isinstance(sent.get("data"), bytes | str):
            sent["content"] = sent.pop("data")
        try:
            answer = client.request(request["method"], request["url"], **sent)
        except httpx.InvalidURL:  # longer than this client sends
            reject()
        allowed = [check for check in chosen if check.__name__ != "negative_data_rejection"]
        case.validate_response(answer, checks=allowed if above_the_largest_limit(case) else chosen)

    ask()
