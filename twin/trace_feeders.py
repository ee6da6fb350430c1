"""What a trace adds up to by feeder, under the masks of its extent or from its list of elements."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from topology.results import Extent, Trace
from twin.components import BRANCH_COMPONENTS, LINE, TRANSFORMER
from twin.network import Network

MOST = 1000
"""Feeders that are told, those with most customers."""

Row = dict[str, object]
Rows = NDArray[np.integer]


def of_trace(network: Network, trace: Trace, consumers: Rows) -> tuple[list[Row], int]:
    """Totals of a trace in each feeder of the normal state, most customers first; and how many more feeders there are.

    What belongs to no feeder stands under null. consumers: rows of those that the trace reaches.
    """
    return _by_feeder(network, trace.nodes, trace.branches, consumers)


def of_extent(network: Network, extent: Extent) -> tuple[list[Row], int]:
    """The same."""
    table = network.consumers
    met = extent.node_phases[table["node"]] & table["phases"] != 0
    branches = np.flatnonzero(extent.branch_phases)
    return _by_feeder(network, np.flatnonzero(extent.node_phases), branches, np.flatnonzero(met))


def _by_feeder(network: Network, nodes: Rows, branches: Rows, consumers: Rows) -> tuple[list[Row], int]:
    size, kinds = len(network.feeders) + 1, len(BRANCH_COMPONENTS)  # the first counts what belongs to none, row -1
    key = (network.branch_feeder[branches].astype(np.intp) + 1) * kinds + network.branch_class[branches]
    counts = np.bincount(key, minlength=size * kinds).reshape(size, kinds)
    totals = np.bincount(key, np.nan_to_num(network.branch_size[branches]), size * kinds).reshape(size, kinds)
    node_row = network.node_feeder.astype(np.intp) + 1
    node_counts = np.bincount(node_row[nodes], minlength=size)
    at = node_row[network.consumers["node"][consumers]]
    consumer_counts = np.bincount(at, minlength=size)
    customers = np.bincount(at, network.consumer_customers[consumers], size).astype(np.int64)
    branch_counts = counts.sum(axis=1)
    found = np.flatnonzero(node_counts + branch_counts)
    ordered = found[np.lexsort((found, -branch_counts[found], -customers[found]))]
    told: list[Row] = []
    for row in ordered[:MOST].tolist():
        by_class = {c.name: int(n) for c, n in zip(BRANCH_COMPONENTS, counts[row], strict=True)}
        points = {"ConnectivityNode": int(node_counts[row]), "EnergyConsumer": int(consumer_counts[row])}
        power, length = float(totals[row, TRANSFORMER]), float(totals[row, LINE])
        sums = {"customers": int(customers[row]), "rated_power_va": power, "length_m": length}
        told.append({**_named(network, row), **sums, "counts": {**by_class, **points}})
    return told, len(ordered) - len(told)


def _named(network: Network, row: int) -> Row:
    if row == 0:
        return {"mrid": None, "name": None}
    return {name: str(network.feeders[name][row - 1]) for name in ("mrid", "name")}
