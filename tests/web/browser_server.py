"""A server in front of which browsers are put."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from twin.engine import Twin
from twin.geopackage import GeoPackageStore
from twin.network import Network
from web.app import create_app
from web.server import listen, make_server
from web.settings import Settings


@contextmanager
def serving(network: Network, folder: Path) -> Iterator[str]:
    """A server of a network, in a store of its own, on a free port; gives its address."""
    store = GeoPackageStore(folder / "grid.gpkg", write=True, create=True)
    with Twin.load(network, store) as twin:
        settings = Settings(port=0, threads=2)
        listener = listen(settings.host, settings.port)
        where: list[str] = []
        ready = threading.Event()

        def started(host: str, port: int) -> None:
            where.append(f"http://{host}:{port}")
            ready.set()

        server = make_server(create_app(twin, settings), settings, started)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        assert ready.wait(120)
        yield where[0]
        server.should_exit = True
        thread.join(60)
        assert not thread.is_alive()
        listener.close()
