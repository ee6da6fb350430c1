from dataclasses import dataclass

import numpy as np

from tests.tiles.grids import snapshot, town
from tiles.live import BranchSupply, NodeSupply, SwitchSupply, TraceColumns


@dataclass(frozen=True)
class Traced:
    """A hand-made trace."""

    nodes: np.ndarray
    node_depth: np.ndarray
    branches: np.ndarray
    branch_depth: np.ndarray
    branch_flow: np.ndarray
    boundaries: np.ndarray


def ints(*values: int) -> np.ndarray:
    return np.array(values, dtype=np.int32)


def longs(*values: int) -> np.ndarray:
    return np.array(values, dtype=np.int64)


def masks(*values: int) -> np.ndarray:
    return np.array(values, dtype=np.uint8)


def test_a_boundary_lies_one_step_behind_the_nearest_node_of_the_trace() -> None:
    network = town()
    u, v = int(network.graph.branch_u[5]), int(network.graph.branch_v[5])
    trace = Traced(ints(u, v), ints(3, 8), ints(2), ints(1), np.array([-1], dtype=np.int8), ints(5))
    columns = TraceColumns.of(network, trace)
    assert columns.branch_depth[5] == 4
    assert (columns.branch_depth[2], columns.branch_flow[2]) == (1, -1)
    assert np.count_nonzero(columns.branch_depth >= 0) == 2
    assert sorted(np.flatnonzero(columns.node_depth >= 0).tolist()) == sorted({u, v})
    depth, flow = BranchSupply(network, ints(2, 5, 9)).traced(longs(0, 1, 2), columns)
    assert (depth.tolist(), flow.tolist()) == ([1, 4, -1], [-1, 0, 0])


def test_of_several_nodes_the_live_phases_of_any_count() -> None:
    network = town()
    state = snapshot(network)
    dead, live = (int(np.flatnonzero(found)[0]) for found in (state.energized == 0, state.energized == 7))
    supply = NodeSupply(longs(0, 2, 3, 3), ints(dead, live, dead), masks(7, 7, 0))
    assert supply.state(longs(0, 1, 2), state, 7).tolist() == [2, 0, 0]
    one_each = NodeSupply(None, ints(dead, live), masks(7, 9))
    assert one_each.state(longs(1, 0), state, 7).tolist() == [2, 0]


def test_what_has_none_of_the_phases_is_not_present() -> None:
    supply = NodeSupply(None, ints(0, 0, 0), masks(1, 10, 8))
    assert supply.present(longs(0, 1, 2), 1).tolist() == [True, False, True]


def test_a_switch_open_on_one_phase_is_open() -> None:
    network = town()
    row = int(np.flatnonzero((network.switches["normal_open"] == 1) & (network.switches["phases"] == 7))[0])
    branch = network.table_branches[1][[row]]
    supply = SwitchSupply(BranchSupply(network, branch), ints(row))
    assert supply.state(longs(0), snapshot(network), 7)[0] >= 3
    assert supply.state(longs(0), snapshot(network), 2)[0] < 3
