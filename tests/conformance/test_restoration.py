"""Restoration on `mv_oberrhein`: every line faulted in turn, worked off the way a planner would, beside pandapower.

What can be restored is what `unsupplied_buses` leaves supplied with every switch of the faulted section open and every
other switch closed, ties included. What the section is, is found here from pandapower's tables alone.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.conformance.nets import Case, made, unsupplied
from topology.energize import energize
from topology.loops import find_loops
from twin.engine import Twin
from twin.events import Operation
from twin.phases import ABC
from twin.traces import trace

ENDS = {"line": ("l", ("from_bus", "to_bus")), "trafo": ("t", ("hv_bus", "lv_bus"))}


@pytest.fixture(scope="module")
def oberrhein() -> Case:
    return Case("mv_oberrhein", made("mv_oberrhein"))


class Section:
    """What hangs on a line with no switch between, open or closed, and the switches around it."""

    def __init__(self, net: Any, line: int) -> None:
        self.net = net
        self.buses: set[int] = set()
        self.switches: set[int] = set()
        self._elements: set[tuple[str, int]] = set()
        self._add("line", line)

    def _add(self, table: str, element: int) -> None:
        if (table, element) in self._elements:
            return
        self._elements.add((table, element))
        code, columns = ENDS[table]
        own = self.net.switch[(self.net.switch.et == code) & (self.net.switch.element == element)]
        for column in columns:
            bus = int(self.net[table].at[element, column])
            there = own.index[own.bus == bus].tolist()
            self.switches.update(there)
            if not there:
                self._spread(bus)

    def _spread(self, bus: int) -> None:
        if bus in self.buses:
            return
        self.buses.add(bus)
        at_bus = self.net.switch[self.net.switch.bus == bus]
        self.switches.update(at_bus.index.tolist())
        for table, (code, columns) in ENDS.items():
            behind = set(at_bus[at_bus.et == code].element)
            for column in columns:
                for element in self.net[table].index[self.net[table][column] == bus]:
                    if element not in behind:
                        self._add(table, int(element))


def positions(net: Any, closed: Any) -> Any:
    """The net with these positions, bool (switches,)."""
    return Case("", net).operated(net.switch.index[net.switch.closed.astype(bool) != closed])


def loops_in(twin: Twin) -> int:
    """Loops and paths between two sources, of what conducts now."""
    return len(find_loops(twin.network.graph, twin.current.conducting, twin.network.node_sources))


def restored(case: Case, line: int) -> tuple[set[int], set[int], int]:
    """Dead buses with the fault isolated, dead buses when no suggestion is left, and the ties that were closed."""
    before = None
    ties = 0
    with Twin(case.network) as twin:
        assert loops_in(twin) == 0
        while True:
            found = trace(twin, kind="restoration", start=[f"line {line}"]).to_json(False)
            assert found["status"] == "ok"
            if before is None:
                twin.switch([Operation(each["mrid"], True) for each in found["operations"]])
                before = case.dead_buses(twin.current.energized)
                assert not any(alive(twin, f"line {line}"))
                continue
            if not found["restorations"]:
                return before, case.dead_buses(twin.current.energized), ties
            best = found["restorations"][0]
            result = twin.switch([Operation(each["mrid"], each["open"]) for each in best["operations"]])
            ties += 1
            assert result.reenergized.nodes == best["nodes"] > 0
            assert result.reenergized.customers == best["customers"]
            assert result.deenergized.nodes == 0
            assert loops_in(twin) == 0, "a suggestion closed a loop"
            assert not any(alive(twin, f"line {line}")), "a suggestion fed the fault"


def alive(twin: Twin, mrid: str) -> list[int]:
    """Phases at the ends of a branch."""
    network = twin.network
    branch = network.branch_of(network.mrids.find(mrid))
    return [int(twin.current.energized[ends[branch]]) for ends in (network.graph.branch_u, network.graph.branch_v)]


def test_every_line_faulted_in_turn(oberrhein):
    net = oberrhein.net
    lost, ties = 0, []
    for line in net.line.index.tolist():
        section = Section(net, line)
        assert not section.buses & set(net.ext_grid.bus)
        around = net.switch.index.isin(section.switches)
        isolated = unsupplied(positions(net, net.switch.closed.to_numpy(bool) & ~around))
        at_best = unsupplied(positions(net, ~around))
        assert section.buses <= at_best
        before, after, closed = restored(oberrhein, line)
        assert after == at_best, (line, sorted(after ^ at_best))
        assert before - section.buses <= isolated
        lost += bool(isolated - section.buses)
        ties.append(closed)
    assert lost > 100, "almost no fault takes supply from anyone beyond its section"
    assert max(ties) >= 1 and ties.count(0) < len(ties) // 2


def test_isolation_opens_the_switches_around_the_section(oberrhein):
    """Those on the way to a source are opened; the others, named as ties or left, lead nowhere that is alive."""
    net, network = oberrhein.net, oberrhein.network
    twin = Twin(network)
    for line in net.line.index.tolist():
        section = Section(net, line)
        found = trace(twin, kind="isolation", start=[f"line {line}"]).to_json(False)
        border = {f"switch {row}" for row in section.switches}
        assert set(found["switches"]) <= border
        assert set(found["ties"]) == {f"switch {row}" for row in section.switches if not net.switch.closed[row]}
        opened = network.switches["normal_open"].copy()
        for mrid in found["switches"]:
            opened[network.mrids.find(mrid).row] = ABC
        after = energize(network.graph, network.conducting(opened), network.node_sources)
        rows = [int(mrid.removeprefix("switch ")) for mrid in found["switches"]]
        assert oberrhein.dead_buses(after) == unsupplied(oberrhein.operated(rows))
        assert section.buses <= oberrhein.dead_buses(after)


def test_suggestions_say_how_many_customers_they_restore(oberrhein):
    """Beside pandapower, suggestion by suggestion: the loads at the buses that each alone brings back, most first."""
    net = oberrhein.net
    compared = 0
    twin = Twin(oberrhein.network)
    for line in net.line.index.tolist()[::4]:
        found = trace(twin, kind="restoration", start=[f"line {line}"]).to_json(False)
        isolated = unsupplied(oberrhein.operated(rows_of(found["operations"])))
        customers = []
        for each in found["restorations"]:
            back = isolated - unsupplied(oberrhein.operated(rows_of(each["operations"])))
            assert back
            customers.append(int(net.load.bus.isin(back).sum()))
            assert each["customers"] == customers[-1]
        assert customers == sorted(customers, reverse=True)
        compared += len(customers)
    assert compared > 40


def rows_of(operations: list[Any]) -> list[int]:
    """Rows of the switch table, each operated away from its normal position."""
    return [int(operation["mrid"].removeprefix("switch ")) for operation in operations]
