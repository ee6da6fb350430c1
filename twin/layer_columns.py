"""What the columns of exported layers are called, where files are written and where they are read again."""

from __future__ import annotations

from twin.components import COMPONENTS, Component, Field

MODEL_LAYERS: tuple[str, ...] = tuple(component.table for component in COMPONENTS)
"""One for each table of a network; a network is read again from all of them."""
NORMAL_OPEN, OPEN = "normal_open_phases", "open_phases"
"""Of switches: phases that are open in the normal state, and in the one that was exported."""
SHOWN = (
    *("layer", "class", "feeder", "phases", "kv", "energized", "customers"),
    *("open", "normal_open", OPEN, "rated_kva"),
)
"""What is derived from the model and the state, or is shown in another form; not read again."""

_EXTRA, _NUMBER = "extra_", "extra_number_"


def column_of(component: Component, field: Field) -> str:
    """The column that holds a field; empty for the coordinates, which are the geometry."""
    if component.table == "nodes" and field.name in ("lng", "lat"):
        return ""
    return {("switches", "kind"): "class", ("switches", "normal_open"): NORMAL_OPEN}.get(
        (component.table, field.name), field.name
    )


_TAKEN = frozenset((*SHOWN, *(column_of(component, field) for component in COMPONENTS for field in component.fields)))


def extra_to_column(name: str, number_apart: bool = False) -> str:
    """The column of an extra; number_apart: it holds numbers where another layer of one table has text."""
    if number_apart:
        return _NUMBER + name
    return _EXTRA + name if name in _TAKEN or name.startswith(_EXTRA) else name


def column_to_extra(column: str) -> str | None:
    """The extra that a column holds; None for a column that is none."""
    if column in _TAKEN:
        return None
    return column.removeprefix(_NUMBER if column.startswith(_NUMBER) else _EXTRA)
