"""Shortest paths of the NetworkX backend: breadth first, Dijkstra, Bellman–Ford, over arrays."""

import math
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

import networkx as nx
import numpy as np
from numpy.typing import NDArray

from topology import _kernels_paths
from topology.masks import Ints, Longs, Masks, as_ints, as_masks
from topology.nx_convert import DirectedArrays
from topology.nx_graph import ArrayGraph, Arrays

__all__ = ["Weight", "breadth_first", "shortest_path", "shortest_path_length", "sorted_breadth_first"]

AnyArrays: TypeAlias = ArrayGraph | DirectedArrays
Weight: TypeAlias = str | Callable[[Hashable, Hashable, Any], float | None] | None


def breadth_first(arrays: Arrays, source: int, deepest: float | None = None) -> tuple[Ints, Ints, Ints]:
    """Nodes in order, the position of each one's parent in it (-1 at the source), and depths."""
    limit = np.iinfo(np.int32).max if deepest is None or deepest > 2**31 else math.ceil(deepest)
    graph = arrays.graph
    return _kernels_paths.breadth_first(
        graph.indptr, graph.adjacent_node, graph.adjacent_branch, arrays.member, source, limit
    )


def sorted_breadth_first(
    arrays: Arrays, source: int, deepest: float | None, sort: Callable[[Iterator[Hashable]], Any]
) -> Iterator[tuple[Hashable, Hashable]]:
    """Edges from parent to child where the caller orders the neighbours of each node."""
    labels = arrays.labels
    seen = {source}
    level = [source]
    depth = 0
    while level and (deepest is None or depth < deepest):
        following = []
        for node in level:
            above = labels.node_label(node)
            around = {labels.node_label(other): other for other in arrays.around(node)[0]}
            for label in sort(iter(around)):
                if around[label] not in seen:
                    seen.add(around[label])
                    following.append(around[label])
                    yield above, label
        level = following
        depth += 1


@dataclass(frozen=True, slots=True, eq=False)
class _Ways:
    """Arcs with weights: those of the graph, or one branch an arc where a weight may differ by direction."""

    u: Ints
    v: Ints
    indptr: Longs
    node: Ints
    branch: Ints
    member: Masks
    weight: NDArray[np.float64]
    whole: bool
    """Whether all weights are whole numbers, and lengths are then too."""

    def across(self, branch: int, node: int) -> int:
        """The other end of a branch."""
        return int(self.u[branch]) + int(self.v[branch]) - node


@dataclass(frozen=True, slots=True, eq=False)
class _Tree:
    """Shortest ways from one node."""

    ways: _Ways
    start: int
    length: NDArray[np.float64]
    """By node, inf where not reached."""
    back: Ints
    """By node, the branch towards the start, -1 at the start and where not reached."""

    def path(self, node: int) -> list[int]:
        """From the start to the node."""
        nodes = [node]
        while self.back[nodes[-1]] >= 0:
            nodes.append(self.ways.across(int(self.back[nodes[-1]]), nodes[-1]))
        return nodes[::-1]

    def nearest_first(self) -> list[int]:
        """Reached nodes so that each comes after the one before it on its path."""
        reached = np.flatnonzero(np.isfinite(self.length))
        hops = np.zeros(self.length.size, np.int32)
        at = reached.copy()
        while True:
            moving = self.back[at] >= 0
            if not moving.any():
                break
            hops[reached[moving]] += 1
            branch = self.back[at[moving]]
            at[moving] = self.ways.u[branch] + self.ways.v[branch] - at[moving]
        ordered: list[int] = reached[np.lexsort((reached, self.length[reached], hops[reached]))].tolist()
        return ordered

    def number(self, length: float) -> float:
        return int(length) if self.ways.whole else float(length)


def shortest_path(
    G: AnyArrays,
    source: Hashable = None,
    target: Hashable = None,
    weight: Weight = None,
    method: str = "dijkstra",
) -> Any:
    """One shortest path; or, by node, those from the source or to the target; or all of these, node by node."""
    _check_method(method)
    arrays, ways = G.arrays, None
    if source is None and target is None:
        ways = _ways(arrays, weight)
        return ((name, _paths_from(arrays, ways, name, weight, method)) for name in _names(arrays))
    if source is None:
        arrays = _backwards(G)
        found = _paths_from(arrays, _ways(arrays, weight), target, weight, method)
        return {name: path[::-1] for name, path in found.items()}
    if target is None:
        return _paths_from(arrays, _ways(arrays, weight), source, weight, method)
    tree, goal = _tree_to(arrays, source, target, weight, method)
    return [arrays.labels.node_label(node) for node in tree.path(goal)]


def shortest_path_length(
    G: AnyArrays,
    source: Hashable = None,
    target: Hashable = None,
    weight: Weight = None,
    method: str = "dijkstra",
) -> Any:
    """The length of a shortest path; or, by node, of those from the source or to the target; or of all."""
    _check_method(method)
    arrays = G.arrays
    if source is None and target is None:
        ways = _ways(arrays, weight)
        return ((name, _lengths_from(arrays, ways, name, weight, method)) for name in _names(arrays))
    if source is None:
        arrays = _backwards(G)
        return _lengths_from(arrays, _ways(arrays, weight), target, weight, method)
    if target is None:
        return _lengths_from(arrays, _ways(arrays, weight), source, weight, method)
    tree, goal = _tree_to(arrays, source, target, weight, method)
    return tree.number(tree.length[goal])


def _check_method(method: str) -> None:
    if method not in ("dijkstra", "bellman-ford"):
        raise ValueError(f"method not supported: {method}")


def _backwards(graph: AnyArrays) -> Arrays:
    return graph.backwards if isinstance(graph, DirectedArrays) else graph.arrays


def _names(arrays: Arrays) -> list[Hashable]:
    return list(arrays.labels.node_labels(np.arange(arrays.graph.node_count, dtype=np.int32)))


def _paths_from(
    arrays: Arrays, ways: _Ways, source: Hashable, weight: Weight, method: str
) -> dict[Hashable, list[Hashable]]:
    start = _number(arrays, source, "Source")
    tree = _grow(ways, start, -1, weight, method)
    label = arrays.labels.node_label
    paths: dict[int, list[Hashable]] = {start: [label(start)]}
    for node in tree.nearest_first()[1:]:
        paths[node] = [*paths[ways.across(int(tree.back[node]), node)], label(node)]
    return {path[-1]: path for path in paths.values()}


def _lengths_from(arrays: Arrays, ways: _Ways, source: Hashable, weight: Weight, method: str) -> dict[Hashable, float]:
    tree = _grow(ways, _number(arrays, source, "Source"), -1, weight, method)
    return {arrays.labels.node_label(node): tree.number(tree.length[node]) for node in tree.nearest_first()}


def _tree_to(arrays: Arrays, source: Hashable, target: Hashable, weight: Weight, method: str) -> tuple[_Tree, int]:
    start, goal = _number(arrays, source, "Source"), _number(arrays, target, "Target")
    tree = _grow(_ways(arrays, weight), start, goal, weight, method)
    if not math.isfinite(tree.length[goal]):
        raise nx.NetworkXNoPath(f"No path between {source} and {target}.")
    return tree, goal


def _number(arrays: Arrays, label: Hashable, which: str) -> int:
    try:
        return arrays.labels.node_of(label)
    except KeyError:
        raise nx.NodeNotFound(f"{which} {label} is not in G") from None


def _grow(ways: _Ways, start: int, goal: int, weight: Weight, method: str) -> _Tree:
    """As far as the goal, or everywhere with -1."""
    if weight is not None and method == "bellman-ford":
        return _Tree(ways, start, *_bellman_ford(ways, start))
    if ways.weight.size and ways.weight[ways.member > 0].min(initial=0) < 0:
        raise NotImplementedError("weights must be numbers >= 0, or the method bellman-ford")
    goals = np.zeros(ways.indptr.size - 1, np.bool_)
    if goal >= 0:
        goals[goal] = True
    _, length, _, back = _kernels_paths.shortest(
        ways.indptr, ways.node, ways.branch, ways.member, 1, ways.weight, as_ints([start]), goals
    )
    if goal >= 0 and not math.isfinite(length[goal]):
        back[:] = -1
    return _Tree(ways, start, length, back)


def _bellman_ford(ways: _Ways, start: int) -> tuple[NDArray[np.float64], Ints]:
    """All arcs at once, round by round, until nothing becomes nearer."""
    node_count = ways.indptr.size - 1
    kept = ways.member[ways.branch] > 0
    tail = np.repeat(np.arange(node_count), np.diff(ways.indptr))[kept]
    head, branch = ways.node[kept], ways.branch[kept]
    length, back = np.full(node_count, np.inf), np.full(node_count, -1, np.int32)
    length[start] = 0
    for _ in range(node_count):
        offer = length[tail] + ways.weight[branch]
        nearer = np.flatnonzero(offer < length[head])
        if not nearer.size:
            return length, back
        nearer = nearer[np.lexsort((offer[nearer], head[nearer]))]
        best = nearer[np.append(True, np.diff(head[nearer]) > 0)]
        length[head[best]] = offer[best]
        back[head[best]] = branch[best]
    raise nx.NetworkXUnbounded("Negative cycle detected.")


def _ways(arrays: Arrays, weight: Weight) -> _Ways:
    graph = arrays.graph
    if callable(weight):
        return _called(arrays, weight)
    member = as_masks((arrays.member > 0).astype(np.uint8), arrays.member.size, "member")
    values: list[Any] = [1] * graph.branch_count
    if weight is not None:
        labels = arrays.batched().labels
        values = [labels.branch_attributes(branch).get(weight, 1) for branch in range(graph.branch_count)]
    return _Ways(
        graph.branch_u, graph.branch_v, graph.indptr, graph.adjacent_node, graph.adjacent_branch, *_read(values, member)
    )


def _called(arrays: Arrays, weight: Callable[[Hashable, Hashable, Any], float | None]) -> _Ways:
    """Each arc by what the function says of its direction; it sees all branches between two nodes at once."""
    graph, labels = arrays.graph, arrays.labels
    values: list[Any] = [None] * graph.adjacent_node.size
    for node in range(graph.node_count):
        between: dict[int, list[int]] = {}
        for at in range(int(graph.indptr[node]), int(graph.indptr[node + 1])):
            if arrays.member[graph.adjacent_branch[at]]:
                between.setdefault(int(graph.adjacent_node[at]), []).append(at)
        for other, arcs in between.items():
            branches = [int(graph.adjacent_branch[at]) for at in arcs]
            data: Any = {labels.branch_label(branch): labels.branch_attributes(branch) for branch in branches}
            if arrays.simple:
                data = labels.branch_attributes(branches[0])
            values[arcs[0]] = weight(labels.node_label(node), labels.node_label(other), data)
    tail = np.repeat(np.arange(graph.node_count, dtype=np.int32), np.diff(graph.indptr))
    every = np.ones(tail.size, np.uint8)
    own = np.arange(tail.size, dtype=np.int32)
    return _Ways(tail, graph.adjacent_node, graph.indptr, graph.adjacent_node, own, *_read(values, every))


def _read(values: list[Any], member: Masks) -> tuple[Masks, NDArray[np.float64], bool]:
    """Which branches can be taken (a weight of None hides one), their weights, and whether all are whole."""
    hidden = np.array([value is None for value in values], np.bool_)
    if hidden.any():
        member = as_masks(np.where(hidden, np.uint8(0), member), member.size, "member")
        values = [0 if value is None else value for value in values]
    if not all(isinstance(value, int | float | np.integer | np.floating) for value in values):
        raise NotImplementedError("weights must be numbers")
    return member, np.array(values, np.float64), all(isinstance(value, int | np.integer) for value in values)
