"""What is kept of each object of a CIM model: columns of numbers and text, an object's identity as 64 bits."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from loaders.cim_schema import Group, Kind
from loaders.report import LoadError
from twin.components import TEXT

LookUp = Callable[[int, int, int], str]
"""The text of an id or reference, by file, line of the object, and key."""

CHUNK = 65_536

_CODES: dict[Kind, tuple[str, Any]] = {
    "reference": ("q", 0),
    "real": ("d", float("nan")),
    "whole": ("d", float("nan")),
    "flag": ("b", -1),
    "phases": ("B", 0),
}


def key_of(name: str) -> int:
    """Of an object by its plain id; 0 for none. Two of ten million ids share one once in 300,000 models."""
    return hash(name)


def plain_id(reference: str) -> str:
    """`#_x`, `_x`, `urn:uuid:x` and `http://…#_x` are all `x`."""
    return plain_mrid(reference.rpartition("#")[2])


def plain_mrid(name: str) -> str:
    """`_x` and `urn:uuid:x` are both `x`."""
    return name.removeprefix("urn:uuid:").removeprefix("_")


class TextColumn:
    """Text that is packed as it comes."""

    def __init__(self) -> None:
        self._chunks: list[NDArray[Any]] = []
        self._pending: list[str] = []

    def append(self, text: str) -> None:
        self._pending.append(text)
        if len(self._pending) == CHUNK:
            self._pack()

    def _pack(self) -> None:
        self._chunks.append(np.array(self._pending, dtype=TEXT))
        self._pending = []

    def packed(self) -> NDArray[Any]:
        """StringDType (rows,)."""
        self._pack()
        packed = np.concatenate(self._chunks)
        self._chunks = []
        return packed


class Filling:
    """The objects of a group while they are read."""

    def __init__(self, group: Group) -> None:
        self.group = group
        kinds: dict[str, Kind] = {known.column: known.kind for known in group.properties.values()}
        self._kinds = kinds
        self._columns: list[tuple[str, Any, Any]] = []
        self._arrays: dict[str, Any] = {}
        for name, kind in self._kinds.items():
            code, default = _CODES.get(kind, ("", ""))
            column: Any = array(code) if code else TextColumn()
            self._arrays[name] = column
            self._columns.append((name, column.append, default))
        self._key, self._class, self._file, self._line = array("q"), array("B"), array("H"), array("I")
        self._code = {name: at for at, name in enumerate(group.classes)}

    def add(self, class_name: str, name: str, file: int, line: int, values: Mapping[str, Any]) -> None:
        """An object by its plain id, with those of its values that are given."""
        self._key.append(key_of(name))
        self._class.append(self._code[class_name])
        self._file.append(file)
        self._line.append(line)
        for column, append, default in self._columns:
            append(values.get(column, default))

    def done(self, shown: list[str], look_up: LookUp) -> Objects:
        """The objects, those of one id in several files as one. Raises LoadError for an id used twice in one."""
        columns = {
            name: column.packed() if isinstance(column, TextColumn) else np.array(column)
            for name, column in self._arrays.items()
        }
        columns |= {"key": np.array(self._key), "class": np.array(self._class)}
        columns |= {"file": np.array(self._file), "line": np.array(self._line)}
        return Objects(self.group, _merged(self.group, columns, self._kinds, shown, look_up), shown, look_up)


def _merged(
    group: Group,
    columns: dict[str, NDArray[Any]],
    kinds: Mapping[str, Kind],
    shown: list[str],
    look_up: LookUp,
) -> dict[str, NDArray[Any]]:
    """One row an object, in the order they were met first; what a later file says of one replaces what was said."""
    keys, first, inverse = np.unique(columns["key"], return_index=True, return_inverse=True)
    if len(keys) == len(columns["key"]):
        return columns
    _check_repeats(group, columns, inverse, first, shown, look_up)
    order = np.argsort(first)
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    target = place[inverse]
    merged = {name: columns[name][first[order]] for name in ("key", "class", "file", "line")}
    for name, kind in kinds.items():
        values = columns[name]
        given = values != "" if kind in ("text", "crs") else _given(values, kind)
        merged[name] = values[first[order]]
        merged[name][target[given]] = values[given]
    return merged


def _given(values: NDArray[Any], kind: Kind) -> NDArray[np.bool_]:
    if kind in ("real", "whole"):
        return ~np.isnan(values)
    return values >= 0 if kind == "flag" else values != 0


def _check_repeats(
    group: Group,
    columns: dict[str, NDArray[Any]],
    inverse: NDArray[np.int64],
    first: NDArray[np.int64],
    shown: list[str],
    look_up: LookUp,
) -> None:
    file, line = columns["file"], columns["line"]
    order = np.lexsort((np.arange(len(inverse)), file, inverse))
    same = (inverse[order][1:] == inverse[order][:-1]) & (file[order][1:] == file[order][:-1])
    other = columns["class"] != columns["class"][first][inverse]
    if same.any():
        at = int(np.argmax(same))
        earlier, row = int(order[at]), int(order[at + 1])
    elif other.any():
        row = int(np.argmax(other))
        earlier = int(first[inverse[row]])
    else:
        return
    name = look_up(int(file[row]), int(line[row]), int(columns["key"][row]))
    raise LoadError(
        f"{shown[file[row]]} line {line[row]}: rdf:ID is {name!r}; "
        f"{group.classes[columns['class'][earlier]]} in line {line[earlier]} of {shown[file[earlier]]} has it already"
    )


class Objects:
    """All objects of a group, by column; 0, NaN, -1 or empty text where a value is not given."""

    def __init__(
        self,
        group: Group,
        columns: dict[str, NDArray[Any]],
        shown: list[str],
        look_up: LookUp,
    ) -> None:
        self.group, self._columns, self._shown, self._look_up = group, columns, shown, look_up
        self._order = np.argsort(columns["key"])
        self._sorted = columns["key"][self._order]

    def __len__(self) -> int:
        return len(self._sorted)

    def __getitem__(self, name: str) -> NDArray[Any]:
        return self._columns[name]

    def of_class(self, *names: str) -> NDArray[np.bool_]:
        """bool (rows,): it is of one of these classes."""
        codes = [self.group.classes.index(name) for name in names]
        return np.isin(self["class"], codes)

    def class_names(self) -> NDArray[Any]:
        """StringDType (rows,)."""
        return np.array(self.group.classes, dtype=TEXT)[self["class"]]

    def find(self, keys: NDArray[np.int64]) -> NDArray[np.int64]:
        """int64: the row of each key, -1 for one that is none of these."""
        if len(self) == 0:
            return np.full(len(keys), -1)
        at = np.minimum(np.searchsorted(self._sorted, keys), len(self) - 1)
        return np.where(self._sorted[at] == keys, self._order[at], -1)

    def scaled(self, column: str, unit: float, high: float) -> NDArray[np.float64]:
        """float64 (rows,): in SI units, given how much one of the model's units is. Raises LoadError above a limit."""
        values: NDArray[np.float64] = self[column] * unit
        wrong = values > high
        if wrong.any():
            row = int(np.argmax(wrong))
            raise self.fail(row, column, f"it must lie in 0 … {high / unit:g}", float(self[column][row]))
        return values

    def fail(self, row: int, column: str, what: str, value: object = None) -> LoadError:
        """The error for one value; raise it. A reference is looked up in its file."""
        class_name = self.group.classes[self["class"][row]]
        file, line = int(self["file"][row]), int(self["line"][row])
        names = [name for name, known in self.group.properties.items() if known.column == column]
        own = [name for name in names if name.startswith(class_name)]
        if value is None and self["key"].dtype == self[column].dtype and self[column][row]:
            value = self._look_up(file, line, int(self[column][row]))
        name = self._look_up(file, line, int(self["key"][row]))
        if column == "key":
            return LoadError(f"{self._shown[file]} line {line}: {class_name}: rdf:ID is {name!r}; {what}")
        said = f"{(own or names)[0]} is {value!r}" if value is not None else f"{(own or names)[0]} is not given"
        return LoadError(f"{self._shown[file]} line {line}: {class_name} {name}: {said}; {what}")
