"""Sums by element and sums over masks are the same, and both are what a plain look at the tables gives."""

from __future__ import annotations

import dataclasses
from collections import Counter

import numpy as np
import pytest

from tests.twin.networks import rng_network
from topology import extent
from twin import trace_feeders, trace_sums
from twin.engine import Twin
from twin.trace_kinds import KINDS
from twin.traces import trace

NAMES = ("AcLineSegment", "Switch", "PowerTransformer", "ConnectivityNode", "EnergyConsumer")
KINDS_TRACED = ("connected", "upstream", "downstream", "subnetwork")


def plainly(result):
    """Sums of a trace, one element at a time."""
    network = result.network
    nodes = {node["mrid"]: node["phases"] for node in result.nodes_json()}
    customers = consumers = 0
    for row, node in enumerate(network.consumers["node"].tolist()):
        own = int(network.consumers["phases"][row])
        if any(own >> "ABCN".index(letter) & 1 for letter in nodes.get(network.nodes["mrid"][node], "")):
            consumers += 1
            customers += int(network.consumer_customers[row])
    counts = {"AcLineSegment": 0, "Switch": 0, "PowerTransformer": 0}
    length = power = 0.0
    for edge in result.edges_json():
        element = network.mrids.find(edge["mrid"])
        counts[edge["class"]] += 1
        record = network.tables[element.component.table].record(element.row)
        length += record.get("length_m") or 0.0
        power += record.get("rated_power_va") or 0.0
    return {
        "customers": customers,
        "length_m": pytest.approx(length),
        "rated_power_va": pytest.approx(power),
        "counts": {**counts, "ConnectivityNode": len(nodes), "EnergyConsumer": consumers},
    }


@pytest.mark.parametrize("seed", range(30))
def test_sums_are_the_same_however_they_are_made(seed):
    network = rng_network(seed)
    rng = np.random.default_rng(seed)
    tables = {
        **network.tables,
        "lines": network.lines.take(
            np.arange(len(network.lines)), length_m=rng.choice([np.nan, 3.5, 100.0], len(network.lines))
        ),
        "transformers": network.transformers.take(
            np.arange(len(network.transformers)), rated_power_va=rng.choice([np.nan, 4e5], len(network.transformers))
        ),
    }
    twin = Twin(dataclasses.replace(network, tables=tables, _cache={}))
    start = str(network.nodes["mrid"][int(rng.integers(len(network.nodes)))])
    for kind in KINDS_TRACED:
        result = trace(twin, kind=kind, start=[start])
        masks = extent.from_trace(network.graph, result.trace)
        by_mask, by_element = trace_sums.of_extent(twin.network, masks), trace_sums.of_trace(twin.network, result.trace)
        expected = plainly(result)
        assert result.sums == expected and by_mask == expected and by_element == expected, kind
        assert result.bounds == trace_sums.bounds_of_extent(twin.network, masks)
        assert result.bounds == trace_sums.bounds_of_trace(twin.network, result.trace)
        assert result.status == result.trace.status
        feeders = trace_feeders.of_extent(twin.network, masks)
        assert result.by_feeder == feeders == trace_feeders.of_trace(twin.network, result.trace, result.consumers)
        assert added_up(feeders[0]) == expected


def added_up(feeders):
    """The sums of all feeders together."""
    whole = {name: sum(each[name] for each in feeders) for name in ("customers", "length_m", "rated_power_va")}
    return {**whole, "counts": {name: sum(each["counts"][name] for each in feeders) for name in NAMES}}


def test_what_is_traced_is_among_the_kinds():
    assert set(KINDS_TRACED) < set(KINDS)


def test_no_element_is_listed_for_an_answer_without_elements(monkeypatch):
    twin = Twin(rng_network(3))

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("an ordered trace was made")

    monkeypatch.setattr("twin.traces.in_order.connected", refuse)
    result = trace(twin, kind="connected", start=["n0"])
    answer = result.to_json(elements=False)
    assert answer["sums"]["counts"]["ConnectivityNode"] >= 1
    with pytest.raises(AssertionError, match="an ordered trace"):
        result.to_json()


def test_every_feeder_has_its_own_sums(simbench):
    """The feeder with most customers first; what belongs to no feeder stands under null."""
    start = [str(simbench.sources["mrid"][0])]
    told, left_out = trace(Twin(simbench), kind="connected", start=start).by_feeder
    assert left_out == 0 and [each["customers"] for each in told] == sorted(
        (each["customers"] for each in told), reverse=True
    )
    customers, nodes = Counter(), Counter(simbench.node_feeder.tolist())
    for row, node in enumerate(simbench.consumers["node"].tolist()):
        customers[int(simbench.node_feeder[node])] += int(simbench.consumer_customers[row])
    expected = {str(mrid): row for row, mrid in enumerate(simbench.feeders["mrid"])} | {None: -1}
    assert len(told) > 100
    for each in told:
        row = expected[each["mrid"]]
        assert (each["customers"], each["counts"]["ConnectivityNode"]) == (customers[row], nodes[row])
        assert each["name"] == (None if row < 0 else simbench.feeders["name"][row])


def test_of_very_many_feeders_the_largest_are_told(simbench, monkeypatch):
    start = [str(simbench.sources["mrid"][0])]
    whole = trace(Twin(simbench), kind="connected", start=start).by_feeder[0]
    monkeypatch.setattr(trace_feeders, "MOST", 3)
    assert trace(Twin(simbench), kind="connected", start=start).by_feeder == (whole[:3], len(whole) - 3)
