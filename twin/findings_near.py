"""Ends that nearly touch what they are not joined to: another node, or the middle of a line."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from twin.components import AC_LINE_SEGMENT, CONNECTIVITY_NODE, LINE
from twin.finding import Finding, Repair, Severity, counted, finding_at, mrid_of
from twin.geometry import EARTH_RADIUS_M, distance_m
from twin.inspection import Inspection
from twin.mrids import Element

AT_ONE_POINT = 64
"""How many nodes at one point are looked at for each end: stations put dozens on one, bad data everything."""

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class NearMiss:
    """A node that is not joined, what it nearly touches, how far that is, and where on a line."""

    node: int
    other: Element
    apart_m: float
    at: tuple[float, float] | None = None


def near_misses(seen: Inspection) -> list[NearMiss]:
    """By node: the nearest for each bare end of a live line, and for each severed piece as a whole.

    A pair of ends that miss each other is there once. Ends of switches are not: `dangling_switch` looks there.
    """
    network = seen.network
    if not network.node_sources.any():
        return []
    ends = seen.bare_ends[seen.live[seen.bare_ends]]
    ends = ends[network.branch_class[seen.only_branch(ends)] == LINE]
    ends = np.concatenate([ends, np.flatnonzero(seen.severed & ~seen.loose)])
    best: dict[int, NearMiss] = {}
    one, other, apart = near_nodes(seen, ends, seen.near_m)
    usable = ~seen.severed[one] | (seen.piece[one] != seen.piece[other])
    for i in np.lexsort((other, one, apart, seen.severed[one] & ~seen.live[other])).tolist():
        if usable[i]:
            miss = NearMiss(int(one[i]), Element(CONNECTIVITY_NODE, int(other[i])), float(apart[i]))
            best.setdefault(_key(seen, miss.node), miss)
    alone = np.array([end for end in ends.tolist() if _key(seen, end) not in best], dtype=np.int64)
    one, row, apart, place = near_lines(seen, alone, seen.near_m)
    usable = ~seen.severed[one] | (seen.piece[one] != seen.piece[network.lines["node1"][row]])
    for i in np.lexsort((row, one, apart)).tolist():
        if usable[i]:
            at = (float(place[i, 0]), float(place[i, 1]))
            miss = NearMiss(int(one[i]), Element(AC_LINE_SEGMENT, int(row[i])), float(apart[i]), at)
            best.setdefault(_key(seen, miss.node), miss)
    return _once(seen, sorted(best.values(), key=lambda miss: miss.node))


def near_miss_findings(seen: Inspection) -> Iterator[Finding]:
    """One finding a miss: an error where customers have no supply for it, information where both sides are live."""
    network = seen.network
    for miss in seen.once(near_misses):
        node = Element(CONNECTIVITY_NODE, miss.node)
        one, other = mrid_of(network, node), mrid_of(network, miss.other)
        message = f"{one!r} is {miss.apart_m:.2f} m from "
        if miss.other.component is AC_LINE_SEGMENT:
            assert miss.at is not None
            message += f"the middle of {other!r} and not joined to it"
            split: dict[str, object] = {"split": other, "node": one, "lng": miss.at[0], "lat": miss.at[1]}
            repair = Repair(f"Part {other!r} there and join it to {one!r}, if they meet.", split)
        else:
            message += f"{other!r} and not joined to it"
            repair = Repair(f"Join {one!r} and {other!r}, if they meet.", {"join": [one, other]})
        customers = 0
        if seen.severed[miss.node]:
            piece = np.flatnonzero(seen.piece == seen.piece[miss.node])
            customers = seen.customers(piece)
            has = "has" if len(piece) == 1 else "have"
            message += (
                f": {counted(len(piece), 'node')} with {counted(customers, 'customer')} {has} no path to a source"
            )
        severity: Severity = "error" if customers else "warning" if seen.severed[miss.node] else "info"
        yield finding_at(network, "near_miss", severity, [node, miss.other], f"{message}.", repair)


def near_nodes(seen: Inspection, ends: Ints, reach_m: float) -> tuple[Ints, Ints, Floats]:
    """Pairs of an end and a node of the same voltage within reach, with their distance in m; (pairs,) each.

    Left out are the end itself and what is one or two branches from it.
    """
    network = seen.network
    lnglat = network.node_lnglat
    ends = ends[seen.placed[ends]]
    placed = np.flatnonzero(seen.placed)
    if len(ends) == 0:
        return _no_pairs()
    points, point_of = np.unique(lnglat[placed], axis=0, return_inverse=True)
    tree = shapely.STRtree(np.asarray(shapely.points(lnglat[ends])))
    reach = _degrees(reach_m, lnglat[ends])
    at, end = tree.query(shapely.points(points), predicate="dwithin", distance=reach)
    order = np.argsort(point_of, kind="stable")
    first = np.searchsorted(point_of[order], np.arange(len(points) + 1))
    count = np.minimum(np.diff(first), AT_ONE_POINT)[at]
    one = ends[np.repeat(end, count)]
    start = first[at]
    other = placed[order[np.repeat(start - (np.cumsum(count) - count), count) + np.arange(count.sum())]]
    apart = np.round(distance_m(lnglat[one], lnglat[other]), 6)
    keep = (apart <= reach_m) & (one != other) & seen.alike(one, other)
    keep[keep] = ~_close_by(seen, one[keep], other[keep])
    return one[keep], other[keep], apart[keep]


def near_lines(seen: Inspection, ends: Ints, reach_m: float) -> tuple[Ints, Ints, Floats, Floats]:
    """Pairs of an end and a line that passes it within reach, their distance in m and the place on the line.

    Left out are lines of another voltage, and those at the end itself and at its neighbour.
    """
    network = seen.network
    lnglat, lines = network.node_lnglat, network.lines
    ends = ends[seen.placed[ends]]
    drawn = np.flatnonzero(np.diff(network.line_geometry.offsets) > 1)
    if len(ends) == 0 or len(drawn) == 0:
        return (*_no_pairs(), np.empty((0, 2)))
    tree = shapely.STRtree(np.asarray(shapely.points(lnglat[ends])))
    found, end = tree.query(_shapes(seen, drawn), predicate="dwithin", distance=_degrees(reach_m, lnglat[ends]))
    one, row = ends[end], drawn[found]
    keep = seen.alike(one, lines["node1"][row])
    for name in ("node1", "node2"):
        other = lines[name][row].astype(np.int64)
        keep &= (one != other) & ~seen.joined(one, other)
    one, row = one[keep], row[keep]
    pairs = zip(one.tolist(), row.tolist(), strict=True)
    place = np.array([_nearest(network.line_geometry[r], lnglat[n]) for n, r in pairs]).reshape(-1, 2)
    apart = np.round(distance_m(lnglat[one], place), 6)
    near = apart <= reach_m
    return one[near], row[near], apart[near], place[near]


def _key(seen: Inspection, node: int) -> int:
    """What one miss is said of: a severed piece, or a live end."""
    return -1 - int(seen.piece[node]) if seen.severed[node] else node


def _once(seen: Inspection, misses: list[NearMiss]) -> list[NearMiss]:
    """Without the second of two that name each other."""
    said: set[tuple[int, int]] = set()
    kept = []
    for miss in sorted(misses, key=lambda miss: not seen.severed[miss.node]):
        if miss.other.component is CONNECTIVITY_NODE:
            pair = sorted((_key(seen, miss.node), _key(seen, miss.other.row)))
            if (pair[0], pair[1]) in said:
                continue
            said.add((pair[0], pair[1]))
        kept.append(miss)
    return sorted(kept, key=lambda miss: miss.node)


def _close_by(seen: Inspection, one: Ints, other: Ints) -> NDArray[np.bool_]:
    """bool (pairs,): a branch joins them, or two in a row do by way of the first branch of the one."""
    close = seen.joined(one, other)
    reached = seen.terminals[one] > 0
    graph = seen.network.graph
    branch = seen.only_branch(one[reached])
    between = np.where(graph.branch_u[branch] == one[reached], graph.branch_v[branch], graph.branch_u[branch])
    close[reached] |= seen.joined(between.astype(np.int64), other[reached])
    return close


def _shapes(seen: Inspection, rows: Ints) -> NDArray[Any]:
    lines = seen.network.line_geometry.take(rows)
    index = np.repeat(np.arange(len(rows)), np.diff(lines.offsets))
    return np.asarray(shapely.linestrings(lines.coordinates, indices=index))


def _nearest(path: Floats, at: Floats) -> Floats:
    """lng, lat on a line that is nearest to a point; on the plane that touches the earth there."""
    scale = np.array([max(float(np.cos(np.radians(at[1]))), 0.01), 1.0])
    local = (path - at) * scale
    start, step = local[:-1], np.diff(local, axis=0)
    square = np.maximum((step**2).sum(axis=1), 1e-30)
    along = np.clip(-(start * step).sum(axis=1) / square, 0, 1)
    on = start + along[:, None] * step
    nearest: Floats = on[int(np.argmin((on**2).sum(axis=1)))] / scale + at
    return nearest


def _degrees(reach_m: float, lnglat: Floats) -> float:
    """Degrees that hold so many metres in any direction, anywhere among some points."""
    lat = float(np.abs(lnglat[:, 1]).max())
    return float(np.degrees(reach_m / EARTH_RADIUS_M)) / max(float(np.cos(np.radians(min(lat, 89.9)))), 0.001) * 1.01


def _no_pairs() -> tuple[Ints, Ints, Floats]:
    return np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0)
