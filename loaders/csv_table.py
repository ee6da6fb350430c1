"""A table from a delimited text file, every value checked, every complaint with its file, line and field."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from loaders.report import LoadError
from loaders.text_files import decoded, ends_open, shortened
from twin.components import TEXT, among

FIRST_DATA_LINE = 2


class CsvTable:
    """One file, its columns as text; `null` and the empty text mean not given."""

    def __init__(self, path: Path, required: Sequence[str], *, separator: str = ";", null: str = "NULL") -> None:
        """Raises LoadError for a file that is missing, unreadable or lacks a required column."""
        self.path = path
        self.null = null
        if not path.is_file():
            raise LoadError(f"{path} is missing; this format needs it")
        data = path.read_bytes()
        self.ends_open = ends_open(data)
        """Whether its last line has no end, as where a file was cut off."""
        text = io.StringIO(decoded(data, str(path)))
        try:
            frame = pd.read_csv(text, sep=separator, dtype=str, keep_default_na=False, skip_blank_lines=False)
        except pd.errors.EmptyDataError as error:
            raise LoadError(f"{path} line 1: the names of columns, separated by {separator!r}, are needed") from error
        except pd.errors.ParserError as error:
            what = " ".join(str(error).split())
            raise LoadError(f"{path} cannot be read as text separated by {separator!r}: {what}") from error
        self._frame, self._lines = _whole_rows(frame, path)
        for column in required:
            self._check_column(column)

    def __len__(self) -> int:
        return len(self._frame)

    def raw(self, column: str) -> NDArray[Any]:
        """object (rows,): the text as it stands, `null` as the empty text. Raises LoadError for no such column."""
        self._check_column(column)
        values: NDArray[Any] = self._frame[column].to_numpy(dtype=object)
        return np.where(values == self.null, "", values)

    def _check_column(self, column: str) -> None:
        if column not in self._frame.columns:
            has = shortened(", ".join(self._frame.columns))
            raise LoadError(f"{self.path} line 1 has no column {column!r}; it has {has}")

    def text(self, column: str) -> NDArray[Any]:
        """StringDType (rows,)."""
        return self.raw(column).astype(TEXT)

    def rows_with(self, column: str, value: str) -> list[int]:
        """Rows that hold a value."""
        return np.flatnonzero(self.raw(column) == value).tolist()

    def line(self, row: int) -> int:
        """Line of the file that a row stands in, the header being line 1."""
        return int(self._lines[row])

    def fail(self, row: int, column: str, what: str) -> LoadError:
        """The error for one value; raise it."""
        return LoadError.at(self.path, self.line(row), column, shortened(self._frame[column].iloc[row]), what)

    def ids(self, column: str = "id") -> NDArray[Any]:
        """Text that must be there and differ from row to row."""
        values = pd.Series(self.raw(column))
        empty = (values == "").to_numpy()
        if empty.any():
            raise self.fail(int(np.argmax(empty)), column, "an id is needed")
        twice = values.duplicated().to_numpy()
        if twice.any():
            row = int(np.argmax(twice))
            first = self.line(int(np.argmax((values == values[row]).to_numpy())))
            raise self.fail(row, column, f"the same id stands in line {first}; ids must differ")
        return self.text(column)

    def numbers(self, column: str, *, needed: bool = True) -> NDArray[np.float64]:
        """float64 (rows,): finite numbers, NaN where not given and not needed."""
        values = self.raw(column)
        given = values != ""
        numbers = pd.to_numeric(pd.Series(values), errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan).copy()
        wrong = ~np.isfinite(numbers) & (given | needed)
        if wrong.any():
            raise self.fail(int(np.argmax(wrong)), column, "a finite number is needed")
        return numbers

    def within(self, column: str, low: float, high: float, hint: str, *, needed: bool = True) -> NDArray[np.float64]:
        """Numbers inside limits, inclusive."""
        numbers = self.numbers(column, needed=needed)
        wrong = (numbers < low) | (numbers > high)
        if wrong.any():
            raise self.fail(int(np.argmax(wrong)), column, f"it must lie in {low:g} … {high:g}; {hint}")
        return numbers

    def choices(self, column: str, allowed: Sequence[str]) -> NDArray[Any]:
        """Text that is one of the allowed values."""
        values = self.text(column)
        wrong = ~among(values, allowed)
        if wrong.any():
            raise self.fail(int(np.argmax(wrong)), column, f"it must be one of {', '.join(allowed)}")
        return values

    def rows_of(self, column: str, target: CsvTable, *, key: str = "id", needed: bool = True) -> NDArray[np.int32]:
        """int32 (rows,): row of the target table that each value names, -1 where not given and not needed."""
        values = pd.Series(self.raw(column))
        index = pd.Index(target.raw(key))
        if not index.is_unique:
            target.ids(key)  # says which is there twice, or is missing
        rows = index.get_indexer(values)
        wrong = (rows < 0) & (needed | (values != "").to_numpy())
        if wrong.any():
            what = f"no row of {target.path.name} has that {key}"
            raise self.fail(int(np.argmax(wrong)), column, what)
        return rows.astype(np.int32)


def _whole_rows(frame: pd.DataFrame, path: Path) -> tuple[pd.DataFrame, NDArray[np.intp]]:
    """The rows that are not blank, and their lines; a value that a short line lacks is one not given."""
    if not isinstance(frame.index, pd.RangeIndex):  # pandas takes what is too much for row labels
        has = len(frame.columns)
        raise LoadError(f"{path} line {FIRST_DATA_LINE} has more values than the {has} columns of its header")
    blank = (frame.to_numpy(dtype=object) == "").all(axis=1)
    return frame.loc[~blank].reset_index(drop=True), np.flatnonzero(~blank) + FIRST_DATA_LINE
