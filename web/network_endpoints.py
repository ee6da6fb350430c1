"""The network as it is now: summary, elements, search, outages, findings."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from twin.elements import card, element_of_feature
from twin.outages import outages
from twin.state import Snapshot
from twin.summary import summary
from twin.validation import findings
from web.context import Context, context, read
from web.errors import Gone
from web.fields import Query

ZOOMS = {"hexes": [0, 12], "grid": [10, 16]}
"""First and last zoom of each tileset."""

SEARCH_LIMIT = 100
LONGEST_QUERY = 200


async def network(request: Request) -> Response:
    """Name, model, revision, counts, customers, bounds, sources and feeders."""
    Query(request.query_params).done()
    return await read(request, lambda here, _: {**summary(here.twin), "zooms": ZOOMS})


async def element(request: Request) -> Response:
    """One element by its mrid."""
    Query(request.query_params).done()
    mrid: str = request.path_params["mrid"]
    return await read(request, lambda _, now: card(now, now.network.mrids.find(mrid)))


async def feature(request: Request) -> Response:
    """One element by the layer and id under which tiles show it."""
    query = Query(request.query_params)
    layer, feature_id, model = query.text("layer"), query.integer("id"), query.optional("model")
    query.done()
    in_force = context(request).twin.network.model
    if model is not None and model != in_force:
        raise Gone("model", model, in_force)

    def found(_: Context, now: Snapshot) -> object:
        return card(now, element_of_feature(now.network, layer, feature_id))

    return await read(request, found, canonical=(layer, feature_id))


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
    Query(request.query_params).done()

    def found(here: Context, now: Snapshot) -> object:
        areas = [area.to_json() for area in outages(now)]
        return {"revision": now.revision, "customers_out": now.customers_out, "outages": areas}

    return await read(request, found)


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
