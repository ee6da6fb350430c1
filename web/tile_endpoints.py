"""Vector tiles of the live state, the TileJSON that describes them, and a style to draw them with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response

from tiles.cache import CachedTile, TileKey
from tiles.mercator import check_tile
from tiles.source import ZOOMS, UnknownTileset
from tiles.style import style
from twin import phases as phase_codes
from twin.state import Snapshot
from twin.traces import TraceResult
from web.context import Context, context
from web.errors import Gone, InvalidValue
from web.fields import Query, integer
from web.links import base_url
from web.live_tiles import Address, Moment
from web.ready import Ready, target_of
from web.responses import (
    JSON,
    NO_CACHE,
    body_response,
    encoding_of,
    etag_matches,
    etag_of,
    gunzipped,
    not_modified,
    to_json,
)
from web.tile_answers import answer_of, described
from web.tile_parameters import DEFAULT, Asked, tile_parameters

BIG = 100_000
"""Bytes from which uncompressing a tile is work for a thread."""
_WHOLE = DEFAULT.params()


async def tile(request: Request) -> Response:
    """One tile: 200, 204 where there is nothing, or 304 where the client has it."""
    address = _address(request.path_params)
    raw = request.scope["query_string"]
    asked = tile_parameters(Query(QueryParams(raw)), address.tileset) if raw else DEFAULT
    return await answer(request, address, asked)


async def answer(request: Request, address: Address, asked: Asked) -> Response:
    """The tile that lies there, as it is asked for."""
    here = context(request)
    kept = here.ready.by_target  # taken before the state, so that an answer is never kept beyond it
    moment = await _moment(here, asked, address)
    trace = None if asked.trace is None else await here.trace_by_id(asked.trace)
    encoding = encoding_of(request)
    key, headers = described(here.lineage, address, moment, asked, encoding)
    if etag_matches(request.headers.get("if-none-match"), headers["ETag"]):
        here.metrics.tile_cache["not_modified"] += 1
        return not_modified(headers["ETag"], headers)
    found = await _tile(here, key, moment, asked, trace)
    response = answer_of(found, headers, None if encoding == "gzip" else await _plain(here, found.data))
    if not here.access and asked.view.is_live and encoding == "gzip" and request.method == "GET":
        here.ready.add(kept, target_of(request), Ready.of(request.scope["route"].path, response, here.common_headers))
    return response


async def _tile(here: Context, key: TileKey, moment: Moment, asked: Asked, trace: TraceResult | None) -> CachedTile:
    found = here.tiles.cache.get(key)
    here.metrics.tile_cache["miss" if found is None else "hit"] += 1
    if found is None and asked.params() == _WHOLE:
        found = here.tiles.at_once(key, moment)
    if found is not None:
        return found
    return await here.workers.compute(here.tiles.make, key, moment, asked, trace)


async def _plain(here: Context, data: bytes) -> bytes:
    """A tile without compression."""
    if len(data) < BIG:
        return gunzipped(data) if data else b""
    return await here.workers.compute(gunzipped, data)


def _address(parameters: Mapping[str, str]) -> Address:
    """Raises UnknownTileset or TileAddressError, and InvalidValue for what is no number."""
    tileset = parameters["tileset"]
    if tileset not in ZOOMS:
        raise UnknownTileset(tileset)
    z, x, y = (integer(name, parameters[name]) for name in ("z", "x", "y"))
    check_tile(z, x, y, *ZOOMS[tileset])
    return Address(tileset, z, x, y)


async def _moment(here: Context, asked: Asked, address: Address) -> Moment:
    """What the tile is made of; raises Gone, RevisionGone, RevisionAhead or UnknownScenario.

    A pinned revision since which this tile has not changed is the live tile, so that both are kept once.
    """
    view = asked.view
    live = here.tiles.now(address, view.state, asked.phases)
    same = (
        view.state == "current"
        and view.revision is not None
        and live.changed <= view.revision <= live.snapshot.revision
    )
    in_force = asked.model in (None, live.snapshot.network.model)
    if not (view.is_live or (same and in_force)):
        live = await here.workers.compute(here.tiles.of, await here.see(view))
    model = live.snapshot.network.model
    if asked.model not in (None, model):
        raise Gone("model", asked.model, model)
    return live


async def tilejson(request: Request) -> Response:
    """TileJSON 3.0 of a tileset; parameters are handed on to its tiles."""
    here = context(request)
    tileset: str = request.path_params["tileset"]
    if tileset not in ZOOMS:
        raise UnknownTileset(tileset)
    asked = tile_parameters(Query(request.query_params), tileset)
    snapshot = await _described_snapshot(here, asked)
    revision = snapshot.revision
    document = here.tiles.source.tilejson(base_url(request), tileset, query=asked.query(), version=f"1.0.{revision}")
    return _described(request, document, revision)


async def style_json(request: Request) -> Response:
    """A complete MapLibre style; parameters are handed on to its tiles."""
    here = context(request)
    query = Query(request.query_params)
    if "layers" in query:
        raise InvalidValue("layers", query.text("layers"), "is for tiles: a style shows them all")
    asked = tile_parameters(query, "grid")
    snapshot = await _described_snapshot(here, asked)
    base, name = base_url(request), here.tiles.network.name
    settings = here.settings
    basemap, attribution = settings.basemap, settings.basemap_attribution
    document = style(base, query=asked.query(), name=name, basemap=basemap, attribution=attribution)
    cells = replace(asked, trace=None, phases=phase_codes.ABC, filter=None)  # which are for grid only
    sources, cell_sources = document["sources"], style(base, query=cells.query())["sources"]
    assert isinstance(sources, dict) and isinstance(cell_sources, dict)
    for tileset in ("hexes", "feeders"):
        sources[tileset] = cell_sources[tileset]
    return _described(request, document, snapshot.revision)


async def _described_snapshot(here: Context, asked: Asked) -> Snapshot:
    """The state that tiles will show, so that what cannot be shown is said at once."""
    snapshot = (await here.see(asked.view)).snapshot
    if asked.model not in (None, snapshot.network.model):
        raise Gone("model", asked.model, snapshot.network.model)
    return snapshot


def _described(request: Request, document: Mapping[str, object], revision: int) -> Response:
    data = to_json(document)
    etag = etag_of(data, encoding_of(request))
    headers = {"Cache-Control": NO_CACHE, "Vary": "Accept-Encoding", "Gridtwin-Revision": str(revision)}
    if etag_matches(request.headers.get("if-none-match"), etag):
        return not_modified(etag, headers)
    return body_response(request, data, JSON, headers=headers, etag=etag)
