"""Loops over what is live, and what a change touches."""

from __future__ import annotations

import numpy as np

from tiles._kernels import Bytes, Ints, Longs
from topology.jit import kernel


@kernel
def supply_code(own: int, energized: int) -> int:
    """0 none, 1 some, 2 all of the element's own phases."""
    live = own & energized
    if live == 0:
        return 0
    return 2 if live == own else 1


@kernel
def branch_supply(
    branches: Ints, phases: Bytes, u: Ints, v: Ints, conducting: Bytes, energized: Bytes, mask: int
) -> Longs:
    """Supply of some branches on the phases of `mask`, int64 (n,)."""
    codes = np.empty(branches.size, np.int64)
    for i in range(branches.size):
        branch = branches[i]
        carried = conducting[branch] & (energized[u[branch]] | energized[v[branch]])
        codes[i] = supply_code(int(phases[branch]) & mask, int(carried))
    return codes


@kernel
def node_supply(entries: Longs, ptr: Longs, nodes: Ints, phases: Bytes, energized: Bytes, mask: int) -> Longs:
    """Supply of equipment on nodes: of entry i on nodes[ptr[i]:ptr[i + 1]], with its own phases, (n,).

    With an empty ptr it is on nodes[i] alone.
    """
    codes = np.empty(entries.size, np.int64)
    for i in range(entries.size):
        entry = entries[i]
        live = 0
        first = ptr[entry] if ptr.size else entry
        last = ptr[entry + 1] if ptr.size else entry + 1
        for at in range(first, last):
            live |= int(energized[nodes[at]])
        codes[i] = supply_code(int(phases[entry]) & mask, live)
    return codes


@kernel
def lowest_depth(entries: Longs, ptr: Longs, nodes: Ints, phases: Bytes, node_depth: Ints, node_phases: Bytes) -> Longs:
    """Lowest depth of each entry's nodes where a trace brought one of its phases, -1 for none, (n,)."""
    depths = np.empty(entries.size, np.int64)
    for i in range(entries.size):
        entry = entries[i]
        lowest = -1
        first = ptr[entry] if ptr.size else entry
        last = ptr[entry + 1] if ptr.size else entry + 1
        for at in range(first, last):
            node = nodes[at]
            depth = int(node_depth[node])
            if depth >= 0 and (phases[entry] & node_phases[node]) and (lowest < 0 or depth < lowest):
                lowest = depth
        depths[i] = lowest
    return depths


@kernel
def branches_around(nodes: Longs, indptr: Longs, adjacent_branch: Ints) -> Longs:
    """Branches at any of these nodes, one with two such ends twice."""
    total = 0
    for i in range(nodes.size):
        total += indptr[nodes[i] + 1] - indptr[nodes[i]]
    branches = np.empty(total, np.int64)
    used = 0
    for i in range(nodes.size):
        for at in range(indptr[nodes[i]], indptr[nodes[i] + 1]):
            branches[used] = adjacent_branch[at]
            used += 1
    return branches
