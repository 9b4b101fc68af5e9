"""The WebSocket implementation below the app, which a server may be told to replace by a weaker one."""

from __future__ import annotations

import logging
import sys

__all__ = ["warn_of_weak_sockets"]

log = logging.getLogger("asok")

# uvicorn imports the one that it was told to use, and only that.
WSPROTO = "uvicorn.protocols.websockets.wsproto_impl"


def warn_of_weak_sockets() -> None:
    """Say that messages are inflated before they are counted, where wsproto reads them."""
    if WSPROTO in sys.modules:
        log.warning(
            "this server reads WebSockets with wsproto, which inflates a message before its size is known; "
            "start it with `asok run`, or with --ws websockets-sansio"
        )
