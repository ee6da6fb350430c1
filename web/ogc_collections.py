"""OGC API - Features: collections, and which properties they have."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.requests import Request

from tiles.columns import PROPERTIES
from tiles.cql2 import Kind
from tiles.layers import FIELDS
from twin.network import Network
from web.ogc import (
    COLLECTIONS,
    CRS84,
    GEOJSON,
    OUTAGES,
    REL,
    SCHEMA_JSON,
    TILE_MATRIX_SET,
    Link,
    link,
    ogc_url,
)
from web.responses import JSON

TITLES = {
    "lines": ("Line sections", "Overhead lines and cables."),
    "substations": ("Substations", "At the centre of their nodes."),
    "switches": ("Switches", "Breakers, load-break switches, disconnectors, fuses …, at terminal 1."),
    "transformers": ("Transformers", "At their high-voltage end."),
    "meters": ("Meters", "Usage points, or else energy consumers."),
    OUTAGES: ("Outages", "Areas energised in the normal state and not now: the box around each, 10 m wider."),
}

_OUTAGE_FIELDS = {
    "nodes": "Number: connectivity nodes in it",
    "customers": "Number: customers who lost any of their phases",
    "cause": "String: mrid of the switch that is the cause",
    "since": "Instant: when that switch moved",
    "feeder": "String: name of its feeder in the normal state",
    "substation": "String: name of its substation",
}
_OUTAGE_KINDS: dict[str, Kind] = {
    "nodes": "number",
    "customers": "number",
    "cause": "text",
    "since": "instant",
    "feeder": "text",
    "substation": "text",
    "geometry": "geometry",
}
_WHOLE = {"customers", "energized", "nodes"}
_GEOMETRY = {"lines": "linestring", OUTAGES: "polygon"}
_TYPES: dict[Kind, Mapping[str, object]] = {
    "text": {"type": "string"},
    "number": {"type": "number"},
    "flag": {"type": "boolean"},
    "instant": {"type": "string", "format": "date-time"},
}


def properties(collection: str) -> dict[str, Kind]:
    """The properties of a collection, and `geometry`; not the `id` of tiles, as a feature's id is its mrid."""
    kinds = _OUTAGE_KINDS if collection == OUTAGES else PROPERTIES[collection]
    return {name: kind for name, kind in kinds.items() if name != "id"}


def described(request: Request, network: Network, collection: str) -> dict[str, object]:
    """One collection (collection.yaml, with crs and storageCrs of Part 2)."""
    title, what = TITLES[collection]
    whole: dict[str, object] = {
        "id": collection,
        "title": title,
        "description": what,
        "itemType": "feature",
        "crs": [CRS84],
        "storageCrs": CRS84,
        "links": _links(request, collection),
    }
    if network.bounds is not None:
        whole["extent"] = {"spatial": {"bbox": [list(network.bounds)], "crs": CRS84}}
    return whole


def _links(request: Request, collection: str) -> list[Link]:
    at = ("collections", collection)
    links = [
        link(ogc_url(request, *at), "self", JSON, TITLES[collection][0]),
        link(ogc_url(request, *at, "items"), "items", GEOJSON, "The features"),
        link(ogc_url(request, *at, "queryables"), REL + "queryables", SCHEMA_JSON, "What filters may speak of"),
        link(ogc_url(request, *at, "schema"), REL + "schema", SCHEMA_JSON, "Properties of the features"),
    ]
    if collection != OUTAGES:
        links.append(link(ogc_url(request, *at, "tiles"), REL + "tilesets-vector", JSON, "Vector tiles"))
        links.append(link(ogc_url(request, "tileMatrixSets", TILE_MATRIX_SET), REL + "tiling-scheme", JSON))
    return links


def collections(request: Request, network: Network, own: Link) -> dict[str, object]:
    """All collections (collections.yaml)."""
    return {"links": [own], "crs": [CRS84], "collections": [described(request, network, each) for each in COLLECTIONS]}


def schema(request: Request, collection: str, part: str) -> dict[str, object]:
    """The properties as JSON Schema: `queryables` (Part 3), or `schema` (Part 5)."""
    fields = _OUTAGE_FIELDS if collection == OUTAGES else FIELDS[collection]
    shape = f"geometry-{_GEOMETRY.get(collection, 'point')}"
    told: dict[str, object] = {"geometry": {"title": "Where it is", "format": shape, "x-ogc-role": "primary-geometry"}}
    if part == "schema":
        told["mrid"] = {"title": "master resource id, which is the feature's id", "type": "string", "x-ogc-role": "id"}
    for name, kind in properties(collection).items():
        if name not in told:
            title = fields[name].partition(": ")[2].partition(", from zoom")[0]
            kinds = {"type": "integer"} if name in _WHOLE else _TYPES[kind]
            told[name] = {"title": title, **kinds}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": ogc_url(request, "collections", collection, part),
        "title": TITLES[collection][0],
        "type": "object",
        "properties": told,
        "additionalProperties": False,
    }
