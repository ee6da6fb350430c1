"""What the stream announces as stale, beside the tiles whose bytes changed: found by making every tile, twice.

Announced are ranges at the deepest zoom of a tileset, and with each tile all its ancestors.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from loaders.simbench import read_simbench
from tests.tiles.grids import town
from tests.tiles.test_properties import moved
from tiles.export_plan import plan_tiles
from tiles.mercator import code_to_tile
from tiles.source import ZOOMS, TileSource
from twin.engine import Twin
from twin.events import Operation
from twin.memory import MemoryStore
from twin.network import Network
from web.app import create_app
from web.settings import Settings

Address = tuple[str, int, int, int]
Zooms = dict[str, tuple[int, int]]


class Watched:
    """A served twin whose stream somebody follows."""

    def __init__(self, network: Network, zooms: Zooms = ZOOMS) -> None:
        self.twin = Twin.load(network, MemoryStore())
        self.app = create_app(self.twin, Settings(threads=2))
        self.zooms = zooms
        self._source = TileSource(network)
        plans = {tileset: plan_tiles(self._source, [tileset], *zooms[tileset]) for tileset in zooms}
        self.addresses: list[Address] = [
            (tileset, z, x, y)
            for tileset, plan in plans.items()
            for z, x, y in zip(plan.z.tolist(), plan.x.tolist(), plan.y.tolist(), strict=True)
        ]
        self._bytes = self._made()

    def _made(self) -> dict[Address, int]:
        """Every tile that can hold anything, by what it is made of."""
        now = self.twin.current
        return {address: hash(self._source.tile(*address, now).data) for address in self.addresses}

    def switch(self, operations: list[Operation], *, normal: bool = False) -> dict[str, Any]:
        """Operates, and gives what a client of the stream is told."""

        async def followed() -> bytes | None:
            subscriber, _ = self.app.state.context.stream.subscribe(None)
            await asyncio.to_thread(self.twin.switch, operations, normal=normal)
            told = await subscriber.next(120)
            self.app.state.context.stream.unsubscribe(subscriber)
            return told

        lines = (asyncio.run(followed()) or b"").decode().splitlines()
        (data,) = (line.removeprefix("data: ") for line in lines if line.startswith("data: "))
        told: dict[str, Any] = json.loads(data)
        assert told["revision"] == self.twin.revision
        return told

    def changed(self) -> set[Address]:
        """The tiles whose bytes changed since this was asked last."""
        before, self._bytes = self._bytes, self._made()
        return {address for address in self.addresses if before[address] != self._bytes[address]}

    def announced(self, told: dict[str, Any]) -> set[Address]:
        """All tiles that a client that was told so has to fetch again."""
        assert told["stale"]["all"] is False
        found: set[Address] = set()
        for tileset, (low, high) in self.zooms.items():
            deepest = ZOOMS[tileset][1]
            ranges = [np.arange(first, stop) for first, stop in told["stale"][tileset]]
            codes = np.concatenate([np.empty(0, np.int64), *ranges])
            for z in range(low, high + 1):
                x, y = code_to_tile(np.unique(codes >> 2 * (deepest - z)))
                found |= {(tileset, z, int(a), int(b)) for a, b in zip(x, y, strict=True)}
        return found

    def close(self) -> None:
        self.app.state.context.close()


def follow(watched: Watched, batches: list[list[Operation]]) -> Iterator[tuple[int, int]]:
    """How many tiles each batch changed, and how many were announced; the first are among the second."""
    for batch in batches:
        announced, changed = watched.announced(watched.switch(batch)), watched.changed()
        assert changed <= announced, sorted(changed - announced)[:9]
        assert changed or not announced, sorted(announced)[:9]
        yield len(changed), len(announced)


def by_chance(network: Network, seed: int, count: int) -> list[list[Operation]]:
    """Batches of one to three switches, as a whole or on one phase."""
    random = np.random.default_rng(seed)
    rows = np.flatnonzero(network.operable)
    batches = []
    for _ in range(count):
        chosen = random.choice(rows, size=random.integers(1, 4), replace=False).tolist()
        phases = [1 if random.random() < 0.2 and network.switches["phases"][row] & 1 else None for row in chosen]
        batches.append(
            [
                Operation(str(network.switches["mrid"][row]), bool(random.integers(2)), *([] if one is None else [one]))
                for row, one in zip(chosen, phases, strict=True)
            ]
        )
    return batches


def print_ratio(what: str, counts: list[tuple[int, int]]) -> float:
    """Says how much more was announced than changed."""
    changed, announced = (sum(each) for each in zip(*counts, strict=True))
    worst = max((told / real for real, told in counts if real), default=0)
    ratio = f"{announced / changed:.3f} times as many announced (worst batch {worst:.2f})"
    print(f"{what}: {len(counts)} batches, {changed} tiles changed, {ratio}")
    return worst


@pytest.mark.parametrize("seed", range(4))
def test_on_random_networks(seed: int) -> None:
    network = town(seed, 80, size=0.012) if seed < 3 else moved(town(seed, 80, (0.0, -17.0), 0.03), 180.0)
    watched = Watched(network)
    counts = list(follow(watched, by_chance(network, seed, 8)))
    assert print_ratio(network.name, counts) <= 2
    assert sum(changed for changed, _ in counts) > 100
    watched.close()


def test_what_changes_nothing_announces_nothing() -> None:
    watched = Watched(town(1, 40, size=0.012))
    switches = watched.twin.network.switches
    row = int(np.flatnonzero(watched.twin.network.operable & (switches["normal_open"] == 0))[0])
    mrid = str(switches["mrid"][row])
    told = watched.switch([Operation(mrid, open=False)])
    assert not any(told["stale"].values()), "no range of any tileset"
    assert watched.changed() == set()
    assert watched.announced(watched.switch([Operation(mrid, open=True)])) >= watched.changed() != set()
    watched.switch([], normal=True)
    watched.changed()
    assert watched.announced(watched.switch([], normal=True)) == set() == watched.changed()
    watched.close()


@pytest.mark.parametrize(
    ("zooms", "batches"),
    [({"grid": (10, 11), "hexes": ZOOMS["hexes"]}, 2), pytest.param(ZOOMS, 6, marks=pytest.mark.long)],
    ids=["zoomed out", "every zoom"],
)
def test_on_a_real_network(simbench_folder: Path, zooms: Zooms, batches: int) -> None:
    network, _ = read_simbench(simbench_folder)
    watched = Watched(network, zooms)
    whole = [[Operation("MV2.101 Switch 7", open=True)], *by_chance(network, 2, 20)]
    counts = list(follow(watched, whole[:batches]))
    assert print_ratio(f"{network.name}, {len(watched.addresses)} tiles", counts) <= 2
    assert sum(changed for changed, _ in counts) > 10
    watched.close()
