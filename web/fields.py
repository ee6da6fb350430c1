"""Strict reading of requests: every field is named, typed and within its limits, and nothing else is there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson
from starlette.datastructures import QueryParams
from starlette.requests import Request

from web.errors import BodyTooLarge, InvalidValue, NotAcceptable, WrongMediaType

LARGEST_INTEGER = 2**53 - 1
"""Largest integer that every JSON reader keeps exactly."""


async def read_json(request: Request, limit: int) -> object:
    """The body as JSON values; raises WrongMediaType, BodyTooLarge or InvalidValue."""
    media_type = request.headers.get("content-type", "")
    if media_type.partition(";")[0].strip().lower() != "application/json":
        raise WrongMediaType(media_type)
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > limit:
        raise BodyTooLarge(limit, int(declared), "max_body_bytes")
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            raise BodyTooLarge(limit, setting="max_body_bytes")
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise InvalidValue("", None, f"is not JSON: {error}") from error


def kind_of(value: object) -> str:
    """The JSON type of a value, in words."""
    names: dict[type, str] = {bool: "a boolean", int: "an integer", float: "a number", str: "a text"}
    names |= {list: "a list", dict: "an object", type(None): "null"}
    return names.get(type(value), type(value).__name__)


def pointer(name: str) -> str:
    """JSON pointer (RFC 6901) of a field of the whole body."""
    return "/" + name.replace("~", "~0").replace("/", "~1")


class JsonObject:
    """A JSON object whose fields are taken one by one; `done` refuses those that nobody took."""

    def __init__(self, value: object, pointer: str = "") -> None:
        if not isinstance(value, dict):
            raise InvalidValue(pointer, value, f"must be an object, not {kind_of(value)}")
        self._left: dict[str, object] = dict(value)
        self.pointer = pointer

    def __contains__(self, name: str) -> bool:
        return name in self._left

    def at(self, name: str) -> str:
        """JSON pointer of a field."""
        return self.pointer + pointer(name)

    def _take(self, name: str, kind: type, wanted: str, default: Any) -> Any:
        if name not in self._left:
            if default is _REQUIRED:
                raise InvalidValue(self.at(name), None, "is missing")
            return default
        value = self._left.pop(name)
        if type(value) is not kind:  # bool is an int to isinstance
            raise InvalidValue(self.at(name), value, f"must be {wanted}, not {kind_of(value)}")
        return value

    def text(self, name: str, default: str | None = None, *, longest: int) -> str:
        """A text of at most `longest` characters; required where there is no default."""
        value: str = self._take(name, str, "a text", _REQUIRED if default is None else default)
        if len(value) > longest:
            raise InvalidValue(self.at(name), value, f"has {len(value)} characters; {longest} is the limit", longest)
        if "\0" in value:  # databases keep no such text
            raise InvalidValue(self.at(name), value, "holds a NUL character; leave it out")
        return value

    def flag(self, name: str, default: bool | None = None) -> bool:
        """true or false; required where there is no default."""
        value: bool = self._take(name, bool, "true or false", _REQUIRED if default is None else default)
        return value

    def integer(self, name: str, default: int | None) -> int | None:
        """A whole number that is not negative."""
        value: int | None = self._take(name, int, "an integer", default)
        if value is not None and not 0 <= value <= LARGEST_INTEGER:
            raise InvalidValue(self.at(name), value, f"must lie in 0 … {LARGEST_INTEGER}", LARGEST_INTEGER)
        return value

    def objects(self, name: str, *, most: int) -> list[JsonObject]:
        """A list of objects."""
        values: list[object] = self._take(name, list, "a list", _REQUIRED)
        if len(values) > most:
            raise InvalidValue(self.at(name), values, f"has {len(values)} entries; {most} is the limit", most)
        return [JsonObject(value, f"{self.at(name)}/{number}") for number, value in enumerate(values)]

    def done(self) -> None:
        """Raises InvalidValue for a field that nobody took."""
        for name, value in self._left.items():
            raise InvalidValue(self.at(name), value, "is not a field known here")


class _Required:
    """Marks a field without a default."""


_REQUIRED = _Required()


class Query:
    """Query parameters taken one by one; `done` refuses those that nobody took."""

    def __init__(self, parameters: QueryParams) -> None:
        self._left: dict[str, list[str]] = {}
        for name, value in parameters.multi_items():
            self._left.setdefault(name, []).append(value)

    def __contains__(self, name: str) -> bool:
        return name in self._left

    def all(self, name: str) -> list[str]:
        """Every value of a parameter that may be repeated."""
        return self._left.pop(name, [])

    def text(self, name: str, default: str | None = None, *, longest: int = 200) -> str:
        """One value; required where there is no default."""
        values = self._left.pop(name, [])
        if not values:
            if default is None:
                raise InvalidValue(name, None, "is missing")
            return default
        if len(values) > 1:
            raise InvalidValue(name, values[1], f"is given {len(values)} times; give it once")
        if len(values[0]) > longest:
            rule = f"has {len(values[0])} characters; {longest} is the limit"
            raise InvalidValue(name, values[0], rule, longest)
        return values[0]

    def optional(self, name: str, *, longest: int = 200) -> str | None:
        """One value, None where it is left out."""
        return self.text(name, longest=longest) if name in self._left else None

    def integer(self, name: str, default: int | None = None, *, low: int = 0, high: int = LARGEST_INTEGER) -> int:
        """One whole number within its limits; required where there is no default."""
        if name not in self._left and default is not None:
            return default
        return integer(name, self.text(name), low, high)

    def choice(self, name: str, choices: Sequence[str], default: str) -> str:
        """One of some words."""
        value = self.text(name, default)
        if value not in choices:
            raise InvalidValue(name, value, f"must be one of {', '.join(choices)}", list(choices))
        return value

    def done(self) -> None:
        """Raises InvalidValue for a parameter that nobody took."""
        for name, values in self._left.items():
            raise InvalidValue(name, values[0], "is not a parameter known here")


def integer(name: str, text: str, low: int = 0, high: int = LARGEST_INTEGER) -> int:
    """A whole number in decimal digits within its limits."""
    if not (text.isascii() and text.isdecimal() and len(text) <= 16):
        raise InvalidValue(name, text, "must be a whole number")
    value = int(text)
    if not low <= value <= high:
        raise InvalidValue(name, value, f"must lie in {low} … {high}", high if value > high else low)
    return value


def accepted(request: Request, offered: tuple[str, ...]) -> str:
    """The type on offer that the client likes best (the first of equals); raises NotAcceptable."""
    header = request.headers.get("accept", "*/*")
    ranges = [_quality(part) for part in header.split(",") if part.strip()]
    best = max(offered, key=lambda offer: _liking(offer, ranges))
    if ranges and _liking(best, ranges) <= 0:
        raise NotAcceptable(header, offered)
    return best


def _quality(part: str) -> tuple[str, float]:
    media_range, *parameters = (piece.strip().lower() for piece in part.split(";"))
    quality = 1.0
    for parameter in parameters:
        if parameter.startswith("q="):
            quality = _number(parameter[2:])
    return media_range, quality


def _number(text: str) -> float:
    try:
        return min(max(float(text), 0.0), 1.0)
    except ValueError:
        return 0.0


def _liking(offer: str, ranges: list[tuple[str, float]]) -> float:
    """Quality given to a type by the most exact range that holds it."""
    for wanted in (offer, offer.partition("/")[0] + "/*", "*/*"):
        for media_range, quality in ranges:
            if media_range == wanted:
                return quality
    return 0.0


def accepts_gzip(header: str) -> bool:
    """Whether an Accept-Encoding header allows gzip (RFC 9110, 12.5.3)."""
    if header == "gzip" or header.startswith("gzip,"):  # what nearly every client sends
        return True
    coded = dict(_quality(part) for part in header.split(",") if part.strip())
    return coded.get("gzip", coded.get("x-gzip", coded.get("*", 0.0))) > 0
