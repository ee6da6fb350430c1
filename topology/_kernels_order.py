"""A trace's elements by depth, then number: arrays in, arrays out, never raise."""

import numpy as np

from topology.jit import kernel
from topology.masks import Ints, Masks, Signs


@kernel
def forest_depth(
    starts: Ints, parent: Ints, chord: Ints, u: Ints, v: Ints, crossable: Masks, mask: Masks, depth: Ints
) -> bool:
    """Branches between the starts (one node, or the ends of one branch) and each node that `mask` says was reached.

    Fills depth along the forest, or says False and leaves it, if a chord may be shorter.
    """
    for branch in chord:
        if crossable[branch] & mask[u[branch]] & mask[v[branch]] and u[branch] != v[branch]:
            return False
    depth[:] = -1
    for start in starts:
        if mask[start]:
            depth[start] = 0
    for start in starts:
        node = start
        while depth[node] >= 0 and parent[node] >= 0 and mask[parent[node]] and depth[parent[node]] < 0:
            depth[parent[node]] = depth[node] + 1
            node = parent[node]
    for node in range(mask.size):
        if mask[node] and depth[node] < 0:
            depth[node] = depth[parent[node]] + 1
    return True


@kernel
def branch_depth(u: Ints, v: Ints, carried: Masks, mask: Masks, depth: Ints) -> Ints:
    """One more than the nearer end of each branch in a trace; anything for the others."""
    depths = np.empty(u.size, np.int32)
    far = np.iinfo(np.int32).max - 1
    for branch in range(u.size):
        if carried[branch]:
            at_u = depth[u[branch]] if mask[u[branch]] else far
            at_v = depth[v[branch]] if mask[v[branch]] else far
            depths[branch] = min(at_u, at_v) + 1
    return depths


@kernel
def in_order(mask: Masks, depth: Ints) -> tuple[Ints, Ints, Masks]:
    """Numbers whose mask is not 0 by depth, then number; their depths and masks."""
    deepest = -1
    for number in range(mask.size):
        if mask[number]:
            deepest = max(deepest, depth[number])
    place = np.zeros(deepest + 2, np.int64)
    for number in range(mask.size):
        if mask[number]:
            place[depth[number] + 1] += 1
    for level in range(deepest + 1):
        place[level + 1] += place[level]
    count = place[deepest + 1]
    numbers = np.empty(count, np.int32)
    depths = np.empty(count, np.int32)
    masks = np.empty(count, np.uint8)
    for number in range(mask.size):
        if mask[number]:
            at = place[depth[number]]
            place[depth[number]] += 1
            numbers[at] = number
            depths[at] = depth[number]
            masks[at] = mask[number]
    return numbers, depths, masks


@kernel
def forest_flow(
    branches: Ints, phases: Masks, conducting: Masks, energized: Masks, parent_branch: Ints, u: Ints, v: Ints
) -> Signs:
    """Flows where power goes down the forest alone: 1 from u to v, -1 from v to u, 0 in dead branches and chords."""
    flow = np.zeros(branches.size, np.int8)
    for i in range(branches.size):
        branch = branches[i]
        if phases[i] & conducting[branch] & energized[u[branch]] & energized[v[branch]]:
            if parent_branch[v[branch]] == branch:
                flow[i] = 1
            elif parent_branch[u[branch]] == branch:
                flow[i] = -1
    return flow
