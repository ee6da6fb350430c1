"""Whole-network propagation by others: who is reached from the sources, once a phase, each peer its best way."""

import importlib
import importlib.util
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from topology.benchmark import Case
from topology.energize import energize
from topology.measure import Row, bandwidth, median

__all__ = ["PEERS", "peers"]

Ways: TypeAlias = Sequence[Callable[[], object]]
"""Ways to reach every node that is joined to node `root`; the fastest counts."""


def _networkx(edges: NDArray[np.int64], nodes: int, root: int) -> Ways:
    nx = importlib.import_module("networkx")
    graph = nx.Graph()
    graph.add_nodes_from(range(nodes))
    graph.add_edges_from(map(tuple, edges.tolist()))
    own = {"backend": "networkx"}

    clear: Callable[[], object] = graph.__networkx_cache__.clear
    return (
        lambda: (clear(), nx.node_connected_component(graph, root, **own)),
        lambda: (clear(), nx.descendants(graph, root, **own)),
    )


def _scipy(edges: NDArray[np.int64], nodes: int, root: int) -> Ways:
    sparse, csgraph = importlib.import_module("scipy.sparse"), importlib.import_module("scipy.sparse.csgraph")
    ones = np.ones(len(edges), np.float64)  # what it would convert to otherwise
    ends = edges.T.astype(np.int32)
    matrix = sparse.coo_array((ones, ends), shape=(nodes, nodes)).tocsr()
    both = (matrix + matrix.T).tocsr()
    return (
        lambda: csgraph.connected_components(matrix, directed=False),
        lambda: csgraph.connected_components(both, directed=True, connection="weak"),
        lambda: csgraph.breadth_first_order(both, root, directed=True, return_predecessors=False),
    )


def _igraph(edges: NDArray[np.int64], nodes: int, root: int) -> Ways:
    graph = importlib.import_module("igraph").Graph(n=nodes, edges=edges)
    clear: Callable[[], object] = getattr(graph, "__invalidate_cache")
    return (lambda: (clear(), graph.subcomponent(root)), lambda: (clear(), graph.connected_components()))


def _rustworkx(edges: NDArray[np.int64], nodes: int, root: int) -> Ways:
    module = importlib.import_module("rustworkx")
    graph = module.PyGraph()
    graph.add_nodes_from([None] * nodes)
    graph.add_edges_from_no_data(list(map(tuple, edges.tolist())))
    return (lambda: module.node_connected_component(graph, root), lambda: module.connected_components(graph))


def _networkit(edges: NDArray[np.int64], nodes: int, root: int) -> Ways:
    module = importlib.import_module("networkit")
    graph = module.GraphFromCoo((edges[:, 0], edges[:, 1]), n=nodes, weighted=False, directed=False)
    return (
        lambda: module.components.ConnectedComponents(graph).run(),
        lambda: module.components.ParallelConnectedComponents(graph, False).run(),
        lambda: module.distance.BFS(graph, root, storePaths=False).run(),
    )


def _pandapower(edges: NDArray[np.int64], nodes: int, root: int) -> Ways:
    module, topology = importlib.import_module("pandapower"), importlib.import_module("pandapower.topology")
    net = module.create_empty_network()
    module.create_buses(net, nodes, vn_kv=20.0)
    data = {"length_km": 1.0, "r_ohm_per_km": 0.1, "x_ohm_per_km": 0.1, "c_nf_per_km": 0.0, "max_i_ka": 1.0}
    module.create_lines_from_parameters(net, edges[:, 0], edges[:, 1], **data)
    module.create_ext_grid(net, root)
    graph = topology.create_nxgraph(net)
    return (
        lambda: topology.unsupplied_buses(net, mg=graph),
        lambda: set(topology.connected_component(graph, root)),
    )


PEERS: Mapping[str, Callable[[NDArray[np.int64], int, int], Ways]] = {
    "networkx": _networkx,
    "scipy": _scipy,
    "igraph": _igraph,
    "rustworkx": _rustworkx,
    "networkit": _networkit,
    "pandapower": _pandapower,
}
"""What turns ends of branches, node count and a source's node into ways; nodes are in preorder, branches by node."""


def peers(case: Case, told: Callable[[Row], Any] = lambda row: None) -> list[Row]:
    """Us and every peer that is installed; `told` gets each row as soon as it is known."""
    edges, root = _closed(case), int((case.sources > 0).argmax())
    size, speed = 7 * case.nodes, bandwidth(case.nodes)
    ours = median(lambda: energize(case.graph, case.conducting, case.sources))

    def row(what: str, seconds: float | None, conversion: float | None, note: str = "") -> Row:
        made = Row(what, case.name, case.nodes, seconds, conversion=conversion, note=note)
        if seconds is not None:
            copies, times = seconds * speed / size, seconds / ours
            made = replace(made, copies=copies, share=1 / copies, times=times)
        told(made)
        return made

    rows = [row("gridtwin", ours, None)]
    for name, prepare in PEERS.items():
        if importlib.util.find_spec(name) is None:
            rows.append(row(name, None, None, "not installed"))
            continue
        begin = time.perf_counter()
        ways = prepare(edges, case.nodes, root)
        conversion = time.perf_counter() - begin
        rows.append(row(name, 3 * min(map(median, ways)), conversion))
    return rows


def _closed(case: Case) -> NDArray[np.int64]:
    """Ends of the branches that conduct, self-loops left out, (branches, 2)."""
    ends = np.stack((case.graph.branch_u, case.graph.branch_v), axis=1).astype(np.int64)
    closed: NDArray[np.int64] = ends[(case.conducting > 0) & (ends[:, 0] != ends[:, 1])]
    return closed
