"""The tiles announced as stale are those whose bytes changed, found by making every tile twice."""

from __future__ import annotations

import numpy as np
import pytest

from tests.tiles.grids import snapshot, town
from tests.tiles.test_source import tiles_around
from tiles import stale
from tiles.mercator import TileAddressError, code_to_tile, tile_to_code
from tiles.source import TileSource
from tiles.stale import StaleIndex, StaleTiles
from tiles.tilejson import ZOOMS
from twin.network import Network
from twin.state import Snapshot, State

Address = tuple[str, int, int, int]


def every_tile(network: Network, tileset: str) -> list[Address]:
    minzoom, maxzoom = ZOOMS[tileset]
    return [(tileset, *tile) for z in range(minzoom, maxzoom + 1) for tile in tiles_around(network, z)]


def announced(found: StaleTiles, tileset: str) -> set[Address]:
    addresses = set()
    for z in range(ZOOMS[tileset][0], ZOOMS[tileset][1] + 1):
        x, y = code_to_tile(found.codes(tileset, z))
        addresses |= {(tileset, z, int(a), int(b)) for a, b in zip(x, y, strict=True)}
    return addresses


def implied(found: StaleTiles, tileset: str) -> set[Address]:
    """What a client makes of the ranges: their tiles, and all ancestors."""
    deepest = ZOOMS[tileset][1]
    codes = [np.arange(first, stop) for first, stop in found.ranges(tileset).tolist()]
    addresses = set()
    for z in range(ZOOMS[tileset][0], deepest + 1):
        x, y = code_to_tile(np.concatenate([np.empty(0, np.int64), *codes]) >> 2 * (deepest - z))
        addresses |= {(tileset, z, int(a), int(b)) for a, b in zip(x, y, strict=True)}
    return addresses


def operated(network: Network, before: Snapshot, seed: int) -> Snapshot:
    """One to three switches operated, as a whole or on one phase."""
    random = np.random.default_rng(seed)
    opened = before.state.open.copy()
    for row in random.integers(0, len(opened), random.integers(1, 4)):
        opened[row] ^= int(random.choice([7, 7, 1])) & int(network.switches["phases"][row])
    return Snapshot.of(network, State(network.model, before.revision + 1, opened))


@pytest.mark.parametrize("tileset", ["grid", "hexes", "feeders"])
@pytest.mark.parametrize("seed", range(4))
def test_announced_are_those_that_changed(tileset: str, seed: int) -> None:
    network = town(seed, 80, size=0.012)
    source = TileSource(network)
    index = StaleIndex(network, source)
    addresses = every_tile(network, tileset)
    before = snapshot(network)
    old = {address: source.tile(*address, before).data for address in addresses}
    last = dict.fromkeys(addresses, 0)
    changed_count = announced_count = 0
    for revision in range(1, 9):
        after = operated(network, before, 100 * seed + revision)
        found = index.changed(before, after, revision)
        new = {address: source.tile(*address, after).data for address in addresses}
        changed = {address for address in addresses if old[address] != new[address]}
        told = announced(found, tileset)
        assert changed <= told <= set(addresses)
        assert changed <= implied(found, tileset)
        changed_count, announced_count = changed_count + len(changed), announced_count + len(told)
        last.update(dict.fromkeys(told, revision))
        before, old = after, new
    assert 0 < changed_count <= announced_count <= 2 * changed_count
    assert {address: index.revision_of(*address) for address in addresses} == last


def test_nothing_changed_nothing_announced() -> None:
    network = town()
    index = StaleIndex(network, TileSource(network), revision=7)
    found = index.changed(snapshot(network), snapshot(network), 8)
    assert len(found) == 0
    assert found.ranges("grid").tolist() == found.ranges("hexes").tolist() == []
    assert index.revision_of("grid", 16, 5, 5) == 7
    assert index.revision == 8


def test_a_switch_that_feeds_nothing_is_stale_itself() -> None:
    """Its tiles show whether it is open; the cells do not."""
    network = town()
    before = snapshot(network)
    placed = ~np.isnan(network.node_lnglat[network.switches["node1"]]).any(axis=1)
    live = before.live_ends
    dead = next(row for row in np.flatnonzero(placed) if live(row) == 0)
    opened = before.state.open.copy()
    opened[dead] ^= network.switches["phases"][dead]
    after = Snapshot.of(network, State(network.model, 1, opened))
    found = StaleIndex(network, TileSource(network)).changed(before, after, 1)
    assert 1 <= len(found.codes("grid", 16)) <= 4
    assert len(found.codes("hexes", 12)) == 0


def test_a_line_over_the_antimeridian_is_stale_on_both_sides() -> None:
    at_zero = town(3, 60, (0.0, -17.0), 0.02)
    lng = at_zero.nodes["lng"] + 180
    nodes = at_zero.nodes.take(np.arange(len(lng)), lng=np.where(lng > 180, lng - 360, lng))
    network = Network.from_tables("both sides", {**at_zero.tables, "nodes": nodes})
    source = TileSource(network)
    index = StaleIndex(network, source)
    before = snapshot(network)
    after = snapshot(network, 1, share=1.0)
    found = announced(index.changed(before, after, 1), "grid")
    columns = {x for _, z, x, _ in found if z == 16}
    assert min(columns) == 0
    assert max(columns) == 2**16 - 1
    for address in found:
        if address[1] == 13:
            assert source.tile(*address, before) != source.tile(*address, after)


def test_an_index_made_anew_from_its_epoch_on_agrees(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stale, "EPOCH", 4)
    network = town(size=0.012)
    source = TileSource(network)
    states = [snapshot(network)]
    index = StaleIndex(network, source)
    addresses = [address for tileset in ZOOMS for address in every_tile(network, tileset)]
    for revision in range(1, 12):
        states.append(operated(network, states[-1], revision))
        index.changed(states[-2], states[-1], revision)
        anew = StaleIndex(network, source, stale.epoch(revision))
        for replayed in range(stale.epoch(revision) + 1, revision + 1):
            anew.changed(states[replayed - 1], states[replayed], replayed)
        assert [anew.revision_of(*each) for each in addresses] == [index.revision_of(*each) for each in addresses]
    assert min(index.revision_of(*each) for each in addresses) == 8


def test_bad_calls() -> None:
    network = town()
    index = StaleIndex(network, TileSource(network))
    with pytest.raises(ValueError, match="the network that the index was made for"):
        index.changed(snapshot(town()), snapshot(network), 1)
    with pytest.raises(TileAddressError):
        index.revision_of("grid", 9, 0, 0)


def test_ranges_join_neighbours() -> None:
    codes = tile_to_code([0, 1, 0, 1, 2], [0, 0, 1, 1, 2])
    found = StaleTiles(1, {"grid": np.sort((16 << 40) | codes), "hexes": np.empty(0, np.int64)})
    assert found.ranges("grid").tolist() == [[0, 4], [12, 13]]
