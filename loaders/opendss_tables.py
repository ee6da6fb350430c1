"""The tables of branches, feeders and substations of an OpenDSS circuit."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from loaders.opendss_branches import LINE, SWITCH, TRANSFORMER, Branch, Branches
from loaders.opendss_feeders import Feeders
from loaders.opendss_phases import Labels
from twin.components import AC_LINE_SEGMENT, FEEDER, POWER_TRANSFORMER, SUBSTATION, TEXT, Table
from twin.components import SWITCH as SWITCH_CLASS


def branch_tables(branches: Branches, mask: NDArray[np.uint8], labels: Labels, feeders: Feeders) -> dict[str, Table]:
    """Lines, switches and transformers; mask: uint8 (branches,), their phases."""
    opened = _normal_open(branches, mask, labels)
    rows: dict[str, list[int]] = {name: [] for name in (LINE, SWITCH, TRANSFORMER)}
    for at, branch in enumerate(branches.all):
        rows[branch.table].append(at)
    lines = [branches.all[at] for at in rows[LINE]]
    switches = [branches.all[at] for at in rows[SWITCH]]
    transformers = [branches.all[at] for at in rows[TRANSFORMER]]
    substation = [feeders.node_substation.get(branch.nodes[0], -1) for branch in transformers]
    return {
        LINE: Table(
            AC_LINE_SEGMENT,
            _columns(lines, mask[rows[LINE]])
            | {"length_m": [b.length_m for b in lines], "rated_current_a": [b.rating for b in lines]},
        ),
        SWITCH: Table(
            SWITCH_CLASS,
            _columns(switches, mask[rows[SWITCH]])
            | {
                "kind": texts(b.kind for b in switches),
                "normal_open": opened[rows[SWITCH]],
                "locked": np.array([b.locked for b in switches], dtype=np.bool_),
                "rated_current_a": np.array([b.rating for b in switches], dtype=np.float64),
            },
        ),
        TRANSFORMER: Table(
            POWER_TRANSFORMER,
            _columns(transformers, mask[rows[TRANSFORMER]])
            | {
                "rated_power_va": np.array([b.rating for b in transformers], dtype=np.float64),
                "substation": np.array(substation, dtype=np.int32),
            },
        ),
    }


def _normal_open(branches: Branches, mask: NDArray[np.uint8], labels: Labels) -> NDArray[np.uint8]:
    """uint8 (branches,): phases that are open; those of the conductors that are."""
    chosen = [
        tuple(branch.conductors[0][at] for at in branch.opened or () if at < len(branch.conductors[0]))
        for branch in branches.all
    ]
    whole = np.array([branch.opened is None for branch in branches.all], dtype=np.bool_)
    return np.where(whole, mask, labels.of(chosen) & mask).astype(np.uint8)


def texts(values: Iterable[str]) -> NDArray[Any]:
    """StringDType (values,)."""
    return np.array(list(values), dtype=TEXT)


def _columns(branches: list[Branch], mask: NDArray[np.uint8]) -> dict[str, object]:
    """The columns that lines, switches and transformers share."""
    ends = np.array([branch.nodes for branch in branches], dtype=np.int32).reshape(-1, 2)
    return {
        "mrid": texts(branch.mrid for branch in branches),
        "name": texts(branch.name for branch in branches),
        "node1": ends[:, 0],
        "node2": ends[:, 1],
        "phases": mask,
        "in_service": np.array([branch.in_service for branch in branches], dtype=np.bool_),
        "circuit": texts(branch.folder.rpartition("/")[2] for branch in branches),
    }


def feeder_table(feeders: Feeders) -> Table:
    """Feeders by their heads."""
    return Table(
        FEEDER,
        {
            "mrid": texts(f"Feeder {head}" for head in feeders.head_mrid),
            "name": texts(feeders.name),
            "head_mrid": texts(feeders.head_mrid),
            "head_node": np.array(feeders.head_node, dtype=np.int32),
            "substation": np.array(feeders.substation, dtype=np.int32),
        },
    )


def substation_table(feeders: Feeders) -> Table:
    """Substations by name."""
    return Table(
        SUBSTATION,
        {"mrid": texts(f"Substation {name}" for name in feeders.substations), "name": texts(feeders.substations)},
    )
