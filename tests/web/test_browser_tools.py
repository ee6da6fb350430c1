"""The viewer's tools: the form of a trace and its table, findings, the legend, help."""

from __future__ import annotations

from itertools import combinations
from math import hypot
from pathlib import Path

import httpx
import pytest

from tests.web.browser_viewer import (
    BREAKER,
    LINE,
    SIZES,
    TOWN,
    Scheme,
    Show,
    Viewer,
    element,
    middle,
    operated,
    wait_for_outages,
)

pytest_plugins = ["tests.web.browser_fixtures"]
pytestmark = pytest.mark.browser

OTHER_BREAKER = "MV3.101 Switch 42"


# --- traces


def test_a_trace_is_asked_for_by_clicks(show: Show, address: str, normal: None) -> None:
    """Start and barrier from the map; phases and state; the link has it all."""
    asked = {"kind": "downstream", "start": [LINE], "elements": "page"}
    free = httpx.post(f"{address}/api/traces", json=asked).json()
    barrier = next(
        e["mrid"] for e in free["edges"] if e["class"] == "AcLineSegment" and "MV" in e["mrid"] and e["depth"] > 2
    )
    viewer = show().open(f"16/{TOWN[1]}/{TOWN[0]}").go(*middle(element(address, LINE)), 16)
    viewer.page.click("[data-tool=tracer]")
    for field, mrid in (("start", LINE), ("barriers", barrier)):
        place = middle(element(address, mrid))
        viewer.go(*place, 17)
        viewer.page.click(f"[data-pick={field}]")
        viewer.click_map(*place)
        viewer.page.wait_for_selector(f"#pick-list, #tracer .chips span:text-is('{mrid}')")
        if viewer.page.is_visible("#pick-list"):
            viewer.page.click(f"#pick-list button:has(b:text-is('{mrid}'))")
        viewer.page.wait_for_selector(f"#tracer .chips span:text-is('{mrid}')")
        viewer.settled()
    viewer.page.select_option("#tracer-state", "normal")
    viewer.page.uncheck("[data-keep=phase-C]")
    viewer.page.wait_for_function("() => gridtwin.trace.request.phases === 'AB'")
    viewer.settled().look("tracer")
    body = {**asked, "barriers": [barrier], "phases": "AB", "state": "normal", "elements": False}
    expected = httpx.post(f"{address}/api/traces", json=body).raise_for_status().json()
    assert viewer.number("#total-customers") == expected["sums"]["customers"] < free["sums"]["customers"]
    assert "Normal switch positions" in viewer.text("#trace header")
    again = show()
    again.page.goto(viewer.url)
    again.settled()
    assert again.text("#total-customers") == viewer.text("#total-customers")
    assert again.ask("gridtwin.trace.request") == viewer.ask("gridtwin.trace.request")
    with again.page.expect_download() as download:
        again.page.click("#trace button:text-is('GeoPackage')")
    assert Path(download.value.path()).read_bytes().startswith(b"SQLite format 3")


def test_a_shortest_path_needs_two_places(show: Show, normal: None) -> None:
    viewer = show(size="small").open(element=LINE)
    viewer.page.click("[data-tool=tracer]")
    viewer.page.click("[data-selected=start]")
    viewer.page.wait_for_selector("#total-customers")
    viewer.page.select_option("#tracer-kind", "shortest_path")
    viewer.page.wait_for_selector("#tracer-run:disabled")
    viewer.page.fill("#search", "MV3.101 Switch 144")
    viewer.page.wait_for_selector("#results [role=option]")
    viewer.page.keyboard.press("ArrowDown")
    viewer.page.keyboard.press("Enter")
    viewer.page.wait_for_selector("#card-title:text-is('MV3.101 Switch 144')")
    viewer.page.click("[data-selected=to]")
    viewer.page.wait_for_selector("#trace-title:has-text('Shortest path')")
    viewer.settled().look("tracer-small")
    assert " of line between them, over " in viewer.text("#trace .hint")


def test_the_table_of_a_trace_shows_any_row_of_a_hundred_thousand(show: Show, address: str, normal: None) -> None:
    """Only the rows in sight exist; by mouse or by keyboard the end is one step away."""
    feeder = httpx.get(f"{address}/api/network").json()["sources"][0]
    viewer = show().open(trace="connected", **{"from": feeder["mrid"]})
    total = viewer.ask(
        "(({AcLineSegment: l, Switch: s, PowerTransformer: t, ConnectivityNode: n}) => l + s + t + n)"
        "(gridtwin.trace.result.sums.counts)"
    )
    assert total > 100_000
    viewer.page.click("#trace-table summary")
    viewer.page.wait_for_selector(".virtual [role=gridcell]:not(:text-is('…'))")
    viewer.look("trace-table")
    assert viewer.page.locator(".virtual [role=row]").count() < 60
    viewer.page.focus(".virtual")
    viewer.page.keyboard.press("End")
    viewer.page.wait_for_selector(f".virtual [aria-rowindex='{total + 1}'] [role=gridcell]:text-is('Node')")
    last = viewer.page.locator(f".virtual [aria-rowindex='{total + 1}'] [role=gridcell]").first.inner_text()
    trace_id = viewer.ask("gridtwin.trace.result.id")
    page = httpx.get(f"{address}/api/traces/{trace_id}/elements", params={"after": total - 1}).json()
    assert [node["mrid"] for node in page["nodes"]] == [last]
    viewer.page.keyboard.press("Enter")
    viewer.page.wait_for_selector(f"#card .mrid:has-text('{last}'), #card-title:text-is('{last}')")


def test_a_restoration_is_tried_in_a_what_if(show: Show, address: str, normal: None) -> None:
    viewer = show().open(trace="restoration", **{"from": LINE})
    viewer.page.click("#trace-apply")
    viewer.page.wait_for_selector("#whatif .steps li")
    viewer.page.wait_for_selector("#banner")
    proposed = httpx.post(f"{address}/api/traces", json={"kind": "restoration", "start": [LINE]}).json()["operations"]
    (made,) = httpx.get(f"{address}/api/scenarios").json()["scenarios"]
    (step,) = httpx.get(f"{address}/api/scenarios/{made['id']}").json()["steps"]
    moved = {(operation["mrid"], operation["open"]) for operation in step["operations"]}
    assert moved == {(operation["mrid"], operation["open"]) for operation in proposed}
    httpx.delete(f"{address}/api/scenarios/{made['id']}").raise_for_status()


# --- outages and findings


def test_the_strip_of_figures_and_the_list_of_outages_are_the_servers(show: Show, address: str, normal: None) -> None:
    for mrid in (BREAKER, OTHER_BREAKER):
        operated(address, mrid, opened=True)
    answer = httpx.get(f"{address}/api/outages").raise_for_status().json()
    viewer = show(size="large").open()
    wait_for_outages(viewer.page, len(answer["outages"]))
    assert len(answer["outages"]) == 2
    assert viewer.number("#kpi-out") == answer["customers_out"]
    assert viewer.number("#kpi-feeders") == len({name for each in answer["outages"] for name in each["feeders"]}) == 2
    network = httpx.get(f"{address}/api/network").json()
    share = 100 * (1 - answer["customers_out"] / network["customers"])
    assert float(viewer.text("#kpi-share").removesuffix(" %")) == pytest.approx(share, abs=0.01)
    for outage in answer["outages"]:
        row = viewer.page.locator(f"#outages [data-outage='{outage['id']}']")
        told = row.inner_text()
        assert f"{outage['customers']:,} customers" in told
        assert outage["feeder"] in told and outage["cause"] in told
        assert row.locator("time").get_attribute("datetime") == outage["since"]
        row.locator("button.row").click()
        viewer.settled()
        left, bottom, right, top = outage["bounds"]
        west, south, east, north = viewer.ask("gridtwin.map.map.getBounds().toArray().flat()")
        assert west < (left + right) / 2 < east and south < (bottom + top) / 2 < north
    viewer.look("outages-large")


STORM = 60
"""Outages at once."""
MARKS = """() => gridtwin.map.map.queryRenderedFeatures({layers: ['outage-mark']}).map(({properties, geometry}) => {
    const {x, y} = gridtwin.map.map.project(geometry.coordinates);
    return {x, y, at: geometry.coordinates, number: properties.point_count ?? 1, customers: properties.customers};
})"""


@pytest.mark.parametrize("size", SIZES)
def test_marks_of_many_outages_do_not_cover_each_other(show: Show, address: str, normal: None, size: str) -> None:
    """Near ones are one mark that tells their sum, and falls apart where it is clicked, or chosen by keyboard."""
    feeders = httpx.get(f"{address}/api/network").json()["feeders"][:STORM]
    heads = [element(address, feeder["mrid"])["attributes"]["head_mrid"] for feeder in feeders]
    operations = [{"mrid": head, "open": True} for head in heads]
    httpx.post(f"{address}/api/switching", json={"operations": operations}).raise_for_status()
    answer = httpx.get(f"{address}/api/outages").json()
    viewer = show(size=size).open()
    wait_for_outages(viewer.page, len(answer["outages"]))
    viewer.settled().look(f"storm-{size}")
    marks = viewer.ask(MARKS)
    assert sum(mark["number"] for mark in marks) == len(answer["outages"]) > STORM / 2
    assert sum(mark["customers"] for mark in marks) == answer["customers_out"] > 0
    several = max(marks, key=lambda mark: mark["number"])
    assert several["number"] > 3
    for turn in ("click", "keyboard"):
        zoom = viewer.ask("gridtwin.map.map.getZoom()")
        if turn == "click":
            viewer.click_map(*several["at"])
        else:
            viewer.go(*several["at"], zoom)
            viewer.page.focus("#map canvas")
            viewer.page.keyboard.press("Enter")
        viewer.page.wait_for_function("zoom => gridtwin.map.map.getZoom() > zoom", arg=zoom)
        viewer.settled().look(f"storm-{size}-{turn}")
        marks = viewer.ask(MARKS)
        assert len(marks) > 1
        near = [hypot(a["x"] - b["x"], a["y"] - b["y"]) for a, b in combinations(marks, 2)]
        assert min(near) > 34, marks
        several = max(marks, key=lambda mark: mark["number"])


def test_a_question_stays_while_outages_come_and_go(show: Show, address: str, normal: None) -> None:
    operated(address, BREAKER, opened=True)
    viewer = show().open()
    wait_for_outages(viewer.page, 1)
    viewer.page.click("#outages .two-step > button")
    viewer.page.wait_for_selector("#outages .sure:focus")
    operated(address, OTHER_BREAKER, opened=True)
    viewer.page.wait_for_selector("#outages h2:text-is('2 outages')")
    assert viewer.page.is_visible("#outages .sure:focus")
    viewer.page.keyboard.press("Enter")
    viewer.page.wait_for_selector("#outages h2:text-is('No outages')")
    viewer.page.wait_for_selector("#outages .two-step > button:text-is('Back to normal')")


def test_findings_are_listed_and_marked_and_lead_there(show: Show, address: str) -> None:
    told = httpx.get(f"{address}/api/findings").json()["findings"]
    viewer = show().open()
    viewer.page.click("[data-tool=findings]")
    viewer.page.wait_for_selector(f"#findings-title:text-is('{len(told)} findings')")
    viewer.settled()
    assert viewer.page.locator("#findings-list li").count() == len(told) > 0
    assert viewer.ask("gridtwin.map.map.queryRenderedFeatures({layers: ['finding-mark']}).length") == len(told)
    viewer.look("findings")
    viewer.page.locator("#findings-list button.row").last.click()
    viewer.page.wait_for_selector(f"#card-title:text-is('{told[-1]['mrids'][0]}')")
    viewer.settled()
    place = [told[-1]["lng"], told[-1]["lat"]]
    assert viewer.ask("place => gridtwin.map.map.getBounds().contains(place)", place)
    assert viewer.ask("gridtwin.map.map.getZoom()") > 12
    viewer.page.keyboard.press("Escape")
    viewer.click_map(*place)
    viewer.page.wait_for_selector(f"#card-title:text-is('{told[-1]['mrids'][0]}')")
    viewer.page.click("[data-tool=findings]")
    viewer.settled()
    assert viewer.ask("gridtwin.map.map.queryRenderedFeatures({layers: ['finding-mark']}).length") == 0


def test_findings_are_chosen_by_kind_and_severity_and_say_how_to_repair(show: Show, address: str) -> None:
    def finding(kind: str, severity: str, lng: float, **more: object) -> dict[str, object]:
        place = {"lng": lng, "lat": 53.6}
        return {"kind": kind, "severity": severity, "mrids": [LINE], "message": f"{kind} here.", **place, **more}

    told = [
        finding("phase_mismatch", "error", 11.3, repair={"text": "Close a switch.", "operation": {"close": [BREAKER]}}),
        finding("phase_mismatch", "warning", 11.4),
        finding("unplaced", "info", 11.5),
    ]
    viewer = show(scheme="dark").open()
    viewer.page.route("**/api/findings", lambda route: route.fulfill(json={"findings": told, "counts": {}}))
    viewer.page.click("[data-tool=findings]")
    viewer.page.wait_for_selector("#findings-title:text-is('3 findings')")
    assert "Close a switch." in viewer.text("#findings-list li:first-child")
    assert viewer.page.locator("#findings-list .repair").count() == 1
    drawings = {viewer.page.locator("#findings-list small svg").nth(row).inner_html() for row in range(3)}
    assert len(drawings) == 2  # one a kind
    viewer.page.select_option("#findings-kind", "phase_mismatch")
    viewer.page.wait_for_selector("#findings-title:text-is('2 of 3 findings')")
    viewer.page.select_option("#findings-severity", "warning")
    viewer.page.wait_for_selector("#findings-title:text-is('1 of 3 findings')")
    viewer.settled().look("findings-chosen")
    assert viewer.ask("gridtwin.map.map.queryRenderedFeatures({layers: ['finding-mark']}).length") == 1
    viewer.page.select_option("#findings-severity", "info")
    viewer.page.wait_for_selector("#findings:has-text('No finding is of this kind')")
    viewer.page.select_option("#findings-severity", "error")
    viewer.page.click("#findings-list button:text-is('Try it in a what-if')")
    viewer.page.wait_for_selector(f"#whatif .steps li:has-text('Close {BREAKER}')")
    viewer.page.wait_for_selector(f"#banner:has-text('Repair of {LINE}')")
    (made,) = httpx.get(f"{address}/api/scenarios").json()["scenarios"]
    httpx.delete(f"{address}/api/scenarios/{made['id']}").raise_for_status()


# --- the legend


def colours_of(viewer: Viewer, layer: str) -> set[str]:
    """The colours in which features of a layer are drawn."""
    return set(
        viewer.ask(
            """layer => gridtwin.map.map.queryRenderedFeatures({layers: [layer]}).map(({layer: {paint}}) => {
                const {r, g, b} = paint['line-color'] ?? paint['fill-color'];
                return [r, g, b].map(part => Math.round(part * 255)).join(' ');
            })""",
            layer,
        )
    )


def test_the_legend_hides_layers_positions_and_supply(show: Show, address: str, normal: None) -> None:
    operated(address, BREAKER, opened=True)
    viewer = show().open(f"16/{TOWN[1]}/{TOWN[0]}").go(*middle(element(address, LINE)), 15.5)
    drawn = "layer => gridtwin.map.map.queryRenderedFeatures().filter(f => f.sourceLayer === layer)"
    opens = f"({drawn})('switches').map(f => f.properties.open)"
    assert set(viewer.ask(opens)) == {True, False}
    assert viewer.drawn()["transformers"] > 0
    viewer.page.click("[data-part=closed]")
    viewer.page.click("[data-part=transformers]")
    viewer.settled()
    assert set(viewer.ask(opens)) == {True} and "transformers" not in viewer.drawn()
    assert set(viewer.ask(f"({drawn})('lines').map(f => f.properties.energized)")) == {0, 2}
    viewer.page.click("[data-part=live]")
    viewer.settled()
    assert set(viewer.ask(f"({drawn})('lines').map(f => f.properties.energized)")) == {0}
    assert "hide=closed%2Ctransformers%2Clive" in viewer.url
    viewer.look("legend-hidden")
    again = show()
    again.page.goto(viewer.url)
    again.settled()
    assert again.drawn() == viewer.drawn()
    for part in ("closed", "transformers", "live"):
        viewer.page.click(f"[data-part={part}]")
    viewer.settled()
    assert viewer.drawn()["transformers"] > 0 and "hide=" not in viewer.url


@pytest.mark.parametrize("colour", ["feeder", "voltage", "phase"])
def test_colours_tell_what_is_chosen(show: Show, address: str, normal: None, colour: str) -> None:
    viewer = show(scheme="dark" if colour == "phase" else "light").open().go(*middle(element(address, LINE)), 14)
    before = colours_of(viewer, "lines")
    assert len(before) == 1
    viewer.page.select_option("#legend-colour", colour)
    viewer.settled()
    viewer.look(f"colour-{colour}")
    after = colours_of(viewer, "lines")
    assert len(after) == 1 if colour == "phase" else len(after) > 2
    assert f"colour={colour}" in viewer.url
    named = viewer.ask("JSON.stringify(gridtwin.map.map.getLayoutProperty('feeder-label', 'text-field'))")
    assert {"feeder": "feeder", "voltage": "kv", "phase": "phases"}[colour] in named
    assert viewer.ask("gridtwin.map.map.queryRenderedFeatures({layers: ['feeder-label']}).length") > 0
    viewer.page.select_option("#legend-colour", "supply")
    viewer.settled()
    assert colours_of(viewer, "lines") == before


def test_cells_show_the_measure_that_is_chosen(show: Show, normal: None) -> None:
    viewer = show().open()
    seen = {"customers": colours_of(viewer, "hexes")}
    for measure in ("customers_out", "energized_share", "transformers", "line_km", "rated_kva"):
        viewer.page.select_option("#legend-measure", measure)
        viewer.settled()
        seen[measure] = colours_of(viewer, "hexes")
        assert f"measure={measure}" in viewer.url
    viewer.look("measure-kva")
    assert len(seen["customers_out"]) == len(seen["energized_share"]) == 1  # nobody is out
    counts = {measure: len(seen[measure]) for measure in ("customers", "transformers", "line_km", "rated_kva")}
    assert min(counts.values()) > 5, counts
    assert seen["transformers"] != seen["line_km"]


# --- for everybody


def test_keys_open_everything_and_the_sheet_tells_them(show: Show) -> None:
    viewer = show(size="small").open()
    viewer.page.keyboard.press("?")
    viewer.page.wait_for_selector("#help[open]")
    viewer.look("help-small")
    told = viewer.text("#help")
    assert all(words in told for words in ("What-if", "Findings", "Move and zoom the map"))
    viewer.page.keyboard.press("Escape")
    viewer.page.wait_for_selector("#help", state="hidden")
    for key, section in (("t", "tracer"), ("w", "whatif"), ("h", "time"), ("f", "findings")):
        viewer.page.keyboard.press(key)
        viewer.page.wait_for_selector(f"#{section}:focus")
        viewer.page.keyboard.press(key)
        viewer.page.wait_for_selector(f"#{section}", state="hidden")
    viewer.page.keyboard.press("m")
    assert viewer.ask("document.activeElement.classList.contains('maplibregl-canvas')")


def test_coordinates_and_a_scale_are_told(show: Show) -> None:
    viewer = show().open(f"14/{TOWN[1]}/{TOWN[0]}").go(*TOWN, 14)
    viewer.page.mouse.move(400, 400)
    viewer.page.wait_for_selector("#coordinates:not([hidden])")
    lat, lng = map(float, viewer.text("#coordinates").split(", "))
    at = viewer.ask("(() => { const {lng, lat} = gridtwin.map.map.unproject([400, 340]); return [lng, lat]; })()")
    assert (lng, lat) == pytest.approx(at, abs=1e-4)
    assert viewer.text(".maplibregl-ctrl-scale").split() == ["200", "m"]


@pytest.mark.parametrize(("size", "scheme"), [("usual", "light"), ("small", "dark")])
def test_axe_finds_nothing_serious(show: Show, address: str, normal: None, size: str, scheme: Scheme) -> None:
    """With every tool open, and while the map is not live."""
    operated(address, BREAKER, opened=True)
    revision = httpx.get(f"{address}/api/network").json()["revision"]
    axe = (Path(__file__).parent / "vendor" / "axe.min.js").read_text()
    viewer = show(size=size, scheme=scheme).open(
        element=BREAKER, trace="downstream", revision=str(revision), **{"from": LINE}
    )
    for tool in ("tracer", "whatif", "findings"):
        viewer.page.click(f"[data-tool={tool}]")
    viewer.page.wait_for_selector("#findings-list li")
    viewer.page.wait_for_selector("#whatif-name, #whatif-leave")
    viewer.page.evaluate("document.getElementById('legend').open = true")
    viewer.page.click("#trace-table summary")
    viewer.page.wait_for_selector(".virtual [role=gridcell]:not(:text-is('…'))")
    viewer.settled().look(f"axe-{size}")
    viewer.ask(axe + "; undefined")
    found = viewer.ask(
        """async () => (await axe.run()).violations.filter(({impact}) => ['serious', 'critical'].includes(impact))
            .map(({id, nodes}) => `${id}: ${nodes.slice(0, 4).map(node => node.html.slice(0, 160)).join(' | ')}`)"""
    )
    assert found == []
