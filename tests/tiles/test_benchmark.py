from pathlib import Path

import httpx
import pytest

from benchmarks import http, latency
from benchmarks.tiles import city, run
from tiles.export_plan import plan_tiles
from tiles.source import TileSource
from twin.engine import Twin
from twin.geopackage import GeoPackageStore


def test_the_benchmark_runs() -> None:
    rows = {row.what: row for row in run(meters=400)}
    assert rows["meters z11"].features == 400
    assert rows["grid z12"].bytes > 0
    assert all(row.milliseconds >= 0 for row in rows.values())


@pytest.fixture
def store(tmp_path: Path) -> Path:
    path = tmp_path / "city.gpkg"
    Twin.load(city(200), GeoPackageStore(path, write=True, create=True)).close()
    return path


def test_the_tiles_asked_for_over_http_are_there(store: Path) -> None:
    with Twin.from_store(GeoPackageStore(store)) as twin:
        plan = plan_tiles(TileSource(twin.network), ["grid"], 10, 16)
    tiles = http.chosen(plan, 12, 16, 20)
    assert {z for z, _, _ in tiles} == set(range(12, 17))
    assert tiles == http.chosen(plan, 12, 16, 20)
    with http.served(store, http.NO_CACHE) as url, httpx.Client(base_url=url) as client:
        for path in http.paths(tiles, f"{url}/tiles/grid/{{z}}/{{x}}/{{y}}.mvt"):
            assert client.get(path).status_code == 200


def test_a_benchmark_of_what_is_no_server_says_so(store: Path) -> None:
    with pytest.raises(ValueError, match="is no URL of tiles"):
        http.measured("peer", "tiles/{z}", {}, "none", 1, 1, 1)


def test_from_click_to_pixel(store: Path) -> None:
    taken = latency.run(str(store), 2)
    assert {name: len(values) for name, values in taken.items()} == {"acknowledged": 2, "announced": 2, "tile": 2}
    assert all(0 < one < other for one, other in zip(taken["acknowledged"], taken["tile"], strict=True))
