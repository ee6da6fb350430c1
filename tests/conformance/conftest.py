"""The networks that every oracle is asked about."""

from __future__ import annotations

import pytest

from tests.conformance.nets import NETS, Case, made


@pytest.fixture(scope="session", params=NETS)
def case(request: pytest.FixtureRequest) -> Case:
    return Case(request.param, made(request.param))
