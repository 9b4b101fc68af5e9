"""Values that are found in the background: begun when a page waits for them, ended when nobody does any more."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from asok.asynchronous import Async, worded
from asok.calling import no_step, run_method
from asok.component import Component, surroundings_of
from asok.errors import ComponentError, MethodTimeout
from asok.exposing import Exposed
from asok.late_sessions import apart
from asok.lines import Line
from asok.mounting import Engine
from asok.news import Found
from asok.units import Unit

__all__ = ["find_values"]

log = logging.getLogger("asok")


def find_values(engine: Engine, line: Line, unit: Unit) -> None:
    """Begin what the component waits for and nobody finds yet, and end what it does not wait for any more.

    What says that it is loading is the state; so it begins again wherever the page goes on, in another worker too.
    """
    for name, method in line.joined.definition.sources.items():
        wanted: Async[Any] = unit.component.__dict__[name]
        run, task = line.finding.get(name, (-1, None))
        if task is not None and not (wanted.loading and wanted.run == run):
            task.cancel()
            del line.finding[name]
            task = None
        if wanted.loading and task is None and not line.over:
            begun = asyncio.create_task(_find(engine, line, name, method, wanted.run, _reader(engine, unit)))
            line.finding[name] = wanted.run, begun
            line.tasks.add(begun)
            begun.add_done_callback(line.tasks.discard)


def _reader(engine: Engine, unit: Unit) -> Component:
    """The component as it is now, for one who only reads it: what it was given in load() with copies of its fields."""
    fields, values = unit.joined.definition.fields, unit.component.__dict__
    copies = {**fields.public.unpack(fields.public.pack(values)), **fields.secret.unpack(fields.secret.pack(values))}
    reader = unit.joined.definition.rebuild(copies)
    reader.__dict__.update({name: value for name, value in values.items() if name not in reader.__dict__})
    engine.surround(reader, unit.token.instance, unit.place, unit.token.path)
    around, its = surroundings_of(reader), surroundings_of(unit.component)
    around.member, around.loaded, around.finding = its.member, its.loaded, True
    around.session = apart(unit.place.session)
    return reader


async def _find(engine: Engine, line: Line, name: str, method: Exposed, run: int, reader: Component) -> None:
    definition, seconds, debug = line.joined.definition, method.timeout or 0, engine.settings.debug
    whole = f"{definition.name}.{name}"
    try:
        value = await run_method(reader, method, ([], {}), seconds=seconds, threads=engine.threads, step=no_step)
        _check_read_only(whole, reader)
        news = Found(name, run, value)
    except Exception as error:
        shown = MethodTimeout(whole, seconds, "async_") if isinstance(error, MethodTimeout) else error
        log.error("%r", worded(whole, shown, debug=True), exc_info=error if debug else None)
        news = Found(name, run, None, worded(whole, shown, debug=debug))
    line.found(news)


def _check_read_only(name: str, reader: Component) -> None:
    around = surroundings_of(reader)
    written = around.session is not None and around.session.dirty
    if around.touched or around.effects or around.outgoing or written:
        problem = f"{name} has set or asked for something, which nobody would keep"
        raise ComponentError(f"{problem}; let it return what it finds, and let a method do the rest")
