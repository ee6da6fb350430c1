"""The documents keep their word: what they show is run, where they point something is, the settings are the code's."""

from __future__ import annotations

import re
import shlex
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
import typer
from playwright.sync_api import sync_playwright

from loaders.generate import generate
from loaders.simbench import read_simbench
from tests.documents import ADDRESS, ROOT, Block, blocks, reading, run_all, untagged
from tests.loaders.conftest import Folder
from tests.postgres import Postgres
from tests.settings_page import PAGE, TABLE, table
from tests.test_repository import tracked_files
from tests.web.browser_viewer import launch
from twin.engine import Twin
from twin.geopackage import GeoPackageStore
from web import cli

DOCS = sorted(ROOT / path for path in tracked_files() if path.parent.name == "docs" and path.suffix == ".md")
PAGES = [*DOCS, ROOT / "README.md"]
ELSEWHERE = {
    "conformance.md": "tests/conformance/test_document.py",
    "formats.md": "tests/loaders/test_layers.py",
    "traces.md": "tests/test_traces_document.py",
}
"""Documents that have a test of their own."""
HERE = {"access.md", "maplibre.md", "postgis.md", "python.md", "qgis.md", "tutorial.md"}
"""Documents that are run below."""


def name(path: Path) -> str:
    return path.name


def document(page: str) -> str:
    return (ROOT / "docs" / page).read_text(encoding="utf-8")


# --- all of them ----------------------------------------------------------------------------------------------------


def test_every_document_with_something_to_run_is_run() -> None:
    to_run = {path.name for path in DOCS if any(block.reason is None for block in blocks(path.read_text("utf-8")))}
    assert to_run | HERE | set(ELSEWHERE) == HERE | set(ELSEWHERE)
    for page, test in ELSEWHERE.items():
        assert page in (ROOT / test).read_text(encoding="utf-8")


@pytest.mark.parametrize("path", PAGES, ids=name)
def test_every_block_says_what_it_is_and_why_it_is_not_run(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert [block.line for block in blocks(text) if block.reason == ""] == []
    assert untagged(text) == [] or path.name not in HERE


@pytest.mark.parametrize("path", PAGES, ids=name)
def test_links_lead_somewhere(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        if urlsplit(link).scheme:
            continue
        file, _, heading = link.partition("#")
        target = path.parent / file if file else path
        assert target.exists(), link
        assert not heading or heading in headings(target.read_text(encoding="utf-8")), link


def headings(text: str) -> set[str]:
    """The anchors of a document."""
    lines = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", line.lower()).replace(" ", "-") for line in lines}


def test_every_document_can_be_found() -> None:
    texts = {path: path.read_text(encoding="utf-8") for path in PAGES}
    for path in DOCS:
        pointers = [
            other for other, text in texts.items() if other != path and f"{path.name})" in text.replace("#", ")")
        ]
        assert pointers, f"nothing points to {path.name}"


def test_the_table_of_settings_is_that_of_the_code() -> None:
    found = TABLE.search(PAGE.read_text(encoding="utf-8"))
    assert found is not None
    assert found[0] == table(), "run: python -m tests.settings_page"


@pytest.mark.parametrize("page", ["formats.md", "findings.md", "container.md", "settings.md"])
def test_the_commands_of_other_documents_are_ours(page: str) -> None:
    """They begin with files that are not here, or with an engine, so only their words are checked."""
    group = typer.main.get_command(cli.app_of())
    text = document(page).replace("\\\n", " ")
    commands = re.findall(r"^(?:docker .*|[A-Z_]+=\w+ )?gridtwin +([a-z][\w-]*) (.+)$", text, re.MULTILINE)
    assert commands
    for command, words in commands:
        group.commands[command].make_context(command, shlex.split(words, comments=True))  # type: ignore[attr-defined]


# --- run ------------------------------------------------------------------------------------------------------------


@pytest.mark.timeout(900)
@pytest.mark.parametrize("page", ["tutorial.md", "python.md"])
def test_blocks_run(page: str, tmp_path: Path) -> None:
    wrote: dict[int, str] = {}

    def told(block: Block, output: str) -> None:
        wrote[len(wrote)] = output

    assert run_all(document(page), tmp_path, warm=True, told=told) > 4
    if page == "tutorial.md":
        traced = next(output for output in wrote.values() if output.startswith("downstream from CB1"))
        assert re.search(r"customers\s+30\b", traced) and re.search(r"length, km\s+1\.061", traced)
        guessed = (tmp_path / "guessed.toml").read_text()
        assert "AcLineSegment" in guessed and '# [layers."station"]' in guessed


def test_tokens_are_made_as_access_md_says(tmp_path: Path) -> None:
    assert run_all(document("access.md"), tmp_path, warm=True) == 2
    tokens = (tmp_path / "tokens.txt").read_text()
    assert [line.split()[:2] for line in tokens.splitlines()] == [["ann", "operate"], ["control-room", "read"]]
    assert (tmp_path / "ann.token").read_text().strip() not in tokens


@pytest.mark.postgis
@pytest.mark.timeout(900)
def test_postgis_md(postgres: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(postgres.programs), prepend=":")
    (tmp_path / "town").mkdir()
    url = postgres.url("")
    environment = {
        "SOURCE": str(Folder(tmp_path / "town").path),
        **{"PGHOST": "127.0.0.1", "PGPORT": str(postgres.port), "PGUSER": "gridtwin", "PGPASSWORD": postgres.password},
    }
    try:
        run_all(
            document("postgis.md"),
            tmp_path,
            environment=environment,
            replaced={"postgresql://ann:secret@db/": url},
            warm=True,
        )
        query = "SELECT count(*) FROM gridtwin.log"
        assert postgres.fetch("restored", query) == postgres.fetch("grid", query) == [(1,)]
    finally:
        postgres.execute("postgres", "DROP DATABASE IF EXISTS grid WITH (FORCE)")
        postgres.execute("postgres", "DROP DATABASE IF EXISTS restored WITH (FORCE)")


@pytest.mark.gdal
@pytest.mark.timeout(900)
def test_qgis_md(gdal_info: str, simbench_folder: Path, tmp_path: Path) -> None:
    """Its commands; what QGIS itself makes of it is tested in tests/web/test_qgis.py."""
    network, _ = read_simbench(simbench_folder)
    Twin.load(network, GeoPackageStore(tmp_path / "grid.gpkg", write=True, create=True)).close()
    wrote: list[str] = []
    assert run_all(document("qgis.md"), tmp_path, told=lambda block, output: wrote.append(output)) == 2
    assert "switches" in wrote[1] and (tmp_path / "dead.gpkg").exists()


# --- a map of one's own ---------------------------------------------------------------------------------------------

PAGES_ADDRESS = "http://127.0.0.1:8000"
DRAWN = "map.queryRenderedFeatures().filter(f => f.properties.mrid)"


class Quiet(SimpleHTTPRequestHandler):
    """Files of a folder, without a word."""

    extensions_map = SimpleHTTPRequestHandler.extensions_map | {".mjs": "text/javascript"}

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def pages(folder: Path) -> Iterator[str]:
    """What `python -m http.server` would serve, on a free port."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder))) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.browser
@pytest.mark.timeout(900)
def test_the_map_of_maplibre_md(chromium_path: str, tmp_path: Path) -> None:
    network, _ = generate(300, seed=7)
    Twin.load(network, GeoPackageStore(tmp_path / "town.gpkg", write=True, create=True)).close()
    for file in ("maplibre-gl.mjs", "maplibre-gl-worker.mjs", "maplibre-gl.css"):
        shutil.copy(ROOT / "web/viewer/vendor" / file, tmp_path)
    with pages(tmp_path) as address, reading(tmp_path) as reader:
        reader.replaced[PAGES_ADDRESS] = address
        for block in blocks(document("maplibre.md")):
            if block.reason is None:
                reader.run(block)
        _look(chromium_path, f"{address}/map.html", reader.replaced[ADDRESS], str(network.feeders["head_mrid"][0]))


def _look(chromium_path: str, page_url: str, server: str, head: str) -> None:
    """Draws, traces what is clicked on, and draws anew what was switched."""
    with sync_playwright() as playwright:
        browser = launch(playwright, chromium_path)
        page = browser.new_page(viewport={"width": 900, "height": 700})
        page.set_default_timeout(90_000)
        said: list[str] = []
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("console", lambda line: said.append(line.text) if line.type == "error" else None)
        page.goto(page_url)
        page.wait_for_function(f"window.map && {DRAWN}.length > 10 && map.areTilesLoaded()")
        whole = page.evaluate(f"{DRAWN}.length")
        x, y = page.evaluate(
            f"(() => {{ const [a, b] = {DRAWN}.find(f => f.geometry.type === 'LineString').geometry.coordinates;"
            "const p = map.project([(a[0] + b[0]) / 2, (a[1] + b[1]) / 2]); return [p.x, p.y]; })()"
        )
        page.mouse.click(x, y)
        page.wait_for_function("document.title.includes('customers behind')")
        customers, _, mrid = page.title().partition(" customers behind ")
        query = {"kind": "downstream", "start": mrid, "elements": "false"}
        answer = httpx.get(f"{server}/api/traces", params=query, timeout=60).json()
        assert answer["sums"]["customers"] == int(customers)
        page.wait_for_function(  # nothing is drawn between the tiles that go and those that come
            f"map.areTilesLoaded() && 0 < {DRAWN}.length && {DRAWN}.length < {whole}"
            f" && {DRAWN}.every(f => 'depth' in f.properties)"
        )
        body = {"operations": [{"mrid": head, "open": True}]}
        assert httpx.post(f"{server}/api/switching", json=body, timeout=60).status_code == 200
        page.wait_for_function(
            f"{DRAWN}.length && {DRAWN}.every(f => f.properties.energized === 0 || f.properties.open)"
        )
        assert said == []
        browser.close()
