"""Isolating a fault, and restoring supply around it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from topology.energize import Energizer, energize
from topology.graph import Graph, small_states
from topology.jit import exercise
from topology.loops import exclusive_weight
from topology.masks import ABC, Flags, Ints, Masks, as_ints, as_masks
from topology.paths import shortest_path
from topology.results import NONE, Start, Trace
from topology.trace import connected, upstream

__all__ = ["Isolation", "Restoration", "isolation", "restorations"]


@dataclass(frozen=True, slots=True, eq=False)
class Isolation:
    """How to take something out of supply."""

    switches: Ints
    """Closed operable switches to open, ascending: the first outward with a source beyond."""
    ties: Ints
    """Open operable switches at the section, ascending, which must stay open."""
    nodes: Ints
    """The section: nodes that stay without supply, ascending."""
    branches: Ints
    """Branches of the section, ascending."""
    beyond: Ints
    """Nodes outside the section that lose a phase, ascending."""
    beyond_phases: Masks
    """The phases they lose."""
    status: str
    """"ok", or "not_isolable" where a source is reached without a switch."""
    path: Ints
    """Branches from the start to that source, in order."""
    section: Trace
    """The section by depth; its phases are all three where anything conducts."""


def isolation(graph: Graph, conducting: ArrayLike, sources: ArrayLike, start: Start, operable: ArrayLike) -> Isolation:
    """What to open so that the start, all of its phases, is dead.

    operable: which branches are switches that may be operated, (branches,). A start that is a switch is part
    of the section.
    """
    conducting = as_masks(conducting, graph.branch_count, "conducting")
    sources = as_masks(sources, graph.node_count, "sources")
    may = _flags(operable, graph.branch_count, "operable")
    closed = may & (conducting & ABC > 0)
    # A node is dead when all of its phases are, so that the section spreads over any phase.
    within = np.where((conducting & ABC > 0) & ~closed, np.uint8(ABC), np.uint8(0))
    within[start.branches] = np.where(conducting[start.branches] & ABC > 0, np.uint8(ABC), np.uint8(0))
    feeds = np.where(sources & ABC > 0, np.uint8(ABC), np.uint8(0))
    section = connected(graph, within, feeds, start)
    inside = np.zeros(graph.node_count, np.bool_)
    inside[section.nodes] = True
    borders = inside[graph.branch_u] != inside[graph.branch_v]
    border = np.flatnonzero(closed & borders).astype(np.int32)
    opened = conducting.copy()
    opened[border] = 0
    without = sources.copy()
    without[inside] = 0
    alive = energize(graph, opened, without)
    far = np.where(inside[graph.branch_u[border]], graph.branch_v[border], graph.branch_u[border])
    switches = border[alive[far] & conducting[border] > 0]
    ties = np.flatnonzero(may & ~closed & borders & (graph.branch_phases & ABC > 0)).astype(np.int32)
    lost = energize(graph, conducting, sources) & ~alive & np.uint8(ABC)
    beyond = np.flatnonzero((lost > 0) & ~inside).astype(np.int32)
    path = NONE
    if section.sources.size:
        path = shortest_path(graph, within, feeds, start, Start(section.sources)).branches
    return Isolation(
        switches,
        ties,
        np.sort(section.nodes),
        np.sort(section.branches),
        beyond,
        lost[beyond],
        "not_isolable" if section.sources.size else "ok",
        path,
        section,
    )


@dataclass(frozen=True, slots=True, eq=False)
class Restoration:
    """An open tie that would bring supply back."""

    tie: int
    """The branch to close."""
    openings: Ints
    """Closed switches to open first, so that the faulted section stays dead, ascending."""
    customers: int
    """Weight of the points that get back a phase they lost."""
    nodes: Ints
    """Nodes that get back a phase, ascending."""
    headroom: float | None
    """What the weakest branch on the way could still carry afterwards; None where a rating is missing."""

    @property
    def operations(self) -> int:
        """Switches to operate."""
        return 1 + int(self.openings.size)


def restorations(
    graph: Graph,
    conducting: ArrayLike,
    sources: ArrayLike,
    operable: ArrayLike,
    section: ArrayLike,
    point_ptr: ArrayLike,
    point_phases: ArrayLike,
    point_weight: ArrayLike,
    rating: ArrayLike | None = None,
    point_load: ArrayLike | None = None,
) -> list[Restoration]:
    """Ties that restore supply around a faulted section, best first.

    By customers, then headroom (unknown last), then operations, then number. A tie has one side live and the
    other dead in a phase of its own, reaches no node of the section, and closes no loop in any phase.
    section: nodes that must stay dead. Points as in `exclusive_weight`. rating: what each branch can carry,
    NaN where unknown, inf where nothing limits it, (branches,); point_load: what each point draws, NaN where
    unknown, (points,), in the same unit.
    """
    conducting = as_masks(conducting, graph.branch_count, "conducting")
    sources = as_masks(sources, graph.node_count, "sources")
    may = _flags(operable, graph.branch_count, "operable")
    faulted = np.zeros(graph.node_count, np.bool_)
    faulted[as_ints(section)] = True
    borders = faulted[graph.branch_u] != faulted[graph.branch_v]
    # The faulted section is cut out; what it takes to do so is counted where a tie feeds the other side.
    cut = conducting.copy()
    cut[borders | faulted[graph.branch_u]] = 0
    fed = sources.copy()
    fed[faulted] = 0
    energizer = Energizer(graph, cut, fed)
    pointer = np.asarray(point_ptr, np.int64)
    weights = np.asarray(point_weight, np.int64)
    phases = as_masks(point_phases, weights.size, "point_phases")
    spare = None
    if rating is not None:
        loads = np.zeros(weights.size) if point_load is None else np.asarray(point_load, np.float64)
        known = np.rint(np.nan_to_num(loads)).astype(np.int64)
        spare = np.asarray(rating, np.float64) - exclusive_weight(graph, cut, fed, pointer, phases, known)
        missing = np.isnan(loads).astype(np.int64)
        if missing.any():
            spare[exclusive_weight(graph, cut, fed, pointer, phases, missing) > 0] = np.nan
    found = []
    for tie in _candidates(graph, cut, energizer.energized, may, faulted).tolist():
        before = energizer.energized.copy() if spare is not None else energizer.energized
        changes = energizer.operate([tie], [graph.branch_phases[tie]])
        runs = zip(changes.lo.tolist(), changes.hi.tolist(), changes.before, changes.after, strict=True)
        customers, drawn = 0, 0.0
        for lo, hi, old, new in runs:
            points = slice(int(pointer[lo]), int(pointer[hi]))
            back = phases[points] & new & ~old > 0
            customers += int(weights[points][back].sum())
            if spare is not None and point_load is not None:
                drawn += float(np.asarray(point_load, np.float64)[points][back].sum())
        nodes = np.concatenate([np.arange(lo, hi) for lo, hi in zip(changes.lo, changes.hi, strict=True)])
        energizer.operate([tie], [cut[tie]])
        restored = np.zeros(graph.node_count, np.bool_)
        restored[nodes] = True
        touches = borders & (conducting & ABC > 0) & (restored[graph.branch_u] | restored[graph.branch_v])
        headroom = None
        if spare is not None:
            headroom = _headroom(graph, cut, fed, before, tie, restored, spare, drawn)
        openings = np.flatnonzero(touches).astype(np.int32)
        if (may[openings]).all():
            found.append(Restoration(tie, openings, customers, nodes.astype(np.int32), headroom))
    return sorted(
        found,
        key=lambda r: (-r.customers, r.headroom is None, -(r.headroom or 0.0), r.operations, r.tie),
    )


def _candidates(graph: Graph, conducting: Masks, energized: Masks, may: Flags, faulted: Flags) -> Ints:
    """Open operable branches outside the section that bring a phase somewhere new and join nothing live."""
    u, v = graph.branch_u, graph.branch_v
    closing = graph.branch_phases & ~conducting & np.uint8(ABC)
    gains = closing & (energized[u] ^ energized[v])
    loops = closing & energized[u] & energized[v]
    return np.flatnonzero(may & (gains > 0) & (loops == 0) & ~faulted[u] & ~faulted[v]).astype(np.int32)


def _headroom(
    graph: Graph,
    conducting: Masks,
    sources: Masks,
    energized: Masks,
    tie: int,
    restored: Flags,
    spare: NDArray[np.float64],
    drawn: float,
) -> float | None:
    """The least that is left on the tie and on the way to the source that would feed it."""
    u, v = int(graph.branch_u[tie]), int(graph.branch_v[tie])
    live = v if restored[u] else u
    way = upstream(graph, conducting, sources, Start(as_ints([live])), energized=energized)
    left = float(np.append(spare[way.branches], spare[tie]).min()) - drawn
    return None if np.isnan(left) else left


def _flags(values: ArrayLike, size: int, name: str) -> Flags:
    flags = np.asarray(values, np.bool_)
    if flags.shape != (size,):
        raise ValueError(f"{name} has shape {flags.shape}, expected ({size},)")
    return flags


@exercise
def _exercise() -> None:
    for graph, conducting, sources in small_states():
        may = [True] * graph.branch_count
        isolation(graph, conducting, sources, Start(as_ints([1])), may)
        restorations(graph, conducting, sources, may, [1], np.arange(6), [7] * 5, [1] * 5)
