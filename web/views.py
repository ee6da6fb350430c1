"""Which state a request looks at: the parameters `state`, `scenario`, `at` and `revision`."""

from __future__ import annotations

from datetime import datetime

from twin.views import STATES, StateName, View, ViewError, parse_instant
from web.errors import InvalidValue
from web.fields import Query

LONGEST_ID = 100
LONGEST_INSTANT = 40


def view_of(query: Query) -> View:
    """Takes the parameters of a view; raises InvalidValue for what names no state, or several."""
    state: StateName = "normal" if query.choice("state", STATES, "current") == "normal" else "current"
    scenario = query.optional("scenario", longest=LONGEST_ID)
    instant = query.optional("at", longest=LONGEST_INSTANT)
    revision = query.integer("revision") if "revision" in query else None
    try:
        return View(state, scenario, None if instant is None else parse_instant(instant), revision)
    except ViewError as error:
        raise InvalidValue(error.field, error.value, error.rule) from error


def view_query(view: View) -> dict[str, object]:
    """The same as parameters; what is left to its default is None."""
    return {
        "state": None if view.state == "current" else view.state,
        "scenario": view.scenario,
        "at": _text(view.at),
        "revision": view.revision,
    }


def _text(instant: datetime | None) -> str | None:
    return None if instant is None else instant.isoformat()
