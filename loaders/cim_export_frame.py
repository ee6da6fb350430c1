"""What holds a CIM export together: voltages, substations with their levels, feeders, connectivity nodes."""

from __future__ import annotations

from typing import Any

import numpy as np

from loaders.cim_export_rows import COORDINATE_SYSTEM, Export, base_voltage_id, location_id, terminal_id
from loaders.cim_export_xml import element_id, part_id, reference, value
from twin.components import BRANCH_COMPONENTS
from twin.mrids import UnknownMrid

URN = "urn:ogc:def:crs:EPSG::4326"
"""As the geographical profile of CGMES has it: x is the longitude."""


class FrameExport:
    """Everything that is no equipment."""

    def __init__(self, export: Export) -> None:
        self.export, self.network, self.writer = export, export.network, export.writer

    def write(self) -> None:
        network, writer = self.network, self.writer
        name = [writer.text("cim:IdentifiedObject.name", network.name, "")] if network.name else []
        writer.add("gridtwin:Network", part_id("", "network"), [*name, value("gridtwin:Network.model", network.model)])
        writer.add("CoordinateSystem", COORDINATE_SYSTEM, (value("cim:CoordinateSystem.crsUrn", URN),))
        volts = network.nodes["nominal_voltage_v"]
        for volt in np.unique(volts[~np.isnan(volts)]).tolist():
            writer.add("BaseVoltage", base_voltage_id(volt), (value("cim:BaseVoltage.nominalVoltage", repr(volt)),))
        for _, row, extras in self.export.rows(network.substations, "substations"):
            mrid = row["mrid"]
            writer.add("Substation", element_id(mrid), [*writer.identified(mrid, row["name"]), *extras])
        self._levels()
        for _, row, extras in self.export.rows(network.feeders, "feeders"):
            self._feeder(row, extras)
        for number, row, extras in self.export.rows(network.nodes, "nodes"):
            self._node(number, row, extras)

    def _levels(self) -> None:
        """A voltage level for each voltage in a substation."""
        nodes = self.network.nodes
        inside = (nodes["substation"] >= 0) & ~np.isnan(nodes["nominal_voltage_v"])
        pairs = set(zip(nodes["substation"][inside].tolist(), nodes["nominal_voltage_v"][inside].tolist(), strict=True))
        for substation, volts in sorted(pairs):
            self.writer.add(
                "VoltageLevel",
                self.export.level_id(substation, volts),
                (
                    value("cim:IdentifiedObject.name", f"{volts / 1000:g} kV"),
                    reference("cim:VoltageLevel.Substation", self.export.substation_ids[substation]),
                    reference("cim:VoltageLevel.BaseVoltage", base_voltage_id(volts)),
                ),
            )

    def _feeder(self, row: dict[str, Any], extras: list[str]) -> None:
        properties = self.writer.identified(row["mrid"], row["name"])
        if row["substation"] >= 0:
            substation = self.export.substation_ids[row["substation"]]
            properties.append(reference("cim:Feeder.NormalEnergizingSubstation", substation))
        terminal = self._head_terminal(row["head_mrid"], row["head_node"])
        if terminal is not None:
            properties.append(reference("cim:Feeder.NormalHeadTerminal", terminal))
        properties.append(self.writer.text("gridtwin:Feeder.head", row["head_mrid"], row["mrid"]))
        properties.append(reference("gridtwin:Feeder.headNode", self.export.node(row["head_node"])))
        self.writer.add("Feeder", element_id(row["mrid"]), [*properties, *extras])

    def _head_terminal(self, head: str, node: int) -> str | None:
        """The terminal on the side of the supply; None where the head is a node."""
        try:
            element = self.network.mrids.find(head)
        except UnknownMrid:
            return None
        if element.component in BRANCH_COMPONENTS:
            table = self.network.tables[element.component.table]
            return terminal_id(head, 1 if table["node2"][element.row] == node else 2)
        return terminal_id(head, 1) if element.component.table in ("sources", "consumers") else None

    def _node(self, number: int, row: dict[str, Any], extras: list[str]) -> None:
        export, mrid = self.export, row["mrid"]
        properties = self.writer.identified(mrid, row["name"])
        properties += export.node_container("cim:ConnectivityNode.ConnectivityNodeContainer", number)
        if row["substation"] < 0:
            properties += export.voltage("gridtwin:ConnectivityNode.BaseVoltage", number)
        placed = bool(export.placed[number])
        if placed:
            properties.append(reference("gridtwin:ConnectivityNode.Location", location_id(mrid)))
        self.writer.add("ConnectivityNode", export.node(number), [*properties, *extras])
        if placed:
            export.location(mrid, [[row["lng"], row["lat"]]])
        if row["busbar"]:
            self._busbar(number, mrid)

    def _busbar(self, number: int, mrid: str) -> None:
        """A busbar section, whose id is its node's with something before it."""
        identity, export = part_id(mrid, "busbar"), self.export
        properties = export.node_container("cim:Equipment.EquipmentContainer", number)
        properties += export.voltage("cim:ConductingEquipment.BaseVoltage", number) + export.at_node(number)
        self.writer.add("BusbarSection", identity, properties)
        self.writer.add(
            "Terminal",
            part_id(mrid, "busbar terminal"),
            (
                reference("cim:Terminal.ConductingEquipment", identity),
                reference("cim:Terminal.ConnectivityNode", export.node(number)),
                value("cim:ACDCTerminal.sequenceNumber", 1),
            ),
        )
