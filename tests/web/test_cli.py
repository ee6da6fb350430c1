"""The command line as its users call it: exit codes, JSON, one sentence for bad input."""

from __future__ import annotations

import csv
import io
import json
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.loaders.conftest import Folder
from tests.ports import free_port
from web import cli

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Calls `gridtwin` with words; gives the exit code and what it wrote to its two streams."""

    def call(*words: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["gridtwin", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        said = capsys.readouterr()
        assert "Traceback" not in said.err
        code = ended.value.code
        assert code is None or isinstance(code, int)
        return code or 0, said.out, said.err

    return call


@pytest.fixture
def source(tmp_path: Path) -> Folder:
    folder = tmp_path / "town"
    folder.mkdir()
    return Folder(folder)


@pytest.fixture
def store(tmp_path: Path, source: Folder, run: Run) -> Path:
    path = tmp_path / "grid.gpkg"
    assert run("load", source.path, "--store", path)[0] == 0
    return path


def test_a_mapping_is_suggested_and_then_read(tmp_path: Path, run: Run) -> None:
    layers = tmp_path / "layers"
    layers.mkdir()
    (layers / "lines.csv").write_text('id,wkt\n1,"LINESTRING (9 52, 9.01 52)"\n', encoding="utf-8")
    (layers / "sources.csv").write_text("id,lon,lat\n1,9,52\n", encoding="utf-8")
    mapping, store = tmp_path / "first.toml", tmp_path / "layers.gpkg"
    assert run("load", layers, "--suggest-mapping", mapping)[0] == 0
    assert run("load", layers, "--suggest-mapping", "-")[1] == mapping.read_text(encoding="utf-8")
    code, _, err = run("load", layers, "--suggest-mapping", mapping)
    assert code == 2 and "is there already" in err
    code, _, err = run("load", layers, "--suggest-mapping", tmp_path / "no" / "folder.toml")
    assert code == 2 and "folder.toml" in err
    code, _, err = run("load", layers, "--mapping", mapping)
    assert code == 2 and "--store" in err and not store.exists()
    code, out, _ = run("load", layers, "--mapping", mapping, "--store", store, "--json")
    assert code == 0 and json.loads(out)["used"] == {"lines": 1, "sources": 1}


def test_load_reports_what_it_read(tmp_path: Path, source: Folder, run: Run) -> None:
    code, out, _ = run("load", source.path, "--store", tmp_path / "grid.gpkg", "--json")
    report = json.loads(out)
    assert (code, report["format"], report["read"]["Node"], report["used"]["Load"]) == (0, "simbench", 6, 2)
    code, out, err = run("load", source.path, "--store", tmp_path / "other.gpkg")
    assert code == 0 and "Node" in out
    assert "Stored in" in err and report["model"] in err


def test_info(store: Path, run: Run) -> None:
    code, out, _ = run("info", store, "--json")
    whole = json.loads(out)
    assert (code, whole["counts"]["nodes"], whole["customers"], whole["revision"]) == (0, 6, 1, 1)
    code, out, _ = run("info", store)
    assert code == 0 and "MV1_Feeder1" in out


def test_trace_formats(store: Path, run: Run) -> None:
    words = ("trace", store, "downstream", "--from", "CB1", "--format")
    whole = json.loads(run(*words, "json")[1])
    assert whole["sums"]["counts"]["AcLineSegment"] == 2
    assert whole["sums"]["customers"] == 1
    assert [boundary["mrid"] for boundary in whole["boundaries"]] == ["TIE"]
    rows = list(csv.DictReader(io.StringIO(run(*words, "csv")[1])))
    assert {row["mrid"] for row in rows} == {"CB1", "L1", "LBS1", "L2", "Load 1", "Load 2"}
    features = json.loads(run(*words, "geojson")[1])["features"]
    assert {feature["properties"]["mrid"] for feature in features} == {row["mrid"] for row in rows}
    code, out, _ = run(*words, "table")
    assert code == 0 and "TIE" in out and "customers" in out


def test_switch_says_who_is_out_and_the_log_keeps_it(store: Path, run: Run) -> None:
    code, out, _ = run("switch", store, "open", "CB1", "--note", "storm", "--json")
    result = json.loads(out)
    assert (code, result["revision"], result["deenergized"]) == (0, 2, {"nodes": 4, "customers": 1})
    assert result["outages"][0]["cause"] == "CB1"
    assert "1 customers" in run("switch", store, "normal")[1]
    log = json.loads(run("history", store, "CB1", "--json")[1])["events"]
    assert [(event["revision"], event["note"]) for event in log] == [(1, ""), (2, "storm"), (3, "")]
    assert json.loads(run("info", store, "--json")[1])["customers_out"] == 0


def test_check_finds_nothing_or_ends_with_one(source: Folder, store: Path, run: Run) -> None:
    assert run("check", store)[0] == 0
    source.put("Coordinates", "9.03;52.0", "52.0;9.03")  # swapped, and still on the globe
    code, out, _ = run("check", source.path, "--json")
    (finding,) = json.loads(out)["findings"]
    assert (code, finding["kind"], finding["mrids"]) == (1, "coordinate_outlier", ["L2", "c"])
    assert isinstance(finding["lng"], float) and isinstance(finding["lat"], float)
    code, out, _ = run("check", source.path)
    assert code == 1 and out.startswith("warning: coordinate_outlier at ")


BROKEN = {
    "missing table": (lambda f: (f.path / "Line.csv").unlink(), ("Line.csv", "is missing")),
    "missing column": (lambda f: f.put("Line", "length", "size"), ("Line.csv", "'length'")),
    "dangling reference": (lambda f: f.put("Line", "L1;a", "L1;nowhere"), ("Line.csv line 2", "nodeA", "'nowhere'")),
    "duplicate id": (lambda f: f.put("Line", "L2;", "L1;"), ("Line.csv line 3", "id", "'L1'")),
    "id in two tables": (lambda f: f.put("Line", "L2;", "CB1;"), ("Line.csv line 3", "'CB1'", "ids must differ")),
    "not a number": (lambda f: f.put("Coordinates", "p2;9.01", "p2;NaN"), ("Coordinates.csv line 3", "x", "'NaN'")),
    "swapped": (lambda f: f.put("Coordinates", "9.01;52.0", "52.0;99.01"), ("Coordinates.csv line 3", "y", "swapped")),
    "empty": (lambda f: f.write("Node", "id;type;vmR;coordID"), ("Node.csv", "no row", "nodes")),
    "no source": (lambda f: f.write("ExternalNet", "id;node;calc_type;subnet"), ("no energy source", "Nothing was")),
}


@pytest.mark.parametrize("case", BROKEN)
def test_bad_input_is_one_sentence_and_leaves_the_store(case: str, source: Folder, store: Path, run: Run) -> None:
    before = store.read_bytes()
    break_it, parts = BROKEN[case]
    break_it(source)
    code, out, err = run("load", source.path, "--store", store)
    assert (code, out) == (2, "")
    assert err.count("\n") == 1, err
    for part in parts:
        assert part in err
    assert store.read_bytes() == before


def test_a_network_without_source_is_a_finding_with_a_place(source: Folder, run: Run) -> None:
    source.write("ExternalNet", "id;node;calc_type;subnet")
    code, out, _ = run("check", source.path, "--json")
    found = json.loads(out)["findings"]
    assert code == 1
    assert {finding["kind"] for finding in found} == {"no_source"}  # which says why nothing is supplied
    assert all(finding["lng"] is not None for finding in found)


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (("load", "{tmp}/none", "--store", "{store}"), "is not there"),
        (("load", "{tmp}", "--store", "{store}"), "no format that gridtwin reads"),
        (("load", "{source}", "--store", "{store}", "--format", "dwg"), "'dwg'"),
        (("load", "{source}", "--store", "{tmp}/grid.txt"), "ends in .gpkg"),
        (("load", "{source}", "--store", "{tmp}/none/grid.gpkg"), "folder"),
        (("info", "{tmp}/none.gpkg"), "gridtwin load"),
        (("info", "postgresql://me:secret@db/grid"), "postgresql://"),
        (("trace", "{store}", "sideways", "--from", "CB1"), "'sideways'"),
        (("trace", "{store}", "upstream", "--from", "nobody"), "'nobody'"),
        (("trace", "{store}", "upstream", "--from", "CB1", "--phases", "Q"), "'Q'"),
        (("trace", "{store}", "upstream", "--from", "CB1", "--format", "xml"), "'xml'"),
        (("switch", "{store}", "open", "L1"), "only switches"),
        (("switch", "{store}", "open", "nobody"), "'nobody'"),
        (("switch", "{store}", "shut", "CB1"), "open MRID"),
        (("switch", "{store}", "open"), "open MRID"),
        (("serve", "{store}", "--port", "70000"), "70000"),
    ],
)
def test_bad_usage_ends_with_two(
    words: tuple[str, ...], part: str, tmp_path: Path, source: Folder, store: Path, run: Run
) -> None:
    named = [word.format(tmp=tmp_path, store=store, source=source.path) for word in words]
    code, _, err = run(*named)
    assert code == 2
    assert part in err
    assert "secret" not in err
    assert json.loads(run("info", store, "--json")[1])["revision"] == 1


def test_a_taken_port_is_said(store: Path, run: Run) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        code, _, err = run("serve", store, "--port", port)
    assert code == 2
    assert str(port) in err


def test_demo_serves_simbench_and_starts_again(tmp_path: Path, simbench_folder: Path) -> None:
    path = tmp_path / "demo.gpkg"
    for start in ("first", "second"):
        port = free_port()
        words = [sys.executable, "-c", "from web.cli import main; main()", "demo", "--store", str(path)]
        with subprocess.Popen(
            [*words, "--port", str(port)], stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as server:
            try:
                network = _asked(f"http://127.0.0.1:{port}/api/network", server)
                assert network["counts"]["nodes"] == 105_615, start
                assert network["counts"]["switches_open"] == 2_603
                assert (network["customers"], network["customers_out"], network["revision"]) == (33_224, 0, 1)
            finally:
                server.terminate()
                _, said = server.communicate(timeout=60)
            assert server.returncode == 0
            assert f"http://127.0.0.1:{port}" in said


def _asked(url: str, server: subprocess.Popen[str]) -> dict:
    end = time.monotonic() + 240
    while time.monotonic() < end:
        assert server.poll() is None
        try:
            with urllib.request.urlopen(url, timeout=10) as answer:
                return json.load(answer)
        except OSError:
            time.sleep(0.1)
    raise AssertionError(f"{url} did not answer within four minutes")
