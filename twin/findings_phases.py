"""Phases and voltages that do not fit together."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from twin import phases
from twin.components import BRANCH_COMPONENTS, ENERGY_CONSUMER, POWER_TRANSFORMER
from twin.finding import Finding, Repair, elements_of, finding_at, mrid_of
from twin.inspection import Inspection


def phase_mismatches(seen: Inspection) -> Iterator[Finding]:
    """Branches that carry nothing although an end is live: they have none of the phases that arrive there."""
    network, graph = seen.network, seen.network.graph
    conducting = network.normal_conducting & phases.ABC
    ends = network.normal_energized[graph.branch_u] | network.normal_energized[graph.branch_v]
    for branch in np.flatnonzero((conducting != 0) & (ends != 0) & (conducting & ends == 0)).tolist():
        element = network.branch_element(branch)
        has, gets = phases.mask_to_code(int(conducting[branch])), phases.mask_to_code(int(ends[branch]))
        mrid = mrid_of(network, element)
        message = f"{mrid!r} has phases {has}, but only {gets} arrives: it is dead."
        yield finding_at(network, "phase_mismatch", "error", [element], message, _phases(mrid, gets))


def consumer_phases(seen: Inspection) -> Iterator[Finding]:
    """Consumers at a live node that lack a phase they are connected to."""
    network, consumers = seen.network, seen.network.consumers
    live = network.normal_energized[consumers["node"]] & phases.ABC
    missing = consumers["phases"] & phases.ABC & ~live
    for row in np.flatnonzero((missing != 0) & (live != 0)).tolist():
        mrid, gets = str(consumers["mrid"][row]), phases.mask_to_code(int(live[row]))
        message = (
            f"{mrid!r} is connected to {phases.mask_to_code(int(consumers['phases'][row]))}, "
            f"but its node has only {gets}."
        )
        repair = _phases(mrid, gets)
        yield finding_at(network, "phase_mismatch", "error", elements_of(ENERGY_CONSUMER, [row]), message, repair)


def voltage_mismatches(seen: Inspection) -> Iterator[Finding]:
    """Lines and switches between nodes of different nominal voltage."""
    network, volts = seen.network, seen.network.nodes["nominal_voltage_v"]
    for component in BRANCH_COMPONENTS:
        if component is POWER_TRANSFORMER:
            continue
        table = network.tables[component.table]
        a, b = volts[table["node1"]], volts[table["node2"]]
        for row in np.flatnonzero(~seen.alike(table["node1"], table["node2"])).tolist():
            message = f"{table['mrid'][row]!r} joins nodes of {a[row] / 1e3:g} kV and {b[row] / 1e3:g} kV."
            repair = Repair("Give both nodes the voltage that is right, or put a transformer between them.")
            yield finding_at(network, "voltage_mismatch", "warning", elements_of(component, [row]), message, repair)


def _phases(mrid: str, gets: str) -> Repair:
    text = f"Give {mrid!r} the phases {gets}, or bring the others there."
    return Repair(text, {"set": {"mrid": mrid, "phases": gets}})
