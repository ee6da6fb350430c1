"""Running the application with uvicorn; says nothing by itself."""

from __future__ import annotations

import os
import resource
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

import uvicorn
from starlette.applications import Starlette

from web.context import Context
from web.log import written_log
from web.ready import ReadyProtocol
from web.settings import Settings

Told = Callable[[str, int], None]

SPARE_FILES = 256
"""Beside those of connections: the store, the log, libraries."""
LEAVE_S = 2.0
"""Seconds that threads get which still compute for nobody when a server process ends."""


class ServerError(Exception):
    """The server cannot listen where it was told to; says where and why."""


def run(app: Starlette, settings: Settings, *, shared: bool = False, started: Told = lambda host, port: None) -> None:
    """Serves until SIGINT or SIGTERM, lets requests in flight finish and returns.

    shared: other processes serve on the same port. started: told host and port once requests are answered; with port 0
    the port that was free. Raises ServerError.
    """
    allow_files(settings.max_connections + SPARE_FILES)
    listener = listen(settings.host, settings.port, shared=shared)
    with listener, written_log(settings):
        make_server(app, settings, started).run(sockets=[listener])


def allow_files(count: int) -> None:
    """Lets this process open so many files, or as many as it may."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = count if hard == resource.RLIM_INFINITY else min(count, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def leave_within(seconds: float) -> None:
    """Sees that this process, once its main thread has ended, waits no longer for threads that still compute."""

    def leave() -> None:
        threading.main_thread().join()
        time.sleep(seconds)
        os._exit(0)

    threading.Thread(target=leave, name="leave", daemon=True).start()


def listen(host: str, port: int, *, shared: bool = False) -> socket.socket:
    """A listening socket; raises ServerError where the address is taken or not ours. shared: with other processes."""
    listener = bound(host, port, shared=shared)
    listener.listen(1024)
    listener.setblocking(False)
    return listener


def bound(host: str, port: int, *, shared: bool = False) -> socket.socket:
    """A socket that has its address and does not listen yet; raises ServerError."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, protocol)
    except OSError as error:
        raise ServerError(f"cannot listen on {host}: {error.strerror}") from error
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listener.bind(address)
    except OSError as error:
        listener.close()
        raise ServerError(f"cannot listen on {host}:{port}: {error.strerror}") from error
    return listener


def make_server(app: Starlette, settings: Settings, started: Told = lambda host, port: None) -> Server:
    """A server that has not started; for tests and for embedding."""
    config = uvicorn.Config(
        app,
        http=ReadyProtocol,
        loop="uvloop",
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=settings.idle_s,  # type: ignore[arg-type]  # any number of seconds will do
        timeout_graceful_shutdown=settings.shutdown_s,
    )
    return Server(config, app, started)


class Server(uvicorn.Server):
    """uvicorn's server, which also ends the event streams before it waits for connections to close."""

    def __init__(self, config: uvicorn.Config, app: Starlette, started: Told) -> None:
        super().__init__(config)
        self._app, self._told = app, started

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Stops on SIGINT and SIGTERM like uvicorn, but returns to the caller, who still has a store to close."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, self.handle_exit) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """The first signal lets requests finish, a second one ends the process at once: its store survives that."""
        if self.should_exit:
            os._exit(128 + sig)
        super().handle_exit(sig, frame)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Starts, and tells the address."""
        await super().startup(sockets)
        for server in self.servers:
            host, port = server.sockets[0].getsockname()[:2]
            self._told(host, port)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Ends the streams, then stops as uvicorn does."""
        here = self._app.state.context
        assert isinstance(here, Context)
        here.stream.end()
        await super().shutdown(sockets)
