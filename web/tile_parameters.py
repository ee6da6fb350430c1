"""What the parameters of tiles ask for: which layers and features, in which state."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlencode

from tiles.cql2 import LONGEST
from tiles.filter import Filter, tile_filter
from tiles.source import UnknownLayer
from tiles.tilejson import LAYERS
from twin import phases as phase_codes
from twin.phases import PhaseError
from twin.traces import ID_LIMIT
from twin.views import View
from web.errors import InvalidValue
from web.fields import Query
from web.views import view_of, view_query


@dataclass(frozen=True, slots=True)
class Asked:
    """What the parameters of a tile ask for. model: pinned, None where not."""

    layers: tuple[str, ...] | None
    view: View
    trace: str | None
    phases: int
    filter: Filter | None
    model: str | None

    @property
    def pinned(self) -> bool:
        """Whether the URL says all that decides the bytes."""
        return self.model is not None and self.view.revision is not None

    def query(self) -> str:
        """The same as a query, in a fixed order; what is left to its default is left out."""
        given: dict[str, object] = {
            "layers": None if self.layers is None else ",".join(self.layers),
            **view_query(self.view),
            "trace": self.trace,
            "phases": None if self.phases == phase_codes.ABC else phase_codes.mask_to_code(self.phases),
            "filter": None if self.filter is None else self.filter.text,
            "model": self.model,
        }
        return urlencode({name: value for name, value in given.items() if value is not None}, safe=",")

    def params(self) -> str:
        """Canonical text of all that decides the bytes beside the state itself."""
        return f"{self.layers}|{self.trace}|{self.phases}|{self.filter.key if self.filter else ''}"


DEFAULT = Asked(None, View(), None, phase_codes.ABC, None, None)


def tile_parameters(query: Query, tileset: str, shown: tuple[str, ...] | None = None) -> Asked:
    """Reads what tiles, TileJSON and style have in common; raises InvalidValue, UnknownLayer or FilterError.

    shown: layers that are shown where none are chosen, all of them where None.
    """
    layers = shown
    if "layers" in query:
        layers = _layers(query.text("layers"), LAYERS[tileset])
    view = view_of(query)
    trace, phases = query.optional("trace", longest=ID_LIMIT), query.optional("phases")
    condition = query.optional("filter", longest=LONGEST)
    for name, value in (("trace", trace), ("phases", phases), ("filter", condition)):
        if value is not None and tileset != "grid":
            raise InvalidValue(name, value, "is for the tileset grid: cells and feeders sum up whole elements")
    model = query.optional("model")
    query.done()
    kept = None if condition is None else tile_filter(condition, layers)
    return Asked(layers, view, trace, _phases(phases), kept, model)


def _layers(text: str, known: tuple[str, ...]) -> tuple[str, ...]:
    names = tuple(sorted(set(text.split(","))))
    for name in names:
        if name not in known:
            raise UnknownLayer(name, known)
    return names


def _phases(code: str | None) -> int:
    if code is None:
        return phase_codes.ABC
    try:
        mask = phase_codes.code_to_mask(code)
    except PhaseError as error:
        raise InvalidValue("phases", code, "must be made of the letters A, B, C and N, each at most once") from error
    if not mask & phase_codes.ABC:
        raise InvalidValue("phases", code, "must hold A, B or C: N alone never energises")
    return mask & phase_codes.ABC
