"""What hangs on the nodes of a CIM model: sources, consumers and their usage points."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from loaders.cim_branches import resolved
from loaders.cim_reading import Reading
from loaders.cim_schema import BUSBARS, CONSUMERS, EQUIVALENTS, MACHINES, SOURCES
from twin.components import ENERGY_CONSUMER, ENERGY_SOURCE, USAGE_POINT, Table


class Hanging:
    """Equipment of one terminal. behind: uint8 (nodes,), phases that a split phase stands for there."""

    def __init__(self, reading: Reading, behind: NDArray[np.uint8]) -> None:
        self.reading, self._behind = reading, behind
        self._source, self._consumer, self._equivalent = self._rows()

    def tables(self) -> dict[str, Table]:
        """The tables of sources, consumers and usage points."""
        return {"sources": self._sources(), "consumers": self._consumers(), "usage_points": self._usage_points()}

    def _rows(self) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
        """Rows of sources and of consumers at nodes, and which of these stand for networks modelled elsewhere.

        What injects for a network elsewhere, or holds the angle, is a source only where the model has no other.
        """
        groups = {name: self._at_nodes(name) for name in (*SOURCES, *EQUIVALENTS, *MACHINES, *CONSUMERS, *BUSBARS)}
        source = np.concatenate([groups[name] for name in SOURCES])
        equivalent = groups[EQUIVALENTS[0]]
        machine = groups[MACHINES[0]]
        slack = machine[self.reading.equipment["priority"][machine] > 0]
        stand_in = np.empty(0, dtype=np.int64)
        if self.reading.exact:
            slack = np.empty(0, dtype=np.int64)
        if len(source) == 0 and len(slack):
            source = slack
            self.reading.report.notes.append(f"{len(slack)} machines with a reference priority are the sources")
        elif len(source) == 0 and len(equivalent) and not self.reading.exact:
            source = equivalent
            self.reading.report.notes.append(
                f"{len(equivalent)} equivalent injections are the sources: there is no other"
            )
        if len(source) == 0:
            self.reading.report.notes.append("there is no source: nothing is energised")
        if not np.isin(equivalent, source).any():
            stand_in = equivalent
        consumer = np.sort(np.concatenate([*(groups[name] for name in CONSUMERS), stand_in]))
        self.reading.count(MACHINES, source)
        idle = machine[~np.isin(machine, source)]
        reason = "generation does not change who is connected unless it is the only source and has a reference priority"
        self.reading.report.skip(MACHINES[0], reason, self.reading.mrid[idle].tolist())
        return source, consumer, np.isin(consumer, stand_in)

    def _at_nodes(self, name: str) -> NDArray[np.int64]:
        """Rows of a class that are at a node."""
        rows = self.reading.rows((name,))
        placed = self.reading.at(rows)[0] >= 0
        self.reading.count((name,), rows[placed])
        self.reading.report.skip(name, "it has no terminal at a node", self.reading.mrid[rows[~placed]].tolist())
        return rows[placed]

    def _columns(self, rows: NDArray[np.int64]) -> dict[str, object]:
        node, _ = self.reading.at(rows)
        phases = resolved(self.reading.phases.given[rows], self._behind[node])
        return {"mrid": self.reading.mrid[rows], "name": self.reading.title[rows], "node": node, "phases": phases}

    def _sources(self) -> Table:
        rows = self._source
        _, connected = self.reading.at(rows)
        columns = self._columns(rows) | {"in_service": self.reading.served[rows] & connected}
        return Table(ENERGY_SOURCE, columns, self.reading.extras("equipment", self.reading.equipment["key"][rows]))

    def _consumers(self) -> Table:
        """Consumers that are out of service are kept: they are customers all the same."""
        rows = self._consumer
        count = np.nan_to_num(self.reading.equipment["customer_count"][rows], nan=-1).astype(np.int32)
        power = {"p_w": self._power("p")[rows], "q_var": self._power("q")[rows]}
        return Table(
            ENERGY_CONSUMER,
            self._columns(rows) | power | {"customer_count": count, "equivalent": self._equivalent},
            self.reading.extras("equipment", self.reading.equipment["key"][rows]),
        )

    def _power(self, column: str) -> NDArray[np.float64]:
        """float64 (equipment,): W or var; what is said of the whole, else of the fixed part, else of the phases."""
        whole, fixed = self.reading.equipment[column], self.reading.equipment[f"{column}_fixed"]
        parts = self.reading.model["phases"][column]
        known = ~np.isnan(parts)
        total = np.zeros(len(self.reading.equipment))
        np.add.at(total, self.reading.phases.owner[known], parts[known])
        said = np.zeros(len(self.reading.equipment), dtype=np.bool_)
        said[self.reading.phases.owner[known]] = True
        of_parts = np.where(said, total, np.nan)
        chosen = np.where(np.isnan(whole), np.where(np.isnan(fixed), of_parts, fixed), whole)
        return chosen * self.reading.mega

    def _usage_points(self) -> Table:
        """Usage points at consumers; either may name the other."""
        points = self.reading.model["usage_points"]
        row = np.full(len(self.reading.equipment), -1, dtype=np.int32)
        row[self._consumer] = np.arange(len(self._consumer), dtype=np.int32)
        named = self.reading.equipment.find(points["equipment"])
        equipment, served = (np.array(keys, dtype=np.int64) for keys in self.reading.model.served)
        back = points.find(served)
        usable = back >= 0
        named[back[usable]] = self.reading.equipment.find(equipment[usable])
        at = np.where(named >= 0, np.append(row, -1)[named], -1)
        kept = at >= 0
        if len(points):
            self.reading.report.use("UsagePoint", len(points), int(kept.sum()))
            self.reading.report.skip(
                "UsagePoint", "it is at no consumer of the network", points["mrid"][~kept].tolist()
            )
        name = self.reading.named(points["name"], points["mrid"])
        columns = {"mrid": points["mrid"][kept], "name": name[kept], "consumer": at[kept]}
        return Table(USAGE_POINT, columns, self.reading.extras("usage_points", points["key"][kept]))
