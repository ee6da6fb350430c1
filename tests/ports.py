"""Ports that nobody listens on."""

from __future__ import annotations

import socket


def free_port() -> int:
    """A TCP port of loopback that was free a moment ago."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port
