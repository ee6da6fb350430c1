"""What-ifs over HTTP, and every answer that can be asked of one, or of an instant."""

from __future__ import annotations

from urllib.parse import quote

import numpy as np
import pytest

from tests.web.conftest import LAT, LNG, STEP, Client, Connect
from tiles.mercator import lnglat_to_tile
from twin.engine import Twin
from twin.network import Network

X, Y = lnglat_to_tile(LNG + 2 * STEP, LAT, 14)
TILE = f"/tiles/grid/14/{X}/{Y}.mvt"


def make(client: Client, **fields: object) -> dict[str, object]:
    answer = client.post("/api/scenarios", {"name": "maintenance", **fields})
    assert answer.status_code == 201
    told: dict[str, object] = answer.json()
    return told


def step(client: Client, made: dict[str, object], mrid: str, *, opened: bool, **fields: object) -> dict[str, object]:
    operations = [{"mrid": mrid, "open": opened}]
    answer = client.post(f"/api/scenarios/{made['id']}/switching", {"operations": operations, **fields})
    assert answer.status_code == 200, answer.json()
    told: dict[str, object] = answer.json()
    return told


def test_a_what_if_from_making_to_deleting(client: Client, twin: Twin) -> None:
    made = make(client, note="of SW1")
    assert (made["revision"], made["base"], made["stale"], made["model"]) == (0, 1, False, twin.network.model)
    result = step(client, made, "SW1", opened=True, expected_revision=0)
    assert result["revision"] == 1 and result["deenergized"] == {"nodes": 2, "customers": 3}
    whole = client.get(f"/api/scenarios/{made['id']}").json()
    assert whole["comparison"]["lost"] == {"nodes": 2, "customers": 3}
    assert sum(feeder["lost"] for feeder in whole["comparison"]["feeders"]) == 3
    assert whole["comparison"]["switches"] == [{"mrid": "SW1", "before": "", "after": "ABC"}]
    assert whole["customers_out"] == 3 and whole["steps"][0]["operations"][0]["mrid"] == "SW1"
    assert client.get("/api/network").json()["customers_out"] == 0 and twin.revision == 1
    undone = client.post(f"/api/scenarios/{made['id']}/switching", {"undo": True})
    assert (undone.json()["revision"], undone.json()["reenergized"]["customers"]) == (0, 3)
    (listed,) = client.get("/api/scenarios").json()["scenarios"]
    assert listed == made
    deleted = client.request("DELETE", f"/api/scenarios/{made['id']}")
    assert (deleted.status_code, deleted.content) == (204, b"")
    assert client.get("/api/scenarios").json() == {"scenarios": []}


@pytest.mark.parametrize("body", [{"undo": True}, {"normal": True}, {"operations": [{"mrid": "SW1", "open": False}]}])
def test_what_a_step_would_do_is_told_before(client: Client, body: dict[str, object]) -> None:
    made = make(client)
    step(client, made, "SW1", opened=True)
    path = f"/api/scenarios/{made['id']}"
    before = client.get(path).json()
    told = client.post(f"{path}/switching", {**body, "dry_run": True, "expected_revision": 1}).json()
    assert told == {"revision": 1, "deenergized": {"nodes": 0, "customers": 0}, "reenergized": told["reenergized"]}
    assert client.get(path).json() == before
    done = client.post(f"{path}/switching", body).json()
    assert done["reenergized"] == told["reenergized"] == {"nodes": 2, "customers": 3}
    assert client.post(f"{path}/switching", {**body, "dry_run": True, "expected_revision": 5}).status_code == 409


@pytest.mark.parametrize("path", ["/api/network", "/api/outages", "/api/elements/SW1", TILE])
def test_every_answer_takes_a_scenario_and_an_instant(client: Client, path: str) -> None:
    before = client.get(path)
    (loaded,) = client.get("/api/events").json()["events"]
    made = make(client)
    step(client, made, "SW1", opened=True)
    scenario = client.get(path, params={"scenario": made["id"]})
    assert scenario.status_code == 200 and scenario.content != before.content
    assert scenario.headers["etag"] != before.headers["etag"]
    assert client.get(path).content == before.content
    client.switch("SW1", opened=True)
    now = client.get(path)
    then = client.get(path, params={"at": loaded["recorded_at"]})
    assert then.content == before.content != now.content
    assert client.get(path, params={"revision": 1}).content == before.content
    normal = client.get(path, params={"scenario": made["id"], "state": "normal"})
    assert normal.status_code == 200
    known = client.get(path, params={"scenario": made["id"]}, headers={"If-None-Match": scenario.headers["etag"]})
    assert known.status_code == 304
    step(client, made, "SW1", opened=False)
    changed = client.get(path, params={"scenario": made["id"]}, headers={"If-None-Match": scenario.headers["etag"]})
    assert changed.status_code == 200


def test_a_scenario_shows_what_live_switching_would(client: Client) -> None:
    made = make(client)
    step(client, made, "SW1", opened=True)
    supposed = client.get(TILE, params={"scenario": made["id"]})
    client.switch("SW1", opened=True)
    assert client.get(TILE).content == supposed.content
    outages = client.get("/api/outages", params={"scenario": made["id"]}).json()["outages"]
    assert [outage["id"] for outage in outages] == [o["id"] for o in client.get("/api/outages").json()["outages"]]


def test_undone_steps_do_not_come_back_from_a_cache(client: Client) -> None:
    made = make(client)
    etags = set()
    for mrid in ("SW1", "CB2"):
        step(client, made, mrid, opened=True)
        etags.add(client.get(TILE, params={"scenario": made["id"]}).headers["etag"])
        client.post(f"/api/scenarios/{made['id']}/switching", {"undo": True})
    assert len(etags) == 2


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "field"),
    [
        ("POST", "/api/scenarios", {}, 400, "/name"),
        ("POST", "/api/scenarios", {"name": " "}, 400, "/name"),
        ("POST", "/api/scenarios", {"name": "x" * 201}, 400, "/name"),
        ("POST", "/api/scenarios", {"name": "x", "base": 99}, 404, "revision"),
        ("POST", "/api/scenarios", {"name": "x", "base": 0}, 410, "revision"),
        ("POST", "/api/scenarios", {"name": "x", "colour": 1}, 400, "/colour"),
        ("GET", "/api/scenarios/none", None, 404, "scenario"),
        ("DELETE", "/api/scenarios/none", None, 404, "scenario"),
        ("POST", "/api/scenarios/none/switching", {"normal": True}, 404, "scenario"),
        ("POST", "/api/scenarios/{id}/switching", {"operations": []}, 400, "/operations"),
        ("POST", "/api/scenarios/{id}/switching", {"undo": True, "normal": True}, 400, "/normal"),
        (
            "POST",
            "/api/scenarios/{id}/switching",
            {"operations": [{"mrid": "CB2", "open": True}, {"mrid": "nobody", "open": True}]},
            404,
            "/operations/1/mrid",
        ),
        (
            "POST",
            "/api/scenarios/{id}/switching",
            {"operations": [{"mrid": "CB2", "open": True}], "expected_revision": 7},
            409,
            "expected_revision",
        ),
        ("GET", "/api/outages?scenario=none", None, 404, "scenario"),
        ("GET", f"{TILE}?scenario=none", None, 404, "scenario"),
        ("GET", f"{TILE}?scenario=none&at=2026-01-01T00:00:00Z", None, 400, "at"),
        ("GET", "/tiles/grid.json?scenario=none", None, 404, "scenario"),
        *(
            ("GET", f"{path}?at=2999-01-01T00:00:00Z", None, 400, "at")
            for path in (TILE, "/tiles/grid.json", "/api/network", "/api/outages", "/api/elements/SW1")
        ),
        ("POST", "/api/traces", {"kind": "upstream", "start": ["SW1"], "at": "2999-01-01T00:00:00Z"}, 400, "at"),
    ],
)
def test_what_is_wrong_is_said(client: Client, method: str, path: str, body: object, status: int, field: str) -> None:
    made = make(client)
    answer = client.request(method, path.replace("{id}", str(made["id"])), json=body)
    assert (answer.status_code, answer.json()["field"].lstrip("/")) == (status, field.lstrip("/"))
    assert client.get(f"/api/scenarios/{made['id']}").json()["steps"] == []


def test_tilejson_and_style_hand_the_view_on(client: Client) -> None:
    made = make(client)
    tiles = client.get("/tiles/grid.json", params={"scenario": made["id"]}).json()["tiles"]
    assert f"scenario={made['id']}" in tiles[0]
    (loaded,) = client.get("/api/events").json()["events"]
    style = client.get("/style.json", params={"at": loaded["recorded_at"]}).json()
    assert f"at={quote(loaded['recorded_at'], safe='')}" in style["sources"]["hexes"]["url"]


def test_a_trace_in_a_scenario_and_at_an_instant(client: Client) -> None:
    asked = {"kind": "downstream", "start": ["CB1"]}
    before = client.post("/api/traces", asked).json()
    (loaded,) = client.get("/api/events").json()["events"]
    made = make(client)
    step(client, made, "SW1", opened=True)
    supposed = client.post("/api/traces", {**asked, "scenario": made["id"]}).json()
    assert supposed["customers"] < before["customers"]
    client.switch("SW1", opened=True)
    assert client.post("/api/traces", asked).json()["nodes"] == supposed["nodes"]
    for then in ({"at": loaded["recorded_at"]}, {"revision": 1}):
        assert client.post("/api/traces", {**asked, **then}).json() == before
        assert client.get("/api/traces", params={**asked, **then}).json() == before
    pages = [client.get(f"/api/traces/{told['id']}/elements").json() for told in (before, supposed)]
    assert [page["nodes"] for page in pages] == [before["nodes"], supposed["nodes"]]
    tile = client.get(TILE, params={"trace": supposed["id"], "scenario": made["id"]})
    assert tile.status_code in (200, 204)


def test_a_trace_in_a_scenario_is_gone_when_the_scenario_moved_on(client: Client) -> None:
    made = make(client)
    step(client, made, "SW1", opened=True)
    told = client.post("/api/traces", {"kind": "downstream", "start": ["CB1"], "scenario": made["id"]}).json()
    assert client.get(f"/api/traces/{told['id']}/elements").status_code == 200
    step(client, made, "CB2", opened=True)
    again = client.post("/api/traces", {"kind": "downstream", "start": ["CB1"], "scenario": made["id"]}).json()
    assert again["id"] != told["id"]
    pinned = client.get(TILE, params={"scenario": told["request"]["scenario"]})
    assert (pinned.status_code, pinned.json()["field"]) == (410, "scenario")
    wrong = client.post("/api/traces", {"kind": "downstream", "start": ["CB1"], "scenario": "x", "revision": 1})
    assert (wrong.status_code, wrong.json()["field"]) == (400, "/revision")
    wrong = client.post("/api/traces", {"kind": "downstream", "start": ["CB1"], "at": "now"})
    assert (wrong.status_code, wrong.json()["field"]) == (400, "/at")


def test_a_normal_trace_under_an_older_model_is_of_its_normal_state(twin: Twin, connect: Connect) -> None:
    client = connect(twin, cached_traces=0)
    client.switch("SW1", opened=True)
    told = client.post("/api/traces", {"kind": "downstream", "start": ["CB1"], "state": "normal"}).json()
    live = client.post("/api/traces", {"kind": "downstream", "start": ["CB1"]}).json()
    assert told["nodes"] != live["nodes"]
    tables = dict(twin.network.tables)
    tables["consumers"] = twin.network.consumers.take(np.arange(3), customer_count=np.array([5, 5, 5]))
    Twin.load(Network.from_tables("grown", tables), twin.store)
    assert twin.catch_up() == 3
    assert twin.network.model != told["model"]
    for before in (told, live):
        assert client.get(f"/api/traces/{before['id']}/elements").json()["nodes"] == before["nodes"]
