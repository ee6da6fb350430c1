"""What is dead in the normal state, and why: no source, islands, what is open or out of service before it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from twin.components import ENERGY_CONSUMER, LINE, SWITCH_BRANCH, TRANSFORMER
from twin.finding import Finding, Repair, counted, elements_of, finding_at, mrid_of, nodes_of
from twin.findings_near import near_misses
from twin.inspection import Inspection, conducting_groups, groups
from twin.phases import ABC


def no_source(seen: Inspection) -> Iterator[Finding]:
    """No source in service at all: everything is dead."""
    network = seen.network
    if network.node_sources.any():
        return
    given = len(network.sources)
    why = f"none of its {given} sources is in service" if given else "it has no energy source"
    repair = Repair("Give it an energy source, in service on a phase, at the node that feeds it.")
    yield finding_at(network, "no_source", "error", nodes_of([0]), f"The network is dead everywhere: {why}.", repair)


def severed(seen: Inspection) -> Iterator[Finding]:
    """One finding a piece that nothing joins to a source: `island`, or `meter_without_transformer` at low voltage.

    Pieces that end within reach of something else are left to `near_miss`.
    """
    network = seen.network
    if not network.node_sources.any():
        return
    nodes = np.flatnonzero(seen.severed)
    near = {int(seen.piece[miss.node]) for miss in seen.once(near_misses) if seen.severed[miss.node]}
    at_transformers = np.zeros(len(seen.piece), dtype=np.bool_)
    for end in ("node1", "node2"):
        at_transformers[seen.piece[network.transformers[end]]] = True
    for piece in groups(nodes, seen.piece[nodes]):
        if int(seen.piece[piece[0]]) in near or seen.loose[piece].all():
            continue
        metered = piece[(seen.consumers_at[piece] > 0) & seen.low_voltage[piece]]
        if len(metered) and not at_transformers[seen.piece[piece[0]]]:
            yield _unfed_meters(seen, metered, f"nothing feeds their {counted(len(piece), 'node')} at low voltage")
            continue
        first = mrid_of(network, nodes_of(piece.tolist())[0])
        what = f"{counted(len(piece), 'node')} around {first!r} with {counted(seen.customers(piece), 'customer')}"
        are, them = ("is", "it") if len(piece) == 1 else ("are", "them")
        message = f"{what} {are} an island: nothing joins {them} to a source, whatever is open or closed."
        repair = Repair("Join it to the network where it belongs, or take it out.")
        yield finding_at(network, "island", "error", nodes_of(piece.tolist()), message, repair)


def not_supplied(seen: Inspection) -> Iterator[Finding]:
    """One finding a group that no source reaches in the normal state, though something joins it to one."""
    network = seen.network
    if not network.node_sources.any():
        return
    dead = np.flatnonzero(~seen.live & ~seen.severed)
    for nodes in conducting_groups(network, dead):
        if seen.loose[nodes].all():
            continue
        first = mrid_of(network, nodes_of(nodes.tolist())[0])
        what = f"{counted(len(nodes), 'node')} around {first!r} with {counted(seen.customers(nodes), 'customer')}"
        why, repair = _what_holds_it(seen, nodes)
        message = f"{what} {'has' if len(nodes) == 1 else 'have'} no path to a source{why}."
        yield finding_at(network, "not_supplied", "error", nodes_of(nodes.tolist()), message, repair)


def _what_holds_it(seen: Inspection, nodes: NDArray[np.int64]) -> tuple[str, Repair]:
    """What stands between some nodes and supply, and how to let it through."""
    network, graph = seen.network, seen.network.graph
    inside = np.zeros(len(seen.live), dtype=np.bool_)
    inside[nodes] = True
    around = np.concatenate([graph.adjacent_branch[graph.indptr[n] : graph.indptr[n + 1]] for n in nodes.tolist()])
    u, v = graph.branch_u[around], graph.branch_v[around]
    border = np.unique(around[(inside[u] & seen.live[v]) | (inside[v] & seen.live[u])])
    out = border[~network.branch_column("in_service", border)]
    closed = network.normal_conducting[border] & ABC != 0
    opened = border[(network.branch_class[border] == SWITCH_BRANCH) & ~closed & ~np.isin(border, out)]
    for branches, why, verb in ((opened, "normally open", "close"), (out, "out of service", "set")):
        if len(branches):
            mrids = [mrid_of(network, network.branch_element(int(branch))) for branch in branches]
            named = ", ".join(map(repr, mrids[:3])) + (", …" if len(mrids) > 3 else "")
            operation = {"close": mrids[:1]} if verb == "close" else {"set": {"mrid": mrids[0], "in_service": True}}
            text = f"Make {mrids[0]!r} normally closed." if verb == "close" else f"Put {mrids[0]!r} into service."
            return f": {named} {'is' if len(mrids) == 1 else 'are'} {why}", Repair(text, operation)
    return "", Repair("Give what leads there the phases that arrive, or join it to a source.")


def meters_at_higher_voltage(seen: Inspection) -> Iterator[Finding]:
    """Consumers at low voltage that hang on more than 1 kV without a transformer between."""
    network = seen.network
    volts = network.nodes["nominal_voltage_v"]
    high = np.zeros(len(volts), dtype=np.bool_)
    high[seen.level[volts >= 1_000]] = True
    fed = np.zeros(len(volts), dtype=np.bool_)
    low_ends = network.transformers["node2"]
    fed[seen.level[low_ends[seen.low_voltage[low_ends]]]] = True
    sources = network.sources["node"]
    fed[seen.level[sources[seen.low_voltage[sources]]]] = True
    nodes = np.flatnonzero(
        (seen.consumers_at > 0) & seen.low_voltage & high[seen.level] & ~fed[seen.level] & ~seen.severed
    )
    for metered in groups(nodes, seen.level[nodes]):
        at = float(volts[np.flatnonzero(seen.level == seen.level[metered[0]])].max()) / 1e3
        yield _unfed_meters(seen, metered, f"no transformer is between them and {at:g} kV")


def _unfed_meters(seen: Inspection, nodes: NDArray[np.int64], why: str) -> Finding:
    network = seen.network
    rows = network.consumers_at(nodes).tolist()
    first = str(network.consumers["mrid"][rows[0]])
    who = f"{first!r} has" if len(rows) == 1 else f"{first!r} and {len(rows) - 1:,} more have"
    message = f"{who} no transformer: {why} ({counted(seen.customers(nodes), 'customer')})."
    repair = Repair("Join them to the transformer that feeds them, or add it.")
    return finding_at(
        network, "meter_without_transformer", "error", elements_of(ENERGY_CONSUMER, rows), message, repair
    )


def transformers_without_customers(seen: Inspection) -> Iterator[Finding]:
    """Transformers in service below transmission whose secondary leads to no consumer, not even by another one."""
    network, table = seen.network, seen.network.transformers
    if len(table) == 0:
        return
    high, low = seen.level[table["node1"]], seen.level[table["node2"]]
    served = np.zeros(len(seen.level), dtype=np.bool_)
    served[seen.level[network.consumers["node"]]] = True
    served[seen.level[network.sources["node"]]] = True
    onward = np.zeros(len(seen.level), dtype=np.bool_)
    onward[high[high != low]] = True
    while (more := high[served[low] & ~served[high]]).size:
        served[more] = True
    star = _star_points(seen)
    idle = table["in_service"] & seen.live[table["node1"]] & ~seen.transmission[table["node2"]] & (high != low)
    idle &= ~served[low] & ~onward[low] & ~star[table["node1"]]
    for row in np.flatnonzero(idle).tolist():
        mrid = str(table["mrid"][row])
        message = f"Nobody is connected behind {mrid!r}: its secondary leads to no consumer."
        repair = Repair("Join the customers that it feeds, or take it out of service if it stands idle.")
        element = network.branch_element(int(network.table_branches[TRANSFORMER][row]))
        yield finding_at(network, "transformer_without_customers", "info", [element], message, repair)


def _star_points(seen: Inspection) -> NDArray[np.bool_]:
    """bool (nodes,): in the middle of a transformer with three windings, or where nothing but transformers meet."""
    network, graph = seen.network, seen.network.graph
    others = np.zeros(len(seen.live), dtype=np.bool_)
    for code in (LINE, SWITCH_BRANCH):
        branches = network.table_branches[code]
        others[graph.branch_u[branches]] = True
        others[graph.branch_v[branches]] = True
    return (seen.terminals >= 3) & ~others & ~seen.equipped
