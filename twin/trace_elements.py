"""The elements of a trace as JSON values: any run of its nodes, branches and meters, at the cost of that run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from topology.results import Trace
from twin import phases
from twin.components import BRANCH_COMPONENTS, ENERGY_CONSUMER, LINE, USAGE_POINT
from twin.network import Network

Index: TypeAlias = slice | NDArray[np.intp]
Row: TypeAlias = dict[str, object]
Column: TypeAlias = Callable[[Index], list[Any]]
"""Values of what a kind says of each element: of some positions in the order of the trace."""

CODES = tuple(phases.mask_to_code(mask) for mask in range(16))
"""Phase codes by mask."""


def codes_of(masks: NDArray[np.uint8]) -> Column:
    """A column of phase codes; masks: uint8, in the order of the trace."""
    return lambda part: [CODES[mask] for mask in masks[part].tolist()]


@dataclass(frozen=True, eq=False)
class Elements:
    """Nodes and branches of a trace by position, which is by depth, then number; and the meters on the nodes.

    consumers: rows, ascending. node_columns, branch_columns: what the kind of trace adds to each; a meter gets what
    its node has.
    """

    network: Network
    trace: Trace
    consumers: NDArray[np.intp]
    node_columns: Mapping[str, Column] = field(default_factory=dict)
    branch_columns: Mapping[str, Column] = field(default_factory=dict)

    def nodes(self, part: Index) -> list[Row]:
        """mrid, depth and phases of traced nodes."""
        trace = self.trace
        mrids = self.network.nodes["mrid"][trace.nodes[part]].tolist()
        depths, masks = trace.node_depth[part].tolist(), trace.node_phases[part].tolist()
        rows: list[Row] = [
            {"mrid": mrid, "depth": depth, "phases": CODES[mask]}
            for mrid, depth, mask in zip(mrids, depths, masks, strict=True)
        ]
        return _with(rows, self.node_columns, part)

    def branches(self, part: Index) -> list[Row]:
        """mrid, class, depth, phases and flow of traced branches."""
        trace = self.trace
        numbers = trace.branches[part]
        names = [component.name for component in BRANCH_COMPONENTS]
        rows: list[Row] = [
            {"mrid": mrid, "class": names[code], "depth": depth, "phases": CODES[mask], "flow": flow}
            for mrid, code, depth, mask, flow in zip(
                self.network.branch_mrids(numbers).tolist(),
                self.network.branch_class[numbers].tolist(),
                trace.branch_depth[part].tolist(),
                trace.branch_phases[part].tolist(),
                trace.branch_flow[part].tolist(),
                strict=True,
            )
        ]
        return _with(rows, self.branch_columns, part)

    @cached_property
    def meter_rows(self) -> NDArray[np.intp]:
        """Rows of `network.meters` of the consumers, ascending."""
        traced = np.zeros(len(self.network.consumers), dtype=np.bool_)
        traced[self.consumers] = True
        return np.flatnonzero(traced[self.network.meters.consumer])

    @property
    def meter_nodes(self) -> NDArray[np.int32]:
        """int32 (meters,): the node of each meter."""
        return self.network.consumers["node"][self.network.meters.consumer[self.meter_rows]]

    @property
    def meter_positions(self) -> NDArray[np.intp]:
        """intp (meters,): where the node of each meter stands in the trace."""
        position = np.zeros(self.network.graph.node_count, dtype=np.intp)
        position[self.trace.nodes] = np.arange(len(self.trace.nodes))
        return position[self.meter_nodes]

    def meters(self) -> list[Row]:
        """mrid, class, depth, phases and customers of the meters: usage points, else consumers."""
        network, rows, at = self.network, self.meter_rows, self.meter_positions
        consumer, usage_point = network.meters.consumer[rows], network.meters.usage_point[rows]
        mrids = network.consumers["mrid"][consumer]
        used = usage_point >= 0
        mrids[used] = network.usage_points["mrid"][usage_point[used]]
        names = np.where(used, USAGE_POINT.name, ENERGY_CONSUMER.name).tolist()
        told: list[Row] = [
            {"mrid": mrid, "class": name, "depth": depth, "phases": CODES[mask], "customers": customers}
            for mrid, name, depth, mask, customers in zip(
                mrids.tolist(),
                names,
                self.trace.node_depth[at].tolist(),
                network.consumers["phases"][consumer].tolist(),
                network.meters.customers[rows].tolist(),
                strict=True,
            )
        ]
        return _with(told, self.node_columns, at)


def _with(rows: list[Row], columns: Mapping[str, Column], part: Index) -> list[Row]:
    for name, column in columns.items():
        for row, value in zip(rows, column(part), strict=True):
            row[name] = value
    return rows


def branch_lnglat(network: Network, branches: NDArray[np.int32]) -> NDArray[np.float64]:
    """float64 (branches, 2): where each is put on the map, the middle of a line; NaN where it cannot be placed."""
    graph, at = network.graph, network.node_lnglat
    first, second = at[graph.branch_u[branches]], at[graph.branch_v[branches]]
    lnglat: NDArray[np.float64] = np.where(np.isnan(first), second, first)
    offsets, points = network.line_geometry.offsets, network.line_geometry.coordinates
    lines = np.flatnonzero(network.branch_class[branches] == LINE)
    rows = network.branch_row[branches[lines]]
    size = offsets[rows + 1] - offsets[rows]
    lines, rows, size = lines[size > 0], rows[size > 0], size[size > 0]
    low = offsets[rows] + np.maximum(size // 2 - 1, 0)
    lnglat[lines] = (points[low] + points[offsets[rows] + size // 2]) / 2
    return lnglat


def places(lnglat: NDArray[np.float64]) -> tuple[list[float | None], list[float | None]]:
    """lng of each, and lat of each; None where not placed."""
    missing = np.isnan(lnglat).any(axis=1)
    columns = lnglat.astype(object)
    columns[missing] = None
    return columns[:, 0].tolist(), columns[:, 1].tolist()
