"""Traces as they are asked for and answered: by mrid, with sums, bounds and boundaries.

What each kind of trace means stands in `topology.trace`; here mrids become numbers and back.
"""

from __future__ import annotations

import base64
import binascii
import csv
import io
import json
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from topology.trace import Options, Reason, Start, Trace, connected, downstream, subnetwork, upstream
from twin import phases
from twin.components import (
    BRANCH_COMPONENTS,
    ENERGY_SOURCE,
    FEEDER,
    LINE,
    SUBSTATION,
    TRANSFORMER,
)
from twin.elements import feeder_of, geometry, node_of, place
from twin.mrids import Element
from twin.network import Network
from twin.state import Snapshot

Kind = Literal["connected", "upstream", "downstream", "subnetwork"]
Mode = Literal["flow", "exclusive"]
StateName = Literal["current", "normal"]

PAGE = 1000
"""Elements in one page of a result."""

ID_LIMIT = 8192
"""Characters of a trace id; a request with more starts and barriers than fit must be posted again."""


class TraceError(ValueError):
    """A request that makes no sense; `field` and `value` say which part, the message says the rule."""

    def __init__(self, field: str, value: object, rule: str) -> None:
        super().__init__(f"{field} is {value!r}: {rule}")
        self.field, self.value, self.rule = field, value, rule


@dataclass(frozen=True, slots=True)
class TraceRequest:
    """What to trace; the same request always has the same id.

    kind: see Kind. start: mrids of nodes, branches, consumers, sources, feeders or substations. phases: followed, as
    CIM text. terminal: 1 or 2 to leave start branches on one side only. mode: of downstream. barriers stop a trace and
    directions are found without them; filter_barriers stop it after directions are known. state: which switch
    positions.
    """

    kind: Kind
    start: tuple[str, ...]
    state: StateName = "current"
    phases: str = "ABC"
    mode: Mode = "flow"
    terminal: int | None = None
    barriers: tuple[str, ...] = ()
    include_barriers: bool = True
    ignore_barriers_at_start: bool = False
    filter_barriers: tuple[str, ...] = ()
    ignore_status: bool = False

    @classmethod
    def from_json(cls, value: Mapping[str, object]) -> TraceRequest:
        """Checks types and choices; raises TraceError naming the field and the value."""
        known = {declared.name for declared in fields(cls)}
        for name in value:
            if name not in known:
                raise TraceError(name, value[name], f"no such field; a trace takes {', '.join(sorted(known))}")
        for name in ("kind", "start"):
            if name not in value:
                raise TraceError(name, None, "it is needed")
        checked: dict[str, Any] = {name: _checked(name, given) for name, given in value.items()}
        request = cls(**checked)
        if not request.start:
            raise TraceError("start", [], "name at least one element")
        if request.ignore_status and request.kind not in ("connected", "subnetwork"):
            raise TraceError("ignore_status", True, "directions need switch positions: use it with connected only")
        return request

    def to_json(self) -> dict[str, object]:
        """Only what differs from the default."""
        whole: dict[str, object] = {}
        for declared in fields(self):
            value = getattr(self, declared.name)
            if value != declared.default:
                whole[declared.name] = list(value) if isinstance(value, tuple) else value
        return whole

    def to_id(self, model: str, revision: int) -> str:
        """The request itself in URL-safe form, with model and revision, so that any process can answer it."""
        text = json.dumps([model, revision, self.to_json()], separators=(",", ":"), sort_keys=True)
        return base64.urlsafe_b64encode(zlib.compress(text.encode(), 9)).decode().rstrip("=")

    @classmethod
    def from_id(cls, trace_id: str) -> tuple[TraceRequest, str, int]:
        """The request, model and revision in an id; raises TraceError for a text that is none."""
        rule = "not a trace id: it comes from the answer to a trace"
        shown = trace_id[:40]
        if len(trace_id) > ID_LIMIT:
            raise TraceError("id", shown, f"longer than {ID_LIMIT} characters")
        try:
            packed = base64.urlsafe_b64decode(trace_id + "=" * (-len(trace_id) % 4))
            unpacker = zlib.decompressobj()
            text = unpacker.decompress(packed, 64 * ID_LIMIT)
            if not unpacker.eof:
                raise TraceError("id", shown, rule)  # cut short, or grown too large
            model, revision, request = json.loads(text)
            json.dumps(model, ensure_ascii=False).encode()  # raises for half a surrogate pair, which is no text
        except (binascii.Error, zlib.error, ValueError, TypeError, RecursionError) as error:
            raise TraceError("id", shown, rule) from error
        whole = type(revision) is int  # a bool is an int, too
        if not isinstance(model, str) or not whole or not isinstance(request, dict):
            raise TraceError("id", shown, rule)
        return cls.from_json(request), model, revision


def _checked(name: str, value: object) -> object:
    if name in ("start", "barriers", "filter_barriers"):
        if not isinstance(value, list | tuple) or not all(isinstance(mrid, str) for mrid in value):
            raise TraceError(name, value, "it must be a list of mrids")
        for mrid in value:
            if any(0xD800 <= ord(letter) < 0xE000 for letter in mrid):
                raise TraceError(name, ascii(mrid), "it holds half a surrogate pair, which is no text")
        return tuple(value)
    choices = {"kind": get_args(Kind), "mode": get_args(Mode), "state": get_args(StateName)}.get(name)
    if choices is not None:
        if value not in choices:
            raise TraceError(name, value, f"it must be one of {', '.join(choices)}")
        return value
    if name == "phases":
        if not isinstance(value, str):
            raise TraceError(name, value, "it must be a phase code such as ABC")
        try:
            mask = phases.code_to_mask(value)
        except phases.PhaseError as error:
            raise TraceError(name, value, str(error)) from error
        if not mask & phases.ABC:
            raise TraceError(name, value, "N alone is never traced")
        return phases.mask_to_code(mask)
    if name == "terminal":
        if value is not None and (type(value) is not int or value not in (1, 2)):
            raise TraceError(name, value, "it must be 1 or 2")
        return value
    if not isinstance(value, bool):
        raise TraceError(name, value, "it must be true or false")
    return value


@dataclass(frozen=True, eq=False)
class TraceResult:
    """A trace with what it adds up to. `trace` holds node and branch numbers in the fixed order: depth, then number."""

    request: TraceRequest
    snapshot: Snapshot
    trace: Trace

    @property
    def network(self) -> Network:
        """The network traced."""
        return self.snapshot.network

    @property
    def id(self) -> str:
        """See `TraceRequest.to_id`."""
        return self.request.to_id(self.network.model, self.snapshot.revision)

    @cached_property
    def consumers(self) -> NDArray[np.intp]:
        """Rows of the consumers on the traced nodes that are connected to a traced phase, ascending."""
        mask = np.zeros(self.network.graph.node_count, dtype=np.uint8)
        mask[self.trace.nodes] = self.trace.node_phases
        table = self.network.consumers
        return np.flatnonzero(mask[table["node"]] & table["phases"])

    @cached_property
    def sums(self) -> dict[str, object]:
        """Customers, rated power in VA, length in m and counts by class; each element counts once."""
        network, trace = self.network, self.trace
        classes = network.branch_class[trace.branches]
        rows = network.branch_row[trace.branches]
        by_class = np.bincount(classes, minlength=len(BRANCH_COMPONENTS))
        lengths = network.lines["length_m"][rows[classes == LINE]]
        ratings = network.transformers["rated_power_va"][rows[classes == TRANSFORMER]]
        counts = {c.name: int(n) for c, n in zip(BRANCH_COMPONENTS, by_class, strict=True)}
        return {
            "customers": int(network.consumer_customers[self.consumers].sum()),
            "rated_power_va": float(np.nansum(ratings)),
            "length_m": float(np.nansum(lengths)),
            "counts": {**counts, "ConnectivityNode": len(trace.nodes), "EnergyConsumer": len(self.consumers)},
        }

    @cached_property
    def bounds(self) -> tuple[float, float, float, float] | None:
        """left, bottom, right, top in degrees of the traced nodes; None where none is placed."""
        ends = np.concatenate(
            [
                self.trace.nodes,
                self.network.graph.branch_u[self.trace.branches],
                self.network.graph.branch_v[self.trace.branches],
            ]
        )
        points = self.network.node_lnglat[ends]
        if len(points) == 0 or np.isnan(points).all():
            return None
        (left, bottom), (right, top) = np.nanmin(points, axis=0).tolist(), np.nanmax(points, axis=0).tolist()
        return left, bottom, right, top

    def summary(self) -> dict[str, object]:
        """Everything but the elements."""
        return {
            "id": self.id,
            "kind": self.request.kind,
            "request": self.request.to_json(),
            "status": self.trace.status,
            "state": self.request.state,
            "revision": self.snapshot.revision,
            "model": self.network.model,
            "customers": self.sums["customers"],
            "sums": self.sums,
            "bounds": list(self.bounds) if self.bounds else None,
            "sources": list(self._sources()),
            "boundaries": list(self._boundaries()),
        }

    def nodes_json(self, first: int = 0, count: int | None = None) -> list[dict[str, object]]:
        """Traced nodes from position `first`."""
        trace = self.trace
        part = slice(first, None if count is None else first + count)
        mrids = self.network.nodes["mrid"][trace.nodes[part]].tolist()
        codes = [phases.mask_to_code(mask) for mask in range(16)]
        return [
            {"mrid": mrid, "depth": depth, "phases": codes[mask]}
            for mrid, depth, mask in zip(
                mrids, trace.node_depth[part].tolist(), trace.node_phases[part].tolist(), strict=True
            )
        ]

    def edges_json(self, first: int = 0, count: int | None = None) -> list[dict[str, object]]:
        """Traced branches from position `first`."""
        trace = self.trace
        part = slice(first, None if count is None else first + count)
        branches = trace.branches[part]
        mrids = self.network.branch_mrids(branches).tolist()
        names = [component.name for component in BRANCH_COMPONENTS]
        codes = [phases.mask_to_code(mask) for mask in range(16)]
        return [
            {"mrid": mrid, "class": names[code], "depth": depth, "phases": codes[mask], "flow": flow}
            for mrid, code, depth, mask, flow in zip(
                mrids,
                self.network.branch_class[branches].tolist(),
                trace.branch_depth[part].tolist(),
                trace.branch_phases[part].tolist(),
                trace.branch_flow[part].tolist(),
                strict=True,
            )
        ]

    def to_json(self, elements: Literal["all", "page"] | bool = "all") -> dict[str, object]:
        """The whole answer; with False only sums, bounds and boundaries."""
        if elements is False:
            return self.summary()
        count = PAGE if elements == "page" else None
        return self.summary() | {"nodes": self.nodes_json(0, count), "edges": self.edges_json(0, count)}

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

    def to_geojson(self) -> dict[str, object]:
        """A FeatureCollection (RFC 7946) of the traced branches and consumers that can be placed."""
        features = []
        for edge, branch in zip(self.edges_json(), self.trace.branches.tolist(), strict=True):
            features.append(self._feature(self.network.branch_element(branch), edge))
        for consumer in self._consumers_json():
            features.append(self._feature(self.network.mrids.find(str(consumer["mrid"])), consumer))
        placed = [feature for feature in features if feature["geometry"] is not None]
        return {"type": "FeatureCollection", "features": placed, "unplaced": len(features) - len(placed)}

    def to_csv(self) -> str:
        """class, mrid, depth, phases, flow, customers, lng, lat: branches by depth, then consumers."""
        text = io.StringIO()
        columns = ["class", "mrid", "depth", "phases", "flow", "customers", "lng", "lat"]
        writer = csv.DictWriter(text, columns, restval="", lineterminator="\r\n")  # RFC 4180
        writer.writeheader()
        for row in [*self.edges_json(), *self._consumers_json()]:
            at = place(self.network, self.network.mrids.find(str(row["mrid"])))
            writer.writerow(row | ({"lng": at[0], "lat": at[1]} if at else {}))
        return text.getvalue()

    def _feature(self, element: Element, properties: dict[str, object]) -> dict[str, object]:
        return {"type": "Feature", "geometry": geometry(self.network, element), "properties": properties}

    def _consumers_json(self) -> Iterator[dict[str, object]]:
        table = self.network.consumers
        for row in self.consumers.tolist():
            yield {
                "mrid": str(table["mrid"][row]),
                "class": "EnergyConsumer",
                "phases": phases.mask_to_code(int(table["phases"][row])),
                "customers": int(self.network.consumer_customers[row]),
            }

    def _sources(self) -> Iterator[dict[str, object]]:
        network = self.network
        for row in np.flatnonzero(np.isin(network.sources["node"], self.trace.sources)).tolist():
            lng, lat = place(network, Element(ENERGY_SOURCE, row)) or (None, None)
            node = str(network.nodes["mrid"][network.sources["node"][row]])
            yield {"mrid": str(network.sources["mrid"][row]), "node": node, "lng": lng, "lat": lat}

    def _boundaries(self) -> Iterator[dict[str, object]]:
        network = self.network
        for branch, reason in zip(self.trace.boundaries.tolist(), self.trace.boundary_reasons.tolist(), strict=True):
            element = network.branch_element(branch)
            lng, lat = place(network, element) or (None, None)
            mrid = str(network.tables[element.component.table]["mrid"][element.row])
            yield {"mrid": mrid, "reason": Reason(reason).name.lower(), "lng": lng, "lat": lat}


def run(snapshot: Snapshot, request: TraceRequest) -> TraceResult:
    """Traces; the caller picks the snapshot that `request.state` names.

    Raises UnknownMrid for a start or barrier that does not exist, TraceError for one that cannot be used.
    """
    network = snapshot.network
    options = Options(
        phases=phases.code_to_mask(request.phases),
        barriers=_branches(network, "barriers", request.barriers),
        include_barriers=request.include_barriers,
        ignore_barriers_at_start=request.ignore_barriers_at_start,
        filter_barriers=_branches(network, "filter_barriers", request.filter_barriers),
        ignore_status=request.ignore_status,
    )
    if request.kind == "subnetwork":
        return TraceResult(request, snapshot, _subnetwork(snapshot, request, options))
    start = _start(network, request)
    state = (network.graph, snapshot.conducting, network.node_sources, start, options)
    if request.kind == "connected":
        return TraceResult(request, snapshot, connected(*state))
    if request.kind == "upstream":
        return TraceResult(request, snapshot, upstream(*state, energized=snapshot.energized))
    return TraceResult(request, snapshot, downstream(*state, mode=request.mode, energized=snapshot.energized))


def _branches(network: Network, field: str, mrids: Sequence[str]) -> NDArray[np.int32]:
    numbers = []
    for mrid in mrids:
        branch = network.branch_of(network.mrids.find(mrid))
        if branch is None:
            raise TraceError(field, mrid, "a barrier must be a line, a switch or a transformer")
        numbers.append(branch)
    return np.array(numbers, dtype=np.int32)


def _start(network: Network, request: TraceRequest) -> Start:
    nodes: list[int] = []
    branches: list[int] = []
    for mrid in request.start:
        element = network.mrids.find(mrid)
        if element.component is FEEDER:
            element = network.mrids.find(str(network.feeders["head_mrid"][element.row]))
        branch = network.branch_of(element)
        node = node_of(network, element)
        if branch is not None:
            branches.append(branch)
        elif element.component is SUBSTATION:
            nodes += np.flatnonzero(network.nodes["substation"] == element.row).tolist()
        elif node is not None:
            nodes.append(node)
    if request.terminal is not None and not branches:
        raise TraceError("terminal", request.terminal, "the start is no line, switch or transformer")
    return Start(
        np.array(nodes, dtype=np.int32),
        np.array(branches, dtype=np.int32),
        np.full(len(branches), request.terminal or 0, dtype=np.int32),
    )


def _subnetwork(snapshot: Snapshot, request: TraceRequest, options: Options) -> Trace:
    """The feeders that the starts belong to; none gives an empty result with the status `no_feeder`."""
    network = snapshot.network
    rows = sorted({feeder_of(network, network.mrids.find(mrid)) for mrid in request.start} - {-1})
    heads = network.feeder_heads[rows].astype(np.int32)
    if not rows or (heads < 0).any():
        nothing = connected(
            network.graph, snapshot.conducting, network.node_sources, Start(np.empty(0, np.int32)), options
        )
        return replace(nothing, status="no_feeder")
    return subnetwork(
        network.graph,
        snapshot.conducting,
        network.node_sources,
        heads,
        network.feeders["head_node"][rows],
        network.feeder_heads,
        network.substation_transformer_branches,
        options,
    )
