"""Waits for what other processes add to the log: by NOTIFY, and by looking once a second."""

from __future__ import annotations

import asyncio
from concurrent.futures import CancelledError
from contextlib import suppress

import asyncpg

from twin.postgis_session import Connection, Loop, connect, to_store_error
from twin.postgis_url import PostgisUrl

POLL_S = 1.0
"""A notification can be lost where a proxy is in between; the revision cannot."""


def channel(url: PostgisUrl) -> str:
    """The name that NOTIFY and LISTEN share; one for each schema."""
    return f"{url.schema}_log"


class Listener:
    """A connection of its own that only listens."""

    def __init__(self, url: PostgisUrl, loop: Loop) -> None:
        self._url, self._loop = url, loop
        self._connection: Connection | None = None
        self._woken = asyncio.Event()
        self._known = self._heard = 0
        self._closed = False

    def wait(self, timeout_s: float) -> bool:
        """See `twin.store.Store.wait`; raises StoreAway, and listens anew when called again."""
        try:
            return not self._closed and self._loop.run(self._wait(timeout_s))
        except CancelledError:  # the store was closed meanwhile
            return False

    def committed(self, revision: int) -> None:
        """This process added a revision itself, after it had seen all before it: no need to wake for it."""
        self._known = max(self._known, revision)

    def close(self) -> None:
        """Ends a wait, and the connection."""
        self._closed = True
        self._loop.run(self._close())

    async def _wait(self, timeout_s: float) -> bool:
        end = asyncio.get_running_loop().time() + timeout_s
        try:
            if self._connection is None or self._connection.is_closed():
                return await self._listen()  # there is no telling what was added before
            while not self._closed and (left := end - asyncio.get_running_loop().time()) > 0:
                if self._heard > self._known:
                    return self._all_known()
                await self._sleep(min(left, POLL_S))
        except (OSError, TimeoutError, asyncpg.InterfaceError, asyncpg.PostgresError) as error:
            self._forget()
            raise to_store_error(self._url, error) from error
        return False

    async def _listen(self) -> bool:
        self._forget()
        self._connection = await connect(self._url)
        self._connection.add_termination_listener(lambda _: self._woken.set())
        await self._connection.add_listener(channel(self._url), self._notified)
        self._heard = await self._newest(self._connection)
        return self._all_known()

    async def _sleep(self, seconds: float) -> None:
        """Until woken; looks at the log where nothing woke it."""
        self._woken.clear()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._woken.wait(), seconds)
        if self._closed or self._connection is None:
            return
        if not self._woken.is_set() or self._connection.is_closed():
            self._heard = max(self._heard, await self._newest(self._connection))

    async def _newest(self, connection: Connection) -> int:
        revision: int = await connection.fetchval("SELECT revision FROM head")
        return revision

    def _notified(self, _connection: object, _pid: int, _channel: str, payload: object) -> None:
        self._heard = max(self._heard, int(str(payload)))
        self._woken.set()

    def _all_known(self) -> bool:
        self._known = max(self._known, self._heard)
        return not self._closed

    def _forget(self) -> None:
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None

    async def _close(self) -> None:
        self._woken.set()
        self._forget()
