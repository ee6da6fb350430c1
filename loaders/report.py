"""What a loader says: what it read, used and left out, or why it could not go on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

FIRST_IDS = 5
"""How many ids a report shows of each kind left out."""


MOST_SHOWN = 80
"""Characters of a value that a message shows."""


def shown(value: object) -> str:
    """A value as messages show it: quoted, and its beginning where it is long."""
    text = repr(value)
    return text if len(text) <= MOST_SHOWN else text[:MOST_SHOWN] + "…"


class LoadError(ValueError):
    """Input that cannot be read; one sentence that names file, line or table, field and value, and what to do."""

    @classmethod
    def at(cls, path: Path, line: int, field_name: str, value: object, what: str) -> LoadError:
        """`Line.csv line 17: length is 'abc'; …`"""
        return cls(f"{path} line {line}: {field_name} is {shown(value)}; {what}")


@dataclass(frozen=True, slots=True)
class Skipped:
    """Records of one kind that were left out for one reason."""

    kind: str
    reason: str
    count: int
    first_ids: tuple[str, ...]


@dataclass(slots=True)
class LoadReport:
    """Nothing is dropped unsaid: for every kind, `read == used + skipped`."""

    source: str
    format: str
    read: dict[str, int] = field(default_factory=dict)
    used: dict[str, int] = field(default_factory=dict)
    skipped: list[Skipped] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def use(self, kind: str, read: int, used: int | None = None) -> None:
        """Counts records of a kind."""
        self.read[kind] = read
        self.used[kind] = read if used is None else used

    def skip(self, kind: str, reason: str, ids: Sequence[str]) -> None:
        """Records of a kind left out, with the first ids; no record, no entry."""
        if len(ids):
            self.skipped.append(Skipped(kind, reason, len(ids), tuple(str(i) for i in ids[:FIRST_IDS])))

    def to_json(self) -> dict[str, object]:
        """The report as JSON values."""
        return {
            "source": self.source,
            "format": self.format,
            "read": dict(self.read),
            "used": dict(self.used),
            "skipped": [
                {"kind": s.kind, "reason": s.reason, "count": s.count, "first_ids": list(s.first_ids)}
                for s in self.skipped
            ],
            "notes": list(self.notes),
        }
