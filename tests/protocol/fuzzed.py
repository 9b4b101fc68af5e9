"""The app that the Autobahn cases are run against: an echo, and asok's endpoint for a client without an Origin."""

from __future__ import annotations

import os
from pathlib import Path

from starlette.routing import Mount
from starlette.types import Message, Receive, Scope, Send

from asok import Asok, Limits, Settings
from tests.rig import KEY

__all__ = ["app", "echo"]

JOIN: Message = {"type": "websocket.receive", "text": '["join",1,"","fuzz",[]]'}


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Sends back what it is sent."""
    if scope["type"] != "websocket":
        return
    await receive()
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] != "websocket.disconnect":
        await send({**message, "type": "websocket.send"})


# As in production; a test may allow larger messages.
limits = Limits(message=int(os.environ.get("FUZZED_MESSAGE", Limits().message)))
settings = Settings(Path(__file__).parent, keys=(KEY,), database=":memory:", limits=limits)
asok = Asok(settings=settings, routes=[Mount("/echo", echo)])


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """The app, to a client that says from which page it comes; at `/joined` one that has joined already."""
    if scope["type"] == "websocket":
        host = dict(scope["headers"]).get(b"host", b"")
        others = [each for each in scope["headers"] if each[0] != b"origin"]
        scope = {**scope, "headers": [*others, (b"origin", b"http://" + host)]}
        if scope["path"] == "/joined":
            scope["path"], receive = "/live", joining(receive)
    await asok(scope, receive, send)


def joining(receive: Receive) -> Receive:
    """Receives a join before everything else."""
    waiting: list[Message] = []

    async def first_a_join() -> Message:
        if waiting:
            return waiting.pop()
        message = await receive()
        if message["type"] == "websocket.connect":
            waiting.append(JOIN)
        return message

    return first_a_join
