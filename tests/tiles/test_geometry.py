"""What a tile shows is what shapely makes of the same lines, at every zoom."""

import numpy as np
import pytest
import shapely
from shapely import LineString, MultiLineString, Polygon, box

from tests.tiles import reader
from tiles import geometry
from tiles.index import LineIndex, PointIndex, TileBox
from tiles.mercator import lnglat_to_tile, lnglat_to_unit
from tiles.mvt import LINE, POINT, POLYGON, Columns, Geometry, encode_layer, one_of_each
from twin.geometry import LineStrings

FRAME = box(-64, -64, 4160, 4160)
CORE = box(-61, -61, 4157, 4157)
ZOOMS = range(0, 17)


def distances(line: shapely.Geometry, other: shapely.Geometry) -> list[float]:
    """From places along a line, at most 20 units apart, to another."""
    places = shapely.get_coordinates(shapely.segmentize(line, 20))
    return list(shapely.distance(shapely.points(places), other))


def decoded(kind: int, made: Geometry) -> list[reader.Feature]:
    """Geometry as the strict reader sees it, in order."""
    count = len(made)
    if count == 0:
        return []
    nothing = np.zeros(count, dtype=np.int64)
    none = Columns((), (), np.empty((count, 0), dtype=np.int64))
    data = encode_layer("test", kind, nothing + np.arange(count) + 1, made, one_of_each({}), nothing, nothing, none)
    return reader.read(data)["test"].features


def units(lnglat: np.ndarray, tile: tuple[int, int, int]) -> np.ndarray:
    """Degrees in units of a tile, without rounding."""
    z, x, y = tile
    unit = np.stack(lnglat_to_unit(lnglat[:, 0], lnglat[:, 1]), axis=1)
    return np.asarray((unit * 2.0**z - [x, y]) * 4096)


def random_lines(seed: int, spread: float, count: int = 60) -> list[np.ndarray]:
    random = np.random.default_rng(seed)
    centre = np.array([random.uniform(-170, 170), random.uniform(-70, 70)])
    lines = []
    for _ in range(count):
        start = centre + random.normal(0, spread, 2)
        steps = random.normal(0, spread * random.choice([1e-6, 0.01, 0.3]), (int(random.integers(1, 20)), 2))
        lines.append(np.clip(np.concatenate([[start], start + np.cumsum(steps, axis=0)]), -179, 179) * [1, 0.45])
    return [line for line in lines if np.abs(np.diff(line[:, 0])).max() < 180]  # none over the antimeridian


def strings(lines: list[np.ndarray]) -> LineStrings:
    offsets = np.concatenate([[0], np.cumsum([len(line) for line in lines])]).astype(np.int64)
    return LineStrings(offsets, np.concatenate(lines))


@pytest.mark.parametrize("z", ZOOMS)
def test_lines_are_cut_as_shapely_cuts_them(z: int) -> None:
    lines = random_lines(z, 300 / 2**z)
    index = LineIndex.of(strings(lines))
    x, y = (int(part) for part in lnglat_to_tile(*lines[0][0], z))
    for dx, dy in ((0, 0), (1, 0), (0, 1), (-1, -1)):
        tile = z, x + dx, y + dy
        if not (0 <= x + dx < 2**z and 0 <= y + dy < 2**z):
            continue
        entries, made = geometry.cut_lines(index, TileBox.of(*tile))
        shown = dict(zip(index.row[entries].tolist(), decoded(LINE, made), strict=True))
        for row, line in enumerate(lines):
            whole = LineString(units(line, tile))
            expected = whole.intersection(FRAME)
            if row not in shown:
                assert expected.length < 4  # grazes a corner of the buffer, or nothing
                continue
            ours = MultiLineString(shown[row].parts)
            assert FRAME.covers(ours)
            # One unit of simplification and the rounding of both coordinates.
            assert max(distances(ours, whole), default=0) < 2.3
            assert max(distances(whole.intersection(CORE), ours), default=0) < 2.3


@pytest.mark.parametrize("seed", range(8))
def test_at_the_deepest_zoom_nothing_is_simplified(seed: int) -> None:
    lines = random_lines(seed, 0.004)
    index = LineIndex.of(strings(lines))
    x, y = (int(part) for part in lnglat_to_tile(*lines[0][0], 16))
    tile = 16, x, y
    entries, made = geometry.cut_lines(index, TileBox.of(*tile))
    for row, feature in zip(index.row[entries].tolist(), decoded(LINE, made), strict=True):
        whole = LineString(units(lines[row], tile))
        vertices = shapely.points(shapely.get_coordinates(whole.intersection(FRAME)))
        assert max(shapely.distance(vertices, MultiLineString(feature.parts))) < 1.5


def line_in_units(*vertices: tuple[float, float]) -> LineIndex:
    """A line given in units of tile 16/32768/32768."""
    place = (np.array(vertices) / 4096 + 32768) / 2**16
    lng = (place[:, 0] - 0.5) * 360
    lat = np.degrees(np.arctan(np.sinh(np.pi * (1 - 2 * place[:, 1]))))
    return LineIndex.of(strings([np.stack([lng, lat], axis=1)]))


TILE = TileBox.of(16, 32768, 32768)


def cut(*vertices: tuple[float, float]) -> list[list[tuple[int, int]]]:
    _, made = geometry.cut_lines(line_in_units(*vertices), TILE)
    return decoded(LINE, made)[0].parts if len(made) else []


def test_a_line_that_comes_back_has_several_parts() -> None:
    assert cut((10, 10), (5000, 10), (5000, 50), (10, 50)) == [[(10, 10), (4160, 10)], [(4160, 50), (10, 50)]]


def test_a_line_through_the_tile_without_a_vertex_in_it() -> None:
    assert cut((-500, 100), (5000, 100)) == [[(-64, 100), (4160, 100)]]


def test_a_line_without_length_stays_as_one_unit() -> None:
    assert cut((7, 9), (7, 9)) == [[(7, 9), (8, 9)]]
    assert cut((4160, 9), (4160, 9)) == [[(4160, 9), (4159, 9)]]
    assert cut((7, 9)) == [[(7, 9), (8, 9)]]
    assert cut((4161, 9), (4161, 9)) == []


def test_a_line_beside_the_tile_is_not_in_it() -> None:
    assert cut((4161, 0), (5000, 4000)) == []
    assert cut((4100, -200), (4400, 100)) == []  # passes the corner


def test_each_zoom_shows_a_subset_of_the_next() -> None:
    random = np.random.default_rng(4)
    line = np.cumsum(random.normal(0, 0.001, (500, 2)), axis=0)
    index = LineIndex.of(strings([line]))
    assert index.first_zoom[[0, -1]].tolist() == [0, 0]
    counts = [np.count_nonzero(index.first_zoom <= z) for z in ZOOMS]
    assert counts == sorted(counts)
    assert counts[0] < 5
    assert counts[-1] == 500


@pytest.mark.parametrize("z", ZOOMS)
def test_points_are_where_they_are(z: int) -> None:
    random = np.random.default_rng(z)
    lnglat = np.array([12.0, 50.0]) + random.normal(0, 400 / 2**z, (500, 2))
    lnglat[:, 1] = np.clip(lnglat[:, 1], -85, 85)
    lnglat[:, 0] = np.clip(lnglat[:, 0], -180, 180)
    lnglat[5] = np.nan
    index = PointIndex.of(lnglat)
    x, y = (int(part) for part in lnglat_to_tile(12.0, 50.0, z))
    entries, made = geometry.cut_points(index, TileBox.of(z, x, y))
    exact = units(lnglat, (z, x, y))
    inside = (np.abs(exact - 2048) <= 2048 + 64).all(axis=1)
    near = (np.abs(np.abs(exact - 2048) - 2112) < 0.2).any(axis=1)
    shown = np.zeros(500, dtype=bool)
    shown[index.row[entries]] = True
    assert (shown == inside)[~near].all()
    for row, feature in zip(index.row[entries].tolist(), decoded(POINT, made), strict=True):
        assert np.abs(np.array(feature.parts[0][0]) - exact[row]).max() < 0.7


@pytest.mark.parametrize("seed", range(20))
def test_rings_are_cut_as_shapely_cuts_them(seed: int) -> None:
    random = np.random.default_rng(seed)
    rings = []
    for _ in range(30):
        angles = np.sort(random.uniform(0, 2 * np.pi, 7))[:: random.choice([1, -1])]
        centre, radius = random.uniform(-800, 4900, 2), random.uniform(5, 900)
        rings.append(centre + radius * np.stack([np.cos(angles), np.sin(angles)], axis=1))
    offsets = np.concatenate([[0], np.cumsum([len(ring) for ring in rings])]).astype(np.int64)
    vertices = np.concatenate(rings)
    shown, made = geometry.cut_rings(
        np.arange(30, dtype=np.int64), offsets, vertices[:, 0].copy(), vertices[:, 1].copy()
    )
    features = dict(zip(shown.tolist(), decoded(POLYGON, made), strict=True))
    for number, ring in enumerate(rings):
        expected = Polygon(ring).intersection(FRAME)
        if number not in features:
            assert expected.area <= expected.length
            continue
        ours = shapely.make_valid(Polygon(features[number].parts[0]))
        assert ours.symmetric_difference(expected).area <= 0.75 * expected.length + 1
