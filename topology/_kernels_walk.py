"""Breadth-first walks that carry phases, and what they met: arrays in, arrays out, never raise."""

import numpy as np

from topology._kernels_energize import next_set, uniform
from topology._kernels_extent import OPEN, PHASE_END
from topology.jit import kernel
from topology.masks import Ints, Longs, Masks, Signs


@kernel
def walk(
    indptr: Longs,
    adjacent_node: Ints,
    adjacent_branch: Ints,
    conducting: Masks,
    start_node: Ints,
    start_mask: Masks,
    left: Masks,
    depth: Ints,
) -> None:
    """Breadth-first from the starts, each carrying its phases, ANDed along the way: fills depth of the nodes reached.

    left: the phases that each node may take, less those it has taken on return. depth is -1 on entry.
    """
    queue_node = np.empty(256, np.int32)
    queue_mask = np.empty(256, np.uint8)
    tail = 0
    head = 0
    layer = 0
    layer_end = 0
    start = 0
    i = np.int64(0)
    i_end = np.int64(0)
    carried = np.uint8(0)
    while True:
        if start < start_node.size:
            other = start_node[start]
            gained = start_mask[start] & left[other]
            start += 1
        elif i < i_end:
            other = adjacent_node[i]
            gained = carried & conducting[adjacent_branch[i]] & left[other]
            i += 1
        elif head < tail:
            if head == layer_end:
                layer_end = tail
                layer += 1
            i = indptr[queue_node[head]]
            i_end = indptr[queue_node[head] + 1]
            carried = queue_mask[head]
            head += 1
            continue
        else:
            return
        if gained:
            left[other] &= ~gained
            if depth[other] < 0:
                depth[other] = layer
            if tail == queue_node.size:
                more_nodes = np.empty(4 * tail, np.int32)
                more_nodes[:tail] = queue_node
                queue_node = more_nodes
                more_masks = np.empty(4 * tail, np.uint8)
                more_masks[:tail] = queue_mask
                queue_mask = more_masks
            queue_node[tail] = other
            queue_mask[tail] = gained
            tail += 1


@kernel
def hangs(
    top: int,
    parent: Ints,
    end: Ints,
    chord_end_node: Ints,
    chord_end_branch: Ints,
    conducting: Masks,
    sources: Masks,
) -> bool:
    """Whether nothing feeds the subtree of a node but its parent branch: no chord that conducts, no source inside."""
    inside = sources[: end[top]]
    node = next_set(inside, top + (1 if parent[top] < 0 else 0))
    while node < inside.size:
        if inside[node] & 7:
            return False
        node = next_set(inside, node + 1)
    for i in range(np.searchsorted(chord_end_node, top), chord_end_node.size):
        if chord_end_node[i] >= end[top]:
            break
        if conducting[chord_end_branch[i]] & 7:
            return False
    return True


@kernel
def run_below(
    node: int,
    branch: int,
    limit: int,
    parent: Ints,
    parent_branch: Ints,
    end: Ints,
    chord_end_node: Ints,
    chord_end_branch: Ints,
    u: Ints,
    v: Ints,
    conducting: Masks,
    sources: Masks,
    energized: Masks,
) -> tuple[int, int, int]:
    """The interval that hangs on a node, or on a branch where that is not -1, and its phases; these are 0 if they vary.

    They are 0, too, where something else feeds the interval as well, and for a branch that is open or a chord.
    """
    top = node
    if branch >= 0:
        top = max(u[branch], v[branch])
        if parent_branch[top] != branch or not conducting[branch] & limit:
            return 0, 0, 0
    mask = energized[top] & limit
    if not uniform(energized[top : end[top]], limit):
        return 0, 0, 0
    if not hangs(top, parent, end, chord_end_node, chord_end_branch, conducting, sources):
        return 0, 0, 0
    return top, int(end[top]), int(mask)


@kernel
def hanging(
    top: int,
    limit: int,
    parent: Ints,
    parent_branch: Ints,
    end: Ints,
    depth: Ints,
    chord_end_node: Ints,
    chord_end_branch: Ints,
    u: Ints,
    v: Ints,
    phases: Masks,
    conducting: Masks,
    sources: Masks,
    energized: Masks,
) -> tuple[bool, Ints, Ints, Masks, Ints, Ints, Masks, Signs, Ints, Masks]:
    """What hangs on node `top` by its parent branch alone, already in order: the columns of a trace.

    The first value is False, and the rest empty, if a chord or a source inside feeds the subtree as well.
    """
    lo = top
    hi = np.int64(end[top])
    plain = hangs(top, parent, end, chord_end_node, chord_end_branch, conducting, sources)
    first_chord = int(np.searchsorted(chord_end_node, lo))
    last_chord = int(np.searchsorted(chord_end_node, hi))
    count = 0
    deepest = 0
    if plain:
        for node in range(lo, hi):
            if energized[node] & limit:
                count += 1
                deepest = max(deepest, depth[node] - depth[lo])
    at = np.zeros(deepest + 2, np.int64)
    nodes = np.empty(count, np.int32)
    node_depth = np.empty(count, np.int32)
    node_phases = np.empty(count, np.uint8)
    branch_count = max(count - 1, 0)
    branches = np.empty(branch_count, np.int32)
    branch_depth = np.empty(branch_count, np.int32)
    branch_phases = np.empty(branch_count, np.uint8)
    flow = np.empty(branch_count, np.int8)
    edges = np.empty(16, np.int32)
    edge_count = 0
    if plain:
        for node in range(lo, hi):
            if energized[node] & limit:
                at[depth[node] - depth[lo] + 1] += 1
        for level in range(deepest + 1):
            at[level + 1] += at[level]
        for node in range(lo, hi):
            mask = energized[node] & limit
            edge = parent_branch[node]
            if mask:
                level = depth[node] - depth[lo]
                place = at[level]
                at[level] += 1
                nodes[place] = node
                node_depth[place] = level
                node_phases[place] = mask
                if node > lo:
                    # The start has no branch above it in the trace, so that branches lag by one.
                    branches[place - 1] = edge
                    branch_depth[place - 1] = level
                    branch_phases[place - 1] = conducting[edge] & mask
                    flow[place - 1] = 1 if v[edge] == node else -1
            elif parent[node] >= 0 and energized[parent[node]] & limit and phases[edge] & limit:
                if edge_count == edges.size:
                    more_edges = np.empty(4 * edge_count, np.int32)
                    more_edges[:edge_count] = edges
                    edges = more_edges
                edges[edge_count] = edge
                edge_count += 1
        for i in range(first_chord, last_chord):
            edge = chord_end_branch[i]
            near = chord_end_node[i]
            far = u[edge] + v[edge] - near
            met = energized[near] & limit
            if lo <= far < hi:
                if far < near:
                    continue  # met at its other end already
                met |= energized[far] & limit
            if met and phases[edge] & limit:
                if edge_count == edges.size:
                    more_edges = np.empty(4 * edge_count, np.int32)
                    more_edges[:edge_count] = edges
                    edges = more_edges
                edges[edge_count] = edge
                edge_count += 1
    edges = np.sort(edges[:edge_count])
    reasons = np.empty(edge_count, np.uint8)
    for i in range(edge_count):
        met = np.uint8(0)
        if lo <= u[edges[i]] < hi:
            met |= energized[u[edges[i]]]
        if lo <= v[edges[i]] < hi:
            met |= energized[v[edges[i]]]
        reasons[i] = OPEN if phases[edges[i]] & met & limit else PHASE_END
    return (
        plain,
        nodes,
        node_depth,
        node_phases,
        branches,
        branch_depth,
        branch_phases,
        flow,
        edges,
        reasons,
    )


@kernel
def climb(node: int, parent: Ints, parent_branch: Ints, v: Ints) -> tuple[Ints, Ints, Signs]:
    """The nodes from `node` to its root, the branches between them, and their flow towards `node`."""
    steps = 0
    above = node
    while parent[above] >= 0:
        above = parent[above]
        steps += 1
    nodes = np.empty(steps + 1, np.int32)
    branches = np.empty(steps, np.int32)
    flow = np.empty(steps, np.int8)
    for step in range(steps):
        nodes[step] = node
        branches[step] = parent_branch[node]
        flow[step] = 1 if v[parent_branch[node]] == node else -1
        node = parent[node]
    nodes[steps] = node
    return nodes, branches, flow


@kernel
def region(
    indptr: Longs,
    adjacent_node: Ints,
    adjacent_branch: Ints,
    conducting: Masks,
    sources: Masks,
    starts: Ints,
    forced: int,
    seen: Masks,
    most: int,
) -> tuple[Ints, Ints]:
    """Nodes joined to the starts without passing a source of all phases, those passed first; how many those are.

    The first `forced` starts are passed whatever they are. seen is zero on entry. Gives up beyond `most` nodes:
    both results are empty then.
    """
    inner = np.empty(256, np.int32)
    inner_count = 0
    outer = np.empty(256, np.int32)
    outer_count = 0
    head = 0
    next_start = 0
    i = np.int64(0)
    i_end = np.int64(0)
    while True:
        passed = False
        if next_start < starts.size:
            node = starts[next_start]
            passed = next_start < forced
            next_start += 1
        elif i < i_end:
            node = adjacent_node[i]
            closed = conducting[adjacent_branch[i]] & 7
            i += 1
            if not closed:
                continue
        elif head < inner_count:
            i = indptr[inner[head]]
            i_end = indptr[inner[head] + 1]
            head += 1
            continue
        else:
            break
        if seen[node]:
            continue
        seen[node] = 1
        if inner_count + outer_count >= most:
            return inner[:0].copy(), outer[:0].copy()
        if passed or sources[node] & 7 != 7:
            if inner_count == inner.size:
                more = np.empty(4 * inner_count, np.int32)
                more[:inner_count] = inner
                inner = more
            inner[inner_count] = node
            inner_count += 1
        else:
            if outer_count == outer.size:
                more = np.empty(4 * outer_count, np.int32)
                more[:outer_count] = outer
                outer = more
            outer[outer_count] = node
            outer_count += 1
    return inner[:inner_count].copy(), outer[:outer_count].copy()
