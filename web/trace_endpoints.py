"""Traces: asked for by POST or by a link, answered as JSON, GeoJSON or CSV, page by page if wanted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response

from twin.mrids import UnknownMrid
from twin.traces import PAGE, TraceError, TraceRequest, TraceResult
from web.context import context
from web.errors import InvalidValue, Located
from web.fields import Query, accepted, kind_of, pointer, read_json
from web.links import base_url
from web.responses import JSON, body_response, encoding_of, etag_matches, etag_of, not_modified, to_json

GEOJSON = "application/geo+json"
CSV = "text/csv"
OFFERED = (JSON, GEOJSON, CSV)

Elements = Literal["all", "page", False]

_LISTS = ("start", "barriers", "filter_barriers")
_FLAGS = ("include_barriers", "ignore_barriers_at_start", "ignore_status")
_TEXTS = ("kind", "state", "phases", "mode")


async def post_trace(request: Request) -> Response:
    """A trace as JSON asks for it."""
    media_type = accepted(request, OFFERED)
    body = await read_json(request, context(request).settings.max_body_bytes)
    if not isinstance(body, dict):
        raise InvalidValue("", body, f"must be an object, not {kind_of(body)}")
    elements = _elements(pointer("elements"), body.pop("elements", "all"))
    try:
        return await _answer(request, TraceRequest.from_json(body), elements, media_type)
    except (TraceError, UnknownMrid) as error:
        name, position = _place(body, error)
        raise Located(pointer(name) + ("" if position is None else f"/{position}"), error) from error


async def get_trace(request: Request) -> Response:
    """The same as a link that can be shared: lists are repeated parameters."""
    media_type = accepted(request, OFFERED)
    query = Query(request.query_params)
    asked: dict[str, object] = {name: query.text(name) for name in _TEXTS if name in query}
    asked |= {name: query.all(name) for name in _LISTS if name in query}
    asked |= {name: query.choice(name, ("true", "false"), "false") == "true" for name in _FLAGS if name in query}
    if "terminal" in query:
        asked["terminal"] = query.integer("terminal", low=1, high=2)
    elements = _elements("elements", {"false": False}.get(text := query.text("elements", "all"), text))
    query.done()
    try:
        return await _answer(request, TraceRequest.from_json(asked), elements, media_type)
    except UnknownMrid as error:
        raise Located(_place(asked, error)[0], error) from error


async def trace_elements(request: Request) -> Response:
    """One page of the elements of a trace: edges first, then nodes."""
    query = Query(request.query_params)
    after = query.integer("after", 0)
    query.done()
    trace_id: str = request.path_params["id"]
    result = await context(request).trace_by_id(trace_id)
    headers = {"Gridtwin-Revision": str(result.snapshot.revision)}
    etag = etag_of(context(request).lineage, "trace", trace_id, after, base_url(request), encoding_of(request))
    if etag_matches(request.headers.get("if-none-match"), etag):
        return not_modified(etag, {**headers, "Cache-Control": "no-cache", "Vary": "Accept-Encoding"})
    page = await context(request).workers.compute(result.page, after)
    following = page["next"]
    page["next"] = _page_url(request, result.id, following) if isinstance(following, int) else None
    return body_response(request, to_json(page), JSON, headers=headers, etag=etag)


async def _answer(request: Request, asked: TraceRequest, elements: Elements, media_type: str) -> Response:
    here = context(request)
    result = await here.trace(asked)
    headers = {"Gridtwin-Revision": str(result.snapshot.revision), "Vary": "Accept, Accept-Encoding"}
    data = await here.workers.compute(_written, result, elements, media_type, _page_url(request, result.id, PAGE))
    return body_response(request, data, media_type, headers=headers)


def _written(result: TraceResult, elements: Elements, media_type: str, next_page: str) -> bytes:
    if media_type == GEOJSON:
        return to_json(result.to_geojson())
    if media_type == CSV:
        return result.to_csv().encode()
    whole = result.to_json(elements)
    if elements == "page":
        return to_json({**whole, **_first_page(result, next_page)})
    return to_json({**whole, "next": None})


def _first_page(result: TraceResult, next_page: str) -> Mapping[str, object]:
    """The page that the following ones go on from."""
    page = result.page(0)
    return {"edges": page["edges"], "nodes": page["nodes"], "next": None if page["next"] is None else next_page}


def _page_url(request: Request, trace_id: str, after: int) -> str:
    return f"{base_url(request)}/api/traces/{quote(trace_id, safe='')}/elements?after={after}"


def _place(asked: Mapping[str, object], error: TraceError | UnknownMrid) -> tuple[str, int | None]:
    """The field that an error is about and, in a list, the position."""
    names = [error.field] if isinstance(error, TraceError) else list(_LISTS)
    wrong = error.value if isinstance(error, TraceError) else error.mrid
    for name in names:
        values = asked.get(name)
        if isinstance(values, list) and wrong in values:
            return name, values.index(wrong)
    return names[0], None


def _elements(field: str, value: object) -> Elements:
    if value == "all":
        return "all"
    if value == "page":
        return "page"
    if value is False:
        return False
    raise InvalidValue(field, value, 'must be "all", "page" or false')
