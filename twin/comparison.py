"""Two states of one network side by side: who loses supply, who gains it, by feeder."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from twin import phases
from twin.network import Network
from twin.state import Snapshot


@dataclass(frozen=True, slots=True)
class Supply:
    """How many nodes, and how many customers, a change touches."""

    nodes: int
    customers: int

    @classmethod
    def of(cls, network: Network, mask: NDArray[np.uint8]) -> Supply:
        """Nodes where the mask (uint8 (nodes,)) holds a phase; customers who have one of them among their own."""
        nodes = np.flatnonzero(mask)
        consumers = _touched(network, mask, nodes)
        return cls(len(nodes), int(network.consumer_customers[consumers].sum()))

    def to_json(self) -> dict[str, int]:
        """As HTTP answers have it."""
        return {"nodes": self.nodes, "customers": self.customers}


def _touched(network: Network, mask: NDArray[np.uint8], nodes: NDArray[np.intp]) -> NDArray[np.int64]:
    """Rows of the consumers at some nodes who have a service phase in the mask (uint8 (nodes,)) there.

    Looks at these nodes' consumers only: most changes touch few of a million.
    """
    rows = network.consumers_at(nodes)
    table = network.consumers
    return rows[mask[table["node"][rows]] & table["phases"][rows] & phases.ABC != 0]


@dataclass(frozen=True, slots=True)
class FeederChange:
    """What a change does to the customers of one feeder; the empty mrid stands for what belongs to none."""

    mrid: str
    name: str
    lost: int
    gained: int

    def to_json(self) -> dict[str, object]:
        """As HTTP answers have it."""
        return {"mrid": self.mrid, "name": self.name, "lost": self.lost, "gained": self.gained}


@dataclass(frozen=True, slots=True)
class Comparison:
    """From one state to another: supply lost and gained (a lost phase counts), feeders most lost first.

    switches: those in another position, with the phases (mask) that are open before and after.
    """

    lost: Supply
    gained: Supply
    feeders: tuple[FeederChange, ...]
    switches: tuple[tuple[str, int, int], ...]

    def to_json(self) -> dict[str, object]:
        """As HTTP answers have it."""
        return {
            "lost": self.lost.to_json(),
            "gained": self.gained.to_json(),
            "feeders": [feeder.to_json() for feeder in self.feeders],
            "switches": [
                {"mrid": mrid, "before": phases.mask_to_code(before), "after": phases.mask_to_code(after)}
                for mrid, before, after in self.switches
            ],
        }


def compare(before: Snapshot, after: Snapshot) -> Comparison:
    """What changes from one state to the other; both must be of the same network."""
    network = before.network
    if network is not after.network and network.model != after.network.model:
        raise ValueError(f"models {network.model} and {after.network.model} cannot be compared")
    lost = before.energized & ~after.energized
    gained = after.energized & ~before.energized
    moved = np.flatnonzero(before.state.open != after.state.open).tolist()
    mrids = network.switches["mrid"]
    return Comparison(
        Supply.of(network, lost),
        Supply.of(network, gained),
        tuple(_by_feeder(network, *(_touched(network, mask, np.flatnonzero(mask)) for mask in (lost, gained)))),
        tuple((str(mrids[row]), int(before.state.open[row]), int(after.state.open[row])) for row in moved),
    )


def _by_feeder(network: Network, lost: NDArray[np.int64], gained: NDArray[np.int64]) -> list[FeederChange]:
    size = len(network.feeders) + 1  # the last one counts what belongs to none, whose row is -1
    totals = []
    for consumers in (lost, gained):
        feeder = network.node_feeder[network.consumers["node"][consumers]] % size
        customers = np.bincount(feeder, network.consumer_customers[consumers], minlength=size)
        totals.append(customers.astype(np.int64))
    changes = []
    for row in np.flatnonzero(totals[0] + totals[1]).tolist():
        known = row < len(network.feeders)
        mrid = str(network.feeders["mrid"][row]) if known else ""
        name = str(network.feeders["name"][row]) if known else ""
        changes.append(FeederChange(mrid, name, int(totals[0][row]), int(totals[1][row])))
    return sorted(changes, key=lambda change: (-change.lost, -change.gained, change.mrid))
