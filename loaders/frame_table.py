"""A table from a data frame, every value checked, every complaint with its source, table, row and field."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any, TypeGuard

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from loaders.report import LoadError
from twin.components import TEXT

SHOWN = 80
"""Characters of a value that a complaint repeats."""

_FLAGS = {True: True, False: False}  # 1, 0, 1.0 and NumPy's own are equal to these, and hash alike


def is_number(value: object) -> TypeGuard[float]:
    """Whether a value is a finite number, and not true or false."""
    if isinstance(value, bool | np.bool_) or not isinstance(value, int | float | np.integer | np.floating):
        return False
    return bool(np.isfinite(value))


def _with_none(values: NDArray[Any]) -> NDArray[Any]:
    """The same values, None for those that say in pandas' ways that they are not given."""
    given = values.copy()
    for at, value in enumerate(values):
        if value is pd.NA or value is pd.NaT or (isinstance(value, float | np.floating) and np.isnan(value)):
            given[at] = None
    return given


class FrameTable:
    """One table of a source; its rows go by whole numbers, and the text of an mrid is `{table} {row}`."""

    def __init__(self, source: str, name: str, frame: pd.DataFrame) -> None:
        """Raises LoadError where rows go by anything but whole numbers, each once."""
        self.source, self.name, self._frame = source, name, frame
        self._raw: dict[str, NDArray[Any]] = {}
        index = frame.index.to_numpy(dtype=object)
        self.rows = self._whole(index, np.ones(len(index), np.bool_), lambda row: f"its rows are named {index[row]!r}")
        twice = pd.Index(self.rows).duplicated()
        if twice.any():
            raise LoadError(f"{source} table {name}: two rows are named {self.rows[int(np.argmax(twice))]}")
        self._index = pd.Index(self.rows)

    def __len__(self) -> int:
        return len(self._frame)

    def __contains__(self, column: str) -> bool:
        return column in self._frame.columns

    @property
    def columns(self) -> list[str]:
        """Names of the columns."""
        return [str(column) for column in self._frame.columns]

    @cached_property
    def mrids(self) -> NDArray[Any]:
        """StringDType (rows,): `line 7`."""
        return np.array([f"{self.name} {row}" for row in self.rows.tolist()], dtype=TEXT)

    @cached_property
    def names(self) -> NDArray[Any]:
        """StringDType (rows,): the column `name`, the mrid where it is not given."""
        given = self.text("name")
        return np.where(given == "", self.mrids, given) if len(self) else given

    def fail(self, at: int, column: str, what: str) -> LoadError:
        """The error for one value; raise it."""
        value = self._frame[column].iloc[at]
        shown = repr(value.item() if isinstance(value, np.generic) else value)
        if len(shown) > SHOWN:
            shown = f"{shown[:SHOWN]}…"
        return LoadError(f"{self.source} table {self.name} row {self.rows[at]}: {column} is {shown}; {what}")

    def raw(self, column: str, *, needed: bool = True) -> NDArray[Any]:
        """object (rows,): values as they stand, None where not given; all None for a column left out."""
        if column not in self._frame.columns:
            if needed and len(self):
                has = ", ".join(self.columns)
                raise LoadError(f"{self.source} table {self.name} has no column {column!r}; it has {has}")
            return np.full(len(self), None, dtype=object)
        if column not in self._raw:
            selected = self._frame[column]
            if isinstance(selected, pd.DataFrame):
                raise LoadError(f"{self.source} table {self.name} has more than one column {column!r}")
            self._raw[column] = _with_none(selected.to_numpy(dtype=object))
        return self._raw[column]

    def text(self, column: str) -> NDArray[Any]:
        """StringDType (rows,): empty where not given, or for a column left out."""
        values = self.raw(column, needed=False)
        return np.array(["" if value is None else str(value) for value in values], dtype=TEXT)

    def flags(self, column: str, *, default: bool | None = None) -> NDArray[np.bool_]:
        """bool (rows,): true or false; `default` for a column left out, which otherwise is an error."""
        if default is not None and column not in self:
            return np.full(len(self), default, dtype=np.bool_)
        values = self.raw(column)
        for at, value in enumerate(values):
            if not isinstance(value, bool | int | float | np.bool_ | np.number) or value not in _FLAGS:
                raise self.fail(at, column, "it must be true or false")
        return values.astype(np.bool_)

    def numbers(
        self, column: str, low: float = -np.inf, high: float = np.inf, hint: str = "", *, needed: bool = True
    ) -> NDArray[np.float64]:
        """float64 (rows,): finite numbers within limits, inclusive; NaN where not given and not needed."""
        values = self.raw(column, needed=needed)
        numbers = np.full(len(self), np.nan)
        for at, value in enumerate(values):
            if value is None and not needed:
                continue
            if not is_number(value):
                raise self.fail(at, column, "a finite number is needed")
            if not low <= value <= high:
                raise self.fail(at, column, f"it must lie in {low:g} … {high:g}; {hint}")
            numbers[at] = value
        return numbers

    def choices(self, column: str, allowed: Sequence[str]) -> list[str]:
        """Text that is one of the allowed values."""
        values = self.raw(column)
        for at, value in enumerate(values):
            if value not in allowed:
                raise self.fail(at, column, f"it must be one of {', '.join(allowed)}")
        return [str(value) for value in values]

    def places_of(self, column: str, target: FrameTable, chosen: NDArray[np.bool_] | None = None) -> NDArray[np.int32]:
        """int32 (rows,): position in the target table of the row that each value names.

        chosen: which rows are asked, bool (rows,); the others get -1.
        """
        values = self.raw(column)
        asked = np.ones(len(self), np.bool_) if chosen is None else chosen
        named = self._whole(values, asked, lambda at: self._not_whole(at, column, target))
        found = target._index.get_indexer(pd.Index(named))
        wrong = asked & (found < 0)
        if wrong.any():
            raise self.fail(int(np.argmax(wrong)), column, f"table {target.name} has no such row")
        return np.where(asked, found, -1).astype(np.int32)

    def _not_whole(self, at: int, column: str, target: FrameTable) -> str:
        return f"{column} is {self.raw(column)[at]!r} in row {self.rows[at]}; it must name a row of table {target.name}"

    def _whole(
        self, values: NDArray[Any], asked: NDArray[np.bool_], complaint: Callable[[int], str]
    ) -> NDArray[np.int64]:
        """Whole numbers, 7.0 and "7" too; -1 where not asked."""
        whole = np.full(len(values), -1, dtype=np.int64)
        for at in np.flatnonzero(asked).tolist():
            value = values[at]
            if isinstance(value, str) and value.isdecimal():
                value = int(value)
            if not is_number(value) or value != int(value):
                raise LoadError(f"{self.source} table {self.name}: {complaint(at)}; whole numbers are needed")
            whole[at] = int(value)
        return whole
