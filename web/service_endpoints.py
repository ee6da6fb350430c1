"""About the server itself: health, metrics, documentation."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import Response

from twin.store import StoreError
from web import openapi
from web.context import Context, context
from web.errors import Overloaded
from web.fields import Query
from web.links import base_url
from web.metrics import CONTENT_TYPE, text_of
from web.numbers import behind, labelled
from web.responses import JSON, NO_CACHE, body_response, encoding_of, etag_matches, etag_of, not_modified, to_json
from web.version import version

NO_STORE = {"Cache-Control": "no-store"}
STORE_ANSWERS_S = 1.0
"""Metrics wait no longer for the store than that."""


async def health(request: Request) -> Response:
    """The process answers."""
    Query(request.query_params).done()
    return body_response(request, to_json({"status": "ok"}), JSON, headers=NO_STORE)


async def ready(request: Request) -> Response:
    """The store answers and all of its log is applied; 503 otherwise."""
    Query(request.query_params).done()
    here = context(request)
    revision = await here.workers.store(_caught_up, here)
    told = {"status": "ready", "revision": revision, "model": here.twin.network.model}
    return body_response(request, to_json(told), JSON, headers=NO_STORE)


def _caught_up(here: Context) -> int:
    trouble = here.follower.trouble if here.follower is not None else None
    if trouble is not None and not isinstance(trouble, StoreError):
        raise StoreError(f"the log of {here.twin.store.url} cannot be applied: {trouble}")
    here.twin.store.head()
    return here.twin.catch_up()


async def metrics(request: Request) -> Response:
    """Counters and gauges for Prometheus."""
    Query(request.query_params).done()
    here = context(request)
    families = labelled(here)
    text = text_of([*families, *behind(families, await _head(here))])
    return body_response(request, text.encode(), CONTENT_TYPE, headers=NO_STORE)


async def _head(here: Context) -> int | None:
    """Newest revision in the store; None where it does not say in time."""
    try:
        head = await asyncio.wait_for(here.workers.store(here.twin.store.head), STORE_ANSWERS_S)
    except (StoreError, Overloaded, TimeoutError):
        return None
    return 0 if head is None else head.revision


async def openapi_json(request: Request) -> Response:
    """The OpenAPI 3.1 document."""
    Query(request.query_params).done()
    document = openapi.document(context(request).operations, base_url(request), version())
    return _constant(request, to_json(document), JSON)


async def docs(request: Request) -> Response:
    """The same, to be read by people."""
    Query(request.query_params).done()
    page = openapi.page(context(request).operations).encode()
    return _constant(request, page, "text/html", {"Content-Security-Policy": openapi.PAGE_POLICY})


def _constant(request: Request, data: bytes, media_type: str, more: Mapping[str, str] | None = None) -> Response:
    """Bytes that change with the version of the program only."""
    headers = {"Cache-Control": NO_CACHE, "Vary": "Accept-Encoding", **(more or {})}
    etag = etag_of(data, encoding_of(request))
    if etag_matches(request.headers.get("if-none-match"), etag):
        return not_modified(etag, headers)
    return body_response(request, data, media_type, headers=headers, etag=etag)
