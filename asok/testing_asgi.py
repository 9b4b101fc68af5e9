"""An app called in this process, as a server would call it: its lifespan, its pages, its WebSockets."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

try:
    import httpx
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        f"asok.testing needs {error.name}: install it with `pip install 'asok-live[testing]'`", name=error.name
    ) from None

from asok.errors import AsokError

__all__ = ["App", "HandshakeRefused", "Lifespan", "Socket", "browser", "socket_scope"]

Message = MutableMapping[str, Any]
App = Callable[[Any, Any, Any], Awaitable[None]]
SERVER_ERROR = 1011


class HandshakeRefused(AsokError):
    """The app answered the WebSocket handshake with an HTTP status instead of accepting it."""

    def __init__(self, status: int) -> None:
        self.status = status

    def __str__(self) -> str:
        return f"the app refused the WebSocket with HTTP {self.status}"


class Lifespan:
    """Starts an app and stops it again; an app without a lifespan is left alone."""

    def __init__(self, app: App) -> None:
        self.state: dict[str, Any] = {}
        self._app = app
        self._inbox: asyncio.Queue[Message] = asyncio.Queue()
        self._answers: asyncio.Queue[Message] = asyncio.Queue()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Run the app's startup. What it raises there is raised here."""
        scope = {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}, "state": self.state}
        self._task = asyncio.create_task(self._run(scope))
        await self._ask("startup")

    async def stop(self) -> None:
        """Run the app's shutdown."""
        if self._task is not None:
            await self._ask("shutdown")
            await self._task

    async def _run(self, scope: Message) -> None:
        try:
            await self._app(scope, self._inbox.get, self._answers.put)
        except Exception as error:
            await self._answers.put({"type": "raised", "error": error})
        else:
            await self._answers.put({"type": "ended"})

    async def _ask(self, phase: str) -> None:
        await self._inbox.put({"type": f"lifespan.{phase}"})
        answer = await self._answers.get()
        if answer["type"] == f"lifespan.{phase}.failed":
            # Starlette says "failed" first and then raises what it was: the second tells more.
            raised = await self._answers.get()
            raise raised.get("error") or RuntimeError(f"the app's {phase} failed: {answer.get('message', '')}")


class Socket:
    """One WebSocket connection to an app, without a network.

    `heard` is called with every text frame; `ended` once, with the close code and what the app raised, if it did.
    """

    def __init__(
        self, app: App, scope: Message, heard: Callable[[str], None], ended: Callable[[int, Exception | None], None]
    ) -> None:
        self._app, self._scope, self._heard, self._ended = app, scope, heard, ended
        self._inbox: asyncio.Queue[Message] = asyncio.Queue()
        self._handshake: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._task: asyncio.Task[None] | None = None
        self.code: int | None = None

    async def open(self) -> None:
        """Shake hands. Raises HandshakeRefused where the app does not accept."""
        self._inbox.put_nowait({"type": "websocket.connect"})
        self._task = asyncio.create_task(self._run())
        status = await self._handshake
        if status != 101:
            await self._task
            raise HandshakeRefused(status)

    def send(self, frame: str | bytes) -> None:
        """Hand one frame to the app."""
        kind = "text" if isinstance(frame, str) else "bytes"
        self._inbox.put_nowait({"type": "websocket.receive", kind: frame})

    async def close(self, code: int = 1000) -> None:
        """Hang up and wait until the app has noticed; what it still sends is not heard."""
        self.code = self.code or code
        self._inbox.put_nowait({"type": "websocket.disconnect", "code": code, "reason": ""})
        if self._task is not None:
            await self._task

    async def _run(self) -> None:
        try:
            await self._app(self._scope, self._inbox.get, self._send)
        except Exception as error:
            self._finish(SERVER_ERROR, error)
        else:
            self._finish(1000, None)

    async def _send(self, message: Message) -> None:
        match message["type"]:
            case "websocket.accept":
                self._answer_handshake(101)
            case "websocket.http.response.start":
                self._answer_handshake(message["status"])
            case "websocket.send" if self.code is None:
                self._heard(message.get("text") or "")
            case "websocket.close":
                self._answer_handshake(403)
                self._finish(message.get("code", 1000), None)
        await asyncio.sleep(0)  # a socket's send may yield to others, so this one always does

    def _answer_handshake(self, status: int) -> None:
        if not self._handshake.done():
            self._handshake.set_result(status)

    def _finish(self, code: int, error: Exception | None) -> None:
        if not self._handshake.done():
            if error is not None:
                self._handshake.set_exception(error)
                return
            self._handshake.set_result(500)
        if self.code is None:
            self.code = code
            self._inbox.put_nowait({"type": "websocket.disconnect", "code": code, "reason": ""})
            self._ended(code, error)


def browser(app: App, lifespan: Lifespan, base_url: str) -> httpx.AsyncClient:
    """An HTTP client that calls the app in this process, keeps cookies and follows redirects."""

    async def started(scope: Message, receive: Any, send: Any) -> None:
        await app({**scope, "state": dict(lifespan.state)}, receive, send)

    return httpx.AsyncClient(transport=httpx.ASGITransport(started), base_url=base_url, follow_redirects=True)


def socket_scope(
    client: httpx.AsyncClient, lifespan: Lifespan, path: str, *, origin: str | None = None, **more: str
) -> Message:
    """The scope of a WebSocket that a page of this browser opens: with its cookies, host and origin.

    origin: another than the page's own; "" leaves the header out. more: further headers.
    """
    url = client.base_url.join(path)
    request = client.build_request("GET", url, headers={"Origin": str(client.base_url).rstrip("/"), **more})
    if origin is not None:
        request.headers["Origin"] = origin
    if origin == "":
        del request.headers["Origin"]
    return {
        "type": "websocket",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "scheme": "wss" if url.scheme == "https" else "ws",
        "path": url.path,
        "raw_path": url.raw_path.partition(b"?")[0],
        "query_string": url.query,
        "root_path": "",
        "headers": [(name.lower(), value) for name, value in request.headers.raw],
        "client": ("127.0.0.1", 50000),
        "server": (url.host, url.port or (443 if url.scheme == "https" else 80)),
        "subprotocols": [],
        "state": dict(lifespan.state),
        "extensions": {"websocket.http.response": {}},
    }
