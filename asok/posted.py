"""Lines: conversations over plain requests, each with a name that only its session may use."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import msgspec
from msgspec import Meta, Raw

from asok.conversation import LiveSession
from asok.errors import ProtocolError
from asok.outbox import Closing
from asok.polling import LONGEST_POLL, SILENCE, Polls
from asok.protocol import CLOSE, decode
from asok.relay import GONE, Relay
from asok.sessions import owner_of
from asok.settings import Limits
from asok.state import KeyRing

__all__ = ["MOST_FRAMES", "TAKEN", "HeldLine", "Lines"]

log = logging.getLogger("asok")

TAKEN = 204
MALFORMED = 400
BUSY = 503  # the line's session sends, or is sent, more than it may; the same post may come again
MOST_FRAMES = 50
# A worker that is asked and says nothing is gone.
ACKNOWLEDGEMENT = 2.0
ASKED_POLL = 2.0
# A browser that has vanished with its network closes nothing.
QUIET = 60.0


_split = msgspec.json.Decoder(Annotated[list[Raw], Meta(max_length=MOST_FRAMES)]).decode


class HeldLine:
    """A conversation that is open on this worker. polls: where it has no stream."""

    def __init__(self, session: LiveSession, limits: Limits, polls: Polls | None = None) -> None:
        self.session, self.polls = session, polls
        self._limits = limits
        self._taken = 0
        self._loop = asyncio.get_running_loop()
        self._heard = self._loop.time()
        # Who polls is heard of all the time; a stream that nobody reads any more looks like one that is read.
        self._timer = self._loop.call_later(QUIET, self._listen) if polls is None else None

    def _listen(self) -> None:
        left = self._heard + QUIET - self._loop.time()
        if left > 0:
            self._timer = self._loop.call_later(left, self._listen)
        else:
            self.session.outbox.close(CLOSE.TIMEOUT, "nothing was posted for long")

    def let_go(self) -> None:
        """It is over."""
        if self._timer is not None:
            self._timer.cancel()

    def take(self, number: int, text: str) -> int:
        """Take the frames of a posted body, in order; the HTTP status.

        number: of the post on this line, from 1, so that one which the browser repeats by itself is taken once; 0 where
        the client does not count.
        """
        # What has ended is held for as long as its methods run; what joined it then would never leave.
        ended = self.session.screen.gone or self.session.outbox.closed
        if ended or number not in (0, self._taken, self._taken + 1):
            return GONE
        self._heard = self._loop.time()
        if number and number == self._taken:
            return TAKEN
        try:
            frames = _split(text)
            if not self.session.affords(max(1, len(frames)), len(text)):
                return BUSY
            self._taken = number or self._taken
            for frame in frames:
                self.session.receive(decode(bytes(frame).decode(), self._limits), len(bytes(frame)))
        except (msgspec.MsgspecError, ProtocolError, ValueError, RecursionError) as error:
            log.warning("refused: a posted message that is none: %r", str(error)[:200])
            self.session.outbox.close(CLOSE.PROTOCOL, "not a message of the protocol")
            return MALFORMED
        except Closing as closing:
            self.session.outbox.close(closing.code, closing.reason)
        return TAKEN


class Lines:
    """The lines of this worker, and through the relay those of the others."""

    def __init__(self, ring: KeyRing, limits: Limits, relay: Relay) -> None:
        self._ring, self._limits, self._relay = ring, limits, relay
        self._held: dict[str, HeldLine] = {}
        relay.holder = self

    @contextmanager
    def holding(self, line: HeldLine) -> Iterator[str]:
        """Hold a line until the end of the block, under the name that this gives."""
        owner, place = line.session.owner, f"{self._relay.worker}.{secrets.token_urlsafe(16)}"
        name = f"{place}.{self._ring.mac('line', f'{owner} {place}')}"
        self._held[name] = line
        try:
            yield name
        finally:
            del self._held[name]
            line.let_go()

    def belongs(self, name: str, session_id: str) -> bool:
        """Whether the name was given to this session, or to a visitor without one. It may be over all the same."""
        place, _, mac = name.rpartition(".")
        owners = (owner_of(session_id) if session_id else "", "")
        made = any(self._ring.matches("line", f"{owner} {place}", mac) for owner in owners)
        return made and (name in self._held or not self._is_own(name))

    def _is_own(self, name: str) -> bool:
        return name.partition(".")[0] == self._relay.worker

    # ---- what a line is asked, wherever it is held; `belongs` comes first

    async def post(self, name: str, number: int, text: str) -> int:
        """Have the line take a body; the HTTP status."""
        if self._is_own(name):
            return self.take(name, number, text)
        worker = name.partition(".")[0]
        status, _ = await self._relay.ask(worker, "take", name, number, text, patience=ACKNOWLEDGEMENT)
        return status

    async def fetch(self, name: str, seen: int) -> tuple[int, str]:
        """What waits on a line without a stream, with the HTTP status."""
        if self._is_own(name):
            return await self._poll(name, seen, LONGEST_POLL)
        worker, loop = name.partition(".")[0], asyncio.get_running_loop()
        end, patience = loop.time() + LONGEST_POLL, ASKED_POLL + ACKNOWLEDGEMENT
        while True:  # asked again and again, so that a worker that dies is missed soon
            answer = await self._relay.ask(worker, "poll", name, seen, "", patience=patience)
            if answer != (200, SILENCE) or loop.time() > end:
                return answer

    async def end(self, name: str, code: int) -> None:
        """End the line, whose browser has sent what nobody takes."""
        if self._is_own(name):
            self.close(name, code)
        else:
            worker = name.partition(".")[0]
            await self._relay.ask(worker, "close", name, code, "", patience=ACKNOWLEDGEMENT)

    # ---- a line of this worker, for the relay too

    def take(self, line: str, number: int, text: str) -> int:
        """Have a line of this worker take a body; 404 where there is none."""
        held = self._held.get(line)
        return GONE if held is None else held.take(number, text)

    async def poll(self, line: str, number: int) -> tuple[int, str]:
        """What waits on a line of this worker, for another one; 404 where it is none, or has a stream."""
        return await self._poll(line, number, ASKED_POLL)

    async def _poll(self, line: str, seen: int, longest: float) -> tuple[int, str]:
        held = self._held.get(line)
        return (GONE, "") if held is None or held.polls is None else await held.polls.poll(seen, longest)

    def close(self, line: str, code: int) -> int:
        """End a line of this worker."""
        held = self._held.get(line)
        if held is None:
            return GONE
        held.session.outbox.close(code, "a post that nobody takes")
        return TAKEN
