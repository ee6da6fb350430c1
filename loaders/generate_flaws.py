"""Defects put into a made-up utility on purpose, so that what finds them can be held against what they are."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from loaders.report import LoadReport
from twin.components import AC_LINE_SEGMENT, Table
from twin.geometry import LineStrings
from twin.phases import ABC

KINDS = ("not_supplied", "phase_mismatch", "voltage_mismatch", "self_loop", "coordinate_outlier", "unplaced")
"""Of findings: as many of each as are asked for, but one for all nodes that are not placed."""

FAR = 0.5
"""Degrees by which a node is put off its place."""

_Rows = NDArray[np.integer[Any]]


def add_flaws(
    tables: dict[str, Table], geometry: LineStrings, count: int, rng: np.random.Generator, report: LoadReport
) -> tuple[dict[str, Table], LineStrings]:
    """The tables with so many defects of each kind; the report names one element of each.

    Each is at a transformer of its own, at its low-voltage node or the first service connection or consumer behind it.
    """
    low = np.flatnonzero(tables["transformers"]["substation"] < 0)
    chosen = rng.choice(low, min(count, len(low) // len(KINDS)) * len(KINDS), replace=False).reshape(len(KINDS), -1)
    flaws = _Flaws(tables, geometry)
    for kind, transformers in zip(KINDS, chosen, strict=True):
        mrids = getattr(flaws, kind)(transformers)
        report.notes.append(f"{kind}: {', '.join(mrids.tolist())}")
    return flaws.tables, flaws.geometry


class _Flaws:
    """One method a kind of finding; each takes rows of transformers and returns the mrids it is to be found at."""

    def __init__(self, tables: dict[str, Table], geometry: LineStrings) -> None:
        self.tables, self.geometry = dict(tables), geometry
        lines, consumers, count = tables["lines"], tables["consumers"], len(tables["nodes"])
        self._line = _first_rows(lines["node1"], count)
        self._consumer = _first_rows(consumers["node"], count)

    def _set(self, table: str, column: str, rows: _Rows, values: Any) -> None:
        old = self.tables[table]
        changed = old[column].copy()
        changed[rows] = values
        self.tables[table] = old.take(np.arange(len(old)), **{column: changed})

    def _low(self, transformers: _Rows) -> _Rows:
        return self.tables["transformers"]["node2"][transformers]

    def _service(self, transformers: _Rows) -> tuple[_Rows, _Rows]:
        """A line behind each transformer, and the node that it leads to."""
        line = self._line[self._low(transformers)]
        return line, self.tables["lines"]["node2"][line]

    def not_supplied(self, transformers: _Rows) -> NDArray[Any]:
        """Transformers out of service."""
        self._set("transformers", "in_service", transformers, False)
        return self.tables["nodes"]["mrid"][self._low(transformers)]

    def phase_mismatch(self, transformers: _Rows) -> NDArray[Any]:
        """Consumers on all phases, or on another, where there is one."""
        consumer = self._consumer[self._service(transformers)[1]]
        own = self.tables["consumers"]["phases"][consumer]
        turned = ((own << 1) | (own >> 2)) & ABC
        self._set("consumers", "phases", consumer, turned)
        whole = own == ABC  # nothing is missing there: take the phases from the connection
        lines, _ = self._service(transformers[whole])
        self._set("lines", "phases", lines, 1)
        return self.tables["consumers"]["mrid"][consumer]

    def voltage_mismatch(self, transformers: _Rows) -> NDArray[Any]:
        """Nodes at the end of a service connection that say another voltage."""
        line, node = self._service(transformers)
        self._set("nodes", "nominal_voltage_v", node, self.tables["nodes"]["nominal_voltage_v"][node] * 2)
        return self.tables["lines"]["mrid"][line]

    def self_loop(self, transformers: _Rows) -> NDArray[Any]:
        """Lines more, with both ends at one node."""
        node = self._low(transformers)
        old, nodes = self.tables["lines"], self.tables["nodes"]
        mrid = np.strings.add("loop ", nodes["mrid"][node])
        more = {"mrid": mrid, "name": mrid, "node1": node, "node2": node, "circuit": np.full(len(node), "")}
        numbers = {"phases": ABC, "in_service": True, "length_m": 5.0, "rated_current_a": np.nan}
        columns = more | {name: np.full(len(node), value) for name, value in numbers.items()}
        joined = {name: np.concatenate([old[name], columns[name].astype(old[name].dtype)]) for name in old}
        self.tables["lines"] = Table(AC_LINE_SEGMENT, joined)
        points = np.repeat(np.stack([nodes["lng"][node], nodes["lat"][node]], axis=1), 2, axis=0)
        offsets = np.append(self.geometry.offsets, self.geometry.offsets[-1] + 2 * np.arange(1, len(node) + 1))
        self.geometry = LineStrings(offsets, np.concatenate([self.geometry.coordinates, points]))
        return mrid

    def coordinate_outlier(self, transformers: _Rows) -> NDArray[Any]:
        """Nodes at the end of a service connection that are far from there."""
        line, node = self._service(transformers)
        nodes = self.tables["nodes"]
        self._set("nodes", "lng", node, nodes["lng"][node] + FAR)
        moved = self.geometry.coordinates.copy()
        moved[self.geometry.offsets[line + 1] - 1, 0] += FAR
        self.geometry = LineStrings(self.geometry.offsets, moved)
        return self.tables["lines"]["mrid"][line]

    def unplaced(self, transformers: _Rows) -> NDArray[Any]:
        """Nodes at the end of a service connection that are nowhere."""
        _, node = self._service(transformers)
        for name in ("lng", "lat"):
            self._set("nodes", name, node, np.nan)
        return self.tables["nodes"]["mrid"][node]


def _first_rows(nodes: NDArray[np.int32], count: int) -> _Rows:
    """The first row with each node, -1 where there is none."""
    found = np.full(count, -1, dtype=np.intp)
    found[nodes[::-1]] = np.arange(len(nodes))[::-1]
    return found
