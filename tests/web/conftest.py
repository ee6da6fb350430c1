"""A network small enough to draw, and clients of a server that serves it."""

from __future__ import annotations

import asyncio
import inspect
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest
from starlette.applications import Starlette

from twin.components import (
    AC_LINE_SEGMENT,
    CONNECTIVITY_NODE,
    ENERGY_CONSUMER,
    ENERGY_SOURCE,
    POWER_TRANSFORMER,
    SUBSTATION,
    SWITCH,
    Table,
)
from twin.engine import Twin
from twin.geopackage import GeoPackageStore
from twin.network import Network
from web.app import create_app
from web.server import listen, make_server
from web.settings import Settings

LNG, LAT, STEP = 9.0, 52.0, 0.02
"""Degrees between neighbouring nodes: more than three tiles of zoom 16."""


def tiny_network(name: str = "tiny") -> Network:
    """Two feeders with an open tie, and a jumper that may not be operated.

    S ─T1─ b ─CB1─ n1 ─L 1/1─ n2 ─SW1─ n3 ─L2─ n4 (3 customers)     n2: 1 customer
           │                                   ╎ TIE (open)
           └─CB2─ m1 ──────────L3───────────── m2 (2 customers) ─J─ m3
    """
    nodes = {"S": (0, 0), "b": (0, 0), "n1": (1, 0), "n2": (2, 0), "n3": (3, 0), "n4": (4, 0)}
    nodes |= {"m1": (1, -1), "m2": (4, -1), "m3": (5, -1)}
    row = {mrid: number for number, mrid in enumerate(nodes)}
    switches = [
        ("CB1", "b", "n1", 0, "Breaker"),
        ("CB2", "b", "m1", 0, "Breaker"),
        ("SW1", "n2", "n3", 0, "LoadBreakSwitch"),
        ("TIE", "n4", "m2", 7, "LoadBreakSwitch"),
        ("J", "m2", "m3", 0, "Jumper"),
    ]
    lines = [("L 1/1", "n1", "n2"), ("L2", "n3", "n4"), ("L3", "m1", "m2")]
    tables = {
        "nodes": Table(
            CONNECTIVITY_NODE,
            {
                "mrid": list(nodes),
                "lng": [LNG + STEP * x for x, _ in nodes.values()],
                "lat": [LAT + STEP * y for _, y in nodes.values()],
                "nominal_voltage_v": [110e3] + [20e3] * 8,
                "busbar": [False, True] + [False] * 7,
                "substation": [0, 0] + [-1] * 7,
            },
        ),
        "lines": Table(
            AC_LINE_SEGMENT,
            {
                "mrid": [mrid for mrid, _, _ in lines],
                "name": ["overhead α", "", ""],
                "node1": [row[a] for _, a, _ in lines],
                "node2": [row[b] for _, _, b in lines],
                "length_m": [1400.0, 1400.0, 4200.0],
            },
        ),
        "switches": Table(
            SWITCH,
            {
                "mrid": [each[0] for each in switches],
                "node1": [row[each[1]] for each in switches],
                "node2": [row[each[2]] for each in switches],
                "normal_open": [each[3] for each in switches],
                "kind": [each[4] for each in switches],
            },
        ),
        "transformers": Table(
            POWER_TRANSFORMER,
            {
                "mrid": ["T1"],
                "node1": [row["S"]],
                "node2": [row["b"]],
                "rated_power_va": [40e6],
                "substation": [0],
            },
        ),
        "sources": Table(ENERGY_SOURCE, {"mrid": ["grid"], "node": [row["S"]]}),
        "consumers": Table(
            ENERGY_CONSUMER,
            {"mrid": ["c2", "c4", "d2"], "node": [row["n2"], row["n4"], row["m2"]], "customer_count": [1, 3, 2]},
        ),
        "substations": Table(SUBSTATION, {"mrid": ["north"], "name": ["North"]}),
    }
    return Network.from_tables(name, tables)


PATIENCE_S = 60.0


@pytest.fixture(scope="session", autouse=True)
def patient_httpx() -> None:
    """httpx waits five seconds unless told otherwise, which a busy machine may need for an answer."""
    limit = inspect.signature(httpx.get).parameters["timeout"].default  # one object, which all its calls share
    for part in ("connect", "read", "write", "pool"):
        setattr(limit, part, PATIENCE_S)
    with httpx.Client() as http:
        assert http.timeout == httpx.Timeout(PATIENCE_S)


Headers = Mapping[str, str | bytes]


class Client:
    """Speaks to an application in this process; no server, no sockets."""

    def __init__(self, app: Starlette) -> None:
        self.app = app
        self._runner = asyncio.Runner()
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        self._http = httpx.AsyncClient(transport=transport, base_url="http://twin.test")

    def request(self, method: str, path: str, **options: object) -> httpx.Response:
        """One request; options as httpx takes them."""
        return self._runner.run(self._http.request(method, path, **options))  # type: ignore[arg-type]

    def get(self, path: str, **options: object) -> httpx.Response:
        return self.request("GET", path, **options)

    def post(self, path: str, body: object, headers: Headers | None = None) -> httpx.Response:
        given = dict(headers or {})
        whole = {"Content-Type": "application/json", **given}
        return self.request("POST", path, content=json.dumps(body).encode(), headers=whole)

    def switch(self, mrid: str, *, opened: bool) -> dict[str, object]:
        """Operates one switch."""
        answer = self.post("/api/switching", {"operations": [{"mrid": mrid, "open": opened}]})
        assert answer.status_code == 200, answer.text
        whole: dict[str, object] = answer.json()
        return whole

    def together(self, requests: list[tuple[str, str, dict[str, object]]]) -> list[httpx.Response]:
        """Several requests at the same time."""

        async def all_of_them() -> list[httpx.Response]:
            return await asyncio.gather(
                *(self._http.request(method, path, **options) for method, path, options in requests)  # type: ignore[arg-type]
            )

        return self._runner.run(all_of_them())

    def close(self) -> None:
        self._runner.run(self._http.aclose())
        self._runner.close()
        self.app.state.context.close()


@pytest.fixture(scope="session")
def network() -> Network:
    return tiny_network()


@pytest.fixture
def twin(network: Network, tmp_path: Path) -> Iterator[Twin]:
    """The tiny network in a store of its own, at revision 1."""
    with Twin.load(network, GeoPackageStore(tmp_path / "grid.gpkg", write=True, create=True)) as twin:
        yield twin


Connect = Callable[..., Client]


@pytest.fixture
def connect() -> Iterator[Connect]:
    """Makes clients of a twin served with some settings."""
    clients: list[Client] = []

    def connected(twin: Twin, **settings: object) -> Client:
        clients.append(Client(create_app(twin, Settings(**{"threads": 2, **settings}))))  # type: ignore[arg-type]
        return clients[-1]

    yield connected
    for client in clients:
        client.close()


@pytest.fixture
def client(twin: Twin, connect: Connect) -> Client:
    """A client of the tiny network."""
    return connect(twin)


@pytest.fixture(scope="module")
def reader(network: Network) -> Iterator[Client]:
    """A client of the tiny network, kept in memory, for tests that change nothing."""
    client = Client(create_app(Twin(network), Settings(threads=2)))
    yield client
    client.close()


@dataclass
class Served:
    """A real server in a thread."""

    url: str
    twin: Twin
    app: Starlette
    stop: Callable[[], None]


@pytest.fixture
def serve() -> Iterator[Callable[..., Served]]:
    """Starts real servers on free ports."""
    stops: list[Callable[[], None]] = []

    def served(twin: Twin, **options: object) -> Served:
        settings = Settings(**{"port": 0, "threads": 2, **options})  # type: ignore[arg-type]
        app = create_app(twin, settings)
        listener = listen(settings.host, settings.port)
        ready = threading.Event()
        where: list[str] = []

        def started(host: str, port: int) -> None:
            where.append(f"http://{host}:{port}")
            ready.set()

        server = make_server(app, settings, started)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        assert ready.wait(PATIENCE_S)

        def stop() -> None:
            server.should_exit = True
            thread.join(PATIENCE_S)
            assert not thread.is_alive()
            listener.close()

        stops.append(stop)
        return Served(where[0], twin, app, stop)

    yield served
    for stop in stops:
        stop()


def quoted(mrid: str) -> str:
    """An mrid as part of a path."""
    return quote(mrid, safe="")
