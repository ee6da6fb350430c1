"""The viewer where it does not show the live state: what-ifs and the past."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from playwright.sync_api import Route, expect

from tests.web.browser_viewer import BREAKER, LINE, SIZES, TOWN, Show, Viewer, element, middle

pytest_plugins = ["tests.web.browser_fixtures"]
pytestmark = pytest.mark.browser


@pytest.fixture
def no_scenarios(address: str) -> Iterator[None]:
    """Forgets every what-if afterwards."""
    yield
    for each in httpx.get(f"{address}/api/scenarios").json()["scenarios"]:
        httpx.delete(f"{address}/api/scenarios/{each['id']}").raise_for_status()


def line_behind(address: str, mrid: str) -> dict[str, Any]:
    """A line that is fed through an element."""
    asked = {"kind": "downstream", "start": [mrid], "elements": "page"}
    edges = httpx.post(f"{address}/api/traces", json=asked).json()["edges"]
    return element(address, next(edge["mrid"] for edge in edges if edge["class"] == "AcLineSegment"))


def made(viewer: Viewer, name: str) -> None:
    """Makes a what-if in the drawer and waits until it is shown."""
    viewer.page.click("[data-tool=whatif]")
    viewer.page.fill("#whatif-name", name)
    viewer.page.keyboard.press("Enter")
    viewer.page.wait_for_selector(f"#banner-text:has-text('{name}')")
    viewer.settled()


def test_a_what_if_from_making_to_deleting(show: Show, address: str, normal: None, no_scenarios: None) -> None:
    customers = element(address, BREAKER)["customers_downstream"]
    fed = line_behind(address, BREAKER)
    viewer = show().open(f"14/{TOWN[1]}/{TOWN[0]}", element=BREAKER).go(*middle(fed), 14.5)
    made(viewer, "Maintenance of feeder 8")
    assert viewer.page.is_visible("#banner strong:text-is('NOT LIVE')")
    asked = viewer.confirm("#card")
    assert f"{customers:,} customers will lose supply" in asked
    viewer.page.wait_for_selector(f"#whatif-lost:text-is('−{customers:,}')")
    viewer.page.wait_for_selector("#whatif-suggestions")
    viewer.settled()
    viewer.look("whatif-lost")
    lost = "gridtwin.map.map.queryRenderedFeatures({layers: ['changes-lost']}).length"
    assert viewer.ask(lost) > 10
    viewer.until_energized(fed, 0)
    assert viewer.number("#kpi-out") == customers and viewer.number("#kpi-feeders") == 1
    assert "MV3.101_Feeder8" in viewer.text("#whatif tbody")
    # The network itself is as it was.
    assert httpx.get(f"{address}/api/network").json()["customers_out"] == 0

    suggestion = viewer.page.locator("#whatif-suggestions button").first
    assert f"{customers:,} customers back" in suggestion.inner_text()
    suggestion.click()
    viewer.page.wait_for_selector("#whatif-lost:text-is('0')")
    viewer.page.wait_for_function(f"() => !gridtwin.map.map.getLayer('changes-lost') || {lost} === 0")
    expect(viewer.page.locator("#whatif .steps li")).to_have_count(2)
    assert f"{customers:,} customers without supply" in viewer.confirm("#whatif-undo")
    viewer.page.wait_for_selector(f"#whatif-lost:text-is('−{customers:,}')")
    expect(viewer.page.locator("#whatif .steps li")).to_have_count(1)

    again = show()
    again.page.goto(viewer.url)
    again.settled()
    again.page.wait_for_selector(f"#whatif-lost:text-is('−{customers:,}')")
    assert again.text("#card-title") == BREAKER and "Maintenance" in again.text("#banner")

    viewer.page.click("#back-to-live")
    viewer.page.wait_for_selector("#banner", state="hidden")
    viewer.until_energized(fed, 2)
    assert "scenario=" not in viewer.url
    viewer.page.click("#whatif-list .two-step > button")
    viewer.page.click("#whatif-list .sure")
    viewer.page.wait_for_selector("#whatif-list", state="detached")
    assert httpx.get(f"{address}/api/scenarios").json() == {"scenarios": []}


def test_what_a_what_if_gains_is_drawn_and_counted(show: Show, address: str, normal: None, no_scenarios: None) -> None:
    customers = element(address, BREAKER)["customers_downstream"]
    fed = line_behind(address, BREAKER)
    httpx.post(f"{address}/api/switching", json={"operations": [{"mrid": BREAKER, "open": True}]}).raise_for_status()
    viewer = show().open(element=BREAKER).go(*middle(fed), 14.5)
    made(viewer, "Repair")
    assert "will get supply" in viewer.confirm("#card")
    viewer.page.wait_for_selector(f"#whatif-gained:text-is('+{customers:,}')")
    viewer.settled().look("whatif-gained")
    assert viewer.ask("gridtwin.map.map.queryRenderedFeatures({layers: ['changes-gained']}).length") > 10
    assert "no customer is affected" in viewer.confirm("#whatif-normal")  # the base was out, this is normal already
    viewer.page.wait_for_selector("#whatif .steps li:nth-child(2)")


@pytest.fixture
def works(address: str, normal: None, no_scenarios: None) -> str:
    """A what-if in which the breaker is open."""
    made_here = httpx.post(f"{address}/api/scenarios", json={"name": "Works"}).raise_for_status().json()
    path = f"{address}/api/scenarios/{made_here['id']}/switching"
    httpx.post(path, json={"operations": [{"mrid": BREAKER, "open": True}]}).raise_for_status()
    return str(made_here["id"])


def test_only_switches_that_may_be_operated_are_tried(show: Show, works: str) -> None:
    """Something else that is open, such as a transformer out of service, is no way to restore supply."""
    tried: list[str] = []

    def with_another(route: Route) -> None:
        asked = route.request.post_data_json
        tried.extend(each["mrid"] for each in asked.get("operations", []))
        answer = route.fetch().json()
        if asked["kind"] == "connected":
            other = {"mrid": LINE, "reason": "open", "operable": False, "lng": None, "lat": None}
            answer["boundaries"].insert(0, other)
        route.fulfill(json=answer)

    viewer = show()
    viewer.page.route("**/api/traces", with_another)
    viewer.open(scenario=works)
    viewer.page.wait_for_selector("#whatif-suggestions")
    assert len(tried) > 1 and LINE not in tried


def test_what_was_asked_for_a_what_if_is_not_done_live(show: Show, address: str, works: str) -> None:
    """Buttons of the what-if stand until the live state is read; pressed then, they operate nothing."""
    revision = httpx.get(f"{address}/api/network").json()["revision"]
    viewer = show().open(element=BREAKER, scenario=works)
    viewer.page.wait_for_selector("#whatif-suggestions")
    viewer.page.click("#card .two-step > button")
    viewer.page.wait_for_selector("#card .sure")
    held: list[Route] = []
    viewer.page.route("**/api/network", lambda route: held.append(route), times=1)
    viewer.page.click("#back-to-live")
    viewer.page.wait_for_selector("#banner", state="hidden")
    viewer.page.click("#whatif-suggestions button")
    viewer.page.click("#card .sure")
    viewer.page.wait_for_selector("#notes .error:has-text('nothing was operated')")
    while not held:
        viewer.page.wait_for_timeout(20)
    (route,) = held
    route.continue_()
    viewer.page.wait_for_selector("#whatif-name")
    viewer.page.wait_for_selector("#card .badges:has-text('Closed')")
    assert httpx.get(f"{address}/api/network").json()["revision"] == revision
    assert len(httpx.get(f"{address}/api/scenarios/{works}").json()["steps"]) == 1


@pytest.mark.parametrize("size", ["small", "large"])
def test_a_link_to_a_what_if_that_is_gone_shows_the_live_state(show: Show, size: str) -> None:
    viewer = show(size=size).open(scenario="no-such-scenario")
    assert "You see the live state" in viewer.text("#notes")
    viewer.look(f"whatif-gone-{size}")
    assert viewer.page.is_hidden("#banner") and "scenario=" not in viewer.url
    assert all("404" in error for error in viewer.errors)
    viewer.errors.clear()


# --- the past


@pytest.fixture
def history(address: str, normal: None) -> list[dict[str, Any]]:
    """The last three events: the breaker opens, closes, and everything is normal."""
    for body in ({"operations": [{"mrid": BREAKER, "open": True}]}, {"operations": [{"mrid": BREAKER, "open": False}]}):
        httpx.post(f"{address}/api/switching", json=body).raise_for_status()
    httpx.post(f"{address}/api/switching", json={"normal": True}).raise_for_status()
    head = httpx.get(f"{address}/api/network").json()["revision"]
    told: list[dict[str, Any]] = httpx.get(f"{address}/api/events", params={"since": head - 3}).json()["events"]
    return told


def at_revision(viewer: Viewer, revision: int) -> None:
    viewer.page.wait_for_selector(f"#banner-text:has-text('revision {revision}')")
    viewer.settled()


def test_every_view_at_an_event_of_the_log(show: Show, address: str, history: list[dict[str, Any]]) -> None:
    customers = element(address, BREAKER)["customers_downstream"]
    fed = line_behind(address, BREAKER)
    opened = history[0]["revision"]
    viewer = show().open(f"14/{TOWN[1]}/{TOWN[0]}", element=BREAKER).go(*middle(fed), 14.5)
    viewer.page.click("[data-tool=time]")
    viewer.page.wait_for_selector("#time-event b:has-text('Live')")
    assert viewer.page.is_disabled("#time-on")
    viewer.page.click("#time-back")
    at_revision(viewer, opened + 1)
    viewer.page.focus("#time-slider")
    viewer.page.keyboard.press("ArrowLeft")
    at_revision(viewer, opened)
    assert f"Open {BREAKER}" in viewer.text("#time-event")
    assert viewer.number("#kpi-out") == customers and viewer.number("#kpi-outages") == 1
    viewer.until_energized(fed, 0)
    assert "Open, normally closed" in viewer.text("#card .badges")
    assert viewer.text("#outages time") == "just begun"  # as it was then, not seen from now
    assert "This is the past" in viewer.text("#card .actions")
    assert f"revision={opened}" in viewer.url
    seen = httpx.get(f"{address}/api/network", params={"revision": opened}).json()
    assert f"{seen['nodes_supplied']:,} of" in viewer.text("#time-figures")
    viewer.look("time")
    viewer.page.click("[data-trace=downstream]")
    viewer.page.wait_for_selector("#total-customers")
    assert viewer.ask("gridtwin.trace.result.revision") == opened
    viewer.page.click("#trace-clear")

    viewer.page.click("#time-on")
    at_revision(viewer, opened + 1)
    assert viewer.number("#kpi-out") == 0
    viewer.until_energized(fed, 2)
    viewer.page.click("#back-to-live")
    viewer.page.wait_for_selector("#banner", state="hidden")
    assert "revision=" not in viewer.url


def test_the_log_is_played_to_its_end(show: Show, history: list[dict[str, Any]]) -> None:
    viewer = show().open(revision=str(history[0]["revision"]))
    at_revision(viewer, history[0]["revision"])
    viewer.page.click("#time-play")
    at_revision(viewer, history[-1]["revision"])
    viewer.page.wait_for_selector("#time-play[aria-label=Play]")
    assert viewer.number("#kpi-out") == 0


@pytest.mark.parametrize("size", ["small"])
def test_a_link_to_an_instant(show: Show, address: str, history: list[dict[str, Any]], size: str) -> None:
    viewer = show(size=size).open(at=history[0]["recorded_at"])
    viewer.page.wait_for_selector("#banner-text:has-text('as it was at')")
    viewer.look("time-small")
    assert viewer.number("#kpi-out") == element(address, BREAKER)["customers_downstream"]
    viewer.page.fill("#time-instant", "2999-01-01T00:00:00")
    viewer.page.wait_for_selector("#notes .error:has-text('has not come yet')")
    viewer.page.fill("#time-instant", "1999-01-01T00:00:00")
    viewer.page.wait_for_selector("#notes .error:has-text('choose a later instant')")
    assert "at=" in viewer.url
    viewer.page.click("#time-live")
    viewer.page.wait_for_selector("#banner", state="hidden")
    viewer.page.wait_for_function("() => document.getElementById('kpi-out').textContent === '0'")


# --- looks


@pytest.mark.parametrize("size", SIZES)
def test_nothing_overlaps_or_is_clipped_with_every_tool_open(
    show: Show, address: str, normal: None, no_scenarios: None, size: str
) -> None:
    made_here = httpx.post(f"{address}/api/scenarios", json={"name": "Replacement of the cable at the base station"})
    operations = [{"mrid": BREAKER, "open": True}]
    path = f"{address}/api/scenarios/{made_here.json()['id']}/switching"
    httpx.post(path, json={"operations": operations}).raise_for_status()
    viewer = show(size=size).open(element=BREAKER, scenario=made_here.json()["id"])
    viewer.page.wait_for_selector("#whatif-suggestions")
    for tool in ("tracer", "findings", "time"):
        viewer.page.click(f"[data-tool={tool}]")
    viewer.page.click("#whatif-title")
    if size == "small":
        viewer.page.click("#legend summary")
    viewer.settled().look(f"tools-{size}")
    overlapping = viewer.ask(
        """() => {
            const names = ['#top', '#banner', '#tools', '#legend', '#panel',
                '.maplibregl-ctrl-group', '.maplibregl-ctrl-scale'];
            const boxes = names.map(name => [name, document.querySelector(name).getBoundingClientRect()]);
            const along = (a, b, from, to) => a[from] < b[to] - 1 && b[from] < a[to] - 1;
            const cross = (a, b) => along(a, b, 'left', 'right') && along(a, b, 'top', 'bottom');
            const full = name => name === '#panel' && document.querySelector('#sections').getBoundingClientRect();
            return boxes.flatMap(([one, a], at) => boxes.slice(at + 1)
                .filter(([other, b]) => cross(full(one) || a, full(other) || b)).map(([other]) => `${one} ${other}`));
        }"""
    )
    assert overlapping == []
    clipped = viewer.ask(
        """() => [...document.querySelectorAll('#top *, #banner *, #tools *, #legend *, #panel *')]
            .filter(e => e.checkVisibility() && !e.closest('svg, .unseen') && e.innerText?.trim())
            .filter(e => getComputedStyle(e).overflowX === 'hidden' && e.scrollWidth > e.clientWidth + 1)
            .map(e => e.id || e.className)"""
    )
    assert clipped == []
    assert viewer.ask("document.documentElement.scrollWidth") == SIZES[size][0]
