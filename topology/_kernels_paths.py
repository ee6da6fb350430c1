"""Shortest paths, zones and cycles: arrays in, arrays out, never raise."""

import numpy as np
from numpy.typing import NDArray

from topology.jit import kernel
from topology.masks import Flags, Ints, Longs, Masks


@kernel
def before(length: float, hops: int, node: int, other_length: float, other_hops: int, other_node: int) -> bool:
    """Whether one entry of the heap comes before another."""
    if length != other_length:
        return length < other_length
    if hops != other_hops:
        return hops < other_hops
    return node < other_node


@kernel
def shortest(
    indptr: Longs,
    adjacent_node: Ints,
    adjacent_branch: Ints,
    conducting: Masks,
    phase: int,
    weight: NDArray[np.float64],
    starts: Ints,
    goals: Flags,
) -> tuple[int, NDArray[np.float64], Ints, Ints]:
    """Dijkstra by length, then number of branches, then the lowest branch number at each step back.

    Returns the first goal (-1 if none; the lowest of equals), and by node: length (inf beyond), branches, and
    the branch back (-1).
    """
    node_count = indptr.size - 1
    length = np.full(node_count, np.inf)
    hops = np.full(node_count, np.iinfo(np.int32).max, np.int32)
    back = np.full(node_count, -1, np.int32)
    settled = np.zeros(node_count, np.bool_)
    heap_length = np.empty(256)
    heap_hops = np.empty(256, np.int32)
    heap_node = np.empty(256, np.int32)
    size = 0
    next_start = 0
    node = np.int32(-1)
    i = np.int64(0)
    i_end = np.int64(0)
    while True:
        # What to push next: a start, or a neighbour of the node just settled.
        if next_start < starts.size:
            far = starts[next_start]
            next_start += 1
            if hops[far] == 0:
                continue
            far_length = 0.0
            far_hops = np.int32(0)
        elif i < i_end:
            far = adjacent_node[i]
            branch = adjacent_branch[i]
            i += 1
            if not conducting[branch] & phase or settled[far]:
                continue
            far_length = length[node] + weight[branch]
            far_hops = np.int32(hops[node] + 1)
            if far_length > length[far] or (far_length == length[far] and far_hops > hops[far]):
                continue
            if far_length == length[far] and far_hops == hops[far]:
                back[far] = min(back[far], branch)
                continue
            back[far] = branch
        else:
            node = np.int32(-1)
            while size:
                popped = heap_node[0]
                popped_length = heap_length[0]
                popped_hops = heap_hops[0]
                size -= 1
                last_length = heap_length[size]
                last_hops = heap_hops[size]
                last_node = heap_node[size]
                hole = 0
                while True:
                    child = 2 * hole + 1
                    if child >= size:
                        break
                    other = child + 1
                    if other < size and before(
                        heap_length[other],
                        heap_hops[other],
                        heap_node[other],
                        heap_length[child],
                        heap_hops[child],
                        heap_node[child],
                    ):
                        child = other
                    if not before(
                        heap_length[child], heap_hops[child], heap_node[child], last_length, last_hops, last_node
                    ):
                        break
                    heap_length[hole] = heap_length[child]
                    heap_hops[hole] = heap_hops[child]
                    heap_node[hole] = heap_node[child]
                    hole = child
                heap_length[hole] = last_length
                heap_hops[hole] = last_hops
                heap_node[hole] = last_node
                if not settled[popped] and popped_length == length[popped] and popped_hops == hops[popped]:
                    node = popped
                    break
            if node < 0:
                return -1, length, hops, back
            settled[node] = True
            if goals[node]:
                return int(node), length, hops, back
            i = indptr[node]
            i_end = indptr[node + 1]
            continue
        length[far] = far_length
        hops[far] = far_hops
        if size == heap_node.size:
            more_length = np.empty(4 * size)
            more_length[:size] = heap_length
            heap_length = more_length
            more_hops = np.empty(4 * size, np.int32)
            more_hops[:size] = heap_hops
            heap_hops = more_hops
            more_node = np.empty(4 * size, np.int32)
            more_node[:size] = heap_node
            heap_node = more_node
        hole = size
        size += 1
        while hole:
            above = (hole - 1) >> 1
            if not before(far_length, int(far_hops), far, heap_length[above], heap_hops[above], heap_node[above]):
                break
            heap_length[hole] = heap_length[above]
            heap_hops[hole] = heap_hops[above]
            heap_node[hole] = heap_node[above]
            hole = above
        heap_length[hole] = far_length
        heap_hops[hole] = far_hops
        heap_node[hole] = far


@kernel
def devices_between(
    indptr: Longs,
    adjacent_node: Ints,
    adjacent_branch: Ints,
    inside: Masks,
    device: Flags,
    passable: Flags,
    starts: Ints,
    most: int,
) -> Ints:
    """Fewest devices crossed from the starts to each node over branches `inside`; most + 1 beyond."""
    distance = np.full(indptr.size - 1, most + 1, np.int32)
    stack = starts.copy()
    size = stack.size
    for level in range(most + 1):
        following = np.empty(256, np.int32)
        following_size = 0
        work = np.empty(256 + size, np.int32)
        work_size = 0
        for i in range(size):
            if distance[stack[i]] > level:
                distance[stack[i]] = level
                work[work_size] = stack[i]
                work_size += 1
        while work_size:
            work_size -= 1
            node = work[work_size]
            if not passable[node]:
                continue
            for i in range(indptr[node], indptr[node + 1]):
                branch = adjacent_branch[i]
                far = adjacent_node[i]
                if not inside[branch] or distance[far] <= level:
                    continue
                if device[branch]:
                    if following_size == following.size:
                        more = np.empty(4 * following_size, np.int32)
                        more[:following_size] = following
                        following = more
                    following[following_size] = far
                    following_size += 1
                else:
                    distance[far] = level
                    if work_size == work.size:
                        more = np.empty(4 * work_size, np.int32)
                        more[:work_size] = work
                        work = more
                    work[work_size] = far
                    work_size += 1
        stack = following
        size = following_size
    return distance


@kernel
def cycles(order: Ints, parent: Ints, parent_branch: Ints, u: Ints, v: Ints, closing: Ints) -> tuple[Longs, Ints]:
    """The cycle that each closing branch makes with a forest: pointers, and branches in order around it."""
    depth = np.zeros(parent.size, np.int32)
    for node in order:
        if parent[node] >= 0:
            depth[node] = depth[parent[node]] + 1
    pointer = np.zeros(closing.size + 1, np.int64)
    for i in range(closing.size):
        a = u[closing[i]]
        b = v[closing[i]]
        size = 1
        while a != b:
            if depth[a] < depth[b]:
                b = parent[b]
            else:
                a = parent[a]
            size += 1
        pointer[i + 1] = pointer[i] + size
    around = np.empty(pointer[closing.size], np.int32)
    for i in range(closing.size):
        a = u[closing[i]]
        b = v[closing[i]]
        front = pointer[i]
        last = pointer[i + 1] - 1
        around[front] = closing[i]
        front += 1
        while a != b:
            if depth[a] < depth[b]:
                around[front] = parent_branch[b]
                front += 1
                b = parent[b]
            else:
                around[last] = parent_branch[a]
                last -= 1
                a = parent[a]
    return pointer, around


@kernel
def roots(order: Ints, parent: Ints) -> tuple[Ints, Ints]:
    """The root of each node's tree, and the branches to it."""
    root = np.empty(parent.size, np.int32)
    depth = np.zeros(parent.size, np.int32)
    for node in order:
        if parent[node] < 0:
            root[node] = node
        else:
            root[node] = root[parent[node]]
            depth[node] = depth[parent[node]] + 1
    return root, depth


@kernel
def breadth_first(
    indptr: Longs, adjacent_node: Ints, adjacent_branch: Ints, member: Masks, start: int, deepest: int
) -> tuple[Ints, Ints, Ints]:
    """Nodes reached from `start` in order, the position of each one's parent in that order (-1), and depths."""
    node_count = indptr.size - 1
    order = np.empty(256, np.int32)
    above = np.empty(256, np.int32)
    depth = np.empty(256, np.int32)
    seen = np.zeros(node_count, np.bool_)
    order[0] = start
    above[0] = -1
    depth[0] = 0
    seen[start] = True
    tail = 1
    head = 0
    while head < tail:
        node = order[head]
        if depth[head] < deepest:
            for i in range(indptr[node], indptr[node + 1]):
                far = adjacent_node[i]
                if member[adjacent_branch[i]] and not seen[far]:
                    seen[far] = True
                    if tail == order.size:
                        more_order = np.empty(4 * tail, np.int32)
                        more_order[:tail] = order
                        order = more_order
                        more_above = np.empty(4 * tail, np.int32)
                        more_above[:tail] = above
                        above = more_above
                        more_depth = np.empty(4 * tail, np.int32)
                        more_depth[:tail] = depth
                        depth = more_depth
                    order[tail] = far
                    above[tail] = head
                    depth[tail] = depth[head] + 1
                    tail += 1
        head += 1
    return order[:tail].copy(), above[:tail].copy(), depth[:tail].copy()
