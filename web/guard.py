"""Who sends a request, and whether they may: before the endpoint of any operation runs."""

from __future__ import annotations

import importlib
from importlib.util import find_spec
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response

from web.access import ANYBODY, Access, AccessError, Forbidden, Identity, TokenFile, Unauthorized, identify
from web.links import LinkError, base_url
from web.openapi import Endpoint, Operation
from web.settings import Settings

COOKIE = "gridtwin_token"
SAFE = ("GET", "HEAD", "OPTIONS")


def make_access(settings: Settings) -> tuple[Access, ...]:
    """What knows tokens, as the settings say; nothing where there is no access control. Raises AccessError."""
    kinds: list[Access] = []
    if settings.token_file:
        kinds.append(TokenFile(Path(settings.token_file)))
    if settings.jwt_keys:
        if find_spec("jwt") is None:
            raise AccessError("signed tokens need an extra: pip install 'gridtwin[jwt]'")
        module = importlib.import_module("web.signed_tokens")  # an extra: only who needs it has it
        kinds.append(
            module.SignedTokens(Path(settings.jwt_keys), audience=settings.jwt_audience, issuer=settings.jwt_issuer)
        )
    return tuple(kinds)


def guarded(operation: Operation) -> Endpoint:
    """The endpoint, for those who may; it finds them as `author`."""
    needed, endpoint = operation.needs, operation.endpoint
    if needed is None:
        return endpoint

    async def checked(request: Request) -> Response:
        identity = identity_of(request)
        identity.check(needed)
        request.state.identity = identity
        return await endpoint(request)

    return checked


def identity_of(request: Request) -> Identity:
    """By the header Authorization, else by the cookie of somebody who signed in; raises Unauthorized or Forbidden."""
    kinds: tuple[Access, ...] = request.app.state.context.access
    if not kinds:
        return ANYBODY
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme:
        if scheme.lower() != "bearer":
            raise Unauthorized("the header Authorization must be: Bearer TOKEN")
        return identify(kinds, token.strip())
    identity = identify(kinds, request.cookies.get(COOKIE))
    if request.method not in SAFE:
        check_origin(request)
    return identity


def check_origin(request: Request) -> None:
    """A browser says where a writing page came from: with a cookie it must be our own. Raises Forbidden."""
    origin = request.headers.get("origin")
    if origin is None:
        return
    try:
        own = "/".join(base_url(request).split("/")[:3])
    except LinkError:
        own = ""
    if origin != own:
        raise Forbidden(f"a page of {origin}", "no", "a page of this server, or a token in the header Authorization")


def author(request: Request) -> str:
    """The name that the log keeps; empty without access control."""
    identity = getattr(request.state, "identity", ANYBODY)
    assert isinstance(identity, Identity)
    return identity.name
