"""Who serves which street of a made-up town: substations, feeders, and the tree in which each feeder follows them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from loaders.generate_streets import Streets
from topology.graph import Graph, build
from twin.phases import ABC

FEEDERS_PER_SUBSTATION = 6


@dataclass(frozen=True, slots=True, eq=False)
class Territory:
    """Streets in the order of a forest with a tree for each feeder; all arrays by that order.

    graph: over intersections and street segments; a root for each feeder. xy, density: as `Streets`, in that order.
    root: int32 (feeders,), ascending. feeder: int32 (intersections,). substation: int32 (feeders,), and site: int32
    (substations,), the intersection where each is. ways: the intersections from each feeder's substation to its root.
    """

    graph: Graph
    xy: NDArray[np.float64]
    density: NDArray[np.float64]
    root: NDArray[np.int32]
    feeder: NDArray[np.int32]
    substation: NDArray[np.int32]
    site: NDArray[np.int32]
    ways: list[NDArray[np.int32]]


def territory(town: Streets, feeders: int, rng: np.random.Generator) -> Territory:
    """Shares a town out among feeders, alike in people, and these among substations.

    Each feeder has what is nearer to its middle than to any other's, in street segments. It goes along one direction
    and its laterals along the other, since of two ways of one length the first that is looked at wins.
    """
    parts, group = _parts(town, feeders)
    middles = np.array([_middle(town, part) for part in parts], dtype=np.int32)
    sites = np.array(
        [
            _middle(town, np.concatenate([parts[at] for at in np.flatnonzero(group == g)]))
            for g in range(group.max() + 1)
        ],
        dtype=np.int32,
    )
    part_of = np.empty(len(town.xy), dtype=np.int32)
    for at, part in enumerate(parts):
        part_of[part] = at
    prefers_along = rng.random(len(parts)) < 0.5
    order = np.argsort(town.along != prefers_along[part_of[town.u]], kind="stable")
    u, v = town.u[order], town.v[order]
    graph, number = _grown(len(town.xy), u, v, middles)
    roots = number[middles]
    by_root = np.argsort(roots)
    feeder = np.cumsum(graph.parent < 0, dtype=np.int32) - 1
    inverse = np.argsort(number)
    reach, reach_number = _grown(len(town.xy), u, v, np.unique(sites))
    back = np.argsort(reach_number)
    ways = _ways(reach, reach_number[middles[by_root]])
    return Territory(
        graph,
        town.xy[inverse],
        town.density[inverse],
        roots[by_root].astype(np.int32),
        feeder.astype(np.int32),
        *_nearest(number, back, sites, ways),
        [number[back[way]][::-1].astype(np.int32) for way in ways],
    )


def _grown(
    count: int, u: NDArray[np.int32], v: NDArray[np.int32], roots: NDArray[np.int32]
) -> tuple[Graph, NDArray[np.int32]]:
    full = np.full(len(u), ABC, dtype=np.uint8)
    sources = np.zeros(count, dtype=np.uint8)
    sources[roots] = ABC
    numbering = build(count, u, v, full, full, sources)
    return numbering.graph, numbering.node_number


def _parts(town: Streets, feeders: int) -> tuple[list[NDArray[np.intp]], NDArray[np.int32]]:
    """Intersections of each part, halved again and again across the longer side, and the substation of each part."""
    parts: list[NDArray[np.intp]] = []
    group: list[int] = []
    pending = [(np.arange(len(town.xy)), feeders, -1)]
    groups = 0
    while pending:
        nodes, count, of_group = pending.pop()
        if of_group < 0 and count <= FEEDERS_PER_SUBSTATION:
            of_group, groups = groups, groups + 1
        if count == 1:
            parts.append(nodes)
            group.append(of_group)
            continue
        extent = np.ptp(town.xy[nodes], axis=0)
        ordered = nodes[np.argsort(town.xy[nodes, int(extent[1] > extent[0])], kind="stable")]
        weight = np.cumsum(town.density[ordered])
        first = count // 2
        cut = int(np.searchsorted(weight, weight[-1] * first / count))
        cut = min(max(cut, first), len(nodes) - (count - first))  # an intersection at least for each
        pending.append((ordered[cut:], count - first, of_group))
        pending.append((ordered[:cut], first, of_group))
    return parts, np.array(group, dtype=np.int32)


def _middle(town: Streets, nodes: NDArray[np.intp]) -> int:
    """The intersection nearest to where most people are."""
    middle = np.average(town.xy[nodes], axis=0, weights=town.density[nodes])
    return int(nodes[((town.xy[nodes] - middle) ** 2).sum(axis=1).argmin()])


def _ways(reach: Graph, starts: NDArray[np.int32]) -> list[NDArray[np.int32]]:
    """The nodes from each start up to its root, both included."""
    steps = [starts]
    while (steps[-1] >= 0).any():
        steps.append(np.where(steps[-1] >= 0, reach.parent[steps[-1]], -1))
    table = np.stack(steps, axis=1)
    return [row[row >= 0] for row in table]


def _nearest(
    number: NDArray[np.int32], back: NDArray[np.intp], sites: NDArray[np.int32], ways: list[NDArray[np.int32]]
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """The substation of each feeder, which is where its way ends, and where the substations are; those that no
    feeder is nearest to are left out."""
    ends = back[np.array([way[-1] for way in ways])]
    used, substation = np.unique(ends, return_inverse=True)
    assert set(used.tolist()) <= set(sites.tolist())
    return substation.astype(np.int32), number[used].astype(np.int32)
