"""A network with what several rules of validation look at."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from topology.islands import islands
from twin.components import TRANSFORMER
from twin.feeders import SUBSTATION_VOLTAGE_V
from twin.network import Network
from twin.phases import ABC

T = TypeVar("T")

LOW_VOLTAGE_V = 1_000.0
"""Below this, customers are fed by transformers."""


class Inspection:
    """Derived once, and only what is asked for. near_m: how close ends that are not joined may miss each other."""

    def __init__(self, network: Network, near_m: float) -> None:
        self.network, self.near_m = network, near_m
        self._results: dict[object, Any] = {}

    def once(self, work: Callable[[Inspection], T]) -> T:
        """What some work on this inspection gives; it is done at the first call."""
        if work not in self._results:
            self._results[work] = work(self)
        result: T = self._results[work]
        return result

    @cached_property
    def terminals(self) -> NDArray[np.int64]:
        """int64 (nodes,): ends of branches at each node."""
        return np.diff(self.network.graph.indptr).astype(np.int64)

    @cached_property
    def equipped(self) -> NDArray[np.bool_]:
        """bool (nodes,): a source or a consumer is there, or it is a busbar."""
        network = self.network
        found: NDArray[np.bool_] = network.nodes["busbar"].copy()
        for table in (network.sources, network.consumers):
            found[table["node"]] = True
        return found

    @cached_property
    def bare_ends(self) -> NDArray[np.int64]:
        """int64: nodes where one branch ends and nothing else is."""
        ends = np.flatnonzero((self.terminals == 1) & ~self.equipped)
        graph, only = self.network.graph, self.only_branch(ends)
        return ends[graph.branch_u[only] != graph.branch_v[only]]

    def only_branch(self, nodes: NDArray[np.integer[Any]]) -> NDArray[np.int32]:
        """int32: the first branch at each of some nodes, which have one."""
        graph = self.network.graph
        branches: NDArray[np.int32] = graph.adjacent_branch[graph.indptr[nodes]]
        return branches

    @cached_property
    def live(self) -> NDArray[np.bool_]:
        """bool (nodes,): energised in the normal state, on any phase."""
        return self.network.normal_energized != 0

    @cached_property
    def piece(self) -> NDArray[np.int32]:
        """int32 (nodes,): the lowest node of all that hang together, whatever is open or out of service."""
        return islands(self.network.graph, self.network.graph.branch_phases)

    @cached_property
    def severed(self) -> NDArray[np.bool_]:
        """bool (nodes,): in a piece that no source in service feeds on any phase."""
        fed = np.zeros(len(self.live), dtype=np.bool_)
        fed[self.piece[self.live]] = True
        return ~fed[self.piece]

    @cached_property
    def level(self) -> NDArray[np.int32]:
        """int32 (nodes,): the lowest node of all that hang together without a transformer between."""
        network = self.network
        mask = network.graph.branch_phases.copy()
        mask[network.table_branches[TRANSFORMER]] = 0
        return islands(network.graph, mask)

    @cached_property
    def low_voltage(self) -> NDArray[np.bool_]:
        """bool (nodes,): known to be below 1 kV."""
        return self.network.nodes["nominal_voltage_v"] < LOW_VOLTAGE_V

    @cached_property
    def transmission(self) -> NDArray[np.bool_]:
        """bool (nodes,): known to be of a voltage that is meshed by design."""
        return self.network.nodes["nominal_voltage_v"] >= SUBSTATION_VOLTAGE_V

    @cached_property
    def consumers_at(self) -> NDArray[np.int64]:
        """int64 (nodes,): consumers at each node."""
        return np.diff(self.network.consumer_ptr)

    def customers(self, nodes: NDArray[np.integer[Any]]) -> int:
        """Customers at some nodes."""
        prefix = self.network.customer_prefix
        return int(prefix[nodes + 1].sum() - prefix[nodes].sum())

    def alike(self, one: NDArray[np.integer[Any]], other: NDArray[np.integer[Any]]) -> NDArray[np.bool_]:
        """bool: pairs of nodes whose voltages, where both are known, are the same."""
        volts = self.network.nodes["nominal_voltage_v"]
        a, b = volts[one], volts[other]
        return np.asarray(~(np.abs(a - b) > 0.1 * np.fmax(a, b)))

    @cached_property
    def _neighbours(self) -> NDArray[np.int64]:
        """Sorted keys of pairs of nodes that a branch joins, both ways round."""
        graph = self.network.graph
        u, v = graph.branch_u.astype(np.int64), graph.branch_v.astype(np.int64)
        return np.unique(np.concatenate([u, v]) * graph.node_count + np.concatenate([v, u]))

    def joined(self, one: NDArray[np.integer[Any]], other: NDArray[np.integer[Any]]) -> NDArray[np.bool_]:
        """bool: pairs of nodes with a branch between them."""
        keys = one.astype(np.int64) * self.network.graph.node_count + other
        at = np.searchsorted(self._neighbours, keys)
        found: NDArray[np.bool_] = np.append(self._neighbours, -1)[at] == keys
        return found

    @cached_property
    def placed(self) -> NDArray[np.bool_]:
        """bool (nodes,): on the map."""
        return np.asarray(~np.isnan(self.network.node_lnglat).any(axis=1))

    @cached_property
    def loose(self) -> NDArray[np.bool_]:
        """bool (nodes,): nothing but the end of one switch."""
        found = np.zeros(len(self.terminals), dtype=np.bool_)
        for end, free in zip(("node1", "node2"), self.free_ends.T, strict=True):
            found[self.network.switches[end][free]] = True
        return found

    @cached_property
    def free_ends(self) -> NDArray[np.bool_]:
        """bool (switches, 2): nothing else is at that end."""
        switches = self.network.switches
        ends = np.stack([switches["node1"], switches["node2"]], axis=1)
        alone = np.zeros(len(self.terminals), dtype=np.bool_)
        alone[self.bare_ends] = True
        return alone[ends]


def groups(nodes: NDArray[np.int64], of: NDArray[np.integer[Any]]) -> list[NDArray[np.int64]]:
    """Nodes parted by what they belong to; of: (nodes,), their own."""
    if len(nodes) == 0:
        return []
    order = np.argsort(of, kind="stable")
    _, starts = np.unique(of[order], return_index=True)
    return np.split(nodes[order], starts[1:])


def conducting_groups(network: Network, nodes: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """Nodes parted by what hangs together in the normal state."""
    return groups(nodes, islands(network.graph, network.normal_conducting & ABC)[nodes])
