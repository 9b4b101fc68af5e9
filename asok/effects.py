"""What a component's methods make the page do: the calls of `self` that end in the browser."""

from __future__ import annotations

import re
from base64 import b64encode
from typing import Any

import msgspec

from asok.errors import ComponentError
from asok.surroundings import Surroundings
from asok.verdicts import ELSEWHERE
from asok.window import is_site_path

__all__ = ["Effects"]

# What one method asks for stays in the session's record until it must have arrived.
TOGETHER = 512 * 1024
FILE = 256 * 1024
# No folders, nothing that a system gives a meaning, nothing that cannot be seen or turns the text around.
UNSEEN = (
    r"\x00-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e007f"
)
_TOO_EARLY = f"while it is first rendered would reach no open page; do that in a method ({ELSEWHERE})"
FILE_NAME = re.compile(rf"(?![. ])[^{UNSEEN}/\\:*?\"<>|]{{1,120}}(?<![. ])")


class Effects:
    """The effects of a method on its page, run in their order once the update is shown; a base of `Placed`.

    A selector means the first element inside the component that it matches, or else the first on the page.
    """

    def reset(self, *fields: str) -> None:
        """Put the named form fields back to what the template says, even where the person has typed."""
        self._ask("reset", *fields)

    def focus(self, selector: str) -> None:
        """Move the focus to an element."""
        self._ask("focus", _text("focus", selector))

    def blur(self, selector: str = ":focus") -> None:
        """Take the focus from an element, or from whatever has it."""
        self._ask("blur", _text("blur", selector))

    def click(self, selector: str) -> None:
        """Click on an element, as the person could."""
        self._ask("click", _text("click", selector))

    def select(self, selector: str) -> None:
        """Select the whole text of a field, which gets the focus."""
        self._ask("select", _text("select", selector))

    def scroll_into_view(self, selector: str) -> None:
        """Scroll as little as it takes for an element to be seen; smoothly where CSS has `scroll-behavior`."""
        self._ask("scroll_into_view", _text("scroll_into_view", selector))

    def dispatch(self, name: str, detail: Any = None) -> None:
        """Fire a DOM event called `name` on the component's root element; it bubbles."""
        self._ask("dispatch", _text("dispatch", name), detail)

    def announce(self, text: str, *, assertive: bool = False) -> None:
        """Have a screen reader say a text; assertive: at once, in the middle of what it says."""
        self._ask("announce", _text("announce", text), bool(assertive))

    def copy(self, text: str) -> None:
        """Put text into the clipboard. Browsers allow it on https only, and soon after a click; where the browser
        refuses, the page gets an `alive:error` with the code `copy`."""
        if not isinstance(text, str):
            raise ComponentError(f"copy({text!r:.80}): expected text; write str(…)")
        self._ask("copy", text)

    def download(self, source: str | bytes, name: str = "") -> None:
        """Have the browser save a file: the path of one on this site, or the bytes themselves and a name.

        The bytes may be 256 KiB; serve what is larger from a route. Raises ComponentError.
        """
        if name and not FILE_NAME.fullmatch(name):
            problem = f"download(…, {name!r:.150}) is no name for a file"
            raise ComponentError(
                f"{problem}; at most 120 characters, no folder, no dot at an end, such as 'orders.csv'"
            )
        self._ask("download", _address(source, name), name)

    def set_title(self, title: str) -> None:
        """Set the page's title."""
        self._ask("title", title)

    def redirect(self, path: str) -> None:
        """Send the browser to another page of this site. Raises ComponentError for anything but a path."""
        if not is_site_path(path):
            raise ComponentError(f"redirect({path!r}): expected a path of this site, such as '/done'")
        self._ask("redirect", path)

    def reload(self) -> None:
        """Load the whole page again."""
        self._ask("reload")

    def _result(self, seq: int, value: Any) -> None:
        """What the method of event `seq` returns to the page, which waits for it."""
        self._ask("result", seq, value)

    def _ask(self, *effect: Any) -> None:
        around = self._surroundings
        if around.tab is None and around.renderer is not None and not around.finding:
            raise ComponentError(f"{type(self).__name__}.{effect[0]} {_TOO_EARLY}")
        try:
            packed = msgspec.json.encode(effect)
            size = len(packed) + (around.weight if around.effects else 0)
        except (TypeError, ValueError, OverflowError, RecursionError) as error:
            problem = f"{effect[0]} cannot be sent to the browser: {error}"
            raise ComponentError(f"{problem}; give it numbers, text, lists and dicts") from None
        if size > TOGETHER:
            problem = f"{effect[0]}: what one method asks of the page would be {size} bytes, {TOGETHER} are allowed"
            raise ComponentError(f"{problem}; show it in the template, or serve it from a route")
        # As it is now: the method may go on to change what it has given.
        around.effects.append(msgspec.json.decode(packed))
        around.weight = size
        self._asked()

    @property
    def _surroundings(self) -> Surroundings:
        surroundings: Surroundings = self.__dict__["_asok"]
        return surroundings

    def _asked(self) -> None:
        """Something was asked for; after the work's commit somebody has to be told."""
        if self._surroundings.late is not None:
            self._surroundings.late()


def _text(effect: str, value: str) -> str:
    if not isinstance(value, str) or not value.strip():
        example = {"dispatch": "a name, such as 'saved'", "announce": "text"}.get(
            effect, "a CSS selector, such as '#x'"
        )
        raise ComponentError(f"{effect}({value!r:.80}): expected {example}")
    return value


def _address(source: str | bytes, name: str) -> str:
    """A path as it is; bytes as a `data:` URL, which needs a name and is saved, never shown."""
    if isinstance(source, str):
        if not is_site_path(source):
            problem = f"download({source!r:.80}): expected a path of this site, such as '/files/7.pdf'"
            raise ComponentError(f"{problem}, or bytes: download(text.encode(), 'orders.csv')")
        return source
    if not isinstance(source, bytes | bytearray | memoryview):
        raise ComponentError(f"download: expected a path of this site or bytes, got {type(source).__name__}")
    content = bytes(source)
    if not name:
        raise ComponentError("download(…bytes): give the file a name: download(content, 'orders.csv')")
    if len(content) > FILE:
        raise ComponentError(f"download: {len(content)} bytes, {FILE} are allowed; serve the file and give its path")
    return f"data:application/octet-stream;base64,{b64encode(content).decode()}"
