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
from twin.supply_runs import Run, run_bounds, run_customers, supply_runs

POINT_MARGIN = 0.000_05
"""Degrees around the box of a run, so that one of a single point still has an area (5 m)."""

Position = tuple[int, datetime | None]
"""Phases that are open, and since when."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What the tables hold at a revision: runs and when each began, switch positions by id (row + 1)."""

    revision: int
    model: str
    runs: Mapping[Run, datetime]
    positions: Mapping[int, Position]


async def read_shown(connection: Connection, revision: int, model: str) -> Shown:
    """What the tables hold now."""
    runs = await connection.fetch("SELECT lo - 1, hi - 1, phases, gained, since FROM deenergized")
    positions = await connection.fetch("SELECT switch, open, since FROM switch_position")
    return Shown(
        revision,
        model,
        {Run(*tuple(row)[:4]): row["since"] for row in runs},
        {row["switch"]: (row["open"], row["since"]) for row in positions},
    )


async def show(connection: Connection, before: Shown, after: Snapshot, happened_at: datetime) -> Shown:
    """Writes what differs from what was shown before.

    A run that takes the place of another one with a lost phase in common has been without supply since that one was.
    """
    same_model = before.model == after.network.model
    old = before.runs if same_model else {}
    if not same_model:  # what was carried over happened earlier
        happened_at = max(after.state.since.values(), default=happened_at)
    runs = {run: old[run] if run in old else _began(run, old, happened_at) for run in supply_runs(after)}
    gone = [run.lo + 1 for run in before.runs if run not in runs or not same_model]
    await _show_runs(connection, gone, {run: since for run, since in runs.items() if run not in old}, after)
    positions = _positions(after)
    await _show_positions(connection, before.positions, positions)
    return Shown(after.revision, after.network.model, runs, positions)


def _began(run: Run, old: Mapping[Run, datetime], happened_at: datetime) -> datetime:
    overlapping = [
        since
        for was, since in old.items()
        if was.lo <= run.hi and run.lo <= was.hi and (was.lost & run.lost or was.gained & run.gained)
    ]
    return min(overlapping, default=happened_at)


def _positions(snapshot: Snapshot) -> dict[int, Position]:
    state = snapshot.state
    off = np.flatnonzero(state.open != snapshot.network.switches["normal_open"]).tolist()
    return {row + 1: (int(state.open[row]), state.since.get(row)) for row in off}


async def _show_runs(connection: Connection, gone: list[int], new: Mapping[Run, datetime], snapshot: Snapshot) -> None:
    if gone:
        await connection.execute("DELETE FROM deenergized WHERE lo = ANY($1::integer[])", gone)
    if not new:
        return
    boxes = [_box(snapshot, run) for run in new]
    await connection.execute(
        "INSERT INTO deenergized (lo, hi, phases, gained, customers, since, geom) "
        "SELECT lo, hi, phases, gained, customers, since, ST_MakeEnvelope(l, b, r, t, 4326) FROM unnest($1::integer[], "
        "$2::integer[], $3::smallint[], $4::smallint[], $5::integer[], $6::timestamptz[], $7::float8[], $8::float8[], "
        "$9::float8[], $10::float8[]) AS x(lo, hi, phases, gained, customers, since, l, b, r, t)",
        [run.lo + 1 for run in new],
        [run.hi + 1 for run in new],
        [run.lost for run in new],
        [run.gained for run in new],
        [run_customers(snapshot, run) for run in new],
        list(new.values()),
        *(list(column) for column in zip(*boxes, strict=True)),
    )


def _box(snapshot: Snapshot, run: Run) -> tuple[float | None, ...]:
    bounds = run_bounds(snapshot, run)
    if bounds is None:
        return (None,) * 4
    left, bottom, right, top = bounds
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
