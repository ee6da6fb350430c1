"""The encoder beside its slow twin: the same features through mapbox-vector-tile."""

import math

import mapbox_vector_tile
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.tiles import reader
from tiles import mvt
from tiles.mvt import ABSENT, DOUBLE, OTHER_TEXT, SHARED_UINT, SINT, TEXT, Columns, Geometry, Tags, ValuePool
from twin.texts import Texts


def made(seed: int, count: int) -> tuple[bytes, list[dict[str, object]]]:
    """A layer of random points with every kind of attribute, and the same features as plain Python."""
    random = np.random.default_rng(seed)
    places = random.integers(-64, 4161, (count, 2))
    commands = [bytes([9]) + _zigzag(x) + _zigzag(y) for x, y in places.tolist()]
    geometry = Geometry(
        np.frombuffer(b"".join(commands), dtype=np.uint8).copy(),
        np.concatenate([[0], np.cumsum([len(command) for command in commands])]).astype(np.int64),
    )
    values = ["a", "ä€𝄞", "", True, False, 0, 127, 128, 2**40, -1, -(2**40), 0.4, -2.0, 1e300]
    combinations = random.integers(-1, len(values), (6, 3)).astype(np.int32)
    combinations = np.hstack([combinations, np.full((6, 1), -1, dtype=np.int32)])
    states = np.full((3, 4), -1, dtype=np.int32)
    states[:, 3] = [0, 5, -1]
    tags = Tags(("one", "two", "three", "live"), ValuePool.of(values), combinations, states)
    combination, state = random.integers(0, 6, count), random.integers(0, 3, count)
    texts, others = ["x", "", "y" * 200], ["ä€𝄞", "z", ""]
    doubles = random.choice([0.0, -0.0, 1.5, -2.0, math.nan, math.inf], count)
    columns = np.stack(
        [
            random.choice([0, 5, 127, 128, 2**31, ABSENT], count),
            random.choice([0, -1, 1, -(2**33), ABSENT], count),
            mvt.doubles(doubles),
            random.choice([0, 1, 2, ABSENT], count),
            random.choice([0, 1, 2, ABSENT], count),
        ],
        axis=1,
    )
    named = ("uint", "sint", "double", "text", "other")
    ids = random.permutation(2**33 + np.arange(count)).astype(np.int64)
    data = mvt.encode_layer(
        "layer",
        mvt.POINT,
        ids,
        geometry,
        tags,
        combination,
        state,
        Columns(named, (SHARED_UINT, SINT, DOUBLE, TEXT, OTHER_TEXT), columns, Texts.of(texts), Texts.of(others)),
    )
    features = []
    for row in range(count):
        properties: dict[str, object] = {"id": int(ids[row])}
        for key, value in zip(tags.keys, np.maximum(combinations[combination[row]], states[state[row]]), strict=True):
            if value >= 0:
                properties[key] = values[value]
        plain = [
            int(columns[row, 0]),
            int(columns[row, 1]),
            float(doubles[row]),
            texts[max(columns[row, 3], 0)],
            others[max(columns[row, 4], 0)],
        ]
        for name, value, column in zip(named, plain, columns[row], strict=True):
            if column != ABSENT:
                properties[name] = value
        x, y = places[row].tolist()
        features.append({"id": int(ids[row]), "geometry": f"POINT({x} {y})", "properties": properties})
    return data, features


def _zigzag(value: int) -> bytes:
    number = value * 2 if value >= 0 else -2 * value - 1
    return bytes([number]) if number < 128 else bytes([number & 127 | 128, number >> 7])


@pytest.mark.parametrize("seed", range(6))
def test_the_slow_twin_decodes_to_the_same(seed: int) -> None:
    data, features = made(seed, 1 if seed == 0 else 300)
    twin = mapbox_vector_tile.encode(
        [{"name": "layer", "features": features}],
        default_options={"y_coord_down": True, "extents": 4096},
    )
    options = {"y_coord_down": True}
    ours = mapbox_vector_tile.decode(data, default_options=options)
    assert ours == mapbox_vector_tile.decode(twin, default_options=options)


def test_the_strict_reader_agrees() -> None:
    data, features = made(9, 200)
    layer = reader.read(data)["layer"]
    assert [feature.properties for feature in layer.features] == [feature["properties"] for feature in features]
    assert [feature.id for feature in layer.features] == [feature["id"] for feature in features]


def test_features_may_have_any_of_the_geometries() -> None:
    geometry = Geometry(np.array([9, 0, 0, 9, 2, 2, 9, 4, 4], dtype=np.uint8), np.arange(4, dtype=np.int64) * 3)
    zero = np.zeros(2, dtype=np.int64)
    columns = Columns((), (), np.empty((2, 0), dtype=np.int64))
    tags = mvt.one_of_each({"a": "b"})
    arguments = ("l", mvt.POINT, np.array([4, 6]), geometry, tags, zero, zero, columns)
    features = reader.read(mvt.encode_layer(*arguments, shapes=np.array([2, 1])))["l"].features
    assert [(feature.id, feature.parts) for feature in features] == [(4, [[(2, 2)]]), (6, [[(1, 1)]])]
    nobody = ("l", mvt.POINT, zero[:0], geometry, tags, zero[:0], zero[:0], Columns((), (), columns.values[:0]))
    assert mvt.encode_layer(*nobody) == b""
    assert "id" not in reader.read(mvt.encode_layer(*arguments, repeat_id=False))["l"].features[0].properties


@given(st.lists(st.text(), max_size=8), st.lists(st.integers(-(2**62), 2**63 - 1), max_size=8))
def test_any_text_and_any_number(texts: list[str], numbers: list[int]) -> None:
    values = {f"{i}": value for i, value in enumerate([*texts, *numbers])}
    geometry = Geometry(np.array([9, 0, 0], dtype=np.uint8), np.array([0, 3], dtype=np.int64))
    zero = np.zeros(1, dtype=np.int64)
    columns = Columns((), (), np.empty((1, 0), dtype=np.int64))
    data = mvt.encode_layer("l", mvt.POINT, zero + 1, geometry, mvt.one_of_each(values), zero, zero, columns)
    assert reader.read(data)["l"].features[0].properties == {**values, "id": 1}
