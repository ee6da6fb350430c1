"""Absolute addresses."""

from __future__ import annotations

import pytest

from tests.web.conftest import Client, Connect
from twin.engine import Twin
from twin.network import Network


def link(client: Client, headers: dict[str, str]) -> str:
    answer = client.get("/openapi.json", headers=headers)
    assert answer.status_code == 200, answer.text
    url = answer.json()["servers"][0]["url"]
    assert isinstance(url, str)
    return url


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, "http://twin.test"),
        ({"Host": "127.0.0.1:8080"}, "http://127.0.0.1:8080"),
        ({"Host": "[::1]:8080"}, "http://[::1]:8080"),
        ({"X-Forwarded-Proto": "https"}, "https://twin.test"),
        ({"X-Forwarded-Proto": "https, http"}, "https://twin.test"),
        ({"X-Forwarded-Host": "grid.example:444"}, "http://grid.example:444"),
        ({"X-Forwarded-Prefix": "/a/b/"}, "http://twin.test/a/b"),
    ],
)
def test_a_link_leads_back_to_where_the_client_asked(reader: Client, headers: dict[str, str], expected: str) -> None:
    assert link(reader, headers) == expected


@pytest.mark.parametrize("public_url", ["https://grid.example/twin", "https://grid.example/twin/"])
def test_the_public_url_goes_before_all(network: Network, connect: Connect, public_url: str) -> None:
    client = connect(Twin(network), public_url=public_url)
    assert link(client, {"X-Forwarded-Host": "other.example"}) == "https://grid.example/twin"
    tiles = client.get("/tiles/grid.json").json()["tiles"]
    assert tiles == ["https://grid.example/twin/tiles/grid/{z}/{x}/{y}.mvt"]
    assert client.get("/nowhere").json()["type"] == "https://grid.example/twin/docs#not-found"


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("Host", "a b"),
        ("Host", 'x"><script>'),
        ("Host", ""),
        ("X-Forwarded-Host", "evil.example/path"),
        ("X-Forwarded-Proto", "javascript"),
        ("X-Forwarded-Prefix", "no-slash"),
        ("X-Forwarded-Prefix", "//evil.example"),
        ("X-Forwarded-Prefix", '/"'),
    ],
)
def test_a_header_that_breaks_links_is_refused(reader: Client, header: str, value: str) -> None:
    answer = reader.get("/openapi.json", headers={header: value})
    assert (answer.status_code, answer.json()["field"]) == (400, header)
    assert answer.json()["type"].startswith("/docs#")
