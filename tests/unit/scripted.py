"""An app that plays the wire from a script, so that each rule of the test client stands alone."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from asok.attributes import needs_features
from asok.testing import LiveClient, Page

__all__ = [
    "COUNTER",
    "A",
    "Answer",
    "B",
    "C",
    "Message",
    "Opened",
    "Script",
    "acknowledging",
    "counting",
    "document",
    "opened",
    "root",
    "typing",
]

A, B, C = "aaaaaaaaaaaa", "bbbbbbbbbbbb", "cccccccccccc"
Message = list[Any]
Answer = Callable[[Message], list[Message] | int]


def root(instance: str, inside: str, tag: str = "div") -> str:
    return f'<{tag} data-asok-state="{instance}.k.{"0" * 20}.m">{inside}</{tag}>'


def document(*body: str) -> str:
    features = " data-features" if needs_features("".join(body)) else ""
    script = f'<script defer src="/live/x/alive.js" data-live="/live" data-csrf="csrf-1"{features}></script>'
    return f"<!doctype html><html><head><title>A page</title>{script}</head><body>{''.join(body)}</body></html>"


class Script:
    """An ASGI app of one page, whose socket answers each message by a function: messages, or a close code."""

    def __init__(self, page: str, answer: Answer | None = None) -> None:
        self.page, self.answer = page, answer or (lambda message: [])
        self.got: list[Message] = []
        self.handshakes: list[dict[str, Any]] = []
        self.push: Callable[[Message], Awaitable[None]] | None = None
        self.accepts = True

    @property
    def events(self) -> list[Message]:
        return [message for message in self.got if message[0] == "event"]

    @property
    def joins(self) -> list[Message]:
        return [message for message in self.got if message[0] == "join"]

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await self.lifespan(receive, send)
        elif scope["type"] == "http":
            await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/html")]})
            await send({"type": "http.response.body", "body": self.page.encode()})
        else:
            await self.socket(scope, receive, send)

    async def lifespan(self, receive: Any, send: Any) -> None:
        for phase in ("startup", "shutdown"):
            await receive()
            await send({"type": f"lifespan.{phase}.complete"})

    async def socket(self, scope: Any, receive: Any, send: Any) -> None:
        self.handshakes.append({name.decode(): value.decode() for name, value in scope["headers"]})
        await receive()
        if not self.accepts:
            await send({"type": "websocket.close", "code": 1000})
            return
        await send({"type": "websocket.accept"})

        async def push(message: Message) -> None:
            await send({"type": "websocket.send", "text": json.dumps(message)})

        self.push = push
        while (frame := await receive())["type"] == "websocket.receive":
            message = json.loads(frame["text"])
            self.got.append(message)
            answers = self.reply(message)
            if isinstance(answers, int):
                await send({"type": "websocket.close", "code": answers})
                return
            for answer in answers:
                await push(answer)

    def reply(self, message: Message) -> list[Message] | int:
        if message[0] == "ping":
            return [["pong"]]
        answers = self.answer(message)
        if message[0] == "join" and isinstance(answers, list):
            return [["joined", "csrf-2"], *answers]
        return answers


def counting(message: Message) -> list[Message]:
    """A counter's answers: whole text first, then deltas."""
    if message[0] != "event":
        return []
    _, instance, seq, *_ = message
    html = f"<div><p>{seq}</p><button ws-click='up'>+</button></div>" if seq == 1 else [8, str(seq), -1]
    return [["update", instance, seq, html, [15, f"{seq}.m"]]]


COUNTER = root(A, "<p>0</p><button ws-click='up'>+</button>")


@pytest.fixture
async def opened() -> AsyncIterator[Callable[..., Awaitable[tuple[Page, Script]]]]:
    clients: list[LiveClient] = []

    async def open_page(page: str, answer: Answer | None = None, **options: Any) -> tuple[Page, Script]:
        script = Script(document(page), answer)
        client = LiveClient(script, **options)
        clients.append(await client.__aenter__())
        return await client.open("/"), script

    yield open_page
    for client in clients:
        await client.__aexit__(None, None, None)


Opened = Callable[..., Awaitable[tuple[Page, Script]]]


def typing(html: str, *effects: Message) -> Answer:
    return lambda message: [["update", A, message[2], html, [14, "1"], [*effects]]] if message[0] == "event" else []


def acknowledging(message: Message) -> list[Message]:
    """Settles every event and changes nothing."""
    return [["update", message[1], message[2], []]] if message[0] == "event" else []
