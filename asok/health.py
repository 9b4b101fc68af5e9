"""What a load balancer asks: whether this process takes requests, said in one word that tells a stranger nothing."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from asok.errors import AsokError
from asok.sessions import META, Backend, Commit

__all__ = ["Health"]

STORE_SECONDS = 1.0
# Whoever asks more often is told what was found just before, so that nobody keeps the store busy by asking.
FRESH = 0.5
NOBODY = "health"


class Health:
    """`GET {live}/health`: 200 and `ready`, else 503 and `starting`, `draining` or `unavailable`.

    It answers under any Host, since load balancers ask by address. started, draining: whether the process is.
    """

    def __init__(
        self, path: str, backend: Backend, *, started: Callable[[], bool], draining: Callable[[], bool]
    ) -> None:
        self._path, self._backend = path, backend
        self._started, self._draining = started, draining
        self._asking: asyncio.Task[bool] | None = None
        self._asked = 0.0

    def is_asked(self, scope: Scope) -> bool:
        """Whether this request is for it."""
        path: str = scope["path"]
        return path.endswith("/health") and path.removeprefix(scope.get("root_path", "")) == self._path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI entry."""
        headers = {"cache-control": "no-store"}
        if scope["method"] not in ("GET", "HEAD"):
            return await Response(status_code=405, headers={**headers, "allow": "GET, HEAD"})(scope, receive, send)
        status = await self.status()
        code = 200 if status == "ready" else 503
        await JSONResponse({"status": status}, code, headers)(scope, receive, send)

    async def status(self) -> str:
        """The word for how it is."""
        if self._draining():
            return "draining"
        if not self._started():
            return "starting"
        return "ready" if await self._store_writes() else "unavailable"

    async def _store_writes(self) -> bool:
        """Whether the session store takes a write within a second. Those who ask at the same time share one answer."""
        if self._asking is None or (self._asking.done() and time.monotonic() - self._asked > FRESH):
            self._asking, self._asked = asyncio.create_task(self._ask()), time.monotonic()
        return await asyncio.shield(self._asking)

    async def _ask(self) -> bool:
        try:
            async with asyncio.timeout(STORE_SECONDS):
                # What only reads goes on where a disk is full, and every visitor is turned away.
                await self._backend.commit(Commit({}, {(NOBODY, META): b""}))
        except (AsokError, OSError, TimeoutError):
            return False
        return True
