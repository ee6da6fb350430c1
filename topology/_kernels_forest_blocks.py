"""Blocks of one phase where the numbered forest spans all that it reaches: arrays in, arrays out, never raise.

Tarjan and Vishkin's rule, which needs any spanning tree in preorder, and so neither a stack nor a walk: passes over
nodes in number order alone. All sources are one vertex above the roots, numbered -1.
"""

import numpy as np

from topology.jit import kernel
from topology.masks import Flags, Ints, Masks


@kernel
def spanned(
    parent: Ints, parent_branch: Ints, chord: Ints, u: Ints, v: Ints, conducting: Masks, sources: Masks, phase: int
) -> tuple[bool, Flags]:
    """Nodes that the phase reaches along the forest, (nodes,); whether there are no others."""
    reached = np.empty(parent.size, np.bool_)
    for node in range(parent.size):
        if parent[node] < 0:
            reached[node] = sources[node] & phase != 0
        else:
            if sources[node] & phase:
                return False, reached
            reached[node] = reached[parent[node]] & (conducting[parent_branch[node]] & phase != 0)
    for branch in chord:
        if conducting[branch] & phase and reached[u[branch]] != reached[v[branch]]:
            return False, reached
    return True, reached


@kernel
def join_branches(
    reached: Flags, parent: Ints, end: Ints, chord: Ints, u: Ints, v: Ints, conducting: Masks, phase: int
) -> Ints:
    """The lowest node whose parent branch shares a block with that of each node, (nodes,); unspecified at roots."""
    low = np.arange(parent.size).astype(np.int32)
    high = low.copy()
    for branch in chord:
        if conducting[branch] & phase and reached[u[branch]]:
            a = min(u[branch], v[branch])
            b = max(u[branch], v[branch])
            low[b] = min(low[b], a if parent[a] >= 0 else -1)
            high[a] = max(high[a], b)
            if parent[b] < 0:
                low[a] = -1
    for node in range(parent.size - 1, -1, -1):
        above = parent[node]
        if above >= 0 and reached[node]:
            low[above] = min(low[above], low[node])
            high[above] = max(high[above], high[node])
    first = np.arange(parent.size).astype(np.int32)
    for node in range(parent.size):
        above = parent[node]
        if above >= 0 and parent[above] >= 0 and (low[node] < above or high[node] >= end[above]):
            first[node] = first[above]
    for branch in chord:
        a = min(u[branch], v[branch])
        b = max(u[branch], v[branch])
        if conducting[branch] & phase and reached[a] and parent[a] >= 0 and parent[b] >= 0 and end[a] <= b:
            a = first[a]
            b = first[b]
            while first[a] != a:
                first[a] = first[first[a]]
                a = first[a]
            while first[b] != b:
                first[b] = first[first[b]]
                b = first[b]
            first[max(a, b)] = min(a, b)
    for node in range(parent.size):
        first[node] = first[first[node]]
    return first


@kernel
def forest_blocks(
    first: Ints,
    reached: Flags,
    parent: Ints,
    parent_branch: Ints,
    chord: Ints,
    u: Ints,
    v: Ints,
    conducting: Masks,
    phase: int,
) -> tuple[Ints, Ints, Ints, Ints, Ints, Flags]:
    """What `grow_blocks` returns, from joined branches. The higher its lowest node, the lower a block's number."""
    branch_block = np.full(u.size, -1, np.int32)
    node_block = np.full(parent.size, -1, np.int32)
    up_branch = np.full(parent.size, -1, np.int32)
    blocks = 0
    count = 0
    for node in range(parent.size - 1, -1, -1):
        if reached[node]:
            count += 1
            if parent[node] >= 0 and first[node] == node:
                node_block[node] = blocks
                blocks += 1
    order = np.empty(count, np.int32)
    entry = np.empty(blocks + chord.size, np.int32)
    size = np.zeros(blocks + chord.size, np.int32)
    count = 0
    for node in range(parent.size):
        if reached[node]:
            order[count] = node
            count += 1
            above = parent[node]
            if above >= 0:
                block = node_block[first[node]]
                if first[node] == node:
                    entry[block] = above if parent[above] >= 0 else -1
                node_block[node] = block
                up_branch[node] = parent_branch[node]
                branch_block[parent_branch[node]] = block
                size[block] += 1
    for branch in chord:
        a = min(u[branch], v[branch])
        b = max(u[branch], v[branch])
        if a != b and conducting[branch] & phase and reached[a]:
            block = node_block[b] if parent[b] >= 0 else node_block[a]
            if block < 0:  # between two sources, which are one: a loop of this branch alone
                block = blocks
                blocks += 1
                entry[block] = -1
                size[block] = 1
            branch_block[branch] = block
            size[block] += 1
    return branch_block, node_block, up_branch, order, entry[:blocks].copy(), size[:blocks] > 1
