"""Seeded networks, straight into arrays: feeders of a given depth, with or without a mesh, and whole utilities."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from topology.benchmark import Case, Inputs
from topology.graph import build
from topology.masks import Masks

FEEDER_NODES = 2_000

LINE, BREAKER, COUPLER, TIE, SMALL_SWITCH = range(5)
"""What a branch of a utility is; a small switch is a fuse of a lateral or a switch in a trunk."""


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


@dataclass(frozen=True)
class Shape:
    """What all substations of a utility have in common."""

    feeders: int = 10
    """Feeders of a substation, half of them on each of its two busbars."""
    trunk: int = 200
    """Nodes of a feeder's trunk; each has a lateral."""
    lateral: tuple[int, ...] = (0, 1, 2, 3, 4, 5, 6, 7, 8)
    """The node before each one of a lateral, 0 for the trunk's, k for the lateral's k-th."""

    @property
    def feeder_nodes(self) -> int:
        return self.trunk * (1 + len(self.lateral))

    @property
    def substation_nodes(self) -> int:
        return 4 + self.feeders * self.feeder_nodes


def utility(nodes: int, shape: Shape | None = None, seed: int = 0) -> Case:
    """About so many nodes of substations, their feeders tied to each other; at least one substation."""
    shape = shape or Shape()
    substations = max(1, nodes // shape.substation_nodes)
    inputs, kinds = substations_of(substations, shape, seed)
    return numbered("utility", inputs, kinds)


def substations_of(substations: int, shape: Shape, seed: int = 0) -> tuple[Inputs, Masks]:
    """Arrays for `build`, and what each branch is.

    A substation is two sources, each behind a breaker on a busbar, a closed coupler between these, and feeders.
    A feeder has a breaker, a switch in every twentieth section of its trunk, and laterals of one or three phases
    behind a fuse. An open tie joins the ends of neighbouring trunks; every fifth trunk has a closed ring.
    """
    rng = np.random.default_rng(seed)
    base = np.arange(substations) * shape.substation_nodes
    feeders = (base[:, None] + 4 + np.arange(shape.feeders) * shape.feeder_nodes).ravel()
    trunk = feeders[:, None] + np.arange(shape.trunk) * (1 + len(shape.lateral))
    busbar = (base[:, None] + 2 + np.arange(shape.feeders) % 2).ravel()
    before = np.concatenate((busbar[:, None], trunk[:, :-1]), axis=1)
    sections = np.where(np.arange(shape.trunk) % 20 == 10, SMALL_SWITCH, LINE)
    sections[0] = BREAKER
    own = trunk[:, :, None] + 1 + np.arange(len(shape.lateral))
    above = trunk[:, :, None] + np.array(shape.lateral)
    laterals = np.full(len(shape.lateral), LINE)
    laterals[0] = SMALL_SWITCH
    phases = np.broadcast_to(rng.choice(np.array([7, 1, 2, 4], np.uint8), (*trunk.shape, 1)), own.shape)
    third, two_thirds = trunk[::5, shape.trunk // 3], trunk[::5, 2 * shape.trunk // 3]
    parts = [  # from, to, kind, phases
        (base, base + 2, BREAKER, 7),
        (base + 1, base + 3, BREAKER, 7),
        (base + 2, base + 3, COUPLER, 7),
        (before, trunk, sections, 7),
        (above, own, laterals, phases),
        (trunk[:-1, -1], trunk[1:, -1], TIE, 7),
        (third, two_thirds, LINE, 7),
    ]
    u, v = (np.concatenate([part[k].ravel() for part in parts]).astype(np.int32) for k in (0, 1))  # type: ignore[union-attr]
    kinds, masks = (
        np.concatenate([np.broadcast_to(np.asarray(part[k], np.uint8), part[0].shape).ravel() for part in parts])
        for k in (2, 3)
    )
    node_count = substations * shape.substation_nodes
    sources = np.zeros(node_count, np.uint8)
    sources[base], sources[base + 1] = 7, 7
    return (node_count, u, v, masks, np.where(kinds == TIE, np.uint8(0), masks), sources), kinds


def numbered(name: str, inputs: Inputs, kinds: Masks | None = None) -> Case:
    """A case of what `build` makes of the arrays; without kinds, feeders hang on node 1, the busbar."""
    numbering = build(*inputs)
    conducting, fed = np.empty_like(inputs[4]), np.empty_like(inputs[5])
    conducting[numbering.branch_number], fed[numbering.node_number] = inputs[4], inputs[5]
    ordered = None
    if kinds is not None:
        ordered = np.empty_like(kinds)
        ordered[numbering.branch_number] = kinds
    graph = numbering.graph
    heads = graph.parent_branch[graph.parent == 1] if ordered is None else np.flatnonzero(ordered == BREAKER)
    return Case(name, graph, conducting, fed, inputs, heads.astype(np.int32), ordered)


def _case(name: str, nodes: int, u: NDArray[np.int64], v: NDArray[np.int64], closed: Masks) -> Case:
    sources = np.zeros(nodes, np.uint8)
    sources[0] = 7
    return numbered(
        name, (nodes, u.astype(np.int32), v.astype(np.int32), np.full(u.size, 7, np.uint8), closed, sources)
    )
