"""The viewer's files."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from tests.web.conftest import Client, Connect
from twin.engine import Twin
from twin.network import Network
from web import viewer_endpoints


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A viewer to serve."""
    viewer = tmp_path / "viewer"
    (viewer / "vendor").mkdir(parents=True)
    (viewer / "index.html").write_text("<!doctype html><title>grid</title>")
    (viewer / "main.mjs").write_text("export const zoom = 12;\n" * 100)
    (viewer / "vendor" / "engine.js").write_text("1")
    (viewer / "style.css").write_text("body{}")
    (viewer / "build.py").write_text("SECRET = 1")
    (viewer / "package.json").write_text("{}")
    (tmp_path / "viewer-not.js").write_text("outside")
    monkeypatch.setattr(viewer_endpoints, "FOLDER", viewer)
    return viewer


@pytest.mark.parametrize(
    ("path", "media_type"),
    [
        ("/", "text/html; charset=utf-8"),
        ("/viewer/index.html", "text/html; charset=utf-8"),
        ("/viewer/main.mjs", "text/javascript; charset=utf-8"),
        ("/viewer/vendor/engine.js", "text/javascript; charset=utf-8"),
        ("/viewer/style.css", "text/css; charset=utf-8"),
    ],
)
def test_files_have_types_that_browsers_run(client: Client, folder: Path, path: str, media_type: str) -> None:
    answer = client.get(path)
    assert (answer.status_code, answer.headers["content-type"]) == (200, media_type)
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "no-cache"


def test_the_policy_allows_our_own_origin_and_nothing_inline(
    client: Client, folder: Path, network: Network, connect: Connect
) -> None:
    policy = client.get("/").headers["content-security-policy"]
    assert "unsafe" not in policy and "blob:" not in policy and "http" not in policy
    assert "default-src 'none'" in policy and "script-src 'self'" in policy
    public = connect(Twin(network), public_url="https://grid.example/twin").get("/").headers["content-security-policy"]
    assert "connect-src 'self' https://grid.example;" in public
    basemap = connect(Twin(network), basemap="https://maps.example:444/{z}/{x}/{y}.png").get("/").headers
    assert "img-src 'self' data: https://maps.example:444;" in basemap["content-security-policy"]
    assert "connect-src 'self' https://maps.example:444;" in basemap["content-security-policy"]


@pytest.mark.parametrize(
    "path",
    [
        "/viewer/",
        "/viewer/vendor",
        "/viewer/build.py",
        "/viewer/package.json",
        "/viewer/none.js",
        "/viewer/%2e%2e/viewer-not.js",
        "/viewer/..%2Fviewer-not.js",
        "/viewer/%2Fetc%2Fpasswd.txt",
        "/viewer/..%5Cviewer-not.js",
        "/viewer/main.mjs%00.js",
        "/viewer/0123456789abcdef01234567/",
        "/viewer/0123456789abcdef01234567/..%2F..%2Fviewer-not.js",
        pytest.param(f"/viewer/{'9' * 300}/main.js", id="a name longer than any file's"),
        pytest.param(f"/viewer/{'a/' * 3000}main.js", id="a path longer than any file's"),
    ],
)
def test_nothing_else_is_served(client: Client, folder: Path, path: str) -> None:
    assert client.get(path).status_code == 404


def test_a_link_out_of_the_folder_is_not_followed(client: Client, folder: Path) -> None:
    (folder / "out.js").symlink_to(folder.parent / "viewer-not.js")
    assert client.get("/viewer/out.js").status_code == 404


def test_a_file_is_sent_again_only_when_it_changed(client: Client, folder: Path) -> None:
    first = client.get("/viewer/main.mjs")
    assert first.headers["content-encoding"] == "gzip"
    seen = {"If-None-Match": first.headers["etag"]}
    assert client.get("/viewer/main.mjs", headers=seen).status_code == 304
    plain = client.get("/viewer/main.mjs", headers={**seen, "Accept-Encoding": "identity"})
    assert (plain.status_code, plain.content) == (200, first.content)
    (folder / "main.mjs").write_text("export const zoom = 13;\n" * 99)
    assert client.get("/viewer/main.mjs", headers=seen).text.startswith("export const zoom = 13")


def test_without_its_files_there_is_no_viewer(client: Client, folder: Path) -> None:
    shutil.rmtree(folder)
    assert client.get("/").status_code == 404


def modules_of(page: str) -> list[str]:
    """Addresses that a page says it will need."""
    return re.findall(r'rel="modulepreload" href="([^"]+)"', page)


def test_a_page_names_the_modules_that_it_will_need(client: Client, folder: Path) -> None:
    """And those of vendors it names itself."""
    (folder / "index.html").write_text("<!doctype html><head><title>grid</title></head>")
    (folder / "main.js").write_text("import './card.js'")
    first = client.get("/")
    assert [address.rpartition("/")[2] for address in modules_of(first.text)] == ["main.js"]
    (folder / "card.js").write_text("1")
    again = client.get("/", headers={"If-None-Match": first.headers["etag"]})
    assert [address.rpartition("/")[2] for address in modules_of(again.text)] == ["card.js", "main.js"]
    assert client.get("/", headers={"If-None-Match": again.headers["etag"]}).status_code == 304


def test_a_page_of_the_live_state_asks_for_the_network_before_its_scripts_run(client: Client, folder: Path) -> None:
    for path in ("/", "/?element=x"):
        asked = re.findall(r"<([^>]+)>; rel=preload; as=fetch; crossorigin", client.get(path).headers["link"])
        assert asked == ["api/network", "style.json"]
        assert all(client.get("/" + each).status_code == 200 for each in asked)
    for path in ("/?scenario=s", "/?revision=1", "/?at=2026-01-01T00:00:00Z", "/viewer/style.css"):
        assert "link" not in client.get(path).headers


def test_files_are_kept_for_as_long_as_none_of_them_changes(client: Client, folder: Path) -> None:
    (folder / "index.html").write_text('<head><link href="viewer/style.css" /></head><img src="viewer/sign.svg" />')
    (folder / "main.js").write_text("const zoom = 12;")
    page = client.get("/")
    (main,) = modules_of(page.text)
    version = main.split("/")[1]
    assert f'href="viewer/{version}/style.css"' in page.text and f'src="viewer/{version}/sign.svg"' in page.text
    assert page.headers["cache-control"] == "no-cache"
    for name in ("main.js", "style.css", "vendor/engine.js"):
        answer = client.get(f"/viewer/{version}/{name}")
        assert (answer.status_code, answer.headers["cache-control"]) == (200, "public, max-age=31536000, immutable")
        assert answer.content == client.get(f"/viewer/{name}").content
    (folder / "vendor" / "engine.js").write_text("2")
    (moved,) = modules_of(client.get("/").text)
    assert moved != main
    assert client.get("/" + main).headers["cache-control"] == "no-cache"  # it may be imported by what is kept no more
    assert client.get("/" + moved).headers["cache-control"] != "no-cache"
    (folder / "vendor" / "engine.js").write_text("1")
    assert modules_of(client.get("/").text) == [main]
    assert client.get(f"/viewer/{version}/none.js").status_code == 404
    assert client.get(f"/viewer/{version}/build.py").status_code == 404
    assert client.get(f"/viewer/{version}/../viewer-not.js").status_code == 404
