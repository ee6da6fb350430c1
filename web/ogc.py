"""OGC API: what its resources have in common: media types, relations, links, answers."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote, urlencode

from starlette.requests import Request
from starlette.responses import Response

from tiles.layers import LAYER_NAMES
from web.errors import InvalidValue, NoSuchResource
from web.fields import Query, accepted
from web.links import base_url
from web.responses import (
    JSON,
    NO_CACHE,
    body_response,
    encoding_of,
    etag_matches,
    etag_of,
    not_modified,
    to_json,
)

ROOT = "/ogc"
GEOJSON = "application/geo+json"
SCHEMA_JSON = "application/schema+json"
OPENAPI = "application/vnd.oai.openapi+json;version=3.0"
MVT = "application/vnd.mapbox-vector-tile"

REL = "http://www.opengis.net/def/rel/ogc/1.0/"
CRS84 = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"
WEB_MERCATOR = "http://www.opengis.net/def/crs/EPSG/0/3857"
TILE_MATRIX_SET = "WebMercatorQuad"
TILE_MATRIX_SET_URI = "http://www.opengis.net/def/tilematrixset/OGC/1.0/WebMercatorQuad"

OUTAGES = "outages"
COLLECTIONS = (*LAYER_NAMES, OUTAGES)
"""Feature collections: the layers of `grid`, bottom one first, and the areas without supply."""

Link = dict[str, object]


def ogc_url(request: Request, *parts: str, **query: object) -> str:
    """Absolute address of a resource; parameters that are None are left out."""
    path = "".join(f"/{quote(part, safe='')}" for part in parts)
    given = urlencode({name.replace("_", "-"): value for name, value in query.items() if value is not None}, safe=",/:")
    return f"{base_url(request)}{ROOT}{path}" + (f"?{given}" if given else "")


def link(href: str, rel: str, media_type: str, title: str = "", **more: object) -> Link:
    """One link (OGC API - Common, link.yaml)."""
    return {"href": href, "rel": rel, "type": media_type, **({"title": title} if title else {}), **more}


def self_link(request: Request, media_type: str) -> Link:
    """To the resource itself, as it was asked for."""
    query = request.scope["query_string"].decode("latin-1")
    path = quote(request.url.path, safe="/:~")
    return link(f"{base_url(request)}{path}" + (f"?{query}" if query else ""), "self", media_type)


def negotiated(request: Request, query: Query, *offered: str, name: str = "json") -> str:
    """The media type to answer with: by `f`, else by the header Accept; raises InvalidValue or NotAcceptable."""
    if "f" in query:
        query.choice("f", (name,), name)
        return offered[0]
    return accepted(request, offered)


def collection_of(request: Request) -> str:
    """The collection that the path names; raises NoSuchResource."""
    found: str = request.path_params["collectionId"]
    if found not in COLLECTIONS:
        raise NoSuchResource("collectionId", found, COLLECTIONS)
    return found


def only_crs84(query: Query, *names: str) -> None:
    """Takes parameters that name a coordinate system; there is one only."""
    for name in names:
        value = query.text(name, CRS84)
        if value != CRS84:
            raise InvalidValue(name, value, f"must be {CRS84}", CRS84)


async def document(
    request: Request, whole: Mapping[str, object], media_type: str = JSON, *, headers: Mapping[str, str] | None = None
) -> Response:
    """A small JSON document, with an ETag of its content."""
    data = to_json(whole)
    given = {"Cache-Control": NO_CACHE, "Vary": "Accept, Accept-Encoding", **(headers or {})}
    etag = etag_of(data, media_type, encoding_of(request))
    if etag_matches(request.headers.get("if-none-match"), etag):
        return not_modified(etag, given)
    return body_response(request, data, media_type, headers=given, etag=etag)
