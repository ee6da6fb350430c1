"""A real Chromium in front of the viewer."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlencode, urlsplit

import httpx
from playwright.sync_api import Browser, Page, Playwright, TimeoutError

from tests.web.conftest import quoted

ARGUMENTS = (
    "--no-sandbox",  # the tests may run as root
    "--use-gl=angle",
    "--use-angle=swiftshader",  # WebGL without a graphics card
    "--enable-unsafe-swiftshader",
    "--ignore-gpu-blocklist",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
PATIENCE_MS = 120_000
SIZES = {"small": (390, 844), "usual": (1280, 800), "large": (1920, 1080)}

Scheme = Literal["light", "dark"]

COUNT_QUESTIONS = """(() => {
    const ask = window.fetch;
    window.questions = 0;
    window.fetch = async (...what) => {
        window.questions += 1;
        try {
            return await ask(...what);
        } finally {
            window.questions -= 1;
        }
    };
})()"""
"""How many of the page's questions the server has not answered yet."""

LINE = "MV3.101 Line 30"
"""A line of a feeder in a town: most of the feeder's customers are behind it."""
BREAKER = "MV3.101 Switch 144"
"""At the head of another feeder."""
TOWN = (11.37, 53.64)


def launch(playwright: Playwright, chromium: str, *more: str) -> Browser:
    """A headless browser of this machine."""
    return playwright.chromium.launch(executable_path=chromium, args=[*ARGUMENTS, *more], timeout=PATIENCE_MS)


@dataclass
class Viewer:
    """One page of the viewer, and what it did that a viewer should not do."""

    page: Page
    base: str
    pictures: Path
    errors: list[str] = field(default_factory=list)
    strangers: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.set_default_timeout(PATIENCE_MS)
        self.page.on("console", lambda said: self.errors.append(said.text) if said.type == "error" else None)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("request", lambda request: self._requested(request.url))
        self.page.add_init_script(COUNT_QUESTIONS)

    def _requested(self, url: str) -> None:
        if not url.startswith((self.base, f"blob:{self.base}", "data:")):
            self.strangers.append(url)

    def open(self, place: str = "", **query: str) -> Viewer:
        """Goes to an address: place is `zoom/lat/lng`."""
        self.page.goto(f"{self.base}/?{urlencode(query)}" + (f"#{place}" if place else ""))
        return self.settled()

    def settled(self) -> Viewer:
        """Waits until nothing moves, nothing is asked and all is drawn, for a while.

        Names and marks are placed some time after the tiles are there: only a map that rests has drawn them. Where the
        last to be loaded changed nothing, the engine draws no frame after which it would say so, and is asked for one.
        """
        self.ask("() => { window.calm_since = 0; }")
        try:
            self.page.wait_for_function(
                """() => {
                    const {ready, map} = window.gridtwin ?? {};
                    if (map && window.watched !== map.map) {
                        window.watched = map.map;
                        window.rests = false;
                        map.map.on('render', () => { window.rests = false; });
                        map.map.on('idle', () => { window.rests = true; });
                    }
                    const still = map && map.map.loaded() && !map.map.isMoving();
                    if (still && !window.rests) map.map.triggerRepaint();
                    const moves = map && !(still && window.rests);
                    const busy = !ready || window.questions || moves;
                    if (busy || !window.calm_since) window.calm_since = performance.now();
                    return !busy && performance.now() - window.calm_since > 300;
                }"""
            )
        except TimeoutError:
            told = "[ready, window.questions, window.rests, map?.map.loaded(), map?.map.isMoving()]"
            state = self.ask(f"(({{ready, map}}) => {told})(gridtwin)")
            raise AssertionError(f"ready, questions, rests, loaded, moving: {state}; {self.errors}") from None
        return self

    @property
    def url(self) -> str:
        """What the address bar holds now; of what a script writes there, Playwright's own `url` hears later."""
        return str(self.ask("location.href"))

    def look(self, name: str) -> None:
        """Saves a picture of the page."""
        self.page.screenshot(path=self.pictures / f"{name}.png")

    def ask(self, expression: str, argument: object = None) -> Any:
        """The value of an expression in the page."""
        return self.page.evaluate(expression, argument)

    def text(self, selector: str) -> str:
        """What an element says."""
        return self.page.inner_text(selector)

    def number(self, selector: str) -> int:
        """The number that an element shows, thousands separated by commas."""
        return int(self.text(selector).replace(",", ""))

    def go(self, lng: float, lat: float, zoom: float) -> Viewer:
        """Moves the map at once."""
        self.ask("([center, zoom]) => { gridtwin.map.map.jumpTo({center, zoom}); }", [[lng, lat], zoom])
        return self.settled()

    def drawn(self) -> dict[str, int]:
        """Features on the screen by layer of the tiles."""
        return self.ask(
            """() => {
                const counts = {};
                for (const {sourceLayer} of gridtwin.map.map.queryRenderedFeatures()) {
                    if (sourceLayer) counts[sourceLayer] = (counts[sourceLayer] ?? 0) + 1;
                }
                return counts;
            }"""
        )

    def until_energized(self, element: dict[str, Any], energized: int) -> None:
        """Waits until a line is drawn as it is supplied: tiles come some time after the figures."""
        self.page.wait_for_function(
            """([id, energized]) => {
                const {ready, map} = window.gridtwin;
                if (!ready || !map.map.loaded()) return false;
                const same = f => f.source === 'grid' && f.sourceLayer === 'lines' && f.id === id;
                return map.map.queryRenderedFeatures().find(same)?.properties.energized === energized;
            }""",
            arg=[element["id"], energized],
        )

    def click_map(self, lng: float, lat: float) -> None:
        """Clicks a place on the map."""
        x, y = self.ask(
            """at => {
                const {x, y} = gridtwin.map.map.project(at);
                const {left, top} = gridtwin.map.map.getCanvas().getBoundingClientRect();
                return [left + x, top + y];
            }""",
            [lng, lat],
        )
        self.page.mouse.click(x, y)

    def pick(self, lng: float, lat: float, name: str) -> None:
        """Clicks a place and, where several elements lie there, takes the one of that name; waits for its card."""
        self.click_map(lng, lat)
        self.page.wait_for_selector("#card:not([hidden]), #pick-list")
        if self.page.is_visible("#pick-list"):
            self.page.click(f"#pick-list button:has(b:text-is('{name}'))")
        self.page.wait_for_selector(f"#card-title:text-is('{name}')")

    def confirm(self, box: str) -> str:
        """Presses a two-step button twice, the first in a box or the one of that id; returns what it asked between."""
        steps = f":is({box}.two-step, {box} .two-step)"
        self.page.click(f"{steps} > button")
        asked = self.text(f"{steps}:has(.sure) > p")
        self.page.click(f"{steps} .sure")
        return asked


@contextmanager
def viewing(
    browser: Browser,
    base: str,
    pictures: Path,
    *,
    size: tuple[int, int] = SIZES["usual"],
    scheme: Scheme = "light",
) -> Iterator[Viewer]:
    """A page in a browser profile of its own."""
    assert urlsplit(base).hostname == "127.0.0.1"
    width, height = size
    context = browser.new_context(
        viewport={"width": width, "height": height}, color_scheme=scheme, reduced_motion="reduce", locale="en-GB"
    )
    try:
        yield Viewer(context.new_page(), base, pictures)
    finally:
        context.close()


def picture_folder(otherwise: Path) -> Path:
    """Where pictures go: $GRIDTWIN_SCREENSHOTS if set."""
    folder = Path(os.environ.get("GRIDTWIN_SCREENSHOTS") or otherwise)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


Show = Callable[..., Viewer]
"""The fixture `show`: opens a page."""


def element(address: str, mrid: str) -> dict[str, Any]:
    """What the server says about an element."""
    answer: dict[str, Any] = httpx.get(f"{address}/api/elements/{quoted(mrid)}").raise_for_status().json()
    return answer


def middle(card: dict[str, Any]) -> tuple[float, float]:
    """A point of an element, the middle of a straight line."""
    points = card["geometry"]["coordinates"]
    if card["geometry"]["type"] == "Point":
        return points[0], points[1]
    (x0, y0), (x1, y1) = points[0], points[-1]
    return (x0 + x1) / 2, (y0 + y1) / 2


def operated(address: str, mrid: str, *, opened: bool) -> dict[str, Any]:
    body = {"operations": [{"mrid": mrid, "open": opened}]}
    answer: dict[str, Any] = httpx.post(f"{address}/api/switching", json=body).raise_for_status().json()
    return answer


def wait_for_outages(page: Page, number: int) -> None:
    page.wait_for_function(
        "number => document.getElementById('kpi-outages').textContent === String(number)", arg=number
    )
