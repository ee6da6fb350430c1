"""Whole pyramids in one file, read by other people's readers and compared with the tiles that are served."""

from __future__ import annotations

import gzip
import json
import resource
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pmtiles.reader import MemorySource, Reader, all_tiles
from pmtiles.tile import TileType, zxy_to_tileid

from tests.tiles.grids import snapshot, town
from tiles.export import Exported, Pyramid, export_pyramid
from tiles.export_archives import ARCHIVES, About, write_mbtiles, write_pmtiles
from tiles.export_files import ExportError
from tiles.export_journal import Journal
from tiles.export_layers import TABLES, export_layers
from tiles.export_plan import plan_tiles
from tiles.frames import frame
from tiles.hilbert import tile_to_id
from tiles.mercator import lnglat_to_tile
from tiles.source import TileSource, UnknownLayer, UnknownTileset
from tiles.tilejson import TILESETS, ZOOMS
from topology.jit import warm_up
from twin.network import Network
from twin.state import Snapshot

Address = tuple[int, int, int]


@pytest.fixture(scope="module")
def network() -> Network:
    return town(size=0.01)


@pytest.fixture(scope="module")
def state(network: Network) -> Snapshot:
    return snapshot(network, 1)


@pytest.fixture(scope="module")
def source(network: Network) -> TileSource:
    return TileSource(network)


@pytest.fixture(scope="module")
def live(network: Network, source: TileSource, state: Snapshot) -> dict[Address, bytes]:
    """Every tile that is not empty, found by asking for all of them around the network."""
    assert network.bounds is not None
    west, south, east, north = network.bounds
    found = {}
    for z in range(17):
        left, top = (int(part) - 2 for part in lnglat_to_tile(west, north, z))
        right, bottom = (int(part) + 3 for part in lnglat_to_tile(east, south, z))
        for x in range(max(left, 0), min(right, 1 << z)):
            for y in range(max(top, 0), min(bottom, 1 << z)):
                sets = [name for name in TILESETS if ZOOMS[name][0] <= z <= ZOOMS[name][1]]
                data = b"".join(source.tile(name, z, x, y, state).data for name in sets)
                if data:
                    found[z, x, y] = data
    return found


def exported(source: TileSource, state: Snapshot, path: Path, **more: Any) -> Exported:
    return export_pyramid(source, state, path, more.pop("pyramid", Pyramid()), cores=1, **more)


def read_pmtiles(path: Path) -> dict[Address, bytes]:
    return {address: gzip.decompress(data) for address, data in all_tiles(MemorySource(path.read_bytes()))}


def read_mbtiles(path: Path) -> dict[Address, bytes]:
    database = sqlite3.connect(path)
    rows = database.execute("SELECT zoom_level, tile_column, tile_row, tile_data FROM tiles").fetchall()
    database.close()
    return {(z, x, (1 << z) - 1 - y): gzip.decompress(data) for z, x, y, data in rows}


# --- what is in them ----------------------------------------------------------------------------------------------


def test_plan_has_every_tile_that_shows_anything(source: TileSource, live: dict[Address, bytes]) -> None:
    plan = plan_tiles(source, TILESETS, 0, 16)
    planned = list(zip(plan.z.tolist(), plan.x.tolist(), plan.y.tolist(), strict=True))
    assert len(set(planned)) == len(planned)
    assert set(planned) >= set(live)
    assert {address for address in planned if address[0] > 12} == {address for address in live if address[0] > 12}
    assert len(planned) < 1.1 * len(live)
    assert plan.number.tolist() == sorted(zxy_to_tileid(*address) for address in planned)


def test_numbers_are_those_of_pmtiles() -> None:
    for z in range(6):
        for x in range(1 << z):
            numbers = tile_to_id(z, [x] * (1 << z), range(1 << z))
            assert numbers.tolist() == [zxy_to_tileid(z, x, y) for y in range(1 << z)]
    assert tile_to_id(16, 34_567, 21_987) == zxy_to_tileid(16, 34_567, 21_987)


def test_pmtiles_hold_the_tiles_that_are_served(
    tmp_path: Path, source: TileSource, state: Snapshot, live: dict[Address, bytes]
) -> None:
    path = tmp_path / "town.pmtiles"
    made = exported(source, state, path)
    assert read_pmtiles(path) == live
    assert (made.tiles, made.bytes, made.resumed) == (len(live), path.stat().st_size, 0)
    reader = Reader(MemorySource(path.read_bytes()))
    header = reader.header()
    assert header["clustered"]
    assert header["tile_type"] == TileType.MVT
    assert (header["min_zoom"], header["max_zoom"], header["addressed_tiles_count"]) == (0, 16, len(live))
    assert source.network.bounds is not None
    bounds = [header[name] / 1e7 for name in ("min_lon_e7", "min_lat_e7", "max_lon_e7", "max_lat_e7")]  # type: ignore[literal-required]
    assert bounds == pytest.approx(source.network.bounds, abs=1e-6)
    for address in list(live)[::50]:
        assert gzip.decompress(reader.get(*address)) == live[address]
    assert reader.get(16, 0, 0) is None
    metadata = reader.metadata()
    assert metadata["gridtwin"]["revision"] == state.revision
    assert metadata["attribution"] == source.network.name
    described = {layer["id"]: layer for layer in metadata["vector_layers"]}
    assert set(described) == {
        "lines",
        "substations",
        "switches",
        "transformers",
        "meters",
        "partial",
        "hexes",
        "feeders",
    }
    assert (described["lines"]["minzoom"], described["hexes"]["maxzoom"]) == (10, 12)
    assert list(tmp_path.iterdir()) == [path]


def test_mbtiles_hold_the_same(tmp_path: Path, source: TileSource, state: Snapshot, live: dict[Address, bytes]) -> None:
    path = tmp_path / "town.mbtiles"
    exported(source, state, path, attribution="© us")
    assert read_mbtiles(path) == live
    database = sqlite3.connect(path)
    metadata = dict(database.execute("SELECT name, value FROM metadata"))
    assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    database.close()
    assert (metadata["format"], metadata["minzoom"], metadata["maxzoom"]) == ("pbf", "0", "16")
    assert metadata["attribution"] == "© us"
    assert {layer["id"] for layer in json.loads(metadata["json"])["vector_layers"]} >= {"lines", "hexes"}


@pytest.mark.gdal
@pytest.mark.parametrize("layer", ["lines", "substations", "switches", "transformers", "meters"])
def test_gdal_reads_mbtiles(
    gdal_info: str, tmp_path: Path, network: Network, source: TileSource, state: Snapshot, layer: str
) -> None:
    path, read = tmp_path / "town.mbtiles", tmp_path / "read.geojson"
    exported(source, state, path, pyramid=Pyramid.within(["grid"], minzoom=15))
    words = [Path(gdal_info).with_name("ogr2ogr"), "-f", "GeoJSON", "-t_srs", "EPSG:4326", read, path, layer]
    finished = subprocess.run(words, capture_output=True, text=True, check=True, timeout=60)
    assert finished.stderr == ""
    seen = {each["properties"]["mrid"]: each for each in json.loads(read.read_text())["features"]}
    whole = frame(network, state, layer)
    placed = whole[whole.geometry.notna()]
    assert set(seen) == set(placed["mrid"])
    for row in placed.itertuples():
        feature = seen[row.mrid]
        assert feature["properties"]["energized"] == row.energized
        if layer != "lines":
            at = feature["geometry"]["coordinates"]
            assert at == pytest.approx(row.geometry.coords[0], abs=360 / 2**16 / 4096)


@pytest.mark.parametrize("ending", [".pmtiles", ".mbtiles"])
@pytest.mark.parametrize(
    "pyramid",
    [
        Pyramid.within(["hexes"], maxzoom=7),
        Pyramid.within(["grid"], ["switches"], 12, 14),
        Pyramid.within(minzoom=10, maxzoom=12),
    ],
)
def test_a_part_of_the_pyramid(
    tmp_path: Path, source: TileSource, state: Snapshot, ending: str, pyramid: Pyramid
) -> None:
    path = tmp_path / f"part{ending}"
    exported(source, state, path, pyramid=pyramid)
    tiles = read_pmtiles(path) if ending == ".pmtiles" else read_mbtiles(path)
    assert {z for z, _, _ in tiles} == set(range(pyramid.minzoom, pyramid.maxzoom + 1))
    for (z, x, y), data in tiles.items():
        wanted = [
            source.tile(name, z, x, y, state, layers=pyramid.layers if name == "grid" else None).data
            for name in pyramid.tilesets
            if ZOOMS[name][0] <= z <= ZOOMS[name][1]
        ]
        assert data == b"".join(wanted)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"minzoom": -1}, "lowest zoom is -1"),
        ({"maxzoom": 17}, r"deepest zoom is 17; .* must lie in 0 … 16"),
        ({"tilesets": ["hexes"], "maxzoom": 13}, r"with hexes it must lie in 0 … 12"),
        ({"tilesets": ["grid"], "minzoom": 9}, r"with grid it must lie in 10 … 16"),
        ({"minzoom": 12, "maxzoom": 11}, "lowest zoom is 12, above the deepest, 11"),
        ({"tilesets": []}, "no tileset to export"),
    ],
)
def test_what_no_pyramid_has_is_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ExportError, match=message):
        Pyramid.within(**arguments)


def test_unknown_names_are_refused(tmp_path: Path, source: TileSource, state: Snapshot) -> None:
    with pytest.raises(UnknownTileset):
        Pyramid.within(["roads"])
    with pytest.raises(UnknownLayer):
        Pyramid.within(layers=["poles"])
    with pytest.raises(ExportError, match=r"must end in \.pmtiles or \.mbtiles"):
        exported(source, state, tmp_path / "town.zip")


# --- interrupted --------------------------------------------------------------------------------------------------


class Stop(Exception):
    """Instead of an interrupt."""


def stopping(at: int) -> Callable[[str, int, int], None]:
    def told(what: str, done: int, of: int) -> None:
        if what == "making tiles" and done >= at:
            raise Stop

    return told


@pytest.mark.parametrize("ending", [".pmtiles", ".mbtiles"])
def test_an_interrupted_export_goes_on_to_the_same_bytes(
    tmp_path: Path, source: TileSource, state: Snapshot, ending: str
) -> None:
    whole, path = tmp_path / f"whole{ending}", tmp_path / f"town{ending}"
    tiles = exported(source, state, whole).tiles
    part = path.with_name(path.name + ".part")
    for share in (0.3, 0.7):
        with pytest.raises(Stop):
            exported(source, state, path, progress=stopping(int(tiles * share)))
        assert part.exists()
        assert not path.exists()
    made = exported(source, state, path)
    assert tiles * 0.6 < made.resumed < tiles
    assert path.read_bytes() == whole.read_bytes()
    assert sorted(tmp_path.iterdir()) == sorted([path, whole])


def test_the_unfinished_export_of_another_state_is_no_use(
    tmp_path: Path, network: Network, source: TileSource, state: Snapshot
) -> None:
    path, whole = tmp_path / "town.pmtiles", tmp_path / "whole.pmtiles"
    with pytest.raises(Stop):
        exported(source, state, path, progress=stopping(64))
    other = snapshot(network, 2)
    made = exported(source, other, path)
    assert made.resumed == 0
    assert made.discarded is not None and made.discarded["revision"] == state.revision
    exported(source, other, whole)
    assert path.read_bytes() == whole.read_bytes()


@pytest.mark.parametrize("content", [b"my notes", b"x" * 5000, None])
def test_a_file_in_the_way_is_not_touched(
    tmp_path: Path, source: TileSource, state: Snapshot, content: bytes | None
) -> None:
    part = tmp_path / "town.pmtiles.part"
    if content is None:
        database = sqlite3.connect(part)
        database.execute("CREATE TABLE about (key)")
        database.commit()
        database.close()
        content = part.read_bytes()
    part.write_bytes(content)
    with pytest.raises(ExportError, match="in the way"):
        exported(source, state, tmp_path / "town.pmtiles")
    assert part.read_bytes() == content
    assert list(tmp_path.iterdir()) == [part]


def test_two_exports_to_one_file(tmp_path: Path, source: TileSource, state: Snapshot) -> None:
    path = tmp_path / "town.pmtiles"

    def told(what: str, done: int, of: int) -> None:
        if what == "making tiles":
            with pytest.raises(ExportError, match="another export is writing it"):
                exported(source, state, path)
            raise Stop

    with pytest.raises(Stop):
        exported(source, state, path, progress=told)


def test_a_failed_write_leaves_the_old_file_and_no_other(tmp_path: Path, source: TileSource, state: Snapshot) -> None:
    path = tmp_path / "town.mbtiles"
    path.write_bytes(b"old")

    def told(what: str, done: int, of: int) -> None:
        if what == "writing" and done > of / 2:
            raise OSError(28, "No space left on device")

    with pytest.raises(ExportError, match=r"town\.mbtiles: cannot be written: No space left on device"):
        exported(source, state, path, progress=told)
    assert path.read_bytes() == b"old"
    assert sorted(file.name for file in tmp_path.iterdir()) == ["town.mbtiles", "town.mbtiles.part"]
    exported(source, state, path)
    assert path.read_bytes() != b"old"


def test_a_place_where_nothing_can_be_written(tmp_path: Path, source: TileSource, state: Snapshot) -> None:
    with pytest.raises(ExportError, match="cannot be written"):
        exported(source, state, tmp_path / "nowhere" / "town.pmtiles")
    (tmp_path / "town.pmtiles").mkdir()
    with pytest.raises(ExportError, match="is a folder"):
        exported(source, state, tmp_path / "town.pmtiles")


@pytest.fixture
def small_files() -> Iterator[None]:
    """No file may grow beyond 200 kB, as if the disk was full."""
    warm_up()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("ending", [*ARCHIVES, *TABLES])
def test_a_full_disk(tmp_path: Path, small_files: None, ending: str) -> None:
    network = town(branches=6000, size=0.02)
    state, path = snapshot(network), tmp_path / f"town{ending}"

    def write() -> None:
        if ending in ARCHIVES:
            exported(TileSource(network), state, path, pyramid=Pyramid.within(maxzoom=12))
        else:
            export_layers(network, state, path)

    with pytest.raises(ExportError, match=rf"town\{ending}.*: cannot be written: "):
        write()
    assert {file.name for file in tmp_path.iterdir()} <= {f"town{ending}.part", f"town{ending}.part-wal"}


# --- archives of many tiles ---------------------------------------------------------------------------------------

ABOUT = About("many", "", "", "1", 8, 8, (0.0, 0.0, 1.0, 1.0), (0.5, 0.5, 8), [], {})


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    """A whole zoom: 65,536 tiles of some 20,000 contents."""
    kept = Journal(tmp_path / "many.part", {})
    numbers = tile_to_id(8, [x for x in range(256) for _ in range(256)], list(range(256)) * 256).tolist()
    kept.add(0, ((number, gzip.compress(b"%d" % (number * 7919 % 20_011 // 3 * 3), mtime=0), 0) for number in numbers))
    yield kept
    kept.remove()


def test_directories_with_leaves_and_contents_once(tmp_path: Path, journal: Journal) -> None:
    first = zxy_to_tileid(8, 0, 0)
    write_pmtiles(journal, tmp_path / "many.pmtiles", ABOUT, lambda done, of: None)
    reader = Reader(MemorySource((tmp_path / "many.pmtiles").read_bytes()))
    header = reader.header()
    assert header["leaf_directory_length"] > 0
    assert header["root_offset"] + header["root_length"] <= 16_384
    assert (header["addressed_tiles_count"], header["tile_contents_count"]) == (65_536, 6_671)
    write_mbtiles(journal, tmp_path / "many.mbtiles", ABOUT, lambda done, of: None)
    tiles = read_mbtiles(tmp_path / "many.mbtiles")
    assert len(tiles) == 65_536
    for x in range(0, 256, 51):
        for y in range(0, 256, 37):
            number = zxy_to_tileid(8, x, y)
            content = b"%d" % (number * 7919 % 20_011 // 3 * 3)
            assert first <= number
            assert gzip.decompress(reader.get(8, x, y)) == tiles[8, x, y] == content


def test_runs_of_one_content_take_one_entry(tmp_path: Path) -> None:
    kept = Journal(tmp_path / "run.part", {})
    first = zxy_to_tileid(8, 0, 0)
    kept.add(0, [(first + i, gzip.compress(b"a" if i % 10 else b"b", mtime=0), 0) for i in range(100)])
    write_pmtiles(kept, tmp_path / "run.pmtiles", ABOUT, lambda done, of: None)
    kept.remove()
    header = Reader(MemorySource((tmp_path / "run.pmtiles").read_bytes())).header()
    assert (header["tile_entries_count"], header["tile_contents_count"]) == (20, 2)
    assert len(read_pmtiles(tmp_path / "run.pmtiles")) == 100
