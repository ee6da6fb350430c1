"""Requests that are nearly right: those that we document, bent in one to four places; the same seed, the same ones."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from random import Random
from urllib.parse import quote

from tests.web.conftest import LAT, LNG, STEP, tiny_network
from tiles.mercator import lnglat_to_tile
from twin.traces import TraceRequest
from web.openapi import Operation, Parameter
from web.routes import OPERATIONS

Z = 12
X, Y = (int(part) for part in lnglat_to_tile(LNG + 2 * STEP, LAT, Z))
MODEL = tiny_network().model
MRIDS = ("SW1", "CB1", "TIE", "J", "L 1/1", "n1", "c2", "T1", "north", "grid", "gone")
TRACE = TraceRequest.from_json({"kind": "downstream", "start": ["CB1"]}).to_id(MODEL, 1)

SCENARIO = "SCENARIO"
"""Stands for the id of a what-if that there is."""

KNOWN: dict[str, Sequence[str]] = {
    "tileset": ("grid", "hexes", "feeders"),
    "z": (str(Z), str(Z), str(Z), "10", "16", "0"),
    "tileMatrix": (str(Z), str(Z), str(Z), "10", "16"),
    "x": (str(X), str(X), "0"),
    "tileCol": (str(X),),
    "y": (str(Y), str(Y), "0"),
    "tileRow": (str(Y),),
    "layers": ("lines", "switches,meters", "hexes"),
    "layer": ("lines", "meters", "switches"),
    "trace": (TRACE,),
    "phases": ("A", "ABC", "N"),
    "filter": ("class = 'Breaker'", '"open" = true', "customers > 1 AND feeder IS NULL", "name LIKE 'o%'"),
    "model": (MODEL,),
    "scenario": (SCENARIO, SCENARIO, "gone"),
    "at": ("2999-01-01T00:00:00Z", "2026-03-01T14:30:00+02:00"),
    "revision": ("1", "0", "2"),
    "kind": ("connected", "upstream", "downstream", "subnetwork", "loops", "outage", "isolation", "direction"),
    "operations": ('{"mrid": "SW1", "open": true}',),
    "bbox": ("8,51,10,53", "179,-1,-179,1"),
    "datetime": ("../2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z"),
    "properties": ("class,feeder", "mrid"),
    "id": (SCENARIO, TRACE, "1"),
    "q": ("n", "SW", "overhead α"),
    "path": ("main.mjs", "style.css", "index.html"),
    **dict.fromkeys(("limit", "n"), ("1", "3")),
    **dict.fromkeys(("since", "after"), ("0", "1")),
    "tileMatrixSetId": ("WebMercatorQuad",),
    "collectionId": ("lines", "switches", "outages"),
}
BODIES: dict[str, Sequence[object]] = {
    "TraceRequest": (
        {"kind": "downstream", "start": ["CB1"], "elements": "page"},
        {"kind": "shortest_path", "start": ["n1"], "to": ["n4"], "weight": "hops"},
        {"kind": "outage", "operations": [{"mrid": "SW1", "open": True, "phases": "A"}], "elements": False},
        {"kind": "connected", "start": ["b"], "barriers": ["SW1"], "phases": "AB", "include_barriers": False},
    ),
    "SwitchingRequest": (
        {"operations": [{"mrid": "SW1", "open": True}, {"mrid": "TIE", "open": False}], "note": "n"},
        {"normal": True, "expected_revision": 1},
        {"operations": [{"mrid": "J", "open": True}]},
    ),
    "ScenarioRequest": ({"name": "what if", "note": "", "base": 1},),
    "ScenarioSwitching": ({"operations": [{"mrid": "CB1", "open": True}]}, {"undo": True}, {"normal": True}),
}
ODD = (
    "", "%00", "%2e%2e%2f", "../", "%ff%fe", "%", "%zz", "-1", "1e9", "NaN", "9" * 19, "9" * 400, "0x10", "1.5", "٣",
    "null", "true", "[]", "{}", "'", '"', "''", "--", ";", "%0d%0aX: y", "\u202e", "💡", "a" * 5_000, "+", " ", "?",
    "#", "&", "=", "/", "//", "%2F", ",", ",,", "@", "{id}", "2026-13-45T99:99:99Z", "1970-01-01", "𝄞" * 50,
    "((((((((((((((((((((", "NOT NOT NOT a = 1", "a = 1 OR " * 40 + "a = 1", "S_INTERSECTS(geometry, POINT(0 0))",
)  # fmt: skip
HEADERS: dict[str, Sequence[str]] = {
    "accept": ("application/json", "text/csv", "application/geo+json", "application/geopackage+sqlite3", "q=;,"),
    "accept-encoding": ("gzip", "gzip;q=0", "identity", "*;q=nan", "br, gzip;q=1e9"),
    "if-none-match": ("*", '"x"', 'W/"' + "0" * 64 + '"', ",,,"),
    "content-type": ("application/json", "application/json; charset=utf-16", "text/plain", "multipart/form-data"),
    "idempotency-key": ("a", "b", "", "k" * 300),
    "last-event-id": ("1", "-1", "x", "9" * 30),
    "x-forwarded-host": ("grid.example", "a b", "<script>", "grid.example:99999"),
    "x-forwarded-proto": ("https", "javascript"),
    "x-forwarded-prefix": ("/twin", "//evil", "../.."),
    "host": ("twin.test", "", "[::1", "a" * 300),
    "authorization": ("Bearer x", "Basic eDp5", "Bearer", ""),
    "cookie": ("gridtwin_token=x", "=;=;", "a" * 2_000),
    "origin": ("http://evil.example", "null"),
    "content-length": ("0", "99999999999", "-1"),
    "range": ("bytes=0-1", "bytes=9-1"),
}
METHODS = ("GET", "HEAD", "POST", "DELETE", "PUT", "PATCH", "OPTIONS", "TRACE", "get", "X" * 40)


@dataclass(frozen=True, slots=True)
class Request:
    """target: path and query as they go over the wire, percent-encoded, or nearly so."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""


_OFTEN = [operation for operation in OPERATIONS for _ in range(3 if operation.body else 1)]


def requests(seed: int, count: int) -> Iterator[Request]:
    """So many of them, each made of one operation."""
    random = Random(seed)
    for _ in range(count):
        asked = _plain(random, random.choice(_OFTEN))
        for _ in range(random.choice((1, 1, 1, 2, 2, 3, 4))):
            asked = random.choice(_MUTATIONS)(random, asked)
        yield asked


def plain(seed: int) -> Iterator[Request]:
    """One request of each operation, as documented."""
    random = Random(seed)
    for operation in OPERATIONS:
        yield _plain(random, operation)


def _plain(random: Random, operation: Operation) -> Request:
    path, query = operation.public_path, []
    for parameter in operation.parameters:
        if parameter.where == "path":
            path = path.replace("{" + parameter.name + "}", quote(_value(random, parameter), safe=""))
        elif parameter.where == "query" and (parameter.required or random.random() < 0.08):
            query.append(f"{parameter.name}={quote(_value(random, parameter), safe='')}")
    headers: tuple[tuple[str, str], ...] = (("host", "twin.test"),)
    body = b""
    if operation.body:
        headers = (*headers, ("content-type", "application/json"))
        body = json.dumps(random.choice(BODIES[operation.body])).encode()
    return Request(operation.method, path + ("?" + "&".join(query) if query else ""), headers, body)


def _value(random: Random, parameter: Parameter) -> str:
    choices = parameter.schema.get("enum")
    if isinstance(choices, list):
        return str(random.choice(choices))
    return random.choice(KNOWN.get(parameter.name, MRIDS))


# --- what is bent -------------------------------------------------------------------------------------------------


def _odd_value(random: Random, asked: Request) -> Request:
    """One value of the query, or a part of the path, becomes something odd."""
    path, _, query = asked.target.partition("?")
    parts = query.split("&") if query else []
    if parts and random.random() < 0.7:
        at = random.randrange(len(parts))
        parts[at] = parts[at].partition("=")[0] + "=" + _odd(random)
        return replace(asked, target=path + "?" + "&".join(parts))
    steps = path.split("/")
    steps[random.randrange(1, len(steps))] = _odd(random)
    return replace(asked, target="/".join(steps) + ("?" + query if query else ""))


def _odd(random: Random) -> str:
    text = random.choice(ODD)
    return quote(text, safe="%/?&=#+;,'") if random.random() < 0.9 else quote(text, safe="")


def _cut(random: Random, asked: Request) -> Request:
    """A piece of the target is left out, doubled, or turned into another character."""
    text = asked.target
    begin = random.randrange(1, len(text) + 1)
    end = min(begin + random.randrange(0, 6), len(text))
    middle = random.choice(("", text[begin:end] * 2, quote(chr(random.randrange(0x250))), random.choice("%?&=/.")))
    return replace(asked, target=text[:begin] + middle + text[end:])


def _more_query(random: Random, asked: Request) -> Request:
    """A parameter more: one that exists somewhere, twice, or none."""
    name = random.choice(
        (*KNOWN, "state", "elements", "limit", "after", "since", "start", "to", "f", "n", _odd(random))
    )
    value = quote(random.choice((*KNOWN.get(name, MRIDS), random.choice(ODD))), safe="")
    mark = "&" if "?" in asked.target else "?"
    return replace(asked, target=f"{asked.target}{mark}{name}={value}" * random.choice((1, 1, 1, 2)))


def _header(random: Random, asked: Request) -> Request:
    name = random.choice(list(HEADERS))
    value = random.choice((*HEADERS[name], *HEADERS[name], "\x7f\x80ÿ", "a" * 300))
    return replace(asked, headers=(*asked.headers, (name, value)))


def _no_header(random: Random, asked: Request) -> Request:
    return replace(asked, headers=())


def _method(random: Random, asked: Request) -> Request:
    return replace(asked, method=random.choice(METHODS))


def _bytes_of_body(random: Random, asked: Request) -> Request:
    """Some bytes of the body change, are left out, or come twice."""
    body = bytearray(asked.body or b"{}")
    for _ in range(random.randrange(1, 4)):
        at = random.randrange(len(body) + 1)
        body[at : at + random.randrange(3)] = random.choice((b"", bytes([random.randrange(256)]), b"[", b'"', b"1e999"))
        body = body or bytearray(b" ")
    return replace(asked, body=bytes(body))


def _field_of_body(random: Random, asked: Request) -> Request:
    """One value somewhere in the body becomes another JSON value, or a field is left out or added."""
    try:
        whole = json.loads(asked.body or b"{}")
    except (ValueError, RecursionError):  # bent before
        return asked
    odd: Sequence[object] = (
        None, True, -1, 2**53, 2**70, 1e308, "", "A", "\0", "💡" * 99, [], {}, [[]], {"a": {}}, ["gone"], ["SW1"] * 300,
    )  # fmt: skip
    place = whole
    while isinstance(place, dict | list) and place:
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))
        key = random.choice(keys)
        inner = place[key]
        if not isinstance(inner, dict | list) or not inner or random.random() < 0.4:
            if isinstance(place, dict) and random.random() < 0.3:
                place[random.choice(("phases", "to", "at", "revision", "scenario", "x", ""))] = random.choice(odd)
            elif isinstance(place, dict) and random.random() < 0.2:
                del place[key]
            else:
                place[key] = random.choice(odd)
            break
        place = inner
    return replace(asked, body=json.dumps(whole).encode("utf-8", "surrogatepass"))


def _other_body(random: Random, asked: Request) -> Request:
    deep = random.choice((50, 3_000))
    return replace(
        asked,
        body=random.choice((b"", b"null", b"[" * deep, b'{"a":' * deep, b"\xff\xfe{", b" " * 70_000, b"9" * 5_000)),
    )


Mutation = Callable[[Random, Request], Request]
_MUTATIONS: Sequence[Mutation] = (
    _odd_value,
    _odd_value,
    _odd_value,
    _cut,
    _cut,
    _more_query,
    _more_query,
    _header,
    _header,
    _no_header,
    _method,
    _bytes_of_body,
    _field_of_body,
    _field_of_body,
    _other_body,
)
