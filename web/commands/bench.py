"""`gridtwin bench`: the topology benchmark on one's own network, beside the peers that are installed."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from topology import benchmark
from topology.benchmark import Case
from topology.jit import warm_up
from topology.measure import Row
from topology.peers import PEERS, peers
from twin.state import Snapshot
from web import console
from web.commands.options import AsJson, StoreUrl, opened

COLUMNS = ("what", "median µs", "p99 µs", "worst µs", "copies", "× ours", "convert ms", "")


def bench(
    store: StoreUrl,
    operations: Annotated[int, typer.Option(min=1, max=100_000, help="Switches operated, of each kind")] = 400,
    without_peers: Annotated[bool, typer.Option("--without-peers", help="Only ourselves")] = False,
    json: AsJson = False,
) -> None:
    """Time numbering, propagation, switching and traces on this network, in the state it is in; nothing is changed.

    `copies` is how many times as long as copying the same bytes a figure is. Peers find who is reached from the
    source once a phase, three times; turning the network into what they work on is counted apart.
    """
    with opened(store) as twin:
        case = case_of(twin.current)
    with console.progress("measuring") as step:
        step("compiling")
        warm_up()
        step("gridtwin")
        rows = benchmark.measured(case, operations)
        if not without_peers:
            step(", ".join(PEERS))
            rows += peers(case, lambda row: step(f"after {row.what}"))
    if json:
        console.write_json({"rows": [asdict(row) for row in rows]})
    else:
        title = f"{case.name}: {case.nodes:,} nodes, {case.graph.branch_count:,} branches"
        console.table(title, COLUMNS, [_cells(row) for row in rows])


def case_of(snapshot: Snapshot) -> Case:
    """A network in one of its states, as the benchmark takes it."""
    network = snapshot.network
    graph = network.graph
    phases, conducting = network.branch_column("phases"), snapshot.conducting
    return Case(
        network.name,
        graph,
        conducting,
        network.node_sources,
        (graph.node_count, graph.branch_u, graph.branch_v, phases, conducting, network.node_sources),
        network.feeder_heads[network.feeder_heads >= 0],
        customers_before=network.customer_prefix,
    )


def _cells(row: Row) -> tuple[object, ...]:
    """What a person reads: empty where nothing was measured."""
    micro = [None if seconds is None else round(seconds * 1e6, 1) for seconds in (row.seconds, row.p99, row.worst)]
    others = row.copies, row.times, None if row.conversion is None else row.conversion * 1e3
    numbers = [*micro, *(None if value is None else round(value, 1) for value in others)]
    return (row.what, *("" if number is None else f"{number:,}" for number in numbers), row.note)
