"""Ports for servers that are killed and come back to the port that they had."""

from __future__ import annotations

import random
import socket
from pathlib import Path

__all__ = ["kept_port"]

LOWEST = 10_000
RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")


def kept_port() -> int:
    """A port that nobody listens on, and that no connection is given for its own end while the server is away.

    A browser that keeps trying to come back would sooner or later be given the server's port, and hold it.
    """
    first_given = int(RANGE.read_text().split()[0]) if RANGE.exists() else 32_768
    while True:
        port = random.randrange(LOWEST, first_given)
        try:
            socket.create_server(("127.0.0.1", port)).close()
        except OSError:
            continue
        return port
