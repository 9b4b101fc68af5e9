"""What a component's methods make the page do: the calls of `self` that end in the browser."""

from __future__ import annotations

from typing import Any

import msgspec

from asok.errors import ComponentError
from asok.surroundings import Surroundings
from asok.window import is_site_path

__all__ = ["Effects"]


class Effects:
    """The effects of a method on its page; a base of `Placed`."""

    def reset(self, *fields: str) -> None:
        """Put the named form fields back to what the template says, even where the person has typed."""
        self._ask("reset", *fields)

    def focus(self, selector: str) -> None:
        """Move the focus to the first element of the page that matches the CSS selector."""
        self._ask("focus", selector)

    def dispatch(self, name: str, detail: Any = None) -> None:
        """Fire a DOM event called `name` on the component's root element; it bubbles."""
        self._ask("dispatch", name, detail)

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

    def _ask(self, *effect: Any) -> None:
        try:
            msgspec.json.encode(effect)
        except (TypeError, ValueError, OverflowError, RecursionError) as error:
            problem = f"{effect[0]} cannot be sent to the browser: {error}"
            raise ComponentError(f"{problem}; give it numbers, text, lists and dicts") from None
        self._surroundings.effects.append([*effect])
        self._asked()

    @property
    def _surroundings(self) -> Surroundings:
        surroundings: Surroundings = self.__dict__["_asok"]
        return surroundings

    def _asked(self) -> None:
        """Something was asked for; after the work's commit somebody has to be told."""
        if self._surroundings.late is not None:
            self._surroundings.late()
