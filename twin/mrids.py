"""From mrid to class and row: one sorted index over every table."""

from __future__ import annotations

import bisect
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from twin.components import TEXT, Component, Table


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
    """Finds elements by mrid, in the logarithm of their number."""

    def __init__(self, tables: Sequence[Table], order: NDArray[np.int64] | None = None) -> None:
        """Raises DuplicateMrid where two elements, of whatever class, share an mrid.

        order: `order` of an index of the same tables, which saves the sorting; it is checked.
        """
        self._components = [table.component for table in tables]
        self._starts = np.cumsum([0, *(len(table) for table in tables)])
        mrids: NDArray[Any] = np.concatenate([table["mrid"] for table in tables]).astype(TEXT)
        if order is not None and len(order) == len(mrids) and _within(order):
            self.order, self._sorted = order, mrids[order]
            if (self._sorted[1:] > self._sorted[:-1]).all():
                return
        self.order = np.argsort(mrids, kind="stable")
        """int64 (elements,): positions in all tables, one after the other, by ascending mrid."""
        self._sorted = mrids[self.order]
        same = np.flatnonzero(self._sorted[1:] == self._sorted[:-1])
        if len(same):
            first, second = (self._element(int(self.order[same[0] + k])) for k in (0, 1))
            raise DuplicateMrid(str(self._sorted[same[0]]), first, second)

    def _element(self, position: int) -> Element:
        table = int(np.searchsorted(self._starts, position, side="right")) - 1
        return Element(self._components[table], position - int(self._starts[table]))

    def find(self, mrid: str) -> Element:
        """The element; raises UnknownMrid."""
        at = bisect.bisect_left(self._sorted, mrid)  # np.searchsorted does not know StringDType
        if at == len(self._sorted) or self._sorted[at] != mrid:
            raise UnknownMrid(mrid)
        return self._element(int(self.order[at]))


def _within(order: NDArray[np.int64]) -> bool:
    return len(order) == 0 or (int(order.min()) >= 0 and int(order.max()) < len(order))
