"""`gridtwin export` as its users call it, stopped in every way there is; and a map that shows what it made."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import uvicorn
from playwright.sync_api import sync_playwright
from pmtiles.reader import MemorySource, all_tiles
from starlette.applications import Starlette
from starlette.responses import FileResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from loaders.formats import read
from tests.tiles.grids import town
from tests.web.browser_viewer import launch
from tests.web.conftest import Client, Connect
from tiles.export import Pyramid, export_pyramid
from tiles.export_journal import Journal
from tiles.qgis import project
from tiles.source import TileSource
from twin.engine import Twin
from twin.events import Operation
from twin.geopackage import GeoPackageStore
from twin.network import Network
from twin.scenarios import Scenarios
from web import cli
from web.responses import gunzipped

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 60


@pytest.fixture(scope="module")
def network() -> Network:
    """Long lines: many tiles with little in them."""
    return town(size=0.08)


@pytest.fixture(scope="module")
def store(network: Network, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("export") / "grid.gpkg"
    with Twin.load(network, GeoPackageStore(path, write=True, create=True)) as twin:
        twin.switch([Operation(str(network.switches["mrid"][1]), True)])
    return path


Export = Callable[..., tuple[int, str, str]]


@pytest.fixture
def export(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Export:
    """Calls `gridtwin export` in this process; gives the exit code and what it wrote to its two streams."""

    def call(*words: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["gridtwin", "export", *map(str, words), "--cores=1"])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        said = capsys.readouterr()
        return int(ended.value.code or 0), said.out, said.err

    return call


@pytest.fixture(scope="module")
def whole(store: Path, network: Network) -> Path:
    """What an export makes that nobody disturbs."""
    path = store.with_name("whole.pmtiles")
    with Twin.from_store(GeoPackageStore(store)) as twin:
        export_pyramid(TileSource(twin.network), twin.current, path, Pyramid(), cores=1)
    return path


MUCH = 100_000
"""Bytes of the journal's log in which there are some tiles, and far from all."""
SLOWLY = f"""
import signal
import sys
import time
from pathlib import Path
from tiles.export_journal import Journal
from web.cli import main
add, log = Journal.add, Path(sys.argv[3] + ".part-wal")
def until_there_is_much(*chunk):
    add(*chunk)
    if log.stat().st_size >= {MUCH}:
        time.sleep(600)
Journal.add = until_there_is_much
signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where the tests run in the background of a shell
main()
"""
"""An export that has made some tiles, and goes no further."""


def begun(store: Path, file: Path) -> subprocess.Popen[str]:
    """An export by two processes, in a session of its own, that has made some tiles."""
    words = ["export", str(store), str(file), "--cores", "2"]
    process = subprocess.Popen(
        [sys.executable, "-c", SLOWLY, *words],
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    log, since = file.with_name(file.name + ".part-wal"), time.monotonic()
    while not log.exists() or log.stat().st_size < MUCH:
        assert process.poll() is None, "it was done before it could be stopped"
        assert time.monotonic() < since + PATIENCE_S
        time.sleep(0.01)
    return process


def living(session: int) -> list[int]:
    """Processes of a session that still run."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, _, own = stat.read_text().rpartition(")")[2].split()[:4]
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(own) == session and state != "Z":
            found.append(int(stat.parent.name))
    return found


def wait_until_nobody_lives(session: int) -> None:
    since = time.monotonic()
    while living(session):
        assert time.monotonic() < since + PATIENCE_S, "a process that made tiles outlives the export"
        time.sleep(0.05)


def test_killed_in_the_middle_it_goes_on_to_the_same_bytes(
    tmp_path: Path, store: Path, whole: Path, export: Export
) -> None:
    path = tmp_path / "grid.pmtiles"
    process = begun(store, path)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate(timeout=PATIENCE_S)
    assert not path.exists()
    wait_until_nobody_lives(process.pid)
    code, out, err = export(store, path, "--json")
    assert code == 0, err
    made = json.loads(out)
    assert 0 < made["resumed"] < made["tiles"]
    assert path.read_bytes() == whole.read_bytes()
    assert list(tmp_path.iterdir()) == [path]


def test_ctrl_c_keeps_what_was_made(tmp_path: Path, store: Path, whole: Path, export: Export) -> None:
    path = tmp_path / "grid.pmtiles"
    process = begun(store, path)
    os.killpg(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 130
    assert said == f"Interrupted. {path}.part keeps the tiles made so far: run the same command to go on.\n"
    assert not path.exists()
    wait_until_nobody_lives(process.pid)
    code, _, said = export(store, path)
    assert code == 0
    assert "were there from an export that was interrupted" in said
    assert path.read_bytes() == whole.read_bytes()


def test_an_unfinished_export_of_another_state(tmp_path: Path, store: Path, export: Export) -> None:
    path = tmp_path / "grid.pmtiles"
    Journal(tmp_path / "grid.pmtiles.part", {"model": "abc", "revision": 7, "state": "normal"}).close()
    code, _, said = export(store, path, "--max-zoom", "11")
    assert code == 0
    assert f"{path}.part was of another export (normal state of revision 7, model abc); this one began anew." in said


@pytest.mark.parametrize(
    ("file", "more", "message"),
    [
        ("grid.shp", [], r"no such kind of export; its name must end in .pmtiles, .mbtiles, .gpkg"),
        ("nowhere/grid.pmtiles", [], "there is no folder"),
        ("grid.pmtiles", ["--max-zoom", "17"], "deepest zoom is 17"),
        ("grid.pmtiles", ["--tileset", "roads"], "no tileset 'roads'; there are grid, hexes"),
        ("grid.pmtiles", ["--layers", "nodes"], "no layer 'nodes'"),
        ("grid.pmtiles", ["--state", "past"], "state is 'past'; it must be current or normal"),
        ("grid.gpkg", ["--layers", "lines,poles"], "no layer 'poles'"),
        ("grid.gpkg", ["--tileset", "grid"], "--tileset is for tiles"),
        ("grid.xml", ["--max-zoom", "12"], "--max-zoom is for tiles"),
        ("grid.xml", ["--layers", "lines"], "--layers is for layers (.pmtiles, .mbtiles, .gpkg"),
        ("grid.gpkg", ["--url", "http://x"], "--url is for QGIS projects (.qgs)"),
        ("grid.qgs", ["--url", "grid.example"], "must be an http or https address"),
        ("grid.qgs", ["--state", "normal"], "are none of"),
        ("grid.qgs", ["--revision", "1"], "its server tells"),
    ],
)
def test_bad_words(tmp_path: Path, store: Path, export: Export, file: str, more: list[str], message: str) -> None:
    code, _, said = export(store, tmp_path / file, *more)
    assert code == 2
    assert message in " ".join(said.replace("│", " ").split())
    assert list(tmp_path.iterdir()) == []


def test_more_tiles_than_allowed_are_refused_before_the_first(tmp_path: Path, store: Path, export: Export) -> None:
    code, _, said = export(store, tmp_path / "grid.pmtiles", "--max-tiles", 5)
    assert code == 2 and "--max-tiles is 5" in said and "--max-zoom" in said
    assert list(tmp_path.iterdir()) == []


def test_what_is_there_is_not_overwritten_unasked(tmp_path: Path, store: Path, export: Export) -> None:
    path = tmp_path / "grid.geojson"
    path.write_text("mine")
    code, _, said = export(store, path)
    assert (code, path.read_text()) == (2, "mine")
    assert "--overwrite" in said
    assert export(store, path, "--overwrite", "--layers", "switches")[0] == 0
    assert json.loads(path.read_text())["type"] == "FeatureCollection"
    before = store.read_bytes()
    code, _, said = export(store, store, "--overwrite")
    assert code == 2 and "is the store itself" in said
    assert store.read_bytes() == before


@pytest.mark.parametrize("state", ["current", "normal"])
def test_layers_of_a_state(tmp_path: Path, store: Path, network: Network, export: Export, state: str) -> None:
    path = tmp_path / "grid.geojson"
    code, out, _ = export(store, path, "--layers=switches", f"--state={state}", "--json")
    assert (code, json.loads(out)["features"]) == (0, {"switches": len(network.switches)})
    operated = str(network.switches["mrid"][1])
    (opened,) = [
        feature["properties"]["open"]
        for feature in json.loads(path.read_text())["features"]
        if feature["properties"]["mrid"] == operated
    ]
    assert opened == (state == "current")


def test_a_past_state_and_a_what_if(tmp_path: Path, network: Network, export: Export) -> None:
    path = tmp_path / "grid.gpkg"
    mrid = str(network.switches["mrid"][1])
    with Twin.load(network, GeoPackageStore(path, write=True, create=True)) as twin:
        twin.switch([Operation(mrid, True)])
        scenarios = Scenarios(twin)
        made = scenarios.create("closed again")
        scenarios.switch(made.id, [Operation(mrid, False)])

    def opened(name: str, *more: object) -> int:
        file = tmp_path / f"{name}.geojson"
        code, _, said = export(path, file, "--layers", "switches", *more)
        assert code == 0, said
        features = json.loads(file.read_text())["features"]
        return sum(feature["properties"]["open"] for feature in features)

    normally = opened("normal", "--state", "normal")
    assert opened("live") == normally + 1
    assert opened("before", "--revision", 1) == opened("what-if", "--scenario", made.id) == normally
    code, _, said = export(path, tmp_path / "x.geojson", "--scenario", "nobody")
    assert (code, "there is no scenario 'nobody'" in said) == (2, True)
    code, _, said = export(path, tmp_path / "x.geojson", "--at", "yesterday")
    assert (code, "must be an instant" in said) == (2, True)
    assert not list(tmp_path.glob("x.*"))


@pytest.mark.parametrize("ending", [".xml", ".rdf", ".cim.xml", ".gpkg", ".geojson"])
def test_what_is_exported_loads_again(
    tmp_path: Path, store: Path, network: Network, export: Export, ending: str
) -> None:
    path = tmp_path / f"grid{ending}"
    code, out, said = export(store, path, "--json")
    assert code == 0, said
    made = json.loads(out)
    assert made["bytes"] == path.stat().st_size
    if ending in (".gpkg", ".geojson"):
        assert made["features"]["nodes"] == len(network.nodes) and "meters" in made["features"]
    else:
        assert made["objects"]["ACLineSegment"] == len(network.lines)
    assert made["notes"] == [
        "the log of operations and what-ifs are in the store only",
        "1 switches are not as they normally are: the file says so, and loads in the normal state",
    ]
    again, report = read(path)
    assert again.model == network.model
    assert any(note.startswith("1 switches ") for note in report.notes)
    assert list(tmp_path.iterdir()) == [path]


def test_a_part_says_that_it_is_one(tmp_path: Path, store: Path, export: Export) -> None:
    code, out, said = export(store, tmp_path / "grid.gpkg", "--layers", "nodes,lines")
    assert code == 0 and "nodes" in out
    assert "It is a part of the network, without switches, transformers, sources, consumers" in said


def test_a_killed_or_failed_export_of_cim_leaves_nothing(
    tmp_path: Path, store: Path, export: Export, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "grid.xml"
    path.write_text("mine")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("web.commands.exporting.export_cim", full)
    code, _, said = export(store, path, "--overwrite")
    assert code == 2 and "grid.xml: cannot be written: No space left on device" in said
    assert path.read_text() == "mine" and list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("words", "address"),
    [([], "http://127.0.0.1:8080"), (["--url", "https://grid.example/a/"], "https://grid.example/a")],
)
def test_a_project_for_qgis(
    tmp_path: Path, store: Path, network: Network, export: Export, words: list[str], address: str
) -> None:
    path = tmp_path / "grid.qgs"
    code, _, said = export(store, path, *words)
    assert code == 0
    assert f"{path} shows {address}: `gridtwin serve {store}` before QGIS opens it." in said
    assert path.read_bytes() == project(address, network.name, network.bounds)
    code, out, _ = export(store, path, *words, "--overwrite", "--json")
    assert (code, json.loads(out)["url"]) == (0, address)


# --- what is served, and what a map shows -------------------------------------------------------------------------


@pytest.fixture
def client(store: Path, connect: Connect) -> Iterator[Client]:
    with Twin.from_store(GeoPackageStore(store)) as twin:
        yield connect(twin)


def test_the_tiles_are_those_of_the_server(client: Client, whole: Path) -> None:
    tiles = dict(all_tiles(MemorySource(whole.read_bytes())))
    for z, x, y in [address for number, address in enumerate(tiles) if number % 40 == 0 or address[0] < 12]:
        served = b"".join(
            client.get(f"/tiles/{tileset}/{z}/{x}/{y}.mvt").content
            for tileset, low, high in (("grid", 10, 16), ("hexes", 0, 12))
            if low <= z <= high
        )
        assert gunzipped(tiles[z, x, y]) == served


PAGE = """<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,">
<link rel="stylesheet" href="/viewer/maplibre-gl.css">
<style>html, body, #map {margin: 0; height: 100%}</style><div id="map"></div>
<script src="/tests/pmtiles.js"></script>
<script type="module">
import * as maplibregl from "/viewer/maplibre-gl.mjs";
maplibregl.addProtocol("pmtiles", new pmtiles.Protocol({metadata: true}).tile);
const layer = (id, type, paint) => ({id, type, source: "grid", "source-layer": id, paint});
window.map = new maplibregl.Map({
    container: "map", center: [9, 48], zoom: 11,
    style: {version: 8, sources: {grid: {type: "vector", url: `pmtiles://${location.origin}/grid.pmtiles`}}, layers: [
        layer("lines", "line", {"line-color": "#0072b2", "line-width": 2}),
        layer("switches", "circle", {"circle-radius": 4, "circle-color": "#d55e00"}),
    ]},
});
</script>"""


@pytest.fixture
def address(tmp_path: Path, whole: Path) -> Iterator[str]:
    """A server of files only."""
    (tmp_path / "index.html").write_text(PAGE)
    vendor = Path(__file__).parent / "vendor"
    assert (vendor / "pmtiles.js").exists(), "make install brings pmtiles.js"
    app = Starlette(
        routes=[
            Route("/", lambda request: FileResponse(tmp_path / "index.html")),
            Route("/grid.pmtiles", lambda request: FileResponse(whole)),
            Mount("/viewer", StaticFiles(directory=ROOT / "web" / "viewer" / "vendor")),
            Mount("/tests", StaticFiles(directory=vendor)),
        ]
    )
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", timeout_graceful_shutdown=1))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        server.should_exit = True
        thread.join(PATIENCE_S)


@pytest.mark.browser
def test_maplibre_shows_the_file_without_a_server_of_tiles(address: str, chromium_path: str, network: Network) -> None:
    errors: list[str] = []
    with sync_playwright() as playwright:
        browser = launch(playwright, chromium_path)
        page = browser.new_page()
        page.set_default_timeout(PATIENCE_S * 1000)
        page.on("console", lambda said: errors.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(address)
        page.wait_for_function("() => window.map && map.loaded() && map.areTilesLoaded()")
        assert page.evaluate("() => map.getSource('grid').maxzoom") == 16
        assert page.evaluate("() => map.getSource('grid').attribution") == network.name
        for zoom in (11, 16):
            page.evaluate("zoom => map.jumpTo({zoom})", zoom)
            page.wait_for_function("() => map.loaded() && map.areTilesLoaded()")
            drawn = page.evaluate(
                "() => map.queryRenderedFeatures().map(each => [each.sourceLayer, each.id, each.properties.mrid])"
            )
            assert {layer for layer, _, _ in drawn} == {"lines", "switches"}
            for layer, number, mrid in drawn if zoom == 16 else []:
                assert network.tables[layer]["mrid"][number - 1] == mrid
        browser.close()
    assert errors == []
