"""What is asked of a trace: its fields, checked, and the id that stands for them."""

from __future__ import annotations

import base64
import binascii
import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Literal, get_args

from twin import phases
from twin.events import Operation
from twin.trace_kinds import EVERYWHERE, FIELDS, KINDS, Kind, kinds_with
from twin.views import Seen, StateName, View, ViewError, parse_instant

Mode = Literal["flow", "exclusive"]
Weight = Literal["length", "hops"]

ID_LIMIT = 8192
"""Characters of a trace id; a request with more starts and barriers than fit must be posted again."""
N_LIMIT = 1000
"""Protective devices that can be counted."""

MRID_LISTS = ("start", "to", "barriers", "filter_barriers")
CHOICES: Mapping[str, tuple[object, ...]] = {
    "kind": get_args(Kind),
    "mode": get_args(Mode),
    "state": get_args(StateName),
    "weight": get_args(Weight),
    "terminal": (1, 2),
}
TEXTS = ("scenario", "at")
FLAGS = ("include_barriers", "ignore_barriers_at_start", "ignore_status")


class TraceError(ValueError):
    """A request that makes no sense; `field` and `value` say which part, the message says the rule.

    at: where in the field, as positions and names: `(0, "open")` of operations.
    """

    def __init__(self, field: str, value: object, rule: str, at: tuple[int | str, ...] = ()) -> None:
        super().__init__(f"{'/'.join(map(str, (field, *at)))} is {value!r}: {rule}")
        self.field, self.value, self.rule, self.at = field, value, rule, at


@dataclass(frozen=True, slots=True)
class TraceRequest:
    """What to trace; the same request always has the same id. FIELDS says what the fields mean.

    phases: CIM text. terminal: None for both sides. Raises TraceError for fields that the kind does not take, and for
    those that it lacks.
    """

    kind: Kind
    start: tuple[str, ...] = ()
    state: StateName = "current"
    phases: str = "ABC"
    mode: Mode = "flow"
    terminal: int | None = None
    barriers: tuple[str, ...] = ()
    include_barriers: bool = True
    ignore_barriers_at_start: bool = False
    filter_barriers: tuple[str, ...] = ()
    ignore_status: bool = False
    to: tuple[str, ...] = ()
    weight: Weight = "length"
    n: int = 1
    operations: tuple[Operation, ...] = ()
    scenario: str | None = None
    at: str | None = None
    revision: int | None = None

    def __post_init__(self) -> None:
        takes = KINDS[self.kind]
        _check_taken(self.kind, {name: value for name, value in self._given() if name != "kind"})
        for name in takes.needed:
            if not getattr(self, name):
                raise TraceError(name, [], f"name at least one {'operation' if name == 'operations' else 'element'}")
        self.view  # noqa: B018  raises where it makes no sense

    @property
    def view(self) -> View:
        """The state to trace in."""
        try:
            return View(self.state, self.scenario, None if self.at is None else parse_instant(self.at), self.revision)
        except ViewError as error:
            raise TraceError(error.field, error.value, error.rule) from error

    def pinned(self, seen: Seen) -> TraceRequest:
        """The same request without what its id says of the state: revision, and instant. A scenario is pinned."""
        return replace(self, at=None, revision=None, scenario=seen.scenario)

    def _given(self) -> list[tuple[str, object]]:
        """Names and values that differ from the defaults."""
        whole = ((declared, getattr(self, declared.name)) for declared in fields(self))
        return [(declared.name, value) for declared, value in whole if value != declared.default]

    @classmethod
    def from_json(cls, value: Mapping[str, object]) -> TraceRequest:
        """Checks types and choices; raises TraceError naming the field and the value."""
        for name in value:
            if name not in FIELDS:
                raise TraceError(name, value[name], f"no such field; a trace takes {', '.join(sorted(FIELDS))}")
        if "kind" not in value:
            raise TraceError("kind", None, "it is needed")
        checked: dict[str, Any] = {name: _checked(name, given) for name, given in value.items()}
        kind: Kind = checked["kind"]
        _check_taken(kind, {name: given for name, given in value.items() if name != "kind"})
        for name in KINDS[kind].needed:
            if name not in value:
                raise TraceError(name, None, f"it is needed: a trace of kind {kind} takes {name}")
        return cls(**checked)

    def to_json(self) -> dict[str, object]:
        """Only what differs from the default."""
        return {name: _plain(value) for name, value in self._given()}

    def to_id(self, model: str, revision: int) -> str:
        """The request itself in URL-safe form, with model and revision, so that any process can answer it."""
        text = json.dumps([model, revision, self.to_json()], separators=(",", ":"), sort_keys=True)
        return base64.urlsafe_b64encode(zlib.compress(text.encode(), 9)).decode().rstrip("=")

    @classmethod
    def from_id(cls, trace_id: str) -> tuple[TraceRequest, str, int]:
        """The request, model and revision in an id; raises TraceError for a text that is none."""
        rule = "not a trace id: it comes from the answer to a trace"
        shown = trace_id[:40]
        if len(trace_id) > ID_LIMIT:
            raise TraceError("id", shown, f"longer than {ID_LIMIT} characters")
        try:
            packed = base64.urlsafe_b64decode(trace_id + "=" * (-len(trace_id) % 4))
            unpacker = zlib.decompressobj()
            text = unpacker.decompress(packed, 64 * ID_LIMIT)
            if not unpacker.eof:
                raise TraceError("id", shown, rule)  # cut short, or grown too large
            model, revision, request = json.loads(text)
            json.dumps(model, ensure_ascii=False).encode()  # raises for half a surrogate pair, which is no text
        except (binascii.Error, zlib.error, ValueError, TypeError, RecursionError) as error:
            raise TraceError("id", shown, rule) from error
        whole = type(revision) is int  # a bool is an int, too
        if not isinstance(model, str) or not whole or not isinstance(request, dict):
            raise TraceError("id", shown, rule)
        return cls.from_json(request), model, revision


def _check_taken(kind: Kind, given: Mapping[str, object]) -> None:
    takes = KINDS[kind]
    for name, value in given.items():
        if name not in takes.fields and name not in EVERYWHERE:
            users = ", ".join(kinds_with(name))
            raise TraceError(name, _plain(value), f"a trace of kind {kind} takes no {name}; it is for {users} only")


def _plain(value: object) -> object:
    """JSON values of a field."""
    if not isinstance(value, tuple):
        return value
    return [_operation_json(each) if isinstance(each, Operation) else each for each in value]


def _operation_json(operation: Operation) -> dict[str, object]:
    whole: dict[str, object] = {"mrid": operation.mrid, "open": operation.open}
    return whole | ({"phases": phases.mask_to_code(operation.phases)} if operation.phases else {})


def _checked(name: str, value: object) -> object:
    if name in MRID_LISTS:
        return _mrids(name, value)
    if name in CHOICES:
        known = isinstance(value, str | int) and not isinstance(value, bool) and value in CHOICES[name]
        if not known and not (name == "terminal" and value is None):
            raise TraceError(name, value, f"it must be one of {', '.join(map(str, CHOICES[name]))}")
        return value
    if name == "phases":
        return phases.mask_to_code(_phases(name, value, ()))
    if name == "n":
        if type(value) is not int or not 1 <= value <= N_LIMIT:
            raise TraceError(name, value, f"it must be a whole number from 1 to {N_LIMIT}")
        return value
    if name == "operations":
        return _operations(value)
    if name == "revision":
        if type(value) is not int or value < 0:
            raise TraceError(name, value, "it must be a revision of the log, a whole number")
        return value
    if name in TEXTS:
        if not isinstance(value, str):
            raise TraceError(name, value, "it must be a text")
        _check_text(name, value, ())
        return value
    if not isinstance(value, bool):
        raise TraceError(name, value, "it must be true or false")
    return value


def _mrids(name: str, value: object) -> tuple[str, ...]:
    if not isinstance(value, list | tuple) or not all(isinstance(mrid, str) for mrid in value):
        raise TraceError(name, value, "it must be a list of mrids")
    for at, mrid in enumerate(value):
        _check_text(name, mrid, (at,))
    return tuple(value)


def _check_text(name: str, mrid: str, at: tuple[int | str, ...]) -> None:
    if any(0xD800 <= ord(letter) < 0xE000 for letter in mrid):
        raise TraceError(name, ascii(mrid), "it holds half a surrogate pair, which is no text", at)


def _phases(name: str, value: object, at: tuple[int | str, ...]) -> int:
    if not isinstance(value, str):
        raise TraceError(name, value, "it must be a phase code such as ABC", at)
    try:
        mask = phases.code_to_mask(value)
    except phases.PhaseError as error:
        raise TraceError(name, value, str(error), at) from error
    if name == "phases" and not mask & phases.ABC:
        raise TraceError(name, value, "N alone is never traced", at)
    return mask


def _operations(value: object) -> tuple[Operation, ...]:
    if not isinstance(value, list | tuple):
        raise TraceError("operations", value, "it must be a list of operations")
    return tuple(each if isinstance(each, Operation) else _operation(at, each) for at, each in enumerate(value))


def _operation(at: int, value: object) -> Operation:
    if not isinstance(value, Mapping):
        raise TraceError("operations", value, "an operation is an object with mrid and open", (at,))
    for name in value:
        if name not in ("mrid", "open", "phases"):
            raise TraceError("operations", value[name], "an operation has mrid, open and phases", (at, str(name)))
    mrid, opened = value.get("mrid"), value.get("open")
    if not isinstance(mrid, str):
        raise TraceError("operations", mrid, "it must be the mrid of a switch", (at, "mrid"))
    _check_text("operations", mrid, (at, "mrid"))
    if not isinstance(opened, bool):
        raise TraceError("operations", opened, "it must be true or false", (at, "open"))
    mask = _phases("operations", value["phases"], (at, "phases")) if "phases" in value else 0
    return Operation(mrid, opened, mask)
