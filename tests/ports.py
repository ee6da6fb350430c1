"""Ports that nobody listens on."""

from __future__ import annotations

import random
import socket
from pathlib import Path

LOWEST = 11_000
"""Above every port that browsers refuse."""
GIVEN_OUT = Path("/proc/sys/net/ipv4/ip_local_port_range")
"""Linux: from where to where the system chooses ports by itself."""


def free_port() -> int:
    """A TCP port of loopback that was free a moment ago, and that the system gives to nobody by itself.

    It would be gone before the server that it is for listens, or while that is stopped, where a client's connection
    or a server that takes any port got it.
    """
    chance, below = random.SystemRandom(), _ports_below() - 1  # hypothesis seeds the other
    for _ in range(200):
        port = chance.randint(LOWEST, below) if below > LOWEST else 0
        with socket.socket() as listener:
            try:
                listener.bind(("127.0.0.1", port))
            except OSError:
                continue
            free: int = listener.getsockname()[1]
            return free
    raise OSError(f"no port from {LOWEST} to {below} is free")


def _ports_below() -> int:
    """The first port that the system gives out."""
    try:
        return int(GIVEN_OUT.read_text().split()[0])
    except OSError:
        return 32_768  # as on most systems
