"""docs/traces.md keeps its word: its commands and requests are run, and its tables name what there is."""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from loaders.simbench import read_simbench
from tests.test_readme import blocks, run
from tests.web.conftest import Client
from twin.engine import Twin
from twin.geopackage import GeoPackageStore
from twin.trace_kinds import FIELDS, KINDS
from web import cli
from web.app import create_app
from web.settings import Settings
from web.trace_schemas import TRACE_SCHEMAS

TEXT = (Path(__file__).resolve().parent.parent / "docs" / "traces.md").read_text(encoding="utf-8")
COMMANDS = [line for block in blocks(TEXT) if block.language == "sh" for line in block.text.splitlines()]
REQUESTS = re.findall(r"^GET (\S+)$", TEXT, re.MULTILINE)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, simbench_folder: Path) -> Path:
    """A folder with the demo network in a store."""
    folder = tmp_path_factory.mktemp("document")
    store = GeoPackageStore(folder / "gridtwin-demo.gpkg", write=True, create=True)
    Twin.load(read_simbench(simbench_folder)[0], store).close()
    return folder


@pytest.fixture(scope="module")
def client(folder: Path) -> Iterator[Client]:
    with Twin.from_store(GeoPackageStore(folder / "gridtwin-demo.gpkg")) as twin:
        client = Client(create_app(twin, Settings(threads=2)))
        yield client
        client.close()


@pytest.mark.parametrize("command", COMMANDS)
def test_commands(
    command: str, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "argv", shlex.split(command))
    with pytest.raises(SystemExit) as ended:
        cli.main()
    out, err = capsys.readouterr()
    assert (ended.value.code or 0) == 0, err
    assert out or "--output" in command


@pytest.mark.parametrize("request_", REQUESTS)
def test_requests(request_: str, client: Client) -> None:
    answer = client.get(request_)
    assert answer.status_code == 200, answer.text
    assert answer.json()["status"] == "ok"


def test_python(folder: Path) -> None:
    (block,) = (block for block in blocks(TEXT) if block.language == "python")
    run(block, folder)


def test_every_kind_field_and_reason_is_described() -> None:
    assert re.findall(r"^### (\w+)$", TEXT, re.MULTILINE) == list(KINDS)
    for kind in KINDS:
        section = TEXT.partition(f"\n### {kind}\n")[2].partition("\n##")[0]
        assert f"gridtwin trace gridtwin-demo.gpkg {kind} " in section or kind == "loops"
        assert f"GET /api/traces?kind={kind}&" in section
    named = set(re.findall(r"`(\w+)`", TEXT))
    assert set(FIELDS) <= named
    properties = TRACE_SCHEMAS["Trace"]["properties"]
    assert isinstance(properties, dict)
    assert set(properties["status"]["enum"]) <= named


def test_the_table_of_fields_is_that_of_the_program() -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \| ([\w, ]+) \|", TEXT, re.MULTILINE))
    for field in ("barriers", "filter_barriers", "ignore_status", "mode", "n", "operations"):
        takers = {kind for kind, takes in KINDS.items() if field in takes.fields}
        assert set(rows[field].split(", ")) == takers, field
