"""Switching and the log over HTTP."""

from __future__ import annotations

import json

import pytest

from tests.web.conftest import Client, Connect
from twin.engine import Twin
from twin.network import Network
from twin.store import StoreError


def operation(mrid: str = "SW1", **rest: object) -> dict[str, object]:
    return {"operations": [{"mrid": mrid, "open": True, **rest}]}


def test_switching_tells_who_lost_supply_and_who_got_it_back(client: Client, twin: Twin) -> None:
    lost = client.post("/api/switching", {**operation(), "note": "tree on the line"})
    assert lost.status_code == 200
    assert lost.headers["cache-control"] == "no-store"
    assert lost.json() == {
        "revision": 2,
        "deenergized": {"nodes": 2, "customers": 3},
        "reenergized": {"nodes": 0, "customers": 0},
    }
    assert client.switch("TIE", opened=False)["reenergized"] == {"nodes": 2, "customers": 3}
    assert client.post("/api/switching", {"normal": True}).json()["revision"] == 4 == twin.revision


@pytest.mark.parametrize("body", [operation("CB1"), {"normal": True}])
def test_what_a_batch_would_do_is_told_before(client: Client, twin: Twin, body: dict[str, object]) -> None:
    client.post("/api/switching", operation())
    told = client.post("/api/switching", {**body, "dry_run": True})
    assert (told.status_code, told.headers["cache-control"], told.json()["revision"]) == (200, "no-store", 2)
    assert twin.revision == 2
    done = client.post("/api/switching", body).json()
    assert {**told.json(), "revision": 3} == done and done["deenergized"] != done["reenergized"]
    stale = client.post("/api/switching", {**body, "dry_run": True, "expected_revision": 2})
    assert stale.status_code == 409 and twin.revision == 3
    unknown = client.post("/api/switching", {**operation("no such switch"), "dry_run": True})
    assert (unknown.status_code, unknown.json()["field"]) == (404, "/operations/0/mrid")


def test_one_phase_may_be_opened(client: Client) -> None:
    answer = client.post("/api/switching", operation(phases="B"))
    assert answer.json()["deenergized"] == {"nodes": 2, "customers": 3}
    card = client.get("/api/elements/SW1").json()
    assert (card["open_phases"], card["energized_phases"]) == ("B", "AC")


def test_a_repeated_key_is_answered_as_the_first_time(client: Client, twin: Twin) -> None:
    key = {"Idempotency-Key": "5a1f"}
    first = client.post("/api/switching", operation(), headers=key)
    again = client.post("/api/switching", operation(), headers=key)
    assert first.json() == again.json() and twin.revision == 2
    other = client.post("/api/switching", operation("CB1"), headers=key)
    assert (other.status_code, other.json()["field"], other.json()["value"]) == (422, "Idempotency-Key", "5a1f")
    assert twin.revision == 2


def test_a_stale_revision_is_refused_with_the_present_one(client: Client, twin: Twin) -> None:
    assert client.post("/api/switching", {**operation(), "expected_revision": 1}).status_code == 200
    refused = client.post("/api/switching", {**operation("CB1"), "expected_revision": 1})
    assert refused.status_code == 409
    assert refused.json() | {"field": "/expected_revision", "value": 1, "limit": 2} == refused.json()
    assert twin.revision == 2


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ([], 400, ""),
        ("text", 400, ""),
        (None, 400, ""),
        ({}, 400, "/operations"),
        ({"operations": []}, 400, "/operations"),
        ({"operations": {}}, 400, "/operations"),
        ({"operations": [1]}, 400, "/operations/0"),
        ({"operations": [{}]}, 400, "/operations/0/mrid"),
        ({"operations": [{"mrid": 7, "open": True}]}, 400, "/operations/0/mrid"),
        ({"operations": [{"mrid": "SW1"}]}, 400, "/operations/0/open"),
        ({"operations": [{"mrid": "SW1", "open": 1}]}, 400, "/operations/0/open"),
        ({"operations": [{"mrid": "SW1", "open": "true"}]}, 400, "/operations/0/open"),
        ({"operations": [{"mrid": "SW1", "open": None}]}, 400, "/operations/0/open"),
        (operation(phases="AX"), 400, "/operations/0/phases"),
        (operation(phases=""), 400, "/operations/0/phases"),
        (operation(phases="ABCNA"), 400, "/operations/0/phases"),
        (operation(phases=1), 400, "/operations/0/phases"),
        (operation(**{"a/b~c": 1}), 400, "/operations/0/a~1b~0c"),
        ({**operation(), "note": 5}, 400, "/note"),
        ({**operation(), "note": "x" * 10_001}, 400, "/note"),
        ({**operation(), "note": "a\0b"}, 400, "/note"),
        ({**operation(), "expected_revision": "1"}, 400, "/expected_revision"),
        ({**operation(), "expected_revision": 1.0}, 400, "/expected_revision"),
        ({**operation(), "expected_revision": -1}, 400, "/expected_revision"),
        ({**operation(), "expected_revision": True}, 400, "/expected_revision"),
        ({**operation(), "author": "me"}, 400, "/author"),
        ({**operation(), "normal": True}, 400, "/normal"),
        ({"normal": False}, 400, "/normal"),
        ({"normal": 1}, 400, "/normal"),
        ({"operations": [{"mrid": "CB1", "open": True}, {"mrid": "gone", "open": True}]}, 404, "/operations/1/mrid"),
        (operation("L2"), 422, "/operations/0/mrid"),
        (operation("J"), 422, "/operations/0/mrid"),
        (operation(phases="N"), 422, "/operations/0/mrid"),
        (
            {"operations": [{"mrid": "SW1", "open": True}, {"mrid": "SW1", "open": False}]},
            422,
            "/operations/1/mrid",
        ),
    ],
)
def test_a_wrong_body_names_the_field_and_changes_nothing(
    client: Client, twin: Twin, body: object, status: int, field: str
) -> None:
    answer = client.post("/api/switching", body)
    assert (answer.status_code, answer.json()["field"]) == (status, field)
    assert answer.headers["content-type"] == "application/problem+json"
    assert twin.revision == 1


@pytest.mark.parametrize(
    "text",
    [b"", b"{", b"\xff", b"{} {}", b'{"normal": NaN}', b"[" * 100_000, b'{"normal": true,}', b"\xef\xbb\xbf{}"],
)
def test_what_is_no_json_is_refused(client: Client, text: bytes) -> None:
    answer = client.request("POST", "/api/switching", content=text, headers={"Content-Type": "application/json"})
    assert answer.status_code == 400
    assert answer.json()["field"] == ""


@pytest.mark.parametrize("media_type", ["text/plain", "application/x-www-form-urlencoded", "", "application/jsonp"])
def test_a_form_of_another_site_operates_nothing(client: Client, twin: Twin, media_type: str) -> None:
    content = json.dumps(operation()).encode()
    answer = client.request("POST", "/api/switching", content=content, headers={"Content-Type": media_type})
    assert (answer.status_code, answer.json()["value"]) == (415, media_type)
    assert "access-control-allow-origin" not in answer.headers
    assert twin.revision == 1


def test_json_may_say_its_character_set(client: Client) -> None:
    headers = {"Content-Type": "Application/JSON; charset=utf-8"}
    content = b'{"normal": true}'
    assert client.request("POST", "/api/switching", content=content, headers=headers).status_code == 200


@pytest.mark.parametrize("declared", [True, False])
def test_a_body_over_the_limit_is_refused(twin: Twin, connect: Connect, declared: bool) -> None:
    client = connect(twin, max_body_bytes=1_000)
    whole = json.dumps({**operation(), "note": "x" * 1_000}).encode()

    async def pieces():  # type: ignore[no-untyped-def]
        for start in range(0, len(whole), 100):
            yield whole[start : start + 100]

    content = whole if declared else pieces()
    answer = client.request("POST", "/api/switching", content=content, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["limit"]) == (413, 1_000)
    assert twin.revision == 1


def test_a_batch_over_the_limit_is_refused(twin: Twin, connect: Connect) -> None:
    client = connect(twin, max_operations=2)
    answer = client.post("/api/switching", {"operations": operation()["operations"] * 3})  # type: ignore[operator]
    assert (answer.status_code, answer.json()["limit"]) == (400, 2)


@pytest.mark.parametrize("key", ["", "x" * 256, "tab\t", "é"])
def test_a_wrong_key_is_refused(client: Client, key: str) -> None:
    answer = client.post("/api/switching", operation(), headers={"Idempotency-Key": key.encode("latin-1")})
    assert (answer.status_code, answer.json()["field"]) == (400, "Idempotency-Key")


def test_the_log_tells_what_happened(client: Client, network: Network) -> None:
    client.post("/api/switching", {**operation(phases="A"), "note": "storm"})
    client.post("/api/switching", {"normal": True})
    told = client.get("/api/events").json()
    assert told["revision"] == 3 and told["next"] is None
    loaded, opened, back = told["events"]
    assert (loaded["kind"], loaded["model"], loaded["revision"]) == ("ModelReplaced", network.model, 1)
    assert (opened["kind"], opened["note"]) == ("SwitchOperated", "storm")
    assert opened["operations"] == [{"mrid": "SW1", "open": True, "phases": "A"}]
    assert back["normal"] is True
    assert loaded["recorded_at"] <= opened["recorded_at"] <= back["recorded_at"]


def test_the_log_comes_in_pages(client: Client) -> None:
    for opened in (True, False, True, False):
        client.switch("SW1", opened=opened)
    url, revisions = "/api/events?since=1&limit=3", []
    while url:
        page = client.get(url).json()
        revisions.append([event["revision"] for event in page["events"]])
        url = page["next"]
    assert revisions == [[2, 3, 4], [5]]
    assert client.get("/api/events?since=5").json() == {"events": [], "revision": 5, "next": None}
    assert client.get("/api/events?since=900").json() == {"events": [], "revision": 5, "next": None}


@pytest.mark.parametrize("query", ["since=-1", "since=x", "limit=0", "limit=1001", "until=4"])
def test_a_wrong_page_is_refused(client: Client, query: str) -> None:
    answer = client.get(f"/api/events?{query}")
    assert (answer.status_code, answer.json()["field"]) == (400, query.partition("=")[0])


def test_a_twin_without_a_store_keeps_its_log_in_memory(network: Network, connect: Connect) -> None:
    client = connect(Twin(network))
    assert client.switch("SW1", opened=True)["revision"] == 1
    log = client.get("/api/events").json()
    assert [event["revision"] for event in log["events"]] == [1]
    assert log["events"][0]["operations"] == [{"mrid": "SW1", "open": True, "phases": None}]


def test_many_writers_at_once_all_get_a_revision_of_their_own(client: Client, twin: Twin) -> None:
    requests = [("POST", "/api/switching", {"json": operation("SW1" if n % 2 else "CB1")}) for n in range(20)]
    answers = client.together(requests)
    assert sorted(answer.json()["revision"] for answer in answers) == list(range(2, 22))
    assert [event["revision"] for event in client.get("/api/events").json()["events"]] == list(range(1, 22))


def test_a_store_that_fails_is_said_and_nothing_is_changed(
    client: Client, twin: Twin, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise StoreError("the disk is full")

    assert twin.store is not None
    monkeypatch.setattr(twin.store, "writing", full)
    answer = client.post("/api/switching", operation())
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert answer.json()["detail"] == "the disk is full"
    assert client.get("/api/outages").json()["customers_out"] == 0
