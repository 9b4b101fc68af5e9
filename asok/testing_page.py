"""A page that a test looks at and acts on, as a person would."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
from bs4.element import Tag

from asok.errors import AsokError
from asok.testing_asgi import Socket, socket_scope
from asok.testing_dom import AmbiguousElement, Dom, MissingElement
from asok.testing_events import NotWired
from asok.testing_firing import Firing, Outcome
from asok.testing_forms import text_of
from asok.testing_gestures import Gestures
from asok.testing_instances import Patch, Refused
from asok.testing_markup import opening, text_in
from asok.testing_reading import Reading
from asok.testing_stores import PageStore
from asok.testing_tab import Tab
from asok.testing_triggers import Triggers
from asok.testing_visiting import Browser, refusal_in
from asok.testing_waiting import Late
from asok.testing_window import Window

__all__ = ["NotShown", "Page"]

SHOWN = 500


class NotShown(AsokError, TimeoutError):
    """What a test waits for has not come in time; the text says what the page shows instead."""

    def __init__(self, wanted: str, instead: str) -> None:
        self.wanted, self.instead = wanted, instead

    def __str__(self) -> str:
        return f"{self.wanted}; the page shows {self.instead[:SHOWN]}"


class WithoutJavaScript(NotWired):
    """A test acts on an element that does nothing in a browser without JavaScript."""

    def __init__(self, element: Tag, event: str) -> None:
        self.element, self.event = element, event

    def __str__(self) -> str:
        problem = f"{opening(self.element)} does nothing on {self.event} without JavaScript"
        return f"{problem}; links do, and buttons in a <form>: put a form around it, or open the page with JavaScript"


class Page(Reading):
    """One open page: read it, act on it, and see what came over the wire.

    Actions wait for the app's answer. Elements are named by CSS selectors; where one is meant and there are
    several, or none, the error lists what there is. A refused event raises `Refused`. Made by `LiveClient.open`.
    """

    def __init__(self, browser: Browser, response: httpx.Response, *, javascript: bool = True) -> None:
        self._browser, self._javascript = browser, javascript
        self._window = Window(browser.local_storage)
        self._show(response)

    def _show(self, response: httpx.Response) -> None:
        self.url = self._window.url = str(response.url)
        self.status = response.status_code
        self._dom = Dom(response.text, javascript=self._javascript)
        csrf = script_of(self._dom, "data-csrf")
        self._tab = Tab(self._dom, self._window, csrf, self._connect, self._fetch_anew, self._browser.patience)
        self._firing = Firing(self._dom, self._tab, hears=self._javascript)
        self._gestures = Gestures(self._firing)
        self._triggers = Triggers(self._firing, self._gestures)

    async def listen(self) -> None:
        """Connect what listens on the page, and begin; `LiveClient.open` has done it."""
        if self._javascript:
            await self._tab.listen()
            self._triggers.look()
            await self._settle(Outcome())

    # What a person does

    async def click(self, selector: str, *, text: str | None = None, keys: str = "") -> None:
        """Click an element; `text` tells those of one selector apart. keys: held meanwhile, such as "ctrl+shift"."""
        element = self._dom.meant(selector, text)
        await self._finish(await self._gestures.click(element, keys), element, "click")

    async def fill(self, selector: str, value: str) -> None:
        """Type a text into a field in place of what is there."""
        element = self._dom.meant(selector)
        await self._finish(await self._gestures.type(element, value), element, "input")

    async def press(self, selector: str, key: str, *, keys: str = "") -> None:
        """Press a key on an element; `key` is a KeyboardEvent's: 'Enter', 'Escape', 'ArrowUp', 'a'."""
        element = self._dom.meant(selector)
        await self._finish(await self._gestures.press(element, key, keys), element, "keydown")

    async def check(self, selector: str) -> None:
        """Tick a checkbox or a radio button."""
        element = self._dom.meant(selector)
        await self._finish(await self._gestures.tick(element, True), element, "change")

    async def uncheck(self, selector: str) -> None:
        """Take the tick out of a checkbox."""
        element = self._dom.meant(selector)
        await self._finish(await self._gestures.tick(element, False), element, "change")

    async def select(self, selector: str, *options: str) -> None:
        """Choose options of a <select>, by value or text."""
        element = self._dom.meant(selector)
        await self._finish(await self._gestures.choose(element, options), element, "change")

    async def submit(self, selector: str = "form") -> None:
        """Send a form with the fields it has now, without a button's name; click the button where that matters."""
        element = self._dom.meant(selector)
        await self._finish(await self._gestures.submit(element), element, "submit")

    async def trigger(self, selector: str, event: str, *, key: str | None = None, keys: str = "") -> None:
        """Fire any event at an element, or at the "window": `page.trigger("li", "dblclick")`."""
        element = None if selector == "window" else self._dom.meant(selector)
        outcome = await self._gestures.trigger(element, event, key, keys)
        await self._finish(outcome, element or self._dom.body, event)

    async def scroll_to(self, selector: str, *, row: int | None = None) -> None:
        """Bring an element into view, with what is in it: `ws-visible`, and what is mounted only then.

        row: of a list with `ws-virtual`, the row that is to be seen.
        """
        element = self._dom.one(selector)
        if row is not None:
            return await self._finish(await self._triggers.show_row(element, row), element, "virtual")
        await self._finish(await self._triggers.see(element), element, "visible")

    async def poll(self, selector: str = "[ws-poll]") -> None:
        """Let the period of an element with `ws-poll` end, once."""
        element = self._dom.one(selector)
        await self._finish(await self._triggers.poll(element), element, "poll")

    async def call(self, selector: str, method: str, *arguments: Any) -> Any:
        """What a method returns to `alive.call(element, "method", …)`. Raises Refused."""
        element = self._dom.one(selector)
        instance = self._dom.instance_of(element)
        if instance is None:
            raise AsokError(f"{opening(element)} stands in no component, so there is nothing to call {method!r} of")
        seq = await self._tab.emit(instance, method, {"result": 1, "args": list(arguments)})
        refusal = await self._tab.settle(instance, seq)
        if refusal is not None:
            raise refusal
        await self._settle(Outcome())
        return self._window.results.pop((instance, seq), None)

    async def reload(self) -> None:
        """Load the page anew, as the reload button does; what was typed is gone."""
        await self.goto(self.url)

    async def goto(self, url: str) -> None:
        """Open another page in this tab."""
        await self.close()
        self._show(await self._browser.get(url))
        await self.listen()

    async def close(self) -> None:
        """Close the tab."""
        await self._tab.drop(1001)

    # What comes by itself

    async def shows(self, selector: str, text: str, *more: str) -> None:
        """Wait until the elements of a selector are as many as the texts, and show them. Raises NotShown."""
        wanted = [text, *more]
        await self._wait(
            lambda: self.all(selector) == wanted,
            f"{selector!r} to show {', '.join(map(repr, wanted))}",
            lambda: ", ".join(map(repr, self.all(selector))) or f"no such element, but {text_in(self._dom.body)!r}",
        )

    async def until(self, shown: Callable[[], bool]) -> None:
        """Wait for a push: until `shown` is true. An element that it names may still be missing. Raises NotShown."""
        await self._wait(there(shown), "a push that changes the page", lambda: repr(text_in(self._dom.body)))

    def store(self, name: str) -> PageStore:
        """A store as this page's scripts have it as `alive.store(name)`; `~cart` is the namespace `cart`."""
        return PageStore(name, self._tab.stores, self._tab.open, self._tab.until)

    # The connection

    async def settled(self) -> None:
        """Wait until every event is answered, and what the app had sent by now is shown."""
        await self._tab.settle_all()
        await self._go_on()

    async def join(self) -> None:
        """Connect every component at once, so that pushes reach those that nobody has touched yet."""
        await self._tab.join_all()

    async def disconnect(self) -> None:
        """Lose the socket, as in a tunnel. The next action connects again."""
        await self._tab.drop()

    async def reconnect(self) -> None:
        """Lose the socket and come back: join again and send again what was not answered."""
        await self._tab.reconnect()

    @property
    def last_patch(self) -> Patch:
        """The last update that came; its `size` is that of the html part."""
        if not self._tab.patches:
            raise AsokError("no update has come yet")
        return self._tab.patches[-1]

    @property
    def patches(self) -> list[Patch]:
        """All updates since the page was loaded."""
        return self._tab.patches

    @property
    def steps(self) -> list[str]:
        """The component's texts that were shown while the last event was still running."""
        return self._tab.steps

    @property
    def effects(self) -> list[list[Any]]:
        """All effects that came, as `[name, …]`."""
        return self._tab.effects

    @property
    def errors(self) -> list[AsokError]:
        """Refusals, lost connections and messages that the page did not know."""
        return self._tab.errors

    async def _finish(self, outcome: Outcome, element: Tag, event: str) -> None:
        if not outcome.acted:
            raise NotWired(element, event, self._dom) if self._javascript else WithoutJavaScript(element, event)
        await self._settle(outcome)

    async def _settle(self, outcome: Outcome) -> None:
        """Wait for the answers to what was sent, and to what that has set off; go where it leads."""
        refusals = [await self._tab.settle(instance, seq) for instance, seq in outcome.sent]
        refusals += [await self._tab.settle_write(queued) for queued in outcome.writes]
        await self._tab.until(lambda: all(map(self._tab.free, outcome.stopped)), "the method that is to stop")
        await self._tab.work()
        while self._triggers.sent:
            refusals.append(await self._tab.settle(*self._triggers.sent.pop(0)))
        await self._tab.settle_joins()
        if outcome.submits:
            self._window.leads_to = None
            refusals.append(await self._send_form(*outcome.submits))
        else:
            await self._go_on(outcome.leads_to)
        for refusal in refusals:
            if refusal is not None and self._browser.raise_refused:
                raise refusal

    async def _wait(self, done: Callable[[], bool], what: str, instead: Callable[[], str]) -> None:
        """Wait over the pages to which the app sends the tab meanwhile."""
        if not self._javascript and not done():
            raise NotShown(f"{what}: without JavaScript nothing comes by itself", instead())
        try:
            while True:
                await self._tab.until(lambda: self._window.leads_to is not None or done(), what)
                if self._window.leads_to is None:
                    return
                await self._go_on()
        except Late as error:
            raise NotShown(str(error), instead()) from None

    async def _go_on(self, link: str | None = None) -> None:
        """Go where the app sends the tab, or else where a link leads."""
        sent, self._window.leads_to = self._window.leads_to, None
        if sent is not None or link is not None:
            await self._follow(link or "" if sent is None else sent)

    async def _follow(self, link: str) -> None:
        found = self._browser.target(self.url, link)
        if found is not None and found[1]:
            await self.goto(found[0])
        elif found is not None:
            self.url = self._window.url = found[0]  # another site: where it leads is all that a test can see

    async def _send_form(self, form: Tag, submitter: Tag | None) -> Refused | None:
        await self.close()
        response = await self._browser.send(self.url, self._dom.forms, form, submitter)
        self._show(response)
        await self.listen()
        refusal = None if self._javascript else refusal_in(response)
        self._tab.errors += [refusal] if refusal is not None else []
        return refusal

    async def _fetch_anew(self, instances: list[str]) -> None:
        response = await self._browser.get(self.url)
        fresh = Dom(response.text)
        self._tab.csrf = script_of(fresh, "data-csrf")
        if not self._dom.replace_components(fresh, instances):
            self.status = response.status_code
            self._dom.replace_page(fresh)
        self._tab.take_page()

    def _connect(self, heard: Callable[[str], None], ended: Callable[[int, Exception | None], None]) -> Socket:
        if not self._javascript:
            raise AsokError(f"{self.url} is open without JavaScript, so there is no connection")
        path = script_of(self._dom, "data-live")
        if not path:
            raise AsokError(f"{self.url} (HTTP {self.status}) has no live script; put {{{{ alive() }}}} into its head")
        browser = self._browser
        return Socket(browser.app, socket_scope(browser.http, browser.lifespan, path), heard, ended)


def there(shown: Callable[[], bool]) -> Callable[[], bool]:
    """The same, and false while an element that it names is not there."""

    def shown_yet() -> bool:
        try:
            return shown()
        except (MissingElement, AmbiguousElement):
            return False

    return shown_yet


def script_of(dom: Dom, attribute: str) -> str:
    """What the page's live script says."""
    return next((text_of(script, attribute) for script in dom.find("script[data-live]")), "")
