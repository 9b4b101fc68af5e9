"""HTML that a template gives to a component, as the text that it shows: a field holds text, escaped when shown."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from asok.errors import FieldError

__all__ = ["as_text"]

_TAG = re.compile("<[a-z/!]", re.IGNORECASE)
_FILLED = (list, tuple, dict)


def as_text(component: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of `component()`, where gettext, `{% set %}…{% endset %}` and filters have made HTML of text.

    Raises FieldError where there are tags in it, which a field would show as text.
    """
    return {name: _plain(value, component, name) for name, value in arguments.items()}


def _plain(value: Any, component: str, name: str) -> Any:
    if isinstance(value, Markup):
        if _TAG.search(value):
            raise FieldError(
                f"component('{component}', {name}=…) is HTML, {str(value)[:60]!r}, and a field holds text; "
                f"give it as content: {{% component '{component}' %}}…{{% endcomponent %}}"
            )
        return value.unescape()
    if type(value) not in _FILLED or not _has_markup(value):
        return value
    if isinstance(value, dict):
        return {_plain(key, component, name): _plain(each, component, name) for key, each in value.items()}
    return type(value)(_plain(each, component, name) for each in value)


def _has_markup(value: Any) -> bool:
    if type(value) not in _FILLED:
        return isinstance(value, Markup)
    inside = [*value, *value.values()] if isinstance(value, dict) else value
    return any(map(_has_markup, inside))
