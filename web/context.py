"""What the endpoints of one server share: the twin, what is derived of it, threads, stream and counters."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response

from tiles.kept import Kept
from topology import jit
from twin.engine import Change, Twin
from twin.follower import Follower
from twin.network import Network
from twin.search import SearchIndex
from twin.state import Snapshot
from twin.traces import TraceRequest, TraceResult, run
from twin.views import Seen, View, Views
from web.at_once import AtOnce
from web.common_headers import common_headers
from web.errors import Gone
from web.files import File
from web.guard import make_access
from web.later import load_all
from web.lineage import lineage
from web.live_tiles import LiveTiles
from web.memory import give_back
from web.metrics import Metrics
from web.metrics_together import Together
from web.openapi import Operation
from web.ready import ReadyAnswers
from web.responses import JSON, NO_CACHE, body_response, encoding_of, etag_matches, etag_of, not_modified, to_json
from web.settings import Settings
from web.stream import Stream
from web.workers import Workers

LIVE = View()

KEPT_FILES = 64
"""Files of the viewer kept in memory."""


class Context:
    """Made once by `create_app`; reachable as `request.app.state.context`."""

    def __init__(
        self, twin: Twin, settings: Settings, operations: Sequence[Operation], together: Together | None = None
    ) -> None:
        self.twin, self.settings, self.operations, self.together = twin, settings, operations, together
        self.workers = Workers(settings)
        self.access = make_access(settings)
        self.metrics = Metrics()
        self.ready = ReadyAnswers(self.metrics, settings.cache_bytes)
        self.lineage = lineage(twin)
        self.stream = Stream(twin, settings)
        self.tiles = LiveTiles(twin, settings.cache_bytes)
        self.common_headers = common_headers(settings)
        self.at_once = None if self.access else AtOnce(self.tiles, self.ready, self.lineage, self.common_headers)
        self.views = Views(twin)
        self._search: Kept[str, SearchIndex] = Kept(1)
        self._traces: Kept[str, TraceResult] = Kept(settings.cached_traces)
        self.files: Kept[tuple[Path, int, int | str], File] = Kept(KEPT_FILES)
        self._unsubscribe = twin.subscribe(self._changed)
        self.follower = Follower(twin) if twin.store.shared else None

    def follow(self) -> None:
        """Begins to take in what other processes add to the log, where there are others."""
        if self.follower is not None:
            self.follower.start()

    def warm_up(self) -> None:
        """Compiles, and makes what is otherwise made when first asked for."""
        jit.warm_up()
        self.tiles.warm_up()
        self.search_index(self.twin.network)
        load_all()
        give_back()

    def close(self) -> None:
        """Stops listening to the twin and ends the threads; the twin stays open."""
        if self.follower is not None:
            self.follower.stop()
        self._unsubscribe()
        self.stream.close()
        self.workers.close()

    def _changed(self, change: Change) -> None:
        stale = self.tiles.follow(change)
        self.ready.drop()
        self.stream.announce(change, stale)

    # --- derived of the network -------------------------------------------------------------------------------

    def search_index(self, network: Network) -> SearchIndex:
        """The index of ids and names, made when first asked for."""
        return self._search.get(network.model, lambda: SearchIndex(network))

    # --- states -----------------------------------------------------------------------------------------------

    async def see(self, view: View) -> Seen:
        """The state that a view names; raises UnknownScenario, RevisionAhead or RevisionGone."""
        return self.views.live(view) if view.is_live else await self.workers.store(self.views.see, view)

    # --- traces -----------------------------------------------------------------------------------------------

    def known_trace(self, trace_id: str) -> TraceResult | None:
        """A result that is still kept."""
        return self._traces.peek(trace_id)

    async def trace(self, request: TraceRequest) -> TraceResult:
        """Traces in the state that the request names, in a thread."""
        seen = await self.see(request.view)
        return await self.workers.trace(self._traced, seen.snapshot, request.pinned(seen))

    async def trace_by_id(self, trace_id: str) -> TraceResult:
        """The trace that an id stands for, in the state in which it was asked for; raises TraceError or Gone."""
        kept = self.known_trace(trace_id)
        if kept is not None and kept.network.model == self.twin.network.model:
            return kept
        request, model, revision = TraceRequest.from_id(trace_id)
        pinned = request.view if request.scenario is not None else replace(request.view, revision=revision)
        snapshot = (await self.see(pinned)).snapshot
        if (snapshot.network.model, snapshot.revision) != (model, revision):
            raise Gone("model", model, snapshot.network.model)
        return await self.workers.trace(self._traced, snapshot, request)

    def _traced(self, snapshot: Snapshot, request: TraceRequest) -> TraceResult:
        trace_id = request.to_id(snapshot.network.model, snapshot.revision)
        return self._traces.get(trace_id, lambda: run(snapshot, request))


def context(request: Request) -> Context:
    """The context of the server that a request came to."""
    found = request.app.state.context
    assert isinstance(found, Context)
    return found


async def read(
    request: Request,
    make: Callable[[Context, Snapshot], object],
    *,
    canonical: object = (),
    view: View = LIVE,
) -> Response:
    """Answers with JSON made of the snapshot that a view names, or 304 where the client has it already.

    canonical: the parameters that decide the answer. The ETag names the revision before the answer is made, so it may
    be older than what it tags, never newer.
    """
    here = context(request)
    seen = await here.see(view)
    snapshot = seen.snapshot
    headers = {"Gridtwin-Revision": str(snapshot.revision), "Cache-Control": NO_CACHE, "Vary": "Accept-Encoding"}
    parts = (here.lineage, snapshot.network.model, snapshot.revision, seen.key, request.url.path, canonical)
    etag = etag_of(*parts, encoding_of(request))
    if etag_matches(request.headers.get("if-none-match"), etag):
        return not_modified(etag, headers)
    data = await here.workers.compute(lambda: to_json(make(here, snapshot)))
    return body_response(request, data, JSON, headers=headers, etag=etag)
