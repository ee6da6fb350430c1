"""Seeded networks for the topology benchmark: feeders of a given depth, with or without a mesh."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from topology.graph import Graph, build
from topology.masks import Masks

FEEDER_NODES = 2_000


@dataclass(frozen=True)
class Case:
    """A numbered network in its normal state, one source."""

    name: str
    graph: Graph
    conducting: Masks
    sources: Masks
    build_inputs: tuple[int, NDArray[np.int32], NDArray[np.int32], Masks, Masks, Masks]

    @property
    def nodes(self) -> int:
        """How many there are."""
        return self.graph.node_count


def radial(nodes: int, depth: int, ties: int = 0, seed: int = 0) -> Case:
    """A source, its breaker, a busbar, feeders of 2,000 nodes about `depth` deep, open ties between any nodes."""
    u, v = _trees(nodes, depth, np.random.default_rng(seed))
    rng = np.random.default_rng(seed + 1)
    u = np.concatenate((u, rng.integers(0, nodes, ties)))
    v = np.concatenate((v, rng.integers(0, nodes, ties)))
    closed = np.full(u.size, 7, np.uint8)
    closed[nodes - 1 :] = 0
    return _case(f"radial, depth {depth}" + (f", {ties} ties" if ties else ""), nodes, u, v, closed)


def meshed(nodes: int, share: float = 0.05, seed: int = 0) -> Case:
    """Feeders 300 deep with a loop closed for every `share` of the nodes."""
    u, v = _trees(nodes, 300, np.random.default_rng(seed))
    rng = np.random.default_rng(seed + 1)
    loops = int(nodes * share)
    ends = rng.integers(0, nodes, loops)
    others = np.clip(ends + rng.integers(-50, 51, loops), 0, nodes - 1)
    u, v = np.concatenate((u, ends)), np.concatenate((v, others))
    return _case(f"meshed, {share:.0%} loops", nodes, u, v, np.full(u.size, 7, np.uint8))


def _trees(nodes: int, depth: int, rng: np.random.Generator) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    each = max(2, min(FEEDER_NODES, nodes - 2))
    child = np.arange(2, nodes)
    feeder, place = (child - 2) // each, (child - 2) % each
    steps = rng.integers(1, max(2, 2 * each // depth), nodes - 2)
    parent = np.where(place == 0, 1, np.maximum(child - steps, 2 + feeder * each))
    return np.append(0, parent), np.append(1, child)


def _case(name: str, nodes: int, u: NDArray[np.int64], v: NDArray[np.int64], closed: Masks) -> Case:
    sources = np.zeros(nodes, np.uint8)
    sources[0] = 7
    inputs = (nodes, u.astype(np.int32), v.astype(np.int32), np.full(u.size, 7, np.uint8), closed, sources)
    numbering = build(*inputs)
    conducting, fed = np.empty_like(closed), np.empty_like(sources)
    conducting[numbering.branch_number], fed[numbering.node_number] = closed, sources
    return Case(name, numbering.graph, conducting, fed, inputs)
