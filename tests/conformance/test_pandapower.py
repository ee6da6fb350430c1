"""Who has supply, beside pandapower's `unsupplied_buses`: every switch in turn, batches, parts out of service.

Both our ways are asked: the incremental one, through a twin that is operated, and the full computation.
"""

from __future__ import annotations

import copy
import random
from pathlib import Path

import pandapower as pp
import pandapower.networks
import pytest

from loaders.pandapower import from_net, read_pandapower
from tests.conformance.nets import Case, unsupplied
from twin.events import Operation

BATCHES = 60


def agree(case: Case, toggled: list[int]) -> int:
    """Compares all three for these switches in their other position; returns how many buses are dead."""
    expected = unsupplied(case.operated(toggled))
    assert case.dead_buses(case.computed(toggled)) == expected, toggled
    case.twin.switch(case.operations(toggled))
    try:
        assert case.dead_buses(case.twin.current.energized) == expected, toggled
        assert (case.twin.current.energized == case.computed(toggled)).all()
    finally:
        case.twin.switch(normal=True)
    assert (case.twin.current.energized == case.network.normal_energized).all()
    return len(expected)


def test_nothing_operated(case):
    assert case.dead_buses(case.network.normal_energized) == unsupplied(case.net)


def test_every_switch_in_turn(case):
    counts = [agree(case, [switch]) for switch in case.switches]
    assert len(counts) == len(case.net.switch) > 0
    assert any(counts) or case.name == "cigre_mv_closed_rings", "no switch matters, so nothing was compared"


def test_batches_of_switches(case):
    rng = random.Random(7)
    counts = []
    for _ in range(BATCHES):
        size = rng.choice((2, 2, 3, 5, 8, len(case.switches) // 2))
        counts.append(agree(case, rng.sample(case.switches, min(size, len(case.switches)))))
    assert sum(count > 0 for count in counts) > BATCHES // 4


def test_one_batch_after_the_other(case):
    """The state that the twin carries on from is off normal more and more."""
    rng = random.Random(11)
    toggled: set[int] = set()
    for _ in range(BATCHES):
        moved = rng.sample(case.switches, rng.choice((1, 1, 2, 4)))
        toggled ^= set(moved)
        net = case.operated(toggled)
        case.twin.switch([Operation(f"switch {row}", not net.switch.closed[row]) for row in moved])
        assert case.dead_buses(case.twin.current.energized) == unsupplied(net)
    case.twin.switch(normal=True)


@pytest.mark.parametrize("seed", range(12))
def test_parts_out_of_service(case, seed):
    """Buses, lines, transformers, impedances and sources out of service at random, and switches besides."""
    rng = random.Random(seed)
    net = copy.deepcopy(case.net)
    for name in ("bus", "line", "trafo", "trafo3w", "impedance", "ext_grid", "gen"):
        table = net[name]
        rate = 0.5 if name in ("ext_grid", "gen") else 0.05
        out = [row for row in table.index if rng.random() < rate]
        table.loc[out, "in_service"] = False
    moved = rng.sample(case.switches, 2)
    net.switch.loc[moved, "closed"] = ~net.switch.loc[moved, "closed"].astype(bool)
    if seed % 3 == 0 and len(net.gen):
        net.gen["slack"] = True
    other = Case(case.name, net)
    assert other.dead_buses(other.network.normal_energized) == unsupplied(net)


def test_another_thousand_buses():
    """A real low-voltage town with several transformers, read from its file, in which nothing needs to be solved."""
    file = Path(pandapower.networks.__file__).parent / "lv_schutterwald.json"
    town = Case("lv_schutterwald", pp.from_json(str(file)))
    assert read_pandapower(file)[0].model == from_net(town.net)[0].model
    rng = random.Random(3)
    for size in (0, 1, 2, 20, 100):
        agree(town, rng.sample(town.switches, size))
