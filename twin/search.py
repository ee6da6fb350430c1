"""Find elements by mrid, name, feeder or substation: exact first, then prefix, then substring."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from twin.components import AC_LINE_SEGMENT, CONNECTIVITY_NODE, FEEDER, SUBSTATION, SWITCH, Component
from twin.elements import feeder_name, feeder_of, place
from twin.mrids import Element
from twin.network import Network

_ORDER = (FEEDER.table, SUBSTATION.table, SWITCH.table, "transformers", AC_LINE_SEGMENT.table, "consumers")
_EXACT, _PREFIX, _WORD, _SUBSTRING, _NO = range(5)


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
    """Ids and names of every class, folded for comparison."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self._texts = []
        for table in sorted(network.tables.values(), key=lambda t: _rank(t.component)):
            texts = [_folded(table["mrid"])]
            if not (table["name"] == table["mrid"]).all():
                texts.append(_folded(table["name"]))
            self._texts.append((table.component, texts))

    def find(self, query: str, limit: int = 10) -> list[Found]:
        """The best `limit` hits; case does not matter, `_` and `-` match a space, an empty query finds nothing."""
        wanted = _fold(query).strip()
        if not wanted or limit < 1:
            return []
        hits: list[tuple[int, int, int, Component, int]] = []
        for rank, (component, texts) in enumerate(self._texts):
            for quality, length, row in _hits(wanted, texts, limit):
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


def _folded(column: NDArray[Any]) -> NDArray[Any]:
    """Lower case, with `_` and `-` as spaces, so that "mv1 feeder" finds "MV1_Feeder"."""
    return np.array([_fold(text) for text in column.tolist()], dtype=column.dtype)


def _fold(text: str) -> str:
    return text.lower().replace("_", " ").replace("-", " ")


def _hits(wanted: str, texts: list[NDArray[Any]], limit: int) -> Iterator[tuple[int, int, int]]:
    """(quality, length, row) of the best rows of one class."""
    rows = np.unique(np.concatenate([np.flatnonzero(np.strings.find(text, wanted) >= 0) for text in texts]))
    if len(rows) == 0:
        return
    quality = np.minimum.reduce([_quality(wanted, text[rows]) for text in texts])
    lengths = np.strings.str_len(texts[0][rows])
    for at in np.lexsort((rows, lengths, quality))[:limit].tolist():
        yield int(quality[at]), int(lengths[at]), int(rows[at])


def _quality(wanted: str, texts: NDArray[Any]) -> NDArray[np.int8]:
    at = np.strings.find(texts, wanted)
    quality = np.where(at < 0, _NO, _SUBSTRING).astype(np.int8)
    quality[np.strings.find(texts, " " + wanted) >= 0] = _WORD
    quality[at == 0] = _PREFIX
    quality[texts == wanted] = _EXACT
    return quality
