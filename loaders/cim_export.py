"""CIM100 RDF/XML of a network in a state, object by object, that `loaders.cim` reads again to an equal network.

Quantities are in V, W and m, as CIM100 files without a header of IEC 61970-552 have them. What CIM has no term for is
in the namespace of `loaders.cim_schema.EXTENSION`, extra columns in that of `EXTRA`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import IO

from loaders.cim_export_branches import BranchExport
from loaders.cim_export_frame import FrameExport
from loaders.cim_export_hanging import HangingExport
from loaders.cim_export_rows import Export
from loaders.cim_export_xml import CimWriter
from loaders.report import FIRST_IDS
from twin.network import Network
from twin.state import Snapshot

__all__ = ["CimExported", "export_cim"]

Progress = Callable[[str, int, int], None]
"""Called with what is under way, how many are done and how many there are."""


@dataclass(frozen=True, slots=True)
class CimExported:
    """Objects by class, and what the file cannot say, in sentences."""

    counts: dict[str, int]
    notes: tuple[str, ...]


def export_cim(
    network: Network,
    snapshot: Snapshot,
    stream: IO[bytes],
    progress: Progress = lambda what, done, of: None,
) -> CimExported:
    """Writes a network to a stream in memory that does not grow; the same state gives the same bytes.

    Switches are `open` as in the snapshot, and `normalOpen` as in the model. Raises LoadError for an mrid that XML
    cannot hold, and ValueError for a snapshot of another network.
    """
    if snapshot.network is not network:
        raise ValueError("the snapshot is of another network")
    writer = CimWriter(stream)
    export = Export(network, snapshot, writer, progress)
    FrameExport(export).write()
    BranchExport(export).write()
    HangingExport(export).write()
    writer.done()
    notes = [
        f"{name.partition(':')[2]} of {len(mrids)} elements has characters that XML cannot hold, which were replaced "
        f"({', '.join(map(repr, mrids[:FIRST_IDS]))})"
        for name, mrids in writer.replaced.items()
    ]
    return CimExported(dict(sorted(writer.counts.items())), tuple(notes))
