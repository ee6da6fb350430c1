"""Traces: asked for by POST or by a link, answered as JSON, GeoJSON, CSV or GeoPackage, page by page if wanted."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote

import orjson
from starlette.requests import Request
from starlette.responses import Response

from twin.mrids import UnknownMrid
from twin.trace_request import CHOICES, FLAGS, MRID_LISTS, N_LIMIT, TEXTS
from twin.traces import ElementsWanted, TraceError, TraceRequest, TraceResult
from twin.transitions import SwitchingError
from web.context import context
from web.errors import AnswerTooLarge, InvalidValue, Located
from web.fields import Query, accepted, kind_of, pointer, read_json
from web.later import later
from web.links import base_url
from web.responses import JSON, body_response, encoding_of, etag_matches, etag_of, not_modified, to_json

GEOJSON = "application/geo+json"
CSV = "text/csv"
GEOPACKAGE = "application/geopackage+sqlite3"
OFFERED = (JSON, GEOJSON, CSV, GEOPACKAGE)
trace_package = later("tiles.trace_package", "trace_package")

_TEXTS = ("phases", *TEXTS, *(name for name in CHOICES if name != "terminal"))
_BATCH = ("open", "close", "operations")
"""Parameters that together are the operations of a link."""


async def post_trace(request: Request) -> Response:
    """A trace as JSON asks for it."""
    media_type = accepted(request, OFFERED)
    body = await read_json(request, context(request).settings.max_body_bytes)
    if not isinstance(body, dict):
        raise InvalidValue("", body, f"must be an object, not {kind_of(body)}")
    elements = _elements(pointer("elements"), body.pop("elements", "all"), media_type)
    _check_batch(request, pointer("operations"), body.get("operations"))
    try:
        return await _answer(request, TraceRequest.from_json(body), elements, media_type)
    except (TraceError, UnknownMrid, SwitchingError) as error:
        raise Located("".join(pointer(str(step)) for step in _place(body, error)), error) from error


async def get_trace(request: Request) -> Response:
    """The same as a link that can be shared: lists are repeated parameters."""
    media_type = accepted(request, OFFERED)
    query = Query(request.query_params)
    asked: dict[str, object] = {name: query.text(name) for name in _TEXTS if name in query}
    asked |= {name: query.all(name) for name in MRID_LISTS if name in query}
    asked |= {name: query.choice(name, ("true", "false"), "false") == "true" for name in FLAGS if name in query}
    if "terminal" in query:
        asked["terminal"] = query.integer("terminal", low=1, high=2)
    if "n" in query:
        asked["n"] = query.integer("n", low=1, high=N_LIMIT)
    if "revision" in query:
        asked["revision"] = query.integer("revision")
    batch = _batch(query)
    if batch:
        asked["operations"] = [operation for _, operation in batch]
        _check_batch(request, "operations", asked["operations"])
    wanted = query.text("elements", "all")
    elements = _elements("elements", {"false": False}.get(wanted, wanted), media_type)
    query.done()
    try:
        return await _answer(request, TraceRequest.from_json(asked), elements, media_type)
    except (TraceError, UnknownMrid, SwitchingError) as error:
        name, *at = _place(asked, error)
        if name == "operations" and at and isinstance(at[0], int):
            name = batch[at[0]][0]
        raise Located(str(name), error) from error


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
    page = await context(request).workers.trace(result.page, after)
    _link(base_url(request), page)
    return body_response(request, to_json(page), JSON, headers=headers, etag=etag)


async def _answer(request: Request, asked: TraceRequest, elements: ElementsWanted, media_type: str) -> Response:
    here = context(request)
    result = await here.trace(asked)
    headers = {"Gridtwin-Revision": str(result.snapshot.revision), "Vary": "Accept, Accept-Encoding"}
    if media_type == GEOPACKAGE:
        headers["Content-Disposition"] = f'attachment; filename="{asked.kind}.gpkg"'
    most = here.settings.max_trace_elements
    data = await here.workers.trace(_written, result, elements, media_type, base_url(request), most)
    return body_response(request, data, media_type, headers=headers)


def _written(result: TraceResult, elements: ElementsWanted, media_type: str, base: str, most: int) -> bytes:
    if elements == "all":
        _check_size(result, most)
    if media_type == GEOJSON:
        return to_json(result.to_geojson())
    if media_type == CSV:
        return result.to_csv().encode()
    if media_type == GEOPACKAGE:
        return trace_package(result)
    whole = result.to_json(elements)
    _link(base, whole)
    sides = whole.get("sides", {})
    assert isinstance(sides, dict)
    for side in sides.values():
        _link(base, side)
    return to_json(whole)


def _check_size(result: TraceResult, most: int) -> None:
    """Raises AnswerTooLarge, before any of the elements is named."""
    count = sum(len(each.trace.nodes) + len(each.trace.branches) for each in (result, *result.sides.values()))
    if count > most:
        raise AnswerTooLarge(count, most)


def _link(base: str, answer: dict[str, object]) -> None:
    """The position of the next page becomes its address."""
    if answer["next"] is not None:
        page = f"{base}/api/traces/{quote(str(answer['id']), safe='')}/elements"
        answer["next"] = f"{page}?after={answer['next']}"


# --- reading ----------------------------------------------------------------------------------------------------------


def _batch(query: Query) -> list[tuple[str, object]]:
    """Operations of a link, each with the parameter that holds it; `operations` takes them as JSON, for phases."""
    batch: list[tuple[str, object]] = []
    for name in _BATCH:
        for value in query.all(name):
            batch.append((name, _operation(value) if name == "operations" else {"mrid": value, "open": name == "open"}))
    return batch


def _operation(text: str) -> object:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise InvalidValue("operations", text, f"is not one operation as JSON: {error}") from error


def _check_batch(request: Request, field: str, operations: object) -> None:
    most = context(request).settings.max_operations
    if isinstance(operations, list) and len(operations) > most:
        raise InvalidValue(field, operations, f"has {len(operations)} entries; {most} is the limit", most)


def _elements(field: str, value: object, media_type: str) -> ElementsWanted:
    if value == "all":
        return "all"
    if media_type != JSON and (value == "page" or value is False):
        raise InvalidValue(field, value, f"is for JSON: {media_type} holds every element")
    if value == "page":
        return "page"
    if value is False:
        return False
    raise InvalidValue(field, value, 'must be "all", "page" or false')


def _place(asked: Mapping[str, object], error: TraceError | UnknownMrid | SwitchingError) -> tuple[int | str, ...]:
    """The field that an error is about, and where in it."""
    if isinstance(error, TraceError):
        return error.field, *error.at
    for name in MRID_LISTS if isinstance(error, UnknownMrid) else ():
        values = asked.get(name)
        if isinstance(values, list) and error.mrid in values:
            return name, values.index(error.mrid)
    operations = asked.get("operations")
    if isinstance(operations, list):
        for at in reversed(range(len(operations))):  # of two that contradict each other, the later
            if operations[at].get("mrid") == error.mrid:
                return "operations", at, "mrid"
    return ("start",)
