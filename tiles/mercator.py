"""Web Mercator: degrees, the unit square, fixed-point world units and tile addresses.

World units: the unit square in 2**31 steps a side (19 mm at the equator, an eighth of a unit of the deepest tile), x
from the antimeridian eastwards, y from the top southwards. Integers make every tile border exact.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = [
    "MAX_LATITUDE",
    "MAX_ZOOM",
    "WORLD",
    "WORLD_BITS",
    "TileAddressError",
    "check_tile",
    "code_to_tile",
    "lnglat_to_tile",
    "lnglat_to_unit",
    "lnglat_to_world",
    "tile_bounds",
    "tile_to_code",
    "tiles_of_boxes",
    "unit_to_lnglat",
    "unit_to_world",
    "world_to_lnglat",
]

WORLD_BITS = 31
WORLD = 1 << WORLD_BITS
MAX_ZOOM = 16
"""Deepest zoom that is served; clients draw it larger beyond."""
MAX_LATITUDE = float(np.degrees(2 * np.arctan(np.exp(np.pi)) - np.pi / 2))
"""85.0511…°, where the square ends; what lies beyond is drawn on its edge."""

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


class TileAddressError(ValueError):
    """A tile address out of range: `field` (z, x or y), its `value` and the highest `limit` (`low` the lowest)."""

    def __init__(self, field: str, value: int, low: int, limit: int) -> None:
        super().__init__(f"tile {field} is {value}; it must lie in {low} … {limit}")
        self.field, self.value, self.low, self.limit = field, value, low, limit


def check_tile(z: int, x: int, y: int, minzoom: int = 0, maxzoom: int = MAX_ZOOM) -> None:
    """Raises TileAddressError unless the tile exists between the zooms given."""
    if not minzoom <= z <= maxzoom:
        raise TileAddressError("z", z, minzoom, maxzoom)
    for field, value in (("x", x), ("y", y)):
        if not 0 <= value < 1 << z:
            raise TileAddressError(field, value, 0, (1 << z) - 1)


def lnglat_to_unit(lng: ArrayLike, lat: ArrayLike) -> tuple[Floats, Floats]:
    """Degrees to x, y in the unit square; y leaves it beyond MAX_LATITUDE, x beyond ±180°."""
    sine = np.sin(np.radians(np.clip(np.asarray(lat, dtype=np.float64), -89.9999, 89.9999)))
    x = np.asarray(lng, dtype=np.float64) / 360 + 0.5
    return x, 0.5 - np.arctanh(sine) / (2 * np.pi)


def unit_to_lnglat(x: ArrayLike, y: ArrayLike) -> tuple[Floats, Floats]:
    """The way back."""
    lng = (np.asarray(x, dtype=np.float64) - 0.5) * 360
    lat = np.degrees(np.arctan(np.sinh(np.pi * (1 - 2 * np.asarray(y, dtype=np.float64)))))
    return lng, lat


def unit_to_world(unit: ArrayLike) -> NDArray[np.int32]:
    """One coordinate of the unit square to world units; what lies outside moves to the edge."""
    return np.clip(np.floor(np.asarray(unit, dtype=np.float64) * WORLD), 0, WORLD - 1).astype(np.int32)


def lnglat_to_world(lng: ArrayLike, lat: ArrayLike) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Degrees to world units, on the edge where the square ends."""
    x, y = lnglat_to_unit(lng, lat)
    return unit_to_world(x), unit_to_world(y)


def world_to_lnglat(x: ArrayLike, y: ArrayLike) -> tuple[Floats, Floats]:
    """World units to degrees."""
    return unit_to_lnglat(np.asarray(x) / WORLD, np.asarray(y) / WORLD)


def lnglat_to_tile(lng: ArrayLike, lat: ArrayLike, z: int) -> tuple[Integers, Integers]:
    """Column and row of the tile that holds each place."""
    x, y = lnglat_to_world(lng, lat)
    shift = WORLD_BITS - z
    return x.astype(np.int64) >> shift, y.astype(np.int64) >> shift


def tiles_of_boxes(low_x: Integers, low_y: Integers, high_x: Integers, high_y: Integers) -> tuple[Integers, Integers]:
    """Columns and rows of all tiles in boxes of tiles, ends included, some more than once; none where high < low."""
    wide, high = high_x - low_x, high_y - low_y
    columns, rows = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    for step_x in range(int(wide.max(initial=-1)) + 1):
        for step_y in range(int(high.max(initial=-1)) + 1):
            reached = (wide >= step_x) & (high >= step_y)
            columns.append(low_x[reached] + step_x)
            rows.append(low_y[reached] + step_y)
    return np.concatenate(columns), np.concatenate(rows)


def tile_bounds(z: int, x: int, y: int) -> tuple[float, float, float, float]:
    """left, bottom, right, top in degrees."""
    lng, lat = unit_to_lnglat(np.array([x, x + 1]) / 2.0**z, np.array([y, y + 1]) / 2.0**z)
    return float(lng[0]), float(lat[1]), float(lng[1]), float(lat[0])


def tile_to_code(x: ArrayLike, y: ArrayLike) -> Integers:
    """Morton code of a column and row, the y bits above the x bits; a tile's children are 4 * code … 4 * code + 3."""
    return _spread(np.asarray(x, dtype=np.int64)) | (_spread(np.asarray(y, dtype=np.int64)) << 1)


def code_to_tile(code: ArrayLike) -> tuple[Integers, Integers]:
    """The way back: column and row."""
    codes = np.asarray(code, dtype=np.int64)
    return _gather(codes), _gather(codes >> 1)


_STEPS = (
    (16, 0x0000FFFF0000FFFF),
    (8, 0x00FF00FF00FF00FF),
    (4, 0x0F0F0F0F0F0F0F0F),
    (2, 0x3333333333333333),
    (1, 0x5555555555555555),
)


def _spread(value: Integers) -> Integers:
    for step, mask in _STEPS:
        value = (value | (value << step)) & mask
    return value


def _gather(value: Integers) -> Integers:
    value = value & _STEPS[-1][1]
    for (step, _), mask in zip(
        reversed(_STEPS), [mask for _, mask in reversed(_STEPS[:-1])] + [0x7FFFFFFF], strict=True
    ):
        value = (value | (value >> step)) & mask
    return value
