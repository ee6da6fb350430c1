"""Threads beside the event loop: some that compute, some that trace, and one that writes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Lock
from typing import ParamSpec, TypeVar

from web.errors import Overloaded
from web.settings import Settings

P = ParamSpec("P")
T = TypeVar("T")


class Line:
    """Calls that wait for threads and run in them: so many at a time, and no more in all than a limit.

    Who stops waiting for a call takes it out of the line. One that runs already goes on to its end, and counts until
    then: what is given up cannot pile up behind the limit.
    """

    def __init__(self, name: str, threads: int, most: int, refused: Callable[[], Overloaded]) -> None:
        self._pool = ThreadPoolExecutor(threads, name)
        self._most, self._refused = most, refused
        self._inside = 0
        self._lock = Lock()

    def __len__(self) -> int:
        return self._inside

    def begin(self, call: Callable[[], T]) -> Future[T]:
        """Puts a call at the end of the line; raises Overloaded where it is full."""
        with self._lock:
            if self._inside >= self._most:
                raise self._refused()
            self._inside += 1
        try:
            begun = self._pool.submit(call)
        except RuntimeError:  # it is closed
            self._leave()
            raise
        begun.add_done_callback(self._leave)
        return begun

    def _leave(self, _: object = None) -> None:
        with self._lock:
            self._inside -= 1

    def close(self, *, wait: bool) -> None:
        """Gives up what waits; with `wait`, returns when what runs is done."""
        self._pool.shutdown(wait=wait, cancel_futures=True)


class Workers:
    """A bounded number of computing threads, as many that trace, and one thread for all that touches the store.

    Traces have threads of their own, so that tiles do not wait behind them. A store is used by one thread at a time
    (see `twin.store.Store`), so reads of the log queue with the writes.
    """

    def __init__(self, settings: Settings) -> None:
        threads, waiting, traces = settings.threads, settings.max_waiting, settings.max_traces
        self._compute = Line("compute", threads, threads + waiting, lambda: Overloaded(waiting))
        self._store = Line("store", 1, 1 + waiting, lambda: Overloaded(waiting))
        self.traces = Line("trace", threads, traces, lambda: Overloaded(traces, "max_traces", "traces are under way"))

    async def compute(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Runs a function that only reads the twin; raises Overloaded where too many wait already."""
        return await asyncio.wrap_future(self._compute.begin(lambda: function(*args, **kwargs)))

    async def trace(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """The same for what may take long; raises Overloaded where there are too many traces."""
        return await asyncio.wrap_future(self.traces.begin(lambda: function(*args, **kwargs)))

    async def store(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Runs a function that reads the store, after those asked for before; raises Overloaded."""
        return await asyncio.wrap_future(self._store.begin(lambda: function(*args, **kwargs)))

    async def write(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """The same for a function that writes: once begun, its result is waited for even by who was to stop waiting.

        So whoever is refused for the time it took knows that nothing was written.
        """
        begun = self._store.begin(lambda: function(*args, **kwargs))
        try:
            return await asyncio.shield(asyncio.wrap_future(begun))
        except asyncio.CancelledError:
            if begun.cancel() or begun.cancelled():
                raise
            return await asyncio.wrap_future(begun)

    def close(self) -> None:
        """Gives up what waits. What runs in the store finishes; what only reads the twin is not waited for."""
        self._store.close(wait=True)
        for line in (self._compute, self.traces):
            line.close(wait=False)
