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
from web import viewer_endpoints
from web.common_headers import CommonHeaders
from web.context import Context
from web.errors import RULES, Located, Overloaded, failed, http_failed, unexpected
from web.guard import guarded
from web.metrics_together import EVERY_S, Together
from web.numbers import numbers
from web.observed import Observed
from web.openapi import Endpoint, Operation
from web.routes import OPERATIONS
from web.settings import Settings
from web.time_limit import TimeLimit


def create_app(twin: Twin, settings: Settings | None = None, together: Together | None = None) -> Starlette:
    """An application that serves a twin, which stays its caller's to close.

    together: where it tells its counters to the other processes that serve on the same port.
    """
    context = Context(twin, settings or Settings(), OPERATIONS, together)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[dict[str, object]]:
        warming = asyncio.create_task(context.workers.compute(_warm_up, context))  # requests need not wait for it
        telling = asyncio.create_task(_tell(context, together)) if together is not None else None
        context.follow()
        yield {
            "ready": context.ready,
            "at_once": None if context.at_once is None else context.at_once.answer,
            "settings": context.settings,
            "refused": context.metrics.refused,
        }
        if telling is not None:
            telling.cancel()
        context.close()
        with suppress(asyncio.CancelledError, Overloaded):  # stopped, or too busy, before it was done
            await warming

    app = Starlette(
        routes=_routes(OPERATIONS),
        middleware=[
            Middleware(Observed, metrics=context.metrics),
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


def _warm_up(context: Context) -> None:
    viewer_endpoints.warm_up(context)
    context.warm_up()


async def _tell(context: Context, together: Together) -> None:
    while True:
        with suppress(OSError):  # a full disk, say: others then see what was told last
            together.tell(numbers(context))
        await asyncio.sleep(EVERY_S)


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
