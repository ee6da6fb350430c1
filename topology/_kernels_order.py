"""A trace's elements by depth, then number: arrays in, arrays out, never raise."""

import numpy as np

from topology.jit import kernel
from topology.masks import Flags, Ints, Masks, Signs

PASSES = 8
"""Beyond these, a breadth-first walk takes less time."""


@kernel
def relaxed_depth(
    starts: Ints,
    start_masks: Masks,
    single: bool,
    parent: Ints,
    parent_branch: Ints,
    chord: Ints,
    u: Ints,
    v: Ints,
    crossable: Masks,
    mask: Masks,
    depth: Ints,
) -> bool:
    """Fewest branches between the starts and each node that `mask` says was reached, by passes up and down the forest.

    single: the start is one node, or the ends of one branch of the forest. False, and depth is not to be used, where
    phases go different ways around a mesh or from several starts, and where it would take many passes.
    """
    depth[:] = np.iinfo(np.int32).max - 1
    whole = np.uint8(0)
    for i in range(starts.size):
        whole |= start_masks[i] & mask[starts[i]]
    alike = True
    for i in range(starts.size):
        begins = start_masks[i] & mask[starts[i]]
        if begins:
            depth[starts[i]] = 0
            alike &= begins == whole
    joined = np.zeros(parent.size, np.bool_)
    for node in range(parent.size):
        if mask[node]:
            alike &= mask[node] == whole
            if parent[node] >= 0:
                carried = crossable[parent_branch[node]] & mask[node] & mask[parent[node]]
                joined[node] = carried != 0
                alike &= carried == 0 or carried == whole
    closed = np.empty(chord.size, np.int32)
    count = 0
    for branch in chord:
        carried = crossable[branch] & mask[u[branch]] & mask[v[branch]]
        if carried and u[branch] != v[branch]:
            closed[count] = branch
            count += 1
            alike &= carried == whole
    if not alike and (count or not single):
        return False
    for _ in range(PASSES):
        for node in range(parent.size - 1, -1, -1):
            if joined[node]:
                depth[parent[node]] = min(depth[parent[node]], depth[node] + 1)
        for node in range(parent.size):
            if joined[node]:
                depth[node] = min(depth[node], depth[parent[node]] + 1)
        settled = True
        for branch in closed[:count]:
            at_u = depth[u[branch]]
            at_v = depth[v[branch]]
            if at_u > at_v + 1:
                depth[u[branch]] = at_v + 1
                settled = False
            elif at_v > at_u + 1:
                depth[v[branch]] = at_u + 1
                settled = False
        if settled:
            return True
    return False


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


@kernel
def add_ways(
    branches: Ints,
    phases: Masks,
    bits: int,
    branch_block: Ints,
    up_branch: Ints,
    cyclic: Flags,
    v: Ints,
    ways: Masks,
) -> None:
    """Add to each branch that carries some of the bits 1 for from u to v, 2 for back, 3 for on a cycle."""
    for i in range(branches.size):
        block = branch_block[branches[i]]
        if block >= 0 and phases[i] & bits:
            ways[i] |= 3 if cyclic[block] else 1 if up_branch[v[branches[i]]] == branches[i] else 2
