"""What a trace answers: elements page by page, sums, bounds, boundaries, and what its kind adds."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from threading import Lock
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from topology.results import Extent, Reason, Trace
from twin import trace_feeders, trace_files, trace_sums
from twin.components import ENERGY_SOURCE, SWITCH_BRANCH
from twin.elements import geometry, place
from twin.mrids import Element
from twin.network import Network
from twin.state import Snapshot
from twin.trace_elements import Column, Elements, Row, branch_lnglat, places
from twin.trace_request import TraceRequest

PAGE = 1000
"""Elements in one page of a result."""

ElementsWanted: TypeAlias = Literal["all", "page", False]

OPERABLE = 100
"""Reason of a boundary beside those of `topology`: a closed switch where an isolation would stop."""
_REASONS = {int(reason): reason.name.lower() for reason in Reason} | {OPERABLE: "operable"}


def _no_details(listed: bool) -> Mapping[str, object]:
    return {}


@dataclass(frozen=True, eq=False)
class Found:
    """What a kind of trace found.

    find: gives the elements in order. extent: the same elements without it, where that is much faster. node_columns,
    branch_columns: what the kind says of each. details: what it adds to the answer; without what goes by element where
    it is called with False.
    """

    find: Callable[[], Trace]
    extent: Extent | None = None
    node_columns: Mapping[str, Column] = field(default_factory=dict)
    branch_columns: Mapping[str, Column] = field(default_factory=dict)
    details: Callable[[bool], Mapping[str, object]] = _no_details
    _finding: Lock = field(default_factory=Lock)

    @classmethod
    def of(
        cls,
        trace: Trace,
        node_columns: Mapping[str, Column] | None = None,
        branch_columns: Mapping[str, Column] | None = None,
        details: Callable[[bool], Mapping[str, object]] = _no_details,
    ) -> Found:
        """Elements that are in order already."""
        return cls(lambda: trace, None, node_columns or {}, branch_columns or {}, details)

    @cached_property
    def _trace(self) -> Trace:
        return self.find()

    @property
    def trace(self) -> Trace:
        """The elements in order, found once, whichever threads ask."""
        with self._finding:
            return self._trace

    @property
    def ends(self) -> Trace | Extent:
        """What knows status, sources and boundaries, at no further cost."""
        return self.trace if self.extent is None else self.extent


@dataclass(frozen=True, eq=False)
class TraceResult:
    """A trace with what it adds up to. sides: of an open switch, the trace of each side by terminal."""

    request: TraceRequest
    snapshot: Snapshot
    found: Found
    sides: Mapping[str, TraceResult] = field(default_factory=dict)

    @property
    def trace(self) -> Trace:
        """Node and branch numbers in the fixed order: depth, then number."""
        return self.found.trace

    @property
    def network(self) -> Network:
        """The network traced."""
        return self.snapshot.network

    @property
    def status(self) -> str:
        """`ok`, or why there is nothing: `not_energized`, `no_feeder`, `unreachable`, `not_isolable`."""
        return self.found.ends.status

    @cached_property
    def id(self) -> str:
        """See `TraceRequest.to_id`."""
        return self.request.to_id(self.network.model, self.snapshot.revision)

    # --- sums -------------------------------------------------------------------------------------------------

    @cached_property
    def consumers(self) -> NDArray[np.intp]:
        """Rows of the consumers on the traced nodes that are connected to a traced phase, ascending."""
        return trace_sums.consumers_of(self.network, self.trace)

    @cached_property
    def sums(self) -> dict[str, object]:
        """Customers, rated power in VA, length in m and counts by class; each element counts once."""
        extent = self.found.extent
        if extent is not None:
            return trace_sums.of_extent(self.network, extent)
        return trace_sums.of_trace(self.network, self.trace)

    @cached_property
    def by_feeder(self) -> tuple[list[Row], int]:
        """The sums of each feeder, most customers first, and how many more feeders there are."""
        extent = self.found.extent
        if extent is not None:
            return trace_feeders.of_extent(self.network, extent)
        return trace_feeders.of_trace(self.network, self.trace, self.consumers)

    @cached_property
    def bounds(self) -> tuple[float, float, float, float] | None:
        """left, bottom, right, top in degrees of the traced nodes; None where none is placed."""
        extent = self.found.extent
        if extent is not None:
            return trace_sums.bounds_of_extent(self.network, extent)
        return trace_sums.bounds_of_trace(self.network, self.trace)

    # --- JSON -------------------------------------------------------------------------------------------------

    def summary(self) -> dict[str, object]:
        """Everything but the elements; of the boundaries the first page."""
        return self._summary(listed=False)

    def to_json(self, elements: ElementsWanted = "all") -> dict[str, object]:
        """The whole answer; with False no elements and a page of boundaries, with "page" the first page of elements.

        `next` is the position that the following page begins at, None where there is none.
        """
        whole = self._summary(listed=elements is not False)
        if self.sides:
            whole["sides"] = {terminal: side.to_json(elements) for terminal, side in self.sides.items()}
        if elements == "page":
            return whole | self.page(0)
        if elements is False:
            return whole | {"next": None}
        return whole | {"nodes": self.nodes_json(), "edges": self.edges_json(), "next": None}

    def page(self, after: int) -> dict[str, object]:
        """Edges, then nodes, from position `after`; `next` is the position to go on from, None at the end."""
        edge_count, node_count = len(self.trace.branches), len(self.trace.nodes)
        edges = self.edges_json(after, PAGE) if after < edge_count else []
        node_first = max(0, after - edge_count)
        nodes = self.nodes_json(node_first, PAGE - len(edges)) if len(edges) < PAGE else []
        reached = after + len(edges) + len(nodes)
        return {
            "id": self.id,
            "edges": edges,
            "nodes": nodes,
            "next": reached if reached < edge_count + node_count else None,
        }

    def nodes_json(self, first: int = 0, count: int | None = None) -> list[Row]:
        """Traced nodes from position `first`."""
        return self.elements.nodes(slice(first, None if count is None else first + count))

    def edges_json(self, first: int = 0, count: int | None = None) -> list[Row]:
        """Traced branches from position `first`."""
        return self.elements.branches(slice(first, None if count is None else first + count))

    @cached_property
    def elements(self) -> Elements:
        """Its elements by position."""
        found = self.found
        return Elements(self.network, found.trace, self.consumers, found.node_columns, found.branch_columns)

    def _summary(self, *, listed: bool) -> dict[str, object]:
        ends = self.found.ends
        boundaries = self.boundaries if listed else self._boundaries(PAGE)
        by_feeder, feeders_left_out = self.by_feeder
        return {
            "id": self.id,
            "kind": self.request.kind,
            "request": self.request.to_json(),
            "status": self.status,
            "state": self.request.state,
            "revision": self.snapshot.revision,
            "model": self.network.model,
            "customers": self.sums["customers"],
            "sums": self.sums,
            "by_feeder": by_feeder,
            "by_feeder_left_out": feeders_left_out,
            "bounds": list(self.bounds) if self.bounds else None,
            "sources": list(self._sources()),
            "boundaries": boundaries,
            "boundaries_left_out": len(ends.boundaries) - len(boundaries),
            **self.found.details(listed),
        }

    def _sources(self) -> Iterator[Row]:
        network = self.network
        for row in np.flatnonzero(np.isin(network.sources["node"], self.found.ends.sources)).tolist():
            lng, lat = place(network, Element(ENERGY_SOURCE, row)) or (None, None)
            node = str(network.nodes["mrid"][network.sources["node"][row]])
            yield {"mrid": str(network.sources["mrid"][row]), "node": node, "lng": lng, "lat": lat}

    @cached_property
    def boundaries(self) -> list[Row]:
        """Branches where the trace stops, each with its reason and place."""
        return self._boundaries()

    def _boundaries(self, most: int | None = None) -> list[Row]:
        ends = self.found.ends
        branches = ends.boundaries[:most]
        mrids = self.network.branch_mrids(branches).tolist()
        reasons = [_REASONS[reason] for reason in ends.boundary_reasons[:most].tolist()]
        operable = self._operable(branches)
        at = places(branch_lnglat(self.network, branches))
        return [
            {"mrid": mrid, "reason": reason, "operable": may, "lng": lng, "lat": lat}
            for mrid, reason, may, lng, lat in zip(mrids, reasons, operable, *at, strict=True)
        ]

    def _operable(self, branches: NDArray[np.integer[Any]]) -> list[bool]:
        """Whether each is a switch that may be operated."""
        network = self.network
        found = network.branch_class[branches] == SWITCH_BRANCH
        found[found] = network.operable[network.branch_row[branches[found]]]
        return found.tolist()

    # --- files ------------------------------------------------------------------------------------------------

    def to_geojson(self) -> dict[str, object]:
        """A FeatureCollection (RFC 7946) of the traced branches and meters that can be placed."""
        features: list[tuple[Mapping[str, object] | None, Row]] = [
            (geometry(self.network, self.network.branch_element(branch)), edge)
            for edge, branch in zip(self.edges_json(), self.trace.branches.tolist(), strict=True)
        ]
        for meter, lng, lat in zip(self.elements.meters(), *self._meter_places(), strict=True):
            features.append((None if lng is None else {"type": "Point", "coordinates": [lng, lat]}, meter))
        return trace_files.feature_collection(features)

    def to_csv(self) -> str:
        """class, mrid, depth, phases, flow, customers, what the kind adds, lng, lat: branches, then meters.

        What is no text and no number (the direction by phase, say) stands there as JSON.
        """
        added = dict.fromkeys([*self.found.branch_columns, *self.found.node_columns])
        columns = ("class", "mrid", "depth", "phases", "flow", "customers", *added, "lng", "lat")
        edges, meters = self.edges_json(), self.elements.meters()
        branch_places = places(branch_lnglat(self.network, self.trace.branches))
        parts = ((edges, branch_places), (meters, self._meter_places()))
        return trace_files.csv_text(columns, parts, as_json=tuple(added))

    def _meter_places(self) -> tuple[list[float | None], list[float | None]]:
        return places(self.network.node_lnglat[self.elements.meter_nodes])

    def __repr__(self) -> str:
        return f"TraceResult({json.dumps(self.request.to_json())}, {self.status}, {json.dumps(self.sums)})"
