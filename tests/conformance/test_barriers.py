"""Barriers on random small multigraphs, beside their definitions spelled out over simple paths and deletions.

A plain barrier is taken out before directions are looked for; what nothing else feeds is then fed at its load side. A
filter barrier cuts a trace that was found without it: what is left is what the start still reaches within that trace.
A start that is a barrier of either kind is a boundary and nothing else, unless barriers at the start are ignored.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

import pytest

from tests import oracles
from tests.topology.test_trace import begins, masks_of, networks
from topology import _find
from topology._region import cut_out
from topology.results import Options, Reason, Start, Trace
from topology.trace import connected, downstream, upstream

COUNT = 320
ASKED = 4
"""Questions for each network."""

SOURCES, CONDUCTING = 4, 3


@pytest.fixture(autouse=True)
def regions(request, monkeypatch):
    """Every other part is traced as if its networks were parts of large ones."""
    if request.node.callspec.params.get("part", 0) % 2:
        monkeypatch.setattr(_find, "around", cut_out)


@dataclass(frozen=True)
class Asked:
    """A random network, a start, and barriers to put up."""

    graph: object
    plain: tuple
    state: tuple
    nodes: list[int]
    branches: list[int]
    barriers: list[int]
    filters: list[int]
    ignore: bool
    """Whether barriers at the start are ignored."""
    limit: int

    def options(self, **others: object) -> Options:
        given = {"barriers": self.barriers, "filter_barriers": self.filters, **others}
        return Options(self.limit, ignore_barriers_at_start=self.ignore, **given)

    def start(self) -> Start:
        return Start(self.nodes, self.branches)


def questions(part: int, kinds: str):
    """kinds: which of "b" barriers and "f" filter barriers there are."""
    for seed, graph, plain, conducting, sources in networks(part, COUNT, nodes=6, extra=4):
        if not graph.branch_count:
            continue
        rng = random.Random(seed)
        every = range(graph.branch_count)
        for _ in range(ASKED):
            chosen = {kind: rng.sample(every, min(rng.choice((1, 1, 2, 3)), len(every))) for kind in kinds}
            yield Asked(
                graph,
                plain,
                (graph, conducting, sources),
                rng.choices(range(graph.node_count), k=rng.choice((0, 1, 1, 1, 2))),
                rng.choices(every, k=rng.choice((0, 0, 1, 1))),
                chosen.get("b", []),
                chosen.get("f", []),
                rng.random() < 0.5,
                rng.choice((7, 7, 7, 1, 6)),
            )


class Restrained:
    """What barriers leave of a start and of a network."""

    def __init__(self, asked: Asked) -> None:
        barriers, filters = set(asked.barriers), set(asked.filters)
        self.halted = set() if asked.ignore else set(asked.branches) & (barriers | filters)
        self.branches = [branch for branch in asked.branches if branch not in self.halted]
        self.nodes = asked.nodes
        self.barriers, self.filters = barriers, filters
        if asked.ignore:
            self.barriers, self.filters = barriers - set(asked.branches), filters - set(asked.branches)
        self.stops = self.barriers | self.filters
        self.plain, self.feeding = without(asked.plain, self.barriers, asked.limit)
        self.begins = begins(asked.graph, asked.plain, self.nodes, self.branches, asked.limit)
        self.cut = [0 if b in self.stops else mask for b, mask in enumerate(asked.plain[CONDUCTING])]


def without(plain: tuple, barriers: set[int], limit: int) -> tuple[tuple, dict[int, int]]:
    """The network without its barriers, fed besides where only they did it; and phases fed so, by node."""
    node_count, u, v, conducting, sources = plain
    left = [0 if b in barriers else mask for b, mask in enumerate(conducting)]
    fed = list(sources)
    feeding: dict[int, int] = {}
    while True:
        alive = oracles.energize(node_count, u, v, left, fed)
        gains = [
            (far, conducting[b] & alive[near] & ~alive[far] & limit)
            for b in barriers
            for near, far in ((u[b], v[b]), (v[b], u[b]))
        ]
        if not any(gained for _, gained in gains):
            return (node_count, u, v, left, fed), feeding
        for far, gained in gains:
            if gained:
                fed[far] |= gained
                feeding[far] = feeding.get(far, 0) | gained


def reached(asked: Asked, held: Restrained, allowed: list[int] | None) -> list[int]:
    """Phases that the start brings to each node without crossing a barrier."""
    return oracles.spread(*asked.plain[:3], held.cut, held.begins, allowed)[0]


def boundaries(trace: Trace, reason: Reason) -> set[int]:
    pairs = zip(trace.boundaries.tolist(), trace.boundary_reasons.tolist(), strict=True)
    return {branch for branch, why in pairs if why == reason}


@pytest.mark.parametrize("part", range(4))
def test_connected(part):
    """Both kinds cut alike where there is no direction."""
    met = 0
    for asked in questions(part, "bf"):
        held = Restrained(asked)
        trace = connected(*asked.state, asked.start(), asked.options())
        reach = reached(asked, held, None)
        assert masks_of(trace.nodes, trace.node_phases, asked.graph.node_count) == reach
        _, u, v, conducting, _ = asked.plain
        carried = [
            0
            if b in held.stops | held.halted
            else conducting[b] & asked.limit & (7 if b in held.branches else reach[u[b]] | reach[v[b]])
            for b in range(asked.graph.branch_count)
        ]
        assert masks_of(trace.branches, trace.branch_phases, asked.graph.branch_count) == carried
        expected = {b for b in held.stops if conducting[b] & (reach[u[b]] | reach[v[b]])} | held.halted
        assert boundaries(trace, Reason.BARRIER) == expected
        met += len(expected)
    assert met > 100


@pytest.mark.parametrize("kinds", ["b", "f", "bf"])
@pytest.mark.parametrize("part", range(4))
def test_upstream(part, kinds):
    compared = 0
    for asked in questions(part, kinds):
        held = Restrained(asked)
        trace = upstream(*asked.state, asked.start(), asked.options())
        if is_dead(asked, held, trace):
            continue
        phases = asked.graph.branch_phases.tolist()
        up = oracles.Upstream(*held.plain, held.nodes, held.branches, asked.limit, phases)
        allowed = list(up.nodes)
        passed = [(node, mask) for b, mask in enumerate(up.branches) for node in (held.plain[1][b], held.plain[2][b])]
        for node, mask in [*passed, *held.begins]:  # a node that barriers feed is part of the trace, as sources are not
            allowed[node] |= mask & held.feeding.get(node, 0)
        reach = reached(asked, held, allowed)
        assert masks_of(trace.nodes, trace.node_phases, asked.graph.node_count) == reach, asked
        for branch, mask in zip(trace.branches.tolist(), trace.branch_phases.tolist(), strict=True):
            assert branch not in held.stops | held.halted
            assert mask == up.branches[branch] or branch in held.branches
        compared += len(trace.nodes)
        check_filters(asked, held, trace, upstream)
    assert compared > 80


@pytest.mark.parametrize("mode", ["flow", "exclusive"])
@pytest.mark.parametrize("kinds", ["b", "f", "bf"])
@pytest.mark.parametrize("part", range(4))
def test_downstream(part, kinds, mode):
    twin = oracles.fed_through if mode == "flow" else oracles.lost_without
    compared = 0
    for asked in questions(part, kinds):
        held = Restrained(asked)
        trace = ask_downstream(mode)(*asked.state, asked.start(), asked.options())
        if is_dead(asked, held, trace):
            continue
        allowed = [0] * asked.graph.node_count
        for kind, numbers in (("node", held.nodes), ("branch", held.branches)):
            for number in numbers:
                below = twin(*held.plain, **{kind: number})
                allowed = [one | other & asked.limit for one, other in zip(allowed, below, strict=True)]
        reach = reached(asked, held, allowed)
        assert masks_of(trace.nodes, trace.node_phases, asked.graph.node_count) == reach, asked
        _, u, v, conducting, _ = asked.plain
        carried = [
            0
            if b in held.stops | held.halted
            else conducting[b] & asked.limit & (7 if b in held.branches else reach[u[b]] & reach[v[b]])
            for b in range(asked.graph.branch_count)
        ]
        assert masks_of(trace.branches, trace.branch_phases, asked.graph.branch_count) == carried, asked
        compared += len(trace.nodes)
        check_filters(asked, held, trace, ask_downstream(mode))
    assert compared > 100


def ask_downstream(mode):
    return lambda *arguments: downstream(*arguments, mode=mode)


def is_dead(asked: Asked, held: Restrained, trace: Trace) -> bool:
    """Dead starts give an empty result with a status, and nothing else does."""
    alive = oracles.energize(*held.plain)
    dead = not held.halted and not any(alive[node] & mask for node, mask in held.begins)
    assert (trace.status == "not_energized") == dead
    if dead:
        assert trace.nodes.size == trace.branches.size == 0
    return dead


def check_filters(asked: Asked, held: Restrained, trace: Trace, ask) -> None:
    """A filter barrier bounds a trace where the trace would go over it if it were not there."""
    found = boundaries(trace, Reason.BARRIER)
    assert held.halted <= found <= held.stops | held.halted
    for branch in held.filters - held.barriers - held.halted - set(asked.branches):
        filters = [each for each in asked.filters if each != branch]
        crossed = branch in ask(*asked.state, asked.start(), asked.options(filter_barriers=filters)).branches.tolist()
        assert (branch in found) == crossed, (asked, branch)


@pytest.mark.parametrize("ask", [connected, upstream, ask_downstream("flow"), ask_downstream("exclusive")])
def test_barriers_are_left_out_if_so_asked(ask):
    """Nothing else changes."""
    hidden = 0
    for asked in questions(0, "bf"):
        shown = ask(*asked.state, asked.start(), asked.options())
        trace = ask(*asked.state, asked.start(), asked.options(include_barriers=False))
        assert trace.nodes.tolist() == shown.nodes.tolist()
        assert trace.branches.tolist() == shown.branches.tolist()
        barriers = boundaries(shown, Reason.BARRIER)
        assert set(trace.boundaries.tolist()) == set(shown.boundaries.tolist()) - barriers
        assert boundaries(trace, Reason.BARRIER) == set()
        hidden += len(barriers)
    assert hidden > 50
