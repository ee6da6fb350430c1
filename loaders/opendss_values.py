"""Values of OpenDSS elements as numbers, buses and lengths; what cannot be read names file, line, element, property."""

from __future__ import annotations

import functools
import math
from collections import Counter
from dataclasses import dataclass, field

from loaders.opendss_circuit import Element
from loaders.opendss_files import Files
from loaders.opendss_phases import MAX_NODE
from loaders.opendss_text import BrokenLine, bus_and_nodes, is_inline_math, unquoted
from loaders.report import LoadError
from loaders.text_files import shortened

METRES = {"mi": 1609.344, "kf": 304.8, "km": 1000.0, "m": 1.0, "ft": 0.3048, "in": 0.0254, "cm": 0.01, "mm": 0.001}
"""Of a unit, by how its name begins."""

MAX_PHASES = 20

Terminal = tuple[str, tuple[int, ...]]


@dataclass(slots=True)
class Values:
    """Reads properties; counts what it has to leave out."""

    files: Files
    inline_math: Counter[str] = field(default_factory=Counter)
    """Values that are calculations, by class and property; they are not known to us."""
    odd_units: list[str] = field(default_factory=list)
    _buses: dict[str, Terminal] = field(default_factory=dict)

    def at(self, element: Element) -> str:
        """File and line where an element was made."""
        return f"{self.files.shown(element.path)} line {element.line}"

    def fail(self, element: Element, name: str, what: str) -> LoadError:
        """The error for a property of an element; raise it."""
        value = element.values.get(name)
        given = "missing" if value is None else repr(value if len(value) <= 80 else f"{value[:80]}…")
        return LoadError(
            f"{self.at(element)}: {name.partition('@')[0]} of {shortened(element.mrid)} is {given}; {what}"
        )

    def number(self, element: Element, name: str, low: float = -1e15, high: float = 1e15) -> float:
        """A number within limits, inclusive; NaN where it is not given, or is a calculation."""
        value = element.values.get(name)
        if value is None:
            return math.nan
        try:
            number = float(value)
        except ValueError:
            number = self._quoted(element, name, value)
        if math.isnan(number) and is_inline_math(value):
            return number
        if not low <= number <= high:
            raise self.fail(element, name, f"a number in {low:g} … {high:g} is needed")
        return number

    def _quoted(self, element: Element, name: str, value: str) -> float:
        if is_inline_math(value):
            self.inline_math[f"{element.kind}.{name.partition('@')[0]}"] += 1
            return math.nan
        try:
            return float(unquoted(value))
        except ValueError:
            raise self.fail(element, name, "a number is needed") from None

    def whole(self, element: Element, name: str, default: int, low: int = 1, high: int = MAX_PHASES) -> int:
        """A whole number within limits."""
        value = element.values.get(name)
        if value is None:
            return default
        if value.isdecimal() and len(value) <= 9 and low <= int(value) <= high:
            return int(value)
        number = self.number(element, name, low, high)
        if math.isnan(number):
            return default
        if number != int(number):
            raise self.fail(element, name, "a whole number is needed")
        return int(number)

    def terminal(self, element: Element, name: str, default: str = "") -> Terminal:
        """The name of a bus and the nodes written behind it."""
        value = element.values.get(name, default)
        try:
            return self._buses[value]
        except KeyError:
            pass
        try:
            bus, nodes = bus_and_nodes(value)
        except BrokenLine:
            raise self.fail(element, name, "the nodes of a bus are numbers, as in 671.1.2") from None
        if not bus:
            raise self.fail(element, name, "the name of a bus is needed, as in 671.1.2.3")
        if nodes and not 0 <= min(nodes) <= max(nodes) <= MAX_NODE:
            raise self.fail(element, name, f"nodes of a bus lie in 0 … {MAX_NODE}")
        self._buses[value] = bus, nodes
        return bus, nodes

    def unit_m(self, element: Element) -> float:
        """Metres in the unit of an element; NaN where it has none."""
        value = unquoted(element.values.get("units", "none")).lower()
        for start in (value[:2], value[:1]):
            if start in METRES:
                return METRES[start]
        if not value.startswith("n"):
            self.odd_units.append(element.mrid)
        return math.nan


@functools.lru_cache(maxsize=10_000)
def paired(nodes1: tuple[int, ...], nodes2: tuple[int, ...], phases: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The nodes at either end of those conductors of a branch that are at a node above 0 at both."""
    pairs = zip(padded(nodes1, phases, phases), padded(nodes2, phases, phases), strict=True)
    live = [(a, b) for a, b in pairs if a and b]
    return tuple([a for a, _ in live]), tuple([b for _, b in live])


@functools.lru_cache(maxsize=10_000)
def padded(nodes: tuple[int, ...], phases: int, conductors: int) -> tuple[int, ...]:
    """The nodes of each conductor: as written, then the number of the phase, then ground."""
    if len(nodes) >= conductors:
        return nodes[:conductors]
    rest = tuple(at + 1 if at < phases else 0 for at in range(len(nodes), conductors))
    return nodes + rest
