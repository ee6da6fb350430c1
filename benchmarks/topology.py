"""Topology against the speed of memory, and peers beside us.

`python -m benchmarks.topology [--nodes 1000 1000000] [--peer-nodes 100000]` prints tables and writes
benchmarks/results/topology.json and topology.svg.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import ModuleType

import networkx as nx
import numpy as np
from numpy.typing import NDArray

from benchmarks.topology_networks import FEEDER_NODES, Case, meshed, radial
from topology.energize import Energizer, energize
from topology.graph import Graph, build
from topology.jit import warm_up
from topology.loops import exclusive_weight
from topology.restore import isolation
from topology.results import Start
from topology.trace import connected, downstream, upstream

RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True)
class Row:
    """One measurement."""

    what: str
    network: str
    nodes: int
    seconds: float | None
    """Median, None where it was not measured."""
    worst: float | None = None
    """99th percentile of single operations."""
    copies: float | None = None
    """Times the copying of 7 bytes a node, or of the answer."""
    note: str = ""


def median(call: Callable[[], object], budget: float = 0.5) -> float:
    """Median seconds of at least 3 calls, within about `budget` seconds."""
    taken: list[float] = []
    while len(taken) < 3 or (sum(taken) < budget and len(taken) < 200):
        start = time.perf_counter()
        call()
        taken.append(time.perf_counter() - start)
    return float(np.median(taken))


def copy_seconds(size: int) -> float:
    """Seconds to copy so many bytes from one array to another."""
    source, target = np.ones(size, np.uint8), np.empty(size, np.uint8)
    return median(lambda: np.copyto(target, source))


def propagation(case: Case) -> list[Row]:
    """The whole network, all phases: normal, and with 1 % of the branches open."""
    copy = copy_seconds(7 * case.nodes)
    opened = case.conducting.copy()
    opened[np.random.default_rng(2).random(opened.size) < 0.01] = 0
    rows = []
    for what, conducting in (("propagation", case.conducting), ("propagation, 1 % open", opened)):
        conducting.flags.writeable = False
        seconds = median(lambda c=conducting: energize(case.graph, c, case.sources))  # type: ignore[misc]
        rows.append(Row(what, case.name, case.nodes, seconds, copies=seconds / copy))
    return rows


def building(case: Case) -> list[Row]:
    """Numbering, CSR and intervals from arrays."""
    return [Row("build", case.name, case.nodes, median(lambda: build(*case.build_inputs), 1.0))]


def operating(case: Case, operations: int = 400) -> list[Row]:
    """One switch at a time, Python included: any, feeder heads, ties with their feeder out, the largest."""
    graph, rng = case.graph, np.random.default_rng(3)
    energizer = Energizer(graph, case.conducting, case.sources)
    heads = graph.parent_branch[_feeders(graph)]
    kinds = {
        "operate any branch": rng.integers(0, graph.branch_count, operations),
        "operate a feeder head": rng.choice(heads, operations),
        "operate the substation's breaker": np.repeat(graph.parent_branch[1], 10),
    }
    rows = []
    for what, branches in kinds.items():
        taken: list[float] = []
        for branch in np.asarray(branches, np.int32):
            for mask in (0, graph.branch_phases[branch], case.conducting[branch]):
                taken.append(_operate(energizer, branch, mask))
        rows.append(Row(what, case.name, case.nodes, *_spread(taken)))
    ties = [b for b in graph.chord.tolist() if not case.conducting[b]][:operations]
    if ties:
        rows += _back_feeding(case, energizer, ties)
    batches = [_batch(energizer, graph.branch_count, rng) for _ in range(20)]
    rows.append(Row("operate a batch of 50", case.name, case.nodes, *_spread(batches)))
    if not np.array_equal(energizer.energized, energize(graph, energizer.conducting, case.sources)):
        raise AssertionError("the incremental result differs from the whole one")
    return rows


def _feeders(graph: Graph) -> NDArray[np.int64]:
    """First nodes of the feeders, which all hang on the busbar, node 1."""
    return np.flatnonzero(graph.parent == 1)


def _operate(energizer: Energizer, branch: int, mask: int) -> float:
    branches, masks = np.array([branch], np.int32), np.array([mask], np.uint8)
    start = time.perf_counter()
    energizer.operate(branches, masks)
    return time.perf_counter() - start


def _back_feeding(case: Case, energizer: Energizer, ties: Sequence[int]) -> list[Row]:
    """A tie closed after its feeder's head opened, and a head opened while a tie is closed."""
    graph = case.graph
    restored, opened = [], []
    for tie in ties:
        node = int(max(graph.branch_u[tie], graph.branch_v[tie]))
        if node < 2:
            continue
        while graph.parent[node] > 1:
            node = int(graph.parent[node])
        head = int(graph.parent_branch[node])
        _operate(energizer, head, 0)
        restored.append(_operate(energizer, tie, 7))
        _operate(energizer, head, 7)
        opened.append(_operate(energizer, head, 0))
        _operate(energizer, tie, 0)
        _operate(energizer, head, 7)
    return [
        Row("close a tie, head open", case.name, case.nodes, *_spread(restored)),
        Row("open a head, tie closed", case.name, case.nodes, *_spread(opened)),
    ]


def _batch(energizer: Energizer, branch_count: int, rng: np.random.Generator) -> float:
    branches = rng.choice(branch_count, min(50, branch_count), replace=False).astype(np.int32)
    masks = rng.choice(np.array([0, 7], np.uint8), branches.size)
    start = time.perf_counter()
    energizer.operate(branches, masks)
    return time.perf_counter() - start


def _spread(taken: Sequence[float]) -> tuple[float, float]:
    return float(np.median(taken)), float(np.percentile(taken, 99))


def tracing(case: Case) -> list[Row]:
    """Single traces, and the customers behind every branch."""
    graph, conducting, sources = case.graph, case.conducting, case.sources
    energized = energize(graph, conducting, sources)
    rng = np.random.default_rng(4)
    rows = []
    for what, starts in (
        ("downstream, any node", rng.integers(2, case.nodes, 100)),
        ("downstream, a feeder", _feeders(graph)[:100]),
    ):
        traces, copies = [], []
        for node in starts.tolist():
            begins = time.perf_counter()
            trace = downstream(graph, conducting, sources, Start(np.array([node])), energized=energized)
            ends = time.perf_counter()
            for column in (trace.nodes, trace.node_depth, trace.branches, trace.branch_depth):
                column.copy()
            for narrow in (trace.node_phases, trace.branch_phases, trace.branch_flow):
                narrow.copy()
            traces.append(ends - begins)
            copies.append(time.perf_counter() - ends)
        seconds = float(np.median(traces))
        rows.append(Row(what, case.name, case.nodes, seconds, copies=seconds / float(np.median(copies))))
    deepest = Start(np.array([int(graph.depth.argmax())]))
    state = (graph, conducting, sources, deepest)
    may = np.ones(graph.branch_count, np.bool_)
    points = (np.arange(case.nodes + 1), np.full(case.nodes, 7, np.uint8), np.ones(case.nodes, np.int64))
    calls: dict[str, Callable[[], object]] = {
        "upstream, the deepest node": lambda: upstream(*state, energized=energized),
        "connected, everything": lambda: connected(*state),
        "isolation": lambda: isolation(*state, may),
        "exclusive weight of every branch": lambda: exclusive_weight(graph, conducting, sources, *points),
    }
    rows += [Row(what, case.name, case.nodes, median(call)) for what, call in calls.items()]
    return rows


def _networkx(case: Case) -> Callable[[], object]:
    graph: nx.Graph[int] = nx.Graph()
    graph.add_nodes_from(range(case.nodes))
    graph.add_edges_from((u, v) for u, v in _closed(case).tolist())
    return lambda: [nx.node_connected_component(graph, 0) for _ in range(3)]


def _scipy(case: Case) -> Callable[[], object]:
    sparse, csgraph = importlib.import_module("scipy.sparse"), importlib.import_module("scipy.sparse.csgraph")
    edges = _closed(case)
    ones = np.ones(len(edges), np.int8)
    matrix = sparse.coo_array((ones, edges.T.astype(np.int32)), shape=(case.nodes, case.nodes)).tocsr()
    return lambda: [csgraph.connected_components(matrix, directed=False) for _ in range(3)]


def _igraph(case: Case) -> Callable[[], object]:
    graph = importlib.import_module("igraph").Graph(n=case.nodes, edges=_closed(case))
    return lambda: [graph.subcomponent(0) for _ in range(3)]


def _rustworkx(case: Case) -> Callable[[], object]:
    module = importlib.import_module("rustworkx")
    graph = module.PyGraph()
    graph.add_nodes_from([None] * case.nodes)
    graph.add_edges_from_no_data([tuple(edge) for edge in _closed(case).tolist()])
    return lambda: [module.node_connected_component(graph, 0) for _ in range(3)]


def _networkit(case: Case) -> Callable[[], object]:
    module: ModuleType = importlib.import_module("networkit")
    edges = _closed(case)
    graph = module.GraphFromCoo((edges[:, 0], edges[:, 1]), n=case.nodes, weighted=False, directed=False)
    return lambda: [module.components.ConnectedComponents(graph).run() for _ in range(3)]


PEERS: dict[str, Callable[[Case], Callable[[], object]]] = {
    "networkx": _networkx,
    "scipy": _scipy,
    "igraph": _igraph,
    "rustworkx": _rustworkx,
    "networkit": _networkit,
}
"""What each does: who is reached from the source, three times (once a phase), its graph made beforehand."""


def _closed(case: Case) -> NDArray[np.int64]:
    """Ends of the branches that conduct, self-loops left out, (branches, 2)."""
    ends = np.stack((case.graph.branch_u, case.graph.branch_v), axis=1).astype(np.int64)
    closed: NDArray[np.int64] = ends[(case.conducting > 0) & (ends[:, 0] != ends[:, 1])]
    return closed


def peers(case: Case) -> list[Row]:
    """The whole network by others."""
    ours = median(lambda: energize(case.graph, case.conducting, case.sources))
    rows = [Row("gridtwin", case.name, case.nodes, ours, note="1 ×")]
    for name, prepare in PEERS.items():
        if importlib.util.find_spec(name) is None:
            rows.append(Row(name, case.name, case.nodes, None, note="not installed"))
            continue
        seconds = median(prepare(case))
        rows.append(Row(name, case.name, case.nodes, seconds, note=f"{seconds / ours:,.0f} ×"))
    return rows


CASES: tuple[Callable[[int], Case], ...] = (
    lambda nodes: radial(nodes, 100),
    lambda nodes: radial(nodes, FEEDER_NODES),
    lambda nodes: radial(nodes, 100, ties=max(2, nodes // 2_000)),
    lambda nodes: meshed(nodes, 0.05),
    lambda nodes: meshed(nodes, 0.3),
)


def run(sizes: Sequence[int], peer_sizes: Sequence[int], operations: int = 400) -> list[Row]:
    """Every benchmark at every size."""
    warm_up()
    rows: list[Row] = []
    for nodes in sizes:
        for make in CASES:
            case = make(nodes)
            rows += building(case) + propagation(case) + operating(case, operations) + tracing(case)
    for nodes in peer_sizes:
        rows += peers(radial(nodes, 100))
    return rows


def table(rows: Sequence[Row]) -> str:
    """The rows as text."""
    lines = [f"{'':34} {'network':26} {'nodes':>11} {'median ms':>11} {'p99 ms':>9} {'copies':>8}"]
    for row in rows:
        numbers = [row.seconds and row.seconds * 1e3, row.worst and row.worst * 1e3, row.copies]
        cells = ["" if n is None else f"{n:,.4f}" if n < 1 else f"{n:,.1f}" for n in numbers]
        cells = [f"{cell:>{width}}" for cell, width in zip(cells, (11, 9, 8), strict=True)]
        lines.append(f"{row.what:34} {row.network:26} {row.nodes:11,} {' '.join(cells)} {row.note}".rstrip())
    return "\n".join(lines)


def plot(rows: Sequence[Row]) -> str:
    """Propagation of the normal state, and peers, as SVG: nodes against milliseconds, both logarithmic."""
    series: dict[str, list[tuple[float, float]]] = {}
    for row in rows:
        if row.seconds is not None and (row.what == "propagation" or row.what in PEERS):
            name = row.network if row.what == "propagation" else row.what
            series.setdefault(name, []).append((np.log10(row.nodes), np.log10(row.seconds * 1e3)))
    points = np.array([point for line in series.values() for point in line])
    low, high = np.floor(points.min(axis=0)), np.ceil(points.max(axis=0)) + 1e-9
    colours = (
        "#1b6ca8",
        "#d1495b",
        "#2e933c",
        "#8e44ad",
        "#e08e0b",
        "#555",
        "#17a398",
        "#a0522d",
        "#c71585",
        "#708090",
    )

    def place(point: tuple[float, float]) -> tuple[float, float]:
        x, y = (np.array(point) - low) / (high - low)
        return 60 + 480 * float(x), 380 - 340 * float(y)

    parts = ['<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 760 430" font-family="sans-serif" font-size="12">']
    for power in range(int(low[0]), int(high[0]) + 1):
        x, _ = place((power, low[1]))
        parts.append(
            f'<path d="M{x:.1f} 40V380" stroke="#ddd"/><text x="{x:.1f}" y="398" text-anchor="middle">1e{power}</text>'
        )
    for power in range(int(low[1]), int(high[1]) + 1):
        _, y = place((low[0], power))
        parts.append(
            f'<path d="M60 {y:.1f}H540" stroke="#ddd"/><text x="54" y="{y + 4:.1f}" text-anchor="end">1e{power}</text>'
        )
    parts.append('<text x="300" y="420" text-anchor="middle">nodes</text><text x="60" y="28">milliseconds</text>')
    for at, (name, line) in enumerate(series.items()):
        colour = colours[at % len(colours)]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in map(place, sorted(line)))
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in map(place, line)]
        parts.append(f'<text x="556" y="{52 + 18 * at}" fill="{colour}">{name}</text>')
    return "\n".join([*parts, "</svg>", ""])


def main(arguments: Sequence[str] | None = None) -> None:
    """Prints the table, writes the JSON and the plot."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nodes", type=int, nargs="*", default=[1_000, 10_000, 100_000, 1_000_000])
    parser.add_argument("--peer-nodes", type=int, nargs="*", default=[1_000, 10_000, 100_000])
    parser.add_argument("--results", type=Path, default=RESULTS)
    chosen = parser.parse_args(arguments)
    rows = run(chosen.nodes, chosen.peer_nodes)
    print(table(rows))
    chosen.results.mkdir(parents=True, exist_ok=True)
    (chosen.results / "topology.json").write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n")
    (chosen.results / "topology.svg").write_text(plot(rows))


if __name__ == "__main__":
    main()
