"""The QGIS project: what is in the file, and in a long test what QGIS makes of it."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote
from xml.etree import ElementTree

import httpx
import pytest

from tests.web.conftest import Client, Connect, Served, tiny_network
from tiles.columns import PROPERTIES
from tiles.hexes import FIELDS as CELL_FIELDS
from tiles.layers import LAYER_NAMES
from tiles.qgis import project
from tiles.style import DEAD, LIVE
from twin.engine import Twin
from web.ogc_collections import properties

SYSTEM_PYTHON = Path("/usr/bin/python3")
QGIS = Path("/usr/lib/python3/dist-packages/qgis/core/__init__.py")


def opened(data: bytes) -> ElementTree.Element:
    return ElementTree.fromstring(data)


def sources(root: ElementTree.Element) -> dict[str, str]:
    """Data source by layer id."""
    return {each.findtext("id", ""): each.findtext("datasource", "") for each in root.iter("maplayer")}


def test_the_project_names_this_server(reader: Client) -> None:
    answer = reader.get("/qgis.qgs", headers={"X-Forwarded-Host": "grid.example", "X-Forwarded-Proto": "https"})
    assert answer.headers["content-type"] == "application/x-qgis-project"
    assert answer.headers["content-disposition"] == 'attachment; filename="tiny.qgs"'
    found = sources(opened(answer.content))
    assert set(found) == {
        "gridtwin_tiles_grid",
        "gridtwin_tiles_hexes",
        *(f"gridtwin_items_{collection}" for collection in (*LAYER_NAMES, "outages")),
    }
    for identity, source in found.items():
        if "tiles" in identity:
            assert "https://grid.example/tiles/" in unquote(source)
        else:
            assert "url='https://grid.example/ogc'" in source


def test_the_public_url_comes_first(twin: Twin, connect: Connect) -> None:
    client = connect(twin, public_url="https://example.org/grid/")
    assert (
        "url='https://example.org/grid/ogc'" in sources(opened(client.get("/qgis.qgs").content))["gridtwin_items_lines"]
    )


def test_the_project_may_be_kept(reader: Client) -> None:
    answer = reader.get("/qgis.qgs")
    assert reader.get("/qgis.qgs", headers={"If-None-Match": answer.headers["etag"]}).status_code == 304
    assert reader.get("/qgis.qgs?layers=lines").status_code == 400


def test_every_layer_is_in_the_list_of_layers_once() -> None:
    root = opened(project("http://x", "a & <b>", None))
    listed = [entry.get("id") for entry in root.iter("layer-tree-layer")]
    assert sorted(listed, key=str) == sorted(sources(root))
    assert root.findtext("title") == "a & <b>"
    assert root.find("ProjectViewSettings") is None
    assert all(len(identity) > 10 for identity in sources(root)), "QGIS replaces shorter ids"


def test_rules_speak_of_attributes_that_are_there_and_name_symbols_that_are_there() -> None:
    root = opened(project("http://x", "a", (1.0, 2.0, 3.0, 4.0)))
    styles = list(root.iter("style"))
    for style in styles:
        layer = style.get("layer", "")
        known = set(CELL_FIELDS) if layer == "hexes" else set(PROPERTIES[layer])
        assert set(re.findall(r'"(\w+)"', style.get("expression", ""))) <= known
    assert {style.get("layer") for style in styles} == {*LAYER_NAMES, "hexes"}
    for layer in root.iter("maplayer"):
        collection = layer.findtext("id", "").removeprefix("gridtwin_items_")
        symbols = {symbol.get("name") for symbol in layer.iterfind("renderer-v2/symbols/symbol")}
        for rule in layer.iterfind("renderer-v2/rules/rule"):
            assert rule.get("symbol") in symbols
            assert set(re.findall(r'"(\w+)"', rule.get("filter", ""))) <= set(properties(collection))


@pytest.mark.parametrize("name", ["", "../../etc", 'Stadtwerke "Nord"\r\nX: y'])
def test_the_name_of_the_file_is_harmless(name: str, connect: Connect) -> None:
    header = connect(Twin(tiny_network(name))).get("/qgis.qgs").headers["content-disposition"]
    assert re.fullmatch(r'attachment; filename="[A-Za-z0-9_][A-Za-z0-9._-]*\.qgs"', header)


@pytest.mark.long
def test_qgis_opens_and_draws_it(twin: Twin, serve: Callable[..., Served], tmp_path: Path) -> None:
    if not (SYSTEM_PYTHON.exists() and QGIS.exists()):
        pytest.skip("no QGIS for the system's Python: install the system's package python3-qgis")
    served = serve(twin)
    operations = [{"mrid": "SW1", "open": True}]
    assert httpx.post(served.url + "/api/switching", json={"operations": operations}).status_code == 200
    file, picture = tmp_path / "tiny.qgs", tmp_path / "tiny.png"
    file.write_bytes(project(served.url, "tiny", twin.network.bounds))
    environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen", "XDG_RUNTIME_DIR": str(tmp_path)}
    script = Path(__file__).with_name("qgis_project.py")
    finished = subprocess.run(
        [str(SYSTEM_PYTHON), str(script), str(file), str(picture), served.url],
        capture_output=True,
        text=True,
        timeout=240,
        env={**environment, "HOME": str(tmp_path)},
    )
    assert finished.returncode == 0, finished.stderr
    told = json.loads(finished.stdout.splitlines()[-1])
    assert told["read"] and (told["title"], told["crs"]) == ("tiny", "EPSG:3857")
    assert told["errors"] == []
    network = twin.network
    mrids = {
        "lines": network.lines["mrid"],
        "substations": network.substations["mrid"],
        "switches": network.switches["mrid"],
        "transformers": network.transformers["mrid"],
        "meters": network.consumers["mrid"],
        "outages": ["n3"],
    }
    for collection, expected in mrids.items():
        layer = told["layers"][f"gridtwin_items_{collection}"]
        assert layer["valid"] and layer["crs"] in ("EPSG:4326", "OGC:CRS84")
        assert sorted(layer["features"]) == sorted(map(str, expected)), collection
        assert set(layer["fields"]) == {"id", *properties(collection)} - {"geometry"}
        assert len(layer["rules"]) >= 1
    for tileset, zooms in (("grid", [10, 16]), ("hexes", [0, 12])):
        layer = told["layers"][f"gridtwin_tiles_{tileset}"]
        assert layer["valid"] and layer["zooms"] == zooms and layer["styles"] > 0
    assert told["shown"] == ["gridtwin_items_outages", "gridtwin_tiles_grid", "gridtwin_tiles_hexes"]
    for colours in (told["colours"], told["item_colours"]):
        assert colours[LIVE] > 100 and colours[DEAD] > 100
    assert told["by_hand"]["tiles"] and told["by_hand"]["tile_pixels"] > 500
    assert sorted(told["by_hand"]["features"]) == sorted(map(str, network.switches["mrid"]))
    assert picture.stat().st_size > 2_000
