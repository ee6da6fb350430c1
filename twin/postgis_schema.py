"""Which schema a database has, and bringing it to the newest: in one transaction, one process at a time."""

from __future__ import annotations

import importlib

import asyncpg

from twin.postgis_session import Connection, Session, find_postgis
from twin.postgis_url import PostgisUrl
from twin.store import StoreInvalid, StoreMissing

SCHEMA = "0002"
"""The newest schema; numbers in text, so that newer ones compare greater."""

_VERSION_TABLE = "SELECT to_regclass(format('%I.alembic_version', $1::text)) IS NOT NULL"
_ENOUGH_POSTGIS = "SELECT count(*) FROM pg_extension WHERE extname = 'postgis'"


def prepare(session: Session, *, write: bool, create: bool) -> None:
    """Sees that the newest schema is there: `create` makes it in an empty database, `write` brings an older one on.

    Raises StoreMissing or StoreInvalid.
    """
    url = session.url
    found = session.run(lambda connection: _version(connection, url.schema))
    if found == SCHEMA:
        return
    _refuse(url, found, write=write, create=create)

    async def upgraded(connection: Connection) -> None:
        await _upgrade(connection, url)

    session.begin(upgraded)
    session.commit()


def _refuse(url: PostgisUrl, found: str | None, *, write: bool, create: bool) -> None:
    if found is None and not (write and create):
        raise StoreMissing(
            f"{url} holds no gridtwin store in its schema {url.schema}; "
            f"make it with `gridtwin load SOURCE --store {url}`"
        )
    if found is not None and found > SCHEMA:
        raise StoreInvalid(f"{url} has schema {found}; this gridtwin reads up to {SCHEMA}: use a newer version of it")
    if not write:
        raise StoreInvalid(
            f"{url} has schema {found}; this gridtwin reads {SCHEMA}: open it for writing once, "
            f"`gridtwin serve {url}` say, and it is brought up to date"
        )


async def _version(connection: Connection, schema: str) -> str | None:
    if not await connection.fetchval(_VERSION_TABLE, schema):
        return None
    version: str | None = await connection.fetchval(f'SELECT version_num FROM "{schema}".alembic_version')
    return version


async def _upgrade(connection: Connection, url: PostgisUrl) -> None:
    """Inside a transaction: another process that does the same waits, and then finds nothing left to do."""
    await connection.execute("SET LOCAL lock_timeout = '60s'")
    await connection.execute("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", f"gridtwin {url.schema}")
    found = await _version(connection, url.schema)
    if found is not None and found >= SCHEMA:
        return
    if not await connection.fetchval(_ENOUGH_POSTGIS):
        await _create_postgis(connection, url)
        await find_postgis(connection, url.schema)
    await connection.execute(f'CREATE SCHEMA IF NOT EXISTS "{url.schema}"')
    # Alembic takes half a second to import: only who needs it waits for it.
    migrations = importlib.import_module("twin.postgis_migrations")
    await connection.execute(migrations.upgrade_script(found))


async def _create_postgis(connection: Connection, url: PostgisUrl) -> None:
    database = url.database or "this database"
    try:
        await connection.execute("CREATE EXTENSION postgis WITH SCHEMA public")
    except asyncpg.InsufficientPrivilegeError as error:
        raise StoreInvalid(
            f"{url}: PostGIS is not enabled in {database}, and {url.user or 'the user'} may not enable it; "
            "have an administrator run CREATE EXTENSION postgis there"
        ) from error
    except (asyncpg.FeatureNotSupportedError, asyncpg.UndefinedFileError) as error:
        raise StoreInvalid(
            f"{url}: the server has no PostGIS; install it there (Debian: postgresql-postgis) and try again"
        ) from error
