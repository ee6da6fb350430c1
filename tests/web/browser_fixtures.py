"""A server of the demo network and browsers in front of it, one of each a module; test modules plug this in."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Playwright, sync_playwright

from loaders.simbench import read_simbench
from tests.web.browser_server import serving
from tests.web.browser_viewer import SIZES, Scheme, Show, Viewer, launch, picture_folder, viewing


@pytest.fixture(scope="module")
def address(simbench_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server of the demo network; a module may put another network in its place."""
    with serving(read_simbench(simbench_folder)[0], tmp_path_factory.mktemp("browser")) as where:
        yield where


@pytest.fixture(scope="module")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as started:
        yield started


@pytest.fixture(scope="module")
def browser(playwright: Playwright, chromium_path: str) -> Iterator[Browser]:
    browser = launch(playwright, chromium_path)
    yield browser
    browser.close()


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    return picture_folder(tmp_path)


@pytest.fixture
def show(browser: Browser, address: str, pictures: Path) -> Iterator[Show]:
    """Makes pages; at the end none may have logged an error or asked anybody else for anything."""
    shown: list[Viewer] = []
    with ExitStack() as stack:

        def open_page(*, size: str = "usual", scheme: Scheme = "light") -> Viewer:
            page: AbstractContextManager[Viewer] = viewing(browser, address, pictures, size=SIZES[size], scheme=scheme)
            shown.append(stack.enter_context(page))
            return shown[-1]

        yield open_page
        for viewer in shown:
            assert viewer.strangers == []
            assert viewer.errors == []


@pytest.fixture
def normal(address: str) -> Iterator[None]:
    """Every switch is in its normal position, before and after."""
    httpx.post(f"{address}/api/switching", json={"normal": True}).raise_for_status()
    yield
    httpx.post(f"{address}/api/switching", json={"normal": True}).raise_for_status()
