"""What stands in a component's place while it is not there: its placeholder, or, where it has failed, its boundary."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from traceback import FrameSummary, extract_tb

from asok.component import Definition
from asok.frames import Child
from asok.markup import with_attribute
from asok.rendering import Templates

__all__ = ["Failure", "boundary", "waiting"]

log = logging.getLogger("asok")

OURS = str(Path(__file__).parent)
THEIRS = ("jinja2", "msgspec", "markupsafe", "asyncio")
WHEN = {"now": ' data-live="0"', "visible": ' data-asok-lazy="visible"', "idle": ' data-asok-lazy="idle"'}


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a component could not be shown: where it raised what. method: empty where its arguments do not fit."""

    component: str
    method: str
    error: BaseException
    place: str

    @classmethod
    def of(cls, definition: Definition, error: BaseException) -> Failure:
        """Told by the error's traceback: the hook is the first function in it that is not ours, the place the last."""
        steps = list(_their_steps(error))
        method = steps[0].name if steps else ""
        place = f"{steps[-1].filename}:{steps[-1].lineno}" if steps else ""
        in_template = method.startswith(("top-level", "root", "block", "<")) or method.endswith(" template code")
        return cls(definition.name, "render" if in_template else method, error, place)

    def __str__(self) -> str:
        where = f"{self.component}.{self.method}" if self.method else self.component
        raised = f"{where} raised {type(self.error).__name__}: {self.error}"
        return f"{raised} ({self.place})" if self.place else raised


def _their_steps(error: BaseException) -> Iterator[FrameSummary]:
    for step in extract_tb(error.__traceback__):
        parts = Path(step.filename).parts
        if not step.filename.startswith((OURS, "<")) and not any(name in parts for name in THEIRS):
            yield step


def boundary(templates: Templates, definition: Definition, error: Exception) -> str:
    """The HTML of a component that has failed. What failed stands in it in development, and in the log in any case."""
    failure = Failure.of(definition, error)
    log.error("%s", failure, exc_info=error if templates.debug else None)
    told = {"component": definition.name, "error": str(failure) if templates.debug else ""}
    if definition.cls.error_template is not None:
        try:
            return templates.stand_in(definition.cls.error_template, "", told)
        except Exception as problem:
            log.error("%s.error_template: %s", definition.name, problem)
    return templates.stand_in(None, "asok/error.html", told)


def waiting(templates: Templates, child: Child) -> str:
    """The HTML of a lazy component that has not been mounted, which says when it wants to be."""
    source = None if child.placeholder else child.definition.cls.placeholder
    html = templates.stand_in(source, "asok/placeholder.html", {**child.arguments, "text": child.placeholder})
    return with_attribute(html, f'{WHEN[child.lazy]} aria-busy="true"')
