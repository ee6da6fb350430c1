"""From coordinates of any kind to degrees, and what is said where nothing tells the kind."""

from __future__ import annotations

import numpy as np
import pytest

from loaders import formats
from loaders.coordinates import PlaceError, placing
from loaders.report import LoadError

UNKNOWN = np.array([np.nan, np.nan])


def place(points, lengths=UNKNOWN, **more):
    points = np.array(points, dtype=float)
    return placing(points, points[[0, 1]], points[[1, 2]], lengths, **more)


def test_degrees_that_lines_vouch_for_are_taken_as_they_are():
    made = place([[9, 52], [9.001, 52], [9.002, 52]], np.array([70.0, 70.0]))
    assert made.note == "" and made(np.array([[9.0, 52.0]])).tolist() == [[9, 52]]


def test_small_numbers_without_lengths_are_taken_for_degrees_and_that_is_said():
    made = place([[9, 52], [9.001, 52], [9.002, 52]])
    assert "taken for degrees: no line has a length to tell by; name their system with --crs" in made.note


def test_no_degrees_and_nothing_to_scale_by_is_an_error():
    with pytest.raises(PlaceError, match=r"'b' is at 500000, 52, which are no degrees .* --crs EPSG:n"):
        place([[9, 52], [500_000, 52], [9, 52]], mrids=["a", "b", "c"])
    with pytest.raises(PlaceError, match=r"point 3 is at 9, 91"):
        place([[9, 52], [9, 52], [9, 91]], mrids=["a"])
    assert "transformed from EPSG:25832" in place([[5e5, 58e5]] * 3, crs="EPSG:25832").note


def test_lengths_lay_a_drawing_out():
    made = place([[0, 0], [500, 0], [1000, 0]], np.array([50.0, 50.0]))
    assert "laid out around 0° 0°, 0.1 m to their unit" in made.note


def test_the_error_names_the_file(tmp_path):
    (tmp_path / "town.dss").write_text(
        "New Circuit.town bus1=a\nNew Line.l bus1=a bus2=b length=0\nSetBusXY bus=a x=500000 y=5800000\n"
        "SetBusXY bus=b x=500100 y=5800000\n"
    )
    with pytest.raises(LoadError, match=r"town.dss: 'Bus.a' is at 500000, 5.8e\+06, which are no degrees"):
        formats.read(tmp_path / "town.dss")
    network, _ = formats.read(tmp_path / "town.dss", crs="EPSG:25832")
    assert network.node_lnglat[:, 1] == pytest.approx(52.35, abs=0.01)
