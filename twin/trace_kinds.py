"""The kinds of trace, the fields that each takes, and what they mean: checks, documents and help read this table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Kind = Literal[
    "connected",
    "upstream",
    "downstream",
    "subnetwork",
    "direction",
    "isolation",
    "loops",
    "shortest_path",
    "protection",
    "restoration",
    "outage",
]


@dataclass(frozen=True, slots=True)
class Takes:
    """One kind. what: a sentence; needed: fields that must be given; may: fields that may be."""

    what: str
    needed: tuple[str, ...]
    may: tuple[str, ...] = ()

    @property
    def fields(self) -> tuple[str, ...]:
        """Every field of its own, beside `kind` and those of EVERYWHERE."""
        return (*self.needed, *self.may)


EVERYWHERE = ("state", "scenario", "at", "revision")
"""Fields that every kind takes."""

_BARRIERS = ("barriers", "include_barriers", "ignore_barriers_at_start", "filter_barriers")

KINDS: Mapping[Kind, Takes] = {
    "connected": Takes(
        "Everything that conducting branches join to the start.",
        ("start",),
        ("phases", "terminal", *_BARRIERS, "ignore_status"),
    ),
    "upstream": Takes(
        "Everything on some way from a source to the start: both arms of a loop.",
        ("start",),
        ("phases", "terminal", *_BARRIERS),
    ),
    "downstream": Takes(
        "What the start feeds, or what loses supply without it; of an open switch, each side apart.",
        ("start",),
        ("phases", "mode", "terminal", *_BARRIERS),
    ),
    "subnetwork": Takes(
        "The feeders that the start belongs to, up to other heads, open switches and substation transformers.",
        ("start",),
        ("phases", *_BARRIERS, "ignore_status"),
    ),
    "direction": Takes(
        "Which way power comes, by phase, in the start and in the branches at it; without a start, everywhere.",
        (),
        ("start", "phases"),
    ),
    "isolation": Takes("What to open so that the start is dead, and who is out then.", ("start",)),
    "loops": Takes(
        "Loops, and ways between two sources, in the part of the network around the start; without one, everywhere.",
        (),
        ("start", "phases"),
    ),
    "shortest_path": Takes(
        "The shortest conducting way from the start to another place.",
        ("start", "to"),
        ("weight", "phases", "terminal", "barriers", "ignore_barriers_at_start", "ignore_status"),
    ),
    "protection": Takes(
        "The n-th breakers, reclosers or fuses upstream of the start, which itself does not count.",
        ("start",),
        ("n", "phases", "terminal"),
    ),
    "restoration": Takes(
        "How to isolate the start, at fault, and which open switches could bring supply back around it, best first.",
        ("start",),
    ),
    "outage": Takes(
        "What a batch of operations would take from whom, and give to whom; nothing is operated.", ("operations",)
    ),
}

FIELDS: Mapping[str, str] = {
    "kind": "what to trace",
    "start": "mrid of a node, branch, consumer, source, feeder or substation to start from",
    "to": "mrid of where the shortest path ends",
    "state": "switch positions to trace in",
    "phases": "phases to follow",
    "mode": "downstream: all that the start can reach (flow), or what loses supply without it (exclusive)",
    "terminal": "leave start branches on this side only",
    "barriers": "mrid of a branch that stops the trace; directions are found without it",
    "include_barriers": "whether barriers that were met are among the boundaries",
    "ignore_barriers_at_start": "whether a trace that starts on a barrier leaves it",
    "filter_barriers": "mrid of a branch that stops the trace after directions are known",
    "ignore_status": "whether open switches are crossed",
    "weight": "what makes a path short: metres of line (length), or branches (hops)",
    "n": "which protective device, counted from the start",
    "operations": "switches to open and close in an outage",
    "scenario": "id of a what-if to trace in instead of the live state",
    "at": "instant to trace in the state of, as it was recorded by then, such as 2026-03-01T14:30:00Z",
    "revision": "revision of the log to trace in the state of",
}
"""What each field of a request means."""


def kinds_with(field: str) -> list[Kind]:
    """The kinds that take a field."""
    return [kind for kind, takes in KINDS.items() if field in takes.fields or field in EVERYWHERE]
