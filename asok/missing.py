"""While developing: what a template shows that is not there is told in the log, once, with the nearest name."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from types import FrameType
from typing import Any

import jinja2
from jinja2.runtime import Context, TemplateReference
from jinja2.utils import missing

from asok.errors import nearest

__all__ = ["COMPUTED", "TellingUndefined", "told"]

log = logging.getLogger("asok")

# What a template of a component finds by its name beside fields.
COMPUTED: tuple[type, ...] = (property, cached_property)
MOST = 1000  # of what was told is remembered
told: dict[tuple[str, str], None] = {}


class TellingUndefined(jinja2.Undefined):
    """Jinja's own, which shows nothing; and says so in the log where it is shown or gone through.

    Whoever asks whether it is there (`is defined`, `default`, `if`) expects that it may not be. So does who asks a
    dict for an item, such as `errors.name`.
    """

    __slots__ = ()

    def __str__(self) -> str:
        self._tell()
        return super().__str__()

    def __iter__(self) -> Iterator[Any]:
        self._tell()
        return super().__iter__()

    def __len__(self) -> int:
        self._tell()
        return super().__len__()

    def _tell(self) -> None:
        name, owner = self._undefined_name, self._undefined_obj
        if not isinstance(name, str) or isinstance(owner, Mapping | jinja2.Undefined):
            return
        frame = _template_frame()
        if frame is None:
            return
        template = frame.f_globals["__jinja_template__"]
        context = frame.f_locals.get("context")
        component = context.parent.get("this") if isinstance(context, Context) else None
        where = _shown(template) if template.name else f"the template of {type(component).__name__}"
        if (where, name) not in told and len(told) < MOST:
            told[where, name] = None
            line = template.get_corresponding_lineno(frame.f_lineno)
            log.warning("%s:%s: %s, and shows nothing", where, line, _problem(name, owner, context, component))


def _problem(name: str, owner: Any, context: Any, component: Any) -> str:
    if isinstance(owner, TemplateReference):
        return f"there is no block {name!r}; a field stands without self, as in {{{{ {name} }}}}"
    if owner is not missing:
        return f"{type(owner).__name__} has no {name!r}{nearest(name, _public(dir(owner)))}"
    known = [*(context.get_all() if isinstance(context, Context) else ()), *_properties(component)]
    return f"there is no {name!r}{nearest(name, _public(known))}"


def _shown(template: jinja2.Template) -> str:
    """The template's file, from where the app was started."""
    path = Path(template.filename or template.name or "")
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)


def _public(names: Iterable[str]) -> list[str]:
    return [name for name in names if not name.startswith("_")]


def _properties(component: Any) -> list[str]:
    cls = type(component)
    return [name for name in dir(cls) if isinstance(getattr(cls, name, None), COMPUTED)]


def _template_frame() -> FrameType | None:
    """Where in a compiled template this is being shown."""
    frame: FrameType | None = sys._getframe(2)
    while frame is not None and "__jinja_template__" not in frame.f_globals:
        frame = frame.f_back
    return frame
