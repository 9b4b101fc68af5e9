"""What is posted to a line that another worker holds goes there over the bus, and its answer comes back."""

from __future__ import annotations

import asyncio
import logging
import re
import secrets
from collections.abc import Callable, Coroutine
from itertools import count
from typing import Any, Literal, Protocol

import msgspec
from msgspec import Struct

from asok.bus import Bus, MessageTooLarge

__all__ = ["GONE", "Holder", "Relay", "Verb"]

log = logging.getLogger("asok")

GONE = 404
# The answer to a poll may be larger than one message of the bus; a character has up to six bytes there.
PIECE = 128 * 1024
WORKER = re.compile(r"[0-9a-f]{16}")
Verb = Literal["take", "poll", "close"]


class Holder(Protocol):
    """Who holds lines. Each answer is an HTTP status, for a poll with the events."""

    def take(self, line: str, number: int, text: str) -> int:
        """Take a posted body; never waits."""

    async def poll(self, line: str, number: int) -> tuple[int, str]:
        """What waits to be fetched, as soon as something does."""

    def close(self, line: str, code: int) -> int:
        """End the line with a close code."""


class Asked(Struct, tag="ask", array_like=True, frozen=True):
    """A request for a line. back: the worker that waits for the answer."""

    back: str
    n: int
    verb: Verb
    line: str
    number: int
    text: str


class Told(Struct, tag="tell", array_like=True, frozen=True):
    """The answer to request `n`, or a piece of it."""

    n: int
    status: int
    text: str
    more: bool


_decoder = msgspec.json.Decoder(Asked | Told)
_encode = msgspec.json.Encoder().encode


class Relay:
    """Asks other workers, and answers them. worker: this one's name, random, another one after each `open`."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self.worker = ""
        self.holder: Holder | None = None
        self._numbers = count(1)
        self._waiting: dict[int, asyncio.Future[tuple[int, str]]] = {}
        self._pieces: dict[int, list[str]] = {}
        self._polls: set[asyncio.Task[None]] = set()
        self._unsubscribe: Callable[[], None] | None = None

    def open(self) -> None:
        """Begin to hear the other workers. The bus is open before."""
        self.worker = secrets.token_hex(8)
        self._unsubscribe = self._bus.subscribe(_channel(self.worker), self._hear)

    async def close(self) -> None:
        """Hear no more, and let nobody wait any longer."""
        if self._unsubscribe is not None:
            self._unsubscribe()
        self._unsubscribe = None
        for waiting in self._waiting.values():
            if not waiting.done():
                waiting.set_result((GONE, ""))
        for task in self._polls:
            task.cancel()
        await asyncio.gather(*self._polls, return_exceptions=True)

    async def ask(
        self, worker: str, verb: Verb, line: str, number: int, text: str, *, patience: float
    ) -> tuple[int, str]:
        """Have the worker that holds the line do this; 404 where it does not answer within `patience` seconds."""
        n = next(self._numbers)
        answer: asyncio.Future[tuple[int, str]] = asyncio.get_running_loop().create_future()
        self._waiting[n] = answer
        try:
            self._say(worker, Asked(self.worker, n, verb, line, number, text))
            async with asyncio.timeout(patience):
                return await answer
        except TimeoutError:
            log.info("no answer from the worker of a line")
            return GONE, ""
        finally:
            del self._waiting[n]
            self._pieces.pop(n, None)

    def _say(self, worker: str, message: Asked | Told) -> None:
        try:
            self._bus.publish(_channel(worker), _encode(message))
        except MessageTooLarge as error:
            log.error("%s", error)

    def _hear(self, message: bytes) -> None:
        try:
            heard = _decoder.decode(message)
        except (msgspec.MsgspecError, ValueError, RecursionError):
            return log.warning("dropped: a message about lines that is none")
        if isinstance(heard, Told):
            self._take_answer(heard)
        elif self.holder is not None and WORKER.fullmatch(heard.back):
            self._serve(heard, self.holder)

    def _take_answer(self, told: Told) -> None:
        waiting = self._waiting.get(told.n)
        if waiting is None or waiting.done():
            return
        pieces = self._pieces.setdefault(told.n, [])
        pieces.append(told.text)
        if not told.more:
            waiting.set_result((told.status, "".join(pieces)))

    def _serve(self, asked: Asked, holder: Holder) -> None:
        # What is posted is taken here and now: in the order in which the bus brings it.
        match asked.verb:
            case "take":
                self._tell(asked, holder.take(asked.line, asked.number, asked.text))
            case "close":
                self._tell(asked, holder.close(asked.line, asked.number))
            case "poll":
                self._own(self._poll(asked, holder))

    async def _poll(self, asked: Asked, holder: Holder) -> None:
        self._tell(asked, *await holder.poll(asked.line, asked.number))

    def _tell(self, asked: Asked, status: int, text: str = "") -> None:
        pieces = [text[start : start + PIECE] for start in range(0, len(text), PIECE)] or [""]
        for left, piece in zip(range(len(pieces) - 1, -1, -1), pieces, strict=True):
            self._say(asked.back, Told(asked.n, status, piece, more=left > 0))

    def _own(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._polls.add(task)
        task.add_done_callback(self._polls.discard)


def _channel(worker: str) -> str:
    return f"lines/{worker}"
