"""A finding: what is wrong or doubtful in the data, where, and what would mend it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from twin.components import CONNECTIVITY_NODE, Component
from twin.elements import place
from twin.mrids import Element
from twin.network import Network

Severity = Literal["error", "warning", "info"]
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "info")

FIRST_MRIDS = 20
"""How many ids a finding about many elements names."""


@dataclass(frozen=True, slots=True)
class Repair:
    """What to do, in words, and where that is clear enough for a program, the operation.

    operation: one of `join` (two nodes), `split` (a line at lng, lat for a node), `open` or `close` (switches),
    `set` (mrid and values of columns), `move` (mrid, lng, lat), `remove` (elements).
    """

    text: str
    operation: Mapping[str, object] | None = None

    def to_json(self) -> dict[str, object]:
        """As `GET /api/findings` gives it."""
        return {"text": self.text, "operation": None if self.operation is None else dict(self.operation)}


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding: kind, severity, the elements it is about, a place (None where nothing is placed), a sentence."""

    kind: str
    severity: Severity
    mrids: tuple[str, ...]
    lng: float | None
    lat: float | None
    message: str
    repair: Repair | None = None
    """None where nothing better can be said than to look at it."""

    def to_json(self) -> dict[str, object]:
        """As `GET /api/findings` gives it."""
        return {
            "kind": self.kind,
            "severity": self.severity,
            "mrids": list(self.mrids),
            "lng": self.lng,
            "lat": self.lat,
            "message": self.message,
            "repair": None if self.repair is None else self.repair.to_json(),
        }


def finding_at(
    network: Network,
    kind: str,
    severity: Severity,
    elements: Sequence[Element],
    message: str,
    repair: Repair | None = None,
) -> Finding:
    """A finding about elements, at the place of the first."""
    at = place(network, elements[0]) if elements else None
    mrids = tuple(mrid_of(network, element) for element in elements[:FIRST_MRIDS])
    lng, lat = at if at else (None, None)
    return Finding(kind, severity, mrids, lng, lat, message, repair)


def elements_of(component: Component, rows: Sequence[int]) -> list[Element]:
    """Rows of one class, as many as a finding names."""
    return [Element(component, row) for row in rows[:FIRST_MRIDS]]


def nodes_of(nodes: Sequence[int]) -> list[Element]:
    """Connectivity nodes, as many as a finding names."""
    return elements_of(CONNECTIVITY_NODE, nodes)


def mrid_of(network: Network, element: Element) -> str:
    """The mrid of an element."""
    return str(network.tables[element.component.table]["mrid"][element.row])


def counted(number: int, one: str, many: str = "") -> str:
    """`1 node`, `2 nodes`, `1,200 nodes`."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"
