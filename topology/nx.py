"""NetworkX on the arrays: a `networkx.MultiGraph` without dictionaries, and a backend of compiled algorithms.

The graph classes speak whatever names a `Labels` gives to nodes and branches; without one, numbers.
"""

import math
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from types import SimpleNamespace
from typing import Any, NoReturn, Protocol, TypeAlias

import networkx as nx
import numpy as np
from numpy.typing import NDArray

from topology import _kernels, _kernels_paths
from topology.blocks import Blocks, grow
from topology.graph import Graph, build
from topology.masks import Ints, Masks, as_ints, as_masks
from topology.nx_info import FUNCTIONS

__all__ = ["ArrayGraph", "Labels", "Numbers", "backend"]

Attributes: TypeAlias = dict[str, Any]
AnyGraph: TypeAlias = "nx.Graph[Hashable]"


class Labels(Protocol):
    """Outside names of nodes and branches, and their attributes."""

    def node_label(self, node: int) -> Hashable:
        """The name of a node number."""

    def node_of(self, label: Hashable) -> int:
        """The number of a node; raises KeyError for a name that no node has."""

    def branch_label(self, branch: int) -> Hashable:
        """The edge key of a branch number."""

    def branch_of(self, label: Hashable) -> int:
        """The number of a branch; raises KeyError for a key that no branch has."""

    def node_attributes(self, node: int) -> Attributes:
        """The attributes of a node."""

    def branch_attributes(self, branch: int) -> Attributes:
        """The attributes of a branch."""


class Numbers:
    """Nodes and branches are called by their numbers and have no attributes."""

    def __init__(self, graph: Graph) -> None:
        self._nodes, self._branches = range(graph.node_count), range(graph.branch_count)

    def node_label(self, node: int) -> Hashable:
        return node

    def node_of(self, label: Hashable) -> int:
        return _member(self._nodes, label)

    def branch_label(self, branch: int) -> Hashable:
        return branch

    def branch_of(self, label: Hashable) -> int:
        return _member(self._branches, label)

    def node_attributes(self, node: int) -> Attributes:
        return {}

    def branch_attributes(self, branch: int) -> Attributes:
        return {}


def _member(numbers: range, label: Hashable) -> int:
    if isinstance(label, int | np.integer) and label in numbers:
        return int(label)
    raise KeyError(label)


class _Arrays:
    """What the views of one graph share: connectivity, names, and which branches there are."""

    __slots__ = ("graph", "labels", "member")

    def __init__(self, graph: Graph, labels: Labels, member: Masks) -> None:
        self.graph, self.labels, self.member = graph, labels, member

    def around(self, node: int) -> tuple[list[int], list[int]]:
        """Neighbours and branches of a node, in branch order."""
        part = slice(self.graph.indptr[node], self.graph.indptr[node + 1])
        nodes, branches = self.graph.adjacent_node[part], self.graph.adjacent_branch[part]
        kept = self.member[branches] > 0
        return nodes[kept].tolist(), branches[kept].tolist()


class _Nodes(Mapping[Hashable, Attributes]):
    """Node -> attributes: what NetworkX calls `_node`."""

    __slots__ = ("_arrays",)

    def __init__(self, arrays: _Arrays) -> None:
        self._arrays = arrays

    def __getitem__(self, label: Hashable) -> Attributes:
        return self._arrays.labels.node_attributes(self._arrays.labels.node_of(label))

    def __iter__(self) -> Iterator[Hashable]:
        return map(self._arrays.labels.node_label, range(self._arrays.graph.node_count))

    def __len__(self) -> int:
        return self._arrays.graph.node_count

    def __contains__(self, label: object) -> bool:
        hash(label)  # as a dictionary: TypeError for what cannot be a name
        try:
            self._arrays.labels.node_of(label)
        except KeyError:
            return False
        return True


class _Adjacency(Mapping[Hashable, "_Neighbours"]):
    """Node -> neighbour -> key -> attributes: what NetworkX calls `_adj`."""

    __slots__ = ("_arrays",)

    def __init__(self, arrays: _Arrays) -> None:
        self._arrays = arrays

    def __getitem__(self, label: Hashable) -> "_Neighbours":
        return _Neighbours(self._arrays, self._arrays.labels.node_of(label))

    def __iter__(self) -> Iterator[Hashable]:
        return map(self._arrays.labels.node_label, range(self._arrays.graph.node_count))

    def __len__(self) -> int:
        return self._arrays.graph.node_count


class _Neighbours(Mapping[Hashable, "_Keys"]):
    __slots__ = ("_arrays", "_node")

    def __init__(self, arrays: _Arrays, node: int) -> None:
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

    def __init__(self, arrays: _Arrays, branches: Sequence[int]) -> None:
        self._arrays, self._branches = arrays, branches

    def __getitem__(self, label: Hashable) -> Attributes:
        branch = self._arrays.labels.branch_of(label)
        if branch not in self._branches:
            raise KeyError(label)
        return self._arrays.labels.branch_attributes(branch)

    def __iter__(self) -> Iterator[Hashable]:
        return map(self._arrays.labels.branch_label, self._branches)

    def __len__(self) -> int:
        return len(self._branches)

    def items(self) -> Any:
        """All keys and attributes without looking each key up again."""
        labels = self._arrays.labels
        return {labels.branch_label(branch): labels.branch_attributes(branch) for branch in self._branches}.items()


def _frozen(*_: object, **__: object) -> NoReturn:
    raise nx.NetworkXError("this graph is a view of a network: copy() it to change it")


class ArrayGraph(nx.MultiGraph):  # type: ignore[type-arg]
    """A read-only `networkx.MultiGraph` over a `Graph`; every algorithm of NetworkX that only reads runs on it.

    `member` leaves branches out (those that do not conduct, say): non-zero for those in, (branches,).
    """

    __networkx_backend__ = "networkx"

    def __new__(cls, graph: Graph | None = None, *args: Any, **kwargs: Any) -> "ArrayGraph":
        # NetworkX makes empty graphs to fill by G.__class__(): those are plain ones.
        if graph is None:
            return nx.MultiGraph()  # type: ignore[return-value]
        return object.__new__(cls)

    def __init__(self, graph: Graph, labels: Labels | None = None, member: Masks | None = None) -> None:
        if member is None:
            member = np.ones(graph.branch_count, np.uint8)
        arrays = _Arrays(graph, labels or Numbers(graph), as_masks(member, graph.branch_count, "member"))
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

    add_node = add_nodes_from = remove_node = remove_nodes_from = _frozen
    add_edge = add_edges_from = add_weighted_edges_from = remove_edge = remove_edges_from = _frozen
    clear = clear_edges = update = _frozen


class _Kept:
    """The names and attributes of somebody else's graph."""

    def __init__(self, graph: AnyGraph) -> None:
        self._nodes = list(graph)
        self._numbers = {label: number for number, label in enumerate(self._nodes)}
        self._node_attributes = [graph.nodes[label] for label in self._nodes]
        self._keys: list[Hashable] = []
        self._branch_attributes: list[Attributes] = []

    def renumber(self, node_number: Ints, branch_number: Ints) -> None:
        """Follow the network's numbering."""
        nodes = np.argsort(node_number).tolist()
        branches = np.argsort(branch_number).tolist()
        self._nodes = [self._nodes[old] for old in nodes]
        self._node_attributes = [self._node_attributes[old] for old in nodes]
        self._numbers = {label: number for number, label in enumerate(self._nodes)}
        self._keys = [self._keys[old] for old in branches]
        self._branch_attributes = [self._branch_attributes[old] for old in branches]

    def add(self, key: Hashable, attributes: Attributes) -> None:
        self._keys.append(key)
        self._branch_attributes.append(attributes)

    def node_label(self, node: int) -> Hashable:
        return self._nodes[node]

    def node_of(self, label: Hashable) -> int:
        return self._numbers[label]

    def branch_label(self, branch: int) -> Hashable:
        return self._keys[branch]

    def branch_of(self, label: Hashable) -> int:
        return self._keys.index(label)

    def node_attributes(self, node: int) -> Attributes:
        return self._node_attributes[node]

    def branch_attributes(self, branch: int) -> Attributes:
        return self._branch_attributes[branch]


def convert_from_nx(graph: AnyGraph, **_: object) -> ArrayGraph:
    """Our own graphs as they are; others, asked for by `backend=`, as arrays. Edge keys are not looked up."""
    if isinstance(graph, ArrayGraph):
        return graph
    labels = _Kept(graph)
    ends: tuple[list[int], list[int]] = [], []
    for u, v, attributes in graph.edges(data=True):
        ends[0].append(labels.node_of(u))
        ends[1].append(labels.node_of(v))
        labels.add(len(ends[0]), attributes)
    every = np.full(len(ends[0]), 7, np.uint8)
    numbering = build(len(graph), *ends, every, every, np.zeros(len(graph), np.uint8))
    labels.renumber(numbering.node_number, numbering.branch_number)
    return ArrayGraph(numbering.graph, labels)


def convert_to_nx(result: object, **_: object) -> object:
    """Results are Python values already."""
    return result


def can_run(name: str, args: Sequence[object], kwargs: Mapping[str, object]) -> bool | str:
    """Whether the backend knows how, or why not."""
    graph = args[0] if args else kwargs.get("G")
    if name not in FUNCTIONS:
        return f"{name} is not among {', '.join(FUNCTIONS)}"
    if not isinstance(graph, nx.Graph) or graph.is_directed():
        return "the graph is not an undirected one"
    if type(graph) not in (nx.Graph, nx.MultiGraph) and not isinstance(graph, ArrayGraph):
        return f"a {type(graph).__name__} may have neighbours that its edges do not tell of"
    if name == "bfs_edges" and (len(args) > 4 or kwargs.get("sort_neighbors") is not None):
        return "neighbours are visited in branch order only"
    if name in ("shortest_path", "shortest_path_length"):
        given = dict(zip(("G", "source", "target", "weight", "method"), args, strict=False)) | dict(kwargs)
        if given.get("source") is None:
            return "a source is needed"
        if given.get("method", "dijkstra") != "dijkstra":
            return "the method is not dijkstra"
        if not isinstance(given.get("weight"), str | None):
            return "weights must be an attribute"
    return True


def should_run(name: str, args: Sequence[object], kwargs: Mapping[str, object]) -> bool | str:
    """Only graphs over arrays: converting other people's costs more than it brings."""
    graph = args[0] if args else kwargs.get("G")
    return isinstance(graph, ArrayGraph) or "the graph does not lie over arrays"


# The algorithms. Each has the signature and the errors of the one in NetworkX.


def _names(graph: ArrayGraph, nodes: Ints) -> Iterator[Hashable]:
    return map(graph.arrays.labels.node_label, nodes.tolist())


def _breadth_first(graph: ArrayGraph, source: int, deepest: float = math.inf) -> tuple[Ints, Ints, Ints]:
    g = graph.arrays.graph
    limit = np.iinfo(np.int32).max if deepest > 2**31 else math.ceil(deepest)
    return _kernels_paths.breadth_first(
        g.indptr, g.adjacent_node, g.adjacent_branch, graph.arrays.member, source, limit
    )


def _node(graph: ArrayGraph, label: Hashable, error: Callable[[Hashable], Exception]) -> int:
    try:
        return graph.arrays.labels.node_of(label)
    except KeyError:
        raise error(label) from None


def _not_in_graph(label: Hashable) -> Exception:
    return nx.NetworkXError(f"The node {label} is not in the graph.")


def _no_source(label: Hashable) -> Exception:
    return nx.NodeNotFound(f"Source {label} is not in G")


def _no_end(label: Hashable) -> Exception:
    return nx.NodeNotFound(f"Node {label} is not in G")


def bfs_edges(
    G: ArrayGraph,
    source: Hashable,
    reverse: bool = False,
    depth_limit: float | None = None,
    sort_neighbors: None = None,
) -> Iterator[tuple[Hashable, Hashable]]:
    """Edges of a breadth-first search, from parent to child."""
    node = _node(G, source, _not_in_graph)
    order, above, _ = _breadth_first(G, node, math.inf if depth_limit is None else depth_limit)
    labels = list(_names(G, order))
    return ((labels[up], labels[at + 1]) for at, up in enumerate(above[1:].tolist()))


def descendants(G: ArrayGraph, source: Hashable) -> set[Hashable]:
    """All nodes that a node reaches, without itself."""
    return set(_names(G, _breadth_first(G, _node(G, source, _not_in_graph))[0][1:]))


def node_connected_component(G: ArrayGraph, n: Hashable) -> set[Hashable]:
    """All nodes that a node reaches, and itself."""
    return set(_names(G, _breadth_first(G, _node(G, n, KeyError))[0]))


def _islands(graph: ArrayGraph) -> tuple[Ints, Ints]:
    """Nodes island by island, and where each island begins."""
    g = graph.arrays.graph
    nowhere = as_masks(np.zeros(g.node_count, np.uint8), g.node_count, "sources")
    order, parent, _ = _kernels.grow_forest(g.indptr, g.adjacent_node, g.adjacent_branch, _ones(graph), nowhere)
    return order, np.flatnonzero(parent[order] < 0).astype(np.int32)


def _ones(graph: ArrayGraph) -> Masks:
    """1 for each branch that is in the graph."""
    member = graph.arrays.member
    return as_masks((member > 0).astype(np.uint8), member.size, "member")


def connected_components(G: ArrayGraph) -> Iterator[set[Hashable]]:
    """The nodes of each island, islands by their lowest node."""
    order, starts = _islands(G)
    return (set(_names(G, part)) for part in np.split(order, starts[1:]) if part.size)


def number_connected_components(G: ArrayGraph) -> int:
    """How many islands there are."""
    return int(_islands(G)[1].size)


def has_path(G: ArrayGraph, source: Hashable, target: Hashable) -> bool:
    """Whether one node reaches another."""
    start, goal = _node(G, source, _no_source), _node(G, target, _no_end)
    return bool((_breadth_first(G, start)[0] == goal).any())


def single_source_shortest_path_length(
    G: ArrayGraph, source: Hashable, cutoff: float | None = None
) -> dict[Hashable, int]:
    """How many edges away each node is, nearest first."""
    node = _node(G, source, _no_source)
    order, _, depth = _breadth_first(G, node, math.inf if cutoff is None else cutoff)
    return dict(zip(_names(G, order), depth.tolist(), strict=True))


def shortest_path(
    G: ArrayGraph,
    source: Hashable,
    target: Hashable | None = None,
    weight: str | None = None,
    method: str = "dijkstra",
) -> list[Hashable] | dict[Hashable, list[Hashable]]:
    """One shortest path, or the shortest paths to every node that is reached."""
    start = _node(G, source, _no_source)
    g = G.arrays.graph
    length, back, _, goal = _dijkstra(G, start, target, weight)
    if target is not None:
        nodes = [goal]
        while back[nodes[-1]] >= 0:
            branch = back[nodes[-1]]
            nodes.append(int(g.branch_u[branch] + g.branch_v[branch]) - nodes[-1])
        return [G.arrays.labels.node_label(node) for node in reversed(nodes)]
    paths: dict[int, list[Hashable]] = {start: [source]}
    by_name: dict[Hashable, list[Hashable]] = {source: [source]}
    for node in _nearest_first(length, back, g, start)[1:]:
        above = int(g.branch_u[back[node]] + g.branch_v[back[node]]) - node
        label = G.arrays.labels.node_label(node)
        paths[node] = by_name[label] = [*paths[above], label]
    return by_name


def shortest_path_length(
    G: ArrayGraph,
    source: Hashable,
    target: Hashable | None = None,
    weight: str | None = None,
    method: str = "dijkstra",
) -> float | dict[Hashable, float]:
    """How long a shortest path is, or those to every node that is reached."""
    start = _node(G, source, _no_source)
    length, back, whole, goal = _dijkstra(G, start, target, weight)
    number = int if whole else float
    if target is not None:
        return number(length[goal])
    nodes = _nearest_first(length, back, G.arrays.graph, start)
    return {G.arrays.labels.node_label(node): number(length[node]) for node in nodes}


def _nearest_first(length: NDArray[np.float64], back: Ints, graph: Graph, start: int) -> list[int]:
    """Reached nodes so that each comes after the one before it on its path."""
    reached = np.flatnonzero(np.isfinite(length))
    hops = np.zeros(graph.node_count, np.int32)
    at = reached.copy()
    while True:
        moving = back[at] >= 0
        if not moving.any():
            break
        hops[reached[moving]] += 1
        branch = back[at[moving]]
        at[moving] = graph.branch_u[branch] + graph.branch_v[branch] - at[moving]
    ordered: list[int] = reached[np.lexsort((hops[reached], length[reached]))].tolist()
    return ordered


def _dijkstra(
    graph: ArrayGraph, start: int, target: Hashable | None, weight: str | None
) -> tuple[NDArray[np.float64], Ints, bool, int]:
    """Lengths and branches back by node, whether lengths are whole numbers, and the target's number or -1."""
    g = graph.arrays.graph
    goals = np.zeros(g.node_count, np.bool_)
    goal = -1
    if target is not None:
        goal = _node(graph, target, _no_end)
        goals[goal] = True
    weights, whole = _weights(graph, weight)
    found, length, _, back = _kernels_paths.shortest(
        g.indptr,
        g.adjacent_node,
        g.adjacent_branch,
        _ones(graph),
        1,
        weights,
        as_ints([start]),
        goals,
    )
    if target is not None and found < 0:
        source = graph.arrays.labels.node_label(start)
        raise nx.NetworkXNoPath(f"No path between {source} and {target}.")
    return length, back, whole, goal


def _weights(graph: ArrayGraph, weight: str | None) -> tuple[NDArray[np.float64], bool]:
    """The weight of each branch, 1 where it has none, and whether all are whole numbers."""
    count = graph.arrays.graph.branch_count
    if weight is None:
        return np.ones(count), True
    values = [graph.arrays.labels.branch_attributes(branch).get(weight, 1) for branch in range(count)]
    if not all(isinstance(value, int | float) and value >= 0 for value in values):
        raise NotImplementedError("weights must be numbers >= 0")
    return np.array(values, np.float64), all(isinstance(value, int) for value in values)


def _blocks(graph: ArrayGraph) -> Blocks:
    g = graph.arrays.graph
    return grow(g, _ones(graph), np.zeros(g.node_count, np.uint8), 1, everywhere=True)


def bridges(G: ArrayGraph, root: Hashable | None = None) -> Iterator[tuple[Hashable, Hashable]]:
    """Edges that lie on no cycle; with a root, those of its island."""
    g, blocks = G.arrays.graph, _blocks(G)
    found = np.flatnonzero(blocks.branch_block >= 0)
    found = found[~blocks.cyclic[blocks.branch_block[found]]]
    if root is not None:
        node = _node(G, root, lambda label: nx.NodeNotFound(f"Root node {label} is not in graph"))
        inside = np.zeros(g.node_count, np.bool_)
        inside[_breadth_first(G, node)[0]] = True
        found = found[inside[g.branch_u[found]]]
    return zip(_names(G, g.branch_u[found]), _names(G, g.branch_v[found]), strict=True)


def biconnected_components(G: ArrayGraph) -> Iterator[set[Hashable]]:
    """The nodes of each block."""
    blocks = _blocks(G)
    inside = np.flatnonzero(blocks.node_block >= 0).astype(np.int32)
    inside = inside[np.argsort(blocks.node_block[inside], kind="stable")]
    starts = np.flatnonzero(np.diff(blocks.node_block[inside])) + 1
    parts = np.split(inside, starts)
    label = G.arrays.labels.node_label
    return (
        {label(int(entry)), *_names(G, part)}
        for entry, part in zip(blocks.entry, parts if blocks.entry.size else [], strict=True)
    )


def articulation_points(G: ArrayGraph) -> Iterator[Hashable]:
    """Nodes without which an island falls apart."""
    blocks = _blocks(G)
    nodes, below = np.unique(blocks.entry, return_counts=True)
    return _names(G, nodes[(blocks.node_block[nodes] >= 0) | (below > 1)])


_ALGORITHMS: Mapping[str, Callable[..., object]] = {name: globals()[name] for name in FUNCTIONS}

backend = SimpleNamespace(
    convert_from_nx=convert_from_nx,
    convert_to_nx=convert_to_nx,
    can_run=can_run,
    should_run=should_run,
    **_ALGORITHMS,
)
"""The entry point `networkx.backends`."""
