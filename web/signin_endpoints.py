"""Signing in: a token once, then a cookie that scripts cannot read, so that tiles and the stream are covered."""

from __future__ import annotations

import base64
import hashlib
from html import escape
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import Response

from web.access import LONGEST_TOKEN, Unauthorized, identify
from web.context import context
from web.errors import BodyTooLarge, WrongMediaType
from web.guard import COOKIE, check_origin
from web.links import base_url

KEPT_S = 12 * 3600
"""Seconds after which a browser asks again."""
FORM = "application/x-www-form-urlencoded"
_CSS = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:24rem;margin:15vh auto;padding:0 1rem;color:#1b1f24;"
    "background:#fff}label,input,button{display:block;width:100%;box-sizing:border-box;font:inherit}"
    "input{margin:.3rem 0 1rem;padding:.5rem;border:1px solid #767676;border-radius:4px}"
    "button{padding:.6rem;border:0;border-radius:4px;background:#0b5cad;color:#fff}[role=alert]{color:#b00020}"
    "@media(prefers-color-scheme:dark){body{color:#e6e6e6;background:#15181c}input{background:#22262b;color:inherit}"
    "[role=alert]{color:#ff8a80}}"
)
_POLICY = (
    "default-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; "
    f"style-src 'sha256-{base64.b64encode(hashlib.sha256(_CSS.encode()).digest()).decode()}'"
)


async def signin_page(request: Request) -> Response:
    """A form that takes a token."""
    return _page(request, "")


async def sign_in(request: Request) -> Response:
    """Checks the token and sets the cookie."""
    check_origin(request)
    token = await _token(request)
    try:
        identify(context(request).access, token)
    except Unauthorized as error:
        return _page(request, str(error), status=401)
    base = base_url(request)
    answer = Response(status_code=303, headers={"Location": f"{base}/", "Cache-Control": "no-store"})
    answer.set_cookie(
        COOKIE, token, max_age=KEPT_S, path="/", secure=base.startswith("https:"), httponly=True, samesite="strict"
    )
    return answer


async def sign_out(request: Request) -> Response:
    """Takes the cookie away."""
    check_origin(request)
    answer = Response(status_code=303, headers={"Location": f"{base_url(request)}/signin", "Cache-Control": "no-store"})
    answer.delete_cookie(COOKIE, path="/", httponly=True, samesite="strict")
    return answer


async def _token(request: Request) -> str:
    media_type = request.headers.get("content-type", "")
    if media_type.partition(";")[0].strip().lower() != FORM:
        raise WrongMediaType(media_type)
    limit = 3 * LONGEST_TOKEN  # of a form, where a character may be written with three
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            raise BodyTooLarge(limit)
    values = parse_qs(body.decode("ascii", "replace")).get("token", [])
    return values[0].strip() if values else ""


def _page(request: Request, error: str, status: int = 200) -> Response:
    said = f'<p role="alert">{escape(error)}</p>' if error else ""
    if not context(request).access:
        said = "<p>This server has no access control: nobody needs to sign in.</p>"
    text = (
        '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>Sign in to gridtwin</title><style>{_CSS}</style><main><h1>gridtwin</h1>{said}"
        '<form method="post" action="signin"><label for="token">Token</label>'
        '<input id="token" name="token" type="password" autocomplete="current-password" required autofocus>'
        "<button>Sign in</button></form></main></html>"
    )
    headers = {"Content-Security-Policy": _POLICY, "Cache-Control": "no-store"}
    return Response(text, status, headers, "text/html")
