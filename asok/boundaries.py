"""What stands in a component's place while it is not there: its placeholder, or, where it has failed, its boundary."""

from __future__ import annotations

import logging
import re
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from traceback import extract_tb

from markupsafe import Markup

from asok.component import Definition
from asok.errors import AsokError
from asok.frames import Child
from asok.markup import with_attribute
from asok.rendering import Templates
from asok.statics import text_of

__all__ = ["Failure", "boundary", "waiting"]

log = logging.getLogger("asok")

OURS = str(Path(__file__).parent)
FOREIGN = ("jinja2", "msgspec", "markupsafe", "asyncio")
# By the function of ours that calls it.
HOOKS = {"admit": "guard", "hook": "mount", "load": "load", "render": "render"}
WHEN = {"now": ' data-live="0"', "visible": ' data-asok-lazy="visible"', "idle": ' data-asok-lazy="idle"'}
# What a template begins with that makes a part of a table, after Jinja's own words.
PART = re.compile(
    r"(?:\s|\{#.*?#\}|\{%.*?%\}|<!--.*?-->|<style.*?</style>)*+<(t[dhr]|tbody|tfoot|thead)(?=[\s/>])", re.I | re.S
)


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a component could not be shown: where it raised what. method: empty where its arguments do not fit."""

    component: str
    method: str
    error: BaseException
    place: str

    @classmethod
    def of(cls, definition: Definition, error: BaseException) -> Failure:
        """Told by the error's traceback: which hook we had called, and where in the app's own code it ended."""
        steps = list(extract_tb(error.__traceback__))
        theirs = [step for step in steps if not _is_foreign(step.filename)]
        called = [after for before, after in pairwise(steps) if before.name == "_mount"]
        method = HOOKS.get(called[0].name, "") if called and _is_ours(called[0].filename) else "mount" if called else ""
        place = f"{_short(theirs[-1].filename)}:{theirs[-1].lineno}" if theirs else ""
        return cls(definition.name, method, error, place)

    def __str__(self) -> str:
        where = f"{self.component}.{self.method}" if self.method else self.component
        raised = f"{where} raised {type(self.error).__name__}: {self.error}"
        return f"{raised} ({self.place})" if self.place else raised


def _short(filename: str) -> str:
    path = Path(filename)
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else filename


def _is_ours(filename: str) -> bool:
    return filename.startswith(OURS)


def _is_foreign(filename: str) -> bool:
    return _is_ours(filename) or not {*Path(filename).parts}.isdisjoint(FOREIGN)


def boundary(templates: Templates, definition: Definition, error: BaseException) -> str:
    """The HTML of a component that has failed. What failed stands in it in development, and in the log in any case."""
    failure = Failure.of(definition, error)
    log.error("%r", str(failure), exc_info=error if templates.debug else None)
    told = {"component": definition.name, "error": str(failure) if templates.debug else ""}
    if definition.cls.error_template is not None:
        try:
            return _in_its_place(definition, templates.stand_in(definition.cls.error_template, "", told))
        except Exception as problem:
            log.error("%s.error_template: %r", definition.name, str(problem))
    return _in_its_place(definition, templates.stand_in(None, "asok/error.html", told))


def waiting(templates: Templates, child: Child) -> str:
    """The HTML of a lazy component that has not been mounted, which says when it wants to be."""
    source = None if child.placeholder else child.definition.cls.placeholder
    html = templates.stand_in(source, "asok/placeholder.html", {**child.arguments, "text": Markup(child.placeholder)})
    return with_attribute(_in_its_place(child.definition, html), f'{WHEN[child.lazy]} aria-busy="true"')


def _in_its_place(definition: Definition, html: str) -> str:
    """As a row where the component is one: all else a browser puts before the table, and there the row would follow."""
    source = definition.cls.template
    if source is None and definition.folder is not None:
        with suppress(AsokError, OSError):
            source = text_of(definition.folder / definition.template_name)
    part = PART.match(source or "")
    if part is None or PART.match(html):
        return html
    tag = part[1].lower()
    if tag in ("td", "th"):
        return f"<td>{html}</td>"
    row = f"<tr><td>{html}</td></tr>"
    return row if tag == "tr" else f"<{tag}>{row}</{tag}>"
