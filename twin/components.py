"""One column table a CIM class: what each column holds, in which unit, and what is a valid value."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from copy import copy
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from twin.extras import ExtraError, Extras, extras_of
from twin.texts import Texts

Kind = Literal["text", "row", "phases", "flag", "count", "real"]

TEXT = np.dtypes.StringDType()
_DTYPES: dict[Kind, np.dtype[Any] | np.dtypes.StringDType] = {
    "text": TEXT,
    "row": np.dtype(np.int32),
    "phases": np.dtype(np.uint8),
    "flag": np.dtype(np.bool_),
    "count": np.dtype(np.int32),
    "real": np.dtype(np.float64),
}
_WHOLE: tuple[Kind, ...] = ("row", "phases")
"""Kinds that are always kept value by value: compiled loops read them."""


class TableError(ValueError):
    """A column that breaks its declaration; names class, column, row and value."""


@dataclass(frozen=True, slots=True)
class Field:
    """One column.

    kind: `text`; `row` (a row of another table, -1 for none); `phases` (bitmask A=1 B=2 C=4 N=8);
    `flag`; `count` (whole number); `real` (NaN where not known).
    default: the value of a column left out; None where the column must be given.
    low, high: limits, inclusive, on values that are known.
    """

    name: str
    kind: Kind
    doc: str
    unit: str = ""
    default: str | float | bool | None = None
    low: float = -np.inf
    high: float = np.inf


@dataclass(frozen=True, slots=True)
class Component:
    """A CIM class: its name, the table and layer it is kept in, and its columns."""

    name: str
    table: str
    fields: tuple[Field, ...]

    def field(self, name: str) -> Field:
        """The declaration of one column; KeyError for a name that is not declared."""
        for declared in self.fields:
            if declared.name == name:
                return declared
        raise KeyError(f"{self.name} has no column {name!r}")


_IDENTIFIED = (
    Field("mrid", "text", "master resource id, unique in the network"),
    Field("name", "text", "name for people", default=""),
)
_PHASES = Field("phases", "phases", "phases present", default=7, low=1, high=15)
_IN_SERVICE = Field("in_service", "flag", "false: out of service, conducts nothing", default=True)
_NODE = Field("node", "row", "its connectivity node", low=0)
_BRANCH = (
    *_IDENTIFIED,
    Field("node1", "row", "connectivity node of terminal 1", low=0),
    Field("node2", "row", "connectivity node of terminal 2", low=0),
    _PHASES,
    _IN_SERVICE,
    Field("circuit", "text", "circuit named by the source, kept for naming feeders", default=""),
)

CONNECTIVITY_NODE = Component(
    "ConnectivityNode",
    "nodes",
    (
        *_IDENTIFIED,
        Field("lng", "real", "longitude, EPSG:4326", "degree", np.nan, -180, 180),
        Field("lat", "real", "latitude, EPSG:4326", "degree", np.nan, -90, 90),
        Field("nominal_voltage_v", "real", "line-to-line voltage", "V", np.nan, 0, 2e6),
        Field("busbar", "flag", "a busbar section of a substation or station", default=False),
        Field("substation", "row", "substation that contains it", default=-1, low=-1),
    ),
)
AC_LINE_SEGMENT = Component(
    "AcLineSegment",
    "lines",
    (
        *_BRANCH,
        Field("length_m", "real", "length along the line", "m", np.nan, 0, 1e7),
        Field("rated_current_a", "real", "thermal limit", "A", np.nan, 0, 1e6),
    ),
)
SWITCH = Component(
    "Switch",
    "switches",
    (
        *_BRANCH,
        Field("kind", "text", "CIM class: Breaker, LoadBreakSwitch, Disconnector, Fuse, …", default="Switch"),
        Field("normal_open", "phases", "phases that are open in the normal state", default=0, low=0, high=15),
        Field("locked", "flag", "may not be operated", default=False),
        Field("rated_current_a", "real", "rated current", "A", np.nan, 0, 1e6),
    ),
)
POWER_TRANSFORMER = Component(
    "PowerTransformer",
    "transformers",
    (
        *_BRANCH,
        Field("rated_power_va", "real", "rated apparent power", "VA", np.nan, 0, 1e11),
        Field("substation", "row", "substation that contains it", default=-1, low=-1),
    ),
)
ENERGY_SOURCE = Component("EnergySource", "sources", (*_IDENTIFIED, _NODE, _PHASES, _IN_SERVICE))
ENERGY_CONSUMER = Component(
    "EnergyConsumer",
    "consumers",
    (
        *_IDENTIFIED,
        _NODE,
        _PHASES,
        Field("p_w", "real", "active power, drawn", "W", np.nan),
        Field("q_var", "real", "reactive power, drawn", "var", np.nan),
        Field("customer_count", "count", "customers behind it; -1 where not given", default=-1, low=-1),
        Field("equivalent", "flag", "stands for a network modelled elsewhere: no customers", default=False),
    ),
)
USAGE_POINT = Component(
    "UsagePoint",
    "usage_points",
    (*_IDENTIFIED, Field("consumer", "row", "the energy consumer it belongs to", low=0)),
)
SUBSTATION = Component("Substation", "substations", _IDENTIFIED)
FEEDER = Component(
    "Feeder",
    "feeders",
    (
        *_IDENTIFIED,
        Field("head_mrid", "text", "equipment at its head"),
        Field("head_node", "row", "connectivity node on the head's load side", low=0),
        Field("substation", "row", "substation that it leaves, -1 where not known", default=-1, low=-1),
    ),
)

COMPONENTS = (
    CONNECTIVITY_NODE,
    AC_LINE_SEGMENT,
    SWITCH,
    POWER_TRANSFORMER,
    ENERGY_SOURCE,
    ENERGY_CONSUMER,
    USAGE_POINT,
    SUBSTATION,
    FEEDER,
)
BRANCH_COMPONENTS = (AC_LINE_SEGMENT, SWITCH, POWER_TRANSFORMER)
LINE, SWITCH_BRANCH, TRANSFORMER = range(len(BRANCH_COMPONENTS))
"""Codes of branch classes: the position in BRANCH_COMPONENTS."""


class Table:
    """Columns of equal length, one row an element; columns are NumPy arrays and never change.

    A column of texts, flags or numbers whose values are all the same keeps that one value, repeated by a stride of 0;
    texts of a network that are not are `Texts`, which are read like an array.
    `extras` are columns that the class does not declare, by name: what a source says beyond the model.
    """

    __slots__ = ("_columns", "component", "extras")

    def __init__(
        self, component: Component, columns: Mapping[str, object], extras: Mapping[str, object] | None = None
    ) -> None:
        """Fills columns left out with their defaults and checks every value against its declaration.

        Raises TableError naming class, column, row (0-based), value and limit.
        """
        unknown = set(columns) - {declared.name for declared in component.fields}
        if unknown:
            raise TableError(f"{component.name} has no column {sorted(unknown)[0]!r}")
        self.component = component
        length = _length(component, columns)
        self._columns: dict[str, Any] = {}  # arrays, and Texts, which are read like them
        for declared in component.fields:
            given = columns.get(declared.name)
            if isinstance(given, Texts) and declared.kind == "text":
                _check_mrids(component, declared, given)
                self._columns[declared.name] = given
                continue
            column = _column(component, declared, given, length)
            column.flags.writeable = False
            self._columns[declared.name] = column
        try:
            self.extras: Extras = extras_of(extras or {}, length, list(self._columns))
        except ExtraError as error:
            raise TableError(f"{component.name}: {error}") from error

    def __len__(self) -> int:
        return len(self._columns["mrid"])

    def __getitem__(self, name: str) -> NDArray[Any]:
        column: NDArray[Any] = self._columns[name]
        return column

    def __iter__(self) -> Iterator[str]:
        return iter(self._columns)

    def take(self, rows: NDArray[np.integer[Any]], **replaced: NDArray[Any]) -> Table:
        """The given rows, in that order; `replaced` columns are taken as they are."""
        columns = {name: _taken(column, rows) for name, column in self._columns.items() if name not in replaced}
        extras = {name: column[rows] for name, column in self.extras.items()}
        return Table(self.component, {**columns, **replaced}, extras)

    def with_places(self, lnglat: NDArray[np.float64]) -> Table:
        """The same nodes, their lng and lat read from float64 (rows, 2), which holds the same numbers."""
        table = copy(self)
        table._columns = {**self._columns, "lng": lnglat[:, 0], "lat": lnglat[:, 1]}
        return table

    def compact(self) -> Table:
        """The same rows, `mrid` and `name` in as few bytes as they need."""
        table = copy(self)
        texts = {name: self._columns[name] for name in ("mrid", "name")}
        table._columns = {
            **self._columns,
            **{name: column if is_constant(column) else Texts.of(column) for name, column in texts.items()},
        }
        return table

    def with_extras(self, **more: NDArray[Any]) -> Table:
        """The same rows with more extra columns."""
        return Table(self.component, self._columns, {**self.extras, **more})

    def record(self, row: int) -> dict[str, str | int | float | bool | None]:
        """One row as plain Python values; None where a number is not known."""
        return {name: _plain(column[row]) for name, column in self._columns.items()}


def among(column: NDArray[Any], values: Iterable[str]) -> NDArray[np.bool_]:
    """bool (rows,): the text is one of the values (np.isin does not know StringDType)."""
    column, found = np.asarray(column), np.zeros(len(column), dtype=np.bool_)
    for value in values:
        found |= column == value
    return found


def _length(component: Component, columns: Mapping[str, object]) -> int:
    lengths = {name: len(column) for name, column in columns.items() if isinstance(column, Texts)}
    plain = {name: np.asarray(column) for name, column in columns.items() if name not in lengths}
    lengths |= {name: len(column) for name, column in plain.items() if column.ndim > 0}
    if "mrid" not in lengths:
        raise TableError(f"{component.name}: column 'mrid' is missing")
    for name, length in lengths.items():
        if length != lengths["mrid"]:
            raise TableError(f"{component.name}.{name} has {length} rows where mrid has {lengths['mrid']}")
    return lengths["mrid"]


def _column(component: Component, declared: Field, given: object, length: int) -> NDArray[Any]:
    if given is None and declared.default is None:
        raise TableError(f"{component.name}: column {declared.name!r} is missing")
    whole = np.broadcast_to(np.asarray(declared.default if given is None else given), (length,))
    if declared.kind in _WHOLE or length == 0:
        return _checked(component, declared, whole)
    column = _checked(component, declared, whole[:1] if is_constant(whole) else whole)
    return np.broadcast_to(column[:1].copy(), (length,)) if len(column) < length or _repeats(column) else column


def _check_mrids(component: Component, declared: Field, column: NDArray[Any] | Texts) -> None:
    if declared.name != "mrid":
        return
    empty = np.diff(column.ptr) == 1 if isinstance(column, Texts) else column == ""
    if empty.any():
        raise TableError(f"{component.name}.mrid is empty at row {int(np.argmax(empty))}")


def is_constant(column: NDArray[Any] | Texts) -> bool:
    """Whether a column is known to hold one value, if any."""
    return isinstance(column, np.ndarray) and column.strides == (0,)


def _repeats(column: NDArray[Any]) -> bool:
    """Whether all values are the same; NaN, of which there is one kind, too."""
    alike = column.view(np.int64) if column.dtype.kind == "f" else column
    return bool(alike[-1] == alike[0]) and bool(alike[len(alike) // 2] == alike[0]) and bool((alike == alike[0]).all())


def _taken(column: NDArray[Any], rows: NDArray[np.integer[Any]]) -> NDArray[Any]:
    return np.broadcast_to(column[:1], (len(rows),)) if is_constant(column) and len(column) else column[rows]


def _checked(component: Component, declared: Field, given: NDArray[Any]) -> NDArray[Any]:
    """A copy in the column's type."""
    column = np.array(given, dtype=_DTYPES[declared.kind])
    if declared.kind == "text":
        _check_mrids(component, declared, column)
        return column
    if declared.kind == "flag":
        return column
    wrong = (column < declared.low) | (column > declared.high)
    if declared.kind == "real":
        column += 0.0  # stores keep no negative zero, and one kind of NaN
        column[np.isnan(column)] = np.nan
        wrong |= np.isinf(column)
    if wrong.any():
        row = int(np.argmax(wrong))
        raise TableError(
            f"{component.name}.{declared.name} is {column[row]} at row {row}; "
            f"it must lie in {declared.low:g} … {declared.high:g} {declared.unit}".rstrip()
        )
    return column


def _plain(value: Any) -> str | int | float | bool | None:
    plain = value.item() if isinstance(value, np.generic) else value
    if isinstance(plain, float) and np.isnan(plain):
        return None
    assert plain is None or isinstance(plain, str | int | float | bool)
    return plain
