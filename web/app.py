"""The application: the table of routes, the table of errors, and headers that every answer has."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from twin.engine import Twin
from web.common_headers import COMMON_HEADERS, SHARED_HEADERS
from web.context import Context
from web.errors import RULES, Located, Overloaded, failed, http_failed, unexpected
from web.metrics import CountRequests
from web.openapi import Endpoint, Operation
from web.routes import OPERATIONS
from web.settings import Settings

SHARED = ("/tiles/", "/style.json")
"""Paths whose answers pages of other sites may read; nothing else, and no write."""


def create_app(twin: Twin, settings: Settings | None = None) -> Starlette:
    """An application that serves a twin, which stays its caller's to close."""
    context = Context(twin, settings or Settings(), OPERATIONS)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[dict[str, object]]:
        warming = asyncio.create_task(context.workers.compute(context.warm_up))  # requests need not wait for it
        yield {"ready": context.ready}
        context.close()
        with suppress(asyncio.CancelledError, Overloaded):  # stopped, or too busy, before it was done
            await warming

    app = Starlette(
        routes=_routes(OPERATIONS),
        middleware=[Middleware(CountRequests, metrics=context.metrics), Middleware(CommonHeaders)],
        exception_handlers={
            **dict.fromkeys((*RULES, Located), failed),
            HTTPException: http_failed,
            Exception: unexpected,
        },
        lifespan=lifespan,
    )
    app.router.redirect_slashes = False
    app.state.context = context
    return app


def _routes(operations: Sequence[Operation]) -> list[Route]:
    """One route a path, so that a refused method is told all that the path has."""
    by_path: dict[str, dict[str, Endpoint]] = {}
    for operation in operations:
        by_path.setdefault(operation.path, {})[operation.method] = operation.endpoint
    return [Route(path, _by_method(endpoints), methods=list(endpoints)) for path, endpoints in by_path.items()]


def _by_method(endpoints: Mapping[str, Endpoint]) -> Endpoint:
    if len(endpoints) == 1:
        return next(iter(endpoints.values()))

    async def chosen(request: Request) -> Response:
        return await endpoints["GET" if request.method == "HEAD" else request.method](request)

    return chosen


class CommonHeaders:
    """ASGI middleware: headers that keep a browser from guessing types, and that let any site draw our tiles."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        shared = scope["method"] in ("GET", "HEAD") and scope["path"].startswith(SHARED)

        async def adding(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *(SHARED_HEADERS if shared else COMMON_HEADERS)]
            await send(message)

        await self.app(scope, receive, adding)
