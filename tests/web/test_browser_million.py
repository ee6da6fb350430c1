"""The viewer through all that it does on made-up utilities: one of 20,000 meters, and one of a million."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from loaders.generate import generate
from tests.web.browser_server import serving
from tests.web.browser_viewer import SIZES, Show, element, middle, operated, wait_for_outages
from twin.components import LINE
from twin.network import Network
from twin.phases import ABC
from twin.state import Snapshot, State

pytest_plugins = ["tests.web.browser_fixtures"]
pytestmark = pytest.mark.browser

FLAWS = 3
"""Of each kind, to be found."""


@dataclass(frozen=True)
class Utility:
    """A served network and what the tests look at. breaker: at the head of a feeder. line: behind it."""

    address: str
    meters: int
    breaker: dict[str, Any]
    line: dict[str, Any]
    feeder: str

    @property
    def behind(self) -> int:
        """Customers behind the breaker."""
        customers: int = self.breaker["customers_downstream"]
        return customers


def feeder_and_line(network: Network) -> tuple[str, str, str]:
    """A feeder, the breaker at its head and a line behind it with customers and three phases, fed by nothing else."""
    lines, branches = network.lines, network.table_branches[LINE]
    for row, head in enumerate(network.feeder_heads.tolist()):
        own = np.flatnonzero((network.branch_feeder[branches] == row) & (network.branch_customers[branches] > 50))
        own = own[(lines["phases"][own] & ABC == ABC) & (np.nan_to_num(lines["length_m"][own]) > 60)]
        own = own[np.diff(network.line_geometry.offsets)[own] == 2]
        head_mrid = str(network.branch_mrids(np.array([head]))[0])
        if len(own) and head_mrid in network.switches["mrid"]:
            opened = State.normal(network).open.copy()
            opened[network.mrids.find(head_mrid).row] = ABC
            dead = Snapshot.of(network, State(network.model, 1, opened)).energized[lines["node1"]] == 0
            own = own[dead[own]]  # the defects make loops
        if len(own) and head_mrid in network.switches["mrid"]:
            return str(network.feeders["name"][row]), head_mrid, str(lines["mrid"][own[len(own) // 2]])
    raise AssertionError("no feeder has such a line")


@pytest.fixture(
    scope="module",
    params=[20_000, pytest.param(1_000_000, marks=[pytest.mark.long, pytest.mark.timeout(1800)])],
    ids=["20k", "1M"],
)
def utility(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Utility]:
    meters: int = request.param
    network, _ = generate(meters, seed=7, flaws=FLAWS)
    feeder, breaker, line = feeder_and_line(network)
    with serving(network, tmp_path_factory.mktemp("generated")) as address:
        yield Utility(address, meters, element(address, breaker), element(address, line), feeder)


@pytest.fixture(scope="module")
def address(utility: Utility) -> str:
    """In place of the demo network's."""
    return utility.address


def traced(utility: Utility, **fields: object) -> dict[str, Any]:
    """The server's answer."""
    body = {"start": [utility.line["mrid"]], "elements": False, **fields}
    answer: dict[str, Any] = httpx.post(f"{utility.address}/api/traces", json=body).raise_for_status().json()
    return answer


def near(utility: Utility, zoom: float = 16) -> str:
    lng, lat = middle(utility.line)
    return f"{zoom}/{lat}/{lng}"


@pytest.mark.parametrize("size", SIZES)
def test_cells_then_elements_at_every_size(show: Show, utility: Utility, normal: None, size: str) -> None:
    viewer = show(size=size).open()
    viewer.look(f"generated-{utility.meters}-{size}-cells")
    assert viewer.drawn()["hexes"] >= 5
    viewer.go(*middle(utility.line), 16)
    viewer.look(f"generated-{utility.meters}-{size}-elements")
    drawn = viewer.drawn()
    assert "hexes" not in drawn and drawn["lines"] > 20 and drawn["transformers"] > 0 and drawn["meters"] > 20


def test_search_by_name_id_and_feeder(show: Show, utility: Utility) -> None:
    viewer = show().open()
    for text in (utility.feeder, utility.breaker["mrid"], "Substation 1"):
        viewer.page.fill("#search", text)
        viewer.page.wait_for_selector(f"#results [role=option]:first-child:has-text('{text}')")
        viewer.page.focus("#search")
        viewer.page.keyboard.press("ArrowDown")
        viewer.page.keyboard.press("Enter")
        viewer.page.wait_for_selector(f"#card:has-text('{text}')")
    viewer.settled()
    assert viewer.drawn()["lines"] > 0


def test_a_trace_by_clicks_with_a_barrier_and_its_exports(show: Show, utility: Utility, normal: None) -> None:
    line = utility.line
    viewer = show().open(near(utility)).go(*middle(line), 17.5)
    viewer.pick(*middle(line), line["mrid"])
    viewer.page.click("[data-trace=downstream]")
    viewer.page.wait_for_selector("#total-customers")
    viewer.settled().look(f"generated-{utility.meters}-trace")
    whole = traced(utility, kind="downstream", elements="page")
    assert viewer.number("#total-customers") == whole["sums"]["customers"] > 50
    assert viewer.ask("gridtwin.map.map.queryRenderedFeatures({layers: ['trace-line']}).length") > 3
    barrier = next(e["mrid"] for e in whole["edges"] if e["depth"] > 2)
    link = show().open(trace="downstream", barrier=barrier, phases="AB", **{"from": line["mrid"]})
    answer = traced(utility, kind="downstream", barriers=[barrier], phases="AB")
    assert link.number("#total-customers") == answer["sums"]["customers"] < whole["sums"]["customers"]
    for label, begins in (("CSV", b""), ("GeoJSON", b"{"), ("GeoPackage", b"SQLite format 3")):
        with viewer.page.expect_download() as download:
            viewer.page.click(f"#trace button:text-is('{label}')")
        content = Path(download.value.path()).read_bytes()
        assert content.startswith(begins) and line["mrid"].encode() in content


def test_a_switch_shows_in_every_page_and_then_is_history(show: Show, utility: Utility, normal: None) -> None:
    mrid, line = utility.breaker["mrid"], utility.line
    viewer, other = show(), show()
    viewer.open(near(utility), element=mrid).go(*middle(line), 16)
    other.open(near(utility)).go(*middle(line), 16)
    assert f"{utility.behind:,} customers will lose supply" in viewer.confirm("#card")
    for page in (viewer, other):
        wait_for_outages(page.page, 1)
        page.until_energized(line, 0)
        page.settled()
        assert page.number("#kpi-out") == utility.behind > 50
    viewer.look(f"generated-{utility.meters}-outage")
    other.page.click("#outages button.row")
    other.settled()
    assert other.ask("gridtwin.map.map.queryRenderedFeatures({layers: ['outage-mark']}).length") == 1
    viewer.confirm("#outages")
    viewer.page.wait_for_selector("#outages h2:text-is('No outages')")
    wait_for_outages(other.page, 0)
    other.go(*middle(line), 16)
    other.until_energized(line, 2)
    head = httpx.get(f"{utility.address}/api/network").json()["revision"]
    past = show().open(near(utility), revision=str(head - 1))
    past.page.wait_for_selector(f"#banner-text:has-text('{head - 1:,}')")
    assert past.number("#kpi-out") == utility.behind
    past.until_energized(line, 0)
    past.page.focus("#time-slider")
    past.page.keyboard.press("ArrowRight")
    past.page.wait_for_selector(f"#banner-text:has-text('{head:,}')")
    past.until_energized(line, 2)
    past.page.click("#time-back")
    past.page.wait_for_selector(f"#banner-text:has-text('{head - 1:,}')")
    past.until_energized(line, 0)
    past.settled().look(f"generated-{utility.meters}-time")
    assert past.number("#kpi-out") == utility.behind
    past.page.click("#time-play")
    past.page.wait_for_selector(f"#banner-text:has-text('{head:,}')")
    past.page.wait_for_selector("#time-play[aria-label=Play]")
    assert past.number("#kpi-out") == 0
    past.page.click("#back-to-live")
    past.page.wait_for_selector("#banner", state="hidden")
    past.until_energized(line, 2)


def test_a_what_if(show: Show, utility: Utility, normal: None) -> None:
    made = httpx.post(f"{utility.address}/api/scenarios", json={"name": "Works"}).raise_for_status().json()
    viewer = show().open(near(utility), element=utility.breaker["mrid"], scenario=made["id"])
    viewer.confirm("#card")
    viewer.page.wait_for_selector(f"#whatif-lost:text-is('−{utility.behind:,}')")
    viewer.settled().look(f"generated-{utility.meters}-whatif")
    viewer.until_energized(utility.line, 0)
    assert httpx.get(f"{utility.address}/api/network").json()["customers_out"] == 0
    viewer.page.click("#back-to-live")
    viewer.page.wait_for_selector("#banner", state="hidden")
    viewer.until_energized(utility.line, 2)
    httpx.delete(f"{utility.address}/api/scenarios/{made['id']}").raise_for_status()


def test_findings(show: Show, utility: Utility) -> None:
    told = httpx.get(f"{utility.address}/api/findings", timeout=60).json()["findings"]
    assert len({finding["kind"] for finding in told}) > 3
    viewer = show().open()
    viewer.page.click("[data-tool=findings]")
    viewer.page.wait_for_selector(f"#findings-title:text-is('{len(told):,} findings')")
    viewer.settled().look(f"generated-{utility.meters}-findings")
    viewer.page.locator("#findings-list button").first.click()
    viewer.page.wait_for_selector("#card:not([hidden])")


def test_colours_of_feeders_and_a_hidden_layer(show: Show, utility: Utility, normal: None) -> None:
    viewer = show(scheme="dark").open(near(utility, 14), colour="feeder", hide="meters,transformers")
    viewer.look(f"generated-{utility.meters}-feeders-dark")
    assert "transformers" not in viewer.drawn() and viewer.drawn()["lines"] > 100


def test_an_outage_that_spans_the_network(show: Show, utility: Utility, normal: None) -> None:
    """As many outages as the list and the map get on a bad day."""
    feeders = httpx.get(f"{utility.address}/api/network").json()["feeders"][:40]
    heads = [element(utility.address, feeder["mrid"])["attributes"]["head_mrid"] for feeder in feeders]
    viewer = show().open()
    for mrid in heads:
        operated(utility.address, mrid, opened=True)
    out = httpx.get(f"{utility.address}/api/outages").json()
    wait_for_outages(viewer.page, len(out["outages"]))
    viewer.settled().look(f"generated-{utility.meters}-storm")
    assert viewer.number("#kpi-out") == out["customers_out"] > 1000
