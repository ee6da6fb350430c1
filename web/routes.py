"""The one table of what is served: routes, OpenAPI document and documentation page are all made of it."""

from __future__ import annotations

from dataclasses import replace

from twin.finding import SEVERITIES
from twin.validation import KINDS
from web import (
    network_endpoints,
    qgis_endpoints,
    scenario_endpoints,
    service_endpoints,
    signin_endpoints,
    stream_endpoints,
    switching_endpoints,
    tile_endpoints,
    trace_endpoints,
    viewer_endpoints,
)
from web.metrics import CONTENT_TYPE
from web.ogc_routes import ogc_operations
from web.openapi import Operation, Parameter
from web.responses import JSON
from web.schema_words import COUNT, INSTANT, PHASES, TEXT, choice
from web.tile_answers import MVT
from web.trace_parameters import trace_parameters

_SEEN = Parameter("If-None-Match", "ETag of an earlier answer: 304 where nothing changed", TEXT, "header")
_TRACE_ID = Parameter("id", "id from the answer to a trace", TEXT, "path")
_TRACE_TYPES = {
    JSON: "Trace",
    trace_endpoints.GEOJSON: "FeatureCollection",
    trace_endpoints.CSV: "",
    trace_endpoints.GEOPACKAGE: "",
}
_UNCHANGED = {304: "Not changed since the ETag in If-None-Match."}

_VIEW = (
    Parameter("state", "switch positions to show", choice("current", "normal")),
    Parameter("scenario", "id of a what-if to show instead of the live state"),
    Parameter("at", "instant to show the state of, as it was recorded by then", INSTANT),
    Parameter("revision", "revision of the log to show the state of", COUNT),
)
_NETWORK = (
    Operation(
        "GET",
        "/api/network",
        network_endpoints.network,
        "Counts, customers, bounds, sources and feeders.",
        "network",
        {JSON: "Network"},
        (*_VIEW, _SEEN),
        problems=(400, 404, 410, 503),
        also=_UNCHANGED,
    ),
    Operation(
        "GET",
        "/api/elements",
        network_endpoints.feature,
        "One element by the layer and id under which tiles show it.",
        "network",
        {JSON: "Element"},
        (
            Parameter("layer", "lines, substations, switches, transformers or meters", required=True),
            Parameter("id", "feature id in that layer", COUNT, required=True),
            Parameter("model", "model that the id was read from: 410 where another is in force"),
            *_VIEW,
            _SEEN,
        ),
        problems=(400, 404, 410, 503),
        also=_UNCHANGED,
    ),
    Operation(
        "GET",
        "/api/elements/{mrid:path}",
        network_endpoints.element,
        "One element by its mrid: attributes, geometry, feeder, supply, neighbours.",
        "network",
        {JSON: "Element"},
        (Parameter("mrid", "master resource id, percent-encoded", TEXT, "path"), *_VIEW, _SEEN),
        problems=(400, 404, 410, 503),
        also=_UNCHANGED,
    ),
    Operation(
        "GET",
        "/api/search",
        network_endpoints.search,
        "Elements by mrid or name: exact, then prefix, then substring.",
        "network",
        {JSON: "SearchResults"},
        (
            Parameter("q", f"what to look for, at most {network_endpoints.LONGEST_QUERY} characters", required=True),
            Parameter("limit", f"most results, 1 to {network_endpoints.SEARCH_LIMIT}; 10 by default", COUNT),
            _SEEN,
        ),
        problems=(400,),
        also=_UNCHANGED,
    ),
    Operation(
        "GET",
        "/api/outages",
        network_endpoints.list_outages,
        "Areas energised in the normal state and not now, most customers first.",
        "network",
        {JSON: "Outages"},
        (*_VIEW, _SEEN),
        problems=(400, 404, 410, 503),
        also=_UNCHANGED,
    ),
    Operation(
        "GET",
        "/api/findings",
        network_endpoints.list_findings,
        "What is wrong or doubtful in the model, each with a place and a sentence: errors first, a page at a time.",
        "network",
        {JSON: "Findings"},
        (
            Parameter("kind", "only findings of this kind", choice(*KINDS)),
            Parameter("severity", "only findings of this severity", choice(*SEVERITIES)),
            Parameter("after", "how many to leave out: those of the pages before; 0 by default", COUNT),
            Parameter(
                "limit",
                f"most findings, 1 to {network_endpoints.FINDINGS_LIMIT}; {network_endpoints.FINDINGS_PAGE} by default",
                COUNT,
            ),
            _SEEN,
        ),
        problems=(400,),
        also=_UNCHANGED,
    ),
)

_TRACES = (
    Operation(
        "POST",
        "/api/traces",
        trace_endpoints.post_trace,
        "Traces from one or more elements; the answer's id makes tiles of it.",
        "traces",
        _TRACE_TYPES,
        body="TraceRequest",
        problems=(400, 404, 406, 410, 413, 415, 422, 503),
        scope="read",
    ),
    Operation(
        "GET",
        "/api/traces",
        trace_endpoints.get_trace,
        "The same as a link that can be shared; lists are repeated parameters.",
        "traces",
        _TRACE_TYPES,
        trace_parameters(),
        problems=(400, 404, 406, 410, 422, 503),
    ),
    Operation(
        "GET",
        "/api/traces/{id}/elements",
        trace_endpoints.trace_elements,
        "One page of the elements of a trace: edges, then nodes.",
        "traces",
        {JSON: "TracePage"},
        (_TRACE_ID, Parameter("after", "position to go on from; 0 by default", COUNT), _SEEN),
        problems=(400, 404, 410, 503),
        also=_UNCHANGED,
    ),
)

_SWITCHING = (
    Operation(
        "POST",
        "/api/switching",
        switching_endpoints.switch,
        "Operates switches as one batch, or takes all back to normal; on disk when it answers.",
        "switching",
        {JSON: "SwitchingResult"},
        (Parameter("Idempotency-Key", "the same request under the same key is carried out once", TEXT, "header"),),
        body="SwitchingRequest",
        problems=(400, 404, 409, 413, 415, 422, 503),
    ),
    Operation(
        "GET",
        "/api/events",
        switching_endpoints.events,
        "The log after a revision, oldest first.",
        "switching",
        {JSON: "Events"},
        (
            Parameter("since", "revision after which to begin; 0 by default", COUNT),
            Parameter("limit", f"most events, 1 to {switching_endpoints.EVENTS_LIMIT}; 100 by default", COUNT),
        ),
        problems=(400, 503),
    ),
    Operation(
        "GET",
        "/api/stream",
        stream_endpoints.stream,
        "Server-sent events: hello, then each revision with the tiles that it made stale.",
        "switching",
        {"text/event-stream": ""},
        (Parameter("Last-Event-ID", "revision that the client saw last", COUNT, "header"),),
        problems=(400, 503),
    ),
)

_SCENARIO_ID = Parameter("id", "id of the scenario", TEXT, "path")
_SCENARIOS = (
    Operation(
        "GET",
        "/api/scenarios",
        scenario_endpoints.list_scenarios,
        "All what-ifs, without their steps.",
        "scenarios",
        {JSON: "Scenarios"},
        problems=(400, 503),
    ),
    Operation(
        "POST",
        "/api/scenarios",
        scenario_endpoints.create_scenario,
        "A what-if on top of a revision of the log, the newest one by default.",
        "scenarios",
        {JSON: "ScenarioHead"},
        body="ScenarioRequest",
        problems=(400, 404, 409, 410, 413, 415, 503),
        status=201,
    ),
    Operation(
        "GET",
        "/api/scenarios/{id}",
        scenario_endpoints.scenario,
        "One what-if with its steps, and who loses and gains supply against its base.",
        "scenarios",
        {JSON: "Scenario"},
        (_SCENARIO_ID,),
        problems=(400, 404, 410, 503),
    ),
    Operation(
        "DELETE",
        "/api/scenarios/{id}",
        scenario_endpoints.delete_scenario,
        "Forgets a what-if.",
        "scenarios",
        {},
        (_SCENARIO_ID,),
        problems=(400, 404, 503),
        status=204,
    ),
    Operation(
        "POST",
        "/api/scenarios/{id}/switching",
        scenario_endpoints.switch_scenario,
        "One step of a what-if: operations, everything to normal, or the last step undone.",
        "scenarios",
        {JSON: "SwitchingResult"},
        (_SCENARIO_ID,),
        body="ScenarioSwitching",
        problems=(400, 404, 409, 410, 413, 415, 422, 503),
    ),
)

_TILE_PARAMETERS = (
    *_VIEW,
    Parameter("trace", "id of a trace: only what it holds is shown, with depth and flow (grid)"),
    Parameter("phases", "show only what has one of these phases, and its supply on them (grid)", PHASES),
    Parameter("filter", "condition in CQL2 text: only what it is true of is shown (grid)"),
    Parameter("model", "410 where another model is in force"),
)
_TILE = Operation(
    "GET",
    "/tiles/{tileset}/{z}/{x}/{y}.mvt",
    tile_endpoints.tile,
    "One vector tile (MVT 2.1); 204 where it is empty.",
    "tiles",
    {MVT: ""},
    (
        Parameter("tileset", "grid, hexes or feeders", choice("grid", "hexes", "feeders"), "path"),
        Parameter("z", "zoom", COUNT, "path"),
        Parameter("x", "column, from the west", COUNT, "path"),
        Parameter("y", "row, from the north", COUNT, "path"),
        Parameter("layers", "names of layers, with commas between; all by default"),
        *_TILE_PARAMETERS,
        _SEEN,
    ),
    problems=(400, 404, 410, 503),
    also={204: "Nothing there.", **_UNCHANGED},
)

_TILES = (
    _TILE,
    replace(_TILE, path="/tiles/{tileset}/{z}/{x}/{y}.pbf", name="tile_pbf", what="The same under the older ending."),
    Operation(
        "GET",
        "/tiles/{tileset}.json",
        tile_endpoints.tilejson,
        "TileJSON 3.0; parameters are handed on to the tiles.",
        "tiles",
        {JSON: "TileJson"},
        (
            Parameter("tileset", "grid, hexes or feeders", choice("grid", "hexes", "feeders"), "path"),
            Parameter("layers", "names of layers, with commas between; all by default"),
            *_TILE_PARAMETERS,
            _SEEN,
        ),
        problems=(400, 404, 410, 503),
        also=_UNCHANGED,
    ),
    Operation(
        "GET",
        "/style.json",
        tile_endpoints.style_json,
        "A complete MapLibre style; parameters are handed on to the tiles.",
        "tiles",
        {JSON: "Style"},
        (*_TILE_PARAMETERS, _SEEN),
        problems=(400, 404, 410, 503),
        also=_UNCHANGED,
    ),
    Operation(
        "GET",
        "/qgis.qgs",
        qgis_endpoints.qgis_project,
        "A QGIS project with these tiles and the features of OGC API.",
        "tiles",
        {qgis_endpoints.QGS: ""},
        (_SEEN,),
        problems=(400,),
        also=_UNCHANGED,
    ),
)

_SERVICE = (
    Operation(
        "GET",
        "/healthz",
        service_endpoints.health,
        "The process answers.",
        "service",
        {JSON: "Health"},
        problems=(400,),
        scope="public",
    ),
    Operation(
        "GET",
        "/readyz",
        service_endpoints.ready,
        "The store answers and all of its log is applied.",
        "service",
        {JSON: "Health"},
        problems=(400, 503),
        scope="public",
    ),
    Operation(
        "GET",
        "/metrics",
        service_endpoints.metrics,
        "Counters and gauges for Prometheus.",
        "service",
        {CONTENT_TYPE: ""},
        problems=(400,),
    ),
    Operation(
        "GET",
        "/openapi.json",
        service_endpoints.openapi_json,
        "This document.",
        "service",
        {JSON: "Document"},
        problems=(400,),
    ),
    Operation(
        "GET",
        "/docs",
        service_endpoints.docs,
        "The same, to be read by people.",
        "service",
        {"text/html": ""},
        problems=(400,),
    ),
    Operation(
        "GET",
        "/",
        viewer_endpoints.index,
        "The viewer.",
        "service",
        {"text/html": ""},
        problems=(404,),
        scope="public",
    ),
    Operation(
        "GET",
        "/viewer/{path:path}",
        viewer_endpoints.viewer_file,
        "A file of the viewer.",
        "service",
        {"*/*": ""},
        (Parameter("path", "path of the file", TEXT, "path"),),
        problems=(404,),
        scope="public",
    ),
    Operation(
        "GET",
        "/signin",
        signin_endpoints.signin_page,
        "A form that takes a token.",
        "service",
        {"text/html": ""},
        scope="public",
    ),
    Operation(
        "POST",
        "/signin",
        signin_endpoints.sign_in,
        "Takes a token from the form and answers with a cookie, and with the viewer's address.",
        "service",
        {},
        problems=(403, 413, 415),
        also={401: "The token is not accepted; the form again."},
        status=303,
        scope="public",
    ),
    Operation(
        "POST",
        "/signout",
        signin_endpoints.sign_out,
        "Takes the cookie away.",
        "service",
        {},
        problems=(403,),
        status=303,
        scope="public",
    ),
)

_OGC = ogc_operations(_VIEW, _TILE_PARAMETERS, _SEEN)

OPERATIONS = (*_TILES, *_OGC, *_NETWORK, *_TRACES, *_SWITCHING, *_SCENARIOS, *_SERVICE)
"""Everything that is served, in the order in which routes are tried."""
