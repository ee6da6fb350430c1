"""Which phases the conductors of an OpenDSS circuit carry.

A conductor is one node of one bus. Nodes 1, 2, 3 of the source are A, B, C; from there the phases go along lines
conductor by conductor, so that the two hot legs behind a split-phase transformer both carry the phase of its primary.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from topology.energize import energize
from topology.graph import Graph, build
from twin.phases import ABC, N

NODE_BITS = 8
MAX_NODE = (1 << NODE_BITS) - 1
"""The highest node of a bus."""

_OWN = {1: 1, 2: 2, 3: 4}


def conductor(bus: int, node: int) -> int:
    """The number of a node of a bus (its row)."""
    return bus << NODE_BITS | node


def conductors(bus: int, nodes: tuple[int, ...]) -> tuple[int, ...]:
    """The numbers of several nodes of a bus."""
    first = bus << NODE_BITS
    return tuple([first | node for node in nodes])


@dataclass(slots=True)
class Conductors:
    """How conductors hang together; all of them numbers from `conductor`."""

    joined: list[tuple[int, int]] = field(default_factory=list)
    """Of lines and three-phase transformers: what one carries, the other does."""
    open: list[tuple[int, int]] = field(default_factory=list)
    """The same of switches that are open."""
    fed: list[tuple[int, int]] = field(default_factory=list)
    """Of transformers with fewer phases: whichever is fed hands its phases to the other, never back."""
    sources: list[tuple[int, int]] = field(default_factory=list)
    """A conductor and the bit of its phase."""
    others: list[int] = field(default_factory=list)
    """Conductors that something hangs on."""

    def labelled(self) -> Labels:
        """The phases of every conductor. What no source reaches is labelled from its transformers, else by its node;
        what is none of A, B and C is N."""
        pairs = [np.array(part, dtype=np.int64).reshape(-1, 2) for part in (self.joined, self.open, self.fed)]
        sources = np.array(self.sources, dtype=np.int64).reshape(-1, 2)
        others = np.array(self.others, dtype=np.int64)
        codes = np.unique(np.concatenate([part.ravel() for part in pairs] + [sources[:, 0], others]))
        joined, opened, fed = (np.searchsorted(codes, part).astype(np.int32) for part in pairs)
        ends = np.concatenate([joined, opened])
        all_phases = np.full(len(ends), ABC, dtype=np.uint8)
        closed = all_phases.copy()
        closed[len(joined) :] = 0
        seeds = np.zeros(len(codes), dtype=np.uint8)
        np.bitwise_or.at(seeds, np.searchsorted(codes, sources[:, 0]), sources[:, 1].astype(np.uint8))
        numbering = build(len(codes), ends[:, 0], ends[:, 1], all_phases, closed, seeds)
        spread = _Spread(numbering.graph, numbering.node_number, numbering.branch_number, fed)
        own = np.array([_OWN.get(int(code) & MAX_NODE, 0) for code in codes.tolist()], dtype=np.uint8)
        label = spread(spread(seeds, closed), all_phases)
        primary = np.zeros(len(codes), dtype=np.uint8)
        primary[fed[:, 0]] = own[fed[:, 0]]
        label = spread(np.where(label == 0, primary, label), all_phases)
        label = spread(np.where(label == 0, own, label), all_phases)
        return Labels(codes, np.where(label == 0, N, label).astype(np.uint8))


class _Spread:
    """Spreads labels over conductors until nothing more is reached."""

    def __init__(
        self,
        graph: Graph,
        node_number: NDArray[np.int32],
        branch_number: NDArray[np.int32],
        fed: NDArray[np.int32],
    ) -> None:
        self._graph, self._node, self._branch = graph, node_number, branch_number
        self._ends = np.concatenate([fed, fed[:, ::-1]])

    def __call__(self, seeds: NDArray[np.uint8], conducting: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """uint8 (conductors,): seeds as given and what they reach; caller's order all through."""
        mask = np.empty_like(conducting)
        mask[self._branch] = conducting
        near, far = self._ends[:, 0], self._ends[:, 1]
        seeds = seeds.copy()
        while True:
            numbered = np.empty_like(seeds)
            numbered[self._node] = seeds
            label = energize(self._graph, mask, numbered)[self._node]
            new = (label[near] != 0) & (label[far] == 0)
            if not new.any():
                return label
            np.bitwise_or.at(seeds, far[new], label[near[new]])


@dataclass(frozen=True, slots=True, eq=False)
class Labels:
    """The phases of each conductor: codes ascending, phases uint8, both (conductors,)."""

    codes: NDArray[np.int64]
    phases: NDArray[np.uint8]

    def of(self, groups: Sequence[Sequence[int]]) -> NDArray[np.uint8]:
        """uint8 (groups,): all phases of the conductors of each group, 0 for an empty one."""
        sizes = np.array([len(group) for group in groups], dtype=np.int64)
        flat = np.array([code for group in groups for code in group], dtype=np.int64)
        found = np.zeros(len(groups), dtype=np.uint8)
        if len(flat):
            label = self.phases[np.searchsorted(self.codes, flat)]
            filled = sizes > 0
            starts = (np.cumsum(sizes) - sizes)[filled]
            found[filled] = np.bitwise_or.reduceat(label, starts)
        return found
