"""gridtwin: a digital twin of an electric distribution network.

import gridtwin

twin = gridtwin.load(gridtwin.packaged_folder())
print(twin.switch([gridtwin.Operation("MV1.101 Switch 1", open=True)]))
for outage in gridtwin.outages(twin):
    print(outage.customers, outage.causes)
"""

from __future__ import annotations

from os import PathLike
from pathlib import Path

from loaders.formats import read
from loaders.report import LoadError, LoadReport
from loaders.simbench import packaged_folder
from twin.comparison import Comparison, compare
from twin.elements import card
from twin.engine import SwitchingResult, Twin
from twin.events import Operation
from twin.history import RevisionAhead, RevisionGone
from twin.mrids import UnknownMrid
from twin.network import Network
from twin.outages import Outage, outages
from twin.scenario import Scenario
from twin.scenarios import Scenarios, UnknownScenario
from twin.state import Snapshot, State
from twin.store import StoreError
from twin.stores import open_store
from twin.traces import TraceError, TraceRequest, TraceResult
from twin.traces import trace as _trace
from twin.transitions import SwitchingError
from twin.validation import Finding, findings

__all__ = [
    "Comparison",
    "Finding",
    "LoadError",
    "LoadReport",
    "Network",
    "Operation",
    "Outage",
    "RevisionAhead",
    "RevisionGone",
    "Scenario",
    "Scenarios",
    "Snapshot",
    "State",
    "StoreError",
    "SwitchingError",
    "SwitchingResult",
    "TraceError",
    "TraceRequest",
    "TraceResult",
    "Twin",
    "UnknownMrid",
    "UnknownScenario",
    "card",
    "compare",
    "findings",
    "load",
    "open_store",
    "open_twin",
    "outages",
    "packaged_folder",
    "read",
    "trace",
]


def load(source: str | PathLike[str], format: str = "auto", *, crs: str | None = None) -> Twin:
    """A twin of a source that gridtwin reads, kept in memory; raises LoadError.

    crs: coordinate system of a source that does not say it, such as EPSG:31467.
    """
    return Twin(read(Path(source), format, crs=crs)[0])


def open_twin(store: str | PathLike[str], *, write: bool = False) -> Twin:
    """The twin that a store keeps, for reading, or as its one writer; raises StoreError."""
    return Twin.from_store(open_store(str(store), write=write))


def trace(twin: Twin, kind: str, *start: str, **options: object) -> TraceResult:
    """Traces from the given mrids in the current state, or in `state="normal"`.

    kind: see `twin.trace_kinds.KINDS`. options: the other fields of TraceRequest, as over HTTP. Raises TraceError,
    UnknownMrid, or SwitchingError for an operation of an outage that breaks a rule.
    """
    return _trace(twin, kind=kind, **({"start": start} if start else {}), **options)
