"""The topology benchmark: what one network costs us, beside the speed of memory."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from topology import extent, sums
from topology.energize import Energizer, energize
from topology.graph import Graph, build
from topology.interval import interval
from topology.loops import exclusive_weight
from topology.masks import Ints, Masks
from topology.measure import Row, bandwidth, median, row, spread
from topology.restore import isolation
from topology.results import Start
from topology.trace import connected, downstream, upstream

__all__ = ["Case", "Inputs", "building", "measured", "operating", "propagation", "tracing"]

BUDGET = 3.0
"""Seconds after which no more single traces, or operations, of a kind are begun."""

Inputs = tuple[int, NDArray[np.int32], NDArray[np.int32], Masks, Masks, Masks]
"""What `build` takes: node count, ends u and v, phases, conducting, sources."""


@dataclass(frozen=True)
class Case:
    """A numbered network in its normal state."""

    name: str
    graph: Graph
    conducting: Masks
    sources: Masks
    build_inputs: Inputs
    heads: Ints
    """Branches at the heads of feeders."""
    kinds: Masks | None = None
    """What each branch is, where the network was generated with such, (branches,)."""
    customers_before: NDArray[np.int64] | None = None
    """Customers at all lower numbers, (nodes + 1,); one a node where left out."""

    @property
    def nodes(self) -> int:
        """How many there are."""
        return self.graph.node_count

    def breaker(self) -> int:
        """The branch with the most nodes behind it, such as a substation's breaker."""
        below = np.where(self.graph.parent < 0, 0, self.graph.end - np.arange(self.nodes))
        return int(self.graph.parent_branch[below.argmax()])


def measured(case: Case, operations: int = 400) -> list[Row]:
    """Everything below; a network without any branch is only built and energised."""
    rows = building(case) + propagation(case)
    if case.graph.branch_count:
        rows += operating(case, operations) + tracing(case)
    return rows


def building(case: Case) -> list[Row]:
    """Numbering, CSR and intervals from arrays."""
    size = sum(getattr(case.graph, field.name).nbytes for field in fields(case.graph))
    size += sum(array.nbytes for array in case.build_inputs[1:] if isinstance(array, np.ndarray))
    return [
        row("build", case.name, case.nodes, median(lambda: build(*case.build_inputs), 1.0), size, bandwidth(case.nodes))
    ]


def propagation(case: Case) -> list[Row]:
    """The whole network, all phases: normal, and with 1 % of the branches open; beside 7 bytes a node."""
    speed = bandwidth(case.nodes)
    opened = case.conducting.copy()
    opened[np.random.default_rng(2).random(opened.size) < 0.01] = 0
    rows = []
    for what, conducting in (("propagation", case.conducting), ("propagation, 1 % open", opened)):
        conducting.flags.writeable = False
        seconds = median(lambda c=conducting: energize(case.graph, c, case.sources))  # type: ignore[misc]
        rows.append(row(what, case.name, case.nodes, seconds, 7 * case.nodes, speed))
    return rows


def operating(case: Case, operations: int = 400) -> list[Row]:
    """One switch at a time, Python included: any, feeder heads, ties with their feeder out, the largest.

    Beside the copying of two bytes for each node that changed. Checks the outcome against the whole computation.
    """
    graph, rng = case.graph, np.random.default_rng(3)
    energizer = Energizer(graph, case.conducting, case.sources)
    timing = _Operations(case, energizer, bandwidth(case.nodes))
    kinds = {
        "operate any branch": rng.integers(0, graph.branch_count, operations),
        "operate a feeder's head": rng.choice(case.heads, operations) if case.heads.size else (),
        "operate the largest breaker": np.repeat(case.breaker(), 10),
    }
    rows = []
    for what, branches in kinds.items():
        for branch in np.asarray(branches, np.int32).tolist():
            if sum(timing.taken) > BUDGET:
                break
            for mask in (0, graph.branch_phases[branch], case.conducting[branch]):
                timing.operate(branch, mask)
        rows += timing.told(what)
    ties = graph.chord[case.conducting[graph.chord] == 0][:operations].tolist()
    restored, opened = _Operations(case, energizer, timing.speed), _Operations(case, energizer, timing.speed)
    for tie in ties:
        head = _head_above(case, tie)
        if head is not None:
            timing.operate(head, 0)
            restored.operate(tie, graph.branch_phases[tie])
            timing.operate(head, case.conducting[head])
            opened.operate(head, 0)
            timing.operate(tie, 0)
            timing.operate(head, case.conducting[head])
    rows += restored.told("close a tie, head open") + opened.told("open a head, tie closed")
    timing.taken.clear()
    for _ in range(20):
        some = rng.choice(graph.branch_count, min(50, graph.branch_count), replace=False).astype(np.int32)
        timing.batch(some, rng.choice(np.array([0, 7], np.uint8), some.size))
    rows += timing.told("operate a batch of 50")
    if not np.array_equal(energizer.energized, energize(graph, energizer.conducting, case.sources)):
        raise AssertionError("the incremental result differs from the whole one")
    return rows


class _Operations:
    """What operations take, and how many nodes they change."""

    def __init__(self, case: Case, energizer: Energizer, speed: float) -> None:
        self.case, self.energizer, self.speed = case, energizer, speed
        self.taken: list[float] = []
        self.changed: list[int] = []

    def operate(self, branch: int, mask: int) -> None:
        self.batch(np.array([branch], np.int32), np.array([mask], np.uint8))

    def batch(self, branches: Ints, masks: Masks) -> None:
        start = time.perf_counter()
        changes = self.energizer.operate(branches, masks)
        self.taken.append(time.perf_counter() - start)
        self.changed.append(int((changes.hi - changes.lo).sum()))

    def told(self, what: str) -> list[Row]:
        """A row of what was done since the last one, if anything."""
        rows = []
        if self.taken:
            size = 2 * float(np.mean(self.changed))
            note = f"{np.mean(self.changed):,.0f} nodes change"
            rows = [row(what, self.case.name, self.case.nodes, spread(self.taken), size, self.speed, note)]
        self.taken, self.changed = [], []
        return rows


def _head_above(case: Case, tie: int) -> int | None:
    """The feeder's head above the higher end of a tie, if there is one."""
    graph = case.graph
    node = int(max(graph.branch_u[tie], graph.branch_v[tie]))
    heads = set(case.heads.tolist()) if case.heads.size < 64 else _Sorted(case.heads)
    while graph.parent[node] >= 0:
        if int(graph.parent_branch[node]) in heads:
            return int(graph.parent_branch[node])
        node = int(graph.parent[node])
    return None


class _Sorted:
    """Membership in sorted numbers, without making a set of many."""

    def __init__(self, numbers: Ints) -> None:
        self._numbers = np.sort(numbers)

    def __contains__(self, number: int) -> bool:
        at = int(np.searchsorted(self._numbers, number))
        return at < self._numbers.size and int(self._numbers[at]) == number


def tracing(case: Case) -> list[Row]:
    """Single traces with customers counted, beside the copying of their answer; and what goes over everything."""
    graph, conducting, sources = case.graph, case.conducting, case.sources
    energized, speed = energize(graph, conducting, sources), bandwidth(case.nodes)
    rng = np.random.default_rng(4)
    before = np.arange(case.nodes + 1) if case.customers_before is None else case.customers_before
    heads = np.maximum(graph.branch_u[case.heads], graph.branch_v[case.heads])
    rows = []
    for what, starts in (
        ("downstream and customers, any node", rng.integers(0, case.nodes, 100)),
        ("downstream and customers, a feeder", heads[:100]),
        ("downstream and customers, the largest", np.repeat(graph.branch_v[case.breaker()], 3)),
    ):
        taken: list[float] = []
        sizes: list[int] = []
        for node in starts.tolist():
            if sum(taken) > BUDGET:
                break
            begins = time.perf_counter()
            trace = downstream(graph, conducting, sources, Start(np.array([node])), energized=energized)
            customers(trace.nodes, before)
            taken.append(time.perf_counter() - begins)
            sizes.append(sum(column.nbytes for column in _columns(trace)))
        if taken:
            note = f"{np.median(sizes) / 1e3:,.1f} kB of answer"
            rows.append(row(what, case.name, case.nodes, spread(taken), float(np.median(sizes)), speed, note))
    rows += _intervals(case, heads[:100], rng, energized, before, speed) + _summed(case, energized, speed)
    deepest = Start(np.array([int(graph.depth.argmax())]))
    state = (graph, conducting, sources, deepest)
    may = np.ones(graph.branch_count, np.bool_)
    points = (np.arange(case.nodes + 1), np.full(case.nodes, 7, np.uint8), np.ones(case.nodes, np.int64))
    whole = sum(column.nbytes for column in _columns(connected(*state)))
    calls: dict[str, tuple[Callable[[], object], int]] = {
        "upstream, the deepest node": (lambda: upstream(*state, energized=energized), 0),
        "connected, everything": (lambda: connected(*state), whole),
        "isolation": (lambda: isolation(*state, may), 0),
        "exclusive weight of every branch": (
            lambda: exclusive_weight(graph, conducting, sources, *points),
            8 * graph.branch_count,
        ),
    }
    rows += [row(what, case.name, case.nodes, median(call), size, speed) for what, (call, size) in calls.items()]
    return rows


def _intervals(
    case: Case, heads: Ints, rng: np.random.Generator, energized: Masks, before: NDArray[np.int64], speed: float
) -> list[Row]:
    """The same where the answer is one run of numbers: found, checked to be exact, and weighed, but not listed."""
    rows = []
    for what, starts in (
        ("interval and customers, any node", rng.integers(0, case.nodes, 200)),
        ("interval and customers, a feeder", heads),
    ):
        taken, missed = [], 0
        for node in starts.tolist():
            begins = time.perf_counter()
            found = interval(case.graph, case.conducting, case.sources, energized, node=node)
            if found is not None:
                found.weight(before)
            taken.append(time.perf_counter() - begins)
            missed += found is None
        note = f"{missed} of {len(starts)} are no single run"
        rows.append(row(what, case.name, case.nodes, spread(taken), 0, speed, note))
    return rows


def _summed(case: Case, energized: Masks, speed: float) -> list[Row]:
    """Traces of everything with their sums, bounds and counts, and no element listed."""
    graph, conducting, sources = case.graph, case.conducting, case.sources
    nodes, branches = case.nodes, graph.branch_count
    random = np.random.default_rng(5)
    classes = random.integers(0, 3, branches).astype(np.uint8)
    sizes, lnglat = random.random(branches), random.random((nodes, 2))
    points, weights = np.arange(nodes, dtype=np.int32), np.ones(nodes, np.int64)
    service = np.full(nodes, 7, np.uint8)
    top, middle = Start(np.array([int(graph.branch_v[case.breaker()])])), Start(np.array([nodes // 2]))
    ways: dict[str, Callable[[], extent.Extent]] = {
        "connected to the middle": lambda: extent.connected(graph, conducting, sources, middle),
        "downstream of the breaker": lambda: extent.downstream(graph, conducting, sources, top, energized=energized),
    }

    def summed(way: Callable[[], extent.Extent]) -> None:
        found = way()
        sums.by_class(found, classes, sizes, 3)
        sums.points(found, points, service, weights)
        sums.bounds(graph, found, lnglat)

    return [
        row(f"sums of all that is {what}", case.name, nodes, median(lambda way=way: summed(way)), 0, speed)  # type: ignore[misc]
        for what, way in ways.items()
    ]


def customers(nodes: Ints, before: NDArray[np.int64]) -> int:
    """Customers at ascending nodes; before: those at all lower numbers, (nodes + 1,)."""
    if not nodes.size:
        return 0
    first, last = int(nodes[0]), int(nodes[-1])
    if last - first == nodes.size - 1:
        return int(before[last + 1] - before[first])
    return int((before[nodes + 1] - before[nodes]).sum())


def _columns(trace: object) -> Sequence[NDArray[np.generic]]:
    names = ("nodes", "node_depth", "node_phases", "branches", "branch_depth", "branch_phases", "branch_flow")
    return [getattr(trace, name) for name in names]
