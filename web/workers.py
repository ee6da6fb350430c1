"""Threads beside the event loop: some that compute, and one that writes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from web.errors import Overloaded

P = ParamSpec("P")
T = TypeVar("T")


class Workers:
    """A bounded number of computing threads, and one thread for all that touches the store.

    A store is used by one thread at a time (see `twin.store.Store`), so reads of the log queue with the writes.
    """

    def __init__(self, threads: int, max_waiting: int) -> None:
        self._compute = ThreadPoolExecutor(threads, "compute")
        self._store = ThreadPoolExecutor(1, "store")
        self._threads, self._max_waiting = threads, max_waiting
        self._inside = 0

    async def compute(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Runs a function that only reads the twin; raises Overloaded where too many wait already."""
        return await self._run(self._compute, lambda: function(*args, **kwargs))

    async def store(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Runs a function that reads or writes the store, after those asked for before; raises Overloaded."""
        return await self._run(self._store, lambda: function(*args, **kwargs))

    async def _run(self, pool: ThreadPoolExecutor, call: Callable[[], T]) -> T:
        if self._inside >= self._threads + self._max_waiting:
            raise Overloaded(self._max_waiting)
        self._inside += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(pool, call)
        finally:
            self._inside -= 1

    def close(self) -> None:
        """Lets what runs finish; what waits is given up."""
        for pool in (self._store, self._compute):
            pool.shutdown(wait=True, cancel_futures=True)
