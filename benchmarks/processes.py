"""What the processes that a benchmark started take of the machine, from /proc."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


def descendants(root: int | None = None) -> Iterator[list[str]]:
    """The fields of /proc/PID/stat after the name, of every process under a root (this one where None) and not it."""
    fields: dict[int, list[str]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields[int(stat.parent.name)] = stat.read_text().rpartition(")")[2].split()
        except OSError:  # it ended
            continue
    under = [os.getpid() if root is None else root]
    for pid in under:
        children = [child for child, values in fields.items() if int(values[1]) == pid]
        under += children
        yield from (fields[child] for child in children)


def cpu_seconds(root: int | None = None) -> float:
    """CPU time that the descendants, and those of theirs that ended, have used: what a busy machine does not change."""
    return sum(sum(int(ticks) for ticks in values[11:15]) for values in descendants(root)) / _TICKS_PER_S
