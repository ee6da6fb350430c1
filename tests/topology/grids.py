"""Small grids from text, with names instead of numbers, and random ones.

A line is a source (`source S` or `source S A`), a lone node (`node X`), or a branch: its name, its two ends,
and in any order its phases (ABC unless given), `open`, `open=A` for one phase, `head`, `length=5`.
"""

import random
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from topology.graph import Graph, Numbering, build
from topology.results import Reason, Start, Trace

BITS = {"A": 1, "B": 2, "C": 4, "N": 8}
CASES = Path(__file__).parent.parent / "cases"


def mask(text: str) -> int:
    return sum(BITS[letter] for letter in text)


def text(mask: int) -> str:
    return "".join(letter for letter, bit in BITS.items() if mask & bit)


@dataclass
class Grid:
    """A grid in the order it was written, and its numbering."""

    nodes: list[str] = field(default_factory=list)
    branches: list[str] = field(default_factory=list)
    u: list[int] = field(default_factory=list)
    v: list[int] = field(default_factory=list)
    phases: list[int] = field(default_factory=list)
    normal: list[int] = field(default_factory=list)
    feeds: dict[int, int] = field(default_factory=dict)
    heads: list[str] = field(default_factory=list)
    length: list[float] = field(default_factory=list)

    def node(self, name: str) -> int:
        if name not in self.nodes:
            self.nodes.append(name)
        return self.nodes.index(name)

    @classmethod
    def from_text(cls, lines: str) -> "Grid":
        grid = cls()
        for line in lines.strip().splitlines():
            first, *rest = line.split()
            if first == "source":
                grid.feeds[grid.node(rest[0])] = mask(rest[1]) if len(rest) > 1 else 7
            elif first == "node":
                grid.node(rest[0])
            else:
                grid.add(first, *rest)
        return grid

    @classmethod
    def case(cls, name: str) -> "Grid":
        return cls.from_text((CASES / name / "grid.txt").read_text())

    def add(self, name: str, u: str, v: str, *words: str) -> None:
        phases, opened, length = 7, 0, 1.0
        for word in words:
            key, _, value = word.partition("=")
            if key == "open":
                opened = mask(value) if value else 15
            elif key == "head":
                self.heads.append(name)
            elif key == "length":
                length = float(value)
            else:
                phases = mask(key)
        self.branches.append(name)
        self.u.append(self.node(u))
        self.v.append(self.node(v))
        self.phases.append(phases)
        self.normal.append(phases & ~opened)
        self.length.append(length)

    def build(self) -> "Built":
        feeds = [self.feeds.get(node, 0) for node in range(len(self.nodes))]
        numbering = build(len(self.nodes), self.u, self.v, self.phases, self.normal, feeds)
        return Built(self, numbering)


class Built:
    """A numbered grid; state by name."""

    def __init__(self, grid: Grid, numbering: Numbering) -> None:
        self.grid = grid
        self.numbering = numbering
        self.graph: Graph = numbering.graph
        self.node_name = {int(n): grid.nodes[i] for i, n in enumerate(numbering.node_number)}
        self.branch_name = {int(n): grid.branches[i] for i, n in enumerate(numbering.branch_number)}
        self.node = {name: number for number, name in self.node_name.items()}
        self.branch = {name: number for number, name in self.branch_name.items()}
        self.sources = np.zeros(self.graph.node_count, np.uint8)
        for node, phases in grid.feeds.items():
            self.sources[numbering.node_number[node]] = phases
        self.conducting = np.zeros(self.graph.branch_count, np.uint8)
        self.conducting[numbering.branch_number] = grid.normal

    def operated(self, **masks: str) -> np.ndarray:
        """Conducting masks with some branches changed: `b5="ABC"`, `b3=""`."""
        conducting = self.conducting.copy()
        for name, phases in masks.items():
            conducting[self.branch[name]] = mask(phases)
        return conducting

    def start(self, *names: str, terminal: int = 0) -> Start:
        nodes = [self.node[name] for name in names if name in self.node]
        branches = [self.branch[name] for name in names if name in self.branch]
        return Start(nodes, branches, [terminal] * len(branches))

    def rows(self, *names: str) -> list[int]:
        return [self.branch[name] for name in names]

    def nodes_of(self, trace: Trace) -> set[str]:
        return {self.node_name[n] for n in trace.nodes.tolist()}

    def branches_of(self, trace: Trace) -> set[str]:
        return {self.branch_name[b] for b in trace.branches.tolist()}

    def sources_of(self, trace: Trace) -> set[str]:
        return {self.node_name[n] for n in trace.sources.tolist()}

    def boundaries_of(self, trace: Trace) -> dict[str, Reason]:
        pairs = zip(trace.boundaries.tolist(), trace.boundary_reasons.tolist(), strict=True)
        return {self.branch_name[b]: Reason(reason) for b, reason in pairs}


@dataclass(frozen=True)
class Multigraph:
    """A random small multigraph: phases, ties, doubled lines, self-loops, any number of sources."""

    node_count: int
    u: list[int]
    v: list[int]
    phases: list[int]
    conducting: list[int]
    sources: list[int]


def multigraph(seed: int, nodes: int = 7, extra: int = 4) -> Multigraph:
    """Deterministic by seed. Every third graph has three phases everywhere, so that meshes get dense."""
    rng = random.Random(seed)
    node_count = rng.randint(1, nodes)
    plain = seed % 3 == 0
    u, v, phases, conducting = [], [], [], []
    for _ in range(rng.randint(0, node_count + extra)):
        kind = rng.random()
        if u and kind < 0.12:
            twin = rng.randrange(len(u))
            ends = (v[twin], u[twin])
        elif kind < 0.18:
            ends = (rng.randrange(node_count),) * 2
        else:
            ends = (rng.randrange(node_count), rng.randrange(node_count))
        u.append(ends[0])
        v.append(ends[1])
        phases.append(7 if plain or rng.random() < 0.5 else rng.randrange(16))
        opened = 0 if rng.random() < 0.7 else (15 if plain else rng.choice((15, 15, 1, 2, 4, 3)))
        conducting.append(phases[-1] & ~opened)
    sources = [0] * node_count
    for _ in range(rng.choice((0, 1, 1, 1, 2, 2, 3))):
        sources[rng.randrange(node_count)] = 7 if plain or rng.random() < 0.6 else rng.randrange(16)
    return Multigraph(node_count, u, v, phases, conducting, sources)
