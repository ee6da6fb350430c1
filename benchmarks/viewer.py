"""The viewer in a real browser, with WebGL in software: the first map, a trace, a switch, panning, a nation of feeders.

`python -m benchmarks.viewer [STORE] [--meters N] [--feeders N] [--runs N]` prints a table and writes
benchmarks/results/viewer.json. What is made up is kept in --cache for the next time. All times are the page's own
clock: from the start of navigation, or from the click, until the map has drawn all its tiles and rests.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import httpx
import numpy as np
from playwright.sync_api import Browser, sync_playwright
from playwright.sync_api import TimeoutError as PlaywrightTimeoutError

from benchmarks.http import WARM_CACHE, served
from loaders.generate import INTERSECTIONS_PER_FEEDER, METERS_PER_INTERSECTION, generate
from tests.conftest import CHROMIUM_NAMES
from tests.web.browser_viewer import SIZES, Viewer, launch, viewing
from twin.components import LINE, SWITCH
from twin.engine import Twin
from twin.network import Network
from twin.phases import ABC
from twin.stores import open_store

AS_WITHOUT_A_CARD = "--disable-gpu-compositing"
"""Only WebGL goes through the software that stands for a card: pages are painted as on any machine without one.

Then the page's own thread waits until each frame is drawn, as it never does for a card. So long tasks, which are to
tell of scripts, are counted in a browser that has this software for all it paints, where drawing is not in them.
"""

RESULTS = Path(__file__).resolve().parent / "results" / "viewer.json"
CACHE = Path.home() / ".cache" / "gridtwin" / "benchmarks"
METERS, FEEDERS = 1_000_000, 66_000
METERS_A_FEEDER = METERS_PER_INTERSECTION * INTERSECTIONS_PER_FEEDER
"""The fewest that the generator makes a feeder of, so that a nation's feeders fit."""
ELEMENTS = 100_000
"""Of a trace, at least."""
FEEDERS_DRAWN = """() => {
    const {map} = gridtwin.map;
    const shown = ({id}) => map.getLayer(id) && /^(feeders|lines)/.test(id);
    const layers = map.getStyle().layers.filter(shown).map(({id}) => id);
    const names = map.queryRenderedFeatures({layers}).map(({properties}) => properties.feeder);
    return new Set(names.filter(Boolean)).size;
}"""
"""Names of feeders on the screen, as wholes zoomed out and by their lines zoomed in."""
DRAGS = 12
"""Of the map by the mouse, each over half a screen."""

WATCH = """(() => {
    window.measured = {idle: [], traced: [], long: [], clicked: 0};
    new PerformanceObserver(list => {
        for (const {startTime, duration} of list.getEntries()) measured.long.push({at: startTime, ms: duration});
    }).observe({type: 'longtask', buffered: true});
    addEventListener('click', event => { measured.clicked = event.timeStamp; }, {capture: true});
    const begin = () => {
        const map = window.gridtwin?.map?.map;
        if (!map) return void setTimeout(begin, 1);
        map.on('idle', () => {
            if (!map.isStyleLoaded()) return;
            measured.idle.push(performance.now());
            if (map.getLayer('trace-line')) measured.traced.push(performance.now());
        });
    };
    begin();
})();"""
"""Notes when the map rests, and when with a trace, which tasks were long, and the last click."""

PIXEL = """at => {
    const map = gridtwin.map.map, canvas = map.getCanvas(), gl = canvas.getContext('webgl2');
    const {x, y} = map.project(at), ratio = canvas.width / canvas.clientWidth, seen = new Uint8Array(4);
    const here = () => {
        const place = [Math.round(x * ratio), canvas.height - Math.round(y * ratio), 1, 1];
        gl.readPixels(...place, gl.RGBA, gl.UNSIGNED_BYTE, seen);
        return seen.join(' ');
    };
    measured.pixel = null;
    map.once('render', () => {
        const before = here();
        const look = () => {
            if (!measured.armed || here() === before) return;
            measured.pixel = performance.now();
            map.off('render', look);
        };
        map.on('render', look);
        measured.watched = true;
    });
    map.triggerRepaint();
}"""
"""Notes when the pixel at a place first has another colour, after measured.armed; it is read as soon as it is drawn."""


@dataclass(frozen=True)
class Row:
    """One measurement of several runs. goal_ms: what issue and design ask for. size: elements, feeders … it was of."""

    what: str
    runs: int
    p50_ms: float
    worst_ms: float
    goal_ms: float
    size: int = 0

    @classmethod
    def of(cls, what: str, taken: list[float], goal_ms: float, size: int = 0) -> Row:
        p50, worst = np.percentile(taken, [50, 100]).tolist() if taken else (0.0, 0.0)
        return cls(what, len(taken), round(p50, 1), round(worst, 1), goal_ms, size)


# --- what it is measured on


def kept(meters: int, feeders: int | None, folder: Path) -> Path:
    """A made-up utility's store, made where it is not there yet."""
    path = folder / f"{meters}-{feeders or 'usual'}.gpkg"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        print(f"making {path} once", file=sys.stderr, flush=True)
        begun = path.with_suffix(".part.gpkg")
        begun.unlink(missing_ok=True)
        network, _ = generate(meters, feeders)
        Twin.load(network, open_store(str(begun), write=True, create=True)).close()
        begun.rename(path)
    return path


@contextmanager
def copied(store: Path) -> Iterator[Path]:
    """A copy that may be operated, so that what is kept stays as it was made."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(shutil.copy(store, folder))


def ties(network: Network, elements: int) -> tuple[list[str], list[str]]:
    """Ties to close so that that many elements hang together, and lines among these, from which traces may start."""
    graph = network.graph
    conducting = network.normal_conducting != 0
    root = np.arange(graph.node_count)
    for node in np.flatnonzero(graph.parent >= 0).tolist():  # parents come first
        root[node] = root[graph.parent[node]]
    sizes = np.bincount(root, minlength=len(root)) + np.bincount(root[graph.branch_u[conducting]], minlength=len(root))
    switches = np.flatnonzero(network.operable & (network.switches["normal_open"] != 0))
    ends = np.stack([root[network.switches[end][switches]] for end in ("node1", "node2")], axis=1)
    joined = {int(ends[0, 0])} if len(ends) else set()
    closed: list[int] = []
    grown = True
    while grown and sizes[list(joined)].sum() < elements:
        grown = False
        for row, (one, other) in zip(switches.tolist(), ends.tolist(), strict=True):
            if (one in joined) != (other in joined):
                joined |= {one, other}
                closed.append(row)
                grown = True
                if sizes[list(joined)].sum() >= elements:
                    break
    within = np.isin(root[network.lines["node1"]], list(joined)) & network.line_geometry.placed
    within = np.flatnonzero(within & (network.lines["phases"] & ABC == ABC))
    starts = np.random.default_rng(3).permutation(within)[:100]
    return network.switches["mrid"][closed].tolist(), network.lines["mrid"][starts].tolist()


# --- measuring


@contextmanager
def page(browser: Browser, base: str) -> Iterator[Viewer]:
    """A page of a new profile, so of an empty cache, that takes notes; at the end it may have logged no error."""
    with tempfile.TemporaryDirectory() as pictures, viewing(browser, base, Path(pictures)) as viewer:
        viewer.page.add_init_script(WATCH)
        yield viewer
        if viewer.errors or viewer.strangers:
            raise AssertionError(f"the page complains: {viewer.errors}, or asks others: {viewer.strangers}")


def opened(viewer: Viewer, place: str = "", **query: str) -> float:
    """Milliseconds from navigation until the map first rests with something drawn."""
    viewer.open(place, **query)
    if not viewer.drawn():
        raise AssertionError("the map is empty")
    first: float = viewer.ask("measured.idle[0]")
    return first


def first_maps(browser: Browser, base: str, runs: int) -> Iterator[Row]:
    """The whole network, by a browser that was never here and by one that comes back.

    Once before it counts: a server that has just started still sums up cells and feeders.
    """
    new, again = [], []
    for run in range(1 + runs):
        with page(browser, base) as viewer:
            taken = opened(viewer), opened(viewer)
        if run:
            new.append(taken[0])
            again.append(taken[1])
    yield Row.of("first map, new browser", new, 1000)
    yield Row.of("first map, again", again, 1000)


def traces(browser: Browser, base: str, starts: list[str], least: int) -> Row:
    """From the click on a card's button until totals and tiles of the trace are there and the map rests."""
    taken, size = [], 0
    with page(browser, base) as viewer:
        for start in starts:
            viewer.open(element=start)
            viewer.page.click("[data-trace=connected]")
            viewer.page.wait_for_selector("#total-customers")
            viewer.page.wait_for_function("() => measured.traced.length")
            viewer.settled()
            taken.append(viewer.ask("measured.traced[0] - measured.clicked"))
            counts = viewer.ask("gridtwin.trace.result.sums.counts")
            size = sum(counts[name] for name in ("AcLineSegment", "Switch", "PowerTransformer", "ConnectivityNode"))
            if size < least or not viewer.ask(
                "gridtwin.map.map.queryRenderedFeatures({layers: ['trace-line']}).length"
            ):
                raise AssertionError(f"{size} elements traced from {start}, at least {least} were to be drawn")
    return Row.of("trace on screen", taken, 1000, size)


def changed(viewer: Viewer, mrid: str) -> None:
    """Waits for the pixel; says whose it is where it stays as it was."""
    try:
        viewer.page.wait_for_function("() => measured.pixel")
    except PlaywrightTimeoutError as error:
        said = viewer.text("#notes")
        raise AssertionError(f"no pixel behind {mrid} has changed; the page says: {said}") from error


def switches(browser: Browser, base: str, breakers: list[tuple[str, tuple[float, float]]]) -> Row:
    """From the click that opens or closes a breaker until a pixel of a line behind it has changed."""
    taken = []
    with page(browser, base) as viewer:
        for mrid, (lng, lat) in breakers:
            viewer.open(f"16/{lat}/{lng}", element=mrid)
            for _ in ("open", "close"):
                viewer.page.click("#card .two-step > button")
                viewer.page.wait_for_selector("#card .two-step .sure")
                viewer.ask("measured.armed = measured.watched = false")
                viewer.ask(PIXEL, [lng, lat])
                viewer.page.wait_for_function("() => measured.watched")
                viewer.ask("measured.armed = true")
                viewer.page.click("#card .two-step .sure")
                changed(viewer, mrid)
                taken.append(viewer.ask("measured.pixel - measured.clicked"))
                viewer.page.wait_for_selector("#card .two-step > button:only-child")
                viewer.settled()
    return Row.of("switch to changed pixels", taken, 700)


def panning(browser: Browser, base: str, place: tuple[float, float], drags: int) -> Iterator[Row]:
    """Long tasks of the page while the mouse drags the map about; none is a list of one zero."""
    width, height = SIZES["usual"]
    for zoom in (9, 12, 14, 16):
        with page(browser, base) as viewer:
            viewer.open(f"{zoom}/{place[1]}/{place[0]}")
            viewer.ask("measured.long.length = 0")
            mouse = viewer.page.mouse
            for number in range(drags):
                x, y = width // 3, height // 2
                mouse.move(x, y)
                mouse.down()
                mouse.move(x + (-1) ** (number // 2) * width // 4, y + (-1) ** number * height // 4, steps=15)
                mouse.up()
            viewer.settled()
            tasks = [task["ms"] for task in viewer.ask("measured.long")]
        yield Row.of(f"long tasks while panning, z{zoom}", tasks or [0.0], 200, len(tasks))


def nation(browser: Browser, base: str, feeders: int, runs: int) -> Row:
    """The whole network with every feeder drawn: each is among the features that are on the screen."""
    taken, seen = [], 0
    for _ in range(runs):
        with page(browser, base) as viewer:
            taken.append(opened(viewer))
            seen = viewer.ask(FEEDERS_DRAWN)
            if seen != feeders:
                raise AssertionError(f"{seen} of {feeders} feeders are drawn")
    return Row.of("every feeder drawn", taken, 3000, seen)


# --- all of it


def breakers_of(network: Network, count: int) -> list[tuple[str, tuple[float, float]]]:
    """Heads of feeders, each with the middle of a line behind it that lies apart from others."""
    found = []
    heads = network.feeder_heads
    for feeder in np.random.default_rng(4).permutation(len(heads)).tolist():
        head = int(heads[feeder])
        element = network.branch_element(head)
        lines = np.flatnonzero(
            (network.branch_feeder[network.table_branches[LINE]] == feeder) & network.line_geometry.placed
        )
        if not len(lines) or element.component is not SWITCH:
            continue
        row = int(lines[np.nanargmax(network.lines["length_m"][lines])])
        place = network.line_geometry.take(np.array([row])).coordinates
        a, b = place[len(place) // 2 - 1], place[len(place) // 2]
        found.append((str(network.switches["mrid"][element.row]), (float(a[0] + b[0]) / 2, float(a[1] + b[1]) / 2)))
        if len(found) == count:
            break
    return found


def run_city(
    browser: Browser,
    store: Path,
    runs: int,
    *,
    elements: int = ELEMENTS,
    drags: int = DRAGS,
    panned: Browser | None = None,
) -> Iterator[Row]:
    """Everything but the nation, on one store, which is operated and left changed.

    panned: the browser whose long tasks are told, where it is another one.
    """
    with Twin.from_store(open_store(str(store))) as twin:
        network = twin.network
        close, starts = ties(network, elements)
        breakers = breakers_of(network, max(1, runs // 2))
    with served(str(store), WARM_CACHE) as base:
        yield from first_maps(browser, base, runs)
        yield from panning(panned or browser, base, breakers[0][1], drags)
        yield switches(browser, base, breakers)
        operations = [{"mrid": mrid, "open": False} for mrid in close]
        if operations:
            httpx.post(f"{base}/api/switching", json={"operations": operations}, timeout=60).raise_for_status()
        yield traces(browser, base, starts[:runs], elements)


def run_nation(browser: Browser, store: Path, feeders: int, runs: int) -> Iterator[Row]:
    """The nation alone."""
    with served(str(store), WARM_CACHE) as base:
        yield nation(browser, base, feeders, runs)


def chromium() -> str:
    """The browser's program; SystemExit where there is none."""
    for name in CHROMIUM_NAMES:
        if found := shutil.which(name):
            return found
    raise SystemExit("no Chromium on PATH: install the system's package chromium")


def main() -> int:
    """Prints the table and writes the JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("store", nargs="?", type=Path, help="a GeoPackage; a made-up one where left out")
    parser.add_argument("--meters", type=int, default=METERS, help="of what is made up")
    parser.add_argument("--feeders", type=int, default=FEEDERS, help="of the nation; 0 leaves it out")
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--cache", type=Path, default=CACHE, help="folder in which what is made up is kept")
    told = parser.parse_args()
    city = told.store or kept(told.meters, None, told.cache)
    rows = []
    with sync_playwright() as playwright:
        browser, panned = launch(playwright, chromium(), AS_WITHOUT_A_CARD), launch(playwright, chromium())
        print(f"{'':34} {'runs':>5} {'p50 ms':>9} {'worst ms':>9} {'goal ms':>9} {'size':>9}")

        def tell(measured: Iterator[Row]) -> None:
            for row in measured:
                rows.append(row)
                print(
                    f"{row.what:34} {row.runs:5} {row.p50_ms:9,.0f} {row.worst_ms:9,.0f} {row.goal_ms:9,.0f} "
                    f"{row.size:9,}",
                    flush=True,
                )

        with copied(city) as store:
            tell(run_city(browser, store, told.runs, panned=panned))
        if told.feeders:
            with copied(kept(told.feeders * METERS_A_FEEDER, told.feeders, told.cache)) as store:
                tell(run_nation(browser, store, told.feeders, told.runs))
        browser.close()
        panned.close()
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
