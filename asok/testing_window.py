"""What an app asks of the window around a page: effects, files for the head, and questions, which the test answers."""

from __future__ import annotations

import re
from base64 import b64decode
from typing import Any

import httpx

from asok.errors import AsokError, nearest
from asok.testing_dom import Dom
from asok.testing_streams import change_rows

__all__ = ["Unanswered", "Window", "add_statics"]

QUESTIONS = (
    *("alert", "confirm", "prompt", "scroll_to", "open", "clipboard_write"),
    *("screen", "viewport", "location"),
)
SCREEN = {"width": 1280, "height": 720, "device_pixel_ratio": 1}
VIEWPORT = {"width": 1280, "height": 720, "scroll_x": 0, "scroll_y": 0, "dark": False, "reduced_motion": False}
RELEASE = re.compile(r"(/static/[^/?]+/)[0-9a-f]{12}(/[^?]+).*")


class Unanswered(AsokError):
    """A method asks the person in front of the page, and the test does not say what they answer."""

    def __init__(self, name: str, arguments: list[Any]) -> None:
        self.name, self.arguments = name, arguments

    def __str__(self) -> str:
        asked = f"{self.name}({', '.join(map(repr, self.arguments))})"
        return f"nobody answers {asked}; write page.answers({self.name}=…) before what leads to it"


class Refusing(Exception):
    """The browser cannot do it; the text says why."""


class Window:
    """One tab's window: it stays when another page is shown in it.

    local_storage belongs to the browser, session_storage to the tab. leads_to: where the app sends the tab; a
    test's next step, or its next wait, goes there.
    """

    def __init__(self, local_storage: dict[str, str]) -> None:
        self.url = ""
        self.local_storage, self.session_storage = local_storage, dict[str, str]()
        self.clipboard = ""
        self.announced: list[str] = []
        self.downloads: list[tuple[str, str | bytes]] = []
        self.asked: list[list[Any]] = []
        self.leads_to: str | None = None
        self.results: dict[tuple[str, int], Any] = {}
        self._replies: dict[str, Any] = {}

    def answers(self, replies: dict[str, Any]) -> None:
        """Say what comes back from now on, by the question's name."""
        for name in replies:
            if name not in QUESTIONS:
                raise AsokError(f"no question is called {name!r}{nearest(name, QUESTIONS)}; {', '.join(QUESTIONS)}")
        self._replies.update(replies)

    def apply(self, dom: Dom, instance: str, name: str, *arguments: Any) -> None:
        """Do what a method has asked for beyond its component's text, but for what is done to an element."""
        match name, arguments:
            case "reset", names:
                dom.reset_controls(instance, names)
            case "copy", (text,):
                self.clipboard = text
            case "announce", (text, _):
                self.announced.append(text)
            case "download", (source, name):
                self.downloads.append((name or source.rpartition("/")[2], content_of(source)))
            case "stream", change:
                change_rows(dom, instance, *change)
            case "title", (text,):
                dom.set_title(text)
            case "redirect", (url,):
                self.leads_to = url
            case "reload", ():
                self.leads_to = ""
            case "result", (seq, value):
                self.results[instance, seq] = value

    def answer(self, dom: Dom, name: str, arguments: list[Any]) -> tuple[Any, ...]:
        """The end of the message that answers: a value, or None and why there is none.

        Raises Unanswered, and what a function of the test raises.
        """
        self.asked.append([name, *arguments])
        try:
            return (self._value(dom, name, arguments),)
        except Refusing as error:
            return (None, str(error)[:200])

    def _value(self, dom: Dom, name: str, arguments: list[Any]) -> Any:
        if name not in self._replies:
            return self._by_itself(dom, name, arguments)
        reply = self._replies[name]
        if isinstance(reply, BaseException):
            raise Refusing(str(reply))
        if callable(reply):
            return reply(*arguments)
        return {**self._by_itself(dom, name, arguments), **reply} if isinstance(reply, dict) else reply

    def _by_itself(self, dom: Dom, name: str, arguments: list[Any]) -> Any:
        """What a browser does without a person."""
        match name.split("."), arguments:
            case ["local_storage", verb], given:
                return stored(self.local_storage, verb, given)
            case ["session_storage", verb], given:
                return stored(self.session_storage, verb, given)
            case ["scroll_to"], [str(selector)] if not dom.find(selector):
                raise Refusing(f"no element matches {selector}")
            case ["alert" | "scroll_to"], _:
                return None
            case ["open"], [path, new_tab]:
                self.leads_to = self.leads_to if new_tab else path
                return True
            case ["clipboard_write"], [text]:
                self.clipboard = text
                return None
            case ["screen"], _:
                return SCREEN
            case ["viewport"], _:
                return VIEWPORT
            case ["location"], _:
                return location(self.url)
            case ["confirm" | "prompt"], _:
                raise Unanswered(name, arguments)
        raise Refusing(f"no window.{name}")


def content_of(source: str) -> str | bytes:
    """What a download saves: the bytes that came with it, else the path where the file is."""
    return b64decode(source.partition(",")[2]) if source.startswith("data:") else source


def stored(storage: dict[str, str], verb: str, given: list[Any]) -> Any:
    match verb, given:
        case "get", names:
            return [storage.get(name) for name in names]
        case "set", [texts]:
            storage.update(texts)
        case "remove", names:
            for name in names:
                storage.pop(name, None)
    return None


def location(url: str) -> dict[str, str]:
    target = httpx.URL(url)
    return {"path": target.path, "query": target.query.decode(), "hash": target.fragment}


def add_statics(dom: Dom, url: str, entries: list[tuple[str, str, dict[str, str]]]) -> None:
    """Put styles and scripts into the head, each once and in order; a style gives way to its newer release."""

    def name(address: Any) -> str:
        return RELEASE.sub(r"\1\2", str(httpx.URL(url).join(str(address))))

    there = {name(each.get("href") or each.get("src")): each for each in dom.find("link[rel~=stylesheet], script[src]")}
    for kind, address, attributes in entries:
        older = there.get(name(address))
        if older is not None and (kind == "js" or older.get("href") == address):
            continue
        element = dom.new("link", rel="stylesheet", href=address) if kind == "css" else dom.new("script", src=address)
        element.attrs.update({"data-asok-static": "", **attributes})
        if older is not None:
            older.replace_with(element)
        else:
            dom.head.append(element)
        there[name(address)] = element
