"""Greensboro, a whole town of SMART-DS: its figures, and where each comes from."""

from __future__ import annotations

import numpy as np
import pytest

from loaders.formats import read
from loaders.report import LoadReport
from topology.islands import islands
from topology.loops import find_loops
from twin.engine import Twin
from twin.network import Network
from twin.stores import open_store

pytestmark = pytest.mark.long

IDLE = 12
"""Buses at nothing but switches that are open. The figures that others give of this town leave them out."""


@pytest.fixture(scope="module")
def town(shared_data) -> tuple[Network, LoadReport]:
    return read(shared_data / "smartds_greensboro" / "smartds_gso_urban_suburban_opendss.tar.gz")


def test_what_it_is_made_of(town):
    network, report = town
    assert len(network.nodes) == 154_241 + IDLE
    assert f"{IDLE} buses are at nothing but switches that are open" in report.notes
    assert (network.customers, len(network.feeders), len(network.substations)) == (61_354, 61, 21)
    assert len(network.consumers) == report.read["Load"] == 61_354
    assert np.count_nonzero(network.switches["normal_open"]) == 266
    assert np.count_nonzero(np.isnan(network.node_lnglat)) == 0


def test_buses_without_supply(town):
    """In 118 islands 4,419 buses have no way to the source. OpenDSS's solution has 4,903 that are dead: these, and the
    484 behind two fuses that blow in it (`test_opendss.py`)."""
    network, _ = town
    dead = np.flatnonzero(network.normal_energized == 0)
    island = islands(network.graph, network.normal_conducting)[dead]
    assert len(dead) == 4_419 + IDLE and len(np.unique(island)) == 118 + IDLE
    assert 4_419 + 484 == 4_903


def test_nine_loops_and_eight_beside_another(town):
    """Nine loops where branches between the same two buses count as one; by ours each further one closes a loop too.

    There are eight: three times three beside each other, and twice two.
    """
    network, _ = town
    graph, closed = network.graph, network.normal_conducting > 0
    loops = find_loops(graph, network.normal_conducting, network.node_sources)
    assert {loop.kind for loop in loops} == {"loop"}
    u, v = graph.branch_u[closed], graph.branch_v[closed]
    ends = np.stack([np.minimum(u, v), np.maximum(u, v)])
    beside = np.unique(ends, axis=1, return_counts=True)[1]
    assert sorted(beside[beside > 1].tolist()) == [2, 2, 3, 3, 3]
    pairs, parts = len(beside), len(np.unique(islands(graph, network.normal_conducting)))
    assert len(loops) == 17 == 9 + len(u) - pairs
    assert pairs - len(network.nodes) + parts == 9  # branches - nodes + parts, of a graph without doubled branches
    assert len(u) - len(network.nodes) + parts == 17  # and with them


def test_it_is_stored(town, tmp_path):
    network, _ = town
    path = str(tmp_path / "greensboro.gpkg")
    store = open_store(path, write=True, create=True)
    try:
        Twin.load(network, store)
    finally:
        store.close()
    with Twin.from_store(open_store(path)) as twin:
        assert twin.network.model == network.model
        assert twin.current.customers_out == 0 and (twin.current.energized == network.normal_energized).all()
