"""The event stream, over a real server."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import httpx
import numpy as np
import pytest
from starlette.types import Message

from tests.web.conftest import LAT, LNG, STEP, Client, Connect, Served
from tiles.mercator import lnglat_to_tile, tile_to_code
from twin.engine import Twin
from twin.events import Operation
from web.settings import Settings
from web.stream import EVERYTHING, Event, EventStream, Stream, Subscriber, message, to_each

Serve = Callable[..., Served]


@dataclass
class Received:
    """One message, or a comment."""

    kind: str
    data: dict[str, object]
    id: str | None


@contextmanager
def listening(served: Served, last_seen: int | None = None) -> Iterator[Iterator[Received]]:
    """The messages of a stream, as they come."""
    headers = {} if last_seen is None else {"Last-Event-ID": str(last_seen)}
    with (
        httpx.Client(timeout=60) as http,
        http.stream("GET", f"{served.url}/api/stream", headers=headers) as answer,
    ):
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
        assert answer.headers["cache-control"] == "no-store"
        yield parsed(answer.iter_lines())


def parsed(lines: Iterator[str]) -> Iterator[Received]:
    fields: dict[str, str] = {}
    for line in lines:
        if line.startswith(":"):
            yield Received("comment", {}, None)
        elif line:
            name, _, value = line.partition(": ")
            fields[name] = value
        elif "event" in fields:
            yield Received(fields["event"], json.loads(fields["data"]), fields.get("id"))
            fields = {}
        else:
            fields = {}


def holds(ranges: object, z: int, x: float, y: float = 0) -> bool:
    """Whether ranges of Morton codes hold the tile of a place of the drawing in conftest.py."""
    column, row = lnglat_to_tile(LNG + STEP * x, LAT + STEP * y, z)
    code = int(tile_to_code(np.array(column), np.array(row)))
    assert isinstance(ranges, list)
    return any(first <= code < end for first, end in ranges)


def test_every_switching_reaches_the_client_with_the_tiles_it_made_stale(twin: Twin, serve: Serve) -> None:
    served = serve(twin)
    with listening(served) as messages:
        hello = next(messages)
        assert (hello.kind, hello.data) == (
            "hello",
            {"model": twin.network.model, "revision": 1, "customers_out": 0},
        )
        answer = httpx.post(f"{served.url}/api/switching", json={"operations": [{"mrid": "SW1", "open": True}]})
        assert answer.status_code == 200
        told = next(messages)
        assert (told.kind, told.id) == ("revision", "2")
        assert told.data | {"revision": 2, "kind": "SwitchOperated", "customers_out": 3, "outages": 1} == told.data
        stale = told.data["stale"]
        assert isinstance(stale, dict) and stale["all"] is False
        assert holds(stale["grid"], 16, 3.2) and not holds(stale["grid"], 16, 1.2)
        assert holds(stale["hexes"], 12, 3.2)
        twin.switch(normal=True)
        assert next(messages).data["customers_out"] == 0


def test_a_client_that_comes_back_gets_what_it_missed(twin: Twin, serve: Serve) -> None:
    served = serve(twin)
    for opened in (True, False, True):
        twin.switch([Operation("SW1", opened)])
    with listening(served) as messages:  # until the last one was told
        while next(messages).data["revision"] != 4:
            pass
    with listening(served, last_seen=2) as messages:
        assert [next(messages).id for _ in range(3)] == [None, "3", "4"]
    with listening(served, last_seen=4) as messages:
        assert next(messages).kind == "hello"
        twin.switch(normal=True)
        assert next(messages).id == "5"


@pytest.mark.parametrize("last_seen", [1, 77])
def test_a_client_that_was_away_for_too_long_fetches_everything_anew(twin: Twin, serve: Serve, last_seen: int) -> None:
    twin.switch([Operation("SW1", True)])  # before the server began: it cannot say which tiles
    with listening(serve(twin), last_seen=last_seen) as messages:
        assert next(messages).kind == "hello"
        told = next(messages)
        assert (told.id, told.data["stale"], told.data["customers_out"]) == ("2", EVERYTHING, 3)


@pytest.mark.parametrize("last_seen", ["x", "-1", "1.0"])
def test_a_wrong_last_event_id_is_refused(client: Client, last_seen: str) -> None:
    answer = client.get("/api/stream", headers={"Last-Event-ID": last_seen})
    assert (answer.status_code, answer.json()["field"]) == (400, "Last-Event-ID")


def test_silence_is_filled_with_comments(twin: Twin, serve: Serve) -> None:
    with listening(serve(twin, keep_alive_s=0.05)) as messages:
        assert [next(messages).kind for _ in range(3)] == ["hello", "comment", "comment"]


def test_streams_end_promptly_when_the_server_stops(twin: Twin, serve: Serve) -> None:
    served = serve(twin, shutdown_s=600)  # which nobody here would wait for
    with listening(served) as messages:
        assert next(messages).kind == "hello"
        stopping = threading.Thread(target=served.stop)
        stopping.start()
        assert list(messages) == []  # ended whole, not cut off
        stopping.join()


def test_a_client_that_leaves_is_forgotten(twin: Twin, serve: Serve) -> None:
    served = serve(twin)
    stream = served.app.state.context.stream
    with listening(served) as messages:
        next(messages)
        assert len(stream) == 1
    deadline = time.monotonic() + 60
    while len(stream) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert len(stream) == 0


def test_there_is_a_limit_of_clients(twin: Twin, serve: Serve) -> None:
    served = serve(twin, stream_clients=1)
    with listening(served) as messages:
        next(messages)
        refused = httpx.get(f"{served.url}/api/stream")
        assert (refused.status_code, refused.json()["limit"]) == (503, 1)


def test_head_ends_at_once(client: Client) -> None:
    assert client.request("HEAD", "/api/stream").status_code == 200


def test_a_slow_client_is_told_that_everything_is_stale() -> None:
    async def slow() -> list[bytes | None]:
        subscriber = Subscriber(limit=3)
        for number in range(6):
            subscriber.put(Event(number, b"data %d" % number, b"resync %d" % number))
        await asyncio.sleep(0)
        subscriber.end()
        await asyncio.sleep(0)
        return [await subscriber.next(1) for _ in range(4)]

    assert asyncio.run(slow()) == [b"resync 3", b"data 4", b"data 5", None]


def test_a_client_whose_loop_is_gone_disturbs_nobody(twin: Twin, connect: Connect) -> None:
    stream: Stream = connect(twin).app.state.context.stream

    async def leave() -> Subscriber:
        return stream.subscribe(None)[0]

    left = asyncio.run(leave())
    twin.switch([Operation("SW1", True)])

    async def come() -> bytes | None:
        subscriber, first = stream.subscribe(1)
        assert b'"revision":' in first[0]
        return first[1] if len(first) > 1 else await subscriber.next(60)

    assert (asyncio.run(come()) or b"").startswith(b"id: 2\n")
    stream.unsubscribe(left)


def test_a_message_is_as_the_standard_says() -> None:
    assert message("hello", {"name": "a\nb"}) == b'event: hello\ndata: {"name":"a\\nb"}\n\n'
    assert message("revision", {}, 7) == b"id: 7\nevent: revision\ndata: {}\n\n"


def test_a_client_that_reads_nothing_is_dropped(twin: Twin, connect: Connect) -> None:
    context = connect(twin, write_timeout_s=0.05).app.state.context

    async def stuck() -> None:
        async def receive() -> Message:
            await asyncio.Event().wait()
            raise AssertionError

        async def send(message: Message) -> None:
            if message["type"] == "http.response.body":
                await asyncio.Event().wait()

        response = EventStream(context.stream, context.settings, None)
        assert len(context.stream) == 1
        await asyncio.wait_for(response({"type": "http", "method": "GET"}, receive, send), 60)

    asyncio.run(stuck())
    assert len(context.stream) == 0


def test_a_client_that_is_gone_at_once_is_forgotten(twin: Twin, connect: Connect) -> None:
    """Its going away may come in the very step in which a message was sent."""
    context = connect(twin).app.state.context

    async def gone() -> None:
        async def receive() -> Message:
            return {"type": "http.disconnect"}

        async def send(message: Message) -> None:
            pass

        response = EventStream(context.stream, context.settings, None)
        await asyncio.wait_for(response({"type": "http", "method": "GET"}, receive, send), 60)

    asyncio.run(gone())
    assert len(context.stream) == 0


def test_a_loop_is_woken_once_however_many_clients_it_has(monkeypatch: pytest.MonkeyPatch) -> None:
    async def follow() -> tuple[int, list[bytes | None]]:
        loop, woken = asyncio.get_running_loop(), 0
        wake = loop.call_soon_threadsafe

        def counting(*args: object) -> object:
            nonlocal woken
            woken += 1
            return wake(*args)  # type: ignore[arg-type]

        monkeypatch.setattr(loop, "call_soon_threadsafe", counting)
        subscribers = [Subscriber(limit=3) for _ in range(50)]
        thread = threading.Thread(
            target=to_each, args=(subscribers, lambda subscriber: subscriber.put(Event(1, b"data", b"resync")))
        )
        thread.start()
        told = [await subscriber.next(60) for subscriber in subscribers]
        thread.join()
        return woken, told

    assert asyncio.run(follow()) == (1, [b"data"] * 50)


def test_a_client_that_missed_much_fetches_everything_anew(
    twin: Twin, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream: Stream = connect(twin).app.state.context.stream
    twin.switch([Operation("SW1", True)])
    twin.switch([Operation("SW1", False)])

    async def come(most: int) -> list[bytes]:
        monkeypatch.setattr("web.stream.MOST_REPLAYED_BYTES", most)
        while stream._head.revision < 3:  # until both were told
            await asyncio.sleep(0.01)
        subscriber, first = stream.subscribe(1)
        stream.unsubscribe(subscriber)
        return first

    assert len(asyncio.run(come(1 << 20))) == 3
    whole = asyncio.run(come(1))
    assert len(whole) == 2 and whole[1].startswith(b"id: 3\n") and b'"all":true' in whole[1]


def test_changes_that_nobody_was_told_of_yet_hold_up_the_writer(twin: Twin, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that they do not pile up in memory; and the number of outages is told of the newest alone."""
    going = threading.Event()
    told: list[Mapping[str, object]] = []

    def slowly(event: str, data: Mapping[str, object], number: int | None = None) -> bytes:
        going.wait(60)
        told.append(data)
        return b""

    monkeypatch.setattr("web.stream.MOST_UNTOLD", 3)
    monkeypatch.setattr("web.stream.message", slowly)
    stream = Stream(twin, Settings())
    twin.subscribe(lambda change: stream.announce(change, {"all": False}))
    try:
        for opened in (True, False, True):  # the speaker has one of them in hand
            twin.switch([Operation("SW1", opened)])
        waiting = threading.Thread(target=lambda: twin.switch(normal=True))
        waiting.start()
        waiting.join(0.3)
        assert waiting.is_alive()
        going.set()
        waiting.join(60)
        assert not waiting.is_alive()
        deadline = time.monotonic() + 60
        while stream._head.revision < 5 and time.monotonic() < deadline:  # closing gives up what is not told by then
            time.sleep(0.01)
    finally:
        going.set()
        stream.close()
    said = [event for event in told if event["stale"] == {"all": False}]
    assert [event["revision"] for event in said[:3]] == [2, 3, 4]
    assert "outages" not in said[1]
