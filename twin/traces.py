"""Traces as they are asked for and answered: by mrid, with sums, bounds and boundaries.

What each kind means stands in `topology`; here mrids become numbers and back. `twin.trace_kinds` lists the kinds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

from topology import extent
from topology import trace as in_order
from twin import phases
from twin.engine import Twin
from twin.mrids import UnknownMrid
from twin.state import Snapshot
from twin.trace_faults import isolation, restoration
from twin.trace_kinds import KINDS, Kind
from twin.trace_outage import outage
from twin.trace_request import ID_LIMIT, TraceError, TraceRequest
from twin.trace_result import PAGE, ElementsWanted, Found, TraceResult
from twin.trace_starts import options_of, start_of
from twin.trace_subnetwork import subnetwork
from twin.trace_ways import direction, loops, protection, shortest_path
from twin.views import Views

__all__ = [
    "ID_LIMIT",
    "KINDS",
    "PAGE",
    "ElementsWanted",
    "Kind",
    "TraceError",
    "TraceRequest",
    "TraceResult",
    "UnknownMrid",
    "run",
    "run_in",
    "trace",
]


SHORT = 32
"""A trace that starts above fewer nodes than one in so many is listed at once: masks would cost more."""


def trace(twin: Twin, **fields: object) -> TraceResult:
    """Traces in the state that the fields ask for: those of a request over HTTP, see `twin.trace_kinds.FIELDS`.

    Raises TraceError, UnknownMrid, SwitchingError for an operation that breaks a rule, and what `Views.see` raises.
    """
    return run_in(Views(twin), TraceRequest.from_json(fields))


def run_in(views: Views, request: TraceRequest) -> TraceResult:
    """Traces in the state that the request names; reads the store for any but a live one."""
    seen = views.see(request.view)
    return run(seen.snapshot, request.pinned(seen))


def run(snapshot: Snapshot, request: TraceRequest) -> TraceResult:
    """Traces; the caller picks the snapshot that the request asks for.

    Raises UnknownMrid for an element that does not exist, TraceError for one that cannot be used, SwitchingError for
    an operation that breaks a rule.
    """
    return TraceResult(request, snapshot, _FINDERS[request.kind](snapshot, request), _sides(snapshot, request))


def _connected(snapshot: Snapshot, request: TraceRequest) -> Found:
    network = snapshot.network
    start, options = start_of(network, request), options_of(network, request)
    state = (network.graph, snapshot.conducting, network.node_sources, start, options)
    return Found(lambda: in_order.connected(*state), extent.connected(*state))


def _upstream(snapshot: Snapshot, request: TraceRequest) -> Found:
    network = snapshot.network
    start, options = start_of(network, request), options_of(network, request)
    state = (network.graph, snapshot.conducting, network.node_sources, start, options, snapshot.energized)
    if not (snapshot.conducting[network.graph.chord] & phases.ABC).any():  # a way to the root: nothing is shorter
        return Found.of(in_order.upstream(*state))
    return Found(lambda: in_order.upstream(*state), extent.upstream(*state))


def _downstream(snapshot: Snapshot, request: TraceRequest) -> Found:
    network, graph = snapshot.network, snapshot.network.graph
    start, options = start_of(network, request), options_of(network, request)
    state = (graph, snapshot.conducting, network.node_sources, start, options, snapshot.energized, request.mode)
    tops = np.concatenate([start.nodes, graph.branch_u[start.branches], graph.branch_v[start.branches]])
    if (graph.end[tops] - tops).sum() < graph.node_count // SHORT:
        return Found.of(in_order.downstream(*state))
    return Found(lambda: in_order.downstream(*state), extent.downstream(*state))


_FINDERS: Mapping[Kind, Callable[[Snapshot, TraceRequest], Found]] = {
    "connected": _connected,
    "upstream": _upstream,
    "downstream": _downstream,
    "subnetwork": subnetwork,
    "direction": direction,
    "isolation": isolation,
    "loops": loops,
    "shortest_path": shortest_path,
    "protection": protection,
    "restoration": restoration,
    "outage": outage,
}


def _sides(snapshot: Snapshot, request: TraceRequest) -> Mapping[str, TraceResult]:
    """Up or down from open switches alone: each side apart, by terminal."""
    if request.kind not in ("upstream", "downstream") or request.terminal is not None:
        return {}
    start = start_of(snapshot.network, request)
    limit = options_of(snapshot.network, request).phases
    if start.nodes.size or (snapshot.conducting[start.branches] & limit).any():
        return {}
    return {str(terminal): run(snapshot, replace(request, terminal=terminal)) for terminal in (1, 2)}
