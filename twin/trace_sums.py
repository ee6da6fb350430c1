"""What a trace adds up to: by element where it is short, by masks over the whole network where it may be long."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from topology import sums
from topology.results import Extent, Trace
from twin.components import BRANCH_COMPONENTS, LINE, TRANSFORMER
from twin.network import Network

Bounds = tuple[float, float, float, float]


def of_trace(network: Network, trace: Trace) -> dict[str, object]:
    """Customers, rated power in VA, length in m and counts by class; each element counts once."""
    classes = network.branch_class[trace.branches]
    counts = np.bincount(classes, minlength=len(BRANCH_COMPONENTS))
    size = np.nan_to_num(network.branch_size[trace.branches])
    totals = np.bincount(classes, size, len(BRANCH_COMPONENTS)).astype(np.float64)
    consumers = consumers_of(network, trace)
    customers = int(network.consumer_customers[consumers].sum())
    return _told(counts, totals, len(trace.nodes), len(consumers), customers)


def of_extent(network: Network, extent: Extent) -> dict[str, object]:
    """The same."""
    found = sums.by_class(extent, network.branch_class, network.branch_size, len(BRANCH_COMPONENTS))
    table = network.consumers
    consumers, customers = sums.points(extent, table["node"], table["phases"], network.consumer_customers)
    nodes = int(np.count_nonzero(extent.node_phases))
    return _told(found.counts, found.totals, nodes, consumers, customers)


def _told(
    counts: NDArray[np.integer], totals: NDArray[np.float64], nodes: int, consumers: int, customers: int
) -> dict[str, object]:
    by_class = {c.name: int(n) for c, n in zip(BRANCH_COMPONENTS, counts, strict=True)}
    return {
        "customers": customers,
        "rated_power_va": float(totals[TRANSFORMER]),
        "length_m": float(totals[LINE]),
        "counts": {**by_class, "ConnectivityNode": nodes, "EnergyConsumer": consumers},
    }


def consumers_of(network: Network, trace: Trace) -> NDArray[np.intp]:
    """Rows of the consumers on the traced nodes that are connected to a traced phase, ascending."""
    rows = network.consumers_at(trace.nodes)
    count = network.consumer_ptr[trace.nodes + 1] - network.consumer_ptr[trace.nodes]
    met = np.repeat(trace.node_phases, count) & network.consumers["phases"][rows] != 0
    return np.sort(rows[met])


def bounds_of_trace(network: Network, trace: Trace) -> Bounds | None:
    """left, bottom, right, top in degrees of its nodes and of the ends of its branches; None where none is placed."""
    graph = network.graph
    ends = np.concatenate([trace.nodes, graph.branch_u[trace.branches], graph.branch_v[trace.branches]])
    points = network.node_lnglat[ends]
    points = points[~np.isnan(points[:, 0])]
    if len(points) == 0:
        return None
    (left, bottom), (right, top) = points.min(axis=0).tolist(), points.max(axis=0).tolist()
    return left, bottom, right, top


def bounds_of_extent(network: Network, extent: Extent) -> Bounds | None:
    """The same."""
    return sums.bounds(network.graph, extent, network.node_lnglat)
