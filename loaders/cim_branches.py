"""Lines and switches of a CIM model: their nodes, phases and ratings, and what split phases stand for."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from loaders.cim_nodes import Nodes, joined, referred
from loaders.cim_rdf import Model
from loaders.cim_schema import SPLIT
from loaders.report import FIRST_IDS, LoadReport
from twin.phases import ABC

CLOSED, OPEN, UNSAID = 0, 1, -1


class Phases:
    """Phases of equipment, by those of its parts, else its own, else its terminals', else all three."""

    def __init__(self, model: Model, nodes: Nodes) -> None:
        """Raises LoadError for a phase of an equipment that is not there."""
        self.model = model
        equipment, parts, terminals = model["equipment"], model["phases"], model["terminals"]
        self.owner = referred(parts, "owner", equipment) if len(parts) else np.empty(0, dtype=np.int64)
        """int64 (phases,): the row of the equipment."""
        of_parts, of_terminals = (np.zeros(len(equipment), dtype=np.uint8) for _ in range(2))
        np.bitwise_or.at(of_parts, self.owner, parts["phases"])
        at = nodes.equipment >= 0
        np.bitwise_or.at(of_terminals, nodes.equipment[at], terminals["phases"][at])
        chosen = np.where(
            of_parts != 0, of_parts, np.where(equipment["phases"] != 0, equipment["phases"], of_terminals)
        )
        self.given = chosen
        """uint8 (equipment,): with the bit SPLIT; 0 where nothing says."""

    def open(self, mask: NDArray[np.uint8], rows: NDArray[np.int64], report: LoadReport) -> NDArray[np.uint8]:
        """uint8 (rows,): phases of switches that are open in the normal state; what is operated now is noted.

        mask: their phases. A SwitchPhase says it of its own phase; without normalOpen, what is open now is normal.
        """
        equipment, parts = self.model["equipment"], self.model["phases"]
        now = np.where(equipment["open"] == OPEN, 0xFF, 0).astype(np.uint8)
        normal = np.where(equipment["normal_open"] == OPEN, 0xFF, 0).astype(np.uint8)
        normal = np.where(equipment["normal_open"] == UNSAID, now, normal)
        now = np.where(equipment["open"] == UNSAID, normal, now)
        shut = np.where(parts["closed"] == UNSAID, parts["normal_open"], 1 - parts["closed"])
        usual = np.where(parts["normal_open"] == UNSAID, shut, parts["normal_open"])
        for state, said in ((normal, usual), (now, shut)):
            for flag in (OPEN, CLOSED):
                at = np.flatnonzero((said == flag) & (parts["phases"] != 0))
                bits = np.zeros(len(equipment), dtype=np.uint8)
                np.bitwise_or.at(bits, self.owner[at], parts["phases"][at])
                state[:] = state | bits if flag == OPEN else state & ~bits
        normal, now = normal[rows] & mask, now[rows] & mask
        moved = equipment["mrid"][rows[normal != now]].tolist()
        if moved:
            first = ", ".join(moved[:FIRST_IDS])
            report.notes.append(
                f"{len(moved)} switches are not as they normally are ({first}); the network starts in its normal state"
            )
        return normal.astype(np.uint8)


def two_ended(
    model: Model, nodes: Nodes, rows: NDArray[np.int64], report: LoadReport
) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.bool_]]:
    """Rows that have a terminal, int32 (rows, 2) their nodes, and whether both ends are connected.

    An end without a node gets one of its own. Raises LoadError for more than two terminals.
    """
    equipment, connected = model["equipment"], model["terminals"]["connected"]
    kept, ends, joins, without, single = [], [], [], [], []
    for row in rows.tolist():
        terminals = nodes.of(row)
        mrid = str(equipment["mrid"][row])
        found = [int(node) for node in nodes.terminal[terminals] if node >= 0]
        if len(terminals) > 2:
            raise model["terminals"].fail(
                int(terminals[2]), "equipment", f"it has {len(terminals)} terminals, where it can have two"
            )
        if not found:
            without.append(mrid)
            continue
        if len(found) == 1:
            single.append(mrid)
            name = str(equipment["name"][row]) or mrid
            found.append(nodes.add(f"{mrid} end", f"{name} end", found[0]))
        kept.append(row)
        ends.append(found)
        joins.append(not (connected[terminals] == 0).any())
    name = str(equipment.class_names()[rows[0]]) if len(rows) else ""
    if single:
        first = ", ".join(single[:FIRST_IDS])
        report.notes.append(f"{len(single)} {name} and the like end at nothing on one side ({first})")
    for row_class in {str(equipment.class_names()[row]) for row in rows.tolist()} if without else ():
        own = {
            m
            for m, c in zip(equipment["mrid"].tolist(), equipment.class_names().tolist(), strict=True)
            if c == row_class
        }
        report.skip(row_class, "it has no terminal at a node", [mrid for mrid in without if mrid in own])
    return (
        np.array(kept, dtype=np.int64),
        np.array(ends, dtype=np.int32).reshape(-1, 2),
        np.array(joins, dtype=np.bool_),
    )


def behind_split(
    count: int, ends: NDArray[np.int32], given: NDArray[np.uint8], seeds: dict[int, int]
) -> NDArray[np.uint8]:
    """uint8 (nodes,): the phases that split phases at each node stand for, 0 where no transformer says so.

    ends, given: nodes and phases of lines and switches. seeds: phases of primaries by node of the secondary.
    """
    split = (given & SPLIT) != 0
    island = joined(count, ends[split, 0], ends[split, 1])
    bits = np.zeros(count, dtype=np.uint8)
    rows = np.array(list(seeds), dtype=np.int64)
    np.bitwise_or.at(bits, island[rows], np.array(list(seeds.values()), dtype=np.uint8))
    return bits[island]


def resolved(given: NDArray[np.uint8], behind: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """uint8 (rows,): phases without SPLIT; all three where nothing is said."""
    mask = (given & ~np.uint8(SPLIT)) | np.where(given & SPLIT, behind, 0).astype(np.uint8)
    return np.where(mask == 0, ABC, np.where((given & SPLIT != 0) & (mask & ABC == 0), mask | ABC, mask)).astype(
        np.uint8
    )
