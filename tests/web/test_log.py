"""The log: who asked for what, by which name, and no secrets."""

from __future__ import annotations

import io
import json
import logging
import re
import threading
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tests.web.conftest import Client, Connect, Served
from tests.web.test_ready import GZIP, TILE, Connection
from twin.engine import Twin
from twin.network import Network
from web import log
from web.access import add_token
from web.log import FIELDS, Lines, without_secrets, written_log
from web.settings import Settings


def written(call: Callable[[], object], **settings: object) -> list[str]:
    """What is logged meanwhile."""
    stream = io.StringIO()
    with written_log(Settings(**settings), stream) as lines:  # type: ignore[arg-type]
        call()
    lines._writer.join(60)  # a busy machine may need longer than it is given
    return stream.getvalue().splitlines()


def test_a_line_of_json_tells_of_a_request(client: Client) -> None:
    def ask() -> None:
        client.get("/api/elements/SW1?state=normal", headers={"X-Request-ID": "ann:1"})
        client.get("/nowhere/secret?token=hidden")

    lines = written(ask, log_format="json", log_requests="all")
    first, second = map(json.loads, lines)
    assert set(first) == {"time", "level", "logger", "message", "request_id", *FIELDS}
    assert (first["method"], first["route"], first["status"]) == ("GET", "/api/elements/{mrid:path}", 200)
    assert (first["request_id"], first["level"], first["author"]) == ("ann:1", "info", "")
    assert first["bytes"] > 100 and first["duration_ms"] > 0 and first["time"].endswith("+00:00")
    assert (second["route"], second["status"]) == ("unknown", 404)
    assert "SW1" not in lines[0] and "secret" not in lines[1] and "hidden" not in lines[1]


def test_a_line_for_people(client: Client) -> None:
    lines = written(lambda: client.get("/healthz", headers={"X-Request-ID": "ann:1"}), log_requests="all")
    assert len(lines) == 1
    assert " info    GET /healthz 200 " in lines[0] and lines[0].endswith(" [ann:1]")


@pytest.mark.parametrize(("wanted", "count"), [("all", 2), ("errors", 1), ("none", 0)])
def test_what_is_told_is_a_setting(client: Client, wanted: str, count: int) -> None:
    async def broken(_: Request) -> Response:
        return Response(status_code=503)

    client.app.router.routes.append(Route("/broken", broken))
    lines = written(lambda: [client.get(path) for path in ("/healthz", "/broken")], log_requests=wanted)
    assert len(lines) == count


def test_a_request_has_one_name_everywhere(client: Client) -> None:
    given = client.get("/nowhere", headers={"X-Request-ID": "a-b.c_d:1"})
    assert given.headers["x-request-id"] == given.json()["request_id"] == "a-b.c_d:1"
    made = [client.get("/nowhere", headers=headers) for headers in ({}, {"X-Request-ID": "x y"}, {"X-Request-ID": ""})]
    made.append(client.get("/nowhere", headers={"X-Request-ID": "x" * 65}))
    names = [answer.headers["x-request-id"] for answer in made]
    assert [answer.json()["request_id"] for answer in made] == names
    assert len(set(names)) == 4 and all(0 < len(name) <= 64 and " " not in name for name in names)


def test_a_fault_of_ours_is_found_by_the_name_in_its_answer(client: Client) -> None:
    async def broken(_: Request) -> Response:
        raise ZeroDivisionError("Authorization: Bearer hidden-token")

    client.app.router.routes.append(Route("/broken", broken))
    answer: list[httpx.Response] = []
    line = json.loads(written(lambda: answer.append(client.get("/broken")), log_format="json")[0])
    assert answer[0].status_code == 500
    assert answer[0].headers["x-request-id"] == answer[0].json()["request_id"] == line["request_id"]


def test_a_traceback_is_written_and_hides_secrets() -> None:
    def fail() -> None:
        try:
            raise ValueError("postgresql://ann:hidden@db/grid and Bearer hidden")
        except ValueError:
            logging.getLogger("somewhere").exception("it failed with token=hidden")

    for form in ("json", "text"):
        whole = "\n".join(written(fail, log_format=form))
        assert "ValueError" in whole and "test_log.py" in whole
        assert "hidden" not in whole


def test_secrets_are_hidden() -> None:
    assert without_secrets("Bearer abc.def-1, gridtwin_token=x; a token=y&b=1") == (
        "Bearer ***, gridtwin_token=***; a token=***&b=1"
    )


def test_no_token_shows_anywhere(twin: Twin, serve: Callable[..., Served], tmp_path: Path) -> None:
    path = tmp_path / "tokens"
    token = add_token(path, "ann", "admin")
    wrong = token[:-1] + ("A" if token[-1] != "A" else "B")
    told: list[str] = []

    def ask() -> None:
        served = serve(twin, token_file=str(path))
        with httpx.Client(base_url=served.url, timeout=20) as http:
            header, cookie = {"Authorization": f"Bearer {token}"}, {"Cookie": f"gridtwin_token={token}"}
            body = {"operations": [{"mrid": "SW1", "open": True}]}
            for target in (f"/api/network?secret={token}", f"/{token}"):  # repeated to who sent it, and to nobody else
                http.get(target, headers=cookie)
            answers = [
                http.post("/api/switching", json=body, headers=header),
                http.get("/api/network", headers=cookie),
                http.get("/api/network", headers={"Authorization": f"Bearer {wrong}"}),
                http.get("/api/network", headers={"Authorization": token}),
                http.get("/metrics", headers=header),
                http.get("/api/events", headers=header),
            ]
            told.extend(answer.text + repr(answer.headers) for answer in answers)
        served.stop()

    lines = written(ask, log_format="json", log_requests="all")
    whole = "\n".join(lines + told)
    assert {json.loads(line)["author"] for line in lines} == {"ann", ""}
    assert "gridtwin_http_requests_total" in whole
    assert token not in whole and wrong not in whole


def test_what_is_ready_is_logged_too(twin: Twin, serve: Callable[..., Served]) -> None:
    def ask() -> None:
        connection = Connection(serve(twin, log_requests="all"))
        for number in range(3):
            status, headers, _ = connection.ask(TILE, GZIP, f"X-Request-ID: ask-{number}")
            assert (status, headers["x-request-id"]) == (200, f"ask-{number}")
        connection.close()

    lines = [json.loads(line) for line in written(ask, log_format="json", log_requests="all")]
    assert [line["request_id"] for line in lines] == ["ask-0", "ask-1", "ask-2"]
    assert len({(line["route"], line["status"], line["bytes"]) for line in lines}) == 1


def test_a_log_that_nobody_reads_holds_nobody_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log, "MOST_WAITING", 2)
    go_on = threading.Event()

    class Stuck(io.StringIO):
        def write(self, text: str) -> int:
            go_on.wait(60)
            return super().write(text)

    stream = Stuck()
    lines = Lines(stream)
    for number in range(10):
        lines.emit(logging.makeLogRecord({"msg": f"line {number}"}))
    assert lines.lost >= 7
    go_on.set()
    lines.finish()
    lines._writer.join(60)
    assert stream.getvalue().startswith("line 0\n")


def test_a_log_whose_reader_is_gone(network: Network, connect: Connect) -> None:
    stream = io.StringIO()
    stream.close()
    with written_log(Settings(log_requests="all"), stream) as lines:
        assert connect(Twin(network)).get("/healthz").status_code == 200
    assert lines.lost == 1


def test_operations_md_names_every_field() -> None:
    text = (Path(__file__).resolve().parents[2] / "docs" / "operations.md").read_text(encoding="utf-8")
    table = text.partition("## The log")[2].partition("\n\nThe id")[0]
    cells = re.findall(r"^\| (`[^|]+) \|", table, re.MULTILINE)
    named = {field for cell in cells for field in re.findall(r"`(\w+)`", cell)}
    assert named == {"time", "level", "logger", "message", "request_id", "traceback", *FIELDS}
