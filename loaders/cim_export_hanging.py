"""Sources, consumers and usage points of a CIM export."""

from __future__ import annotations

from typing import Any

import numpy as np

from loaders.cim_export_rows import Export
from loaders.cim_export_xml import element_id, flag, reference, value


class HangingExport:
    """Equipment with one terminal, and the points of delivery at it."""

    def __init__(self, export: Export) -> None:
        self.export, self.network, self.writer = export, export.network, export.writer

    def write(self) -> None:
        network, export = self.network, self.export
        for _, row, extras in export.rows(network.sources, "sources"):
            more = [] if row["in_service"] else [flag("cim:Equipment.inService", False)]
            self._hang("EnergySource", row, [*more, *extras])
            export.phase_parts("EnergySource", row["mrid"], row["phases"])
        for _, row, extras in export.rows(network.consumers, "consumers"):
            self._consumer(row, extras)
        consumers = network.consumers["mrid"]
        for _, row, extras in export.rows(network.usage_points, "usage points"):
            mrid = row["mrid"]
            owner = element_id(str(consumers[row["consumer"]]))
            properties = self.writer.identified(mrid, row["name"])
            properties.append(reference("cim:UsagePoint.Equipments", owner))
            self.writer.add("UsagePoint", element_id(mrid), [*properties, *extras])

    def _consumer(self, row: dict[str, Any], extras: list[str]) -> None:
        """What stands for a network elsewhere is an equivalent injection, whose customers CIM has no term for."""
        own = "EquivalentInjection" if row["equivalent"] else "EnergyConsumer"
        more = [
            value(f"cim:{own}.{name}", repr(power))
            for name, power in (("p", row["p_w"]), ("q", row["q_var"]))
            if not np.isnan(power)
        ]
        if row["customer_count"] >= 0:
            prefix = "gridtwin" if row["equivalent"] else "cim"
            more.append(value(f"{prefix}:{own}.customerCount", row["customer_count"]))
        self._hang(own, row, [*more, *extras])
        if not row["equivalent"]:
            self.export.phase_parts("EnergyConsumer", row["mrid"], row["phases"])

    def _hang(self, class_name: str, row: dict[str, Any], more: list[str]) -> None:
        export, node = self.export, row["node"]
        properties = self.writer.identified(row["mrid"], row["name"])
        properties += export.node_container("cim:Equipment.EquipmentContainer", node)
        properties += export.voltage("cim:ConductingEquipment.BaseVoltage", node) + export.at_node(node)
        self.writer.add(class_name, element_id(row["mrid"]), [*properties, *more])
        export.terminals(row["mrid"], (node,), row["phases"])
