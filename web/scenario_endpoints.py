"""What-ifs over HTTP: made, listed, switched, undone, compared with their base, deleted."""

from __future__ import annotations

from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import Response

from twin.events import Operation
from twin.scenario import Scenario
from twin.scenarios import Scenarios
from web.context import context
from web.errors import InvalidValue, TooMany
from web.fields import JsonObject, Query, read_json
from web.guard import author, identity_of
from web.responses import JSON, body_response, to_json
from web.switching_endpoints import LONGEST_NOTE, event_fields, located, switching_of

LONGEST_NAME = 200

Make = Callable[[Scenarios], dict[str, object]]


async def list_scenarios(request: Request) -> Response:
    """All what-ifs, by creation, without their steps."""
    Query(request.query_params).done()
    return await _answer(request, lambda found: {"scenarios": [_short(found, each) for each in found.all()]})


async def create_scenario(request: Request) -> Response:
    """A what-if on top of a revision, the newest one by default."""
    body = await _body(request)
    name, note = body.text("name", longest=LONGEST_NAME), body.text("note", "", longest=LONGEST_NOTE)
    if not name.strip():
        raise InvalidValue(body.at("name"), name, "is empty: give the scenario a name")
    base = body.integer("base", None)
    body.done()
    who, most = author(request), context(request).settings.max_scenarios

    def created(found: Scenarios) -> dict[str, object]:
        if sum(each.author == who for each in found.all()) >= most:
            raise TooMany("you have as many scenarios as one author may", most, "max_scenarios")
        return _short(found, found.create(name, base=base, author=who, note=note))

    return await _answer(request, created, status=201)


async def scenario(request: Request) -> Response:
    """One what-if with its steps, and who loses and gains supply against its base, by feeder."""
    Query(request.query_params).done()
    return await _answer(request, lambda found: _whole(found, found.get(_id(request))))


async def delete_scenario(request: Request) -> Response:
    """Forgets a what-if; somebody else's only an admin may."""
    Query(request.query_params).done()
    here, who = context(request), identity_of(request)

    def deleted(found: Scenarios) -> None:
        if found.get(_id(request)).author != who.name:
            who.check("admin")
        found.delete(_id(request))

    await here.workers.write(deleted, here.views.scenarios)
    return Response(status_code=204)


async def switch_scenario(request: Request) -> Response:
    """One step: a batch, or everything back to normal, or the last step taken back; with `dry_run` only told."""
    body = await _body(request)
    note, expected = body.text("note", "", longest=LONGEST_NOTE), body.integer("expected_revision", None)
    undo, dry_run = "undo" in body and body.flag("undo"), body.flag("dry_run", False)
    operations: list[Operation] = []
    normal = False
    if not undo:
        operations, normal = switching_of(body, context(request).settings.max_operations)
    body.done()

    most = context(request).settings.max_steps

    def carried_out(found: Scenarios) -> dict[str, object]:
        if undo:
            return found.undo(_id(request), expected_revision=expected, dry_run=dry_run).to_json()
        if found.get(_id(request)).revision >= most:
            raise TooMany("the scenario has as many steps as one may", most, "max_steps")
        with located(operations):
            result = found.switch(
                _id(request),
                operations,
                normal=normal,
                note=note,
                author=author(request),
                expected_revision=expected,
                dry_run=dry_run,
            )
        return result.to_json()

    return await _answer(request, carried_out)


async def _answer(request: Request, make: Make, status: int = 200) -> Response:
    here = context(request)
    told = await here.workers.write(make, here.views.scenarios)
    headers = {"Cache-Control": "no-store", "Gridtwin-Revision": str(here.twin.revision)}
    return body_response(request, to_json(told), JSON, headers=headers, status=status)


async def _body(request: Request) -> JsonObject:
    Query(request.query_params).done()
    return JsonObject(await read_json(request, context(request).settings.max_body_bytes))


def _id(request: Request) -> str:
    scenario_id: str = request.path_params["id"]
    return scenario_id


def _short(found: Scenarios, each: Scenario) -> dict[str, object]:
    return {
        "id": each.id,
        "name": each.name,
        "model": each.model,
        "base": each.base,
        "revision": each.revision,
        "created_at": each.created_at.isoformat(),
        "author": each.author,
        "note": each.note,
        "stale": found.is_stale(each),
    }


def _whole(found: Scenarios, each: Scenario) -> dict[str, object]:
    steps = [
        {
            "recorded_at": step.recorded_at.isoformat(),
            "author": step.author,
            "note": step.note,
            **event_fields(step.event),
        }
        for step in each.steps
    ]
    snapshot = found.snapshot(each)
    return {
        **_short(found, each),
        "steps": steps,
        "customers_out": snapshot.customers_out,
        "comparison": found.compare(each).to_json(),
    }
