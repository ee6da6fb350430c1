"""Other people's NetworkX graphs as arrays, nodes and neighbours in their order."""

from collections.abc import Hashable, Iterator, Mapping
from typing import Any, TypeAlias

import networkx as nx
import numpy as np

from topology.masks import as_ints
from topology.nx_graph import Arcs, ArrayGraph, Arrays
from topology.nx_labels import Attributes, Numbers

__all__ = ["AnyGraph", "DirectedArrays", "from_networkx", "is_plain"]

AnyGraph: TypeAlias = "nx.Graph[Hashable]"


class DirectedArrays:
    """A directed graph, for the algorithms of the backend alone."""

    __networkx_backend__ = "gridtwin"

    def __init__(self, arrays: Arrays, backwards: Arrays) -> None:
        """arrays: arcs from each node; backwards: the same branches, to each node."""
        self.arrays, self.backwards = arrays, backwards

    def is_directed(self) -> bool:
        return True


class _Kept(Numbers):
    """The names and attributes of somebody else's graph."""

    def __init__(self, graph: AnyGraph) -> None:
        self.names = list(graph)
        self.numbers = {label: number for number, label in enumerate(self.names)}
        self.attributes = graph.nodes
        self.keys: list[Hashable] = []
        self.branch_data: list[Attributes] = []

    def node_of(self, label: Hashable) -> int:
        return self.numbers[label]

    def node_label(self, node: int) -> Hashable:
        return self.names[node]

    def branch_label(self, branch: int) -> Hashable:
        return self.keys[branch]

    def node_attributes(self, node: int) -> Attributes:
        return self.attributes[self.names[node]]

    def branch_attributes(self, branch: int) -> Attributes:
        return self.branch_data[branch]


def is_plain(graph: AnyGraph) -> bool:
    """Whether its adjacency is what NetworkX's own classes make of it, and all there is to know."""
    own = nx.DiGraph if isinstance(graph, nx.DiGraph) else nx.Graph
    methods = ("adjacency", "neighbors", "__getitem__", "__iter__", "__len__")
    return all(getattr(type(graph), name) is getattr(own, name) for name in methods)


def from_networkx(graph: AnyGraph) -> ArrayGraph | DirectedArrays:
    """A graph over arrays. Keys of simple graphs are 0, as those of `nx.MultiGraph(graph)`.

    Raises NotImplementedError, which has NetworkX go on by itself, for an undirected one with edges one way only.
    """
    labels = _Kept(graph)
    forwards = _arcs(graph, labels)
    simple = not graph.is_multigraph()
    if not graph.is_directed():
        converted = ArrayGraph(forwards, labels, simple=simple)
        converted.graph.update(graph.graph)
        return converted
    every = np.ones(forwards.branch_count, np.uint8)
    return DirectedArrays(
        Arrays(forwards, labels, every, simple), Arrays(_backwards(graph, labels, forwards), labels, every, simple)
    )


def _adjacency(graph: AnyGraph) -> Iterator[Mapping[Hashable, Any]]:
    """Neighbours of each node; of a class that makes up its own, without attributes."""
    if is_plain(graph):
        return (neighbours for _, neighbours in graph.adjacency())
    return ({key: {} for key in graph.neighbors(label)} for label in graph)


def _arcs(graph: AnyGraph, labels: _Kept) -> Arcs:
    """Branches in the order in which they are met first; `labels` learns their keys and attributes."""
    multigraph, directed = graph.is_multigraph(), graph.is_directed()
    known: dict[tuple[int, int, Hashable], int] = {}
    ends: tuple[list[int], list[int]] = [], []
    adjacent: tuple[list[int], list[int]] = [], []
    indptr = [0]
    for node, neighbours in enumerate(_adjacency(graph)):
        for label, between in neighbours.items():
            other = labels.numbers[label]
            for key, attributes in between.items() if multigraph else ((0, between),):
                if not directed and other < node:
                    if (other, node, key) not in known:  # a PlanarEmbedding that is not complete yet
                        raise NotImplementedError(f"the edge from {label} back to {labels.names[node]} is missing")
                    branch = known[other, node, key]
                else:
                    branch = known[node, other, key] = len(labels.keys)
                    labels.keys.append(key)
                    labels.branch_data.append(attributes)
                    ends[0].append(node)
                    ends[1].append(other)
                adjacent[0].append(other)
                adjacent[1].append(branch)
        indptr.append(len(adjacent[0]))
    return Arcs(
        as_ints(ends[0]), as_ints(ends[1]), np.array(indptr, np.int64), as_ints(adjacent[0]), as_ints(adjacent[1])
    )


def _backwards(graph: AnyGraph, labels: _Kept, forwards: Arcs) -> Arcs:
    """The arcs to each node, in the order in which the graph names predecessors."""
    order: list[int] = []
    indptr = [0]
    into: dict[tuple[int, int], list[int]] = {}
    for branch, (u, v) in enumerate(zip(forwards.branch_u.tolist(), forwards.branch_v.tolist(), strict=True)):
        into.setdefault((u, v), []).append(branch)
    for node, label in enumerate(labels.names):
        for above in graph.pred[label]:  # type: ignore[attr-defined]
            order += into[labels.numbers[above], node]
        indptr.append(len(order))
    branches = as_ints(order)
    return Arcs(forwards.branch_u, forwards.branch_v, np.array(indptr, np.int64), forwards.branch_u[branches], branches)
