"""A project that QGIS opens, with the tiles and the features of this server."""

from __future__ import annotations

import re

from starlette.requests import Request
from starlette.responses import Response

from tiles.qgis import project
from web.context import context
from web.fields import Query
from web.links import base_url
from web.responses import NO_CACHE, body_response, encoding_of, etag_matches, etag_of, not_modified

QGS = "application/x-qgis-project"


async def qgis_project(request: Request) -> Response:
    """The project file."""
    Query(request.query_params).done()
    network = context(request).twin.network
    name = network.name or "gridtwin"
    data = project(base_url(request), name, network.bounds)
    file = re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-.") or "gridtwin"
    headers = {
        "Cache-Control": NO_CACHE,
        "Vary": "Accept-Encoding",
        "Content-Disposition": f'attachment; filename="{file}.qgs"',
    }
    etag = etag_of(data, encoding_of(request))
    if etag_matches(request.headers.get("if-none-match"), etag):
        return not_modified(etag, headers)
    return body_response(request, data, QGS, headers=headers, etag=etag)
