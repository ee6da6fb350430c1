"""What a server may be told: one frozen value, passed in."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from ipaddress import ip_address
from urllib.parse import urlsplit


class SettingsError(ValueError):
    """A setting out of its limits; names it, its value and the limit."""

    def __init__(self, name: str, value: object, rule: str) -> None:
        super().__init__(f"{name}={value!r} {rule}")
        self.name, self.value, self.rule = name, value, rule


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
    max_operations: int = 10_000
    """Most switch operations in one batch."""
    threads: int = field(default_factory=_processors)
    """Threads that render tiles and trace; as many as there are processors by default."""
    max_waiting: int = 512
    """Most requests that wait for a thread; 503 beyond it."""
    cache_bytes: int = 256 << 20
    """Memory for rendered tiles."""
    cached_traces: int = 16
    """Trace results kept, so that their tiles need not trace again."""
    keep_alive_s: float = 15.0
    """Seconds of silence after which an event stream gets a comment."""
    stream_queue: int = 64
    """Events that wait for a slow client of the stream before it is told to fetch everything anew."""
    stream_clients: int = 1_000
    """Most clients of the event stream; 503 beyond it."""
    write_timeout_s: float = 30.0
    """Seconds after which a client of the stream that reads nothing is dropped."""
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
    shutdown_s: int = 5
    """Seconds that requests in flight get to finish when the server stops."""

    def __post_init__(self) -> None:
        if not 0 <= self.port <= 65535:
            raise SettingsError("port", self.port, "must lie in 0 … 65535")
        for name in ("threads", "stream_queue", "stream_clients", "max_operations", "shutdown_s"):
            if getattr(self, name) < 1:
                raise SettingsError(name, getattr(self, name), "must be at least 1")
        for name in ("max_body_bytes", "max_waiting", "cache_bytes", "cached_traces"):
            if getattr(self, name) < 0:
                raise SettingsError(name, getattr(self, name), "must not be negative")
        for name in ("keep_alive_s", "write_timeout_s"):
            if getattr(self, name) <= 0:
                raise SettingsError(name, getattr(self, name), "must be more than 0")
        self._check_public_url()
        self._check_access()

    def _check_public_url(self) -> None:
        if not self.public_url:
            return
        parts = urlsplit(self.public_url)
        if parts.scheme not in ("http", "https") or not parts.netloc or parts.query or parts.fragment:
            rule = "must be an http or https address without query or fragment"
            raise SettingsError("public_url", self.public_url, rule)

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


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
