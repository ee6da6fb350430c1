"""From the mrids of a request to the numbers that topology speaks; what cannot be used is refused by name."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from topology.results import Options, Start
from twin import phases
from twin.components import FEEDER, SUBSTATION
from twin.elements import feeder_of, node_of
from twin.mrids import Element
from twin.network import Network
from twin.trace_request import TraceError, TraceRequest


def options_of(network: Network, request: TraceRequest) -> Options:
    """What restrains a trace; raises UnknownMrid or TraceError for a barrier that is no branch."""
    return Options(
        phases=phases.code_to_mask(request.phases),
        barriers=_barriers(network, "barriers", request.barriers),
        include_barriers=request.include_barriers,
        ignore_barriers_at_start=request.ignore_barriers_at_start,
        filter_barriers=_barriers(network, "filter_barriers", request.filter_barriers),
        ignore_status=request.ignore_status,
    )


def start_of(network: Network, request: TraceRequest, field: str = "start") -> Start:
    """The nodes and branches of `start`, or of `to`; a feeder stands for its head, a substation for its nodes.

    Raises UnknownMrid, and TraceError for an element that has no node, or none of the phases asked for.
    """
    nodes: list[int] = []
    branches: list[int] = []
    for at, mrid in enumerate(getattr(request, field)):
        element = _head(network, network.mrids.find(mrid))
        _check_phases(network, request, field, at, element)
        branch = network.branch_of(element)
        node = node_of(network, element)
        if branch is not None:
            branches.append(branch)
        elif node is not None:
            nodes.append(node)
        else:
            inside = np.flatnonzero(network.nodes["substation"] == element.row).tolist()
            if not inside:
                raise TraceError(field, mrid, "it is a substation without any node", (at,))
            nodes += inside
    terminal = request.terminal if field == "start" else None
    if terminal is not None and not branches:
        raise TraceError("terminal", terminal, "the start is no line, switch or transformer")
    return Start(
        np.array(nodes, dtype=np.int32),
        np.array(branches, dtype=np.int32),
        np.full(len(branches), terminal or 0, dtype=np.int32),
    )


def feeder_rows(network: Network, mrids: Sequence[str]) -> list[int]:
    """Rows of the feeders that elements belong to, ascending; a substation stands for those that leave it."""
    rows: set[int] = set()
    for mrid in mrids:
        element = network.mrids.find(mrid)
        if element.component is SUBSTATION:
            rows |= set(np.flatnonzero(network.feeders["substation"] == element.row).tolist())
        else:
            rows.add(feeder_of(network, element))
    return sorted(rows - {-1})


def _head(network: Network, element: Element) -> Element:
    if element.component is not FEEDER:
        return element
    return network.mrids.find(str(network.feeders["head_mrid"][element.row]))


def _check_phases(network: Network, request: TraceRequest, field: str, at: int, element: Element) -> None:
    """Refuses a start that has none of the phases to follow; one that has none but N is met by every trace."""
    table = network.tables[element.component.table]
    if "phases" not in table:
        return
    own = int(table["phases"][element.row]) & phases.ABC
    if own and not own & phases.code_to_mask(request.phases):
        mrid, code = getattr(request, field)[at], phases.mask_to_code(own)
        raise TraceError("phases", request.phases, f"{mrid!r} has no such phase; it has {code}")


def _barriers(network: Network, field: str, mrids: Sequence[str]) -> NDArray[np.int32]:
    numbers = []
    for at, mrid in enumerate(mrids):
        branch = network.branch_of(network.mrids.find(mrid))
        if branch is None:
            raise TraceError(field, mrid, "a barrier must be a line, a switch or a transformer", (at,))
        numbers.append(branch)
    return np.array(numbers, dtype=np.int32)
