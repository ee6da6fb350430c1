"""A graph put together from parts that no branch joins, so that numbering never needs room for more than one part."""

import numpy as np

from topology.graph import Graph
from topology.masks import Ints

__all__ = ["Partitions"]

_BY_NODE = ("branch_u", "branch_v", "parent", "end", "adjacent_node", "chord_end_node", "straight")
_BY_BRANCH = ("parent_branch", "anchor_ptr", "adjacent_branch", "chord", "chord_end_branch")
_AS_THEY_ARE = ("branch_phases", "depth")
_MAY_BE_NONE = ("parent", "parent_branch")
_POINTERS = ("anchor_ptr", "indptr", "chord_ptr")
"""Fields with one entry more than there are nodes; the last one is the next part's first."""
_FEW = ("chord", "chord_end_node", "chord_end_branch", "straight")
"""Fields whose length is known at the end only."""


class Partitions:
    """Takes numbered parts one after the other and moves their numbers up.

    The graph is what `build` makes of all parts in one go, their nodes and branches in the same order, as long as
    every island of theirs has a source: `build` numbers islands without one last, this numbers them with their part.
    """

    def __init__(self, node_count: int, branch_count: int) -> None:
        """node_count, branch_count: of all parts together."""
        if not 0 <= node_count < 2**31 or not 0 <= branch_count < 2**31:
            raise ValueError(f"{node_count} nodes and {branch_count} branches, expected 0 <= each < 2**31")
        self.node_count, self.branch_count = node_count, branch_count
        self._nodes = self._branches = self._arcs = self._chord_ends = 0
        sizes = {
            **dict.fromkeys(("branch_u", "branch_v", "branch_phases"), branch_count),
            **dict.fromkeys(("parent", "parent_branch", "end", "depth"), node_count),
            **dict.fromkeys(_POINTERS, node_count + 1),
            **dict.fromkeys(("adjacent_node", "adjacent_branch"), 2 * branch_count),
        }
        types = {"branch_phases": np.uint8, "indptr": np.int64}
        self._arrays = {name: np.empty(size, types.get(name, np.int32)) for name, size in sizes.items()}
        self._few: dict[str, list[Ints]] = {name: [] for name in _FEW}

    def add(self, part: Graph) -> tuple[int, int]:
        """Append a part; returns the numbers that its node 0 and its branch 0 have now.

        Raises ValueError where it has more nodes or branches than there is room for; nothing changes then.
        """
        first, first_branch = self._nodes, self._branches
        if first + part.node_count > self.node_count or first_branch + part.branch_count > self.branch_count:
            raise ValueError(
                f"a part of {part.node_count} nodes and {part.branch_count} branches after {first} and {first_branch}: "
                f"there is room for {self.node_count} and {self.branch_count}"
            )
        places = {"branch": first_branch, "adjacent": self._arcs}
        shifts = {
            **dict.fromkeys(_BY_NODE, first),
            **dict.fromkeys(_BY_BRANCH, first_branch),
            **dict.fromkeys(_AS_THEY_ARE, 0),
            "indptr": self._arcs,
            "chord_ptr": self._chord_ends,
        }
        for name, array in self._arrays.items():
            values = getattr(part, name)
            start = places.get(name.partition("_")[0], first)
            target = array[start : start + values.size]
            np.add(values, array.dtype.type(shifts[name]), out=target)
            if name in _MAY_BE_NONE:
                target[values < 0] = -1
        for name, pieces in self._few.items():
            pieces.append(getattr(part, name) + np.int32(shifts[name]))
        self._few["straight"][-1] = self._few["straight"][-1][:-1]
        self._nodes += part.node_count
        self._branches += part.branch_count
        self._arcs += part.adjacent_node.size
        self._chord_ends += part.chord_end_node.size
        return first, first_branch

    def graph(self) -> Graph:
        """All parts as one. Raises ValueError while some are missing."""
        if (self._nodes, self._branches) != (self.node_count, self.branch_count):
            nodes, branches = f"{self._nodes} of {self.node_count}", f"{self._branches} of {self.branch_count}"
            raise ValueError(f"{nodes} nodes and {branches} branches are there")
        arrays = dict(self._arrays)
        if not self.node_count:
            arrays |= {name: np.zeros_like(arrays[name]) for name in _POINTERS}
        for name in ("adjacent_node", "adjacent_branch"):
            arrays[name] = arrays[name][: self._arcs]
        few = {name: np.concatenate([np.empty(0, np.int32), *pieces]) for name, pieces in self._few.items()}
        few["straight"] = np.append(few["straight"], np.int32(self.node_count))
        return Graph(**arrays, **few)
