"""Line geometry as flat arrays, EPSG:4326, lng before lat."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

EARTH_RADIUS_M = 6_371_008.8
"""Mean earth radius R1 of the GRS 80 ellipsoid (IUGG)."""


@dataclass(frozen=True, slots=True, eq=False)
class LineStrings:
    """Many lines in two arrays.

    offsets: int64 (lines + 1,), line i is `coordinates[offsets[i]:offsets[i + 1]]`; an empty line cannot be placed.
    coordinates: float64 (points, 2), lng and lat in degrees.
    """

    offsets: NDArray[np.int64]
    coordinates: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, row: int) -> NDArray[np.float64]:
        return self.coordinates[self.offsets[row] : self.offsets[row + 1]]

    @property
    def placed(self) -> NDArray[np.bool_]:
        """bool (lines,): has a geometry."""
        return np.diff(self.offsets) > 0

    def take(self, rows: NDArray[np.integer]) -> LineStrings:
        """The given lines, in that order."""
        sizes = np.diff(self.offsets)[rows]
        offsets = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
        index = np.repeat(self.offsets[:-1][rows] - offsets[:-1], sizes) + np.arange(offsets[-1])
        return LineStrings(offsets, self.coordinates[index])

    @classmethod
    def between(cls, start: NDArray[np.float64], end: NDArray[np.float64]) -> LineStrings:
        """Straight lines from start to end, both float64 (lines, 2); empty where either is not a number."""
        placed = ~(np.isnan(start).any(axis=1) | np.isnan(end).any(axis=1))
        offsets = np.concatenate([[0], np.cumsum(placed * 2)]).astype(np.int64)
        return cls(offsets, np.stack([start[placed], end[placed]], axis=1).reshape(-1, 2))


def distance_m(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """Great-circle distance in metres between (n, 2) arrays of lng, lat in degrees (haversine formula)."""
    lng_a, lat_a, lng_b, lat_b = (np.radians(x) for x in (a[:, 0], a[:, 1], b[:, 0], b[:, 1]))
    chord = np.sin((lat_b - lat_a) / 2) ** 2 + np.cos(lat_a) * np.cos(lat_b) * np.sin((lng_b - lng_a) / 2) ** 2
    return 2 * EARTH_RADIUS_M * np.arcsin(np.sqrt(chord))
