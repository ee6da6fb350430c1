"""Search: exact, then prefix, then word, then anywhere."""

from __future__ import annotations

import pytest

from tests.twin.networks import draw
from twin.search import SearchIndex


@pytest.fixture(scope="module")
def index():
    loads = {"MV1": "1", "MV1_Load-2": "1", "x MV1": "2", "xMV1": "2", "Straße": "2"}
    return SearchIndex(draw("bMV1:S-1 c2:1-2", consumers=loads, feeders=[("bMV1", "1")]))


def test_order(index):
    assert [hit.mrid for hit in index.find("mv1")] == ["MV1", "MV1_Load-2", "x MV1", "feeder bMV1", "bMV1", "xMV1"]
    assert [hit.mrid for hit in index.find("mv1", 2)] == ["MV1", "MV1_Load-2"]


def test_letters(index):
    assert [hit.mrid for hit in index.find(" mv1 load_2 ")] == ["MV1_Load-2"]
    assert [hit.mrid for hit in index.find("STRASSE")] + [hit.mrid for hit in index.find("straße")] == ["Straße"]


def test_nothing(index):
    assert index.find("") == index.find("  ") == index.find("zzz") == index.find("mv1", 0) == []


def test_hits_say_where(index):
    hit = index.find("mv1")[0].to_json()
    assert hit == {
        "mrid": "MV1",
        "name": "",
        "class": "EnergyConsumer",
        "feeder": "Feeder bMV1",
        "lng": 9.001,
        "lat": 52,
    }
