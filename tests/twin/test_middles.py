"""Where an area is marked."""

from __future__ import annotations

import numpy as np
import pytest

from twin.middles import lng_and_lat, middle

NAN = float("nan")


@pytest.mark.parametrize(
    ("points", "place"),
    [
        ([], None),
        ([[NAN, NAN], [NAN, 1.0]], None),
        ([[7.0, 51.0]], (7.0, 51.0)),
        ([[0.0, 0.0], [1.0, 0.0], [2.0, 0.0], [3.0, 0.0], [900.0, 0.0]], (2.0, 0.0)),  # one far off moves nothing
        ([[0.0, 0.0], [0.0, 2.0], [2.0, 2.0], [2.0, 0.0], [NAN, 1.0], [2.0, 1.9]], (2.0, 1.9)),  # one of its own
    ],
)
def test_one_of_the_points_amid_the_others(points: list[list[float]], place: tuple[float, float] | None) -> None:
    assert middle(np.array(points, float).reshape(-1, 2)) == place


def test_a_place_that_is_not_known_is_null() -> None:
    assert lng_and_lat(None) == {"lng": None, "lat": None}
    assert lng_and_lat((7.5, 51.0)) == {"lng": 7.5, "lat": 51.0}
