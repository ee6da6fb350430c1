"""Numbering, customers, meters and feeders of networks."""

from __future__ import annotations

import numpy as np
import pytest

from tests.twin.networks import F1, columns, draw, rng_network, table_of
from topology.trace import subnetwork
from twin.components import TableError
from twin.geometry import LineStrings
from twin.mrids import DuplicateMrid, Element, MridIndex, UnknownMrid
from twin.network import Network, NetworkError


def assert_same(a: Network, b: Network) -> None:
    for name, table in a.tables.items():
        for column in table:
            if table[column].dtype.kind == "T":
                assert (table[column] == b.tables[name][column]).all(), (name, column)
            else:
                np.testing.assert_array_equal(table[column], b.tables[name][column], f"{name}.{column}")
    for array in ("branch_class", "branch_row"):
        np.testing.assert_array_equal(getattr(a, array), getattr(b, array))
    for array in ("branch_u", "branch_v", "parent", "end"):
        np.testing.assert_array_equal(getattr(a.graph, array), getattr(b.graph, array))
    assert a.model == b.model


def test_made_again_of_its_own_tables_it_is_the_same():
    for seed in range(200):
        network = rng_network(seed)
        assert_same(network, Network.from_tables(network.name, network.tables, network.line_geometry))


def test_simbench_made_again_is_the_same(simbench):
    assert_same(simbench, Network.from_tables(simbench.name, simbench.tables, simbench.line_geometry))


def test_rows_refer_to_the_same_elements_as_given():
    given = columns(F1)
    network = draw(F1, sources="T", consumers={"load": "3"})
    ends = {}
    for name in ("switches", "lines"):
        table = network.tables[name]
        for row, mrid in enumerate(table["mrid"].tolist()):
            ends[mrid] = (network.nodes["mrid"][table["node1"][row]], network.nodes["mrid"][table["node2"][row]])
            assert network.branch_mrids(np.array([network.branch_of(network.mrids.find(mrid))])) == [mrid]
    assert ends == {mrid: tuple(pair.split("-")) for mrid, pair in (each.split(":") for each in F1.split())}
    assert network.nodes["mrid"][0] == "T"  # numbered from the source
    assert network.nodes["mrid"][network.consumers["node"][0]] == "3"
    assert given["nodes"]["mrid"][0] == "S"


def test_every_difference_makes_another_model():
    models = {
        draw(F1).model,
        draw(F1, sources="T").model,
        draw(F1, opened="b5").model,
        draw(F1, phases={"c2": "A"}).model,
        draw(F1, consumers={"load": "3"}).model,
        draw(F1, more={"lines": {"length_m": 101.0}}).model,
        draw(F1, more={"nodes": {"lat": 52.1}}).model,
    }
    assert len(models) == 7
    assert draw(F1, name="other").model in models


@pytest.mark.parametrize(
    ("table", "given", "message"),
    [
        ("lines", {"length_m": -1.0}, r"AcLineSegment\.length_m is -1\.0 at row 0; it must lie in 0 … 1e\+07 m"),
        ("lines", {"length_m": np.inf}, r"AcLineSegment\.length_m is inf at row 0"),
        ("lines", {"colour": "red"}, "AcLineSegment has no column 'colour'"),
        ("lines", {"node1": [0]}, r"AcLineSegment\.node1 has 1 rows where mrid has 3"),
        ("lines", {"node1": -1}, r"AcLineSegment\.node1 is -1"),
        ("lines", {"mrid": ["a", "", "b"]}, r"AcLineSegment\.mrid is empty at row 1"),
        ("lines", {"phases": 0}, r"AcLineSegment\.phases is 0"),
        ("nodes", {"lat": 91.0}, r"ConnectivityNode\.lat is 91\.0 at row 0; it must lie in -90 … 90 degree"),
    ],
)
def test_table_checks(table, given, message):
    with pytest.raises(TableError, match=message):
        table_of(table, columns(F1)[table] | given)


def test_missing_columns():
    with pytest.raises(TableError, match="EnergySource: column 'node' is missing"):
        table_of("sources", {"mrid": ["a"]})
    with pytest.raises(TableError, match="EnergySource: column 'mrid' is missing"):
        table_of("sources", {"node": 0})


def test_tables_never_change():
    table = table_of("nodes", columns(F1)["nodes"])
    with pytest.raises(ValueError, match="read-only"):
        table["lng"][0] = 1
    assert table.record(0)["nominal_voltage_v"] is None


def test_references_are_checked():
    with pytest.raises(NetworkError, match=r"AcLineSegment 'c2': node1 is row 99 of nodes, which has 8 rows"):
        draw(F1, more={"lines": {"node1": 99}})
    with pytest.raises(NetworkError, match="the network is empty"):
        Network.from_tables("none", {"nodes": table_of("nodes", {"mrid": [], "lng": [], "lat": []})})


def test_an_mrid_is_used_once():
    with pytest.raises(DuplicateMrid, match=r"EnergyConsumer row 0.* share the mrid 'c2'") as raised:
        draw(F1, consumers={"c2": "3"})
    assert raised.value.mrid == "c2"
    with pytest.raises(UnknownMrid, match="no element has the mrid 'c9'"):
        draw(F1).mrids.find("c9")


@pytest.mark.parametrize("change", ["none", "reversed", "short", "twice", "beyond", "negative"])
def test_a_wrong_order_of_mrids_does_no_harm(change):
    known = rng_network(7)
    tables, order = list(known.tables.values()), known.mrids.order.copy()
    if change == "reversed":
        order = order[::-1]
    elif change == "short":
        order = order[:-1]
    elif change == "twice":
        order[1] = order[0]
    elif change != "none":
        order[0] = len(order) if change == "beyond" else -1
    index = MridIndex(tables, order)
    assert index.order.tolist() == known.mrids.order.tolist()
    for table in tables:
        for row, mrid in enumerate(table["mrid"].tolist()):
            assert index.find(mrid) == Element(table.component, row)


def test_customers_and_meters():
    network = draw(
        "c1:S-1",
        consumers=dict.fromkeys(("given", "points", "alone", "equivalent", "shared", "none"), "1"),
        more={
            "consumers": {"customer_count": [5, -1, -1, 7, 5, 0], "equivalent": [0, 0, 0, 1, 0, 0]},
            "usage_points": {"mrid": ["p1", "q1", "q2", "q3", "p2"], "consumer": [1, 4, 4, 4, 1]},
        },
    )
    by_mrid = dict(zip(network.consumers["mrid"].tolist(), network.consumer_customers.tolist(), strict=True))
    assert by_mrid == {"given": 5, "points": 2, "alone": 1, "equivalent": 0, "shared": 5, "none": 0}
    assert network.customers == 13
    meters = network.meters
    shown = [
        (network.consumers["mrid"][consumer], network.usage_points["mrid"][point] if point >= 0 else None, customers)
        for consumer, point, customers in zip(meters.consumer, meters.usage_point, meters.customers, strict=True)
    ]
    assert shown == [
        ("given", None, 5),
        ("points", "p1", 1),
        ("points", "p2", 1),
        ("alone", None, 1),
        ("equivalent", None, 0),
        ("shared", "q1", 2),
        ("shared", "q2", 2),
        ("shared", "q3", 1),
        ("none", None, 0),
    ]


def test_customers_add_up_by_node():
    for seed in range(50):
        network = rng_network(seed)
        assert network.customer_prefix[-1] == network.customers == network.meters.customers.sum()
        for node in range(len(network.nodes)):
            at = network.consumers["node"] == node
            assert np.diff(network.customer_prefix)[node] == network.consumer_customers[at].sum()


def test_bounds_and_unplaced_lines():
    network = draw(F1, more={"nodes": {"lng": [np.nan, *(9.0 + i for i in range(7))]}})
    assert network.bounds == (9.0, 52.0, 15.0, 52.0)
    assert draw(F1, more={"nodes": {"lng": np.nan}}).bounds is None
    given = LineStrings(np.array([0, 0, 3]), np.arange(6.0).reshape(3, 2))
    assert given.placed.tolist() == [False, True] and given.take(np.array([1])).offsets.tolist() == [0, 3]


def test_half_a_place_is_none():
    network = draw(F1, more={"nodes": {"lng": [np.nan] + [9.0] * 7}})
    assert np.isnan(network.node_lnglat).all(axis=1).sum() == np.isnan(network.node_lnglat).any(axis=1).sum() == 1


# --- feeders ------------------------------------------------------------------------------------------------------


def test_feeders_start_behind_the_busbar():
    """Two transformers on two coupled busbars; their own breakers and the coupler are no heads."""
    network = draw(
        "t1:S-1 t2:S-2 b1:1-X b2:2-Y b3:X-Y b4:X-3 c5:3-4 c6:Y-5 b7:5-6 b8:Y-8",
        consumers={"load": "6"},
        opened="b8",
        more={"nodes": {"nominal_voltage_v": [110e3] + [20e3] * 9, "busbar": [n in "XY" for n in "S12XY34568"]}},
    )
    assert sorted(network.feeders["head_mrid"].tolist()) == ["b4", "c6"]
    names = network.feeders["mrid"][network.node_feeder]
    feeder = {
        mrid: str(names[row]) if network.node_feeder[row] >= 0 else None
        for row, mrid in enumerate(network.nodes["mrid"].tolist())
    }
    assert feeder == dict.fromkeys("S12XY8") | dict.fromkeys("34", "feeder b4") | dict.fromkeys("56", "feeder c6")
    assert not network.membership.parallel.any()


def test_given_feeders_are_kept_and_closed_ties_make_them_parallel():
    heads = [("b1", "1"), ("b7", "6")]
    assert not draw(F1, sources="S T", opened="b5", feeders=heads).membership.parallel.any()
    network = draw(F1, sources="S T", feeders=heads)
    assert network.membership.parallel.all()
    assert set(network.feeders["mrid"].tolist()) == {"feeder b1", "feeder b7"}


def test_simbench_feeders_are_the_subnetworks_behind_their_heads(simbench):
    alone = np.flatnonzero(~simbench.membership.parallel & (simbench.feeder_heads >= 0))
    assert len(alone) > 100
    for row in np.random.default_rng(1).choice(alone, 40, replace=False):
        trace = subnetwork(
            simbench.graph,
            simbench.normal_conducting,
            simbench.node_sources,
            [simbench.feeder_heads[row]],
            [simbench.feeders["head_node"][row]],
            simbench.feeder_heads,
            simbench.substation_transformer_branches,
        )
        assert sorted(trace.nodes) == np.flatnonzero(simbench.node_feeder == row).tolist()


def test_no_breaker_of_a_simbench_transformer_is_a_head(simbench):
    """Feeders leave busbars: between a substation transformer and its busbar none begins."""
    graph, heads = simbench.graph, set(simbench.feeder_heads.tolist())
    busbar = simbench.nodes["busbar"]
    ends = np.concatenate(
        [array[simbench.substation_transformer_branches] for array in (graph.branch_u, graph.branch_v)]
    )
    assert len(ends) > 50
    for node in ends[~busbar[ends]]:
        assert heads.isdisjoint(graph.adjacent_branch[graph.indptr[node] : graph.indptr[node + 1]].tolist())
    for branch in heads:
        assert busbar[graph.branch_u[branch]] or busbar[graph.branch_v[branch]]
