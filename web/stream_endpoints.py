"""The live stream."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from web.context import context
from web.fields import Query, integer
from web.stream import EventStream


async def stream(request: Request) -> Response:
    """Server-sent events: every event of the log, and which tiles it made stale."""
    Query(request.query_params).done()
    here = context(request)
    last_seen = request.headers.get("last-event-id", "").strip()
    return EventStream(here.stream, here.settings, integer("Last-Event-ID", last_seen) if last_seen else None)
