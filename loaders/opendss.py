"""OpenDSS: the text of a circuit itself, read without the engine and its strictness.

The source is a script, a folder with one, or a tar archive of such a folder. An mrid is the class and the name,
`Line.650632`, and `Bus.632` for a bus. A line that says `switch=y`, or whose line code is a device's, is a switch; one
of these that is not enabled is open. A fuse, recloser or relay is the switch that it works, or one of its own at its
terminal of a line. Phases: `loaders.opendss_phases`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from loaders.collector import collector_waits
from loaders.opendss_branches import SWITCH, Branches
from loaders.opendss_circuit import Circuit
from loaders.opendss_feeders import Feeders, find_feeders
from loaders.opendss_files import ARCHIVE_SUFFIXES, ArchiveFiles, Files, FolderFiles
from loaders.opendss_hanging import Hanging
from loaders.opendss_lines import Lines
from loaders.opendss_nodes import NodeTable
from loaders.opendss_notes import note_rest
from loaders.opendss_phases import NODE_BITS, Labels
from loaders.opendss_script import Script
from loaders.opendss_switching import Switching
from loaders.opendss_tables import branch_tables, feeder_table, substation_table
from loaders.opendss_transformers import Transformers
from loaders.opendss_values import Values
from loaders.report import FIRST_IDS, LoadError, LoadReport
from twin.network import Network

__all__ = ["is_opendss", "read_opendss"]

Progress = Callable[[str], None]


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
    with collector_waits():
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
        self.hanging = Hanging(self.branches)

    def read(self) -> tuple[Network, LoadReport]:
        self.progress("connecting the network")
        hanging, branches = self.hanging, self.branches
        hanging.read_sources()
        self._read_branches()
        hanging.read_loads()
        others = [code for codes in hanging.load_conductors for code in codes]
        labels = branches.hang_together(others, hanging.source_bits).labelled()
        mask = self._mask(labels)
        feeders = self._feeders(mask)
        tables = branch_tables(branches, mask, labels, feeders)
        tables["sources"] = hanging.source_table(labels)
        tables["consumers"] = hanging.consumer_table(labels)
        tables["nodes"] = NodeTable(branches, self.crs).table(hanging.rows(), feeders.node_substation)
        tables["feeders"] = feeder_table(feeders)
        tables["substations"] = substation_table(feeders)
        note_rest(self.circuit, self.values, self.report)
        self.progress("numbering the network")
        return Network.from_tables(self.circuit.name, tables), self.report

    def _read_branches(self) -> None:
        Transformers(self.branches).read()
        lines = Lines(self.branches)
        lines.read_series("reactor", "Reactor")
        lines.read_series("capacitor", "Capacitor")
        lines.read()
        Switching(self.branches).read()

    def _mask(self, labels: Labels) -> NDArray[np.uint8]:
        """uint8 (branches,): what both ends have, and where that is nothing, what either has."""
        near, far = (labels.of([branch.conductors[end] for branch in self.branches.all]) for end in (0, 1))
        crossed = (near & far) == 0
        ties = [b.mrid for b, wrong in zip(self.branches.all, crossed, strict=True) if wrong and b.table == SWITCH]
        if ties:
            first = ", ".join(ties[:FIRST_IDS])
            self.report.notes.append(f"{len(ties)} switches have other phases on one side than on the other ({first})")
        return np.where(crossed, near | far, near & far).astype(np.uint8)

    def _feeders(self, mask: NDArray[np.uint8]) -> Feeders:
        sources: dict[int, int] = {}
        for code, bit in self.hanging.source_bits:
            row = code >> NODE_BITS
            sources[row] = sources.get(row, 0) | bit
        folders = Counter(element.folder for element, _ in self.hanging.loads)
        feeders = find_feeders(self.branches, mask, sources, folders, self.circuit.name)
        if feeders.how:
            self.report.notes.append(f"{len(feeders.name)} feeders start by {feeders.how}")
        return feeders
