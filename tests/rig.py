"""A real server, a real socket, and a tab that remembers what it shows: for tests that speak the wire."""

from __future__ import annotations

import asyncio
import html
import json
import re
import secrets
import socket
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx
import jinja2
import uvicorn
import websockets

from asok import Asok, Limits, Settings
from asok.sessions import Backend
from asok.wire import WebSocketProtocol
from tests.line import Line

__all__ = ["KEY", "PAGE", "Page", "Rig", "Shown", "Tab", "Visitor", "asok_app", "patched", "rig"]

KEY = "k3y-f0r-T3sts_0nly-abcdefghijklmnopqrstuvwxyz"
PATIENCE = 60
STATE = re.compile(r'data-asok-state="([^"]*)"')
CSRF = re.compile(r'data-csrf="([^"]*)"')
PAGE = "<!doctype html><html><head>{{ alive() }}</head><body>%s</body></html>"

Frame = list[Any]


def asok_app(
    root: Path,
    pages: Mapping[str, str] | None = None,
    *,
    debug: bool = False,
    keys: Sequence[str] = (KEY,),
    limits: Limits | None = None,
    database: str = ":memory:",
    redis: str = "",
    backend: Backend | None = None,
    templates: Mapping[str, str] | None = None,
    websocket: bool = True,
    **options: Any,
) -> Asok:
    """An app whose pages are these bodies, by path."""
    bodies = {f"page{number}.html": PAGE % body for number, body in enumerate((pages or {}).values())}
    env = jinja2.Environment(loader=jinja2.DictLoader({**bodies, **(templates or {})}))
    settings = Settings(
        root, debug, tuple(keys), database=database, redis=redis, websocket=websocket, limits=limits or Limits()
    )
    app = Asok(root=root, settings=settings, env=env, backend=backend, **options)
    for number, path in enumerate(pages or {}):
        app.page(path, f"page{number}.html")
    return app


class Server(uvicorn.Server):
    """A server that says when it listens."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready, self.over = asyncio.Event(), asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()

    async def main_loop(self) -> None:
        await self.over.wait()  # instead of looking every tenth of a second


@asynccontextmanager
async def rig(app: Any, **options: Any) -> AsyncIterator[Rig]:
    """The app, served by a real uvicorn as `asok run` does it; options: others of uvicorn's."""
    # asyncio sends small frames at once only where the socket says that it is TCP.
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.bind(("127.0.0.1", 0))
    config = uvicorn.Config(
        app,
        log_config=None,
        ws_per_message_deflate=False,
        timeout_graceful_shutdown=5,
        **{"ws": WebSocketProtocol, **options},
    )
    server = Server(config)
    task = asyncio.create_task(server.serve(sockets=[listening]))
    async with asyncio.timeout(PATIENCE):
        await server.ready.wait()
    async with AsyncExitStack() as closing:
        try:
            yield Rig(listening.getsockname()[1], app, closing)
        finally:
            await closing.aclose()
            server.should_exit = True
            server.over.set()
            await task


@dataclass
class Rig:
    """A served app."""

    port: int
    app: Any
    closing: AsyncExitStack

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def visitor(self) -> Visitor:
        """A person with cookies of their own."""
        # There is no TLS here: to read the certificates of all authorities would take 25 ms each time.
        client = httpx.AsyncClient(base_url=self.base, verify=False, trust_env=False)
        return Visitor(self, await self.closing.enter_async_context(client))

    async def tab(self, path: str = "/") -> Tab:
        """A new person's tab at a page, joined."""
        return await (await self.visitor()).tab(path)


@dataclass
class Page:
    """A page as it was answered."""

    response: httpx.Response

    @property
    def text(self) -> str:
        return self.response.text

    @property
    def csrf(self) -> str:
        found = CSRF.search(self.text)
        return html.unescape(found[1]) if found else ""

    @property
    def tokens(self) -> list[str]:
        return [html.unescape(each) for each in STATE.findall(self.text)]


@dataclass
class Visitor:
    """A browser profile."""

    rig: Rig
    http: httpx.AsyncClient

    @property
    def cookie(self) -> str:
        return self.http.cookies.get("asok") or ""

    async def open(self, path: str = "/") -> Page:
        page = Page(await self.http.get(path))
        assert page.response.status_code == 200, f"{page.response.status_code}: {page.text[:2000]}"
        return page

    async def tab(self, path: str = "/", *, over: str = "socket") -> Tab:
        """A page of this profile with its socket or line, joined with everything that it shows."""
        page = await self.open(path)
        tab = await (self.connect() if over == "socket" else self.line(over))
        await tab.join(page.tokens, page.csrf)
        return tab

    async def line(self, over: str = "post", **headers: str) -> Tab:
        """A line of this profile, not joined; over: "post" with a stream, or "poll"."""
        line = Line(self.http, f"{self.rig.base}/live", {"Origin": self.rig.base, **headers}, polling=over == "poll")
        return Tab(await self.rig.closing.enter_async_context(line))

    async def connect(
        self, *, origin: str | None = None, host: str | None = None, cookie: str | None = None, path: str = "/live"
    ) -> Tab:
        """A socket of this profile, not joined."""
        cookies = self.cookie if cookie is None else cookie
        headers = {"Cookie": f"asok={cookies}"} if cookies else {}
        connecting = websockets.connect(
            f"ws://{host or '127.0.0.1'}:{self.rig.port}{path}",
            host="127.0.0.1",
            port=self.rig.port,
            origin=websockets.Origin(self.rig.base if origin is None else origin) if origin != "" else None,
            additional_headers=headers,
            compression=None,
            max_size=None,
            proxy=None,
            close_timeout=1,
        )
        return Tab(await self.rig.closing.enter_async_context(connecting))

    async def again(self, lost: Tab) -> Tab:
        """The same tab over a new socket, not joined; what it shows from then on the lost one does not."""
        tab = await self.connect()
        tab.name, tab.csrf = lost.name, lost.csrf
        tab.shown = {name: replace(each) for name, each in lost.shown.items()}
        return tab


@dataclass
class Shown:
    """An instance as a tab shows it."""

    token: str
    text: str = ""
    held: bool = False
    last: int = 0
    settled: int = 0


@dataclass
class Tab:
    """One socket or line, and what a browser would keep of its instances."""

    socket: Any  # a websockets.ClientConnection or a Line
    name: str = field(default_factory=lambda: secrets.token_hex(8))
    shown: dict[str, Shown] = field(default_factory=dict)
    csrf: str = ""
    frames: list[Frame] = field(default_factory=list)

    async def send(self, *message: Any) -> None:
        await self.socket.send(json.dumps(message))

    async def raw(self, frame: str | bytes) -> None:
        await self.socket.send(frame)

    async def receive(self) -> Frame:
        """The next frame; what it says is remembered as a browser does."""
        async with asyncio.timeout(PATIENCE):
            frame: Frame = json.loads(await self.socket.recv())
        self.frames.append(frame)
        if frame[0] == "update":
            self._update(*frame[1:])
        elif frame[0] == "joined":
            self.csrf = frame[1]
        return frame

    async def until(self, *kinds: str) -> Frame:
        """The next frame of one of these kinds."""
        while True:
            frame = await self.receive()
            if frame[0] in kinds:
                return frame

    async def closed(self) -> int:
        """The close code, after reading whatever comes before."""
        async with asyncio.timeout(PATIENCE):
            try:
                while True:
                    self.frames.append(json.loads(await self.socket.recv()))
            except websockets.ConnectionClosed:
                return self.socket.close_code or 0

    async def join(self, tokens: Sequence[str], csrf: str | None = None) -> None:
        """Join these tokens and wait until the server has taken the join."""
        for token in tokens:
            instance = token.partition(".")[0]
            known = self.shown.setdefault(instance, Shown(token))
            known.token = token
        entries = [[token, 0, 0] for token in tokens]
        await self.send("join", 1, self.csrf if csrf is None else csrf, self.name, entries)
        await self.until("joined")

    async def rejoin(self, *instances: str) -> None:
        """Join again what this tab shows, as after a lost connection."""
        entries = [[s.token, s.settled, int(s.held)] for s in (self.shown[name] for name in instances)]
        await self.send("join", 1, self.csrf, self.name, entries)
        await self.until("joined")

    @property
    def only(self) -> str:
        """The instance that stands first on the page."""
        return next(iter(self.shown))

    async def event(self, call: str, data: Any = None, *, instance: str = "", seq: int = 0) -> Frame:
        """Send an event, and the frame that settles it: an update, a refusal, or why it was not taken."""
        instance = instance or self.only
        shown = self.shown[instance]
        seq = seq or shown.last + 1
        shown.last = max(seq, shown.last)
        await self.send("event", instance, seq, call, *([data] if data is not None else []))
        return await self.settled(instance, seq)

    async def settled(self, instance: str, seq: int) -> Frame:
        """The frame that settles this event."""
        while True:
            frame = await self.receive()
            about = frame[1] if len(frame) > 1 else ""
            if frame[0] == "update" and about == instance and frame[2] >= seq:
                return frame
            if frame[0] in ("refused", "slow_down", "busy") and about == instance and frame[2] == seq:
                return frame
            if frame[0] in ("need_token", "reset") and about == instance:
                return frame

    async def text_after(self, call: str, data: Any = None, *, instance: str = "") -> str:
        """What the instance shows after the event."""
        frame = await self.event(call, data, instance=instance)
        assert frame[0] == "update", frame
        return self.text(instance)

    async def shows(self, wanted: str, instance: str = "") -> None:
        """Wait until the instance shows this."""
        while wanted not in self.text(instance):
            await self.receive()

    def text(self, instance: str = "") -> str:
        return self.shown[instance or self.only].text

    def _update(self, instance: str, seq: int, change: Any, token: Any = (), effects: Any = ()) -> None:
        shown = self.shown.setdefault(instance, Shown(""))
        shown.settled = max(shown.settled, seq)
        shown.text = patched(shown.text, change)
        if token:
            shown.token = token if isinstance(token, str) else shown.token[: token[0]] + token[1]
            shown.held = True
        elif change:
            shown.held = False


def patched(old: str, change: Any) -> str:
    """The new text: the delta of docs/protocol.md, written once more and plainly, over UTF-16 code units."""
    if isinstance(change, str):
        return change
    units, cursor, out = old.encode("utf-16-le"), 0, b""
    for part in change:
        if isinstance(part, str):
            out += part.encode("utf-16-le")
        elif isinstance(part, list):
            cursor = part[0] * 2
        elif part > 0:
            out += units[cursor : cursor + part * 2]
            cursor += part * 2
        else:
            cursor -= part * 2
    return (out + units[cursor:]).decode("utf-16-le")
