"""Ends that lead nowhere: of lines, of switches, and branches whose ends are one."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from twin.components import BRANCH_COMPONENTS, CONNECTIVITY_NODE, LINE, SWITCH
from twin.finding import Finding, Repair, elements_of, finding_at, mrid_of
from twin.findings_near import near_misses, near_nodes
from twin.inspection import Inspection
from twin.mrids import Element


def self_loops(seen: Inspection) -> Iterator[Finding]:
    """Branches with both ends at one node."""
    network = seen.network
    for component in BRANCH_COMPONENTS:
        table = network.tables[component.table]
        for row in np.flatnonzero(table["node1"] == table["node2"]).tolist():
            mrid = str(table["mrid"][row])
            message = f"Both ends of {mrid!r} are at the same node."
            repair = Repair(f"Join one end of {mrid!r} where it belongs, or take it out.", {"remove": [mrid]})
            yield finding_at(network, "self_loop", "warning", elements_of(component, [row]), message, repair)


def dangling_ends(seen: Inspection) -> Iterator[Finding]:
    """Live lines that end where nothing else is; not those that end beside something: `near_miss` says it."""
    network = seen.network
    near = {miss.node for miss in seen.once(near_misses)}
    near |= {miss.other.row for miss in seen.once(near_misses) if miss.other.component is CONNECTIVITY_NODE}
    nodes = seen.bare_ends[seen.live[seen.bare_ends]]
    branches = seen.only_branch(nodes)
    lines = network.branch_class[branches] == LINE
    for node, branch in zip(nodes[lines].tolist(), branches[lines].tolist(), strict=True):
        if node in near:
            continue
        line = network.branch_element(branch)
        end, mrid = str(network.nodes["mrid"][node]), mrid_of(network, line)
        message = f"{mrid!r} ends at {end!r}, where nothing else is."
        repair = Repair(f"Join {end!r} to what it leads to, or leave it if it is a spare end.")
        at = Element(CONNECTIVITY_NODE, node)
        yield finding_at(network, "dangling_end", "info", [at, line], message, repair)


def dangling_switches(seen: Inspection) -> Iterator[Finding]:
    """Switches with an end where nothing else is: a tie that the data does not join to its other side."""
    network, switches = seen.network, seen.network.switches
    ends = np.stack([switches["node1"], switches["node2"]], axis=1).astype(np.int64)
    free = seen.free_ends
    rows = np.flatnonzero(free.all(axis=1) | (free.any(axis=1) & ~seen.severed[ends].any(axis=1)))
    beside = _other_feeder_beside(seen, rows, ends[rows])
    for row in rows.tolist():
        mrid = str(switches["mrid"][row])
        loose = ends[row][free[row]]
        end = str(network.nodes["mrid"][loose[0]])
        opened = bool(switches["normal_open"][row])
        if len(loose) == 2:
            message = f"Nothing else is at either end of {mrid!r}{', which is open' if opened else ''}."
        elif opened:
            message = f"{mrid!r} is open and nothing else is at its end {end!r}: as a tie it leads nowhere."
        else:
            message = f"Nothing else is at the end {end!r} of {mrid!r}: it leads nowhere."
        repair = Repair(f"Join {end!r} to what {mrid!r} leads to.")
        if row in beside:
            at = str(network.nodes["mrid"][beside[row]])
            message += f" {at!r} of another feeder is within {seen.near_m:g} m: is it meant to join it?"
            repair = Repair(f"Join {end!r} and {at!r}, if the tie leads there.", {"join": [end, at]})
        yield finding_at(network, "dangling_switch", "warning", elements_of(SWITCH, [row]), message, repair)


def _other_feeder_beside(seen: Inspection, rows: NDArray[np.int64], ends: NDArray[np.int64]) -> dict[int, int]:
    """By row of a switch: the nearest node of its voltage and of a feeder that neither end belongs to, within reach.

    rows: int64 (switches,); ends: their nodes, (switches, 2), of which the first that is placed says where it is.
    """
    network = seen.network
    at = np.where(seen.placed[ends[:, 0]], ends[:, 0], ends[:, 1])
    one, other, apart = near_nodes(seen, np.unique(at), seen.near_m)
    unknown = np.isnan(network.nodes["nominal_voltage_v"])
    feeder = network.node_feeder
    fits = (feeder[other] >= 0) & (unknown[one] == unknown[other])
    around: dict[int, list[int]] = {}
    for i in np.lexsort((other, apart)).tolist():
        if fits[i]:
            around.setdefault(int(one[i]), []).append(int(other[i]))
    found = {}
    for row, node, own in zip(rows.tolist(), at.tolist(), feeder[ends].tolist(), strict=True):
        node_beside = next((each for each in around.get(node, ()) if feeder[each] not in own), None)
        if node_beside is not None:
            found[row] = node_beside
    return found
