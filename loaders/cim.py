"""CIM: RDF/XML of CIM100, CIM17 or CIM16, as one file or as the profiles of CGMES, in one pass and bounded memory.

The source is a file, a folder, or a zip archive. An mrid is `IdentifiedObject.mRID`, else the rdf:ID, without what
stands before a UUID (`_`, `urn:uuid:`). Equipment ends at connectivity nodes, or where its terminals know none
(bus-branch), at topological nodes. With a header (IEC 61970-552) units are kV, MW and km; without one V, W and m.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from loaders.cim_branches import Phases, behind_split, resolved, two_ended
from loaders.cim_containers import Containers
from loaders.cim_files import cim_files, is_cim
from loaders.cim_nodes import Nodes, joined, looked_for
from loaders.cim_places import Positions, named_crs, node_points, own_points
from loaders.cim_rdf import Model
from loaders.cim_schema import (
    BUSBARS,
    CONSUMERS,
    EQUIVALENTS,
    LINES,
    MACHINES,
    SOURCES,
    SWITCHES,
    TRANSFORMERS,
)
from loaders.cim_transformers import Legs, transformer_legs
from loaders.coordinates import placing
from loaders.opendss_places import between_neighbours
from loaders.report import FIRST_IDS, LoadReport
from twin.components import (
    AC_LINE_SEGMENT,
    CONNECTIVITY_NODE,
    ENERGY_CONSUMER,
    ENERGY_SOURCE,
    POWER_TRANSFORMER,
    SUBSTATION,
    SWITCH,
    TEXT,
    USAGE_POINT,
    Table,
)
from twin.extras import NEIGHBOURS, PLACED_FROM, column_of
from twin.geometry import LineStrings
from twin.network import Network

__all__ = ["is_cim", "read_cim"]

Progress = Callable[[str], None]

_REASONS = {
    **dict.fromkeys(
        ("LinearShuntCompensator", "NonlinearShuntCompensator", "LinearShuntCompensatorPhase", "StaticVarCompensator"),
        "compensators do not change who is connected",
    ),
    **dict.fromkeys(
        (
            *("PowerElectronicsConnection", "PowerElectronicsConnectionPhase", "PhotovoltaicUnit", "BatteryUnit"),
            *("PowerElectronicsWindUnit", "GeneratingUnit", "ThermalGeneratingUnit", "HydroGeneratingUnit"),
            *("WindGeneratingUnit", "SolarGeneratingUnit", "NuclearGeneratingUnit", "AsynchronousMachine"),
        ),
        "generation and storage do not change who is connected",
    ),
}
_OTHER = "this class is no part of the network, or is not known"


def read_cim(
    source: Path, *, crs: str | None = None, progress: Progress = lambda step: None
) -> tuple[Network, LoadReport]:
    """Reads CIM RDF/XML from a file, or all such files of a folder or a zip archive as one model.

    crs: the coordinate system of its coordinates, which otherwise is the one that the model names. Returns the network
    and the report; raises LoadError, which names file, line, id, property and value, and then nothing was made.
    """
    files, others = cim_files(source)
    model = Model()
    model.read(files, progress)
    reader = _Reader(source, model, crs, progress)
    if others:
        first = ", ".join(file.shown for file in others[:FIRST_IDS])
        reader.report.notes.append(f"{len(others)} files are no CIM and were not read ({first})")
    return reader.read()


class _Reader:
    def __init__(self, source: Path, model: Model, crs: str | None, progress: Progress) -> None:
        progress("connecting the network")
        self.model, self.crs, self.progress = model, crs, progress
        self.exact = model.exported
        """What the file does not say is not there: nothing is made up for it."""
        self.name = str(model["exports"]["name"][0]) if self.exact else source.stem
        self.report = LoadReport(str(source), "cim")
        self.equipment = model["equipment"]
        _check_ids(model)
        self.kilo, self.mega = (1e3, 1e6) if model.has_header else (1.0, 1.0)
        self.nodes = Nodes(model, self.report)
        self.phases = Phases(model, self.nodes)
        self.containers = Containers(model, self.report)
        self.container = self.containers.of("equipment", "containers of equipment")
        self.mrid = self.equipment["mrid"]
        self.title = self._named(self.equipment["name"], self.mrid)
        off = (self.equipment["in_service"] == 0) | (self.equipment["normally_in_service"] == 0)
        self.served = ~off
        if off.any():
            self.report.notes.append(f"{np.count_nonzero(off)} pieces of equipment are out of service")
        self.report.notes.append(f"quantities are in {'kV, MW and km' if model.has_header else 'V, W and m'}")

    def read(self) -> tuple[Network, LoadReport]:
        legs = transformer_legs(self.model, self.nodes, self.report, self.kilo, self.mega)
        self._count(TRANSFORMERS, np.unique(np.array(legs.equipment, dtype=np.int64)))
        self.report.skip("PowerTransformer", "it has no terminal at a node", legs.without)
        line, line_ends, line_joins = self._two_ended(LINES)
        switch, switch_ends, switch_joins = self._two_ended(SWITCHES)
        ends = np.concatenate([line_ends, switch_ends])
        given = self.phases.given[np.concatenate([line, switch])]
        behind = behind_split(len(self.nodes), ends, given, legs.split)
        mask = np.split(resolved(given, behind[ends[:, 0]]), [len(line)])
        source, consumer, equivalent = self._hanging()
        tables = {
            "lines": Table(
                AC_LINE_SEGMENT,
                self._branches(line, line_ends, line_joins, mask[0])
                | {
                    "length_m": self.equipment.scaled("length", self.kilo, 1e7)[line],
                    "rated_current_a": self._limits()[line],
                },
                self._extras("equipment", self.equipment["key"][line]),
            ),
            "switches": self._switches(switch, switch_ends, switch_joins, mask[1]),
            "transformers": self._transformers(legs),
            "sources": self._sources(source, behind),
            "consumers": self._consumers(consumer, equivalent, behind),
            "substations": self._substations(),
        }
        tables["usage_points"] = self._usage_points(consumer)
        points, placed, geometry = self._places(tables, line)
        tables["nodes"] = self._node_table(points, placed, self._voltages(tables, legs, line, switch))
        branch_rows = {"lines": line, "switches": switch, "transformers": np.array(legs.equipment, dtype=np.int64)}
        inside = {name: self.container[rows] for name, rows in branch_rows.items()}
        hanging = self.nodes.equipment
        inside["terminals"] = np.where(hanging >= 0, self.container[hanging], -1)
        feeders = self.containers.feeders(tables, self.nodes, inside)
        keys = self.model["containers"]["key"][self.containers.used_feeders]
        tables["feeders"] = feeders.with_extras(**self._extras("containers", keys))
        self._rest()
        self.progress("numbering the network")
        network = Network.from_tables(self.name, tables, geometry)
        if self.exact:
            model = str(self.model["exports"]["model"][0])
            same = "is" if network.model == model else "was changed since it was"
            self.report.notes.append(f"the network {same} the model {model}, as gridtwin exported it")
        return network, self.report

    def _named(self, names: NDArray[Any], mrids: NDArray[Any]) -> NDArray[Any]:
        """StringDType (rows,): names, mrids for those without one."""
        return names if self.exact else np.where(names == "", mrids, names)

    def _extras(self, group: str, keys: NDArray[np.int64]) -> dict[str, NDArray[Any]]:
        """Columns beyond the model, which only gridtwin's own exports have; keys: of the objects of the table."""
        found = {}
        for name, values in self.model.extras.get(group, {}).items():
            plain = [values.get(key) for key in keys.tolist()]
            if all(value is None for value in plain):
                continue  # it is another class's
            if any(isinstance(value, str) for value in plain):
                found[name] = column_of("text", [None if value is None else str(value) for value in plain])
            else:
                found[name] = column_of("real", plain)
        return found

    def _rows(self, classes: tuple[str, ...]) -> NDArray[np.int64]:
        return np.flatnonzero(self.equipment.of_class(*classes))

    def _count(self, classes: tuple[str, ...], used: NDArray[np.int64]) -> None:
        """What was read and used of each of these classes."""
        chosen = np.zeros(len(self.equipment), dtype=np.bool_)
        chosen[used] = True
        for name in classes:
            of_class = self.equipment.of_class(name)
            if of_class.any():
                self.report.use(name, int(of_class.sum()), int((of_class & chosen).sum()))

    # --- branches ---------------------------------------------------------------------------------------------

    def _two_ended(self, classes: tuple[str, ...]) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.bool_]]:
        kept, ends, joins = two_ended(self.model, self.nodes, self._rows(classes), self.report)
        self._count(classes, kept)
        return kept, ends, joins

    def _branches(
        self, rows: NDArray[np.int64], ends: NDArray[np.int32], joins: NDArray[np.bool_], mask: NDArray[np.uint8]
    ) -> dict[str, object]:
        return {
            "mrid": self.mrid[rows],
            "name": self.title[rows],
            "node1": ends[:, 0],
            "node2": ends[:, 1],
            "phases": mask,
            "in_service": self.served[rows] & joins,
            "circuit": self._circuit(rows),
        }

    def _circuit(self, rows: NDArray[np.int64]) -> NDArray[Any]:
        """StringDType (rows,): the name of what contains each, a feeder or a voltage level."""
        if self.exact:
            own: NDArray[Any] = self.equipment["circuit"][rows]
            return own
        containers = self.model["containers"]
        names = np.array([*containers["name"].tolist(), ""], dtype=TEXT)
        return names[self.container[rows]]

    def _switches(
        self, rows: NDArray[np.int64], ends: NDArray[np.int32], joins: NDArray[np.bool_], mask: NDArray[np.uint8]
    ) -> Table:
        rated = self.equipment["rated_current"][rows]
        kind, wider = self.equipment["kind"][rows], self.equipment["normal_open_phases"][rows]
        opened = self.phases.open(mask, rows, self.report)
        return Table(
            SWITCH,
            self._branches(rows, ends, joins, mask)
            | {
                "kind": np.where(kind == "", self.equipment.class_names()[rows], kind),
                "normal_open": np.where(wider != 0, wider, opened),
                "locked": self.equipment["locked"][rows] == 1,
                "rated_current_a": np.where(np.isnan(rated), self._limits()[rows], rated),
            },
            self._extras("equipment", self.equipment["key"][rows]),
        )

    def _limits(self) -> NDArray[np.float64]:
        """float64 (equipment,): A, the lowest current limit, which is the one for all times; NaN for none."""
        limits, sets = self.model["limits"], self.model["limit_sets"]
        lowest = np.full(len(self.equipment), np.inf)
        of_set = np.full(len(sets), np.inf)
        owner = sets.find(limits["limits"])
        known = (owner >= 0) & ~np.isnan(limits["value"])
        np.minimum.at(of_set, owner[known], limits["value"][known])
        terminals = self.model["terminals"]
        named = sets.find(terminals["limits"])
        at = (named >= 0) & (terminals["limits"] != 0) & (self.nodes.equipment >= 0)
        np.minimum.at(lowest, self.nodes.equipment[at], of_set[named[at]])
        terminal, equipment = terminals.find(sets["terminal"]), self.equipment.find(sets["equipment"])
        through = np.where(terminal >= 0, self.nodes.equipment[terminal] if len(terminals) else -1, equipment)
        np.minimum.at(lowest, through[through >= 0], of_set[through >= 0])
        least = lowest >= 0 if self.exact else lowest > 0
        return np.where(least & (lowest <= 1e6), lowest, np.nan)

    def _transformers(self, legs: Legs) -> Table:
        rows = np.array(legs.equipment, dtype=np.int64)
        ends = np.stack([np.array(legs.node1, dtype=np.int32), np.array(legs.node2, dtype=np.int32)], axis=1)
        phases = np.array(legs.phases, np.uint8)
        if self.exact:
            phases = np.where(self.equipment["phases"][rows] != 0, self.equipment["phases"][rows], phases)
        columns = self._branches(rows, ends, np.array(legs.connected, np.bool_), phases)
        own = {"mrid": np.array(legs.mrid, dtype=TEXT), "name": np.array(legs.name, dtype=TEXT)}
        inside = self.containers.inside
        substation = np.where(self.container[rows] >= 0, np.append(inside, -1)[self.container[rows]], -1)
        rating = {"rated_power_va": np.array(legs.power, dtype=np.float64), "substation": substation.astype(np.int32)}
        extras = self._extras("equipment", self.equipment["key"][rows])
        return Table(POWER_TRANSFORMER, columns | own | rating, extras)

    # --- what hangs on nodes ----------------------------------------------------------------------------------

    def _at(self, rows: NDArray[np.int64]) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
        """int32 (rows,): the node of each, -1 for none, and whether it is connected."""
        node = np.full(len(self.equipment), -1, dtype=np.int32)
        connected = np.ones(len(self.equipment), dtype=np.bool_)
        at = np.flatnonzero((self.nodes.equipment >= 0) & (self.nodes.terminal >= 0))[::-1]
        node[self.nodes.equipment[at]] = self.nodes.terminal[at]
        connected[self.nodes.equipment[at]] = self.model["terminals"]["connected"][at] != 0
        return node[rows], connected[rows]

    def _hanging(self) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
        """Rows of sources and of consumers at nodes, and which of these stand for networks modelled elsewhere.

        What injects for a network elsewhere, or holds the angle, is a source only where the model has no other.
        """
        groups = {name: self._at_nodes(name) for name in (*SOURCES, *EQUIVALENTS, *MACHINES, *CONSUMERS, *BUSBARS)}
        source = np.concatenate([groups[name] for name in SOURCES])
        equivalent = groups[EQUIVALENTS[0]]
        machine = groups[MACHINES[0]]
        slack = machine[self.equipment["priority"][machine] > 0]
        stand_in = np.empty(0, dtype=np.int64)
        if self.exact:
            slack = np.empty(0, dtype=np.int64)
        if len(source) == 0 and len(slack):
            source = slack
            self.report.notes.append(f"{len(slack)} machines with a reference priority are the sources")
        elif len(source) == 0 and len(equivalent) and not self.exact:
            source = equivalent
            self.report.notes.append(f"{len(equivalent)} equivalent injections are the sources: there is no other")
        if len(source) == 0:
            self.report.notes.append("there is no source: nothing is energised")
        if not np.isin(equivalent, source).any():
            stand_in = equivalent
        consumer = np.sort(np.concatenate([*(groups[name] for name in CONSUMERS), stand_in]))
        self._count(MACHINES, source)
        idle = machine[~np.isin(machine, source)]
        reason = "generation does not change who is connected unless it is the only source and has a reference priority"
        self.report.skip(MACHINES[0], reason, self.mrid[idle].tolist())
        return source, consumer, np.isin(consumer, stand_in)

    def _at_nodes(self, name: str) -> NDArray[np.int64]:
        """Rows of a class that are at a node."""
        rows = self._rows((name,))
        placed = self._at(rows)[0] >= 0
        self._count((name,), rows[placed])
        self.report.skip(name, "it has no terminal at a node", self.mrid[rows[~placed]].tolist())
        return rows[placed]

    def _columns(self, rows: NDArray[np.int64], behind: NDArray[np.uint8]) -> dict[str, object]:
        node, _ = self._at(rows)
        phases = resolved(self.phases.given[rows], behind[node])
        return {"mrid": self.mrid[rows], "name": self.title[rows], "node": node, "phases": phases}

    def _sources(self, rows: NDArray[np.int64], behind: NDArray[np.uint8]) -> Table:
        _, connected = self._at(rows)
        columns = self._columns(rows, behind) | {"in_service": self.served[rows] & connected}
        return Table(ENERGY_SOURCE, columns, self._extras("equipment", self.equipment["key"][rows]))

    def _consumers(self, rows: NDArray[np.int64], equivalent: NDArray[np.bool_], behind: NDArray[np.uint8]) -> Table:
        """Consumers that are out of service are kept: they are customers all the same."""
        count = np.nan_to_num(self.equipment["customer_count"][rows], nan=-1).astype(np.int32)
        power = {"p_w": self._power("p")[rows], "q_var": self._power("q")[rows]}
        return Table(
            ENERGY_CONSUMER,
            self._columns(rows, behind) | power | {"customer_count": count, "equivalent": equivalent},
            self._extras("equipment", self.equipment["key"][rows]),
        )

    def _power(self, column: str) -> NDArray[np.float64]:
        """float64 (equipment,): W or var; what is said of the whole, else of the fixed part, else of the phases."""
        whole, fixed = self.equipment[column], self.equipment[f"{column}_fixed"]
        parts = self.model["phases"][column]
        known = ~np.isnan(parts)
        total = np.zeros(len(self.equipment))
        np.add.at(total, self.phases.owner[known], parts[known])
        said = np.zeros(len(self.equipment), dtype=np.bool_)
        said[self.phases.owner[known]] = True
        of_parts = np.where(said, total, np.nan)
        chosen = np.where(np.isnan(whole), np.where(np.isnan(fixed), of_parts, fixed), whole)
        return chosen * self.mega

    def _usage_points(self, consumer: NDArray[np.int64]) -> Table:
        """Usage points at consumers; either may name the other."""
        points = self.model["usage_points"]
        row = np.full(len(self.equipment), -1, dtype=np.int32)
        row[consumer] = np.arange(len(consumer), dtype=np.int32)
        named = self.equipment.find(points["equipment"])
        equipment, served = (np.array(keys, dtype=np.int64) for keys in self.model.served)
        back = points.find(served)
        usable = back >= 0
        named[back[usable]] = self.equipment.find(equipment[usable])
        at = np.where(named >= 0, np.append(row, -1)[named], -1)
        kept = at >= 0
        if len(points):
            self.report.use("UsagePoint", len(points), int(kept.sum()))
            self.report.skip("UsagePoint", "it is at no consumer of the network", points["mrid"][~kept].tolist())
        name = self._named(points["name"], points["mrid"])
        columns = {"mrid": points["mrid"][kept], "name": name[kept], "consumer": at[kept]}
        return Table(USAGE_POINT, columns, self._extras("usage_points", points["key"][kept]))

    def _substations(self) -> Table:
        containers, rows = self.model["containers"], self.containers.substations
        mrid, name = containers["mrid"][rows], containers["name"][rows]
        extras = self._extras("containers", containers["key"][rows])
        return Table(SUBSTATION, {"mrid": mrid, "name": self._named(name, mrid)}, extras)

    # --- nodes ------------------------------------------------------------------------------------------------

    def _node_table(
        self, points: NDArray[np.float64], placed: NDArray[np.bool_], voltage: NDArray[np.float64]
    ) -> Table:
        nodes = self.nodes
        container = self.containers.of("nodes", "containers of nodes")[nodes.rows]
        inside = np.append(self.containers.inside, -1)[container]
        extra = len(nodes) - len(nodes.rows)
        busbar = np.zeros(len(nodes), dtype=np.bool_)
        at = self._at(self._rows(BUSBARS))[0]
        busbar[at[at >= 0]] = True
        mrid, name = nodes.mrid, nodes.name
        keys = np.concatenate([nodes.objects["key"][nodes.rows], np.zeros(extra, np.int64)])
        return Table(
            CONNECTIVITY_NODE,
            {
                "mrid": mrid,
                "name": self._named(name, mrid),
                "lng": points[:, 0],
                "lat": points[:, 1],
                "nominal_voltage_v": voltage,
                "busbar": busbar,
                "substation": np.concatenate([inside, np.full(extra, -1)]).astype(np.int32),
            },
            {PLACED_FROM: np.where(placed, NEIGHBOURS, ""), **self._extras("nodes", keys)},
        )

    def _voltages(
        self, tables: dict[str, Table], legs: Legs, line: NDArray[np.int64], switch: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        """float64 (nodes,): V, of the voltage level, else the windings, else other equipment, else along lines."""
        base, nodes = self.model["voltages"], self.nodes
        values = np.append(base.scaled("value", self.kilo, 2e6), np.nan)
        report = self.report
        voltage = np.full(len(nodes), np.nan)
        if not self.exact:
            self._equipment_voltages(voltage, values, legs, np.concatenate([line, switch]))
        container = self.containers.of("nodes", "")
        of_level = values[np.append(self.containers.voltage, -1)[container]]
        own = values[looked_for(nodes.objects, "voltage", base, report, "base voltages of nodes")]
        level = np.where(np.isnan(of_level), own, of_level)[nodes.rows]
        known = np.flatnonzero(~np.isnan(level))
        voltage[known] = level[known]
        return voltage if self.exact else self._spread(voltage, tables)

    def _equipment_voltages(
        self, voltage: NDArray[np.float64], values: NDArray[np.float64], legs: Legs, branches: NDArray[np.int64]
    ) -> None:
        """Fills in voltages of nodes from what is at them; values: V by row of base voltages, NaN for none."""
        base, nodes, report = self.model["voltages"], self.nodes, self.report
        of_equipment = values[looked_for(self.equipment, "voltage", base, report, "base voltages of equipment")]
        at = np.flatnonzero((nodes.equipment >= 0) & (nodes.terminal >= 0))
        branch = np.isin(nodes.equipment[at], branches)
        for part in (at[~branch], at[branch]):
            given = of_equipment[nodes.equipment[part]]
            voltage[nodes.terminal[part][~np.isnan(given)]] = given[~np.isnan(given)]
        for node, volts in legs.voltages.items():
            voltage[node] = volts

    def _spread(self, voltage: NDArray[np.float64], tables: dict[str, Table]) -> NDArray[np.float64]:
        """Voltages with those that are not known filled in, along lines and switches."""
        ends = [np.concatenate([tables[name][end] for name in ("lines", "switches")]) for end in ("node1", "node2")]
        voltage = voltage[self.nodes.like]
        island = joined(len(voltage), ends[0], ends[1])
        known = np.flatnonzero(~np.isnan(voltage))
        of_island = np.full(len(voltage), np.nan)
        of_island[island[known[::-1]]] = voltage[known[::-1]]  # the first of an island wins
        return np.where(np.isnan(voltage), of_island[island], voltage)

    def _places(
        self, tables: dict[str, Table], line: NDArray[np.int64]
    ) -> tuple[NDArray[np.float64], NDArray[np.bool_], LineStrings]:
        """float64 (nodes, 2): lng, lat; bool (nodes,): worked out from neighbours'; the course of every line."""
        nodes, lines, notes = self.nodes, tables["lines"], self.report.notes
        positions = Positions(self.model, self.report)
        given = own_points(self.model, nodes, positions) if self.exact else node_points(self.model, nodes, positions)
        start, end = given[lines["node1"]], given[lines["node2"]]
        named = named_crs(self.model)
        if self.crs and named and named != self.crs:
            notes.append(f"the model names {named}; --crs {self.crs} was used instead")
        every = np.concatenate([given, positions.xy])
        place = placing(every, start, end, lines["length_m"], self.crs or named, nodes.mrid)
        missing = np.isnan(given[:, 0])
        if place.note and not missing.all() and not self.exact:
            notes.append(place.note)
        parts = [tables[name] for name in ("lines", "switches", "transformers")]
        node1, node2 = (np.concatenate([part[end] for part in parts]) for end in ("node1", "node2"))
        others = len(node1) - len(lines)
        length = np.concatenate([lines["length_m"], np.full(others, np.nan)])
        points = place(given) if self.exact else between_neighbours(place(given), node1, node2, length)
        self._note_places(missing, np.isnan(points[:, 0]))
        xy = place(positions.xy)
        straight = LineStrings.between(points[lines["node1"]], points[lines["node2"]])
        courses = []
        for at, row in enumerate(line.tolist()):
            own = xy[positions.of(row)]
            courses.append(own if len(own) > 2 or self.exact else straight[at])
        offsets = np.cumsum([0, *(len(course) for course in courses)]).astype(np.int64)
        placed = missing & ~np.isnan(points[:, 0])
        return points, placed, LineStrings(offsets, np.concatenate([np.empty((0, 2)), *courses]))

    def _note_places(self, missing: NDArray[np.bool_], unplaced: NDArray[np.bool_]) -> None:
        filled = np.flatnonzero(missing & ~unplaced)
        if len(filled):
            first = ", ".join(self.nodes.mrid[filled[:FIRST_IDS]].tolist())
            self.report.notes.append(
                f"{len(filled)} nodes have no coordinates and were placed from their neighbours ({first}, …)"
            )
        if unplaced.any():
            self.report.notes.append(f"{np.count_nonzero(unplaced)} nodes have no coordinates and are not placed")

    # --- what is said of the rest -----------------------------------------------------------------------------

    def _rest(self) -> None:
        """Parts of equipment, and the classes that are not read."""
        for group in (
            "phases",
            "ends",
            "tanks",
            "tank_infos",
            "end_infos",
            "voltages",
            "locations",
            "systems",
            "limit_sets",
            "limits",
        ):
            objects = self.model[group]
            for name in objects.group.classes:
                count = int(objects.of_class(name).sum())
                if count:
                    self.report.use(name, count)
        for name, first in sorted(self.model.first_ids.items()):
            count = self.model.counts[name]
            self.report.use(name, count, 0)
            ids = [*first, *[""] * (count - len(first))]
            self.report.skip(name, _REASONS.get(name, _OTHER), ids)


def _check_ids(model: Model) -> None:
    """Raises LoadError where two objects of different kinds have one id."""
    groups = [model[name] for name in ("equipment", "containers", "nodes", "usage_points")]
    for at, group in enumerate(groups):
        for other in groups[at + 1 :]:
            found = other.find(group["key"])
            if (found >= 0).any():
                row = int(np.argmax(found >= 0))
                what = f"{other.class_names()[found[row]]} in line {other['line'][found[row]]} has that id too"
                raise group.fail(row, "key", what)
