"""From legs to tables: nodes, lines, switches, transformers, consumers and usage points of a made-up utility."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from loaders.generate_legs import FUSE, LOAD_BREAK, NO_DEVICE, RECLOSER, Legs
from loaders.generate_territory import Territory
from twin.components import (
    AC_LINE_SEGMENT,
    CONNECTIVITY_NODE,
    ENERGY_CONSUMER,
    ENERGY_SOURCE,
    FEEDER,
    POWER_TRANSFORMER,
    SUBSTATION,
    SWITCH,
    TEXT,
    USAGE_POINT,
    Table,
)
from twin.geometry import EARTH_RADIUS_M, LineStrings
from twin.phases import ABC

MIDDLE = (-98.0, 39.0)
"""lng, lat of the middle of town."""

HIGH_V, MEDIUM_V, LOW_V = 69_000.0, 12_470.0, 240.0

TRUNK_A, LATERAL_A, SERVICE_A = 480.0, 180.0, 200.0
CUSTOMER_VA = 3_500.0
"""What transformers are rated for, a customer."""

DISTRIBUTION_VA = np.array([25, 37.5, 50, 75, 100]) * 1e3
SUBSTATION_VA = np.array([5, 10, 15, 20, 30, 40, 60, 80, 120, 250]) * 1e6

THREE_PHASE_CUSTOMERS = 9
"""From which a transformer on three phases uses all of them."""

PER_SERVICE = 4
"""Customers at most of one service connection."""

DEVICE_M, TIE_M, EXPRESS_M = 2.0, 2.0, 1.5
"""From an intersection to a device, across a tie, between feeders in one street."""

_DEVICE_KINDS = {FUSE: "Fuse", LOAD_BREAK: "LoadBreakSwitch", RECLOSER: "Recloser"}

Rows = NDArray[np.int32]
Points = NDArray[np.float64]


class _Columns:
    """A table that grows by whole blocks of rows."""

    def __init__(self, component: Any, letter: str) -> None:
        self.component, self.letter = component, letter
        self.blocks: list[dict[str, Any]] = []
        self.count = 0

    def add(self, count: int, **columns: ArrayLike) -> Rows:
        """Rows with these columns, each a value or one a row; returns their numbers."""
        self.blocks.append({name: np.broadcast_to(np.asarray(column), (count,)) for name, column in columns.items()})
        self.count += count
        return np.arange(self.count - count, self.count, dtype=np.int32)

    def column(self, name: str) -> NDArray[Any]:
        """One column of all blocks."""
        return np.concatenate([block[name] for block in self.blocks])

    def table(self) -> Table:
        names = list(dict.fromkeys(name for block in self.blocks for name in block))
        columns: dict[str, object] = {"mrid": numbered(self.letter, self.count)}
        columns |= {name: self.column(name) for name in names}
        return Table(self.component, columns)


def numbered(letter: str, count: int) -> NDArray[Any]:
    """StringDType (count,): `L1`, `L2`, …"""
    return np.strings.add(np.array(letter, dtype=TEXT), np.arange(1, count + 1).astype(TEXT))


class Tables:
    """Builds them all from where everything is, in metres from the middle of town."""

    def __init__(self, area: Territory, legs: Legs, rng: np.random.Generator) -> None:
        self.area, self.legs, self.rng = area, legs, rng
        self.nodes = _Columns(CONNECTIVITY_NODE, "N")
        self.lines = _Columns(AC_LINE_SEGMENT, "L")
        self.switches = _Columns(SWITCH, "S")
        self.transformers = _Columns(POWER_TRANSFORMER, "T")
        self.sources = _Columns(ENERGY_SOURCE, "G")
        self.consumers = _Columns(ENERGY_CONSUMER, "C")
        self.meters = _Columns(USAGE_POINT, "M")
        self._bent: list[tuple[int, Points]] = []
        """Lines with more points than their ends."""

    def build(self) -> tuple[dict[str, Table], LineStrings]:
        """The tables, and the course of every line."""
        intersections = self._intersections()
        heads = self._substations(intersections)
        sites = self._legs(intersections)
        self._services(sites)
        kept = (self.nodes, self.lines, self.switches, self.transformers, self.sources, self.consumers, self.meters)
        geometry = self._geometry()
        lnglat = to_lnglat(np.stack([self.nodes.column("lng"), self.nodes.column("lat")], axis=1))
        for at, name in enumerate(("lng", "lat")):
            first = 0
            for block in self.nodes.blocks:
                size = len(block["lng"])
                block[name] = lnglat[first : first + size, at]
                first += size
        tables = {columns.component.table: columns.table() for columns in kept}
        return tables | heads, geometry

    def _node(self, xy: Points, volts: ArrayLike, **columns: ArrayLike) -> Rows:
        return self.nodes.add(
            len(xy),
            **{"lng": xy[:, 0], "lat": xy[:, 1], "nominal_voltage_v": volts, "busbar": False, "substation": -1}
            | columns,
        )

    def _line(
        self, node1: Rows, node2: Rows, phases: ArrayLike, start: Points, end: Points, rated_a: ArrayLike
    ) -> Rows:
        return self.lines.add(
            len(node1),
            node1=node1,
            node2=node2,
            phases=phases,
            length_m=np.hypot(*(end - start).T),
            rated_current_a=rated_a,
        )

    def _switch(self, node1: Rows, node2: Rows, kind: ArrayLike, *, opened: int = 0, phases: ArrayLike = ABC) -> Rows:
        kinds = np.broadcast_to(np.asarray(kind, dtype=TEXT), (len(node1),))
        rated = np.where(kinds == "Fuse", 100.0, 630.0)
        columns = {"phases": phases, "kind": kinds, "normal_open": opened, "rated_current_a": rated}
        return self.switches.add(len(node1), node1=node1, node2=node2, **columns)

    # --- streets ----------------------------------------------------------------------------------------------

    def _intersections(self) -> Rows:
        """int32 (intersections,): the node at each, -1 where no feeder gets."""
        used = np.flatnonzero(self.legs.used)
        found = np.full(len(self.legs.used), -1, dtype=np.int32)
        found[used] = self._node(self.area.xy[used], MEDIUM_V)
        return found

    def _legs(self, intersections: Rows) -> Rows:
        """Devices, lines and ties of all legs; returns the node of each transformer."""
        legs = self.legs
        span = legs.xy1 - legs.xy0
        length = np.hypot(*span.T)
        first = intersections[legs.start]
        first_xy = legs.xy0.copy()
        with_device = np.flatnonzero(legs.device != NO_DEVICE)
        share = np.minimum(DEVICE_M / length[with_device], 0.04)[:, None]
        first_xy[with_device] += span[with_device] * share
        behind = self._node(first_xy[with_device], MEDIUM_V)
        kinds = np.array([_DEVICE_KINDS.get(code, "") for code in range(4)], dtype=TEXT)[legs.device[with_device]]
        self._switch(first[with_device], behind, kinds, phases=legs.phases[with_device])
        first = first.copy()
        first[with_device] = behind
        site_xy = legs.xy0[legs.of] + span[legs.of] * legs.along[:, None]
        sites = self._node(site_xy, MEDIUM_V)
        rated = np.where(legs.trunk, TRUNK_A, LATERAL_A)
        begins = np.ones(len(sites), dtype=np.bool_)
        begins[1:] = legs.of[1:] != legs.of[:-1]
        before = np.where(begins, first[legs.of], np.concatenate([[-1], sites[:-1]]))
        before_xy = np.where(begins[:, None], first_xy[legs.of], np.concatenate([np.zeros((1, 2)), site_xy[:-1]]))
        self._line(before.astype(np.int32), sites, legs.phases[legs.of], before_xy, site_xy, rated[legs.of])
        last, last_xy = first, first_xy
        final = np.flatnonzero(np.append(begins[1:], True))
        last[legs.of[final]], last_xy[legs.of[final]] = sites[final], site_xy[final]
        tied = np.flatnonzero(legs.tie >= 0)
        ends = np.where(legs.end >= 0, intersections[legs.end], -1).astype(np.int32)
        end_xy = legs.xy1.copy()
        end_xy[tied] -= span[tied] * np.minimum(TIE_M / 2 / length[tied], 0.04)[:, None]
        ends[tied] = self._node(end_xy[tied], MEDIUM_V)
        reaching = np.flatnonzero(ends >= 0)
        self._line(
            last[reaching],
            ends[reaching],
            legs.phases[reaching],
            last_xy[reaching],
            end_xy[reaching],
            rated[reaching],
        )
        by_tie = tied[np.argsort(legs.tie[tied], kind="stable")].reshape(-1, 2)
        self._switch(ends[by_tie[:, 0]], ends[by_tie[:, 1]], "LoadBreakSwitch", opened=ABC)
        return sites

    # --- customers --------------------------------------------------------------------------------------------

    def _services(self, sites: Rows) -> None:
        """Transformers, and service connections of up to four customers on either side of the street."""
        legs, count = self.legs, len(sites)
        on_leg = legs.phases[legs.of]
        one = np.where(on_leg == ABC, 1 << (np.arange(count) % 3), on_leg)
        phases = np.where(legs.customers >= THREE_PHASE_CUSTOMERS, on_leg, one).astype(np.uint8)
        span = legs.xy1 - legs.xy0
        street = (span / np.hypot(*span.T)[:, None])[legs.of]
        across = np.stack([-street[:, 1], street[:, 0]], axis=1)
        pole = legs.xy0[legs.of] + span[legs.of] * legs.along[:, None]
        low_xy = pole + across * 1.0
        low = self._node(low_xy, LOW_V)
        self.transformers.add(
            count,
            node1=sites,
            node2=low,
            phases=phases,
            rated_power_va=_next_up(DISTRIBUTION_VA, legs.customers * CUSTOMER_VA),
            substation=-1,
        )
        services = -(-legs.customers // PER_SERVICE)
        of = np.repeat(np.arange(count), services)
        nth = np.arange(len(of)) - (np.cumsum(services) - services)[of]
        side = np.where(nth % 2 == 0, 1.0, -1.0) * self.rng.uniform(10, 16, len(of))
        shift = (nth - (services[of] - 1) / 2) * 12 + self.rng.uniform(-4, 4, len(of))
        home_xy = pole[of] + across[of] * side[:, None] + street[of] * shift[:, None]
        homes = self._node(home_xy, LOW_V)
        self._line(low[of], homes, phases[of], low_xy[of], home_xy, SERVICE_A)
        customers = legs.customers[of] // services[of] + (nth < legs.customers[of] % services[of])
        power = customers * self.rng.uniform(600.0, 2400.0, len(of)).round()
        consumers = self.consumers.add(len(of), node=homes, phases=phases[of], p_w=power, q_var=(power * 0.3).round())
        self.meters.add(int(customers.sum()), consumer=np.repeat(consumers, customers))

    # --- substations ------------------------------------------------------------------------------------------

    def _substations(self, intersections: Rows) -> dict[str, Table]:
        """Source, breakers, transformers, busbars and their coupler, and the way of each feeder to its own streets."""
        area = self.area
        count, feeders = len(area.site), len(area.root)
        own = np.bincount(area.substation, minlength=count)
        twice = own > 1
        """Two transformers and two busbars."""
        yard = area.xy[area.site] + (25.0, 30.0)
        here = np.arange(count, dtype=np.int32)
        high = self._node(yard, HIGH_V, substation=here, busbar=True)
        self.sources.add(count, node=high, phases=ABC)
        customers = np.bincount(area.substation[area.feeder[self.legs.start[self.legs.of]]], self.legs.customers, count)
        rating = _next_up(SUBSTATION_VA, customers * 1.5 * CUSTOMER_VA / np.where(twice, 2, 1))
        bars = np.full((count, 2), -1, dtype=np.int32)
        for bar, chosen in ((0, here), (1, here[twice])):
            at = yard[chosen] + (20.0 * bar, -4.0)
            primary = self._node(at, HIGH_V, substation=chosen)
            secondary = self._node(at - (0.0, 6.0), MEDIUM_V, substation=chosen)
            bars[chosen, bar] = self._node(at - (0.0, 10.0), MEDIUM_V, substation=chosen, busbar=True)
            self._switch(high[chosen], primary, "Breaker")
            self.transformers.add(
                len(chosen),
                node1=primary,
                node2=secondary,
                phases=ABC,
                rated_power_va=rating[chosen],
                substation=chosen,
            )
            self._switch(secondary, bars[chosen, bar], "Breaker")
        self._switch(bars[twice, 0], bars[twice, 1], "Breaker", opened=ABC)
        order = np.argsort(area.substation, kind="stable")
        nth = np.empty(feeders, dtype=np.int64)
        nth[order] = np.arange(feeders) - (np.cumsum(own) - own)[area.substation[order]]
        side = np.where(twice[area.substation], nth % 2, 0)
        exit_xy = yard[area.substation] + np.stack([20.0 * side + 3.0 * (nth // 2) - 3.0, np.full(feeders, -18.0)], 1)
        exits = self._node(exit_xy, MEDIUM_V, substation=area.substation)
        breakers = self._switch(bars[area.substation, side], exits, "Breaker")
        self._express(exits, exit_xy, intersections, nth)
        letters = np.arange(1, feeders + 1).astype(TEXT)
        numbers = (area.substation + 1).astype(TEXT)
        names = np.strings.add(np.strings.add(np.strings.add("Feeder ", numbers), "-"), (nth + 1).astype(TEXT))
        return {
            "substations": Table(
                SUBSTATION,
                {"mrid": numbered("U", count), "name": np.strings.add("Substation ", (here + 1).astype(TEXT))},
            ),
            "feeders": Table(
                FEEDER,
                {
                    "mrid": np.strings.add("F", letters),
                    "name": names,
                    "head_mrid": np.strings.add("S", (breakers + 1).astype(TEXT)),
                    "head_node": exits,
                    "substation": area.substation,
                },
            ),
        }

    def _express(self, exits: Rows, exit_xy: Points, intersections: Rows, nth: NDArray[np.int64]) -> None:
        """A line along the streets from each breaker to where the feeder begins to serve; side by side, if several."""
        area = self.area
        shift = EXPRESS_M * np.stack([nth + 1, nth + 1], axis=1) * (1.0, -1.0)
        courses = [
            np.concatenate([exit_xy[at][None], area.xy[way[:-1]] + shift[at], area.xy[way[-1:]]])
            for at, way in enumerate(area.ways)
        ]
        lengths = np.array([np.hypot(*np.diff(course, axis=0).T).sum() for course in courses])
        rows = self.lines.add(
            len(exits),
            node1=exits,
            node2=intersections[area.root],
            phases=ABC,
            length_m=lengths,
            rated_current_a=TRUNK_A,
        )
        self._bent = list(zip(rows.tolist(), courses, strict=True))

    # --- courses ----------------------------------------------------------------------------------------------

    def _geometry(self) -> LineStrings:
        """Straight from node to node, but for the lines that follow several streets."""
        xy = np.stack([self.nodes.column("lng"), self.nodes.column("lat")], axis=1)
        node1, node2 = self.lines.column("node1"), self.lines.column("node2")
        sizes = np.full(self.lines.count, 2, dtype=np.int64)
        for row, course in self._bent:
            sizes[row] = len(course)
        offsets = np.concatenate([[0], np.cumsum(sizes)])
        points = np.empty((int(offsets[-1]), 2))
        points[offsets[:-1]] = xy[node1]
        points[offsets[1:] - 1] = xy[node2]
        for row, course in self._bent:
            points[offsets[row] : offsets[row + 1]] = course
        return LineStrings(offsets, to_lnglat(points))


def to_lnglat(xy: Points) -> Points:
    """Metres from the middle of town to degrees, as on a plane that touches the earth there."""
    scale = np.degrees(1 / EARTH_RADIUS_M)
    return np.array(MIDDLE) + xy * (scale / np.cos(np.radians(MIDDLE[1])), scale)


def _next_up(ratings: Points, needed: NDArray[np.floating[Any]]) -> Points:
    """The smallest rating that is enough, else the largest."""
    return ratings[np.minimum(np.searchsorted(ratings, needed), len(ratings) - 1)]
