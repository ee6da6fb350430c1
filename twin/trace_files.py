"""Rows of elements as files that other programs read: GeoJSON and CSV."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence


def feature_collection(
    features: Iterable[tuple[Mapping[str, object] | None, Mapping[str, object]]],
) -> dict[str, object]:
    """A FeatureCollection (RFC 7946) of geometries and properties; `unplaced` counts those without a geometry."""
    placed, unplaced = [], 0
    for geometry, properties in features:
        if geometry is None:
            unplaced += 1
        else:
            placed.append({"type": "Feature", "geometry": geometry, "properties": properties})
    return {"type": "FeatureCollection", "features": placed, "unplaced": unplaced}


def csv_text(
    columns: Sequence[str],
    parts: Iterable[tuple[Sequence[Mapping[str, object]], Sequence[Sequence[object]]]],
    as_json: Sequence[str] = (),
) -> str:
    """RFC 4180, with a header. parts: rows, which may lack columns, and the values of the last columns one by one.

    as_json: columns whose flags, lists and objects are written as JSON.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(columns)
    for rows, last in parts:
        whole = []
        for name in columns[: len(columns) - len(last)]:
            values = [row.get(name) for row in rows]
            whole.append([_cell(value) for value in values] if name in as_json else values)
        writer.writerows(zip(*whole, *last, strict=True))
    return text.getvalue()


def _cell(value: object) -> object:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list | bool) else value
