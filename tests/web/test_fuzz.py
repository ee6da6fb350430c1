"""Whatever is sent, an answer is what the OpenAPI document says: never a 500, always a problem document.

Requests are drawn by who knows the network and which fields go together, so they get deep into traces and switching,
and are made smaller where one fails; test_schemathesis.py and test_mutated.py know less and send more.
"""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import quote, urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.web.conftest import Client, tiny_network
from twin.engine import Twin
from twin.trace_kinds import KINDS
from web.app import create_app
from web.openapi import Operation, Parameter
from web.routes import OPERATIONS
from web.settings import Settings

MRIDS = st.sampled_from(["SW1", "CB1", "TIE", "J", "L 1/1", "n1", "c2", "T1", "north", "grid", "gone"])
TEXTS = st.one_of(
    MRIDS,
    st.sampled_from(["lines", "switches", "current", "normal", "ABC", "A", "true", "page", "connected", "upstream"]),
    st.integers(-2, 70_000).map(str),
    st.text(max_size=20),
)
PHASES = st.sampled_from(["A", "BC", "ABCN", "N", "AA"])
JSON = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(-3, 2**70), st.floats(allow_nan=False, allow_infinity=False), TEXTS
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(TEXTS, inner, max_size=3)),
    max_leaves=8,
)
SWITCHINGS = st.fixed_dictionaries(
    {},
    optional={
        "operations": st.lists(
            st.fixed_dictionaries({"mrid": MRIDS, "open": st.booleans()}, optional={"phases": PHASES}), max_size=3
        ),
        "normal": st.booleans(),
        "note": TEXTS,
        "expected_revision": st.integers(-1, 5),
    },
)
TRACES = st.fixed_dictionaries(
    {"kind": st.sampled_from(list(KINDS))},
    optional={
        "start": st.lists(MRIDS, max_size=3),
        "to": st.lists(MRIDS, max_size=2),
        "weight": st.sampled_from(["length", "hops", "price"]),
        "n": st.integers(-1, 3),
        "operations": st.lists(
            st.fixed_dictionaries({"mrid": MRIDS, "open": st.booleans()}, optional={"phases": PHASES}), max_size=3
        ),
        "state": st.sampled_from(["current", "normal"]),
        "phases": PHASES,
        "mode": st.sampled_from(["flow", "exclusive"]),
        "terminal": st.sampled_from([None, 1, 2, 3]),
        "barriers": st.lists(MRIDS, max_size=2),
        "filter_barriers": st.lists(MRIDS, max_size=2),
        "include_barriers": st.booleans(),
        "ignore_barriers_at_start": st.booleans(),
        "ignore_status": st.booleans(),
        "elements": st.sampled_from(["all", "page", False, True]),
    },
)
MRID_PARAMETERS = ("start", "to", "barriers", "filter_barriers", "open", "close")
READS = [operation for operation in OPERATIONS if operation.method == "GET" and operation.path != "/api/stream"]


@pytest.fixture(scope="module")
def fuzzed() -> Iterator[Client]:
    client = Client(create_app(Twin(tiny_network()), Settings(threads=2)))
    yield client
    client.close()


def check(client: Client, method: str, path: str, body: object, allowed: set[int]) -> None:
    answer = client.get(path) if method == "GET" else client.post(path, body)
    assert answer.status_code in allowed, answer.text
    if answer.status_code >= 400:
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["status"] == answer.status_code


def statuses(operation: Operation) -> set[int]:
    return {200, *(operation.also or {}), *operation.problems}


COMMON = settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],  # on a busy machine all is slow
)


@pytest.mark.parametrize("operation", READS, ids=[operation.path for operation in READS])
@COMMON
@given(data=st.data())
def test_reads(fuzzed: Client, operation: Operation, data: st.DataObject) -> None:
    path, asked = operation.public_path, []
    for parameter in operation.parameters:
        if parameter.where == "path":
            value = data.draw(values(parameter).filter(lambda text: text not in ("", ".", "..") and "/" not in text))
            path = path.replace("{" + parameter.name + "}", quote(value, safe=""))
        elif parameter.where == "query" and (parameter.required or data.draw(st.integers(0, 3)) == 0):
            asked.append((parameter.name, data.draw(values(parameter))))
    if data.draw(st.integers(0, 3)) == 0:
        asked.append((data.draw(TEXTS), data.draw(TEXTS)))
    query = "?" + urlencode(asked) if asked else ""
    check(fuzzed, "GET", path + query, None, statuses(operation))


def values(parameter: Parameter) -> st.SearchStrategy[str]:
    """Mostly what the document allows, and sometimes anything."""
    fitting: st.SearchStrategy[str] = MRIDS if parameter.name in MRID_PARAMETERS else TEXTS
    if "enum" in parameter.schema:
        fitting = st.sampled_from([str(value) for value in parameter.schema["enum"]])  # type: ignore[attr-defined]
    if parameter.name in ("kind", "phases", "z", "layers", "model"):
        known = {"kind": "downstream", "phases": "AB", "z": "11", "layers": "lines", "model": tiny_network().model}
        fitting = st.sampled_from([known[parameter.name], "hexes", "12"])
    return st.one_of(fitting, fitting, fitting, TEXTS)


@pytest.mark.parametrize("bodies", [SWITCHINGS, JSON], ids=["nearly right", "anything"])
@COMMON
@given(data=st.data())
def test_switching(fuzzed: Client, bodies: st.SearchStrategy[object], data: st.DataObject) -> None:
    (operation,) = (each for each in OPERATIONS if each.path == "/api/switching")
    check(fuzzed, "POST", "/api/switching", data.draw(bodies), statuses(operation))


@st.composite
def fitting_traces(draw: st.DrawFn) -> dict[str, object]:
    """Traces with the fields that their kind takes, right or nearly so."""
    asked = draw(TRACES)
    takes = KINDS[asked["kind"]]
    known = {"start": ["n1"], "to": ["L 1/1"], "operations": [{"mrid": "SW1", "open": True}]}
    fitting = {name: asked[name] for name in ("kind", "elements", "state", *takes.fields) if name in asked}
    return {**{name: known[name] for name in takes.needed}, **fitting}


@pytest.mark.parametrize("bodies", [TRACES, fitting_traces(), JSON], ids=["any field", "nearly right", "anything"])
@COMMON
@given(data=st.data())
def test_traces(fuzzed: Client, bodies: st.SearchStrategy[object], data: st.DataObject) -> None:
    (operation,) = (each for each in OPERATIONS if (each.path, each.method) == ("/api/traces", "POST"))
    check(fuzzed, "POST", "/api/traces", data.draw(bodies), statuses(operation))
