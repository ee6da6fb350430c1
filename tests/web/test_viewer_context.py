"""Coasts and borders of the viewer: cut out of atlases when its engine is installed."""

from __future__ import annotations

import gzip
import importlib.util
import json
from types import ModuleType
from typing import Any

import pytest

from web.viewer_endpoints import FOLDER

MOST_BYTES = 300_000


@pytest.fixture(scope="module")
def vendor() -> ModuleType:
    """The program; its folder is no package."""
    spec = importlib.util.spec_from_file_location("viewer_vendor", FOLDER / "vendor.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def atlas(name: str) -> dict[str, Any]:
    """Two squares of one degree, side by side: East begins at 10 degrees, West ends there."""
    square = {"type": "Polygon", "properties": {"name": "East"}, "arcs": [[0, 1]]}
    other = {"type": "MultiPolygon", "properties": {"name": "West"}, "arcs": [[[2, -1]]]}
    island = {"type": "Polygon", "properties": {"name": "South"}, "arcs": [[3]]}
    arcs = [
        [[100, 0], [0, 10]],  # between the two, from south to north
        [[100, 10], [10, 0], [0, -10], [-10, 0]],
        [[100, 0], [-10, 0], [0, 10], [10, 0]],
        [[0, -700], [10, 0], [0, 10], [-10, -10]],
    ]
    shapes = {"type": "GeometryCollection", "geometries": [square, other, island]}
    transform = {"scale": [0.1, 0.1], "translate": [0, 50]}
    return {"type": "Topology", "objects": {name: shapes}, "arcs": arcs, "transform": transform}


def points(topology: dict[str, Any], name: str) -> list[list[tuple[float, float]]]:
    """Lines of an object, in degrees."""
    lines = []
    width, height = topology["transform"]["scale"]
    for (number,) in topology["objects"][name]["arcs"]:
        x = y = 0
        line = []
        for dx, dy in topology["arcs"][number]:
            x, y = x + dx, y + dy
            line.append((round(x * width, 9), round(y * height, 9)))
        lines.append(line)
    return lines


def test_an_arc_of_one_country_is_a_coast_and_of_two_a_border(vendor: ModuleType) -> None:
    made = vendor.context(atlas("countries"), atlas("states"))
    assert points(made, "border") == points(made, "state") == [[(10, 50), (10, 51)]]
    coasts = points(made, "coast")
    assert sorted(map(len, coasts)) == [4, 4, 4], "the island is a coast too"
    assert [(10, 51), (11, 51), (11, 50), (10, 50)] in coasts


def test_a_name_stands_in_the_middle_of_its_country(vendor: ModuleType) -> None:
    made = vendor.context(atlas("countries"), atlas("states"))
    width, height = made["transform"]["scale"]
    names = {
        each["properties"]["name"]: (each["coordinates"][0] * width, each["coordinates"][1] * height)
        for each in made["objects"]["country_names"]["geometries"]
    }
    assert names["East"] == pytest.approx((10.5, 50.5), abs=0.01)
    assert names["West"] == pytest.approx((9.5, 50.5), abs=0.01)


def test_lines_where_nobody_lives_are_left_out(vendor: ModuleType) -> None:
    world = atlas("countries")
    world["transform"] = {"scale": [0.1, 0.1], "translate": [0, 2]}  # the island lies at 68 degrees south now
    assert len(points(vendor.context(world, atlas("states")), "coast")) == 2


def test_the_file_is_small_and_holds_the_world() -> None:
    data = (FOLDER / "vendor" / "context.topojson").read_bytes()
    assert len(gzip.compress(data, 1)) < MOST_BYTES
    made = json.loads(data)
    assert {name: len(shape.get("arcs", shape.get("geometries"))) > 40 for name, shape in made["objects"].items()} == {
        "coast": True,
        "border": True,
        "state": True,
        "country_names": True,
        "state_names": True,
    }
    lngs, lats = zip(*(point for line in points(made, "coast") for point in line), strict=True)
    assert (min(lngs), max(lngs)) == pytest.approx((-180, 180), abs=0.1) and min(lats) > -61 and max(lats) > 80
