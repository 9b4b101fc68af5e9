"""How an event finds its way through a page to the methods and fields that it is wired to."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from bs4.element import Tag

from asok.errors import AsokError
from asok.testing_dom import Dom, is_there
from asok.testing_events import event_data, form_around, surroundings
from asok.testing_forms import is_control, kind, text_of
from asok.testing_markup import DO, STATE, opening
from asok.testing_models import entered
from asok.testing_stores import QueuedWrite
from asok.testing_tab import Tab
from asok.testing_wires import Trigger, Wire, bubbles, question_of, wires

__all__ = ["Firing", "Outcome"]

Group = list[Wire]


@dataclass
class Outcome:
    """What a gesture came to: the events and writes it sent, and where it leads.

    acted: something happened, be it only in the browser. stopped: components whose running method is to stop.
    leads_to: a link's target. submits: a form to send by HTTP. held: the modifier keys that were down meanwhile.
    """

    held: str = ""
    sent: list[tuple[str, int]] = field(default_factory=list)
    writes: list[QueuedWrite] = field(default_factory=list)
    stopped: list[str] = field(default_factory=list)
    acted: bool = False
    leads_to: str | None = None
    submits: tuple[Tag, Tag | None] | None = None


class Firing:
    """One page's events. They go through `tab` and are not awaited here. hears: whether JavaScript runs at all."""

    def __init__(self, dom: Dom, tab: Tab, *, hears: bool = True) -> None:
        self.dom, self.tab, self.forms, self.hears = dom, tab, dom.forms, hears
        self._spent: dict[tuple[int, str], Tag] = {}
        self._left: dict[int, tuple[Tag, list[str]]] = {}
        self._under_way: dict[int, tuple[str, int] | None] = {}
        self._known: list[Wire] = []
        self._read_at = -1
        self._tells_target = bool(dom.find("script[data-target]"))
        self._has_features = bool(dom.find("script[data-features]"))

    async def fire(
        self,
        outcome: Outcome,
        target: Tag | None,
        event: str,
        *,
        key: str | None = None,
        submitter: Tag | None = None,
    ) -> bool:
        """Send an event to all that hear it, from the outside in and out again; whether its default is prevented."""
        trigger = Trigger(event, target, key, submitter, outcome.held)
        prevented = stopped = False
        for group in self._groups(target, event):
            for wire in group:
                if wire.hears(trigger):
                    prevented = wire.prevents() or prevented
                    stopped = stopped or (wire.does == "call" and "stop" in wire.modifiers)
                    prevented = not await self._take(outcome, wire, trigger) or prevented
            if stopped:
                break
        return prevented

    async def call(self, element: Tag, event: str, call: str, **data: Any) -> Outcome:
        """Call a method for an element, without an event of the browser."""
        outcome = Outcome(acted=True)
        wire = Wire(element, f"ws-{event}", event, "call", call)
        trigger = Trigger(event, element)
        await self._send(
            outcome, wire, {**event_data(self.forms, wire, trigger), **self._origin(wire, trigger), **data}
        )
        return outcome

    async def write(self, outcome: Outcome, clicked: Tag) -> bool:
        """Do the write that an element at or around the clicked one has; whether the default is prevented."""
        element = next((each for each in (clicked, *clicked.parents) if each.has_attr(DO)), None)
        if element is None or not self.hears:
            return False
        if not self.tab.stores.present:
            raise AsokError(f"{opening(element)} needs the module of the stores; write {{{{ alive(stores=True) }}}}")
        outcome.acted = True
        outcome.writes.append(await self.tab.write(*json.loads(text_of(element, DO))))
        return is_control(element) and kind(element) in ("submit", "image")

    def leave(self, form: Tag, control: Tag) -> None:
        """Note that the person has left a control of a form."""
        names = self._left.setdefault(id(form), (form, []))[1]
        name = text_of(control, "name")
        if name not in names:
            names.append(name)

    def _groups(self, target: Tag | None, event: str) -> Iterator[Group]:
        """The wires at each place that an event passes, in the order in which they hear it."""
        heard = [wire for wire in self._wires() if wire.event == event]
        if not heard:
            return
        inside = [] if target is None else [target, *target.parents]
        places = [[wire for wire in heard if wire.element is each and wire.place == "element"] for each in inside]
        places += [[wire for wire in heard if wire.place == place] for place in ("document", "window")]
        for group in reversed(places):
            yield [wire for wire in group if "capture" in wire.modifiers]
        rising = places if target is None or bubbles(event) else places[:1]
        for group in rising:
            yield [wire for wire in group if "capture" not in wire.modifiers]

    def _wires(self) -> list[Wire]:
        """All of the page as it stands; they are read anew when something has come."""
        if self._read_at != self.tab.frames:
            elements = self.dom.tree.find_all(True) if self.hears else []
            self._read_at = self.tab.frames
            self._known = [wire for element in elements if is_there(element) for wire in wires(element)]
        return self._known

    async def _take(self, outcome: Outcome, wire: Wire, trigger: Trigger) -> bool:
        """Do what an attribute says; False where the person has answered its question with no."""
        if wire.needs_features and not self._has_features:
            loads = "which this page does not load: say {{ alive(features=True) }}"
            raise AsokError(f"{opening(wire.element)} needs the module of the features, {loads}")
        if (id(wire.element), wire.attribute) in self._spent:
            return True
        outcome.acted = True
        question = question_of(wire, trigger)
        if question and not self.tab.window.answer(self.dom, "confirm", [question])[0]:
            return False
        if "once" in wire.modifiers:
            self._spent[id(wire.element), wire.attribute] = wire.element
        if wire.does == "cancel":
            instance = self._owner(wire)
            self.tab.cancel(instance)
            outcome.stopped.append(instance)
        elif wire.does == "model":
            fields = {"fields": {wire.text: entered(self.dom, wire)}}
            await self._send(outcome, wire, {**self._origin(wire, trigger), **fields})
        else:
            await self._call(outcome, wire, trigger)
        return True

    async def _call(self, outcome: Outcome, wire: Wire, trigger: Trigger) -> None:
        data = event_data(self.forms, wire, trigger) | self._origin(wire, trigger) | self._left_in(wire, trigger)
        form = trigger.element if trigger.event == "submit" else None
        if form is None:
            await self._send(outcome, wire, data)
        elif not self._is_under_way(form):
            self._under_way[id(form)] = None
            self._under_way[id(form)] = await self._send(outcome, wire, data)

    def _is_under_way(self, form: Tag) -> bool:
        """Whether the form is being sent, or has been and has no answer: it is sent once at a time."""
        sent = self._under_way.get(id(form), ("", 0))
        return sent is None or self.tab.waits(*sent)

    async def _send(self, outcome: Outcome, wire: Wire, data: dict[str, Any]) -> tuple[str, int]:
        instance = self._owner(wire)
        call = "" if wire.does == "model" else wire.text
        outcome.sent.append((instance, await self.tab.emit(instance, call, data)))
        return outcome.sent[-1]

    def _owner(self, wire: Wire) -> str:
        instance = self.dom.instance_of(wire.element)
        if instance is None:
            raise AsokError(f"{opening(wire.element)} stands in no component: no element around it has {STATE}")
        return instance

    def _origin(self, wire: Wire, trigger: Trigger) -> dict[str, Any]:
        return surroundings(self.forms, wire, trigger) if self._tells_target else {}

    def _left_in(self, wire: Wire, trigger: Trigger) -> dict[str, Any]:
        """What the page has not told yet: the draft knows the rest."""
        form = form_around(wire, trigger)
        left = self._left.pop(id(form), None) if self._has_features and form is not None else None
        return {"left": left[1]} if left else {}
