"""Topology findings: what is wrong or doubtful in the data, each with a place and a sentence.

Findings are values, not errors: the part of a network that is right still answers.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import shapely
from numpy.typing import NDArray

from topology.islands import islands
from twin import phases
from twin.components import (
    AC_LINE_SEGMENT,
    BRANCH_COMPONENTS,
    CONNECTIVITY_NODE,
    ENERGY_CONSUMER,
    POWER_TRANSFORMER,
    SWITCH,
    Component,
)
from twin.elements import place
from twin.geometry import EARTH_RADIUS_M, distance_m
from twin.mrids import Element
from twin.network import Network

Severity = Literal["error", "warning", "info"]

OUTLIER_FACTOR = 3.0
OUTLIER_SLACK_M = 1_000.0
"""A line is doubtful when its ends are further apart than this factor of its length plus this slack."""

NEAR_M = 1.0
"""Another feeder this close to an end that hangs on nothing is what it may be meant to join."""

FIRST_MRIDS = 20
"""How many ids of an island a finding names."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding: kind, severity, the elements it is about, a place (None where nothing is placed), a sentence."""

    kind: str
    severity: Severity
    mrids: tuple[str, ...]
    lng: float | None
    lat: float | None
    message: str

    def to_json(self) -> dict[str, object]:
        """As `GET /api/findings` gives it."""
        return {
            "kind": self.kind,
            "severity": self.severity,
            "mrids": list(self.mrids),
            "lng": self.lng,
            "lat": self.lat,
            "message": self.message,
        }


def findings(network: Network) -> list[Finding]:
    """Everything the rules below find, errors first."""
    rules = (
        _no_source,
        _not_supplied,
        _phase_mismatch,
        _consumer_phases,
        _voltage_mismatch,
        _self_loops,
        _dangling_switches,
        _outliers,
        _unplaced,
    )
    found = [finding for rule in rules for finding in rule(network)]
    return sorted(found, key=lambda finding: ("error", "warning", "info").index(finding.severity))


def _finding(
    network: Network, kind: str, severity: Severity, component: Component, rows: list[int], message: str
) -> Finding:
    table = network.tables[component.table]
    at = place(network, Element(component, rows[0])) if rows else None
    mrids = tuple(str(table["mrid"][row]) for row in rows[:FIRST_MRIDS])
    lng, lat = at if at else (None, None)
    return Finding(kind, severity, mrids, lng, lat, message)


def _no_source(network: Network) -> Iterator[Finding]:
    if not network.node_sources.any():
        given = len(network.sources)
        why = f"none of its {given} sources is in service" if given else "it has no energy source"
        yield _finding(network, "no_source", "error", CONNECTIVITY_NODE, [0], f"The network is dead everywhere: {why}.")


def _not_supplied(network: Network) -> Iterator[Finding]:
    """One finding an island that no source reaches in the normal state."""
    dead = np.flatnonzero(network.normal_energized == 0)
    if len(dead) == 0:
        return
    island = islands(network.graph, network.normal_conducting)[dead]
    order = np.argsort(island, kind="stable")
    _, starts = np.unique(island[order], return_index=True)
    for nodes in np.split(dead[order], starts[1:]):
        customers = int(network.customer_prefix[nodes + 1].sum() - network.customer_prefix[nodes].sum())
        first = str(network.nodes["mrid"][nodes[0]])
        yield _finding(
            network,
            "not_supplied",
            "error",
            CONNECTIVITY_NODE,
            nodes.tolist(),
            f"{len(nodes)} nodes around {first!r} with {customers} customers have no path to a source.",
        )


def _phase_mismatch(network: Network) -> Iterator[Finding]:
    """Branches that carry nothing although an end is live: they have none of the phases that arrive there."""
    graph = network.graph
    conducting = network.normal_conducting & phases.ABC
    ends = network.normal_energized[graph.branch_u] | network.normal_energized[graph.branch_v]
    for branch in np.flatnonzero((conducting != 0) & (ends != 0) & (conducting & ends == 0)).tolist():
        element = network.branch_element(branch)
        has, gets = phases.mask_to_code(int(conducting[branch])), phases.mask_to_code(int(ends[branch]))
        mrid = network.tables[element.component.table]["mrid"][element.row]
        message = f"{mrid!r} has phases {has}, but only {gets} arrives: it is dead."
        yield _finding(network, "phase_mismatch", "error", element.component, [element.row], message)


def _consumer_phases(network: Network) -> Iterator[Finding]:
    """Consumers at a live node that lack a phase they are connected to."""
    consumers = network.consumers
    live = network.normal_energized[consumers["node"]]
    missing = consumers["phases"] & phases.ABC & ~live
    for row in np.flatnonzero((missing != 0) & (live != 0)).tolist():
        message = (
            f"{consumers['mrid'][row]!r} is connected to {phases.mask_to_code(int(consumers['phases'][row]))}, "
            f"but its node has only {phases.mask_to_code(int(live[row]))}."
        )
        yield _finding(network, "phase_mismatch", "error", ENERGY_CONSUMER, [row], message)


def _voltage_mismatch(network: Network) -> Iterator[Finding]:
    """Lines and switches between nodes of different nominal voltage."""
    volts = network.nodes["nominal_voltage_v"]
    for component in BRANCH_COMPONENTS:
        if component is POWER_TRANSFORMER:
            continue
        table = network.tables[component.table]
        a, b = volts[table["node1"]], volts[table["node2"]]
        for row in np.flatnonzero(np.abs(a - b) > 0.1 * np.fmax(a, b)).tolist():
            message = f"{table['mrid'][row]!r} joins nodes of {a[row] / 1e3:g} kV and {b[row] / 1e3:g} kV."
            yield _finding(network, "voltage_mismatch", "warning", component, [row], message)


def _self_loops(network: Network) -> Iterator[Finding]:
    for component in BRANCH_COMPONENTS:
        table = network.tables[component.table]
        for row in np.flatnonzero(table["node1"] == table["node2"]).tolist():
            message = f"Both ends of {table['mrid'][row]!r} are at the same node."
            yield _finding(network, "self_loop", "warning", component, [row], message)


def _dangling_switches(network: Network) -> Iterator[Finding]:
    """Open switches with an end where nothing else is: a tie that the data does not join to its other side."""
    switches = network.switches
    used = np.zeros(len(network.nodes), dtype=np.int64)
    for component in BRANCH_COMPONENTS:
        table = network.tables[component.table]
        used += np.bincount(table["node1"], minlength=len(used)) + np.bincount(table["node2"], minlength=len(used))
    for table in (network.sources, network.consumers):
        used += np.bincount(table["node"], minlength=len(used))
    ends = np.stack([switches["node1"], switches["node2"]], axis=1)
    alone = (used[ends] == 1) & (switches["normal_open"] != 0)[:, None]
    rows = np.flatnonzero(alone.any(axis=1))
    if len(rows) == 0:
        return
    tree = shapely.STRtree(np.asarray(shapely.points(network.node_lnglat)))
    for row in rows.tolist():
        mrid = str(switches["mrid"][row])
        if alone[row].all():
            message = f"Nothing else is at either end of {mrid!r}, which is open."
        else:
            end = network.nodes["mrid"][ends[row][alone[row]][0]]
            message = f"{mrid!r} is open and nothing else is at its end {end!r}: as a tie it leads nowhere."
        near = _other_feeder_near(network, tree, ends[row])
        if near is not None:
            message += (
                f" {network.nodes['mrid'][near]!r} of another feeder is within {NEAR_M:g} m: is it meant to join it?"
            )
        yield _finding(network, "dangling_switch", "warning", SWITCH, [row], message)


def _other_feeder_near(network: Network, tree: shapely.STRtree, ends: NDArray[np.int32]) -> int | None:
    """A node of the switch's voltage, of a feeder that neither end belongs to, within reach of the first end placed."""
    lnglat, volts = network.node_lnglat, network.nodes["nominal_voltage_v"]
    placed = ends[~np.isnan(lnglat[ends]).any(axis=1)]
    if len(placed) == 0:
        return None
    at = lnglat[placed[:1]]
    reach = np.degrees(NEAR_M / EARTH_RADIUS_M) / max(float(np.cos(np.radians(at[0, 1]))), 0.01)
    around = tree.query(shapely.points(at[0]), predicate="dwithin", distance=reach)
    feeder = network.node_feeder[around]
    own = np.nanmax(volts[ends]) if not np.isnan(volts[ends]).all() else np.nan
    fits = (feeder >= 0) & ~np.isin(feeder, network.node_feeder[ends]) & ~(np.abs(volts[around] - own) > 0.1 * own)
    fits &= np.isnan(volts[around]) == np.isnan(own)
    fits &= distance_m(np.repeat(at, len(around), axis=0), lnglat[around]) <= NEAR_M
    return int(around[np.argmax(fits)]) if fits.any() else None


def _outliers(network: Network) -> Iterator[Finding]:
    """Lines whose ends lie much further apart than the line is long: a coordinate is wrong, or swapped."""
    lines = network.lines
    apart: NDArray[Any] = distance_m(network.node_lnglat[lines["node1"]], network.node_lnglat[lines["node2"]])
    for row in np.flatnonzero(apart > OUTLIER_FACTOR * lines["length_m"] + OUTLIER_SLACK_M).tolist():
        message = (
            f"The ends of {lines['mrid'][row]!r} are {apart[row] / 1e3:.1f} km apart on the map, "
            f"but it is {lines['length_m'][row] / 1e3:.3f} km long: check their coordinates."
        )
        yield _finding(network, "coordinate_outlier", "warning", AC_LINE_SEGMENT, [row], message)


def _unplaced(network: Network) -> Iterator[Finding]:
    missing = np.flatnonzero(np.isnan(network.node_lnglat).any(axis=1))
    if len(missing):
        message = f"{len(missing)} nodes have no coordinates and are not on the map."
        yield _finding(network, "unplaced", "warning", CONNECTIVITY_NODE, missing.tolist(), message)
