"""CIM: RDF/XML of CIM100, CIM17 or CIM16, as one file or as the profiles of CGMES, in one pass and bounded memory.

The source is a file, a folder, or a zip archive. An mrid is `IdentifiedObject.mRID`, else the rdf:ID, without what
stands before a UUID (`_`, `urn:uuid:`). Equipment ends at connectivity nodes, or where its terminals know none
(bus-branch), at topological nodes. With a header (IEC 61970-552) units are kV, MW and km; without one V, W and m.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from loaders.cim_branch_tables import Branches
from loaders.cim_courses import courses
from loaders.cim_files import cim_files, is_cim
from loaders.cim_hanging import Hanging
from loaders.cim_node_table import NodeTable
from loaders.cim_rdf import Model
from loaders.cim_reading import Reading
from loaders.report import FIRST_IDS, LoadReport
from twin.components import SUBSTATION, Table
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
    progress("connecting the network")
    reading = Reading(source, model)
    if others:
        first = ", ".join(file.shown for file in others[:FIRST_IDS])
        reading.report.notes.append(f"{len(others)} files are no CIM and were not read ({first})")
    tables, geometry = _tables(reading, crs)
    _rest(reading)
    progress("numbering the network")
    network = Network.from_tables(reading.name, tables, geometry)
    if reading.exact:
        own = str(model["exports"]["model"][0])
        same = "is" if network.model == own else "was changed since it was"
        reading.report.notes.append(f"the network {same} the model {own}, as gridtwin exported it")
    return network, reading.report


def _tables(reading: Reading, crs: str | None) -> tuple[dict[str, Table], LineStrings]:
    """Every table of the network, and the courses of its lines."""
    branches = Branches(reading)
    tables = branches.tables()
    tables |= Hanging(reading, branches.behind).tables()
    tables["substations"] = _substations(reading)
    points, placed, geometry = courses(reading, crs, tables, branches.line)
    tables["nodes"] = NodeTable(reading, branches).table(points, placed, tables)
    inside = {name: reading.container[rows] for name, rows in branches.rows().items()}
    hanging = reading.nodes.equipment
    inside["terminals"] = np.where(hanging >= 0, reading.container[hanging], -1)
    feeders = reading.containers.feeders(tables, reading.nodes, inside)
    keys = reading.model["containers"]["key"][reading.containers.used_feeders]
    tables["feeders"] = feeders.with_extras(**reading.extras("containers", keys))
    return tables, geometry


def _substations(reading: Reading) -> Table:
    containers, rows = reading.model["containers"], reading.containers.substations
    mrid, name = containers["mrid"][rows], containers["name"][rows]
    extras = reading.extras("containers", containers["key"][rows])
    return Table(SUBSTATION, {"mrid": mrid, "name": reading.named(name, mrid)}, extras)


def _rest(reading: Reading) -> None:
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
        objects = reading.model[group]
        for name in objects.group.classes:
            count = int(objects.of_class(name).sum())
            if count:
                reading.report.use(name, count)
    for name, first in sorted(reading.model.first_ids.items()):
        count = reading.model.counts[name]
        reading.report.use(name, count, 0)
        ids = [*first, *[""] * (count - len(first))]
        reading.report.skip(name, _REASONS.get(name, _OTHER), ids)
