"""Tiles made by several processes, which share the network as it is in memory."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager

from tiles.export_files import ExportError
from tiles.export_journal import MadeTile

__all__ = ["Make", "Workers", "available_cores", "workers"]

Address = tuple[int, int, int, int]
"""PMTiles number, zoom, column and row."""
Make = Callable[[Sequence[Address]], list[MadeTile]]
Workers = Callable[[Iterable[tuple[int, Sequence[Address]]]], Iterator[tuple[int, list[MadeTile]]]]
"""From chunks, each with its number, to their tiles, in the order in which they are ready."""

_WAITING = 4
"""Chunks a process has before it, so that none ever waits."""

_make: Make | None = None


def available_cores() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def workers(make: Make, count: int) -> Iterator[Workers]:
    """Processes that are there already when the block begins, and gone when it ends, however that is.

    Processes and not threads: what a tile costs is for the most part Python, one thread at a time. They are forks, so
    that none has to load the network again; where the system has no forks, or one is enough, this process does it.
    """
    if count < 2 or "fork" not in multiprocessing.get_all_start_methods():
        yield lambda chunks: ((number, make(chunk)) for number, chunk in chunks)
        return
    pool = ProcessPoolExecutor(count, multiprocessing.get_context("fork"), _begin, (make, os.getpid()))
    try:
        pool.submit(os.getpid).result()  # starts all of them, before this process has threads and open files
        yield lambda chunks: _spread(pool, count, chunks)
    except BrokenProcessPool as error:
        raise ExportError(
            "a process that made tiles was killed; is there enough memory? Run it again to go on"
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)


def _spread(
    pool: ProcessPoolExecutor, count: int, chunks: Iterable[tuple[int, Sequence[Address]]]
) -> Iterator[tuple[int, list[MadeTile]]]:
    todo = iter(chunks)
    running: dict[Future[list[MadeTile]], int] = {}
    while True:
        while len(running) < count * _WAITING:
            following = next(todo, None)
            if following is None:
                break
            running[pool.submit(_made, following[1])] = following[0]
        if not running:
            return
        for future in wait(running, return_when=FIRST_COMPLETED).done:
            yield running.pop(future), future.result()


def _begin(make: Make, parent: int) -> None:
    """In a new process: what it is to do; it leaves interrupts to its parent, and ends when that was killed."""
    global _make
    _make = make
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)


def _made(chunk: Sequence[Address]) -> list[MadeTile]:
    assert _make is not None
    return _make(chunk)
