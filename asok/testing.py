"""Drive pages and components over the real code path, without a browser.

    async with LiveClient(app) as live:
        page = await live.open("/")
        await page.click("button", text="Add 1")
        assert page.text("h3") == "Count: 1"

HTTP, the WebSocket and the session are those of the app; only the network and the browser are not there.
With pytest the fixture `live` is such a client for the app that the option `asok_app` names.
"""

from __future__ import annotations

from contextlib import AsyncExitStack
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Any

import httpx

from asok.app import Asok
from asok.component import Component
from asok.settings import Settings
from asok.testing_asgi import App, HandshakeRefused, Lifespan, browser
from asok.testing_dom import AmbiguousElement, MissingElement
from asok.testing_events import NotWired, Unusable
from asok.testing_instances import Patch, Refused
from asok.testing_link import ConnectionEnded
from asok.testing_page import NotShown, Page
from asok.testing_stores import Heard, PageStore
from asok.testing_visiting import Browser
from asok.testing_window import Unanswered

__all__ = [
    "AmbiguousElement",
    "ConnectionEnded",
    "HandshakeRefused",
    "Heard",
    "LiveClient",
    "MissingElement",
    "NotShown",
    "NotWired",
    "Page",
    "PageStore",
    "Patch",
    "Refused",
    "Unanswered",
    "Unusable",
]


NUMBERS = count(1)


class LiveClient:
    """A browser for tests, and the app that it talks to, started and stopped with it.

    app: any ASGI app that holds asok pages; `mount` needs none. base_url: the address under which the browser
    knows the app. patience: how many seconds an answer may take. raise_refused: whether a refused event raises
    `Refused`; `page.errors` has it in any case. javascript: whether the browser runs any; without it there is no
    socket, and forms are sent by HTTP.
    """

    def __init__(
        self,
        app: App | None = None,
        *,
        base_url: str = "http://localhost",
        patience: float = 15,
        raise_refused: bool = True,
        javascript: bool = True,
    ) -> None:
        self._app, self._base_url, self._javascript = app, base_url, javascript
        self._patience, self._raise_refused = patience, raise_refused
        self._browser: Browser | None = None
        self._newest: Page | None = None
        self._closing = AsyncExitStack()

    async def __aenter__(self) -> LiveClient:
        if self._app is not None and self._browser is None:
            self._browser = await self._start(self._app)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._closing.aclose()

    async def open(self, path: str, *, javascript: bool | None = None) -> Page:
        """Load a page of the app, in a tab of its own; javascript: instead of what the client says."""
        return await self._open(self._started(), path, javascript)

    async def mount(self, component: type[Component], /, **fields: Any) -> Page:
        """Show one component on a page of its own, in the app, or in a small one where the client has none."""
        if self._app is None:
            self._app = small_app()
            self._browser = await self._start(self._app)
        if isinstance(self._app, Asok):
            return await self._open(self._started(), add_page(self._app, component, fields))
        app = small_app()
        return await self._open(await self._start(app), add_page(app, component, fields))

    def another(self) -> LiveClient:
        """Another person's browser, with cookies of its own, at the same running app."""
        started = self._started()
        other = LiveClient(
            self._app,
            base_url=self._base_url,
            patience=self._patience,
            raise_refused=self._raise_refused,
            javascript=self._javascript,
        )
        other._closing = self._closing  # closed when this one is: the app is stopped after all of its pages
        other._browser = other._at(started.app, started.lifespan)
        return other

    def store(self, name: str) -> PageStore:
        """A store as the scripts of the page opened last have it as `alive.store(name)`; see `Page.store`."""
        if self._newest is None:
            raise RuntimeError(f"no page is open, and {name!r} is had by a page's scripts; write live.open(…) first")
        return self._newest.store(name)

    @property
    def http(self) -> httpx.AsyncClient:
        """The browser's plain HTTP, with its cookies, for what is no page."""
        return self._started().http

    def _started(self) -> Browser:
        if self._app is None:
            raise RuntimeError("this LiveClient has no app; write LiveClient(app), or use `mount`")
        if self._browser is None:
            raise RuntimeError("the app is not started; write `async with LiveClient(app) as live:`")
        return self._browser

    async def _start(self, app: App) -> Browser:
        lifespan = Lifespan(app)
        await lifespan.start()
        self._closing.push_async_callback(lifespan.stop)
        return self._at(app, lifespan)

    def _at(self, app: App, lifespan: Lifespan) -> Browser:
        http = browser(app, lifespan, self._base_url)
        self._closing.push_async_callback(http.aclose)
        return Browser(app, lifespan, http, patience=self._patience, raise_refused=self._raise_refused)

    async def _open(self, at: Browser, path: str, javascript: bool | None = None) -> Page:
        page = Page(at, await at.get(path), javascript=self._javascript if javascript is None else javascript)
        self._closing.push_async_callback(page.close)
        await page.listen()
        self._newest = page
        return page


def small_app() -> Asok:
    """An app with nothing of its own, for a component that is tried alone; it never reads the environment."""
    root = Path(__file__).parent / "static"
    keys = ("for one component in one test, never elsewhere",)
    return Asok(root=root, settings=Settings(root=root, debug=True, keys=keys, database=":memory:"))


def add_page(app: Asok, component: type[Component], fields: dict[str, Any]) -> str:
    """Add a page to an app that shows one component with these fields. Returns its path."""
    path = f"/asok-testing/{next(NUMBERS)}"

    async def mounted(request: object) -> dict[str, Any]:
        return {"name": component.__name__, "arguments": fields, "title": component.__name__}

    app.page(path, "asok/page.html")(mounted)
    return path
