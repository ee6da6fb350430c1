"""The viewer's files, from our own origin and under a policy that allows no other."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from web.context import Context, context
from web.files import File, inside, load, packed
from web.responses import NO_CACHE, encoding_of, etag_matches, etag_of, not_modified

FOLDER = Path(__file__).resolve().parent / "viewer"


async def index(request: Request) -> Response:
    """The viewer."""
    return await _file(request, "index.html")


async def viewer_file(request: Request) -> Response:
    """A file of the viewer."""
    return await _file(request, request.path_params["path"])


async def _file(request: Request, name: str) -> Response:
    here = context(request)
    path = inside(FOLDER, name)
    if path is None:
        raise HTTPException(404)
    file = await here.workers.compute(_current, here, path)
    encoding = encoding_of(request) if file.packed is not None else "identity"
    etag = etag_of(file.digest, encoding)
    headers = {"Cache-Control": NO_CACHE, "Vary": "Accept-Encoding", "Content-Security-Policy": _policy(here)}
    if etag_matches(request.headers.get("if-none-match"), etag):
        return not_modified(etag, headers)
    data = file.plain
    if encoding == "gzip" and file.packed is not None:
        data, headers["Content-Encoding"] = file.packed, "gzip"
    return Response(data, headers={**headers, "ETag": etag}, media_type=file.media_type)


def _current(here: Context, path: Path) -> File:
    """The file, read again when it was changed."""
    status = path.stat()
    if path.suffix != ".html":
        return here.files.get((path, status.st_mtime_ns, status.st_size), lambda: load(path))
    changed = max(status.st_mtime_ns, path.parent.stat().st_mtime_ns)  # the folder's, when modules come or go
    return here.files.get((path, changed, status.st_size), lambda: _page(path))


def _page(path: Path) -> File:
    """A page that names all our modules, so that a browser fetches them at once and not one import after the other."""
    modules = sorted(module.name for module in path.parent.glob("*.js"))
    links = "".join(f'<link rel="modulepreload" href="viewer/{name}" />' for name in modules)
    return packed(path.read_bytes().replace(b"</head>", links.encode() + b"</head>", 1), path.suffix)


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
