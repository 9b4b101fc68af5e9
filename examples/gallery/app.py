"""The gallery: every example running beside its own source."""

import inspect
import sys
from pathlib import Path
from typing import Any

from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from asok import Asok, Component

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from examples.binding.app import Binding
from examples.board.app import Board
from examples.charts.app import Charts
from examples.chat.app import Chat, has_a_name
from examples.counter.app import Counter
from examples.cursors.app import Cursors
from examples.dashboard.app import Dashboard, measuring
from examples.events.app import Events
from examples.feed.app import Feed
from examples.hooks.app import Hooks, serve_library
from examples.invoice.app import Invoice
from examples.lazy.app import Lazy
from examples.morph.app import Morph, serve_tone
from examples.nested.app import Nested
from examples.progress.app import Progress
from examples.settings.app import Settings, connect
from examples.shared.app import Shared
from examples.signup.app import SignUp
from examples.table.app import Table
from examples.todo.app import Todo
from examples.unicode.app import Unicode
from examples.virtual.app import Virtual
from examples.waiting.app import Waiting
from examples.weather.app import Weather

GROUPS: dict[str, tuple[type[Component], ...]] = {
    "First steps": (Counter, Todo, Unicode, Progress),
    "What a person does": (Events, Binding, Waiting, SignUp, Invoice, Morph),
    "Pages in pieces": (Nested, Board, Lazy, Weather),
    "Long lists": (Feed, Table, Virtual),
    "Shared by all": (Shared, Dashboard, Chat, Cursors, Settings),
    "Pictures, and JavaScript": (Charts, Hooks),
}
SHOWN = [example for group in GROUPS.values() for example in group]
EXAMPLES: dict[str, type[Component]] = {each.__name__.lower(): each for each in SHOWN}
SUFFIXES = (".html", ".js", ".css")


class ContentSecurityPolicy:
    """Allows a page what comes from its own server, and nothing inline: asok needs no more."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_policy(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)["content-security-policy"] = "default-src 'self'"
            await send(message)

        await self.app(scope, receive, send_with_policy)


def sources_of(component: type[Component]) -> dict[str, str]:
    """The files of an example, by name."""
    folder = Path(inspect.getfile(component)).parent
    rest = sorted(
        (file for file in folder.iterdir() if file.suffix in SUFFIXES), key=lambda file: SUFFIXES.index(file.suffix)
    )
    return {file.name: file.read_text("utf-8") for file in [folder / "app.py", *rest]}


app = Asok(middleware=[Middleware(ContentSecurityPolicy)], lifespan=measuring)
app.authorize("chat:*")(has_a_name)
connect(app)
serve_tone(app)
serve_library(app)


@app.page("/", "index.html")
def index(request: Request) -> dict[str, Any]:
    return {"groups": GROUPS}


@app.page("/{name}", "example.html")
def example(request: Request) -> dict[str, Any]:
    name = request.path_params["name"]
    if name not in EXAMPLES:
        raise HTTPException(404)
    place, names = SHOWN.index(EXAMPLES[name]), list(EXAMPLES)
    beside = {"earlier": names[place - 1] if place else "", "later": names[place + 1] if place + 1 < len(names) else ""}
    shown = {"name": name, "example": EXAMPLES[name], "sources": sources_of(EXAMPLES[name])}
    return {"groups": GROUPS, **beside, **shown}
