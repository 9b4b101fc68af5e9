"""What happens to elements without a gesture: they come, are seen, their time is up, or a method does it to them."""

from __future__ import annotations

import re
from typing import Any

from bs4.element import Tag

from asok.errors import AsokError
from asok.testing_dom import LAZY, is_there
from asok.testing_events import Unusable
from asok.testing_firing import Firing, Outcome
from asok.testing_forms import is_control, is_disabled, text_of
from asok.testing_gestures import Gestures
from asok.testing_markup import STATE, opening, summary

__all__ = ["Triggers"]

PERIOD = re.compile(r"[\d.]+(?:ms|s|m)\s*(.*)", re.DOTALL)
VISIBLE = ("ws-visible", "ws-visible.once")
TO_ELEMENTS = ("focus", "blur", "click", "select", "scroll_into_view")


class Triggers:
    """What one page does by itself. sent: events of that kind, for whoever waits for their answers."""

    def __init__(self, firing: Firing, gestures: Gestures) -> None:
        self._firing, self._gestures = firing, gestures
        self._dom, self._tab = firing.dom, firing.tab
        self.sent: list[tuple[str, int]] = []
        self._begun: dict[int, Tag] = {}
        self._seen: dict[int, Tag] = {}
        if firing.hears:
            self._tab.on_effect, self._tab.on_update = self.perform, self.look

    def look(self) -> None:
        """Have the `ws-init` of elements that have come called."""
        for element in self._dom.find("[ws-init]"):
            if id(element) not in self._begun and is_there(element):
                self._begun[id(element)] = element
                self._later(element, "init", text_of(element, "ws-init"))

    def perform(self, instance: str, name: str, arguments: list[Any]) -> None:
        """Do to an element what a method asks for. Raises where there is none."""
        if name == "blur" and arguments == [":focus"]:
            self._tab.later(lambda: self._do(name, self._dom.forms.focused))
        elif name in TO_ELEMENTS:
            element = self._dom.sought(instance, *arguments)
            self._tab.later(lambda: self._do(name, element))
        elif name == "dispatch":
            root = self._dom.roots[instance]
            self._tab.later(lambda: self._dispatch(root, arguments[0]))

    async def see(self, element: Tag) -> Outcome:
        """An element comes into view, and with it what is inside."""
        outcome = Outcome()
        for each in (element, *element.find_all(True)):
            if text_of(each, LAZY) == "visible" and each.has_attr(STATE):
                outcome.acted = True
                await self._tab.begin(text_of(each, STATE).partition(".")[0])
            for attribute in VISIBLE:
                if text_of(each, attribute) and not (attribute.endswith(".once") and id(each) in self._seen):
                    self._seen[id(each)] = each
                    called = await self._firing.call(each, "visible", text_of(each, attribute))
                    outcome.acted = True
                    outcome.sent += called.sent
        return outcome

    async def show_row(self, element: Tag, row: int) -> Outcome:
        """A person scrolls a virtual list to a row."""
        call = text_of(element, "ws-virtual")
        if not call:
            raise Unusable(element, "has no rows beyond those that are there; a virtual list has ws-virtual")
        total = int(text_of(element, "data-total", "0"))
        if not 0 <= row < total:
            raise Unusable(element, f"has no row {row}; it has {total}, counted from 0")
        return await self._firing.call(element, "virtual", call, value=str(row))

    async def poll(self, element: Tag) -> Outcome:
        """The period of an element is over."""
        period = PERIOD.fullmatch(text_of(element, "ws-poll").strip())
        if period is None:
            there = [summary(each) for each in self._dom.find("[ws-poll]")]
            has = f"the page has: {'; '.join(there)}" if there else "nothing on the page has"
            raise AsokError(f"{opening(element)} has no ws-poll with a period, such as 5s; {has}")
        return await self._firing.call(element, "poll", period[1])

    def _later(self, element: Tag, event: str, call: str) -> None:
        async def begin() -> None:
            self.sent += (await self._firing.call(element, event, call)).sent

        self._tab.later(begin)

    async def _do(self, name: str, element: Tag | None) -> None:
        outcome = Outcome()
        if element is None:
            return
        if name == "click" and not (is_control(element) and is_disabled(element)):
            outcome = await self._gestures.activate(element)
        elif name == "blur" and self._dom.forms.focused is element:
            await self._gestures.leave(outcome)
        elif name in ("focus", "select"):
            await self._gestures.enter(outcome, element)
        elif name == "scroll_into_view":
            outcome = await self.see(element)
        self._tab.window.leads_to = outcome.leads_to or self._tab.window.leads_to
        self.sent += outcome.sent

    async def _dispatch(self, root: Tag, event: str) -> None:
        outcome = Outcome()
        await self._firing.fire(outcome, root, event)
        self.sent += outcome.sent
