"""What the parameters of items ask for (OGC API - Features, Parts 1 to 3 and 6)."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from tiles.cql2 import LONGEST
from tiles.filter import LANGUAGES, Filter, read_filter
from twin.views import View, ViewError, parse_instant
from web.errors import InvalidValue
from web.fields import Query
from web.ogc import only_crs84
from web.ogc_collections import properties
from web.views import view_of

DEFAULT_LIMIT = 10
LARGEST_LIMIT = 10_000
LONGEST_LIST = 2_000

Bounds = tuple[float, float, float, float]
Interval = tuple[datetime | None, datetime | None]


@dataclass(frozen=True, slots=True)
class ItemsAsked:
    """after: features that earlier pages held come no more. chosen: names of properties, all where None. model: pinned,
    None where not."""

    view: View
    bounds: Bounds | None
    interval: Interval | None
    condition: Filter | None
    chosen: tuple[str, ...] | None
    limit: int
    after: int
    model: str | None

    def canonical(self) -> tuple[object, ...]:
        """What decides the answer, beside the state."""
        condition = None if self.condition is None else self.condition.key
        return self.bounds, self.interval, condition, self.chosen, self.limit, self.after


def items_parameters(query: Query, collection: str) -> ItemsAsked:
    """Reads the parameters of items; raises InvalidValue or FilterError."""
    only_crs84(query, "crs", "bbox-crs", "filter-crs")
    view = view_of(query)
    limit = query.integer("limit", DEFAULT_LIMIT, low=1)
    after = query.integer("after", 0)
    model = query.optional("model")
    bounds, interval = _optional(query, "bbox", _bounds), _optional(query, "datetime", _interval)
    condition = _condition(query, collection)
    chosen = _optional(query, "properties", lambda text: _chosen(text, collection))
    query.done()
    # More than the largest limit is no error (Requirement fc-limit-response-1).
    return ItemsAsked(view, bounds, interval, condition, chosen, min(limit, LARGEST_LIMIT), after, model)


T = TypeVar("T")


def _optional(query: Query, name: str, read: Callable[[str], T]) -> T | None:
    return read(query.text(name, longest=LONGEST_LIST)) if name in query else None


def _bounds(text: str) -> Bounds:
    """West, south, east, north; of six numbers the heights are left aside, as no feature has one."""
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError as error:
        raise InvalidValue("bbox", text, "must be 4 or 6 numbers with commas between") from error
    if len(numbers) not in (4, 6) or not all(map(math.isfinite, numbers)):
        raise InvalidValue("bbox", text, "must be 4 or 6 numbers with commas between")
    west, south, east, north = numbers if len(numbers) == 4 else (*numbers[:2], *numbers[3:5])
    if not (-180 <= west <= 180 and -180 <= east <= 180 and -90 <= south <= north <= 90):
        raise InvalidValue("bbox", text, "must lie in -180,-90,180,90, south below north", [-180, -90, 180, 90])
    return west, south, east, north


def _interval(text: str) -> Interval:
    """An instant, or begin/end of which one may be open (`..` or nothing)."""
    begin, slash, end = text.partition("/")
    if not slash:
        instant = _instant(begin)
        return instant, instant
    first, last = (None if part in ("", "..") else _instant(part) for part in (begin, end))
    if first is not None and last is not None and first > last:
        raise InvalidValue("datetime", text, "must begin before it ends")
    if first is None and last is None:
        raise InvalidValue("datetime", text, "must be bounded on one side at least")
    return first, last


def _instant(text: str) -> datetime:
    try:
        return parse_instant(text)
    except ViewError as error:
        raise InvalidValue("datetime", text, f"is no instant: {error.rule}") from error


def _condition(query: Query, collection: str) -> Filter | None:
    languages = tuple(LANGUAGES)
    language = query.choice("filter-lang", languages, languages[0])
    text = query.optional("filter", longest=LONGEST)
    return None if text is None else read_filter(text, properties(collection), language)


def _chosen(text: str, collection: str) -> tuple[str, ...]:
    known = [name for name in properties(collection) if name != "geometry"]
    chosen = tuple(text.split(",")) if text else ()
    for name in chosen:
        if name not in known:
            raise InvalidValue("properties", name, f"must be some of {', '.join(known)}", known)
    return chosen
