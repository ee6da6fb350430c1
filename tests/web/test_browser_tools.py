"""The viewer's tools: the form of a trace and its table, findings, the legend, help."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from tests.web.browser_viewer import LINE, TOWN, Show, element, middle

pytest_plugins = ["tests.web.browser_fixtures"]
pytestmark = pytest.mark.browser


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
    again.page.goto(viewer.page.url)
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
    assert viewer.page.is_disabled("#tracer-run")
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
