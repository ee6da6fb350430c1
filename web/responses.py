"""Answers: JSON by orjson, gzip where it pays, strong ETags that differ by encoding."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import orjson
from isal import igzip, isal_zlib
from starlette.requests import Request
from starlette.responses import Response

from web.fields import accepts_gzip
from web.version import version

VERSION = version()
JSON = "application/json"
NO_CACHE = "no-cache"
"""May be kept, must be asked for again: what a twin shows changes at any moment."""
IMMUTABLE = "public, max-age=31536000, immutable"

GZIP_LEVEL = 1
SMALLEST_GZIP = 1_000
"""Bytes below which compressing an answer saves nothing: it fits one packet as it is."""


def to_json(value: object) -> bytes:
    """JSON bytes; texts of NumPy and dates included."""
    return orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY)


def gzipped(data: bytes) -> bytes:
    """The same bytes for the same data."""
    return igzip.compress(data, GZIP_LEVEL, mtime=0)


def gunzipped(data: bytes) -> bytes:
    """The inverse."""
    return isal_zlib.decompress(data, wbits=31)  # gzip with one member


def encoding_of(request: Request) -> str:
    """`gzip` or `identity`, as the client accepts."""
    return "gzip" if accepts_gzip(request.headers.get("accept-encoding", "")) else "identity"


def etag_of(*parts: object) -> str:
    """A strong ETag of everything that decides the bytes of an answer, the program's version among it."""
    return f'"{hashlib.blake2b(repr((VERSION, *parts)).encode(), digest_size=12).hexdigest()}"'


def etag_matches(header: str | None, etag: str) -> bool:
    """Whether an If-None-Match header names the ETag (RFC 9110, 13.1.2: weak comparison, lists, `*`)."""
    if not header:
        return False
    if header == etag or header.strip() == "*":
        return True
    return any(candidate.strip().removeprefix("W/") == etag for candidate in header.split(","))


def not_modified(etag: str, headers: Mapping[str, str]) -> Response:
    """304 with the headers that the 200 would have (RFC 9110, 15.4.5)."""
    return Response(status_code=304, headers={**headers, "ETag": etag})


def body_response(
    request: Request,
    data: bytes,
    media_type: str,
    *,
    headers: Mapping[str, str] | None = None,
    status: int = 200,
    etag: str | None = None,
) -> Response:
    """The bytes, compressed where the client accepts it and it pays."""
    whole = {"Cache-Control": NO_CACHE, "Vary": "Accept-Encoding", **(headers or {})}
    if etag is not None:
        whole["ETag"] = etag
    if len(data) >= SMALLEST_GZIP and encoding_of(request) == "gzip":
        data = gzipped(data)
        whole["Content-Encoding"] = "gzip"
    return Response(data, status, whole, media_type)
