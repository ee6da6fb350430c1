"""OGC API - Features and OGC API - Tiles over HTTP."""

from __future__ import annotations

from dataclasses import replace

from starlette.requests import Request
from starlette.responses import Response

from twin.state import Snapshot
from web import ogc_openapi
from web.context import context
from web.errors import Gone, InvalidValue, NoSuchResource
from web.fields import Query
from web.links import base_url
from web.ogc import (
    CRS84,
    GEOJSON,
    MVT,
    OPENAPI,
    OUTAGES,
    REL,
    SCHEMA_JSON,
    TILE_MATRIX_SET,
    collection_of,
    document,
    link,
    negotiated,
    ogc_url,
    only_crs84,
    self_link,
)
from web.ogc_collections import collections, described, schema
from web.ogc_conformance import CLASSES
from web.ogc_features import one, page
from web.ogc_parameters import ItemsAsked, items_parameters
from web.ogc_tiles import address, tile_matrix_set, tile_matrix_sets, tileset, tilesets
from web.responses import JSON, NO_CACHE, body_response, encoding_of, etag_matches, etag_of, not_modified, to_json
from web.tile_endpoints import answer
from web.tile_parameters import tile_parameters
from web.version import version
from web.views import view_of, view_query

CONTENT_CRS = {"Content-Crs": f"<{CRS84}>"}


async def landing_page(request: Request) -> Response:
    """Where everything else is."""
    _json_only(request)
    links = [
        self_link(request, JSON),
        link(ogc_url(request, "api"), "service-desc", OPENAPI, "The API (OpenAPI 3.0)"),
        link(f"{base_url(request)}/docs", "service-doc", "text/html", "The whole server's API, to be read"),
        link(ogc_url(request, "conformance"), "conformance", JSON, "What this API conforms to"),
        link(ogc_url(request, "collections"), "data", JSON, "Feature collections"),
        link(ogc_url(request, "tiles"), REL + "tilesets-vector", JSON, "Vector tiles of the whole network"),
        link(ogc_url(request, "tileMatrixSets"), REL + "tiling-schemes", JSON, "Tile matrix sets"),
    ]
    name = context(request).twin.network.name
    what = "An electric distribution network in its live state: elements, outages, vector tiles."
    return await document(request, {"title": name or "gridtwin", "description": what, "links": links})


async def conformance(request: Request) -> Response:
    """Conformance classes."""
    _json_only(request)
    return await document(request, {"links": [self_link(request, JSON)], "conformsTo": list(CLASSES)})


async def api(request: Request) -> Response:
    """The OpenAPI 3.0 document of what is below /ogc."""
    query = Query(request.query_params)
    query.choice("f", ("json",), "json")
    query.done()
    whole = ogc_openapi.document(context(request).operations, ogc_url(request), version())
    return await document(request, whole, OPENAPI)


# --- features -----------------------------------------------------------------------------------------------------


async def list_collections(request: Request) -> Response:
    """Every collection."""
    _json_only(request)
    network = context(request).twin.network
    return await document(request, collections(request, network, self_link(request, JSON)))


async def collection(request: Request) -> Response:
    """One collection."""
    _json_only(request)
    return await document(request, described(request, context(request).twin.network, collection_of(request)))


async def queryables(request: Request) -> Response:
    """What filters may speak of."""
    return await _schema(request, "queryables")


async def collection_schema(request: Request) -> Response:
    """Properties of the features."""
    return await _schema(request, "schema")


async def _schema(request: Request, part: str) -> Response:
    query = Query(request.query_params)
    media_type = negotiated(request, query, SCHEMA_JSON, JSON)
    query.done()
    return await document(request, schema(request, collection_of(request), part), media_type)


async def items(request: Request) -> Response:
    """A page of features; the next pages show the same state, whatever is switched meanwhile."""
    query, name, here = Query(request.query_params), collection_of(request), context(request)
    media_type = negotiated(request, query, GEOJSON, JSON)
    asked = items_parameters(query, name)
    seen = await here.see(asked.view)
    snapshot = seen.snapshot
    if asked.model not in (None, snapshot.network.model):
        raise Gone("model", asked.model, snapshot.network.model)
    headers = _headers(snapshot)
    parts = (snapshot.network.model, snapshot.revision, seen.key, base_url(request), name, asked.canonical())
    own = self_link(request, media_type)
    etag = etag_of(here.lineage, parts, own["href"], media_type, encoding_of(request))
    if etag_matches(request.headers.get("if-none-match"), etag):
        return not_modified(etag, headers)

    def made() -> bytes:
        found = page(here.tiles.of(seen).source, snapshot, name, asked)
        links = [own, link(ogc_url(request, "collections", name), "collection", JSON)]
        if found.following is not None:
            links.append(link(_next(request, asked, snapshot, found.following), "next", media_type))
        whole = {"type": "FeatureCollection", "features": found.features, "links": links}
        return to_json({**whole, "numberMatched": found.matched, "numberReturned": len(found.features)})

    return body_response(request, await here.workers.compute(made), media_type, headers=headers, etag=etag)


def _next(request: Request, asked: ItemsAsked, snapshot: Snapshot, following: int) -> str:
    """The same parameters, with the state that this page shows."""
    given: dict[str, object] = {**request.query_params, **view_query(asked.view)}
    if asked.view.scenario is None:
        given |= {"at": None, "revision": snapshot.revision}
    given |= {"model": snapshot.network.model, "after": following}
    return ogc_url(request, "collections", request.path_params["collectionId"], "items", **given)


async def feature(request: Request) -> Response:
    """One feature by its mrid."""
    query, name, here = Query(request.query_params), collection_of(request), context(request)
    media_type = negotiated(request, query, GEOJSON, JSON)
    only_crs84(query, "crs")
    view = view_of(query)
    query.done()
    seen = await here.see(view)
    feature_id: str = request.path_params["featureId"]
    found = await here.workers.compute(one, seen.snapshot, name, feature_id)
    links = [self_link(request, media_type), link(ogc_url(request, "collections", name), "collection", JSON)]
    return await document(request, {**found, "links": links}, media_type, headers=_headers(seen.snapshot))


def _headers(snapshot: Snapshot) -> dict[str, str]:
    shown = {"Gridtwin-Revision": str(snapshot.revision), "Cache-Control": NO_CACHE, "Vary": "Accept, Accept-Encoding"}
    return {**CONTENT_CRS, **shown}


# --- tiles --------------------------------------------------------------------------------------------------------


async def list_tile_matrix_sets(request: Request) -> Response:
    """The tile matrix sets, of which there is one."""
    _json_only(request)
    return await document(request, tile_matrix_sets(request, self_link(request, JSON)))


async def get_tile_matrix_set(request: Request) -> Response:
    """WebMercatorQuad."""
    _json_only(request)
    _check_matrix_set(request)
    return await document(request, tile_matrix_set(self_link(request, JSON)))


async def list_tilesets(request: Request) -> Response:
    """Tilesets of a collection, or of the whole network."""
    _json_only(request)
    network = context(request).twin.network
    return await document(request, tilesets(request, network, _tiled(request), self_link(request, JSON)))


async def get_tileset(request: Request) -> Response:
    """Metadata of one tileset."""
    _json_only(request)
    _check_matrix_set(request)
    return await document(request, tileset(request, context(request).twin.network, _tiled(request)))


async def get_tile(request: Request) -> Response:
    """One tile, by row and column."""
    name = _tiled(request)
    _check_matrix_set(request)
    path, query = request.path_params, Query(request.query_params)
    found = address(context(request).tiles.network, name, path["tileMatrix"], path["tileRow"], path["tileCol"])
    negotiated(request, query, MVT, name="mvt")
    if "layers" in query:
        raise InvalidValue("layers", query.text("layers"), "is for /tiles; here a collection has tiles of its own")
    asked = tile_parameters(query, found.tileset, None if name is None else (name,))
    return await answer(request, found, replace(asked, layers=None if name is None else (name,)))


def _tiled(request: Request) -> str | None:
    """The collection that the path names, None where it names none; raises NoSuchResource for one without tiles."""
    if "collectionId" not in request.path_params:
        return None
    name = collection_of(request)
    if name == OUTAGES:
        raise NoSuchResource("collectionId", name, "those that are layers of tiles")
    return name


def _check_matrix_set(request: Request) -> None:
    given: str = request.path_params["tileMatrixSetId"]
    if given != TILE_MATRIX_SET:
        raise NoSuchResource("tileMatrixSetId", given, (TILE_MATRIX_SET,))


def _json_only(request: Request) -> None:
    """Takes `f` and the header Accept, and refuses any other parameter."""
    query = Query(request.query_params)
    negotiated(request, query, JSON)
    query.done()
