"""A page that a test looks at and acts on, as a person would."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urldefrag

import httpx
from bs4.element import Tag

from asok.errors import AsokError
from asok.testing_asgi import App, Lifespan, Socket, socket_scope
from asok.testing_dom import AmbiguousElement, Dom, MissingElement
from asok.testing_events import NotWired
from asok.testing_forms import Value, is_control, text_of
from asok.testing_gestures import Gestures, Outcome
from asok.testing_instances import Patch
from asok.testing_markup import outer, text_in
from asok.testing_stores import PageStore
from asok.testing_tab import Tab
from asok.testing_waiting import Late
from asok.testing_window import Window

__all__ = ["Browser", "NotShown", "Page"]

SHOWN = 500


class NotShown(AsokError, TimeoutError):
    """What a test waits for has not come in time; the text says what the page shows instead."""

    def __init__(self, wanted: str, instead: str) -> None:
        self.wanted, self.instead = wanted, instead

    def __str__(self) -> str:
        return f"{self.wanted}; the page shows {self.instead[:SHOWN]}"


class Browser:
    """What the pages of one browser share: the running app, its cookies, and how refusals are met."""

    def __init__(
        self, app: App, lifespan: Lifespan, http: httpx.AsyncClient, *, patience: float, raise_refused: bool
    ) -> None:
        self.app, self.lifespan, self.http = app, lifespan, http
        self.patience, self.raise_refused = patience, raise_refused
        self.local_storage: dict[str, str] = {}


class Page:
    """One open page: read it, act on it, and see what came over the wire.

    Actions wait for the app's answer. Elements are named by CSS selectors; where one is meant and there are
    several, or none, the error lists what there is. A refused event raises `Refused`. Made by `LiveClient.open`.
    """

    def __init__(self, browser: Browser, response: httpx.Response) -> None:
        self._browser = browser
        self._window = Window(browser.local_storage)
        self._show(response)

    def _show(self, response: httpx.Response) -> None:
        self.url = self._window.url = str(response.url)
        self.status = response.status_code
        self._dom = Dom(response.text)
        csrf = script_of(self._dom, "data-csrf")
        self._tab = Tab(self._dom, self._window, csrf, self._connect, self._fetch_anew, self._browser.patience)
        self._gestures = Gestures(self._dom, self._tab)

    async def listen(self) -> None:
        """Connect what listens on the page; `LiveClient.open` has done it."""
        await self._tab.listen()

    # What the page shows

    def text(self, selector: str) -> str:
        """The text of an element; runs of white space are one space."""
        return text_in(self._dom.one(selector))

    def html(self, selector: str | None = None) -> str:
        """The HTML of an element, or of the whole page."""
        return outer(self._dom.tree if selector is None else self._dom.one(selector))

    def all(self, selector: str) -> list[str]:
        """The texts of all elements of a selector, in the page's order."""
        return [text_in(element) for element in self._dom.find(selector)]

    def exists(self, selector: str) -> bool:
        """Whether the page has such an element."""
        return bool(self._dom.find(selector))

    def attribute(self, selector: str, name: str) -> str | None:
        """An element's attribute as the server wrote it; None where it is not there."""
        element = self._dom.one(selector)
        return text_of(element, name) if element.has_attr(name) else None

    def value(self, selector: str) -> Value:
        """What a control shows: its text, whether it is ticked, or what is chosen."""
        control = self._dom.one(selector)
        if not is_control(control):
            raise AsokError(f"<{control.name}> is no control and has no value; see `text`")
        return self._dom.forms.value(control)

    @property
    def title(self) -> str:
        """The page's title."""
        return next(iter(self.all("title")), "")

    # What a person does

    async def click(self, selector: str, *, text: str | None = None, keys: str = "") -> None:
        """Click an element; `text` tells those of one selector apart. keys: held meanwhile, such as "ctrl+shift"."""
        element = self._dom.one(selector, text)
        await self._finish(await self._gestures.click(element, keys), element, "click")

    async def fill(self, selector: str, value: str) -> None:
        """Type a text into a field in place of what is there."""
        element = self._dom.one(selector)
        await self._finish(await self._gestures.type(element, value), element, "input")

    async def press(self, selector: str, key: str, *, keys: str = "") -> None:
        """Press a key on an element; `key` is a KeyboardEvent's: 'Enter', 'Escape', 'ArrowUp', 'a'."""
        element = self._dom.one(selector)
        await self._finish(await self._gestures.press(element, key, keys), element, "keydown")

    async def check(self, selector: str) -> None:
        """Tick a checkbox or a radio button."""
        element = self._dom.one(selector)
        await self._finish(await self._gestures.tick(element, True), element, "change")

    async def uncheck(self, selector: str) -> None:
        """Take the tick out of a checkbox."""
        element = self._dom.one(selector)
        await self._finish(await self._gestures.tick(element, False), element, "change")

    async def select(self, selector: str, *options: str) -> None:
        """Choose options of a <select>, by value or text."""
        element = self._dom.one(selector)
        await self._finish(await self._gestures.choose(element, options), element, "change")

    async def submit(self, selector: str = "form") -> None:
        """Send a form with the fields it has now, without a button's name; click the button where that matters."""
        element = self._dom.one(selector)
        await self._finish(await self._gestures.submit(element), element, "submit")

    async def reload(self) -> None:
        """Load the page anew, as the reload button does; what was typed is gone."""
        await self.goto(self.url)

    async def goto(self, url: str) -> None:
        """Open another page in this tab."""
        await self.close()
        self._show(await self._browser.http.get(url))
        await self.listen()

    async def close(self) -> None:
        """Close the tab."""
        await self._tab.drop(1001)

    # What the app asks of the window

    def answers(self, **replies: Any) -> None:
        """Say what the person, or the browser, answers from now on: `page.answers(confirm=True, prompt="Ada")`.

        A function gets what the method asked; an exception says that the browser cannot do it. Somebody has to
        answer `confirm` and `prompt` (None dismisses it), else what leads there raises `Unanswered`.
        """
        self._window.answers(replies)

    @property
    def asked(self) -> list[list[Any]]:
        """All questions in this tab, as `["confirm", "Delete it?"]`."""
        return self._window.asked

    @property
    def clipboard(self) -> str:
        """What a method has put there last."""
        return self._window.clipboard

    @property
    def announced(self) -> list[str]:
        """What a screen reader was asked to say."""
        return self._window.announced

    @property
    def downloads(self) -> list[tuple[str, str | bytes]]:
        """What the browser was asked to save: the name, and the path or the bytes."""
        return self._window.downloads

    @property
    def local_storage(self) -> dict[str, str]:
        """The browser's, shared with its other tabs."""
        return self._window.local_storage

    @property
    def session_storage(self) -> dict[str, str]:
        """The tab's."""
        return self._window.session_storage

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
            raise NotWired(element, event, self._dom)
        refusals = [await self._tab.settle(instance, seq) for instance, seq in outcome.sent]
        refusals += [await self._tab.settle_write(queued) for queued in outcome.writes]
        if outcome.submits:
            self._window.leads_to = None
            await self._send_form(*outcome.submits)
        else:
            await self._go_on(outcome.leads_to)
        for refusal in refusals:
            if refusal is not None and self._browser.raise_refused:
                raise refusal

    async def _wait(self, done: Callable[[], bool], what: str, instead: Callable[[], str]) -> None:
        """Wait over the pages to which the app sends the tab meanwhile."""
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
        target = httpx.URL(self.url).join(link)
        if urldefrag(str(target)).url == urldefrag(self.url).url and "#" in link:
            return
        if target.scheme in ("http", "https") and target.host == httpx.URL(self.url).host:
            await self.goto(str(target))
        else:
            self.url = self._window.url = str(target)  # another site: where it leads is all that a test can see

    async def _send_form(self, form: Tag, submitter: Tag | None) -> None:
        fields: dict[str, list[str]] = {}
        for name, value in self._dom.forms.fields(form, submitter):
            fields.setdefault(name, []).append(value)
        target = httpx.URL(self.url).join(text_of(form, "action"))
        await self.close()
        if text_of(form, "method").lower() == "post":
            headers = {"Origin": str(self._browser.http.base_url).rstrip("/")}
            self._show(await self._browser.http.post(target, data=fields, headers=headers))
        else:
            self._show(await self._browser.http.get(target, params=fields))
        await self.listen()

    async def _fetch_anew(self, instances: list[str]) -> None:
        response = await self._browser.http.get(self.url)
        fresh = Dom(response.text)
        self._tab.csrf = script_of(fresh, "data-csrf")
        if not self._dom.replace_components(fresh, instances):
            self.status = response.status_code
            self._dom.replace_page(fresh)
        self._tab.take_page()

    def _connect(self, heard: Callable[[str], None], ended: Callable[[int, Exception | None], None]) -> Socket:
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
