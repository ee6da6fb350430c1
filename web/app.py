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

from twin.engine import Twin
from web.common_headers import CommonHeaders
from web.context import Context
from web.errors import RULES, Located, Overloaded, failed, http_failed, unexpected
from web.guard import guarded
from web.metrics import CountRequests
from web.openapi import Endpoint, Operation
from web.routes import OPERATIONS
from web.settings import Settings
from web.time_limit import TimeLimit


def create_app(twin: Twin, settings: Settings | None = None) -> Starlette:
    """An application that serves a twin, which stays its caller's to close."""
    context = Context(twin, settings or Settings(), OPERATIONS)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[dict[str, object]]:
        warming = asyncio.create_task(context.workers.compute(context.warm_up))  # requests need not wait for it
        context.follow()
        yield {"ready": context.ready, "settings": context.settings, "refused": context.metrics.refused}
        context.close()
        with suppress(asyncio.CancelledError, Overloaded):  # stopped, or too busy, before it was done
            await warming

    app = Starlette(
        routes=_routes(OPERATIONS),
        middleware=[
            Middleware(CountRequests, metrics=context.metrics),
            Middleware(CommonHeaders, settings=context.settings, private=bool(context.access)),
            Middleware(TimeLimit, seconds=context.settings.request_s),
        ],
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
        by_path.setdefault(operation.path, {})[operation.method] = guarded(operation)
    return [Route(path, _by_method(endpoints), methods=list(endpoints)) for path, endpoints in by_path.items()]


def _by_method(endpoints: Mapping[str, Endpoint]) -> Endpoint:
    if len(endpoints) == 1:
        return next(iter(endpoints.values()))

    async def chosen(request: Request) -> Response:
        return await endpoints["GET" if request.method == "HEAD" else request.method](request)

    return chosen
