"""What follows a unit of work once it counts: messages to others, rooms, tasks, and changes that come later."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Coroutine, Mapping
from contextlib import suppress
from typing import Any
from weakref import ref

from asok.calling import ends_all
from asok.component import Component, surroundings_of
from asok.errors import AsokError
from asok.exposing import Exposed
from asok.fetching import find_values
from asok.following import find_topic, share_topic
from asok.hearing import deliver
from asok.late_sessions import tell
from asok.lines import Line
from asok.mounting import Engine
from asok.news import catch_up, changed_since
from asok.overlapping import Overlap
from asok.reviving import revive, values_of
from asok.sessions import Record
from asok.units import Unit

__all__ = ["Reach"]

log = logging.getLogger("asok")

_NOT_THERE = "%s: presence.typing(%r) marks nobody: the component that has joined the room is the one that can say so"


class Reach:
    """What the components of one tab do beyond their own state. fail: told of what did not work, though the unit
    counts, and of a task that raised."""

    def __init__(
        self, engine: Engine, owner: str, lines: Mapping[str, Line], fail: Callable[[str, BaseException], None]
    ) -> None:
        self._engine, self._user, self._lines, self._fail = engine, owner[:12], lines, fail
        self.overlap = Overlap(engine.topics, owner, lines)

    def committed(self, unit: Unit, record: Record) -> None:
        """A unit of work counts: do what it has asked for. Never raises, since nothing can be undone any more."""
        around, line = surroundings_of(unit.component), self._lines.get(unit.token.instance)
        asked, around.outgoing = around.outgoing, []
        around.effects = []
        for kind, *details in asked:
            try:
                self._tell(unit, line, kind, *details)
            except Exception as error:
                self._fail(unit.token.instance, error)
        around.committed = record
        self.overlap.committed(unit.token.instance)
        if line is None or line.over:
            self._close(unit.component)
            return
        for pushing in line.pushing:
            with suppress(AsokError):
                catch_up(pushing, record, unit.place.session)
        if line.joined.definition.sources:
            find_values(self._engine, line, unit)
        around.late = self._hook(line, unit.component)
        tell(unit.place.session, unit.component)
        # A thread may have changed something before the hook was there.
        with suppress(AsokError):
            if not changed_since(unit.component, record):
                return self._start_all(line, unit.component)
        self._after(line, unit.component)

    def _tell(self, unit: Unit, line: Line | None, kind: str, *details: Any) -> None:
        member, presence = surroundings_of(unit.component).member, self._engine.presence
        match kind, *details:
            case "push", topic, message:
                self._engine.topics.push(topic, message)
            case "emit", message:
                mark = self._engine.topics.next_emitted()
                deliver(message, mark, unit.token, self._lines, warn=self._engine.settings.debug)
            case "share", names:
                self._share(unit, names)
            case "leave", room:
                presence.leave(room, member)
            case _ if line is None or line.over:
                pass  # who has gone comes into no room any more
            case "join", room, meta:
                presence.join(room, member, self._user, meta)
            case "typing", room, seconds:
                if seconds > 0 and self._engine.settings.debug and room not in surroundings_of(unit.component).rooms:
                    log.warning(_NOT_THERE, unit.joined.definition.name, room)
                presence.typing(room, member, seconds)

    def _share(self, unit: Unit, names: Collection[str]) -> None:
        definition, token = unit.joined.definition, unit.token
        public = definition.fields.public
        old = values_of(definition, unit.record) if unit.record else revive(definition, token.schema, token.state)
        state = public.pack(unit.component.__dict__)
        new = public.unpack(state)
        given = names or [name for name in public.names if new[name] != old.get(name)]
        if given:
            member = surroundings_of(unit.component).member
            message = [definition.name, token.instance, member, given, state]
            self._engine.topics.announce(share_topic(token.slot), message)

    # ---- after the commit

    def _hook(self, line: Line, component: Component) -> Callable[[], None]:
        """What a change calls that comes after the commit, in any thread; it knows the component only by a weak ref."""
        tab, due, known = surroundings_of(component).tab, False, ref(component)
        loop = tab.loop if tab is not None else asyncio.get_running_loop()

        def changed(component: Component) -> None:
            nonlocal due
            due = False
            self._after(line, component)

        def late() -> None:
            nonlocal due
            changing = known()
            if not due and changing is not None:
                due = True
                with suppress(RuntimeError):  # the loop is closed, and nobody is there any more
                    loop.call_soon_threadsafe(changed, changing)

        return late

    def _after(self, line: Line, component: Component) -> None:
        """A component was changed after its work was committed, or has asked for something."""
        if line.over:
            log.warning("%s was changed after its page had gone", line.joined.definition.name)
            return self._close(component)
        self._start_all(line, component)
        line.late(component)

    def _close(self, component: Component) -> None:
        """Nobody shows the component any more: it starts nothing, and nobody hears of it."""
        around = surroundings_of(component)
        around.late = None
        for work in around.tasks:
            work.close()
        around.tasks = []

    def _start_all(self, line: Line, component: Component) -> None:
        around = surroundings_of(component)
        while around.tasks:
            self._start(line, component, around.tasks.pop(0))

    def _start(self, line: Line, component: Component, work: Coroutine[Any, Any, Any]) -> None:
        async def run() -> None:
            try:
                await work
            except BaseException as error:
                if ends_all(error):
                    raise
                self._fail(line.instance, error)
            self._after(line, component)

        def ended(task: asyncio.Task[None]) -> None:
            line.tasks.discard(task)
            work.close()  # where it was cancelled before it began

        task = asyncio.create_task(run())
        line.tasks.add(task)
        line.started = True
        task.add_done_callback(ended)

    async def later(self, component: Component) -> None:
        """Show, and keep, what was changed after the work was committed. Then the component reads what is newest."""
        line = self._lines.get(surroundings_of(component).instance)
        if line is None or line.over:
            raise asyncio.CancelledError("the page has gone")
        done = asyncio.get_running_loop().create_future()
        line.waiting.append(done)
        line.pushing.append(component)
        try:
            self._after(line, component)
            await done
        finally:
            line.pushing.remove(component)

    # ---- rooms

    def enter(self, line: Line, unit: Unit) -> None:
        """An instance is shown: it takes part in its rooms, as far as it still may."""
        find_values(self._engine, line, unit)
        around = surroundings_of(unit.component)
        for room, meta in list(around.rooms.items()) if not line.over else ():
            try:
                self._engine.authorize(around.session, room, "join")
                self._engine.presence.join(room, around.member, self._user, meta)
            except Exception as error:
                self._fail(unit.token.instance, error)
                line.out_of(room)

    def hold(self, line: Line) -> Callable[[Exposed], None]:
        """The line stands for its member, perhaps beside that of a socket which has not noticed its end. The result
        calls its methods when their time has come: not those of such an older one."""
        self._engine.rooms.hold(line.member, line)
        if self._finds_for_all(line):
            self._engine.topics.listen(find_topic(line.joined.token.slot), line)

        def due(method: Exposed) -> None:
            if self._engine.rooms.newest(line.member) is line:
                line.due(method)

        return due

    def leave_all(self) -> None:
        """The tab has gone."""
        self.overlap.leave()
        for line in self._lines.values():
            self.leave(line)

    def leave(self, line: Line) -> None:
        """An instance is not shown any more."""
        if self._finds_for_all(line):
            topic = find_topic(line.joined.token.slot)
            self._engine.topics.unlisten(topic, line)
            if line.finds:
                self._engine.topics.announce(topic, None)
        line.stop()
        if self._engine.rooms.release(line.member, line):
            self._engine.presence.leave_all(line.member)

    def _finds_for_all(self, line: Line) -> bool:
        """Whether other tabs wait for the values that it finds, too."""
        token, definition = line.joined.token, line.joined.definition
        return bool(definition.sources) and self._engine.shared_by(definition, token.mount, token.slot) is not None
