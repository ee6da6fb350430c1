"""From failure to answer: one table from exception type to status, as RFC 9457 problem details."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import orjson
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from tiles.cql2 import FilterError
from tiles.mercator import TileAddressError
from tiles.source import UnknownLayer, UnknownTileset
from twin.elements import NoSuchFeature
from twin.history import RevisionAhead, RevisionGone
from twin.mrids import UnknownMrid
from twin.phases import PhaseError
from twin.scenarios import UnknownScenario
from twin.store import IdempotencyConflict, StaleRevision, StoreError
from twin.traces import TraceError
from twin.transitions import SwitchingError
from twin.views import ScenarioMoved, ViewError
from web.access import Forbidden, Unauthorized
from web.links import LinkError, base_url

PROBLEM = "application/problem+json"
LONGEST_VALUE = 200
"""Characters of a wrong value that an answer repeats."""


class InvalidValue(ValueError):
    """A field of a request that breaks a rule.

    field: JSON pointer into the body, or the name of a parameter or header. limit: the limit it breaks, if it is one.
    """

    def __init__(self, field: str, value: object, rule: str, limit: object = None) -> None:
        super().__init__(f"{field or 'the body'} {rule}")
        self.field, self.value, self.limit = field, value, limit


class BodyTooLarge(ValueError):
    """A request body over the limit, in bytes; size: where the client said it."""

    def __init__(self, limit: int, size: int | None = None, setting: str | None = None) -> None:
        said = "longer than" if size is None else f"{size} bytes long;"
        super().__init__(f"the body is {said} {limit} bytes{'' if size is None else ' is the limit'}")
        self.limit, self.size, self.setting = limit, size, setting


class AnswerTooLarge(ValueError):
    """A trace of more elements than one answer lists."""

    def __init__(self, count: int, limit: int) -> None:
        super().__init__(
            f"the trace has {count} elements, and one answer lists at most {limit}; "
            'ask for pages (elements: "page"), for sums alone (false), or for tiles of it'
        )
        self.count, self.limit = count, limit


class TooMany(Exception):
    """Something that there is as much of as a setting allows; names the setting."""

    def __init__(self, what: str, limit: int, setting: str) -> None:
        super().__init__(f"{what}: {limit} is the limit ({setting}); delete what is not needed any more")
        self.limit, self.setting = limit, setting


class TookTooLong(Exception):
    """No answer within the time that one may take."""

    def __init__(self, limit_s: float) -> None:
        super().__init__(f"there was no answer within {limit_s:g} s; nothing was changed")
        self.limit_s = limit_s


class BodyTooSlow(Exception):
    """A request body that is not whole within the time that an answer may take."""

    def __init__(self, limit_s: float) -> None:
        super().__init__(f"the body was not whole within {limit_s:g} s")
        self.limit_s = limit_s


class WrongMediaType(ValueError):
    """A body of another type than JSON (which also keeps out forms of other sites)."""

    def __init__(self, value: str) -> None:
        super().__init__(f"send the body as application/json, not {value or 'without a Content-Type'}")
        self.value = value


class NotAcceptable(ValueError):
    """None of the types that the client accepts is on offer."""

    def __init__(self, value: str, offered: tuple[str, ...]) -> None:
        super().__init__(f"this is on offer as {', '.join(offered)}")
        self.value, self.offered = value, offered


class NoSuchResource(LookupError):
    """A path that names something that does not exist; `known` are those that do."""

    def __init__(self, field: str, value: str, known: Collection[str]) -> None:
        super().__init__(f"no {field} {value!r}; there are {', '.join(known)}")
        self.field, self.value = field, value


class Gone(LookupError):
    """A pinned model or revision that is not served any more."""

    def __init__(self, field: str, value: object, present: object) -> None:
        super().__init__(f"{field} {value} is not in force any more; it is {present} now")
        self.field, self.value, self.present = field, value, present


class Located(ValueError):
    """An error of a layer below, with the place in the request that caused it."""

    def __init__(self, field: str, error: Exception) -> None:
        super().__init__(str(error))
        self.field, self.error = field, error


class Overloaded(Exception):
    """Too much is under way already; setting: what limits it."""

    def __init__(self, limit: int, setting: str = "max_waiting", what: str = "requests wait") -> None:
        super().__init__(f"{limit} {what} already ({setting}); try again in a moment")
        self.limit, self.setting = limit, setting


Members = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Rule:
    """How one type of exception is answered; `members` are those beside type, title, status and detail."""

    status: int
    slug: str
    title: str
    members: Callable[[Any], Members] = lambda error: {}
    headers: Mapping[str, str] | None = None


_AGAIN = {"Retry-After": "1"}

RULES: dict[type[Exception], Rule] = {
    InvalidValue: Rule(
        400, "invalid-value", "Invalid value", lambda e: {"field": e.field, "value": e.value, "limit": e.limit}
    ),
    PhaseError: Rule(400, "invalid-value", "Invalid value", lambda e: {"field": "phases"}),
    LinkError: Rule(400, "invalid-value", "Invalid value", lambda e: {"field": e.header, "value": e.value}),
    BodyTooLarge: Rule(
        413,
        "body-too-large",
        "Body too large",
        lambda e: {"field": "Content-Length", "value": e.size, "limit": e.limit, "setting": e.setting},
    ),
    AnswerTooLarge: Rule(
        422,
        "answer-too-large",
        "Answer too large",
        lambda e: {"field": "elements", "value": e.count, "limit": e.limit, "setting": "max_trace_elements"},
    ),
    TooMany: Rule(409, "too-many", "Too many", lambda e: {"limit": e.limit, "setting": e.setting}),
    TookTooLong: Rule(
        504, "took-too-long", "Took too long", lambda e: {"limit": e.limit_s, "setting": "request_s"}, headers=_AGAIN
    ),
    BodyTooSlow: Rule(408, "body-too-slow", "Body too slow", lambda e: {"limit": e.limit_s, "setting": "request_s"}),
    WrongMediaType: Rule(
        415, "wrong-media-type", "Wrong media type", lambda e: {"field": "Content-Type", "value": e.value}
    ),
    NotAcceptable: Rule(
        406, "not-acceptable", "Not acceptable", lambda e: {"field": "Accept", "value": e.value, "limit": e.offered}
    ),
    UnknownMrid: Rule(404, "unknown-mrid", "No such element", lambda e: {"field": "mrid", "value": e.mrid}),
    NoSuchFeature: Rule(
        404,
        "no-such-feature",
        "No such feature",
        lambda e: {"field": "id", "value": e.id, "layer": e.layer},
    ),
    NoSuchResource: Rule(404, "no-such-resource", "Not found here", lambda e: {"field": e.field, "value": e.value}),
    Gone: Rule(410, "gone", "Not served any more", lambda e: {"field": e.field, "value": e.value, "limit": e.present}),
    UnknownScenario: Rule(
        404, "no-such-scenario", "No such scenario", lambda e: {"field": "scenario", "value": e.scenario_id}
    ),
    ViewError: Rule(400, "invalid-value", "Invalid value", lambda e: {"field": e.field, "value": e.value}),
    ScenarioMoved: Rule(410, "gone", "Not served any more", lambda e: {"field": "scenario", "value": e.pinned}),
    RevisionGone: Rule(410, "gone", "Not served any more", lambda e: {"field": "revision", "value": e.revision}),
    RevisionAhead: Rule(
        404, "not-yet", "No such revision", lambda e: {"field": "revision", "value": e.revision, "limit": e.head}
    ),
    TileAddressError: Rule(
        404, "no-such-tile", "No such tile", lambda e: {"field": e.field, "value": e.value, "limit": [e.low, e.limit]}
    ),
    UnknownTileset: Rule(404, "no-such-tileset", "No such tileset", lambda e: {"field": "tileset", "value": e.tileset}),
    FilterError: Rule(
        400,
        "invalid-filter",
        "Invalid filter",
        lambda e: {"field": "filter", "value": e.value, "position": e.position},
    ),
    UnknownLayer: Rule(400, "invalid-value", "Invalid value", lambda e: {"field": "layers", "value": e.layer}),
    TraceError: Rule(400, "invalid-trace", "Invalid trace", lambda e: {"field": e.field, "value": e.value}),
    SwitchingError: Rule(
        422, "switching-refused", "Switching refused", lambda e: {"field": "/operations", "value": e.mrid}
    ),
    StaleRevision: Rule(
        409,
        "stale-revision",
        "The log moved on",
        lambda e: {"field": "/expected_revision", "value": e.expected, "limit": e.head},
    ),
    IdempotencyConflict: Rule(
        422, "idempotency-conflict", "Key used before", lambda e: {"field": "Idempotency-Key", "value": e.key}
    ),
    StoreError: Rule(503, "store-unavailable", "The store is not available", headers=_AGAIN),
    Unauthorized: Rule(401, "unauthorized", "Sign in", headers={"WWW-Authenticate": 'Bearer realm="gridtwin"'}),
    Forbidden: Rule(403, "forbidden", "Not allowed", lambda e: {"value": e.scope, "limit": e.needed}),
    Overloaded: Rule(
        503, "overloaded", "Overloaded", lambda e: {"limit": e.limit, "setting": e.setting}, headers=_AGAIN
    ),
}


def problem(
    request: Request,
    status: int,
    slug: str,
    title: str,
    detail: str,
    members: Members | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """A problem document; members that are None are left out."""
    try:
        kind = f"{base_url(request)}/docs#{slug}"
    except LinkError:
        kind = f"/docs#{slug}"
    given = {name: _short(value) for name, value in (members or {}).items() if value is not None}
    whole = {"type": kind, "title": title, "status": status, "detail": detail, **given}
    named = request.scope.get("state", {}).get("request_id")
    if named is not None:
        whole["request_id"] = named
    return Response(
        orjson.dumps(whole, default=str, option=orjson.OPT_NON_STR_KEYS),
        status,
        {"Cache-Control": "no-store", **(headers or {})},
        PROBLEM,
    )


def _short(value: object) -> object:
    if isinstance(value, str) and len(value) > LONGEST_VALUE:
        return value[:LONGEST_VALUE] + "…"
    if isinstance(value, int) and value.bit_length() > 63:
        return str(value)[:LONGEST_VALUE]
    if isinstance(value, list | dict):
        return f"{'a list' if isinstance(value, list) else 'an object'} of {len(value)}"
    return value


def rule_of(error: Exception) -> Rule:
    """The rule of an exception, by its type or the nearest type above it; KeyError where there is none."""
    for kind in type(error).__mro__:
        rule = RULES.get(kind)
        if rule is not None:
            return rule
    raise KeyError(type(error).__name__)


def failed(request: Request, error: Exception) -> Response:
    """Answers an exception of the table."""
    place: Members = {}
    if isinstance(error, Located):
        place, error = {"field": error.field}, error.error
    rule = rule_of(error)
    members = {**rule.members(error), **place}
    return problem(request, rule.status, rule.slug, rule.title, str(error), members, rule.headers)


def http_failed(request: Request, error: Exception) -> Response:
    """Answers what the router refuses: an unknown path, a method that the path does not have."""
    assert isinstance(error, HTTPException)
    title = HTTPStatus(error.status_code).phrase
    detail = f"{request.method} {request.url.path}: {title.lower()}"
    slug = title.lower().replace(" ", "-")
    return problem(request, error.status_code, slug, title, detail, headers=error.headers)


def unexpected(request: Request, error: Exception) -> Response:
    """Answers a fault of ours; what it was goes to the log of the server, not to the client."""
    said = "the server made a mistake; its log says which"
    named = request.scope.get("state", {}).get("request_id", "")  # this answer passes no middleware
    return problem(request, 500, "internal-error", "Internal error", said, headers={"X-Request-ID": named})
