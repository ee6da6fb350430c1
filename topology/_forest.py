"""Traces that are one interval of the forest, or one way up it: a single live start, no mesh, no barriers."""

import numpy as np

from topology import _kernels_walk
from topology._search import fed_by_forest
from topology.graph import Graph
from topology.masks import ABC, Masks, as_masks
from topology.results import NONE, Options, Start, Trace

__all__ = ["climbed", "hanging", "hanging_mask"]


def single_start(graph: Graph, conducting: Masks, start: Start, options: Options) -> tuple[int, int] | None:
    """The node of a single start node, or the lower end of a start branch of the forest that conducts.

    Returns that node and the branch or -1; None for any other start, or where barriers matter.
    """
    if start.nodes.size + start.branches.size != 1 or options.barriers.size or options.filter_barriers.size:
        return None
    if start.nodes.size:
        node = int(start.nodes[0])
        return (node, -1) if 0 <= node < graph.node_count else None
    branch = int(start.branches[0])
    if not 0 <= branch < graph.branch_count or start.terminal[0] or not conducting[branch] & options.phases & ABC:
        return None
    node = int(max(graph.branch_u[branch], graph.branch_v[branch]))
    return (node, branch) if graph.parent_branch[node] == branch else None


def hanging_mask(
    graph: Graph, conducting: Masks, sources: Masks, start: Start, options: Options, energized: Masks
) -> Masks | None:
    """Phases of the nodes of `hanging`, (nodes,); None where it is None."""
    single = single_start(graph, conducting, start, options)
    limit = options.phases & ABC
    if single is None or not energized[single[0]] & limit:
        return None
    lo, hi = single[0], int(graph.end[single[0]])
    sources = as_masks(sources, graph.node_count, "sources")
    conducting = as_masks(conducting, graph.branch_count, "conducting")
    if not _kernels_walk.hangs(
        lo, graph.parent, graph.end, graph.chord_end_node, graph.chord_end_branch, conducting, sources
    ):
        return None
    masks = np.zeros(graph.node_count, np.uint8)
    masks[lo:hi] = energized[lo:hi] & np.uint8(limit)
    return masks


def hanging(
    graph: Graph, conducting: Masks, sources: Masks, start: Start, options: Options, energized: Masks
) -> Trace | None:
    """Both modes at once where they are one interval: a single live start that alone feeds its subtree."""
    single = single_start(graph, conducting, start, options)
    limit = options.phases & ABC
    if single is None or not energized[single[0]] & limit:
        return None
    top, branch = single
    found = _kernels_walk.hanging(
        top,
        limit,
        graph.parent,
        graph.parent_branch,
        graph.end,
        graph.depth,
        graph.chord_end_node,
        graph.chord_end_branch,
        graph.branch_u,
        graph.branch_v,
        graph.branch_phases,
        as_masks(conducting, graph.branch_count, "conducting"),
        as_masks(sources, graph.node_count, "sources"),
        as_masks(energized, graph.node_count, "energized"),
    )
    plain, nodes, node_depth, node_phases, branches, branch_depth, branch_phases, flow, edges, reasons = found
    if not plain:
        return None
    if branch >= 0:
        branches = np.concatenate((start.branches, branches))
        branch_depth = np.concatenate((np.zeros(1, np.int32), branch_depth))
        branch_phases = np.concatenate((conducting[start.branches] & np.uint8(limit), branch_phases))
        flow = np.concatenate((np.array([1 if graph.branch_v[branch] == top else -1], np.int8), flow))
    fed = nodes[:1] if sources[top] & limit else nodes[:0]
    return Trace(nodes, node_depth, node_phases, branches, branch_depth, branch_phases, flow, edges, reasons, fed)


def climbed(
    graph: Graph, conducting: Masks, sources: Masks, start: Start, options: Options, energized: Masks
) -> Trace | None:
    """The way to the root, where power flows down the forest alone and the start is single and live."""
    single = single_start(graph, conducting, start, options)
    if single is None or not fed_by_forest(graph, conducting, sources):
        return None
    node, branch = single
    mask = int(energized[node]) & options.phases & ABC
    if not mask:
        return None
    nodes, branches, flow = _kernels_walk.climb(node, graph.parent, graph.parent_branch, graph.branch_v)
    source = nodes[-1:]
    carried = np.full(branches.size, mask, np.uint8)
    branch_depth = np.arange(branches.size, dtype=np.int32)
    if branch >= 0:
        nodes = nodes[1:]
        carried[0] = conducting[branch] & options.phases & ABC
    else:
        branch_depth += 1
    if nodes.size > 1 or branch >= 0:
        nodes = nodes[:-1]
    return Trace(
        nodes,
        np.arange(nodes.size, dtype=np.int32),
        np.full(nodes.size, mask, np.uint8),
        branches,
        branch_depth,
        carried,
        flow,
        NONE,
        np.empty(0, np.uint8),
        source,
    )
