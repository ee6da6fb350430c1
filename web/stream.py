"""Server-sent events: every change of the twin, to every client, without ever waiting for one of them."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from threading import BoundedSemaphore, Lock

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from twin.engine import Change, Twin
from twin.outages import outages
from twin.state import Snapshot
from web.errors import Overloaded
from web.responses import to_json
from web.settings import Settings

REPLAYED = 512
"""Events kept for clients that come back; who was away longer fetches everything anew."""
MOST_REPLAYED_BYTES = 256 << 10
"""And so does who missed more than that: it would wait in memory for each client that comes back at once."""

MOST_UNTOLD = 32
"""Changes that wait to be told, each of which holds two states; from there on the writer waits."""

ASKED_EVERY_S = 1.0
"""How often at most a client's right to follow is looked at again."""

Stale = Mapping[str, object]
"""Stale tiles as they are sent: ranges of Morton codes by tileset, or `all`."""

EVERYTHING: Stale = {"grid": [], "hexes": [], "feeders": [], "all": True}


@dataclass(frozen=True, slots=True)
class Event:
    """One event of the log, as it goes over the wire; `resync` says the same and that all tiles are stale."""

    revision: int
    data: bytes
    resync: bytes


class Subscriber:
    """One client: a bounded queue on its own event loop."""

    def __init__(self, limit: int) -> None:
        self.loop = asyncio.get_running_loop()
        self._waiting: deque[bytes] = deque()
        self._limit = limit
        self._more = asyncio.Event()
        self._ended = False

    def put(self, event: Event) -> None:
        """On its loop; a client whose queue is full is told that all tiles are stale instead."""
        if len(self._waiting) >= self._limit:
            self._waiting.clear()
            self._waiting.append(event.resync)
        else:
            self._waiting.append(event.data)
        self._more.set()

    def end(self) -> None:
        """On its loop: no more events."""
        self._ended = True
        self._more.set()

    async def next(self, patience_s: float) -> bytes | None:
        """The next message, a comment after `patience_s` seconds of silence, None at the end."""
        while not self._waiting:
            if self._ended:
                return None
            self._more.clear()
            try:
                async with asyncio.timeout(patience_s):  # before Python 3.12, wait_for may lose a cancellation
                    await self._more.wait()
            except TimeoutError:
                return b": keep-alive\n\n"
        return self._waiting.popleft()


def to_each(subscribers: Iterable[Subscriber], call: Callable[[Subscriber], None]) -> None:
    """Calls for each on its loop, from any thread.

    Each loop is woken once, however many it has: a thread that wakes it for every client waits for it as often.
    """
    by_loop: dict[asyncio.AbstractEventLoop, list[Subscriber]] = {}
    for subscriber in subscribers:
        by_loop.setdefault(subscriber.loop, []).append(subscriber)
    for loop, theirs in by_loop.items():
        if not loop.is_closed():
            loop.call_soon_threadsafe(_each, theirs, call)


def _each(subscribers: list[Subscriber], call: Callable[[Subscriber], None]) -> None:
    for subscriber in subscribers:
        call(subscriber)


class Stream:
    """Tells subscribers what changed, in the order of the log.

    The writer hands a change over and goes on; what is said about it is worked out in a thread of its own. A change
    that others have overtaken by then is told without the number of outages, which takes longest and is of the past.
    """

    def __init__(self, twin: Twin, settings: Settings) -> None:
        self._twin, self._settings = twin, settings
        self._lock = Lock()
        self._subscribers: set[Subscriber] = set()
        self._kept: deque[Event] = deque(maxlen=REPLAYED)
        self._head = twin.current
        self._announced = twin.revision
        self._untold = BoundedSemaphore(MOST_UNTOLD)
        self._closed = False
        self._speaker = ThreadPoolExecutor(1, "stream")

    def __len__(self) -> int:
        return len(self._subscribers)

    def announce(self, change: Change, stale: Stale) -> None:
        """Tells everybody about a change, in a moment; called by the writing thread, in the order of the log."""
        self._untold.acquire()
        with self._lock:
            if self._closed:
                self._untold.release()
                return
            self._announced = change.recorded.revision
            told = self._speaker.submit(self._tell, change, stale)
        told.add_done_callback(lambda _: self._untold.release())  # also where it is given up
        told.add_done_callback(_not_silently)

    def _tell(self, change: Change, stale: Stale) -> None:
        told = {"kind": type(change.recorded.event).__name__, **_state(change.after)}
        revision = change.recorded.revision
        if revision == self._announced:
            told["outages"] = len(outages(change.after))
        event = Event(
            revision,
            message("revision", {**told, "stale": stale}, revision),
            message("revision", {**told, "stale": EVERYTHING}, revision),
        )
        with self._lock:
            self._kept.append(event)
            self._head = change.after
            to_each(self._subscribers, lambda subscriber: subscriber.put(event))

    def subscribe(self, last_seen: int | None) -> tuple[Subscriber, list[bytes]]:
        """A new client and what it is told first: the state, then what it missed since revision `last_seen`.

        Raises Overloaded where there are too many clients.
        """
        with self._lock:
            if self._closed or len(self._subscribers) >= self._settings.stream_clients:
                raise Overloaded(self._settings.stream_clients, "stream_clients", "clients follow the stream")
            subscriber = Subscriber(self._settings.stream_queue)
            self._subscribers.add(subscriber)
            first = [message("hello", _state(self._head))]
            if last_seen is not None:
                first += self._missed(last_seen)
            return subscriber, first

    def _missed(self, last_seen: int) -> list[bytes]:
        head = self._head
        if last_seen == head.revision:
            return []
        missed = [event.data for event in self._kept if event.revision > last_seen]
        whole = last_seen < head.revision and len(missed) == head.revision - last_seen
        if whole and sum(map(len, missed)) <= MOST_REPLAYED_BYTES:
            return missed
        told = {"kind": "Resync", **_state(head), "outages": len(outages(head)), "stale": EVERYTHING}
        return [message("revision", told, head.revision)]

    def unsubscribe(self, subscriber: Subscriber) -> None:
        """A client is gone."""
        with self._lock:
            self._subscribers.discard(subscriber)

    def end(self) -> None:
        """Ends the answers to all clients, and takes no new ones; from any thread."""
        with self._lock:
            self._closed = True
            to_each(self._subscribers, Subscriber.end)

    def close(self) -> None:
        """Ends everything, the thread included."""
        self.end()
        self._speaker.shutdown(wait=True, cancel_futures=True)


def message(event: str, data: Mapping[str, object], event_id: int | None = None) -> bytes:
    """One message of an event stream (HTML Living Standard, 9.2); JSON has no line breaks to escape."""
    numbered = b"" if event_id is None else b"id: %d\n" % event_id
    return numbered + b"event: %s\ndata: %s\n\n" % (event.encode(), to_json(data))


def _state(snapshot: Snapshot) -> dict[str, object]:
    return {
        "model": snapshot.network.model,
        "revision": snapshot.revision,
        "customers_out": snapshot.customers_out,
    }


def _not_silently(told: Future[None]) -> None:
    """A fault while telling ends up in the log of the server."""
    if not told.cancelled():
        told.result()


class EventStream(Response):
    """The answer to one client: ends when the client goes, reads nothing for too long or may no more, or the server
    stops."""

    media_type = "text/event-stream"

    def __init__(
        self, stream: Stream, settings: Settings, last_seen: int | None, allowed: Callable[[], bool] = lambda: True
    ) -> None:
        """allowed: whether the client may still follow; asked before it is told anything more."""
        self._stream, self._settings, self._allowed = stream, settings, allowed
        self._subscriber, self._first = stream.subscribe(last_seen)
        super().__init__(headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        del self.headers["content-length"]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            if scope["method"] == "HEAD":
                await send({"type": "http.response.body", "body": b""})
                return
            gone = asyncio.ensure_future(_disconnected(receive))
            told = asyncio.ensure_future(self._tell(send))
            try:
                await asyncio.wait((gone, told), return_when=asyncio.FIRST_COMPLETED)
            finally:
                for task in (gone, told):
                    task.cancel()
                _, ended = await asyncio.gather(gone, told, return_exceptions=True)
            if isinstance(ended, Exception) and not isinstance(ended, TimeoutError):  # that one is the client's fault
                raise ended
        finally:
            self._stream.unsubscribe(self._subscriber)

    async def _tell(self, send: Send) -> None:
        data: bytes | None = b"retry: 2000\n\n" + b"".join(self._first)
        asked = time.monotonic()
        while data is not None:
            chunk = {"type": "http.response.body", "body": data, "more_body": True}
            async with asyncio.timeout(self._settings.write_timeout_s):
                await send(chunk)
            data = await self._subscriber.next(self._settings.keep_alive_s)
            if time.monotonic() - asked >= ASKED_EVERY_S:
                if not self._allowed():
                    break
                asked = time.monotonic()
        await send({"type": "http.response.body", "body": b""})


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
