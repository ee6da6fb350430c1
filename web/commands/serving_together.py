"""`gridtwin serve --workers`: several processes, each with the whole twin in memory, on one database."""

from __future__ import annotations

import sys
import tempfile
from dataclasses import replace
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path

from twin.engine import Twin
from twin.postgis_url import redacted
from twin.store import StoreError
from twin.stores import UnknownStore, open_store
from web import console, server
from web.app import create_app
from web.commands.options import BAD_INPUT
from web.metrics_together import Together
from web.settings import Settings
from web.supervisor import stop_with_parent, supervise


def serve_together(store: str, settings: Settings, workers: int) -> int:
    """Serves with so many processes until interrupted; returns the exit code."""
    kept = open_store(store)
    shared, head = kept.shared, kept.head()
    kept.close()
    if not shared or not store.startswith("postgres"):
        raise UnknownStore(
            f"--workers {workers} needs a PostGIS store: only one process at a time writes to {redacted(store)}"
        )
    if head is None:
        raise StoreError(f"{redacted(store)} holds no network yet; `gridtwin load` adds one")

    def started(host: str, port: int) -> None:
        console.say(f"gridtwin serves {redacted(store)} with {workers} processes on http://{host}:{port}")

    def restarted(number: int, code: int) -> None:
        console.say(f"Server process {number} ended with code {code} and is started again.")

    console.say(f"Starting {workers} server processes.")
    with tempfile.TemporaryDirectory(prefix="gridtwin-metrics-") as folder:
        work = partial(_work, store, settings, folder)
        return supervise(work, workers, settings.host, settings.port, started=started, restarted=restarted)


def _work(store: str, settings: Settings, folder: str, ready: Connection, host: str, port: int, number: int) -> None:
    """One of the processes."""
    stop_with_parent()
    try:
        with Twin.from_store(open_store(store, write=True)) as twin:
            app = create_app(twin, replace(settings, host=host, port=port), Together(Path(folder), number))
            server.run(app, replace(settings, host=host, port=port), shared=True, started=partial(_say, ready))
        server.leave_within(server.LEAVE_S)
    except (StoreError, server.ServerError) as error:
        console.say(f"gridtwin: {redacted(str(error))}")
        sys.exit(BAD_INPUT)


def _say(ready: Connection, host: str, port: int) -> None:
    ready.send((host, port))
