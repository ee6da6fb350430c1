"""Each kind of finding."""

from __future__ import annotations

import numpy as np
import pytest

from tests.twin.networks import draw
from twin.validation import findings

LINE = "c1:S-1 c2:1-2"


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, []),
        ({"sources": ""}, [("no_source", "error", {"S"}), ("not_supplied", "error", {"S", "1", "2"})]),
        ({"branches": "c1:S-1 b2:1-2 c3:2-3", "opened": "b2"}, [("not_supplied", "error", {"2", "3"})]),
        (
            {"phases": {"c1": "A", "c2": "B"}},
            [("not_supplied", "error", {"2"}), ("phase_mismatch", "error", {"c2"})],
        ),
        ({"phases": {"c2": "A", "x": "AB"}, "consumers": {"x": "2"}}, [("phase_mismatch", "error", {"x"})]),
        (
            {"more": {"nodes": {"nominal_voltage_v": [20e3, 20e3, 400.0]}}},
            [("voltage_mismatch", "warning", {"c2"})],
        ),
        ({"branches": "c1:S-1 c2:1-1"}, [("self_loop", "warning", {"c2"})]),
        (
            {"branches": "c1:S-1 c2:1-2 b3:2-3", "opened": "b3"},
            [("not_supplied", "error", {"3"}), ("dangling_switch", "warning", {"b3"})],
        ),
        (
            {"branches": "c1:S-1 c2:1-2 b3:3-4", "opened": "b3"},
            [
                ("not_supplied", "error", {"3"}),
                ("not_supplied", "error", {"4"}),
                ("dangling_switch", "warning", {"b3"}),
            ],
        ),
        (
            {"branches": "c1:S-1 c2:1-2 b3:2-3", "opened": "b3", "consumers": {"x": "3"}},
            [("not_supplied", "error", {"3"})],
        ),
        ({"branches": "c1:S-1 c2:1-2 b3:2-3"}, []),
        ({"more": {"nodes": {"lng": [9.0, 9.0, 10.0]}}}, [("coordinate_outlier", "warning", {"c2"})]),
        ({"more": {"nodes": {"lng": [9.0, 9.0, np.nan]}}}, [("unplaced", "warning", {"2"})]),
    ],
)
def test_kinds(options, expected):
    found = findings(draw(options.pop("branches", LINE), **options))
    assert [(f.kind, f.severity, set(f.mrids)) for f in found] == [(k, s, set(m)) for k, s, m in expected]
    for finding in found:
        assert finding.message.endswith(".")
        assert finding.to_json()["mrids"] == list(finding.mrids)
        if finding.kind != "unplaced":
            assert finding.lng is not None and finding.lat == 52.0


def test_sources_out_of_service():
    (first, _) = findings(draw(LINE, more={"sources": {"in_service": False}}))
    assert "none of its 1 sources is in service" in first.message


def test_a_tie_to_nowhere_names_the_other_feeder_beside_it():
    grid = "b1:S-1 c2:1-2 b3:2-3 b4:T-5 c5:5-6"
    lng = [9.0, 9.001, 9.002, 9.002, 9.01, 9.011, 9.002005]
    options = {"sources": "S T", "opened": "b3", "feeders": [("b1", "1"), ("b4", "5")]}
    said = [
        f.message for f in findings(draw(grid, more={"nodes": {"lng": lng}}, **options)) if f.kind == "dangling_switch"
    ]
    assert (
        len(said) == 1
        and "nothing else is at its end '3'" in said[0]
        and "'6' of another feeder is within 1 m" in said[0]
    )
    lng[-1] = 9.002050
    (far,) = [
        f.message for f in findings(draw(grid, more={"nodes": {"lng": lng}}, **options)) if f.kind == "dangling_switch"
    ]
    assert "another feeder" not in far
