"""What changes with the state: how each kind of element is supplied, as the state number of its tags."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from tiles import _kernels_live
from topology.jit import exercise
from twin import phases
from twin.network import Network
from twin.state import Snapshot

__all__ = ["BranchSupply", "NodeSupply", "Supply", "SwitchSupply", "TraceColumns", "TraceLike"]

Ints = NDArray[np.int32]
Longs = NDArray[np.int64]
Masks = NDArray[np.uint8]
Flags = NDArray[np.bool_]

_ONE_EACH = np.empty(0, dtype=np.int64)
"""Instead of offsets: entry i has the node i alone."""


class TraceLike(Protocol):
    """What a tile needs of a trace: nodes and branches by number, each with its depth; the flow of branches."""

    @property
    def nodes(self) -> Ints: ...
    @property
    def node_depth(self) -> Ints: ...
    @property
    def branches(self) -> Ints: ...
    @property
    def branch_depth(self) -> Ints: ...
    @property
    def branch_flow(self) -> NDArray[np.int8]: ...


@dataclass(frozen=True, slots=True, eq=False)
class TraceColumns:
    """A trace spread over the network, so that a tile reads it by number; -1 is the depth of what is outside.

    node_depth: int32 (nodes,). node_phases: uint8 (nodes,), phases brought there. branch_depth: int32 (branches,).
    branch_flow: int8 (branches,), 1 from terminal 1 to 2, -1 against, 0 both or none.
    """

    node_depth: Ints
    node_phases: Masks
    branch_depth: Ints
    branch_flow: NDArray[np.int8]

    @classmethod
    def of(cls, network: Network, trace: TraceLike) -> TraceColumns:
        """Boundaries (open switches, barriers), where the trace names them, are one step behind the node they end."""
        graph = network.graph
        node_depth = np.full(graph.node_count, -1, dtype=np.int32)
        node_depth[trace.nodes] = trace.node_depth
        node_phases = np.zeros(graph.node_count, dtype=np.uint8)
        node_phases[trace.nodes] = getattr(trace, "node_phases", phases.ABC)
        branch_depth = np.full(graph.branch_count, -1, dtype=np.int32)
        boundaries: Ints = getattr(trace, "boundaries", np.empty(0, np.int32))
        ends = np.stack([node_depth[graph.branch_u[boundaries]], node_depth[graph.branch_v[boundaries]]])
        nearest = np.where(ends < 0, np.iinfo(np.int32).max, ends).min(axis=0)
        branch_depth[boundaries] = np.where((ends < 0).all(axis=0), 0, nearest + 1)
        branch_depth[trace.branches] = trace.branch_depth
        branch_flow = np.zeros(graph.branch_count, dtype=np.int8)
        branch_flow[trace.branches] = trace.branch_flow
        return cls(node_depth, node_phases, branch_depth, branch_flow)


class Supply(Protocol):
    """The live part of one layer's features, in the order of its entries."""

    @property
    def states(self) -> int:
        """How many states a feature may be in; a state is `energized`, plus 3 for a switch that is open."""

    def state(self, entries: Longs, snapshot: Snapshot, mask: int) -> Longs:
        """State of some entries on the phases of `mask`, int64 (n,)."""

    def present(self, entries: Longs, mask: int) -> Flags:
        """Which of them have any of these phases."""

    def traced(self, entries: Longs, trace: TraceColumns) -> tuple[Longs, Longs]:
        """Depth in a trace, -1 outside, and flow."""


@dataclass(frozen=True, slots=True, eq=False)
class BranchSupply:
    """Lines and transformers: branch number of each entry, int32 (entries,)."""

    network: Network
    branch: Ints
    states: int = 3

    def state(self, entries: Longs, snapshot: Snapshot, mask: int) -> Longs:
        """`energized` of each."""
        graph = snapshot.network.graph
        return _kernels_live.branch_supply(
            self.branch[entries],
            graph.branch_phases,
            graph.branch_u,
            graph.branch_v,
            _frozen(snapshot.conducting),
            _frozen(snapshot.energized),
            mask & phases.ABC,
        )

    def present(self, entries: Longs, mask: int) -> Flags:
        """By the phases of the branch."""
        own: Flags = (self.network.graph.branch_phases[self.branch[entries]] & mask) != 0
        return own

    def traced(self, entries: Longs, trace: TraceColumns) -> tuple[Longs, Longs]:
        """By branch number."""
        branches = self.branch[entries]
        return trace.branch_depth[branches].astype(np.int64), trace.branch_flow[branches].astype(np.int64)


@dataclass(frozen=True, slots=True, eq=False)
class SwitchSupply:
    """Switches: also whether any of their phases is open. row: int32 (entries,)."""

    branches: BranchSupply
    row: Ints
    states: int = 6

    def state(self, entries: Longs, snapshot: Snapshot, mask: int) -> Longs:
        """`energized`, plus 3 where open on any phase of `mask`."""
        rows = self.row[entries]
        own = snapshot.network.switches["phases"][rows]
        opened = (snapshot.state.open[rows] & own & np.uint8(mask)) != 0
        states: Longs = self.branches.state(entries, snapshot, mask) + 3 * opened
        return states

    def present(self, entries: Longs, mask: int) -> Flags:
        """By the phases of the switch."""
        return self.branches.present(entries, mask)

    def traced(self, entries: Longs, trace: TraceColumns) -> tuple[Longs, Longs]:
        """By branch number."""
        return self.branches.traced(entries, trace)


@dataclass(frozen=True, slots=True, eq=False)
class NodeSupply:
    """Meters and substations: the nodes of each entry are `node[ptr[i]:ptr[i + 1]]`, its own phases `phases[i]`.

    Where ptr is None each has one node. Of several nodes the phases that are live at any of them count.
    """

    ptr: Longs | None
    node: Ints
    phases: Masks
    states: int = 3

    def state(self, entries: Longs, snapshot: Snapshot, mask: int) -> Longs:
        """`energized` of each."""
        ptr = _ONE_EACH if self.ptr is None else self.ptr
        return _kernels_live.node_supply(
            entries, ptr, self.node, self.phases, _frozen(snapshot.energized), mask & phases.ABC
        )

    def present(self, entries: Longs, mask: int) -> Flags:
        """By own phases; what has none stays."""
        own = self.phases[entries] & phases.ABC
        has: Flags = (own == 0) | ((own & mask) != 0)
        return has

    def traced(self, entries: Longs, trace: TraceColumns) -> tuple[Longs, Longs]:
        """The lowest depth of its nodes, where the trace brought one of its phases; no flow."""
        ptr = _ONE_EACH if self.ptr is None else self.ptr
        depth = _kernels_live.lowest_depth(entries, ptr, self.node, self.phases, trace.node_depth, trace.node_phases)
        return depth, np.zeros(len(entries), dtype=np.int64)


def _frozen(mask: Masks) -> Masks:
    """Read-only, as kernels are compiled for that once and not for both."""
    if not mask.flags.writeable:
        return mask
    view = mask.view()
    view.flags.writeable = False
    return view


@exercise
def _supply_one() -> None:
    node, entry = np.zeros(1, dtype=np.int32), np.zeros(1, dtype=np.int64)
    mask, own = np.ones(1, dtype=np.uint8), np.ones(1, dtype=np.uint8)
    node_depth = node.copy()
    mask.flags.writeable = False
    _kernels_live.node_supply(entry, _ONE_EACH, node, own, mask, phases.ABC)
    _kernels_live.lowest_depth(entry, _ONE_EACH, node, own, node_depth, own)
    ends = node.copy()
    ends.flags.writeable = False
    _kernels_live.branch_supply(node, mask, ends, ends, mask, mask, phases.ABC)
