"""Nodes and branches of an OpenDSS circuit as they are made, with the conductors at the ends of each branch."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from loaders.opendss_circuit import Circuit, Element
from loaders.opendss_phases import MAX_NODE, Conductors, conductors
from loaders.opendss_values import Values, paired
from loaders.report import LoadReport

LINE, SWITCH, TRANSFORMER = "lines", "switches", "transformers"


@dataclass(slots=True)
class Branch:
    """A row of `lines`, `switches` or `transformers`.

    conductors: at either end, as numbers. opened: positions of the conductors that are open, None for all of them.
    """

    table: str
    mrid: str
    name: str
    nodes: tuple[int, int]
    conductors: tuple[tuple[int, ...], tuple[int, ...]]
    folder: str = ""
    in_service: bool = True
    opened: tuple[int, ...] | None = ()
    kind: str = "Switch"
    locked: bool = False
    length_m: float = math.nan
    supposed_m: float = math.nan
    """The length, in 1,000 feet where its unit is not known: what OpenDSS's own defaults are for."""
    rating: float = math.nan
    """A for lines and switches, VA for transformers."""

    @property
    def closed(self) -> bool:
        """Conducts on at least one conductor, as far as it is itself concerned."""
        return self.in_service and self.opened is not None


@dataclass(slots=True)
class Nodes:
    """Buses, and the nodes that open terminals and stars of transformers need beside them."""

    mrid: list[str] = field(default_factory=list)
    name: list[str] = field(default_factory=list)
    bus: list[int] = field(default_factory=list)
    """The row of the bus where a node is."""
    rows: dict[str, int] = field(default_factory=dict)
    """Of buses, by name."""

    def of(self, bus: str) -> int:
        """The row of a bus, made where it is new."""
        row = self.rows.get(bus)
        if row is None:
            row = self.rows[bus] = self.add(f"Bus.{bus}", bus, len(self.mrid))
        return row

    def add(self, mrid: str, name: str, bus: int) -> int:
        self.mrid.append(mrid)
        self.name.append(name)
        self.bus.append(bus)
        return len(self.mrid) - 1


class Branches:
    """Everything between two buses."""

    def __init__(self, circuit: Circuit, values: Values, report: LoadReport) -> None:
        self.circuit, self.values, self.report = circuit, values, report
        self.nodes = Nodes()
        self.all: list[Branch] = []
        self.of_element: dict[str, list[Branch]] = defaultdict(list)
        """The branches of an element by its mrid; of a star, a leg for each terminal."""
        self.by_terminal: dict[tuple[str, int], tuple[Branch, int]] = {}
        """A branch and its end (0 or 1) at a terminal of a transformer."""
        self.kv: dict[int, float] = {}
        """Of buses, as windings and sources say."""
        self.substations: dict[str, list[Branch]] = defaultdict(list)
        """Transformers that say which substation they are in, by its name."""
        self.hanging: list[int] = []
        """Conductors of shunts."""

    def between(self, element: Element, table: str, phases: int) -> Branch:
        """A new branch from bus1 to bus2, conductor by conductor. Raises LoadError."""
        bus1, nodes1 = self.values.terminal(element, "bus1")
        bus2, nodes2 = self.values.terminal(element, "bus2")
        near, far = paired(nodes1, nodes2, phases)
        if not near:
            raise self.values.fail(element, "bus1", "none of its conductors is at a node above 0 at both ends")
        rows = self.nodes.of(bus1), self.nodes.of(bus2)
        ends = conductors(rows[0], near), conductors(rows[1], far)
        branch = Branch(table, element.mrid, element.title, rows, ends, element.folder)
        self.keep(branch, branch.mrid)
        return branch

    def keep(self, branch: Branch, element: str) -> None:
        """Adds a branch of an element, which goes by its mrid."""
        self.all.append(branch)
        self.of_element[element].append(branch)

    def hang_together(self, others: Iterable[int], sources: Iterable[tuple[int, int]]) -> Conductors:
        """How all conductors hang together; `others` are those that loads hang on."""
        found = Conductors(others=[*others, *self.hanging], sources=list(sources))
        for branch in self.all:
            near, far = branch.conductors
            if branch.table == TRANSFORMER and not _alike(near, far):
                found.fed.extend((a, b) for a in near for b in far)
                continue
            opened = branch.opened
            if opened == () and branch.in_service:
                found.joined.extend(zip(near, far, strict=False))
            elif opened is None or not branch.in_service:
                found.open.extend(zip(near, far, strict=False))
            else:
                for at, pair in enumerate(zip(near, far, strict=False)):
                    (found.open if at in opened else found.joined).append(pair)
        return found

    def note(self, text: str) -> None:
        """Something that people are to know."""
        self.report.notes.append(text)


def _alike(near: tuple[int, ...], far: tuple[int, ...]) -> bool:
    """Whether the conductors at both ends of a transformer belong to each other, one by one."""
    if len(near) != len(far):
        return False
    return len(near) >= 3 or all((a ^ b) & MAX_NODE == 0 for a, b in zip(near, far, strict=True))
