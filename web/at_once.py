"""Tiles that cost less than handing them to a thread: made where the request is read, as ready answers.

On one core a request that goes through ASGI and a thread costs about three times what such a tile itself does.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from tiles.source import ZOOMS
from twin.phases import ABC
from web.common_headers import Fields
from web.live_tiles import Address, LiveTiles
from web.ready import Ready, ReadyAnswers
from web.tile_answers import answer_of, described
from web.tile_parameters import DEFAULT

_TARGET = re.compile(rb"/tiles/(grid|hexes|feeders)/(\d{1,2})/(\d{1,5})/(\d{1,5})\.(mvt|pbf)")
"""What every live tile is asked for by. Whatever is written in another way is for the application."""


class AtOnce:
    """Makes answers to GET with gzip, without a query, of live tiles. For the event loop; it never waits.

    The moment is one value that was true as a whole, so the ETag (of `moment.changed`), the revision that is told and
    the bytes (of `moment.snapshot`) belong together, whatever the writing thread does meanwhile. The answers that are
    kept were looked up before the moment was: where it has passed since, `add` keeps this one among the forgotten.
    """

    def __init__(self, tiles: LiveTiles, ready: ReadyAnswers, lineage: str, common: Fields) -> None:
        """common: header fields that every answer has."""
        self._tiles, self._ready, self._lineage, self._common = tiles, ready, lineage, common

    def answer(self, target: bytes) -> tuple[Ready, str] | None:
        """The answer, kept where there is room, and whether its tile was a `hit` of the cache or a `miss`.

        None for what is no plain tile, or may take longer than a moment.
        """
        found = _TARGET.fullmatch(target)
        if found is None:
            return None
        address = _address(found.groups())
        if address is None:
            return None
        kept = self._ready.by_target
        moment = self._tiles.now(address, "current", ABC)
        key, headers = described(self._lineage, address, moment, DEFAULT, "gzip")
        tile, hit = self._tiles.cache.get(key), "hit"
        if tile is None:
            tile, hit = self._tiles.at_once(key, moment), "miss"
        if tile is None:
            return None
        route = "/tiles/{tileset}/{z}/{x}/{y}." + found[5].decode()
        made = Ready.of(route, answer_of(tile, headers), self._common)
        self._ready.add(kept, target, made)
        return made, hit


def _address(parts: Sequence[bytes]) -> Address | None:
    """None for one that does not exist."""
    tileset = parts[0].decode()
    z, x, y = (int(part) for part in parts[1:4])
    low, high = ZOOMS[tileset]
    return Address(tileset, z, x, y) if low <= z <= high and max(x, y) < 1 << z else None
