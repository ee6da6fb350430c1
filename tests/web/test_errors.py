"""From exception to problem document."""

from __future__ import annotations

import threading
import time

import pytest
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tests.web.conftest import Client, Connect
from tiles.cql2 import FilterError
from tiles.mercator import TileAddressError
from tiles.source import UnknownLayer, UnknownTileset
from twin.elements import NoSuchFeature
from twin.engine import Twin
from twin.history import RevisionAhead, RevisionGone
from twin.mrids import UnknownMrid
from twin.network import Network
from twin.phases import PhaseError
from twin.scenarios import UnknownScenario
from twin.store import IdempotencyConflict, StaleRevision, StoreError, StoreInvalid, StoreLocked, StoreMissing
from twin.traces import TraceError
from twin.transitions import SwitchingError
from twin.views import ScenarioMoved, ViewError
from web import errors
from web.access import Forbidden, Unauthorized
from web.links import LinkError

EXAMPLES: list[tuple[Exception, int]] = [
    (errors.InvalidValue("limit", 0, "must be more", 1), 400),
    (errors.BodyTooLarge(10), 413),
    (errors.AnswerTooLarge(11, 10), 422),
    (errors.TooMany("scenarios", 10, "max_scenarios"), 409),
    (errors.TookTooLong(60), 504),
    (errors.BodyTooSlow(60), 408),
    (errors.WrongMediaType("text/plain"), 415),
    (errors.NotAcceptable("image/png", ("text/csv",)), 406),
    (errors.NoSuchResource("collectionId", "x", ("lines",)), 404),
    (errors.Gone("model", "a", "b"), 410),
    (RevisionAhead(9, 1), 404),
    (RevisionGone(1, "its network is not kept"), 410),
    (UnknownScenario("x"), 404),
    (ScenarioMoved("x@y"), 410),
    (ViewError("at", "2999", "it lies in the future"), 400),
    (Unauthorized("sign in"), 401),
    (Forbidden("ann", "read", "operate"), 403),
    (errors.Overloaded(3), 503),
    (LinkError("Host", "<>"), 400),
    (PhaseError("phases 'X'"), 400),
    (UnknownMrid("x"), 404),
    (NoSuchFeature("lines", 0), 404),
    (SwitchingError("x", "is locked"), 422),
    (StaleRevision(1, 2), 409),
    (IdempotencyConflict("k"), 422),
    (TraceError("kind", 1, "no"), 400),
    (TileAddressError("z", 9, 10, 16), 404),
    (UnknownTileset("roads"), 404),
    (UnknownLayer("roads", ("lines",)), 400),
    (FilterError("no property", "volts"), 400),
    (StoreError("broken"), 503),
]


def test_every_rule_has_an_example() -> None:
    assert {type(error) for error, _ in EXAMPLES} == set(errors.RULES)


@pytest.mark.parametrize("error", [StoreMissing("x"), StoreLocked("x"), StoreInvalid("x")])
def test_a_kind_of_store_error_is_a_store_error(error: Exception) -> None:
    assert errors.rule_of(error).status == 503


def test_an_exception_of_ours_without_a_rule_has_none() -> None:
    with pytest.raises(KeyError, match="ValueError"):
        errors.rule_of(ValueError())


@pytest.fixture
def raising(network: Network, connect: Connect) -> Client:
    """A server whose /raise raises the example of that number."""

    async def endpoint(request: Request) -> Response:
        raise [*(error for error, _ in EXAMPLES), ZeroDivisionError("a secret")][request.path_params["number"]]

    client = connect(Twin(network))
    client.app.router.routes.append(Route("/raise/{number:int}", endpoint))
    return client


@pytest.mark.parametrize(("number", "status"), list(enumerate(status for _, status in EXAMPLES)))
def test_the_table_is_what_clients_get(raising: Client, number: int, status: int) -> None:
    answer = raising.get(f"/raise/{number}")
    problem = answer.json()
    assert (answer.status_code, problem["status"]) == (status, status)
    assert problem["detail"] == str(EXAMPLES[number][0])
    assert problem["type"].startswith("http://twin.test/docs#")
    assert answer.headers["cache-control"] == "no-store"
    assert None not in problem.values()
    assert ("retry-after" in answer.headers) == (status in (503, 504))


def test_a_fault_of_ours_is_a_500_that_tells_nothing(raising: Client) -> None:
    answer = raising.get(f"/raise/{len(EXAMPLES)}")
    assert (answer.status_code, answer.headers["content-type"]) == (500, "application/problem+json")
    assert "secret" not in answer.text and "Traceback" not in answer.text and "Zero" not in answer.text


@pytest.mark.parametrize("path", ["/nowhere", "/api", "/api/network/", "/tiles/grid/16/1.mvt", "/viewer/none.js"])
def test_an_unknown_path_is_a_problem_too(reader: Client, path: str) -> None:
    answer = reader.get(path)
    assert (answer.status_code, answer.json()["title"]) == (404, "Not Found")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("DELETE", "/api/network", {"GET", "HEAD"}),
        ("GET", "/api/switching", {"POST"}),
        ("PUT", "/api/traces", {"GET", "HEAD", "POST"}),
        ("POST", "/tiles/grid/16/0/0.mvt", {"GET", "HEAD"}),
    ],
)
def test_a_method_that_a_path_does_not_have(reader: Client, method: str, path: str, allowed: set[str]) -> None:
    answer = reader.request(method, path)
    assert (answer.status_code, answer.json()["status"]) == (405, 405)
    assert set(answer.headers["allow"].split(", ")) == allowed


def test_a_server_with_too_much_to_do_says_so(network: Network, connect: Connect) -> None:
    client = connect(Twin(network), threads=1, max_waiting=0)
    go_on = threading.Event()
    client.app.state.context.workers._compute.begin(lambda: go_on.wait(60))
    answers = client.together([("GET", "/api/findings", {}) for _ in range(4)])
    go_on.set()
    assert [answer.status_code for answer in answers] == [503] * 4
    assert answers[0].json()["setting"] == "max_waiting"
    while len(client.app.state.context.workers._compute):
        time.sleep(0.01)
    assert client.get("/api/findings").status_code == 200
