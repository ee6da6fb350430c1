"""The store that forgets: the same answers as one that keeps."""

from __future__ import annotations

import pytest

from tests.twin.networks import F1, draw
from twin.engine import Twin
from twin.events import Operation
from twin.memory import MemoryStore
from twin.store import StaleRevision, StoreInvalid


@pytest.fixture
def network():
    return draw(F1, sources="S T", opened="b5")


def test_a_twin_of_a_part_of_a_log_goes_on_counting(network):
    store = MemoryStore()
    twin = Twin.load(network, store)
    for opened in (True, False, True):
        twin.switch([Operation("b3", opened)])
    log = list(store.events())
    assert [recorded.revision for recorded in log] == [1, 2, 3, 4]
    resumed = Twin(network, log=log[:2])
    assert resumed.revision == 2
    assert resumed.switch([Operation("b3", False)]).revision == 3
    later = MemoryStore(log[2:])
    assert [recorded.revision for recorded in later.events()] == [3, 4]
    assert [recorded.revision for recorded in later.events(after=3)] == [4]
    assert [recorded.revision for recorded in later.events(after=0, until=3)] == [3]
    assert list(later.events(until=2)) == []


def test_a_refused_request_leaves_nothing(network):
    twin = Twin(network)
    with pytest.raises(StaleRevision):
        twin.switch([Operation("b3", True)], expected_revision=7, idempotency_key="k")
    assert list(twin.store.events()) == []
    assert twin.switch([Operation("b3", True)], idempotency_key="k").revision == 1


def test_a_network_is_kept_by_its_model(network):
    store = MemoryStore()
    Twin.load(network, store)
    assert Twin.from_store(store).network is network
    with pytest.raises(StoreInvalid, match="other"):
        store.read_network("other")
