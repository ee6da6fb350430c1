"""The network as a NetworkX graph, against plain copies of it, and back."""

from __future__ import annotations

import json
import operator
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loaders.simbench import read_simbench
from topology.nx import ArrayGraph
from twin.components import (
    AC_LINE_SEGMENT,
    CONNECTIVITY_NODE,
    ENERGY_CONSUMER,
    ENERGY_SOURCE,
    POWER_TRANSFORMER,
    SUBSTATION,
    SWITCH,
    USAGE_POINT,
    Table,
)
from twin.engine import Twin
from twin.events import Operation
from twin.geometry import LineStrings
from twin.graph import conducting_graph, network_from_networkx, structural_graph
from twin.network import Network, NetworkError
from twin.phases import PhaseError
from twin.state import Snapshot, State


def random_network(seed: int, nodes: int = 9, branches: int = 14) -> Network:
    """Every column is used somewhere; loops, doubled branches and self-loops are."""
    rng = random.Random(seed)
    count = rng.randint(1, nodes)
    lines, switches, transformers = (rng.randint(0, branches // 3) for _ in range(3))

    def branch(prefix: str, size: int) -> dict[str, object]:
        return {
            "mrid": [f"{prefix} {rng.random():.12f}" for _ in range(size)],
            "name": [rng.choice(("", "Straße 1", "a/b")) for _ in range(size)],
            "node1": [rng.randrange(count) for _ in range(size)],
            "node2": [rng.randrange(count) for _ in range(size)],
            "phases": [rng.choice((1, 2, 3, 7, 7, 7, 8, 15)) for _ in range(size)],
            "in_service": [rng.random() < 0.9 for _ in range(size)],
            "circuit": [rng.choice(("", "K1")) for _ in range(size)],
        }

    def real(size: int, high: float) -> list[float]:
        return [rng.choice((np.nan, 0.0, rng.random() * high)) for _ in range(size)]

    consumers = rng.randint(0, 5)
    points = [rng.randint(0, 3) * (rng.random() < 0.8) for _ in range(lines)]
    tables = {
        "nodes": Table(
            CONNECTIVITY_NODE,
            {
                "mrid": [f"n{rng.random():.12f}" for _ in range(count)],
                "lng": real(count, 180),
                "lat": real(count, 90),
                "nominal_voltage_v": [rng.choice((np.nan, 110e3, 20e3, 400.0)) for _ in range(count)],
                "busbar": [rng.random() < 0.3 for _ in range(count)],
                "substation": [rng.randint(-1, 1) for _ in range(count)],
            },
        ),
        "lines": Table(
            AC_LINE_SEGMENT,
            {**branch("L", lines), "length_m": real(lines, 5e3), "rated_current_a": real(lines, 400)},
        ),
        "switches": Table(
            SWITCH,
            {
                **branch("S", switches),
                "kind": [rng.choice(("Breaker", "Jumper")) for _ in range(switches)],
                "normal_open": [rng.choice((0, 0, 7, 1, 15)) for _ in range(switches)],
                "locked": [rng.random() < 0.2 for _ in range(switches)],
            },
        ),
        "transformers": Table(
            POWER_TRANSFORMER,
            {
                **branch("T", transformers),
                "rated_power_va": real(transformers, 1e6),
                "substation": [rng.randint(-1, 1) for _ in range(transformers)],
            },
        ),
        "sources": Table(
            ENERGY_SOURCE, {"mrid": ["G1", "G2"], "node": [rng.randrange(count), 0], "phases": [7, rng.randint(1, 15)]}
        ),
        "consumers": Table(
            ENERGY_CONSUMER,
            {
                "mrid": [f"C{rng.random():.12f}" for _ in range(consumers)],
                "node": [rng.randrange(count) for _ in range(consumers)],
                "p_w": real(consumers, 5e3),
                "customer_count": [rng.randint(-1, 3) for _ in range(consumers)],
                "equivalent": [rng.random() < 0.2 for _ in range(consumers)],
            },
        ),
        "usage_points": Table(
            USAGE_POINT,
            {
                "mrid": [f"U{number}" for number in range(2 * consumers)],
                "consumer": [rng.randrange(consumers) for _ in range(2 * consumers)],
            },
        ),
        "substations": Table(SUBSTATION, {"mrid": ["UW 1", "UW 2"], "name": ["", "West"]}),
    }
    coordinates = np.array([(rng.random(), rng.random()) for _ in range(sum(points))]).reshape(-1, 2)
    geometry = LineStrings(np.cumsum([0, *points]).astype(np.int64), coordinates)
    return Network.from_tables(f"random {seed}", tables, geometry)


NETWORKS = [random_network(seed) for seed in range(60)]


def plain(graph: nx.MultiGraph) -> nx.MultiGraph:
    """The same in NetworkX's own dictionaries."""
    copied = nx.MultiGraph()
    copied.add_nodes_from((n, dict(data)) for n, data in graph.nodes(data=True))
    copied.add_edges_from((u, v, key, dict(data)) for u, v, key, data in graph.edges(keys=True, data=True))
    copied.graph.update(graph.graph)
    return copied


def values(found: object) -> Iterator[object]:
    """All that lies in nested lists and dictionaries, keys too."""
    if isinstance(found, dict):
        for key, value in found.items():
            yield key
            yield from values(value)
    elif isinstance(found, list | tuple):
        for value in found:
            yield from values(value)
    else:
        yield found


def test_it_is_a_multigraph_of_the_same_order_and_size() -> None:
    for network in NETWORKS:
        graph = structural_graph(network)
        copied = plain(graph)
        assert isinstance(graph, nx.MultiGraph)
        assert isinstance(graph, ArrayGraph)
        assert (graph.order(), graph.size()) == (copied.order(), copied.size())
        assert graph.order() == len(network.nodes)
        assert graph.size() == network.graph.branch_count
        assert nx.utils.graphs_equal(graph, copied)
        assert {key for _, _, key in graph.edges(keys=True)} == set(
            map(str, network.branch_mrids(np.arange(network.graph.branch_count)))
        )


def test_every_value_is_a_plain_one() -> None:
    for network in NETWORKS:
        graph = structural_graph(network)
        whole = [dict(graph.nodes(data=True)), list(graph.edges(keys=True, data=True)), graph.graph]
        assert {type(value) for value in values(whole)} <= {str, int, float, bool, type(None)}
        json.dumps(whole, allow_nan=False)


def small() -> Network:
    """A busbar with a source, a line to a customer, and an open switch beside it."""
    return Network.from_tables(
        "small",
        {
            "nodes": Table(
                CONNECTIVITY_NODE, {"mrid": ["a", "b"], "lng": [9.0, 9.1], "lat": [52.0, 52.0], "substation": [0, -1]}
            ),
            "lines": Table(AC_LINE_SEGMENT, {"mrid": ["l"], "node1": [1], "node2": [0], "phases": [3]}),
            "switches": Table(SWITCH, {"mrid": ["s"], "node1": [0], "node2": [1], "normal_open": [7], "phases": [15]}),
            "sources": Table(ENERGY_SOURCE, {"mrid": ["g"], "node": [0]}),
            "consumers": Table(ENERGY_CONSUMER, {"mrid": ["c"], "node": [1], "p_w": [500.0]}),
            "usage_points": Table(USAGE_POINT, {"mrid": ["u"], "name": ["meter"], "consumer": [0]}),
            "substations": Table(SUBSTATION, {"mrid": ["sub"]}),
        },
    )


def test_attributes_are_the_columns() -> None:
    graph = structural_graph(small(), np.array([2], np.uint8))
    assert graph.nodes["a"] == {
        "mrid": "a",
        "name": "",
        "lng": 9.0,
        "lat": 52.0,
        "nominal_voltage_v": None,
        "busbar": False,
        "substation": "sub",
        "equipment": [{"class": "EnergySource", "mrid": "g", "name": "", "phases": "ABC", "in_service": True}],
    }
    assert graph.nodes["b"]["substation"] is None
    (consumer,) = graph.nodes["b"]["equipment"]
    assert consumer["class"] == "EnergyConsumer"
    assert consumer["p_w"] == 500.0
    assert consumer["usage_points"] == [{"mrid": "u", "name": "meter"}]
    line, switch = graph.edges["a", "b", "l"], graph.edges["b", "a", "s"]
    assert line == {
        "class": "AcLineSegment",
        "mrid": "l",
        "name": "",
        "node1": "b",
        "node2": "a",
        "phases": "AB",
        "in_service": True,
        "circuit": "",
        "length_m": None,
        "rated_current_a": None,
        "geometry": [(9.1, 52.0), (9.0, 52.0)],
        "branch": 0,
    }
    assert (switch["class"], switch["phases"], switch["open"], switch["normal_open"]) == ("Switch", "ABCN", "B", "ABC")
    assert structural_graph(small()).edges["a", "b", "s"]["open"] == "ABC"
    assert graph.graph == {"name": "small", "substations": [{"mrid": "sub", "name": ""}], "feeders": []}
    assert "l" not in graph
    assert "nobody" not in graph
    assert 0 not in graph
    assert not graph.has_edge("a", "b", "a")
    assert not graph.has_edge("a", "b", 0)


def as_sets(found: object) -> object:
    """An order-free form of a result that may be a generator of sets or edges."""
    return sorted(sorted(map(str, part)) for part in found)  # type: ignore[attr-defined]


def hops(graph: nx.MultiGraph) -> object:
    return {n: dict(found) for n, found in nx.all_pairs_shortest_path_length(graph)}


def forest_size(graph: nx.MultiGraph) -> int:
    return nx.minimum_spanning_tree(graph, weight="branch").number_of_edges()


READERS: dict[str, Callable[[nx.MultiGraph], object]] = {
    "articulation_points": lambda g: set(nx.articulation_points(g)),
    "betweenness_centrality": nx.betweenness_centrality,
    "bfs_tree": lambda g: sorted(nx.bfs_tree(g, next(iter(g))).nodes),
    "biconnected_components": lambda g: as_sets(nx.biconnected_components(g)),
    "bridges": lambda g: as_sets(nx.bridges(g)),
    "closeness_centrality": nx.closeness_centrality,
    "complement": lambda g: nx.complement(nx.Graph(g)).number_of_edges(),
    "connected_components": lambda g: as_sets(nx.connected_components(g)),
    "cycle_basis": lambda g: len(nx.cycle_basis(nx.Graph(g))),
    "degree": lambda g: dict(g.degree),
    "degree_centrality": lambda g: nx.degree_centrality(g),
    "degree_histogram": nx.degree_histogram,
    "density": nx.density,
    "descendants": lambda g: nx.descendants(g, next(iter(g))),
    "dfs_preorder_nodes": lambda g: set(nx.dfs_preorder_nodes(g, next(iter(g)))),
    "is_bipartite": nx.is_bipartite,
    "is_connected": nx.is_connected,
    "is_empty": nx.is_empty,
    "is_forest": nx.is_forest,
    "is_isomorphic": lambda g: nx.is_isomorphic(nx.Graph(g), nx.Graph(plain(g))),
    "isolates": lambda g: set(nx.isolates(g)),
    "hops": hops,
    "line_graph": lambda g: nx.line_graph(g).number_of_nodes(),
    "minimum_spanning_tree": forest_size,
    "node_connected_component": lambda g: nx.node_connected_component(g, next(iter(g))),
    "node_link_data": lambda g: sorted(map(str, nx.node_link_data(g)["nodes"])),
    "number_of_selfloops": nx.number_of_selfloops,
    "pagerank": nx.pagerank,
    "to_numpy_array": lambda g: nx.to_numpy_array(g, nodelist=sorted(g)).tolist(),
    "transitivity": lambda g: nx.transitivity(nx.Graph(g)),
}


@pytest.mark.parametrize("name", READERS)
def test_algorithms_give_the_same_as_on_a_plain_copy(name: str) -> None:
    for network in NETWORKS[:25]:
        graph = structural_graph(network)
        found, expected = READERS[name](graph), READERS[name](plain(graph))
        if isinstance(found, dict) and all(isinstance(value, float) for value in found.values()):
            assert found == pytest.approx(expected)
        else:
            assert found == expected


def test_the_backend_answers_the_same() -> None:
    assert "gridtwin" in nx.utils.backends.backends
    for network in NETWORKS:
        graph = structural_graph(network)
        found = nx.connected_components(graph, backend="gridtwin")
        assert as_sets(found) == as_sets(nx.connected_components(plain(graph)))


def test_the_conducting_graph_is_what_is_energized() -> None:
    rng = random.Random(1)
    for network in NETWORKS:
        opened = np.array([rng.choice((0, 7, 2)) for _ in range(len(network.switches))], np.uint8)
        snapshot = Snapshot.of(network, State(network.model, 1, opened))
        for bit, text in ((1, "A"), (2, "B"), (4, "C")):
            graph = conducting_graph(snapshot, text)
            assert graph.order() == len(network.nodes)
            assert graph.size() == np.count_nonzero(snapshot.conducting & bit)
            live: set[str] = set()
            for node in np.flatnonzero(network.node_sources & bit).tolist():
                live |= nx.node_connected_component(graph, str(network.nodes["mrid"][node]))
            assert live == set(map(str, network.nodes["mrid"][(snapshot.energized & bit) > 0]))
        assert conducting_graph(snapshot).size() == np.count_nonzero(snapshot.conducting & 7)
    with pytest.raises(PhaseError):
        conducting_graph(snapshot, "X")


def test_the_twin_has_both() -> None:
    twin = Twin(small())
    assert nx.number_of_edges(twin.graph) == 2
    assert list(twin.conducting().edges(keys=True)) == [("a", "b", "l")]
    before = twin.graph
    twin.switch([Operation("s", open=False)])
    assert (before.edges["a", "b", "s"]["open"], twin.graph.edges["a", "b", "s"]["open"]) == ("ABC", "")
    assert twin.conducting().size() == 2
    assert [key for _, _, key in twin.conducting("C").edges(keys=True)] == ["s"]
    assert twin.conducting("C", state="normal").size() == 0
    with pytest.raises(ValueError, match="state is 'then'"):
        twin.conducting(state="then")  # type: ignore[arg-type]


@pytest.mark.parametrize("copied", [lambda g: g, plain, nx.MultiGraph, lambda g: g.copy()])
def test_there_and_back(copied: Callable[[nx.MultiGraph], nx.MultiGraph]) -> None:
    for network in NETWORKS:
        graph = structural_graph(network, np.zeros(len(network.switches), np.uint8))
        back = network_from_networkx(copied(graph))
        assert back.name == network.name
        assert back.model == network.model
        assert nx.utils.graphs_equal(structural_graph(back), structural_graph(network))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**9), st.integers(1, 30), st.integers(0, 60), st.randoms(use_true_random=False))
def test_there_and_back_in_any_order(seed: int, nodes: int, branches: int, order: random.Random) -> None:
    """A copy whose nodes and edges were put in at random tells of the same network, its columns and all."""
    network = random_network(seed, nodes, branches)
    graph = structural_graph(network)
    shuffled = nx.MultiGraph(**graph.graph)
    labels, edges = list(graph.nodes(data=True)), list(graph.edges(keys=True, data=True))
    order.shuffle(labels)
    order.shuffle(edges)
    shuffled.add_nodes_from(labels)
    shuffled.add_edges_from((v, u, *rest) if order.random() < 0.5 else (u, v, *rest) for u, v, *rest in edges)
    back = structural_graph(network_from_networkx(shuffled))
    assert set(back) == set(graph)
    mrid = operator.itemgetter("mrid")
    assert sorted(back.graph["feeders"], key=mrid) == sorted(graph.graph["feeders"], key=mrid)
    for label, attributes in graph.nodes(data=True):
        assert by_mrid(back.nodes[label]) == by_mrid(attributes)
    assert back.number_of_edges() == len(edges)
    for u, v, key, attributes in edges:
        assert {**back.edges[u, v, key], "branch": 0} == {**attributes, "branch": 0}


def by_mrid(attributes: dict[str, Any]) -> dict[str, Any]:
    """Equipment in any order."""
    return {**attributes, "equipment": sorted(attributes["equipment"], key=lambda each: each["mrid"])}


def test_listing_everything_is_looking_everything_up() -> None:
    for network in NETWORKS:
        graph = structural_graph(network)
        assert list(graph.nodes(data=True)) == [(label, graph.nodes[label]) for label in graph]
        listed = list(graph.edges(keys=True, data=True))
        assert listed == [(u, v, key, graph.edges[u, v, key]) for u, v, key in graph.edges]
        assert (
            [edge[:3] for edge in listed] == list(graph.edges(keys=True)) == list(nx.MultiGraph(graph).edges(keys=True))
        )
        assert list(graph.edges(data="class")) == [(u, v, data["class"]) for u, v, _, data in listed]
        assert dict(graph.degree) == {label: graph.degree(label) for label in graph}
        some = list(graph)[:3]
        assert set(graph.edges(some, keys=True)) == set(plain(graph).edges(some, keys=True))


def by_hand() -> nx.MultiGraph:
    graph = nx.MultiGraph()
    graph.add_node("a", lng=9.0, lat=52.0, equipment=[{"class": "EnergySource", "mrid": "g"}])
    graph.add_node("b", lng=np.float32(9.5), lat=52, equipment=[{"class": "EnergyConsumer", "mrid": "c"}])
    graph.add_node("z")
    graph.add_edge("b", "a", "l", **{"class": "AcLineSegment", "length_m": np.int64(7)})
    graph.add_edge("b", "z", "s", **{"class": "Switch", "phases": "AN", "normal_open": ""})
    graph.graph["substations"] = [{"mrid": "sub"}]
    return graph


def test_a_graph_made_by_hand() -> None:
    network = network_from_networkx(by_hand())
    assert network.name == "networkx"
    assert network_from_networkx(by_hand(), "mine").name == "mine"
    graph = structural_graph(network)
    assert graph.edges["a", "b", "l"]["geometry"] == [(9.0, 52.0), (9.5, 52.0)]
    assert graph.edges["a", "b", "l"]["node1"] == "a"
    assert graph.edges["b", "z", "s"]["phases"] == "AN"
    assert set(nx.node_connected_component(graph, "z")) == {"a", "b", "z"}
    assert network.normal_energized.tolist() == [7, 7, 1]
    again = network_from_networkx(plain(graph))
    assert again.model == network.model
    assert nx.utils.graphs_equal(structural_graph(again), graph)


def edge(**attributes: object) -> Callable[[nx.MultiGraph], object]:
    return lambda graph: graph.edges["a", "b", "l"].update(attributes)


def switch(**attributes: object) -> Callable[[nx.MultiGraph], object]:
    return lambda graph: graph.edges["b", "z", "s"].update(attributes)


def node(**attributes: object) -> Callable[[nx.MultiGraph], object]:
    return lambda graph: graph.nodes["b"].update(attributes)


def consumer(**attributes: object) -> Callable[[nx.MultiGraph], object]:
    return node(equipment=[{"class": "EnergyConsumer", "mrid": "c", **attributes}])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (node(colour="red"), "node 'b': ConnectivityNode has no attribute 'colour'"),
        (node(lng=181), "node 'b': lng is 181; it must lie in -180 … 180 degree"),
        (node(lng=float("inf")), "node 'b': lng is inf"),
        (node(lng="9"), "node 'b': lng is '9'; it must be a number"),
        (node(lng=np.zeros(2)), "node 'b': lng is array"),
        (node(lng=True), "node 'b': lng is True; it must be a number"),
        (node(busbar=1), "node 'b': busbar is 1; it must be True or False"),
        (node(mrid="c"), "node 'b': mrid is 'c'; it must be 'b'"),
        (node(name=None), "node 'b': name is None; it must be text"),
        (node(name="\ud800"), "it must be Unicode text"),
        (node(substation="nowhere"), "node 'b': substation is 'nowhere'; it is not the mrid of any of the substations"),
        (node(substation=0), "node 'b': substation is 0"),
        (node(equipment={}), "node 'b': equipment is {}; it must be a list"),
        (node(equipment=[3]), "node 'b': equipment is"),
        (node(equipment=[{"mrid": "x"}]), "equipment 'x' of node 'b': attribute 'class' is missing"),
        (node(equipment=[{"class": "EnergySource"}]), "equipment None of node 'b': attribute 'mrid' is missing"),
        (node(equipment=[{"class": "EnergySource", "mrid": ""}]), "mrid is ''; it must not be empty"),
        (consumer(mrid="g"), "share the mrid 'g'"),
        (consumer(node="a"), "equipment 'c' of node 'b': EnergyConsumer has no attribute 'node'"),
        (consumer(customer_count=1.5), "customer_count is 1.5; it must be a whole number"),
        (consumer(customer_count=2**40), "customer_count is 1099511627776; it must lie in"),
        (consumer(p_w=10**400), "p_w is 1000"),
        (consumer(usage_points=[{}]), "usage point None of equipment 'c' of node 'b': attribute 'mrid' is missing"),
        (lambda g: g.add_node(7), "node 7 has the name 7; it must be an mrid"),
        (lambda g: g.add_edge("a", "b"), "edge ('a', 'b', 1) has the name 1; it must be an mrid"),
        (lambda g: g.add_edge("a", "b", "k"), "'k'): attribute 'class' is missing; it must be one of AcLineSegment"),
        (edge(**{"class": "Wire"}), "'l'): class is 'Wire'; it must be one of AcLineSegment, Switch, PowerTransformer"),
        (edge(node1="z"), "'l'): node1 and node2 are 'z' and"),
        (edge(phases="ABX"), "'l'): phases: phases 'ABX'"),
        (edge(phases=7), "'l'): phases is 7; it must be phases as text"),
        (edge(phases=""), "'l'): phases"),
        (edge(open="ABC"), "'l'): AcLineSegment has no attribute 'open'"),
        (edge(length_m=-1), "'l'): length_m is -1; it must lie in 0"),
        (edge(geometry="straight"), "'l'): geometry is 'straight'; it must be a list of (lng, lat)"),
        (edge(geometry=[(9.0, 95.0)]), "'l'): geometry is [(9.0, 95.0)]"),
        (edge(branch="first"), "'l'): branch is 'first'; it must be a whole number"),
        (switch(normal_open=True), "'s'): normal_open is True; it must be phases as text"),
        (lambda g: g.add_edge("a", "z", "l", **{"class": "Switch"}), "share the mrid 'l'"),
        (lambda g: g.graph.update(substations="none"), "the graph: substations is 'none'"),
        (lambda g: g.graph.update(feeders=[{"mrid": "f"}]), "feeder 'f': attribute 'head_mrid' is missing"),
        (lambda g: g.clear(), "the network is empty"),
    ],
)
def test_bad_graphs_are_refused_by_name(change: Callable[[nx.MultiGraph], object], message: str) -> None:
    graph = by_hand()
    change(graph)
    with pytest.raises(NetworkError) as raised:
        network_from_networkx(graph)
    assert message in str(raised.value)


@pytest.mark.parametrize("kind", [nx.Graph, nx.DiGraph, nx.MultiDiGraph])
def test_other_kinds_of_graphs_are_refused(kind: type[nx.Graph]) -> None:
    with pytest.raises(NetworkError, match=f"the graph is a {kind.__name__}; it must be an undirected MultiGraph"):
        network_from_networkx(kind())


def test_simbench(simbench_folder: Path) -> None:
    network = read_simbench(simbench_folder)[0]
    whole, closed = structural_graph(network), conducting_graph(Snapshot.of(network, State.normal(network)))
    for graph, member in ((whole, network.normal_conducting | 7), (closed, network.normal_conducting & 7)):
        numbers = nx.MultiGraph()
        numbers.add_nodes_from(range(network.graph.node_count))
        kept = np.flatnonzero(member)
        numbers.add_edges_from(
            zip(network.graph.branch_u[kept].tolist(), network.graph.branch_v[kept].tolist(), strict=True)
        )
        islands = nx.number_connected_components(numbers)
        assert nx.number_connected_components(graph, backend="gridtwin") == islands
        assert nx.number_connected_components(graph, backend="networkx") == islands
        assert (graph.order(), graph.size()) == (numbers.order(), numbers.size())
    assert network_from_networkx(whole).model == network.model
