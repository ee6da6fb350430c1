"""The traces: connected, subnetwork, upstream, downstream, and the direction of branches."""

from numpy.typing import ArrayLike

from topology._find import MODES, Mode, check_mode, find_connected, find_downstream, find_subnetwork, find_upstream
from topology._forest import climbed, hanging
from topology.blocks import direction
from topology.energize import energize
from topology.graph import Graph, small_states
from topology.jit import exercise
from topology.masks import Masks, as_ints
from topology.results import Options, Reason, Start, Trace

__all__ = [
    "Options",
    "Reason",
    "Start",
    "Trace",
    "connected",
    "direction",
    "downstream",
    "subnetwork",
    "upstream",
]


def connected(graph: Graph, conducting: Masks, sources: Masks, start: Start, options: Options | None = None) -> Trace:
    """Everything that conducting branches join to the start.

    conducting, sources: phase masks, (branches,) and (nodes,). Raises IndexError for a start or barrier
    that does not exist.
    """
    return find_connected(graph, conducting, sources, start, options).trace()


def subnetwork(
    graph: Graph,
    conducting: Masks,
    sources: Masks,
    head_branches: ArrayLike,
    head_nodes: ArrayLike,
    other_heads: ArrayLike = (),
    substation_branches: ArrayLike = (),
    options: Options | None = None,
) -> Trace:
    """What hangs behind feeder heads, each a branch and the node on its load side.

    Stops at the heads themselves, at other_heads, and at substation_branches (their transformers).
    """
    return find_subnetwork(
        graph, conducting, sources, head_branches, head_nodes, other_heads, substation_branches, options
    ).trace()


def upstream(
    graph: Graph,
    conducting: Masks,
    sources: Masks,
    start: Start,
    options: Options | None = None,
    energized: Masks | None = None,
) -> Trace:
    """Everything on some simple path from a source to the start; of a branch, to its source side.

    energized: what `energize` gives for this state, if at hand. An open start branch is a boundary, and
    both of its sides are followed, or the one `terminal` says.
    """
    options = options or Options()
    if energized is not None:
        trace = climbed(graph, conducting, sources, start, options, energized)
        if trace is not None:
            return trace
    return find_upstream(graph, conducting, sources, start, options, energized).trace()


def downstream(
    graph: Graph,
    conducting: Masks,
    sources: Masks,
    start: Start,
    options: Options | None = None,
    energized: Masks | None = None,
    mode: Mode = "exclusive",
) -> Trace:
    """What the start feeds: what loses supply without it (exclusive), or all that it can reach (flow).

    energized: what `energize` gives for this state, if at hand. Several starts give the union. An open start
    branch carries nothing, so that it is just a boundary; with a `terminal`, the node there is a start.
    """
    check_mode(mode)
    options = options or Options()
    if energized is not None:
        trace = hanging(graph, conducting, sources, start, options, energized)
        if trace is not None:
            return trace
    return find_downstream(graph, conducting, sources, start, options, energized, mode).trace()


@exercise
def _exercise() -> None:
    start = Start(nodes=as_ints([1]))
    for graph, conducting, sources in small_states():
        energized = energize(graph, conducting, sources)
        connected(graph, conducting, sources, start)
        upstream(graph, conducting, sources, start, energized=energized)
        for mode in MODES:
            downstream(graph, conducting, sources, start, energized=energized, mode=mode)
