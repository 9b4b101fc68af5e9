"""Cells in a Redis, which the processes of several machines may use at the same time.

Every process has one connection, on which calls follow each other without waiting. A connection that fails is
made again, and what was not answered is asked again, for five seconds at most. That is exact: each commit has an
id, and Redis remembers for a minute which of them it has applied.
"""

from __future__ import annotations

import asyncio
import logging
import random
import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import Any

from asok.backends.redis_address import Address
from asok.backends.redis_calls import Away, BlockingLine, Lines, Unfit, checked
from asok.backends.redis_cells import LARGEST_SKEW, CellsLine, check, dangers, facts_of, remedy
from asok.backends.redis_scripts import COMMIT, DELETE, OLDEST, READ, SOURCES, SWEEP
from asok.backends.resp import ErrorReply, command
from asok.bus import Listeners
from asok.driven import driven
from asok.errors import Busy, ConfigurationError
from asok.forks import in_each_child
from asok.sessions import STORES, Cell, Commit

__all__ = ["RedisBackend"]

_log = logging.getLogger("asok")

_REMEMBERED = 60.0  # seconds at least, in which a commit may be sent again
_PAGE = 64  # owners that are swept before others have their turn
_PAUSES = (0.002, 0.25)  # seconds: the first one, and the longest
_BLOCKED = 1.0  # seconds for which an event loop may be held up
_LOG_SECONDS = 30.0
_LATE = 14  # where a commit says that it is late: behind EVALSHA, script, 1, prefix and ten arguments
_Parts = list[str | bytes]
_Fitting = Callable[[CellsLine], _Parts]


class RedisBackend:
    """Keeps cells in the Redis at `url`, which is of version 7.0 or later, or a Valkey, and no cluster.

    patience: for how many seconds a Redis that is away is asked again before `Busy` is raised.
    clock: tells the Unix time of a write; a test may turn it by hand. Without one it is the later of the times here and
    there, and a sweep goes by the earlier: one clock that is wrong does not sweep what is in use. Raises
    ConfigurationError for a malformed url.
    """

    def __init__(self, url: str, *, patience: float = 5.0, clock: Callable[[], float] | None = None) -> None:
        self._address = Address.of(url)
        self._patience, self._clock = patience, clock
        self._remembered = str(round(max(_REMEMBERED, 2 * patience)))
        self._lines: dict[asyncio.AbstractEventLoop, Lines] = {}
        self._server = ""
        self._offset: float | None = None  # the time of the Redis, less that of `time.monotonic`
        self._replaced: Listeners[[]] = Listeners()
        self._idle: list[BlockingLine] = []
        self._avoided = 0.0
        self._away = False
        self._told = -_LOG_SECONDS
        in_each_child(self, RedisBackend._start_in_child)

    def __repr__(self) -> str:
        return f"<RedisBackend at {self._address.name}>"

    async def open(self) -> None:
        try:
            facts = facts_of(await self._reply(["INFO"]))
            check(facts)
            for parts in self._rehearsal():
                await self._reply(parts)
        except (Away, Unfit) as error:
            problem = f"the Redis at {self._address.name} cannot be used: {error}"
            raise ConfigurationError(f"{problem}; {remedy(str(error), self._address.prefix)}") from error
        for danger in dangers(facts):
            _log.warning("the Redis at %s %s", self._address.name, danger)

    async def close(self) -> None:
        """Cut the connections of the running loop, and those that blocked."""
        loop = _running_loop()
        if loop is not None and loop in self._lines:
            await self._lines[loop].close()
        self._hang_up()

    async def read(self, owner: str, names: Sequence[str], prefix: str | None = None) -> dict[str, Cell]:
        if prefix is not None:
            found = await self._ask(self._script(READ, owner, *_range(prefix), *names))
            return {name.decode(): _cell(cell) for name, cell in zip(found[::2], found[1::2], strict=True)}
        if not names:
            return {}
        cells = await self._ask(["HMGET", self._key("v", owner), *names])
        return {name: _cell(cell) for name, cell in zip(names, cells, strict=True) if cell is not None}

    async def commit(self, commit: Commit) -> bool:
        parts, server = self._commit_of(commit), self._server

        def fitting(line: CellsLine) -> _Parts:
            # What it checks was read from another server then, or before a restart: other writes may have brought
            # the same versions since.
            return _late(parts) if commit.checks and server and line.server != server else parts

        return bool(await self._ask(parts, fitting))

    async def count(self, owner: str, prefix: str) -> int:
        return int(await self._ask(["ZLEXCOUNT", self._key("n", owner), *_range(prefix)]))

    async def oldest(self, owner: str, prefix: str, count: int) -> list[str]:
        return [name.decode() for name in await self._ask(self._script(OLDEST, owner, prefix, str(count)))]

    async def delete(self, owner: str) -> None:
        await self._ask(self._script(DELETE, owner))

    async def sweep(self, before: float) -> int:
        before -= max(0.0, self._ahead())
        swept, gone = 0, _PAGE
        while gone == _PAGE:
            gone = int(await self._ask(self._script(SWEEP, repr(before), str(_PAGE))))
            swept += gone
        return swept

    def on_replaced(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Call the listener when a server answers that may hold something else than the one before."""
        return self._replaced.add(listener)

    def _ahead(self) -> float:
        """By how many seconds our clock is ahead of that of the Redis, where that is more than nobody minds."""
        if self._offset is None or self._clock is not None:
            return 0.0
        ahead = time.time() - time.monotonic() - self._offset
        return ahead if abs(ahead) > LARGEST_SKEW else 0.0

    def _now(self) -> float:
        return self._clock() if self._clock is not None else time.time() + max(0.0, -self._ahead())

    def _met(self, server: str, ahead: float) -> None:
        self._offset = time.time() - ahead - time.monotonic()
        before, self._server = self._server, server
        if before and server != before:
            self._hang_up()  # what blocks would go on with the one before
            self._replaced.tell()

    # ---- commands

    def _key(self, kind: str, owner: str) -> str:
        return f"{self._address.prefix}{kind}:{owner}"

    def _script(self, script: str, *arguments: str | bytes) -> _Parts:
        return ["EVALSHA", script, "1", self._address.prefix, *arguments]

    def _commit_of(self, commit: Commit) -> _Parts:
        moves = ("move", *commit.move) if commit.move else ("", "", "")
        deletions = [key for key, value in commit.writes.items() if value is None]
        sizes = len(commit.checks), len(deletions), len(commit.writes) - len(deletions)
        id = commit.id or secrets.token_hex(12)
        parts = self._script(COMMIT, id, self._remembered, repr(self._now()), STORES, *moves)
        parts += [*map(str, sizes), ""]
        for (owner, name), version in commit.checks.items():
            parts += (owner, name, str(version))
        for owner, name in deletions:
            parts += (owner, name)
        for (owner, name), value in commit.writes.items():
            if value is not None:
                parts += (owner, name, value)
        return parts

    def _rehearsal(self) -> Iterator[_Parts]:
        """All that will ever be asked, on cells of nobody: whether the server lets us, and still has the scripts."""
        old, new = (f"start:{secrets.token_hex(12)}" for _ in range(2))
        commits = (
            Commit({}, {(old, "a"): b"", (old, "b"): b""}),
            Commit({(new, "a"): 1}, {(new, "a"): b"", (new, "b"): None}, move=(old, new)),
        )
        yield from (_in_full(self._commit_of(commit)) for commit in commits)
        yield from (self._script(OLDEST, new, "", "1"), self._script(READ, new, *_range(""), "a"))
        yield ["HMGET", self._key("v", new), "a"]
        yield ["ZLEXCOUNT", self._key("n", new), *_range("")]
        yield from (self._script(SWEEP, "0", "1"), self._script(DELETE, new))

    # ---- asking

    async def _ask(self, parts: _Parts, fitting: _Fitting | None = None) -> Any:
        try:
            reply = await self._reply(parts, fitting)
        except Away as error:
            if not self._away:
                self._away = True
                _log.error("the Redis at %s is away: %s", self._address.name, error)
            raise Busy(f"the Redis is away: {error}") from error
        except Unfit as error:
            # It is full, or has changed its password: the operator must act, the browser can wait.
            self._tell(str(error))
            raise Busy(f"the Redis refuses: {error}") from error
        if self._away:
            self._away = False
            _log.warning("the Redis at %s answers again", self._address.name)
        return reply

    async def _reply(self, parts: _Parts, fitting: _Fitting | None = None) -> Any:
        return self._answer_at_once(parts) if driven.at_once else await self._answer(parts, fitting)

    async def _answer(self, parts: _Parts, fitting: _Fitting | None) -> Any:
        """The reply, asked again until there is one. Raises Away when patience ends, Unfit at once."""
        give_up, pause = 0.0, _PAUSES[0]
        while True:
            try:
                if not give_up:
                    return await self._try(parts, fitting)
                async with asyncio.timeout(max(0.0, give_up - time.monotonic())):
                    return await self._try(parts, fitting)
            except Away as error:
                problem = error
            except TimeoutError:
                raise problem from None
            give_up = give_up or time.monotonic() + self._patience
            if time.monotonic() + pause >= give_up:
                raise problem
            # Random, so that all who wait do not come back at the same moment.
            await asyncio.sleep(pause * random.uniform(0.5, 1))
            pause = min(pause * 2, _PAUSES[1])

    async def _try(self, parts: _Parts, fitting: _Fitting | None) -> Any:
        loop = asyncio.get_running_loop()
        lines = self._lines.get(loop)
        if lines is None:
            lines = self._lines[loop] = Lines(
                self._address, lambda: self._forget(loop), lambda: CellsLine(self._address, self._met)
            )
        line = await lines.line()
        if fitting is not None and isinstance(line, CellsLine):
            parts = fitting(line)
        reply = await line.call(command(parts))
        if isinstance(reply, ErrorReply):
            if reply.code == "NOSCRIPT":
                reply = await line.call(command(_in_full(parts)))
            elif reply.code == "READONLY":
                line.lose(Away(reply.text))  # another server may have taken over under the same name
        return checked(reply)

    def _forget(self, loop: asyncio.AbstractEventLoop) -> None:
        self._lines.pop(loop, None)

    # ---- asking without waiting

    def _answer_at_once(self, parts: _Parts) -> Any:
        """The reply, for which this thread blocks. While it runs a loop, for a second at most, and not at all just
        after that was in vain. Raises Away or Unfit."""
        on_a_loop = _running_loop() is not None
        now = time.monotonic()
        if on_a_loop and now < self._avoided:
            raise Away("it was away a moment ago")
        give_up, pause = now + (_BLOCKED if on_a_loop else self._patience), _PAUSES[0]
        while True:
            try:
                return self._try_at_once(parts)
            except Away:
                self._hang_up()  # the other lines will have been cut, too, and each would cost a pause
                if time.monotonic() + pause >= give_up:
                    self._avoided = time.monotonic() + _BLOCKED
                    raise
            time.sleep(pause * random.uniform(0.5, 1))
            pause = min(pause * 2, _PAUSES[1])

    def _try_at_once(self, parts: _Parts) -> Any:
        try:
            line = self._idle.pop()
        except IndexError:
            line = BlockingLine(self._address, _BLOCKED)
        try:
            reply = line.call(command(parts))
            if isinstance(reply, ErrorReply) and reply.code == "NOSCRIPT":
                reply = line.call(command(_in_full(parts)))
            reply = checked(reply)
        except BaseException:
            line.close()
            raise
        self._idle.append(line)
        return reply

    def _hang_up(self) -> None:
        with suppress(IndexError):  # threads take some of them
            while True:
                self._idle.pop().close()

    # ---- logs, forks

    def _tell(self, refusal: str) -> None:
        now = time.monotonic()
        if now >= self._told + _LOG_SECONDS:  # other calls may succeed in between
            self._told = now
            name, wanted = self._address.name, remedy(refusal, self._address.prefix)
            _log.error("the Redis at %s refuses: %s; %s", name, refusal, wanted)

    def _start_in_child(self) -> None:
        """Connect anew after a fork. The parent's loop is not to be touched, so that its line is only kept."""
        _inherited.extend(self._lines.values())
        self._lines = {}
        self._hang_up()


_inherited: list[Lines] = []


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def _late(parts: _Parts) -> _Parts:
    """The same commit, to be told only whether it has been done."""
    return [*parts[:_LATE], "late", *parts[_LATE + 1 :]]


def _in_full(parts: _Parts) -> _Parts:
    """The same call with the script's text, for a Redis that has forgotten it."""
    return ["EVAL", SOURCES[str(parts[1])], *parts[2:]]


def _range(prefix: str) -> tuple[str | bytes, str | bytes]:
    """What a name with this prefix lies between. No byte of UTF-8 is 255, so the last one can be raised."""
    if not prefix:
        return "-", "+"
    raw = prefix.encode()
    return b"[" + raw, b"(" + raw[:-1] + bytes([raw[-1] + 1])


def _cell(stored: bytes) -> Cell:
    version, _, value = stored.partition(b":")
    return Cell(int(version), value)
