"""Tiles of the live twin: a state and the last revision that changed each tile in it, always of one moment."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

from tiles.cache import CachedTile, TileCache, TileKey, compress
from tiles.kept import Kept
from tiles.source import TILESETS, TileSource
from tiles.stale import StaleIndex, StaleTiles, epoch
from twin.engine import Change, Twin
from twin.events import ModelReplaced, SwitchOperated
from twin.history import RevisionGone, since_model
from twin.memory import MemoryStore
from twin.network import Network
from twin.phases import ABC
from twin.state import Snapshot
from twin.traces import TraceResult
from twin.views import NORMAL, Seen
from web.stream import EVERYTHING, Stale
from web.tile_parameters import Asked

MOST_REPLAYED = 256
"""Revisions that a starting server replays, at some milliseconds each."""
MOST_RANGES = 2_000
"""Ranges that one message names; beyond, it says that all tiles are stale."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where a tile lies."""

    tileset: str
    z: int
    x: int
    y: int


@dataclass(frozen=True, slots=True, eq=False)
class Moment:
    """What a tile is made of. changed: the last revision that changed it; 0 where only another model would.

    key: says which state, other than the live one, this is; it never changes.
    """

    source: TileSource
    snapshot: Snapshot
    changed: int
    key: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class _Shown:
    """All that readers see, replaced as one."""

    source: TileSource
    index: StaleIndex
    current: Snapshot
    normal: Snapshot

    @classmethod
    def begin(cls, current: Snapshot, normal: Snapshot) -> _Shown:
        source = TileSource(current.network)
        return cls(source, StaleIndex(current.network, source, current.revision), current, normal)

    @classmethod
    def resumed(cls, twin: Twin) -> _Shown:
        """As a process would have it that ran since the epoch began, so that both give tiles the same ETags.

        Where that is too far back to be replayed quickly, tiles count as changed at the head: asked for once more
        than needed, and never wrong.
        """
        shown = cls.begin(twin.current, twin.normal)
        network, head = twin.network, twin.revision
        base = epoch(head)
        if head - base > MOST_REPLAYED:
            return shown
        log = since_model(twin.store.events(after=base, until=head))
        if log and isinstance(log[0].event, ModelReplaced):
            base = log.pop(0).revision
        try:
            begun = twin.at(base).state
        except RevisionGone:
            return shown
        index = StaleIndex(network, shown.source, base)
        replayed = Twin(network, MemoryStore(base=begun.revision), state=begun)

        def learn(change: Change) -> None:
            index.changed(change.before, change.after, change.recorded.revision)

        replayed.subscribe(learn)
        for recorded in log:
            if isinstance(recorded.event, SwitchOperated):
                replayed.switch(recorded.event.operations, normal=recorded.event.normal)
        return replace(shown, index=index)


class LiveTiles:
    """Follows a twin; any thread may ask."""

    def __init__(self, twin: Twin, cache_bytes: int) -> None:
        self._twin = twin
        self.cache = TileCache(cache_bytes)
        self._shown = _Shown.resumed(twin)
        self._older: Kept[Network, TileSource] = Kept(1)

    def follow(self, change: Change) -> Stale:
        """Takes in a change, from the writing thread; returns the tiles that it made stale."""
        shown, normal = self._shown, self._twin.normal
        if change.after.network is not shown.source.network:
            self._shown = _Shown.begin(change.after, normal)
            self.cache.clear()
            return EVERYTHING
        stale = shown.index.changed(change.before, change.after, change.recorded.revision)
        self._shown = replace(shown, current=change.after, normal=normal)  # only now, see `now`
        return _told(stale)

    def warm_up(self) -> None:
        """Makes what is otherwise made when first asked for, or first switched."""
        shown = self._shown
        shown.source.hexes, shown.source.feeders  # noqa: B018
        _told(shown.index.difference(shown.current, shown.current, shown.current.revision))

    @property
    def source(self) -> TileSource:
        """Tiles of the model in force."""
        return self._shown.source

    @property
    def network(self) -> Network:
        """The model in force."""
        return self._shown.source.network

    def now(self, address: Address, state: str, phases: int) -> Moment:
        """The present state and the last revision that changed a tile in it.

        The index learns of a revision before readers see its state. So a tile that changed after the state taken here
        shows in its number, and the state is taken again: the number is never older or newer than the bytes.
        """
        while True:
            shown = self._shown
            if state == "normal":
                return Moment(shown.source, shown.normal, 0, NORMAL)
            if phases != ABC:  # the index knows supply on all phases only
                return Moment(shown.source, shown.current, shown.current.revision)
            changed = shown.index.revision_of(address.tileset, address.z, address.x, address.y)
            if changed <= shown.current.revision:
                return Moment(shown.source, shown.current, changed)
            time.sleep(0)  # lets the writing thread, which is about to show that state, go on

    def of(self, seen: Seen) -> Moment:
        """Another state than the live one, of whichever model was in force then; may take a second for an older one."""
        source, snapshot = self._shown.source, seen.snapshot
        if snapshot.network is not source.network:
            source = self._older.get(snapshot.network, lambda: TileSource(snapshot.network))
        return Moment(source, snapshot, 0 if seen.key == NORMAL else snapshot.revision, seen.key)

    def at_once(self, key: TileKey, moment: Moment) -> CachedTile | None:
        """A whole tile, made now if that takes some tenths of a millisecond; else None. Never waits for a thread."""
        address = key.tileset, key.z, key.x, key.y
        if not moment.source.at_hand(*address, moment.snapshot):
            return None
        tile = moment.source.tile(*address, moment.snapshot)
        made = CachedTile(compress(tile.data), tile.left_out)
        self.cache.put(key, made)
        return made

    def make(self, key: TileKey, moment: Moment, asked: Asked, trace: TraceResult | None) -> CachedTile:
        """The compressed tile, from the cache if it is there."""

        def made() -> CachedTile:
            source, snapshot, condition = moment.source, moment.snapshot, asked.filter
            keep = None if condition is None else source.filters.keep(condition, snapshot, asked.layers, asked.phases)
            tile = source.tile(
                key.tileset,
                key.z,
                key.x,
                key.y,
                snapshot,
                layers=asked.layers,
                trace=None if trace is None else trace.trace,
                phases=asked.phases,
                keep=keep,
            )
            return CachedTile(compress(tile.data), tile.left_out)

        return self.cache.get_or_make(key, made)


def _told(stale: StaleTiles) -> Stale:
    """As clients of the stream get it: ranges of Morton codes at each tileset's deepest zoom, ends excluded."""
    ranges = {tileset: stale.ranges(tileset) for tileset in TILESETS}
    if sum(len(each) for each in ranges.values()) > MOST_RANGES:
        return EVERYTHING
    return {**{tileset: each.tolist() for tileset, each in ranges.items()}, "all": False}
