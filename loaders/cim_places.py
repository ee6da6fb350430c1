"""Where the nodes and lines of a CIM model are: position points of its equipment, and of what contains it."""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

from loaders.cim_nodes import Nodes, looked_for
from loaders.cim_rdf import Model
from loaders.cim_schema import LINES, SWITCHES
from loaders.report import LoadReport

_EPSG = re.compile(r"EPSG:(?:[\d.]*:)?(\d+)$", re.IGNORECASE)


def named_crs(model: Model) -> str | None:
    """The coordinate system that the model names by an EPSG code; None for local ones. The first of several wins."""
    for urn in model["systems"]["urn"].tolist():
        found = _EPSG.search(urn.strip())
        if found:
            return f"EPSG:{found[1]}"
        if urn.upper().endswith(("CRS84", "WGS84")):
            return "EPSG:4326"
    return None


class Positions:
    """Position points by location, each location's in their order."""

    def __init__(self, model: Model, report: LoadReport) -> None:
        points, locations = model["points"], model["locations"]
        owner = looked_for(points, "location", locations, report, "locations of position points")
        usable = (owner >= 0) & ~np.isnan(points["x"]) & ~np.isnan(points["y"])
        report.use("PositionPoint", len(points), int(usable.sum()))
        lost = [f"in line {line}" for line in points["line"][~usable].tolist()]
        report.skip("PositionPoint", "it has no location, or x and y are not both given", lost)
        number = np.nan_to_num(points["number"], nan=0.0)
        order = np.lexsort((np.arange(len(points)), number, owner))
        order = order[usable[order]]
        self.xy = np.stack([points["x"][order], points["y"][order]], axis=1)
        """float64 (points, 2), as the model has them."""
        self._ptr = np.concatenate([[0], np.cumsum(np.bincount(owner[order], minlength=len(locations)))]).astype(int)
        equipment = model["equipment"]
        self._location = looked_for(equipment, "location", locations, report, "locations of equipment")
        of = equipment.find(locations["of"])  # as in CGMES, where a location names what it is of
        rows = np.flatnonzero((locations["of"] != 0) & (of >= 0))
        self._location[of[rows]] = rows

    def count(self, locations: NDArray[np.int64]) -> NDArray[np.int64]:
        """int64: how many points some locations have."""
        counts: NDArray[np.int64] = np.append(np.diff(self._ptr), 0)[locations]
        return counts

    def first(self, locations: NDArray[np.int64]) -> NDArray[np.int64]:
        """int64: where in `xy` their first points are."""
        first: NDArray[np.int64] = self._ptr[locations]
        return first

    def of(self, row: int) -> slice:
        """Where in `xy` the points of an equipment are."""
        location = int(self._location[row])
        return slice(0, 0) if location < 0 else slice(int(self._ptr[location]), int(self._ptr[location + 1]))


def own_points(model: Model, nodes: Nodes, positions: Positions) -> NDArray[np.float64]:
    """float64 (nodes, 2): as in gridtwin's own exports, where nodes have locations; NaN for those without."""
    locations = model["locations"].find(nodes.objects["location"])[nodes.rows]
    points = np.full((len(nodes), 2), np.nan)
    placed = np.flatnonzero((locations >= 0) & (positions.count(locations) > 0))
    points[placed] = positions.xy[positions.first(locations[placed])]
    return points[nodes.like]


def node_points(model: Model, nodes: Nodes, positions: Positions) -> NDArray[np.float64]:
    """float64 (nodes, 2): in the model's coordinates, NaN where none is known.

    Equipment with a point for each of its terminals places each node, a line by its first and last point; a single
    point stands for all its nodes, where nothing better is known.
    """
    equipment = model["equipment"]
    best = np.full((len(nodes), 2), np.nan)
    vague = best.copy()
    branches = equipment.of_class(*LINES, *SWITCHES)
    for row in range(len(equipment)):
        inside = positions.of(row)
        count = inside.stop - inside.start
        terminals = [int(node) for node in nodes.terminal[nodes.of(row)] if node >= 0]
        if count == 0 or not terminals:
            continue
        xy = positions.xy[inside]
        if count >= 2 and len(terminals) == 2 and branches[row]:
            xy = xy[[0, -1]]
        exact = len(xy) == len(terminals)
        into = best if exact else vague
        for at, node in enumerate(terminals):
            if np.isnan(into[node, 0]):
                into[node] = xy[at if exact else 0]
    known = np.where(np.isnan(best), vague, best)
    return known[nodes.like]
