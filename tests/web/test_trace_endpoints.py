"""Traces over HTTP."""

from __future__ import annotations

import base64
import csv
import io
import zlib

import pytest

from tests.web.conftest import Client, Connect, quoted
from twin.engine import Twin
from twin.network import Network
from twin.traces import TraceRequest

DOWN = {"kind": "downstream", "start": ["SW1"]}
OPEN = {"mrid": "SW1", "open": True}


def test_a_trace_has_elements_sums_and_a_place(reader: Client, network: Network) -> None:
    answer = reader.post("/api/traces", DOWN)
    told = answer.json()
    assert (told["kind"], told["status"], told["state"]) == ("downstream", "ok", "current")
    assert (told["model"], told["revision"], answer.headers["gridtwin-revision"]) == (network.model, 0, "0")
    assert [edge["mrid"] for edge in told["edges"]] == ["SW1", "L2"]
    assert {node["mrid"] for node in told["nodes"]} == {"n3", "n4"}
    assert told["customers"] == told["sums"]["customers"] == 3
    assert told["sums"]["length_m"] == 1400
    assert [(each["mrid"], each["reason"]) for each in told["boundaries"]] == [("TIE", "open")]
    assert told["next"] is None
    assert told["id"] == TraceRequest("downstream", ("SW1",)).to_id(network.model, 0)


def test_the_link_gives_the_same_answer(reader: Client) -> None:
    body = {
        "kind": "connected",
        "start": ["n1", "L 1/1"],
        "state": "normal",
        "phases": "AB",
        "terminal": 2,
        "barriers": ["L2", "L3"],
        "filter_barriers": ["T1"],
        "include_barriers": False,
        "ignore_barriers_at_start": True,
        "ignore_status": True,
        "elements": "page",
    }
    posted = reader.post("/api/traces", body)
    assert posted.status_code == 200, posted.text
    as_query = {name: {True: "true", False: "false"}.get(value, value) if isinstance(value, bool) else value
                for name, value in body.items()}  # fmt: skip
    assert reader.get("/api/traces", params=as_query).json() == posted.json()


def test_elements_can_be_left_out(reader: Client) -> None:
    told = reader.post("/api/traces", {**DOWN, "elements": False}).json()
    assert "nodes" not in told and "edges" not in told and told["customers"] == 3
    assert reader.get("/api/traces?kind=downstream&start=SW1&elements=false").json() == told


def test_the_normal_state_can_be_traced_while_a_switch_is_open(client: Client) -> None:
    client.switch("SW1", opened=True)
    now, normal = (
        client.post("/api/traces", {"kind": "downstream", "start": ["CB1"], "state": state}).json()
        for state in ("current", "normal")
    )
    assert (now["customers"], normal["customers"]) == (1, 4)


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        ("application/json", "application/json"),
        ("*/*", "application/json"),
        ("application/*", "application/json"),
        ("application/geo+json", "application/geo+json"),
        ("text/csv", "text/csv; charset=utf-8"),
        ("text/*;q=0.9, application/json;q=0.1", "text/csv; charset=utf-8"),
        ("text/html, */*;q=0.1", "application/json"),
        ("application/geopackage+sqlite3", "application/geopackage+sqlite3"),
    ],
)
def test_a_trace_comes_in_the_form_asked_for(reader: Client, accept: str, media_type: str) -> None:
    answer = reader.post("/api/traces", DOWN, headers={"Accept": accept})
    assert (answer.status_code, answer.headers["content-type"]) == (200, media_type)
    assert "Accept" in answer.headers["vary"].split(", ")


def test_geojson_and_csv_hold_the_same_elements(reader: Client) -> None:
    geojson = reader.post("/api/traces", DOWN, headers={"Accept": "application/geo+json"}).json()
    table = list(csv.DictReader(io.StringIO(reader.post("/api/traces", DOWN, headers={"Accept": "text/csv"}).text)))
    mrids = [feature["properties"]["mrid"] for feature in geojson["features"]]
    assert mrids == [row["mrid"] for row in table] == ["SW1", "L2", "c4"]
    assert geojson["features"][1]["geometry"]["type"] == "LineString"


@pytest.mark.parametrize("accept", ["image/png", "application/json;q=0", "text/html"])
def test_a_form_that_is_not_on_offer_is_refused(reader: Client, accept: str) -> None:
    answer = reader.post("/api/traces", DOWN, headers={"Accept": accept})
    assert (answer.status_code, answer.json()["field"], answer.json()["value"]) == (406, "Accept", accept)


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ([], 400, ""),
        ({}, 400, "/kind"),
        ({"kind": "downstream"}, 400, "/start"),
        ({"kind": "sideways", "start": ["SW1"]}, 400, "/kind"),
        ({"kind": ["downstream"], "start": ["SW1"]}, 400, "/kind"),
        ({"kind": "downstream", "start": []}, 400, "/start"),
        ({"kind": "downstream", "start": "SW1"}, 400, "/start"),
        ({"kind": "downstream", "start": [1]}, 400, "/start"),
        ({"kind": "downstream", "start": ["SW1", "gone"]}, 404, "/start/1"),
        ({**DOWN, "barriers": ["gone"]}, 404, "/barriers/0"),
        ({**DOWN, "barriers": ["n1"]}, 400, "/barriers/0"),
        ({**DOWN, "phases": "X"}, 400, "/phases"),
        ({**DOWN, "phases": "N"}, 400, "/phases"),
        ({**DOWN, "phases": 1}, 400, "/phases"),
        ({**DOWN, "terminal": 3}, 400, "/terminal"),
        ({**DOWN, "terminal": True}, 400, "/terminal"),
        ({**DOWN, "start": ["n1"], "terminal": 1}, 400, "/terminal"),
        ({**DOWN, "include_barriers": "yes"}, 400, "/include_barriers"),
        ({**DOWN, "ignore_status": True}, 400, "/ignore_status"),
        ({**DOWN, "state": "planned"}, 400, "/state"),
        ({**DOWN, "mode": "all"}, 400, "/mode"),
        ({**DOWN, "elements": "some"}, 400, "/elements"),
        ({**DOWN, "elements": True}, 400, "/elements"),
        ({**DOWN, "elements": None}, 400, "/elements"),
        ({**DOWN, "elements": []}, 400, "/elements"),
        ({**DOWN, "scenario": 1}, 400, "/scenario"),
        ({**DOWN, "n": 2}, 400, "/n"),
        ({**DOWN, "to": ["n1"]}, 400, "/to"),
        ({"kind": "shortest_path", "start": ["n1"]}, 400, "/to"),
        ({"kind": "shortest_path", "start": ["n1"], "to": ["n2", "gone"]}, 404, "/to/1"),
        ({"kind": "shortest_path", "start": ["n1"], "to": ["n2"], "weight": "price"}, 400, "/weight"),
        ({"kind": "protection", "start": ["n1"], "n": 0}, 400, "/n"),
        ({"kind": "isolation", "start": ["n1"], "phases": "A"}, 400, "/phases"),
        ({"kind": "outage"}, 400, "/operations"),
        ({"kind": "outage", "operations": []}, 400, "/operations"),
        ({"kind": "outage", "operations": [{"mrid": "SW1"}]}, 400, "/operations/0/open"),
        ({"kind": "outage", "operations": [OPEN, {**OPEN, "phases": "X"}]}, 400, "/operations/1/phases"),
        ({"kind": "outage", "operations": [OPEN, {**OPEN, "mrid": "gone"}]}, 404, "/operations/1/mrid"),
        ({"kind": "outage", "operations": [OPEN, {**OPEN, "open": False}]}, 422, "/operations/1/mrid"),
        ({"kind": "outage", "operations": [OPEN, {**OPEN, "mrid": "L2"}]}, 422, "/operations/1/mrid"),
        ({"kind": "outage", "operations": [{**OPEN, "mrid": "J"}]}, 422, "/operations/0/mrid"),
        ({"kind": "outage", "operations": [{**OPEN, "phases": "N"}]}, 422, "/operations/0/mrid"),
        ({"kind": "outage", "operations": [OPEN], "start": ["n1"]}, 400, "/start"),
    ],
)
def test_a_wrong_body_names_the_field(reader: Client, body: object, status: int, field: str) -> None:
    answer = reader.post("/api/traces", body)
    assert (answer.status_code, answer.json()["field"]) == (status, field)


@pytest.mark.parametrize(
    ("query", "status", "field"),
    [
        ("", 400, "kind"),
        ("kind=downstream", 400, "start"),
        ("kind=downstream&start=gone", 404, "start"),
        ("kind=downstream&start=SW1&terminal=x", 400, "terminal"),
        ("kind=downstream&start=SW1&terminal=0", 400, "terminal"),
        ("kind=downstream&start=SW1&include_barriers=1", 400, "include_barriers"),
        ("kind=downstream&start=SW1&elements=none", 400, "elements"),
        ("kind=downstream&kind=upstream&start=SW1", 400, "kind"),
        ("kind=downstream&start=SW1&colour=1", 400, "colour"),
        ("kind=downstream&start=SW1&n=1", 400, "n"),
        ("kind=protection&start=SW1&n=0", 400, "n"),
        ("kind=outage", 400, "operations"),
        ("kind=outage&open=gone", 404, "open"),
        ("kind=outage&open=L2", 422, "open"),
        ("kind=outage&open=SW1&close=SW1", 422, "close"),
        ("kind=outage&operations=SW1", 400, "operations"),
        ("kind=outage&operations=[]", 400, "operations"),
        ('kind=outage&operations={"mrid":"SW1","open":true,"phases":"Q"}', 400, "operations"),
        ('kind=outage&operations={"mrid":"SW1","open":true,"phases":"N"}', 422, "operations"),
    ],
)
def test_a_wrong_link_names_the_parameter(reader: Client, query: str, status: int, field: str) -> None:
    answer = reader.get(f"/api/traces?{query}")
    assert (answer.status_code, answer.json()["field"]) == (status, field)


@pytest.mark.parametrize("accept", ["text/csv", "application/geo+json", "application/geopackage+sqlite3"])
def test_a_file_has_no_pages(reader: Client, accept: str) -> None:
    answer = reader.post("/api/traces", {**DOWN, "elements": "page"}, headers={"Accept": accept})
    assert (answer.status_code, answer.json()["field"]) == (400, "/elements")


def test_a_batch_has_a_limit_and_operates_nothing(network: Network, connect: Connect) -> None:
    client = connect(Twin(network), max_operations=2)
    batch = [{"mrid": mrid, "open": True} for mrid in ("SW1", "CB1", "CB2")]
    answer = client.post("/api/traces", {"kind": "outage", "operations": batch})
    assert (answer.status_code, answer.json()["field"]) == (400, "/operations")
    assert "2 is the limit" in answer.json()["detail"]
    told = client.post("/api/traces", {"kind": "outage", "operations": batch[:2]}).json()
    assert (told["lost"]["customers"], client.get("/api/network").json()["customers_out"]) == (4, 0)


def test_a_dead_start_is_no_error(client: Client) -> None:
    client.switch("CB1", opened=True)
    told = client.post("/api/traces", {"kind": "upstream", "start": ["n3"]})
    assert (told.status_code, told.json()["status"]) == (200, "not_energized")


# --- pages ------------------------------------------------------------------------------------------------------------


def test_pages_hold_every_element_once(reader: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("twin.trace_result.PAGE", 4)
    whole = reader.post("/api/traces", {"kind": "connected", "start": ["b"]}).json()
    page = reader.post("/api/traces", {"kind": "connected", "start": ["b"], "elements": "page"}).json()
    assert page["next"].startswith(f"http://twin.test/api/traces/{whole['id']}/elements?after=")
    edges, nodes = page["edges"], page["nodes"]
    while page["next"]:
        page = reader.get(page["next"]).json()
        edges, nodes = edges + page["edges"], nodes + page["nodes"]
    assert (edges, nodes) == (whole["edges"], whole["nodes"])


def test_a_trace_can_be_read_again_after_a_switching_and_a_restart(twin: Twin, connect: Connect) -> None:
    client = connect(twin)
    told = client.post("/api/traces", {"kind": "downstream", "start": ["CB1"]}).json()
    client.switch("SW1", opened=True)
    assert twin.store is not None
    for later in (client, connect(Twin.from_store(twin.store))):
        page = later.get(f"/api/traces/{told['id']}/elements")
        assert page.headers["gridtwin-revision"] == "1"
        assert (page.json()["edges"], page.json()["nodes"]) == (told["edges"], told["nodes"])
        assert (
            later.get(f"/api/traces/{told['id']}/elements", headers={"If-None-Match": page.headers["etag"]}).status_code
            == 304
        )


def test_an_id_can_be_made_by_anybody(client: Client, network: Network) -> None:
    client.switch("SW1", opened=True)
    request = TraceRequest("downstream", ("CB1",))
    counts = [
        len(client.get(f"/api/traces/{request.to_id(network.model, revision)}/elements").json()["nodes"])
        for revision in (1, 2)
    ]
    assert counts == [4, 2]


@pytest.mark.parametrize(
    ("model", "revision", "status", "field"),
    [
        ("0000", 1, 410, "model"),
        (None, 99, 404, "revision"),
        (None, -1, 410, "revision"),
        (None, 0, 410, "revision"),
    ],
)
@pytest.mark.parametrize("state", ["current", "normal"])
def test_an_id_of_a_state_that_is_not_there_is_refused(
    client: Client, network: Network, model: str | None, revision: int, status: int, field: str, state: str
) -> None:
    if state == "normal" and revision == 0:
        return  # the normal state is the same at every revision
    request = TraceRequest.from_json({"kind": "downstream", "start": ["CB1"], "state": state})
    answer = client.get(f"/api/traces/{request.to_id(model or network.model, revision)}/elements")
    assert (answer.status_code, answer.json()["field"]) == (status, field)


@pytest.mark.parametrize("trace_id", ["x", "eJw", "!!!!", "é", "a" * 9000, "%00"])
def test_what_is_no_id_is_refused(reader: Client, trace_id: str) -> None:
    answer = reader.get(f"/api/traces/{trace_id if trace_id == '%00' else quoted(trace_id)}/elements")
    assert (answer.status_code, answer.json()["field"]) == (400, "id")


@pytest.mark.parametrize(
    "text",
    [
        b"[" * 400_000,
        b"9" * 5_000,
        b'["\\ud800", 1, {"kind": "upstream", "start": ["n1"]}]',
        b'["m", 1, {"kind": "upstream", "start": ["\\ud800"]}]',
        b'["m", 1, {"kind": "upstream", "start": ["n1"], "scenario": 1}]',
        b'["m", "1", {}]',
        b"\xff",
    ],
)
def test_an_id_made_with_ill_intent_is_refused(reader: Client, text: bytes) -> None:
    trace_id = base64.urlsafe_b64encode(zlib.compress(text, 9)).decode().rstrip("=")
    for path in (f"/api/traces/{trace_id}/elements", f"/tiles/grid/10/0/0.mvt?trace={trace_id}"):
        answer = reader.get(path)
        assert (answer.status_code, answer.headers["content-type"]) == (400, "application/problem+json")


def test_a_twin_without_a_store_remembers_its_older_states(network: Network, connect: Connect) -> None:
    client = connect(Twin(network), cached_traces=0)
    told = client.post("/api/traces", DOWN).json()
    client.switch("SW1", opened=True)
    page = client.get(f"/api/traces/{told['id']}/elements").json()
    assert (page["edges"], page["nodes"]) == (told["edges"], told["nodes"])
