"""What one tab shows: the text of each instance, the token beside it, and what brings them up to date."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from itertools import count
from typing import Protocol

import msgspec
from starlette.requests import Request

from asok import protocol
from asok.addresses import root_of
from asok.asking import Asking
from asok.component import Component, Definition, surroundings_of
from asok.diff import Delta
from asok.diff import change as difference
from asok.markup import children_in
from asok.mounting import Engine
from asok.observing import Observer
from asok.places import Mounted, listens
from asok.reviving import revive
from asok.rows import reset_of
from asok.sessions import Record
from asok.state import Token, coarse, token_change
from asok.texts import Rendering
from asok.units import Effects, Joined, Unit

__all__ = ["Screen"]


class Outlet(Protocol):
    """Where messages to a tab go. has_room: whether it reads them."""

    @property
    def has_room(self) -> bool: ...

    def put(self, message: protocol.ServerMessage) -> str: ...


class Screen:
    """The instances that a tab shows, and the messages that change them.

    committed: called with each unit of work that counts, and its record.
    """

    def __init__(
        self,
        engine: Engine,
        outlet: Outlet,
        committed: Callable[[Unit, Record], None],
        later: Callable[[Component], Awaitable[None]],
    ) -> None:
        self.engine, self._outlet = engine, outlet
        self.committed, self.later = committed, later
        self.tab, self.gone = "", False
        # Asked once: each answer costs a system call.
        self.loop = asyncio.get_running_loop()
        self.joined: dict[str, Joined] = {}
        # What this connection has sent of children last: the digest of the rendering, and the token's text.
        self.sent: dict[str, tuple[bytes, str]] = {}
        self._statics: set[str] = set()
        self._asking: dict[tuple[str, int], Asking] = {}
        self._left: dict[str, asyncio.Task[None]] = {}
        # The newest step of each instance, while the tab does not read.
        self._steps: dict[str, tuple[Unit, int, Rendering]] = {}
        # Questions that no event asks have numbers of their own, above those of events.
        self._numbers = count(2**52)

    def send(self, message: protocol.ServerMessage) -> None:
        """Send a message."""
        frame = self._outlet.put(message)
        if self.engine.observers and isinstance(message, protocol.Update):
            self.engine.observers.tell(Observer.sent, len(frame.encode()))

    @property
    def reads(self) -> bool:
        """Whether the tab takes what it is sent; if not, only what is final is sent."""
        return self._outlet.has_room

    def known(self, unit: Unit) -> str | None:
        """The text on the page: from the cache, or rendered again from the state that was sent with it."""
        joined = unit.joined
        text = self.engine.renderings.get(joined.shown)
        if text is not None or "load" in joined.definition.overrides or joined.shown != joined.token.rendering:
            return text
        component = joined.definition.rebuild(revive(joined.definition, joined.token.schema, joined.token.state))
        self.engine.surround(component, joined.token.instance, unit.place, joined.token.path)
        surroundings_of(component).content = surroundings_of(unit.component).content
        try:
            rendering = self.engine.render(component, joined.token.slot)
        except Exception:
            return None
        return rendering.html if rendering.digest == joined.shown else None

    def inside(self, changed: Iterable[str]) -> dict[str, str]:
        """The marks of what the page is known to show in these instances, which stand on it, and in what is in them.

        One that has not joined is known once this connection has sent it.
        """
        found, todo = dict[str, str](), list(changed)
        while todo:
            joined = self.joined.get(name := todo.pop())
            digest = joined.shown if joined is not None else self.sent.get(name, (b"", ""))[0]
            marks = children_in(self.engine.renderings.get(digest) or "")
            found.update(marks)
            todo.extend(marks)
        return found

    def given(self, instance: str) -> str:
        """The arguments of an instance that has joined, as in a mark; empty for any other."""
        joined = self.joined.get(instance)
        return joined.token.arguments.hex() if joined is not None else ""

    def change(self, unit: Unit, rendering: Rendering) -> str | Delta:
        """What turns the text that the browser holds into the new one; all of it where it holds none."""
        joined, steps, name = unit.joined, self.engine.steps, unit.joined.definition.name
        step = joined.shown, rendering.digest
        if not joined.held or step[0] == step[1]:
            return [] if joined.held else rendering.html
        if name not in steps or steps[name][0] != step:
            steps[name] = step, difference(self.known(unit), rendering.html)
        return steps[name][1]

    def now(self, instance: str, text: str) -> str:
        """The token that the page has of a child that joins with this one: another may have crossed it on its way."""
        return text if instance in self.joined else self.sent.get(instance, (b"", text))[1]

    def shown(self, token: Token) -> bytes:
        """The rendering that the page has of one that joins with this token; a step is not in the token."""
        return self.sent.get(token.instance, (token.rendering, ""))[0]

    def add(self, joined: Joined) -> None:
        """The page shows it, as far as this connection knows."""
        self.joined[joined.token.instance] = joined
        self.engine.renderings.hold(joined.shown)

    def let_go(self, instance: str) -> None:
        """The page does not show it any more. What runs in it may finish, though nobody hears of it.

        It may have come back already: what was sent last is then what it shows.
        """
        self.drop_step(instance)
        joined = self.joined.pop(instance, None)
        if joined is None:
            return
        self.sent[instance] = joined.shown, joined.text
        self._forget_sent(self.engine.settings.limits.instances)
        if not self.gone:  # else `leave` has let go of all
            self.engine.renderings.release(joined.shown)
        self._left = {name: task for name, task in self._left.items() if not task.done()}
        if joined.task is not None and not joined.task.done():
            self._left[instance] = joined.task

    def _now_shows(self, joined: Joined, shown: bytes) -> None:
        """The page is sent a rendering."""
        if shown != joined.shown and not self.gone:
            self.engine.renderings.hold(shown)
            self.engine.renderings.release(joined.shown)
        joined.shown, joined.held = shown, True

    async def finish(self, names: Collection[str], seconds: float) -> None:
        """Wait for what still runs in instances that come to the page again: they are shown with what came of it."""
        joined = [self.joined[name].task for name in names if name in self.joined]
        tasks = [task for task in (*joined, *(self._left.get(name) for name in names)) if task and not task.done()]
        if tasks:
            await asyncio.wait(tasks, timeout=seconds)

    def show_children(self, unit: Unit, fresh: Mapping[str, Mounted]) -> None:
        """Children go before their parents, each whole; what this connection knows of them follows."""
        if self._is_gone(unit):
            return  # they would wait in the page for a place that never comes
        if fresh:
            self._send_statics([each.child.definition for each in fresh.values()], unit.place.request)
        for each in reversed(list(fresh.values())):
            assert each.sealed is not None
            token, text = each.sealed
            joined, seq = self.joined.get(token.instance), each.applied(self.tab)
            if joined is not None and joined.token.pending:
                joined.told = seq
            elif joined is not None:  # what is settled besides, its own answer tells, with its effects
                seq = min(seq, joined.told)
            self.sent[token.instance] = token.rendering, text
            effects = [reset_of(name, html) for name, html in each.rows.items()]
            self.send(protocol.Update(token.instance, seq, each.rendering.html, text, effects))
            if joined is not None:
                self._now_shows(joined, token.rendering)
                joined.token, joined.text = token, text
                if not each.pending:
                    joined.follow(each.component)
                    joined.find(each.component)
        self._forget_sent(max(self.engine.settings.limits.instances, len(fresh)))

    def _forget_sent(self, most: int) -> None:
        """What is not known any more is shown whole once more, if it is shown at all."""
        while len(self.sent) > most:
            del self.sent[next(iter(self.sent))]

    def _is_gone(self, unit: Unit) -> bool:
        """Whether the instance has left the page since the unit was opened, or its boundary has come there."""
        joined = unit.joined
        left = self.joined.get(joined.token.instance) is not joined
        return left or bool(joined.token.pending and joined.token is not unit.token)

    def _send_statics(self, definitions: list[Definition], request: Request) -> None:
        """What the head of the page needs before it shows these classes, and has not been told of."""
        news = self.engine.statics.new_for(self._statics, definitions, root_of(request.scope))
        if news:
            self.send(protocol.Statics(news))

    def seal(self, unit: Unit, rendering: Rendering | None, record: Record | None) -> tuple[Token, str]:
        """The token of a rendering, and its text; before the commit, so that one too large commits nothing.

        rendering: None where the page keeps the one that it has.
        """
        joined, fields = unit.joined, unit.joined.definition.fields
        token = msgspec.structs.replace(
            joined.token,
            schema=fields.schema,
            state=record.state if record else fields.public.pack(unit.component.__dict__),
            version=record.version if record else 0,
            issued=coarse(time.time()),
            rendering=rendering.digest if rendering else joined.shown,
            listens=listens(unit.component) if rendering else joined.token.listens,
            streams=self._streams(unit, rendering) if rendering else joined.token.streams,
        )
        return token, self.engine.seal(token)

    def _streams(self, unit: Unit, rendering: Rendering) -> dict[str, bytes]:
        """What the token is to say of streams."""
        known = {**unit.token.streams, **unit.streams}
        return {name: known.get(name, b"") for name in rendering.containers}

    def show(
        self, unit: Unit, seq: int, rendering: Rendering | None, sealed: tuple[Token, str], effects: Effects
    ) -> None:
        """Send a rendering, its token and its effects; the page may show a newer one already."""
        joined, (token, text) = unit.joined, sealed
        self.drop_step(token.instance)
        if self.joined.get(token.instance) is not joined:
            return  # it has left the page, which may have been given another one by now
        # Where its boundary has come meanwhile, that stays: the parent has given what it cannot be shown with.
        newer = joined.token.pending or (joined.token is not unit.token and token.version < joined.token.version)
        if unit.outdated or newer:
            return self.send(protocol.Update(token.instance, seq, [], [], effects))
        if rendering is not None:
            joined.follow(unit.component)
        html_change: str | Delta = [] if rendering is None else self.change(unit, rendering)
        change_of_token = token_change(joined.text, text)
        self._now_shows(joined, token.rendering)
        joined.token, joined.text = token, text
        self.send(protocol.Update(token.instance, seq, html_change, change_of_token, effects))

    def shows(self, unit: Unit, rendering: Rendering) -> bool:
        """Whether the page shows just this."""
        joined = unit.joined
        return joined.shown == rendering.digest and unit.version == joined.token.version

    def show_step(self, unit: Unit, seq: int, rendering: Rendering) -> None:
        """Send a rendering that nothing has committed; the token that the browser has does not belong to it.

        A tab that does not read gets the newest one when it does.
        """
        joined, instance = unit.joined, unit.joined.token.instance
        if self._is_gone(unit):
            return
        if not self.reads:
            self._steps[instance] = unit, seq, rendering
            return
        self._steps.pop(instance, None)
        self.send(protocol.Update(instance, seq, self.change(unit, rendering)))
        self._now_shows(joined, rendering.digest)

    def show_late_steps(self) -> None:
        """The tab reads again."""
        for late in list(self._steps.values()):
            self.show_step(*late)

    def drop_step(self, instance: str) -> None:
        """What came after it is shown, or it does not count."""
        self._steps.pop(instance, None)

    def ask(self, joined: Joined, seq: int) -> Asking:
        """The questions of an event, or of what no event has asked for (seq 0)."""
        key = joined.token.instance, seq or next(self._numbers)
        self._asking[key] = asking = Asking(self.send, *key)
        return asking

    def asked(self, asking: Asking) -> None:
        """No more is asked."""
        asking.close("its method has ended")
        if self._asking.get(asking.key) is asking:
            del self._asking[asking.key]

    def answered(self, answer: protocol.Answer) -> None:
        """The browser has answered a question."""
        asking = self._asking.get((answer.instance, answer.seq))
        if asking is not None:
            asking.answer(answer.n, answer.value, answer.error or None)

    def leave(self) -> None:
        """The page has gone: nobody looks at steps, nobody answers."""
        self.gone = True
        for joined in self.joined.values():
            self.engine.renderings.release(joined.shown)
        for asking in self._asking.values():
            asking.close()
