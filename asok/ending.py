"""Whether the server beneath is about to end, where it does not say so: uvicorn waits for answers that never end."""

from __future__ import annotations

import signal
from collections.abc import Callable

__all__ = ["end_of_server"]


def end_of_server() -> Callable[[], bool] | None:
    """Tells whether the server that has taken SIGTERM for itself was asked to end; None where nobody can tell, or where
    it drains the app by itself.

    Ask for it while the app starts: that is when the signal belongs to the app's own server.
    """
    server = getattr(signal.getsignal(signal.SIGTERM), "__self__", None)
    if not isinstance(getattr(server, "should_exit", None), bool) or getattr(server, "drains", False):
        return None
    return lambda: bool(getattr(server, "should_exit", False))
