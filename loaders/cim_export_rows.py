"""What the parts of a CIM export share: rows of tables, containers, voltages, terminals, extra columns."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from loaders.cim_export_xml import CimWriter, code, element_id, part_id, reference, value
from twin.components import Table
from twin.extras import kind_of, known
from twin.network import Network
from twin.phases import ABC, mask_to_code
from twin.state import Snapshot

AT_A_TIME = 4096
"""Rows that are taken out of their columns together."""

LETTERS = {1: "A", 2: "B", 4: "C", 8: "N"}
PHASES = [mask_to_code(mask) for mask in range(16)]


def letters(mask: int) -> list[str]:
    """The single phases of a mask, one by one."""
    return [letter for bit, letter in LETTERS.items() if mask & bit]


class Export:
    """A network on its way into a file."""

    def __init__(
        self,
        network: Network,
        snapshot: Snapshot,
        writer: CimWriter,
        progress: Callable[[str, int, int], None],
    ) -> None:
        self.network, self.snapshot, self.writer, self._progress = network, snapshot, writer, progress
        mrids, volts = network.nodes["mrid"], network.nodes["nominal_voltage_v"]
        self.node_mrid = lru_cache(1 << 16)(lambda row: str(mrids[row]))
        self.volts = volts
        """float64 (nodes,): V, NaN where not known."""
        self.substation_ids = [element_id(mrid) for mrid in network.substations["mrid"].tolist()]
        self.feeder_ids = [element_id(mrid) for mrid in network.feeders["mrid"].tolist()]
        self.placed: NDArray[np.bool_] = np.asarray(~np.isnan(network.node_lnglat).any(axis=1))
        """bool (nodes,): has a place."""

    def rows(self, table: Table, what: str) -> Iterator[tuple[int, dict[str, Any], list[str]]]:
        """Row, its columns as plain values, and its extras as properties."""
        for begin in range(0, len(table), AT_A_TIME):
            self._progress(what, begin, len(table))
            end = min(begin + AT_A_TIME, len(table))
            columns = [table[name][begin:end].tolist() for name in table]
            extras = self._extras(table, begin, end)
            for at, values in enumerate(zip(*columns, strict=True)):
                yield begin + at, dict(zip(table, values, strict=True)), extras.get(at, [])
        self._progress(what, len(table), len(table))

    def _extras(self, table: Table, begin: int, end: int) -> dict[int, list[str]]:
        found: dict[int, list[str]] = {}
        for name, column in table.extras.items():
            part, tag = column[begin:end], f"extra:{name}"
            for at in np.flatnonzero(known(part)).tolist():
                if kind_of(column) == "real":
                    written = self.writer.number(tag, float(part[at]))
                else:
                    written = self.writer.text(tag, str(part[at]), str(table["mrid"][begin + at]))
                found.setdefault(at, []).append(written)
        return found

    def node(self, row: int) -> str:
        """The id of a node."""
        return element_id(self.node_mrid(row))

    # --- voltages and containers ------------------------------------------------------------------------------

    def voltage(self, name: str, node: int) -> list[str]:
        """A property that refers to the base voltage of a node; none where that is not known."""
        volts = float(self.volts[node])
        return [] if volts != volts else [reference(name, base_voltage_id(volts))]

    def level(self, node: int) -> str | None:
        """The id of the voltage level of a node in a substation, or of the substation; None for any other node."""
        substation = int(self.network.nodes["substation"][node])
        if substation < 0:
            return None
        volts = float(self.volts[node])
        return self.substation_ids[substation] if volts != volts else self.level_id(substation, volts)

    def level_id(self, substation: int, volts: float) -> str:
        return part_id(str(self.network.substations["mrid"][substation]), f"voltage level {volts!r}")

    def node_container(self, name: str, node: int) -> list[str]:
        """A property that refers to what a node is in: a voltage level, a substation, or a feeder."""
        inside = self.level(node) or self.feeder(int(self.network.node_feeder[node]))
        return [] if inside is None else [reference(name, inside)]

    def feeder(self, row: int) -> str | None:
        return None if row < 0 else self.feeder_ids[row]

    # --- terminals --------------------------------------------------------------------------------------------

    def terminals(self, mrid: str, nodes: tuple[int, ...], phases: int) -> None:
        """The terminals of an equipment, numbered from 1."""
        for number, node in enumerate(nodes, 1):
            self.writer.add(
                "Terminal",
                terminal_id(mrid, number),
                (
                    reference("cim:Terminal.ConductingEquipment", element_id(mrid)),
                    reference("cim:Terminal.ConnectivityNode", self.node(node)),
                    value("cim:ACDCTerminal.sequenceNumber", number),
                    code("cim:Terminal.phases", f"PhaseCode.{PHASES[phases]}"),
                ),
            )

    def phase_parts(self, owner: str, mrid: str, phases: int, tag: str = "phase") -> None:
        """An object for each phase of what does not have all of A, B and C; owner: its class in CIM."""
        if phases & ABC == ABC:
            return
        for letter in letters(phases):
            self.writer.add(
                f"{owner}Phase",
                part_id(mrid, f"phase {letter}"),
                (
                    reference(f"cim:{owner}Phase.{owner}", element_id(mrid)),
                    code(f"cim:{owner}Phase.{tag}", f"SinglePhaseKind.{letter}"),
                ),
            )

    # --- places -----------------------------------------------------------------------------------------------

    def location(self, mrid: str, points: list[list[float]]) -> None:
        """A location of its own with these points, lng and lat."""
        identity = location_id(mrid)
        system = reference("cim:Location.CoordinateSystem", COORDINATE_SYSTEM)
        self.writer.add("Location", identity, (system,))
        for number, (lng, lat) in enumerate(points, 1):
            self.writer.add(
                "PositionPoint",
                part_id(mrid, f"point {number}"),
                (
                    reference("cim:PositionPoint.Location", identity),
                    value("cim:PositionPoint.sequenceNumber", number),
                    value("cim:PositionPoint.xPosition", repr(lng)),
                    value("cim:PositionPoint.yPosition", repr(lat)),
                ),
            )

    def at_node(self, node: int) -> list[str]:
        """A property that refers to the location of a node."""
        if not self.placed[node]:
            return []
        return [reference("cim:PowerSystemResource.Location", location_id(self.node_mrid(node)))]


COORDINATE_SYSTEM = part_id("", "coordinate system")


@lru_cache(1 << 10)
def base_voltage_id(volts: float) -> str:
    return part_id(repr(volts), "base voltage")


def terminal_id(mrid: str, number: int) -> str:
    return part_id(mrid, f"terminal {number}")


@lru_cache(1 << 14)
def location_id(mrid: str) -> str:
    return part_id(mrid, "location")
