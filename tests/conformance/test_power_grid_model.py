"""Who has supply, beside the `energized` output of power-grid-model, an implementation of its own in C++.

Its input is built from pandapower's tables, never from ours. Impedances are made up: only who is connected matters.
"""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
from power_grid_model import CalculationMethod, PowerGridModel, initialize_array
from power_grid_model.validation import assert_valid_input_data

from tests.conformance.nets import Case

BATCHES = 60
BRANCHES = {
    "line": ("line", ("from_bus", "to_bus")),
    "impedance": ("line", ("from_bus", "to_bus")),
    "trafo": ("transformer", ("hv_bus", "lv_bus")),
    "trafo3w": ("three_winding_transformer", ("hv_bus", "mv_bus", "lv_bus")),
    "switch": ("link", ("bus", "element")),
}
"""Tables of pandapower, what each is to power-grid-model, and the columns of its ends."""

ENDS = {
    "line": (("from_node", "to_node"), ("from_status", "to_status")),
    "transformer": (("from_node", "to_node"), ("from_status", "to_status")),
    "link": (("from_node", "to_node"), ("from_status", "to_status")),
    "three_winding_transformer": (("node_1", "node_2", "node_3"), ("status_1", "status_2", "status_3")),
}
MADE_UP: dict[str, dict[str, float]] = {
    "line": {"r1": 0.1, "x1": 0.1, "c1": 0, "tan1": 0},
    "transformer": {"sn": 25e6, "uk": 0.1, "pk": 1e5, "i0": 0, "p0": 0, "winding_from": 1, "winding_to": 1, "clock": 0},
    "three_winding_transformer": {
        **{f"sn_{end}": 25e6 for end in (1, 2, 3)},
        **{f"uk_{pair}": 0.1 for pair in (12, 13, 23)},
        **{f"pk_{pair}": 1e5 for pair in (12, 13, 23)},
        **{f"winding_{end}": 1 for end in (1, 2, 3)},
        **{"i0": 0, "p0": 0, "clock_12": 0, "clock_13": 0},
    },
    "link": {},
}
TAPS = {"tap_side": 0, "tap_pos": 0, "tap_min": 0, "tap_max": 0, "tap_nom": 0, "tap_size": 0}


class Solver:
    """A net in power-grid-model, whose statuses follow the switches."""

    def __init__(self, net: Any) -> None:
        self.first: dict[str, int] = {}
        used = int(net.bus.index.max()) + 1
        nodes = initialize_array("input", "node", len(net.bus))
        nodes["id"], nodes["u_rated"] = net.bus.index, net.bus.vn_kv * 1e3
        parts: dict[str, list[Any]] = {}
        for table, (component, columns) in BRANCHES.items():
            rows = net[table] if table != "switch" else net.switch[net.switch.et == "b"]
            self.first[table] = used
            part = initialize_array("input", component, len(rows))
            part["id"] = used + np.arange(len(rows))
            used += len(rows)
            for name, column in zip(ENDS[component][0], columns, strict=True):
                part[name] = rows[column]
            for name, value in MADE_UP[component].items():
                part[name] = value
            if "u1" in part.dtype.names:
                for end, column in enumerate(columns, 1):
                    part[f"u{end}"] = net.bus.vn_kv.loc[rows[column]] * 1e3
                for name, value in TAPS.items():
                    part[name] = value
            parts.setdefault(component, []).append(part)
        grids = net.ext_grid[net.ext_grid.in_service].bus.tolist() + net.gen[net.gen.slack].bus.tolist()
        sources = initialize_array("input", "source", len(grids))
        sources["id"], sources["node"] = used + np.arange(len(grids)), grids
        sources["status"], sources["u_ref"] = 1, 1
        whole = {"node": nodes, "source": sources} | {name: np.concatenate(part) for name, part in parts.items()}
        for component, statuses in self.statuses(net).items():
            for name in ENDS[component][1]:
                whole[component][name] = statuses[name]
        whole = {name: part for name, part in whole.items() if len(part)}
        assert_valid_input_data(whole)
        self.model = PowerGridModel(whole)

    def statuses(self, net: Any) -> dict[str, Any]:
        """The update that puts every branch end as the switches say."""
        parts: dict[str, list[Any]] = {}
        for table, (component, columns) in BRANCHES.items():
            rows = net[table] if table != "switch" else net.switch[net.switch.et == "b"]
            part = initialize_array("update", component, len(rows))
            part["id"] = self.first[table] + np.arange(len(rows))
            own = rows.closed if table == "switch" else rows.in_service
            at = net.switch[net.switch.et == {"line": "l", "trafo": "t", "trafo3w": "t3"}.get(table, "")]
            opened = set(zip(at[~at.closed].element, at[~at.closed].bus, strict=True))
            for name, column in zip(ENDS[component][1], columns, strict=True):
                there = [(row, bus) not in opened for row, bus in zip(rows.index, rows[column], strict=True)]
                part[name] = own.to_numpy(dtype=bool) & np.array(there, dtype=bool)
            parts.setdefault(component, []).append(part)
        return {name: np.concatenate(part) for name, part in parts.items() if sum(map(len, part))}

    def dead(self, net: Any) -> set[int]:
        """Buses that are not energised in the positions of this copy of the net."""
        self.model.update(update_data=self.statuses(net))
        found = self.model.calculate_power_flow(
            calculation_method=CalculationMethod.linear, output_component_types={"node"}
        )["node"]
        return set(found["id"][found["energized"] == 0].tolist())


@pytest.fixture(scope="module")
def solver(case: Case) -> Solver:
    assert case.net.bus.in_service.all() and not len(case.net.dcline)
    return Solver(case.net)


def test_every_switch_in_turn(case, solver):
    for toggled in [[], *([switch] for switch in case.switches)]:
        agree(case, solver, toggled)


def test_batches_of_switches(case, solver):
    rng = random.Random(13)
    for _ in range(BATCHES):
        size = rng.choice((2, 3, 5, 8, len(case.switches) // 2))
        agree(case, solver, rng.sample(case.switches, min(size, len(case.switches))))


def agree(case: Case, solver: Solver, toggled: list[int]) -> None:
    expected = solver.dead(case.operated(toggled))
    assert case.dead_buses(case.computed(toggled)) == expected, toggled
    case.twin.switch(case.operations(toggled))
    try:
        assert case.dead_buses(case.twin.current.energized) == expected, toggled
    finally:
        case.twin.switch(normal=True)
