"""A worker's two lines to the Redis that carries its bus: one that hears, one that says."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import random
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from asok.backends.redis_address import Address
from asok.backends.redis_calls import Away, Line, Lines, Unfit, asking, checked, of_a_primary
from asok.backends.resp import command
from asok.bus import MESSAGE_LIMIT
from asok.errors import ConfigurationError

__all__ = ["Complaint", "HearingLine", "SayingLine"]

_log = logging.getLogger("asok")

PING = 1.0  # seconds, after which the server is asked whether it is there
LONGEST_PAUSE = 1.0  # before the next try to connect; the first comes at once
COMPLAIN_EVERY = 60.0  # seconds
BACKLOG = 8 * 1024 * 1024
MOST_WAITING = 20_000
BATCH = 256


class Complaint:
    """Says that something is amiss when it begins and once a minute, and that it is over."""

    def __init__(self) -> None:
        self._amiss, self._said = False, -math.inf

    def amiss(self, text: str, *args: object) -> None:
        """Log it, unless that was just done."""
        self._amiss = True
        if time.monotonic() - self._said >= COMPLAIN_EVERY:
            self._said = time.monotonic()
            _log.warning(text, *args)

    def well(self, text: str, *args: object) -> None:
        """Log that it is over, if it had begun."""
        if self._amiss:
            self._amiss, self._said = False, -math.inf
            _log.warning(text, *args)


class _Kept:
    """A line that is had again whenever it is lost, and the task that works on it until it is closed.

    ready: done when it has worked for the first time; ConfigurationError where it may not.
    """

    def __init__(self, address: Address, channel: str, make: Callable[[], Line]) -> None:
        self._address, self._channel, self._complaint, self._tries = address, channel, Complaint(), 0
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._lines = Lines(address, lambda: None, make)
        self._task = asyncio.create_task(self._keep())

    async def _keep(self) -> None:
        while True:
            line: Line | None = None
            try:
                line = await self._lines.line()
                await self._work(line)
            except (Away, Unfit) as error:
                self._failed(error)
                if line is not None:
                    line.lose(Away("given up"))
            await asyncio.sleep(self._pause())

    async def _work(self, line: Line) -> None:
        raise NotImplementedError

    def renew(self) -> None:
        """Have another line: the address may lead to another server now."""
        self._lines.cut()

    def _failed(self, error: Exception) -> None:
        if isinstance(error, Unfit) and not self.ready.done():
            problem = f"the Redis at {self._address.name} refuses the bus: {error}"
            wanted = f"the user of ASOK_REDIS may SUBSCRIBE and PUBLISH on {self._channel}"
            return self.ready.set_exception(ConfigurationError(f"{problem}; expected: {wanted}"))
        self._complaint.amiss("the bus has lost the Redis at %s and tries again: %s", self._address.name, error)

    def _well(self) -> None:
        self._tries = 0
        if not self.ready.done():
            self.ready.set_result(None)
        self._complaint.well("the bus has the Redis at %s again", self._address.name)

    def _pause(self) -> float:
        self._tries += 1
        longest = min(LONGEST_PAUSE, 0.02 * 2 ** min(self._tries, 10))
        return random.uniform(longest / 4, longest)

    async def close(self) -> None:
        """End the task and the line."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        await self._lines.close()
        if not self.ready.cancel() and not self.ready.cancelled():
            self.ready.exception()  # nobody else may have asked


class _HearingLine(Line):
    """A line on which messages come between the answers."""

    def __init__(self, heard: Callable[[bytes], None]) -> None:
        super().__init__()
        self._said = heard
        self.last = -math.inf
        self.is_lost = asyncio.Event()

    def data_received(self, data: bytes) -> None:
        """Note when it was."""
        self.last = time.monotonic()
        super().data_received(data)

    def take(self, reply: Any) -> None:
        """Hand out a message, or an answer."""
        if isinstance(reply, list) and reply[:1] == [b"message"] and isinstance(reply[-1], bytes):
            self._said(reply[-1])
        else:
            super().take(reply)

    def lose(self, problem: Away) -> None:
        """Cut it, and tell who waits for nothing but that."""
        super().lose(problem)
        self.is_lost.set()


class HearingLine(_Kept):
    """Hears one channel of the Redis. began: called each time that it has been subscribed to."""

    def __init__(self, address: Address, channel: str, heard: Callable[[bytes], None], began: Callable[[], None]):
        self._began = began
        self._line: _HearingLine | None = None
        super().__init__(address, channel, lambda: _HearingLine(heard))

    @property
    def silence(self) -> float:
        """Seconds since the server has said anything; infinite while there is no subscription."""
        return time.monotonic() - self._line.last if self._line else math.inf

    async def _work(self, line: Line) -> None:
        assert isinstance(line, _HearingLine), "made by us"
        checked(await line.call(command(["SUBSCRIBE", self._channel])))
        self._line = line
        try:
            self._began()
            self._well()
            while True:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(PING):
                        await line.is_lost.wait()
                checked(await line.call(command(["PING"])))
        finally:
            self._line = None


class SayingLine(_Kept):
    """Publishes on one channel of the Redis: what is put in waits, bounded, and goes out in batches.

    A batch whose answers were lost goes out again: who has heard some of it knows their numbers. So does one that a
    replica was given, as the server that was the primary before. refused: called when the server would not take a
    batch, which is gone then. moved: called when a primary takes it that was a replica, or another server, before.
    """

    def __init__(self, address: Address, channel: str, refused: Callable[[], None], moved: Callable[[], None]) -> None:
        self._refused, self._moved, self._was_a_replica = refused, moved, False
        self._asking = asking(address)
        self._waiting: deque[bytes] = deque()
        self._size = 0
        self._batch: list[bytes] = []
        self._wake, self._idle = asyncio.Event(), asyncio.Event()
        self._idle.set()
        super().__init__(address, channel, Line)

    def put(self, frame: bytes) -> bool:
        """Say it soon; False, and it does not wait, where too much waits already."""
        if self._waiting and (self._size + len(frame) > BACKLOG or len(self._waiting) >= MOST_WAITING):
            return False
        self._waiting.append(frame)
        self._size += len(frame)
        self._idle.clear()
        self._wake.set()
        return True

    def drop(self) -> int:
        """Forget what waits; how much it was."""
        count = len(self._waiting)
        self._waiting.clear()
        self._size = 0
        return count

    async def flush(self, seconds: float) -> None:
        """Wait until all has been said, so long at most."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._idle.wait()

    async def _work(self, line: Line) -> None:
        try:
            while True:
                await self._say(line)
                await self._rest(line)
        except Unfit:
            self._batch = []
            self._refused()
            raise

    async def _say(self, line: Line) -> None:
        while self._batch or self._waiting:
            if not self._batch:
                self._take_batch()
            asked = line.call(self._asking)
            calls = [line.call(command(["PUBLISH", self._channel, frame])) for frame in self._batch]
            answers = await asyncio.gather(asked, *calls, return_exceptions=True)
            for answer in answers:
                if isinstance(answer, BaseException):
                    raise answer
            self._check(answers[0])
            for answer in answers[1:]:
                checked(answer)
            self._batch = []

    def _check(self, asked: Any) -> None:
        before, self._was_a_replica = self._was_a_replica, True
        of_a_primary(asked)
        self._was_a_replica = False
        if before:
            self._moved()

    def _take_batch(self) -> None:
        size = 0
        while self._waiting and len(self._batch) < BATCH and size < MESSAGE_LIMIT:
            size += len(self._waiting[0])
            self._batch.append(self._waiting.popleft())
        self._size -= size

    async def _rest(self, line: Line) -> None:
        self._well()
        self._idle.set()
        self._wake.clear()
        try:
            async with asyncio.timeout(PING):
                await self._wake.wait()
        except TimeoutError:
            self._check(await line.call(self._asking))
