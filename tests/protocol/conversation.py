"""Plays a conversation of `cases/*.json` against a running app.

A conversation is a list of steps: `send` a message, or `text`/`hex`/`repeat` for frames that are none;
`expect` a message that fits a pattern; `closes` with a code; `reconnect`. In strings `$csrf`, `$token`,
`$id` stand for what the page brought (`$token2` … for its further components) and for what was saved.

A pattern is the message itself, with objects where it may vary: `{"any": true}`; `{"save": name}`;
`{"token": name}` a change of that token, which is applied; `{"has": text}` the whole text of a component;
`{"delta": text}` a delta that leads to such a text; `{"same": true}` no change, or the same text whole.
"""

from __future__ import annotations

import asyncio
import json
import re
from functools import partial
from typing import Any

import websockets

from asok.diff import apply
from asok.testing_asgi import App, Lifespan, Socket, browser, socket_scope
from asok.testing_markup import STATE, parse
from tests.line import Line

__all__ = ["Conversation", "frame_of"]

PATIENCE = 60
ORIGIN = "http://localhost"
Step = dict[str, Any]


class Conversation:
    """One browser's side of a conversation, with its own session."""

    def __init__(self, app: App, lifespan: Lifespan, over: str = "socket") -> None:
        self._app, self._lifespan, self._over = app, lifespan, over
        self._http = browser(app, lifespan, ORIGIN)
        self._heard: asyncio.Queue[Any] = asyncio.Queue()
        self._socket: Socket | Polled | None = None
        self._texts: dict[str, str] = {}
        self.names: dict[str, str] = {}

    async def open(self, path: str = "/", **headers: str) -> None:
        """Load a page, learn its names and connect."""
        tree = parse((await self._http.get(path)).text)
        for position, root in enumerate(tree.select(f"[{STATE}]"), 1):
            ending = "" if position == 1 else str(position)
            self.names[f"token{ending}"] = str(root[STATE])
            self.names[f"id{ending}"] = str(root[STATE]).partition(".")[0]
        self.names["csrf"] = str(tree.select("script[data-csrf]")[0]["data-csrf"])
        await self.connect(**headers)

    def same_page(self) -> Conversation:
        """Another socket of this very page: the same browser, names and token."""
        other = Conversation(self._app, self._lifespan, self._over)
        other._http, other.names = self._http, dict(self.names)
        return other

    async def connect(self, **headers: str) -> None:
        """Open a socket, after closing the one before."""
        await self.close()
        self._heard = asyncio.Queue()
        heard = self._heard
        if self._over == "socket":
            scope = socket_scope(self._http, self._lifespan, "/live", **headers)
            ended = partial(_put_end, heard)
            self._socket = Socket(self._app, scope, heard.put_nowait, ended)
        else:
            self._socket = Polled(Line(self._http, "/live", {"Origin": ORIGIN, **headers}, polling=True), heard)
        await self._socket.open()

    async def close(self) -> None:
        """Hang up."""
        if self._socket is not None:
            await self._socket.close(1001)

    def take_back(self) -> None:
        """What the app has not read yet is lost with the connection, instead of being read to its end."""
        assert isinstance(self._socket, Socket)
        while not self._socket._inbox.empty():
            self._socket._inbox.get_nowait()

    async def play(self, steps: list[Step]) -> None:
        """Take each step in turn."""
        for step in steps:
            match step:
                case {"expect": pattern}:
                    self._match(pattern, await self.hear())
                case {"closes": code}:
                    assert await self.hear() == code
                case {"reconnect": _}:
                    await self.connect()
                case {"send": message}:
                    self.send(self.fill(json.dumps(message, ensure_ascii=False)))
                case _:
                    frame = frame_of(step)
                    self.send(self.fill(frame) if isinstance(frame, str) else frame)

    def send(self, frame: str | bytes) -> None:
        """Send one frame as it is."""
        assert self._socket is not None
        self._socket.send(frame)

    async def hear(self) -> Any:
        """The next message, or the close code where the app hung up."""
        async with asyncio.timeout(PATIENCE):
            heard = await self._heard.get()
        if isinstance(heard, Exception):
            raise heard
        return json.loads(heard) if isinstance(heard, str) else heard

    def fill(self, text: str) -> str:
        """The text with its names filled in."""
        return re.sub(r"\$([a-z_]+[0-9]?)", lambda found: self.names.get(found[1], found[0]), text)

    def _match(self, pattern: list[Any], message: Any) -> None:
        assert isinstance(message, list), f"expected {pattern}, got the close code {message}"
        assert len(message) == len(pattern), f"expected {pattern}, got {message}"
        for wanted, got in zip(pattern, message, strict=True):
            if isinstance(wanted, dict):
                self._match_varying(wanted, got, message)
            else:
                assert got == (self.fill(wanted) if isinstance(wanted, str) else wanted), f"{pattern}: {message}"

    def _match_varying(self, wanted: dict[str, Any], got: Any, message: list[Any]) -> None:
        match wanted:
            case {"save": name}:
                self.names[name] = got
            case {"token": name}:
                old = self.names[name]
                self.names[name] = got if isinstance(got, str) else old[: got[0]] + got[1] if got else old
            case {"has": text}:
                assert isinstance(got, str)
                assert text in got
                assert STATE not in got
                self._texts[message[1]] = got
            case {"delta": text}:
                assert isinstance(got, list)
                self._texts[message[1]] = apply(self._texts[message[1]], got)
                assert text in self._texts[message[1]]
            case {"same": _}:
                assert got in ([], self._texts[message[1]])


class Polled:
    """A line that is spoken as a socket is."""

    def __init__(self, line: Line, heard: asyncio.Queue[Any]) -> None:
        self._line, self._heard = line, heard
        self._waiting: asyncio.Queue[str | bytes] = asyncio.Queue()
        self._tasks: list[asyncio.Task[None]] = []

    async def open(self) -> None:
        """Open the line."""
        await self._line.__aenter__()
        self._tasks = [asyncio.create_task(self._listen()), asyncio.create_task(self._post())]

    def send(self, frame: str | bytes) -> None:
        """Have a frame posted after those before it."""
        self._waiting.put_nowait(frame)

    async def close(self, code: int) -> None:
        """Hang up."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._line.close()

    async def _post(self) -> None:
        while not self._line.close_code:
            await self._line.send(await self._waiting.get())

    async def _listen(self) -> None:
        try:
            while True:
                self._heard.put_nowait(await self._line.recv())
        except websockets.ConnectionClosed:
            self._heard.put_nowait(self._line.close_code)


def _put_end(heard: asyncio.Queue[Any], code: int, error: Exception | None) -> None:
    heard.put_nowait(error or code)


def frame_of(step: Step) -> str | bytes:
    """The frame that a step describes: text as it is, bytes in hex, or a long repetition."""
    if "hex" in step:
        return bytes.fromhex(step["hex"])
    if "text" in step:
        return str(step["text"])
    middle = step["repeat"] * step["times"] + step.get("close", "") * step["times"]
    return f"{step.get('before', '')}{middle}{step.get('after', '')}"
