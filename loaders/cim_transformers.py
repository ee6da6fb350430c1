"""Transformers of a CIM model: their ends or tanks as branches, three windings as a star of three."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

import numpy as np

from loaders.cim_nodes import Nodes, looked_for, referred
from loaders.cim_rdf import Model
from loaders.cim_schema import SPLIT, TRANSFORMERS
from loaders.report import LoadReport
from twin.phases import ABC

MOST_V = 2e6
MOST_VA = 1e11


@dataclass(slots=True)
class End:
    """A winding: its node, its tank (-1 for the transformer itself), phases (0 where not given), V, VA."""

    node: int
    tank: int
    number: float
    phases: int
    voltage: float
    power: float
    connected: bool


@dataclass(slots=True)
class Legs:
    """Branches of transformers, in columns; `equipment` is the row of the transformer."""

    equipment: list[int] = field(default_factory=list)
    mrid: list[str] = field(default_factory=list)
    name: list[str] = field(default_factory=list)
    node1: list[int] = field(default_factory=list)
    node2: list[int] = field(default_factory=list)
    phases: list[int] = field(default_factory=list)
    power: list[float] = field(default_factory=list)
    connected: list[bool] = field(default_factory=list)
    voltages: dict[int, float] = field(default_factory=dict)
    """Of nodes at windings, V."""
    split: dict[int, int] = field(default_factory=dict)
    """Phases of the primary, by node behind a split-phase winding."""
    without: list[str] = field(default_factory=list)
    """Transformers without any terminal."""

    def add(
        self, row: int, names: tuple[str, str], nodes: tuple[int, int], phases: int, end: tuple[float, bool]
    ) -> None:
        self.equipment.append(row)
        self.mrid.append(names[0])
        self.name.append(names[1])
        self.node1.append(nodes[0])
        self.node2.append(nodes[1])
        self.phases.append(phases & ABC or ABC)
        self.power.append(end[0])
        self.connected.append(end[1])


def transformer_legs(model: Model, nodes: Nodes, report: LoadReport, kilo: float, mega: float) -> Legs:
    """All branches of transformers; kilo, mega: V and VA of the model's units. Raises LoadError."""
    legs = Legs()
    equipment = model["equipment"]
    ends = _ends(model, nodes, report, kilo, mega)
    for row in np.flatnonzero(equipment.of_class(*TRANSFORMERS)).tolist():
        own = ends.get(row) or _bare(nodes, row)
        mrid = str(equipment["mrid"][row])
        if not own:
            legs.without.append(mrid)
            continue
        for end in own:
            if not np.isnan(end.voltage):
                legs.voltages.setdefault(end.node, end.voltage)
        name = str(equipment["name"][row])
        _branches(legs, nodes, row, (mrid, name if model.exported else name or mrid), own, model.exported)
    return legs


def _ends(model: Model, nodes: Nodes, report: LoadReport, kilo: float, mega: float) -> dict[int, list[End]]:
    """Ends by the row of their transformer."""
    ends, tanks, infos, equipment = model["ends"], model["tanks"], model["end_infos"], model["equipment"]
    of_tank = referred(tanks, "transformer", equipment) if len(tanks) else np.empty(0, dtype=np.int64)
    in_tank = ends.of_class("TransformerTankEnd")
    tank = np.where(in_tank, tanks.find(ends["tank"]), -1)
    direct = equipment.find(ends["transformer"])
    owner = np.where(in_tank, of_tank[tank] if len(tanks) else -1, direct)
    for at in np.flatnonzero((in_tank & (tank < 0)) | (owner < 0))[:1].tolist():
        column = "tank" if in_tank[at] else "transformer"
        raise ends.fail(at, column, "no object has that id; is a file of the model left out?")
    voltage = looked_for(ends, "voltage", model["voltages"], report, "base voltages of windings")
    nominal = np.append(model["voltages"].scaled("value", kilo, MOST_V), np.nan)[voltage]
    rated_voltage, rated_power = ends.scaled("rated_voltage", kilo, MOST_V), ends.scaled("rated_power", mega, MOST_VA)
    data = {
        (int(info), float(number)): (float(power), float(volts))
        for info, number, power, volts in zip(
            infos["info"],
            infos["number"],
            infos.scaled("rated_power", mega, MOST_VA),
            infos.scaled("rated_voltage", kilo, MOST_V),
            strict=True,
        )
    }
    found: dict[int, list[End]] = defaultdict(list)
    for at in range(len(ends)):
        number = float(ends["number"][at])
        key = int(tanks["info"][tank[at]]) if tank[at] >= 0 else 0
        power, volts = data.get((key, number), (np.nan, np.nan))
        given = (float(rated_power[at]), float(nominal[at]), float(rated_voltage[at]))
        terminal = _terminal(model, nodes, at, int(owner[at]))
        node = int(nodes.terminal[terminal])
        if node < 0:
            continue
        power = power if np.isnan(given[0]) else given[0]
        volts = next((value for value in (*given[1:], volts) if not np.isnan(value)), np.nan)
        phases = int(ends["phases"][at]) or int(model["terminals"]["phases"][terminal])
        connected = bool(model["terminals"]["connected"][terminal] != 0)
        end = End(node, int(tank[at]), number, phases, volts, power, connected)
        found[int(owner[at])].append(end)
    return found


def _terminal(model: Model, nodes: Nodes, at: int, transformer: int) -> int:
    """Row of the terminal of an end: the one it names, else the one of its number."""
    ends, terminals = model["ends"], model["terminals"]
    if ends["terminal"][at]:
        found = int(terminals.find(ends["terminal"][at : at + 1])[0])
        if found >= 0:
            return found
        raise ends.fail(at, "terminal", "no object has that id; is a file of the model left out?")
    for terminal in nodes.of(transformer).tolist():
        if terminals["number"][terminal] == ends["number"][at]:
            return int(terminal)
    raise ends.fail(at, "terminal", "it is needed")


def _bare(nodes: Nodes, row: int) -> list[End]:
    """Of a transformer without ends, its terminals."""
    rows = [int(terminal) for terminal in nodes.of(row) if nodes.terminal[terminal] >= 0]
    return [
        End(int(nodes.terminal[t]), -1, at, int(nodes.terminals["phases"][t]), np.nan, np.nan, True)
        for at, t in enumerate(rows)
    ]


def _branches(legs: Legs, nodes: Nodes, row: int, names: tuple[str, str], ends: list[End], by_number: bool) -> None:
    """by_number: the first end is terminal 1, else that of the highest voltage."""
    ends.sort(key=lambda end: end.number)
    phases: dict[int, int] = defaultdict(int)
    """At each node, split phases as those of the primary."""
    power: dict[int, float] = defaultdict(float)
    whole, total = 0, 0.0
    for tank in dict.fromkeys(end.tank for end in ends):
        inside = [end for end in ends if end.tank == tank]
        primary = inside[0].phases & ABC
        local: dict[int, int] = defaultdict(int)
        for end in inside:
            own = end.phases & ABC
            if end.phases & SPLIT:
                own |= primary
                legs.split[end.node] = legs.split.get(end.node, 0) | primary
            local[end.node] |= own
            phases[end.node] |= own
            power[end.node] += end.power
        near, *far = local.values()
        other = far[0] if far else near
        whole |= (near & other) or (near | other)
        total += max((end.power for end in inside if not np.isnan(end.power)), default=np.nan)
    volts = {end.node: end.voltage for end in reversed(ends)}
    connected = {end.node: all(e.connected for e in ends if e.node == end.node) for end in ends}
    order = list(dict.fromkeys(end.node for end in ends))
    if not by_number:
        order.sort(key=lambda node: -np.nan_to_num(volts[node]))
    if len(order) > 2:
        star = nodes.add(f"{names[0]} star", f"{names[1]} star", order[0])
        for at, node in enumerate(order):
            pair = (node, star) if at == 0 else (star, node)
            leg = (f"{names[0]} {at + 1}", f"{names[1]} {at + 1}")
            legs.add(row, leg, pair, phases[node], (power[node], connected[node]))
        return
    far_node = order[-1]
    if len(order) == 1 and len(ends) == 1:
        far_node = nodes.add(f"{names[0]} end", f"{names[1]} end", order[0])
    legs.add(row, names, (order[0], far_node), whole, (total, all(connected.values())))
