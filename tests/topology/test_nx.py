"""The graph over arrays and the backend, against NetworkX's own dictionaries."""

import copy
import random
import subprocess
import sys
from pathlib import Path

import networkx as nx
import numpy as np
import pytest

from tests.topology.grids import Grid, multigraph
from topology import nx as gridtwin
from topology import nx_info
from topology.graph import build
from topology.nx import ArrayGraph, backend, convert_from_nx
from topology.nx_labels import Chunks


def pairs(count=400, **sizes):
    """Graphs over arrays, and the same as dictionaries; every other one leaves branches out."""
    for seed in range(count):
        m = multigraph(seed, **sizes)
        numbered = build(m.node_count, m.u, m.v, m.phases, m.conducting, m.sources)
        graph = numbered.graph
        member = np.ones(graph.branch_count, np.uint8)
        if seed % 2:
            member[seed % 3 :: 3] = 0
        plain = nx.MultiGraph()
        plain.add_nodes_from(range(graph.node_count))
        for branch in np.flatnonzero(member).tolist():
            plain.add_edge(int(graph.branch_u[branch]), int(graph.branch_v[branch]), key=branch)
        yield ArrayGraph(graph, member=member), plain


def outcome(function, *args, **kwargs):
    """A result, or the class of the error."""
    try:
        result = function(*args, **kwargs)
        return list(result) if hasattr(result, "__next__") else result
    except (nx.NetworkXException, KeyError) as error:
        return type(error)


def test_views_equal_dictionaries():
    for ours, plain in pairs():
        assert isinstance(ours, nx.MultiGraph)
        assert list(ours) == list(plain)
        assert nx.utils.graphs_equal(ours, plain)
        assert {n: {k: dict(v) for k, v in nbrs.items()} for n, nbrs in ours.adj.items()} == {
            n: {k: dict(v) for k, v in nbrs.items()} for n, nbrs in plain.adj.items()
        }
        assert ours.number_of_edges() == plain.number_of_edges() == ours.size() == len(ours.edges)
        assert dict(ours.degree) == dict(plain.degree)
        assert sorted(map(sorted, ours.edges(keys=False))) == sorted(map(sorted, plain.edges(keys=False)))
        for u, v in ((0, 0), (0, len(plain) - 1)):
            assert ours.has_edge(u, v) == plain.has_edge(u, v)
            assert ours.number_of_edges(u, v) == plain.number_of_edges(u, v)
            assert len(ours[u]) == len(plain[u])


def test_algorithms_that_only_read_run_on_the_views():
    for ours, plain in pairs(120):
        assert nx.is_connected(ours) == nx.is_connected(plain)
        assert nx.pagerank(ours) == pytest.approx(nx.pagerank(plain))
        assert nx.core_number(nx.Graph(remove_loops(ours))) == nx.core_number(nx.Graph(remove_loops(plain)))
        assert nx.utils.graphs_equal(ours.subgraph([0, 1]).copy(), plain.subgraph([0, 1]).copy())
        assert nx.utils.graphs_equal(nx.Graph(ours), nx.Graph(plain))
        assert nx.utils.graphs_equal(ours.to_directed(), plain.to_directed())


def remove_loops(graph):
    copied = graph.copy()
    copied.remove_edges_from(list(nx.selfloop_edges(copied, keys=True)))
    return copied


def test_copies_are_plain_and_can_change():
    ours, plain = next(iter(pairs(1)))
    copied = ours.copy()
    assert type(copied) is type(ours.__class__()) is nx.MultiGraph
    deep = copy.deepcopy(ours)
    assert type(deep) is nx.MultiGraph and nx.utils.graphs_equal(deep, plain)
    copied.add_edge("new", 0)
    assert nx.utils.graphs_equal(ours, plain)
    for change in (lambda: ours.add_edge(0, 1), lambda: ours.remove_node(0), lambda: ours.clear()):
        with pytest.raises(nx.NetworkXError, match="copy"):
            change()
    assert nx.is_frozen(ours)


def test_names_and_attributes():
    grid = Grid.case("f4_doubled_line").build()

    class Names(gridtwin.Numbers):
        def node_label(self, node):
            return grid.node_name[node]

        def node_of(self, label):
            return grid.node[label]

        def branch_label(self, branch):
            return grid.branch_name[branch]

        def branch_attributes(self, branch):
            return {"length": 2 if branch == grid.branch["d1"] else 1}

    graph = ArrayGraph(grid.graph, Names(grid.graph.node_count))
    assert set(graph) == {"S", "a", "b", "x"}
    assert set(graph["a"]["b"]) == {"d1", "d2"}
    assert graph["a"]["b"]["d1"] == {"length": 2}
    assert graph.edges["a", "b", "d2"] == {"length": 1}
    assert ("a", "b", "S-a") not in graph.edges
    assert "y" not in graph
    assert nx.shortest_path(graph, "S", "x") == ["S", "a", "b", "x"]
    assert backend.shortest_path(graph, "S", "x", "length") == ["S", "a", "b", "x"]
    assert backend.shortest_path_length(graph, "S", "x", "length") == 3
    assert {frozenset(edge) for edge in backend.bridges(graph)} == {frozenset("Sa"), frozenset("bx")}


SETS = ("connected_components", "biconnected_components")


def test_backend_equals_networkx():
    for ours, plain in pairs(600, nodes=9, extra=6):
        for name in SETS:
            found = [frozenset(part) for part in getattr(backend, name)(ours)]
            assert len(found) == len(set(found))
            assert set(found) == {frozenset(part) for part in getattr(nx, name)(plain)}
        assert backend.number_connected_components(ours) == nx.number_connected_components(plain)
        cuts = list(backend.articulation_points(ours))
        assert len(cuts) == len(set(cuts))
        assert set(cuts) == set(nx.articulation_points(plain))
        for root in (None, 0, "nobody"):
            found, expected = (outcome(f, g, root) for f, g in ((backend.bridges, ours), (nx.bridges, plain)))
            if isinstance(expected, list):
                found, expected = sorted(map(sorted, found)), sorted(map(sorted, expected))
            assert found == expected
        for node in (0, len(plain) // 2, "nobody"):
            for name in ("descendants", "node_connected_component", "single_source_shortest_path_length"):
                assert outcome(getattr(backend, name), ours, node) == outcome(getattr(nx, name), plain, node)
            for cutoff in (0, 1, 1.5, -1):
                assert backend.single_source_shortest_path_length(ours, 0, cutoff=cutoff) == (
                    nx.single_source_shortest_path_length(plain, 0, cutoff=cutoff)
                )
            for limit in (None, 0, 1, 2):
                found = outcome(backend.bfs_edges, ours, node, depth_limit=limit)
                assert found == outcome(nx.bfs_edges, plain, node, depth_limit=limit)
            for target in (0, len(plain) - 1, "nobody"):
                for name in ("has_path", "shortest_path_length"):
                    found = outcome(getattr(backend, name), ours, node, target)
                    assert found == outcome(getattr(nx, name), plain, node, target)
                path = outcome(backend.shortest_path, ours, node, target)
                expected = outcome(nx.shortest_path, plain, node, target)
                if isinstance(expected, list):
                    assert len(path) == len(expected)
                    assert nx.is_path(plain, path)
                else:
                    assert path == expected
            lengths = outcome(backend.shortest_path_length, ours, node)
            assert lengths == outcome(nx.shortest_path_length, plain, node)
            paths = outcome(backend.shortest_path, ours, node)
            if isinstance(lengths, dict):
                assert {n: len(path) - 1 for n, path in paths.items()} == lengths
            else:
                assert paths == lengths


def weighted(seed):
    """Somebody else's graph with weights, and what it is as arrays."""
    m = multigraph(seed, nodes=8, extra=6)
    plain = nx.MultiGraph()
    plain.add_nodes_from(f"n{n}" for n in range(m.node_count))
    for branch, (u, v) in enumerate(zip(m.u, m.v, strict=True)):
        weight = (branch * 7 + seed) % 5 + (0.5 if seed % 2 else 0)
        plain.add_edge(f"n{u}", f"n{v}", **({"cost": weight} if branch % 4 else {}))
    return plain, convert_from_nx(plain)


def test_weighted_paths_of_other_peoples_graphs():
    for seed in range(200):
        plain, ours = weighted(seed)
        assert convert_from_nx(ours) is ours
        lengths = backend.shortest_path_length(ours, "n0", weight="cost")
        expected = nx.shortest_path_length(plain, "n0", weight="cost")
        assert lengths == pytest.approx(expected)
        assert {type(length) for length in lengths.values()} <= {int, float}
        for node, path in backend.shortest_path(ours, "n0", weight="cost").items():
            assert path[0] == "n0"
            assert path[-1] == node
            assert nx.path_weight(nx.Graph(lightest(plain)), path, "cost") == pytest.approx(expected[node])
            assert backend.shortest_path_length(ours, "n0", node, "cost") == pytest.approx(expected[node])


def lightest(plain):
    light = nx.DiGraph() if plain.is_directed() else nx.Graph()
    light.add_nodes_from(plain)
    for u, v, cost in plain.edges(data="cost", default=1):
        if not light.has_edge(u, v) or light[u][v]["cost"] > cost:
            light.add_edge(u, v, cost=cost)
    return light


def test_weights_that_dijkstra_cannot_take_are_left_to_networkx():
    graph = convert_from_nx(nx.Graph([(0, 1, {"cost": -1})]))
    with pytest.raises(NotImplementedError):
        backend.shortest_path(graph, 0, 1, weight="cost")


def test_what_can_and_should_run():
    ours, plain = next(iter(pairs(1)))
    assert backend.can_run("has_path", (ours, 0, 0), {}) is True
    assert backend.can_run("has_path", (plain, 0, 0), {}) is True
    assert backend.should_run("has_path", (ours, 0, 0), {}) is True
    assert backend.should_run("has_path", (plain, 0, 0), {}) is not True
    for name, graph in (("has_path", nx.DiGraph()), ("shortest_path", nx.MultiDiGraph()), ("bridges", nx.Graph())):
        assert backend.can_run(name, (graph,), {}) is True
        assert backend.can_run(name, (), {"G": graph}) is True
    strange = type("Complement", (nx.Graph,), {"neighbors": lambda graph, node: iter(graph)})()
    for name, args, kwargs in (
        ("bridges", (nx.DiGraph(),), {}),
        ("shortest_path", (strange, 0, 0), {}),
        ("has_path", (None, 0, 0), {}),
        ("pagerank", (ours,), {}),
    ):
        assert isinstance(backend.can_run(name, args, kwargs), str)


def test_the_info_lists_what_there_is():
    info = nx_info.get_info()
    assert set(info["functions"]) == set(nx_info.FUNCTIONS)
    for name in nx_info.FUNCTIONS:
        assert callable(getattr(backend, name))
        assert callable(getattr(nx, name))


SCRIPT = """
import sys
import networkx as nx
assert "numba" not in sys.modules and "topology.nx" not in sys.modules
from topology.graph import build
from topology.nx import ArrayGraph
graph = ArrayGraph(build(4, [0, 1], [1, 2], [7, 7], [7, 7], [7, 0, 0, 0]).graph)
other = nx.path_graph(3)
nx.config.warnings_to_ignore.add("cache")
for name in ("descendants", "node_connected_component"):
    assert getattr(nx, name)(graph, 0, backend="gridtwin") == getattr(nx, name)(graph, 0, backend="networkx")
    assert getattr(nx, name)(other, 0, backend="gridtwin") == getattr(nx, name)(other, 0)
nx.config.backend_priority = ["gridtwin"]
import logging
logging.basicConfig(level=logging.DEBUG, stream=sys.stdout)
assert nx.number_connected_components(graph) == 2
assert nx.number_connected_components(other) == 1
assert nx.is_connected(graph) is False
assert nx.shortest_path(graph, 0, 2) == [0, 1, 2]
assert nx.shortest_path(graph, target=2)[0] == [0, 1, 2]
assert list(nx.bfs_edges(graph, 0, sort_neighbors=sorted)) == [(0, 1), (1, 2)]
"""

ENTRY_POINTS = """
[networkx.backends]
gridtwin = topology.nx:backend
[networkx.backend_info]
gridtwin = topology.nx_info:get_info
"""


def test_networkx_dispatches_to_it(tmp_path):
    if "gridtwin" not in nx.utils.backends.backends:
        registered = tmp_path / "gridtwin_backend-0.dist-info"
        registered.mkdir()
        (registered / "METADATA").write_text("Metadata-Version: 2.1\nName: gridtwin-backend\nVersion: 0\n")
        (registered / "entry_points.txt").write_text(ENTRY_POINTS)
    root = Path(__file__).parents[2]
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", SCRIPT],
        env={"PYTHONPATH": f"{root}:{tmp_path}", "PATH": "/usr/bin:/bin"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert "gridtwin" in run.stderr + run.stdout


def by_direction(u, v, data):
    """Sees of an edge, or of parallel ones, what NetworkX shows it."""
    if isinstance(next(iter(data.values()), None), dict):
        return min(attributes["cost"] for attributes in data.values()) + (u < v)
    return data["cost"] + 2 * (u < v)


def hiding(u, v, data):
    """Hides some edges, which the Bellman-Ford of NetworkX does not know."""
    weight = by_direction(u, v, data)
    return None if weight == 2 else weight


def random_graph(kind, seed):
    rng = random.Random(seed)
    graph = kind()
    graph.add_nodes_from(range(rng.randint(1, 9)))
    for _ in range(rng.randint(0, 20)):
        graph.add_edge(rng.randrange(len(graph)), rng.randrange(len(graph)), cost=rng.randint(0, 4))
    return graph


@pytest.mark.parametrize("kind", [nx.Graph, nx.MultiGraph, nx.DiGraph, nx.MultiDiGraph])
def test_any_kind_of_graph_weight_and_method(kind):
    for seed in range(12):
        plain = random_graph(kind, seed)
        ours = convert_from_nx(plain)
        last = len(plain) - 1
        for method in ("dijkstra", "bellman-ford"):
            for weight in (None, "cost", "nobody's", by_direction, *([hiding] if method == "dijkstra" else [])):
                given = {"weight": weight, "method": method}
                for ends in ((0, None), (None, 0), (0, last), (None, None), ("nobody", None), (None, "nobody")):
                    found = outcome(backend.shortest_path_length, ours, *ends, **given)
                    assert found == outcome(nx.shortest_path_length, plain, *ends, **given)
                paths = outcome(backend.shortest_path, ours, 0, **given)
                lengths = backend.shortest_path_length(ours, 0, **given)
                assert set(paths) == set(lengths)
                assert all(path[0] == 0 and path[-1] == node for node, path in paths.items())
                assert all(nx.is_path(plain, path) for path in paths.values())
                if weight == "cost":
                    assert {n: nx.path_weight(lightest(plain), path, weight) for n, path in paths.items()} == lengths
                back = backend.shortest_path(ours, target=0, **given)
                assert all(path[0] == node and path[-1] == 0 for node, path in back.items())
                every = dict(backend.shortest_path(ours, **given))
                assert {node: set(paths) for node, paths in every.items()} == {
                    node: set(paths) for node, paths in nx.shortest_path(plain, **given)
                }
        for reverse in (False, True):
            for sort in (None, lambda nodes: iter(sorted(nodes, reverse=True))):
                for limit in (None, 1):
                    given = {"reverse": reverse, "sort_neighbors": sort, "depth_limit": limit}
                    assert list(backend.bfs_edges(ours, 0, **given)) == list(nx.bfs_edges(plain, 0, **given))
        for name in ("descendants", "single_source_shortest_path_length"):
            assert getattr(backend, name)(ours, 0) == getattr(nx, name)(plain, 0)
        assert backend.has_path(ours, 0, last) == nx.has_path(plain, 0, last)


def test_negative_weights():
    ring = nx.DiGraph()
    ring.add_weighted_edges_from([(0, 1, 3), (1, 2, -2.5), (2, 3, 1), (3, 1, 1)], "cost")
    ours = convert_from_nx(ring)
    for graph, function in ((ours, backend.shortest_path_length), (ring, nx.shortest_path_length)):
        with pytest.raises(nx.NetworkXUnbounded):
            function(graph, 0, weight="cost", method="bellman-ford")
    ring[3][1]["cost"] = 2
    expected = nx.shortest_path_length(ring, 0, weight="cost", method="bellman-ford")
    assert backend.shortest_path_length(convert_from_nx(ring), 0, weight="cost", method="bellman-ford") == expected
    for function in (backend.shortest_path, backend.shortest_path_length):
        with pytest.raises(ValueError, match="method not supported: fastest"):
            function(ours, 0, method="fastest")


def test_names_are_made_in_batches_and_forgotten():
    """A path long enough for several chunks, walked so that the oldest are dropped."""
    count = 9_000
    graph = build(
        count, range(count - 1), range(1, count), [7] * (count - 1), [7] * (count - 1), [7] + [0] * (count - 1)
    )

    class Names(gridtwin.Numbers):
        made = 0

        def node_label(self, node):
            self.made += 1
            return node

    names = Names(count)
    ours = ArrayGraph(graph.graph, names)
    assert list(ours) == list(range(count))
    assert names.made == count
    assert list(ours.edges) == [(n, n + 1, n) for n in range(count - 1)]
    assert names.made == count + 2 * (count - 1)
    assert {label: sorted(around) for label, around in ours.adjacency()} == {
        n: [other for other in (n - 1, n + 1) if 0 <= other < count] for n in range(count)
    }
    assert dict(ours.degree) == {n: 1 if n in (0, count - 1) else 2 for n in range(count)}
    chunks = Chunks(lambda numbers: numbers.tolist(), count, most=2)
    assert [chunks[n] for n in (0, 5_000, 8_999, 0, 1_024)] == [0, 5_000, 8_999, 0, 1_024]


def test_planar_embeddings():
    """They are directed graphs that say they are not: taken once every edge is there both ways."""
    _, embedding = nx.check_planarity(nx.disjoint_union(nx.complete_graph(4), nx.path_graph(3)))
    assert backend.can_run("connected_components", (embedding,), {}) is True
    found = backend.connected_components(convert_from_nx(embedding))
    assert list(found) == list(nx.connected_components(embedding))
    half = nx.PlanarEmbedding()
    half.add_half_edge(0, 1)
    half.add_half_edge(2, 1)
    with pytest.raises(NotImplementedError, match="the edge from 1 back to 2 is missing"):
        convert_from_nx(half)


def test_a_class_with_neighbours_of_its_own():
    class Complement(nx.Graph):
        def neighbors(self, node):
            return (other for other in self if other != node and other not in self._adj[node])

    graph = Complement(nx.complete_bipartite_graph(2, 3))
    assert backend.can_run("connected_components", (graph,), {}) is True
    assert list(backend.connected_components(convert_from_nx(graph))) == [{0, 1}, {2, 3, 4}]
