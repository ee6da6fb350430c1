"""Traces by mrid: what is asked, what is answered."""

from __future__ import annotations

import csv
import io
import json

import pytest

from tests.twin.networks import F1, draw
from twin.engine import Twin
from twin.mrids import UnknownMrid
from twin.traces import TraceError, TraceRequest, run


@pytest.fixture
def twin():
    loads = {"load 3": "3", "load 4": "4"}
    return Twin(draw(F1, sources="S T", opened="b5", consumers=loads, feeders=[("b1", "1"), ("b7", "6")]))


def traced(twin, **request):
    return run(twin.current, TraceRequest.from_json(request)).to_json()


def mrids(answer, part):
    return {element["mrid"] for element in answer[part]}


def test_f1_downstream(twin):
    answer = traced(twin, kind="downstream", start=["b3"])
    assert (mrids(answer, "edges"), mrids(answer, "nodes")) == ({"b3", "c4"}, {"3", "4"})
    assert [(b["mrid"], b["reason"]) for b in answer["boundaries"]] == [("b5", "open")]
    assert answer["customers"] == 2 and answer["status"] == "ok"
    assert answer["sums"]["counts"]["Switch"] == answer["sums"]["counts"]["AcLineSegment"] == 1
    assert answer["sums"]["length_m"] == 100
    assert answer["bounds"] == pytest.approx([9.002, 52, 9.004, 52])


def test_f1_upstream(twin):
    answer = traced(twin, kind="upstream", start=["c4"])
    assert mrids(answer, "edges") == {"c4", "b3", "c2", "b1"}
    assert mrids(answer, "nodes") == {"3", "2", "1"}
    assert mrids(answer, "sources") == {"source S"}


def test_f1_feeders_share_the_tie(twin):
    for start in ("b1", "feeder b1", "load 3"):
        answer = traced(twin, kind="subnetwork", start=[start])
        assert mrids(answer, "nodes") == {"1", "2", "3", "4"}, start
        assert "b5" in mrids(answer, "boundaries")
    assert "b5" in mrids(traced(twin, kind="subnetwork", start=["b7"]), "boundaries")
    nothing = traced(twin, kind="subnetwork", start=["S"])
    assert (nothing["status"], nothing["nodes"], nothing["edges"]) == ("no_feeder", [], [])


def test_barriers_and_ignored_status(twin):
    assert mrids(traced(twin, kind="connected", start=["S"], barriers=["b3"]), "nodes") == {"S", "1", "2"}
    whole = traced(twin, kind="connected", start=["S"], ignore_status=True)
    assert mrids(whole, "nodes") == {"S", "T", *"123456"}


def test_what_is_needed_and_what_exists(twin):
    for missing in ("kind", "start"):
        with pytest.raises(TraceError, match="it is needed"):
            TraceRequest.from_json({k: v for k, v in {"kind": "connected", "start": ["S"]}.items() if k != missing})
    with pytest.raises(UnknownMrid, match="'zzz'"):
        traced(twin, kind="connected", start=["zzz"])
    with pytest.raises(TraceError, match="a barrier must be a line"):
        traced(twin, kind="connected", start=["S"], barriers=["load 3"])
    with pytest.raises(TraceError, match="no line, switch or transformer"):
        traced(twin, kind="connected", start=["S"], terminal=1)


def test_geojson_and_csv(twin):
    result = run(twin.current, TraceRequest("downstream", ("b3",)))
    collection = json.loads(json.dumps(result.to_geojson()))
    geometries = {f["properties"]["mrid"]: f["geometry"]["type"] for f in collection["features"]}
    assert geometries == {"b3": "Point", "c4": "LineString", "load 3": "Point", "load 4": "Point"}
    rows = list(csv.DictReader(io.StringIO(result.to_csv(), newline="")))
    assert [(r["class"], r["mrid"], r["customers"]) for r in rows] == [
        ("Switch", "b3", ""),
        ("AcLineSegment", "c4", ""),
        ("EnergyConsumer", "load 3", "1"),
        ("EnergyConsumer", "load 4", "1"),
    ]
    assert float(rows[1]["lng"]) == pytest.approx(9.0035)


def test_pages_make_the_whole(twin, monkeypatch):
    monkeypatch.setattr("twin.trace_result.PAGE", 3)
    result = run(twin.current, TraceRequest("connected", ("S",)))
    at, edges, nodes = 0, [], []
    while at is not None:
        page = result.page(at)
        assert 0 < len(page["edges"]) + len(page["nodes"]) <= 3
        edges, nodes, at = edges + page["edges"], nodes + page["nodes"], page["next"]
    assert (edges, nodes) == (result.edges_json(), result.nodes_json())


def test_customers_downstream_of_simbench_switches(simbench):
    """The closed form of every branch agrees with the trace."""
    twin = Twin(simbench)
    for row in range(0, len(simbench.switches), 7000):
        branch = simbench.table_branches[1][row]
        if simbench.normal_conducting[branch]:
            mrid = str(simbench.switches["mrid"][row])
            result = run(twin.current, TraceRequest("downstream", (mrid,), mode="exclusive"))
            assert result.sums["customers"] == simbench.branch_customers[branch]


def test_a_boundary_says_whether_it_may_be_operated():
    """A locked switch may not, and what is out of service is no switch."""
    branches = "b1:S-1 b2:1-2 b3:1-3 t4:1-4 c5:1-5"
    off = {"in_service": [False]}
    more = {"switches": {"locked": [False, False, True]}, "transformers": off, "lines": off}
    answer = traced(Twin(draw(branches, opened="b2 b3", more=more)), kind="connected", start=["1"])
    assert {each["mrid"]: each["operable"] for each in answer["boundaries"]} == {
        "b2": True,
        "b3": False,
        "t4": False,
        "c5": False,
    }
