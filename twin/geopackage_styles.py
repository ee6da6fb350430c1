"""How QGIS draws the layers of a GeoPackage when it opens them: its own table of default styles."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from xml.etree.ElementTree import Element, SubElement, tostring

_TABLE = """
CREATE TABLE IF NOT EXISTS layer_styles (id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, f_table_catalog TEXT(256),
  f_table_schema TEXT(256), f_table_name TEXT(256), f_geometry_column TEXT(256), styleName TEXT(30), styleQML TEXT,
  styleSLD TEXT, useAsDefault BOOLEAN, description TEXT, owner TEXT(30), ui TEXT(30),
  update_time DATETIME DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ','now')))
"""
_CONTENTS = """
INSERT OR IGNORE INTO gpkg_contents (table_name, data_type, identifier, description)
VALUES ('layer_styles', 'attributes', 'layer_styles', 'Styles that QGIS takes for the layers')
"""
_BLUE, _INK, _WHITE, _RED = "0,114,178,255", "27,31,36,255", "255,255,255,255", "213,94,0,255"


@dataclass(frozen=True, slots=True)
class _Rule:
    """Features of which an expression of QGIS is true (all where it is empty), and the options of their symbol."""

    label: str
    expression: str
    kind: str
    options: tuple[tuple[str, str], ...]


def _marker(label: str, shape: str, size: float, fill: str, edge: str, expression: str = "") -> _Rule:
    colours = (("color", fill), ("outline_color", edge), ("outline_width", "0.4"))
    return _Rule(label, expression, "marker", (("name", shape), ("size", str(size)), *colours))


_STYLES: dict[str, Sequence[_Rule]] = {
    "lines": (_Rule("line", "", "line", (("line_color", _BLUE), ("line_width", "0.5"), ("capstyle", "round"))),),
    "switches": (
        _marker("normally closed", "square", 1.8, _BLUE, _BLUE, "\"normal_open\" = ''"),
        _marker("normally open, on any phase", "square", 2.6, _WHITE, _RED, "\"normal_open\" <> ''"),
    ),
    "transformers": (_marker("transformer", "triangle", 2.6, _WHITE, _BLUE),),
    "consumers": (_marker("consumer", "circle", 1.2, _BLUE, _BLUE),),
    "sources": (_marker("source", "star", 5, _RED, _INK),),
    "substations": (_marker("substation", "diamond", 4, _INK, _INK),),
    "nodes": (_marker("connectivity node", "circle", 0.6, _INK, _INK),),
}
"""By layer: what is open is hollow, as in the viewer. The file holds normal positions; a server tells the live ones."""


def write_styles(connection: sqlite3.Connection) -> None:
    """Makes them the default of their layers, in place of what gridtwin wrote before; others' styles stay."""
    connection.execute(_TABLE)
    connection.execute(_CONTENTS)
    connection.execute("DELETE FROM layer_styles WHERE owner = 'gridtwin'")
    connection.executemany(
        "INSERT INTO layer_styles (f_table_catalog, f_table_schema, f_table_name, f_geometry_column, styleName, "
        "styleQML, useAsDefault, description, owner) VALUES ('', '', ?, 'geom', 'gridtwin', ?, 1, ?, 'gridtwin')",
        [(table, _qml(rules), f"{table} as gridtwin draws them") for table, rules in _STYLES.items()],
    )


def _qml(rules: Sequence[_Rule]) -> str:
    """A style as QGIS writes it, from 3.22 on."""
    root = Element("qgis", version="3.22.0", styleCategories="Symbology")
    renderer = SubElement(root, "renderer-v2", type="RuleRenderer", symbollevels="0", enableorderby="0")
    tree = SubElement(renderer, "rules", key="gridtwin")
    symbols = SubElement(renderer, "symbols")
    for number, rule in enumerate(rules):
        told = {"key": f"gridtwin-{number}", "symbol": str(number), "label": rule.label}
        SubElement(tree, "rule", told | ({"filter": rule.expression} if rule.expression else {}))
        symbol = SubElement(symbols, "symbol", type=rule.kind, name=str(number), alpha="1", clip_to_extent="1")
        form = "SimpleLine" if rule.kind == "line" else "SimpleMarker"
        layer = SubElement(symbol, "layer", {"class": form, "enabled": "1", "locked": "0", "pass": "0"})
        options = SubElement(layer, "Option", type="Map")
        for name, value in rule.options:
            SubElement(options, "Option", type="QString", name=name, value=value)
    return tostring(root, encoding="unicode")
