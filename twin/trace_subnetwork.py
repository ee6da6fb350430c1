"""Feeders as they are fed now: what hangs behind their heads, and which of them a closed tie joins."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from topology import extent
from topology import trace as in_order
from topology.islands import islands
from topology.results import Extent, Options, Start, Trace
from twin.network import Network
from twin.state import Snapshot
from twin.trace_elements import Column
from twin.trace_request import TraceRequest
from twin.trace_result import Found
from twin.trace_starts import feeder_rows, options_of, start_of


def subnetwork(snapshot: Snapshot, request: TraceRequest) -> Found:
    """The feeders that the starts belong to, each node with all of its feeders; none: the status `no_feeder`."""
    network, options = snapshot.network, options_of(snapshot.network, request)
    rows = feeder_rows(network, request.start)
    heads = network.feeder_heads[rows].astype(np.int32)
    if not rows or (heads < 0).any():
        return Found.of(_nothing(snapshot, options), details=_details(network, [], {}))
    state = (
        network.graph,
        snapshot.conducting,
        network.node_sources,
        heads,
        network.feeders["head_node"][rows],
        network.feeder_heads[network.feeder_heads >= 0],
        network.substation_transformer_branches,
        options,
    )
    reached = extent.subnetwork(*state)
    label, members = _members(snapshot, reached, rows)

    def column(value: Callable[[Sequence[int]], object]) -> Column:
        return lambda part: _values(members, label(found.trace.nodes[part]), value)

    columns = {"feeders": column(lambda each: _mrids(network, each)), "parallel": column(lambda each: len(each) > 1)}
    found = Found(lambda: in_order.subnetwork(*state), reached, columns, details=_details(network, rows, members))
    return found


def zone(snapshot: Snapshot, request: TraceRequest) -> Trace:
    """The part of the network around the start that no feeder head and no substation transformer divides."""
    network = snapshot.network
    if feeder_rows(network, request.start):
        return subnetwork(snapshot, request).trace
    dividing = np.union1d(network.feeder_heads[network.feeder_heads >= 0], network.substation_transformer_branches)
    options = Options(barriers=dividing.astype(np.int32), ignore_barriers_at_start=True)
    start = start_of(network, request)
    return in_order.connected(network.graph, snapshot.conducting, network.node_sources, start, options)


def _nothing(snapshot: Snapshot, options: Options) -> Trace:
    network = snapshot.network
    nothing = in_order.connected(network.graph, snapshot.conducting, network.node_sources, Start(), options)
    return replace(nothing, status="no_feeder")


Members = Mapping[int, Sequence[int]]
"""Feeder rows by label of a part of the network that they feed together."""


Label = Callable[[NDArray[np.int32]], NDArray[np.int32]]
"""From nodes to the labels of their parts."""


def _members(snapshot: Snapshot, reached: Extent, rows: Sequence[int]) -> tuple[Label, Members]:
    """The labels of traced nodes, and the feeders of each label.

    Of a single feeder, all that was traced is one part: its feeders are those whose load side was reached.
    """
    network = snapshot.network
    head_nodes = network.feeders["head_node"]
    at = np.flatnonzero(reached.node_phases[head_nodes])
    if len(rows) == 1:
        return np.zeros_like, {0: at.tolist() or list(rows)}
    inside = snapshot.conducting.copy()
    inside[network.feeder_heads[network.feeder_heads >= 0]] = 0
    inside[network.substation_transformer_branches] = 0
    island = islands(network.graph, inside)
    members: dict[int, list[int]] = {}
    for row in at.tolist():
        members.setdefault(int(island[head_nodes[row]]), []).append(row)
    return island.__getitem__, members


def _values(members: Members, labels: NDArray[np.int32], value: Callable[[Sequence[int]], object]) -> list[Any]:
    """What is said of the feeders of each label."""
    values = {label: value(rows) for label, rows in members.items()}
    nothing = value(())
    return [values.get(label, nothing) for label in labels.tolist()]


def _mrids(network: Network, rows: Sequence[int]) -> list[str]:
    return [str(network.feeders["mrid"][row]) for row in rows]


def _details(network: Network, rows: Sequence[int], members: Members) -> Callable[[bool], Mapping[str, object]]:
    together = {row for each in members.values() if len(each) > 1 for row in each}
    asked = sorted({*rows, *together})
    feeders = [
        {
            "mrid": str(network.feeders["mrid"][row]),
            "name": str(network.feeders["name"][row]),
            "parallel": row in together,
        }
        for row in asked
    ]
    return lambda listed: {"feeders": feeders, "parallel": bool(together)}
