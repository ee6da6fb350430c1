"""A nation in memory: feeders and meters straight into arrays, numbered, energised, traced and switched.

`python -m benchmarks.nation [--feeders 66000] [--meters 150000000] [--gigabytes 16]` prints a table and writes
benchmarks/results/nation.json. Every meter is a node behind a service line of its own.
"""

from __future__ import annotations

import argparse
import json
import math
import resource
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.topology_networks import BREAKER, COUPLER, SMALL_SWITCH, TIE, Shape, substations_of
from topology.energize import Energizer, energize
from topology.graph import Graph, build
from topology.jit import warm_up
from topology.masks import Masks
from topology.measure import copy_seconds
from topology.partitions import Partitions
from topology.results import Start
from topology.trace import downstream, upstream

RESULTS = Path(__file__).parent / "results"
FEEDERS_EACH = 10
"""Feeders of a substation."""
METERS_EACH = 25
"""Meters behind one transformer."""
PART_NODES = 2_000_000
"""Nodes numbered at once, about."""


@dataclass(frozen=True)
class Row:
    """One measurement."""

    what: str
    seconds: float
    worst: float | None = None
    gigabytes: float = 0.0
    """The process's peak so far."""
    note: str = ""


@dataclass(frozen=True)
class Nation:
    """A numbered network and its meters."""

    graph: Graph
    conducting: Masks
    sources: Masks
    kinds: Masks
    """What each branch is, LINE … SMALL_SWITCH of `topology_networks`, (branches,)."""
    meters_before: NDArray[np.int32]
    """Meters among the nodes below each number, (nodes + 1,)."""

    @property
    def meters(self) -> int:
        return int(self.meters_before[-1])


def shape_of(feeders: int, meters: int) -> Shape:
    """Feeders that hold so many meters together, at least."""
    transformers = max(2, math.ceil(meters / feeders / METERS_EACH))
    return Shape(FEEDERS_EACH, transformers, (0, *[1] * METERS_EACH))


def make(feeders: int, meters: int, seed: int = 0) -> Iterator[tuple[str, float] | Nation]:
    """Generates and numbers part by part, telling the seconds of each step; the nation comes last."""
    shape = shape_of(feeders, meters)
    substations = max(1, math.ceil(feeders / FEEDERS_EACH))
    each = max(1, PART_NODES // shape.substation_nodes)
    sizes = [min(each, substations - at) for at in range(0, substations, each)]
    node_count = substations * shape.substation_nodes
    # In each part: a tree on either source, the coupler, a ring in every fifth feeder, ties from feeder to feeder.
    branch_count = (
        node_count - substations + sum(math.ceil(size * FEEDERS_EACH / 5) + size * FEEDERS_EACH - 1 for size in sizes)
    )
    whole = Partitions(node_count, branch_count)
    conducting, kinds = np.empty(branch_count, np.uint8), np.empty(branch_count, np.uint8)
    sources = np.empty(node_count, np.uint8)
    meters_before = np.zeros(node_count + 1, np.int32)
    spent = {"generate": 0.0, "number": 0.0, "put together": 0.0}
    for at, size in enumerate(sizes):
        begin = time.perf_counter()
        inputs, kind = substations_of(size, shape, seed + at)
        metered = is_meter(size, shape)
        generated = time.perf_counter()
        numbering = build(*inputs)
        numbered = time.perf_counter()
        first, first_branch = whole.add(numbering.graph)
        branches = numbering.branch_number + np.int32(first_branch)
        nodes = numbering.node_number + np.int32(first)
        conducting[branches], kinds[branches], sources[nodes] = inputs[4], kind, inputs[5]
        meters_before[nodes + 1] = metered
        for what, seconds in zip(
            spent, (generated - begin, numbered - generated, time.perf_counter() - numbered), strict=True
        ):
            spent[what] += seconds
    begin = time.perf_counter()
    np.cumsum(meters_before, out=meters_before)
    graph = whole.graph()
    spent["put together"] += time.perf_counter() - begin
    for array in (conducting, sources):
        array.flags.writeable = False
    yield from spent.items()
    yield Nation(graph, conducting, sources, kinds, meters_before)


def is_meter(substations: int, shape: Shape) -> NDArray[np.bool_]:
    """Of each node as generated: all of a lateral but its first, which is the transformer's low-voltage side."""
    lateral = np.array([False, False, *[True] * (len(shape.lateral) - 1)])
    one = np.concatenate((np.zeros(4, np.bool_), np.tile(lateral, shape.feeders * shape.trunk)))
    return np.tile(one, substations)


def peak_gigabytes() -> float:
    """The most that the process held so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


@contextmanager
def at_most(gigabytes: float) -> Iterator[None]:
    """Asking for more memory than that fails here, rather than taking it from other processes."""
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (int(gigabytes * 2**30), before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


def timed(call: Callable[[], object], times: int = 3) -> float:
    """Median seconds."""
    taken = []
    for _ in range(times):
        begin = time.perf_counter()
        call()
        taken.append(time.perf_counter() - begin)
    return float(np.median(taken))


def run(feeders: int, meters: int, operations: int = 200, told: Callable[[Row], None] = lambda row: None) -> list[Row]:
    """All measurements; `told` gets each as soon as it is known."""
    rows: list[Row] = []

    def tell(what: str, seconds: float, worst: float | None = None, note: str = "") -> None:
        rows.append(Row(what, seconds, worst, round(peak_gigabytes(), 3), note))
        told(rows[-1])

    nation: Nation | None = None
    for step in make(feeders, meters):
        if isinstance(step, Nation):
            nation = step
        else:
            tell(*step)
    assert nation is not None
    graph = nation.graph
    size = sum(getattr(graph, field.name).nbytes for field in fields(graph))
    tell(
        "in memory", 0.0, note=f"{nation.meters:,} meters, {graph.node_count:,} nodes, {graph.branch_count:,} branches"
    )
    tell("graph alone", 0.0, note=f"{size / graph.node_count:.1f} bytes a node, {size / nation.meters:.1f} a meter")
    copy = copy_seconds(7 * graph.node_count)
    tell("copy 7 bytes a node", copy)
    seconds = timed(lambda: energize(graph, nation.conducting, nation.sources))
    tell("energise everything", seconds, note=f"{seconds / copy:.2f} copies")
    begin = time.perf_counter()
    energizer = Energizer(graph, nation.conducting, nation.sources)
    tell("energizer", time.perf_counter() - begin, note=f"{np.count_nonzero(energizer.energized):,} nodes alive")
    for step_ in (switch(nation, energizer, operations), trace(nation, energizer.energized, operations)):
        for what, taken, note in step_:
            tell(what, float(np.median(taken)), float(np.max(taken)), note)
    if not np.array_equal(energizer.energized, energize(graph, energizer.conducting, nation.sources)):
        raise AssertionError("the incremental result differs from the whole one")
    total = peak_gigabytes() * 2**30
    tell("peak", 0.0, note=f"{total / nation.meters:.1f} bytes a meter, Python, its packages and all scratch included")
    return rows


def switch(nation: Nation, energizer: Energizer, operations: int) -> Iterator[tuple[str, list[float], str]]:
    """Each kind of switch opened and closed, ties closed and opened, one by one."""
    rng = np.random.default_rng(5)
    names = {BREAKER: "a breaker", COUPLER: "a coupler", TIE: "a tie", SMALL_SWITCH: "a fuse or trunk switch"}
    for kind, name in names.items():
        taken, out = [], 0
        for branch in rng.choice(np.flatnonzero(nation.kinds == kind), operations).tolist():
            normal = nation.conducting[branch]
            other = 0 if normal else nation.graph.branch_phases[branch]
            for mask in (other, normal):
                given = np.array([branch], np.int32), np.array([mask], np.uint8)
                begin = time.perf_counter()
                changes = energizer.operate(*given)
                taken.append(time.perf_counter() - begin)
                out = max(out, int((nation.meters_before[changes.hi] - nation.meters_before[changes.lo]).sum()))
        yield f"operate {name}", taken, f"{out:,} meters at most"


def trace(nation: Nation, energized: Masks, operations: int) -> Iterator[tuple[str, list[float], str]]:
    """Downstream of any transformer, of feeder heads, and upstream of any meter; meters counted."""
    graph = nation.graph
    rng = np.random.default_rng(6)
    state = graph, nation.conducting, nation.sources
    heads = np.flatnonzero(nation.kinds == BREAKER)
    fuses = np.flatnonzero(nation.kinds == SMALL_SWITCH)
    for name, branches in (("a transformer", fuses), ("a feeder", heads)):
        taken, count = [], 0
        for branch in rng.choice(branches, min(operations, 50)).tolist():
            start = Start(np.array([max(graph.branch_u[branch], graph.branch_v[branch])]))
            begin = time.perf_counter()
            found = downstream(*state, start, energized=energized)
            meters = int((nation.meters_before[found.nodes + 1] - nation.meters_before[found.nodes]).sum())
            taken.append(time.perf_counter() - begin)
            count = max(count, meters)
        yield f"downstream of {name}, meters counted", taken, f"{count:,} meters at most"
    taken = []
    for node in rng.integers(0, graph.node_count, min(operations, 50)).tolist():
        begin = time.perf_counter()
        upstream(*state, Start(np.array([node])), energized=energized)
        taken.append(time.perf_counter() - begin)
    yield "upstream of any node", taken, ""


def line(row: Row) -> str:
    """One line of the table."""
    worst = "" if row.worst is None else f"{row.worst * 1e3:,.3f}"
    seconds = f"{row.seconds * 1e3:,.3f}" if row.seconds else ""
    return f"{row.what:42} {seconds:>14} {worst:>12} {row.gigabytes:9.2f}  {row.note}"


def main(arguments: Sequence[str] | None = None) -> None:
    """Prints the table while it grows and writes the JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--feeders", type=int, default=66_000)
    parser.add_argument("--meters", type=int, default=150_000_000)
    parser.add_argument("--gigabytes", type=float, default=16.0, help="address space that it may take")
    parser.add_argument("--results", type=Path, default=RESULTS)
    chosen = parser.parse_args(arguments)
    if chosen.feeders < 1 or chosen.meters < chosen.feeders:
        parser.error(f"--feeders {chosen.feeders} --meters {chosen.meters}: at least one feeder, and a meter on each")
    warm_up()
    print(f"{'':42} {'ms':>14} {'worst ms':>12} {'peak GB':>9}")
    with at_most(chosen.gigabytes):
        try:
            rows = run(chosen.feeders, chosen.meters, told=lambda row: print(line(row), flush=True))
        except MemoryError:
            sys.exit(f"{chosen.meters:,} meters do not fit in --gigabytes {chosen.gigabytes:g}")
    chosen.results.mkdir(parents=True, exist_ok=True)
    (chosen.results / "nation.json").write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n")


if __name__ == "__main__":
    main()
