"""Feeders and substations of an OpenDSS circuit.

A feeder starts where an energy meter is, else at the top of each folder that holds loads and lines of its own, as
circuits written from GIS have one a feeder; where there is neither, at the first lines behind the substation
transformers or the sources. The folder above those of feeders is a substation, and so is what transformers name.
"""

from __future__ import annotations

import posixpath
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from loaders.opendss_branches import LINE, TRANSFORMER, Branch, Branches
from loaders.opendss_text import unquoted
from topology.energize import energize
from topology.graph import build

SUBSTATION_KV = 60.0
"""Transformers from this or more to less are those of substations."""


@dataclass(slots=True)
class Feeders:
    """Columns of the feeder and substation tables, and what belongs to them."""

    name: list[str] = field(default_factory=list)
    head_mrid: list[str] = field(default_factory=list)
    head_node: list[int] = field(default_factory=list)
    substation: list[int] = field(default_factory=list)
    substations: list[str] = field(default_factory=list)
    node_substation: dict[int, int] = field(default_factory=dict)
    how: str = ""
    """Where feeders start, for people."""

    def add(self, name: str, head: Branch, node: int, substation: str = "") -> None:
        """A feeder; an equipment is the head of one only. Its substation is where its head is, if none is named."""
        if head.mrid not in self.head_mrid:
            self.name.append(name)
            self.head_mrid.append(head.mrid)
            self.head_node.append(node)
            inside = max(self.node_substation.get(each, -1) for each in head.nodes)
            self.substation.append(self.substations.index(substation) if substation in self.substations else inside)


class _Tree:
    """The normally-fed forest over branches."""

    def __init__(self, branches: Branches, mask: NDArray[np.uint8], sources: Mapping[int, int]) -> None:
        self.all = branches.all
        ends = np.array([branch.nodes for branch in self.all], dtype=np.int32).reshape(-1, 2)
        conducting = mask * np.array([branch.closed for branch in self.all], dtype=np.uint8)
        fed = np.zeros(len(branches.nodes.mrid), dtype=np.uint8)
        for node, phases in sources.items():
            fed[node] |= phases
        numbering = build(len(fed), ends[:, 0], ends[:, 1], mask, conducting, fed)
        graph = numbering.graph
        passing = np.empty_like(conducting)
        passing[numbering.branch_number] = conducting
        numbered = np.empty_like(fed)
        numbered[numbering.node_number] = fed
        energized = energize(graph, passing, numbered)[numbering.node_number]
        self.depth = np.where(energized > 0, graph.depth[numbering.node_number], np.iinfo(np.int32).max)
        """int32 (nodes,): branches to the source, the largest number where there is none."""
        caller = np.empty(len(mask), dtype=np.int32)
        caller[numbering.branch_number] = np.arange(len(mask), dtype=np.int32)
        above = graph.parent_branch[numbering.node_number]
        self.above = np.where(above >= 0, caller[above], -1) if len(caller) else above
        """int32 (nodes,): the branch towards the source, -1 at one."""
        self.around: dict[int, list[Branch]] = defaultdict(list)
        for branch, conducts in zip(self.all, conducting.tolist(), strict=True):
            if conducts:
                for node in branch.nodes:
                    self.around[node].append(branch)

    def lower(self, branch: Branch) -> int:
        """Its end away from the source."""
        return max(branch.nodes, key=lambda node: (self.depth[node] < np.iinfo(np.int32).max, self.depth[node]))


def find_feeders(
    branches: Branches, mask: NDArray[np.uint8], sources: Mapping[int, int], load_folders: Counter[str], name: str
) -> Feeders:
    """Feeders, by energy meters, else folders, else the first lines behind substation transformers or sources.

    mask: uint8 (branches,), their phases. sources: phases by node. load_folders: how many loads were made in each.
    name: of the circuit.
    """
    found = Feeders()
    tree = _Tree(branches, mask, sources)
    feeder_folders = _feeder_folders(branches, load_folders)
    _substations(found, branches, feeder_folders)
    _metered(found, branches, tree)
    if not found.name:
        _by_folder(found, tree, feeder_folders)
    if not found.name:
        _first_lines(found, branches, tree, sources, name)
    return found


def _feeder_folders(branches: Branches, load_folders: Counter[str]) -> set[str]:
    """Folders below the first script's that hold loads and lines, where that has no loads of its own."""
    lines = {branch.folder for branch in branches.all if branch.table == LINE}
    return {folder for folder in load_folders if folder in lines and folder} if "" not in load_folders else set()


def _substations(found: Feeders, branches: Branches, feeder_folders: set[str]) -> None:
    """Those that transformers name, and the folders above those of feeders with what was made there."""
    rows: dict[str, int] = {}

    def contain(name: str, branch: Branch) -> None:
        row = rows.setdefault(name, len(rows))
        for node in branch.nodes:
            found.node_substation.setdefault(node, row)

    for name, inside in branches.substations.items():
        for branch in inside:
            contain(name, branch)
    above = {posixpath.dirname(folder) for folder in feeder_folders}
    for branch in branches.all:
        if branch.folder in above:
            contain(posixpath.basename(branch.folder) or branches.circuit.name, branch)
    found.substations = list(rows)


def _metered(found: Feeders, branches: Branches, tree: _Tree) -> None:
    for meter in branches.circuit.elements["energymeter"].values():
        kind, _, name = unquoted(meter.values.get("element", "")).lower().partition(".")
        element = branches.circuit.elements.get(kind, {}).get(name)
        inside = branches.of_element.get(element.mrid, []) if element and meter.enabled else []
        if inside:
            head = inside[0]
            found.add(meter.title, head, tree.lower(head))
            found.how = "energy meters"


def _by_folder(found: Feeders, tree: _Tree, feeder_folders: set[str]) -> None:
    """The head is the branch that leads into the folder's node nearest to the source."""
    top: dict[str, int] = {}
    for branch in tree.all:
        if branch.folder in feeder_folders:
            for node in branch.nodes:
                best = top.setdefault(branch.folder, node)
                if tree.depth[node] < tree.depth[best]:
                    top[branch.folder] = node
    for folder, node in sorted(top.items()):
        if tree.depth[node] < np.iinfo(np.int32).max and tree.above[node] >= 0:
            above = posixpath.basename(posixpath.dirname(folder))
            found.add(posixpath.basename(folder), tree.all[tree.above[node]], node, above)
            found.how = "folders with loads and lines of their own"


def _first_lines(found: Feeders, branches: Branches, tree: _Tree, sources: Mapping[int, int], name: str) -> None:
    """Behind regulators, which are transformers too."""
    supply = [branch for branch in tree.all if branch.table == TRANSFORMER and _steps_down(branches, branch)]
    inside = [tree.lower(branch) for branch in supply] or list(sources)
    seen = set(inside)
    while inside:
        for branch in tree.around[inside.pop()]:
            for far in branch.nodes:
                if branch.table == TRANSFORMER and branch not in supply and far not in seen:
                    seen.add(far)
                    inside.append(far)
    heads = {
        branch.mrid: (branch, far)
        for node in sorted(seen)
        for branch in tree.around[node]
        for far in branch.nodes
        if branch.table != TRANSFORMER and far not in seen
    }
    for head, node in heads.values():
        found.add(name if len(heads) == 1 else head.name, head, node)
        found.how = "first lines behind the substation transformers or sources"


def _steps_down(branches: Branches, branch: Branch) -> bool:
    high, low = sorted((branches.kv.get(branches.nodes.bus[node], 0.0) for node in branch.nodes), reverse=True)
    return high >= SUBSTATION_KV > low > 0
