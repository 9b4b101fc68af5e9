"""What a test reads of an open page and of the window around it."""

from __future__ import annotations

from typing import Any

from asok.errors import AsokError
from asok.testing_dom import Dom
from asok.testing_forms import Value, is_control, is_editable, text_of
from asok.testing_markup import outer, text_in
from asok.testing_window import Window

__all__ = ["Reading"]


class Reading:
    """The page as it stands, and what has been asked of its window; a base of `Page`."""

    _dom: Dom
    _window: Window

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
        control = self._dom.meant(selector)
        if not is_control(control) and not is_editable(control):
            raise AsokError(f"<{control.name}> is no control and has no value; see `text`")
        return self._dom.forms.value(control)

    def has_focus(self, selector: str) -> bool:
        """Whether the element has the focus."""
        return self._dom.meant(selector) is self._dom.forms.focused

    @property
    def title(self) -> str:
        """The page's title."""
        return next(iter(self.all("title")), "")

    # What the app asks of the window

    def answers(self, **replies: Any) -> None:
        """Say what the person, or the browser, answers from now on: `page.answers(confirm=True, prompt="Ada")`.

        A function gets what was asked; an exception says that the browser cannot do it. Somebody has to
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
