"""One connection to PostgreSQL for callers that are not asynchronous, and what its failures mean."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine
from typing import Any, TypeAlias, TypeVar

import asyncpg

from twin.postgis_url import PostgisUrl
from twin.store import OutcomeUnknown, StoreAway, StoreError, StoreInvalid, StoreLocked, StoreMissing

T = TypeVar("T")
Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
Work = Callable[[Connection], Coroutine[Any, Any, T]]

CONNECT_S = 5.0
STATEMENT_S = 60.0
LOCK_MS = 10_000
"""How long a writer waits for the one that holds the head."""
PAUSES_S = (0.0, 0.1, 0.3)
"""Before a lost connection is tried again; the follower of the log goes on trying after that."""
SINCE_S = 2.0
"""How long after a failure the next one is reported at once."""

_SETTINGS = {
    "application_name": "gridtwin",
    "synchronous_commit": "on",  # whatever the role's default: an acknowledged write is on disk
    "lock_timeout": str(LOCK_MS),
    "idle_in_transaction_session_timeout": "120000",  # a process that hangs does not hold the head for ever
    "jit": "off",
    "timezone": "UTC",
}
_PATH = """
SELECT set_config('search_path', concat_ws(', ', quote_ident($1), (
  SELECT quote_ident(n.nspname) FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace
  WHERE e.extname = 'postgis')), false)
"""
_AWAY = (
    OSError,  # refused, reset, no such host
    TimeoutError,
    asyncpg.InterfaceError,  # the connection is closed
    asyncpg.InternalClientError,  # it was cut in the middle of something
    asyncpg.PostgresConnectionError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.CannotConnectNowError,
    asyncpg.TooManyConnectionsError,
    asyncpg.IdleInTransactionSessionTimeoutError,
)


class Loop:
    """An event loop in a thread of its own."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="postgis", daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Runs a coroutine to its end, from any other thread."""
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result()
        except BaseException:  # an interrupt of this thread ends the work too
            future.cancel()
            raise

    def call(self, function: Callable[[], object]) -> None:
        """Calls a function in the loop, soon."""
        self._loop.call_soon_threadsafe(function)

    def close(self) -> None:
        """Ends what still runs in it, the loop and its thread."""
        self.run(_cancel_others())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


async def _cancel_others() -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)


async def connect(url: PostgisUrl) -> Connection:
    """A new connection, the store's schema first on its search path; raises StoreError."""
    try:
        connection = await asyncpg.connect(
            url.dsn, timeout=CONNECT_S, command_timeout=STATEMENT_S, server_settings=_SETTINGS
        )
    except (*_AWAY, asyncpg.PostgresError, ValueError) as error:
        raise to_store_error(url, error) from error
    try:
        await find_postgis(connection, url.schema)
    except (*_AWAY, asyncpg.PostgresError) as error:
        connection.terminate()
        raise to_store_error(url, error) from error
    return connection


async def find_postgis(connection: Connection, schema: str) -> None:
    """Puts the store's schema on the search path, and after it the one that PostGIS is in, if it is there."""
    await connection.fetchval(_PATH, schema)


class Session:
    """One connection, made when it is needed and made anew when it was lost; one thread at a time uses it."""

    def __init__(self, url: PostgisUrl, loop: Loop) -> None:
        self.url = url
        self._loop = loop
        self._connection: Connection | None = None
        self._lock = threading.RLock()
        self._in_transaction = False
        self._failed_at = -SINCE_S

    def run(self, work: Work[T]) -> T:
        """Does something on the connection; outside a transaction it is tried again where the connection is lost.

        Raises StoreError; StoreAway where the database does not answer.
        """
        with self._lock:
            if self._in_transaction:
                return self._once(work)
            for pause in () if self._away_lately() else PAUSES_S:
                try:
                    return self._once(work)
                except StoreAway:
                    time.sleep(pause)
            return self._once(work)

    def _away_lately(self) -> bool:
        """Who waits in a queue for a database that is away is not made to wait for its return as well."""
        return time.monotonic() - self._failed_at < SINCE_S

    def begin(self, work: Work[T]) -> T:
        """Begins a transaction and does something in it; every `run` until `commit` or `rollback` is part of it.

        Holds other threads off until then.
        """

        async def beginning(connection: Connection) -> T:
            await connection.execute("BEGIN")
            return await work(connection)

        self._lock.acquire()
        try:
            value = self.run(beginning)
        except BaseException:
            self._drop()
            self._lock.release()
            raise
        self._in_transaction = True
        return value

    def commit(self) -> None:
        """Commits durably; raises OutcomeUnknown where the connection is lost before the answer."""
        try:
            if self._connection is None or self._connection.is_closed():
                raise StoreAway(_away(self.url, "the connection was lost; nothing was written"))
            self._commit()
        finally:
            self._end()

    def _commit(self) -> None:
        try:
            self._once(_committing)
        except StoreAway as error:
            raise OutcomeUnknown(
                f"the connection to {self.url} was lost while the change was being committed: whether it is in the log "
                "is not known; repeat the request with the same Idempotency-Key, and it is done once"
            ) from error

    def rollback(self) -> None:
        """Undoes the transaction; never raises."""
        try:
            if self._connection is not None:
                self._once(_rolling_back)
        except StoreError:
            self._drop()
        finally:
            self._end()

    def close(self) -> None:
        """Closes the connection."""
        with self._lock:
            if self._connection is not None:
                self._loop.run(_closed(self._connection))
                self._connection = None

    def _end(self) -> None:
        self._in_transaction = False
        self._lock.release()

    def _once(self, work: Work[T]) -> T:
        try:
            value = self._tried(work)
        except StoreAway:
            self._failed_at = time.monotonic()
            raise
        self._failed_at = -SINCE_S
        return value

    def _tried(self, work: Work[T]) -> T:
        try:
            if self._connection is None or self._connection.is_closed():
                if self._in_transaction:
                    raise StoreAway(_away(self.url, "the connection was lost"))
                self._connection = self._loop.run(connect(self.url))
            return self._loop.run(work(self._connection))
        except (*_AWAY, asyncpg.PostgresError) as error:
            self._drop()
            raise to_store_error(self.url, error) from error
        except KeyboardInterrupt:  # the answer may still come: nothing else may use this connection
            self._drop()
            raise

    def _drop(self) -> None:
        """A connection on which anything failed is not used again."""
        if self._connection is not None:
            self._loop.call(self._connection.terminate)
            self._connection = None


async def _committing(connection: Connection) -> None:
    await connection.execute("COMMIT")  # fails where the transaction did: nothing goes on after an error in one


async def _rolling_back(connection: Connection) -> None:
    await connection.execute("ROLLBACK")


async def _closed(connection: Connection) -> None:
    try:
        await connection.close(timeout=CONNECT_S)
    except _AWAY:
        connection.terminate()


# --- failures ---------------------------------------------------------------------------------------------------


def to_store_error(url: PostgisUrl, error: BaseException) -> StoreError:
    """What a failure means, and what to do about it."""
    for kinds, made, words in _MEANINGS:
        if isinstance(error, kinds):
            return made(words.format(url=url, database=url.database or "it", user=url.user or "the user", why=error))
    if isinstance(error, _AWAY):
        return StoreAway(_away(url, str(error) or type(error).__name__))
    return StoreError(f"{url}: PostgreSQL refused: {error}")


def _away(url: PostgisUrl, why: str) -> str:
    return f"{url} does not answer ({why}): see that PostgreSQL runs and can be reached, and try again"


_MEANINGS: tuple[tuple[tuple[type[BaseException], ...], type[StoreError], str], ...] = (
    (
        (asyncpg.InvalidPasswordError, asyncpg.InvalidAuthorizationSpecificationError),
        StoreError,
        "{url}: PostgreSQL lets {user} not in with this password; mend it in the URL, or give it in PGPASSWORD",
    ),
    (
        (asyncpg.InvalidCatalogNameError,),
        StoreMissing,
        "{url}: the database {database} is not there; make it with `createdb {database}`",
    ),
    (
        (asyncpg.InsufficientPrivilegeError,),
        StoreError,
        "{url}: {user} may not do that ({why}); have an administrator grant it",
    ),
    (
        (asyncpg.LockNotAvailableError,),
        StoreLocked,
        "{url} is being written by another process for longer than "
        f"{LOCK_MS // 1000} s; nothing was written, try again",
    ),
    (
        (asyncpg.DiskFullError,),
        StoreError,
        "{url} cannot be written ({why}); nothing was written",
    ),
    (
        (asyncpg.UndefinedTableError, asyncpg.UndefinedColumnError, asyncpg.InvalidSchemaNameError),
        StoreInvalid,
        "{url} has another schema than this gridtwin ({why}); use the matching version",
    ),
    (
        (asyncpg.CharacterNotInRepertoireError, asyncpg.UntranslatableCharacterError),
        StoreError,
        "{url}: PostgreSQL keeps no text with a NUL character in it ({why}); nothing was written",
    ),
    (
        (asyncpg.ClientConfigurationError, ValueError),
        StoreError,
        "{url} cannot be used: {why}",
    ),
)
