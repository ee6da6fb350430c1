"""From whatever coordinates a source has to degrees: transformed, taken as they are, or laid out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import geopandas
import numpy as np
from numpy.typing import NDArray

from loaders.report import LoadError
from twin.geometry import EARTH_RADIUS_M, distance_m


class PlaceError(LoadError):
    """Coordinates that nothing tells the meaning of; names the element and the value, and not the file."""


DEGREE_M = np.pi / 180 * EARTH_RADIUS_M
"""One degree of latitude."""

PLAUSIBLE = 10.0
"""Coordinates are degrees while lines are, in the median, not this many times longer or shorter than on the map."""


@dataclass(frozen=True, slots=True)
class Placing:
    """How coordinates become degrees: `scale` and `offset` for all of them alike, or a coordinate system."""

    crs: str | None
    scale: float
    offset: tuple[float, float]
    note: str
    """What to tell the user; empty where coordinates were taken as they are."""

    def __call__(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """float64 (points, 2): lng, lat in degrees; NaN stays NaN. Raises LoadError for a place not on earth."""
        if self.crs is None:
            return (points - self.offset) * self.scale
        placed = ~np.isnan(points).any(axis=1)
        lnglat = np.full(points.shape, np.nan)
        shapes = geopandas.GeoSeries(geopandas.points_from_xy(*points[placed].T), crs=self.crs).to_crs("EPSG:4326")
        lnglat[placed] = np.stack([shapes.x, shapes.y], axis=1)
        wrong = placed & ~(np.abs(lnglat) <= (180, 90)).all(axis=1)
        if wrong.any():
            x, y = points[int(np.argmax(wrong))]
            raise LoadError(f"--crs is {self.crs!r}, in which {x:g}, {y:g} is no place on earth")
        return lnglat


def placing(
    points: NDArray[np.float64],
    start: NDArray[np.float64],
    end: NDArray[np.float64],
    length_m: NDArray[np.float64],
    crs: str | None = None,
    mrids: Sequence[str] | NDArray[Any] = (),
) -> Placing:
    """Decides how coordinates become degrees.

    points: all coordinates, float64 (points, 2), NaN where not known. start, end: the ends of lines, (lines, 2), and
    length_m their lengths, which tell degrees from a drawing. crs: the coordinate system, where the user named it.
    Coordinates that are no degrees and of no named system are laid out to scale around 0° 0°. mrids: of the first
    points, for errors. Raises LoadError for a crs that is not known, and PlaceError where coordinates are no degrees
    and no line says to what scale they are.
    """
    if crs is not None:
        try:
            geopandas.GeoSeries([], crs=crs)
        except RuntimeError as error:  # of pyproj, which geopandas brings along
            raise LoadError(f"--crs is {crs!r}, which is no known coordinate system; EPSG:25832 is one") from error
        return Placing(crs, 1, (0, 0), f"coordinates were transformed from {crs}")
    known = points[~np.isnan(points).any(axis=1)]
    if len(known) == 0:
        return Placing(None, 1, (0, 0), "")
    scaled = bool(((np.hypot(*(end - start).T) > 0) & (length_m > 0)).any())
    if not scaled:
        _check_degrees(points, mrids)
        note = (
            "coordinates were taken for degrees: no line has a length to tell by; name their system with --crs EPSG:n"
        )
        return Placing(None, 1, (0, 0), note)
    if _degrees(known, start, end, length_m):
        return Placing(None, 1, (0, 0), "")
    middle = (known.min(axis=0) + known.max(axis=0)) / 2
    apart = np.hypot(*(end - start).T)
    usable = (apart > 0) & (length_m > 0)
    extent = float((known.max(axis=0) - known.min(axis=0)).max())
    metres = float(np.median(length_m[usable] / apart[usable]))
    metres = min(metres, 60 * DEGREE_M / max(extent, 1e-9))  # on earth, and not far from the equator
    note = (
        f"coordinates are no degrees: the network is laid out around 0° 0°, {metres:.3g} m to their unit; "
        "name their system with --crs EPSG:n"
    )
    return Placing(None, metres / DEGREE_M, (float(middle[0]), float(middle[1])), note)


def _check_degrees(points: NDArray[np.float64], mrids: Sequence[str] | NDArray[Any]) -> None:
    wrong = np.flatnonzero((np.abs(points) > (180, 90)).any(axis=1))
    if len(wrong):
        row = int(wrong[0])
        who = repr(str(mrids[row])) if row < len(mrids) else f"point {row + 1}"
        x, y = points[row]
        raise PlaceError(
            f"{who} is at {x:g}, {y:g}, which are no degrees (-180 … 180, -90 … 90), and no line with a length says to "
            "what scale they are: name their coordinate system with --crs EPSG:n"
        )


def _degrees(
    known: NDArray[np.float64], start: NDArray[np.float64], end: NDArray[np.float64], length_m: NDArray[np.float64]
) -> bool:
    if (np.abs(known) > (180, 90)).any():
        return False
    apart = distance_m(start, end)
    usable = (apart > 0) & (length_m > 0)
    ratio = float(np.median(apart[usable] / length_m[usable]))
    return 1 / PLAUSIBLE <= ratio <= PLAUSIBLE
