"""A QGIS project of a server: its tiles, and its features through OGC API, drawn as the viewer draws them.

Written for QGIS from 3.22 on, which reads symbols with the options that are given and takes its defaults for the rest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from tiles.layers import LAYER_NAMES
from tiles.mercator import lnglat_to_unit
from tiles.style import DEAD, HALO, INK, LIVE, SOME
from tiles.tilejson import ZOOMS

__all__ = ["project"]

VERSION = "3.22.0"
_WORLD_M = 40_075_016.685578488
_GEOMETRY = {"marker": "0", "line": "1", "fill": "2"}
_CLASSES = {"marker": "SimpleMarker", "line": "SimpleLine", "fill": "SimpleFill"}

Bounds = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Rule:
    """How the features of a layer are drawn of which an expression of QGIS is true.

    kind: marker, line or fill. options: of the symbol, as QGIS names them. zooms: lowest and highest at which tiles of
    it are drawn, -1 for any.
    """

    label: str
    layer: str
    expression: str
    kind: str
    options: Mapping[str, str]
    zooms: tuple[int, int] = (-1, -1)


def _line(label: str, expression: str, colour: str, width: float, style: str = "solid") -> Rule:
    options = {"line_color": _colour(colour), "line_width": str(width), "line_style": style, "capstyle": "round"}
    return Rule(label, "lines", expression, "line", options)


def _marker(label: str, layer: str, expression: str, shape: str, size: float, fill: str, edge: str) -> Rule:
    options = {"name": shape, "size": str(size), "color": _colour(fill), "outline_color": _colour(edge)}
    return Rule(label, layer, expression, "marker", {**options, "outline_width": "0.4"})


def _colour(hexadecimal: str, opacity: int = 255) -> str:
    """As QGIS writes it: red,green,blue,opacity."""
    return ",".join(str(int(hexadecimal[place : place + 2], 16)) for place in (1, 3, 5)) + f",{opacity}"


def _of_supply(layer: str, shape: str, size: float, fill: str | None) -> list[Rule]:
    """Markers with an edge, and where `fill` is None a body too, in the colour of their supply."""
    return [
        _marker(f"{layer}, {word}", layer, f'"energized" = {supply}', shape, size, fill or colour, colour)
        for supply, word, colour in _SUPPLY
    ]


_SUPPLY = ((2, "live", LIVE), (1, "partly live", SOME), (0, "dead", DEAD))

ELEMENTS: Mapping[str, Sequence[Rule]] = {
    "lines": (
        _line("lines, live", '"energized" = 2', LIVE, 0.5),
        _line("lines, partly live", '"energized" = 1', SOME, 0.5, "dash"),
        _line("lines, dead", '"energized" = 0', DEAD, 0.5, "dash"),
    ),
    "meters": _of_supply("meters", "circle", 1.2, None),
    "transformers": _of_supply("transformers", "triangle", 2.4, HALO),
    "switches": (
        _marker("switches, closed, live", "switches", '"open" = false AND "energized" > 0', "square", 1.8, LIVE, LIVE),
        _marker("switches, closed, dead", "switches", '"open" = false AND "energized" = 0', "square", 1.8, DEAD, DEAD),
        _marker("switches, open", "switches", '"open" = true', "square", 2.6, HALO, DEAD),
    ),
    "substations": _of_supply("substations", "diamond", 4, INK),
}
"""By layer of `grid`: what is open is hollow, what is dead is vermillion, and dashed where it is a line."""

_LAST_OF_CELLS = ZOOMS["grid"][0]
CELLS = (
    Rule(
        "cells",
        "hexes",
        '"customers_out" = 0',
        "fill",
        {"color": _colour(LIVE, 90), "outline_color": _colour(HALO), "outline_width": "0.1"},
        (-1, _LAST_OF_CELLS),
    ),
    Rule(
        "cells with customers out",
        "hexes",
        '"customers_out" > 0',
        "fill",
        {"color": _colour(SOME, 160), "outline_color": _colour(DEAD), "outline_width": "0.4"},
        (-1, _LAST_OF_CELLS),
    ),
)
OUTAGES = (
    Rule(
        "outages",
        "outages",
        "",
        "fill",
        {"color": _colour(DEAD, 40), "outline_color": _colour(DEAD), "outline_width": "0.6", "outline_style": "dash"},
    ),
)


def project(base_url: str, name: str, bounds: Bounds | None) -> bytes:
    """The project file (.qgs).

    base_url: of the server, without a slash at its end. bounds: west, south, east, north in degrees, shown first.
    """
    root = Element("qgis", projectname=name, version=VERSION)
    SubElement(root, "title").text = name
    _crs(SubElement(root, "projectCrs"), "EPSG:3857")
    reference = SubElement(SubElement(root, "properties"), "SpatialRefSys")
    SubElement(reference, "ProjectionsEnabled", type="int").text = "1"  # else QGIS leaves projectCrs aside
    drawn = [rule for layer in LAYER_NAMES for rule in ELEMENTS[layer]]
    tiles = [_tiles(base_url, "grid", "Network", drawn), _tiles(base_url, "hexes", "Cells", CELLS)]
    areas = [_features(base_url, "outages", "Outages", OUTAGES)]
    elements = [_features(base_url, layer, layer.capitalize(), ELEMENTS[layer]) for layer in reversed(LAYER_NAMES)]
    _tree(root, [*areas, *tiles], elements)
    SubElement(root, "projectlayers").extend([*areas, *tiles, *elements])
    order = SubElement(root, "layerorder")
    for layer in [*areas, *elements, *tiles]:
        SubElement(order, "layer", id=layer.findtext("id", ""))
    if bounds is not None:
        _view(root, bounds)
    indent(root)
    return b"<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>\n" + tostring(root, encoding="utf-8")


# --- layers -------------------------------------------------------------------------------------------------------


def _tiles(base_url: str, tileset: str, name: str, rules: Sequence[Rule]) -> Element:
    """A layer of vector tiles."""
    lowest, highest = ZOOMS[tileset]
    url = quote(f"{base_url}/tiles/{tileset}/{{z}}/{{x}}/{{y}}.mvt", safe="")
    layer = _layer("vector-tile", f"gridtwin_tiles_{tileset}", name, "EPSG:3857", "vectortile")
    SubElement(layer, "datasource").text = f"type=xyz&url={url}&zmin={lowest}&zmax={highest}"
    styles = SubElement(SubElement(layer, "renderer", type="basic"), "styles")
    for rule in rules:
        style = SubElement(
            styles,
            "style",
            {
                "name": rule.label,
                "layer": rule.layer,
                "geometry": _GEOMETRY[rule.kind],
                "expression": rule.expression,
                "enabled": "1",
                "min-zoom": str(rule.zooms[0]),
                "max-zoom": str(rule.zooms[1]),
            },
        )
        SubElement(style, "symbols").append(_symbol(rule, "0"))
    return layer


def _features(base_url: str, collection: str, name: str, rules: Sequence[Rule]) -> Element:
    """A layer of features, fetched for what the map shows."""
    layer = _layer("vector", f"gridtwin_items_{collection}", name, "EPSG:4326", "OAPIF")
    given = {
        "pagingEnabled": "true",
        "pageSize": "5000",
        "restrictToRequestBBOX": "1",
        "srsname": "OGC:CRS84",
        "typename": collection,
        "url": f"{base_url}/ogc",
        "version": "OGC_API_FEATURES",
    }
    SubElement(layer, "datasource").text = " ".join(f"{key}='{value}'" for key, value in given.items())
    renderer = SubElement(layer, "renderer-v2", type="RuleRenderer", symbollevels="0")
    listed, symbols = SubElement(renderer, "rules", key="{root}"), SubElement(renderer, "symbols")
    for number, rule in enumerate(rules):
        told = {"key": f"{{{collection}-{number}}}", "symbol": str(number), "label": rule.label}
        SubElement(listed, "rule", {**told, **({"filter": rule.expression} if rule.expression else {})})
        symbols.append(_symbol(rule, str(number)))
    return layer


def _layer(kind: str, identity: str, name: str, crs: str, provider: str) -> Element:
    layer = Element("maplayer", type=kind)
    SubElement(layer, "id").text = identity  # QGIS makes one of its own for less than 11 characters
    SubElement(layer, "layername").text = name
    SubElement(layer, "provider").text = provider
    _crs(SubElement(layer, "srs"), crs)
    return layer


def _symbol(rule: Rule, name: str) -> Element:
    symbol = Element("symbol", type=rule.kind, name=name, alpha="1", clip_to_extent="1")
    part = SubElement(symbol, "layer", {"class": _CLASSES[rule.kind], "enabled": "1", "pass": "0", "locked": "0"})
    options = SubElement(part, "Option", type="Map")
    for key, value in rule.options.items():
        SubElement(options, "Option", name=key, type="QString", value=value)
    return symbol


# --- the rest of a project ----------------------------------------------------------------------------------------


def _crs(parent: Element, code: str) -> None:
    """A coordinate system; without its number in QGIS's own list (srsid), which only has to be one, it is not read."""
    system, number = SubElement(parent, "spatialrefsys"), code.partition(":")[2]
    for name, text in (("srsid", number), ("srid", number), ("authid", code)):
        SubElement(system, name).text = text


def _tree(root: Element, shown: Sequence[Element], hidden: Sequence[Element]) -> None:
    """The list of layers; elements are switched off, as the tiles show them too."""
    tree = SubElement(root, "layer-tree-group")
    for layer in shown:
        _entry(tree, layer, "Qt::Checked")
    group = SubElement(tree, "layer-tree-group", name="Elements", checked="Qt::Unchecked", expanded="0")
    for layer in hidden:
        _entry(group, layer, "Qt::Unchecked")


def _entry(parent: Element, layer: Element, checked: str) -> None:
    identity, name = layer.findtext("id", ""), layer.findtext("layername", "")
    SubElement(parent, "layer-tree-layer", id=identity, name=name, checked=checked, expanded="0")


def _view(root: Element, bounds: Bounds) -> None:
    """What the map shows when it opens: the bounds and a tenth around."""
    west, south, east, north = bounds
    x, y = lnglat_to_unit([west, east], [south, north])
    left, right = sorted((value - 0.5) * _WORLD_M for value in x.tolist())
    bottom, top = sorted((0.5 - value) * _WORLD_M for value in y.tolist())
    margin = max(right - left, top - bottom, 1000) / 10
    edges = {"xmin": left - margin, "ymin": bottom - margin, "xmax": right + margin, "ymax": top + margin}
    canvas = SubElement(root, "mapcanvas", name="theMapCanvas", annotationsVisible="1")
    SubElement(canvas, "units").text = "meters"
    extent = SubElement(canvas, "extent")
    for name, value in edges.items():
        SubElement(extent, name).text = repr(value)
    _crs(SubElement(canvas, "destinationsrs"), "EPSG:3857")
    settings = SubElement(root, "ProjectViewSettings", UseProjectScales="0")
    _crs(SubElement(settings, "DefaultViewExtent", {name: repr(value) for name, value in edges.items()}), "EPSG:3857")
