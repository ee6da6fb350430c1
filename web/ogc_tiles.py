"""OGC API - Tiles: the tile matrix set, tilesets and their limits (OGC 20-057 and 17-083r4)."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.requests import Request

from tiles.hexes import FIELDS as HEX_FIELDS
from tiles.layers import FIELDS, LAYER_NAMES
from tiles.mercator import MAX_LATITUDE, MAX_ZOOM, TileAddressError, lnglat_to_tile
from tiles.tilejson import GRID_MINZOOM
from twin.network import Network
from web.fields import integer
from web.live_tiles import Address
from web.ogc import (
    CRS84,
    MVT,
    REL,
    TILE_MATRIX_SET,
    TILE_MATRIX_SET_URI,
    WEB_MERCATOR,
    Link,
    link,
    ogc_url,
)
from web.ogc_collections import TITLES
from web.responses import JSON

DEEPEST_DEFINED = 24
"""Deepest tile matrix of WebMercatorQuad."""
_HALF_WORLD = 20037508.3427892
_SCALE_0 = 559082264.028717
_CELL_0 = 156543.033928041

Limits = tuple[int, int, int, int]
"""Lowest and highest column, lowest and highest row."""


def tile_matrix_set(own: Link) -> dict[str, object]:
    """WebMercatorQuad as 17-083r4, annex D.1 has it, and beside it the names of version 1 (17-083r2).

    GDAL reads those of version 2 from 3.7 on.
    """
    return {
        "id": TILE_MATRIX_SET,
        "identifier": TILE_MATRIX_SET,
        "title": "Google Maps Compatible for the World",
        "uri": TILE_MATRIX_SET_URI,
        "crs": WEB_MERCATOR,
        "supportedCRS": WEB_MERCATOR,
        "boundingBox": {
            "lowerLeft": [-_HALF_WORLD, -_HALF_WORLD],
            "upperRight": [_HALF_WORLD, _HALF_WORLD],
            "crs": WEB_MERCATOR,
        },
        "orderedAxes": ["X", "Y"],
        "wellKnownScaleSet": "http://www.opengis.net/def/wkss/OGC/1.0/GoogleMapsCompatible",
        "tileMatrices": [_tile_matrix(zoom) for zoom in range(DEEPEST_DEFINED + 1)],
        "links": [own],
    }


def _tile_matrix(zoom: int) -> dict[str, object]:
    return {
        "id": str(zoom),
        "identifier": str(zoom),
        "scaleDenominator": _SCALE_0 / 2**zoom,
        "cellSize": _CELL_0 / 2**zoom,
        "pointOfOrigin": [-_HALF_WORLD, _HALF_WORLD],
        "topLeftCorner": [-_HALF_WORLD, _HALF_WORLD],
        "cornerOfOrigin": "topLeft",
        "tileWidth": 256,
        "tileHeight": 256,
        "matrixWidth": 2**zoom,
        "matrixHeight": 2**zoom,
    }


def tile_matrix_sets(request: Request, own: Link) -> dict[str, object]:
    """The list, of one."""
    at = ogc_url(request, "tileMatrixSets", TILE_MATRIX_SET)
    one = {
        "id": TILE_MATRIX_SET,
        "title": "Google Maps Compatible for the World",
        "uri": TILE_MATRIX_SET_URI,
        "crs": WEB_MERCATOR,
        "links": [link(at, "self", JSON)],
    }
    return {"links": [own], "tileMatrixSets": [one]}


# --- tilesets -----------------------------------------------------------------------------------------------------


def zooms(collection: str | None) -> range:
    """Tile matrices of a tileset: those of a collection begin where elements are drawn, the dataset's with cells."""
    return range(0 if collection is None else GRID_MINZOOM, MAX_ZOOM + 1)


def limits(network: Network, zoom: int) -> Limits:
    """Tiles that may hold anything. Cells reach out of the bounds of what they sum up, but less than a tile."""
    west, south, east, north = network.bounds or (-180.0, -MAX_LATITUDE, 180.0, MAX_LATITUDE)
    (left, right), (bottom, top) = lnglat_to_tile([west, east], [south, north], zoom)
    margin, last = int(zoom < GRID_MINZOOM), 2**zoom - 1
    low_x, high_x, low_y, high_y = int(left), int(right), int(top), int(bottom)
    return max(low_x - margin, 0), min(high_x + margin, last), max(low_y - margin, 0), min(high_y + margin, last)


def address(network: Network, collection: str | None, matrix: str, row: str, column: str) -> Address:
    """The tile that a path names; raises InvalidValue or TileAddressError."""
    zoom = integer("tileMatrix", matrix)
    allowed = zooms(collection)
    if zoom not in allowed:
        raise TileAddressError("tileMatrix", zoom, allowed[0], allowed[-1])
    low_x, high_x, low_y, high_y = limits(network, zoom)
    x, y = integer("tileCol", column), integer("tileRow", row)
    for field, value, low, high in (("tileCol", x, low_x, high_x), ("tileRow", y, low_y, high_y)):
        if not low <= value <= high:
            raise TileAddressError(field, value, low, high)
    return Address("hexes" if zoom < GRID_MINZOOM else "grid", zoom, x, y)


def tilesets(request: Request, network: Network, collection: str | None, own: Link) -> dict[str, object]:
    """The list of a collection's tilesets, or of the dataset's where None."""
    return {"links": [own], "tilesets": [_brief(request, network, collection)]}


def tileset(request: Request, network: Network, collection: str | None) -> dict[str, object]:
    """Tileset metadata (17-083r4, tileSet.json)."""
    names: Sequence[str] = LAYER_NAMES if collection is None else (collection,)
    brief = _brief(request, network, collection)
    links = brief["links"]
    assert isinstance(links, list)
    template = f"{_at(request, collection)}/{{tileMatrix}}/{{tileRow}}/{{tileCol}}?f=mvt"
    links.append(link(template, "item", MVT, "A tile", templated=True))
    links.append(link(ogc_url(request), REL + "dataset", JSON))
    if collection is not None:
        links.append(link(ogc_url(request, "collections", collection), REL + "geodata", JSON))
    layers = [_layer(name, FIELDS[name], GRID_MINZOOM, MAX_ZOOM) for name in names]
    if collection is None:
        layers.insert(0, _layer("hexes", HEX_FIELDS, 0, GRID_MINZOOM - 1))
    whole: dict[str, object] = {**brief, "layers": layers, "mediaTypes": [MVT]}
    whole["tileMatrixSetLimits"] = [_told(network, zoom) for zoom in zooms(collection)]
    if network.bounds is not None:
        west, south, east, north = network.bounds
        whole["boundingBox"] = {"lowerLeft": [west, south], "upperRight": [east, north], "crs": CRS84}
        middle = [(west + east) / 2, (south + north) / 2]
        whole["centerPoint"] = {"coordinates": middle, "crs": CRS84, "tileMatrix": str(GRID_MINZOOM)}
    return whole


def _at(request: Request, collection: str | None) -> str:
    parts = () if collection is None else ("collections", collection)
    return ogc_url(request, *parts, "tiles", TILE_MATRIX_SET)


def _brief(request: Request, network: Network, collection: str | None) -> dict[str, object]:
    title = network.name or "The network" if collection is None else TITLES[collection][0]
    scheme = ogc_url(request, "tileMatrixSets", TILE_MATRIX_SET)
    return {
        "title": title,
        "dataType": "vector",
        "crs": WEB_MERCATOR,
        "tileMatrixSetId": TILE_MATRIX_SET,
        "tileMatrixSetURI": TILE_MATRIX_SET_URI,
        "links": [
            link(_at(request, collection), "self", JSON, title),
            link(scheme, REL + "tiling-scheme", JSON, TILE_MATRIX_SET),
        ],
    }


def _layer(name: str, fields: dict[str, str], minzoom: int, maxzoom: int) -> dict[str, object]:
    dimension = {"lines": 1, "hexes": 2}.get(name, 0)
    return {
        "id": name,
        "dataType": "vector",
        "geometryDimension": dimension,
        "minTileMatrix": str(minzoom),
        "maxTileMatrix": str(maxzoom),
        "propertiesSchema": {
            "type": "object",
            "properties": {
                field: {"type": what.partition(":")[0].lower(), "title": what.partition(": ")[2]}
                for field, what in fields.items()
            },
        },
    }


def _told(network: Network, zoom: int) -> dict[str, object]:
    low_x, high_x, low_y, high_y = limits(network, zoom)
    return {
        "tileMatrix": str(zoom),
        "minTileRow": low_y,
        "maxTileRow": high_y,
        "minTileCol": low_x,
        "maxTileCol": high_x,
    }
