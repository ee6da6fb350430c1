"""pandapower's networks, as pandapower has them and as we read them, and how to operate both."""

from __future__ import annotations

import copy
import sys
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from unittest.mock import patch

import numpy as np
import pandapower.networks as networks
from pandapower.topology import unsupplied_buses

from loaders.pandapower import from_net
from topology.energize import energize
from twin.engine import Twin
from twin.events import Operation
from twin.network import Network
from twin.phases import ABC


def closed_rings() -> Any:
    """CIGRE MV with its ring switches S1, S2 and S3 closed."""
    net = networks.create_cigre_network_mv()
    net.switch["closed"] = True
    return net


NETS: dict[str, Callable[[], Any]] = {
    "mv_oberrhein": networks.mv_oberrhein,
    "cigre_mv": networks.create_cigre_network_mv,
    "cigre_mv_der": lambda: networks.create_cigre_network_mv(with_der="all"),
    "cigre_mv_closed_rings": closed_rings,
    "example_multivoltage": networks.example_multivoltage,
}


@dataclass(frozen=True)
class Case:
    """One net on both sides; `positions` are by row of its switch table."""

    name: str
    net: Any

    @cached_property
    def network(self) -> Network:
        return from_net(self.net)[0]

    @cached_property
    def twin(self) -> Twin:
        """Shared by all tests, which leave it in its normal state."""
        return Twin(self.network)

    @property
    def switches(self) -> list[int]:
        return self.net.switch.index.tolist()

    def operated(self, toggled: Iterable[int]) -> Any:
        """A copy of the net in which these switches are in their other position."""
        net = copy.copy(self.net)
        net.switch = self.net.switch.copy()
        rows = list(toggled)
        net.switch.loc[rows, "closed"] = ~net.switch.loc[rows, "closed"].astype(bool)
        return net

    def operations(self, toggled: Iterable[int]) -> list[Operation]:
        """The same for a twin in its normal state."""
        return [Operation(f"switch {row}", bool(self.net.switch.closed[row])) for row in toggled]

    def in_service(self) -> list[int]:
        """Buses that pandapower's topology knows: those out of service it leaves out."""
        return self.net.bus.index[self.net.bus.in_service].tolist()

    def dead_buses(self, energized: Any) -> set[int]:
        """Rows of the bus table that are in service and dead; nodes that only we have stand for no bus."""
        rows = [self.network.mrids.find(f"bus {bus}").row for bus in self.in_service()]
        alive = energized[rows]
        assert set(np.unique(alive).tolist()) <= {0, ABC}
        return {bus for bus, mask in zip(self.in_service(), alive.tolist(), strict=True) if mask == 0}

    def computed(self, toggled: Iterable[int]) -> Any:
        """The energised masks by the full computation, from nothing but the positions."""
        opened = self.network.switches["normal_open"].copy()
        for operation in self.operations(toggled):
            opened[self.network.mrids.find(operation.mrid).row] = ABC if operation.open else 0
        return energize(self.network.graph, self.network.conducting(opened), self.network.node_sources)


def unsupplied(net: Any) -> set[int]:
    """What pandapower says has no supply, as plain numbers."""
    return {int(bus) for bus in unsupplied_buses(net)}


def made(name: str) -> Any:
    """A net of pandapower's, which solves some of them while it makes them; nothing here needs the solution."""
    with ExitStack() as stack:
        for module in ("mv_oberrhein", "create_examples"):
            stack.enter_context(patch.object(sys.modules[f"pandapower.networks.{module}"], "runpp"))
        return NETS[name]()
