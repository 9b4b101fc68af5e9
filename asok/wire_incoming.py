"""What comes over a WebSocket: frames become messages, which wait within bounds until the app takes them."""

from __future__ import annotations

import asyncio
from typing import Any, cast

from starlette.types import Message

from asok.wire_frames import CONTROL, FINAL, INVALID_TEXT, TEXT, VIOLATED, Violation, frame_at

__all__ = ["CLOSING", "CONNECTING", "DENYING", "ENDED", "LOST", "OPEN", "Incoming"]

# The stages of a connection, in their order. CLOSING: the app has closed it and the browser has not answered yet.
# ENDED: nothing more may be said. LOST: there is nobody any more.
CONNECTING, DENYING, OPEN, CLOSING, ENDED, LOST = range(6)

UNREAD_BYTES = 65536  # of messages that the app has not taken; beyond, the socket is not read
FRAMES_AT_ONCE = 100  # then others have their turn


class Incoming(asyncio.Protocol):
    """The half of a connection that hears. It is read until too much waits for the app, and again when nothing does.

    limit: bytes of a message; queue: how many of them may wait. is_deaf: the socket is not read just now.
    """

    __slots__ = (
        "_farewell",
        "_goes_on",
        "_is_text",
        "_limit",
        "_loop",
        "_parts",
        "_queue",
        "_queue_limit",
        "_rest",
        "_stage",
        "_unread",
        "_waiters",
        "is_deaf",
        "transport",
    )

    def __init__(self, limit: int, queue: int) -> None:
        self._limit, self._queue_limit = limit, queue
        self._loop = asyncio.get_running_loop()
        self.transport: asyncio.Transport = cast(Any, None)
        self._stage = CONNECTING
        self._queue: list[Message] = []
        self._unread = 0  # bytes that have come since the queue was empty
        self._waiters: list[asyncio.Future[None]] = []
        self._farewell: Message | None = None
        self.is_deaf = False
        self._goes_on = False  # soon
        self._rest: bytearray | None = None  # what is no whole frame yet, or must wait
        self._parts: bytearray | None = None  # a message in fragments, so far
        self._is_text = False

    async def receive(self) -> Message:
        """The next message to the app; once the connection has ended always the disconnect."""
        while not self._queue:
            if self._farewell is not None:
                return self._farewell
            waiter = self._loop.create_future()
            self._waiters.append(waiter)
            await waiter
        message = self._queue.pop(0)
        if not self._queue:
            self._unread = 0
            if self.is_deaf:
                self._go_on_soon()
        return message

    def _wake(self) -> None:
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)

    def _disconnect(self, code: int, reason: str = "") -> None:
        """Let the app hear, after all that came before, that this was the end. The first reason counts."""
        if self._farewell is None:
            self._farewell = {"type": "websocket.disconnect", "code": code, "reason": reason}
            self._wake()

    def _listen(self) -> None:
        """Take what was left, and then read the socket, until too much waits again."""
        self.is_deaf = False
        if self._rest is not None:
            self._keep(self._rest, self._take(self._rest))
        if not self.is_deaf:
            self.transport.resume_reading()

    def _go_on_soon(self) -> None:
        """Listen again in the next turn of the loop: who sends without a pause must not keep it from all others."""
        if not self._goes_on:
            self._goes_on = True
            self._loop.call_soon(self._go_on)

    def _go_on(self) -> None:
        self._goes_on = False
        has_room = len(self._queue) < self._queue_limit and self._unread <= UNREAD_BYTES
        if self.is_deaf and (self._stage > OPEN or (self._stage == OPEN and has_room)):
            self._listen()

    def _stop_listening(self) -> None:
        self.is_deaf = True
        self.transport.pause_reading()

    def _hear(self, data: bytes) -> None:
        """Take what the transport brings."""
        if self._rest is None:
            taken = self._take(data)
            if taken < len(data):
                self._keep(data, taken)
            return
        self._rest += data
        if not self.is_deaf:
            self._keep(self._rest, self._take(self._rest))

    def _hear_early(self, data: bytes) -> None:
        """Before the handshake is answered nothing should come; what does must wait."""
        self._rest = bytearray(data) if self._rest is None else self._rest + data
        self._stop_listening()

    def _keep(self, data: bytes | bytearray, taken: int) -> None:
        if taken == len(data) or self._stage >= ENDED:
            self._rest = None
        elif data is self._rest:
            del self._rest[:taken]
        else:
            self._rest = bytearray(memoryview(data)[taken:])

    def _take(self, data: bytes | bytearray) -> int:
        """Take whole frames from its beginning, until too much waits; how many bytes they were."""
        start, size, left = 0, len(data), FRAMES_AT_ONCE
        try:
            while start < size and not self.is_deaf and self._stage < ENDED:
                parts = self._parts
                found = frame_at(data, start, self._limit if parts is None else self._limit - len(parts))
                if found is None:
                    break
                first, content, start = found
                left -= 1
                if not left:
                    self._stop_listening()
                    self._go_on_soon()
                if first == TEXT and parts is None:
                    self._deliver({"type": "websocket.receive", "text": content.decode()}, len(content))
                elif first & CONTROL:
                    self._take_control(first, content)
                else:
                    self._take_part(first, content)
        except Violation as violation:
            self.fail(violation.code, violation.reason)
        except UnicodeDecodeError:
            self.fail(INVALID_TEXT, "not UTF-8")
        return start

    def _take_part(self, first: int, content: bytes) -> None:
        """A message that is binary, or comes in fragments: section 5.4."""
        opcode = first & ~FINAL
        if bool(opcode) == (self._parts is not None):
            raise Violation(VIOLATED, "a message inside of another" if opcode else "a fragment without a beginning")
        if self._parts is None:
            self._parts, self._is_text = bytearray(), opcode == TEXT & ~FINAL
        self._parts += content
        if first & FINAL:
            parts, self._parts = self._parts, None
            kind, value = ("text", parts.decode()) if self._is_text else ("bytes", bytes(parts))
            self._deliver({"type": "websocket.receive", kind: value}, len(parts))

    def _deliver(self, message: Message, size: int) -> None:
        if self._stage != OPEN:
            return  # the app is past `websocket.close`
        self._queue.append(message)
        self._unread += size
        if self._waiters:
            self._wake()
        elif len(self._queue) >= self._queue_limit or self._unread > UNREAD_BYTES:
            self._stop_listening()

    def _take_control(self, first: int, content: bytes) -> None:
        raise NotImplementedError

    def fail(self, code: int, reason: str) -> None:
        """End it because of what came."""
        raise NotImplementedError
