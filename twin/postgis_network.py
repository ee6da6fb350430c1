"""A network's tables in PostGIS: written and read as whole columns, by binary COPY."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from twin import postgis_copy as copy
from twin.components import COMPONENTS, Component, Field, Table
from twin.extras import from_documents, to_documents
from twin.geometry import LineStrings
from twin.network import Network
from twin.packed import pack, unpack
from twin.places import table_lnglat
from twin.postgis_copy import Column
from twin.postgis_session import Connection

COPY_S = 3600.0
"""Most seconds that one COPY may take."""
HIDDEN = {"nodes": ("lng", "lat")}
"""Columns that are kept in the geometry."""
WITH_GEOMETRY = ("nodes", "lines", "switches", "transformers", "sources", "consumers", "substations")

_ORDER = (
    "substations",
    "nodes",
    "lines",
    "switches",
    "transformers",
    "sources",
    "consumers",
    "usage_points",
    "feeders",
)
"""Referenced tables come first."""
_BY_TABLE = {component.table: component for component in COMPONENTS}
_WIDTHS = {"row": ">i4", "phases": ">i2", "flag": "?", "count": ">i4", "real": ">f8"}
_CASTS = {"row": "coalesce({0}, 0)", "count": "coalesce({0}, -1)", "real": "coalesce({0}, 'NaN')"}


def sql_name(component: Component) -> str:
    """`AcLineSegment` → `ac_line_segment`."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", component.name).lower()


def stored_fields(component: Component) -> list[Field]:
    """The columns that have one of their own in PostGIS."""
    return [field for field in component.fields if field.name not in HIDDEN.get(component.table, ())]


# --- writing ----------------------------------------------------------------------------------------------------


async def write_network(connection: Connection, network: Network) -> None:
    """Adds the partitions of a network, unless it is kept already; inside a transaction."""
    if await connection.fetchval("SELECT number FROM network_model WHERE model = $1", network.model) is not None:
        return
    number: int = await connection.fetchval(
        "INSERT INTO network_model (number, model, name) "
        "SELECT coalesce(max(number), 0) + 1, $1, $2 FROM network_model RETURNING number",
        network.model,
        network.name,
    )
    await connection.execute("SET LOCAL maintenance_work_mem = '256MB'")
    for table in _ORDER:
        await _write_table(connection, _BY_TABLE[table], network, number)
    for (table, column), data in pack(network):
        await connection.execute(
            "INSERT INTO network_column (model, class, name, data) VALUES ($1, $2, $3, $4)",
            number,
            table,
            column,
            data,
            timeout=COPY_S,
        )
    for table in _ORDER:  # the parents' statistics: views read those
        await connection.execute(f"ANALYZE {sql_name(_BY_TABLE[table])}", timeout=COPY_S)


async def _write_table(connection: Connection, component: Component, network: Network, number: int) -> None:
    """Fills a table of its own first and attaches it then: indexes and references are made at once, not row by row."""
    parent = sql_name(component)
    part = f"{parent}_{number}"
    await connection.execute(
        f"CREATE TABLE {part} (LIKE {parent} INCLUDING DEFAULTS INCLUDING COMMENTS, CHECK (model = {number}))"
    )
    names, columns = _columns(component, network, number)
    await connection.copy_to_table(
        part,
        source=_pieces(columns),
        columns=names,
        format="binary",
        freeze=True,
        timeout=COPY_S,
    )
    await connection.execute(f"ANALYZE {part}", timeout=COPY_S)
    attach = f"ALTER TABLE {parent} ATTACH PARTITION {part} FOR VALUES IN ({number})"
    await connection.execute(attach, timeout=COPY_S)


async def _pieces(columns: Sequence[Column]) -> AsyncIterator[bytes]:
    for piece in copy.rows_to_bytes(columns):
        yield piece


def _columns(component: Component, network: Network, number: int) -> tuple[list[str], list[Column]]:
    table, name = network.tables[component.table], component.table
    rows = len(table)
    columns = {
        "model": copy.numbers(np.full(rows, number), ">i4"),
        "id": copy.numbers(np.arange(1, rows + 1), ">i4"),
    }
    if name == "lines":
        columns["geom"] = copy.lines(network.line_geometry)
    elif name in WITH_GEOMETRY:
        columns["geom"] = copy.points(table_lnglat(network, name))
    for field in stored_fields(component):
        columns[field.name] = _column(field, table[field.name])
    if name == "nodes":
        columns["normal_phases"] = copy.numbers(network.normal_energized, ">i2")
    if name == "consumers":
        columns["customers"] = copy.numbers(network.consumer_customers, ">i4")
    columns["extras"] = copy.documents(to_documents(table.extras, rows))
    return list(columns), list(columns.values())


def _column(field: Field, values: NDArray[Any]) -> Column:
    """Rows are kept as the id they point at (row + 1); what is not known as null."""
    if field.kind == "text":
        return copy.texts(values)
    width = _WIDTHS[field.kind]
    if field.kind == "row":
        return copy.numbers(values + 1, width, values < 0)
    if field.kind == "count":
        return copy.numbers(values, width, values < 0)
    if field.kind == "real":
        return copy.numbers(values, width, np.isnan(values))
    return copy.numbers(values, width)


# --- reading ----------------------------------------------------------------------------------------------------


async def read_network(connection: Connection, model: str) -> Network | None:
    """The network of a model, packed or else from its tables; None where it is not kept.

    What comes from the tables may be of another model: they were changed then.
    """
    found = await connection.fetchrow("SELECT number, name FROM network_model WHERE model = $1", model)
    if found is None:
        return None
    rows = await connection.fetch(
        "SELECT class, name, data FROM network_column WHERE model = $1", found["number"], timeout=COPY_S
    )
    packed = {(row["class"], row["name"]): row["data"] for row in rows}
    return unpack(found["name"], model, packed) or await read_tables(connection, found["number"], found["name"])


async def read_tables(connection: Connection, number: int, name: str) -> Network:
    """The network made of its class tables alone."""
    tables = {c.table: await _read_table(connection, c, number) for c in COMPONENTS}
    return Network.from_tables(name, tables, await _read_lines(connection, number))


async def _read_table(connection: Connection, component: Component, number: int) -> Table:
    part = f"{sql_name(component)}_{number}"
    fields = stored_fields(component)
    texts = [field.name for field in fields if field.kind == "text"]
    others = [field for field in fields if field.kind != "text"]
    columns: dict[str, object] = dict(
        zip(texts, copy.bytes_to_texts(await _copied(connection, part, texts, "text"), len(texts)), strict=True)
    )
    wanted = {field.name: (_CASTS.get(field.kind, "{0}").format(field.name), _WIDTHS[field.kind]) for field in others}
    if component.table == "nodes":
        wanted["lng"] = ("coalesce(ST_X(geom), 'NaN')", ">f8")
        wanted["lat"] = ("coalesce(ST_Y(geom), 'NaN')", ">f8")
    if wanted:
        data = await _copied(connection, part, [cast for cast, _ in wanted.values()], "binary")
        columns |= dict(zip(wanted, copy.bytes_to_numbers(data, [width for _, width in wanted.values()]), strict=True))
    for field in others:
        if field.kind == "row":
            columns[field.name] = np.asarray(columns[field.name]) - 1
    return Table(component, columns, await _read_extras(connection, part))


async def _read_extras(connection: Connection, part: str) -> dict[str, NDArray[Any]]:
    if not await connection.fetchval(f"SELECT EXISTS (SELECT FROM {part} WHERE extras IS NOT NULL)"):
        return {}
    (documents,) = copy.bytes_to_texts(await _copied(connection, part, ["coalesce(extras::text, '')"], "text"), 1)
    return from_documents(documents.tolist())


async def _read_lines(connection: Connection, number: int) -> LineStrings:
    part = f"ac_line_segment_{number}"
    counted = await _copied(connection, part, ["coalesce(ST_NPoints(geom), 0)::integer"], "binary")
    (counts,) = copy.bytes_to_numbers(counted, [">i4"])
    data = await _copied(connection, f"{part} WHERE geom IS NOT NULL", ["geom"], "binary")
    return copy.bytes_to_lines(data, counts.astype(np.int64))


async def _copied(
    connection: Connection, source: str, expressions: Iterable[str], form: Literal["text", "binary"]
) -> bytes:
    """Expressions over all rows of a table in their order."""
    data = bytearray()

    async def more(piece: bytes) -> None:
        data.extend(piece)

    query = f"SELECT {', '.join(expressions)} FROM {source} ORDER BY id"
    await connection.copy_from_query(query, output=more, format=form, timeout=COPY_S)
    return bytes(data)
