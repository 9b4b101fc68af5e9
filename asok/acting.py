"""What an event does to its component: it sets bound fields, its form is checked, and its method runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from asok import protocol
from asok.attempt import Attempt
from asok.calling import run_method
from asok.calls import bind_arguments, parse_call
from asok.component import Component, Definition, surroundings_of
from asok.errors import BadArguments, FieldError, MethodCancelled, MethodTimeout, NotExposed
from asok.exposing import Exposed
from asok.fields import NO_PART
from asok.form_events import Filling, restore
from asok.form_words import FormError
from asok.mounting import Engine
from asok.opening import guarded
from asok.places import hook
from asok.units import Unit

__all__ = ["Acting"]

Arguments = tuple[list[Any], dict[str, Any]]


class Acting:
    """Runs what events, topics and the clock ask of components."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def verify(self, definition: Definition, event: protocol.Event) -> tuple[Exposed, Arguments] | None:
        """The method and its typed arguments, before anything is read; None where none is called."""
        if not event.call:
            return None
        call = parse_call(event.call, self.engine.settings.limits.arguments)
        if event.data is not None and event.data.args:
            call = call.with_more(event.data.args, self.engine.settings.limits.arguments)
        method = definition.exposed.get(call.method)
        if method is None:
            raise NotExposed(definition.name, call.method, definition.exposed)
        return method, bind_arguments(call, method.parameters, event.data)

    async def perform(
        self,
        unit: Unit,
        event: protocol.Event,
        call: tuple[Exposed, Arguments] | None,
        wrong: FormError | None = None,
    ) -> None:
        """Do all that the event asks for. wrong: what its method has said about its form when it ran before."""
        component, definition = unit.component, unit.joined.definition
        before = self.values_before(unit)
        if event.data is not None and event.data.fields:
            self._set_fields(component, definition, event.data.fields)
        if call is None and event.data is not None:
            restore(component, definition.drafts, event.data)
        if call is not None:
            again = surroundings_of(component).event.attempt > 1
            await self._run(unit, event, (self.verify(definition, event) if again else None) or call, wrong)
        if before:
            await self.tell_changed(unit, before)

    async def _run(
        self, unit: Unit, event: protocol.Event, call: tuple[Exposed, Arguments], wrong: FormError | None
    ) -> None:
        component, definition, (method, arguments) = unit.component, unit.joined.definition, call
        filling = Filling(component, definition.drafts, method, arguments, event.data)
        what = f"{definition.name}.{method.name}"
        ready = await guarded(self.engine, what, filling.take(wrong)) if filling.field or wrong else arguments
        result = await self.call(unit, method, ready) if ready is not None else None
        filling.give_back()
        unit.renders = method.renders or ready is None
        if event.data is not None and event.data.result:
            component._result(event.seq, result)

    async def call(self, unit: Unit, method: Exposed, arguments: Arguments) -> Any:
        """What a marked method of the unit's component returns. Raises MethodCancelled too."""
        attempt = surroundings_of(unit.component).tab
        assert isinstance(attempt, Attempt)
        try:
            return await run_method(
                unit.component,
                method,
                arguments,
                seconds=method.timeout or self.engine.settings.limits.handler_timeout,
                threads=self.engine.threads,
                step=attempt.step,
                started=attempt.started,
            )
        except MethodTimeout as error:
            raise MethodCancelled(error.method) if attempt.cancelled else error from None
        finally:
            attempt.ended()

    def values_before(self, unit: Unit) -> dict[str, Any]:
        """The values with which `tell_changed` compares; none for a class that does not ask."""
        definition, public = unit.joined.definition, unit.joined.definition.fields.public
        return public.unpack(public.pack(unit.component.__dict__)) if "updated" in definition.overrides else {}

    async def tell_changed(self, unit: Unit, before: Mapping[str, Any]) -> None:
        """Tell the component's `updated` what has been changed since then."""
        component, definition = unit.component, unit.joined.definition
        changed = frozenset(name for name, value in before.items() if component.__dict__[name] != value)
        if changed:
            await guarded(self.engine, f"{definition.name}.updated", hook(component.updated, changed))

    def _set_fields(self, component: Component, definition: Definition, fields: Mapping[str, Any]) -> None:
        for name, value in fields.items():
            if name not in definition.fields.bound:
                closed = f"{definition.name}.{name} is not for the browser to write; declare it with bind()"
                raise BadArguments(name, closed if name.isidentifier() else NO_PART)
            try:
                component.__dict__[name] = definition.fields.convert(name, value, strict=False)
            except FieldError as error:  # what it says after that is for whoever wrote the class
                raise BadArguments(name, str(error).partition(";")[0]) from None
