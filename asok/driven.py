"""How the call that runs in this thread is driven: by the event loop, or by somebody who cannot wait."""

from __future__ import annotations

import threading

__all__ = ["driven"]


class Driven(threading.local):
    """How the call that runs in this thread is driven: at_once, by somebody who cannot await it. A backend that
    would wait for a network then blocks for a moment, or raises Busy."""

    at_once = False


driven = Driven()
