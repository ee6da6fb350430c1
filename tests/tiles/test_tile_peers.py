"""The benchmark beside other tile servers, untimed: what the peers get is what our tiles show."""

from __future__ import annotations

import pytest

from benchmarks.http import Row
from benchmarks.tile_peers import fill, ratios, tables
from tests.postgres import Postgres
from tests.tiles.grids import town
from tiles.layers import LAYER_NAMES
from twin.engine import Twin


@pytest.mark.postgis
def test_peers_get_every_placed_feature(postgres: Postgres) -> None:
    twin = Twin(town())
    with postgres.database() as database:
        fill(postgres, database, twin)
        for layer, rows in tables(twin):
            ((count, srid),) = postgres.fetch(database, f"SELECT count(*), min(ST_SRID(geom)) FROM {layer}")
            assert (count, srid) == (len(rows), 3857 if len(rows) else None)
            ((indexes,),) = postgres.fetch(
                database, f"SELECT count(*) FROM pg_indexes WHERE tablename = '{layer}' AND indexdef LIKE '%gist%'"
            )
            assert indexes == 1
    assert [layer for layer, _ in tables(twin)] == list(LAYER_NAMES)


def test_ratios_compare_like_with_like() -> None:
    def row(server: str, rate: float, cache: str = "none") -> Row:
        return Row(server, "z10–12", cache, 1, rate, 1.0, 1.0, 1.0, 0)

    said = ratios([row("gridtwin", 100), row("gridtwin lines", 60), row("martin", 10), row("tipg lines", 5)])
    assert said == [
        "z10–12, cache none: ours answers 10.0 × as many requests as martin",
        "z10–12, cache none: ours answers 12.0 × as many requests as tipg lines",
    ]
