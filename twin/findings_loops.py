"""Loops and paths between sources in the normal state, below the voltages that are meshed by design."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from topology.loops import loop_blocks, source_paths
from twin.components import ENERGY_SOURCE, LINE, SWITCH_BRANCH
from twin.finding import FIRST_MRIDS, Finding, Repair, Severity, counted, elements_of, finding_at, mrid_of
from twin.inspection import Inspection
from twin.phases import ABC


def unexpected_loops(seen: Inspection) -> Iterator[Finding]:
    """One finding for all loops that share equipment, transmission taken for one node.

    Loops without a line, such as transformers side by side, are how a station is built, and information only.
    """
    network, graph = seen.network, seen.network.graph
    inside = seen.transmission[graph.branch_u] & seen.transmission[graph.branch_v]
    below = np.where(inside, 0, network.normal_conducting & ABC).astype(np.uint8)
    for branches in loop_blocks(graph, below, np.where(seen.transmission, ABC, 0).astype(np.uint8)):
        ends = np.concatenate([graph.branch_u[branches], graph.branch_v[branches]])
        nodes = np.unique(np.where(seen.transmission[ends], -1, ends))
        loops = len(branches) - len(nodes) + 1
        severity: Severity = "warning" if (network.branch_class[branches] == LINE).any() else "info"
        what = f"{counted(len(branches), 'branch', 'branches')} around {str(network.nodes['mrid'][nodes[-1]])!r}"
        if loops == 1:
            message = f"{what} make a loop in the normal state."
        else:
            message = f"{what} make {loops:,} loops that share equipment in the normal state."
        repair = _opened(seen, branches)
        elements = [network.branch_element(int(branch)) for branch in branches[:FIRST_MRIDS]]
        yield finding_at(network, "unexpected_loop", severity, elements, message, repair)


def parallel_sources(seen: Inspection) -> Iterator[Finding]:
    """One finding for each source beyond the first of those that paths join; not where a path is all transmission."""
    network, graph = seen.network, seen.network.graph
    first: dict[int, int] = {}

    def group(node: int) -> int:
        while node in first:
            node = first[node]
        return node

    paths = source_paths(graph, network.normal_conducting & ABC, network.node_sources)
    for path in sorted(paths, key=lambda path: len(path.branches)):
        one_group, other_group = sorted(map(group, path.sources.tolist()))
        if one_group == other_group:  # joined in another phase
            continue
        first[other_group] = one_group
        branches = path.branches.astype(np.int64)
        nodes = np.unique(np.concatenate([graph.branch_u[branches], graph.branch_v[branches], path.sources]))
        if seen.transmission[nodes].all():
            continue
        table = network.sources
        rows = [int(np.flatnonzero((table["node"] == node) & table["in_service"])[0]) for node in path.sources]
        one, other = (str(table["mrid"][row]) for row in rows)
        by = counted(len(branches), "branch", "branches")
        message = f"Sources {one!r} and {other!r} feed the same part in the normal state, joined by {by}."
        elements = [*elements_of(ENERGY_SOURCE, rows), *map(network.branch_element, branches.tolist())]
        yield finding_at(network, "parallel_sources", "warning", elements, message, _opened(seen, branches))


def _opened(seen: Inspection, branches: NDArray[np.integer]) -> Repair:
    """Opening the switch in the middle, seen from the supply."""
    network, graph = seen.network, seen.network.graph
    switches = branches[network.branch_class[branches] == SWITCH_BRANCH]
    switches = switches[network.operable[network.branch_row[switches]]]
    if len(switches) == 0:
        return Repair("Open it at a switch: no operable one is in it.")
    depth = np.minimum(graph.depth[graph.branch_u[switches]], graph.depth[graph.branch_v[switches]])
    mrid = mrid_of(network, network.branch_element(int(switches[int(np.argmax(depth))])))
    return Repair(f"Make {mrid!r} normally open, if it is meant to be radial.", {"open": [mrid]})
