"""A thousand switching batches: the cells still add up, made from the change or from everything."""

from __future__ import annotations

import numpy as np

from tests.tiles import reader
from tests.tiles.grids import town
from tests.tiles.test_hexes import tiles_near
from tiles.hexes import HexPyramid
from twin.engine import Twin
from twin.events import Operation
from twin.memory import MemoryStore

BATCHES = 1_000
LOOKED_AT = 250
"""Batches after which every cell of every zoom is read from its tiles."""


def test_cells_add_up_before_and_after_a_thousand_batches() -> None:
    network = town(5, 150, size=0.05)
    twin = Twin.load(network, MemoryStore())
    pyramid, random = HexPyramid(network), np.random.default_rng(1)
    mrids, rows = network.switches["mrid"].tolist(), np.flatnonzero(network.operable)
    outs = set()
    _check_tiles(pyramid, twin)
    for batch in range(1, BATCHES + 1):
        chosen = random.choice(rows, size=random.integers(1, 5), replace=False).tolist()
        twin.switch([Operation(str(mrids[row]), bool(random.integers(2))) for row in chosen], normal=batch % 100 == 0)
        now = twin.current
        made = pyramid.supply(now)  # from the change
        whole = pyramid._supply(now)
        for one, other in zip((*made.out, *made.energized), (*whole.out, *whole.energized), strict=True):
            assert np.array_equal(one, other)
        placed = ~np.isnan(network.node_lnglat[network.consumers["node"]]).any(axis=1)
        out = int(network.consumer_customers[now.consumers_out & placed].sum())
        assert {int(level.sum()) for level in made.out} == {out}
        outs.add(out)
        if batch % LOOKED_AT == 0:
            _check_tiles(pyramid, twin)
    assert len(outs) > 5


def _check_tiles(pyramid: HexPyramid, twin: Twin) -> None:
    """At every zoom: owners and the unplaced sum to the network's totals, copies of a cell are equal."""
    now, network = twin.current, twin.network
    for z in range(13):
        copies: dict[str, list[tuple[object, ...]]] = {}
        owned = np.zeros(2, dtype=np.int64)
        for x, y in tiles_near(pyramid, z):
            data = pyramid.tile(z, x, y, now)
            for feature in reader.read(data)["hexes"].features if data else []:
                cell = dict(feature.properties)
                owner = cell.pop("owner")
                copies.setdefault(str(cell["h3"]), []).append(tuple(sorted(cell.items())))
                if owner:
                    owned += np.array([cell["customers"], cell["customers_out"]], dtype=np.int64)
        assert all(len(set(each)) == 1 for each in copies.values())
        assert owned[0] + pyramid.unplaced["customers"] == network.customers
        placed = ~np.isnan(network.node_lnglat[network.consumers["node"]]).any(axis=1)
        assert owned[1] == network.consumer_customers[now.consumers_out & placed].sum()
