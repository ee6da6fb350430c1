"""The node table of an OpenDSS circuit: where buses are, and their voltages."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from loaders.coordinates import placing
from loaders.opendss_branches import TRANSFORMER, Branches
from loaders.opendss_places import between_neighbours
from loaders.report import FIRST_IDS
from topology.graph import build
from topology.islands import islands
from twin.components import CONNECTIVITY_NODE, TEXT, Table
from twin.extras import NEIGHBOURS, PLACED_FROM
from twin.phases import ABC

SNAP = 0.03
"""Share by which a voltage may be off one of the circuit's voltage bases and still be that one."""


class NodeTable:
    """Places and voltages of nodes, from the branches between them."""

    def __init__(self, branches: Branches, crs: str | None) -> None:
        self._branches, self._circuit, self._crs = branches, branches.circuit, crs
        self._nodes, self._notes = branches.nodes, branches.report.notes
        self._ends = np.array([branch.nodes for branch in branches.all], dtype=np.int32).reshape(-1, 2)
        """int32 (branches, 2): the nodes at both ends."""

    def table(self, hanging: NDArray[np.int64], substations: Mapping[int, int]) -> Table:
        """Nodes in the order of their rows.

        hanging: rows of nodes that sources, loads and shunts are at. substations: the substation of a node, by row.
        Raises LoadError for coordinates that are no place on earth.
        """
        bus = np.array(self._nodes.bus, dtype=np.int64)
        points, placed = self._points()
        self._branches.report.use("Bus", len(self._nodes.rows))
        idle = len(self._nodes.rows) - self._busy_buses(hanging)
        if idle:
            self._notes.append(f"{idle} buses are at nothing but switches that are open")
        substation = np.full(len(bus), -1, dtype=np.int32)
        substation[list(substations.keys())] = list(substations.values())
        return Table(
            CONNECTIVITY_NODE,
            {
                "mrid": np.array(self._nodes.mrid, dtype=TEXT),
                "name": np.array(self._nodes.name, dtype=TEXT),
                "lng": points[bus, 0],
                "lat": points[bus, 1],
                "nominal_voltage_v": self._voltages()[bus] * 1e3,
                "substation": substation,
            },
            {PLACED_FROM: np.where(placed[bus], NEIGHBOURS, "")},
        )

    def _busy_buses(self, hanging: NDArray[np.int64]) -> int:
        """How many buses anything is at but open switches."""
        busy = np.zeros(len(self._nodes.mrid), dtype=np.bool_)
        switched = np.array([branch.opened is None for branch in self._branches.all], dtype=np.bool_)
        busy[self._ends[~switched]] = True
        busy[hanging] = True
        return int(np.count_nonzero(busy[list(self._nodes.rows.values())]))

    def _points(self) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """float64 (nodes, 2): lng, lat; bool (nodes,): worked out from those of neighbours."""
        nowhere = (np.nan, np.nan)
        given = np.full((len(self._nodes.mrid), 2), np.nan)
        place_of = self._circuit.coordinates.get
        given[list(self._nodes.rows.values())] = [place_of(name, nowhere) for name in self._nodes.rows]
        given = given[self._nodes.bus]
        length = np.array([branch.length_m for branch in self._branches.all], dtype=np.float64)
        supposed = np.array([branch.supposed_m for branch in self._branches.all], dtype=np.float64)
        start, end = self._ends.T
        place = placing(given, given[start], given[end], supposed, self._crs, self._nodes.mrid)
        missing = np.isnan(given[:, 0])
        if place.note and not missing.all():
            self._notes.append(place.note)
        points = between_neighbours(place(given), start, end, length)
        unplaced = np.isnan(points[:, 0])
        self._note_places(missing, unplaced)
        return points, missing & ~unplaced

    def _note_places(self, missing: NDArray[np.bool_], unplaced: NDArray[np.bool_]) -> None:
        mrid, notes = self._nodes.mrid, self._notes
        filled = np.flatnonzero(missing & ~unplaced)
        if len(filled):
            first = ", ".join(mrid[row] for row in filled[:FIRST_IDS])
            notes.append(f"{len(filled)} nodes have no coordinates and were placed from their neighbours ({first}, …)")
        if unplaced.any():
            notes.append(f"{np.count_nonzero(unplaced)} nodes have no coordinates and are not placed")
        spare = self._circuit.coordinates.keys() - self._nodes.rows.keys()
        if spare:
            notes.append(f"{len(spare)} coordinates are of buses that nothing is at")

    def _voltages(self) -> NDArray[np.float64]:
        """float64 (nodes,): kV between lines; along lines and switches it is what the windings at them have."""
        kv = np.full(len(self._nodes.mrid), np.nan)
        for row, value in self._branches.kv.items():
            kv[row] = self._snapped(value)
        joins = np.array([branch.table != TRANSFORMER for branch in self._branches.all], dtype=np.uint8)
        whole = np.full(len(self._ends), ABC, dtype=np.uint8)
        near, far = self._ends.T
        numbering = build(len(kv), near, far, whole, joins, np.zeros(len(kv), dtype=np.uint8))
        passing = np.empty_like(joins)
        passing[numbering.branch_number] = joins
        island = islands(numbering.graph, passing)[numbering.node_number]
        known = np.flatnonzero(~np.isnan(kv))
        of_island = np.full(len(kv), np.nan)
        of_island[island[known[::-1]]] = kv[known[::-1]]  # the first of an island wins
        return np.where(np.isnan(kv), of_island[island], kv)

    def _snapped(self, kv: float) -> float:
        for base in self._circuit.voltage_bases_kv:
            if kv > 0 and abs(base - kv) <= SNAP * kv:
                return base
        return kv
