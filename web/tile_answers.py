"""How an answer with a tile looks: said once, for what the application answers and for what the connection does."""

from __future__ import annotations

from starlette.responses import Response

from tiles.cache import CachedTile, TileKey
from web.live_tiles import Address, Moment
from web.responses import IMMUTABLE, NO_CACHE, etag_of
from web.tile_parameters import Asked

MVT = "application/vnd.mapbox-vector-tile"

Headers = dict[str, str]


def described(lineage: str, address: Address, moment: Moment, asked: Asked, encoding: str) -> tuple[TileKey, Headers]:
    """What the bytes of the tile depend on, and the header fields of 200, 204 and 304 alike.

    All of it comes from one moment, and so will the bytes, so an ETag is never that of another state than theirs.
    """
    params = f"{moment.key}|{asked.params()}"
    model = moment.snapshot.network.model
    key = TileKey(model, address.tileset, address.z, address.x, address.y, params, moment.changed)
    return key, {
        "Cache-Control": IMMUTABLE if asked.pinned else NO_CACHE,
        "Vary": "Accept-Encoding",
        "Gridtwin-Revision": str(moment.snapshot.revision),
        "ETag": etag_of(lineage, key, encoding),
    }


def answer_of(found: CachedTile, headers: Headers, data: bytes | None = None) -> Response:
    """200 with the tile, 204 where there is nothing. data: the tile as it is sent, where that is not in gzip."""
    if found.left_out:
        headers = {**headers, "Gridtwin-Left-Out": str(found.left_out)}
    if not found.data:
        return Response(status_code=204, headers=headers)
    if data is None:
        return Response(found.data, headers={**headers, "Content-Encoding": "gzip"}, media_type=MVT)
    return Response(data, headers=headers, media_type=MVT)
