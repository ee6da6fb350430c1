"""A `networkx.MultiGraph` without dictionaries: its adjacency is a view over arrays."""

from collections.abc import Callable, Hashable, ItemsView, Iterator, Mapping, Sequence, ValuesView
from copy import deepcopy
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise, repeat
from typing import Any, NoReturn, Protocol

import networkx as nx
import numpy as np
from networkx.classes.reportviews import MultiDegreeView, MultiEdgeDataView, MultiEdgeView
from numpy.typing import NDArray

from topology.masks import Ints, Longs, Masks, as_masks
from topology.nx_labels import Attributes, Batched, Chunks, Labels, Numbers

__all__ = ["Arcs", "ArrayGraph", "Arrays", "Connectivity"]


_PART = 4096
"""Nodes told of at once."""


class Connectivity(Protocol):
    """What the algorithms walk along: `topology.graph.Graph` has it all."""

    @property
    def branch_u(self) -> Ints: ...
    @property
    def branch_v(self) -> Ints: ...
    @property
    def indptr(self) -> Longs: ...
    @property
    def adjacent_node(self) -> Ints: ...
    @property
    def adjacent_branch(self) -> Ints: ...
    @property
    def node_count(self) -> int: ...
    @property
    def branch_count(self) -> int: ...


@dataclass(frozen=True, slots=True, eq=False)
class Arcs:
    """Connectivity alone, neighbours in any order; of a directed graph, one direction."""

    branch_u: Ints
    """Node at one end, (branches,)."""
    branch_v: Ints
    """Node at the other, (branches,)."""
    indptr: Longs
    """Where each node's neighbours start, (nodes + 1,)."""
    adjacent_node: Ints
    """Neighbours, a self-loop once."""
    adjacent_branch: Ints
    """The branch to each neighbour."""

    @property
    def node_count(self) -> int:
        return int(self.indptr.size - 1)

    @property
    def branch_count(self) -> int:
        return int(self.branch_u.size)


class Arrays:
    """What the views of one graph share: connectivity, names, and which branches there are."""

    __slots__ = ("around", "graph", "labels", "member", "simple")

    around: Callable[[int], tuple[list[int], list[int]]]
    """Neighbours and branches of a node, in order."""

    def __init__(self, graph: Connectivity, labels: Labels, member: Masks, simple: bool = False) -> None:
        """simple: no two branches join the same nodes, and callers know of no keys."""
        self.graph, self.labels, self.member, self.simple = graph, labels, member, simple
        self.around = self._around

    def _around(self, node: int) -> tuple[list[int], list[int]]:
        part = slice(self.graph.indptr[node], self.graph.indptr[node + 1])
        nodes, branches = self.graph.adjacent_node[part], self.graph.adjacent_branch[part]
        kept = self.member[branches] > 0
        return nodes[kept].tolist(), branches[kept].tolist()

    def batched(self) -> "Arrays":
        """The same for somebody who will look at everything."""
        nodes, branches = self.graph.node_count, self.graph.branch_count
        whole = Arrays(self.graph, Batched(self.labels, nodes, branches), self.member, self.simple)
        whole.around = Chunks(self._all_around, nodes).__getitem__
        return whole

    def _all_around(self, range_: Ints) -> list[tuple[list[int], list[int]]]:
        lo, hi = int(range_[0]), int(range_[-1]) + 1
        part = slice(self.graph.indptr[lo], self.graph.indptr[hi])
        kept = self.member[self.graph.adjacent_branch[part]] > 0
        nodes = self.graph.adjacent_node[part][kept].tolist()
        branches = self.graph.adjacent_branch[part][kept].tolist()
        before = np.concatenate(([0], np.cumsum(kept)))
        ends = before[self.graph.indptr[lo : hi + 1] - self.graph.indptr[lo]].tolist()
        return [(nodes[a:b], branches[a:b]) for a, b in pairwise(ends)]

    def node_parts(self) -> Iterator[Ints]:
        """All node numbers, a few thousand at a time."""
        for lo in range(0, self.graph.node_count, _PART):
            yield np.arange(lo, min(lo + _PART, self.graph.node_count), dtype=np.int32)

    def edge_parts(self) -> Iterator[tuple[Ints, Ints, Ints]]:
        """All branches in the graph once: lower node, higher node, branch; ordered as NetworkX lists edges."""
        graph = self.graph
        for nodes in self.node_parts():
            part = slice(graph.indptr[nodes[0]], graph.indptr[nodes[-1] + 1])
            near = np.repeat(nodes, np.diff(graph.indptr[nodes[0] : nodes[-1] + 2]))
            far, branch = graph.adjacent_node[part], graph.adjacent_branch[part]
            kept = (far >= near) & (self.member[branch] > 0)
            near, far, branch = near[kept], far[kept], branch[kept]
            # Those between the same two nodes come together, where the first of them stands.
            _, first, pair = np.unique(np.stack((near, far)), axis=1, return_index=True, return_inverse=True)
            order = np.argsort(first[pair], kind="stable")
            yield near[order], far[order], branch[order]

    def degrees(self) -> NDArray[np.int64]:
        """Ends of branches at each node, those of a self-loop both."""
        graph = self.graph
        near = np.repeat(np.arange(graph.node_count), np.diff(graph.indptr))
        kept = self.member[graph.adjacent_branch] > 0
        loops = kept & (near == graph.adjacent_node)
        return np.bincount(near[kept], minlength=graph.node_count) + np.bincount(
            near[loops], minlength=graph.node_count
        )


class _Nodes(Mapping[Hashable, Attributes]):
    """Node -> attributes: what NetworkX calls `_node`."""

    __slots__ = ("_arrays",)

    def __init__(self, arrays: Arrays) -> None:
        self._arrays = arrays

    def __getitem__(self, label: Hashable) -> Attributes:
        return self._arrays.labels.node_attributes(self._arrays.labels.node_of(label))

    def __iter__(self) -> Iterator[Hashable]:
        for nodes in self._arrays.node_parts():
            yield from self._arrays.labels.node_labels(nodes)

    def __len__(self) -> int:
        return self._arrays.graph.node_count

    def __contains__(self, label: object) -> bool:
        hash(label)  # as a dictionary: TypeError for what cannot be a name
        try:
            self._arrays.labels.node_of(label)
        except KeyError:
            return False
        return True

    def numbered(self) -> Iterator[tuple[Hashable, Attributes]]:
        """All nodes without looking each name up."""
        labels = self._arrays.labels
        for nodes in self._arrays.node_parts():
            yield from zip(labels.node_labels(nodes), labels.node_records(nodes), strict=True)

    def items(self) -> Any:
        return _Items(self)

    def values(self) -> Any:
        return _Values(self)


class _Adjacency(Mapping[Hashable, "_Neighbours"]):
    """Node -> neighbour -> key -> attributes: what NetworkX calls `_adj`."""

    __slots__ = ("_arrays",)

    def __init__(self, arrays: Arrays) -> None:
        self._arrays = arrays

    def __getitem__(self, label: Hashable) -> "_Neighbours":
        return _Neighbours(self._arrays, self._arrays.labels.node_of(label))

    def __iter__(self) -> Iterator[Hashable]:
        for nodes in self._arrays.node_parts():
            yield from self._arrays.labels.node_labels(nodes)

    def __len__(self) -> int:
        return self._arrays.graph.node_count

    def numbered(self) -> Iterator[tuple[Hashable, "_Neighbours"]]:
        """All nodes without looking each name up."""
        arrays = self._arrays.batched()
        for nodes in arrays.node_parts():
            names = arrays.labels.node_labels(nodes)
            yield from zip(names, (_Neighbours(arrays, node) for node in nodes.tolist()), strict=True)

    def items(self) -> Any:
        return _Items(self)

    def values(self) -> Any:
        return _Values(self)


class _Items(ItemsView[Hashable, Any]):
    """Names and what belongs to them, in batches."""

    _mapping: _Nodes | _Adjacency

    def __iter__(self) -> Iterator[tuple[Hashable, Any]]:
        return iter(self._mapping.numbered())


class _Values(ValuesView[Any]):
    """What belongs to the names, in batches."""

    _mapping: _Nodes | _Adjacency

    def __iter__(self) -> Iterator[Any]:
        return (value for _, value in self._mapping.numbered())


class _Neighbours(Mapping[Hashable, "_Keys"]):
    __slots__ = ("_arrays", "_node")

    def __init__(self, arrays: Arrays, node: int) -> None:
        self._arrays, self._node = arrays, node

    def __getitem__(self, label: Hashable) -> "_Keys":
        other = self._arrays.labels.node_of(label)
        nodes, branches = self._arrays.around(self._node)
        between = [branch for node, branch in zip(nodes, branches, strict=True) if node == other]
        if not between:
            raise KeyError(label)
        return _Keys(self._arrays, between)

    def __iter__(self) -> Iterator[Hashable]:
        return map(self._arrays.labels.node_label, dict.fromkeys(self._arrays.around(self._node)[0]))

    def __len__(self) -> int:
        return len(set(self._arrays.around(self._node)[0]))

    def items(self) -> Any:
        """All neighbours in one pass; what NetworkX iterates over most."""
        between: dict[int, list[int]] = {}
        for node, branch in zip(*self._arrays.around(self._node), strict=True):
            between.setdefault(node, []).append(branch)
        name = self._arrays.labels.node_label
        return {name(node): _Keys(self._arrays, branches) for node, branches in between.items()}.items()

    def values(self) -> Any:
        return dict(self.items()).values()


class _Keys(Mapping[Hashable, Attributes]):
    __slots__ = ("_arrays", "_branches")

    def __init__(self, arrays: Arrays, branches: Sequence[int]) -> None:
        self._arrays, self._branches = arrays, branches

    def __getitem__(self, label: Hashable) -> Attributes:
        hash(label)
        for branch in self._branches:
            if self._arrays.labels.branch_label(branch) == label:
                return self._arrays.labels.branch_attributes(branch)
        raise KeyError(label)

    def __iter__(self) -> Iterator[Hashable]:
        return map(self._arrays.labels.branch_label, self._branches)

    def __len__(self) -> int:
        return len(self._branches)

    def items(self) -> Any:
        """All keys and attributes without looking each key up again."""
        labels = self._arrays.labels
        return {labels.branch_label(branch): labels.branch_attributes(branch) for branch in self._branches}.items()


class _Edges(MultiEdgeView):  # type: ignore[type-arg]
    """All edges in one pass over the arrays."""

    __slots__ = ()
    _graph: "ArrayGraph"

    def __len__(self) -> int:
        return self._graph.number_of_edges()

    def __iter__(self) -> Iterator[Any]:
        arrays: Arrays = self._graph.arrays
        names, keys = arrays.labels.node_labels, arrays.labels.branch_labels
        for near, far, branch in arrays.edge_parts():
            yield from zip(names(near), names(far), keys(branch), strict=True)


class _EdgesWithData(MultiEdgeDataView):  # type: ignore[type-arg]
    """The same with keys or attributes; those of some nodes as NetworkX does it."""

    __slots__ = ()
    _viewer: _Edges
    _nbunch: object
    _data: object
    _report: Callable[..., tuple[Any, ...]]
    keys: bool

    def __iter__(self) -> Iterator[Any]:
        if self._nbunch is not None:
            yield from super().__iter__()
            return
        labels = self._viewer._graph.arrays.labels
        for near, far, branch in self._viewer._graph.arrays.edge_parts():
            keys = repeat(None) if self.keys is False else labels.branch_labels(branch)
            data = repeat(None) if self._data is False else labels.branch_records(branch)
            yield from map(self._report, labels.node_labels(near), labels.node_labels(far), keys, data)


_Edges.dataview = _EdgesWithData


class _Degrees(MultiDegreeView):  # type: ignore[type-arg]
    """All degrees in one pass; those of some nodes, and weighted ones, as NetworkX does it."""

    _graph: "ArrayGraph"
    _weight: object
    _nodes: object
    _succ: object

    def __iter__(self) -> Iterator[Any]:
        if self._weight is not None or self._nodes is not self._succ:
            yield from super().__iter__()
            return
        arrays: Arrays = self._graph.arrays
        degrees = arrays.degrees()
        for nodes in arrays.node_parts():
            yield from zip(arrays.labels.node_labels(nodes), degrees[nodes].tolist(), strict=True)


def _frozen(*_: object, **__: object) -> NoReturn:
    raise nx.NetworkXError("this graph is a view of a network: copy() it to change it")


class ArrayGraph(nx.MultiGraph):  # type: ignore[type-arg]
    """A read-only `networkx.MultiGraph` over a `Graph`; every algorithm of NetworkX that only reads runs on it.

    `member` leaves branches out (those that do not conduct, say): non-zero for those in, (branches,).
    """

    __networkx_backend__ = "networkx"

    def __new__(cls, graph: Connectivity | None = None, *args: Any, **kwargs: Any) -> "ArrayGraph":
        # NetworkX makes empty graphs to fill by G.__class__(): those are plain ones.
        if graph is None:
            return nx.MultiGraph()  # type: ignore[return-value]
        return object.__new__(cls)

    def __init__(
        self, graph: Connectivity, labels: Labels | None = None, member: Masks | None = None, simple: bool = False
    ) -> None:
        if member is None:
            member = np.ones(graph.branch_count, np.uint8)
        member = as_masks(member, graph.branch_count, "member")
        arrays = Arrays(graph, labels or Numbers(graph.node_count), member, simple)
        self.graph: Attributes = {}
        self.arrays = arrays
        self._node = _Nodes(arrays)
        self._adj = _Adjacency(arrays)
        self.frozen = True
        self.__networkx_cache__ = None  # type: ignore[assignment] # nothing may change: nothing to keep

    def number_of_edges(self, u: Hashable = None, v: Hashable = None) -> int:
        """All branches, or those between two nodes."""
        if u is None:
            return int(np.count_nonzero(self.arrays.member))
        return len(self._adj[u].get(v, ()))

    def size(self, weight: str | None = None) -> float:  # type: ignore[override]
        """The number of branches, or the sum of an attribute."""
        if weight is None:
            return self.number_of_edges()
        return super().size(weight)

    @cached_property
    def edges(self) -> _Edges:
        """As `networkx.MultiGraph.edges`."""
        return _Edges(self)

    @cached_property
    def degree(self) -> _Degrees:
        """As `networkx.MultiGraph.degree`."""
        return _Degrees(self)

    def copy(self, as_view: bool = False) -> Any:
        """A graph of dictionaries, which can be changed."""
        if as_view:
            return super().copy(as_view=True)
        copied: nx.MultiGraph[Hashable] = nx.MultiGraph()
        copied.graph.update(self.graph)
        copied.add_nodes_from((label, dict(attributes)) for label, attributes in self._node.items())
        copied.add_edges_from(self.edges(keys=True, data=True))  # type: ignore[arg-type]
        return copied

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        # Algorithms that take edges out of a deep copy must get one that lets them.
        return deepcopy(self.copy(), memo)

    add_node = add_nodes_from = remove_node = remove_nodes_from = _frozen
    add_edge = add_edges_from = add_weighted_edges_from = remove_edge = remove_edges_from = _frozen
    clear = clear_edges = update = _frozen
