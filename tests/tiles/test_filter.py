"""Filters in CQL2: the same as one row at a time, in every state, and errors that say what is wrong."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.tiles import reader
from tests.tiles.grids import snapshot, town
from tiles.columns import LIVE, PROPERTIES, LayerColumns, LiveColumns, properties_of
from tiles.cql2_values import like_matcher
from tiles.filter import FilterError, FilterMasks, read_filter, tile_filter
from tiles.frames import frame
from tiles.layers import FIELDS, LAYER_NAMES
from tiles.mercator import lnglat_to_tile
from tiles.source import TileSource
from twin.network import Network
from twin.state import Snapshot

Row = dict[str, Any]


@pytest.fixture(scope="module")
def network() -> Network:
    return town(branches=200)


@pytest.fixture(scope="module")
def state(network: Network) -> Snapshot:
    return snapshot(network, 3)


@pytest.fixture(scope="module")
def rows(network: Network, state: Snapshot) -> dict[str, list[Row]]:
    """Every layer, one dictionary a row, as GeoDataFrames have it; None for what is not known."""
    found = {}
    for layer in LAYER_NAMES:
        records = frame(network, state, layer).to_dict("records")
        found[layer] = [{key: None if _unknown(value) else value for key, value in each.items()} for each in records]
    return found


def _unknown(value: object) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))


def kept(network: Network, state: Snapshot, text: str, layer: str) -> list[int]:
    mask = FilterMasks(network).mask(tile_filter(text), state, layer)
    return [int(row) for row in np.flatnonzero(mask)]


@pytest.mark.parametrize("layer", LAYER_NAMES)
def test_columns_are_what_frames_say(network: Network, state: Snapshot, rows: dict[str, list[Row]], layer: str) -> None:
    columns = LiveColumns(LayerColumns(network, layer), state)
    assert set(FIELDS[layer]) | {"geometry"} == set(PROPERTIES[layer])
    for name in FIELDS[layer]:
        column = columns.column(name)
        theirs = [row.get(name) for row in rows[layer]]
        if column is None:
            assert theirs == [None] * len(theirs), name
            continue
        values = column.values.tolist()
        if column.codes is not None:
            ours = [values[code] if code >= 0 else None for code in column.codes.tolist()]
        else:
            null = [False] * len(values) if column.null is None else column.null.tolist()
            ours = [None if missing else value for value, missing in zip(values, null, strict=True)]
        assert ours == theirs, name


def both(one: bool | None, other: bool | None) -> bool | None:
    if one is False or other is False:
        return False
    return None if one is None or other is None else True


def negated(one: bool | None) -> bool | None:
    return None if one is None else not one


def compared(name: str, test: Callable[[Any], bool]) -> Callable[[Row], bool | None]:
    return lambda row: None if row.get(name) is None else bool(test(row[name]))


BOX = shapely.box(8.97, 47.97, 9.03, 48.02)
CONDITIONS: dict[str, Callable[[Row], bool | None]] = {
    "class = 'Breaker'": compared("class", lambda value: value == "Breaker"),
    "class <> 'Breaker'": compared("class", lambda value: value != "Breaker"),
    "'M' > class": compared("class", lambda value: value < "M"),
    "phases IN ('A', 'ABC')": compared("phases", lambda value: value in ("A", "ABC")),
    "phases LIKE 'A%'": compared("phases", lambda value: value.startswith("A")),
    "kv BETWEEN 0.3 AND 20": compared("kv", lambda value: 0.3 <= value <= 20),
    "kv >= 20": compared("kv", lambda value: value >= 20),
    "kv IS NULL": lambda row: row.get("kv") is None,
    "kv / 0 > 1": lambda row: None,
    "customers % 2 = 1": compared("customers", lambda value: value % 2 == 1),
    "customers * 2 - 1 > 3 ^ 2": compared("customers", lambda value: value * 2 - 1 > 9),
    "customers DIV 3 = 1": compared("customers", lambda value: value // 3 == 1),
    "energized = 0": compared("energized", lambda value: value == 0),
    "energized < id": lambda row: row["energized"] < row["id"],
    "open": compared("open", lambda value: value),
    "open = normal_open": lambda row: None if row.get("open") is None else row["open"] == row["normal_open"],
    "normal_open = false": compared("normal_open", lambda value: not value),
    "length_m > 400": compared("length_m", lambda value: value > 400),
    "rated_kva = 630": compared("rated_kva", lambda value: value == 630),
    "name LIKE '% 1_ ä'": compared("name", lambda value: len(value) == 6 and value[2] == "1"),
    "name IS NOT NULL": lambda row: row.get("name") is not None,
    "CASEI(name) LIKE CASEI('s %')": compared("name", lambda value: value.startswith("S ")),
    "ACCENTI(name) LIKE '%a'": compared("name", lambda value: value.endswith("ä")),
    "mrid IN ('s1', 'l3', 'u4', 't0')": compared("mrid", lambda value: value in ("s1", "l3", "u4", "t0")),
    "id <= 7": compared("id", lambda value: value <= 7),
    "S_INTERSECTS(geometry, BBOX(8.97, 47.97, 9.03, 48.02))": compared("geometry", BOX.intersects),
    "S_WITHIN(geometry, POLYGON((8.97 47.97, 9.03 47.97, 9.03 48.02, 8.97 48.02, 8.97 47.97)))": compared(
        "geometry", BOX.contains
    ),
    "S_DISJOINT(geometry, BBOX(8.97, 47.97, 9.03, 48.02))": compared("geometry", BOX.disjoint),
    "geometry IS NULL": lambda row: row.get("geometry") is None,
    "true": lambda row: True,
}


@pytest.mark.parametrize("text", CONDITIONS)
def test_each_condition_is_true_of_the_same_rows(
    network: Network, state: Snapshot, rows: dict[str, list[Row]], text: str
) -> None:
    for layer in LAYER_NAMES:
        expected = [number for number, row in enumerate(rows[layer]) if CONDITIONS[text](row) is True]
        assert kept(network, state, text, layer) == expected, layer


@pytest.mark.parametrize("text", [text for text in CONDITIONS if text not in ("true", "kv / 0 > 1")])
def test_each_condition_is_true_of_some_rows_and_not_of_all(network: Network, state: Snapshot, text: str) -> None:
    found = FilterMasks(network).keep(tile_filter(text), state)
    count = sum(int(mask.sum()) for mask in found.values())
    assert 0 < count < sum(len(mask) for mask in found.values())


TREES = st.recursive(
    st.sampled_from(list(CONDITIONS)).map(lambda text: (text, CONDITIONS[text])),
    lambda inner: st.one_of(
        inner.map(lambda one: (f"NOT ({one[0]})", lambda row: negated(one[1](row)))),
        st.tuples(inner, inner).map(
            lambda two: (f"({two[0][0]}) AND ({two[1][0]})", lambda row: both(two[0][1](row), two[1][1](row)))
        ),
        st.tuples(inner, inner).map(
            lambda two: (
                f"({two[0][0]}) OR ({two[1][0]})",
                lambda row: negated(both(negated(two[0][1](row)), negated(two[1][1](row)))),
            )
        ),
    ),
    max_leaves=6,
)


@settings(max_examples=60, deadline=None)
@given(tree=TREES, layer=st.sampled_from(LAYER_NAMES))
def test_three_truth_values_combine_as_in_sql(tree: tuple[str, Callable[[Row], bool | None]], layer: str) -> None:
    network, state = _MADE
    text, expected = tree
    records = frame(network, state, layer).to_dict("records")
    clean = [{key: None if _unknown(value) else value for key, value in each.items()} for each in records]
    assert kept(network, state, text, layer) == [number for number, row in enumerate(clean) if expected(row) is True]


_MADE = (lambda network: (network, snapshot(network, 5)))(town(seed=2, branches=60))


@settings(max_examples=200, deadline=None)
@given(
    pattern=st.text(st.sampled_from("ab%_\\"), max_size=8),
    text=st.text(st.sampled_from("ab%_\\\n"), max_size=8),
)
def test_like_is_like_trying_every_way(pattern: str, text: str) -> None:
    def fits(p: int, t: int) -> bool:
        if p == len(pattern):
            return t == len(text)
        if pattern[p] == "%":
            return any(fits(p + 1, later) for later in range(t, len(text) + 1))
        if pattern[p] == "\\" and p + 1 < len(pattern):
            return t < len(text) and text[t] == pattern[p + 1] and fits(p + 2, t + 1)
        return t < len(text) and pattern[p] in ("_", text[t]) and fits(p + 1, t + 1)

    assert like_matcher(pattern)(text) == fits(0, 0)


def test_no_pattern_takes_long() -> None:
    assert not like_matcher("%a" * 2_000 + "b")("a" * 5_000)


@pytest.mark.parametrize(
    ("text", "message", "value"),
    [
        ("volts = 3", "no property 'volts'; there are id, class, feeder", "'volts'"),
        ("kv = 'high'", "kv is a number and cannot be compared with 'high', which is a text", "'high'"),
        ("'high' = kv", "kv is a number and cannot be compared with 'high', which is a text", "'high'"),
        ("feeder = 3", "feeder is a text and cannot be compared with 3.0", "3.0"),
        ("open > true", "> does not compare open, which is a truth value", "open"),
        ("feeder BETWEEN 1 AND 2", "between does not compare feeder", "feeder"),
        ("kv LIKE 'a%'", "like takes a text, and kv is a number", "kv"),
        ("feeder LIKE name", "LIKE takes a pattern, not a property", "property('name')"),
        ("feeder + 1 = 2", "+ takes a number, and feeder is a text", "feeder"),
        ("kv IN (1, 'a')", "kv is a number and cannot be compared with 'a'", "'a'"),
        ("kv = NULL", "null compares with nothing; use IS NULL", None),
        ("AVG(kv) = 3", "the operator or function AVG is not supported", "AVG"),
        ("T_AFTER(name, DATE('2020-01-01'))", "the operator or function t_after is not supported", "t_after"),
        ("kv = DATE('2020-13-01')", "'2020-13-01' is not a date", "'2020-13-01'"),
        ("kv", "the filter is a number; it must be a condition", "{'property': 'kv'}"),
        ("S_INTERSECTS(name, POINT(1 2))", "s_intersects takes a geometry, and name is a text", "name"),
        ("S_INTERSECTS(geometry, geometry)", "takes the property geometry and one geometry", None),
        ("S_INTERSECTS(geometry, POLYGON((0 0, 1 1)))", "is not a geometry", ...),
        ("S_INTERSECTS(geometry, POLYGON((0 0, 1 1, 1 0, 0 1, 0 0)))", "is not valid: Self-intersection", ...),
        ("S_INTERSECTS(geometry, BBOX(1, 2, 3))", "a bbox has 4 or 6 numbers", ...),
        ("S_INTERSECTS(geometry, BBOX(1, 5, 2, 3))", "its south lies above its north", ...),
        ("S_INTERSECTS(geometry, POLYGON((0 0 0)", "the filter does not parse", ...),
        ("kv = 1e400", "a number of the filter is out of range", ...),
        ("(" * 101 + "kv = 1" + ")" * 101 + " OR " + "NOT " * 101 + "open", "deeper than 100 levels", None),
        ("(" * 301 + "kv = 1" + ")" * 301, "301 opening brackets; 300 is the limit", ...),
        ("name = '" + "x" * 8_000 + "'", "8009 characters; 8000 is the limit", ...),
    ],
)
def test_what_is_wrong_is_said(text: str, message: str, value: object) -> None:
    with pytest.raises(FilterError) as raised:
        tile_filter(text)
    assert message in str(raised.value)
    if value is not ...:
        assert raised.value.value == value


@pytest.mark.parametrize(
    ("text", "position"),
    [("kv = ", 6), ("kv == 3", 5), ("kv = 3 and\nopen or )", 20), ("", 1), ("(kv = 3", 8), ("name = 'x", 8)],
)
def test_where_the_text_breaks_off_is_said(text: str, position: int) -> None:
    with pytest.raises(FilterError) as raised:
        tile_filter(text)
    assert raised.value.position == position
    assert f"at character {position}" in str(raised.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "the filter is not JSON"),
        ("[]", "a list stands where none may"),
        ('{"op": "="}', "is not an operation: it needs op and args"),
        ('{"op": "=", "args": [1]}', "= takes 2 arguments, not 1"),
        ('{"op": "in", "args": [{"property": "kv"}, []]}', "IN takes a value and a list that is not empty"),
        ('{"op": "not", "args": [{"op": "foo", "args": []}]}', "foo is not supported"),
        ('{"property": 3}', "no property 3"),
        ('{"functions": 3}', "which is not supported"),
        ('{"op":"s_intersects","args":[{"property":"geometry"},{"bbox":[1,2]}]}', "a bbox has 4 or 6 numbers"),
        ('{"op":"s_intersects","args":[{"property":"geometry"},{"type":"Point"}]}', "is not a geometry"),
        ('{"op":"s_intersects","args":[{"property":"geometry"},{"type":"Point","coordinates":[]}]}', "is empty"),
    ],
)
def test_what_is_wrong_in_json_is_said(text: str, message: str) -> None:
    with pytest.raises(FilterError, match=message):
        read_filter(text, properties_of(None), "cql2-json")


def test_json_means_the_same_as_text() -> None:
    text = tile_filter("kv > 1 AND NOT (name LIKE 'a%') AND S_INTERSECTS(geometry, BBOX(1, 2, 3, 4))")
    json = read_filter(
        '{"op": "and", "args": [{"op": ">", "args": [{"property": "kv"}, 1]}, '
        '{"op": "not", "args": [{"op": "like", "args": [{"property": "name"}, "a%"]}]}, '
        '{"op": "s_intersects", "args": [{"property": "geometry"}, {"bbox": [1, 2, 3, 4]}]}]}',
        properties_of(None),
        "cql2-json",
    )
    assert text.key == json.key


def test_a_box_over_the_antimeridian_has_two_parts() -> None:
    network = town(branches=60, centre=(180.0, 10.0), size=0.0)
    masks, state = FilterMasks(network), snapshot(network)
    placed = int(masks.mask(tile_filter("geometry IS NOT NULL"), state, "switches").sum())
    assert placed > 5
    for box, count in (("179, 9, -179, 11", placed), ("-179, 9, 179, 11", 0)):
        mask = masks.mask(tile_filter(f"S_INTERSECTS(geometry, BBOX({box}))"), state, "switches")
        assert int(mask.sum()) == count


def test_a_box_may_be_a_point(network: Network, state: Snapshot) -> None:
    lng, lat = network.node_lnglat[network.switches["node1"]][0].tolist()
    found = kept(network, state, f"S_INTERSECTS(geometry, BBOX({lng!r}, {lat!r}, {lng!r}, {lat!r}))", "switches")
    assert 0 in found and len(found) < len(network.switches)


def test_only_properties_of_the_layers_asked_for_are_known(network: Network, state: Snapshot) -> None:
    assert FilterMasks(network).mask(tile_filter("open", ("switches", "lines")), state, "lines").sum() == 0
    with pytest.raises(FilterError, match="no property 'open'"):
        tile_filter("open", ("lines",))


def test_live_properties_follow_the_state_and_the_phases(network: Network) -> None:
    masks = FilterMasks(network)
    for seed in range(4):
        now = snapshot(network, seed)
        opened = (now.state.open & network.switches["phases"] & 7) != 0
        assert masks.mask(tile_filter("open"), now, "switches").tolist() == opened.tolist()
        on_b = (now.state.open & network.switches["phases"] & 2) != 0
        assert masks.mask(tile_filter("open"), now, "switches", 2).tolist() == on_b.tolist()
    assert {"energized", "open"} == LIVE


def test_masks_are_bounded_in_bytes_and_made_once(network: Network, state: Snapshot) -> None:
    masks = FilterMasks(network, 2_000)
    first = masks.mask(tile_filter("kv  >  1 AND open"), state, "switches")
    assert masks.mask(tile_filter("kv > 1 and open"), state, "switches") is first
    for number in range(50):
        masks.mask(tile_filter(f"id > {number} AND energized = 2"), state, "meters")
        assert masks.size <= 2_000
    assert masks.mask(tile_filter("kv > 1 and open"), state, "switches") is not first


def test_masks_are_of_their_network(network: Network) -> None:
    with pytest.raises(ValueError, match="another network"):
        FilterMasks(network).mask(tile_filter("open"), snapshot(town(seed=9, branches=60)), "lines")


@pytest.mark.parametrize("z", [10, 13, 14, 16])
@pytest.mark.parametrize("text", ["energized = 0 OR open", "kv > 1 AND customers > 2", "phases LIKE '%B%'"])
def test_a_filtered_tile_holds_what_fits_and_nothing_else(z: int, text: str) -> None:
    network = town(size=0.004)
    source, now = TileSource(network), snapshot(network, 3)
    x, y = (int(part) for part in lnglat_to_tile(9.0, 48.0, z))
    whole = reader.read(source.tile("grid", z, x, y, now).data)
    masks = source.filters.keep(tile_filter(text), now)
    shown = reader.read(source.tile("grid", z, x, y, now, keep=masks).data)
    for name, layer in whole.items():
        expected = [feature.id for feature in layer.features if masks[name][feature.id - 1]]
        assert [feature.id for feature in shown[name].features] == expected if expected else name not in shown
    assert sum(len(layer.features) for layer in shown.values()) > 0
