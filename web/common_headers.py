"""Header fields that every answer has, and which pages of other sites may read answers."""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from web.settings import Settings

COMMON_HEADERS = [(b"x-content-type-options", b"nosniff"), (b"referrer-policy", b"no-referrer")]
EXPOSED = b"ETag, Gridtwin-Revision, Gridtwin-Left-Out, Link, X-Request-ID"
READS = (b"GET", b"HEAD")

Fields = list[tuple[bytes, bytes]]


def common_headers(settings: Settings) -> Fields:
    """Header fields of every answer to a read by no page of another origin."""
    return [*COMMON_HEADERS, *_sharing(frozenset(each.encode() for each in settings.cors_origins), b"")]


def _sharing(origins: frozenset[bytes], origin: bytes) -> Fields:
    """Who else may read this answer."""
    if not origins:
        return []
    if b"*" in origins:
        return [(b"access-control-allow-origin", b"*"), (b"access-control-expose-headers", EXPOSED)]
    if origin not in origins:
        return [(b"vary", b"Origin")]
    return [
        (b"access-control-allow-origin", origin),
        (b"access-control-expose-headers", EXPOSED),
        (b"vary", b"Origin"),
    ]


class CommonHeaders:
    """ASGI middleware: keeps browsers from guessing types and shared caches from keeping what is private.

    Reads, and only these, are open to pages of the origins in the settings (the Fetch standard's CORS protocol).
    """

    def __init__(self, app: ASGIApp, settings: Settings, private: bool) -> None:
        self.app = app
        self._origins = frozenset(origin.encode() for origin in settings.cors_origins)
        self._private = private

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        shared = scope["method"] in ("GET", "HEAD", "OPTIONS")
        fields = [*COMMON_HEADERS, *(_sharing(self._origins, _field(scope, b"origin")) if shared else ())]
        if scope["method"] == "OPTIONS" and self._is_preflight(scope):
            await send({"type": "http.response.start", "status": 204, "headers": [*fields, *_PREFLIGHT]})
            await send({"type": "http.response.body"})
            return

        async def adding(message: Message) -> None:
            if message["type"] == "http.response.start":
                given = message["headers"]
                message["headers"] = [*(_private(given) if self._private else given), *fields]
            await send(message)

        await self.app(scope, receive, adding)

    def _is_preflight(self, scope: Scope) -> bool:
        """Whether a browser asks if a page of an origin that may read may send a request with more headers."""
        open_to = b"*" in self._origins or _field(scope, b"origin") in self._origins
        return open_to and _field(scope, b"access-control-request-method") in READS


_PREFLIGHT = [
    (b"access-control-allow-methods", b"GET, HEAD"),
    (b"access-control-allow-headers", b"Authorization, If-None-Match, Accept, X-Request-ID"),
    (b"access-control-max-age", b"3600"),
]


def _field(scope: Scope, wanted: bytes) -> bytes:
    for name, value in scope["headers"]:
        if name == wanted:
            found: bytes = value
            return found
    return b""


def _private(fields: Fields) -> Fields:
    """For this client alone, whoever it is by header or cookie."""

    def kept(name: bytes, value: bytes) -> bytes:
        if name != b"cache-control" or b"no-store" in value:
            return value
        return b"private, " + value.replace(b"public, ", b"")

    return [*((name, kept(name, value)) for name, value in fields), (b"vary", b"Authorization, Cookie")]
