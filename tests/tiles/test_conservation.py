"""A thousand switching batches: the cells still add up, made from the change or from everything.

At every zoom, and so at every resolution, the cells that their tile owns and what has no place sum to the network's
totals, measure by measure, and each tile tells the same of a cell.
"""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from tests.tiles import reader
from tests.tiles.grids import town
from tests.tiles.test_hexes import over_antimeridian, tiles_near
from tiles.hexes import FIELDS, RESOLUTIONS, HexPyramid
from twin import phases
from twin.engine import Twin
from twin.events import Operation
from twin.memory import MemoryStore
from twin.network import Network
from twin.state import Snapshot

TIMES = 4
"""How often, beside at the beginning, every cell of every zoom is read from its tiles."""
STATIC = ("customers", "meters", "transformers", "line_km", "rated_kva")


@pytest.mark.parametrize(
    ("network", "batches"),
    [
        pytest.param(town(5, 150, size=0.05), 1_000, id="a town"),
        pytest.param(over_antimeridian(), 100, id="over the antimeridian"),
        pytest.param(town(2, 60, (15.0, 84.0), 0.3), 100, id="in the far north"),
    ],
)
def test_cells_add_up_before_and_after_many_batches(network: Network, batches: int) -> None:
    twin = Twin.load(network, MemoryStore())
    pyramid, random = HexPyramid(network), np.random.default_rng(1)
    mrids, rows = network.switches["mrid"].tolist(), np.flatnonzero(network.operable)
    outs = set()
    check_tiles(pyramid, twin.current)
    for batch in range(1, batches + 1):
        chosen = random.choice(rows, size=random.integers(1, 5), replace=False).tolist()
        twin.switch([Operation(str(mrids[row]), bool(random.integers(2))) for row in chosen], normal=batch % 100 == 0)
        now = twin.current
        made = pyramid.supply(now)  # from the change
        whole = pyramid._supply(now)
        for one, other in zip((*made.out, *made.energized), (*whole.out, *whole.energized), strict=True):
            assert np.array_equal(one, other)
        out, live = live_totals(now)
        assert {int(level.sum()) for level in made.out} == {out}
        assert {int(level.sum()) for level in made.energized} == {live}
        outs.add(out)
        if batch % (batches // TIMES) == 0:
            check_tiles(pyramid, now)
    assert len(outs) > 5


def live_totals(now: Snapshot) -> tuple[int, int]:
    """Customers out, and customers with all their phases, of those that have a place; counted one by one."""
    network = now.network
    out = live = 0
    for consumer, node in enumerate(network.consumers["node"].tolist()):
        if np.isnan(network.node_lnglat[node]).any():
            continue
        own = int(network.consumers["phases"][consumer]) & phases.ABC
        before, after = int(network.normal_energized[node]) & own, int(now.energized[node]) & own
        customers = int(network.consumer_customers[consumer])
        out += customers * bool(before & ~after)
        live += customers * (after == own != 0)
    return out, live


def totals(network: Network) -> dict[str, float]:
    """What the whole network has, in the words of the cells."""
    return {
        "customers": network.customers,
        "meters": len(network.meters),
        "transformers": len(network.transformers),
        "line_km": float(np.nansum(network.lines["length_m"])) / 1000,
        "rated_kva": float(np.nansum(network.transformers["rated_power_va"])) / 1000,
    }


def check_tiles(pyramid: HexPyramid, now: Snapshot) -> None:
    """At every zoom: owners and the unplaced sum to the network's totals, copies of a cell are equal."""
    whole, (out, live) = totals(now.network), live_totals(now)
    assert set(STATIC) == set(whole) == set(pyramid.unplaced)
    assert {*STATIC, "customers_out", "energized_share", "h3", "resolution", "owner"} == set(FIELDS)
    assert sorted(set(RESOLUTIONS)) == list(range(RESOLUTIONS[-1] + 1)), "every resolution is at some zoom"
    for z, resolution in enumerate(RESOLUTIONS):
        copies: dict[str, list[dict[str, reader.Value]]] = {}
        owners: Counter[str] = Counter()
        sums = dict.fromkeys((*STATIC, "customers_out", "live"), 0.0)
        for x, y in tiles_near(pyramid, z):
            data = pyramid.tile(z, x, y, now)
            for feature in reader.read(data)["hexes"].features if data else []:
                cell = dict(feature.properties)
                owned = cell.pop("owner")
                copies.setdefault(str(cell["h3"]), []).append(cell)
                assert cell["resolution"] == resolution
                if owned:
                    owners[str(cell["h3"])] += 1
                    for name in (*STATIC, "customers_out"):
                        sums[name] += float(cell[name])
                    sums["live"] += float(cell.get("energized_share", 0)) * int(cell["customers"])
        assert all(each == told[0] for told in copies.values() for each in told)
        assert set(owners) == set(copies) and set(owners.values()) == {1}, "each cell has one owner"
        for name in STATIC:
            assert sums[name] + pyramid.unplaced[name] == pytest.approx(whole[name], rel=1e-12), (z, name)
        assert sums["customers_out"] == out
        assert sums["live"] == pytest.approx(live, rel=1e-12)
