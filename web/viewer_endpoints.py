"""The viewer's files, from our own origin and under a policy that allows no other."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from web.context import Context, context
from web.files import TYPES, File, inside, load, packed
from web.responses import IMMUTABLE, NO_CACHE, encoding_of, etag_matches, etag_of, not_modified

FOLDER = Path(__file__).resolve().parent / "viewer"
OTHER_STATES = ("scenario", "revision", "at")
"""Parameters of a page that shows another state than the live one."""
ASKED_FIRST = ", ".join(f"<{path}>; rel=preload; as=fetch; crossorigin" for path in ("api/network", "style.json"))

VERSION = re.compile(r"([0-9a-f]{24})/(.+)")
"""Before the name of a file: of what all files hold, so that a browser needs to ask for none of them again."""


async def index(request: Request) -> Response:
    """The viewer; it asks for the network and its style at once, before its scripts are there, where these are live."""
    page = await _file(request, "index.html")
    if not any(name in request.query_params for name in OTHER_STATES):
        page.headers["Link"] = ASKED_FIRST
    return page


async def viewer_file(request: Request) -> Response:
    """A file of the viewer."""
    pinned = VERSION.fullmatch(request.path_params["path"])
    if pinned is None:
        return await _file(request, request.path_params["path"])
    return await _file(request, pinned[2], pinned[1])


async def _file(request: Request, name: str, version: str = "") -> Response:
    here = context(request)
    path = inside(FOLDER, name)
    if path is None:
        raise HTTPException(404)
    file, kept = await here.workers.compute(_current, here, path, version)
    encoding = encoding_of(request) if file.packed is not None else "identity"
    etag = etag_of(file.digest, encoding)
    headers = {"Cache-Control": kept, "Vary": "Accept-Encoding", "Content-Security-Policy": _policy(here)}
    if etag_matches(request.headers.get("if-none-match"), etag):
        return not_modified(etag, headers)
    data = file.plain
    if encoding == "gzip" and file.packed is not None:
        data, headers["Content-Encoding"] = file.packed, "gzip"
    return Response(data, headers={**headers, "ETag": etag}, media_type=file.media_type)


def warm_up(here: Context) -> None:
    """Shortens and compresses all files, so that the first page has not to wait for it."""
    _version(here)


def _current(here: Context, path: Path, version: str) -> tuple[File, str]:
    """The file, read again when it was changed, and how browsers may keep it that asked for it by a version."""
    page = path.suffix == ".html"
    present = _version(here) if version or page else ""
    kept = IMMUTABLE if version and version == present else NO_CACHE
    if not page:
        return _kept(here, path, path.stat()), kept
    return here.files.get((path, path.stat().st_mtime_ns, present), lambda: _page(path, present)), kept


def _kept(here: Context, path: Path, status: os.stat_result) -> File:
    return here.files.get((path, status.st_mtime_ns, status.st_size), lambda: load(path))


def _version(here: Context) -> str:
    """A digest of all files that pages use, as they are sent."""
    digests = (f"{entry.name} {_kept(here, Path(entry.path), entry.stat()).digest}" for entry in _entries(FOLDER))
    return hashlib.blake2b("\n".join(sorted(digests)).encode(), digest_size=12).hexdigest()


def _entries(folder: Path) -> Iterator[os.DirEntry[str]]:
    """The files in a folder and in those below it, pages themselves left out."""
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir():
                yield from _entries(Path(entry.path))
            elif not entry.name.endswith(".html") and Path(entry.name).suffix in TYPES:
                yield entry


def _page(path: Path, version: str) -> File:
    """A page whose links name the version, and all our modules: a browser fetches them at once, not one by one."""
    modules = sorted(module.name for module in path.parent.glob("*.js"))
    links = "".join(f'<link rel="modulepreload" href="viewer/{name}" />' for name in modules)
    whole = path.read_bytes().replace(b"</head>", links.encode() + b"</head>", 1)
    return packed(re.sub(rb'="viewer/', f'="viewer/{version}/'.encode(), whole), path.suffix)


def _policy(here: Context) -> str:
    """Content-Security-Policy: nothing inline, nothing from elsewhere but our public address and the basemap."""
    public = urlsplit(here.settings.public_url)
    own = f"'self' {public.scheme}://{public.netloc}" if public.netloc else "'self'"
    basemap = urlsplit(here.settings.basemap)
    other = f" {basemap.scheme}://{basemap.netloc}" if basemap.netloc else ""
    return (
        "default-src 'none'; script-src 'self'; worker-src 'self'; style-src 'self'; font-src 'self'; "
        f"img-src 'self' data:{other}; connect-src {own}{other}; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
    )
