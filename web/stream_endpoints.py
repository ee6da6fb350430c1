"""The live stream."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from web.access import Forbidden, Unauthorized
from web.context import context
from web.fields import Query, integer
from web.guard import identity_of
from web.stream import EventStream


async def stream(request: Request) -> Response:
    """Server-sent events: every event of the log, and which tiles it made stale. It ends when its token does."""
    Query(request.query_params).done()
    here = context(request)
    last_seen = request.headers.get("last-event-id", "").strip()
    since = integer("Last-Event-ID", last_seen) if last_seen else None

    def allowed() -> bool:
        try:
            identity_of(request).check("read")
        except (Unauthorized, Forbidden):
            return False
        return True

    return EventStream(here.stream, here.settings, since, allowed)
