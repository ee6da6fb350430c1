"""What a trace is asked and what it answers."""

from dataclasses import dataclass, field
from enum import IntEnum

import numpy as np

from topology import _kernels_extent
from topology.masks import ABC, Flags, Ints, Masks, Signs, as_ints

__all__ = ["NONE", "Extent", "Options", "Reason", "Start", "Trace", "bits_to_flags"]

NONE = as_ints(np.empty(0, np.int32))
"""No nodes, or no branches."""


def _none() -> Ints:
    return NONE


class Reason(IntEnum):
    """Why a trace stops at a branch."""

    OPEN = _kernels_extent.OPEN
    """It does not conduct the phases that reach it."""
    BARRIER = _kernels_extent.BARRIER
    """The caller said so."""
    FEEDER_HEAD = _kernels_extent.FEEDER_HEAD
    """Another feeder begins here."""
    SUBSTATION = _kernels_extent.SUBSTATION
    """A transformer of a substation."""
    PHASE_END = _kernels_extent.PHASE_END
    """It has none of the phases that reach it."""


@dataclass(frozen=True, slots=True, eq=False)
class Start:
    """Where a trace starts: any number of nodes and branches. Takes any sequence of whole numbers."""

    nodes: Ints = field(default_factory=_none)
    """Start nodes, (nodes,)."""
    branches: Ints = field(default_factory=_none)
    """Start branches, (branches,)."""
    terminal: Ints = field(default_factory=_none)
    """Per start branch 0 for both ends, 1 for u, 2 for v; empty means 0 everywhere, (branches,)."""

    def __post_init__(self) -> None:
        for name in ("nodes", "branches", "terminal"):
            object.__setattr__(self, name, as_ints(getattr(self, name)))
        if self.terminal.size == 0 and self.branches.size:
            object.__setattr__(self, "terminal", as_ints(np.zeros(self.branches.size, np.int32)))
        if self.terminal.shape != self.branches.shape:
            raise ValueError(f"{self.branches.size} start branches, but {self.terminal.size} terminals")
        if self.terminal.size and (self.terminal.min() < 0 or self.terminal.max() > 2):
            raise ValueError(f"terminal is {self.terminal.tolist()}, expected 0, 1 or 2 each")


@dataclass(frozen=True, slots=True, eq=False)
class Options:
    """What restrains a trace."""

    phases: int = ABC
    """Only these phases are followed."""
    barriers: Ints = field(default_factory=_none)
    """Branches that stop a trace, and that directions are found without, (barriers,)."""
    include_barriers: bool = True
    """Whether barriers that were met appear among the boundaries."""
    ignore_barriers_at_start: bool = False
    """Whether a trace that starts on a barrier leaves it; otherwise it stops at once."""
    filter_barriers: Ints = field(default_factory=_none)
    """Branches that stop a trace after directions are known, (barriers,)."""
    ignore_status: bool = False
    """Whether open switches are crossed (connected and subnetwork only)."""

    def __post_init__(self) -> None:
        for name in ("barriers", "filter_barriers"):
            object.__setattr__(self, name, as_ints(getattr(self, name)))


@dataclass(frozen=True, slots=True, eq=False)
class Extent:
    """What a trace found, without order or depth: all that sums need."""

    node_phases: Masks
    """Phases that the trace brought to each node, 0 outside it, (nodes,)."""
    branch_phases: Masks
    """Phases of the trace that each branch carries, 0 outside it, (branches,)."""
    boundaries: Ints
    """As in `Trace`, as are the reasons, sources and status."""
    boundary_reasons: Masks
    sources: Ints
    status: str = "ok"

    @property
    def node_bits(self) -> Masks:
        """One bit a node, little bit order (node `n` is bit `n % 8` of byte `n // 8`), filled up with 0."""
        return np.packbits(self.node_phases, bitorder="little")

    @property
    def branch_bits(self) -> Masks:
        """One bit a branch, in the same way."""
        return np.packbits(self.branch_phases, bitorder="little")


def bits_to_flags(bits: Masks, count: int) -> Flags:
    """Back from `node_bits` or `branch_bits`: whether each of `count` nodes or branches is in it, (count,).

    Raises ValueError for bits of another count.
    """
    if bits.shape != ((count + 7) // 8,):
        raise ValueError(f"{bits.size} bytes of bits, expected {(count + 7) // 8} for {count}")
    return np.unpackbits(bits, count=count, bitorder="little").view(np.bool_)


@dataclass(frozen=True, slots=True, eq=False)
class Trace:
    """What a trace found, by depth, then number. Depth counts branches from the start, which is at 0."""

    nodes: Ints
    node_depth: Ints
    node_phases: Masks
    """Phases that the trace brought to each node."""
    branches: Ints
    branch_depth: Ints
    branch_phases: Masks
    """Phases of the trace that each branch carries."""
    branch_flow: Signs
    """1 from u to v, -1 from v to u, 0 where both ways, neither, or phases differ."""
    boundaries: Ints
    """Branches that were met and not crossed, by number."""
    boundary_reasons: Masks
    """Why, as `Reason`."""
    sources: Ints
    """Source nodes that were reached, by number. An upstream trace lists them here, not among the nodes."""
    status: str = "ok"
    """"ok", or "not_energized" where every start is dead, so that nothing is up or down."""
