"""What follows a unit of work once it counts: messages to others, rooms, tasks, and changes that come later."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Coroutine, Mapping
from typing import Any

from asok.component import Component, surroundings_of
from asok.following import share_topic
from asok.lines import Line
from asok.mounting import Engine
from asok.reviving import revive, values_of
from asok.sessions import Record
from asok.showing import Unit

__all__ = ["Reach"]


class Reach:
    """What the components of one tab do beyond their own state. fail: told of a task that raised."""

    def __init__(
        self, engine: Engine, owner: str, lines: Mapping[str, Line], fail: Callable[[str, Exception], None]
    ) -> None:
        self._engine, self._user, self._lines, self._fail = engine, owner[:12], lines, fail

    def committed(self, unit: Unit, record: Record) -> None:
        """A unit of work counts: do what it has asked for."""
        around, line = surroundings_of(unit.component), self._lines.get(unit.token.instance)
        for kind, *details in around.outgoing:
            self._tell(unit, kind, *details)
        if line is None:
            return
        loop, component = asyncio.get_running_loop(), unit.component
        around.committed = record
        around.late = lambda: None if loop.is_closed() else _soon(loop, line, component)
        for task in around.tasks:
            self._start(line, component, task)

    def _tell(self, unit: Unit, kind: str, *details: Any) -> None:
        around, presence = surroundings_of(unit.component), self._engine.presence
        match kind, *details:
            case "push", topic, message:
                self._engine.topics.push(topic, message)
            case "join", room, meta:
                presence.join(room, around.member, self._user, meta)
            case "leave", room:
                presence.leave(room, around.member)
            case "typing", room, seconds:
                presence.typing(room, around.member, seconds)
            case "share", names:
                self._share(unit, names)

    def _share(self, unit: Unit, names: Collection[str]) -> None:
        definition, token = unit.joined.definition, unit.token
        public = definition.fields.public
        old = values_of(definition, unit.record) if unit.record else revive(definition, token.schema, token.state)
        state = public.pack(unit.component.__dict__)
        new = public.unpack(state)
        changed = [name for name in public.names if (not names or name in names) and new[name] != old.get(name)]
        if changed:
            self._engine.topics.push(share_topic(token.slot), [definition.name, token.instance, changed, state])

    def _start(self, line: Line, component: Component, work: Coroutine[Any, Any, Any]) -> None:
        async def run() -> None:
            try:
                await work
            except Exception as error:
                self._fail(line.joined.token.instance, error)
            line.late(component)

        task = asyncio.create_task(run())
        line.tasks.add(task)
        task.add_done_callback(line.tasks.discard)

    async def later(self, component: Component) -> None:
        """Show, and keep, what was changed after the work was committed."""
        line = self._lines.get(surroundings_of(component).instance)
        if line is None or line.over:
            raise asyncio.CancelledError("the page has gone")
        done = asyncio.get_running_loop().create_future()
        line.waiting.append(done)
        line.late(component)
        await done

    def enter(self, unit: Unit) -> None:
        """An instance is shown: it takes part in its rooms."""
        around = surroundings_of(unit.component)
        for room, meta in around.rooms.items():
            self._engine.presence.join(room, around.member, self._user, meta)

    def leave(self, line: Line) -> None:
        """An instance is not shown any more."""
        line.stop()
        self._engine.presence.leave_all(line.member)


def _soon(loop: asyncio.AbstractEventLoop, line: Line, component: Component) -> None:
    loop.call_soon_threadsafe(line.late, component)
