"""What a visitor reads who cannot be shown a page just now."""

from __future__ import annotations

import logging
from typing import Any

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from asok.errors import Busy, Denied, StoreError

__all__ = ["WORDS"]

log = logging.getLogger("asok")


async def _busy(request: Request, error: Exception) -> Response:
    return PlainTextResponse("Busy just now; try again.", 503, {"retry-after": "1"})


async def _refused_by_store(request: Request, error: Exception) -> Response:
    assert isinstance(error, StoreError)
    log.warning("refused: %r", str(error)[:200])
    text = str(error) if request.app.debug else "This cannot be shown to you."
    return PlainTextResponse(text, error.status)


async def _denied(request: Request, error: Exception) -> Response:
    return PlainTextResponse("You may not see this page.", 403)


# An error that a page lets out, and who answers then: Starlette's `exception_handlers`.
WORDS: dict[Any, Any] = {Denied: _denied, Busy: _busy, StoreError: _refused_by_store}
