"""The rows of one mapped layer as columns of its class, every value checked and every complaint with its place."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from loaders.layers_mapping import FLAG_TEXTS, FieldMap, LayerMap, as_text
from loaders.layers_source import Layer
from loaders.report import LoadError, LoadReport
from twin.components import TEXT, Field
from twin.extras import REPEATED_ID
from twin.phases import ABC, PhaseError, code_to_mask

SHOWN = 80
"""Characters of a value that a complaint repeats."""


def is_blank(value: object) -> bool:
    """Whether a value is not given: null, not a number, or blanks only."""
    if isinstance(value, str):
        return not value.strip()
    return value is None or (isinstance(value, float | np.floating) and bool(np.isnan(value)))


class MappedLayer:
    """One entry of a mapping with its rows, those left out by `where` gone."""

    def __init__(self, entry: LayerMap, layer: Layer, report: LoadReport) -> None:
        self.entry, self.layer = entry, layer
        chosen = self._chosen()
        report.use(entry.entry, len(chosen), int(chosen.sum()))
        report.skip(
            entry.entry,
            "the mapping's `where` leaves them out: "
            + ", ".join(f"{column} is none of {', '.join(values)}" for column, values in entry.where.items()),
            [f"feature {fid}" for fid in layer.fids[~chosen].tolist()],
        )
        self.fids = layer.fids[chosen]
        self._columns = {name: _plain(column[chosen]) for name, column in layer.columns.items()}
        self.shapes = self._shapes(chosen)
        self._report = report
        self.repeated: NDArray[Any] = np.full(len(self), "", dtype=TEXT)
        """The id of each row, where another row has it too; filled by `ids`."""

    def __len__(self) -> int:
        return len(self.fids)

    def __contains__(self, name: str) -> bool:
        return name in self.entry.fields

    def fail(self, row: int, name: str, value: object, what: str) -> LoadError:
        """The error for one value of a field; raise it."""
        column = self.entry.fields[name].column if name in self.entry.fields else name
        shown = repr(value)
        shown = shown if len(shown) <= SHOWN else f"{shown[:SHOWN]}…"
        where = f"{self.layer.file} layer {self.layer.name} feature {self.fids[row]}"
        return LoadError(f"{where}: {column or name} is {shown}, for {self.entry.entry}.{name}; {what}")

    def ids(self) -> list[str]:
        """The id of each row as the source writes it; its feature's number where the mapping names none.

        Raises LoadError for an id not given, or given twice.
        """
        if "mrid" not in self:
            return [f"{self.entry.entry} {fid}" for fid in self.fids.tolist()]
        seen: dict[str, int] = {}
        ids, texts = [], []
        for row, value in enumerate(self.values("mrid")):
            if is_blank(value):
                raise self.fail(row, "mrid", value, "an id is needed")
            text = as_text(value)
            seen[text] = seen.get(text, 0) + 1
            if seen[text] > 1 and not self.entry.repeated_ids:
                raise self.fail(row, "mrid", text, "another feature of the layer has the same id")
            ids.append(text if seen[text] == 1 else f"{text} ({seen[text]})")
            texts.append(text)
        self.repeated = np.array([text if seen[text] > 1 else "" for text in texts], dtype=TEXT)
        repeated = sum(count - 1 for count in seen.values())
        if repeated:
            self._report.notes.append(f"{self.entry.entry}: {repeated} ids repeat; the later ones are numbered, as (2)")
        return ids

    def values(self, name: str) -> list[Any]:
        """Values of a field, replaced as the mapping says; None where not given."""
        field = self.entry.fields[name]
        if field.column is None:
            return [field.value] * len(self)
        return [self._value(field, name, row, value) for row, value in enumerate(self._columns[field.column])]

    def texts(self, name: str) -> list[str]:
        """Text of a field; empty where not given, or not mapped."""
        if name not in self:
            return [""] * len(self)
        return ["" if is_blank(value) else as_text(value) for value in self.values(name)]

    def reals(self, name: str, low: float = -np.inf, high: float = np.inf) -> NDArray[np.float64]:
        """float64 (rows,): scaled numbers within limits, inclusive; NaN where not given, or not mapped."""
        if name not in self:
            return np.full(len(self), np.nan)
        scale = self.entry.fields[name].scale
        found = np.full(len(self), np.nan)
        for row, value in enumerate(self.values(name)):
            if is_blank(value):
                continue
            number = _number(value)
            if number is None:
                raise self.fail(row, name, value, "a finite number is needed")
            if not low <= number * scale <= high:
                raise self.fail(row, name, value, f"scaled by {scale:g} it must lie in {low:g} … {high:g}")
            found[row] = number * scale
        return found

    def column(self, field: Field, whole: NDArray[Any] | None = None) -> NDArray[Any]:
        """A column of the class by its declaration. whole: what true stands for in a column of phases (rows,)."""
        if field.kind == "text":
            return np.array(self.texts(field.name), dtype=TEXT)
        if field.kind in ("real", "count"):
            numbers = self.reals(field.name, field.low, field.high)
            if field.kind == "real":
                return numbers
            for row in np.flatnonzero(numbers != np.round(numbers)).tolist():
                if not np.isnan(numbers[row]):
                    raise self.fail(row, field.name, numbers[row], "a whole number is needed")
            assert isinstance(field.default, int)
            return np.where(np.isnan(numbers), field.default, numbers).astype(np.int32)
        if field.kind == "flag":
            return np.array(
                [self._flag(field, row, value) for row, value in enumerate(self.values(field.name))], np.bool_
            )
        all_phases = np.full(len(self), ABC) if whole is None else whole
        return np.array(
            [
                self._phases(field, row, value, int(all_phases[row]))
                for row, value in enumerate(self.values(field.name))
            ],
            dtype=np.uint8,
        )

    def kept(self) -> dict[str, NDArray[Any]]:
        """Extra columns (rows,) by name, after `ids`: as they are, or sums, NaN where one of them is not given."""
        kept = {
            name: self._as_it_is(given)
            if isinstance(given, str)
            else np.sum([self._numbers(column) for column in given], axis=0)
            for name, given in self.entry.keep.items()
        }
        return kept | ({REPEATED_ID: self.repeated} if (self.repeated != "").any() else {})

    def _as_it_is(self, column: str) -> NDArray[Any]:
        given = self._columns[column]
        if all(is_blank(value) or (_number(value) is not None and not isinstance(value, str)) for value in given):
            return self._numbers(column)
        return np.array(["" if is_blank(value) else as_text(value) for value in given], dtype=TEXT)

    def _value(self, field: FieldMap, name: str, row: int, value: Any) -> Any:
        if is_blank(value):
            return field.default
        if field.values is None:
            return value
        text = as_text(value)
        if text in field.values:
            return field.values[text]
        if field.other is None:
            raise self.fail(row, name, value, f"the mapping's values are {', '.join(field.values)}; add it, or `other`")
        return field.other

    def _flag(self, field: Field, row: int, value: Any) -> bool:
        if is_blank(value):
            return bool(field.default)
        if as_text(value).lower() not in FLAG_TEXTS:
            raise self.fail(row, field.name, value, f"one of {', '.join(FLAG_TEXTS)} is needed; see `values`")
        return FLAG_TEXTS[as_text(value).lower()]

    def _phases(self, field: Field, row: int, value: Any, whole: int) -> int:
        """Letters; true and false for all of them and none, where none is allowed."""
        if field.low == 0 and value == "":
            return 0
        if is_blank(value):
            assert isinstance(field.default, int)
            return field.default
        text = as_text(value)
        if field.low == 0 and text.lower() in FLAG_TEXTS:
            return whole if FLAG_TEXTS[text.lower()] else 0
        try:
            return code_to_mask(text.upper())
        except PhaseError as error:
            raise self.fail(row, field.name, value, f"{error}; see `values`") from error

    def _chosen(self) -> NDArray[np.bool_]:
        chosen = np.ones(len(self.layer.fids), dtype=np.bool_)
        for column, values in self.entry.where.items():
            texts = ["" if is_blank(value) else as_text(value) for value in _plain(self.layer.columns[column])]
            chosen &= np.array([text in values for text in texts], dtype=np.bool_)
        return chosen

    def _shapes(self, chosen: NDArray[np.bool_]) -> NDArray[Any] | None:
        """Shapes as they are stored; from columns where the mapping says so."""
        if self.entry.lnglat is not None:
            lng, lat = (self._numbers(column) for column in self.entry.lnglat)
            known = ~(np.isnan(lng) | np.isnan(lat))
            shapes = np.full(len(self.fids), None, dtype=object)
            shapes[known] = shapely.points(lng[known], lat[known])
            return shapes
        if self.entry.wkt is not None:
            column = self.entry.wkt
            texts = [None if is_blank(value) else str(value) for value in self._columns[column]]
            shapes = np.asarray(shapely.from_wkt(np.array(texts, dtype=object), on_invalid="ignore"), dtype=object)
            for row, text in enumerate(texts):
                if text is not None and shapes[row] is None:
                    raise self.fail(row, column, text, "a shape in WKT is needed, such as POINT (9.1 52.3)")
            return shapes
        return None if self.layer.shapes is None else self.layer.shapes[chosen]

    def _numbers(self, column: str) -> NDArray[np.float64]:
        """float64 (rows,): a column outside the fields; NaN where not given."""
        found = np.full(len(self.fids), np.nan)
        for row, value in enumerate(self._columns[column]):
            number = _number(value)
            if number is not None:
                found[row] = number
            elif not is_blank(value):
                raise self.fail(row, column, value, "a finite number is needed")
        return found


@dataclass(frozen=True, slots=True)
class References:
    """Finds rows by the ids of their source."""

    kind: str
    rows: Mapping[str, int]

    def of(self, layer: MappedLayer, name: str, *, needed: bool = False) -> NDArray[np.int32]:
        """int32 (rows,): the row that each value names, -1 where not given; raises LoadError for one not there."""
        found = np.full(len(layer), -1, dtype=np.int32)
        for row, text in enumerate(layer.texts(name)):
            if text in self.rows:
                found[row] = self.rows[text]
            elif text or needed:
                raise layer.fail(row, name, text, f"no mapped {self.kind} has this id")
        return found


def _number(value: object) -> float | None:
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return None
    return number if np.isfinite(number) and not isinstance(value, bool | np.bool_) else None


def _plain(column: NDArray[Any]) -> list[Any]:
    """Python's own values."""
    convert: Callable[[], list[Any]] = column.tolist
    return convert()
