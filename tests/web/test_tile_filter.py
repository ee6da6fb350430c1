"""The parameter `filter` of tiles, TileJSON and style."""

from __future__ import annotations

from urllib.parse import parse_qs, quote, urlsplit

import pytest

from tests.tiles import reader as tiles
from tests.web.conftest import LAT, LNG, STEP, Client
from tiles.mercator import lnglat_to_tile

X, Y = (int(part) for part in lnglat_to_tile(LNG + 2.5 * STEP, LAT, 10))
TILE = f"/tiles/grid/10/{X}/{Y}.mvt"


def shown(client: Client, text: str, more: str = "", layer: str = "switches") -> set[object]:
    """Ids of a layer's features in the tile that holds the whole network."""
    answer = client.get(f"{TILE}?filter={quote(text)}{more}")
    assert answer.status_code in (200, 204), answer.text
    layers = tiles.read(answer.content) if answer.content else {}
    return {feature.id for feature in layers[layer].features} if layer in layers else set()


def row_of(client: Client, mrid: str) -> object:
    return client.get(f"/api/elements/{mrid}").json()["id"]


def test_a_tile_holds_what_the_condition_is_true_of(reader: Client) -> None:
    assert shown(reader, "mrid IN ('SW1', 'TIE')") == {row_of(reader, "SW1"), row_of(reader, "TIE")}
    assert shown(reader, "class = 'Jumper'") == {row_of(reader, "J")}
    assert len(shown(reader, "length_m < 2000", layer="lines")) == 2
    assert shown(reader, "length_m < 2000") == set()


def test_live_properties_are_those_of_the_state_shown(client: Client) -> None:
    tie, switch = row_of(client, "TIE"), row_of(client, "SW1")
    assert shown(client, "open") == {tie}
    assert shown(client, "energized = 0", layer="lines") == set()
    client.switch("SW1", opened=True)
    assert shown(client, "open") == {tie, switch}
    assert shown(client, "open AND NOT normal_open") == {switch}
    assert shown(client, "open", "&state=normal") == {tie}
    assert shown(client, "open", "&revision=1") == {tie}
    assert len(shown(client, "energized = 0", layer="lines")) == 1


def test_the_condition_is_part_of_the_etag_however_it_is_spaced(reader: Client) -> None:
    etags = [
        reader.get(f"{TILE}{query}").headers["etag"]
        for query in ("", "?filter=kv%3E1", "?filter=kv%20%20%3E%201", "?filter=kv%3E2")
    ]
    assert etags[1] == etags[2]
    assert len(set(etags)) == 3


def test_the_etag_of_a_filtered_tile_changes_when_and_only_when_the_tile_does(client: Client) -> None:
    url = f"{TILE}?filter={quote('open AND class LIKE %')}".replace("%25", "%27%25%27")
    before = client.get(url)
    assert client.get(url, headers={"If-None-Match": before.headers["etag"]}).status_code == 304
    client.switch("SW1", opened=True)
    after = client.get(url, headers={"If-None-Match": before.headers["etag"]})
    assert after.status_code == 200 and after.content != before.content


def test_nothing_that_fits_is_an_empty_tile(reader: Client) -> None:
    assert reader.get(f"{TILE}?filter=kv%3E1000").status_code == 204


@pytest.mark.parametrize(
    ("query", "detail", "position"),
    [
        ("filter=volts%3D1", "no property 'volts'", None),
        ("filter=kv%3D%27x%27", "kv is a number and cannot be compared with 'x'", None),
        ("filter=kv%3D", "does not parse at character 4", 4),
        ("filter=", "does not parse at character 1", 1),
        ("layers=lines&filter=open", "no property 'open'", None),
        ("filter=kv%3D1&filter=kv%3D2", "filter is given 2 times", None),
    ],
)
def test_what_is_wrong_is_told(reader: Client, query: str, detail: str, position: int | None) -> None:
    for path in (TILE, "/tiles/grid.json"):
        answer = reader.get(f"{path}?{query}")
        assert answer.status_code == 400
        problem = answer.json()
        assert problem["field"] == "filter"
        assert detail in problem["detail"]
        assert problem.get("position") == position


def test_cells_sum_up_whole_elements(reader: Client) -> None:
    for path in ("/tiles/hexes/0/0/0.mvt", "/tiles/hexes.json"):
        answer = reader.get(f"{path}?filter=customers%3E1")
        assert answer.status_code == 400
        assert answer.json()["detail"] == "filter is for the tileset grid: cells and feeders sum up whole elements"


def test_tilejson_and_style_hand_the_condition_on(reader: Client) -> None:
    condition = "feeder = 'CB1' AND name LIKE '100 %'"
    document = reader.get(f"/tiles/grid.json?filter={quote(condition)}").json()
    assert parse_qs(urlsplit(document["tiles"][0]).query) == {"filter": [condition]}
    sources = reader.get(f"/style.json?filter={quote(condition)}").json()["sources"]
    assert parse_qs(urlsplit(sources["grid"]["url"]).query) == {"filter": [condition]}
    assert urlsplit(sources["hexes"]["url"]).query == ""
