"""Topology findings: what is wrong or doubtful in the data, each with a place, a sentence and where it can a repair.

Findings are values, not errors: the part of a network that is right still answers. Where one defect would be seen by
several rules, the one that knows most of it speaks: an island that ends a hand's breadth from a feeder is a
`near_miss`, one of meters alone a `meter_without_transformer`, and only the others are an `island`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from weakref import WeakKeyDictionary

from twin import findings_ends, findings_loops, findings_near, findings_phases, findings_places, findings_supply
from twin.finding import SEVERITIES, Finding, Repair, Severity
from twin.inspection import Inspection
from twin.network import Network

__all__ = ["KINDS", "NEAR_M", "Finding", "Repair", "Severity", "findings"]

NEAR_M = 1.0
"""Ends within this of something that they are not joined to are near misses."""

Rule = Callable[[Inspection], Iterator[Finding]]

KINDS = {
    "no_source": "no source is in service: everything is dead",
    "not_supplied": "nodes that no source reaches in the normal state, behind what is open or out of service",
    "island": "nodes that nothing joins to a source, whatever is open or closed",
    "meter_without_transformer": "consumers below 1 kV that no transformer feeds",
    "transformer_without_customers": "a live transformer whose secondary leads to no consumer",
    "phase_mismatch": "a line, switch or transformer that has none of the phases that arrive; a consumer without one",
    "voltage_mismatch": "a line or switch between nodes of different nominal voltage",
    "unexpected_loop": "loops in the normal state below 60 kV",
    "parallel_sources": "two sources that feed the same part in the normal state below 60 kV",
    "near_miss": "an end near a node, or the middle of a line, that it is not joined to",
    "dangling_end": "a live line that ends where nothing else is",
    "dangling_switch": "a switch with an end where nothing else is",
    "self_loop": "a branch with both ends at one node",
    "zero_length": "a line of no length",
    "duplicate_id": "an id that the source gives to several elements",
    "coordinate_outlier": "a branch whose ends are much further apart than it is long",
    "placed_from_neighbours": "nodes without coordinates, placed by what is around them",
    "unplaced": "nodes without coordinates that nothing places",
}
"""Of findings, and what each says."""

_RULES: tuple[tuple[str, Rule], ...] = (
    ("supply", findings_supply.no_source),
    ("supply", findings_supply.severed),
    ("supply", findings_supply.not_supplied),
    ("transformers", findings_supply.meters_at_higher_voltage),
    ("transformers", findings_supply.transformers_without_customers),
    ("phases and voltages", findings_phases.phase_mismatches),
    ("phases and voltages", findings_phases.consumer_phases),
    ("phases and voltages", findings_phases.voltage_mismatches),
    ("loops", findings_loops.unexpected_loops),
    ("loops", findings_loops.parallel_sources),
    ("ends", findings_near.near_miss_findings),
    ("ends", findings_ends.dangling_ends),
    ("ends", findings_ends.dangling_switches),
    ("ends", findings_ends.self_loops),
    ("places and ids", findings_places.zero_lengths),
    ("places and ids", findings_places.duplicate_ids),
    ("places and ids", findings_places.coordinate_outliers),
    ("places and ids", findings_places.placed_from_neighbours),
    ("places and ids", findings_places.unplaced),
)
_KNOWN: WeakKeyDictionary[Network, list[Finding]] = WeakKeyDictionary()
"""What was found in networks that are in use, within the usual reach."""


def findings(
    network: Network, *, near_m: float = NEAR_M, progress: Callable[[str], None] = lambda step: None
) -> list[Finding]:
    """Everything the rules find, errors first, then in the order of KINDS.

    near_m: how close ends may miss each other, 0 to 100 m. Raises ValueError for another.
    """
    if not 0 <= near_m <= 100:
        raise ValueError(f"near_m is {near_m:g}; it must lie in 0 … 100 m")
    if near_m == NEAR_M and network in _KNOWN:
        return list(_KNOWN[network])
    seen = Inspection(network, near_m)
    found: list[Finding] = []
    for what, rule in _RULES:
        progress(f"checking {what}")
        found.extend(rule(seen))
    order = list(KINDS)
    found.sort(key=lambda finding: (SEVERITIES.index(finding.severity), order.index(finding.kind)))
    if near_m == NEAR_M:
        _KNOWN[network] = list(found)
    return found
