"""Places and lengths: missing, worked out, or not to be believed; and ids that were given twice."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from topology.islands import islands
from twin.components import AC_LINE_SEGMENT, COMPONENTS, CONNECTIVITY_NODE, LINE
from twin.extras import NEIGHBOURS, PLACED_FROM, REPEATED_ID
from twin.finding import Finding, Repair, counted, elements_of, finding_at, mrid_of, nodes_of
from twin.geometry import distance_m
from twin.inspection import Inspection, groups
from twin.mrids import Element

OUTLIER_FACTOR = 3.0
OUTLIER_SLACK_M = 1_000.0
"""A branch is doubtful when its ends are further apart than this factor of its length plus this slack."""
OUTLIER_MEDIANS = 100.0
"""A line without a length is held against this many times the median of its voltage, plus the slack; switches and
transformers, which have none, against that of all lines."""


def coordinate_outliers(seen: Inspection) -> Iterator[Finding]:
    """Branches whose ends lie much further apart than they are long; those that one node explains are one finding."""
    network, graph = seen.network, seen.network.graph
    apart = distance_m(network.node_lnglat[graph.branch_u], network.node_lnglat[graph.branch_v])
    believable = _believable(seen, apart)
    far = np.flatnonzero(apart > believable)
    ends = np.concatenate([graph.branch_u[far], graph.branch_v[far]])
    odd = np.bincount(ends, minlength=graph.node_count)
    loops = graph.branch_u == graph.branch_v
    every = np.maximum(seen.terminals + np.bincount(graph.branch_u[loops], minlength=graph.node_count), 1)
    share = odd / every
    """Of the branches at each node, how many are odd: where it is all of many, the node is what is misplaced."""
    left = set(far.tolist())
    for node in sorted(set(ends.tolist()), key=lambda n: (-float(share[n]), -int(odd[n]), n)):
        around = graph.adjacent_branch[graph.indptr[node] : graph.indptr[node + 1]].tolist()
        mine = [branch for branch in dict.fromkeys(around) if branch in left]
        if mine:
            left -= set(mine)
            others = [int(graph.branch_u[branch]) + int(graph.branch_v[branch]) - node for branch in mine]
            sure = share[node] == 1 and (len(mine) > 1 or share[others[0]] < 1)
            repair = _replaced(seen, node, others, believable[mine], sure)
            yield _misplaced(seen, node, mine, apart, repair)


def _believable(seen: Inspection, apart: NDArray[np.float64]) -> NDArray[np.float64]:
    """float64 (branches,): how far apart ends may be, m."""
    network = seen.network
    lines = network.table_branches[LINE]
    drawn = apart[lines][~np.isnan(apart[lines])]
    length = np.full(len(apart), OUTLIER_MEDIANS * float(np.median(drawn)) if len(drawn) else 0.0)
    length[lines] = OUTLIER_FACTOR * network.lines["length_m"]
    unknown = lines[np.isnan(network.lines["length_m"])]
    if len(unknown):
        volts = network.nodes["nominal_voltage_v"][network.graph.branch_u]
        _, level = np.unique(volts[lines], return_inverse=True)
        by_line = np.full(len(apart), -1)
        by_line[lines] = level
        usual = np.zeros(level.max() + 1)
        for each in np.unique(by_line[unknown]).tolist():
            known = apart[(by_line == each) & ~np.isnan(apart)]
            usual[each] = np.median(known) if len(known) else 0
        length[unknown] = OUTLIER_MEDIANS * usual[by_line[unknown]]
    return length + OUTLIER_SLACK_M


def _replaced(seen: Inspection, node: int, others: list[int], believable: NDArray[np.float64], sure: bool) -> Repair:
    """Where a node belongs by the nodes that branches lead to. sure: it is what is wrong, and not one of them."""
    network = seen.network
    mrid, around = str(network.nodes["mrid"][node]), network.node_lnglat[others]
    here = network.node_lnglat[[node]]
    lat, lng = here[0].tolist()
    near = np.maximum(believable, distance_m(here, around) / 100)
    if abs(lat) <= 90 and (distance_m(here[:, ::-1], around) <= near).all():
        text = f"Swap the coordinates of {mrid!r}: longitude comes before latitude."
    elif sure:
        lng, lat = around.mean(axis=0).tolist()
        text = f"Put {mrid!r} where what it is joined to is."
    else:
        return Repair(f"Correct the coordinates of {mrid!r} or of {str(network.nodes['mrid'][others[0]])!r}.")
    return Repair(text, {"move": {"mrid": mrid, "lng": lng, "lat": lat}})


def _misplaced(seen: Inspection, node: int, branches: list[int], apart: NDArray[np.float64], repair: Repair) -> Finding:
    network = seen.network
    elements = [network.branch_element(branch) for branch in branches]
    first, mrid = mrid_of(network, elements[0]), str(network.nodes["mrid"][node])
    length = float(network.branch_size[branches[0]])
    long = "its length is not known" if np.isnan(length) else f"it is {length / 1e3:.3f} km long"
    if elements[0].component is not AC_LINE_SEGMENT:
        long = "it is no line"
    more = f", and so are those of {counted(len(branches) - 1, 'other branch', 'other branches')} at {mrid!r}"
    message = (
        f"The ends of {first!r} are {apart[branches[0]] / 1e3:.1f} km apart on the map, but {long}"
        f"{more if len(branches) > 1 else ''}: check their coordinates."
    )
    return finding_at(
        network, "coordinate_outlier", "warning", [*elements, Element(CONNECTIVITY_NODE, node)], message, repair
    )


def unplaced(seen: Inspection) -> Iterator[Finding]:
    """One finding for all nodes that are nowhere."""
    missing = np.flatnonzero(~seen.placed)
    if len(missing):
        are = "has no coordinates and is" if len(missing) == 1 else "have no coordinates and are"
        message = f"{counted(len(missing), 'node')} {are} not on the map."
        repair = Repair("Give them coordinates.")
        yield finding_at(seen.network, "unplaced", "warning", nodes_of(missing.tolist()), message, repair)


def placed_from_neighbours(seen: Inspection) -> Iterator[Finding]:
    """One finding a group of nodes that hang together and were placed by what is around them."""
    network, graph = seen.network, seen.network.graph
    source = network.nodes.extras.get(PLACED_FROM)
    if source is None:
        return
    guessed = source == NEIGHBOURS
    inside = np.where(guessed[graph.branch_u] & guessed[graph.branch_v], 1, 0).astype(np.uint8)
    nodes = np.flatnonzero(guessed)
    for group in groups(nodes, islands(graph, inside)[nodes]):
        first = str(network.nodes["mrid"][group[0]])
        what = f"{first!r} has" if len(group) == 1 else f"{counted(len(group), 'node')} around {first!r} have"
        message = f"{what} no coordinates in the source: placed from neighbours."
        repair = Repair(f"Give {'it' if len(group) == 1 else 'them'} coordinates from a survey.")
        yield finding_at(network, "placed_from_neighbours", "info", nodes_of(group.tolist()), message, repair)


def zero_lengths(seen: Inspection) -> Iterator[Finding]:
    """Lines that say they have no length, or that say nothing and are drawn without any."""
    network, lines = seen.network, seen.network.lines
    straight = distance_m(network.node_lnglat[lines["node1"]], network.node_lnglat[lines["node2"]])
    none = (lines["length_m"] == 0) | (np.isnan(lines["length_m"]) & (straight == 0))
    none &= lines["node1"] != lines["node2"]
    for row in np.flatnonzero(none).tolist():
        mrid, path = str(lines["mrid"][row]), network.line_geometry[row]
        drawn = float(distance_m(path[:-1], path[1:]).sum()) if len(path) > 1 else 0.0
        if drawn > 0 and not np.isnan(lines["length_m"][row]):
            message = f"{mrid!r} has a length of 0, but is drawn {drawn:.1f} m long."
            repair = Repair("Take the length that is drawn.", {"set": {"mrid": mrid, "length_m": round(drawn, 3)}})
        elif drawn > 0:
            continue
        else:
            message = f"{mrid!r} is a line of no length."
            repair = Repair("Give its length, or join its ends to one node.")
        yield finding_at(network, "zero_length", "info", elements_of(AC_LINE_SEGMENT, [row]), message, repair)


def duplicate_ids(seen: Inspection) -> Iterator[Finding]:
    """One finding an id that the source gave to several elements of a class; all but the first were numbered."""
    network = seen.network
    for component in COMPONENTS:
        table = network.tables[component.table]
        ids: NDArray[Any] | None = table.extras.get(REPEATED_ID)
        if ids is None:
            continue
        rows: dict[str, list[int]] = {}
        for row in np.flatnonzero(ids != "").tolist():
            rows.setdefault(str(ids[row]), []).append(row)
        for each, same in sorted(rows.items()):
            same.sort(key=lambda row: (len(str(table["mrid"][row])), str(table["mrid"][row])))
            message = f"{len(same)} elements of {component.name} have the id {each!r} in the source."
            repair = Repair("Give each an id of its own, or take out what is there twice.")
            yield finding_at(network, "duplicate_id", "warning", elements_of(component, same), message, repair)
