"""What SQL-backed tile servers get: every layer of our tiles as a PostGIS table that they like best.

An indexed column in EPSG:3857 and the attributes that our tiles carry (materialised, so that nothing is joined), for
each a view without `mrid` and `name`, which our tiles carry from zoom 14 on, and a table of H3 cells for each
resolution that `hexes` shows. They are a picture of the current state; ours stays live.
"""

from __future__ import annotations

from collections.abc import Iterator

import asyncpg
import geopandas
import h3
import numpy as np
import pandas as pd
import shapely

from tests.postgres import Postgres
from tiles.frames import frame
from tiles.hexes import RESOLUTIONS, HexPyramid
from tiles.layers import LAYER_NAMES, NAMES_ZOOM
from twin.engine import Twin

FAR = "_far"
"""What the name of a view without `mrid` and `name` ends in."""

_TYPES = {"i": "bigint", "u": "bigint", "f": "double precision", "b": "boolean"}


def tables(twin: Twin) -> Iterator[tuple[str, geopandas.GeoDataFrame]]:
    """Name and rows of each table: the layers of `grid`, then `hexes_r0` … in EPSG:3857."""
    for layer in LAYER_NAMES:
        rows = frame(twin.network, twin.current, layer)
        rows = rows[~rows.geometry.isna()].to_crs(3857)
        if "id" not in rows:
            rows.insert(0, "id", range(1, len(rows) + 1))
        yield layer, rows
    pyramid = HexPyramid(twin.network)
    for resolution in sorted(set(RESOLUTIONS)):
        yield f"hexes_r{resolution}", _cells(pyramid, twin, resolution)


def _cells(pyramid: HexPyramid, twin: Twin, resolution: int) -> geopandas.GeoDataFrame:
    """The cells of one resolution with their totals."""
    level, live = pyramid.levels[resolution], pyramid.supply(twin.current)
    with np.errstate(invalid="ignore"):
        share = live.energized[resolution] / level.customers
    names = [h3.int_to_str(int(cell)) for cell in level.cells]
    outlines = [shapely.Polygon([(lng, lat) for lat, lng in h3.cell_to_boundary(name)]) for name in names]
    rows = {
        "id": np.arange(1, len(level) + 1),
        "h3": names,
        "resolution": np.full(len(level), resolution),
        "customers": level.customers,
        "customers_out": live.out[resolution],
        "meters": level.meters,
        "transformers": level.transformers,
        "line_km": level.line_km,
        "rated_kva": level.rated_kva,
        "energized_share": share,
    }
    return geopandas.GeoDataFrame(rows, geometry=outlines, crs=4326).to_crs(3857)


def fill(server: Postgres, database: str, twin: Twin) -> None:
    """Loads the tables, with their indexes, and turns off the compiling of queries, which costs more than it gives."""

    async def loaded(connection: asyncpg.Connection) -> None:
        for name, rows in tables(twin):
            plain = pd.DataFrame(rows.drop(columns=rows.geometry.name)).convert_dtypes()
            typed = ", ".join(f'"{column}" {_TYPES.get(kind.kind, "text")}' for column, kind in plain.dtypes.items())
            await connection.execute(f"CREATE TABLE {name} ({typed}, geom geometry(Geometry, 3857), PRIMARY KEY (id))")
            shapes = shapely.to_wkb(shapely.set_srid(rows.geometry.values, 3857), hex=True, include_srid=True)
            values = [[None if pd.isna(value) else value for value in plain[column].tolist()] for column in plain]
            await connection.execute(f"CREATE TEMP TABLE raw_{name} ({typed}, shape text)")
            await connection.copy_records_to_table(f"raw_{name}", records=zip(*values, shapes.tolist(), strict=True))
            columns = ", ".join(f'"{column}"' for column in plain)
            await connection.execute(f"INSERT INTO {name} SELECT {columns}, shape::geometry FROM raw_{name}")
            await connection.execute(f"CREATE INDEX ON {name} USING gist (geom)")
            await connection.execute(f"ANALYZE {name}")
            if name in LAYER_NAMES:
                far = ", ".join(f'"{column}"' for column in plain if column not in {"mrid", "name"})
                await connection.execute(f"CREATE VIEW {name}{FAR} AS SELECT {far}, geom FROM {name}")
        await connection.execute(f'ALTER DATABASE "{database}" SET jit = off')

    server.run(database, loaded)


def ending(z: int) -> str:
    """What the names of the tables or views end in, whose rows a tile of this zoom shows."""
    return "" if z >= NAMES_ZOOM else FAR


def columns(server: Postgres, database: str) -> dict[str, list[str]]:
    """The attributes of each table and view, without its geometry."""
    found: dict[str, list[str]] = {}
    for table, column in server.fetch(
        database,
        "SELECT table_name, column_name FROM information_schema.columns "
        "WHERE table_schema = 'public' AND column_name <> 'geom' ORDER BY table_name, ordinal_position",
    ):
        found.setdefault(table, []).append(column)
    return found
