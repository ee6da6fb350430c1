"""Every kind of trace is the same from Python, over HTTP and on the command line, and a tile layer by its id."""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pyogrio
import pytest

from tests.tiles import reader as mvt
from tests.web.conftest import Client, tiny_network
from tests.web.test_openapi import check
from tiles.mercator import lnglat_to_tile
from twin.engine import Twin
from twin.geopackage import GeoPackageStore
from twin.trace_kinds import KINDS
from twin.traces import trace
from web import cli
from web.app import create_app
from web.settings import Settings

ASKED: list[dict[str, object]] = [
    {"kind": "connected", "start": ["n1", "L2"], "barriers": ["SW1"], "phases": "AB"},
    {"kind": "connected", "start": ["L 1/1"], "terminal": 1, "ignore_status": True, "state": "normal"},
    {"kind": "upstream", "start": ["n4"], "include_barriers": False, "filter_barriers": ["CB1"]},
    {"kind": "downstream", "start": ["SW1"], "mode": "exclusive"},
    {"kind": "downstream", "start": ["TIE"]},
    {"kind": "downstream", "start": ["SW1"], "barriers": ["SW1"], "ignore_barriers_at_start": True},
    {"kind": "subnetwork", "start": ["L2"]},
    {"kind": "direction", "start": ["n2", "T1"]},
    {"kind": "direction"},
    {"kind": "isolation", "start": ["L 1/1"]},
    {"kind": "loops"},
    {"kind": "shortest_path", "start": ["n4"], "to": ["m3", "m2"], "weight": "hops"},
    {"kind": "protection", "start": ["L2"], "n": 1},
    {"kind": "restoration", "start": ["L 1/1"]},
    {
        "kind": "outage",
        "operations": [
            {"mrid": "CB1", "open": True},
            {"mrid": "SW1", "open": True, "phases": "A"},
            {"mrid": "TIE", "open": False},
        ],
    },
]
NAMES = {"start": "--from", "barriers": "--barrier", "filter_barriers": "--filter-barrier", "operations": "--operation"}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Twin, Client, Path]]:
    """The tiny network in a store, and a server of it."""
    path = tmp_path_factory.mktemp("alike") / "grid.gpkg"
    with Twin.load(tiny_network(), GeoPackageStore(path, write=True, create=True)) as twin:
        client = Client(create_app(twin, Settings(threads=2)))
        yield twin, client, path
        client.close()


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], served):
    """Calls `gridtwin trace` with a request; gives the exit code and its output."""

    def called(asked: dict[str, object], *more: str) -> tuple[int, str]:
        words = [word for name, value in asked.items() if name != "kind" for word in option(name, value)]
        monkeypatch.setattr(sys, "argv", ["gridtwin", "trace", str(served[2]), str(asked["kind"]), *words, *more])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        assert isinstance(ended.value.code, int | None)
        return ended.value.code or 0, capsys.readouterr().out

    return called


def option(name: str, value: object) -> list[str]:
    """The words of one field."""
    flag = NAMES.get(name, "--" + name.replace("_", "-"))
    if isinstance(value, bool):
        return [flag] if value else [flag.replace("--", "--no-")]
    values = value if isinstance(value, list) else [value]
    return [word for each in values for word in (flag, json.dumps(each) if isinstance(each, dict) else str(each))]


def link(asked: dict[str, object]) -> list[tuple[str, str]]:
    """The request as parameters: whole switches as `open` and `close`, single phases as JSON."""
    parameters = []
    for name, value in asked.items():
        for each in value if isinstance(value, list) else [value]:
            if isinstance(each, dict) and "phases" not in each:
                parameters.append(("open" if each["open"] else "close", each["mrid"]))
            else:
                parameters.append((name, each if isinstance(each, str) else json.dumps(each)))
    return parameters


def ids(asked: dict[str, object]) -> str:
    return str(asked["kind"])


def test_every_kind_is_asked() -> None:
    assert {asked["kind"] for asked in ASKED} == set(KINDS)
    assert {name for asked in ASKED for name in asked} >= {name for takes in KINDS.values() for name in takes.fields}


@pytest.mark.parametrize("asked", ASKED, ids=ids)
def test_python_http_and_the_command_line_agree(served, command, asked) -> None:
    twin, client, _ = served
    whole = json.loads(json.dumps(trace(twin, **asked).to_json()))
    assert client.post("/api/traces", asked).json() == whole
    linked = client.get("/api/traces", params=link(asked)).json()
    if "operations" in asked:  # a link has them in another order: those by `open`, by `close`, and as JSON
        linked |= {name: whole[name] for name in ("id", "request")}
    assert linked == whole
    check("Trace", whole)
    code, out = command(asked, "--json")
    assert (code, json.loads(out)) == (0, whole)
    code, out = command(asked)
    assert code == 0 and "customers" in out and str(asked["kind"]) in out


@pytest.mark.parametrize("asked", ASKED, ids=ids)
def test_pages_and_answers_without_elements_agree(served, command, asked, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("twin.trace_result.PAGE", 2)
    twin, client, _ = served
    result = trace(twin, **asked)
    few = json.loads(json.dumps(result.to_json(elements=False)))
    assert client.post("/api/traces", {**asked, "elements": False}).json() == few
    assert json.loads(command(asked, "--json", "--elements", "false")[1]) == few
    assert not {"nodes", "edges"} & few.keys() and few["next"] is None
    assert len(few["boundaries"]) + few["boundaries_left_out"] == len(result.boundaries)
    page = client.post("/api/traces", {**asked, "elements": "page"}).json()
    check("Trace", page)
    of_command = json.loads(command(asked, "--json", "--elements", "page")[1])
    assert (page["edges"], page["nodes"]) == (of_command["edges"], of_command["nodes"])
    edges, nodes = page["edges"], page["nodes"]
    while page["next"]:
        after = page["next"].partition("after=")[2]
        page = client.get(page["next"]).json()
        check("TracePage", page)
        position = json.loads(command(asked, "--json", "--after", after)[1])
        assert position["edges"] == page["edges"] and len(page["edges"]) + len(page["nodes"]) <= 2
        edges, nodes = edges + page["edges"], nodes + page["nodes"]
    assert (edges, nodes) == (result.edges_json(), result.nodes_json())


@pytest.mark.parametrize("asked", ASKED, ids=ids)
def test_files_hold_the_same_elements(served, command, asked, tmp_path: Path) -> None:
    twin, client, _ = served
    result = trace(twin, **asked)
    edges = {edge["mrid"]: edge for edge in result.edges_json()}
    text = client.post("/api/traces", asked, headers={"Accept": "text/csv"}).text
    assert command(asked, "--format", "csv")[1] == text == result.to_csv()
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert [row["mrid"] for row in rows][: len(edges)] == list(edges)
    meters = {row["mrid"]: row for row in rows[len(edges) :]}
    assert sum(int(row["customers"]) for row in meters.values()) == result.sums["customers"]
    geojson = client.post("/api/traces", asked, headers={"Accept": "application/geo+json"}).json()
    assert json.loads(command(asked, "--format", "geojson")[1]) == geojson
    assert len(geojson["features"]) + geojson["unplaced"] == len(rows)
    file = tmp_path / "trace.gpkg"
    answer = client.post("/api/traces", asked, headers={"Accept": "application/geopackage+sqlite3"})
    assert answer.headers["content-type"] == "application/geopackage+sqlite3"
    assert answer.headers["content-disposition"] == f'attachment; filename="{asked["kind"]}.gpkg"'
    file.write_bytes(answer.content)
    other = tmp_path / "command.gpkg"
    assert command(asked, "--format", "gpkg", "--output", str(other)) == (0, "")
    read = {}
    for name in ("nodes", "lines", "switches", "transformers", "meters"):
        layer = pyogrio.read_dataframe(file, layer=name)
        assert layer.to_json() == pyogrio.read_dataframe(other, layer=name).to_json()
        read[name] = layer.set_index("mrid")
    assert [each.name for each in tmp_path.iterdir()] == ["trace.gpkg", "command.gpkg"]
    for name in ("lines", "switches", "transformers"):
        for mrid, row in read[name].iterrows():
            edge = edges.pop(mrid)
            assert (row["depth"], row["flow"]) == (edge["depth"], edge["flow"])
            assert (row["trace_phases"] or "") == edge["phases"]
            if "direction" in edge:
                assert json.loads(row["direction"]) == edge["direction"]
    assert edges == {}
    assert read["meters"]["customers"].to_dict() == {mrid: int(row["customers"]) for mrid, row in meters.items()}
    assert set(read["nodes"].index) == {node["mrid"] for node in result.nodes_json()}


@pytest.mark.parametrize("asked", ASKED, ids=ids)
def test_every_kind_is_a_tile_layer(served, asked) -> None:
    _, client, _ = served
    told = client.post("/api/traces", asked).json()
    if told["bounds"] is None:
        assert told["edges"] == []
        return
    left, bottom, right, top = told["bounds"]
    shown: set[str] = set()
    z = 14
    low, high = lnglat_to_tile(left, top, z), lnglat_to_tile(right, bottom, z)
    for x in range(int(low[0]) - 1, int(high[0]) + 2):
        for y in range(int(low[1]) - 1, int(high[1]) + 2):
            answer = client.get(f"/tiles/grid/{z}/{x}/{y}.mvt?trace={told['id']}")
            assert answer.status_code in (200, 204)
            if answer.status_code == 200:
                layers = mvt.read(answer.content)
                for name in {"lines", "switches", "transformers"} & layers.keys():
                    shown |= {str(feature.properties["mrid"]) for feature in layers[name].features}
    stops = {stop["mrid"] for stop in told["boundaries"]}
    assert {edge["mrid"] for edge in told["edges"]} <= shown <= {edge["mrid"] for edge in told["edges"]} | stops
