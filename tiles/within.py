"""Which rows of a layer lie in a box of degrees: candidates from the tile index, then exactly."""

from __future__ import annotations

import numpy as np
import shapely
from numpy.typing import NDArray

from tiles import _kernels
from tiles.index import LineIndex
from tiles.layers import Layer
from tiles.mercator import lnglat_to_world
from twin.geometry import LineStrings

__all__ = ["rows_within"]

Longs = NDArray[np.int64]
Bounds = tuple[float, float, float, float]


def rows_within(layer: Layer, places: NDArray[np.float64] | LineStrings, bounds: Bounds) -> Longs:
    """Rows whose geometry meets a box (west, south, east, north, its edges too), int64, ascending.

    places: by row, lng and lat or lines. A box whose west is more than its east lies over the antimeridian.
    """
    west, south, east, north = bounds
    if west > east:
        sides = [(west, south, 180.0, north), (-180.0, south, east, north)]
        return np.unique(np.concatenate([rows_within(layer, places, side) for side in sides]))
    rows = np.unique(layer.index.row[_candidates(layer, bounds)]).astype(np.int64)
    if isinstance(places, LineStrings):
        chosen = places.take(rows)
        lines = shapely.from_ragged_array(shapely.GeometryType.LINESTRING, chosen.coordinates, (chosen.offsets,))
        box = shapely.envelope(shapely.multipoints([(west, south), (east, north)]))
        shapely.prepare(box)
        return rows[shapely.intersects(lines, box)]
    lng, lat = places[rows].T
    return rows[(lng >= west) & (lng <= east) & (lat >= south) & (lat <= north)]


def _candidates(layer: Layer, bounds: Bounds) -> Longs:
    """Entries of the index whose boxes meet the box in world units, which are so coarse that none is missed."""
    west, south, east, north = bounds
    (left, right), (bottom, top) = lnglat_to_world([west, east], [south, north])
    index = layer.index
    box = int(left), int(top), int(right), int(bottom)
    if isinstance(index, LineIndex):
        places = index.middle_x, index.middle_y, index.classes, index.offsets, index.x, index.y
        return _kernels.lines_in_box(*places, *box)
    return _kernels.points_in_box(index.x, index.y, *box)
