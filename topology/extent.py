"""What a trace holds, without the order that a listing needs: the traces of `topology.trace`, for sums.

Each takes the same arguments as its namesake there and finds the same nodes and branches, some ten times as fast.
"""

import numpy as np
from numpy.typing import ArrayLike

from topology._find import MODES, Mode, check_mode, find_connected, find_downstream, find_subnetwork, find_upstream
from topology._forest import climbed
from topology.energize import energize
from topology.graph import Graph, small_states
from topology.jit import exercise
from topology.masks import Masks, as_ints
from topology.results import Extent, Options, Start, Trace, bits_to_flags

__all__ = ["Extent", "bits_to_flags", "connected", "downstream", "from_trace", "subnetwork", "upstream"]


def connected(graph: Graph, conducting: Masks, sources: Masks, start: Start, options: Options | None = None) -> Extent:
    """Everything that conducting branches join to the start."""
    return find_connected(graph, conducting, sources, start, options).extent()


def subnetwork(
    graph: Graph,
    conducting: Masks,
    sources: Masks,
    head_branches: ArrayLike,
    head_nodes: ArrayLike,
    other_heads: ArrayLike = (),
    substation_branches: ArrayLike = (),
    options: Options | None = None,
) -> Extent:
    """What hangs behind feeder heads."""
    return find_subnetwork(
        graph, conducting, sources, head_branches, head_nodes, other_heads, substation_branches, options
    ).extent()


def upstream(
    graph: Graph,
    conducting: Masks,
    sources: Masks,
    start: Start,
    options: Options | None = None,
    energized: Masks | None = None,
) -> Extent:
    """Everything on some simple path from a source to the start."""
    options = options or Options()
    if energized is not None:
        trace = climbed(graph, conducting, sources, start, options, energized)
        if trace is not None:
            return from_trace(graph, trace)
    return find_upstream(graph, conducting, sources, start, options, energized).extent()


def downstream(
    graph: Graph,
    conducting: Masks,
    sources: Masks,
    start: Start,
    options: Options | None = None,
    energized: Masks | None = None,
    mode: Mode = "exclusive",
) -> Extent:
    """What the start feeds."""
    check_mode(mode)
    return find_downstream(graph, conducting, sources, start, options or Options(), energized, mode).extent()


def from_trace(graph: Graph, trace: Trace) -> Extent:
    """The extent of a trace that is at hand."""
    nodes, branches = np.zeros(graph.node_count, np.uint8), np.zeros(graph.branch_count, np.uint8)
    nodes[trace.nodes], branches[trace.branches] = trace.node_phases, trace.branch_phases
    return Extent(nodes, branches, trace.boundaries, trace.boundary_reasons, trace.sources, trace.status)


@exercise
def _exercise() -> None:
    start = Start(nodes=as_ints([1]))
    for graph, conducting, sources in small_states():
        energized = energize(graph, conducting, sources)
        connected(graph, conducting, sources, start)
        upstream(graph, conducting, sources, start, energized=energized)
        for mode in MODES:
            downstream(graph, conducting, sources, start, energized=energized, mode=mode)
        downstream(graph, conducting, sources, start, Options(filter_barriers=as_ints([0])))
