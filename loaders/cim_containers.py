"""What contains what in a CIM model: substations of nodes and equipment, voltages, and feeders with their heads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from loaders.cim_nodes import Nodes, looked_for
from loaders.cim_rdf import Model
from loaders.report import LoadReport
from topology.energize import energize
from topology.graph import build
from twin.components import FEEDER, TEXT, Table
from twin.feeders import SUBSTATION_VOLTAGE_V, substation_transformers

DEEPEST = 4
"""A bay is in a voltage level, which is in a substation; nothing is deeper."""

FAR = np.iinfo(np.int32).max


class Containers:
    """Substations in the order of the model, and what they hold."""

    def __init__(self, model: Model, report: LoadReport) -> None:
        self.model, self.report = model, report
        containers = model["containers"]
        up = looked_for(containers, "inside", containers, report, "containers of containers")
        volts = looked_for(containers, "voltage", model["voltages"], report, "base voltages of voltage levels")
        is_feeder = containers.of_class("Feeder")
        self.substations = np.flatnonzero(containers.of_class("Substation"))
        number = np.full(len(containers), -1, dtype=np.int32)
        number[self.substations] = np.arange(len(self.substations), dtype=np.int32)
        at = np.arange(len(containers))
        self.substation = number.copy()
        """int32 (containers,): the substation that each is in, or that feeds it; -1 for none."""
        self.voltage = volts.copy()
        """int64 (containers,): rows of base voltages, -1 for none."""
        for _ in range(DEEPEST):
            at = np.where(at >= 0, up[at], -1) if len(up) else at
            self.substation = np.where(self.substation < 0, np.where(at >= 0, number[at], -1), self.substation)
            self.voltage = np.where(self.voltage < 0, np.where(at >= 0, volts[at], -1), self.voltage)
        self.used_feeders: list[int] = []
        """Rows of those that became feeders of the network."""
        self.inside = np.where(is_feeder, -1, self.substation).astype(np.int32)
        """int32 (containers,): as `substation`, but of a feeder, which leaves it, -1."""
        for name in ("Substation", "VoltageLevel", "Bay"):
            count = int(containers.of_class(name).sum())
            if count:
                report.use(name, count)

    def of(self, group: str, what: str) -> NDArray[np.int64]:
        """int64 (rows,): the container of each object of a group, -1 for none or one of a class that is not read."""
        objects, containers = self.model[group], self.model["containers"]
        keys = objects["container"]
        others = np.isin(keys, np.array(self.model.other_keys))
        found = np.where(keys != 0, containers.find(keys), -1)
        lost = (keys != 0) & (found < 0) & ~others
        if lost.any():
            first = str(objects.fail(int(np.argmax(lost)), "container", "nothing has that id"))
            self.report.notes.append(f"{np.count_nonzero(lost)} {what} are not there ({first})")
        return found

    def feeders(self, tables: Mapping[str, Table], nodes: Nodes, inside: dict[str, NDArray[np.int64]]) -> Table:
        """Feeders with their heads: the equipment at the head terminal, else what is nearest to a source inside.

        inside: for every branch table int64 (rows,) containers, and the same of `terminals` for the nodes there.
        """
        containers, report = self.model["containers"], self.report
        rows = np.flatnonzero(containers.of_class("Feeder"))
        tree = _Tree(tables)
        contained = tree.contained(inside, nodes.terminal)
        terminals, node_mrid = self._head_terminals(rows), nodes.mrid
        found: dict[str, list[Any]] = {name: [] for name in ("mrid", "name", "head_mrid", "head_node", "substation")}
        without, doubled = [], []
        for row, terminal in zip(rows.tolist(), terminals.tolist(), strict=True):
            mrid = str(containers["mrid"][row])
            said = str(containers["head_mrid"][row])
            at = int(nodes.objects.find(containers["head_node"][row : row + 1])[0]) if said else -1
            equipment = int(nodes.equipment[terminal]) if terminal >= 0 else -1
            head_mrid = str(self.model["equipment"]["mrid"][equipment]) if equipment >= 0 else ""
            head: tuple[str, int] | None
            if at >= 0:
                head = (said, int(nodes.number[at]))
            elif head_mrid in tree.branch_of:
                head = (head_mrid, tree.lower(tree.branch_of[head_mrid]))
            else:
                head = tree.head(*contained.get(row, ([], [])), node_mrid)
            if head is None:
                without.append(mrid)
            elif head[0] in found["head_mrid"] and at < 0:
                doubled.append(mrid)
            else:
                name = str(containers["name"][row])
                self.used_feeders.append(row)
                values = (mrid, name if self.model.exported else name or mrid, *head, int(self.substation[row]))
                for column, value in zip(found.values(), values, strict=True):
                    column.append(value)
        if len(rows):
            report.use("Feeder", len(rows), len(found["mrid"]))
            report.skip("Feeder", "nothing of the network is inside, and it names no head", without)
            report.skip("Feeder", "its head is another feeder's too", doubled)
        texts = {name: np.array(found[name], dtype=TEXT) for name in ("mrid", "name", "head_mrid")}
        numbers = {name: np.array(found[name], dtype=np.int32) for name in ("head_node", "substation")}
        return Table(FEEDER, texts | numbers)

    def _head_terminals(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """int64 (feeders,): rows of their head terminals, -1 for none; either may name the other."""
        containers, terminals = self.model["containers"], self.model["terminals"]
        found = looked_for(containers, "head", terminals, self.report, "head terminals")[rows]
        back = containers.find(terminals["head_of"])
        named = np.flatnonzero((terminals["head_of"] != 0) & (back >= 0))
        by_feeder = dict(zip(back[named].tolist(), named.tolist(), strict=True))
        other = np.array([by_feeder.get(row, -1) for row in rows.tolist()], dtype=np.int64)
        return np.where(found >= 0, found, other)


class _Tree:
    """How far everything is from a source in the normal state."""

    def __init__(self, tables: Mapping[str, Table]) -> None:
        names = ("lines", "switches", "transformers")
        parts = [tables[name] for name in names]
        self.ends = np.concatenate([np.stack([part["node1"], part["node2"]], axis=1) for part in parts])
        self.mrid = [mrid for part in parts for mrid in part["mrid"].tolist()]
        self.branch_of = {mrid: at for at, mrid in enumerate(self.mrid)}
        self.start = dict(zip(names, np.cumsum([0, *(len(part) for part in parts)])[:-1].tolist(), strict=True))
        supply = np.zeros(len(self.ends), dtype=np.bool_)
        supply[self.start["transformers"] :] = substation_transformers(tables)
        conducting = np.concatenate([part["phases"] * part["in_service"] for part in parts]).astype(np.uint8)
        at = slice(self.start["switches"], self.start["transformers"])
        conducting[at] &= ~tables["switches"]["normal_open"]
        count = len(tables["nodes"])
        fed = np.zeros(count, dtype=np.uint8)
        source = tables["sources"]
        np.bitwise_or.at(fed, source["node"], (source["phases"] * source["in_service"] & 7).astype(np.uint8))
        numbering = build(count, self.ends[:, 0], self.ends[:, 1], conducting, conducting, fed)
        passing, numbered = np.empty_like(conducting), np.empty_like(fed)
        passing[numbering.branch_number] = conducting
        numbered[numbering.node_number] = fed
        live = energize(numbering.graph, passing, numbered)[numbering.node_number] > 0
        self.depth = np.where(live, numbering.graph.depth[numbering.node_number], FAR)
        """int32 (nodes,): branches to a source, FAR where there is none."""
        self.high = tables["nodes"]["nominal_voltage_v"] >= SUBSTATION_VOLTAGE_V
        """bool (nodes,): of transmission, which is no part of a feeder."""
        self.supply = supply

    def lower(self, branch: int) -> int:
        """The end of a branch away from the source."""
        first, second = self.ends[branch].tolist()
        if FAR in (self.depth[first], self.depth[second]):
            return int(second if self.depth[second] == FAR else first)
        return int(first if self.depth[first] > self.depth[second] else second)

    def contained(
        self, inside: dict[str, NDArray[np.int64]], terminal: NDArray[np.int32]
    ) -> dict[int, tuple[list[int], list[int]]]:
        """Branches and nodes of one-terminal equipment, by container."""
        found: dict[int, tuple[list[int], list[int]]] = {}
        for name, start in self.start.items():
            for at, container in enumerate(inside[name].tolist()):
                if container >= 0:
                    found.setdefault(container, ([], []))[0].append(start + at)
        for container, node in zip(inside["terminals"].tolist(), terminal.tolist(), strict=True):
            if container >= 0 and node >= 0:
                found.setdefault(container, ([], []))[1].append(node)
        return found

    def head(self, branches: list[int], at: list[int], mrids: NDArray[Any]) -> tuple[str, int] | None:
        """The mrid at the head, and the node on its load side; None where nothing is inside.

        One branch that is nearest to the source is the head; several at one node, that node.
        """
        branches = [b for b in branches if not self.supply[b] and not self.high[self.ends[b]].any()]
        if branches:
            near = [int(self.depth[self.ends[b]].min()) for b in branches]
            top = [b for b, depth in zip(branches, near, strict=True) if depth == min(near)]
            if len(top) == 1:
                return self.mrid[top[0]], self.lower(top[0])
            node = min(self.ends[top[0]].tolist(), key=lambda n: int(self.depth[n]))
            return str(mrids[node]), int(node)
        if at:
            node = min(at, key=lambda n: int(self.depth[n]))
            return str(mrids[node]), int(node)
        return None
