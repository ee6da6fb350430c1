"""Numbering: arrays in, arrays out, never raise."""

import numpy as np

from topology.jit import kernel
from topology.masks import Ints, Longs, Masks


@kernel
def adjacency(node_count: int, u: Ints, v: Ints) -> tuple[Longs, Ints, Ints]:
    """CSR of both directions in branch order; a self-loop stands once. Returns indptr, nodes, branches."""
    indptr = np.zeros(node_count + 1, np.int64)
    for branch in range(u.size):
        indptr[u[branch] + 1] += 1
        if u[branch] != v[branch]:
            indptr[v[branch] + 1] += 1
    for node in range(node_count):
        indptr[node + 1] += indptr[node]
    cursor = indptr[:-1].copy()
    nodes = np.empty(indptr[node_count], np.int32)
    branches = np.empty(indptr[node_count], np.int32)
    for branch in range(u.size):
        a = u[branch]
        b = v[branch]
        nodes[cursor[a]] = b
        branches[cursor[a]] = branch
        cursor[a] += 1
        if a != b:
            nodes[cursor[b]] = a
            branches[cursor[b]] = branch
            cursor[b] += 1
    return indptr, nodes, branches


@kernel
def grow_forest(
    indptr: Longs, adjacent_node: Ints, adjacent_branch: Ints, conducting: Masks, sources: Masks
) -> tuple[Ints, Ints, Ints]:
    """Breadth-first from all sources at once, then from the lowest node left of each island.

    Returns the nodes in visiting order, and each node's parent and parent branch (-1 at a root).
    """
    node_count = indptr.size - 1
    order = np.empty(node_count, np.int32)
    parent = np.full(node_count, -2, np.int32)
    parent_branch = np.full(node_count, -1, np.int32)
    tail = 0
    for node in range(node_count):
        if sources[node] & 7:
            parent[node] = -1
            order[tail] = node
            tail += 1
    head = 0
    lowest = 0
    while True:
        while head < tail:
            node = order[head]
            head += 1
            for i in range(indptr[node], indptr[node + 1]):
                other = adjacent_node[i]
                if parent[other] == -2 and conducting[adjacent_branch[i]] & 7:
                    parent[other] = node
                    parent_branch[other] = adjacent_branch[i]
                    order[tail] = other
                    tail += 1
        while lowest < node_count and parent[lowest] != -2:
            lowest += 1
        if lowest == node_count:
            return order, parent, parent_branch
        parent[lowest] = -1
        order[tail] = lowest
        tail += 1


@kernel
def number_nodes(order: Ints, parent: Ints) -> tuple[Ints, Ints, Ints, Ints]:
    """Depth-first preorder that keeps the visiting order of siblings.

    Returns old node -> number, and by number: parent, end of the subtree, depth.
    """
    node_count = order.size
    size = np.ones(node_count, np.int32)
    for i in range(node_count - 1, -1, -1):
        node = order[i]
        if parent[node] >= 0:
            size[parent[node]] += size[node]
    number = np.empty(node_count, np.int32)
    child_number = np.empty(node_count, np.int32)
    new_parent = np.empty(node_count, np.int32)
    end = np.empty(node_count, np.int32)
    depth = np.zeros(node_count, np.int32)
    root_number = 0
    for i in range(node_count):
        node = order[i]
        above = parent[node]
        if above < 0:
            own = root_number
            root_number += size[node]
            new_parent[own] = -1
        else:
            own = child_number[above]
            child_number[above] += size[node]
            new_parent[own] = number[above]
        number[node] = own
        child_number[node] = own + 1
        end[own] = own + size[node]
    for own in range(node_count):
        if new_parent[own] >= 0:
            depth[own] = depth[new_parent[own]] + 1
    return number, new_parent, end, depth


@kernel
def number_branches(
    u: Ints, v: Ints, phases: Masks, parent_branch: Ints, number: Ints
) -> tuple[Ints, Ints, Ints, Ints, Masks]:
    """Sort branches by anchor, forest branch first, then input order.

    Returns old branch -> number, anchor_ptr, and by number: ends u and v (in node numbers) and phases.
    """
    node_count = number.size
    branch_count = u.size
    anchor_ptr = np.zeros(node_count + 1, np.int32)
    anchor = np.empty(branch_count, np.int32)
    forest = np.zeros(branch_count, np.bool_)
    for branch in range(branch_count):
        a = u[branch]
        b = v[branch]
        if parent_branch[a] == branch:
            anchor[branch] = number[a]
            forest[branch] = True
        elif parent_branch[b] == branch:
            anchor[branch] = number[b]
            forest[branch] = True
        else:
            anchor[branch] = max(number[a], number[b])
        anchor_ptr[anchor[branch] + 1] += 1
    for node in range(node_count):
        anchor_ptr[node + 1] += anchor_ptr[node]
    cursor = anchor_ptr[:-1].copy()
    for node in range(node_count):
        if parent_branch[node] >= 0:
            cursor[number[node]] += 1
    branch_number = np.empty(branch_count, np.int32)
    new_u = np.empty(branch_count, np.int32)
    new_v = np.empty(branch_count, np.int32)
    new_phases = np.empty(branch_count, np.uint8)
    for branch in range(branch_count):
        if forest[branch]:
            own = anchor_ptr[anchor[branch]]
        else:
            own = cursor[anchor[branch]]
            cursor[anchor[branch]] += 1
        branch_number[branch] = own
        new_u[own] = number[u[branch]]
        new_v[own] = number[v[branch]]
        new_phases[own] = phases[branch]
    return branch_number, anchor_ptr, new_u, new_v, new_phases


@kernel
def chords(
    parent_branch: Ints, anchor_ptr: Ints, indptr: Longs, adjacent_branch: Ints, u: Ints, v: Ints
) -> tuple[Ints, Ints, Ints, Ints]:
    """Branches outside the forest, ascending, and their ends sorted by node: pointers, end node, end branch."""
    node_count = parent_branch.size
    chord_count = 0
    for node in range(node_count):
        chord_count += anchor_ptr[node + 1] - anchor_ptr[node]
        if parent_branch[node] >= 0:
            chord_count -= 1
    chord = np.empty(chord_count, np.int32)
    at = 0
    for node in range(node_count):
        for branch in range(anchor_ptr[node], anchor_ptr[node + 1]):
            if branch != parent_branch[node]:
                chord[at] = branch
                at += 1
    pointer = np.zeros(node_count + 1, np.int32)
    end_node = np.empty(2 * chord_count, np.int32)
    end_branch = np.empty(2 * chord_count, np.int32)
    at = 0
    if chord_count:
        for node in range(node_count):
            for i in range(indptr[node], indptr[node + 1]):
                branch = adjacent_branch[i]
                if parent_branch[max(u[branch], v[branch])] != branch:
                    end_node[at] = node
                    end_branch[at] = branch
                    at += 1
            pointer[node + 1] = at
    return chord, pointer, end_node[:at].copy(), end_branch[:at].copy()


@kernel
def straights(parent: Ints, parent_branch: Ints) -> Ints:
    """First nodes of the runs in which the parent branch follows the node, number by number; a root is one."""
    starts = np.empty(parent.size + 1, np.int32)
    count = 0
    for node in range(parent.size):
        if node == 0 or parent[node] < 0 or parent[node - 1] < 0:
            fresh = True
        else:
            fresh = parent_branch[node] != parent_branch[node - 1] + 1
        if fresh:
            starts[count] = node
            count += 1
    starts[count] = parent.size
    return starts[: count + 1].copy()
