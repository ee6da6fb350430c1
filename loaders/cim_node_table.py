"""The table of nodes of a CIM model, and their nominal voltages."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from loaders.cim_branch_tables import Branches
from loaders.cim_nodes import joined, looked_for
from loaders.cim_reading import Reading
from loaders.cim_schema import BUSBARS
from twin.components import CONNECTIVITY_NODE, Table
from twin.extras import NEIGHBOURS, PLACED_FROM


class NodeTable:
    """Nodes with what is at them."""

    def __init__(self, reading: Reading, branches: Branches) -> None:
        self.reading, self._branches = reading, branches

    def table(self, points: NDArray[np.float64], placed: NDArray[np.bool_], tables: Mapping[str, Table]) -> Table:
        """points: float64 (nodes, 2), lng and lat; placed: bool (nodes,), those worked out from their neighbours'."""
        nodes = self.reading.nodes
        container = self.reading.containers.of("nodes", "containers of nodes")[nodes.rows]
        inside = np.append(self.reading.containers.inside, -1)[container]
        extra = len(nodes) - len(nodes.rows)
        busbar = np.zeros(len(nodes), dtype=np.bool_)
        at = self.reading.at(self.reading.rows(BUSBARS))[0]
        busbar[at[at >= 0]] = True
        mrid, name = nodes.mrid, nodes.name
        keys = np.concatenate([nodes.objects["key"][nodes.rows], np.zeros(extra, np.int64)])
        return Table(
            CONNECTIVITY_NODE,
            {
                "mrid": mrid,
                "name": self.reading.named(name, mrid),
                "lng": points[:, 0],
                "lat": points[:, 1],
                "nominal_voltage_v": self._voltages(tables),
                "busbar": busbar,
                "substation": np.concatenate([inside, np.full(extra, -1)]).astype(np.int32),
            },
            {PLACED_FROM: np.where(placed, NEIGHBOURS, ""), **self.reading.extras("nodes", keys)},
        )

    def _voltages(self, tables: Mapping[str, Table]) -> NDArray[np.float64]:
        """float64 (nodes,): V, of the voltage level, else the windings, else other equipment, else along lines."""
        base, nodes = self.reading.model["voltages"], self.reading.nodes
        values = np.append(base.scaled("value", self.reading.kilo, 2e6), np.nan)
        report = self.reading.report
        voltage = np.full(len(nodes), np.nan)
        if not self.reading.exact:
            self._equipment_voltages(voltage, values)
        container = self.reading.containers.of("nodes", "")
        of_level = values[np.append(self.reading.containers.voltage, -1)[container]]
        own = values[looked_for(nodes.objects, "voltage", base, report, "base voltages of nodes")]
        level = np.where(np.isnan(of_level), own, of_level)[nodes.rows]
        known = np.flatnonzero(~np.isnan(level))
        voltage[known] = level[known]
        return voltage if self.reading.exact else self._spread(voltage, tables)

    def _equipment_voltages(self, voltage: NDArray[np.float64], values: NDArray[np.float64]) -> None:
        """Fills in voltages of nodes from what is at them; values: V by row of base voltages, NaN for none."""
        base, nodes, report = self.reading.model["voltages"], self.reading.nodes, self.reading.report
        of_equipment = values[looked_for(self.reading.equipment, "voltage", base, report, "base voltages of equipment")]
        at = np.flatnonzero((nodes.equipment >= 0) & (nodes.terminal >= 0))
        branch = np.isin(nodes.equipment[at], np.concatenate([self._branches.line, self._branches.switch]))
        for part in (at[~branch], at[branch]):
            given = of_equipment[nodes.equipment[part]]
            voltage[nodes.terminal[part][~np.isnan(given)]] = given[~np.isnan(given)]
        for node, volts in self._branches.legs.voltages.items():
            voltage[node] = volts

    def _spread(self, voltage: NDArray[np.float64], tables: Mapping[str, Table]) -> NDArray[np.float64]:
        """Voltages with those that are not known filled in, along lines and switches."""
        ends = [np.concatenate([tables[name][end] for name in ("lines", "switches")]) for end in ("node1", "node2")]
        voltage = voltage[self.reading.nodes.like]
        island = joined(len(voltage), ends[0], ends[1])
        known = np.flatnonzero(~np.isnan(voltage))
        of_island = np.full(len(voltage), np.nan)
        of_island[island[known[::-1]]] = voltage[known[::-1]]  # the first of an island wins
        return np.where(np.isnan(voltage), of_island[island], voltage)
