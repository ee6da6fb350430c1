"""The search finds what a look at every element finds."""

import numpy as np
import pytest

from tests.tiles.test_geometry import random_lines, strings
from tiles.index import LineIndex, PointIndex, TileBox
from tiles.mercator import WORLD, lnglat_to_tile
from twin.geometry import LineStrings


@pytest.mark.parametrize("z", range(0, 17))
def test_points(z: int) -> None:
    random = np.random.default_rng(z)
    centres = np.stack([random.uniform(-180, 180, 5), random.uniform(-80, 80, 5)], axis=1)
    lnglat = centres[random.integers(0, 5, 4000)] + random.normal(0, 300 / 2**z, (4000, 2))
    lnglat = np.clip(lnglat, [-180, -89], [180, 89])
    index = PointIndex.of(lnglat)
    assert sorted(index.row) == list(range(4000))
    for lng, lat in centres:
        x, y = (int(part) for part in lnglat_to_tile(lng, lat, z))
        tile = TileBox.of(z, x, y)
        left, top, right, bottom = tile.box
        wanted = np.zeros(4000, dtype=bool)
        for world in (-WORLD, 0, WORLD) if z > 1 else (0,):
            moved = index.x.astype(np.int64) + world
            wanted |= (moved >= left) & (moved <= right) & (index.y >= top) & (index.y <= bottom)
        assert sorted(index.entries(tile).tolist()) == np.flatnonzero(wanted).tolist()
        assert index.about(tile) == np.count_nonzero((index.x >> 31 - z == x) & (index.y >> 31 - z == y))


@pytest.mark.parametrize("z", range(0, 17))
def test_lines(z: int) -> None:
    lines = random_lines(z, 1000 / 2**z, 400)
    index = LineIndex.of(strings(lines))
    x, y = (int(part) for part in lnglat_to_tile(*lines[3][0], z))
    tile = TileBox.of(z, x, y)
    left, top, right, bottom = tile.box
    wanted = []
    for entry in range(len(index)):
        vertices = slice(index.offsets[entry], index.offsets[entry + 1])
        xs, ys = index.x[vertices], index.y[vertices]
        if xs.min() <= right and xs.max() >= left and ys.min() <= bottom and ys.max() >= top:
            wanted.append(entry)
    assert index.entries(tile).tolist() == wanted
    assert index.about(tile) == np.count_nonzero((index.middle_x >> 31 - z == x) & (index.middle_y >> 31 - z == y))


def test_nothing_placed() -> None:
    tile = TileBox.of(16, 5, 5)
    assert len(PointIndex.of(np.full((3, 2), np.nan)).entries(tile)) == 0
    nowhere = LineStrings.between(np.full((3, 2), np.nan), np.zeros((3, 2)))
    assert len(LineIndex.of(nowhere).entries(tile)) == LineIndex.of(nowhere).about(tile) == 0


def test_lines_are_searched_in_two_classes_of_length() -> None:
    start = np.zeros((3, 2))
    index = LineIndex.of(LineStrings.between(start, np.array([[0.001, 0], [0.02, 0], [0.004, -0.001]])))
    assert index.row.tolist() == [0, 2, 1]
    assert index.classes[:, :2].tolist() == [[0, 2], [2, 3]]


def test_a_line_over_the_antimeridian_has_an_entry_on_either_side() -> None:
    index = LineIndex.of(LineStrings.between(np.array([[0.0, 1], [179.9, -17]]), np.array([[1.0, 1], [-179.9, -18]])))
    assert sorted(index.row.tolist()) == [0, 1, 1]
    size = 2**31
    for entry in np.flatnonzero(index.row == 1):
        xs = index.x[index.offsets[entry] : index.offsets[entry + 1]]
        assert np.ptp(xs) < size / 3000
        assert min(xs.min(), size - 1 - xs.max()) == 0  # it ends at the edge
    ys = [index.y[index.offsets[entry] : index.offsets[entry + 1]] for entry in np.flatnonzero(index.row == 1)]
    assert {*ys[0].tolist()} & {*ys[1].tolist()}  # both at the same height


def test_extent_is_the_longer_side_of_the_box() -> None:
    index = LineIndex.of(LineStrings.between(np.array([[0.0, 0]]), np.array([[0.001, 0.0001]])))
    assert index.extent(np.array([0])).tolist() == [round(0.001 / 360 * 2**31)]
