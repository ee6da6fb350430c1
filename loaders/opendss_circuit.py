"""What the script of an OpenDSS circuit builds: elements with what was said of them, coordinates, operations."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from loaders.opendss_classes import CLASSES
from loaders.opendss_text import unquoted

_YES = ("y", "t", "1")


@dataclass(slots=True)
class Element:
    """One object of a class: what was said of it last.

    values: by property, as written; of a winding as `bus@2`. folder, path, line: where it was made. title: its name
    with the letters as written.
    """

    kind: str
    name: str
    title: str
    folder: str
    path: str
    line: int
    values: dict[str, str] = field(default_factory=dict)

    @property
    def mrid(self) -> str:
        """`Line.650632`, as OpenDSS names elements; in lower case but for the class, as names have none."""
        return f"{self.kind}.{self.name}"

    @property
    def enabled(self) -> bool:
        """Whether it takes part."""
        value = self.values.get("enabled")
        return value is None or is_yes(value)


@dataclass(frozen=True, slots=True)
class Opened:
    """A terminal that a command opened or closed: on conductor `phase` (1, 2, …), or on all of them (0)."""

    mrid: str
    terminal: int
    phase: int
    open: bool
    at: str


@dataclass(slots=True)
class Circuit:
    """What a script built."""

    name: str
    elements: dict[str, dict[str, Element]] = field(default_factory=lambda: {name: {} for name in CLASSES})
    """By class in lower case, then by name."""
    operations: list[Opened] = field(default_factory=list)
    coordinates: dict[str, tuple[float, float]] = field(default_factory=dict)
    """By bus: x and y as written."""
    voltage_bases_kv: list[float] = field(default_factory=list)
    others: Counter[str] = field(default_factory=Counter)
    """How many objects of classes that are not read, by class."""
    first_others: dict[str, list[str]] = field(default_factory=dict)
    commands: Counter[str] = field(default_factory=Counter)
    """How often each command that builds nothing was met."""
    unknown_commands: Counter[str] = field(default_factory=Counter)
    unknown_properties: Counter[str] = field(default_factory=Counter)
    redefined: list[str] = field(default_factory=list)
    open_ended: list[str] = field(default_factory=list)
    """Files whose last line has no end, as where a file was cut off."""


def is_yes(value: str) -> bool:
    """Whether a value says yes, in any of OpenDSS's ways."""
    return unquoted(value)[:1].lower() in _YES
