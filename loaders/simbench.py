"""SimBench: a folder of CSV files with `;` between values, as the `simbench` package ships them.

The columns are those of the SimBench documentation (Meinecke et al., SimBench, Energies 13(12), 2020). Balanced
three-phase, so every element has phases ABC. Rows whose subnet ends in `_eq` stand for networks modelled elsewhere,
mostly in the same data set: such an external net is no source, and such a load counts no customers.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path

import numpy as np

from loaders.csv_table import CsvTable
from loaders.report import LoadError, LoadReport
from twin.components import (
    AC_LINE_SEGMENT,
    CONNECTIVITY_NODE,
    ENERGY_CONSUMER,
    ENERGY_SOURCE,
    POWER_TRANSFORMER,
    SUBSTATION,
    SWITCH,
    Table,
    among,
)
from twin.mrids import DuplicateMrid
from twin.network import Network

Progress = Callable[[str], None]

BUSBAR_TYPES = ("busbar", "double busbar")
NODE_TYPES = (*BUSBAR_TYPES, "node", "auxiliary")
SWITCH_KINDS = {"CB": "Breaker", "LBS": "LoadBreakSwitch", "LS": "Switch", "DS": "Disconnector"}
REQUIRED_FILES = (
    "Node.csv",
    "Coordinates.csv",
    "Line.csv",
    "LineType.csv",
    "Switch.csv",
    "Transformer.csv",
    "TransformerType.csv",
    "Load.csv",
    "ExternalNet.csv",
)
_IDENTIFIED_FILES = (
    *("Node.csv", "Line.csv", "Switch.csv", "Transformer.csv", "Load.csv"),
    *("PowerPlant.csv", "ExternalNet.csv", "Substation.csv"),
)
"""Files whose ids are mrids of the network."""
_NOT_MODELLED = {
    "RES.csv": "generation does not change who is connected",
    "Storage.csv": "storage does not change who is connected",
    "Shunt.csv": "shunts do not change who is connected",
    "Measurement.csv": "measurements are not part of the model",
    "Transformer3W.csv": "three-winding transformers of SimBench are not read yet",
}


PACKAGED = "1-complete_data-mixed-all-0-sw"
"""The whole of SimBench, with switches: 380 kV to 0.4 kV, 105,615 nodes."""


def packaged_folder(name: str = PACKAGED) -> Path:
    """The folder of a network that the installed `simbench` package ships; raises LoadError where there is none."""
    package = importlib.util.find_spec("simbench")
    for location in package.submodule_search_locations or () if package else ():
        folder = Path(location) / "networks" / name
        if is_simbench(folder):
            return folder
    raise LoadError(f"the network {name!r} is not here; `pip install --no-deps simbench` brings it")


def is_simbench(folder: Path) -> bool:
    """Whether a folder looks like SimBench: it holds Node.csv and Coordinates.csv."""
    return folder.is_dir() and all((folder / name).is_file() for name in REQUIRED_FILES[:2])


def read_simbench(folder: Path, *, progress: Progress = lambda step: None) -> tuple[Network, LoadReport]:
    """Reads a folder of SimBench CSV files.

    progress: told each step by name. Returns the network and the report; raises LoadError, which names file, line,
    field and value, and then nothing was made.
    """
    return _Reader(folder, progress).read()


class _Reader:
    def __init__(self, folder: Path, progress: Progress) -> None:
        self.folder, self.progress = folder, progress
        self.report = LoadReport(str(folder), "simbench")
        self.tables: list[CsvTable] = []
        self.nodes = self._table("Node.csv", ("id", "type", "vmR", "coordID"))
        if len(self.nodes) == 0:
            raise LoadError(f"{self.nodes.path} has no row below its header; a network needs nodes")
        self.substations = self._optional("Substation.csv", ("id",))

    def read(self) -> tuple[Network, LoadReport]:
        tables = {
            "nodes": self._nodes(),
            "lines": self._lines(),
            "switches": self._switches(),
            "transformers": self._transformers(),
            "sources": self._sources(),
            "consumers": self._consumers(),
        }
        if self.substations is not None:
            tables["substations"] = Table(SUBSTATION, {"mrid": self.substations.ids(), "name": self.substations.ids()})
            self.report.use("Substation", len(self.substations))
        self._not_modelled()
        self.progress("numbering the network")
        try:
            return Network.from_tables(self.folder.name, tables), self.report
        except DuplicateMrid as error:
            raise self._shared_id(error.mrid) from error

    def _shared_id(self, mrid: str) -> LoadError:
        """Where the two rows stand that share an id, which each table has but once."""
        found = [(table, row) for table in self.tables for row in table.rows_with("id", mrid)]
        (first, first_row), (second, second_row) = [at for at in found if at[0].path.name in _IDENTIFIED_FILES][:2]
        other = f"{first.path.name} line {first.line(first_row)}"
        return second.fail(second_row, "id", f"{other} has the same id; ids must differ in all tables together")

    def _table(self, name: str, columns: tuple[str, ...]) -> CsvTable:
        self.progress(f"reading {name}")
        table = CsvTable(self.folder / name, columns)
        self.tables.append(table)
        if len(table) == 0:
            self.report.notes.append(f"{name} has no row below its header")
        if table.ends_open:
            self.report.notes.append(f"{name} ends within a line: it may have been cut off")
        return table

    def _optional(self, name: str, columns: tuple[str, ...]) -> CsvTable | None:
        return self._table(name, columns) if (self.folder / name).is_file() else None

    def _substation_rows(self, table: CsvTable) -> object:
        return -1 if self.substations is None else table.rows_of("substation", self.substations, needed=False)

    def _nodes(self) -> Table:
        places = self._table("Coordinates.csv", ("id", "x", "y"))
        places.ids()
        hint = "x is the longitude and y the latitude in degrees: are they swapped?"
        lng, lat = places.within("x", -180, 180, hint), places.within("y", -90, 90, hint)
        place = self.nodes.rows_of("coordID", places, needed=False)
        placed = place >= 0
        mrid = self.nodes.ids()
        kind = self.nodes.choices("type", NODE_TYPES)
        self.report.use("Node", len(self.nodes))
        self.report.use("Coordinates", len(places))
        if not placed.all():
            self.report.notes.append(f"{np.count_nonzero(~placed)} nodes have no coordinates and are not placed")
        return Table(
            CONNECTIVITY_NODE,
            {
                "mrid": mrid,
                "name": mrid,
                "lng": np.where(placed, lng[place] if len(lng) else np.nan, np.nan),
                "lat": np.where(placed, lat[place] if len(lat) else np.nan, np.nan),
                "nominal_voltage_v": self.nodes.within("vmR", 0, 2000, "a voltage in kV") * 1e3,
                "busbar": among(kind, BUSBAR_TYPES),
                "substation": self._substation_rows(self.nodes),
            },
        )

    def _lines(self) -> Table:
        lines = self._table("Line.csv", ("id", "nodeA", "nodeB", "type", "length", "loadingMax", "subnet"))
        types = self._table("LineType.csv", ("id", "iMax"))
        self.report.use("Line", len(lines))
        self.report.use("LineType", len(types))
        mrid = lines.ids()
        return Table(
            AC_LINE_SEGMENT,
            {
                "mrid": mrid,
                "name": mrid,
                "node1": lines.rows_of("nodeA", self.nodes),
                "node2": lines.rows_of("nodeB", self.nodes),
                "circuit": lines.text("subnet"),
                "length_m": lines.within("length", 0, 1e4, "a length in km") * 1e3,
                "rated_current_a": types.within("iMax", 0, 1e6, "a current in A", needed=False)[
                    lines.rows_of("type", types)
                ],
            },
        )

    def _switches(self) -> Table:
        switches = self._table("Switch.csv", ("id", "nodeA", "nodeB", "type", "cond", "subnet"))
        self.report.use("Switch", len(switches))
        mrid = switches.ids()
        kind = switches.choices("type", tuple(SWITCH_KINDS))
        closed = switches.choices("cond", ("0", "1")) == "1"
        return Table(
            SWITCH,
            {
                "mrid": mrid,
                "name": mrid,
                "node1": switches.rows_of("nodeA", self.nodes),
                "node2": switches.rows_of("nodeB", self.nodes),
                "circuit": switches.text("subnet"),
                "kind": np.array([SWITCH_KINDS[k] for k in kind.tolist()]),
                "normal_open": np.where(closed, 0, 7),
            },
        )

    def _transformers(self) -> Table:
        transformers = self._table("Transformer.csv", ("id", "nodeHV", "nodeLV", "type", "substation", "subnet"))
        types = self._table("TransformerType.csv", ("id", "sR"))
        self.report.use("Transformer", len(transformers))
        self.report.use("TransformerType", len(types))
        mrid = transformers.ids()
        return Table(
            POWER_TRANSFORMER,
            {
                "mrid": mrid,
                "name": mrid,
                "node1": transformers.rows_of("nodeHV", self.nodes),
                "node2": transformers.rows_of("nodeLV", self.nodes),
                "circuit": transformers.text("subnet"),
                "rated_power_va": types.within("sR", 0, 1e5, "a power in MVA")[transformers.rows_of("type", types)]
                * 1e6,
                "substation": self._substation_rows(transformers),
            },
        )

    def _consumers(self) -> Table:
        loads = self._table("Load.csv", ("id", "node", "pLoad", "qLoad", "subnet"))
        mrid = loads.ids()
        equivalent = _equivalent(loads)
        self.report.use("Load", len(loads))
        if equivalent.any():
            self.report.notes.append(
                f"{np.count_nonzero(equivalent)} loads stand for networks modelled elsewhere and count no customers"
            )
        return Table(
            ENERGY_CONSUMER,
            {
                "mrid": mrid,
                "name": mrid,
                "node": loads.rows_of("node", self.nodes),
                "p_w": loads.numbers("pLoad") * 1e6,
                "q_var": loads.numbers("qLoad") * 1e6,
                "equivalent": equivalent,
            },
        )

    def _sources(self) -> Table:
        """Plants that hold voltage and angle (`vavm`), and external nets that are no equivalents.

        Where that leaves none (a part of SimBench on its own), every external net is one.
        """
        nets = self._table("ExternalNet.csv", ("id", "node", "calc_type", "subnet"))
        plants = self._optional("PowerPlant.csv", ("id", "node", "calc_type", "subnet"))
        mrids, rows = [], []
        real = ~_equivalent(nets)
        if plants is not None:
            slack = plants.text("calc_type") == "vavm"
            mrids.append(plants.ids()[slack])
            rows.append(plants.rows_of("node", self.nodes)[slack])
            self.report.use("PowerPlant", len(plants), int(slack.sum()))
            self.report.skip(
                "PowerPlant", "it does not hold the voltage (calc_type is not vavm)", plants.ids()[~slack].tolist()
            )
        if not real.any() and not sum(len(part) for part in mrids):
            real[:] = True
            self.report.notes.append("no other source: the external nets feed the network")
        mrids.append(nets.ids()[real])
        rows.append(nets.rows_of("node", self.nodes)[real])
        self.report.use("ExternalNet", len(nets), int(real.sum()))
        self.report.skip(
            "ExternalNet", "it stands for a network modelled elsewhere, often here", nets.ids()[~real].tolist()
        )
        mrid = np.concatenate(mrids)
        return Table(ENERGY_SOURCE, {"mrid": mrid, "name": mrid, "node": np.concatenate(rows)})

    def _not_modelled(self) -> None:
        for name, reason in _NOT_MODELLED.items():
            table = self._optional(name, ("id",))
            if table is not None:
                kind = name.removesuffix(".csv")
                self.report.use(kind, len(table), 0)
                self.report.skip(kind, reason, table.raw("id").tolist())
        for name in (
            "StudyCases.csv",
            "NodePFResult.csv",
            *sorted(p.name for p in self.folder.glob("*Profile.csv")),
        ):
            if (self.folder / name).is_file():
                self.report.notes.append(f"{name} was not read: it holds time series or cases, not the network")


def _equivalent(table: CsvTable) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """bool (rows,): stands for a network modelled elsewhere."""
    return np.strings.endswith(table.text("subnet"), "_eq")
