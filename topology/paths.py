"""Shortest paths, and the protective devices on the way to a source."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from topology import _kernels_paths
from topology._search import Search, flows
from topology.blocks import phase_groups
from topology.graph import Graph, small_states
from topology.jit import exercise
from topology.masks import Ints, Masks, as_ints, as_masks
from topology.results import NONE, Options, Start, Trace
from topology.trace import upstream

__all__ = ["Protection", "protection", "shortest_path"]


def shortest_path(
    graph: Graph,
    conducting: Masks,
    sources: Masks,
    start: Start,
    goal: Start,
    options: Options | None = None,
    weight: ArrayLike | None = None,
) -> Trace:
    """The shortest way from the start to the goal that one phase can take, in order from the start.

    weight: length of each branch, >= 0, (branches,), or None to count branches. Ties: fewer branches, then
    the lowest branch number at each step back from the goal. Start and goal branches are part of the path,
    but what they weigh is not. Barriers are not crossed. Status "unreachable" comes with an empty path.
    """
    options = options or Options()
    seen = graph.branch_phases if options.ignore_status else conducting
    search = Search(graph, seen, sources, start, options, conducting)
    target = Search(graph, seen, sources, goal, options)
    lengths = _lengths(graph, weight)
    crossable = search.crossable(one_sided=True)
    best: tuple[float, int, int, int, Ints] | None = None
    for phase, bits in phase_groups(search.limit, crossable, search.ends()[1], target.ends()[1]):
        nodes, masks = search.ends()
        goals = np.zeros(graph.node_count, np.bool_)
        goal_nodes, goal_masks = target.ends()
        goals[goal_nodes[goal_masks & phase > 0]] = True
        found, length, hops, back = _kernels_paths.shortest(
            graph.indptr,
            graph.adjacent_node,
            graph.adjacent_branch,
            crossable,
            phase,
            lengths,
            as_ints(nodes[masks & phase > 0]),
            goals,
        )
        if found >= 0 and (best is None or (length[found], hops[found]) < best[:2]):
            best = float(length[found]), int(hops[found]), found, bits, back
    if best is None:
        return _trace(search, NONE, NONE, 0, "unreachable")
    return _walk_back(search, target, *best[2:])


def _lengths(graph: Graph, weight: ArrayLike | None) -> NDArray[np.float64]:
    if weight is None:
        return np.ones(graph.branch_count)
    lengths = np.array(weight, np.float64)
    if lengths.shape != (graph.branch_count,):
        raise ValueError(f"weight has shape {lengths.shape}, expected ({graph.branch_count},)")
    if not (lengths >= 0).all():
        wrong = int(np.flatnonzero(~(lengths >= 0))[0])
        raise ValueError(f"branch {wrong} weighs {lengths[wrong]}, expected a number >= 0")
    return lengths


def _walk_back(search: Search, target: Search, found: int, bits: int, back: Ints) -> Trace:
    """Nodes and branches from the start to the node found, with the start and goal branches that touch it."""
    graph = search.graph
    nodes, branches = [found], []
    while back[nodes[-1]] >= 0:
        branch = int(back[nodes[-1]])
        branches.append(branch)
        nodes.append(int(graph.branch_u[branch] + graph.branch_v[branch] - nodes[-1]))
    nodes.reverse()
    branches.reverse()
    path = [*_touching(search, nodes[0])[:1], *branches]
    path += [branch for branch in _touching(target, found)[:1] if branch not in path]
    return _trace(search, as_ints(nodes), as_ints(path), bits, "ok")


def _touching(search: Search, node: int) -> list[int]:
    """Start branches at a node, ascending, if the node is not a start itself."""
    start, graph = search.start, search.graph
    if (start.nodes == node).any():
        return []
    at_u = (graph.branch_u[start.branches] == node) & (start.terminal != 2)
    at_v = (graph.branch_v[start.branches] == node) & (start.terminal != 1)
    return sorted(start.branches[at_u | at_v].tolist())


def _trace(search: Search, nodes: Ints, branches: Ints, bits: int, status: str) -> Trace:
    phases = np.full(branches.size, bits, np.uint8) & search.conducting[branches]
    state = search.conducting if search.state is None else search.state
    at_source = search.sources[nodes] & np.uint8(bits) > 0
    begins_on_branch = int(branches.size > 0 and branches[0] in search.start.branches)
    return Trace(
        nodes,
        np.arange(nodes.size, dtype=np.int32),
        np.full(nodes.size, bits, np.uint8),
        branches,
        np.arange(branches.size, dtype=np.int32) + np.int32(1 - begins_on_branch),
        phases,
        flows(search.graph, as_masks(state, search.graph.branch_count, "conducting"), search.sources, branches, phases),
        NONE,
        np.empty(0, np.uint8),
        np.unique(nodes[at_source]),
        status,
    )


@dataclass(frozen=True, slots=True, eq=False)
class Protection:
    """The devices that protect a start."""

    devices: Ints
    """Branches, ascending: none where there are fewer devices on the way."""
    ambiguous: bool
    """Whether a mesh has several of them."""
    status: str
    """"ok", or "not_energized"."""


def protection(
    graph: Graph,
    conducting: Masks,
    sources: Masks,
    start: Start,
    devices: ArrayLike,
    n: int = 1,
    options: Options | None = None,
    energized: Masks | None = None,
) -> Protection:
    """The n-th breakers, reclosers or fuses upstream of the start, which itself does not count.

    devices: whether each branch is one, (branches,). A zone is what no device divides; the n-th devices lead
    upstream out of the zones that n - 1 devices, at the fewest, separate from the start.
    """
    if n < 1:
        raise ValueError(f"n is {n}, expected n >= 1")
    is_device = np.array(devices, np.bool_)
    if is_device.shape != (graph.branch_count,):
        raise ValueError(f"devices has shape {is_device.shape}, expected ({graph.branch_count},)")
    trace = upstream(graph, conducting, sources, start, options, energized)
    if trace.status != "ok":
        return Protection(NONE, False, trace.status)
    inside = np.zeros(graph.branch_count, np.uint8)
    inside[trace.branches] = trace.branch_phases
    inside[start.branches] = 0
    passable = np.zeros(graph.node_count, np.bool_)  # not the sources, which end every way
    passable[trace.nodes] = True
    begins = trace.nodes[trace.node_depth == 0]
    distance = _kernels_paths.devices_between(
        graph.indptr, graph.adjacent_node, graph.adjacent_branch, inside, is_device, passable, as_ints(begins), n
    )
    others = trace.branches[~np.isin(trace.branches, start.branches)]
    candidates = others[is_device[others]]
    near = np.minimum(distance[graph.branch_u[candidates]], distance[graph.branch_v[candidates]])
    far = np.maximum(distance[graph.branch_u[candidates]], distance[graph.branch_v[candidates]])
    found = np.sort(candidates[(near == n - 1) & (far == n)])
    return Protection(found, found.size > 1, "ok")


@exercise
def _exercise() -> None:
    start, goal = Start(as_ints([1])), Start(as_ints([2]))
    for graph, conducting, sources in small_states():
        shortest_path(graph, conducting, sources, start, goal)
        protection(graph, conducting, sources, goal, [True] * graph.branch_count)
