"""Depth-first blocks of one phase, rooted at the merged sources: arrays in, arrays out, never raise."""

import numpy as np

from topology.jit import kernel
from topology.masks import Flags, Ints, Longs, Masks, Signs


@kernel
def grow_blocks(
    indptr: Longs,
    adjacent_node: Ints,
    adjacent_branch: Ints,
    u: Ints,
    v: Ints,
    conducting: Masks,
    sources: Masks,
    phase: int,
    everywhere: bool,
) -> tuple[Ints, Ints, Ints, Ints, Ints, Flags]:
    """Biconnected components of the branches that conduct `phase`.

    All sources of the phase are one vertex, the root; with `everywhere`, each part without a source is
    grown from its lowest node too. Returns
    - branch_block: block of each branch, -1 where not reached and for self-loops, (branches,)
    - node_block: block that joins each node to the root, -1 at roots and where not reached, (nodes,)
    - up_branch: depth-first branch towards the root, -1 at roots and where not reached, (nodes,)
    - order: reached nodes, roots included, each after its depth-first parent, (reached,)
    - entry: node through which a block is entered, -1 for the merged sources, (blocks,)
    - cyclic: whether the block holds a cycle, (blocks,)
    A block is numbered after the blocks below it.
    """
    node_count = indptr.size - 1
    branch_count = u.size
    branch_block = np.full(branch_count, -1, np.int32)
    node_block = np.full(node_count, -1, np.int32)
    up_branch = np.full(node_count, -1, np.int32)
    order = np.empty(node_count, np.int32)
    entry = np.empty(branch_count, np.int32)
    cyclic = np.zeros(branch_count, np.bool_)
    seen = np.zeros(node_count, np.int32)
    low = np.zeros(node_count, np.int32)
    cursor = indptr[:-1].copy()
    waiting = np.empty(branch_count, np.int32)
    reached = 0
    blocks = 0
    for node in range(node_count):
        if sources[node] & phase:
            seen[node] = 1
            low[node] = 1
            order[reached] = node
            reached += 1
    clock = 1
    source_count = reached
    depth = 0
    starts = source_count + node_count if everywhere else source_count
    for start in range(starts):
        if start < source_count:
            root = order[start]
            merged = True
        else:
            root = np.int32(start - source_count)
            if seen[root]:
                continue
            merged = False
            clock += 1
            seen[root] = clock
            low[root] = clock
            order[reached] = root
            reached += 1
        node = root
        while True:
            if cursor[node] < indptr[node + 1]:
                branch = adjacent_branch[cursor[node]]
                other = adjacent_node[cursor[node]]
                cursor[node] += 1
                if not conducting[branch] & phase or other == node or branch == up_branch[node]:
                    continue
                if seen[other] == 0:
                    waiting[depth] = branch
                    depth += 1
                    clock += 1
                    seen[other] = clock
                    low[other] = clock
                    up_branch[other] = branch
                    order[reached] = other
                    reached += 1
                    node = other
                elif seen[other] < seen[node]:
                    waiting[depth] = branch
                    depth += 1
                    low[node] = min(low[node], seen[other])
                elif seen[other] == seen[node] and branch_block[branch] == -1:
                    # Two sources: merged, they make a loop of this one branch.
                    branch_block[branch] = blocks
                    entry[blocks] = -1
                    cyclic[blocks] = True
                    blocks += 1
                continue
            if node == root:
                break
            branch = up_branch[node]
            above = u[branch] if v[branch] == node else v[branch]
            low[above] = min(low[above], low[node])
            if low[node] >= seen[above]:
                size = 0
                while True:
                    depth -= 1
                    popped = waiting[depth]
                    branch_block[popped] = blocks
                    size += 1
                    if up_branch[u[popped]] == popped:
                        node_block[u[popped]] = blocks
                    elif up_branch[v[popped]] == popped:
                        node_block[v[popped]] = blocks
                    if popped == branch:
                        break
                entry[blocks] = -1 if merged and above == root else above
                cyclic[blocks] = size > 1
                blocks += 1
            node = above
    return (
        branch_block,
        node_block,
        up_branch,
        order[:reached].copy(),
        entry[:blocks].copy(),
        cyclic[:blocks].copy(),
    )


@kernel
def branch_directions(branch_block: Ints, up_branch: Ints, cyclic: Flags, u: Ints, v: Ints, direction: Signs) -> None:
    """Fill 0 none, 1 u to v, 2 v to u, 3 both, for one phase."""
    for branch in range(u.size):
        block = branch_block[branch]
        if block < 0:
            direction[branch] = 0
        elif cyclic[block]:
            direction[branch] = 3
        elif up_branch[v[branch]] == branch:
            direction[branch] = 1
        else:
            direction[branch] = 2


@kernel
def blocks_above(chosen: Flags, entry: Ints, node_block: Ints) -> None:
    """Add to the chosen blocks all those between them and the root."""
    for block in range(entry.size):
        if chosen[block] and entry[block] >= 0 and node_block[entry[block]] >= 0:
            chosen[node_block[entry[block]]] = True


@kernel
def blocks_below(chosen: Flags, entry: Ints, node_block: Ints) -> None:
    """Add to the chosen blocks all those hanging from them."""
    for block in range(entry.size - 1, -1, -1):
        if entry[block] >= 0 and node_block[entry[block]] >= 0 and chosen[node_block[entry[block]]]:
            chosen[block] = True


@kernel
def mark_blocks(
    chosen: Flags, node_block: Ints, branch_block: Ints, bits: int, node_mask: Masks, branch_mask: Masks
) -> None:
    """Give the phase to every node and branch of the chosen blocks."""
    for node in range(node_block.size):
        if node_block[node] >= 0 and chosen[node_block[node]]:
            node_mask[node] |= bits
    for branch in range(branch_block.size):
        if branch_block[branch] >= 0 and chosen[branch_block[branch]]:
            branch_mask[branch] |= bits


@kernel
def bridge_chains(
    order: Ints, up_branch: Ints, branch_block: Ints, entry: Ints, cyclic: Flags, u: Ints
) -> tuple[Ints, Ints]:
    """The bridges between each node and the root, as a linked list: first of a node, next after a branch.

    Returns node_bridge (nodes,) and next_bridge (branches,), -1 where there is none (left).
    """
    node_bridge = np.full(up_branch.size, -1, np.int32)
    next_bridge = np.full(u.size, -1, np.int32)
    for node in order:
        branch = up_branch[node]
        if branch >= 0:
            block = branch_block[branch]
            before = node_bridge[entry[block]] if entry[block] >= 0 else np.int32(-1)
            if cyclic[block]:
                node_bridge[node] = before
            else:
                node_bridge[node] = branch
                next_bridge[branch] = before
    return node_bridge, next_bridge


@kernel
def same_chains(order: Ints, one_first: Ints, one_next: Ints, other_first: Ints, other_next: Ints) -> Flags:
    """Nodes whose chain of bridges is the same in two phases; `order` is that of the first."""
    same: Flags = one_first == other_first
    same_after = np.zeros(one_next.size, np.bool_)
    for node in order:
        branch = one_first[node]
        if branch >= 0:
            after = one_next[branch]
            # True of a branch that is no bridge of the other phase, too, but then no chain asks for it.
            same_after[branch] = other_next[branch] == after and (after < 0 or same_after[after])
            same[node] = same[node] and same_after[branch]
    return same


@kernel
def add_along_chains(
    order: Ints, up_branch: Ints, first: Ints, following: Ints, points: Ints, weights: Longs, total: Longs
) -> None:
    """Add each point's weight (at node `points[i]`) to every bridge of its chain, by one pass up the tree."""
    own = np.zeros(following.size, np.int64)
    for i in range(points.size):
        if first[points[i]] >= 0:
            own[first[points[i]]] += weights[i]
    for i in range(order.size - 1, -1, -1):
        branch = up_branch[order[i]]
        if branch >= 0 and first[order[i]] == branch:
            if following[branch] >= 0:
                own[following[branch]] += own[branch]
            total[branch] += own[branch]


@kernel
def add_along_forest(parent: Ints, parent_branch: Ints, points: Ints, weights: Longs, total: Longs) -> None:
    """Add each point's weight to every forest branch above it."""
    own = np.zeros(parent.size, np.int64)
    for i in range(points.size):
        own[points[i]] += weights[i]
    for node in range(parent.size - 1, -1, -1):
        if parent[node] >= 0:
            own[parent[node]] += own[node]
            total[parent_branch[node]] = own[node]


@kernel
def add_along_union(firsts: Ints, followings: Ints, points: Ints, phases: Masks, weights: Longs, total: Longs) -> None:
    """Add each point's weight once to every bridge on the chain of any of its phases.

    firsts: (groups, nodes), followings: (groups, branches); bit `g` of `phases` says that group `g` counts.
    """
    stamp = np.full(total.size, -1, np.int32)
    for i in range(points.size):
        for group in range(firsts.shape[0]):
            if phases[i] >> group & 1:
                branch = firsts[group, points[i]]
                while branch >= 0:
                    if stamp[branch] != i:
                        stamp[branch] = i
                        total[branch] += weights[i]
                    branch = followings[group, branch]
