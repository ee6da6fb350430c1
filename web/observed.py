"""Every request is named, counted, timed and, if wanted, logged."""

from __future__ import annotations

import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from web.access import Identity
from web.log import REQUEST_ID, tell_request
from web.metrics import Metrics
from web.request_ids import HEADER, request_id

METHODS = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT")


class Observed:
    """ASGI middleware: the outermost. A request counts under its route, never its path, so that labels stay few."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self.app, self.metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started, status, size = time.perf_counter(), 500, 0
        name = request_id(next((value for field, value in scope["headers"] if field == HEADER), None))
        scope.setdefault("state", {})["request_id"] = name
        REQUEST_ID.set(name)  # of this task, which is the request's own

        async def noting(message: Message) -> None:
            nonlocal status, size
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], (HEADER, name.encode())]
            elif scope["method"] != "HEAD":
                size += len(message.get("body", b""))
            await send(message)

        try:
            await self.app(scope, receive, noting)
        finally:
            route = getattr(scope.get("route"), "path", "unknown")
            method = scope["method"] if scope["method"] in METHODS else "OTHER"
            seconds = time.perf_counter() - started
            self.metrics.count(route, method, status, seconds)
            identity = scope["state"].get("identity")
            author = identity.name if isinstance(identity, Identity) else ""
            tell_request(name, method, route, status, seconds, size, author)
