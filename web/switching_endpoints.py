"""Operating switches, and the log of what was operated."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from starlette.requests import Request
from starlette.responses import Response

from twin import phases
from twin.engine import SwitchingResult, Twin
from twin.events import Event, Operation, Recorded, event_to_json
from twin.mrids import UnknownMrid
from twin.phases import PhaseError, code_to_mask
from twin.store import StaleRevision
from twin.transitions import SwitchingError
from web.context import context
from web.errors import InvalidValue, Located
from web.fields import JsonObject, Query, read_json
from web.guard import author
from web.links import base_url
from web.responses import JSON, body_response, to_json

LONGEST_MRID = 1_000
LONGEST_NOTE = 10_000
LONGEST_KEY = 255
EVENTS_LIMIT = 1_000


async def switch(request: Request) -> Response:
    """Carries out a batch of operations, or takes every switch back to its normal position."""
    here = context(request)
    key = _idempotency_key(request)
    Query(request.query_params).done()
    body = JsonObject(await read_json(request, here.settings.max_body_bytes))
    operations, normal = switching_of(body, here.settings.max_operations)
    note = body.text("note", "", longest=LONGEST_NOTE)
    expected = body.integer("expected_revision", None)
    dry_run = body.flag("dry_run", False)
    body.done()
    if dry_run:
        return await _told(request, operations, normal, expected)
    result = await here.workers.write(_switched, here.twin, operations, normal, note, author(request), expected, key)
    here.metrics.switching += 1
    headers = {"Cache-Control": "no-store", "Gridtwin-Revision": str(result.revision)}
    return body_response(request, to_json(result.to_json()), JSON, headers=headers)


async def _told(request: Request, operations: list[Operation], normal: bool, expected: int | None) -> Response:
    """What the batch would do; nothing is operated."""
    here = context(request)

    def tried() -> SwitchingResult:
        with located(operations):
            return here.twin.would_switch(operations, normal=normal)

    result = await here.workers.trace(tried)
    if expected is not None and expected != result.revision:
        raise StaleRevision(expected, result.revision)
    headers = {"Cache-Control": "no-store", "Gridtwin-Revision": str(result.revision)}
    return body_response(request, to_json(result.to_json()), JSON, headers=headers)


def _switched(
    twin: Twin, operations: list[Operation], normal: bool, note: str, who: str, expected: int | None, key: str | None
) -> SwitchingResult:
    with located(operations):
        return twin.switch(
            operations, normal=normal, note=note, author=who, expected_revision=expected, idempotency_key=key
        )


@contextmanager
def located(operations: list[Operation]) -> Iterator[None]:
    """Says of an operation that breaks a rule where in the body it stands; of two alike, the later."""
    try:
        yield
    except (SwitchingError, UnknownMrid) as error:
        numbers = [number for number, operation in enumerate(operations) if operation.mrid == error.mrid]
        raise Located(f"/operations/{numbers[-1]}/mrid" if numbers else "/operations", error) from error


def switching_of(body: JsonObject, most: int) -> tuple[list[Operation], bool]:
    """What a body asks for: either operations, at most so many, or `normal`."""
    if "normal" in body:
        if "operations" in body:
            raise InvalidValue(body.at("normal"), True, "goes without operations: send one or the other")
        if not body.flag("normal"):
            raise InvalidValue(body.at("normal"), False, "must be true, or be left out")
        return [], True
    operations = [_operation(each) for each in body.objects("operations", most=most)]
    if not operations:
        raise InvalidValue(body.at("operations"), [], "is empty: name at least one operation", 1)
    return operations, False


def _operation(each: JsonObject) -> Operation:
    mrid, opened = each.text("mrid", longest=LONGEST_MRID), each.flag("open")
    mask = 0
    if "phases" in each:
        code = each.text("phases", longest=4)
        try:
            mask = code_to_mask(code)
        except PhaseError as error:
            rule = "must be made of the letters A, B, C and N, each at most once"
            raise InvalidValue(each.at("phases"), code, rule) from error
    each.done()
    return Operation(mrid, opened, mask)


def _idempotency_key(request: Request) -> str | None:
    keys = request.headers.getlist("idempotency-key")
    if not keys:
        return None
    key = keys[0]
    if len(keys) > 1 or not 0 < len(key) <= LONGEST_KEY or not (key.isascii() and key.isprintable()):
        rule = f"must be one text of 1 to {LONGEST_KEY} printable ASCII characters"
        raise InvalidValue("Idempotency-Key", key, rule, LONGEST_KEY)
    return key


async def events(request: Request) -> Response:
    """The log after a revision, oldest first, a page at a time."""
    here = context(request)
    query = Query(request.query_params)
    since = query.integer("since", 0)
    limit = query.integer("limit", 100, low=1, high=EVENTS_LIMIT)
    query.done()
    head = here.twin.revision
    recorded = await here.workers.store(_log, here.twin, since, min(since + limit, head))
    reached = recorded[-1].revision if recorded else head
    following = f"{base_url(request)}/api/events?since={reached}&limit={limit}" if reached < head else None
    whole = {"events": [event_json(each) for each in recorded], "revision": head, "next": following}
    return body_response(request, to_json(whole), JSON, headers={"Gridtwin-Revision": str(head)})


def _log(twin: Twin, after: int, until: int) -> list[Recorded]:
    return [] if until <= after else list(twin.store.events(after, until))


def event_json(recorded: Recorded) -> Mapping[str, object]:
    """An event of the log as it is told outside: phases as CIM text."""
    return {
        "revision": recorded.revision,
        "recorded_at": recorded.recorded_at.isoformat(),
        "occurred_at": recorded.occurred_at.isoformat(),
        "author": recorded.author,
        "note": recorded.note,
        **event_fields(recorded.event),
    }


def event_fields(event: Event) -> Mapping[str, object]:
    """The fields of an event itself."""
    return {name: _outside(value) for name, value in event_to_json(event).items()}


def _outside(value: object) -> object:
    """Phase masks of operations (0: all of the switch's own) and of positions become CIM text."""
    if not isinstance(value, list):
        return value
    told = []
    for each in value:
        if isinstance(each, dict) and "phases" in each:
            each = {**each, "phases": phases.mask_to_code(each["phases"]) or None}
        elif isinstance(each, dict):
            each = {"mrid": each["mrid"], "open_phases": phases.mask_to_code(each["open"])}
        told.append(each)
    return told
