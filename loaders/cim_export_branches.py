"""Lines, switches and transformers of a CIM export, with their phases, ends, tanks, limits and courses."""

from __future__ import annotations

from typing import Any

import numpy as np

from loaders.cim_export_rows import PHASES, Export, letters, location_id, terminal_id
from loaders.cim_export_xml import code, element_id, flag, part_id, reference, value
from loaders.cim_schema import SWITCHES
from twin.components import LINE, SWITCH_BRANCH, TRANSFORMER
from twin.phases import ABC, N


class BranchExport:
    """Equipment with two terminals."""

    def __init__(self, export: Export) -> None:
        self.export, self.network, self.writer = export, export.network, export.writer
        self._infos: set[str] = set()
        """Ids of the data sheets that are written."""

    def write(self) -> None:
        network, export = self.network, self.export
        for number, row, extras in export.rows(network.lines, "lines"):
            self._line(number, row, extras)
        for number, row, extras in export.rows(network.switches, "switches"):
            self._switch(number, row, extras)
        for number, row, extras in export.rows(network.transformers, "transformers"):
            self._transformer(number, row, extras)

    def _properties(self, code_of_class: int, number: int, row: dict[str, Any]) -> list[str]:
        """What all have; a transformer has voltages at its ends."""
        properties = self.writer.identified(row["mrid"], row["name"])
        inside = self._container(code_of_class, number, row)
        if inside is not None:
            properties.append(reference("cim:Equipment.EquipmentContainer", inside))
        if code_of_class != TRANSFORMER:
            properties += self.export.voltage("cim:ConductingEquipment.BaseVoltage", row["node1"])
        if not row["in_service"]:
            properties.append(flag("cim:Equipment.inService", False))
        if row["circuit"]:
            properties.append(self.writer.text("gridtwin:Equipment.circuit", row["circuit"], row["mrid"]))
        return properties

    def _container(self, code_of_class: int, number: int, row: dict[str, Any]) -> str | None:
        """The substation of a transformer, the voltage level of what begins and ends in one, else the feeder."""
        network, export = self.network, self.export
        if code_of_class == TRANSFORMER:
            if row["substation"] >= 0:
                return export.substation_ids[row["substation"]]
        else:
            inside = network.nodes["substation"]
            if inside[row["node1"]] == inside[row["node2"]] >= 0:
                return export.level(row["node1"])
        branch = network.table_branches[code_of_class][number]
        return export.feeder(int(network.branch_feeder[branch]))

    def _place(self, row: dict[str, Any]) -> tuple[list[str], list[list[float]]]:
        """A property that refers to a location, and the points of one of its own, where its ends are apart."""
        export, ends = self.export, (row["node1"], row["node2"])
        placed = [node for node in ends if export.placed[node]]
        points = [self.network.node_lnglat[node].tolist() for node in placed]
        if len(points) == 2 and points[0] != points[1]:
            return [reference("cim:PowerSystemResource.Location", location_id(row["mrid"]))], points
        return export.at_node(placed[0]) if placed else [], []

    def _line(self, number: int, row: dict[str, Any], extras: list[str]) -> None:
        mrid, properties = row["mrid"], self._properties(LINE, number, row)
        if not np.isnan(row["length_m"]):
            properties.append(value("cim:Conductor.length", repr(row["length_m"])))
        course = self.network.line_geometry[number].tolist()
        if course:
            properties.append(reference("cim:PowerSystemResource.Location", location_id(mrid)))
        self.writer.add("ACLineSegment", element_id(mrid), [*properties, *extras])
        self.export.phase_parts("ACLineSegment", mrid, row["phases"])
        self.export.terminals(mrid, (row["node1"], row["node2"]), row["phases"])
        if course:
            self.export.location(mrid, course)
        if not np.isnan(row["rated_current_a"]):
            limits = part_id(mrid, "limits")
            owner = reference("cim:OperationalLimitSet.Equipment", element_id(mrid))
            self.writer.add("OperationalLimitSet", limits, (owner,))
            owner = reference("cim:OperationalLimit.OperationalLimitSet", limits)
            current = value("cim:CurrentLimit.value", repr(row["rated_current_a"]))
            self.writer.add("CurrentLimit", part_id(mrid, "current limit"), (owner, current))

    # --- switches ---------------------------------------------------------------------------------------------

    def _switch(self, number: int, row: dict[str, Any], extras: list[str]) -> None:
        mrid, phases = row["mrid"], row["phases"]
        normal, now = row["normal_open"], int(self.snapshot_open[number])
        properties = self._properties(SWITCH_BRANCH, number, row)
        own = row["kind"] if row["kind"] in SWITCHES else "Switch"
        if own != row["kind"]:
            properties.append(self.writer.text("gridtwin:Switch.kind", row["kind"], mrid))
        properties.append(flag("cim:Switch.normalOpen", _all_open(normal, phases)))
        properties.append(flag("cim:Switch.open", _all_open(now, phases)))
        if normal & ~phases:
            properties.append(code("gridtwin:Switch.normalOpenPhases", f"PhaseCode.{PHASES[normal]}"))
        if row["locked"]:
            properties.append(flag("cim:Switch.locked", True))
        if not np.isnan(row["rated_current_a"]):
            properties.append(value("cim:Switch.ratedCurrent", repr(row["rated_current_a"])))
        place, points = self._place(row)
        self.writer.add(own, element_id(mrid), [*properties, *place, *extras])
        if phases & ABC != ABC or any(state & phases not in (0, phases) for state in (normal, now)):
            self._switch_phases(mrid, phases, normal, now)
        self.export.terminals(mrid, (row["node1"], row["node2"]), phases)
        if points:
            self.export.location(mrid, points)

    @property
    def snapshot_open(self) -> Any:
        return self.export.snapshot.state.open

    def _switch_phases(self, mrid: str, phases: int, normal: int, now: int) -> None:
        for letter in letters(phases):
            bit = PHASES.index(letter)
            self.writer.add(
                "SwitchPhase",
                part_id(mrid, f"phase {letter}"),
                (
                    reference("cim:SwitchPhase.Switch", element_id(mrid)),
                    code("cim:SwitchPhase.phaseSide1", f"SinglePhaseKind.{letter}"),
                    code("cim:SwitchPhase.phaseSide2", f"SinglePhaseKind.{letter}"),
                    flag("cim:SwitchPhase.normalOpen", bool(normal & bit)),
                    flag("cim:SwitchPhase.closed", not now & bit),
                ),
            )

    # --- transformers -----------------------------------------------------------------------------------------

    def _transformer(self, number: int, row: dict[str, Any], extras: list[str]) -> None:
        """Ends of its own for three phases; else a tank, as CIM has phases at the ends of tanks only."""
        mrid, phases = row["mrid"], row["phases"]
        properties = self._properties(TRANSFORMER, number, row)
        if phases & N or not phases & ABC:
            properties.append(code("gridtwin:PowerTransformer.phases", f"PhaseCode.{PHASES[phases]}"))
        place, points = self._place(row)
        self.writer.add("PowerTransformer", element_id(mrid), [*properties, *place, *extras])
        self.export.terminals(mrid, (row["node1"], row["node2"]), phases)
        if points:
            self.export.location(mrid, points)
        if phases & ABC == ABC:
            self._ends(mrid, row)
        else:
            self._tank(mrid, row)

    def _ends(self, mrid: str, row: dict[str, Any]) -> None:
        for end in (1, 2):
            properties = [reference("cim:PowerTransformerEnd.PowerTransformer", element_id(mrid))]
            properties += self._end(mrid, end, row[f"node{end}"])
            properties += self._rating("cim:PowerTransformerEnd", row, end)
            self.writer.add("PowerTransformerEnd", part_id(mrid, f"end {end}"), properties)

    def _end(self, mrid: str, end: int, node: int) -> list[str]:
        return [
            value("cim:TransformerEnd.endNumber", end),
            reference("cim:TransformerEnd.Terminal", terminal_id(mrid, end)),
            *self.export.voltage("cim:TransformerEnd.BaseVoltage", node),
        ]

    def _rating(self, owner: str, row: dict[str, Any], end: int) -> list[str]:
        power, volts = row["rated_power_va"], float(self.export.volts[row[f"node{end}"]])
        found = [] if np.isnan(power) else [value(f"{owner}.ratedS", repr(power))]
        return found if np.isnan(volts) else [*found, value(f"{owner}.ratedU", repr(volts))]

    def _tank(self, mrid: str, row: dict[str, Any]) -> None:
        tank, info = part_id(mrid, "tank"), self._info(row)
        properties = [reference("cim:TransformerTank.PowerTransformer", element_id(mrid))]
        if info:
            properties.append(reference("cim:TransformerTank.TransformerTankInfo", info))
        self.writer.add("TransformerTank", tank, properties)
        for end in (1, 2):
            properties = [
                reference("cim:TransformerTankEnd.TransformerTank", tank),
                *self._end(mrid, end, row[f"node{end}"]),
                code("cim:TransformerTankEnd.orderedPhases", f"OrderedPhaseCodeKind.{PHASES[row['phases']]}"),
            ]
            self.writer.add("TransformerTankEnd", part_id(mrid, f"tank end {end}"), properties)

    def _info(self, row: dict[str, Any]) -> str:
        """The id of the data sheet of a tank's kind, which holds its ratings; empty where nothing is known."""
        ratings = [self._rating("cim:TransformerEndInfo", row, end) for end in (1, 2)]
        if not any(ratings):
            return ""
        known = repr(ratings)
        info = part_id(known, "tank info")
        if info not in self._infos:
            self._infos.add(info)
            self.writer.add("TransformerTankInfo", info, (value("cim:IdentifiedObject.name", "tank"),))
            for end, rating in enumerate(ratings, 1):
                owner = reference("cim:TransformerEndInfo.TransformerTankInfo", info)
                number = value("cim:TransformerEndInfo.endNumber", end)
                self.writer.add("TransformerEndInfo", part_id(known, f"end info {end}"), (owner, number, *rating))
        return info


def _all_open(opened: int, phases: int) -> bool:
    """Whether every phase is open, the neutral aside where there is another."""
    own = phases & ABC or phases
    return opened & own == own
