"""An app whose stores are asked over plain HTTP, and its visitors."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx

from asok import Asok, AuthStore, Limits, Store
from tests.rig import CSRF, asok_app

__all__ = ["NOTHING", "START", "Site", "Visitor", "dark", "part", "polls", "raw", "site"]

NOTHING: Any = object()
START: dict[str, Any] = {"counter": 0, "secret": 7, "todo": ["a"], "open": {"x": 1}, "word": "w"}
LIMITS = Limits(message=2000, json_nodes=100, first_message=0.05)


def odd(change: Any) -> None:
    if change.new == "boom":
        raise RuntimeError("a mistake in the validator")
    if change.new != "odd":
        raise ValueError("it must be odd")


def noting(change: Any) -> None:
    change.session["noted"] = True


def signed_in_as(session: Any) -> Any:
    return session.get("user")


polls = Store(
    START,
    name="polls",
    readable=["counter", "todo", "open/x", "word"],
    writable={
        "counter": int,
        "todo": list[str],
        "todo/*": str | None,
        "word": odd,
        "open/x": noting,
        "below/**": lambda change: True,
    },
)
dark = Store({"light": 0}, name="dark")
mine = AuthStore(signed_in_as, {"n": 0}, name="mine", readable=True, writable={"n": int})


class Visitor:
    """A browser profile on a page of the app."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self.http, self.csrf = http, ""

    async def enter(self, user: str = "") -> Visitor:
        found = CSRF.search((await self.http.get(f"/?user={user}")).text)
        assert found is not None
        self.csrf = found[1]
        return self

    async def send(self, method: str, place: str, value: Any = NOTHING, **headers: str) -> httpx.Response:
        named = {name.replace("_", "-"): text for name, text in headers.items()}
        body: dict[str, Any] = {} if value is NOTHING else {"json": value}
        return await self.http.request(
            method, f"/live/store/{place}", headers={"x-csrf-token": self.csrf, **named}, **body
        )

    async def code(self, method: str, place: str, value: Any = NOTHING, **headers: str) -> tuple[int, str]:
        answer = await self.send(method, place, value, **headers)
        return answer.status_code, answer.json().get("error", "")

    async def value(self, place: str) -> Any:
        return (await self.send("GET", place)).json()["value"]


class Site:
    """An app that serves these stores, and its visitors."""

    def __init__(self, app: Asok, stack: AsyncExitStack) -> None:
        self.app, self._stack = app, stack

    def stranger(self) -> Visitor:
        transport = httpx.ASGITransport(self.app)
        return Visitor(httpx.AsyncClient(transport=transport, base_url="http://localhost"))

    async def visitor(self, user: str = "") -> Visitor:
        return await self.stranger().enter(user)

    async def elsewhere(self, visitor: Visitor, path: str) -> None:
        """The visitor opens a page in another tab, whose new cookies this one does not learn."""
        tab = self.stranger()
        tab.http.cookies.update(visitor.http.cookies)
        assert (await tab.http.get(path)).status_code == 200

    def tree(self) -> Any:
        with self.app.stores.here():
            return polls.read()


@asynccontextmanager
async def site(root: Path, **options: Any) -> AsyncIterator[Site]:
    app = asok_app(root, templates={"page.html": "{{ alive() }}{{ more }}"}, **{"limits": LIMITS, **options})

    @app.page("/", "page.html")
    def page(request: Any) -> Mapping[str, Any]:
        if user := request.query_params.get("user"):
            request.session["user"] = user
        return {"id": request.session.id, "more": polls.do.update("secret", 1)}

    @app.page("/leave", "page.html")
    def leave(request: Any) -> Mapping[str, Any]:
        request.session.pop("user")
        request.session.regenerate()
        return {}

    async with AsyncExitStack() as stack:
        await stack.enter_async_context(app.starlette.router.lifespan_context(app.starlette))
        yield Site(app, stack)


async def raw(here: Site, visitor: Visitor, *messages: Any, **headers: str) -> tuple[int, int]:
    """PUT polls/counter with a body that comes as it is given; the status, and how many parts were taken."""
    cookie = f"asok={visitor.http.cookies['asok']}"
    sent = {"host": "localhost", "cookie": cookie, "x-csrf-token": visitor.csrf, "content-type": "application/json"}
    encoded = [(name.replace("_", "-").encode(), text.encode()) for name, text in {**sent, **headers}.items()]
    scope = {"type": "http", "method": "PUT", "scheme": "http", "path": "/live/store/polls/counter", "headers": encoded}
    left, answer = list(messages), []

    async def receive() -> Any:
        if not left:
            await asyncio.Event().wait()
        message = left.pop(0)
        return await message() if callable(message) else message

    async def send(message: Any) -> None:
        answer.append(message)

    await here.app({**scope, "query_string": b"", "root_path": ""}, receive, send)
    return answer[0]["status"], len(messages) - len(left)


def part(body: bytes) -> dict[str, Any]:
    return {"type": "http.request", "body": body, "more_body": True}
