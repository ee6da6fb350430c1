"""The viewer in a real browser, on the demo network in a GeoPackage."""

from __future__ import annotations

import base64
import csv
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Playwright

from tests.ports import free_port
from tests.web.browser_viewer import (
    BREAKER,
    LINE,
    SIZES,
    TOWN,
    Scheme,
    Show,
    Viewer,
    element,
    launch,
    middle,
    operated,
    viewing,
    wait_for_outages,
)
from tests.web.conftest import Served
from twin.engine import Twin
from web.files import load
from web.viewer_endpoints import FOLDER

pytest_plugins = ["tests.web.browser_fixtures"]
pytestmark = pytest.mark.browser

MOST_BYTES = 60_000
PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNMP/X/HwAEbAKIXcOXZwAAAABJRU5ErkJggg=="
)
"""A picture of one point."""

# --- the map


def test_cells_when_zoomed_out_and_elements_when_zoomed_in(show: Show) -> None:
    viewer = show().open()
    viewer.look("zoomed-out")
    assert set(viewer.drawn()) == {"hexes", "feeders"} and viewer.drawn()["hexes"] > 50
    viewer.go(*TOWN, 15)
    viewer.look("zoomed-in")
    drawn = viewer.drawn()
    assert "hexes" not in drawn
    assert drawn["lines"] > 100 and drawn["switches"] > 10 and drawn["transformers"] > 0
    viewer.go(*TOWN, 12)
    assert viewer.drawn()["hexes"] and viewer.drawn()["lines"]  # neither is gone before the other is there


def test_cells_say_what_is_in_them_and_lead_to_their_elements(show: Show, address: str) -> None:
    viewer = show().open(f"9/{TOWN[1]}/{TOWN[0]}")
    viewer.click_map(*TOWN)
    viewer.page.wait_for_selector("#pick:has-text('H3 cell')")
    told = dict(line.split("\n") for line in viewer.page.locator("#pick .totals div").all_inner_texts())
    assert told["Supplied"] == "100 %" and "VA" in told["Rated"] and "m" in told["Lines"]
    viewer.page.click("#pick .buttons button")
    viewer.settled()
    assert viewer.drawn()["lines"] > 0


def test_many_elements_at_one_point_are_listed_and_one_is_picked(show: Show, address: str) -> None:
    busy = element(address, "MV3.101 Switch 13")
    viewer = show().open(f"17/{TOWN[1]}/{TOWN[0]}").go(*middle(busy), 17)
    viewer.click_map(*middle(busy))
    viewer.page.wait_for_selector("#pick-list li")
    assert viewer.page.locator("#pick-list li").count() > 5
    viewer.look("list")
    viewer.page.click("#pick-list button:has(b:text-is('MV3.101 Switch 13'))")
    viewer.page.wait_for_selector("#card-title:text-is('MV3.101 Switch 13')")
    viewer.page.click("#card button.link:has-text('elements here')")
    viewer.page.wait_for_selector("#pick-list li:nth-child(6)")


def test_the_keyboard_picks_what_is_in_the_middle_of_the_map(show: Show, address: str) -> None:
    line = element(address, LINE)
    viewer = show().open(f"16/{TOWN[1]}/{TOWN[0]}").go(*middle(line), 16)
    viewer.page.focus("#map canvas")
    viewer.page.keyboard.press("Enter")
    viewer.page.wait_for_selector(f"#pick-list b:text-is('{LINE}'), #card-title:text-is('{LINE}')")
    viewer.page.keyboard.press("Escape")
    viewer.page.wait_for_selector("#pick", state="hidden")
    viewer.page.wait_for_selector("#card", state="hidden")


def test_coasts_borders_and_names_lie_behind_the_network(show: Show) -> None:
    viewer = show(scheme="dark").open()
    names = "gridtwin.map.map.queryRenderedFeatures({layers: ['context-country_names']}).map(f => f.properties.name)"
    viewer.page.wait_for_function(f"() => {names}.includes('Germany')")
    viewer.settled().look("background")
    for layer in ("context-coast", "context-border"):
        assert viewer.ask(f"gridtwin.map.map.queryRenderedFeatures({{layers: ['{layer}']}}).length") > 0
    order = viewer.ask("gridtwin.map.map.getStyle().layers.map(layer => layer.id)")
    assert order.index("context-border") < order.index("hexes") < order.index("context-country_names")
    viewer.page.click("[data-part=context]")
    viewer.settled()
    assert viewer.ask(names) == [] and "hide=context" in viewer.url
    assert viewer.drawn()["hexes"] > 50


def test_a_basemap_of_the_setting_is_drawn_and_nothing_else_let_in(
    browser: Browser, serve: Callable[..., Served], twin: Twin, pictures: Path
) -> None:
    with tiles_of_one_colour() as (origin, asked):
        served = serve(twin, basemap=origin + "/{z}/{x}/{y}.png", basemap_attribution="Maps of the test")
        with viewing(browser, served.url, pictures) as viewer:
            viewer.open()
            tiles = {url.removeprefix(origin) for url in viewer.strangers}  # one that is given up may never arrive
            assert asked and set(asked) <= tiles
            assert all(re.fullmatch(r"/\d+/\d+/\d+\.png", path) for path in tiles)
            assert viewer.errors == []
            assert "Maps of the test" in viewer.text(".maplibregl-ctrl-attrib")
            order = viewer.ask("gridtwin.map.map.getStyle().layers.map(layer => layer.id)")
            assert order[:2] == ["background", "basemap"]
            viewer.look("basemap")
            with viewer.page.expect_console_message(lambda said: "Content Security Policy" in said.text):
                assert viewer.ask("fetch('http://127.0.0.1:9/').then(() => 'came', () => 'refused')") == "refused"


@contextmanager
def tiles_of_one_colour() -> Iterator[tuple[str, list[str]]]:
    """A server of map tiles, and the paths that it was asked for."""
    asked: list[str] = []

    class Tiles(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.send_header("Content-Type", "image/png")
            self.send_header("Access-Control-Allow-Origin", "*")
            self.end_headers()
            self.wfile.write(PIXEL)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Tiles) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", asked
        server.shutdown()
        thread.join(30)


@pytest.mark.parametrize("size", ["usual", "large"])
def test_the_whole_network_is_seen_beside_panel_and_legend(show: Show, size: str) -> None:
    viewer = show(size=size).open()
    covered = viewer.ask(
        """() => {
            const [left, bottom, right, top] = gridtwin.network.bounds;
            const map = gridtwin.map.map;
            const {top: y0, left: x0} = map.getCanvas().getBoundingClientRect();
            const corners = [[left, bottom], [left, top], [right, bottom], [right, top]].map(at => map.project(at));
            const box = name => document.querySelector(name).getBoundingClientRect();
            const within = ({x, y}, {left, right, top, bottom}) =>
                x + x0 > left && x + x0 < right && y + y0 > top && y + y0 < bottom;
            const boxes = ['#legend', '#panel', '#tools'].map(box);
            return corners.filter(corner => boxes.some(each => within(corner, each))).length;
        }"""
    )
    assert covered == 0


# --- traces


def test_a_click_and_a_trace_show_the_servers_totals(show: Show, address: str, normal: None) -> None:
    line = element(address, LINE)
    viewer = show().open(f"16/{TOWN[1]}/{TOWN[0]}").go(*middle(line), 16)
    viewer.pick(*middle(line), LINE)
    viewer.look("card")
    assert f"{line['customers_downstream']:,}" in viewer.text("#card .facts")
    viewer.page.click("[data-trace=downstream]")
    viewer.page.wait_for_selector("#total-customers")
    viewer.settled()
    viewer.look("trace")
    request = {"kind": "downstream", "start": [LINE], "elements": False}
    answer = httpx.post(f"{address}/api/traces", json=request).raise_for_status().json()
    assert viewer.number("#total-customers") == answer["sums"]["customers"] > 100
    assert f"{answer['sums']['counts']['AcLineSegment']:,} lines" in viewer.text("#trace .totals")
    assert viewer.ask("gridtwin.map.map.queryRenderedFeatures({layers: ['trace-line']}).length") > 10
    viewer.page.click("#trace-clear")
    viewer.page.wait_for_selector("#trace", state="hidden")
    assert not viewer.ask("Boolean(gridtwin.map.map.getSource('trace'))")
    assert "trace=" not in viewer.url


@pytest.mark.parametrize("kind", ["restoration", "protection", "subnetwork", "direction", "loops"])
def test_other_traces_are_in_a_list_and_say_what_they_found(show: Show, address: str, normal: None, kind: str) -> None:
    viewer = show().open(element=LINE)
    viewer.page.select_option("#more-traces", kind)
    viewer.page.wait_for_selector("#total-customers")
    viewer.settled()
    request = {"kind": kind, "start": [LINE], "elements": False}
    answer = httpx.post(f"{address}/api/traces", json=request).raise_for_status().json()
    assert viewer.number("#total-customers") == answer["sums"]["customers"]
    said = viewer.text("#trace")
    if kind == "restoration":
        viewer.look("trace-restoration")
        assert f"{answer['customers_beyond']:,} customers beyond it" in said
        assert answer["restorations"] and answer["switches"]
        for mrid in (answer["restorations"][0]["tie"], answer["switches"][0]):
            assert viewer.page.locator("#trace details b").get_by_text(mrid, exact=True).count() >= 1
    if kind == "protection":
        assert answer["devices"][0] in said
    if kind == "loops":
        assert answer["loops"] == [] and "No loop runs" in said
    assert f"trace={kind}" in viewer.url


def test_a_trace_is_told_by_feeder_and_its_link_copied(show: Show, address: str, normal: None) -> None:
    viewer = show()
    viewer.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    viewer.open(trace="downstream", **{"from": LINE})
    request = {"kind": "downstream", "start": [LINE], "elements": False}
    (told,) = httpx.post(f"{address}/api/traces", json=request).raise_for_status().json()["by_feeder"]
    row = viewer.text("#trace-feeders tbody tr")
    assert row.split("\t")[:2] == [told["name"], f"{told['customers']:,}"] and told["customers"] > 100
    assert f"{told['counts']['Switch']:,} switches" in str(
        viewer.page.get_attribute("#trace-feeders th button", "title")
    )
    viewer.page.click("#trace-link")
    viewer.page.wait_for_selector("#notes :text('The link is copied')")
    assert viewer.ask("navigator.clipboard.readText()") == viewer.url
    viewer.page.click("#trace-feeders th button")
    viewer.page.wait_for_selector(f"#card-title:text-is('{told['name']}')")


def test_the_flow_of_a_trace_wanders_along_it_and_stands_still_for_who_wants_it(show: Show, normal: None) -> None:
    chevrons = "gridtwin.map.map.getImage('gt-flow1').data.data.join()"
    calm = show().open(trace="downstream", **{"from": LINE})
    for layer in ("trace-flow1", "trace-flow-1"):
        count = f"gridtwin.map.map.queryRenderedFeatures({{layers: ['{layer}']}}).length"
        assert calm.go(11.378, 53.645, 14).ask(count) > 0
    still = calm.ask(chevrons)
    calm.page.wait_for_timeout(700)
    assert calm.ask(chevrons) == still
    calm.page.emulate_media(reduced_motion="no-preference")
    calm.page.click("#trace-clear")
    calm.page.go_back()
    calm.page.wait_for_function(f"still => {chevrons} !== still", arg=still)
    calm.page.click("#trace-clear")
    assert not calm.ask("Boolean(gridtwin.map.map.getLayer('trace-flow1'))")


@pytest.mark.parametrize(("label", "suffix"), [("CSV", "csv"), ("GeoJSON", "geojson")])
def test_a_trace_is_taken_away_as_a_file(show: Show, label: str, suffix: str) -> None:
    viewer = show().open(trace="downstream", **{"from": LINE})
    with viewer.page.expect_download() as download:
        viewer.page.click(f"#trace button:text-is('{label}')")
    assert download.value.suggested_filename == f"downstream_MV3.101_Line_30.{suffix}"
    text = Path(download.value.path()).read_text()
    assert LINE in text
    if suffix == "csv":
        rows = list(csv.DictReader(text.splitlines()))
        assert sum(int(row["customers"] or 0) for row in rows) == viewer.number("#total-customers") > 100
        assert {"AcLineSegment", "EnergyConsumer"} <= {row["class"] for row in rows}


def test_a_trace_over_the_whole_country_is_drawn_where_tiles_show_cells(show: Show) -> None:
    viewer = show().open(trace="upstream", **{"from": BREAKER})
    viewer.page.wait_for_function("() => gridtwin.trace.result.lines?.length > 100")
    viewer.settled()
    assert viewer.ask("gridtwin.map.map.getZoom()") < 10
    assert viewer.ask("gridtwin.map.map.queryRenderedFeatures({layers: ['far-line']}).length") > 100
    viewer.look("trace-wide")


def test_a_trace_that_finds_nothing_says_so(show: Show, address: str, normal: None) -> None:
    operated(address, BREAKER, opened=True)
    dead = element(address, BREAKER)["nodes"]
    dead_node = next(node for node in dead if element(address, node)["energized"] == 0)
    viewer = show().open(trace="upstream", **{"from": dead_node})
    assert "has no supply" in viewer.text("#trace .hint")


# --- switching


def test_opening_a_switch_shows_the_outage_to_everybody_without_reloading(
    show: Show, address: str, normal: None
) -> None:
    breaker = element(address, BREAKER)
    behind = httpx.post(
        f"{address}/api/traces", json={"kind": "downstream", "start": [BREAKER], "elements": "all"}
    ).json()
    line = next(edge["mrid"] for edge in behind["edges"] if edge["class"] == "AcLineSegment")
    fed = element(address, line)
    viewer, other = show(), show()
    viewer.open(f"17/{TOWN[1]}/{TOWN[0]}", element=BREAKER).go(*middle(fed), 17)
    other.open(f"17/{TOWN[1]}/{TOWN[0]}").go(*middle(fed), 17)
    for page in (viewer, other):
        page.ask("window.never_reloaded = true")
        assert page.number("#kpi-out") == 0 and page.number("#kpi-outages") == 0
        page.until_energized(fed, 2)

    asked = viewer.confirm("#card")
    assert f"{breaker['customers_downstream']:,} customers will lose supply" in asked
    for page in (viewer, other):
        wait_for_outages(page.page, 1)
        page.page.wait_for_selector(f"#outages .cause:has-text('{BREAKER}')")
        page.until_energized(fed, 0)
        page.settled()
        assert page.number("#kpi-out") == breaker["customers_downstream"] > 100
        assert page.ask("window.never_reloaded")
    dead = viewer.ask(
        "id => gridtwin.map.map.queryRenderedFeatures({layers: ['lines-dead']}).some(f => f.id === id)", fed["id"]
    )
    assert dead
    assert "Open, normally closed" in viewer.text("#card .badges")
    viewer.look("outage")
    other.page.click("#outages button.row")
    other.settled().look("outage-whole")
    assert other.ask("gridtwin.map.map.queryRenderedFeatures({layers: ['outage-mark']}).length") == 1

    assert "will get supply" in viewer.confirm("#card")
    for page in (viewer, other):
        wait_for_outages(page.page, 0)
        page.go(*middle(fed), 17)
        page.until_energized(fed, 2)


def test_tiles_out_of_view_come_back_in_the_new_state(show: Show, address: str, normal: None) -> None:
    behind = httpx.post(f"{address}/api/traces", json={"kind": "downstream", "start": [BREAKER]}).json()
    line = element(address, next(edge["mrid"] for edge in behind["edges"] if edge["class"] == "AcLineSegment"))
    viewer = show().open(f"16/{TOWN[1]}/{TOWN[0]}").go(*middle(line), 16)
    viewer.until_energized(line, 2)
    viewer.go(9.0, 50.0, 16)
    operated(address, BREAKER, opened=True)
    wait_for_outages(viewer.page, 1)
    viewer.go(*middle(line), 16)
    viewer.until_energized(line, 0)


def test_only_stale_tiles_are_fetched_again(show: Show, address: str, normal: None) -> None:
    viewer = show().open("14/53.73/11.74")
    fetched: list[str] = []
    viewer.page.on("request", lambda request: fetched.append(request.url) if "/tiles/" in request.url else None)
    operated(address, BREAKER, opened=True)
    wait_for_outages(viewer.page, 1)
    viewer.settled()
    assert fetched == []
    assert viewer.drawn()["lines"] > 0


def test_back_to_normal_ends_the_outages(show: Show, address: str, normal: None) -> None:
    operated(address, BREAKER, opened=True)
    viewer = show().open()
    wait_for_outages(viewer.page, 1)
    customers = viewer.number("#kpi-out")
    assert customers > 100 and f"{customers:,} customers supplied again" in viewer.confirm("#outages")
    viewer.page.wait_for_selector("#outages h2:text-is('No outages')")
    assert viewer.text("#kpi-share") == "100 %"


def test_a_shown_trace_follows_the_state(show: Show, address: str, normal: None) -> None:
    viewer = show().open(trace="downstream", **{"from": BREAKER})
    assert viewer.number("#total-customers") > 100
    operated(address, BREAKER, opened=True)
    viewer.page.wait_for_function(
        "() => gridtwin.trace.result.revision === gridtwin.revision && gridtwin.outages.length === 1"
    )
    request = {"kind": "downstream", "start": [BREAKER], "elements": False}
    now = httpx.post(f"{address}/api/traces", json=request).json()
    assert viewer.number("#total-customers") == now["customers"]


def test_tabs_share_one_event_stream_and_pass_it_on(show: Show, address: str, normal: None) -> None:
    first = show().open()
    first.page.wait_for_selector("#live.on")
    streams: list[str] = []
    context = first.page.context
    context.on("request", lambda request: streams.append(request.url) if "/api/stream" in request.url else None)
    second = Viewer(context.new_page(), address, first.pictures).open()
    second.page.wait_for_selector("#live.on")
    operated(address, BREAKER, opened=True)
    for viewer in (first, second):
        wait_for_outages(viewer.page, 1)
    assert streams == []
    with context.expect_event("request", lambda request: "/api/stream" in request.url):
        first.page.close()
    operated(address, BREAKER, opened=False)
    wait_for_outages(second.page, 0)
    assert len(streams) == 1
    assert second.errors == [] and second.strangers == []


# --- search and links


def test_search_by_keyboard_flies_to_the_result(show: Show, address: str) -> None:
    viewer = show().open()
    viewer.page.keyboard.press("/")
    viewer.page.keyboard.insert_text(LINE)  # at once, so that no results of its beginning come in between
    viewer.page.wait_for_selector(f"#results [role=option]:first-child b:text-is('{LINE}')")
    viewer.look("search")
    viewer.page.keyboard.press("ArrowDown")
    assert viewer.page.get_attribute("#search", "aria-activedescendant") == "result-0"
    viewer.page.keyboard.press("Enter")
    viewer.page.wait_for_selector(f"#card-title:text-is('{LINE}')")
    viewer.settled()
    lng, lat = middle(element(address, LINE))
    left, bottom, right, top = viewer.ask("gridtwin.map.map.getBounds().toArray().flat()")
    assert left < lng < right and bottom < lat < top
    assert viewer.ask("gridtwin.map.map.getZoom()") > 12
    assert viewer.drawn()["lines"] > 0


@pytest.mark.parametrize("text", [f"{TOWN[1]}, {TOWN[0]}", f"{TOWN[1]}° N {TOWN[0]}° E"])
def test_search_by_coordinates_flies_there(show: Show, text: str) -> None:
    viewer = show(size="small").open()
    viewer.page.focus("#search")
    viewer.page.keyboard.insert_text(text)
    viewer.page.wait_for_selector("#results [role=option]:first-child:has-text('53.64000, 11.37000')")
    viewer.look("search-small")
    viewer.page.keyboard.press("Enter")
    viewer.page.wait_for_function("() => gridtwin.map.map.getZoom() > 14")
    viewer.settled()
    left, bottom, right, top = viewer.ask("gridtwin.map.map.getBounds().toArray().flat()")
    assert left < TOWN[0] < right and bottom < TOWN[1] < top
    assert viewer.ask("gridtwin.map.map.queryRenderedFeatures({layers: ['selection-ring']}).length") == 1
    y = viewer.ask("at => gridtwin.map.map.project(at).y", list(TOWN))
    assert y < viewer.ask("document.getElementById('panel').offsetTop")  # no panel covers it


def test_what_is_no_place_is_not_offered_as_one(show: Show) -> None:
    viewer = show().open()
    for text in ("95, 11", "53.64", "53.64, 181", "53.64, 11.37, 3"):
        with viewer.page.expect_response("**/api/search*"):
            viewer.page.fill("#search", text)
        viewer.settled()
        assert (
            viewer.page.is_visible("#results") and viewer.page.locator("#results .chip:text-is('Place')").count() == 0
        )


def test_a_search_without_results_says_so(show: Show) -> None:
    viewer = show().open()
    viewer.page.fill("#search", "no such thing")
    viewer.page.wait_for_selector("#results .empty")
    assert "Nothing is called “no such thing”" in viewer.text("#results")
    viewer.page.keyboard.press("Escape")
    assert viewer.page.is_hidden("#results")


def test_a_link_restores_place_element_and_trace(show: Show) -> None:
    first = show().open(element=LINE)
    first.page.click("[data-trace=downstream]")
    first.page.wait_for_selector("#total-customers")
    first.go(*TOWN, 14.5)
    first.page.wait_for_function("() => location.hash.startsWith('#14.5/')")
    second = show()
    second.page.goto(first.url)
    second.settled()
    assert second.text("#card-title") == LINE
    assert second.text("#total-customers") == first.text("#total-customers")
    assert second.ask("gridtwin.map.map.getZoom()") == pytest.approx(14.5, abs=0.01)
    second.page.go_back()
    first.page.go_back()
    first.page.wait_for_selector("#trace", state="hidden")
    assert first.text("#card-title") == LINE


def test_a_link_to_an_element_that_is_gone_explains_itself(show: Show) -> None:
    viewer = show().open(element="a/b c&d=1")
    assert "This network has no element “a/b c&d=1”" in viewer.text("#card")
    assert all("404" in error for error in viewer.errors)
    viewer.errors.clear()


def test_a_link_to_a_trace_that_cannot_begin_explains_itself(show: Show) -> None:
    viewer = show().open(trace="downstream", **{"from": "no such element"})
    viewer.page.wait_for_selector("#notes .error:has-text('The trace cannot begin at “no such element”')")
    assert viewer.page.is_hidden("#trace") and viewer.drawn()["hexes"] > 50
    assert all("404" in error for error in viewer.errors)
    viewer.errors.clear()


# --- when things are missing


def test_without_webgl_everything_but_the_map_works(
    playwright: Playwright, chromium_path: str, address: str, pictures: Path
) -> None:
    browser = launch(playwright, chromium_path, "--disable-3d-apis")
    with viewing(browser, address, pictures) as viewer:
        viewer.open(element=LINE)
        assert "offers no WebGL" in viewer.text("#notes")
        assert viewer.text("#card-title") == LINE
        viewer.page.click("[data-trace=downstream]")
        viewer.page.wait_for_selector("#total-customers")
        viewer.look("no-webgl")
        assert viewer.errors == []
    browser.close()


def test_a_lost_connection_is_said_and_found_again(
    browser: Browser, serve: Callable[..., Served], twin: Twin, pictures: Path
) -> None:
    port = free_port()  # which nobody else gets in between
    served = serve(twin, port=port)
    with viewing(browser, served.url, pictures) as viewer:
        viewer.open()
        viewer.page.wait_for_selector("#live.on")
        served.stop()
        viewer.page.wait_for_selector("#live.off")
        assert "Not live since" in viewer.text("#live")
        viewer.page.fill("#search", "L2")
        viewer.page.wait_for_selector("#results .empty")
        assert "The server does not answer" in viewer.text("#results")
        viewer.look("server-gone")
        serve(twin, port=port)
        viewer.page.wait_for_selector("#live.on")
        assert viewer.text("#live") == "Live"


def test_a_server_that_is_not_there_yet_is_waited_for(show: Show) -> None:
    viewer = show()
    viewer.page.route("**/api/network", lambda route: route.abort())
    viewer.page.goto(viewer.base)
    viewer.page.wait_for_selector("#notes .error:has-text('The server does not answer')")
    assert "Trying again" in viewer.text("#notes") and viewer.text("#live") == "No answer yet"
    viewer.page.unroute("**/api/network")
    viewer.settled()
    assert viewer.page.locator("#notes .error").count() == 0 and viewer.drawn()["hexes"] > 50
    assert all("net::ERR_FAILED" in error for error in viewer.errors)
    viewer.errors.clear()


# --- looks


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
def test_nothing_is_cut_off_at_any_size(show: Show, size: str, scheme: Scheme) -> None:
    viewer = show(size=size, scheme=scheme).open(element=BREAKER, trace="downstream", **{"from": LINE})
    viewer.look(f"{size}-{scheme}")
    width, height = SIZES[size]
    assert viewer.ask("[document.documentElement.scrollWidth, document.documentElement.scrollHeight]") == [
        width,
        height,
    ]
    outside = viewer.ask(
        """() => [...document.querySelectorAll('#top *, #panel header *, #panel button, #legend *')]
            .filter(e => e.checkVisibility() && !e.closest('svg') && !e.closest('.unseen'))
            .map(e => [e.id || e.className || e.tagName, e.getBoundingClientRect()])
            .filter(([, r]) => r.width && (r.left < 0 || r.right > innerWidth + 0.5))
            .map(([name]) => name)"""
    )
    assert outside == []


def test_a_new_theme_keeps_what_is_shown(show: Show) -> None:
    viewer = show().open(element=LINE, trace="downstream", **{"from": LINE})
    paper = "gridtwin.map.map.getStyle()?.layers[0].paint['background-color']"
    before = viewer.ask(paper)
    viewer.page.emulate_media(color_scheme="dark")
    viewer.page.wait_for_function(f"before => ![undefined, before].includes({paper})", arg=before)
    viewer.settled()
    assert viewer.ask("gridtwin.map.map.queryRenderedFeatures({layers: ['trace-line']}).length") > 10


def test_the_viewers_scripts_are_small_and_name_no_other_host() -> None:
    own = [path for path in FOLDER.iterdir() if path.suffix in (".js", ".css", ".html", ".svg")]
    scripts = [path for path in own if path.suffix == ".js"]
    assert sum(len(load(path).packed or load(path).plain) for path in scripts) < MOST_BYTES
    for path in own:
        hosts = set(re.findall(r"https?://([\w.-]+)", path.read_text()))
        assert hosts <= {"www.w3.org"}, path.name  # the name of SVG's namespace
