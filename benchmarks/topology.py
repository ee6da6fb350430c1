"""Topology against the speed of memory, and peers beside us.

`python -m benchmarks.topology [--nodes 1000 1000000] [--peer-nodes 100000]` prints tables and writes
benchmarks/results/topology.json and topology.svg.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np

from benchmarks.topology_networks import FEEDER_NODES, meshed, radial, utility
from topology import benchmark
from topology.benchmark import Case
from topology.jit import warm_up
from topology.measure import Row, table
from topology.peers import PEERS, peers

RESULTS = Path(__file__).parent / "results"
SIZES = [1_000, 10_000, 100_000, 1_000_000, 10_000_000]
PEER_SIZES = [1_000, 10_000, 100_000, 1_000_000]
"""Peers stop here: at ten times as many nodes, dictionaries alone would take some 10 GB."""

CASES: tuple[Callable[[int], Case], ...] = (
    lambda nodes: radial(nodes, 100),
    lambda nodes: radial(nodes, FEEDER_NODES),
    lambda nodes: radial(nodes, 100, ties=max(2, nodes // 2_000)),
    lambda nodes: meshed(nodes, 0.05),
    lambda nodes: meshed(nodes, 0.3),
    utility,
)


def run(
    sizes: Sequence[int],
    peer_sizes: Sequence[int],
    operations: int = 400,
    told: Callable[[str], object] = lambda text: None,
) -> list[Row]:
    """Every benchmark at every size; `told` gets the lines of each case as soon as they are known."""
    warm_up()
    rows: list[Row] = []

    def add(more: list[Row]) -> None:
        lines = table(more).splitlines()
        told("\n".join(lines[1:] if rows else lines))
        rows.extend(more)

    for nodes in sizes:
        for make in CASES:
            add(benchmark.measured(make(nodes), operations))
    for nodes in peer_sizes:
        for make in (CASES[0], CASES[3]):
            add(peers(make(nodes)))
    return rows


def plot(rows: Sequence[Row]) -> str:
    """Propagation of the normal state, and peers, as SVG: nodes against milliseconds, both logarithmic."""
    series: dict[str, list[tuple[float, float]]] = {}
    for row in rows:
        if row.seconds is not None and (
            row.what == "propagation" or (row.what in PEERS and row.network.startswith("radial"))
        ):
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
    """Prints the table while it grows, writes the JSON and the plot."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nodes", type=int, nargs="*", default=SIZES)
    parser.add_argument("--peer-nodes", type=int, nargs="*", default=PEER_SIZES)
    parser.add_argument("--results", type=Path, default=RESULTS)
    chosen = parser.parse_args(arguments)
    rows = run(chosen.nodes, chosen.peer_nodes, told=lambda text: print(text, flush=True))
    chosen.results.mkdir(parents=True, exist_ok=True)
    (chosen.results / "topology.json").write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n")
    (chosen.results / "topology.svg").write_text(plot(rows))


if __name__ == "__main__":
    main()
