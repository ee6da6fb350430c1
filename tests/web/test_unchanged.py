"""304 is never wrong: two servers of one PostGIS store, switched between, restarted, and checked tile by tile.

A client keeps every version of every tile that it ever got, and offers its ETags to whichever server it asks next. What
a 304 lets it keep, and every other answer, must be the tile made anew here, by nobody's cache.
"""

from __future__ import annotations

import random
import signal
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import urlencode

import httpx
import pytest

from tests.postgres import Postgres
from tests.web.conftest import LAT, LNG, STEP, tiny_network
from tests.web.test_faults import PATIENCE_S, Server, serving
from tiles.filter import tile_filter
from tiles.mercator import lnglat_to_tile
from tiles.source import ZOOMS, TileSource
from tiles.stale import EPOCH
from twin import phases
from twin.engine import Twin
from twin.events import Operation
from twin.network import Network
from twin.phases import code_to_mask
from twin.state import Snapshot
from twin.stores import open_store
from twin.traces import TraceRequest, run
from twin.views import View, Views

pytestmark = pytest.mark.postgis

Address = tuple[str, int, int, int]
Query = dict[str, str]
SWITCHES = ("CB1", "CB2", "SW1", "TIE")
FILTERS = ("energized = 0", '"open" = true', "class = 'Breaker'", "energized = 2 OR customers > 1")
LAYERS = ("lines", "switches,meters", "meters")
KEPT = 6
"""ETags of one tile that a client sends at once."""


def addresses() -> list[Address]:
    """Tiles that the switches change, tiles that they do not, and cells."""
    found: set[Address] = set()
    for z, step in ((16, 1.2), (16, 3.2), (16, 4), (13, 0), (13, 4), (10, 0), (12, 4), (9, 4), (0, 0)):
        x, y = lnglat_to_tile(LNG + STEP * step, LAT, z)
        found |= {(tileset, z, int(x), int(y)) for tileset, (low, high) in ZOOMS.items() if low <= z <= high}
    return sorted(found)


@dataclass
class Reference:
    """The same store, read here."""

    twin: Twin
    sources: dict[str, TileSource] = field(default_factory=dict)

    def tile(self, address: Address, query: Query, revision: int) -> bytes:
        """The tile made anew; revision: what the answer says that it shows."""
        self.twin.catch_up()
        views = Views(self.twin)
        layers = query["layers"].split(",") if "layers" in query else None
        snapshot = self._snapshot(views, query, revision)
        source = TileSource(snapshot.network)
        mask = code_to_mask(query["phases"]) if "phases" in query else phases.ABC
        keep = None
        if "filter" in query:
            keep = source.filters.keep(tile_filter(query["filter"]), snapshot, layers, mask)
        trace = None
        if "trace" in query:
            request, _, then = TraceRequest.from_id(query["trace"])
            trace = run(self.twin.at(then), request).trace
        return source.tile(*address, snapshot, layers=layers, trace=trace, phases=mask, keep=keep).data

    def _snapshot(self, views: Views, query: Query, revision: int) -> Snapshot:
        given = {
            "scenario": query.get("scenario"),
            "at": datetime.fromisoformat(query["at"]) if "at" in query else None,
            "revision": int(query["revision"]) if "revision" in query else None,
        }
        state = "normal" if query.get("state") == "normal" else "current"
        if state == "current" and not any(given.values()):
            return self.twin.at(revision)
        snapshot = views.see(View(state, **given)).snapshot  # type: ignore[arg-type]
        if state == "current" and "revision" not in query:  # which may be answered with a later one that is the same
            assert snapshot.revision == revision
        return snapshot


def catch_up(http: httpx.Client, server: Server) -> None:
    """Sees that a server has heard of all that the other one wrote; by itself it does, a moment later."""
    http.get(f"{server.url}/readyz").raise_for_status()


@dataclass
class Client:
    """Keeps what it got; counts what it was told."""

    reference: Reference
    http: httpx.Client
    kept: dict[str, dict[str, bytes]] = field(default_factory=dict)
    """By path, query and encoding: body by ETag, as it came."""
    told: Counter[str] = field(default_factory=Counter)
    asked_of: dict[tuple[str, str], str] = field(default_factory=dict)
    """Which server gave an ETag, by path and ETag."""

    def get(self, server: Server, address: Address, query: Query, encoding: str) -> None:
        """Asks for a tile, offering all that it has of it, and checks what it then has."""
        tileset, z, x, y = address
        path = f"/tiles/{tileset}/{z}/{x}/{y}.mvt?{urlencode(query)}"
        versions = self.kept.setdefault(f"{encoding} {path}", {})
        offered = list(versions)[-KEPT:]
        headers = {"Accept-Encoding": encoding, **({"If-None-Match": ", ".join(offered)} if offered else {})}
        if {"scenario", "at", "revision", "trace"} & query.keys():  # which name a state of the log
            catch_up(self.http, server)
        answer = self.http.get(server.url + path, headers=headers)
        assert answer.status_code in (200, 204, 304), (path, answer.text)
        etag = answer.headers["etag"]
        if answer.status_code == 304:
            assert etag in offered
            other = self.asked_of[path, etag] != server.url
            self.told["304 to an ETag of the other server" if other else "304"] += 1
        else:
            self.told["anew"] += 1
            assert etag not in offered, "it could have said 304"
            versions[etag] = answer.content
            self.asked_of.setdefault((path, etag), server.url)
        wanted = self.reference.tile(address, query, int(answer.headers["gridtwin-revision"]))
        assert versions[etag] == wanted, (path, answer.status_code, dict(answer.headers))


@dataclass
class World:
    """Everything that happens, by chance."""

    chance: random.Random
    servers: list[Server]
    client: Client
    url: str
    http: httpx.Client
    scenario: str = ""
    traces: list[str] = field(default_factory=list)

    def any_server(self) -> Server:
        return self.chance.choice(self.servers)

    def operate(self) -> None:
        """A batch at either server."""
        batch = [
            {"mrid": mrid, "open": self.chance.random() < 0.5}
            | ({"phases": self.chance.choice(("A", "BC"))} if self.chance.random() < 0.2 else {})
            for mrid in self.chance.sample(SWITCHES, self.chance.choice((1, 1, 2)))
        ]
        self.post("/api/switching", {"operations": batch} if self.chance.random() < 0.9 else {"normal": True})

    def suppose(self) -> None:
        """A step of the what-if, or one back."""
        undo = self.chance.random() < 0.3
        batch = [{"mrid": self.chance.choice(SWITCHES), "open": self.chance.random() < 0.5}]
        path = f"/api/scenarios/{self.scenario}/switching"
        for server in self.servers:
            catch_up(self.http, server)
        self.post(path, {"undo": True} if undo else {"operations": batch}, (200, 409, 422))

    def trace(self) -> None:
        """A trace to make tiles of."""
        start = self.chance.choice(("CB1", "CB2", "n2", "m2"))
        answer = self.post("/api/traces", {"kind": "connected", "start": [start], "elements": False})
        self.traces.append(answer["id"])

    def restart(self) -> None:
        """Either server, killed or asked to stop."""
        server = self.any_server()
        server.end(self.chance.choice((signal.SIGKILL, signal.SIGTERM)))
        server.start()

    def replace(self, network: Network) -> None:
        """Another model in the same store, which both servers follow."""
        Twin.load(network, open_store(self.url, write=True)).close()
        end = time.monotonic() + PATIENCE_S
        for server in self.servers:
            while self.http.get(f"{server.url}/api/network").json()["model"] != network.model:
                assert time.monotonic() < end
                time.sleep(0.02)
        self.traces.clear()
        self.client.reference.twin.catch_up()
        self.begin()

    def begin(self) -> None:
        """A what-if and a trace of the model in force."""
        self.scenario = self.post("/api/scenarios", {"name": "what if"}, (201,))["id"]
        self.trace()

    def look(self) -> None:
        """One tile, at either server or at both."""
        address, encoding = self.chance.choice(addresses()), self.chance.choice(("gzip", "identity"))
        query = self.query(address[0])
        for server in self.chance.choice((self.servers, [self.any_server()])):
            self.client.get(server, address, query, encoding)

    def query(self, tileset: str) -> Query:
        """Parameters: mostly none, so that tiles are asked for again."""
        chance, twin = self.chance, self.client.reference.twin
        asked: Query = {}
        if chance.random() < 0.3:
            first = next(each for each in twin.store.events() if each.event.__class__.__name__ == "ModelReplaced")
            log = list(twin.store.events(after=max(first.revision, twin.revision - 5)))
            kind = chance.choice(("scenario", "at", "revision", "state", "state"))
            if kind == "scenario":
                asked["scenario"] = self.scenario
            elif kind == "state":
                asked["state"] = "normal"
            elif log:
                event = chance.choice(log)
                asked[kind] = event.recorded_at.astimezone(UTC).isoformat() if kind == "at" else str(event.revision)
        if tileset == "grid" and chance.random() < 0.4:
            kind = chance.choice(("phases", "trace", "filter", "layers"))
            values = {"phases": ("A", "BC"), "trace": self.traces[-3:], "filter": FILTERS, "layers": LAYERS}
            asked[kind] = chance.choice(values[kind])
        return asked

    def post(self, path: str, body: dict[str, object], allowed: tuple[int, ...] = (200,)) -> dict[str, str]:
        answer = self.http.post(self.any_server().url + path, json=body)
        assert answer.status_code in allowed, answer.text
        whole: dict[str, str] = answer.json()
        return whole


@pytest.mark.parametrize(
    ("steps", "restarts", "before"),
    [(240, 2, 0), pytest.param(3_000, 20, EPOCH - 60, marks=pytest.mark.long)],
    ids=["some", "many, and over an epoch"],
)
def test_304_is_never_wrong(postgres: Postgres, database: str, steps: int, restarts: int, before: int) -> None:
    url, chance = postgres.url(database), random.Random(steps)
    with Twin.load(tiny_network(), open_store(url, write=True, create=True)) as twin:
        for number in range(before):
            twin.switch([Operation(SWITCHES[number % 4], open=number % 8 < 4)])
    with ExitStack() as stack:
        servers = [stack.enter_context(serving(url)) for _ in range(2)]
        http = stack.enter_context(httpx.Client(timeout=60))
        reference = Reference(stack.enter_context(Twin.from_store(open_store(url))))
        client = Client(reference, http)
        world = World(chance, servers, client, url, http)
        world.begin()
        deeds: list[Callable[[], None]] = [world.operate, world.operate, world.suppose, world.trace]
        for step in range(steps):
            if step % (steps // restarts) == steps // restarts // 2:
                world.restart()
            if step == steps * 3 // 4:
                world.replace(tiny_network("another"))
            (chance.choice(deeds) if chance.random() < 0.15 else world.look)()
        end = reference.twin.revision
    told = client.told
    print(f"{steps} steps, {restarts} restarts, {end} revisions: {dict(told)}")
    assert min(told.values()) > steps // 10
    assert len(told) == 3
    if before:
        assert end > EPOCH
