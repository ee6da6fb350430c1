"""The demo network, read once."""

from __future__ import annotations

from pathlib import Path

import pytest

from loaders.simbench import read_simbench
from twin.network import Network


@pytest.fixture(scope="session")
def simbench(simbench_folder: Path) -> Network:
    return read_simbench(simbench_folder)[0]
