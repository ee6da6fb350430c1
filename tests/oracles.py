"""Plain-Python twins of every kernel: definitions spelled out, slow and independent of the arrays.

Branches are lists u, v (and masks) by position; nodes are 0 .. node_count-1. Simple paths and deletion say
what a trace holds, never blocks, intervals or incremental searches.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence

import networkx as nx

ROOT = -1
PHASES = (1, 2, 4)


def energize(
    node_count: int, u: Sequence[int], v: Sequence[int], conducting: Sequence[int], sources: Sequence[int]
) -> list[int]:
    """The least fixpoint, by sweeping over all branches until nothing changes."""
    alive = [mask & 7 for mask in sources]
    changed = True
    while changed:
        changed = False
        for a, b, mask in zip(u, v, conducting, strict=True):
            for near, far in ((a, b), (b, a)):
                gained = alive[near] & mask & ~alive[far]
                if gained:
                    alive[far] |= gained
                    changed = True
    return alive


def runs(before: Sequence[int], after: Sequence[int]) -> list[tuple[int, int, int, int]]:
    """Maximal runs of nodes alike before and alike after, where these differ."""
    found: list[tuple[int, int, int, int]] = []
    for node, (old, new) in enumerate(zip(before, after, strict=True)):
        if old == new:
            continue
        if found and found[-1][1] == node and found[-1][2:] == (old, new):
            found[-1] = (found[-1][0], node + 1, old, new)
        else:
            found.append((node, node + 1, old, new))
    return found


def numbering(
    node_count: int, u: Sequence[int], v: Sequence[int], conducting: Sequence[int], sources: Sequence[int]
) -> tuple[list[int], list[int], list[int]]:
    """Node numbers, branch numbers, and the parent of each numbered node, by lists and recursion."""
    around: list[list[tuple[int, int]]] = [[] for _ in range(node_count)]
    for branch, (a, b) in enumerate(zip(u, v, strict=True)):
        around[a].append((branch, b))
        if a != b:
            around[b].append((branch, a))
    parent: dict[int, int] = {}
    parent_branch: dict[int, int] = {}
    children: list[list[int]] = [[] for _ in range(node_count)]
    roots: list[int] = []

    def grow(seeds: list[int]) -> None:
        roots.extend(seeds)
        parent.update((seed, -1) for seed in seeds)
        queue = deque(seeds)
        while queue:
            node = queue.popleft()
            for branch, other in around[node]:
                if conducting[branch] & 7 and other not in parent:
                    parent[other], parent_branch[other] = node, branch
                    children[node].append(other)
                    queue.append(other)

    grow([node for node in range(node_count) if sources[node] & 7])
    for node in range(node_count):
        if node not in parent:
            grow([node])
    order: list[int] = []

    def visit(node: int) -> None:
        order.append(node)
        for child in children[node]:
            visit(child)

    for root in roots:
        visit(root)
    number = [order.index(node) for node in range(node_count)]
    forest = {branch: number[node] for node, branch in parent_branch.items()}
    anchored = sorted(
        range(len(u)),
        key=lambda b: (forest.get(b, max(number[u[b]], number[v[b]])), b not in forest, b),
    )
    branch_number = [anchored.index(branch) for branch in range(len(u))]
    return number, branch_number, [number[parent[n]] if parent[n] >= 0 else -1 for n in order]


def phase_graph(
    node_count: int,
    u: Sequence[int],
    v: Sequence[int],
    conducting: Sequence[int],
    sources: Sequence[int],
    phase: int,
    without_branch: int = -1,
) -> "nx.MultiGraph[int]":
    """What conducts one phase, keyed by branch, its sources merged into ROOT."""
    graph: nx.MultiGraph[int] = nx.MultiGraph()
    graph.add_node(ROOT)
    merged = [ROOT if sources[node] & phase else node for node in range(node_count)]
    graph.add_nodes_from(merged)
    for branch, (a, b) in enumerate(zip(u, v, strict=True)):
        if conducting[branch] & phase and branch != without_branch:
            graph.add_edge(merged[a], merged[b], key=branch)
    return graph


def simple_paths(graph: "nx.MultiGraph[int]", target: int) -> Iterator[tuple[list[int], list[int]]]:
    """Every simple path ROOT .. target, as its nodes and its branches."""
    if target == ROOT:
        yield [ROOT], []
        return
    for path in nx.all_simple_edge_paths(graph, ROOT, target):
        yield [ROOT, *(far for _, far, _ in path)], [branch for _, _, branch in path]


def direction(
    node_count: int, u: Sequence[int], v: Sequence[int], conducting: Sequence[int], sources: Sequence[int]
) -> list[list[int]]:
    """Per branch and phase: the ends that ROOT still reaches without it."""
    ways = []
    for branch, (a, b) in enumerate(zip(u, v, strict=True)):
        ways.append([0, 0, 0])
        for bit, phase in enumerate(PHASES):
            if a != b and conducting[branch] & phase:
                left = [mask & ~(phase * (k == branch)) for k, mask in enumerate(conducting)]
                alive = energize(node_count, u, v, left, sources)
                ways[-1][bit] = (1 if alive[a] & phase else 0) + (2 if alive[b] & phase else 0)
    return ways


class Upstream:
    """Phases of the nodes, branches and sources on simple paths from ROOT to the starts."""

    def __init__(
        self,
        node_count: int,
        u: Sequence[int],
        v: Sequence[int],
        conducting: Sequence[int],
        sources: Sequence[int],
        nodes: Iterable[int],
        branches: Iterable[int],
        limit: int = 7,
        phases: Sequence[int] | None = None,
    ) -> None:
        self.nodes = [0] * node_count
        self.branches = [0] * len(u)
        ways = direction(node_count, u, v, conducting, sources)
        nodes, branches = list(nodes), list(branches)
        for bit, phase in enumerate(PHASES):
            if not limit & phase:
                continue
            graph = phase_graph(node_count, u, v, conducting, sources, phase)
            ends = set(nodes)
            for branch in branches:
                if conducting[branch] & phase:
                    self.branches[branch] |= phase
                    sides = {0: (), 1: (u[branch],), 2: (v[branch],), 3: (u[branch], v[branch])}
                    ends |= set(sides[ways[branch][bit]])
                    if u[branch] == v[branch]:
                        ends.add(u[branch])
                elif not conducting[branch] & limit and (phases is None or phases[branch] & phase):
                    ends |= {u[branch], v[branch]}
            for end in ends:
                target = ROOT if sources[end] & phase else end
                if not nx.has_path(graph, ROOT, target):
                    continue
                if target == ROOT and end in nodes:
                    self.nodes[end] |= phase
                for path_nodes, path_branches in simple_paths(graph, target):
                    for node in path_nodes:
                        if node != ROOT:
                            self.nodes[node] |= phase
                    for branch in path_branches:
                        self.branches[branch] |= phase


def lost_without(
    node_count: int,
    u: Sequence[int],
    v: Sequence[int],
    conducting: Sequence[int],
    sources: Sequence[int],
    node: int = -2,
    branch: int = -2,
) -> list[int]:
    """Phases that each node loses when a node or a branch is deleted; a node loses its own."""
    before = energize(node_count, u, v, conducting, sources)
    left = [
        0 if k == branch or node in (a, b) else mask
        for k, (a, b, mask) in enumerate(zip(u, v, conducting, strict=True))
    ]
    fed = [0 if k == node else mask for k, mask in enumerate(sources)]
    after = energize(node_count, u, v, left, fed)
    return [old & ~new for old, new in zip(before, after, strict=True)]


def fed_through(
    node_count: int,
    u: Sequence[int],
    v: Sequence[int],
    conducting: Sequence[int],
    sources: Sequence[int],
    node: int = -2,
    branch: int = -2,
) -> list[int]:
    """Phases that a simple path brings to each node after it passed a node or crossed a branch."""
    through = [0] * node_count
    for phase in PHASES:
        graph = phase_graph(node_count, u, v, conducting, sources, phase)
        if node >= 0 and sources[node] & phase:
            through[node] |= phase
        for target in range(node_count):
            if sources[target] & phase or target not in graph:
                continue
            for path_nodes, path_branches in simple_paths(graph, target):
                if node >= 0 and sources[node] & phase:
                    passes = node in (u[path_branches[0]], v[path_branches[0]])
                else:
                    passes = node in path_nodes or branch in path_branches
                if passes:
                    through[target] |= phase
                    break
    return through


def spread(
    node_count: int,
    u: Sequence[int],
    v: Sequence[int],
    conducting: Sequence[int],
    starts: Iterable[tuple[int, int]],
    allowed: Sequence[int] | None = None,
) -> tuple[list[int], dict[int, int]]:
    """Phases that reach each node from the starts (node, mask), and the fewest branches to it."""
    reach = [0] * node_count
    depth: dict[int, int] = {}
    layer = [(node, mask & (7 if allowed is None else allowed[node])) for node, mask in starts]
    level = 0
    while layer:
        following = []
        fresh = []
        for node, mask in layer:
            gained = mask & ~reach[node]
            if gained:
                reach[node] |= gained
                depth.setdefault(node, level)
                fresh.append((node, gained))
        for node, mask in fresh:
            for a, b, through in zip(u, v, conducting, strict=True):
                for near, far in ((a, b), (b, a)):
                    if near == node and mask & through:
                        carried = mask & through & (7 if allowed is None else allowed[far])
                        following.append((far, carried))
        layer = following
        level += 1
    return reach, depth


def weight_lost(
    node_count: int,
    u: Sequence[int],
    v: Sequence[int],
    conducting: Sequence[int],
    sources: Sequence[int],
    points: Sequence[tuple[int, int, int]],
) -> list[int]:
    """Per branch the weight of points (node, phases, weight) that lose a phase when it is deleted."""
    totals = []
    for branch in range(len(u)):
        lost = lost_without(node_count, u, v, conducting, sources, branch=branch)
        totals.append(sum(weight for node, phases, weight in points if lost[node] & phases))
    return totals


def shortest(
    node_count: int,
    u: Sequence[int],
    v: Sequence[int],
    conducting: Sequence[int],
    weight: Sequence[float],
    start: int,
    goal: int,
    limit: int = 7,
) -> tuple[list[int], float] | None:
    """Branches of the shortest path in any one phase: by length, number, then the lowest read backwards."""
    best = None
    for phase in PHASES:
        graph = phase_graph(node_count, u, v, conducting, [0] * node_count, phase & limit)
        if start == goal:
            paths: Iterable[list[tuple[int, int, int]]] = [[]]
        else:
            paths = nx.all_simple_edge_paths(graph, start, goal)
        keys = []
        for path in paths:
            branches = [branch for _, _, branch in path]
            keys.append((sum(weight[b] for b in branches), len(branches), branches[::-1]))
        if keys and phase & limit and (best is None or min(keys)[:2] < best[:2]):
            best = min(keys)
    return None if best is None else (best[2][::-1], best[0])


def on_cycles(
    node_count: int, u: Sequence[int], v: Sequence[int], conducting: Sequence[int], phase: int
) -> tuple[set[int], int]:
    """Branches that lie on a cycle of a phase, and how many independent cycles there are."""
    graph = phase_graph(node_count, u, v, conducting, [0] * node_count, phase)
    members = set()
    count = 0
    for branch, (a, b) in enumerate(zip(u, v, strict=True)):
        if a != b and conducting[branch] & phase:
            graph.remove_edge(a, b, key=branch)
            if nx.has_path(graph, a, b):
                members.add(branch)
            graph.add_edge(a, b, key=branch)
            count += 1
    parts = nx.number_connected_components(graph)
    return members, count - graph.number_of_nodes() + parts


def first_devices(
    up: Upstream, u: Sequence[int], v: Sequence[int], devices: set[int], starts: Iterable[int], n: int
) -> set[int]:
    """The n-th devices: those that lead on from nodes that n - 1 devices, at the fewest, separate."""
    fewest = dict.fromkeys(starts, 0)
    changed = True
    while changed:
        changed = False
        for branch, mask in enumerate(up.branches):
            step = int(branch in devices)
            for near, far in ((u[branch], v[branch]), (v[branch], u[branch])):
                if mask and near in fewest and up.nodes[near] and fewest[near] + step < fewest.get(far, 99):
                    fewest[far] = fewest[near] + step
                    changed = True
    found = set()
    for branch in devices:
        ends = sorted((fewest.get(u[branch], 99), fewest.get(v[branch], 99)))
        if up.branches[branch] and ends == [n - 1, n]:
            found.add(branch)
    return found
