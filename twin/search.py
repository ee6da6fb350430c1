"""Find elements by mrid, name, feeder or substation: exact first, then prefix, then substring."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from topology.jit import exercise
from twin import _kernels_search
from twin.components import AC_LINE_SEGMENT, CONNECTIVITY_NODE, FEEDER, SUBSTATION, SWITCH, Component
from twin.elements import feeder_name, feeder_of, place
from twin.mrids import Element
from twin.network import Network

_ORDER = (FEEDER.table, SUBSTATION.table, SWITCH.table, "transformers", AC_LINE_SEGMENT.table, "consumers")
_AT_ONCE = 1 << 16
"""Texts folded at once: few enough to be gone without a trace."""

Bytes = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Found:
    """One hit, best first: how well it matches, then how important its class is, then the shorter mrid."""

    element: Element
    mrid: str
    name: str
    feeder: str
    lnglat: tuple[float, float] | None

    def to_json(self) -> dict[str, object]:
        """As `GET /api/search` gives it."""
        lng, lat = self.lnglat if self.lnglat else (None, None)
        return {
            "mrid": self.mrid,
            "name": self.name,
            "class": self.element.component.name,
            "feeder": self.feeder,
            "lng": lng,
            "lat": lat,
        }


class SearchIndex:
    """Ids and names of every class, folded for comparison: as many bytes as they have letters, and one for each."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self._texts: list[tuple[Component, int, list[Bytes]]] = []
        for table in sorted(network.tables.values(), key=lambda t: _rank(t.component)):
            texts = [_folded(table["mrid"])]
            names = _folded(table["name"], table["mrid"])
            if names.any():
                texts.append(names)
            self._texts.append((table.component, len(table), texts))

    def find(self, query: str, limit: int = 10) -> list[Found]:
        """The best `limit` hits; case does not matter, `_` and `-` match a space, an empty query finds nothing."""
        wanted = _fold(query).strip()
        if not wanted or limit < 1:
            return []
        hits: list[tuple[int, int, int, Component, int]] = []
        for rank, (component, count, texts) in enumerate(self._texts):
            for quality, length, row in _hits(wanted, count, texts, limit):
                hits.append((quality, rank, length, component, row))
        hits.sort(key=lambda hit: (hit[0], hit[1], hit[2], hit[4]))
        return [self._found(Element(component, row)) for _, _, _, component, row in hits[:limit]]

    def _found(self, element: Element) -> Found:
        network = self._network
        table = network.tables[element.component.table]
        mrid, name = str(table["mrid"][element.row]), str(table["name"][element.row])
        return Found(element, mrid, name, feeder_name(network, feeder_of(network, element)), place(network, element))


def _rank(component: Component) -> int:
    if component is CONNECTIVITY_NODE:
        return len(_ORDER) + 1
    return _ORDER.index(component.table) if component.table in _ORDER else len(_ORDER)


def _folded(column: NDArray[Any], known: NDArray[Any] | None = None) -> Bytes:
    """The folded texts, a NUL after each; nothing of those that are the same as in `known`."""
    parts = []
    for begin in range(0, len(column), _AT_ONCE):
        texts = column[begin : begin + _AT_ONCE]
        if known is not None:
            texts = np.where(texts == known[begin : begin + _AT_ONCE], np.array("", dtype=column.dtype), texts)
        parts.append("".join([_fold(text) + "\0" for text in texts.tolist()]).encode())
    return np.frombuffer(b"".join(parts), dtype=np.uint8)


def _fold(text: str) -> str:
    """Lower case, with `_` and `-` as spaces, so that "mv1 feeder" finds "MV1_Feeder"."""
    return text.lower().replace("_", " ").replace("-", " ").replace("\0", " ")


def _hits(wanted: str, count: int, texts: list[Bytes], limit: int) -> Iterator[tuple[int, int, int]]:
    """(quality, length, row) of the best rows of one class."""
    quality = np.full(count, _kernels_search.NO, dtype=np.uint8)
    letters = np.frombuffer(wanted.encode(), dtype=np.uint8)
    for text in texts:
        _kernels_search.match(text, letters, quality)
    as_good = np.cumsum(np.bincount(quality, minlength=_kernels_search.NO + 1)[: _kernels_search.NO])
    enough = int(np.searchsorted(as_good, limit))  # what is worse than that is not among the best
    rows = np.flatnonzero(quality <= min(enough, _kernels_search.SUBSTRING))
    lengths = _kernels_search.lengths(texts[0], rows)
    for at in np.lexsort((rows, lengths, quality[rows]))[:limit].tolist():
        yield int(quality[rows[at]]), int(lengths[at]), int(rows[at])


@exercise
def _find_one() -> None:
    letters, quality = np.frombuffer(b"a", dtype=np.uint8), np.zeros(1, dtype=np.uint8)
    text = np.frombuffer(b"a\0", dtype=np.uint8)
    _kernels_search.match(text, letters, quality)
    _kernels_search.lengths(text, np.zeros(1, dtype=np.int64))
