"""What one server process knows about itself, in numbers."""

from __future__ import annotations

from web.context import Context
from web.log import lost_lines
from web.metrics import Family, counter, gauge


def numbers(here: Context) -> list[Family]:
    """Counters, and gauges as of this moment."""
    now, tiles = here.twin.current, here.tiles.cache
    return [
        *here.metrics.families(),
        gauge("gridtwin_revision", "Newest revision of the log applied.", now.revision),
        gauge("gridtwin_customers", "Customers of the network.", now.network.customers),
        gauge("gridtwin_customers_out", "Customers who have lost any of their phases.", now.customers_out),
        gauge("gridtwin_stream_clients", "Clients of the event stream.", len(here.stream)),
        gauge("gridtwin_traces", "Traces at work or waiting.", len(here.workers.traces)),
        gauge("gridtwin_tile_cache_bytes", "Memory of cached tiles.", tiles.size),
        gauge("gridtwin_tile_cache_limit_bytes", "What it may be.", tiles.max_bytes),
        gauge("gridtwin_tile_cache_tiles", "Cached tiles.", len(tiles)),
        counter("gridtwin_log_lost_lines_total", "Lines of the log that nobody read in time.", lost_lines()),
    ]


def labelled(here: Context) -> list[Family]:
    """The same, with the number of this process as `worker` where others serve beside it, and with theirs."""
    if here.together is None:
        return numbers(here)
    own = [family.labelled({"worker": str(here.together.number)}) for family in numbers(here)]
    return [*own, *here.together.others()]


def behind(families: list[Family], head: int | None) -> list[Family]:
    """How far each process is behind the store; head: its newest revision, None where it does not answer."""
    told = [gauge("gridtwin_store_up", "Whether the store answers.", float(head is not None))]
    if head is None:
        return told
    lags = [
        (ending, labels, max(0.0, head - value))
        for family in families
        if family.name == "gridtwin_revision"
        for ending, labels, value in family.samples
    ]
    return [
        *told,
        gauge("gridtwin_store_revision", "Newest revision of the log in the store.", head),
        Family("gridtwin_log_lag_revisions", "gauge", "Revisions in the store that are not applied yet.", lags),
    ]
