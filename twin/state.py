"""State as a value with a revision, and a snapshot: that state energised."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from topology.energize import energize
from twin import phases
from twin.components import SWITCH_BRANCH
from twin.network import Network


@dataclass(frozen=True, eq=False)
class State:
    """Switch positions at one revision of the log.

    model: the network they belong to. open: uint8 (switches,), phases that are open, by row of the switch table.
    since: when each switch that is off its normal position last moved, by row.
    """

    model: str
    revision: int
    open: NDArray[np.uint8]
    since: Mapping[int, datetime] = field(default_factory=dict)

    @classmethod
    def normal(cls, network: Network, revision: int = 0) -> State:
        """Every switch in its normal position."""
        return cls(network.model, revision, network.switches["normal_open"])


@dataclass(frozen=True, eq=False)
class Snapshot:
    """A network in one state, energised; never changes, so any number of threads may read it.

    conducting: uint8 (branches,), phases each branch conducts. energized: uint8 (nodes,), energised phases.
    """

    network: Network
    state: State
    conducting: NDArray[np.uint8]
    energized: NDArray[np.uint8]

    @classmethod
    def of(cls, network: Network, state: State) -> Snapshot:
        """Energises the whole network (the engine's incremental path makes the same arrays)."""
        conducting = network.conducting(state.open)
        return cls(network, state, conducting, energize(network.graph, conducting, network.node_sources))

    @property
    def revision(self) -> int:
        """Log revision of the state."""
        return self.state.revision

    @cached_property
    def branch_energized(self) -> NDArray[np.uint8]:
        """uint8 (branches,): `E(e) = c(e) & (E(u) | E(v))`."""
        graph = self.network.graph
        return self.conducting & (self.energized[graph.branch_u] | self.energized[graph.branch_v])

    def branches_energized(self, branches: NDArray[np.integer[Any]]) -> NDArray[np.uint8]:
        """The same for a few branches only."""
        graph = self.network.graph
        ends = self.energized[graph.branch_u[branches]] | self.energized[graph.branch_v[branches]]
        return self.conducting[branches] & ends

    def live_ends(self, switch_row: int) -> int:
        """How many ends of a switch are energised on any phase: 0, 1 or 2."""
        branch = self.network.table_branches[SWITCH_BRANCH][switch_row]
        graph = self.network.graph
        return int(self.energized[graph.branch_u[branch]] > 0) + int(self.energized[graph.branch_v[branch]] > 0)

    @cached_property
    def lost(self) -> NDArray[np.uint8]:
        """uint8 (nodes,): phases energised in the normal state and not now."""
        return self.network.normal_energized & ~self.energized

    @cached_property
    def consumers_out(self) -> NDArray[np.bool_]:
        """bool (consumers,): lost any of its service phases (partial loss counts)."""
        consumers = self.network.consumers
        return (self.lost[consumers["node"]] & consumers["phases"] & phases.ABC) != 0

    @cached_property
    def customers_out(self) -> int:
        """Customers who have lost any of their service phases."""
        return int(self.network.consumer_customers[self.consumers_out].sum())


def supply(own: NDArray[np.uint8], energized: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """uint8: 0 none, 1 some, 2 all of an element's own phases energised, N left out (`energized` in tiles)."""
    carried = own & phases.ABC
    live = carried & energized
    return np.where(live == 0, 0, np.where(live == carried, 2, 1)).astype(np.uint8)
