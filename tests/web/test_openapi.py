"""The OpenAPI document: equal to the routes, valid, and true of the answers."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import jsonschema
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator
from starlette.routing import Route

from tests.web.conftest import Client
from twin.traces import TraceRequest
from web.errors import RULES
from web.routes import OPERATIONS
from web.schemas import SCHEMAS


@pytest.fixture(scope="module")
def document(reader: Client) -> dict[str, object]:
    whole: dict[str, object] = reader.get("/openapi.json").json()
    return whole


def test_the_document_is_valid(document: dict[str, object]) -> None:
    OpenAPIV31SpecValidator(document).validate()  # type: ignore[arg-type]


def test_the_document_has_the_routes_and_nothing_else(reader: Client, document: dict[str, object]) -> None:
    routes = {
        (method, re.sub(r":\w+}", "}", route.path))
        for route in reader.app.routes
        if isinstance(route, Route)
        for method in (route.methods or set()) - {"HEAD"}
    }
    paths = document["paths"]
    assert isinstance(paths, dict)
    assert {(method.upper(), path) for path, methods in paths.items() for method in methods} == routes
    assert len(routes) == len(OPERATIONS)
    assert len({path for _, path in routes}) == len(reader.app.routes)  # methods of one path share a route


def test_the_parameters_in_paths_are_described() -> None:
    for operation in OPERATIONS:
        described = {parameter.name for parameter in operation.parameters if parameter.where == "path"}
        assert described == set(re.findall(r"{(\w+)}", operation.public_path)), operation.path


def test_every_schema_is_used_and_every_reference_holds() -> None:
    used = {name for operation in OPERATIONS for name in (*operation.answers.values(), operation.body) if name}
    assert used | {"Problem"} == set(SCHEMAS)


def test_links_are_of_the_server_that_was_asked(reader: Client) -> None:
    headers = {"X-Forwarded-Host": "grid.example", "X-Forwarded-Proto": "https", "X-Forwarded-Prefix": "/twin"}
    assert reader.get("/openapi.json", headers=headers).json()["servers"] == [{"url": "https://grid.example/twin"}]


def check(name: str, value: object) -> None:
    """Holds a value to a schema of the document."""
    whole = {"$ref": f"#/components/schemas/{name}", "components": {"schemas": SCHEMAS}}
    jsonschema.Draft202012Validator(whole).validate(value)


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/api/network", "Network"),
        *((f"/api/elements/{mrid}", "Element") for mrid in ("SW1", "L2", "T1", "n1", "c2", "grid", "north")),
        ("/api/elements?layer=meters&id=1", "Element"),
        ("/api/search?q=n", "SearchResults"),
        ("/api/outages", "Outages"),
        ("/api/findings", "Findings"),
        ("/api/events", "Events"),
        ("/api/traces?kind=connected&start=b", "Trace"),
        ("/api/traces?kind=upstream&start=n4&elements=page", "Trace"),
        ("/api/traces?kind=downstream&start=n1&elements=false", "Trace"),
        ("/tiles/grid.json", "TileJson"),
        ("/tiles/hexes.json", "TileJson"),
        ("/style.json", "Style"),
        ("/healthz", "Health"),
        ("/readyz", "Health"),
        ("/openapi.json", "Document"),
        ("/api/elements/gone", "Problem"),
        ("/api/search", "Problem"),
        ("/tiles/grid/99/0/0.mvt", "Problem"),
        ("/nowhere", "Problem"),
    ],
)
def test_answers_are_as_the_document_says(client: Client, path: str, name: str) -> None:
    client.switch("SW1", opened=True)
    check(name, client.get(path).json())


def test_other_answers_are_as_the_document_says(client: Client) -> None:
    check("SwitchingResult", client.switch("SW1", opened=True))
    request = {"kind": "downstream", "start": ["CB1"]}
    check("Trace", client.post("/api/traces", request).json())
    trace_id = TraceRequest.from_json(request).to_id(client.app.state.context.twin.network.model, 2)
    check("TracePage", client.get(f"/api/traces/{trace_id}/elements").json())
    geojson = client.post("/api/traces", request, headers={"Accept": "application/geo+json"}).json()
    check("FeatureCollection", geojson)


@pytest.mark.parametrize(
    ("name", "body", "valid"),
    [
        ("SwitchingRequest", {"operations": [{"mrid": "SW1", "open": True, "phases": "A"}]}, True),
        ("SwitchingRequest", {"normal": True, "note": "", "expected_revision": 1}, True),
        ("SwitchingRequest", {"operations": []}, False),
        ("SwitchingRequest", {"operations": [{"mrid": "SW1"}]}, False),
        ("SwitchingRequest", {"normal": False}, False),
        ("SwitchingRequest", {"author": "me", "normal": True}, False),
        ("TraceRequest", {"kind": "upstream", "start": ["n1"], "elements": False}, True),
        ("TraceRequest", {"kind": "upstream"}, False),
        ("TraceRequest", {"kind": "upstream", "start": ["n1"], "n": 1}, False),
    ],
)
def test_what_the_document_allows_is_accepted_and_nothing_else(
    client: Client, name: str, body: dict[str, object], valid: bool
) -> None:
    try:
        check(name, body)
        allowed = True
    except jsonschema.ValidationError:
        allowed = False
    path = "/api/switching" if name == "SwitchingRequest" else "/api/traces"
    assert (client.post(path, body).status_code == 200) == allowed == valid


def test_statuses_of_problems_are_those_described(reader: Client) -> None:
    for operation in OPERATIONS:
        described = set(operation.problems)
        assert described <= {rule.status for rule in RULES.values()}, operation.path
        answer = reader.get(f"{operation.public_path}?unheard=of") if operation.method == "GET" else None
        if answer is not None and answer.status_code >= 400:
            assert answer.status_code in described, operation.path


class Links(HTMLParser):
    """Anchors, ids and everything that a page would load."""

    def __init__(self) -> None:
        super().__init__()
        self.anchors: set[str] = set()
        self.ids: set[str] = set()
        self.loaded: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name == "id" and value:
                self.ids.add(value)
            if name == "href" and value:
                self.anchors.add(value)
            if name in ("src", "srcset") or (tag == "link" and name == "href"):
                self.loaded.append(str(value))


def test_the_page_shows_every_operation_and_loads_nothing(reader: Client) -> None:
    answer = reader.get("/docs")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "unsafe" not in answer.headers["content-security-policy"]
    for operation in OPERATIONS:
        assert f"{operation.method} {operation.public_path}" in answer.text
    links = Links()
    links.feed(answer.text)
    assert links.loaded == []
    assert {rule.slug for rule in RULES.values()} <= links.ids
    assert links.anchors == {"openapi.json", "#problems"}


def test_the_type_of_a_problem_is_a_place_on_the_page(reader: Client) -> None:
    links = Links()
    links.feed(reader.get("/docs").text)
    kind = reader.get("/api/elements/gone").json()["type"]
    page, _, fragment = kind.partition("#")
    assert reader.get(page).status_code == 200
    assert fragment in links.ids


@pytest.mark.parametrize("path", ["/docs", "/openapi.json"])
def test_the_documentation_may_be_kept(reader: Client, path: str) -> None:
    seen = {"If-None-Match": reader.get(path).headers["etag"]}
    assert reader.get(path, headers=seen).status_code == 304
