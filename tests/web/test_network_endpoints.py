"""Network, elements, search, outages and findings over HTTP."""

from __future__ import annotations

import pytest

from tests.web.conftest import LAT, LNG, STEP, Client, Connect, quoted
from twin.components import AC_LINE_SEGMENT, CONNECTIVITY_NODE, ENERGY_SOURCE, Table
from twin.engine import Twin
from twin.network import Network


def test_the_network_tells_what_it_is(reader: Client, network: Network) -> None:
    told = reader.get("/api/network").json()
    assert told["name"] == "tiny" and told["model"] == network.model and told["revision"] == 0
    assert told["counts"] | {"nodes": 9, "lines": 3, "switches": 5, "switches_open": 1, "meters": 3} == told["counts"]
    assert (told["customers"], told["customers_out"]) == (6, 0)
    assert told["bounds"] == pytest.approx([LNG, LAT - STEP, LNG + 5 * STEP, LAT])
    assert told["sources"] == [{"mrid": "grid", "name": "", "lng": LNG, "lat": LAT}]
    assert sorted(feeder["customers"] for feeder in told["feeders"]) == [2, 4]
    assert told["zooms"] == {"hexes": [0, 12], "grid": [10, 16], "feeders": [0, 10]}


def test_an_element_by_an_mrid_with_a_slash_and_a_space(reader: Client) -> None:
    told = reader.get(f"/api/elements/{quoted('L 1/1')}").json()
    assert (told["mrid"], told["class"], told["name"]) == ("L 1/1", "AcLineSegment", "overhead α")
    assert told["customers_downstream"] == 4
    assert told["nodes"] == ["n1", "n2"]
    assert reader.get("/api/elements/L%201/1").json() == told


def test_an_element_by_layer_and_id_is_the_same_card(reader: Client, network: Network) -> None:
    by_mrid = reader.get("/api/elements/SW1").json()
    where = {"layer": by_mrid["layer"], "id": by_mrid["id"], "model": network.model}
    assert reader.get("/api/elements", params=where).json() == by_mrid


@pytest.mark.parametrize(
    ("path", "status", "field", "value"),
    [
        ("/api/elements/nothing", 404, "mrid", "nothing"),
        ("/api/elements/", 404, "mrid", ""),
        ("/api/elements/SW1?state=now", 400, "state", "now"),
        ("/api/elements", 400, "layer", None),
        ("/api/elements?layer=lines", 400, "id", None),
        ("/api/elements?layer=lines&id=x", 400, "id", "x"),
        ("/api/elements?layer=lines&id=-1", 400, "id", "-1"),
        ("/api/elements?layer=lines&id=99999999999999999999", 400, "id", "9" * 20),
        ("/api/elements?layer=lines&id=0", 404, "id", 0),
        ("/api/elements?layer=lines&id=4", 404, "id", 4),
        ("/api/elements?layer=roads&id=1", 404, "id", 1),
        ("/api/elements?layer=lines&id=1&model=0000", 410, "model", "0000"),
        ("/api/elements?layer=lines&layer=lines&id=1", 400, "layer", "lines"),
        ("/api/search", 400, "q", None),
        ("/api/search?q=a&limit=0", 400, "limit", 0),
        ("/api/search?q=a&limit=101", 400, "limit", 101),
        ("/api/search?q=a&limit=1.5", 400, "limit", "1.5"),
        ("/api/search?q=a&limit=%D9%A1", 400, "limit", "١"),
        ("/api/network?x=1", 400, "x", "1"),
        ("/api/outages?x=1", 400, "x", "1"),
        ("/api/findings?x=1", 400, "x", "1"),
        ("/api/findings?kind=typo", 400, "kind", "typo"),
        ("/api/findings?severity=", 400, "severity", ""),
        ("/api/findings?limit=0", 400, "limit", 0),
        ("/api/findings?limit=10001", 400, "limit", 10_001),
        ("/api/findings?after=-1", 400, "after", "-1"),
    ],
)
def test_a_wrong_request_is_told_what_is_wrong(
    reader: Client, path: str, status: int, field: str, value: object
) -> None:
    answer = reader.get(path)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert (problem["status"], problem["field"], problem.get("value")) == (status, field, value)
    assert problem["title"] and problem["detail"]


def test_search_finds_whatever_the_case(reader: Client) -> None:
    found = reader.get("/api/search", params={"q": "sw1", "limit": 1}).json()["results"]
    assert [(hit["mrid"], hit["class"], hit["lng"]) for hit in found] == [("SW1", "Switch", LNG + 2 * STEP)]
    assert reader.get("/api/search", params={"q": "ΑΒΓ"}).json() == {"results": []}
    assert reader.get("/api/search", params={"q": "OVERHEAD Α"}).json()["results"][0]["mrid"] == "L 1/1"


def test_a_query_that_is_too_long_is_repeated_in_part_only(reader: Client) -> None:
    problem = reader.get("/api/search", params={"q": "a" * 5_000}).json()
    assert problem["limit"] == 200
    assert len(problem["value"]) < 250


def test_an_outage_names_its_cause(client: Client) -> None:
    assert client.get("/api/outages").json() == {"revision": 1, "customers_out": 0, "outages": []}
    client.switch("SW1", opened=True)
    told = client.get("/api/outages").json()
    assert (told["revision"], told["customers_out"]) == (2, 3)
    (outage,) = told["outages"]
    assert (outage["customers"], outage["nodes"], outage["cause"]) == (3, 2, "SW1")
    assert outage["since"] is not None and outage["substation"] == "North"


def test_findings_are_counted_by_kind(reader: Client) -> None:
    told = reader.get("/api/findings").json()
    assert sum(told["counts"].values()) == len(told["findings"]) == told["total"] > 0
    assert told["next"] is None


def test_findings_come_in_pages_and_by_kind_and_severity(connect: Connect) -> None:
    client = connect(Twin(_faulty()))
    whole = client.get("/api/findings").json()
    assert len(whole["counts"]) > 1 and len({finding["severity"] for finding in whole["findings"]}) > 1
    for name in ("kind", "severity"):
        for value in {finding[name] for finding in whole["findings"]}:
            wanted = [finding for finding in whole["findings"] if finding[name] == value]
            told = client.get(f"/api/findings?{name}={value}").json()
            assert (told["findings"], told["total"], told["next"]) == (wanted, len(wanted), None)
            paged, path = [], f"/api/findings?{name}={value}&limit=1"
            while path is not None:
                page = client.get(path).json()
                assert (len(page["findings"]), page["total"], page["counts"]) == (1, len(wanted), told["counts"])
                paged, path = paged + page["findings"], page["next"]
            assert paged == wanted
    beyond = client.get(f"/api/findings?after={whole['total']}").json()
    assert (beyond["findings"], beyond["total"], beyond["next"]) == ([], whole["total"], None)


def _faulty() -> Network:
    """A source that feeds a line of two voltages, and two islands."""
    volts = [20e3, 20e3, 10e3, 20e3, 20e3, 20e3, 20e3]
    tables = {
        "nodes": Table(CONNECTIVITY_NODE, {"mrid": list("sabcdef"), "nominal_voltage_v": volts}),
        "lines": Table(
            AC_LINE_SEGMENT,
            {"mrid": ["sa", "ab", "cd", "ef"], "node1": [0, 1, 3, 5], "node2": [1, 2, 4, 6]},
        ),
        "sources": Table(ENERGY_SOURCE, {"mrid": ["grid"], "node": [0]}),
    }
    return Network.from_tables("faulty", tables)


@pytest.mark.parametrize("path", ["/api/network", "/api/elements/SW1", "/api/outages", "/api/search?q=SW1"])
def test_an_answer_is_asked_for_again_only_after_a_switching(client: Client, path: str) -> None:
    first = client.get(path)
    assert first.headers["gridtwin-revision"] == "1"
    seen = {"If-None-Match": first.headers["etag"]}
    again = client.get(path, headers=seen)
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", first.headers["etag"])
    client.switch("SW1", opened=True)
    changed = client.get(path, headers=seen)
    assert changed.status_code == 200
    assert changed.headers["etag"] != first.headers["etag"]


def test_answers_to_different_questions_have_different_etags(reader: Client) -> None:
    etags = {reader.get(f"/api/search?q={q}&limit={limit}").headers["etag"] for q in "ab" for limit in (1, 2)}
    assert len(etags) == 4


def test_a_twin_that_keeps_no_log_never_confirms_an_etag_of_another(network: Network, connect: Connect) -> None:
    first, second = (connect(Twin(network)) for _ in range(2))
    first.switch("SW1", opened=True)
    second.switch("CB1", opened=True)
    seen = first.get("/api/outages").headers["etag"]
    assert second.get("/api/outages", headers={"If-None-Match": seen}).status_code == 200
