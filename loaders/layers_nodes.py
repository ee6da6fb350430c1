"""Connectivity nodes of mapped layers: by the codes that ends name, or where ends meet within a tolerance."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import Literal

import numpy as np
import shapely
from numpy.typing import NDArray

from topology.graph import build
from topology.islands import islands
from twin.geometry import EARTH_RADIUS_M, distance_m

DEGREE_M = np.pi / 180 * EARTH_RADIUS_M


Point = tuple[float, float]


def place_along(nodes: Nodes, drawn: list[tuple[int, int, Point, Point]]) -> None:
    """Places nodes at the ends of lines, each line by how its drawing fits what is placed already.

    drawn: the nodes of both ends and the first and last point. A line that hangs together with nothing placed is taken
    to be drawn from its first node.
    """
    around: dict[int, list[int]] = defaultdict(list)
    for i, (one, two, *_) in enumerate(drawn):
        around[one].append(i)
        around[two].append(i)
    done = [False] * len(drawn)
    known = [node for node in around if not np.isnan(nodes.lnglat[node][0])]
    for i, (one, _, first, _) in enumerate(drawn):
        if not known and not done[i]:
            nodes.place(one, first)
            known.append(one)
        while known:
            node = known.pop()
            for each in around[node]:
                if done[each]:
                    continue
                done[each] = True
                here, there, start, end = drawn[each]
                if here != node:
                    here, there = there, here
                far = end if _apart(nodes.lnglat[node], start) <= _apart(nodes.lnglat[node], end) else start
                if np.isnan(nodes.lnglat[there][0]) and not np.isnan(far[0]):
                    nodes.place(there, far)
                    known.append(there)


def _apart(one: Point, other: Point) -> float:
    """How far, for comparing only; a point that is not known is far from all."""
    apart = abs(one[0] - other[0]) + abs(one[1] - other[1])
    return float("inf") if np.isnan(apart) else apart


@dataclass(frozen=True, slots=True)
class End:
    """An end of an element that no code names, to be snapped; a device has two, one after the other, at one place."""

    owner: str
    kind: Literal["line", "switch", "transformer", "consumer", "source"]
    """`line` for whatever has a length on the map."""
    at: tuple[float, float]
    voltage: float


class Nodes:
    """Rows of the node table, with where they are and at which voltage; the first that says so is right."""

    def __init__(self) -> None:
        self.mrid: list[str] = []
        self.name: list[str] = []
        self.lnglat: list[tuple[float, float]] = []
        self.voltage: list[float] = []
        self.busbar: list[bool] = []
        self.substation: list[int] = []
        self.of_code: dict[str, int] = {}
        self.declared = 0
        """How many a layer of nodes gave."""

    def add(self, mrid: str, name: str = "") -> int:
        """A node of its own."""
        self.mrid.append(mrid)
        self.name.append(name)
        self.lnglat.append((np.nan, np.nan))
        self.voltage.append(np.nan)
        self.busbar.append(False)
        self.substation.append(-1)
        return len(self.mrid) - 1

    def named(self, code: str) -> int:
        """The node of a code, made where no layer gave it."""
        if code not in self.of_code:
            self.of_code[code] = self.add(f"node {code}", code)
        return self.of_code[code]

    def place(self, node: int, at: tuple[float, float]) -> None:
        """Where it is, if nothing has said so yet."""
        if np.isnan(self.lnglat[node][0]):
            self.lnglat[node] = at

    def volts(self, node: int, voltage: float) -> None:
        """Its voltage, if nothing has said so yet."""
        if np.isnan(self.voltage[node]):
            self.voltage[node] = voltage

    def spread_voltages(self, ends: NDArray[np.int32]) -> None:
        """Gives a voltage to nodes without one from those that lines and switches join them to.

        ends: int32 (branches, 2). Where joined nodes differ, those without get the first one's.
        """
        count = len(self.mrid)
        ones = np.ones(len(ends), dtype=np.uint8)
        numbering = build(count, ends[:, 0], ends[:, 1], ones, ones, np.zeros(count, dtype=np.uint8))
        island = islands(numbering.graph, ones)[numbering.node_number]
        known: dict[int, float] = {}
        for node, voltage in enumerate(self.voltage):
            if not np.isnan(voltage):
                known.setdefault(int(island[node]), voltage)
        for node, voltage in enumerate(self.voltage):
            if np.isnan(voltage):
                self.voltage[node] = known.get(int(island[node]), np.nan)


def snap(ends: list[End], nodes: Nodes, snap_m: float) -> tuple[list[int], list[str]]:
    """The node of each end, and the devices whose sides are a guess.

    Ends within the tolerance of each other, or of a node of a layer, are one node. Devices there are in a row and part
    the lines: those of the highest voltage at a transformer's terminal 1, the others at 2; the first line at a
    switch's terminal 1, the others at 2. Sources are before the first device, consumers too where none is a
    transformer.
    """
    points = np.array([end.at for end in ends], dtype=np.float64).reshape(-1, 2)
    declared = np.array(nodes.lnglat[: nodes.declared], dtype=np.float64).reshape(-1, 2)
    cluster = _clusters(np.concatenate([declared, points]), snap_m).tolist()
    node_of: dict[int, int] = {}
    for node, at in enumerate(cluster[: nodes.declared]):
        node_of.setdefault(at, node)
    inside: dict[int, list[int]] = defaultdict(list)
    for i, at in enumerate(cluster[nodes.declared :]):
        inside[at].append(i)
    found = [-1] * len(ends)
    guessed: list[str] = []
    for at, members in inside.items():
        first = node_of[at] if at in node_of else nodes.add(f"node at {ends[members[0]].owner} {members[0]}")
        _join(ends, members, first, found, nodes, guessed)
    return found, guessed


def _join(ends: list[End], members: list[int], first: int, found: list[int], nodes: Nodes, guessed: list[str]) -> None:
    """Gives the ends at one place their nodes."""
    devices = [i for i in members if ends[i].kind in ("switch", "transformer")]
    devices.sort(key=lambda i: ends[i].kind)  # a fuse before its transformer; each two of one device stay together
    transforming = any(ends[i].kind == "transformer" for i in devices)
    last = first
    for one, two in zip(devices[::2], devices[1::2], strict=True):
        found[one] = last
        last = found[two] = nodes.add(f"node at {ends[two].owner} {two}")
    lines = [i for i in members if ends[i].kind == "line"]
    near = _near_side(ends, lines, devices)
    for i in members:
        if found[i] < 0:
            kind = ends[i].kind
            behind = transforming if kind == "consumer" else kind == "line" and i not in near
            found[i] = last if behind else first
    if devices and (len(devices) > 2 or len(near) == len(lines) or (not transforming and len(lines) != 2)):
        guessed.extend(ends[i].owner for i in devices[::2])


def _near_side(ends: list[End], lines: list[int], devices: list[int]) -> list[int]:
    """The lines before the first device."""
    if not any(ends[i].kind == "transformer" for i in devices):
        return lines[:1] if devices else lines
    volts = np.array([ends[i].voltage for i in lines])
    if np.isnan(volts).any() or len(np.unique(volts)) < 2:
        return lines  # rather no supply behind it than a transformer in the middle of a line
    return [i for i, voltage in zip(lines, volts.tolist(), strict=True) if voltage == volts.max()]


def _clusters(points: NDArray[np.float64], snap_m: float) -> NDArray[np.int32]:
    """int32 (points,): which hang together within the tolerance; points: (points, 2) degrees, NaN hang with none."""
    known = np.flatnonzero(~np.isnan(points).any(axis=1))
    shapes = np.asarray(shapely.points(points[known]))
    tree = shapely.STRtree(shapes)
    lat = np.abs(points[known, 1]).max(initial=0.0)
    reach = max(snap_m, 0.001) / DEGREE_M / max(float(np.cos(np.radians(lat))), 0.01)
    first, second = tree.query(shapes, predicate="dwithin", distance=reach)
    near = (first < second) & (distance_m(points[known][first], points[known][second]) <= max(snap_m, 0.001))
    one, two = known[first[near]].astype(np.int32), known[second[near]].astype(np.int32)
    ones = np.ones(len(one), dtype=np.uint8)
    numbering = build(len(points), one, two, ones, ones, np.zeros(len(points), dtype=np.uint8))
    return islands(numbering.graph, ones)[numbering.node_number]
