"""Where a pandapower net says that buses and lines are, in both its forms.

Since format version 3 the column `geo` of `bus` and `line` holds GeoJSON; before, `bus_geodata` holds x and y, and
`line_geodata` a list of coordinates, each by the row of its bus or line.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from loaders.frame_table import FrameTable, is_number
from loaders.report import LoadReport

LIMIT = 1e9
"""No coordinate of any system is larger."""


def bus_points(buses: FrameTable, geodata: FrameTable, report: LoadReport) -> NDArray[np.float64]:
    """float64 (buses, 2): x and y of each bus, NaN where not given; of a busbar that is a line, its middle."""
    points = np.full((len(buses), 2), np.nan)
    for place, row in _rows_of(geodata, buses, report):
        points[place] = _xy(geodata, row) if "x" in geodata else _middle(_geojson(geodata, row, "geometry"))
    for row, value in enumerate(buses.raw("geo", needed=False)):
        if value is not None:
            points[row] = _middle(_geojson(buses, row, "geo"))
    return points


def line_paths(lines: FrameTable, geodata: FrameTable, report: LoadReport) -> dict[int, NDArray[np.float64]]:
    """By position in `line` the coordinates of those that have any, each float64 (points, 2)."""
    column = "coords" if "coords" in geodata else "geometry"
    paths = {}
    for place, row in _rows_of(geodata, lines, report):
        value = geodata.raw(column)[row]
        if column == "geometry":
            paths[place] = _geojson(geodata, row, column)
        elif value is not None and len(value):
            paths[place] = _coordinates(geodata, row, column, value)
    for row, value in enumerate(lines.raw("geo", needed=False)):
        if value is not None:
            paths[row] = _geojson(lines, row, "geo")
    for place, path in paths.items():
        if len(path) < 2:
            table, row, name = _origin(lines, geodata, place, column)
            raise table.fail(row, name, "the course of a line needs two points")
    return paths


def _origin(lines: FrameTable, geodata: FrameTable, place: int, column: str) -> tuple[FrameTable, int, str]:
    if lines.raw("geo", needed=False)[place] is not None:
        return lines, place, "geo"
    return geodata, int(np.flatnonzero(geodata.rows == lines.rows[place])[0]), column


def _rows_of(geodata: FrameTable, owner: FrameTable, report: LoadReport) -> list[tuple[int, int]]:
    """(position of the bus or line, row of its geodata); geodata of none is left out and counted."""
    place = {int(row): at for at, row in enumerate(owner.rows)}
    found = [(place[int(row)], at) for at, row in enumerate(geodata.rows) if int(row) in place]
    if len(geodata):
        report.use(geodata.name, len(geodata), len(found))
        lost = [str(row) for row in geodata.rows if int(row) not in place]
        report.skip(geodata.name, f"the table {owner.name} has no such row", lost)
    return found


def _xy(geodata: FrameTable, row: int) -> tuple[float, float]:
    x, y = (geodata.raw(axis)[row] for axis in ("x", "y"))
    for axis, value in (("x", x), ("y", y)):
        if value is not None and not _is_coordinate(value):
            raise geodata.fail(row, axis, f"a coordinate is a finite number, up to {LIMIT:g}")
    return (np.nan, np.nan) if x is None or y is None else (float(x), float(y))


def _middle(path: NDArray[np.float64]) -> NDArray[np.float64]:
    middle: NDArray[np.float64] = path.mean(axis=0)
    return middle


def _geojson(table: FrameTable, row: int, column: str) -> NDArray[np.float64]:
    """float64 (points, 2): the coordinates of a Point or LineString, as text, object or shape."""
    value = table.raw(column)[row]
    value = getattr(value, "__geo_interface__", value)
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (json.JSONDecodeError, RecursionError):
            raise table.fail(row, column, "it cannot be read as GeoJSON") from None
    if not isinstance(value, Mapping) or value.get("type") not in ("Point", "LineString"):
        raise table.fail(row, column, "it must be a GeoJSON Point or LineString")
    coordinates = value.get("coordinates")
    return _coordinates(table, row, column, [coordinates] if value["type"] == "Point" else coordinates)


def _coordinates(table: FrameTable, row: int, column: str, value: object) -> NDArray[np.float64]:
    points = value.tolist() if isinstance(value, np.ndarray) else value
    if not isinstance(points, Sequence) or isinstance(points, str) or not len(points):
        raise table.fail(row, column, "a list of points is needed")
    for point in points:
        if not isinstance(point, Sequence) or not 2 <= len(point) <= 3 or not all(map(_is_coordinate, point[:2])):
            raise table.fail(row, column, f"a point is two finite numbers, each up to {LIMIT:g}")
    return np.array([point[:2] for point in points], dtype=np.float64)


def _is_coordinate(value: object) -> bool:
    return is_number(value) and abs(float(value)) <= LIMIT
