"""The server store: PostGIS, for several processes at once.

The log, its head and everything that follows from them change in one transaction, which holds the one row of `head`
locked from its first moment. Revisions are counted in that row, never by a sequence: sequences commit out of order.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import asyncpg

from twin import postgis_network, postgis_schema
from twin.events import Event, ModelReplaced, Position, Recorded, event_from_json, event_to_json
from twin.network import Network
from twin.postgis_listener import Listener, channel
from twin.postgis_session import Connection, Loop, Session
from twin.postgis_supply import Shown, read_shown, show
from twin.postgis_url import PostgisUrl
from twin.scenario import Scenario
from twin.state import Snapshot
from twin.store import Checkpoint, Head, Remembered, StoreError, StoreInvalid, following

EVENTS_AT_ONCE = 5_000

_EVENTS = """
SELECT revision, recorded_at, occurred_at, author, note, event FROM log
WHERE revision > $1 AND revision <= $2 ORDER BY revision LIMIT $3
"""
_REVISION_AT = "SELECT revision FROM log WHERE recorded_at <= $1 ORDER BY recorded_at DESC, revision DESC LIMIT 1"
_CHECKPOINT = "SELECT revision, model, positions FROM checkpoint WHERE revision <= $1 ORDER BY revision DESC LIMIT 1"
_APPEND = """
WITH next AS (
  UPDATE head SET revision = revision + 1, recorded_at = greatest(clock_timestamp(), recorded_at),
    model = coalesce($1, model)
  RETURNING revision, recorded_at
)
INSERT INTO log (revision, recorded_at, occurred_at, author, note, event)
SELECT revision, recorded_at, coalesce($2, recorded_at), $3, $4, $5 FROM next
RETURNING revision, recorded_at, occurred_at
"""
_INSERT = "INSERT INTO log (revision, recorded_at, occurred_at, author, note, event) VALUES ($1, $2, $3, $4, $5, $6)"


class PostgisStore:
    """A schema of a PostgreSQL database as a store (see `twin.store.Store`)."""

    def __init__(self, url: str, *, write: bool = False, create: bool = False) -> None:
        """Connects; `create` makes the schema where there is none, and with `write` an older one is brought up to date.

        Raises StoreAway, StoreMissing, StoreInvalid or another StoreError.
        """
        self._url = PostgisUrl.parse(url)
        self.url = str(self._url)
        self.shared = True
        self._write = write
        self._loop = Loop()
        self._session = Session(self._url, self._loop)
        self._listener = Listener(self._url, self._loop)
        self._shown: Shown | None = None
        try:
            postgis_schema.prepare(self._session, write=write, create=create)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Closes the connections; everything that was acknowledged is on disk already."""
        self._listener.close()
        self._session.close()
        self._loop.close()

    # --- reading ----------------------------------------------------------------------------------------------

    def head(self) -> Head | None:
        """Newest revision and the model in force."""
        row = self._one("SELECT revision, model FROM head")
        return Head(row["revision"], row["model"]) if row is not None and row["model"] is not None else None

    def read_network(self, model: str) -> Network:
        """The network of that model, the one in force or an older one; raises StoreInvalid where it is not kept."""
        network = self._session.run(lambda connection: postgis_network.read_network(connection, model))
        if network is None:
            raise StoreInvalid(f"{self.url} does not keep model {model}")
        if network.model != model:
            raise StoreInvalid(f"the tables of {self.url} were changed behind the log's back; load the source again")
        return network

    def events(self, after: int = 0, until: int | None = None) -> Iterator[Recorded]:
        """The log in order, fetched page by page."""
        last = 2**62 if until is None else until
        while True:
            rows = self._all(_EVENTS, after, last, EVENTS_AT_ONCE)
            for row in rows:
                yield _recorded(row)
            if len(rows) < EVENTS_AT_ONCE:
                return
            after = rows[-1]["revision"]

    def revision_at(self, instant: datetime) -> int:
        """Newest revision recorded at or before an instant."""
        row = self._one(_REVISION_AT, instant)
        return 0 if row is None else int(row["revision"])

    def checkpoint(self, until: int) -> Checkpoint | None:
        """Newest checkpoint at or before a revision."""
        row = self._one(_CHECKPOINT, until)
        if row is None:
            return None
        positions = tuple(map(Position.from_json, json.loads(row["positions"])))
        return Checkpoint(row["revision"], row["model"], positions)

    def scenarios(self) -> list[Scenario]:
        """All of them, by creation."""
        rows = self._all("SELECT scenario FROM scenario ORDER BY created_at, id")
        return [Scenario.from_json(json.loads(row["scenario"])) for row in rows]

    def scenario(self, scenario_id: str) -> Scenario | None:
        """One by its id."""
        row = self._one("SELECT scenario FROM scenario WHERE id = $1", scenario_id)
        return None if row is None else Scenario.from_json(json.loads(row["scenario"]))

    def answers(self) -> Iterator[tuple[str, Remembered]]:
        """Every key with its answer."""
        for row in self._all("SELECT key, request, revision, answer FROM answer ORDER BY revision, key"):
            yield row["key"], Remembered(row["request"], row["revision"], json.loads(row["answer"]))

    def wait(self, timeout_s: float) -> bool:
        """Woken by NOTIFY, and looks once a second; raises StoreAway where the connection is lost."""
        return self._listener.wait(timeout_s)

    def _all(self, query: str, *values: object) -> list[asyncpg.Record]:
        return self._session.run(lambda connection: connection.fetch(query, *values))

    def _one(self, query: str, *values: object) -> asyncpg.Record | None:
        return self._session.run(lambda connection: connection.fetchrow(query, *values))

    # --- writing ----------------------------------------------------------------------------------------------

    @contextmanager
    def writing(self) -> Iterator[PostgisWriter]:
        """A transaction that holds the head from its first moment, and other threads of this process off."""
        if not self._write:
            raise StoreError(f"{self.url} was opened for reading only")
        writer = PostgisWriter(self._session, self._session.begin(_lock_head), self._shown)
        try:
            yield writer
            writer.flush()
            writer.notify(channel(self._url))
        except BaseException:
            self._session.rollback()
            raise
        self._session.commit()
        self._shown = writer.shown
        if writer.recorded is not None:
            self._listener.committed(writer.recorded.revision)


class PostgisWriter:
    """One writing transaction in PostGIS (see `twin.store.Writer`)."""

    def __init__(self, session: Session, head: Head | None, shown: Shown | None) -> None:
        self._session = session
        self.head = head
        self._before = head or Head(0, "")
        self.shown = shown
        """What the tables of the present state hold, as far as this process knows."""
        self.recorded: Recorded | None = None
        """The last event added."""
        self._unsent: list[Recorded] = []

    def remembered(self, key: str) -> Remembered | None:
        """The answer given before under this key."""
        query = "SELECT request, revision, answer FROM answer WHERE key = $1"
        row = self._session.run(lambda connection: connection.fetchrow(query, key))
        return None if row is None else Remembered(row["request"], row["revision"], json.loads(row["answer"]))

    def remember(self, key: str, remembered: Remembered) -> None:
        """Keeps an answer under a key."""
        self._execute(
            "INSERT INTO answer (key, request, revision, answer) VALUES ($1, $2, $3, $4)",
            key,
            remembered.request,
            remembered.revision,
            json.dumps(dict(remembered.answer)),
        )

    def append(self, event: Event, *, occurred_at: datetime | None, author: str, note: str) -> Recorded:
        """Adds one event under the next revision."""
        model = event.model if isinstance(event, ModelReplaced) else None
        values = (model, occurred_at, author, note, json.dumps(event_to_json(event)))
        row = self._session.run(lambda connection: connection.fetchrow(_APPEND, *values))
        assert row is not None  # head has one row
        recorded = Recorded(row["revision"], row["recorded_at"], row["occurred_at"], author, note, event)
        self._added(recorded)
        return recorded

    def append_recorded(self, recorded: Recorded) -> None:
        """Adds an event as it is; `flush` sends them, many at a time."""
        self._added(recorded)
        self._unsent.append(recorded)
        if len(self._unsent) >= EVENTS_AT_ONCE:
            self.flush()

    def flush(self) -> None:
        """Sends the events that were added as they are."""
        if not self._unsent:
            return
        rows = [
            (r.revision, r.recorded_at, r.occurred_at, r.author, r.note, json.dumps(event_to_json(r.event)))
            for r in self._unsent
        ]
        self._unsent.clear()
        self._session.run(lambda connection: connection.executemany(_INSERT, rows))
        assert self.head is not None
        self._execute(
            "UPDATE head SET revision = $1, recorded_at = $2, model = nullif($3, '')", *rows[-1][:2], self.head.model
        )

    def write_network(self, network: Network) -> None:
        """Keeps a network beside those of older models."""
        self._session.run(lambda connection: postgis_network.write_network(connection, network))

    def keep_supply(self, after: Snapshot) -> None:
        """Writes what the views of the present state join."""
        recorded, locked = self.recorded, self._before
        assert recorded is not None  # there is a state after the last event only

        async def shown(connection: Connection) -> Shown:
            before = self.shown
            if before is None or before.revision != locked.revision:
                before = await read_shown(connection, locked.revision, locked.model)
            return await show(connection, before, after, recorded.occurred_at)

        self.shown = self._session.run(shown)

    def keep_checkpoint(self, checkpoint: Checkpoint) -> None:
        """Keeps the state at a revision."""
        self.flush()  # it refers to the log
        self._execute(
            "INSERT INTO checkpoint (revision, model, positions) VALUES ($1, $2, $3) ON CONFLICT (revision) DO NOTHING",
            checkpoint.revision,
            checkpoint.model,
            json.dumps([position.to_json() for position in checkpoint.positions]),
        )

    def put_scenario(self, scenario: Scenario) -> None:
        """Keeps a scenario under its id."""
        self._execute(
            "INSERT INTO scenario (id, name, model, base, created_at, scenario) VALUES ($1, $2, $3, $4, $5, $6) "
            "ON CONFLICT (id) DO UPDATE SET (name, model, base, created_at, scenario) = "
            "(excluded.name, excluded.model, excluded.base, excluded.created_at, excluded.scenario)",
            scenario.id,
            scenario.name,
            scenario.model,
            scenario.base,
            scenario.created_at,
            json.dumps(scenario.to_json()),
        )

    def delete_scenario(self, scenario_id: str) -> None:
        """Forgets a scenario."""
        self._execute("DELETE FROM scenario WHERE id = $1", scenario_id)

    def notify(self, name: str) -> None:
        """Tells the other processes the newest revision; they hear of it when it is committed."""
        if self.recorded is not None:
            self._execute("SELECT pg_notify($1, $2)", name, str(self.recorded.revision))

    def _added(self, recorded: Recorded) -> None:
        self.head = following(self.head, recorded)
        self.recorded = recorded

    def _execute(self, statement: str, *values: object) -> None:
        self._session.run(lambda connection: connection.execute(statement, *values))


async def _lock_head(connection: Connection) -> Head | None:
    row = await connection.fetchrow("SELECT revision, model FROM head FOR UPDATE")
    assert row is not None  # the schema makes it
    return Head(row["revision"], row["model"]) if row["model"] is not None else None


def _recorded(row: Any) -> Recorded:
    return Recorded(
        row["revision"],
        row["recorded_at"],
        row["occurred_at"],
        row["author"],
        row["note"],
        event_from_json(json.loads(row["event"])),
    )
