"""Counts, bounds, sources and feeders of a twin."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from twin.components import ENERGY_SOURCE
from twin.elements import place
from twin.mrids import Element
from twin.network import Network
from twin.state import Snapshot


def counts(network: Network, switch_open: NDArray[np.uint8]) -> dict[str, int]:
    """Rows by class; `switches_open` counts those open on any phase."""
    by_table = {name: len(table) for name, table in network.tables.items() if name not in ("consumers", "usage_points")}
    return {
        **by_table,
        "switches_open": int(np.count_nonzero(switch_open)),
        "consumers": len(network.consumers),
        "meters": len(network.meters),
    }


def unplaced(network: Network) -> dict[str, int]:
    """Elements that cannot be put on the map, by layer."""
    node_missing: NDArray[np.bool_] = np.asarray(np.isnan(network.node_lnglat).any(axis=1))

    def both_missing(table: Any) -> int:
        return int(np.count_nonzero(node_missing[table["node1"]] & node_missing[table["node2"]]))

    return {
        "nodes": int(np.count_nonzero(node_missing)),
        "lines": int(np.count_nonzero(~network.line_geometry.placed)),
        "switches": both_missing(network.switches),
        "transformers": both_missing(network.transformers),
        "meters": int(np.count_nonzero(node_missing[network.consumers["node"][network.meters.consumer]])),
        "substations": int(np.count_nonzero(np.isnan(network.substation_lnglat).any(axis=1))),
    }


def feeder_customers(network: Network) -> NDArray[np.int64]:
    """int64 (feeders,): customers in the normal state."""
    feeder = network.node_feeder[network.consumers["node"]]
    inside = feeder >= 0
    sums = np.bincount(feeder[inside], network.consumer_customers[inside], minlength=len(network.feeders))
    return sums.astype(np.int64)


def summary(now: Snapshot) -> dict[str, object]:
    """What `GET /api/network` and `gridtwin info` say of a state."""
    network = now.network
    sources = []
    for row, mrid in enumerate(network.sources["mrid"].tolist()):
        lng, lat = place(network, Element(ENERGY_SOURCE, row)) or (None, None)
        sources.append({"mrid": mrid, "name": str(network.sources["name"][row]), "lng": lng, "lat": lat})
    return {
        "name": network.name,
        "model": network.model,
        "revision": now.revision,
        "counts": counts(network, now.state.open),
        "customers": network.customers,
        "customers_out": now.customers_out,
        "nodes_supplied": int(np.count_nonzero(now.energized)),
        "unplaced": unplaced(network),
        "bounds": list(network.bounds) if network.bounds else None,
        "sources": sources,
        "feeders": _feeders(network),
    }


def _feeders(network: Network) -> list[dict[str, object]]:
    """Column by column: a nation has 66,000."""
    table = network.feeders
    names = [*network.substations["name"].tolist(), None]  # the last for those without one
    columns = table["mrid"].tolist(), table["name"].tolist(), table["substation"].tolist()
    return [
        {"mrid": mrid, "name": name, "substation": names[substation], "customers": customers}
        for mrid, name, substation, customers in zip(*columns, feeder_customers(network).tolist(), strict=True)
    ]
