"""Where the rows of a table are on the map, for stores that keep them as points."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from twin.network import Network


def table_lnglat(network: Network, table: str) -> NDArray[np.float64]:
    """float64 (rows, 2): lng and lat of each row of a table of points, NaN where not placed.

    Switches and transformers are at their first end that is placed, substations at the centroid of their nodes.
    """
    if table == "nodes":
        return network.node_lnglat
    if table == "substations":
        return network.substation_lnglat
    rows = network.tables[table]
    if table in ("sources", "consumers"):
        return network.node_lnglat[rows["node"]]
    at = network.node_lnglat[rows["node1"]]
    return np.where(np.isnan(at), network.node_lnglat[rows["node2"]], at)
