"""What the tests find around them: data folders and other people's programs, and no skipping in CI."""

from __future__ import annotations

import importlib.util
import os
import shutil
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.postgres import Postgres, PostgresMissing, private_postgres

ROOT = Path(__file__).resolve().parent.parent
CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome")
DEMO_NETWORK = "1-complete_data-mixed-all-0-sw"

settings.register_profile(
    "gridtwin", derandomize=True, database=None, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("gridtwin")  # the same is drawn every time, however slow the machine; what takes long draws anew


def in_ci() -> bool:
    """Whether this run may leave nothing out."""
    return os.environ.get("CI") == "true"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """With CI=true a skipped test is a failed test (an expected failure is none: it ran)."""
    report = yield
    if in_ci() and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"CI=true allows no skipped test: {_reason(report.longrepr)}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """The same for a module that skips itself as a whole."""
    report = yield
    if in_ci() and report.skipped:
        report.outcome = "failed"
        report.longrepr = f"CI=true allows no skipped module: {_reason(report.longrepr)}"
    return report


def _reason(longrepr: object) -> str:
    """The words of a skip report, which is a (file, line, reason) tuple."""
    return str(longrepr[2]) if isinstance(longrepr, tuple) else str(longrepr)


def _program(*names: str, package: str) -> str:
    """The first of these programs that is on PATH, else a skipped test that says how to get it."""
    for name in names:
        path = shutil.which(name)
        if path is not None:
            return path
    pytest.skip(f"no {names[0]} on PATH: install the system's package {package}")


@pytest.fixture(scope="session")
def simbench_folder() -> Path:
    """The demo network as the simbench package ships it: a folder of CSV files."""
    spec = importlib.util.find_spec("simbench")
    if spec is None or not spec.submodule_search_locations:
        pytest.skip("no simbench: `make demo` and `make test` install it")
    return Path(spec.submodule_search_locations[0]) / "networks" / DEMO_NETWORK


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of large real networks: $GRIDTWIN_DATA, else ../shared/data beside the checkout."""
    folder = Path(os.environ.get("GRIDTWIN_DATA") or ROOT.parent / "shared" / "data")
    if not folder.is_dir():
        pytest.skip(f"no folder {folder}: set GRIDTWIN_DATA to the folder of large networks")
    return folder


@pytest.fixture(scope="session")
def chromium_path() -> str:
    """The browser's program, for Playwright's `executable_path`."""
    return _program(*CHROMIUM_NAMES, package="chromium")


@pytest.fixture(scope="session")
def gdal_info() -> str:
    """GDAL's `ogrinfo`; the other tools of gdal-bin are beside it."""
    return _program("ogrinfo", package="gdal-bin")


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A private PostgreSQL with PostGIS; it is started when the first test asks for it."""
    try:
        with private_postgres() as server:
            yield server
    except PostgresMissing as missing:
        pytest.skip(str(missing))


@pytest.fixture
def database(postgres: Postgres) -> Iterator[str]:
    """The name of a new database with PostGIS, dropped at the end."""
    with postgres.database() as name:
        yield name
