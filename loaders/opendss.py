"""OpenDSS: the text of a circuit itself, read without the engine and its strictness.

The source is a script, a folder with one, or a tar archive of such a folder. An mrid is the class and the name,
`Line.650632`, and `Bus.632` for a bus. A line that says `switch=y`, or whose line code is a device's, is a switch; one
of these that is not enabled is open. A fuse, recloser or relay is the switch that it works, or one of its own at its
terminal of a line. Phases: `loaders.opendss_phases`.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from loaders.coordinates import placing
from loaders.opendss_branches import LINE, SWITCH, TRANSFORMER, Branch, Branches
from loaders.opendss_feeders import Feeders, find_feeders
from loaders.opendss_files import ARCHIVE_SUFFIXES, ArchiveFiles, Files, FolderFiles
from loaders.opendss_phases import NODE_BITS, Labels, conductor
from loaders.opendss_places import between_neighbours
from loaders.opendss_script import Circuit, Element, Script
from loaders.opendss_text import unquoted
from loaders.opendss_values import Values, padded
from loaders.report import FIRST_IDS, LoadError, LoadReport
from topology.graph import build
from topology.islands import islands
from twin.components import (
    AC_LINE_SEGMENT,
    CONNECTIVITY_NODE,
    ENERGY_CONSUMER,
    ENERGY_SOURCE,
    FEEDER,
    POWER_TRANSFORMER,
    SUBSTATION,
    TEXT,
    Table,
)
from twin.components import SWITCH as SWITCH_CLASS
from twin.extras import NEIGHBOURS, PLACED_FROM
from twin.network import Network
from twin.phases import ABC

__all__ = ["is_opendss", "read_opendss"]

Progress = Callable[[str], None]

SNAP = 0.03
"""Share by which a voltage may be off one of the circuit's voltage bases and still be that one."""

_GENERATION = "generation and storage do not change who is connected"
_REASONS = {
    **dict.fromkeys(("Generator", "PVSystem", "Storage", "WindGen", "IndMach012", "Isource", "VCCS"), _GENERATION),
    **dict.fromkeys(
        ("RegControl", "CapControl", "InvControl", "ExpControl", "StorageController", "GenDispatcher"),
        "controls of voltage and power do not change who is connected",
    ),
    **dict.fromkeys(("Monitor", "Sensor", "FMonitor"), "measurements are not part of the model"),
    **dict.fromkeys(
        ("LoadShape", "TShape", "PriceShape", "GrowthShape", "XYcurve", "TCC_Curve", "Spectrum", "DynamicExp"),
        "curves are not part of the model",
    ),
    **dict.fromkeys(("WireData", "CNData", "TSData", "LineSpacing"), "impedances are not part of the model"),
}
_DEFINITIONS = {"LineCode": "linecode", "LineGeometry": "linegeometry", "XfmrCode": "xfmrcode"}


def is_opendss(source: Path) -> bool:
    """Whether a source looks like OpenDSS: a .dss file, a folder with one, or a tar archive with one."""
    if source.is_dir():
        return any(file.suffix.lower() == ".dss" for file in source.iterdir())
    name = source.name.lower()
    return name.endswith(".dss") or name.endswith(ARCHIVE_SUFFIXES)


def read_opendss(
    source: Path, *, crs: str | None = None, progress: Progress = lambda step: None
) -> tuple[Network, LoadReport]:
    """Reads a circuit from its master script, from the folder that holds it, or from a tar archive of that folder.

    crs: the coordinate system of its coordinates where they are no degrees, such as EPSG:2264. Returns the network and
    the report; raises LoadError, which names file, line and value, and then nothing was made.
    """
    files, master = _opened(source, progress)
    script = Script(files, progress)
    script.run(master)
    if script.circuit is None:
        raise LoadError(f"{files.shown(master)} makes no circuit: a line New Circuit.name is needed")
    return _Reader(source, files, script.circuit, crs, progress).read()


def _opened(source: Path, progress: Progress) -> tuple[Files, str]:
    """The files of a source, and its master script."""
    if source.is_dir():
        scripts = sorted(file.name for file in source.iterdir() if file.suffix.lower() == ".dss")
        return FolderFiles(source), _master(scripts, str(source))
    if source.name.lower().endswith(ARCHIVE_SUFFIXES):
        progress(f"reading {source.name}")
        archive = ArchiveFiles(source)
        scripts = [path for path in archive.paths if path.lower().endswith(".dss")]
        if not scripts:
            raise LoadError(f"{source} holds no .dss file")
        top = min(path.count("/") for path in scripts)
        master = _master([path for path in scripts if path.count("/") == top], str(source))
        archive.folder, _, master = master.rpartition("/")
        return archive, master
    return FolderFiles(source.parent), source.name


def _master(scripts: list[str], source: str) -> str:
    """The one of several scripts that reads the others: Master.dss, else one that begins so, else the only one."""
    names = {script: script.rpartition("/")[2].lower() for script in scripts}
    for fits in (lambda name: name == "master.dss", lambda name: name.startswith("master"), lambda name: True):
        found = [script for script, name in names.items() if fits(name)]
        if len(found) == 1:
            return found[0]
    raise LoadError(
        f"{source} holds {len(scripts)} scripts ({', '.join(scripts[:FIRST_IDS])}, …); name the one to read"
    )


class _Reader:
    def __init__(self, source: Path, files: Files, circuit: Circuit, crs: str | None, progress: Progress) -> None:
        self.circuit, self.crs, self.progress = circuit, crs, progress
        self.report = LoadReport(str(source), "opendss")
        self.values = Values(files)
        self.branches = Branches(circuit, self.values, self.report)
        self.hanging: list[tuple[int, ...]] = []
        """The conductors of each load."""
        self.source_bits: list[tuple[int, int]] = []
        self.source_conductors: list[tuple[int, ...]] = []

    def read(self) -> tuple[Network, LoadReport]:
        self.progress("connecting the network")
        sources = self._sources()
        self.branches.read()
        loads = self._loads()
        others = [code for codes in self.hanging for code in codes]
        labels = self.branches.conductors(others, self.source_bits).labelled()
        mask = self._mask(labels)
        feeders = self._feeders(mask, loads)
        tables = self._branch_tables(mask, labels, feeders)
        tables["sources"] = self._source_table(sources, labels)
        tables["consumers"] = self._consumer_table(loads, labels)
        tables["nodes"] = self._node_table(feeders)
        tables["feeders"] = _feeder_table(feeders)
        tables["substations"] = _substation_table(feeders)
        self._rest()
        self.progress("numbering the network")
        return Network.from_tables(self.circuit.name, tables), self.report

    # --- one bus ----------------------------------------------------------------------------------------------

    def _sources(self) -> list[tuple[Element, int]]:
        """Sources with the rows of their buses."""
        found, out = [], []
        elements = self.circuit.elements["vsource"]
        for element in elements.values():
            if not element.enabled:
                out.append(element.mrid)
                continue
            bus, nodes = self.values.terminal(element, "bus1", "sourcebus" if element.name == "source" else "")
            phases = self.values.whole(element, "phases", 3)
            row = self.branches.nodes.of(bus)
            live = [(at, node) for at, node in enumerate(padded(nodes, phases, phases)) if node]
            codes = tuple(conductor(row, node) for _, node in live)
            bits = [1 << (node - 1 if node <= 3 else at % 3) for at, node in live]
            self.source_bits.extend(zip(codes, bits, strict=True))
            self.source_conductors.append(codes)
            kv = self.values.number(element, "basekv", 0, 2e3)
            if not math.isnan(kv):
                self.branches.kv.setdefault(row, kv)
            found.append((element, row))
        self.report.use("Vsource", len(elements), len(found))
        self.report.skip("Vsource", "it is not enabled", out)
        return found

    def _loads(self) -> list[tuple[Element, int]]:
        """Loads with the rows of their buses."""
        found, out = [], []
        elements = self.circuit.elements["load"]
        for element in elements.values():
            if not element.enabled:
                out.append(element.mrid)
                continue
            bus, given = self.values.terminal(element, "bus1")
            phases = self.values.whole(element, "phases", 3)
            row = self.branches.nodes.of(bus)
            delta = unquoted(element.values.get("conn", "wye")).lower()[:1] in ("d", "l")
            nodes = [node for node in padded(given, phases, 2 if delta and phases == 1 else phases) if node]
            if not nodes:
                raise self.values.fail(element, "bus1", "a node above 0 is needed")
            self.hanging.append(tuple(conductor(row, node) for node in nodes))
            found.append((element, row))
        self.report.use("Load", len(elements), len(found))
        self.report.skip("Load", "it is not enabled", out)
        return found

    def _source_table(self, sources: list[tuple[Element, int]], labels: Labels) -> Table:
        return Table(
            ENERGY_SOURCE,
            {
                "mrid": _texts(element.mrid for element, _ in sources),
                "name": _texts(element.title for element, _ in sources),
                "node": np.array([row for _, row in sources], dtype=np.int32),
                "phases": labels.of(self.source_conductors),
            },
        )

    def _consumer_table(self, loads: list[tuple[Element, int]], labels: Labels) -> Table:
        number = self.values.number
        kw = np.array([number(element, "kw") for element, _ in loads], dtype=np.float64)
        kvar = np.array([number(element, "kvar") for element, _ in loads], dtype=np.float64)
        factor = np.array([number(element, "pf", -1, 1) for element, _ in loads], dtype=np.float64)
        with np.errstate(divide="ignore", invalid="ignore"):
            by_factor = kw * np.sign(factor) * np.sqrt(1 / factor**2 - 1)
        q_var = np.where(np.isnan(kvar), by_factor, kvar) * 1e3
        counts = [self.values.whole(element, "numcust", -1, 0, 10**9) for element, _ in loads]
        return Table(
            ENERGY_CONSUMER,
            {
                "mrid": _texts(element.mrid for element, _ in loads),
                "name": _texts(element.title for element, _ in loads),
                "node": np.array([row for _, row in loads], dtype=np.int32),
                "phases": labels.of(self.hanging),
                "p_w": kw * 1e3,
                "q_var": np.where(np.isfinite(q_var), q_var, np.nan),
                "customer_count": np.array(counts, dtype=np.int32),
            },
        )

    # --- branches ---------------------------------------------------------------------------------------------

    def _mask(self, labels: Labels) -> NDArray[np.uint8]:
        """uint8 (branches,): what both ends have, and where that is nothing, what either has."""
        near, far = (labels.of([branch.conductors[end] for branch in self.branches.all]) for end in (0, 1))
        crossed = (near & far) == 0
        ties = [b.mrid for b, wrong in zip(self.branches.all, crossed, strict=True) if wrong and b.table == SWITCH]
        if ties:
            first = ", ".join(ties[:FIRST_IDS])
            self.report.notes.append(f"{len(ties)} switches have other phases on one side than on the other ({first})")
        return np.where(crossed, near | far, near & far).astype(np.uint8)

    def _feeders(self, mask: NDArray[np.uint8], loads: list[tuple[Element, int]]) -> Feeders:
        sources: dict[int, int] = {}
        for code, bit in self.source_bits:
            row = code >> NODE_BITS
            sources[row] = sources.get(row, 0) | bit
        folders = Counter(element.folder for element, _ in loads)
        feeders = find_feeders(self.branches, mask, sources, folders, self.circuit.name)
        if feeders.how:
            self.report.notes.append(f"{len(feeders.name)} feeders start by {feeders.how}")
        return feeders

    def _branch_tables(self, mask: NDArray[np.uint8], labels: Labels, feeders: Feeders) -> dict[str, Table]:
        opened = self._normal_open(mask, labels)
        rows: dict[str, list[int]] = {name: [] for name in (LINE, SWITCH, TRANSFORMER)}
        for at, branch in enumerate(self.branches.all):
            rows[branch.table].append(at)
        lines = [self.branches.all[at] for at in rows[LINE]]
        switches = [self.branches.all[at] for at in rows[SWITCH]]
        transformers = [self.branches.all[at] for at in rows[TRANSFORMER]]
        substation = [feeders.node_substation.get(branch.nodes[0], -1) for branch in transformers]
        return {
            LINE: Table(
                AC_LINE_SEGMENT,
                _columns(lines, mask[rows[LINE]])
                | {"length_m": [b.length_m for b in lines], "rated_current_a": [b.rating for b in lines]},
            ),
            SWITCH: Table(
                SWITCH_CLASS,
                _columns(switches, mask[rows[SWITCH]])
                | {
                    "kind": _texts(b.kind for b in switches),
                    "normal_open": opened[rows[SWITCH]],
                    "locked": np.array([b.locked for b in switches], dtype=np.bool_),
                    "rated_current_a": np.array([b.rating for b in switches], dtype=np.float64),
                },
            ),
            TRANSFORMER: Table(
                POWER_TRANSFORMER,
                _columns(transformers, mask[rows[TRANSFORMER]])
                | {
                    "rated_power_va": np.array([b.rating for b in transformers], dtype=np.float64),
                    "substation": np.array(substation, dtype=np.int32),
                },
            ),
        }

    def _normal_open(self, mask: NDArray[np.uint8], labels: Labels) -> NDArray[np.uint8]:
        """uint8 (branches,): phases that are open; those of the conductors that are."""
        chosen = [
            tuple(branch.conductors[0][at] for at in branch.opened or () if at < len(branch.conductors[0]))
            for branch in self.branches.all
        ]
        whole = np.array([branch.opened is None for branch in self.branches.all], dtype=np.bool_)
        return np.where(whole, mask, labels.of(chosen) & mask).astype(np.uint8)

    # --- nodes ------------------------------------------------------------------------------------------------

    def _node_table(self, feeders: Feeders) -> Table:
        nodes = self.branches.nodes
        bus = np.array(nodes.bus, dtype=np.int64)
        points, placed = self._points()
        self.report.use("Bus", len(nodes.rows))
        idle = len(nodes.rows) - self._busy_buses()
        if idle:
            self.report.notes.append(f"{idle} buses are at nothing but switches that are open")
        substation = [feeders.node_substation.get(row, -1) for row in range(len(bus))]
        return Table(
            CONNECTIVITY_NODE,
            {
                "mrid": _texts(nodes.mrid),
                "name": _texts(nodes.name),
                "lng": points[bus, 0],
                "lat": points[bus, 1],
                "nominal_voltage_v": self._voltages()[bus] * 1e3,
                "substation": np.array(substation, dtype=np.int32),
            },
            {PLACED_FROM: np.where(placed[bus], NEIGHBOURS, "")},
        )

    def _busy_buses(self) -> int:
        """How many buses anything is at but open switches."""
        busy = {row for branch in self.branches.all if branch.opened is not None for row in branch.nodes}
        conductors = (*self.hanging, *self.source_conductors, self.branches.hanging)
        busy |= {code >> NODE_BITS for codes in conductors for code in codes}
        return sum(row in busy for row in self.branches.nodes.rows.values())

    def _ends(self) -> NDArray[np.int32]:
        """int32 (branches, 2): the nodes at both ends."""
        return np.array([branch.nodes for branch in self.branches.all], dtype=np.int32).reshape(-1, 2)

    def _points(self) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """float64 (nodes, 2): lng, lat; bool (nodes,): worked out from those of neighbours."""
        nodes = self.branches.nodes
        given = np.full((len(nodes.mrid), 2), np.nan)
        for name, row in nodes.rows.items():
            if name in self.circuit.coordinates:
                given[row] = self.circuit.coordinates[name]
        given = given[nodes.bus]
        length = np.array([branch.length_m for branch in self.branches.all], dtype=np.float64)
        supposed = np.array([branch.supposed_m for branch in self.branches.all], dtype=np.float64)
        ends = self._ends()
        place = placing(given, given[ends[:, 0]], given[ends[:, 1]], supposed, self.crs)
        missing = np.isnan(given[:, 0])
        if place.note and not missing.all():
            self.report.notes.append(place.note)
        points = between_neighbours(place(given), ends[:, 0], ends[:, 1], length)
        self._note_places(missing, np.isnan(points[:, 0]))
        return points, missing & ~np.isnan(points[:, 0])

    def _note_places(self, missing: NDArray[np.bool_], unplaced: NDArray[np.bool_]) -> None:
        mrid, notes = self.branches.nodes.mrid, self.report.notes
        filled = np.flatnonzero(missing & ~unplaced)
        if len(filled):
            first = ", ".join(mrid[row] for row in filled[:FIRST_IDS])
            notes.append(f"{len(filled)} nodes have no coordinates and were placed from their neighbours ({first}, …)")
        if unplaced.any():
            notes.append(f"{np.count_nonzero(unplaced)} nodes have no coordinates and are not placed")
        spare = self.circuit.coordinates.keys() - self.branches.nodes.rows.keys()
        if spare:
            notes.append(f"{len(spare)} coordinates are of buses that nothing is at")

    def _voltages(self) -> NDArray[np.float64]:
        """float64 (nodes,): kV between lines; along lines and switches it is what the windings at them have."""
        kv = np.full(len(self.branches.nodes.mrid), np.nan)
        for row, value in self.branches.kv.items():
            kv[row] = self._snapped(value)
        ends = self._ends()
        joins = np.array([branch.table != TRANSFORMER for branch in self.branches.all], dtype=np.uint8)
        whole = np.full(len(ends), ABC, dtype=np.uint8)
        numbering = build(len(kv), ends[:, 0], ends[:, 1], whole, joins, np.zeros(len(kv), dtype=np.uint8))
        passing = np.empty_like(joins)
        passing[numbering.branch_number] = joins
        island = islands(numbering.graph, passing)[numbering.node_number]
        known = np.flatnonzero(~np.isnan(kv))
        of_island = np.full(len(kv), np.nan)
        of_island[island[known[::-1]]] = kv[known[::-1]]  # the first of an island wins
        return np.where(np.isnan(kv), of_island[island], kv)

    def _snapped(self, kv: float) -> float:
        for base in self.circuit.voltage_bases_kv:
            if kv > 0 and abs(base - kv) <= SNAP * kv:
                return base
        return kv

    # --- what is said of the rest -----------------------------------------------------------------------------

    def _rest(self) -> None:
        circuit, notes = self.circuit, self.report.notes
        for title, kind in _DEFINITIONS.items():
            if circuit.elements[kind]:
                self.report.use(title, len(circuit.elements[kind]))
        meters = circuit.elements["energymeter"]
        if meters:
            self.report.use("EnergyMeter", len(meters))
        for kind, count in sorted(circuit.others.items()):
            self.report.use(kind, count, 0)
            reason = _REASONS.get(kind, "this class is not part of the model, or is not known")
            self.report.skip(kind, reason, circuit.first_others[kind])
        if circuit.redefined:
            notes.append(f"{len(circuit.redefined)} elements were made again, which changed them as Edit does")
        if self.values.inline_math:
            named = ", ".join(f"{count} {name}" for name, count in sorted(self.values.inline_math.items()))
            notes.append(f"values that are calculations were left out ({named})")
        if self.values.odd_units:
            notes.append(f"{len(set(self.values.odd_units))} elements have lengths in no known unit")
        for counted, what in (
            (circuit.unknown_properties, "properties that are not known were left out"),
            (circuit.unknown_commands, "commands that are not known were left out"),
            (circuit.commands, "commands that build nothing were left out"),
        ):
            if counted:
                named = ", ".join(f"{count} {name}" for name, count in counted.most_common(FIRST_IDS))
                more = ", …" if len(counted) > FIRST_IDS else ""
                notes.append(f"{sum(counted.values())} {what} ({named}{more})")


def _texts(values: Any) -> NDArray[Any]:
    return np.array(list(values), dtype=TEXT)


def _columns(branches: list[Branch], mask: NDArray[np.uint8]) -> dict[str, object]:
    """The columns that lines, switches and transformers share."""
    ends = np.array([branch.nodes for branch in branches], dtype=np.int32).reshape(-1, 2)
    return {
        "mrid": _texts(branch.mrid for branch in branches),
        "name": _texts(branch.name for branch in branches),
        "node1": ends[:, 0],
        "node2": ends[:, 1],
        "phases": mask,
        "in_service": np.array([branch.in_service for branch in branches], dtype=np.bool_),
        "circuit": _texts(branch.folder.rpartition("/")[2] for branch in branches),
    }


def _feeder_table(feeders: Feeders) -> Table:
    return Table(
        FEEDER,
        {
            "mrid": _texts(f"Feeder {head}" for head in feeders.head_mrid),
            "name": _texts(feeders.name),
            "head_mrid": _texts(feeders.head_mrid),
            "head_node": np.array(feeders.head_node, dtype=np.int32),
            "substation": np.array(feeders.substation, dtype=np.int32),
        },
    )


def _substation_table(feeders: Feeders) -> Table:
    return Table(
        SUBSTATION,
        {"mrid": _texts(f"Substation {name}" for name in feeders.substations), "name": _texts(feeders.substations)},
    )
