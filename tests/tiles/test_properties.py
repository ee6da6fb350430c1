"""Random geometry in the hardest places: what is encoded decodes to what shapely clips, and breaks no rule of MVT."""

from __future__ import annotations

import gzip
from itertools import pairwise

import h3.api.basic_str as h3
import mapbox_vector_tile
import numpy as np
import pytest
import shapely
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from shapely import LineString, MultiLineString, Point, Polygon, box
from shapely.geometry import shape

from tests.tiles.grids import snapshot, town
from tests.tiles.validator import problems
from tiles import geometry, source
from tiles.cache import compress
from tiles.export_plan import plan_tiles
from tiles.frames import frame
from tiles.index import LineIndex, PointIndex, TileBox
from tiles.layers import LAYER_NAMES
from tiles.mercator import MAX_LATITUDE, lnglat_to_tile, lnglat_to_unit
from tiles.mvt import LINE, POINT, POLYGON, Columns, Geometry, encode_layer, one_of_each
from tiles.source import TILESETS, ZOOMS, TileSource
from topology.trace import Options, Start, connected
from twin import phases
from twin.geometry import LineStrings
from twin.network import Network

FRAME = box(-64, -64, 4160, 4160)
CORE = box(-60, -60, 4156, 4156)
NEAR = 2.5
"""Units by which simplification (below 1), rounding (up to 0.71) and the least length (1) may move a line."""

Place = tuple[float, float]

QUICK = settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
AT_EVERY_ZOOM = pytest.mark.parametrize("z", range(2, 17))
"""Below, a tile shows nothing from beyond the antimeridian in its buffer; test_geometry.py has those zooms."""
lngs = st.one_of(
    st.sampled_from([-180.0, 180.0, -179.999999, 179.999999, 0.0, -90.0, 11.25, 179.9, -179.9]),
    st.floats(-180, 180),
    st.floats(179.99, 180),
    st.floats(-180, -179.99),
)
lats = st.one_of(
    st.sampled_from([MAX_LATITUDE, -MAX_LATITUDE, 85.05, -85.05, 0.0, 90.0, -90.0, 66.51326044311186]),
    st.floats(-86, 86),
    st.floats(85.04, 85.06),
)
places = st.tuples(lngs, lats)
steps = st.tuples(st.floats(-1, 1), st.floats(-1, 1))


lines = st.tuples(places, st.sampled_from([0.0, 1e-5, 1e-3, 0.1, 1.0, 5.0]), st.lists(steps, min_size=1, max_size=6))
"""Where a line begins, how long its steps are in tiles, from much less to much more, and the steps."""


def walked(z: int, begin: Place, size: float, way: list[Place]) -> list[Place]:
    """The line, in degrees."""
    (lng, lat), size = begin, 360 / 2**z * size
    line = [(lng, lat)]
    for right, up in way:
        lng, lat = lng + right * min(size, 170), lat + up * min(size, 40)
        lng = (lng + 180) % 360 - 180
        line.append((lng, float(np.clip(lat, -90, 90))))
    return line


def decoded(kind: int, made: Geometry) -> list[shapely.Geometry]:
    """Geometry as mapbox-vector-tile reads it, in tile units, y downwards."""
    count = len(made)
    if count == 0:
        return []
    nothing = np.zeros(count, dtype=np.int64)
    none = Columns((), (), np.empty((count, 0), dtype=np.int64))
    data = encode_layer("test", kind, np.arange(count) + 1, made, one_of_each({}), nothing, nothing, none)
    assert problems(data) == []
    layer = mapbox_vector_tile.decode(data, default_options={"y_coord_down": True})["test"]
    return [shape(feature["geometry"]) for feature in layer["features"]]


def in_units(lnglat: list[Place], tile: tuple[int, int, int]) -> np.ndarray:
    """Places in units of a tile, a line's next vertex the short way from the one before."""
    z, x, y = tile
    unit_x, unit_y = lnglat_to_unit([lng for lng, _ in lnglat], [lat for _, lat in lnglat])
    for before, after in pairwise(range(len(lnglat))):
        unit_x[after:] -= np.round(unit_x[after] - unit_x[before])
    return np.stack([unit_x * 2.0**z - x, np.clip(unit_y, 0, 1) * 2.0**z - y], axis=1) * 4096


def tiles_around(z: int, lnglat: list[Place]) -> list[tuple[int, int, int]]:
    """Those of the vertices, and their neighbours to either side, around the earth."""
    found = set()
    for lng, lat in lnglat:
        x, y = (int(part) for part in lnglat_to_tile(lng, lat, z))
        found |= {(z, (x + step) % (1 << z), y) for step in (-1, 0, 1)}
    return sorted(found)[:8]


# --- points, lines and polygons -----------------------------------------------------------------------------------


@AT_EVERY_ZOOM
@QUICK
@given(lnglat=st.lists(places, min_size=1, max_size=8))
@example([(180.0, 10.0), (-180.0, 10.0)])
@example([(0.0, 90.0), (0.0, -90.0)])
@example([(179.9999, MAX_LATITUDE)])
def test_points(z: int, lnglat: list[Place]) -> None:
    index = PointIndex.of(np.array(lnglat))
    for tile in tiles_around(z, lnglat):
        entries, made = geometry.cut_points(index, TileBox.of(*tile))
        shown = dict(zip(index.row[entries].tolist(), decoded(POINT, made), strict=True))
        assert len(shown) == len(entries)
        for row, at in enumerate(lnglat):
            (exact,) = in_units([at], tile)
            copies = [Point(exact + np.array([world * 4096 * 2**z, 0])) for world in (-1, 0, 1)]
            if row in shown:
                assert min(shown[row].distance(copy) for copy in copies) < 1
                assert shown[row].distance(FRAME) <= 0
            else:
                assert not any(copy.within(CORE) for copy in copies)


@AT_EVERY_ZOOM
@QUICK
@given(drawn=lines)
def test_lines(z: int, drawn: tuple[Place, float, list[Place]]) -> None:
    check_line(z, walked(z, *drawn))


@AT_EVERY_ZOOM
@pytest.mark.parametrize(
    "line",
    [
        [(179.99, 10.0), (-179.99, 10.01)],
        [(180.0, 10.0), (180.0, 10.0)],
        [(-180.0, 85.06), (-180.0, 85.06)],
        [(9.0, 48.0), (9.0, 48.0), (9.0, 48.0)],
        [(179.9999999, 0.0), (-179.9999999, 0.0), (179.9999999, 0.00001)],
        [(0.0, 85.0), (0.0, 89.9), (170.0, 89.9)],
        [(11.25, 0.0), (11.25, 0.0)],
        [(-11.25, 0.0), (11.25, 0.0), (11.25, 40.0)],
    ],
)
def test_lines_in_hard_places(z: int, line: list[Place]) -> None:
    check_line(z, line)


def check_line(z: int, line: list[Place]) -> None:
    """In its tiles it is what shapely cuts out."""
    index = LineIndex.of(LineStrings(np.array([0, len(line)]), np.array(line)))
    for tile in tiles_around(z, line):
        entries, made = geometry.cut_lines(index, TileBox.of(*tile))
        shown = decoded(LINE, made)
        assert len(shown) <= 1, "a row is one feature"
        assert len(entries) == len(shown)
        exact = in_units(line, tile)
        worlds = (-2, -1, 0, 1, 2)  # a line may go around the earth
        whole = MultiLineString([exact + np.array([world * 4096 * 2**z, 0]) for world in worlds])
        for ours in shown:
            assert FRAME.covers(ours)
            assert beyond(ours, whole) <= NEAR
        expected = shapely.intersection(shapely.make_valid(whole), CORE)
        if not expected.is_empty:
            assert shown, "a line that the tile shows is there, however short"
            assert beyond(expected, shown[0]) <= NEAR


def beyond(line: shapely.Geometry, other: shapely.Geometry) -> float:
    """How far a line gets from another."""
    places = shapely.get_coordinates(shapely.segmentize(line, 50))
    return float(shapely.distance(shapely.points(places), other).max())


@st.composite
def polygons(draw: st.DrawFn) -> Polygon:
    """A star in tile units, perhaps a huge one, perhaps with a hole, turning either way."""
    size = draw(st.sampled_from([0.3, 3.0, 100.0, 3000.0, 1e5, 1e7]))
    centre = np.array(draw(st.tuples(st.floats(-500, 4600), st.floats(-500, 4600))))
    count = draw(st.integers(3, 12))
    radii = np.array(draw(st.lists(st.floats(0.3, 1), min_size=count, max_size=count))) * size
    angles = np.arange(count) * 2 * np.pi / count * draw(st.sampled_from([1, -1]))
    ring = radii[:, None] * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    hole = [centre + ring[:: draw(st.sampled_from([1, -1]))] * 0.4] if draw(st.booleans()) else []
    return Polygon(centre + ring, hole)


@settings(QUICK, max_examples=100)
@given(st.lists(polygons(), min_size=1, max_size=4))
@example([box(-1e7, -1e7, 1e7, 1e7)])
@example([Polygon(box(-1e7, -1e7, 1e7, 1e7).exterior, [box(-5e6, -5e6, 5e6, 5e6).exterior])])
@example([Polygon(box(-9000, 10, -8000, 20).exterior, [box(-8900, 12, -8800, 18).exterior]), box(0, 0, 9, 9)])
def test_polygons(wanted: list[Polygon]) -> None:
    rings, polygon, hole = [], [], []
    for number, each in enumerate(wanted):
        for inner, ring in enumerate([each.exterior, *each.interiors]):
            rings.append(shapely.get_coordinates(ring)[:-1])
            polygon.append(number)
            hole.append(min(inner, 1))
    offsets = np.concatenate([[0], np.cumsum([len(ring) for ring in rings])]).astype(np.int64)
    vertices = np.concatenate(rings)
    shown, made = geometry.cut_rings(
        np.array(polygon, dtype=np.int64),
        offsets,
        vertices[:, 0].copy(),
        vertices[:, 1].copy(),
        np.array(hole, dtype=np.uint8),
    )
    features = dict(zip(shown.tolist(), decoded(POLYGON, made), strict=True))
    for number, each in enumerate(wanted):
        expected = shapely.make_valid(each).intersection(FRAME)
        tolerance = 0.75 * expected.length + 1
        if number not in features:
            assert expected.area <= tolerance
            continue
        assert FRAME.covers(features[number].envelope)
        ours = filled(features[number])
        assert ours.symmetric_difference(expected).area <= tolerance


def filled(polygon: shapely.Geometry) -> shapely.Geometry:
    """What rings enclose; a hole that was cut shares an edge with its outer ring, which shapely calls invalid."""
    whole = shapely.union_all([shapely.make_valid(Polygon(part.exterior)) for part in shapely.get_parts(polygon)])
    holes = [shapely.make_valid(Polygon(ring)) for part in shapely.get_parts(polygon) for ring in part.interiors]
    return shapely.difference(whole, shapely.union_all(holes))


# --- every kind of tile that we make ------------------------------------------------------------------------------


def moved(network: Network, degrees: float) -> Network:
    """The same network further east, around the earth."""
    nodes = network.nodes
    lng = (nodes["lng"] + degrees + 180) % 360 - 180
    tables = {name: table for name, table in network.tables.items() if name != "feeders"}
    return Network.from_tables("moved", {**tables, "nodes": nodes.take(np.arange(len(nodes)), lng=lng)})


@pytest.mark.parametrize(("lng", "lat"), [(9.0, 48.0), (180.0, 0.0), (180.0, 85.05), (-180.0, -85.04)])
def test_every_tile_keeps_the_rules(lng: float, lat: float) -> None:
    network = moved(town(4, centre=(0.0, lat), size=0.02), lng)
    tiles, state = TileSource(network), snapshot(network, 1)
    seen = dict.fromkeys(TILESETS, 0)
    for tileset, (low, high) in ZOOMS.items():
        for z in range(low, high + 1):
            x, y = (int(part) for part in lnglat_to_tile(*network.node_lnglat[0], z))
            for column in (x - 1, x, x + 1):
                data = tiles.tile(tileset, z, column % (1 << z), y, state).data
                assert problems(data) == []
                seen[tileset] += bool(data)
    assert min(seen["grid"], seen["hexes"]) > 10


def ring_of(cell: str) -> tuple[np.ndarray, bool]:
    """A cell's outline in the unit square, unwrapped, as H3 itself has it; and whether a pole is inside."""
    corners = np.array(h3.cell_to_boundary(cell))
    lng = np.unwrap(np.append(corners[:, 1], corners[0, 1]), period=360)
    x, y = lnglat_to_unit(lng, np.append(corners[:, 0], corners[0, 0]))
    around = abs(lng[-1] - lng[0]) > 180
    if not around:
        return np.stack([x, y], axis=1)[:-1], False
    beyond = -1.0 if corners[:, 0].mean() > 0 else 2.0
    return np.stack([np.append(x, [x[-1], x[0]]), np.append(y, [beyond, beyond])], axis=1), True


@pytest.mark.parametrize(
    ("lng", "lat", "size", "least"),
    [(9.0, 48.0, 0.05, 40), (180.0, -17.0, 0.4, 40), (15.0, 84.9, 0.2, 40), (20.0, 88.0, 0.4, 3)],
)
def test_cells_are_the_clip_of_their_outlines(lng: float, lat: float, size: float, least: int) -> None:
    """At every zoom; over the antimeridian, at the edge of the world and with a pole inside as well."""
    network = moved(town(4, 60, centre=(0.0, lat), size=size), lng)
    tiles, state = TileSource(network), snapshot(network, 1)
    seen, poles = 0, False
    low, high = ZOOMS["hexes"]
    for z in range(low, high + 1):
        plan = plan_tiles(tiles, ["hexes"], z, z)
        rings = {each: ring_of(each) for each in (f"{cell:x}" for cell in tiles.hexes.level(z).cells.tolist())}
        for x, y in list(zip(plan.x.tolist(), plan.y.tolist(), strict=True))[:12]:
            data = tiles.tile("hexes", z, x, y, state).data
            assert problems(data) == []
            decoded = mapbox_vector_tile.decode(data, default_options={"y_coord_down": True}) if data else {}
            features = decoded.get("hexes", {"features": []})["features"]
            shown = {feature["properties"]["h3"]: filled(shape(feature["geometry"])) for feature in features}
            for cell, (ring, around) in rings.items():
                units = (ring * 2.0**z - [x, y]) * 4096
                worlds = [Polygon(units + np.array([world * 4096 * 2**z, 0])) for world in (-2, -1, 0, 1, 2)]
                expected = shapely.union_all([shapely.make_valid(world).intersection(FRAME) for world in worlds])
                if cell not in shown:
                    assert expected.area <= 0.75 * expected.length + 1, (z, x, y, cell)
                    continue
                poles |= around
                apart = shapely.symmetric_difference(shown[cell], expected).area
                assert apart <= 0.75 * expected.length + 1, (z, x, y, cell)
                seen += 1
    assert seen > least
    assert poles == (lat > 80)


@pytest.mark.parametrize("z", range(ZOOMS["grid"][0], ZOOMS["grid"][1] + 1))
@pytest.mark.parametrize(("lng", "lat"), [(9.0, 48.0), (180.0, 10.0), (-180.0, 85.04)])
def test_layers_are_the_clip_of_the_network(z: int, lng: float, lat: float) -> None:
    """Lines and meters of whole tiles, all that have a place, beside what shapely cuts from the network's tables."""
    network = moved(town(4, centre=(0.0, lat), size=30 / 2**z), lng)
    tiles, state = TileSource(network), snapshot(network, 1)
    lines_at = network.line_geometry
    where = network.node_lnglat[network.consumers["node"][network.meters.consumer]]
    column, line = lnglat_to_tile(lng - 1e-9 if lng == 180 else lng, lat, z)
    x, y = int(column), int(line)
    seen = 0
    for tile in ((z, x, y), (z, (x + 1) % (1 << z), y), (z, x, min(y + 1, (1 << z) - 1))):
        data = tiles.tile("grid", *tile, state).data
        layers = mapbox_vector_tile.decode(data, default_options={"y_coord_down": True}) if data else {}
        shown = {
            name: {feature["id"] - 1: shape(feature["geometry"]) for feature in layer["features"]}
            for name, layer in layers.items()
        }
        worlds = [np.array([world * 4096 * 2.0**z, 0]) for world in (-1, 0, 1)]
        for row in range(len(network.lines)):
            coordinates = lines_at.coordinates[lines_at.offsets[row] : lines_at.offsets[row + 1]]
            if len(coordinates) < 2:
                continue
            exact = in_units([(a, b) for a, b in coordinates], tile)
            whole = MultiLineString([exact + world for world in worlds])
            expected, ours = shapely.make_valid(whole).intersection(CORE), shown.get("lines", {}).get(row)
            assert expected.is_empty or ours is not None, row
            if ours is not None:
                seen += 1
                assert FRAME.covers(ours)
                assert beyond(ours, whole) <= NEAR
                assert expected.is_empty or beyond(expected, ours) <= NEAR
        for row, at in enumerate(where):
            if np.isnan(at).any():
                continue
            (exact,) = in_units([(float(at[0]), float(at[1]))], tile)
            copies, ours = [Point(exact + world) for world in worlds], shown.get("meters", {}).get(row)
            assert ours is not None or not any(copy.within(CORE) for copy in copies), row
            assert ours is None or min(ours.distance(copy) for copy in copies) < 1
            seen += ours is not None
    assert seen > 10


@pytest.mark.parametrize("z", [10, 12, 14, 16])
def test_over_the_antimeridian_nothing_is_missing(z: int) -> None:
    network = moved(town(4, centre=(0.0, 10.0), size=60 / 2**z), 180.0)
    tiles, state, side = TileSource(network), snapshot(network), 1 << z
    plan = plan_tiles(tiles, ["grid"], z, z)
    planned = set(zip(plan.x.tolist(), plan.y.tolist(), strict=True))
    _, middle = (int(part) for part in lnglat_to_tile(180.0, 10.0, z))
    crossed = 0
    for x in (side - 2, side - 1, 0, 1):
        for y in range(middle - 2, middle + 3):
            data = tiles.tile("grid", z, x, y, state).data
            assert ((x, y) in planned) == bool(data)
            seen = mapbox_vector_tile.decode(data) if data else {}
            for layer in ("switches", "lines"):
                whole = frame(network, state, layer)
                shown = {feature["id"] for feature in seen.get(layer, {"features": []})["features"]}
                for row, each in enumerate(whole.geometry):
                    if each is None:
                        continue
                    line = in_units([(lng, lat) for lng, lat in each.coords], (z, x, y))
                    ends = [line + np.array([world * 4096 * side, 0]) for world in (-1, 0, 1)]
                    copies = [LineString(end) if len(end) > 1 else Point(end[0]) for end in ends]
                    inside = [copy.intersects(CORE) for copy in copies]
                    assert row + 1 in shown or not any(inside)
                    assert row + 1 not in shown or any(copy.distance(FRAME) < 1 for copy in copies)
                    crossed += inside[0] or inside[2]
    assert crossed > 10


def test_tiles_with_traces_phases_and_layers_keep_the_rules() -> None:
    network = town(size=0.002)
    tiles, state = TileSource(network), snapshot(network, 1)
    start = Start(np.array([0]))
    trace = connected(network.graph, state.conducting, network.node_sources, start, Options())
    for z in range(10, 17):
        x, y = (int(part) for part in lnglat_to_tile(9.0, 48.0, z))
        for layers in (None, *([name] for name in LAYER_NAMES)):
            for more in ({"trace": trace}, {"phases": phases.A}, {"trace": trace, "phases": phases.B}):
                data = tiles.tile("grid", z, x, y, state, layers=layers, **more).data  # type: ignore[arg-type]
                assert problems(data) == []


@pytest.mark.parametrize("limit", [300, 2_000, 5_000])
def test_tiles_that_leave_something_out_keep_the_rules(monkeypatch: pytest.MonkeyPatch, limit: int) -> None:
    monkeypatch.setattr(source, "COMPRESSED_LIMIT", limit)
    network = town(size=0.002)
    x, y = (int(part) for part in lnglat_to_tile(9.0, 48.0, 12))
    tile = TileSource(network).tile("grid", 12, x, y, snapshot(network, 1))
    assert problems(tile.data) == []
    assert len(compress(tile.data)) <= limit
    (partial,) = (layer for name, layer in mapbox_vector_tile.decode(tile.data).items() if name == "partial")
    assert sum(feature["properties"]["left_out"] for feature in partial["features"]) == tile.left_out > 0


# --- the validator itself -----------------------------------------------------------------------------------------


def message(number: int, body: bytes) -> bytes:
    return bytes([number << 3 | 2, len(body)]) + body


def tile_of(shape_bytes: bytes, kind: int = 1, tags: bytes = b"\0\0", **more: bytes) -> bytes:
    feature = b"\x08\x01" + message(2, tags) + bytes([0x18, kind]) + message(4, shape_bytes)
    parts = {
        "name": message(1, b"a"),
        "version": b"\x78\x02",
        "extent": b"\x28\x80\x20",
        "feature": message(2, feature),
        "key": message(3, b"k"),
        "value": message(4, b"\x38\x01"),
    }
    return message(3, b"".join({**parts, **more}.values()))


SQUARE = bytes([9, 0, 0, 26, 8, 0, 0, 8, 7, 0, 15])


def test_a_good_tile_has_no_problems() -> None:
    assert problems(b"") == []
    assert problems(tile_of(b"\x09\x02\x02")) == []
    assert problems(tile_of(bytes([9, 0, 0, 10, 8, 0]), 2)) == []
    assert problems(tile_of(SQUARE, 3)) == []
    assert problems(tile_of(SQUARE + bytes([9, 40, 40, 26, 8, 0, 0, 8, 7, 0, 15]), 3)) == [], "two outer rings"
    assert problems(tile_of(SQUARE + bytes([9, 2, 3, 26, 0, 4, 4, 0, 0, 3, 15]), 3)) == [], "a hole"


@pytest.mark.parametrize(
    ("tile", "rule"),
    [
        (tile_of(b"\x09\x02\x02") * 2, "two layers have one name"),
        (tile_of(b"\x09\x02\x02", version=b"\x78\x01"), "version is"),
        (tile_of(b"\x09\x02\x02", version=b""), "version is"),
        (tile_of(b"\x09\x02\x02", name=b""), "one name"),
        (tile_of(b"\x09\x02\x02", extent=b""), "one extent"),
        (tile_of(b"\x09\x02\x02", feature=b""), "should have a feature"),
        (tile_of(b"\x09\x02\x02", value=message(4, b"")), "exactly one field, not 0"),
        (tile_of(b"\x09\x02\x02", value=message(4, b"\x38\x01\x28\x01")), "exactly one field, not 2"),
        (tile_of(b"\x09\x02\x02", value=message(4, b"\x0a\x01\xff")), "no UTF-8"),
        (tile_of(b"\x09\x02\x02", key=message(3, b"k") * 2), "a key is there twice"),
        (tile_of(b"\x09\x02\x02", tags=b"\0"), "tags come in pairs"),
        (tile_of(b"\x09\x02\x02", tags=b"\1\0"), "a key that the layer does not have"),
        (tile_of(b"\x09\x02\x02", tags=b"\0\1"), "a value that is not there"),
        (tile_of(b"\x09\x02\x02", tags=b"\0\0\0\0"), "a key is there twice in a feature"),
        (tile_of(b"\x09\x02\x02", 0), "geometry type is 0"),
        (tile_of(b"\x09\x02"), "parameters are missing"),
        (tile_of(b"\x01"), "repeated 0 times"),
        (tile_of(b"\x0b\x02\x02"), "command 3"),
        (tile_of(b"\x0a\x02\x02"), "a point is one MoveTo"),
        (tile_of(b"\x09\x02\x02", 2), "a line is MoveTo, LineTo"),
        (tile_of(bytes([17, 0, 0, 2, 2, 10, 8, 0]), 2), "MoveTo of a line has count 1"),
        (tile_of(bytes([9, 0, 0, 10, 0, 0]), 2), "LineTo goes nowhere"),
        (tile_of(SQUARE[:-1], 3), "a polygon is MoveTo, LineTo, ClosePath"),
        (tile_of(SQUARE[:-1] + b"\x17", 3), "ClosePath has count 2"),
        (tile_of(bytes([9, 0, 0, 10, 8, 0, 15]), 3), "count above 1"),
        (tile_of(bytes([9, 0, 0, 26, 8, 0, 0, 8, 7, 7, 15]), 3), "repeats its first place"),
        (tile_of(bytes([9, 0, 0, 18, 8, 0, 8, 0, 15]), 3), "no area"),
        (tile_of(bytes([9, 0, 0, 18, 0, 8, 8, 0, 15]), 3), "positive area"),
        (tile_of(SQUARE + bytes([9, 40, 40, 26, 0, 7, 7, 0, 0, 8, 15]), 3), "not inside its outer one"),
        (tile_of(b"\x09\x02\x02")[:-3], "ends behind its message"),
        (b"\x08\x01", "a tile has layers"),
    ],
)
def test_the_validator_finds_what_is_wrong(tile: bytes, rule: str) -> None:
    assert any(rule in problem for problem in problems(tile)), problems(tile)


def test_two_features_with_one_id_are_found() -> None:
    feature = message(2, b"\x08\x01\x18\x01" + message(4, b"\x09\x02\x02"))
    assert any("one id" in problem for problem in problems(tile_of(b"", feature=feature * 2)))


def test_a_compressed_tile_is_no_tile() -> None:
    assert problems(gzip.compress(tile_of(b"\x09\x02\x02"))) != []
