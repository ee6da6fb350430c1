"""Find elements by mrid, name, feeder or substation: exact first, then prefix, then substring."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from topology.jit import exercise
from twin import _kernels_texts
from twin.components import AC_LINE_SEGMENT, CONNECTIVITY_NODE, FEEDER, SUBSTATION, SWITCH, Component, is_constant
from twin.elements import feeder_name, feeder_of, place
from twin.mrids import Element
from twin.network import Network
from twin.texts import Texts

_ORDER = (FEEDER.table, SUBSTATION.table, SWITCH.table, "transformers", AC_LINE_SEGMENT.table, "consumers")
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
    """Finds in the ids and names of a network's own tables, and keeps of them only what is beyond ASCII."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self._columns: list[tuple[Component, list[_Column]]] = []
        for table in sorted(network.tables.values(), key=lambda t: _rank(t.component)):
            named = not (is_constant(table["name"]) and (table["name"][:1] == "").all())
            columns = [_Column(Texts.of(table[name])) for name in (("mrid", "name") if named else ("mrid",))]
            self._columns.append((table.component, columns))

    def find(self, query: str, limit: int = 10) -> list[Found]:
        """The best `limit` hits; case does not matter, `_` and `-` match a space, an empty query finds nothing."""
        wanted = _fold(query).strip()
        if not wanted or limit < 1:
            return []
        hits: list[tuple[int, int, int, Component, int]] = []
        for rank, (component, columns) in enumerate(self._columns):
            for quality, length, row in _hits(wanted, columns, limit):
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


def _fold(text: str) -> str:
    """Lower case, with `_` and `-` as spaces, so that "mv1 feeder" finds "MV1_Feeder"."""
    return text.lower().replace("_", " ").replace("-", " ")


_FOLDED = np.frombuffer(_fold(bytes(range(128)).decode()).encode() + bytes(range(128, 256)), dtype=np.uint8)
"""Of each byte of ASCII the folded one."""


class _Column:
    """Texts as they are, and folded those with letters beyond ASCII, which fold by letter and not by byte."""

    def __init__(self, texts: Texts) -> None:
        self.texts = texts
        self._rows = np.flatnonzero(_kernels_texts.beyond_ascii(texts.data, texts.ptr))
        self._folded = Texts.of([_fold(text) for text in texts[self._rows].tolist()])

    def quality(self, wanted: str) -> Bytes:
        """How well each row matches, uint8 (rows,)."""
        letters = np.frombuffer(wanted.encode(), dtype=np.uint8)
        quality = _kernels_texts.match(self.texts.data, self.texts.ptr, _FOLDED, letters)
        if len(self._rows):
            quality[self._rows] = _kernels_texts.match(self._folded.data, self._folded.ptr, _FOLDED, letters)
        return quality


def _hits(wanted: str, columns: list[_Column], limit: int) -> Iterator[tuple[int, int, int]]:
    """(quality, length, row) of the best rows of one class."""
    quality = np.minimum.reduce([column.quality(wanted) for column in columns])
    as_good = np.cumsum(np.bincount(quality, minlength=_kernels_texts.NO + 1)[: _kernels_texts.NO])
    enough = int(np.searchsorted(as_good, limit))  # what is worse than that is not among the best
    rows = np.flatnonzero(quality <= min(enough, _kernels_texts.SUBSTRING))
    mrids = columns[0].texts
    lengths = _kernels_texts.letters(mrids.data, mrids.ptr, rows)
    for at in np.lexsort((rows, lengths, quality[rows]))[:limit].tolist():
        yield int(quality[rows[at]]), int(lengths[at]), int(rows[at])


@exercise
def _find_one() -> None:
    column = _Column(Texts.of(["a"]))
    column.quality("a")
    _kernels_texts.letters(column.texts.data, column.texts.ptr, np.zeros(1, dtype=np.int64))
