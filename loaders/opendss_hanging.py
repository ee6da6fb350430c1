"""What hangs on one bus of an OpenDSS circuit: sources and loads."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from loaders.opendss_branches import Branches
from loaders.opendss_circuit import Element
from loaders.opendss_phases import NODE_BITS, Labels, conductors
from loaders.opendss_tables import texts
from loaders.opendss_text import unquoted
from loaders.opendss_values import padded
from twin.components import ENERGY_CONSUMER, ENERGY_SOURCE, Table


class Hanging:
    """Reads sources and loads, and makes tables of them once the phases of conductors are known."""

    def __init__(self, branches: Branches) -> None:
        self.branches, self.values, self.report = branches, branches.values, branches.report
        self.sources: list[tuple[Element, int]] = []
        """With the rows of their buses."""
        self.loads: list[tuple[Element, int]] = []
        self.source_bits: list[tuple[int, int]] = []
        """A conductor of a source and the bit of its phase."""
        self.source_conductors: list[tuple[int, ...]] = []
        self.load_conductors: list[tuple[int, ...]] = []

    def rows(self) -> NDArray[np.int64]:
        """int64: of nodes that sources, loads and shunts are at."""
        groups = (*self.source_conductors, *self.load_conductors, self.branches.hanging)
        return np.array([code for codes in groups for code in codes], dtype=np.int64) >> NODE_BITS

    def read_sources(self) -> None:
        """Finds the sources; before the branches. Raises LoadError."""
        out = []
        elements = self.branches.circuit.elements["vsource"]
        for element in elements.values():
            if not element.enabled:
                out.append(element.mrid)
                continue
            bus, nodes = self.values.terminal(element, "bus1", "sourcebus" if element.name == "source" else "")
            phases = self.values.whole(element, "phases", 3)
            row = self.branches.nodes.of(bus)
            live = [(at, node) for at, node in enumerate(padded(nodes, phases, phases)) if node]
            if not live:
                raise self.values.fail(element, "bus1", "a node above 0 is needed")
            codes = conductors(row, tuple(node for _, node in live))
            bits = [1 << (node - 1 if node <= 3 else at % 3) for at, node in live]
            self.source_bits.extend(zip(codes, bits, strict=True))
            self.source_conductors.append(codes)
            kv = self.values.number(element, "basekv", 0, 2e3)
            if not math.isnan(kv):
                self.branches.kv.setdefault(row, kv)
            self.sources.append((element, row))
        self.report.use("Vsource", len(elements), len(self.sources))
        self.report.skip("Vsource", "it is not enabled", out)

    def read_loads(self) -> None:
        """Finds the loads; after the branches. Raises LoadError."""
        out = []
        elements = self.branches.circuit.elements["load"]
        for element in elements.values():
            if not element.enabled:
                out.append(element.mrid)
                continue
            bus, given = self.values.terminal(element, "bus1")
            phases = self.values.whole(element, "phases", 3)
            row = self.branches.nodes.of(bus)
            delta = unquoted(element.values.get("conn", "wye")).lower()[:1] in ("d", "l")
            wanted = padded(given, phases, 2 if delta and phases == 1 else phases)
            nodes = tuple([node for node in wanted if node])
            if not nodes:
                raise self.values.fail(element, "bus1", "a node above 0 is needed")
            self.load_conductors.append(conductors(row, nodes))
            self.loads.append((element, row))
        self.report.use("Load", len(elements), len(self.loads))
        self.report.skip("Load", "it is not enabled", out)

    def source_table(self, labels: Labels) -> Table:
        """Sources; labels: the phases of every conductor."""
        return Table(
            ENERGY_SOURCE,
            {
                "mrid": texts(element.mrid for element, _ in self.sources),
                "name": texts(element.title for element, _ in self.sources),
                "node": np.array([row for _, row in self.sources], dtype=np.int32),
                "phases": labels.of(self.source_conductors),
            },
        )

    def consumer_table(self, labels: Labels) -> Table:
        """Loads; labels: the phases of every conductor."""
        loads = self.loads
        number = self.values.number
        kw = np.array([number(element, "kw") for element, _ in loads], dtype=np.float64)
        kvar = np.array([number(element, "kvar") for element, _ in loads], dtype=np.float64)
        factor = np.array([number(element, "pf", -1, 1) for element, _ in loads], dtype=np.float64)
        with np.errstate(divide="ignore", invalid="ignore"):
            by_factor = kw * np.sign(factor) * np.sqrt(1 / factor**2 - 1)
        q_var = np.where(np.isnan(kvar), by_factor, kvar) * 1e3
        counts = [self.values.whole(element, "numcust", -1, 0, 10**9) for element, _ in loads]
        return Table(
            ENERGY_CONSUMER,
            {
                "mrid": texts(element.mrid for element, _ in loads),
                "name": texts(element.title for element, _ in loads),
                "node": np.array([row for _, row in loads], dtype=np.int32),
                "phases": labels.of(self.load_conductors),
                "p_w": kw * 1e3,
                "q_var": np.where(np.isfinite(q_var), q_var, np.nan),
                "customer_count": np.array(counts, dtype=np.int32),
            },
        )
