"""The benchmark beside other tile servers, untimed: what the peers get is what our tiles show."""

from __future__ import annotations

from collections.abc import Iterator

import mapbox_vector_tile
import pytest

from benchmarks.http import Row
from benchmarks.peer_tables import FAR, columns, fill, tables
from benchmarks.tile_peers import RANGES, asked, encoders, paths, ratios, sql_of, tables_of
from benchmarks.tiles import city
from tests.postgres import Postgres
from tiles.hexes import RESOLUTIONS
from tiles.layers import LAYER_NAMES
from tiles.source import TileSource
from twin.engine import Twin

pytestmark = pytest.mark.postgis


@pytest.fixture(scope="module")
def twin() -> Twin:
    return Twin(city(400))


@pytest.fixture(scope="module")
def filled(postgres: Postgres, twin: Twin) -> Iterator[str]:
    with postgres.database() as database:
        fill(postgres, database, twin)
        yield database


def test_peers_get_every_placed_feature(postgres: Postgres, filled: str, twin: Twin) -> None:
    names = []
    for name, rows in tables(twin):
        names.append(name)
        ((count, srid),) = postgres.fetch(filled, f"SELECT count(*), min(ST_SRID(geom)) FROM {name}")
        assert (count, srid) == (len(rows), 3857 if len(rows) else None)
        ((indexes,),) = postgres.fetch(
            filled, f"SELECT count(*) FROM pg_indexes WHERE tablename = '{name}' AND indexdef LIKE '%gist%'"
        )
        assert indexes == 1
    assert names == [*LAYER_NAMES, *(f"hexes_r{resolution}" for resolution in sorted(set(RESOLUTIONS)))]


def test_st_as_mvt_makes_the_tiles_that_ours_makes(postgres: Postgres, filled: str, twin: Twin) -> None:
    """The same features by layer, with the same attributes, names from zoom 14 on."""
    source, known, compared = TileSource(twin.network), columns(postgres, filled), 0
    for part in asked(twin, 12):
        for tile in part.tiles:
            query = sql_of(known, tables_of(part.tileset, tile[0])).removeprefix("SELECT length(").removesuffix(")")
            ((theirs,),) = postgres.fetch(filled, f"SELECT {query}", *tile)
            ours = source.tile(part.tileset, *tile, twin.current).data
            compared += _same(mapbox_vector_tile.decode(ours) if ours else {}, mapbox_vector_tile.decode(theirs))
    assert compared > 1_000


def _same(ours: dict, theirs: dict) -> int:  # type: ignore[type-arg]
    for name, layer in ours.items():
        own = {feature["id"]: feature["properties"] for feature in layer["features"]}
        peer = theirs.get(name) or theirs.get(name + FAR) or next(iter(theirs.values()))
        others = {feature["id"]: feature["properties"] for feature in peer["features"]}
        assert own.keys() == others.keys()
        for number, properties in own.items():
            assert set(properties) - {"owner"} == set(others[number]) - ({"id"} if name == "hexes" else set()), name
    return sum(len(layer["features"]) for layer in ours.values())


def test_encoders_alone(postgres: Postgres, filled: str, twin: Twin) -> None:
    rows = encoders(twin, postgres, filled, asked(twin, 4), 4)
    assert [row.server for row in rows] == ["gridtwin", "ST_AsMVT"] * len(RANGES)
    assert all(row.requests_per_s > 0 and row.bytes_per_tile > 0 and row.cache == "alone" for row in rows)


def test_a_zoom_asks_for_its_table_of_cells_and_for_names_or_not() -> None:
    assert paths([(13, 1, 2), (14, 3, 4)], "http://peer/lines{ending}/{z}/{x}/{y}") == [
        "/lines_far/13/1/2",
        "/lines/14/3/4",
    ]
    assert paths([(5, 1, 2), (11, 3, 4)], "http://peer/hexes_r{resolution}/{z}/{x}/{y}") == [
        f"/hexes_r{RESOLUTIONS[5]}/5/1/2",
        f"/hexes_r{RESOLUTIONS[11]}/11/3/4",
    ]


def test_ratios_compare_like_with_like() -> None:
    def row(server: str, rate: float, cache: str = "none") -> Row:
        return Row(server, "grid z10–12", cache, 1, rate, 1.0, 1.0, 1.0, 0)

    said = ratios(
        [
            row("gridtwin", 100),
            row("gridtwin lines", 60),
            row("martin", 10),
            row("tipg lines", 5),
            row("gridtwin", 90, "alone"),
            row("ST_AsMVT", 9, "alone"),
        ]
    )
    assert said == [
        "grid z10–12, cache none: ours answers 10.0 × as many tiles as martin",
        "grid z10–12, cache none: ours answers 12.0 × as many tiles as tipg lines",
        "grid z10–12, encoder alone: ours makes 10.0 × as many tiles as ST_AsMVT",
    ]
