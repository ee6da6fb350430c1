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


def csv_text(columns: Sequence[str], rows: Iterable[Mapping[str, object]]) -> str:
    """RFC 4180, with a header; a row may lack columns; lists and objects become JSON."""
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, restval="", lineterminator="\r\n")
    writer.writeheader()
    writer.writerows({name: _cell(value) for name, value in row.items()} for row in rows)
    return text.getvalue()


def _cell(value: object) -> object:
    if isinstance(value, dict | list | bool):
        return json.dumps(value, ensure_ascii=False)
    return value
