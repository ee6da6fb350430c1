"""Areas without supply: what is energised in the normal state and not now, and which device is the cause."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from topology.islands import islands
from twin.components import SWITCH_BRANCH
from twin.engine import Twin
from twin.middles import lng_and_lat, middle
from twin.state import Snapshot


@dataclass(frozen=True, slots=True)
class Outage:
    """One area: nodes that hang together in the normal state and have lost phases.

    id: mrid of its first node. causes: mrids of the switches that are open and normally closed at its live border
    (inside it where no border is live). since: when the last of them moved. bounds: left, bottom, right, top.
    place: lng, lat of one of its nodes amid the others.
    """

    id: str
    nodes: int
    customers: int
    causes: tuple[str, ...]
    since: datetime | None
    feeders: tuple[str, ...]
    substation: str
    bounds: tuple[float, float, float, float] | None
    place: tuple[float, float] | None

    def to_json(self) -> dict[str, object]:
        """As `GET /api/outages` gives it."""
        return {
            "id": self.id,
            "nodes": self.nodes,
            "customers": self.customers,
            "cause": self.causes[0] if self.causes else None,
            "causes": list(self.causes),
            "since": self.since.isoformat() if self.since else None,
            "feeder": self.feeders[0] if self.feeders else None,
            "feeders": list(self.feeders),
            "substation": self.substation or None,
            "bounds": list(self.bounds) if self.bounds else None,
            **lng_and_lat(self.place),
        }


def outages(seen: Twin | Snapshot) -> list[Outage]:
    """Every area without supply, most customers first; of a twin, in its live state."""
    state = seen.current if isinstance(seen, Twin) else seen
    lost = state.lost
    if not lost.any():
        return []
    network, graph = state.network, state.network.graph
    both_lost = (lost[graph.branch_u] != 0) & (lost[graph.branch_v] != 0)
    island = islands(graph, network.normal_conducting * both_lost)
    dead = np.flatnonzero(lost)
    labels, area = np.unique(island[dead], return_inverse=True)
    consumers = np.flatnonzero(state.consumers_out)
    at = np.searchsorted(labels, island[network.consumers["node"][consumers]])
    customers = np.bincount(at, network.consumer_customers[consumers], minlength=len(labels)).astype(int)
    causes = _causes(state, island, labels)
    order = np.argsort(area, kind="stable")
    members = np.split(dead[order], np.cumsum(np.bincount(area, minlength=len(labels)))[:-1])
    found = [
        _outage(state, nodes, int(customers[number]), causes.get(int(labels[number]), []))
        for number, nodes in enumerate(members)
    ]
    return sorted(found, key=lambda outage: (-outage.customers, outage.id))


def _causes(state: Snapshot, island: NDArray[np.int32], labels: NDArray[np.int32]) -> dict[int, list[int]]:
    """Switch rows by area: opened ones on its live border, else those inside."""
    network, graph = state.network, state.network.graph
    opened = np.flatnonzero(state.state.open & ~network.switches["normal_open"])
    areas = set(labels.tolist())
    border: dict[int, list[int]] = {}
    inside: dict[int, list[int]] = {}
    for row in opened.tolist():
        branch = network.table_branches[SWITCH_BRANCH][row]
        ends = int(graph.branch_u[branch]), int(graph.branch_v[branch])
        phases_open = int(state.state.open[row] & ~network.switches["normal_open"][row])
        for here, there in (ends, ends[::-1]):
            label = int(island[here])
            if label not in areas or not state.lost[here] & phases_open:
                continue
            live = state.energized[there] & phases_open
            (border if live else inside).setdefault(label, []).append(row)
    return inside | border


def _outage(state: Snapshot, nodes: NDArray[np.intp], customers: int, causes: list[int]) -> Outage:
    network = state.network
    moved = [at for row in causes if (at := state.state.since.get(row)) is not None]
    feeders = np.unique(network.node_feeder[nodes])
    heads = network.feeders["substation"][feeders[feeders >= 0]]
    substation = str(network.substations["name"][heads[0]]) if len(heads) and heads[0] >= 0 else ""
    points = network.node_lnglat[nodes]
    points = points[~np.isnan(points).any(axis=1)]
    bounds = None
    if len(points):
        (left, bottom), (right, top) = points.min(axis=0).tolist(), points.max(axis=0).tolist()
        bounds = (left, bottom, right, top)
    return Outage(
        str(network.nodes["mrid"][nodes[0]]),
        len(nodes),
        customers,
        tuple(str(network.switches["mrid"][row]) for row in dict.fromkeys(causes)),
        max(moved) if moved else None,
        tuple(str(network.feeders["name"][row]) for row in feeders[feeders >= 0]),
        substation,
        bounds,
        middle(points),
    )
