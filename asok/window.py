"""`self.window`: what a method asks of the browser's window, and waits for.

Whatever the browser says is checked before the method sees it; what does not fit is no answer.
"""

from __future__ import annotations

import asyncio
import math
import re
from collections.abc import Awaitable, Callable, Collection, Coroutine, Generator
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar, overload

import msgspec
from msgspec import Meta

from asok.asking import NoAnswer
from asok.errors import ComponentError

__all__ = [
    "Answer",
    "Location",
    "NoAnswer",
    "Screen",
    "Storage",
    "Viewport",
    "Window",
    "is_site_path",
]

T = TypeVar("T")

PERSON = 60.0
BROWSER = 5.0
LONGEST = 64 * 1024
SITE_PATH = re.compile(r"/(?!/)[^\x00-\x20\\]*")
HTTPS_URL = re.compile(r"(https://[a-z0-9.-]+(?::[0-9]+)?)(?:[/?#][^\x00-\x20\\]*)?")

Pixels = Annotated[int, Meta(ge=0, le=2**31)]
Offset = Annotated[int, Meta(ge=-(2**31), le=2**31)]
Ratio = Annotated[float, Meta(gt=0, le=1000)]
Text = Annotated[str, Meta(max_length=LONGEST)]


@dataclass(frozen=True, slots=True)
class Screen:
    """The screen, in CSS pixels; `device_pixel_ratio` device pixels make one of them."""

    width: Pixels
    height: Pixels
    device_pixel_ratio: Ratio


@dataclass(frozen=True, slots=True)
class Viewport:
    """The part of the page that is seen, and what the person's system prefers."""

    width: Pixels
    height: Pixels
    scroll_x: Offset
    scroll_y: Offset
    dark: bool
    reduced_motion: bool


@dataclass(frozen=True, slots=True)
class Location:
    """Where the page is: `query` without its `?`, `hash` without its `#`."""

    path: Text
    query: Text
    hash: Text


class Answer(Coroutine[Any, Any, T]):
    """An answer to be awaited. Used as a truth it raises, so that no `if` takes a forgotten `await` for a yes."""

    def __init__(self, name: str, work: Coroutine[Any, Any, T]) -> None:
        self._name, self._work = name, work

    def __bool__(self) -> bool:
        self._work.close()
        raise ComponentError(f"self.window.{self._name} was not awaited; write `await self.window.{self._name}(…)`")

    def __await__(self) -> Generator[Any, Any, T]:
        return self._work.__await__()

    def send(self, value: Any, /) -> Any:
        """As of any coroutine."""
        return self._work.send(value)

    def throw(self, error: Any, /, *more: Any) -> Any:
        """As of any coroutine."""
        return self._work.throw(error, *more)

    def close(self) -> None:
        """As of any coroutine."""
        self._work.close()


class Asker:
    """Turns a call into a question, and what comes back into a value of the right type."""

    def __init__(self, ask: Callable[[str, list[Any], float], Awaitable[Any]]) -> None:
        self._ask = ask

    def _answer(self, name: str, args: list[Any], seconds: float, kind: Callable[[Any], T]) -> Answer[T]:
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            problem = f"self.window.{name} waits for the browser, which a plain `def` cannot"
            fix = f"write `async def`, and in it `await self.window.{name}(…)`"
            raise ComponentError(f"{problem}; {fix}") from None
        return Answer(name, self._checked(name, args, seconds, kind))

    async def _checked(self, name: str, args: list[Any], seconds: float, kind: Callable[[Any], T]) -> T:
        value = await self._ask(name, args, seconds)
        try:
            return kind(value)
        except (msgspec.ValidationError, ValueError) as error:
            raise NoAnswer(name, f"the browser's answer does not fit: {error}") from None


class Storage(Asker):
    """One of the browser's two storages. Only the names that are given are read or written."""

    def __init__(self, name: str, ask: Callable[[str, list[Any], float], Awaitable[Any]]) -> None:
        super().__init__(ask)
        self._name = name

    @overload
    def get(self, name: str, /, *, timeout: float = BROWSER) -> Answer[str | None]: ...
    @overload
    def get(
        self, name: str, second: str, /, *names: str, timeout: float = BROWSER
    ) -> Answer[dict[str, str | None]]: ...
    def get(self, /, *names: str, timeout: float = BROWSER) -> Answer[Any]:
        """The text stored under a name, None where there is none; of several names a dict of all of them.

        The answer may have 64 KiB.
        """
        self._named("get", names)

        def texts(value: Any) -> Any:
            found = msgspec.convert(value, list[str | None])
            if len(found) != len(names):
                raise ValueError(f"{len(names)} values were asked for, {len(found)} came")
            if sum(len(each.encode()) for each in found if each is not None) > LONGEST:
                raise ValueError(f"more than {LONGEST} bytes")
            return found[0] if len(names) == 1 else dict(zip(names, found, strict=True))

        return self._answer(f"{self._name}.get", list(names), timeout, texts)

    @overload
    def set(self, name: str, text: str, /, *, timeout: float = BROWSER) -> Answer[None]: ...
    @overload
    def set(self, /, *, timeout: float = BROWSER, **names: str) -> Answer[None]: ...
    def set(self, /, *pair: str, timeout: float = BROWSER, **names: str) -> Answer[None]:
        """Store texts by name: `set("a b", "text")` or `set(a="text", b="other")`."""
        if len(pair) not in (0, 2) or (pair and names):
            raise ComponentError(
                f"self.window.{self._name}.set takes one name and its text, or names: set(theme='dark')"
            )
        texts = {pair[0]: pair[1]} if pair else names
        self._named("set", tuple(texts))
        for name, text in texts.items():
            if not _is_text(text) or len(text.encode()) > LONGEST:
                problem = f"self.window.{self._name}.set: {name!r} must be text of at most {LONGEST} bytes"
                raise ComponentError(f"{problem}; write numbers as str(…) and the rest with json.dumps")
        return self._answer(f"{self._name}.set", [texts], timeout, _nothing)

    def remove(self, /, *names: str, timeout: float = BROWSER) -> Answer[None]:
        """Remove what is stored under these names."""
        self._named("remove", names)
        return self._answer(f"{self._name}.remove", list(names), timeout, _nothing)

    def _named(self, verb: str, names: tuple[str, ...]) -> None:
        if not names or not all(map(_is_text, names)):
            raise ComponentError(f"self.window.{self._name}.{verb}: expected names as text, such as {verb}('theme', …)")


class Window(Asker):
    """The window that the event came from. Every method is awaited, and raises NoAnswer where none comes.

    timeout: seconds to wait; a minute for what a person answers, 5 for what the browser does by itself.
    """

    def __init__(self, ask: Callable[[str, list[Any], float], Awaitable[Any]]) -> None:
        super().__init__(ask)
        self.local_storage = Storage("local_storage", ask)
        self.session_storage = Storage("session_storage", ask)

    def alert(self, text: str, *, timeout: float = PERSON) -> Answer[None]:
        """Show a message, until the person has closed it."""
        return self._answer("alert", [_text("alert", text)], timeout, _nothing)

    def confirm(self, text: str, *, timeout: float = PERSON) -> Answer[bool]:
        """Ask a question: True for OK, False for Cancel."""
        return self._answer("confirm", [_text("confirm", text)], timeout, _truth)

    def prompt(self, text: str, default: str = "", *, timeout: float = PERSON) -> Answer[str | None]:
        """Ask for a line of text: what the person has written, None when the person dismissed it."""
        args = [_text("prompt", text), _text("prompt", default)]
        return self._answer("prompt", args, timeout, lambda value: None if value is None else _line(value))

    @overload
    def scroll_to(self, x: float, y: float, /, *, timeout: float = BROWSER) -> Answer[None]: ...
    @overload
    def scroll_to(self, /, *, x: float = 0, y: float = 0, timeout: float = BROWSER) -> Answer[None]: ...
    @overload
    def scroll_to(self, /, *, selector: str, timeout: float = BROWSER) -> Answer[None]: ...
    def scroll_to(
        self, x: float = 0, y: float = 0, *, selector: str | None = None, timeout: float = BROWSER
    ) -> Answer[None]:
        """Scroll the page to a place, or to the first element that matches a CSS selector."""
        args = [_number(x), _number(y)] if selector is None else [_text("scroll_to", selector)]
        return self._answer("scroll_to", args, timeout, _nothing)

    def open(
        self, path: str, new_tab: bool = True, *, allow: Collection[str] = (), timeout: float = BROWSER
    ) -> Answer[bool]:
        """Open a page of this site, in a new tab or in this one; False where the browser blocks the new tab.

        allow: other places that may be opened: whole URLs, or origins such as "https://example.org".
        """
        if not (is_site_path(_text("open", path)) or _is_allowed(path, allow)):
            problem = f"self.window.open({path!r}): expected a path of this site, such as '/done'"
            raise ComponentError(f"{problem}, or an https URL that is listed: allow=['https://example.org']")
        return self._answer("open", [path, bool(new_tab)], timeout, _truth)

    def clipboard_write(self, text: str, *, timeout: float = BROWSER) -> Answer[None]:
        """Put text into the clipboard. Browsers allow it on https only, and soon after a click."""
        return self._answer("clipboard_write", [_text("clipboard_write", text)], timeout, _nothing)

    def screen(self, *, timeout: float = BROWSER) -> Answer[Screen]:
        """The size of the screen."""
        return self._answer("screen", [], timeout, lambda value: msgspec.convert(value, Screen))

    def viewport(self, *, timeout: float = BROWSER) -> Answer[Viewport]:
        """The size of what is seen of the page, how far it is scrolled, and whether it should be dark or still."""
        return self._answer("viewport", [], timeout, lambda value: msgspec.convert(value, Viewport))

    def location(self, *, timeout: float = BROWSER) -> Answer[Location]:
        """Where the page is now."""
        return self._answer("location", [], timeout, lambda value: msgspec.convert(value, Location))


def is_site_path(path: str) -> bool:
    """Whether it is a path of this site, and cannot be read by a browser as anything else."""
    return SITE_PATH.fullmatch(path) is not None


def _is_allowed(url: str, allow: Collection[str]) -> bool:
    found = HTTPS_URL.fullmatch(url)
    return found is not None and (url in allow or found[1] in allow)


def _text(name: str, value: str) -> str:
    if not _is_text(value):
        raise ComponentError(f"self.window.{name}({value!r}): expected text; write str(…)")
    return value


def _number(value: float) -> float:
    if not isinstance(value, int | float) or not math.isfinite(value):
        raise ComponentError(f"self.window.scroll_to: {value!r} is no place; expected numbers of CSS pixels")
    return value


def _is_text(value: Any) -> bool:
    """Whether it is text that can be sent: half a surrogate pair cannot."""
    return isinstance(value, str) and value.encode(errors="replace") == value.encode(errors="surrogatepass")


def _nothing(value: Any) -> None:
    msgspec.convert(value, None)


def _truth(value: Any) -> bool:
    return msgspec.convert(value, bool)


def _line(value: Any) -> str:
    return msgspec.convert(value, Text)
