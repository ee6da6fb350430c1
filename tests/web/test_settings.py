"""Settings and their limits."""

from __future__ import annotations

import dataclasses

import pytest

from web.settings import Settings, SettingsError


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


def test_settings_never_change() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Settings().port = 1  # type: ignore[misc]
