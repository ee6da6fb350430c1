"""Tables of lines, switches and transformers of a CIM model."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from loaders.cim_branches import behind_split, resolved, two_ended
from loaders.cim_reading import Reading
from loaders.cim_schema import LINES, SWITCHES, TRANSFORMERS
from loaders.cim_transformers import transformer_legs
from twin.components import AC_LINE_SEGMENT, POWER_TRANSFORMER, SWITCH, TEXT, Table


class Branches:
    """What joins two nodes. Rows are those of the model's equipment."""

    def __init__(self, reading: Reading) -> None:
        self.reading = reading
        model, nodes, report = reading.model, reading.nodes, reading.report
        legs = transformer_legs(model, nodes, report, reading.kilo, reading.mega)
        reading.count(TRANSFORMERS, np.unique(np.array(legs.equipment, dtype=np.int64)))
        report.skip("PowerTransformer", "it has no terminal at a node", legs.without)
        self.legs = legs
        self.line, self._line_ends, self._line_joins = self._two_ended(LINES)
        self.switch, self._switch_ends, self._switch_joins = self._two_ended(SWITCHES)
        self.transformer = np.array(legs.equipment, dtype=np.int64)
        ends = np.concatenate([self._line_ends, self._switch_ends])
        given = reading.phases.given[np.concatenate([self.line, self.switch])]
        self.behind = behind_split(len(nodes), ends, given, legs.split)
        """uint8 (nodes,): phases that a split phase stands for there."""
        mask = resolved(given, self.behind[ends[:, 0]])
        self._line_phases, self._switch_phases = np.split(mask, [len(self.line)])

    def rows(self) -> dict[str, NDArray[np.int64]]:
        """int64 (rows,) by table: the equipment of each."""
        return {"lines": self.line, "switches": self.switch, "transformers": self.transformer}

    def tables(self) -> dict[str, Table]:
        """The three tables."""
        return {"lines": self._lines(), "switches": self._switches(), "transformers": self._transformers()}

    def _lines(self) -> Table:
        rows = self.line
        columns = self._columns(rows, self._line_ends, self._line_joins, self._line_phases)
        length = self.reading.equipment.scaled("length", self.reading.kilo, 1e7)[rows]
        rated = {"length_m": length, "rated_current_a": self._limits()[rows]}
        return Table(
            AC_LINE_SEGMENT, columns | rated, self.reading.extras("equipment", self.reading.equipment["key"][rows])
        )

    def _two_ended(self, classes: tuple[str, ...]) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.bool_]]:
        kept, ends, joins = two_ended(
            self.reading.model, self.reading.nodes, self.reading.rows(classes), self.reading.report
        )
        self.reading.count(classes, kept)
        return kept, ends, joins

    def _columns(
        self, rows: NDArray[np.int64], ends: NDArray[np.int32], joins: NDArray[np.bool_], mask: NDArray[np.uint8]
    ) -> dict[str, object]:
        return {
            "mrid": self.reading.mrid[rows],
            "name": self.reading.title[rows],
            "node1": ends[:, 0],
            "node2": ends[:, 1],
            "phases": mask,
            "in_service": self.reading.served[rows] & joins,
            "circuit": self._circuit(rows),
        }

    def _circuit(self, rows: NDArray[np.int64]) -> NDArray[Any]:
        """StringDType (rows,): the name of what contains each, a feeder or a voltage level."""
        if self.reading.exact:
            own: NDArray[Any] = self.reading.equipment["circuit"][rows]
            return own
        containers = self.reading.model["containers"]
        names = np.array([*containers["name"].tolist(), ""], dtype=TEXT)
        return names[self.reading.container[rows]]

    def _switches(self) -> Table:
        rows, mask = self.switch, self._switch_phases
        rated = self.reading.equipment["rated_current"][rows]
        kind, wider = self.reading.equipment["kind"][rows], self.reading.equipment["normal_open_phases"][rows]
        opened = self.reading.phases.open(mask, rows, self.reading.report)
        return Table(
            SWITCH,
            self._columns(rows, self._switch_ends, self._switch_joins, mask)
            | {
                "kind": np.where(kind == "", self.reading.equipment.class_names()[rows], kind),
                "normal_open": np.where(wider != 0, wider, opened),
                "locked": self.reading.equipment["locked"][rows] == 1,
                "rated_current_a": np.where(np.isnan(rated), self._limits()[rows], rated),
            },
            self.reading.extras("equipment", self.reading.equipment["key"][rows]),
        )

    def _limits(self) -> NDArray[np.float64]:
        """float64 (equipment,): A, the lowest current limit, which is the one for all times; NaN for none."""
        limits, sets = self.reading.model["limits"], self.reading.model["limit_sets"]
        lowest = np.full(len(self.reading.equipment), np.inf)
        of_set = np.full(len(sets), np.inf)
        owner = sets.find(limits["limits"])
        known = (owner >= 0) & ~np.isnan(limits["value"])
        np.minimum.at(of_set, owner[known], limits["value"][known])
        terminals = self.reading.model["terminals"]
        named = sets.find(terminals["limits"])
        at = (named >= 0) & (terminals["limits"] != 0) & (self.reading.nodes.equipment >= 0)
        np.minimum.at(lowest, self.reading.nodes.equipment[at], of_set[named[at]])
        terminal, equipment = terminals.find(sets["terminal"]), self.reading.equipment.find(sets["equipment"])
        through = np.where(terminal >= 0, self.reading.nodes.equipment[terminal] if len(terminals) else -1, equipment)
        np.minimum.at(lowest, through[through >= 0], of_set[through >= 0])
        least = lowest >= 0 if self.reading.exact else lowest > 0
        return np.where(least & (lowest <= 1e6), lowest, np.nan)

    def _transformers(self) -> Table:
        rows, legs = self.transformer, self.legs
        ends = np.stack([np.array(legs.node1, dtype=np.int32), np.array(legs.node2, dtype=np.int32)], axis=1)
        phases = np.array(legs.phases, np.uint8)
        if self.reading.exact:
            phases = np.where(
                self.reading.equipment["phases"][rows] != 0, self.reading.equipment["phases"][rows], phases
            )
        columns = self._columns(rows, ends, np.array(legs.connected, np.bool_), phases)
        own = {"mrid": np.array(legs.mrid, dtype=TEXT), "name": np.array(legs.name, dtype=TEXT)}
        inside = self.reading.containers.inside
        substation = np.where(
            self.reading.container[rows] >= 0, np.append(inside, -1)[self.reading.container[rows]], -1
        )
        rating = {"rated_power_va": np.array(legs.power, dtype=np.float64), "substation": substation.astype(np.int32)}
        extras = self.reading.extras("equipment", self.reading.equipment["key"][rows])
        return Table(POWER_TRANSFORMER, columns | own | rating, extras)
