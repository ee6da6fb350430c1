"""What a server may be told: one frozen value, passed in."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from ipaddress import ip_address
from urllib.parse import urlsplit


class SettingsError(ValueError):
    """A setting out of its limits; names it, its value and the limit."""

    def __init__(self, name: str, value: object, rule: str) -> None:
        super().__init__(f"{name}={value!r} {rule}")
        self.name, self.value, self.rule = name, value, rule


CHOICES = {"log_format": ("text", "json"), "log_requests": ("all", "errors", "none")}
_AT_LEAST_1 = (
    *("threads", "stream_queue", "stream_clients", "shutdown_s", "max_operations", "max_header_bytes"),
    *("max_trace_elements", "max_traces", "max_scenarios", "max_steps", "max_connections"),
)


def _processors() -> int:
    return os.cpu_count() or 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Settings of one server; raises SettingsError for a value out of its limits."""

    host: str = "127.0.0.1"
    """Address to listen on; only this machine by default."""
    port: int = 8080
    """TCP port; 0 takes any free one."""
    public_url: str = ""
    """Where clients reach the server, for links; read off each request where empty."""
    max_body_bytes: int = 1 << 20
    """Longest request body; 413 beyond it."""
    max_header_bytes: int = 32 << 10
    """Longest request line and header fields together; 431 beyond it."""
    max_operations: int = 10_000
    """Most switch operations in one batch."""
    max_trace_elements: int = 500_000
    """Most elements that one answer or file of a trace lists; 422 beyond it. Pages and tiles show longer ones."""
    max_traces: int = 256
    """Most traces at work or waiting for a thread; 503 beyond it."""
    max_scenarios: int = 100
    """Most what-ifs of one author; 409 beyond it."""
    max_steps: int = 1_000
    """Most steps of one what-if; 409 beyond it."""
    max_waiting: int = 512
    """Most requests that wait for a thread; 503 beyond it."""
    threads: int = field(default_factory=_processors)
    """Threads that render tiles, and as many that trace; as many as there are processors by default."""
    cache_bytes: int = 256 << 20
    """Memory for rendered tiles."""
    cached_traces: int = 16
    """Trace results kept, so that their tiles need not trace again."""
    request_s: float = 60.0
    """Seconds until an answer must begin; 504 beyond it, 408 where the body is still on its way."""
    header_s: float = 10.0
    """Seconds in which the header of a request must be whole; 408 beyond it."""
    idle_s: float = 15.0
    """Seconds that a connection may be silent between two requests before it is closed."""
    write_timeout_s: float = 30.0
    """Seconds after which a client that reads nothing of its answer is dropped."""
    max_connections: int = 4_096
    """Most open connections of one server process; 503 beyond it."""
    keep_alive_s: float = 15.0
    """Seconds of silence after which an event stream gets a comment."""
    stream_queue: int = 64
    """Events that wait for a slow client of the stream before it is told to fetch everything anew."""
    stream_clients: int = 1_000
    """Most clients of the event stream; 503 beyond it."""
    token_file: str = ""
    """File of hashed tokens that `gridtwin token` writes; access control is off without it and `jwt_keys`."""
    jwt_keys: str = ""
    """File with a JSON Web Key Set, whose owners' signed tokens are accepted."""
    jwt_audience: str = ""
    """What the claim `aud` of signed tokens must be."""
    jwt_issuer: str = ""
    """What the claim `iss` of signed tokens must be."""
    insecure: bool = False
    """Whether to listen beyond this machine without access control."""
    cors_origins: tuple[str, ...] = ()
    """Origins whose pages may read, such as https://maps.example; `*` is any. None may write."""
    basemap: str = ""
    """Address of map tiles drawn behind the network, with {z}, {x} and {y}; coasts and borders are there without."""
    basemap_attribution: str = ""
    """Whose map it is, as the map's makers want it said."""
    shutdown_s: int = 5
    """Seconds that requests in flight get to finish when the server stops."""
    log_format: str = "text"
    """Lines of the log: `text` for people, `json` for programs."""
    log_requests: str = "errors"
    """Requests that the log tells of: `all`, `errors` (answers from 500 on) or `none`."""

    def __post_init__(self) -> None:
        if not 0 <= self.port <= 65535:
            raise SettingsError("port", self.port, "must lie in 0 … 65535")
        for name in _AT_LEAST_1:
            if getattr(self, name) < 1:
                raise SettingsError(name, getattr(self, name), "must be at least 1")
        for name in ("max_body_bytes", "max_waiting", "cache_bytes", "cached_traces"):
            if getattr(self, name) < 0:
                raise SettingsError(name, getattr(self, name), "must not be negative")
        for name in ("request_s", "header_s", "idle_s", "keep_alive_s", "write_timeout_s"):
            if not 0 < getattr(self, name) < float("inf"):
                raise SettingsError(name, getattr(self, name), "must be more than 0, and finite")
        for name, choices in CHOICES.items():
            if getattr(self, name) not in choices:
                raise SettingsError(name, getattr(self, name), f"must be one of {', '.join(choices)}")
        self._check_public_url()
        self._check_basemap()
        self._check_access()

    def _check_public_url(self) -> None:
        if not self.public_url:
            return
        parts = urlsplit(self.public_url)
        if parts.scheme not in ("http", "https") or not parts.netloc or parts.query or parts.fragment:
            rule = "must be an http or https address without query or fragment"
            raise SettingsError("public_url", self.public_url, rule)

    def _check_basemap(self) -> None:
        parts = urlsplit(self.basemap)
        placed = sorted(re.findall(r"\{.*?\}", self.basemap)) == ["{x}", "{y}", "{z}"]
        if self.basemap and (
            parts.scheme not in ("http", "https") or not _ORIGIN.fullmatch(parts.netloc) or not placed
        ):
            rule = (
                "must be an http or https address with {z}, {x} and {y} once each after its host, and no other braces"
            )
            raise SettingsError("basemap", self.basemap, rule)

    def _check_access(self) -> None:
        if self.jwt_keys and not (self.jwt_audience and self.jwt_issuer):
            missing = "jwt_issuer" if self.jwt_audience else "jwt_audience"
            raise SettingsError(missing, "", "is needed with jwt_keys: a token for somebody else must not do here")
        if not (self.insecure or self.token_file or self.jwt_keys or _is_loopback(self.host)):
            rule = "reaches beyond this machine: give a token_file or jwt_keys, or say insecure"
            raise SettingsError("host", self.host, rule)
        for origin in self.cors_origins:
            parts = urlsplit(origin)
            if origin != "*" and (
                parts.scheme not in ("http", "https") or origin != f"{parts.scheme}://{parts.netloc}"
            ):
                raise SettingsError("cors_origins", origin, "must be * or an origin such as https://maps.example")


_ORIGIN = re.compile(r"[\w.-]+(:\d+)?|\[[\da-fA-F:]+\](:\d+)?", re.ASCII)
"""Host and port: what a policy can name."""

PREFIX = "GRIDTWIN_"
"""Of environment variables: GRIDTWIN_MAX_BODY_BYTES is the setting max_body_bytes."""
_FLAGS = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}


def read_settings(
    given: Mapping[str, object], assigned: Sequence[str] = (), environment: Mapping[str, str] | None = None
) -> Settings:
    """Settings from options (those that are None are not given), else from NAME=VALUE, else from the environment.

    Raises SettingsError for a value that is of another kind or out of its limits, and for a name that is none. A
    variable that begins with GRIDTWIN_ and names no setting may be for somebody else, and is left alone.
    """
    kinds = {each.name: str(each.type) for each in fields(Settings)}
    values: dict[str, object] = {}
    for name, text in (environment if environment is not None else os.environ).items():
        setting = name.removeprefix(PREFIX).lower()
        if name.startswith(PREFIX) and name == name.upper() and setting in kinds:
            values[setting] = _parsed(setting, text, kinds[setting])
    for assignment in assigned:
        name, equals, text = assignment.partition("=")
        if not equals or name not in kinds:
            raise SettingsError(name, text, f"is no setting; write NAME=VALUE, NAME one of {', '.join(kinds)}")
        values[name] = _parsed(name, text, kinds[name])
    values |= {name: value for name, value in given.items() if value is not None}
    return Settings(**values)  # type: ignore[arg-type]


def _parsed(name: str, text: str, kind: str) -> object:
    if kind == "bool":
        if text.lower() not in _FLAGS:
            raise SettingsError(name, text, "must be true or false")
        return _FLAGS[text.lower()]
    if kind.startswith("tuple"):
        return tuple(part.strip() for part in text.split(",") if part.strip())
    if kind not in ("int", "float"):
        return text
    try:
        return int(text) if kind == "int" else float(text)
    except ValueError as error:
        raise SettingsError(name, text, f"must be {'a whole number' if kind == 'int' else 'a number'}") from error


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
