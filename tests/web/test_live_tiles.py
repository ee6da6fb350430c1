"""Following a twin whose model is replaced, as another process may do to a shared store."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from tests.web.conftest import Client, Connect, tiny_network
from tests.web.test_tile_endpoints import BEHIND, FED
from tiles.stale import StaleTiles
from twin.engine import Change, Twin
from twin.events import ModelReplaced, Operation, Recorded
from twin.network import Network
from twin.phases import ABC
from web import live_tiles
from web.live_tiles import Address, LiveTiles
from web.stream import EVERYTHING


def replaced(old: Twin, new: Twin) -> Change:
    """The change from one twin's model to another's."""
    now = datetime.now(UTC)
    event = ModelReplaced(new.network.model, new.network.name)
    return Change(Recorded(1, now, now, "", "", event), old.current, new.current)


@pytest.fixture
def other() -> Twin:
    """The same network under another name, with a switch open."""
    network = tiny_network("other")
    twin = Twin(replace(network, tables={**network.tables, "usage_points": network.tables["usage_points"]}))
    twin.switch([Operation("SW1", True)])
    return twin


def test_a_new_model_makes_every_tile_stale(network: Network, other: Twin, monkeypatch: pytest.MonkeyPatch) -> None:
    twin = Twin(network)
    tiles = LiveTiles(twin, 1 << 20)
    monkeypatch.setattr(tiles, "_twin", other)
    assert tiles.follow(replaced(twin, other)) == EVERYTHING
    moment = tiles.now(Address("grid", 16, 0, 0), "current", ABC)
    assert (moment.source.network, moment.snapshot, moment.changed) == (other.network, other.current, 1)
    normal = tiles.now(Address("grid", 16, 0, 0), "normal", ABC)
    assert (normal.snapshot, normal.changed) == (other.normal, 0)


def test_a_change_of_very_many_tiles_is_told_as_all_of_them(
    client: Client, twin: Twin, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiles: LiveTiles = client.app.state.context.tiles
    told: list[object] = []
    twin.subscribe(lambda change: told.append(change))
    twin.switch([Operation("SW1", True)])
    (change,) = told
    assert isinstance(change, Change)
    stale = tiles.follow(change)
    assert stale["all"] is False and stale["grid"] and stale["hexes"]
    monkeypatch.setattr(live_tiles, "MOST_RANGES", 1)
    assert tiles.follow(change) == EVERYTHING


def test_a_reader_waits_for_the_state_that_the_index_knows_already(
    client: Client, twin: Twin, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the two steps of a change a reader must see neither half."""
    tiles: LiveTiles = client.app.state.context.tiles
    z, x, y = (int(part) for part in BEHIND.split("/")[3:])
    seen: list[int] = []

    def pause(_: float) -> None:
        seen.append(tiles._shown.current.revision)
        monkeypatch.setattr(tiles, "_shown", replace(tiles._shown, current=twin.current))

    before = tiles._shown
    twin.switch([Operation("SW1", True)])
    monkeypatch.setattr(tiles, "_shown", replace(tiles._shown, current=before.current))
    monkeypatch.setattr(live_tiles, "time", SimpleNamespace(sleep=pause))  # other threads sleep as they did
    moment = tiles.now(Address("grid", z, x, y), "current", ABC)
    assert (seen, moment.snapshot.revision, moment.changed) == ([1], 2, 2)
    z, x, y = (int(part) for part in FED.split("/")[3:])
    assert tiles.now(Address("grid", z, x, y), "current", ABC).changed == 1


def test_stale_tiles_are_told_by_tileset(network: Network, connect: Connect) -> None:
    tiles: LiveTiles = connect(Twin(network)).app.state.context.tiles
    nothing = tiles._shown.index.difference(tiles._shown.current, tiles._shown.current, 1)
    assert isinstance(nothing, StaleTiles)
    assert live_tiles._told(nothing) == {"grid": [], "hexes": [], "feeders": [], "all": False}
