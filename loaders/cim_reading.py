"""What all parts of reading a CIM model share: its objects, nodes, phases, containers and the report."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from loaders.cim_branches import Phases
from loaders.cim_containers import Containers
from loaders.cim_nodes import Nodes
from loaders.cim_rdf import Model
from loaders.report import LoadReport
from twin.extras import column_of


class Reading:
    """A model that is being made a network of."""

    def __init__(self, source: Path, model: Model) -> None:
        self.model = model
        self.exact = model.exported
        """What the file does not say is not there: nothing is made up for it."""
        self.name = str(model["exports"]["name"][0]) if self.exact else source.stem
        self.report = LoadReport(str(source), "cim")
        self.equipment = model["equipment"]
        _check_ids(model)
        self.kilo, self.mega = (1e3, 1e6) if model.has_header else (1.0, 1.0)
        """What lengths and voltages, and powers, are multiplied by."""
        self.nodes = Nodes(model, self.report)
        self.phases = Phases(model, self.nodes)
        self.containers = Containers(model, self.report)
        self.container = self.containers.of("equipment", "containers of equipment")
        """int64 (equipment,): the row of what contains each, -1 for none."""
        self.mrid = self.equipment["mrid"]
        self.title = self.named(self.equipment["name"], self.mrid)
        off = (self.equipment["in_service"] == 0) | (self.equipment["normally_in_service"] == 0)
        self.served = ~off
        """bool (equipment,): what is in service."""
        if off.any():
            self.report.notes.append(f"{np.count_nonzero(off)} pieces of equipment are out of service")
        self.report.notes.append(f"quantities are in {'kV, MW and km' if model.has_header else 'V, W and m'}")

    def named(self, names: NDArray[Any], mrids: NDArray[Any]) -> NDArray[Any]:
        """StringDType (rows,): names, mrids for those without one."""
        return names if self.exact else np.where(names == "", mrids, names)

    def extras(self, group: str, keys: NDArray[np.int64]) -> dict[str, NDArray[Any]]:
        """Columns beyond the model, which only gridtwin's own exports have; keys: of the objects of the table."""
        found = {}
        for name, values in self.model.extras.get(group, {}).items():
            plain = [values.get(key) for key in keys.tolist()]
            if all(value is None for value in plain):
                continue  # it is another class's
            if any(isinstance(value, str) for value in plain):
                found[name] = column_of("text", [None if value is None else str(value) for value in plain])
            else:
                found[name] = column_of("real", plain)
        return found

    def rows(self, classes: tuple[str, ...]) -> NDArray[np.int64]:
        """Rows of equipment of some classes."""
        return np.flatnonzero(self.equipment.of_class(*classes))

    def count(self, classes: tuple[str, ...], used: NDArray[np.int64]) -> None:
        """What was read and used of each of these classes."""
        chosen = np.zeros(len(self.equipment), dtype=np.bool_)
        chosen[used] = True
        for name in classes:
            of_class = self.equipment.of_class(name)
            if of_class.any():
                self.report.use(name, int(of_class.sum()), int((of_class & chosen).sum()))

    def at(self, rows: NDArray[np.int64]) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
        """int32 (rows,): the node of each, -1 for none, and whether it is connected."""
        node = np.full(len(self.equipment), -1, dtype=np.int32)
        connected = np.ones(len(self.equipment), dtype=np.bool_)
        at = np.flatnonzero((self.nodes.equipment >= 0) & (self.nodes.terminal >= 0))[::-1]
        node[self.nodes.equipment[at]] = self.nodes.terminal[at]
        connected[self.nodes.equipment[at]] = self.model["terminals"]["connected"][at] != 0
        return node[rows], connected[rows]


def _check_ids(model: Model) -> None:
    """Raises LoadError where two objects of different kinds have one id."""
    groups = [model[name] for name in ("equipment", "containers", "nodes", "usage_points")]
    for at, group in enumerate(groups):
        for other in groups[at + 1 :]:
            found = other.find(group["key"])
            if (found >= 0).any():
                row = int(np.argmax(found >= 0))
                what = f"{other.class_names()[found[row]]} in line {other['line'][found[row]]} has that id too"
                raise group.fail(row, "key", what)
