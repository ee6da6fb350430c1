"""Features of a collection in a state: a page of them, or one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import orjson
import shapely
from numpy.typing import NDArray

from tiles.attributes import LAYER_NAMES
from tiles.cql2_values import Column, Places, Truth, evaluate
from tiles.filter import Filter, tile_filter
from tiles.source import TileSource
from tiles.within import rows_within
from twin.components import ENERGY_CONSUMER, TEXT, USAGE_POINT
from twin.elements import LAYERS
from twin.mrids import UnknownMrid
from twin.network import Network
from twin.outages import Outage, outages
from twin.state import Snapshot
from web.later import later
from web.ogc import OUTAGES
from web.ogc_collections import properties
from web.ogc_parameters import Bounds, Interval, ItemsAsked

frame = later("tiles.frames", "frame")
MARGIN = 1e-4
"""Degrees, about 10 m, by which the box of an outage is wider than its nodes."""

Longs = NDArray[np.int64]
Feature = dict[str, object]
UNPLACED = tile_filter("geometry IS NULL")


@dataclass(frozen=True, slots=True)
class Page:
    """features: GeoJSON. matched: how many there are in all. following: what `after` is on the next page, None on the
    last one."""

    features: list[Feature]
    matched: int
    following: int | None


def page(source: TileSource, snapshot: Snapshot, collection: str, asked: ItemsAsked) -> Page:
    """One page; of the order of rows, which no state changes."""
    if collection == OUTAGES:
        return _outage_page(snapshot, asked)
    rows = _rows(source, snapshot, collection, asked)
    first = int(np.searchsorted(rows, asked.after))
    shown = rows[first : first + asked.limit]
    last = first + len(shown) >= len(rows)
    return Page(_features(snapshot, collection, shown, asked.chosen), len(rows), None if last else int(shown[-1]) + 1)


def one(snapshot: Snapshot, collection: str, feature_id: str) -> Feature:
    """A feature by its mrid; raises UnknownMrid where this collection does not have it."""
    if collection == OUTAGES:
        found = [outage for outage in outages(snapshot) if outage.id == feature_id]
        if not found:
            raise UnknownMrid(feature_id)
        return _outage(found[0], None)
    row = _row(snapshot.network, collection, feature_id)
    (feature,) = _features(snapshot, collection, np.array([row]), None)
    return feature


def _row(network: Network, collection: str, mrid: str) -> int:
    """Row of a layer; raises UnknownMrid, also for a consumer that its usage points stand for."""
    element, meters = network.mrids.find(mrid), network.meters
    if collection != "meters":
        if LAYERS[collection] is element.component:
            return element.row
        raise UnknownMrid(mrid)
    if element.component is USAGE_POINT:
        rows = np.flatnonzero(meters.usage_point == element.row)
    elif element.component is ENERGY_CONSUMER:
        rows = np.flatnonzero((meters.consumer == element.row) & (meters.usage_point < 0))
    else:
        raise UnknownMrid(mrid)
    if len(rows) == 0:
        raise UnknownMrid(mrid)
    return int(rows[0])


# --- elements -----------------------------------------------------------------------------------------------------


def _rows(source: TileSource, snapshot: Snapshot, collection: str, asked: ItemsAsked) -> Longs:
    """What matches, ascending. Elements have no time of their own, so any interval matches; what has no place matches
    any box (Requirements fc-time-response and fc-bbox-response)."""
    masks = source.filters
    if asked.bounds is None:
        rows = np.arange(len(masks.columns(collection)), dtype=np.int64)
    else:
        layer = source.layers[LAYER_NAMES.index(collection)]
        inside = rows_within(layer, masks.columns(collection).place, asked.bounds)
        unplaced = np.flatnonzero(masks.mask(UNPLACED, snapshot, collection))
        rows = np.sort(np.concatenate([inside, unplaced]))
    if asked.condition is None:
        return rows
    mask = masks.mask(asked.condition, snapshot, collection)
    return np.flatnonzero(mask) if asked.bounds is None else rows[mask[rows]]


def _features(snapshot: Snapshot, collection: str, rows: Longs, chosen: Sequence[str] | None) -> list[Feature]:
    table = frame(snapshot.network, snapshot, collection, rows)
    names = _names(collection, chosen)
    columns = [table[name].tolist() if name in table.columns else [None] * len(rows) for name in names]
    values = zip(*columns, strict=True) if columns else [()] * len(rows)
    geometries = shapely.to_geojson(table.geometry.to_numpy()).tolist()
    return [
        {
            "type": "Feature",
            "id": mrid,
            "geometry": None if geometry is None else orjson.Fragment(geometry),
            "properties": dict(zip(names, record, strict=True)),
        }
        for mrid, geometry, record in zip(table["mrid"].tolist(), geometries, values, strict=True)
    ]


def _names(collection: str, chosen: Sequence[str] | None) -> Sequence[str]:
    """Properties to show, all of the collection where none were chosen."""
    return [name for name in properties(collection) if name != "geometry"] if chosen is None else chosen


# --- outages ------------------------------------------------------------------------------------------------------


def _outage_page(snapshot: Snapshot, asked: ItemsAsked) -> Page:
    """By id, so that an outage keeps its place among the others."""
    found = sorted(outages(snapshot), key=lambda outage: outage.id)
    found = [outage for outage in found if _meets(outage, asked.bounds) and _lasts(outage, asked.interval)]
    if asked.condition is not None:
        kept = _kept(found, asked.condition)
        found = [outage for outage, keep in zip(found, kept, strict=True) if keep]
    shown = found[asked.after : asked.after + asked.limit]
    after = asked.after + len(shown)
    return Page([_outage(each, asked.chosen) for each in shown], len(found), after if after < len(found) else None)


def _outage(outage: Outage, chosen: Sequence[str] | None) -> Feature:
    told = outage.to_json()
    return {
        "type": "Feature",
        "id": outage.id,
        "geometry": None if outage.bounds is None else shapely.geometry.mapping(_box(outage.bounds)),
        "properties": {name: told[name] for name in _names(OUTAGES, chosen)},
    }


def _box(bounds: Bounds) -> shapely.Polygon:
    west, south, east, north = bounds
    return shapely.box(west - MARGIN, south - MARGIN, east + MARGIN, north + MARGIN)


def _meets(outage: Outage, bounds: Bounds | None) -> bool:
    if bounds is None or outage.bounds is None:
        return True
    west, south, east, north = bounds
    left, bottom, right, top = _box(outage.bounds).bounds
    across = left <= east or right >= west if west > east else left <= east and right >= west
    return across and bottom <= north and top >= south


def _lasts(outage: Outage, interval: Interval | None) -> bool:
    """It lasts from its beginning until now, and further; one without a beginning matches always."""
    return interval is None or interval[1] is None or outage.since is None or outage.since <= interval[1]


def _kept(found: Sequence[Outage], condition: Filter) -> NDArray[np.bool_]:
    truth: Truth = evaluate(condition.node, _OutageColumns(found))
    return truth.yes


class _OutageColumns:
    """The properties of outages, for filters."""

    def __init__(self, found: Sequence[Outage]) -> None:
        self._found = found
        self._told = [outage.to_json() for outage in found]

    def __len__(self) -> int:
        return len(self._found)

    def column(self, name: str) -> Column:
        """A property; `since` in seconds."""
        if name == "since":
            values = [outage.since.timestamp() if outage.since else None for outage in self._found]
        else:
            values = [each[name] for each in self._told]  # type: ignore[misc]
        null = np.array([value is None for value in values], dtype=np.bool_)
        if properties(OUTAGES)[name] == "text":
            return Column(np.array([value or "" for value in values], dtype=TEXT), null)
        return Column(np.array([value or 0 for value in values], dtype=np.float64), null)

    def places(self) -> Places:
        """The boxes."""
        return _Boxes([None if outage.bounds is None else _box(outage.bounds) for outage in self._found])


class _Boxes:
    def __init__(self, boxes: list[shapely.Polygon | None]) -> None:
        self._boxes = np.array(boxes, dtype=object)

    def bounds(self) -> NDArray[np.float64]:
        """Of each box."""
        return np.asarray(shapely.bounds(self._boxes)).reshape(-1, 4)

    def shapes(self, rows: Longs) -> NDArray[np.object_]:
        """Some of them."""
        return self._boxes[rows]
