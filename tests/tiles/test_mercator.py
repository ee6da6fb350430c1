import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiles import mercator

places = st.tuples(st.floats(-180, 180), st.floats(-85, 85))


@given(places)
def test_the_way_back_is_the_way_there(place: tuple[float, float]) -> None:
    lng, lat = mercator.unit_to_lnglat(*mercator.lnglat_to_unit(*place))
    assert (lng, lat) == pytest.approx(place, abs=1e-9)


@given(places)
def test_world_units_are_about_two_centimetres(place: tuple[float, float]) -> None:
    lng, lat = mercator.world_to_lnglat(*mercator.lnglat_to_world(*place))
    assert abs(lng - place[0]) <= 360 / 2**31
    assert abs(lat - place[1]) <= 360 / 2**31 + 1e-12  # at the equator the step itself, and what is rounded


@given(places, st.integers(0, 16))
def test_a_tile_holds_the_places_that_are_in_it(place: tuple[float, float], z: int) -> None:
    x, y = (int(part) for part in mercator.lnglat_to_tile(*place, z))
    mercator.check_tile(z, x, y)
    left, bottom, right, top = mercator.tile_bounds(z, x, y)
    assert left - 1e-6 <= place[0] <= right + 1e-6
    assert bottom - 1e-6 <= place[1] <= top + 1e-6


@given(st.lists(st.tuples(st.integers(0, 2**31 - 1), st.integers(0, 2**31 - 1)), min_size=1))
def test_codes_and_tiles(tiles: list[tuple[int, int]]) -> None:
    x, y = np.array(tiles).T
    codes = mercator.tile_to_code(x, y)
    assert [tuple(tile) for tile in np.stack(mercator.code_to_tile(codes), axis=1).tolist()] == tiles
    assert codes.tolist() == [
        sum((a >> i & 1) << 2 * i | (b >> i & 1) << 2 * i + 1 for i in range(31)) for a, b in tiles
    ]


def test_the_square_ends_where_web_mercator_does() -> None:
    assert pytest.approx(85.0511287798066) == mercator.MAX_LATITUDE
    assert mercator.tile_bounds(0, 0, 0) == pytest.approx((-180, -85.0511287798066, 180, 85.0511287798066))
    x, y = mercator.lnglat_to_world([180, -180, 0], [90, -90, 0])
    assert x.tolist() == [2**31 - 1, 0, 2**30]
    assert y.tolist() == [0, 2**31 - 1, 2**30]


def test_a_known_tile() -> None:
    # The formula of the OpenStreetMap wiki ("Slippy map tilenames").
    lng, lat, z = 13.3777, 52.5163, 14
    x = int((lng + 180) / 360 * 2**z)
    y = int((1 - math.asinh(math.tan(math.radians(lat))) / math.pi) / 2 * 2**z)
    assert tuple(int(part) for part in mercator.lnglat_to_tile(lng, lat, z)) == (x, y)


@pytest.mark.parametrize(
    ("z", "x", "y", "field", "value", "limit"),
    [(17, 0, 0, "z", 17, 16), (9, 0, 0, "z", 9, 16), (10, 1024, 0, "x", 1024, 1023), (10, 0, -1, "y", -1, 1023)],
)
def test_an_address_out_of_range_names_field_value_and_limit(
    z: int, x: int, y: int, field: str, value: int, limit: int
) -> None:
    with pytest.raises(mercator.TileAddressError, match=rf"tile {field} is {value}; .* {limit}") as caught:
        mercator.check_tile(z, x, y, 10, 16)
    assert (caught.value.field, caught.value.value, caught.value.limit) == (field, value, limit)
