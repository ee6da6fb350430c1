"""Tiles over HTTP: what is in them, and above all when a client may keep them."""

from __future__ import annotations

import gzip

import mapbox_vector_tile
import pytest

from tests.web.conftest import LAT, LNG, STEP, Client, Connect
from tiles import stale
from tiles.mercator import lnglat_to_tile
from twin.engine import Twin
from twin.network import Network
from web import live_tiles

MVT = "application/vnd.mapbox-vector-tile"


def address(x: float, y: float = 0, z: int = 16) -> str:
    """Path of the grid tile that holds a place of the drawing in conftest.py."""
    column, row = lnglat_to_tile(LNG + STEP * x, LAT + STEP * y, z)
    return f"/tiles/grid/{z}/{int(column)}/{int(row)}"


FED, BEHIND = address(1.2), address(3.2)
"""Tiles before and behind SW1."""


def decoded(data: bytes) -> dict[str, dict[str, dict[str, object]]]:
    """Layer → mrid → attributes."""
    layers = mapbox_vector_tile.decode(data)
    return {
        name: {str(f["properties"].get("mrid")): f["properties"] for f in layer["features"]}
        for name, layer in layers.items()
    }


# --- what is in a tile ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", ["mvt", "pbf"])
def test_a_tile_shows_the_live_state(client: Client, ending: str) -> None:
    path = f"{BEHIND}.{ending}"
    before = client.get(path)
    assert (before.status_code, before.headers["content-type"]) == (200, MVT)
    assert decoded(before.content)["lines"]["L2"]["energized"] == 2
    client.switch("SW1", opened=True)
    assert decoded(client.get(path).content)["lines"]["L2"]["energized"] == 0
    assert decoded(client.get(path + "?state=normal").content)["lines"]["L2"]["energized"] == 2


def test_layers_can_be_chosen(reader: Client) -> None:
    whole, lines = (decoded(reader.get(address(4, z=12) + query).content) for query in (".mvt", ".mvt?layers=lines"))
    assert {"lines", "switches", "meters"} <= set(whole)
    assert set(lines) == {"lines"}
    both = [reader.get(f"{FED}.mvt?layers={layers}") for layers in ("lines,meters", "meters,lines,lines")]
    assert both[0].headers["etag"] == both[1].headers["etag"]


def test_phases_can_be_chosen(client: Client) -> None:
    client.post("/api/switching", {"operations": [{"mrid": "SW1", "open": True, "phases": "B"}]})
    shown = {
        phases: decoded(client.get(f"{BEHIND}.mvt?phases={phases}").content)["lines"]["L2"]["energized"]
        for phases in ("A", "B", "ABC", "ABCN")
    }
    assert shown == {"A": 2, "B": 0, "ABC": 1, "ABCN": 1}


def test_an_empty_tile_is_204_with_the_rules_of_any_other(client: Client) -> None:
    empty = client.get("/tiles/grid/16/0/0.mvt")
    assert (empty.status_code, empty.content) == (204, b"")
    assert empty.headers["cache-control"] == "no-cache" and empty.headers["gridtwin-revision"] == "1"
    again = client.get("/tiles/grid/16/0/0.mvt", headers={"If-None-Match": empty.headers["etag"]})
    assert again.status_code == 304


def test_head_answers_as_get_without_a_body(reader: Client) -> None:
    named = {"X-Request-ID": "same"}
    get, head = (reader.request(method, f"{FED}.mvt", headers=named) for method in ("GET", "HEAD"))
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers == get.headers


def test_cells_add_up_to_the_customers(client: Client) -> None:
    client.switch("SW1", opened=True)
    tile = mapbox_vector_tile.decode(client.get("/tiles/hexes/0/0/0.mvt").content)
    owned = [f["properties"] for f in tile["hexes"]["features"] if f["properties"]["owner"]]
    assert sum(cell["customers"] for cell in owned) == 6
    assert sum(cell["customers_out"] for cell in owned) == 3


# --- errors -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "status", "field", "value"),
    [
        ("/tiles/roads/12/0/0.mvt", 404, "tileset", "roads"),
        ("/tiles/roads.json", 404, "tileset", "roads"),
        ("/tiles/grid/9/0/0.mvt", 404, "z", 9),
        ("/tiles/grid/17/0/0.mvt", 404, "z", 17),
        ("/tiles/hexes/13/0/0.mvt", 404, "z", 13),
        ("/tiles/grid/10/1024/0.mvt", 404, "x", 1024),
        ("/tiles/grid/10/0/1024.mvt", 404, "y", 1024),
        ("/tiles/grid/10/-1/0.mvt", 400, "x", "-1"),
        ("/tiles/grid/1e1/0/0.mvt", 400, "z", "1e1"),
        ("/tiles/grid/10/0/99999999999999999999.mvt", 400, "y", "9" * 20),
        (f"{FED}.mvt?layers=roads", 400, "layers", "roads"),
        (f"{FED}.mvt?layers=", 400, "layers", ""),
        (f"{FED}.mvt?layers=hexes", 400, "layers", "hexes"),
        ("/tiles/hexes/0/0/0.mvt?layers=lines", 400, "layers", "lines"),
        ("/tiles/hexes/0/0/0.mvt?trace=x", 400, "trace", "x"),
        ("/tiles/hexes/0/0/0.mvt?phases=A", 400, "phases", "A"),
        (f"{FED}.mvt?state=planned", 400, "state", "planned"),
        (f"{FED}.mvt?phases=X", 400, "phases", "X"),
        (f"{FED}.mvt?phases=N", 400, "phases", "N"),
        (f"{FED}.mvt?trace=x", 400, "id", "x"),
        (f"{FED}.mvt?model=0000", 410, "model", "0000"),
        (f"{FED}.mvt?revision=9", 404, "revision", 9),
        (f"{FED}.mvt?revision=-1", 400, "revision", "-1"),
        (f"{FED}.mvt?at=now", 400, "at", "now"),
        ("/tiles/grid.json?at=now", 400, "at", "now"),
        ("/tiles/hexes.json?trace=x", 400, "trace", "x"),
        ("/tiles/grid.json?model=0000", 410, "model", "0000"),
        ("/style.json?layers=lines", 400, "layers", "lines"),
        ("/style.json?font=x", 400, "font", "x"),
    ],
)
def test_a_wrong_address_or_parameter_is_told(
    reader: Client, path: str, status: int, field: str, value: object
) -> None:
    answer = reader.get(path)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert (answer.json()["field"], answer.json()["value"]) == (field, value)


# --- encodings --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "packed"),
    [
        ("gzip", True),
        ("gzip, deflate, br", True),
        ("br;q=1.0, gzip;q=0.5", True),
        ("GZIP", True),
        ("x-gzip", True),
        ("*", True),
        ("", False),
        ("identity", False),
        ("gzip;q=0", False),
        ("gzip;q=0, *", False),
        ("gzip;q=oops", False),
        ("br", False),
    ],
)
def test_a_tile_is_packed_for_those_who_can_unpack_it(reader: Client, header: str, packed: bool) -> None:
    answer = reader.get(f"{FED}.mvt", headers={"Accept-Encoding": header})
    assert (answer.headers.get("content-encoding") == "gzip") == packed
    assert answer.headers["vary"] == "Accept-Encoding"
    assert set(decoded(answer.content)) == {"lines"}


def test_two_encodings_have_two_etags_and_the_same_tile(client: Client) -> None:
    packed, plain = (client.get(f"{FED}.mvt", headers={"Accept-Encoding": e}) for e in ("gzip", "identity"))
    assert packed.headers["etag"] != plain.headers["etag"]
    assert packed.content == plain.content
    crossed = {"If-None-Match": packed.headers["etag"], "Accept-Encoding": "identity"}
    assert client.get(f"{FED}.mvt", headers=crossed).status_code == 200


def test_the_packed_bytes_are_gzip_of_the_plain_ones(client: Client) -> None:
    client.get(f"{FED}.mvt")
    cache = client.app.state.context.tiles.cache
    (kept,) = (cache.get(key) for key in list(cache._tiles))
    assert gzip.decompress(kept.data) == client.get(f"{FED}.mvt", headers={"Accept-Encoding": "identity"}).content


# --- keeping ----------------------------------------------------------------------------------------------------------


def test_an_etag_changes_when_and_only_when_the_tile_does(client: Client) -> None:
    """Every tile of the network at every zoom, over a series of switchings, with and without parameters."""
    paths = {address(x / 2, y / 2, z) + ".mvt" for x in range(11) for y in (0, -1, -2) for z in (10, 12, 14, 16)}
    paths |= {f"/tiles/hexes/{z}/{2**z // 2}/{int(0.3296 * 2**z)}.mvt" for z in range(0, 13, 3)}
    paths |= {path + "?state=normal" for path in list(paths) if "grid/14" in path}
    batches = [("SW1", True), ("SW1", True), ("TIE", False), ("SW1", False), ("TIE", True), ("CB2", True)]
    before = {path: client.get(path) for path in sorted(paths)}
    changed_at_all = 0
    for mrid, opened in batches:
        client.switch(mrid, opened=opened)
        for path, old in before.items():
            new = client.get(path)
            same_tile, same_tag = new.content == old.content, new.headers["etag"] == old.headers["etag"]
            assert same_tile == same_tag, (mrid, opened, path)
            answer = client.get(path, headers={"If-None-Match": old.headers["etag"]})
            assert answer.status_code == (304 if same_tile else new.status_code)
            changed_at_all += not same_tile
            before[path] = new
    assert changed_at_all > 20


@pytest.mark.parametrize(
    ("header", "status"),
    [
        ("{etag}", 304),
        ("W/{etag}", 304),
        ('"other", {etag}', 304),
        ('"other" , W/{etag},"third"', 304),
        ("*", 304),
        (" * ", 304),
        ('"other"', 200),
        ("", 200),
        ("etag", 200),
    ],
)
def test_if_none_match_is_read_as_the_standard_says(reader: Client, header: str, status: int) -> None:
    etag = reader.get(f"{FED}.mvt").headers["etag"]
    assert etag.startswith('"')  # a strong one
    answer = reader.get(f"{FED}.mvt", headers={"If-None-Match": header.format(etag=etag)})
    assert answer.status_code == status
    for name in ("etag", "cache-control", "vary", "gridtwin-revision"):
        assert name in answer.headers
    assert "content-encoding" not in answer.headers or status == 200


def test_only_a_url_that_pins_model_and_revision_is_immutable(client: Client, network: Network) -> None:
    def kept(query: str) -> str:
        return str(client.get(f"{FED}.mvt?{query}").headers["cache-control"])

    assert kept("") == kept("revision=1") == kept(f"model={network.model}") == "no-cache"
    assert kept(f"model={network.model}&revision=1") == "public, max-age=31536000, immutable"


def test_a_pinned_revision_is_what_it_was(client: Client) -> None:
    pinned = {path: client.get(f"{path}.mvt?revision=1") for path in (FED, BEHIND)}
    client.switch("SW1", opened=True)
    for path, before in pinned.items():
        assert client.get(f"{path}.mvt?revision=1").content == before.content
    assert client.get(f"{FED}.mvt?revision=1").headers["etag"] == client.get(f"{FED}.mvt").headers["etag"]
    assert client.get(f"{BEHIND}.mvt?revision=1").headers["etag"] != client.get(f"{BEHIND}.mvt").headers["etag"]
    assert client.get(f"{BEHIND}.mvt?revision=2").content == client.get(f"{BEHIND}.mvt").content
    normal = client.get(f"{BEHIND}.mvt?revision=1&state=normal")
    assert normal.headers["etag"] == client.get(f"{BEHIND}.mvt?state=normal").headers["etag"]
    ahead = client.get(f"{BEHIND}.mvt?revision=3")
    assert (ahead.status_code, ahead.json()["limit"]) == (404, 2)


def test_a_pinned_url_never_changes(client: Client, network: Network) -> None:
    path = f"{BEHIND}.mvt?revision=1&model={network.model}"
    before = client.get(path)
    client.switch("SW1", opened=True)
    after = client.get(path)
    assert before.content == after.content
    assert "immutable" in before.headers["cache-control"] and "immutable" in after.headers["cache-control"]
    assert client.get(f"{BEHIND}.mvt?revision=1&model=other").status_code == 410


def test_tiles_of_an_instant(client: Client) -> None:
    before = client.get(f"{BEHIND}.mvt")
    (loaded,) = client.get("/api/events").json()["events"]
    client.switch("SW1", opened=True)
    then = client.get(f"{BEHIND}.mvt", params={"at": loaded["recorded_at"]})
    assert then.content == before.content != client.get(f"{BEHIND}.mvt").content
    assert then.headers["gridtwin-revision"] == "1" and then.headers["cache-control"] == "no-cache"
    for wrong in ("yesterday", "2026-03-01T12:00:00"):
        refused = client.get(f"{BEHIND}.mvt", params={"at": wrong})
        assert (refused.status_code, refused.json()["field"]) == (400, "at")
    assert client.get(f"{BEHIND}.mvt", params={"at": "2000-01-01T00:00:00Z"}).status_code == 410
    both = client.get(f"{BEHIND}.mvt", params={"at": loaded["recorded_at"], "revision": 1})
    assert (both.status_code, both.json()["field"]) == (400, "revision")


def test_a_restarted_server_confirms_what_did_not_change_and_nothing_else(twin: Twin, connect: Connect) -> None:
    first = connect(twin)
    old = {path: first.get(f"{path}.mvt") for path in (FED, BEHIND)}
    first.switch("SW1", opened=True)
    new = {path: first.get(f"{path}.mvt") for path in (FED, BEHIND)}
    assert twin.store is not None
    second = connect(Twin.from_store(twin.store))
    for path in (FED, BEHIND):
        answer = second.get(f"{path}.mvt", headers={"If-None-Match": old[path].headers["etag"]})
        assert answer.status_code == (304 if path == FED else 200)
        assert answer.headers["etag"] == new[path].headers["etag"]


def test_a_restarted_server_agrees_on_every_tile(twin: Twin, connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stale, "EPOCH", 4)
    paths = [f"{address(x / 2, 0, z)}.mvt" for x in range(11) for z in (10, 13, 16)]
    running = connect(twin)
    assert twin.store is not None
    for mrid, opened in [("SW1", True), ("TIE", False), ("SW1", False), ("CB2", True), ("CB2", False), ("SW1", True)]:
        running.switch(mrid, opened=opened)
        restarted = connect(Twin.from_store(twin.store))
        etags = [[client.get(path).headers["etag"] for path in paths] for client in (running, restarted)]
        assert etags[0] == etags[1], twin.revision


def test_another_version_of_the_program_never_confirms_what_this_one_made(
    twin: Twin, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    etag = connect(twin).get(f"{FED}.mvt").headers["etag"]
    monkeypatch.setattr("web.responses.VERSION", "another")
    later = connect(twin).get(f"{FED}.mvt", headers={"If-None-Match": etag})
    assert (later.status_code, later.headers["etag"] == etag) == (200, False)


def test_a_log_too_long_to_replay_makes_tiles_be_asked_for_again(
    twin: Twin, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    running = connect(twin)
    for opened in (True, False, True):
        running.switch("SW1", opened=opened)
    monkeypatch.setattr(live_tiles, "MOST_REPLAYED", 2)
    assert twin.store is not None
    restarted = connect(Twin.from_store(twin.store))
    unchanged, changed = (
        restarted.get(f"{path}.mvt", headers={"If-None-Match": running.get(f"{path}.mvt").headers["etag"]})
        for path in (FED, BEHIND)
    )
    assert (unchanged.status_code, changed.status_code) == (200, 304)


def test_two_networks_never_share_an_etag(twin: Twin, connect: Connect) -> None:
    etags = {connect(each).get("/tiles/grid/16/0/0.mvt").headers["etag"] for each in (twin, Twin(twin.network))}
    assert len(etags) == 2


def test_every_parameter_makes_another_etag(reader: Client) -> None:
    trace = reader.post("/api/traces", {"kind": "downstream", "start": ["CB1"], "elements": False}).json()["id"]
    queries = ("", "?state=normal", "?phases=A", "?phases=B", "?layers=lines", "?layers=meters", f"?trace={trace}")
    assert len({reader.get(f"{FED}.mvt{query}").headers["etag"] for query in queries}) == len(queries)


def test_a_rendered_tile_is_kept(client: Client) -> None:
    cache, counted = client.app.state.context.tiles.cache, client.app.state.context.metrics.tile_cache
    etag = client.get(f"{FED}.mvt").headers["etag"]
    client.get(f"{FED}.pbf")
    client.get(f"{FED}.mvt", headers={"If-None-Match": etag})
    assert (cache.misses, dict(counted)) == (1, {"miss": 1, "hit": 1, "not_modified": 1})


def test_readers_and_a_writer_at_once_never_see_a_tile_of_another_state(client: Client) -> None:
    """An ETag stands for one content, whatever happens at the same time."""
    contents: dict[str, set[bytes]] = {}
    for number in range(15):
        body = {"operations": [{"mrid": "SW1", "open": number % 2 == 0}]}
        requests: list[tuple[str, str, dict[str, object]]] = [("GET", f"{BEHIND}.mvt", {}) for _ in range(8)]
        requests.insert(4, ("POST", "/api/switching", {"json": body}))
        for answer in client.together(requests):
            if answer.headers["content-type"] == MVT:
                contents.setdefault(answer.headers["etag"], set()).add(answer.content)
    assert len(contents) > 10
    assert all(len(each) == 1 for each in contents.values())


# --- traces as tiles --------------------------------------------------------------------------------------------------


def test_a_trace_is_a_tile_layer(client: Client) -> None:
    trace = client.post("/api/traces", {"kind": "downstream", "start": ["SW1"], "elements": False}).json()["id"]
    assert client.get(f"{FED}.mvt?trace={trace}").status_code == 204
    line = decoded(client.get(f"{BEHIND}.mvt?trace={trace}").content)["lines"]["L2"]
    assert line["energized"] == 2 and line["flow"] in (1, -1) and line["depth"] > 0


def test_tiles_of_a_trace_outlive_the_next_switching_and_a_restart(twin: Twin, connect: Connect) -> None:
    client = connect(twin)
    trace = client.post("/api/traces", {"kind": "downstream", "start": ["CB1"], "elements": False}).json()["id"]
    first = client.get(f"{BEHIND}.mvt?trace={trace}")
    client.switch("SW1", opened=True)
    assert twin.store is not None
    for later in (client, connect(Twin.from_store(twin.store))):
        tile = later.get(f"{BEHIND}.mvt?trace={trace}")
        line, before = (decoded(each.content)["lines"]["L2"] for each in (tile, first))
        assert tile.headers["etag"] != first.headers["etag"]
        assert (line["energized"], line["depth"], line["flow"]) == (0, before["depth"], before["flow"])


# --- describing -------------------------------------------------------------------------------------------------------


def test_tilejson_describes_the_tiles(reader: Client) -> None:
    told = reader.get("/tiles/grid.json?phases=B&state=normal").json()
    assert told["tilejson"] == "3.0.0"
    assert told["tiles"] == ["http://twin.test/tiles/grid/{z}/{x}/{y}.mvt?state=normal&phases=B"]
    assert (told["minzoom"], told["maxzoom"]) == (10, 16)
    url = told["tiles"][0].replace("{z}/{x}/{y}", FED.removeprefix("/tiles/grid/"))
    assert reader.get(url).status_code == 200


def test_the_version_of_tilejson_changes_with_the_state(client: Client) -> None:
    first = client.get("/tiles/grid.json")
    seen = {"If-None-Match": first.headers["etag"]}
    assert client.get("/tiles/grid.json", headers=seen).status_code == 304
    client.switch("SW1", opened=True)
    assert client.get("/tiles/grid.json", headers=seen).json()["version"] != first.json()["version"]


def test_the_style_hands_parameters_on_to_those_tiles_that_take_them(reader: Client) -> None:
    trace = reader.post("/api/traces", {"kind": "downstream", "start": ["CB1"], "elements": False}).json()["id"]
    sources = reader.get(f"/style.json?trace={trace}&state=normal").json()["sources"]
    assert sources["hexes"]["url"] == "http://twin.test/tiles/hexes.json?state=normal"
    for source in sources.values():
        described = reader.get(source["url"])
        assert described.status_code == 200, described.text
    assert f"trace={trace}" in reader.get(sources["grid"]["url"]).json()["tiles"][0]


@pytest.mark.parametrize("path", ["/api/network", "/api/switching", "/api/traces", "/", "/metrics", "/style.json"])
def test_pages_of_other_sites_may_read_nothing_by_default(reader: Client, path: str) -> None:
    for method in ("OPTIONS", "HEAD", "POST"):
        answer = reader.request(method, path, headers={"Origin": "https://other.example"})
        assert not [name for name in answer.headers if name.startswith("access-control")]
