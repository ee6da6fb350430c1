"""What a trace holds, in number order: arrays in, arrays out, never raise."""

import numpy as np

from topology._kernels_energize import next_set
from topology.jit import kernel
from topology.masks import Ints, Longs, Masks

CARRIED_BY_EITHER_END = 0
CARRIED_BY_BOTH_ENDS = 1
CARRIED_AS_GIVEN = 2

OPEN = 1
BARRIER = 2
FEEDER_HEAD = 3
SUBSTATION = 4
PHASE_END = 5


@kernel
def within(conducting: Masks, allowed: Masks, u: Ints, v: Ints) -> Masks:
    """What each branch conducts between nodes that may hold it."""
    passing = np.empty(u.size, np.uint8)
    for branch in range(u.size):
        passing[branch] = conducting[branch] & allowed[u[branch]] & allowed[v[branch]]
    return passing


@kernel
def met_branches(
    u: Ints,
    v: Ints,
    phases: Masks,
    conducting: Masks,
    stop_reason: Masks,
    stops: bool,
    limit: int,
    rule: int,
    mask: Masks,
    given: Masks,
) -> tuple[Masks, Ints, Masks]:
    """The phases that each branch carries in a trace, (branches,), and those that bound it with why, ascending.

    mask: phases of the trace by node. given: phases by branch, for CARRIED_AS_GIVEN. stop_reason (read only if
    `stops`) marks branches never crossed.
    """
    carried = np.empty(u.size, np.uint8)
    edges = np.empty(64, np.int32)
    reasons = np.empty(64, np.uint8)
    edge_count = 0
    for branch in range(u.size):
        at_u = mask[u[branch]]
        at_v = mask[v[branch]]
        met = at_u | at_v
        open_to = conducting[branch] & limit
        stop = stop_reason[branch] if stops else 0
        if stop or not met:
            bits = 0
        elif rule == CARRIED_AS_GIVEN:
            bits = given[branch] | 0
        elif rule == CARRIED_BY_BOTH_ENDS:
            bits = open_to & at_u & at_v
        else:
            bits = open_to & met
        carried[branch] = bits
        if bits or not met or (open_to & met and not stop):
            continue
        if open_to & met:
            reason = stop
        elif phases[branch] & met:
            reason = OPEN
        elif phases[branch] & limit and not stop:
            reason = PHASE_END
        else:
            continue
        if edge_count == edges.size:
            more_edges = np.empty(4 * edge_count, np.int32)
            more_edges[:edge_count] = edges
            edges = more_edges
            more_reasons = np.empty(4 * edge_count, np.uint8)
            more_reasons[:edge_count] = reasons
            reasons = more_reasons
        edges[edge_count] = branch
        reasons[edge_count] = reason
        edge_count += 1
    return carried, edges[:edge_count].copy(), reasons[:edge_count].copy()


@kernel
def met_sources(
    sources: Masks, mask: Masks, carried: Masks, indptr: Longs, adjacent_branch: Ints, beside: bool
) -> Ints:
    """Source nodes among the nodes of a trace, ascending; with `beside`, those at the end of its branches too."""
    found = np.empty(16, np.int32)
    count = 0
    node = next_set(sources, 0)
    while node < sources.size:
        met = mask[node]
        if beside:
            for i in range(indptr[node], indptr[node + 1]):
                met |= carried[adjacent_branch[i]]
        if met & sources[node]:
            if count == found.size:
                more = np.empty(4 * count, np.int32)
                more[:count] = found
                found = more
            found[count] = node
            count += 1
        node = next_set(sources, node + 1)
    return found[:count].copy()
