"""pandapower: a net in memory, or the JSON file that `pandapower.to_json` writes; pandapower itself is not needed.

An mrid is the table and the row, `line 7`. A switch at the end of a line or transformer splits that end with a node of
its own (`switch 3 node`), and a three-winding transformer is a star of three branches around one (`trafo3w 0 star`).
What is in service, and what joins two buses, is what `pandapower.topology.unsupplied_buses` takes for it: a bus out of
service takes all that ends there out of service, and impedances and direct-current lines join their buses.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from loaders.coordinates import placing
from loaders.frame_table import FrameTable
from loaders.pandapower_geodata import bus_points, line_paths
from loaders.pandapower_json import is_pandapower, read_tables
from loaders.pandapower_quantities import asymmetric_load, load, motor, parallel, quantity
from loaders.report import LoadError, LoadReport
from twin.components import (
    AC_LINE_SEGMENT,
    CONNECTIVITY_NODE,
    ENERGY_CONSUMER,
    ENERGY_SOURCE,
    POWER_TRANSFORMER,
    SWITCH,
    TEXT,
    Table,
)
from twin.geometry import LineStrings
from twin.network import Network
from twin.phases import ABC

__all__ = ["from_net", "is_pandapower", "read_pandapower"]

Progress = Callable[[str], None]

SWITCH_KINDS = {"CB": "Breaker", "LBS": "LoadBreakSwitch", "LS": "Switch", "DS": "Disconnector"}
ELEMENTS = {"b": "bus", "l": "line", "t": "trafo", "t3": "trafo3w"}
"""What a switch stands at, by its `et`."""

NO_LIMIT_A = 1e5
"""A rated current above this says that there is none."""

_ENDS = {
    "line": ("from_bus", "to_bus"),
    "impedance": ("from_bus", "to_bus"),
    "tcsc": ("from_bus", "to_bus"),
    "dcline": ("from_bus", "to_bus"),
    "trafo": ("hv_bus", "lv_bus"),
    "trafo3w": ("hv_bus", "mv_bus", "lv_bus"),
}
_KEPT_AS_LINES = ("impedance", "tcsc", "dcline")
_GENERATION = "generation does not change who is connected"
_ELSEWHERE = "it stands for a network modelled elsewhere, and joins no two buses"
_DIRECT_CURRENT = "direct current, which pandapower's own topology leaves out too"
_NOT_MODELLED = {
    "sgen": _GENERATION,
    "asymmetric_sgen": _GENERATION,
    "storage": "storage does not change who is connected",
    "shunt": "shunts do not change who is connected",
    "svc": "compensators do not change who is connected",
    "ssc": "compensators do not change who is connected",
    "ward": _ELSEWHERE,
    "xward": _ELSEWHERE,
    **dict.fromkeys(("bus_dc", "line_dc", "source_dc", "load_dc"), _DIRECT_CURRENT),
    **dict.fromkeys(("b2b_vsc", "vsc_stacked", "vsc_bipolar"), _DIRECT_CURRENT),
}
_READ = ("bus", "switch", "load", "asymmetric_load", "motor", "ext_grid", "gen", "vsc", "bus_geodata", "line_geodata")


def from_net(
    net: Mapping[str, Any], *, crs: str | None = None, progress: Progress = lambda step: None
) -> tuple[Network, LoadReport]:
    """Reads a pandapower net, or any mapping that holds the same data frames.

    crs: the coordinate system of its coordinates where they are no degrees, such as EPSG:25832. Returns the network
    and the report; raises LoadError, which names table, row, field and value.
    """
    if not isinstance(net, Mapping) or not isinstance(net.get("bus"), pd.DataFrame):
        raise LoadError(f"{type(net).__name__} is no pandapower net: it has no table bus")
    name = str(net.get("name") or "") or "pandapower net"
    frames = {str(key): value for key, value in net.items() if isinstance(value, pd.DataFrame)}
    return _Reader(name, name, frames, crs, progress).read()


def read_pandapower(
    source: Path, *, crs: str | None = None, progress: Progress = lambda step: None
) -> tuple[Network, LoadReport]:
    """Reads a JSON file that pandapower wrote; as `from_net`, and errors name the file."""
    progress(f"reading {source.name}")
    return _Reader(str(source), source.stem, read_tables(source), crs, progress).read()


class _Nodes:
    """Buses, and the nodes that switches and three-winding transformers need beside them."""

    def __init__(self, buses: FrameTable, vn_kv: NDArray[np.float64]) -> None:
        self.mrid, self.name = buses.mrids.tolist(), buses.names.tolist()
        self.bus = list(range(len(buses)))
        """The bus whose voltage and place a node has."""
        self._vn_kv = vn_kv

    def add(self, mrid: str, name: str, bus: int) -> int:
        self.mrid.append(mrid)
        self.name.append(name)
        self.bus.append(bus)
        return len(self.mrid) - 1

    def table(self, busbar: NDArray[np.bool_], lnglat: NDArray[np.float64]) -> Table:
        bus = np.array(self.bus)
        return Table(
            CONNECTIVITY_NODE,
            {
                "mrid": np.array(self.mrid, dtype=TEXT),
                "name": np.array(self.name, dtype=TEXT),
                "lng": lnglat[bus, 0],
                "lat": lnglat[bus, 1],
                "nominal_voltage_v": self._vn_kv[bus] * 1e3,
                "busbar": busbar[bus] & (np.arange(len(bus)) < len(busbar)),
            },
        )


class _Reader:
    def __init__(
        self, source: str, name: str, frames: Mapping[str, pd.DataFrame], crs: str | None, progress: Progress
    ) -> None:
        self.source, self.name, self.crs, self.progress = source, name, crs, progress
        self.report = LoadReport(source, "pandapower")
        self.frames = frames
        self.buses = self._table("bus")
        if len(self.buses) == 0:
            raise LoadError(f"{source} table bus has no row; a network needs nodes")
        self.served = self.buses.flags("in_service", default=True)
        vn_kv = self.buses.numbers("vn_kv", 0, 2000, "a voltage in kV")
        self.nodes = _Nodes(self.buses, vn_kv)
        self.elements = {name: self._table(name) for name in _ENDS}
        self.bus_ends = {
            name: np.stack([table.places_of(end, self.buses) for end in _ENDS[name]])
            for name, table in self.elements.items()
        }
        """int32 (ends, rows): the bus at each end."""
        self.ends = {name: ends.copy() for name, ends in self.bus_ends.items()}
        """int32 (ends, rows): the node there, beyond the switches at that end."""

    def read(self) -> tuple[Network, LoadReport]:
        switches = self._switches()  # first, since they split the ends of all others
        tables = {
            "switches": switches,
            "transformers": self._transformers(),
            "lines": self._lines(),
            "sources": self._sources(),
            "consumers": self._consumers(),
        }
        tables["nodes"], geometry = self._places(tables["lines"])
        self._out_of_service()
        self._not_modelled()
        self.progress("numbering the network")
        return Network.from_tables(self.name, tables, geometry), self.report

    def _table(self, name: str) -> FrameTable:
        return FrameTable(self.source, name, self.frames.get(name, pd.DataFrame(index=pd.Index([], dtype=object))))

    # --- branches ---------------------------------------------------------------------------------------------

    def _in_service(self, name: str) -> NDArray[np.bool_]:
        """bool (ends, rows): the element and the bus at that end are in service."""
        return self.elements[name].flags("in_service", default=True) & self.served[self.bus_ends[name]]

    def _switches(self) -> Table:
        table = self._table("switch")
        self.report.use("switch", len(table))
        buses = table.places_of("bus", self.buses)
        et = np.array(table.choices("et", tuple(ELEMENTS)), dtype=object)
        closed = table.flags("closed")
        far = np.full(len(table), -1, dtype=np.int32)
        near = buses.copy()
        served = self.served[buses]
        at_bus = et == "b"
        far[at_bus] = table.places_of("element", self.buses, at_bus)[at_bus]
        served[at_bus] &= self.served[far[at_bus]]
        for code, name in ELEMENTS.items():
            if name == "bus":
                continue
            here = et == code
            element = table.places_of("element", self.elements[name], here)
            for row in np.flatnonzero(here).tolist():
                near[row], far[row] = self._split(table, row, name, int(element[row]), int(buses[row]))
        return Table(
            SWITCH,
            {
                "mrid": table.mrids,
                "name": table.names,
                "node1": near,
                "node2": far,
                "in_service": served,
                "kind": self._switch_kinds(table),
                "normal_open": np.where(closed, 0, ABC),
                "rated_current_a": table.numbers("in_ka", 0, 1e3, "a current in kA", needed=False) * 1e3,
            },
        )

    def _split(self, table: FrameTable, row: int, name: str, element: int, bus: int) -> tuple[int, int]:
        """The two nodes of a switch at the end of an element, the second of them new."""
        at = np.flatnonzero(self.bus_ends[name][:, element] == bus)
        owner = self.elements[name]
        if len(at) == 0:
            ends = ", ".join(str(self.buses.rows[b]) for b in self.bus_ends[name][:, element])
            raise table.fail(row, "bus", f"{name} {owner.rows[element]}, where it switches, ends at the buses {ends}")
        end = int(at[0])
        near = int(self.ends[name][end, element])
        title = f"{owner.names[element]} at {self.nodes.name[bus]}"
        far = self.nodes.add(f"switch {table.rows[row]} node", title, bus)
        self.ends[name][end, element] = far
        return near, far

    def _switch_kinds(self, table: FrameTable) -> NDArray[Any]:
        types = table.text("type").tolist()
        unknown = sorted({kind for kind in types if kind and kind not in SWITCH_KINDS})
        if unknown:
            count = sum(kind in unknown for kind in types)
            self.report.notes.append(f"{count} switches are of a type that is not known ({', '.join(unknown[:5])})")
        return np.array([SWITCH_KINDS.get(kind, "Switch") for kind in types], dtype=TEXT)

    def _lines(self) -> Table:
        """Lines, then what is kept as such; parallel systems are one line that carries the current of all."""
        lines = self.elements["line"]
        parts = {"line": lines} | {name: self.elements[name] for name in _KEPT_AS_LINES}
        systems = parallel(lines)
        self._note_parallel("lines", systems)
        rated = self._rated_current(lines)
        derating = lines.numbers("df", 0, 1, "a factor", needed=False)
        length = lines.numbers("length_km", 0, 1e4, "a length in km") * 1e3
        others = sum(len(table) for name, table in parts.items() if name != "line")
        for name in parts:
            if len(parts[name]) or name == "line":
                self.report.use(name, len(parts[name]))
        if others:
            names = ", ".join(f"{len(parts[name])} {name}" for name in _KEPT_AS_LINES if len(parts[name]))
            self.report.notes.append(f"{names} are kept as lines: pandapower's topology lets them join their buses")
        nowhere = np.full(others, np.nan)
        return Table(
            AC_LINE_SEGMENT,
            {
                "mrid": np.concatenate([table.mrids for table in parts.values()]),
                "name": np.concatenate([table.names for table in parts.values()]),
                "node1": np.concatenate([self.ends[name][0] for name in parts]),
                "node2": np.concatenate([self.ends[name][1] for name in parts]),
                "in_service": np.concatenate([self._in_service(name).all(axis=0) for name in parts]),
                "length_m": np.concatenate([length, nowhere]),
                "rated_current_a": np.concatenate([rated * np.nan_to_num(derating, nan=1.0) * systems, nowhere]),
            },
        )

    def _rated_current(self, lines: FrameTable) -> NDArray[np.float64]:
        """float64 (rows,): A; pandapower's nets write numbers beyond any conductor where there is no limit."""
        rated = quantity(lines, {"max_i_ka": 1e3, "imax_ka": 1e3}, 0, np.inf, "a current in kA", needed=False)
        unlimited = rated > NO_LIMIT_A
        if unlimited.any():
            self.report.notes.append(
                f"{np.count_nonzero(unlimited)} lines have a limit above {NO_LIMIT_A / 1e3:g} kA, taken for not known"
            )
        return np.where(unlimited, np.nan, rated)

    def _transformers(self) -> Table:
        """Two windings, then the three legs of each with three windings around a node at its high voltage."""
        two, three = self.elements["trafo"], self.elements["trafo3w"]
        self.report.use("trafo", len(two))
        if len(three):
            self.report.use("trafo3w", len(three))
        systems = parallel(two)
        self._note_parallel("transformers", systems)
        power = quantity(two, {"sn_mva": 1e6, "sn_kva": 1e3}, 0, 1e11, "a power") * systems
        stars = np.array(
            [
                self.nodes.add(f"{mrid} star", f"{name} star", int(bus))
                for mrid, name, bus in zip(three.mrids, three.names, self.bus_ends["trafo3w"][0], strict=True)
            ],
            dtype=np.int32,
        )
        served = [self._in_service("trafo").all(axis=0), *self._in_service("trafo3w")]
        legs = ("hv", "mv", "lv")
        ratings = [quantity(three, {f"sn_{leg}_mva": 1e6, f"sn_{leg}_kva": 1e3}, 0, 1e11, "a power") for leg in legs]
        outer = self.ends["trafo3w"]
        return Table(
            POWER_TRANSFORMER,
            {
                "mrid": np.concatenate([two.mrids, *(_suffixed(three.mrids, leg) for leg in legs)]),
                "name": np.concatenate([two.names, *(_suffixed(three.names, leg) for leg in legs)]),
                "node1": np.concatenate([self.ends["trafo"][0], outer[0], stars, stars]),
                "node2": np.concatenate([self.ends["trafo"][1], stars, outer[1], outer[2]]),
                "in_service": np.concatenate(served),
                "rated_power_va": np.concatenate([power, *ratings]),
            },
        )

    def _note_parallel(self, what: str, systems: NDArray[np.float64]) -> None:
        count = np.count_nonzero(systems > 1)
        if count:
            self.report.notes.append(
                f"{count} {what} are several in parallel: one element each, with the rating of all"
            )

    # --- sources and consumers --------------------------------------------------------------------------------

    def _sources(self) -> Table:
        """External grids, and the generators and converters that hold the voltage as slack."""
        grids, generators, converters = (self._table(name) for name in ("ext_grid", "gen", "vsc"))
        slack = {
            "ext_grid": np.ones(len(grids), np.bool_),
            "gen": generators.flags("slack", default=False),
            "vsc": converters.text("control_mode_ac") == "slack",
        }
        columns: dict[str, list[NDArray[Any]]] = {"mrid": [], "name": [], "node": [], "in_service": []}
        for table in (grids, generators, converters):
            chosen = slack[table.name]
            bus = table.places_of("bus", self.buses)
            columns["mrid"].append(table.mrids[chosen])
            columns["name"].append(table.names[chosen])
            columns["node"].append(bus[chosen])
            columns["in_service"].append((table.flags("in_service", default=True) & self.served[bus])[chosen])
            if len(table) or table is grids:
                self.report.use(table.name, len(table), int(chosen.sum()))
            self.report.skip(table.name, f"{_GENERATION} unless it is slack", table.mrids[~chosen].tolist())
        return Table(ENERGY_SOURCE, {name: np.concatenate(parts) for name, parts in columns.items()})

    def _consumers(self) -> Table:
        columns: dict[str, list[NDArray[Any]]] = {}
        for name, quantities in (("load", load), ("asymmetric_load", asymmetric_load), ("motor", motor)):
            table = self._table(name)
            bus = table.places_of("bus", self.buses)
            own = table.flags("in_service", default=True)
            used = own & self.served[bus]
            p_w, q_var, phases = quantities(table)
            row = {"mrid": table.mrids, "name": table.names, "node": bus, "p_w": p_w, "q_var": q_var}
            for column, values in {**row, "phases": phases}.items():
                columns.setdefault(column, []).append(values[used])
            if len(table) or name == "load":
                self.report.use(name, len(table), int(used.sum()))
            self.report.skip(name, "it is out of service", table.mrids[~own].tolist())
            self.report.skip(name, "its bus is out of service", table.mrids[own & ~used].tolist())
        return Table(ENERGY_CONSUMER, {name: np.concatenate(parts) for name, parts in columns.items()})

    # --- places -----------------------------------------------------------------------------------------------

    def _places(self, lines: Table) -> tuple[Table, LineStrings]:
        """Nodes with their places, and the course of every line."""
        self.report.use("bus", len(self.buses))
        table = self.elements["line"]
        points = bus_points(self.buses, self._table("bus_geodata"), self.report)
        paths = line_paths(table, self._table("line_geodata"), self.report)
        bus = np.array(self.nodes.bus)
        start, end = (points[bus[lines[node]]] for node in ("node1", "node2"))
        every = np.concatenate([points, *paths.values()])
        place = placing(every, start, end, lines["length_m"], self.crs, self.buses.mrids)
        lnglat = place(points)
        missing = np.count_nonzero(np.isnan(lnglat).any(axis=1))
        if missing < len(points) and place.note:
            self.report.notes.append(place.note)
        if missing:
            self.report.notes.append(f"{missing} buses have no coordinates and are not placed")
        busbar = np.array([kind == "b" for kind in self.buses.text("type")], dtype=np.bool_)
        nodes = self.nodes.table(busbar, lnglat)
        straight = LineStrings.between(lnglat[bus[lines["node1"]]], lnglat[bus[lines["node2"]]])
        courses = [place(paths[row]) if row in paths else straight[row] for row in range(len(lines))]
        offsets = np.cumsum([0, *(len(course) for course in courses)]).astype(np.int64)
        return nodes, LineStrings(offsets, np.concatenate([np.empty((0, 2)), *courses]))

    # --- what is said of the rest -----------------------------------------------------------------------------

    def _out_of_service(self) -> None:
        count = np.count_nonzero(~self.served)
        if count:
            self.report.notes.append(f"{count} buses are out of service, and so is whatever ends there")

    def _not_modelled(self) -> None:
        for name, reason in _NOT_MODELLED.items():
            table = self._table(name)
            if len(table):
                self.report.use(name, len(table), 0)
                self.report.skip(name, reason, table.mrids.tolist())
        known = {*_READ, *_ENDS, *_NOT_MODELLED}
        filled = [name for name, frame in self.frames.items() if len(frame) and name not in known]
        results = [name for name in filled if name.startswith(("res_", "_"))]
        others = [f"{name} ({len(self.frames[name])} rows)" for name in filled if name not in results]
        if results:
            self.report.notes.append(f"{len(results)} tables of results were not read")
        if others:
            self.report.notes.append(f"{', '.join(others)} were not read: they hold no part of the network")


def _suffixed(texts: NDArray[Any], suffix: str) -> NDArray[Any]:
    return np.array([f"{text} {suffix}" for text in texts.tolist()], dtype=TEXT)
