"""Defects put into a made-up utility on purpose, so that what finds them can be held against what they are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import shapely
from numpy.typing import ArrayLike, NDArray

from loaders.report import LoadReport
from twin.components import TEXT, Table
from twin.extras import NEIGHBOURS, PLACED_FROM, REPEATED_ID
from twin.geometry import LineStrings
from twin.phases import ABC

FAR = 0.5
"""Degrees by which a node is put off its place."""

CLEAR = 3e-5
"""Degrees, some 2 to 3 m, that a stub keeps from the lines around."""

ASTRAY_V, ASTRAY_LOW_V = 4_160.0, 120.0
"""Voltages of nothing else in the utility, so that what comes to lie beside them by chance is no near miss."""

_Rows = NDArray[np.integer[Any]]
_Mrids = NDArray[Any]


def add_flaws(
    tables: dict[str, Table], geometry: LineStrings, count: int, rng: np.random.Generator, report: LoadReport
) -> tuple[dict[str, Table], LineStrings]:
    """The tables with so many defects of each kind of finding; the report names one element of each.

    Each is at a transformer of its own with two service connections or more: there, at its low-voltage node, or at the
    first service connection or consumer behind it.
    """
    flaws = _Flaws(tables, geometry)
    services = np.bincount(tables["lines"]["node1"], minlength=len(tables["nodes"]))
    distribution = tables["transformers"]["substation"] < 0
    fit = np.flatnonzero(distribution & (services[tables["transformers"]["node2"]] >= 2))
    per_kind = min(count, len(fit) // len(KINDS))
    for kind, transformers in zip(KINDS, rng.choice(fit, (len(KINDS), per_kind), replace=False), strict=True):
        report.notes.append(f"{kind}: {', '.join(_PUT[kind](flaws, transformers).tolist())}")
    return flaws.finished()


class _Flaws:
    """One method a kind of finding; each takes rows of transformers and returns the mrids it is to be found at."""

    def __init__(self, tables: dict[str, Table], geometry: LineStrings) -> None:
        self.tables, self.geometry = dict(tables), geometry
        lines, consumers, count = tables["lines"], tables["consumers"], len(tables["nodes"])
        self._line = _first_rows(lines["node1"], count)
        self._consumer = _first_rows(consumers["node"], count)
        self._removed: list[_Rows] = []
        self._marks: list[tuple[str, str, _Rows, ArrayLike]] = []
        """Table, extra column, rows and values."""

    def finished(self) -> tuple[dict[str, Table], LineStrings]:
        """What became of them."""
        for table, name, rows, values in self._marks:
            marks = self.tables[table].extras.get(name, np.full(len(self.tables[table]), "", dtype=TEXT)).copy()
            marks[rows] = values
            self.tables[table] = self.tables[table].with_extras(**{name: marks})
        kept = np.setdiff1d(np.arange(len(self.tables["lines"])), np.concatenate([np.empty(0, int), *self._removed]))
        return self.tables | {"lines": self.tables["lines"].take(kept)}, self.geometry.take(kept)

    # --- changing tables ----------------------------------------------------------------------------------------

    def _set(self, table: str, column: str, rows: _Rows, values: ArrayLike) -> None:
        old = self.tables[table]
        changed = old[column].copy()
        changed[rows] = values
        self.tables[table] = old.take(np.arange(len(old)), **{column: changed})

    def _add(self, table: str, mrid: _Mrids, **columns: ArrayLike) -> _Rows:
        old = self.tables[table]
        more = Table(old.component, {"mrid": mrid, "name": mrid, **columns})
        self.tables[table] = Table(old.component, {name: np.concatenate([old[name], more[name]]) for name in old})
        return np.arange(len(old), len(old) + len(mrid))

    def _add_nodes(self, mrid: _Mrids, at: NDArray[np.float64], volts: ArrayLike) -> _Rows:
        return self._add("nodes", mrid, lng=at[:, 0], lat=at[:, 1], nominal_voltage_v=volts)

    def _add_lines(self, mrid: _Mrids, node1: _Rows, node2: _Rows, phases: ArrayLike = ABC) -> None:
        self._add("lines", mrid, node1=node1, node2=node2, phases=phases, length_m=5.0)
        points = np.stack([self._at(node1), self._at(node2)], axis=1).reshape(-1, 2)
        offsets = np.append(self.geometry.offsets, self.geometry.offsets[-1] + 2 * np.arange(1, len(mrid) + 1))
        self.geometry = LineStrings(offsets, np.concatenate([self.geometry.coordinates, points]))

    def _at(self, nodes: _Rows) -> NDArray[np.float64]:
        """float64 (n, 2): lng and lat."""
        return np.stack([self.tables["nodes"][name][nodes] for name in ("lng", "lat")], axis=1)

    def _named(self, what: str, transformers: _Rows) -> _Mrids:
        return np.strings.add(f"{what} ", self.tables["nodes"]["mrid"][self._low(transformers)])

    def _low(self, transformers: _Rows) -> _Rows:
        return self.tables["transformers"]["node2"][transformers]

    def _service(self, transformers: _Rows) -> tuple[_Rows, _Rows]:
        """A line behind each transformer, and the node that it leads to."""
        line = self._line[self._low(transformers)]
        return line, self.tables["lines"]["node2"][line]

    def _aside(self, transformers: _Rows, share: float) -> NDArray[np.float64]:
        """float64 (n, 2): off the low-voltage node at right angles to the service connection, a share of its length."""
        low, home = self._at(self._low(transformers)), self._at(self._service(transformers)[1])
        narrow = np.cos(np.radians(low[:, 1]))
        along = (home - low) * np.stack([narrow, np.ones_like(narrow)], axis=1)
        return low + share * np.stack([-along[:, 1] / narrow, along[:, 0]], axis=1)

    def _clear(self, transformers: _Rows) -> NDArray[np.float64]:
        """float64 (n, 2): off the low-voltage node, and not by chance beside a line that begins elsewhere."""
        lines, low = self.tables["lines"], self._low(transformers)
        index = np.repeat(np.arange(len(lines)), np.diff(self.geometry.offsets))
        shapes = np.asarray(shapely.linestrings(self.geometry.coordinates, indices=index))
        found = np.full((len(low), 2), np.nan)
        for share in (0.12, -0.12, 0.2, -0.2, 0.28, -0.28, 0.36, -0.36):
            left = np.flatnonzero(np.isnan(found[:, 0]))
            at = self._aside(transformers[left], share)
            tree = shapely.STRtree(np.asarray(shapely.points(at)))
            line, beside = tree.query(shapes, predicate="dwithin", distance=CLEAR)
            crowded = np.zeros(len(left), dtype=np.bool_)
            crowded[beside[lines["node1"][line] != low[left][beside]]] = True
            found[left[~crowded]] = at[~crowded]
        return np.where(np.isnan(found), self._aside(transformers, 0.12), found)

    # --- kinds --------------------------------------------------------------------------------------------------

    def not_supplied(self, transformers: _Rows) -> _Mrids:
        """Transformers out of service."""
        self._set("transformers", "in_service", transformers, False)
        return self.tables["nodes"]["mrid"][self._low(transformers)]

    def island(self, transformers: _Rows) -> _Mrids:
        """Lines that hang on nothing."""
        names = [self._named(what, transformers) for what in ("astray", "lost")]
        ends = [
            self._add_nodes(mrid, self._aside(transformers, share), ASTRAY_V)
            for mrid, share in zip(names, (0.4, 0.8), strict=True)
        ]
        self._add_lines(self._named("island", transformers), *ends)
        return names[0]

    def meter_without_transformer(self, transformers: _Rows) -> _Mrids:
        """Service connections that are missing."""
        line, node = self._service(transformers)
        self._removed.append(line)
        self._set("nodes", "nominal_voltage_v", node, ASTRAY_LOW_V)
        return self.tables["consumers"]["mrid"][self._consumer[node]]

    def transformer_without_customers(self, transformers: _Rows) -> _Mrids:
        """Transformers more, with nothing behind."""
        low = self._low(transformers)
        volts = self.tables["nodes"]["nominal_voltage_v"][low]
        secondary = self._add_nodes(self._named("unused", transformers), self._at(low), volts)
        mrid = self._named("idle", transformers)
        self._add(
            "transformers",
            mrid,
            node1=self.tables["transformers"]["node1"][transformers],
            node2=secondary,
            phases=self.tables["transformers"]["phases"][transformers],
        )
        return mrid

    def phase_mismatch(self, transformers: _Rows) -> _Mrids:
        """Consumers on all phases, or on another, where there is one."""
        consumer = self._consumer[self._service(transformers)[1]]
        own = self.tables["consumers"]["phases"][consumer]
        turned = ((own << 1) | (own >> 2)) & ABC
        self._set("consumers", "phases", consumer, turned)
        whole = own == ABC  # nothing is missing there: take the phases from the connection
        lines, _ = self._service(transformers[whole])
        self._set("lines", "phases", lines, 1)
        return self.tables["consumers"]["mrid"][consumer]

    def voltage_mismatch(self, transformers: _Rows) -> _Mrids:
        """Nodes at the end of a service connection that say another voltage."""
        line, node = self._service(transformers)
        self._set("nodes", "nominal_voltage_v", node, self.tables["nodes"]["nominal_voltage_v"][node] * 2)
        return self.tables["lines"]["mrid"][line]

    def unexpected_loop(self, transformers: _Rows) -> _Mrids:
        """Service connections that are there twice."""
        line, node = self._service(transformers)
        mrid = self._named("second", transformers)
        self._add_lines(mrid, self._low(transformers), node, self.tables["lines"]["phases"][line])
        return mrid

    def parallel_sources(self, transformers: _Rows) -> _Mrids:
        """Sources at customers."""
        line, node = self._service(transformers)
        mrid = self._named("own supply", transformers)
        self._add("sources", mrid, node=node, phases=self.tables["lines"]["phases"][line])
        return mrid

    def near_miss(self, transformers: _Rows) -> _Mrids:
        """Service connections that end a little before where they lead."""
        line, node = self._service(transformers)
        low, home = self._at(self._low(transformers)), self._at(node)
        end = self._add_nodes(
            self._named("short of", transformers),
            home + 0.03 * (low - home),
            self.tables["nodes"]["nominal_voltage_v"][node],
        )
        self._set("lines", "node2", line, end)
        self._bend(line, self._at(end))
        return self.tables["nodes"]["mrid"][node]

    def dangling_end(self, transformers: _Rows) -> _Mrids:
        """Lines more that lead nowhere."""
        low = self._low(transformers)
        volts = self.tables["nodes"]["nominal_voltage_v"][low]
        end = self._add_nodes(self._named("end of", transformers), self._clear(transformers), volts)
        mrid = self._named("stub", transformers)
        self._add_lines(mrid, low, end)
        return mrid

    def dangling_switch(self, transformers: _Rows) -> _Mrids:
        """Open switches more that lead nowhere."""
        low = self._low(transformers)
        volts = self.tables["nodes"]["nominal_voltage_v"][low]
        end = self._add_nodes(self._named("beyond", transformers), self._at(low), volts)
        mrid = self._named("tie", transformers)
        self._add("switches", mrid, node1=low, node2=end, kind="LoadBreakSwitch", normal_open=ABC)
        return mrid

    def self_loop(self, transformers: _Rows) -> _Mrids:
        """Lines more, with both ends at one node."""
        mrid = self._named("loop", transformers)
        self._add_lines(mrid, self._low(transformers), self._low(transformers))
        return mrid

    def zero_length(self, transformers: _Rows) -> _Mrids:
        """Service connections that say they are 0 m long."""
        line, _ = self._service(transformers)
        self._set("lines", "length_m", line, 0.0)
        return self.tables["lines"]["mrid"][line]

    def duplicate_id(self, transformers: _Rows) -> _Mrids:
        """Two service connections with one id in the source."""
        line, _ = self._service(transformers)
        mrid = self.tables["lines"]["mrid"]
        ids = np.strings.add("source ", mrid[line])
        starts = self.tables["lines"]["node1"]
        second = np.array([np.flatnonzero(starts == low)[1] for low in self._low(transformers).tolist()], dtype=np.intp)
        self._marks.extend(("lines", REPEATED_ID, rows, ids) for rows in (line, second))
        return mrid[line]

    def coordinate_outlier(self, transformers: _Rows) -> _Mrids:
        """Nodes at the end of a service connection that are far from there, and from where it is drawn to."""
        line, node = self._service(transformers)
        nodes = self.tables["nodes"]
        self._set("nodes", "lng", node, nodes["lng"][node] + FAR)
        return self.tables["lines"]["mrid"][line]

    def placed_from_neighbours(self, transformers: _Rows) -> _Mrids:
        """Nodes at the end of a service connection whose place the source does not give."""
        _, node = self._service(transformers)
        self._marks.append(("nodes", PLACED_FROM, node, NEIGHBOURS))
        return self.tables["nodes"]["mrid"][node]

    def unplaced(self, transformers: _Rows) -> _Mrids:
        """Nodes at the end of a service connection that are nowhere."""
        _, node = self._service(transformers)
        for name in ("lng", "lat"):
            self._set("nodes", name, node, np.nan)
        return self.tables["nodes"]["mrid"][node]

    def _bend(self, line: _Rows, end: NDArray[np.float64]) -> None:
        moved = self.geometry.coordinates.copy()
        moved[self.geometry.offsets[line + 1] - 1] = end
        self.geometry = LineStrings(self.geometry.offsets, moved)


_PUT: dict[str, Callable[[_Flaws, _Rows], _Mrids]] = {
    "coordinate_outlier": _Flaws.coordinate_outlier,
    "not_supplied": _Flaws.not_supplied,
    "island": _Flaws.island,
    "meter_without_transformer": _Flaws.meter_without_transformer,
    "transformer_without_customers": _Flaws.transformer_without_customers,
    "phase_mismatch": _Flaws.phase_mismatch,
    "voltage_mismatch": _Flaws.voltage_mismatch,
    "unexpected_loop": _Flaws.unexpected_loop,
    "parallel_sources": _Flaws.parallel_sources,
    "near_miss": _Flaws.near_miss,
    "dangling_end": _Flaws.dangling_end,
    "dangling_switch": _Flaws.dangling_switch,
    "self_loop": _Flaws.self_loop,
    "zero_length": _Flaws.zero_length,
    "duplicate_id": _Flaws.duplicate_id,
    "placed_from_neighbours": _Flaws.placed_from_neighbours,
    "unplaced": _Flaws.unplaced,
}
KINDS = tuple(_PUT)
"""Of findings: as many of each as are asked for, but one for all nodes that are not placed."""


def _first_rows(nodes: NDArray[np.int32], count: int) -> _Rows:
    """The first row with each node, -1 where there is none."""
    found = np.full(count, -1, dtype=np.intp)
    found[nodes[::-1]] = np.arange(len(nodes))[::-1]
    return found
