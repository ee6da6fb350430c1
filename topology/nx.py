"""The NetworkX backend: compiled algorithms on arrays, under the names, arguments and errors of NetworkX."""

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from types import SimpleNamespace

import networkx as nx
import numpy as np

from topology import _kernels, _kernels_blocks
from topology.blocks import Blocks
from topology.masks import Ints, Masks, as_masks
from topology.nx_convert import AnyGraph, DirectedArrays, from_networkx, is_plain
from topology.nx_graph import ArrayGraph, Arrays
from topology.nx_info import FUNCTIONS
from topology.nx_labels import Labels, Numbers
from topology.nx_paths import AnyArrays, breadth_first, shortest_path, shortest_path_length, sorted_breadth_first

__all__ = ["ArrayGraph", "Labels", "Numbers", "backend"]

DIRECTED = (
    "bfs_edges",
    "descendants",
    "has_path",
    "shortest_path",
    "shortest_path_length",
    "single_source_shortest_path_length",
)
"""The functions that follow arcs in their direction; the others know no direction in NetworkX either."""

WEIGHTED = ("shortest_path", "shortest_path_length")
"""The functions that look at attributes."""


def convert_from_nx(graph: AnyGraph, **_: object) -> AnyArrays:
    """Our own graphs as they are; others, asked for by `backend=`, as arrays in their own order."""
    return graph if isinstance(graph, ArrayGraph) else from_networkx(graph)


def convert_to_nx(result: object, **_: object) -> object:
    """Results are Python values already."""
    return result


def can_run(name: str, args: Sequence[object], kwargs: Mapping[str, object]) -> bool | str:
    """Whether the backend knows how, or why not."""
    graph = args[0] if args else kwargs.get("G")
    if name not in FUNCTIONS:
        return f"{name} is not among {', '.join(FUNCTIONS)}"
    if isinstance(graph, ArrayGraph | DirectedArrays):
        return True
    if not isinstance(graph, nx.Graph):
        return "the graph is none of NetworkX"
    if graph.is_directed() and name not in DIRECTED:
        return "the graph is directed"
    if is_plain(graph) or not (graph.is_directed() or graph.is_multigraph() or name in WEIGHTED):
        return True
    return f"a {type(graph).__name__} may have neighbours and weights that its edges do not tell of"


def should_run(name: str, args: Sequence[object], kwargs: Mapping[str, object]) -> bool | str:
    """Only graphs over arrays: converting other people's costs more than it brings."""
    graph = args[0] if args else kwargs.get("G")
    return isinstance(graph, ArrayGraph) or "the graph does not lie over arrays"


# The algorithms. Each has the signature and the errors of the one in NetworkX.


def _names(arrays: Arrays, nodes: Ints) -> Sequence[Hashable]:
    return arrays.labels.node_labels(nodes)


def _node(arrays: Arrays, label: Hashable, error: Callable[[Hashable], Exception]) -> int:
    try:
        return arrays.labels.node_of(label)
    except KeyError:
        raise error(label) from None


def _not_in_graph(label: Hashable) -> Exception:
    return nx.NetworkXError(f"The node {label} is not in the graph.")


def _no_source(label: Hashable) -> Exception:
    return nx.NodeNotFound(f"Source {label} is not in G")


def _no_target(label: Hashable) -> Exception:
    return nx.NodeNotFound(f"Target {label} is not in G")


def bfs_edges(
    G: AnyArrays,
    source: Hashable,
    reverse: bool = False,
    depth_limit: float | None = None,
    sort_neighbors: Callable[[Iterator[Hashable]], Iterator[Hashable]] | None = None,
) -> Iterator[tuple[Hashable, Hashable]]:
    """Edges of a breadth-first search, from parent to child; against the arcs with `reverse`."""
    arrays = G.backwards if reverse and isinstance(G, DirectedArrays) else G.arrays
    node = _node(arrays, source, _not_in_graph)
    if sort_neighbors is not None:
        return sorted_breadth_first(arrays, node, depth_limit, sort_neighbors)
    order, above, _ = breadth_first(arrays, node, depth_limit)
    labels = _names(arrays, order)
    return ((labels[up], labels[at + 1]) for at, up in enumerate(above[1:].tolist()))


def descendants(G: AnyArrays, source: Hashable) -> set[Hashable]:
    """All nodes that a node reaches, without itself."""
    return set(_names(G.arrays, breadth_first(G.arrays, _node(G.arrays, source, _not_in_graph))[0][1:]))


def node_connected_component(G: ArrayGraph, n: Hashable) -> set[Hashable]:
    """All nodes that a node reaches, and itself."""
    return set(_names(G.arrays, breadth_first(G.arrays, _node(G.arrays, n, KeyError))[0]))


def _islands(arrays: Arrays) -> tuple[Ints, Ints]:
    """Nodes island by island, and where each island begins."""
    g = arrays.graph
    nowhere = as_masks(np.zeros(g.node_count, np.uint8), g.node_count, "sources")
    order, parent, _ = _kernels.grow_forest(g.indptr, g.adjacent_node, g.adjacent_branch, _ones(arrays), nowhere)
    return order, np.flatnonzero(parent[order] < 0).astype(np.int32)


def _ones(arrays: Arrays) -> Masks:
    """1 for each branch that is in the graph."""
    return as_masks((arrays.member > 0).astype(np.uint8), arrays.member.size, "member")


def connected_components(G: ArrayGraph) -> Iterator[set[Hashable]]:
    """The nodes of each island, islands by their lowest node."""
    order, starts = _islands(G.arrays)
    return (set(_names(G.arrays, part)) for part in np.split(order, starts[1:]) if part.size)


def number_connected_components(G: ArrayGraph) -> int:
    """How many islands there are."""
    return int(_islands(G.arrays)[1].size)


def has_path(G: AnyArrays, source: Hashable, target: Hashable) -> bool:
    """Whether one node reaches another."""
    start, goal = _node(G.arrays, source, _no_source), _node(G.arrays, target, _no_target)
    return bool((breadth_first(G.arrays, start)[0] == goal).any())


def single_source_shortest_path_length(
    G: AnyArrays, source: Hashable, cutoff: float | None = None
) -> dict[Hashable, int]:
    """How many edges away each node is, nearest first."""
    order, _, depth = breadth_first(G.arrays, _node(G.arrays, source, _no_source), cutoff)
    return dict(zip(_names(G.arrays, order), depth.tolist(), strict=True))


def _blocks(arrays: Arrays) -> Blocks:
    g = arrays.graph
    nowhere = as_masks(np.zeros(g.node_count, np.uint8), g.node_count, "sources")
    return Blocks(
        *_kernels_blocks.grow_blocks(
            g.indptr, g.adjacent_node, g.adjacent_branch, g.branch_u, g.branch_v, _ones(arrays), nowhere, 1, True
        )
    )


def bridges(G: ArrayGraph, root: Hashable | None = None) -> Iterator[tuple[Hashable, Hashable]]:
    """Edges that lie on no cycle; with a root, those of its island."""
    arrays, g, blocks = G.arrays, G.arrays.graph, _blocks(G.arrays)
    found = np.flatnonzero(blocks.branch_block >= 0)
    found = found[~blocks.cyclic[blocks.branch_block[found]]]
    if root is not None:
        node = _node(arrays, root, lambda label: nx.NodeNotFound(f"Root node {label} is not in graph"))
        inside = np.zeros(g.node_count, np.bool_)
        inside[breadth_first(arrays, node)[0]] = True
        found = found[inside[g.branch_u[found]]]
    return zip(_names(arrays, g.branch_u[found]), _names(arrays, g.branch_v[found]), strict=True)


def biconnected_components(G: ArrayGraph) -> Iterator[set[Hashable]]:
    """The nodes of each block."""
    blocks = _blocks(G.arrays)
    inside = np.flatnonzero(blocks.node_block >= 0).astype(np.int32)
    inside = inside[np.argsort(blocks.node_block[inside], kind="stable")]
    starts = np.flatnonzero(np.diff(blocks.node_block[inside])) + 1
    parts = np.split(inside, starts)
    label = G.arrays.labels.node_label
    return (
        {label(int(entry)), *_names(G.arrays, part)}
        for entry, part in zip(blocks.entry, parts if blocks.entry.size else [], strict=True)
    )


def articulation_points(G: ArrayGraph) -> Iterator[Hashable]:
    """Nodes without which an island falls apart."""
    blocks = _blocks(G.arrays)
    nodes, below = np.unique(blocks.entry, return_counts=True)
    return iter(_names(G.arrays, nodes[(blocks.node_block[nodes] >= 0) | (below > 1)]))


_ALGORITHMS: Mapping[str, Callable[..., object]] = {
    function.__name__: function
    for function in (
        articulation_points,
        bfs_edges,
        biconnected_components,
        bridges,
        connected_components,
        descendants,
        has_path,
        node_connected_component,
        number_connected_components,
        shortest_path,
        shortest_path_length,
        single_source_shortest_path_length,
    )
}

backend = SimpleNamespace(
    convert_from_nx=convert_from_nx,
    convert_to_nx=convert_to_nx,
    can_run=can_run,
    should_run=should_run,
    **_ALGORITHMS,
)
"""The entry point `networkx.backends`."""
