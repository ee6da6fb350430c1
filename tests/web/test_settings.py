"""Settings and their limits."""

from __future__ import annotations

import ast
import dataclasses
from itertools import pairwise
from pathlib import Path

import pytest

from web import settings as settings_module
from web.settings import Settings, SettingsError, read_settings


def test_the_defaults_are_for_this_machine_only() -> None:
    settings = Settings()
    assert (settings.host, settings.port, settings.public_url) == ("127.0.0.1", 8080, "")
    assert settings.threads >= 1


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("port", -1),
        ("port", 65536),
        ("threads", 0),
        ("max_header_bytes", 0),
        ("max_trace_elements", 0),
        ("max_traces", 0),
        ("max_scenarios", 0),
        ("max_steps", 0),
        ("max_connections", 0),
        ("request_s", 0.0),
        ("header_s", -1.0),
        ("idle_s", float("inf")),
        ("log_format", "xml"),
        ("log_requests", "some"),
        ("stream_queue", 0),
        ("stream_clients", 0),
        ("max_operations", 0),
        ("shutdown_s", 0),
        ("max_body_bytes", -1),
        ("max_waiting", -1),
        ("cache_bytes", -1),
        ("cached_traces", -1),
        ("keep_alive_s", 0.0),
        ("write_timeout_s", -1.0),
        ("public_url", "grid.example"),
        ("public_url", "ftp://grid.example"),
        ("public_url", "https://"),
        ("public_url", "https://grid.example?x=1"),
        ("public_url", "https://grid.example#x"),
        ("basemap", "https://maps.example/{z}/{x}.png"),
        ("basemap", "https://maps.example/{z}/{x}/{y}/{x}.png"),
        ("basemap", "https://{s}.maps.example/{z}/{x}/{y}.png"),
        ("basemap", "https://a@maps.example/{z}/{x}/{y}.png"),
        ("basemap", "https://maps.example;/{z}/{x}/{y}.png"),
        ("basemap", "/{z}/{x}/{y}.png"),
    ],
)
def test_a_value_out_of_its_limits_is_named(name: str, value: object) -> None:
    with pytest.raises(SettingsError, match=name) as caught:
        Settings(**{name: value})  # type: ignore[arg-type]
    assert (caught.value.name, caught.value.value) == (name, value)


def test_options_go_before_assignments_and_these_before_the_environment() -> None:
    environment = {
        "GRIDTWIN_PORT": "1",
        "GRIDTWIN_HOST": "127.0.0.2",
        "GRIDTWIN_MAX_BODY_BYTES": "7",
        "GRIDTWIN_INSECURE": "true",
        "GRIDTWIN_REQUEST_S": "1.5",
        "GRIDTWIN_CORS_ORIGINS": "https://a.example, https://b.example",
        "GRIDTWIN_DATA": "/somewhere",  # is for somebody else
        "gridtwin_threads": "9",
    }
    settings = read_settings({"port": 3, "host": None}, ["port=2", "max_body_bytes=8"], environment)
    assert (settings.port, settings.host, settings.max_body_bytes, settings.insecure) == (3, "127.0.0.2", 8, True)
    assert (settings.request_s, settings.cors_origins) == (1.5, ("https://a.example", "https://b.example"))
    assert settings.threads == Settings().threads


@pytest.mark.parametrize(
    ("text", "name", "rule"),
    [
        ("max_body_bytes=many", "max_body_bytes", "must be a whole number"),
        ("request_s=long", "request_s", "must be a number"),
        ("insecure=maybe", "insecure", "must be true or false"),
        ("port", "port", "write NAME=VALUE"),
        ("speed=1", "speed", "is no setting"),
        ("port=70000", "port", "must lie in"),
    ],
)
def test_a_wrong_assignment_is_named(text: str, name: str, rule: str) -> None:
    with pytest.raises(SettingsError, match=rule) as caught:
        read_settings({}, [text], {})
    assert caught.value.name == name
    variable, _, value = text.partition("=")
    if name != "speed" and value:
        with pytest.raises(SettingsError, match=rule):
            read_settings({}, [], {f"GRIDTWIN_{variable.upper()}": value})


def test_every_setting_is_described() -> None:
    """An attribute's docstring follows it, as the documentation of the settings is made of them."""
    source = ast.parse(Path(settings_module.__file__).read_text())
    (body,) = (node.body for node in source.body if isinstance(node, ast.ClassDef) and node.name == "Settings")
    described = {
        node.target.id
        for node, after in pairwise(body)
        if isinstance(node, ast.AnnAssign)
        and isinstance(node.target, ast.Name)
        and isinstance(after, ast.Expr)
        and isinstance(after.value, ast.Constant)
    }
    assert described == set(Settings.__dataclass_fields__)


def test_settings_never_change() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Settings().port = 1  # type: ignore[misc]
