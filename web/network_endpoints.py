"""The network as it is now: summary, elements, search, outages, findings."""

from __future__ import annotations

from collections import Counter
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from twin.elements import card, element_of_feature
from twin.finding import SEVERITIES
from twin.outages import outages
from twin.state import Snapshot
from twin.summary import summary
from twin.validation import KINDS, findings
from twin.views import View
from web.context import Context, read
from web.errors import Gone
from web.fields import Query
from web.links import base_url
from web.views import view_of

ZOOMS = {"hexes": [0, 12], "grid": [10, 16], "feeders": [0, 10]}
"""First and last zoom of each tileset."""

SEARCH_LIMIT = 100
LONGEST_QUERY = 200
FINDINGS_PAGE, FINDINGS_LIMIT = 1_000, 10_000
"""Findings of a page by default, and at most."""


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
    """What validation found in the model, errors first, a page at a time."""
    query = Query(request.query_params)
    kind = query.choice("kind", tuple(KINDS), "") if "kind" in query else None
    severity = query.choice("severity", SEVERITIES, "") if "severity" in query else None
    after = query.integer("after", 0)
    limit = query.integer("limit", FINDINGS_PAGE, low=1, high=FINDINGS_LIMIT)
    query.done()
    base = base_url(request)

    def found(_: Context, now: Snapshot) -> object:
        wanted = [
            finding
            for finding in findings(now.network)
            if kind in (None, finding.kind) and severity in (None, finding.severity)
        ]
        chosen = {"kind": kind, "severity": severity, "limit": limit, "after": after + limit}
        following = urlencode({name: value for name, value in chosen.items() if value is not None})
        return {
            "findings": [finding.to_json() for finding in wanted[after : after + limit]],
            "counts": Counter(finding.kind for finding in wanted),
            "total": len(wanted),
            "next": f"{base}/api/findings?{following}" if after + limit < len(wanted) else None,
        }

    return await read(request, found, canonical=(kind, severity, after, limit, base))


def _only_view(request: Request) -> View:
    """The view, where no other parameter is known."""
    query = Query(request.query_params)
    view = view_of(query)
    query.done()
    return view
