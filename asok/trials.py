"""Events that may have ended their process before: noted before they run again, and never run a third time.

A browser that has lost its connection says of the events that were under way that they may have begun. Such an
event is noted in the session before it runs, and the note goes when it has ended, however that was. Who finds a
note that a dead process has left knows that the event was under way twice when its process died. Where the note says
that another one like it had begun after it, that one is taken for the cause, and this one runs again.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from enum import Enum

import msgspec
from msgspec import Struct

from asok.bus import Bus, PeerBus
from asok.company import Company, Member
from asok.errors import AsokError, Busy, Refusal
from asok.sessions import TRIED, Backend, Cell, Commit, pack

__all__ = ["Found", "Parked", "Trial", "Trials"]

# A process that has just begun may not see all the others yet.
SETTLING = 1.0
# A process that is at it says so in the note each second; one that was silent for so long is dead.
RENEWED = 1.0
SILENT = 4.0
NOTES = 8
# Whoever was there at so many deaths is parked all the same.
FOLLOWED = 3
MOST_LOOKED = 1000
ELSEWHERE = "the same event runs in another process"
TOGETHER = "the same event, or another one of the instance, has just begun"


class Parked(Refusal):
    """An event was under way twice when its server process died; it is not tried a third time."""

    code = "parked"

    def __init__(self, component: str, method: str, event: str) -> None:
        self.component, self.method, self.event = component, method, event

    def __str__(self) -> str:
        return (
            f"{self.component}.{self.method} was under way twice when its server process died, and is not tried again "
            f"(event {self.event}); look for what ends a process there: os._exit(), a crash in C code, too much memory"
        )


class Note(Struct, array_like=True, frozen=True):
    """An event that runs though it may have begun before. worker: where. at: when it was last seen to, Unix time.
    parked: it does not run any more, and will not. followed: how often another one had begun after it when it died."""

    tab: str
    seq: int
    worker: str
    at: float
    parked: bool = False
    followed: int = 0


class Found(Enum):
    """What has become of an event before."""

    NOTHING = "it may run"
    KILLS = "its process died twice"
    PARKED = "that was found out before"


_notes = msgspec.msgpack.Decoder(list[Note])


class Trials:
    """The events of a process that run though they may have begun before."""

    def __init__(self, backend: Backend, bus: Bus) -> None:
        self.backend, self._bus, self._own = backend, bus, secrets.token_hex(8)
        self.running: set[tuple[str, str, int]] = set()
        self.company = Company()
        # What each note said when it was first seen so, and when that was.
        self._looked: dict[tuple[str, str, int], tuple[float, float]] = {}
        self._forgetting: set[asyncio.Task[None]] = set()

    @property
    def worker(self) -> str:
        """This process, as notes call it."""
        return self._bus.id if isinstance(self._bus, PeerBus) else self._own

    def of(self, owner: str, instance: str, tab: str, seq: int) -> Trial:
        """An event of an instance, which belongs to this session."""
        return Trial(self, owner, instance, tab, seq)

    def died(self, name: str, note: Note) -> bool:
        """Whether its process died at it; False where that lives and is not at it. Raises Busy until one can tell.

        Where processes do not see each other, a note counts that has not changed while this process looked: how old
        it is tells nothing, since nobody can write while the store is away.
        """
        if isinstance(self._bus, PeerBus):
            lives = note.worker in self._bus.peers
            if abs(time.time() - note.at) < (SILENT if lives else SETTLING):
                raise Busy(ELSEWHERE)
            return not lives
        key, now = (name, note.tab, note.seq), time.monotonic()
        at, since = self._looked.pop(key, (0.0, now))
        self._looked[key] = note.at, since if at == note.at else now
        if len(self._looked) > MOST_LOOKED:
            del self._looked[next(iter(self._looked))]
        if now - self._looked[key][1] < SILENT:
            raise Busy(ELSEWHERE)
        return True

    def forget_later(self, trial: Trial) -> None:
        """Its note could not be taken away: go on trying, as long as this process lives."""
        task = asyncio.create_task(trial.forget_at_last())
        self._forgetting.add(task)
        task.add_done_callback(self._forgetting.discard)

    async def close(self) -> None:
        """Try no longer."""
        for task in self._forgetting:
            task.cancel()
        await asyncio.gather(*self._forgetting, return_exceptions=True)


class Trial:
    """One such event, from its beginning to its end."""

    def __init__(self, trials: Trials, owner: str, instance: str, tab: str, seq: int) -> None:
        self._trials, self._owner, self._name = trials, owner, TRIED + instance
        self._tab, self._seq, self._key = tab, seq, (instance, tab, seq)
        self._noted = False
        self._followed = 0
        self._member = Member(tell=self._say_again)
        self._over = asyncio.Event()
        self._renewing: asyncio.Task[None] | None = None

    async def begin(self, *, settled: bool) -> Found:
        """Whether it may run; unless it is settled, that is noted. Raises Busy while it may be running elsewhere."""
        if self._noted:
            return Found.NOTHING
        cell, notes = await self._read()
        found = self._found(notes, settled=settled)
        if found is Found.NOTHING and not settled:
            if self._key in self._trials.running:
                raise Busy(TOGETHER)
            await self._trials.company.enter(self._member)
            cell, notes = await self._read()
            found = self._found(notes, settled=settled)
        if settled or found is Found.PARKED:
            return found
        parks = found is Found.KILLS
        if self._key in self._trials.running:
            raise Busy(TOGETHER)
        # Whoever is cancelled while it is written does not know whether it stands there: it has to go.
        self._noted = not parks
        if not await self._write(cell, notes, parked=parks):
            self._noted = False
            raise Busy(TOGETHER)
        if not parks:
            self._trials.running.add(self._key)
            self._renewing = asyncio.create_task(self._renew())
        return found

    def _found(self, notes: list[Note], *, settled: bool) -> Found:
        own = next((note for note in notes if note.tab == self._tab and note.seq == self._seq), None)
        if own is not None and own.parked:
            return Found.PARKED
        if own is None or settled or own.worker == self._trials.worker:
            return Found.NOTHING
        if not self._trials.died(self._name, own):
            return Found.NOTHING
        self._followed = own.followed
        return Found.NOTHING if 0 < own.followed < FOLLOWED else Found.KILLS

    async def end(self) -> None:
        """It has ended: the note goes."""
        self._trials.company.leave(self._member)
        if not self._noted:
            return
        self._over.set()
        if self._renewing is not None:
            await asyncio.wait([self._renewing])
        self._trials.running.discard(self._key)
        if not await self._forgotten():
            self._trials.forget_later(self)

    async def forget_at_last(self) -> None:
        """Take the note away as soon as the store can be had."""
        while self._key not in self._trials.running and not await self._forgotten():  # noqa: ASYNC110  # no store tells
            await asyncio.sleep(RENEWED)

    async def _forgotten(self) -> bool:
        with contextlib.suppress(AsokError):
            for _ in range(NOTES):
                cell, notes = await self._read()
                if await self._forget(cell, notes):
                    return True
        return False

    async def _renew(self) -> None:
        """Say each second that it still runs."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(RENEWED):
                    await self._over.wait()
            if self._over.is_set():
                return
            await self._say_again()

    async def _say_again(self) -> None:
        with contextlib.suppress(AsokError):
            cell, notes = await self._read()
            if any(note.tab == self._tab and note.seq == self._seq and not note.parked for note in notes):
                await self._write(cell, notes, parked=False)

    async def _read(self) -> tuple[Cell | None, list[Note]]:
        cell = (await self._trials.backend.read(self._owner, [self._name])).get(self._name)
        return cell, _notes.decode(cell.value) if cell else []

    async def _write(self, cell: Cell | None, notes: list[Note], *, parked: bool) -> bool:
        followed = 0 if self._member.is_last else self._followed + 1
        note = Note(self._tab, self._seq, self._trials.worker, time.time(), parked, followed)
        return await self._replace(cell, [*self._others(notes)[-NOTES + 1 :], note])

    async def _forget(self, cell: Cell | None, notes: list[Note]) -> bool:
        own = self._tab, self._seq, self._trials.worker
        left = [note for note in notes if (note.tab, note.seq, note.worker) != own]
        return left == notes or await self._replace(cell, left)

    def _others(self, notes: list[Note]) -> list[Note]:
        return [note for note in notes if note.tab != self._tab]

    async def _replace(self, cell: Cell | None, notes: list[Note]) -> bool:
        key = self._owner, self._name
        commit = Commit({key: cell.version if cell else 0}, {key: pack(notes) if notes else None})
        return await self._trials.backend.commit(commit)
