"""The time until an answer begins."""

from __future__ import annotations

import asyncio

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from web.errors import BodyTooSlow, TookTooLong, failed


class TimeLimit:
    """ASGI middleware: answers 504 where the answer does not begin in time, 408 where the body is still on its way.

    What waits for a thread then leaves the line; a write that has begun is waited for, see `Workers.write`.
    """

    def __init__(self, app: ASGIApp, seconds: float) -> None:
        self.app, self._seconds = app, seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        limit = asyncio.timeout(self._seconds)
        reading = False

        async def reads() -> Message:
            nonlocal reading
            reading = True
            message = await receive()
            reading = False
            return message

        async def sends(message: Message) -> None:
            if limit.when() is not None and not limit.expired():
                limit.reschedule(None)  # from here on, the client's pace is the connection's to judge
            await send(message)

        try:
            async with limit:
                await self.app(scope, reads, sends)
        except TimeoutError:
            if not limit.expired():
                raise
            error = BodyTooSlow(self._seconds) if reading else TookTooLong(self._seconds)
            response = failed(Request(scope), error)
            response.headers["Connection"] = "close"
            await response(scope, receive, send)
