"""Tables and views of a PostGIS database as layers; needs the extra `postgis`."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import Any, TypeVar
from urllib.parse import parse_qsl, urlsplit

import numpy as np
from numpy.typing import NDArray

from loaders.layers_source import Layer, LayerInfo, LayerSource
from loaders.report import LoadError
from twin.postgis_session import Connection, Loop, Session
from twin.postgis_url import PostgisUrl
from twin.store import StoreError

T = TypeVar("T")

QUERY_S = 3600.0
"""Most seconds that reading one table may take."""
_TABLES = """
SELECT n.nspname AS schema, c.relname AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'v', 'm', 'p', 'f') AND NOT c.relispartition AND n.nspname !~ '^(pg_|information_schema$)'
  AND has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT')
  AND c.relname NOT IN ('spatial_ref_sys', 'geometry_columns', 'geography_columns')
ORDER BY n.nspname <> $1, 1, 2
"""
_COLUMNS = """
SELECT a.attname AS name, t.typname AS type, coalesce(i.indisprimary, false) AS key
FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
LEFT JOIN pg_index i ON i.indrelid = a.attrelid AND i.indisprimary AND a.attnum = ANY (i.indkey)
WHERE a.attrelid = $1::text::regclass AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum
"""
_SYSTEM = "SELECT auth_name || ':' || auth_srid FROM spatial_ref_sys WHERE srid = $1"


@dataclass(frozen=True, slots=True)
class _Table:
    """Its name in SQL; its columns; those of its primary key; the first that holds shapes."""

    sql: str
    columns: tuple[str, ...]
    key: tuple[str, ...]
    shape: str | None


class PostgisSource(LayerSource):
    """A database. Layers are its tables and views, those outside the schema by `schema.name`.

    url: `postgresql://…/database?schema=…`, `public` where it names no schema. Close it after use.
    """

    def __init__(self, url: str) -> None:
        """Raises LoadError for a URL that is none."""
        super().__init__(None)
        with _said():
            self.url = PostgisUrl.parse(url)
        given = dict(parse_qsl(urlsplit(url).query))
        self.schema = given.get("schema", "public")
        self._loop = Loop()
        self._session = Session(self.url, self._loop)
        self._tables: dict[str, _Table] = {}

    def __str__(self) -> str:
        return str(self.url)

    @property
    def title(self) -> str:
        """Of the network, where the mapping gives none."""
        return self.url.database or "PostGIS"

    def close(self) -> None:
        """Ends the connection."""
        self._session.close()
        self._loop.close()

    @cached_property
    def layers(self) -> dict[str, str]:
        """The name in SQL of every table and view that may be read."""
        rows = self._run(lambda connection: connection.fetch(_TABLES, self.schema))
        found = {
            row["name"] if row["schema"] == self.schema else f"{row['schema']}.{row['name']}": _quoted(
                row["schema"], row["name"]
            )
            for row in rows
        }
        if not found:
            raise LoadError(f"{self} holds no table that {self.url.user or 'the user'} may read")
        return found

    def read(self, name: str, columns: Sequence[str]) -> Layer:
        """A table with the given columns, in the order of its primary key, where it has one."""
        info, table = self._checked(name, columns), self._table(name)
        wanted = [_quoted(column) for column in columns]
        if table.shape is not None:
            wanted.append(f"ST_AsBinary(ST_Force2D({_quoted(table.shape)}::geometry))")
        order = f" ORDER BY {', '.join(map(_quoted, table.key))}" if table.key else ""
        listed = ", ".join([*wanted, "1"])  # a table may be asked for no column
        query = f"SELECT {listed} FROM {table.sql}{order}"
        rows = self._run(lambda connection: connection.fetch(query, timeout=QUERY_S))
        fids = np.arange(1, len(rows) + 1, dtype=np.int64)
        given = {column: _column([row[at] for row in rows]) for at, column in enumerate(columns)}
        shapes = None
        if table.shape is not None:
            shapes = self._shapes(info, fids, _column([row[len(columns)] for row in rows]))
        return Layer(name, info.file, fids, given, shapes, info.crs)

    def _described(self, name: str) -> LayerInfo:
        table = self._table(name)

        async def look(connection: Connection) -> tuple[int, str, int]:
            count = await connection.fetchval(f"SELECT count(*) FROM {table.sql}", timeout=QUERY_S)
            if table.shape is None:
                return count, "", 0
            shape = f"{_quoted(table.shape)}::geometry"
            first = await connection.fetchrow(
                f"SELECT ST_GeometryType({shape}) AS type, ST_SRID({shape}) AS srid FROM {table.sql} "
                f"WHERE {_quoted(table.shape)} IS NOT NULL LIMIT 1"
            )
            return (count, "Geometry", 0) if first is None else (count, first["type"], first["srid"])

        count, kind, srid = self._run(look)
        system = self._run(lambda connection: connection.fetchval(_SYSTEM, srid)) if srid else None
        return LayerInfo(name, str(self), kind.removeprefix("ST_"), table.columns, int(count), system)

    def _table(self, name: str) -> _Table:
        if name not in self._tables:
            sql = self.layers[name]
            rows = self._run(lambda connection: connection.fetch(_COLUMNS, sql))
            shape = next((row["name"] for row in rows if row["type"] in ("geometry", "geography")), None)
            columns = tuple(row["name"] for row in rows if row["name"] != shape)
            self._tables[name] = _Table(sql, columns, tuple(row["name"] for row in rows if row["key"]), shape)
        return self._tables[name]

    def _run(self, work: Callable[[Connection], Coroutine[Any, Any, T]]) -> T:
        with _said():
            return self._session.run(work)


@contextmanager
def _said() -> Iterator[None]:
    try:
        yield
    except StoreError as error:
        raise LoadError(str(error)) from error


def _quoted(*names: str) -> str:
    return ".".join('"' + name.replace('"', '""') + '"' for name in names)


def _column(values: list[Any]) -> NDArray[Any]:
    """object (rows,): numbers, text, true and false, bytes as they are, anything else as text."""
    column = np.full(len(values), None, dtype=object)
    for row, value in enumerate(values):
        if isinstance(value, Decimal):
            value = float(value)
        column[row] = value if isinstance(value, int | float | str | bytes | None) else str(value)
    return column
