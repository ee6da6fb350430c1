"""The network as it is now: summary, elements, search, outages, findings."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from twin.elements import card, element_of_feature
from twin.outages import outages
from twin.state import Snapshot
from twin.summary import summary
from twin.validation import findings
from twin.views import View
from web.context import Context, read
from web.errors import Gone
from web.fields import Query
from web.views import view_of

ZOOMS = {"hexes": [0, 12], "grid": [10, 16], "feeders": [0, 10]}
"""First and last zoom of each tileset."""

SEARCH_LIMIT = 100
LONGEST_QUERY = 200


async def network(request: Request) -> Response:
    """Name, model, revision, counts, customers, bounds, sources and feeders."""
    view = _only_view(request)
    return await read(request, lambda _, seen: {**summary(seen), "zooms": ZOOMS}, view=view)


async def element(request: Request) -> Response:
    """One element by its mrid."""
    view = _only_view(request)
    mrid: str = request.path_params["mrid"]
    return await read(request, lambda _, seen: card(seen, seen.network.mrids.find(mrid)), view=view)


async def feature(request: Request) -> Response:
    """One element by the layer and id under which tiles show it."""
    query = Query(request.query_params)
    layer, feature_id, model = query.text("layer"), query.integer("id"), query.optional("model")
    view = view_of(query)
    query.done()

    def found(_: Context, seen: Snapshot) -> object:
        if model is not None and model != seen.network.model:
            raise Gone("model", model, seen.network.model)
        return card(seen, element_of_feature(seen.network, layer, feature_id))

    return await read(request, found, canonical=(layer, feature_id, model), view=view)


async def search(request: Request) -> Response:
    """Elements by mrid, name, feeder or substation, the best first."""
    query = Query(request.query_params)
    text = query.text("q", longest=LONGEST_QUERY)
    limit = query.integer("limit", 10, low=1, high=SEARCH_LIMIT)
    query.done()

    def found(here: Context, now: Snapshot) -> object:
        return {"results": [hit.to_json() for hit in here.search_index(now.network).find(text, limit)]}

    return await read(request, found, canonical=(text, limit))


async def list_outages(request: Request) -> Response:
    """Areas without supply, most customers first."""
    view = _only_view(request)

    def found(_: Context, seen: Snapshot) -> object:
        areas = [area.to_json() for area in outages(seen)]
        return {"revision": seen.revision, "customers_out": seen.customers_out, "outages": areas}

    return await read(request, found, view=view)


async def list_findings(request: Request) -> Response:
    """What validation found in the model, errors first."""
    Query(request.query_params).done()

    def found(_: Context, now: Snapshot) -> object:
        each = findings(now.network)
        counts: dict[str, int] = {}
        for finding in each:
            counts[finding.kind] = counts.get(finding.kind, 0) + 1
        return {"findings": [finding.to_json() for finding in each], "counts": counts}

    return await read(request, found)


def _only_view(request: Request) -> View:
    """The view, where no other parameter is known."""
    query = Query(request.query_params)
    view = view_of(query)
    query.done()
    return view
