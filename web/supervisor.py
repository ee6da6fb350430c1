"""Several server processes on one port: starts them, restarts one that dies, and stops all of them together."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from types import FrameType

from web.server import ServerError, Told, bound

Work = Callable[[Connection, str, int, int], None]
"""Serves on host and port until SIGTERM, and sends something on the pipe once it answers; a function of a module.

Its last argument is the number of the worker, from 1, which one that is started again keeps.
"""

BAD_END = 2
"""Exit code of a worker that cannot work with what it was given: starting it again would not help."""
STEADY_S = 30.0
"""A worker that lived so long did not die of how it began."""
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 30.0
"""Before a worker is started again; for one that dies soon, each pause twice the one before."""
LOOK_S = 0.2


class Worker:
    """One process, started as often as it dies."""

    def __init__(self, work: Work, host: str, port: int, number: int) -> None:
        self._work, self._host, self._port, self._number = work, host, port, number
        self._pause_s = FIRST_PAUSE_S
        self.start()

    def start(self) -> None:
        """Starts the process."""
        context = multiprocessing.get_context("spawn")
        self.told, told = context.Pipe(duplex=False)
        self._began = time.monotonic()
        self._due: float | None = None
        self.process: SpawnProcess = context.Process(
            target=self._work, args=(told, self._host, self._port, self._number)
        )
        self.process.start()
        told.close()

    def died(self) -> bool:
        """True once for each time that it ends."""
        if self._due is not None or self.process.is_alive():
            return False
        lived_s = time.monotonic() - self._began
        self._pause_s = FIRST_PAUSE_S if lived_s > STEADY_S else min(self._pause_s * 2, LONGEST_PAUSE_S)
        self._due = time.monotonic() + self._pause_s
        return True

    def revive(self) -> None:
        """Starts it again, once it died and its pause is over."""
        if self._due is not None and time.monotonic() >= self._due:
            self.told.close()
            self.start()


def supervise(
    work: Work, count: int, host: str, port: int, *, started: Told, restarted: Callable[[int, int], None]
) -> int:
    """Runs so many workers until SIGINT or SIGTERM; returns the exit code.

    started: told host and port once all of them answer. restarted: told the number of a worker that died, and its
    exit code. Raises ServerError where the address is taken.
    """
    workers: list[Worker] = []
    with _reserved(host, port) as (host, port), _told_to_stop(workers) as stop:
        workers += [Worker(work, host, port, number) for number in range(1, count + 1)]
        try:
            if not _all_ready(workers, stop):
                return BAD_END if any(worker.process.exitcode == BAD_END for worker in workers) else 0
            started(host, port)
            while not stop.wait(LOOK_S):
                for number, worker in enumerate(workers, 1):
                    if worker.died():
                        restarted(number, worker.process.exitcode or 0)
                    worker.revive()
            return 0
        finally:
            _stop(workers)


def _all_ready(workers: list[Worker], stop: threading.Event) -> bool:
    """Waits until every worker answers; False where one cannot, or where we are told to stop."""
    waiting = {worker.told: worker for worker in workers}
    while waiting and not stop.is_set():
        for told in wait(list(waiting), LOOK_S):
            assert isinstance(told, Connection)
            worker = waiting.pop(told)
            try:
                told.recv()
            except EOFError:  # it ended before it was ready
                worker.process.join()
                return False
    return not stop.is_set()


def _stop(workers: list[Worker]) -> None:
    for worker in workers:
        if worker.process.is_alive():
            worker.process.terminate()
    for worker in workers:
        worker.process.join()
        worker.told.close()


@contextmanager
def _reserved(host: str, port: int) -> Iterator[tuple[str, int]]:
    """Keeps a port for the workers, who share it, and sees that nobody else has it."""
    with bound(host, port) as alone:
        host, port = alone.getsockname()[:2]
    with bound(host, port, shared=True):
        yield host, port


@contextmanager
def _told_to_stop(workers: list[Worker]) -> Iterator[threading.Event]:
    """Set by the first signal; a second one ends all processes at once."""
    stop = threading.Event()

    def told(number: int, _: FrameType | None) -> None:
        if stop.is_set():
            for worker in workers:
                worker.process.kill()
            os._exit(128 + number)
        stop.set()

    before = {number: signal.signal(number, told) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def stop_with_parent() -> None:
    """For a worker: ends it when the process that started it is gone, even by SIGKILL."""
    parent = multiprocessing.parent_process()
    if parent is None:
        raise ServerError("a worker is started by its supervisor")

    def watch() -> None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, name="parent", daemon=True).start()
