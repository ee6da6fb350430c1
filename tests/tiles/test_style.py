from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import pairwise

import pytest

from tiles import feeders, hexes, layers
from tiles.style import CROWD_ZOOM, METERS_ZOOM, style


def attributes(value: object) -> Iterator[str]:
    """Every attribute that an expression gets."""
    if isinstance(value, list):
        if value[:1] in (["get"], ["has"]):
            yield value[1]
        for each in value:
            yield from attributes(each)
    elif isinstance(value, dict):
        for each in value.values():
            yield from attributes(each)


def layer_list() -> list[dict[str, object]]:
    document = json.loads(json.dumps(style("https://host")))
    assert document["version"] == 8
    found: list[dict[str, object]] = document["layers"]
    return found


def test_every_layer_draws_what_the_tiles_hold() -> None:
    fields = {name: set(described) for name, described in layers.FIELDS.items()} | {
        "hexes": set(hexes.FIELDS),
        "feeders": set(feeders.FIELDS),
    }
    drawn = set()
    for layer in layer_list()[1:]:
        source_layer = str(layer["source-layer"])
        drawn.add(source_layer)
        assert layer["source"] == (source_layer if source_layer in ("hexes", "feeders") else "grid")
        optional = {"open"}  # asked of every point layer
        assert set(attributes(layer)) <= fields[source_layer] | optional
    assert drawn == set(fields)


def test_nothing_comes_from_elsewhere() -> None:
    document = style("https://host", query="scenario=a")
    assert "glyphs" not in document
    assert "sprite" not in document
    sources = document["sources"]
    assert isinstance(sources, dict)
    urls = [source["url"] for source in sources.values() if isinstance(source, dict)]
    assert urls == [f"https://host/tiles/{tileset}.json?scenario=a" for tileset in ("grid", "hexes", "feeders")]


def test_a_basemap_lies_under_everything_and_names_its_makers() -> None:
    address = "https://maps.example/{z}/{x}/{y}.png"
    document = json.loads(json.dumps(style("https://host", basemap=address, attribution="their maps")))
    assert document["sources"]["basemap"]["tiles"] == [address]
    assert document["sources"]["basemap"]["attribution"] == "their maps"
    assert [layer["id"] for layer in document["layers"][:2]] == ["background", "basemap"]
    assert "basemap" not in style("https://host")["sources"]  # type: ignore[operator]


def test_ids_are_unique_and_dead_is_dashed() -> None:
    found = layer_list()
    assert len({layer["id"] for layer in found}) == len(found)
    paints = {layer["id"]: layer.get("paint", {}) for layer in found}
    assert "line-dasharray" in paints["lines-dead"]  # type: ignore[operator]
    assert "line-dasharray" not in paints["lines"]  # type: ignore[operator]


def opacity(stops: object, zoom: float, volts: int) -> float:
    """A linear interpolation by zoom, as MapLibre evaluates it; volts: 0 for low voltage, 1 for medium, and so on."""
    assert isinstance(stops, list)
    assert stops[:3] == ["interpolate", ["linear"], ["zoom"]]
    values = [value[2 + 2 * volts] if isinstance(value, list) else value for value in stops[4::2]]
    pairs = list(zip(stops[3::2], values, strict=True))
    for (low, first), (high, second) in pairwise(pairs):
        if low <= zoom <= high:
            return float(first + (zoom - low) / (high - low) * (second - first))
    return float(pairs[0][1] if zoom < pairs[0][0] else pairs[-1][1])


@pytest.mark.parametrize("zoom", [0, 5, 10, 11, 11.5, 12, 12.5, 12.9, 13, 14, 18])
def test_cells_give_way_to_elements_without_a_gap(zoom: float) -> None:
    paints = {layer["id"]: layer.get("paint") for layer in layer_list()}
    cells, lines = paints["hexes"], paints["lines"]
    assert isinstance(cells, dict)
    assert isinstance(lines, dict)
    for volts, least in enumerate((0.5, 0.75, 0.75, 0.75)):  # low voltage is drawn lightly
        seen = opacity(cells["fill-opacity"], zoom, volts) + opacity(lines["line-opacity"], zoom, volts)
        assert seen >= least


def test_crowds_of_closed_low_voltage_switches_wait_until_there_is_room() -> None:
    (switches,) = (layer for layer in layer_list() if layer["id"] == "switches")
    is_open = ["==", ["get", "open"], True]
    crowded = ["all", ["!", is_open], ["<", ["coalesce", ["get", "kv"], 10], 1]]
    assert switches["filter"] == ["any", ["!", crowded], [">=", ["zoom"], CROWD_ZOOM]]
    assert float(str(switches["minzoom"])) < CROWD_ZOOM, "open ones, and those of higher voltage, are there before"
    (meters,) = (layer for layer in layer_list() if layer["id"] == "meters")
    assert meters["minzoom"] == METERS_ZOOM
