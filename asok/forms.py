"""Forms: a typed class says what is asked, and a draft keeps what a person has typed until it is right."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cache
from itertools import count
from typing import Any, ClassVar

import msgspec
from msgspec import Struct

from asok.errors import BadArguments, FieldError, nearest
from asok.form_adapters import kind_of
from asok.form_checks import RESERVED, Email, Form, Meta, Secret, validates
from asok.form_shapes import MOST_ROWS, Errors, Kind, Shape, Text, nested, place_of, spread
from asok.form_views import View, view_of
from asok.form_words import FormError

__all__ = ["Draft", "Email", "Form", "FormError", "Meta", "Secret", "form_of", "validates"]

BETWEEN_WORDS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


class Draft(Struct):
    """What a person has typed into a form so far, right or wrong, and what was said about it.

    It is a field of a component, made by `form_of`. In the template `form.email` has `name`, `id`, `value`, `error`,
    `label` and `attributes`; rows are walked, as in `{% for line in form.lines %}{{ line.price.value }}`.
    """

    kind_: ClassVar[Kind]

    id_: str = ""
    typed_: dict[str, Text] = {}
    rows_: dict[str, list[int]] = {}
    given_: int = 0
    visited_: list[str] = []
    errors_: dict[str, str] = {}

    @property
    def error(self) -> str:
        """What is wrong with the form as a whole."""
        return self.errors_.get("", "")

    @property
    def errors(self) -> dict[str, str]:
        """What is wrong, by the field's name on the page, with the fields that the person has visited."""
        visited = {"", *self.visited_}
        return {name: text for name, text in self.errors_.items() if name in visited}

    def error_of_(self, name: str) -> str:
        """What is wrong with one field, as `errors` has it, without looking at all the others."""
        return self.errors_[name] if name in self.errors_ and name in self.visited_ else ""

    def refuse(self, text: str = "", /, **fields: str) -> None:
        """Say in a method what is wrong after all: `self.form.refuse(email="This address is taken.")`.

        The method goes on, and what it does is kept; `raise FormError(…)` ends it, and nothing is kept.
        """
        self.errors_ |= self.named_(FormError(text, **fields).by_path())
        self.visited_ = list(dict.fromkeys([*self.visited_, *self.errors_]))

    def add_row(self, rows: str, **values: Any) -> None:
        """Add a row, with these values in it: `self.form.add_row("lines", price=3)`.

        Raises BadArguments, or FieldError for a value of no field.
        """
        shape, numbers = self._rows(rows), self.rows_.get(rows, [])
        check_known(f"A row of {rows}", shape, values)
        if len(numbers) >= shape.most:
            raise BadArguments("add_row", f"{rows} has {len(numbers)} rows, and {shape.most} are possible")
        self.rows_[rows] = [*numbers, self.given_]
        inside, prefix = Shape("group", inside=shape.inside), f"{rows}-{self.given_}-"
        self._spread(inside, self._texts_of_row(rows, values), prefix, count(self.given_ + 1))

    def remove_row(self, rows: str, number: int) -> None:
        """Remove the row with this number, which is its `key`. Raises BadArguments for one that never was."""
        self._rows(rows)
        self.check_row_(rows, number)
        self.rows_[rows] = [each for each in self.rows_.get(rows, []) if each != number]
        gone = f"{rows}-{number}-"
        for kept in (self.typed_, self.rows_, self.errors_):
            for name in [name for name in kept if f"{name}-".startswith(gone)]:
                del kept[name]
        self.visited_ = [name for name in self.visited_ if not f"{name}-".startswith(gone)]

    def __getattr__(self, name: str) -> View:
        if name.startswith("__"):
            raise AttributeError(name)
        return self[name]

    def __getitem__(self, name: str) -> View:
        return view_of(self, self.kind_.shape, name)

    # ---- what asok does with it

    def take_(self, given: Mapping[str, list[str]], *, known: frozenset[str] | None = None) -> None:
        """Keep the text that a form on the page holds; what has changed, the person has visited.

        known: the names that may stand beside the fields; where it is given, any other is refused. Raises BadArguments.
        """
        shape = self.kind_.shape
        fields: dict[str, Shape] = {}
        for name in given:
            found = place_of(shape, name)
            if found is None or found[0].kind in ("group", "rows"):
                if known is not None and name not in known:
                    problem = f"{self.kind_.form.__name__} has no field {name[:80]!r}{nearest(name[:80], shape.inside)}"
                    raise BadArguments("form", problem)
                continue
            field, rows = found
            for place, number in rows.items():
                self.check_row_(place, number)
            if all(number in self.rows_.get(place, ()) for place, number in rows.items()):
                fields[name] = field
        fields |= {name: field for name, field in self.fields_().items() if field.kind in ("flag", "many")}
        self.visit_(*[name for name, field in fields.items() if self._keep(name, field, given.get(name, []))])

    def restore_(self, given: Mapping[str, list[str]]) -> None:
        """Keep the text of a form whose rows were given by another draft, and these rows."""
        shape = self.kind_.shape
        rows: dict[str, list[int]] = {name: [] for name in self.rows_ if "-" not in name}
        for name in given:
            found = place_of(shape, name)
            for place, number in found[1].items() if found else ():
                numbers = rows.setdefault(place, [])
                if number not in numbers and len(numbers) < MOST_ROWS:
                    numbers.append(number)
        self.rows_, self.given_ = rows, 1 + max((number for each in rows.values() for number in each), default=-1)
        self.take_(given)

    def check_row_(self, rows: str, number: int) -> None:
        """Raises BadArguments for a row that never was; one that is gone may have been on its way."""
        if not isinstance(number, int) or not 0 <= number < self.given_:
            raise BadArguments("form", f"{rows} has no row {number}; the rows are {self.rows_.get(rows, [])}")

    def visit_(self, *names: str) -> None:
        """The person has been there."""
        fields = self.fields_()
        found = [name for name in names if name in fields]
        self.visited_ = list(dict.fromkeys([*self.visited_, *found]))

    def visit_all_(self) -> None:
        """The person means it: the whole form was sent."""
        wholes: dict[str, Shape] = {}
        self.visited_ = [*self.fields_(wholes), *wholes]

    def forget_secrets_(self) -> None:
        """What is secret was here as long as it took to check it."""
        for name, shape in self.fields_().items():
            if shape.secret:
                self.typed_.pop(name, None)

    def data_(self) -> dict[str, Any]:
        """The text as a tree, as a `Kind` checks it."""
        return nested(self.kind_.shape, self.typed_, self.rows_)

    def judge_(self, errors: Errors, *, beside: frozenset[str] = frozenset()) -> None:
        """Keep what a check has found, and nothing of what was said before.

        beside: controls that are no fields of the form. Raises FieldError for what would stand nowhere on the page.
        """
        for path in errors:
            shape = self.kind_.shape
            for part in path if path[:1] not in [(name,) for name in beside] else ():
                if isinstance(part, str):
                    check_known(self.kind_.form.__name__ if shape is self.kind_.shape else shape.label, shape, (part,))
                    shape = shape.inside[part]
        self.errors_ = self.named_(errors)

    def named_(self, errors: Errors) -> dict[str, str]:
        """What is wrong, by the names on the page: there rows have numbers, and in the form places."""
        found = {}
        for path, text in errors.items():
            name = ""
            for part in path:
                numbers = self.rows_.get(name, []) if isinstance(part, int) else []
                step = numbers[part] if isinstance(part, int) and part < len(numbers) else part
                name = f"{name}-{step}" if name else str(step)
            found[name] = text
        return found

    def fields_(self, wholes: dict[str, Shape] | None = None) -> dict[str, Shape]:
        """Every control of the form as it is now, by its name. wholes: gets the forms in it, the rows and each row."""
        found: dict[str, Shape] = {}
        around = {} if wholes is None else wholes

        def walk(shape: Shape, prefix: str) -> None:
            for key, each in shape.inside.items():
                name = prefix + key
                if each.kind not in ("group", "rows"):
                    found[name] = each
                    continue
                around[name] = each
                for place in [f"{name}-{number}" for number in self.rows_.get(name, ())]:
                    around[place] = each
                    walk(each, f"{place}-")
                if each.kind == "group":
                    walk(each, f"{name}-")

        walk(self.kind_.shape, "")
        return found

    def _keep(self, name: str, field: Shape, texts: list[str]) -> bool:
        """Whether this is another text than before."""
        before = self.typed_.get(name, field.default)
        text: Text = texts if field.kind == "many" else texts[-1] if texts else ""
        if text != before:
            self.typed_[name] = text
        return text != before

    def _rows(self, name: str) -> Shape:
        found = place_of(self.kind_.shape, name)
        if found is None or found[0].kind != "rows" or name.rpartition("-")[2].isdecimal():
            known = [each for each, shape in self.kind_.shape.inside.items() if shape.kind == "rows"]
            raise BadArguments("form", f"{self.kind_.form.__name__} has no rows called {name!r}{nearest(name, known)}")
        for place, number in found[1].items():
            self.check_row_(place, number)
        return found[0]

    def _texts_of_row(self, rows: str, values: Mapping[str, Any]) -> Mapping[str, Any]:
        """The text of a new row, as the form's own class writes it."""
        steps, shape = [], self.kind_.shape
        for name in [part for part in rows.split("-") if not part.isdecimal()]:
            shape = shape.inside[name]
            steps.append((name, shape.kind == "rows"))
        given: Any = values
        for name, several in reversed(steps):
            given = {name: [given] if several else given}
        texts: Any = self.kind_.texts(given)
        for name, several in steps:
            texts = texts[name][0] if several else texts[name]
        found: Mapping[str, Any] = texts
        return found

    def _spread(self, shape: Shape, texts: Mapping[str, Any], prefix: str, numbers: Any) -> None:
        typed, rows = spread(shape, texts, numbers)
        self.typed_ |= {prefix + name: text for name, text in typed.items()}
        self.rows_ |= {prefix + name: given for name, given in rows.items()}
        self.given_ = next(numbers)


def form_of(form: Any, *, id: str = "", **values: Any) -> Any:
    """A field for a form on the page: `form = form_of(SignUp)`, or with values, `form_of(SignUp, country="de")`.

    form: a class of `Form`, a model of pydantic, a form of WTForms, or an object of one, which is then to be edited.
    id: how the ids of its elements begin; by default as the class is called. Raises FieldError.
    """
    cls = form if isinstance(form, type) else type(form)
    made: Draft = draft_class(cls)()
    made.id_ = id or BETWEEN_WORDS.sub("-", cls.__name__).lower()
    check_known(cls.__name__, made.kind_.shape, values)
    texts = {} if isinstance(form, type) else made.kind_.texts(form)
    made._spread(made.kind_.shape, {**texts, **made.kind_.texts(values)}, "", count())
    return made


def check_known(what: str, shape: Shape, names: Iterable[str]) -> None:
    """Raises FieldError for a field that is not there."""
    unknown = next((name for name in names if name not in shape.inside), None)
    if unknown is not None:
        raise FieldError(f"{what} has no field {unknown!r}{nearest(unknown, shape.inside)}")


@cache
def draft_class(form: type) -> type[Draft]:
    """The type of the drafts of a form. Raises FieldError for a class that is none."""
    kind = kind_of(form)
    if kind is None:
        raise FieldError(
            f"form_of({getattr(form, '__name__', form)!s}): expected a class of asok.forms.Form, a model of "
            "pydantic or a form of WTForms"
        )
    taken = RESERVED & kind.shape.inside.keys()
    if taken:
        raise FieldError(f"{form.__name__}.{min(taken)} cannot be a field of a form: the name is taken; rename it")
    name = f"{form.__name__}Draft"
    made: Any = msgspec.defstruct(name, [], bases=(Draft,), namespace={"kind_": kind}, module=form.__module__)
    found: type[Draft] = made
    return found
