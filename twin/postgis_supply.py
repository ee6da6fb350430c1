"""The tables that the views of the present state join: runs of nodes, and switches off normal.

They are written in the transaction that adds to the log, and only where they changed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from twin.postgis_session import Connection
from twin.state import Snapshot
from twin.supply_runs import Run, supply_runs

POINT_MARGIN = 0.000_05
"""Degrees around the box of a run, so that one of a single point still has an area (5 m)."""

Key = tuple[int, int, int, int, int]
"""lo, hi, phases, gained, customers"""
Position = tuple[int, datetime | None]
"""Phases that are open, and since when."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What the tables hold at a revision: runs and when each began, switch positions by id."""

    revision: int
    model: str
    runs: Mapping[Key, datetime]
    positions: Mapping[int, Position]


async def read_shown(connection: Connection, revision: int, model: str) -> Shown:
    """What the tables hold now."""
    runs = await connection.fetch("SELECT lo, hi, phases, gained, customers, since FROM deenergized")
    positions = await connection.fetch("SELECT switch, open, since FROM switch_position")
    return Shown(
        revision,
        model,
        {tuple(row)[:5]: row["since"] for row in runs},
        {row["switch"]: (row["open"], row["since"]) for row in positions},
    )


async def show(connection: Connection, before: Shown, after: Snapshot, happened_at: datetime) -> Shown:
    """Writes what differs from what was shown before.

    A run that takes the place of another one with a lost phase in common has been without supply since that one was.
    """
    runs = {_key(run): run for run in supply_runs(after)}
    same_model = before.model == after.network.model
    old = before.runs if same_model else {}
    if not same_model:  # what was carried over happened earlier
        happened_at = max(after.state.since.values(), default=happened_at)
    since = {key: old[key] if key in old else _began(key, old, happened_at) for key in runs}
    await _show_runs(connection, [key for key in before.runs if key not in since or not same_model], runs, since, old)
    positions = _positions(after)
    await _show_positions(connection, before.positions, positions)
    return Shown(after.revision, after.network.model, since, positions)


def _key(run: Run) -> Key:
    return run.lo + 1, run.hi + 1, run.lost, run.gained, run.customers


def _began(key: Key, old: Mapping[Key, datetime], happened_at: datetime) -> datetime:
    lo, hi, lost, gained, _ = key
    overlapping = [
        since for (a, b, was_lost, was_gained, _), since in old.items()
        if a <= hi and lo <= b and (was_lost & lost or was_gained & gained)
    ]  # fmt: skip
    return min(overlapping, default=happened_at)


def _positions(snapshot: Snapshot) -> dict[int, Position]:
    state = snapshot.state
    off = np.flatnonzero(state.open != snapshot.network.switches["normal_open"]).tolist()
    return {row + 1: (int(state.open[row]), state.since.get(row)) for row in off}


async def _show_runs(
    connection: Connection,
    gone: list[Key],
    runs: Mapping[Key, Run],
    since: Mapping[Key, datetime],
    old: Mapping[Key, datetime],
) -> None:
    if gone:
        await connection.execute("DELETE FROM deenergized WHERE lo = ANY($1::integer[])", [key[0] for key in gone])
    new = [key for key in runs if key not in old]
    if not new:
        return
    boxes = [_box(runs[key]) for key in new]
    lo, hi, lost, gained, customers = (list(column) for column in zip(*new, strict=True))
    await connection.execute(
        "INSERT INTO deenergized (lo, hi, phases, gained, customers, since, geom) "
        "SELECT lo, hi, phases, gained, customers, since, ST_MakeEnvelope(l, b, r, t, 4326) FROM unnest($1::integer[], "
        "$2::integer[], $3::smallint[], $4::smallint[], $5::integer[], $6::timestamptz[], $7::float8[], $8::float8[], "
        "$9::float8[], $10::float8[]) AS x(lo, hi, phases, gained, customers, since, l, b, r, t)",
        lo,
        hi,
        lost,
        gained,
        customers,
        [since[key] for key in new],
        *(list(column) for column in zip(*boxes, strict=True)),
    )


def _box(run: Run) -> tuple[float | None, ...]:
    if run.bounds is None:
        return (None,) * 4
    left, bottom, right, top = run.bounds
    return left - POINT_MARGIN, bottom - POINT_MARGIN, right + POINT_MARGIN, top + POINT_MARGIN


async def _show_positions(
    connection: Connection, before: Mapping[int, Position], after: Mapping[int, Position]
) -> None:
    gone: Iterable[int] = before.keys() - after.keys()
    changed = [switch for switch, position in after.items() if before.get(switch) != position]
    if gone:
        await connection.execute("DELETE FROM switch_position WHERE switch = ANY($1::integer[])", list(gone))
    if changed:
        await connection.execute(
            "INSERT INTO switch_position SELECT * FROM unnest($1::integer[], $2::smallint[], $3::timestamptz[]) "
            "ON CONFLICT (switch) DO UPDATE SET open = excluded.open, since = excluded.since",
            changed,
            [after[switch][0] for switch in changed],
            [after[switch][1] for switch in changed],
        )
