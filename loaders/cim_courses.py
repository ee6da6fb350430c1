"""Coordinates of a CIM model's nodes, worked out where they are missing, and the courses of its lines."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from loaders.cim_places import Positions, named_crs, node_points, own_points
from loaders.cim_reading import Reading
from loaders.coordinates import placing
from loaders.opendss_places import between_neighbours
from loaders.report import FIRST_IDS
from twin.components import Table
from twin.geometry import LineStrings


def courses(
    reading: Reading, crs: str | None, tables: Mapping[str, Table], line: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.bool_], LineStrings]:
    """float64 (nodes, 2): lng, lat; bool (nodes,): worked out from neighbours'; the course of every line."""
    nodes, lines, notes = reading.nodes, tables["lines"], reading.report.notes
    positions = Positions(reading.model, reading.report)
    given = (
        own_points(reading.model, nodes, positions) if reading.exact else node_points(reading.model, nodes, positions)
    )
    start, end = given[lines["node1"]], given[lines["node2"]]
    named = named_crs(reading.model)
    if crs and named and named != crs:
        notes.append(f"the model names {named}; --crs {crs} was used instead")
    every = np.concatenate([given, positions.xy])
    place = placing(every, start, end, lines["length_m"], crs or named, nodes.mrid)
    missing = np.isnan(given[:, 0])
    if place.note and not missing.all() and not reading.exact:
        notes.append(place.note)
    parts = [tables[name] for name in ("lines", "switches", "transformers")]
    node1, node2 = (np.concatenate([part[end] for part in parts]) for end in ("node1", "node2"))
    others = len(node1) - len(lines)
    length = np.concatenate([lines["length_m"], np.full(others, np.nan)])
    points = place(given) if reading.exact else between_neighbours(place(given), node1, node2, length)
    _note_places(reading, missing, np.isnan(points[:, 0]))
    xy = place(positions.xy)
    straight = LineStrings.between(points[lines["node1"]], points[lines["node2"]])
    found = []
    for at, row in enumerate(line.tolist()):
        own = xy[positions.of(row)]
        found.append(own if len(own) > 2 or reading.exact else straight[at])
    offsets = np.cumsum([0, *(len(course) for course in found)]).astype(np.int64)
    placed = missing & ~np.isnan(points[:, 0])
    return points, placed, LineStrings(offsets, np.concatenate([np.empty((0, 2)), *found]))


def _note_places(reading: Reading, missing: NDArray[np.bool_], unplaced: NDArray[np.bool_]) -> None:
    filled = np.flatnonzero(missing & ~unplaced)
    if len(filled):
        first = ", ".join(reading.nodes.mrid[filled[:FIRST_IDS]].tolist())
        reading.report.notes.append(
            f"{len(filled)} nodes have no coordinates and were placed from their neighbours ({first}, …)"
        )
    if unplaced.any():
        reading.report.notes.append(f"{np.count_nonzero(unplaced)} nodes have no coordinates and are not placed")
