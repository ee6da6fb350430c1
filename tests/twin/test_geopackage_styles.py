"""The default styles that QGIS finds in the file: one a layer, whole, and nobody else's touched."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from xml.etree import ElementTree

import pyogrio
import pytest

from tests.twin.networks import F1, draw
from twin.engine import Twin
from twin.geopackage import GeoPackageStore

LAYERS = {"nodes", "lines", "switches", "transformers", "sources", "consumers", "substations"}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "grid.gpkg"
    Twin.load(draw(F1, opened="b5"), GeoPackageStore(path, write=True, create=True)).close()
    return path


def rows(path: Path) -> dict[str, tuple[str, bool, str]]:
    connection = sqlite3.connect(path)
    found = connection.execute("SELECT f_table_name, f_geometry_column, useAsDefault, styleQML FROM layer_styles")
    styles = {name: (column, bool(default), qml) for name, column, default, qml in found.fetchall()}
    connection.close()
    return styles


def test_every_layer_has_a_default_style_of_its_symbols(path: Path) -> None:
    styles = rows(path)
    assert set(styles) == LAYERS
    for column, default, qml in styles.values():
        assert (column, default) == ("geom", True)
        root = ElementTree.fromstring(qml)
        rules, symbols = root.findall(".//rule"), root.findall(".//symbol")
        assert [rule.get("symbol") for rule in rules] == [symbol.get("name") for symbol in symbols] != []
        assert all(symbol.findall("layer/Option/Option") for symbol in symbols)


def test_rules_name_columns_that_are_there(path: Path) -> None:
    qml = rows(path)["switches"][2]
    assert '"normal_open"' in [rule.get("filter", "").split()[0] for rule in ElementTree.fromstring(qml).iter("rule")]
    assert "normal_open" in pyogrio.read_info(path, layer="switches")["fields"]


def test_loading_again_keeps_the_styles_of_others(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("INSERT INTO layer_styles (f_table_name, styleName, owner) VALUES ('lines', 'mine', 'ann')")
    connection.commit()
    connection.close()
    Twin.load(draw(F1 + " t9:6-8", opened="b5"), GeoPackageStore(path, write=True)).close()
    connection = sqlite3.connect(path)
    owners = connection.execute("SELECT owner, count(*) FROM layer_styles GROUP BY owner ORDER BY owner").fetchall()
    connection.close()
    assert owners == [("ann", 1), ("gridtwin", len(LAYERS))]
