"""Absolute addresses for links: from the public URL, else from what the proxy forwarded, else from the request."""

from __future__ import annotations

import re

from starlette.requests import Request

_HOST = re.compile(r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?\Z")
_PREFIX = re.compile(r"(?:/[A-Za-z0-9._~-]+)*/?\Z")


class LinkError(ValueError):
    """A header that links cannot be built from."""

    def __init__(self, header: str, value: str) -> None:
        super().__init__(f"the header {header} is not usable in a link")
        self.header, self.value = header, value


def base_url(request: Request) -> str:
    """Where the client reaches this server, without a slash at the end; raises LinkError."""
    public_url: str = request.app.state.context.settings.public_url
    if public_url:
        return public_url.rstrip("/")
    host_header = "X-Forwarded-Host" if "x-forwarded-host" in request.headers else "Host"
    scheme = _first(request, "X-Forwarded-Proto") or request.url.scheme
    host = _first(request, host_header)
    prefix = _first(request, "X-Forwarded-Prefix")
    if scheme not in ("http", "https"):
        raise LinkError("X-Forwarded-Proto", scheme)
    if not _HOST.match(host):
        raise LinkError(host_header, host)
    if not _PREFIX.match(prefix):
        raise LinkError("X-Forwarded-Prefix", prefix)
    return f"{scheme}://{host}{prefix.rstrip('/')}"


def _first(request: Request, header: str) -> str:
    """The first of a list of values: the one that the proxy nearest to the client wrote."""
    return request.headers.get(header, "").partition(",")[0].strip()
