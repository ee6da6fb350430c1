"""How an export that is under way, or done, is shown."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn

from tiles.budget import COMPRESSED_LIMIT
from tiles.export import Exported
from twin.phases import ABC
from twin.state import Snapshot
from web import console


@contextmanager
def counted() -> Iterator[Callable[[str, int, int], None]]:
    """A bar that knows how far it is. It draws itself when it is told something, as forks and threads do not mix."""
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    bar = Progress(
        *columns,
        TimeRemainingColumn(),
        console=console.err,
        transient=True,
        auto_refresh=False,
        disable=not console.err.is_terminal,
    )
    task, drawn, shown = bar.add_task("", total=None), 0.0, ""
    with bar:

        def told(what: str, done: int, of: int) -> None:
            nonlocal drawn, shown
            if what == shown and done < of and time.monotonic() < drawn + 0.1:
                return
            if what != shown:
                bar.reset(task, description=what, total=of or None, completed=done)
            bar.update(task, completed=done)
            bar.refresh()
            drawn, shown = time.monotonic(), what

        yield told


def notes(snapshot: Snapshot) -> list[str]:
    """What a file of a whole network does not hold."""
    network, now = snapshot.network, snapshot.state.open
    moved = int(np.count_nonzero((now ^ network.switches["normal_open"]) & network.switches["phases"] & ABC))
    notes = ["the log of operations and what-ifs are in the store only"]
    if moved:
        notes.append(f"{moved} switches are not as they normally are: the file says so, and loads in the normal state")
    return notes


def show_counts(file: Path, what: str, kind: str, counts: Mapping[str, int], notes: Sequence[str], json: bool) -> None:
    """What there is in a file, by kind, and what is not."""
    size = file.stat().st_size
    if json:
        console.write_json({"file": str(file), "bytes": size, what: counts, "notes": notes})
        return
    console.table("", (kind, what), list(counts.items()))
    console.say(f"{file}: {size:,} bytes")
    for note in notes:
        console.say(f"{note[0].upper()}{note[1:]}.")


def show_tiles(file: Path, made: Exported, json: bool) -> None:
    """How many tiles, whence, and which are not complete."""
    if made.discarded is not None:
        console.say(
            f"{file}.part was of another export ({made.discarded['state']} state of revision "
            f"{made.discarded['revision']}, model {made.discarded['model']}); this one began anew."
        )
    if json:
        console.write_json(
            {
                "file": str(file),
                "bytes": made.bytes,
                "tiles": made.tiles,
                "resumed": made.resumed,
                "partial_tiles": made.partial,
                "left_out": made.left_out,
            }
        )
        return
    console.say(f"{file}: {made.tiles:,} tiles, {made.bytes:,} bytes")
    if made.resumed:
        console.say(f"{made.resumed:,} of them were there from an export that was interrupted.")
    if made.partial:
        console.say(
            f"{made.partial:,} tiles are not complete: to stay below {COMPRESSED_LIMIT // 1000} kB they leave out "
            f"{made.left_out:,} features, the least important first, and say so in their layer `partial`."
        )
