"""From mrid to class and row: one sorted index over every table."""

from __future__ import annotations

import bisect
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from topology.jit import exercise
from twin import _kernels_texts
from twin.components import Component, Table
from twin.texts import Texts


class UnknownMrid(KeyError, ValueError):
    """No element has that mrid."""

    def __init__(self, mrid: str) -> None:
        super().__init__(mrid)
        self.mrid = mrid

    def __str__(self) -> str:
        return f"no element has the mrid {self.mrid!r}"


class DuplicateMrid(ValueError):
    """Two elements share an mrid; names it and both tables."""

    def __init__(self, mrid: str, first: Element, second: Element) -> None:
        one, other = (f"{element.component.name} row {element.row}" for element in (first, second))
        super().__init__(f"{one} and {other} share the mrid {mrid!r}")
        self.mrid = mrid


@dataclass(frozen=True, slots=True)
class Element:
    """One row of one class."""

    component: Component
    row: int


class MridIndex:
    """Finds elements by mrid, in the logarithm of their number.

    It keeps the order alone, four bytes an element: the mrids themselves stay in the tables.
    """

    def __init__(self, tables: Sequence[Table], order: NDArray[np.int32] | None = None) -> None:
        """Raises DuplicateMrid where two elements, of whatever class, share an mrid.

        order: `order` of an index of the same tables, which saves the sorting; it is checked.
        """
        self._components = [table.component for table in tables]
        self._columns = [Texts.of(table["mrid"]) for table in tables]
        self._letters = [(column.data.data, column.ptr.data) for column in self._columns]  # quicker, one by one
        self._starts: list[int] = np.cumsum([0, *map(len, tables)]).tolist()
        if order is None or not self._ascends(order):
            order = self._sorted()
        self.order = order
        """int32 (elements,): positions in all tables, one after the other, by ascending mrid."""

    def _sorted(self) -> NDArray[np.int32]:
        mrids: NDArray[Any] = np.concatenate([column[:] for column in self._columns])
        order = np.argsort(mrids, kind="stable").astype(np.int32)
        ascending = mrids[order]
        same = np.flatnonzero(ascending[1:] == ascending[:-1])
        if len(same):
            first, second = (self._element(int(order[same[0] + k])) for k in (0, 1))
            raise DuplicateMrid(str(ascending[same[0]]), first, second)
        return order

    def _ascends(self, order: NDArray[np.int32]) -> bool:
        """Whether these are as many positions as there are, and the texts there grow: so none is there twice."""
        count = self._starts[-1]
        if len(order) != count or (count and not 0 <= int(order.min()) <= int(order.max()) < count):
            return False
        ends = np.cumsum([0, *(len(column.data) for column in self._columns)])
        ptr = [column.ptr[:-1] + end for column, end in zip(self._columns, ends, strict=False)]
        data = np.concatenate([column.data for column in self._columns])
        order = order.view()
        order.flags.writeable = False  # compiled once, and not twice
        return _kernels_texts.ascends(data, np.concatenate([*ptr, ends[-1:]]), order)

    def _element(self, position: int) -> Element:
        table = bisect.bisect_right(self._starts, position) - 1
        return Element(self._components[table], position - self._starts[table])

    def _mrid(self, position: np.int32) -> bytes:
        table = bisect.bisect_right(self._starts, position) - 1
        data, ptr = self._letters[table]
        row = int(position) - self._starts[table]
        return data[ptr[row] : ptr[row + 1] - 1].tobytes()

    def find(self, mrid: str) -> Element:
        """The element; raises UnknownMrid."""
        wanted = mrid.encode()  # the order of UTF-8 is that of code points
        at = bisect.bisect_left(self.order, wanted, key=self._mrid)
        if at == len(self.order) or self._mrid(self.order[at]) != wanted:
            raise UnknownMrid(mrid)
        return self._element(int(self.order[at]))


@exercise
def _order_one() -> None:
    texts, order = Texts.of(["a"]), np.zeros(1, dtype=np.int32)
    order.flags.writeable = False
    _kernels_texts.ascends(texts.data.copy(), texts.ptr.astype(np.int64), order)
