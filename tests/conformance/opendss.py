"""IEEE test feeders solved by OpenDSS, and the same circuits as networks, built from their elements as solved."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from dss import DSS

from twin.components import (
    AC_LINE_SEGMENT,
    CONNECTIVITY_NODE,
    ENERGY_CONSUMER,
    ENERGY_SOURCE,
    POWER_TRANSFORMER,
    SWITCH,
    Component,
    Table,
)
from twin.network import Network

LIVE_PU = 0.5
"""A phase is alive above this share of its nominal voltage."""

INDUCED_PU, FED_PU = 0.4, 0.6
"""A phase that is cut off while another beside it is alive reads up to the one (by the capacitance between them, and
through loads between phases), and one that is fed, however far, more than the other: nothing may lie between."""

PHASE_BITS = {1: 1, 2: 2, 3: 4}


class Circuit:
    """One compiled circuit; OpenDSS keeps one at a time, so that making another ends this one."""

    def __init__(self, master: Path, *edits: str) -> None:
        DSS.AllowForms = DSS.AllowEditor = DSS.AllowChangeDir = False
        DSS.ClearAll()
        for command in (f"compile [{master}]", *edits, "calcvoltagebases"):
            DSS.Text.Command = command
        self.circuit = DSS.ActiveCircuit
        self.deltas = [self._ends_of_active() for each in self.circuit.Transformers if self._has_delta(each)]
        self.solve()

    def solve(self) -> None:
        self.circuit.Solution.Solve()
        assert self.circuit.Solution.Converged

    def live(self) -> dict[str, int]:
        """Per bus the phases above the threshold; without the buses that a delta winding holds up."""
        voltages = self._voltages()
        masks = {bus: _above(LIVE_PU, nodes) for bus, nodes in voltages.items()}
        compared = masks.keys() - self.held_up()
        for bus in compared:
            between = {node: voltage for node, voltage in voltages[bus].items() if INDUCED_PU < voltage < FED_PU}
            assert not between, (bus, between)
        return {bus: mask for bus, mask in masks.items() if bus in compared}

    def held_up(self) -> set[str]:
        """Buses behind a delta winding that is fed on some of its phases only, which then share what there is."""
        voltages = self._voltages()
        masks = {bus: _above(LIVE_PU, nodes) for bus, nodes in voltages.items()}
        own = self.phases()
        return {far for near, far in self.deltas if masks[near] not in (0, own[near])}

    def voltage(self, node: str) -> float:
        """Of one node (`610.1`), per unit."""
        bus, _, number = node.rpartition(".")
        return self._voltages()[bus][int(number)]

    def _voltages(self) -> dict[str, dict[int, float]]:
        """Per bus and node, per unit."""
        found: dict[str, dict[int, float]] = {bus: {} for bus in self.circuit.AllBusNames}
        for name, voltage in zip(self.circuit.AllNodeNames, self.circuit.AllBusVmagPu, strict=True):
            bus, _, node = name.rpartition(".")
            found[bus][int(node)] = float(voltage)
        return found

    def phases(self) -> dict[str, int]:
        """Per bus the phases that it has."""
        own = dict.fromkeys(self.circuit.AllBusNames, 0)
        for name in self.circuit.AllNodeNames:
            bus, _, node = name.rpartition(".")
            own[bus] |= PHASE_BITS.get(int(node), 0)
        return own

    @contextmanager
    def opened(self, *lines: str) -> Iterator[None]:
        """Lines open on all phases at both ends (ganged), solved again; closed afterwards, and not solved."""
        for line in lines:
            for terminal in (1, 2):
                DSS.Text.Command = f"open line.{line} term={terminal}"
        self.solve()
        try:
            yield
        finally:
            for line in lines:
                for terminal in (1, 2):
                    DSS.Text.Command = f"close line.{line} term={terminal}"

    def network(self) -> Network:
        """Every line is a switch, so that each can be operated; transformers have the phases that they join."""
        buses = list(self.circuit.AllBusNames)
        rows = {bus: row for row, bus in enumerate(buses)}
        lines = [(line.Name, *self._ends(rows)) for line in self.circuit.Lines]
        transformers = [(each.Name, *self._ends(rows)) for each in self.circuit.Transformers]
        loads = [(each.Name, *self._ends(rows)) for each in self.circuit.Loads]
        sources = [(each.Name, *self._ends(rows)) for each in self.circuit.Vsources]
        tables = {
            "nodes": Table(CONNECTIVITY_NODE, {"mrid": [f"bus {bus}" for bus in buses]}),
            "switches": _branches(SWITCH, "line", lines),
            "transformers": _branches(POWER_TRANSFORMER, "transformer", transformers),
            "lines": _branches(AC_LINE_SEGMENT, "none", []),
            "consumers": _at_nodes(ENERGY_CONSUMER, "load", loads),
            "sources": _at_nodes(ENERGY_SOURCE, "source", sources),
        }
        return Network.from_tables("circuit", tables)

    def _ends_of_active(self) -> tuple[str, str]:
        near, far = (spec.partition(".")[0] for spec in self.circuit.ActiveCktElement.BusNames)
        return near, far

    def _has_delta(self, transformer: Any) -> bool:
        """Whether the active transformer has a delta winding."""
        connections = []
        for winding in range(1, transformer.NumWindings + 1):
            transformer.Wdg = winding
            connections.append(bool(transformer.IsDelta))
        return any(connections)

    def _ends(self, rows: dict[str, int]) -> tuple[list[int], int]:
        """Bus rows and phases of the active element; the same phases stand at both of its ends."""
        element = self.circuit.ActiveCktElement
        ends, masks = [], []
        for spec in element.BusNames[: element.NumTerminals]:
            bus, *nodes = spec.split(".")
            ends.append(rows[bus])
            given = [int(node) for node in nodes] or list(range(1, element.NumPhases + 1))
            masks.append(sum(PHASE_BITS[node] for node in given if node in PHASE_BITS))
        assert len(set(masks)) == 1 or element.Name.startswith("Vsource"), element.Name
        return ends, masks[0]


def _above(limit: float, nodes: dict[int, float]) -> int:
    return sum(PHASE_BITS[node] for node, voltage in nodes.items() if node in PHASE_BITS and voltage > limit)


def _branches(component: Component, word: str, found: list[tuple[str, list[int], int]]) -> Table:
    columns: dict[str, Any] = {
        "mrid": np.array([f"{word} {name}" for name, _, _ in found], dtype=np.dtypes.StringDType()),
        "node1": np.array([ends[0] for _, ends, _ in found], dtype=np.int32),
        "node2": np.array([ends[1] for _, ends, _ in found], dtype=np.int32),
        "phases": np.array([mask for _, _, mask in found], dtype=np.uint8),
    }
    return Table(component, columns)


def _at_nodes(component: Component, word: str, found: list[tuple[str, list[int], int]]) -> Table:
    return Table(
        component,
        {
            "mrid": [f"{word} {name}" for name, _, _ in found],
            "node": [ends[0] for _, ends, _ in found],
            "phases": [mask for _, _, mask in found],
        },
    )
