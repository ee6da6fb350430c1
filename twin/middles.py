"""Where to mark an area: at one of its own nodes, amid the others."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def middle(points: NDArray[np.float64]) -> tuple[float, float] | None:
    """Of lng, lat (points, 2) the one nearest to their medians, which single far-off ones do not move; None for none.

    NaN is no place.
    """
    placed = points[~np.isnan(points).any(axis=1)]
    if not len(placed):
        return None
    half = len(placed) // 2
    amid = np.partition(placed, half, axis=0)[half]
    lng, lat = placed[np.square(placed - amid).sum(axis=1).argmin()].tolist()
    return lng, lat


def lng_and_lat(place: tuple[float, float] | None) -> dict[str, float | None]:
    """As answers give a place."""
    return dict(zip(("lng", "lat"), place or (None, None), strict=True))
