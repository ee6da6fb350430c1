"""Which nodes a CIM model has, and at which of them its equipment ends: node-breaker, bus-branch, or both at once."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from loaders.cim_columns import Objects
from loaders.cim_rdf import Model
from loaders.report import LoadError, LoadReport
from topology.graph import build
from topology.islands import islands
from twin.components import TEXT
from twin.phases import ABC


def joined(count: int, node1: NDArray[np.int32], node2: NDArray[np.int32]) -> NDArray[np.int32]:
    """int32 (nodes,): a number for what hangs together by these branches."""
    ones = np.full(len(node1), ABC, dtype=np.uint8)
    numbering = build(count, node1, node2, ones, ones, np.zeros(count, dtype=np.uint8))
    return islands(numbering.graph, ones)[numbering.node_number]


class Nodes:
    """Nodes of the network: connectivity nodes, and topological nodes where terminals know no other."""

    def __init__(self, model: Model, report: LoadReport) -> None:
        """Raises LoadError for a terminal that names a node or an equipment that is not there."""
        self.model, self.objects, self.terminals = model, model["nodes"], model["terminals"]
        self.equipment = self._equipment(report)
        """int64 (terminals,): the row of its equipment, -1 for one of a class that is not read."""
        chosen = self._objects()
        fine = self.objects.of_class("ConnectivityNode")
        used = np.zeros(len(self.objects), dtype=np.bool_)
        used[chosen[chosen >= 0]] = True
        kept = fine | used | (not fine.any())
        self.rows = np.flatnonzero(kept)
        """Rows of the objects that are nodes."""
        if len(self.rows) == 0:
            raise LoadError(f"{report.source} holds no ConnectivityNode or TopologicalNode; a network needs nodes")
        number = np.full(len(self.objects), -1, dtype=np.int32)
        number[self.rows] = np.arange(len(self.rows), dtype=np.int32)
        self.number = number
        """int32 (node objects,): their nodes, -1 for those that connectivity nodes stand for."""
        self.terminal = np.where(chosen >= 0, number[chosen], -1).astype(np.int32)
        """int32 (terminals,): their nodes, -1 where none is given."""
        self._extra: tuple[list[str], list[str]] = ([], [])
        self.like = list(range(len(self.rows)))
        """Of every node one whose voltage and place it has."""
        self._order()
        for name in ("ConnectivityNode", "TopologicalNode"):
            of_class = self.objects.of_class(name)
            if of_class.any():
                report.use(name, int(of_class.sum()), int((of_class & kept).sum()))
        mrids = self.objects["mrid"][~kept].tolist()
        report.skip("TopologicalNode", "connectivity nodes stand for it", mrids)

    def __len__(self) -> int:
        return len(self.like)

    @property
    def mrid(self) -> NDArray[Any]:
        """StringDType (nodes,)."""
        return np.concatenate([self.objects["mrid"][self.rows], np.array(self._extra[0], dtype=TEXT)])

    @property
    def name(self) -> NDArray[Any]:
        """StringDType (nodes,): empty where there is none."""
        return np.concatenate([self.objects["name"][self.rows], np.array(self._extra[1], dtype=TEXT)])

    def add(self, mrid: str, name: str, like: int) -> int:
        """A node that the model does not have."""
        self._extra[0].append(mrid)
        self._extra[1].append(name)
        self.like.append(like)
        return len(self.like) - 1

    def of(self, row: int) -> NDArray[np.int64]:
        """Rows of the terminals of an equipment, by their numbers."""
        return self._sorted[self._ptr[row] : self._ptr[row + 1]]

    def _order(self) -> None:
        """Terminals by equipment, number, and place in the files."""
        last = np.nan_to_num(self.terminals["number"], nan=np.inf)
        order = np.lexsort((np.arange(len(self.terminals)), last, self.equipment))
        self._sorted = order[self.equipment[order] >= 0]
        counts = np.bincount(self.equipment[self._sorted], minlength=len(self.model["equipment"]))
        self._ptr = np.concatenate([[0], np.cumsum(counts)])

    def _equipment(self, report: LoadReport) -> NDArray[np.int64]:
        terminals = self.terminals
        found = self.model["equipment"].find(terminals["equipment"])
        missing = found < 0
        others = np.isin(terminals["equipment"], np.array(self.model.other_keys))
        wrong = missing & ~others
        if wrong.any():
            raise _nothing(terminals, int(np.argmax(wrong)), "equipment")
        report.use("Terminal", len(terminals), int((~missing).sum()))
        names = [f"in line {line}" for line in terminals["line"][missing][:5].tolist()] if missing.any() else []
        names += [""] * (int(missing.sum()) - len(names))
        report.skip("Terminal", "its equipment is of a class that is not used", names)
        return found

    def _objects(self) -> NDArray[np.int64]:
        """int64 (terminals,): the row of its node, -1 where none is given."""
        chosen = np.full(len(self.terminals), -1)
        for column in ("bus", "node"):
            keys = self.terminals[column]
            found = self.objects.find(keys)
            wrong = (keys != 0) & (found < 0) & (self.equipment >= 0)
            if column == "bus":
                wrong &= self.terminals["node"] == 0
            if wrong.any():
                raise _nothing(self.terminals, int(np.argmax(wrong)), column)
            chosen = np.where((keys != 0) & (found >= 0), found, chosen)
        return chosen


def _nothing(objects: Objects, row: int, column: str) -> LoadError:
    """The error for a reference to nothing, or one that is not given."""
    if objects[column][row] == 0:
        return objects.fail(row, column, "it is needed")
    return objects.fail(row, column, "no object has that id; is a file of the model left out?")


def referred(objects: Objects, column: str, target: Objects) -> NDArray[np.int64]:
    """int64 (rows,): the row that each refers to. Raises LoadError for one that refers to nothing."""
    found = target.find(objects[column])
    if (found < 0).any():
        raise _nothing(objects, int(np.argmax(found < 0)), column)
    return found


def looked_for(objects: Objects, column: str, target: Objects, report: LoadReport, what: str) -> NDArray[np.int64]:
    """int64 (rows,): the row that each refers to, -1 where it does not, or to nothing, which is noted."""
    keys = objects[column]
    found = np.where(keys != 0, target.find(keys), -1)
    lost = np.flatnonzero((keys != 0) & (found < 0))
    if len(lost) and what:
        first = str(objects.fail(int(lost[0]), column, "nothing has that id"))
        report.notes.append(f"{len(lost)} {what} are not there ({first})")
    return found
