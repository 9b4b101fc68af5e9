"""What a template sees of a form: each field with its text, its name on the page and what was said about it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

from markupsafe import Markup, escape

from asok.errors import FieldError, nearest
from asok.form_shapes import Kind, Shape, Text

__all__ = ["Control", "Group", "Row", "Rows", "View", "view_of"]


class Draft(Protocol):
    """What is shown: the texts, and what was said about them."""

    @property
    def kind_(self) -> Kind:
        """The form's."""
        ...

    @property
    def id_(self) -> str:
        """How the ids of its elements begin."""
        ...

    @property
    def typed_(self) -> Mapping[str, Text]:
        """Text by the field's name."""
        ...

    @property
    def rows_(self) -> Mapping[str, Sequence[int]]:
        """The numbers of rows."""
        ...

    @property
    def visited_(self) -> Sequence[str]:
        """Where the person has been."""
        ...

    def error_of_(self, name: str) -> str:
        """What is wrong with a field where the person has been."""
        ...


class Control:
    """A field with a control of its own."""

    def __init__(self, draft: Draft, shape: Shape, name: str) -> None:
        self.name, self._draft, self._shape = name, draft, shape

    @property
    def id(self) -> str:
        """The id of the control; that of what was said about it has `-error` at its end."""
        return f"{self._draft.id_}-{self.name}"

    @property
    def value(self) -> Text:
        """The text as it was typed, a list of them where several can be chosen."""
        return self._draft.typed_.get(self.name, self._shape.default)

    @property
    def checked(self) -> bool:
        """Whether a checkbox is ticked."""
        return bool(self.value)

    @property
    def error(self) -> str:
        """What is wrong with it, once the person has visited it; empty for nothing."""
        return self._draft.error_of_(self.name)

    @property
    def visited(self) -> bool:
        """Whether the person has been there."""
        return self.name in self._draft.visited_

    @property
    def label(self) -> str:
        """What it is called: `Meta(title=…)`, or its name as people write it."""
        return self._shape.label

    @property
    def required(self) -> bool:
        """Whether it must be filled in."""
        return self._shape.required

    @property
    def described(self) -> Markup:
        """`name`, `id`, and what screen readers need to tell that something is wrong."""
        wrong = f' aria-invalid="true" aria-describedby="{escape(self.id)}-error"' if self.error else ""
        return Markup(f'id="{escape(self.id)}" name="{escape(self.name)}"{wrong}')

    @property
    def attributes(self) -> Markup:
        """All that an `<input>` needs but its type: `<input type="email" {{ form.email.attributes }}>`."""
        if self._shape.kind == "flag":
            return self.described + Markup(' value="on"' + (" checked" if self.checked else ""))
        return self.described + Markup(f' value="{escape(self.value)}"')


class Group:
    """A form within the form: `form.address.street`."""

    def __init__(self, draft: Draft, shape: Shape, prefix: str) -> None:
        self._draft, self._shape, self._prefix = draft, shape, prefix

    def __getattr__(self, name: str) -> View:
        if name.startswith("__"):
            raise AttributeError(name)
        return self[name]

    def __getitem__(self, name: str) -> View:
        return view_of(self._draft, self._shape, name, self._prefix)

    def __iter__(self) -> Iterator[View]:
        return iter([self[name] for name in self._shape.inside])

    @property
    def error(self) -> str:
        """What is wrong with it as a whole, as its own `check` or a rule of the form for it says."""
        return self._draft.error_of_(self._prefix[:-1])


class Row(Group):
    """One of several; its number is never given to another, so that `ws-key="{{ line.key }}"` keeps its elements."""

    def __init__(self, draft: Draft, shape: Shape, rows: str, number: int) -> None:
        super().__init__(draft, shape, f"{rows}-{number}-")
        self.key = number


class Rows:
    """The rows of a field: `{% for line in form.lines %}`."""

    def __init__(self, draft: Draft, shape: Shape, name: str) -> None:
        self.name, self._draft, self._shape = name, draft, shape

    def __iter__(self) -> Iterator[Row]:
        return iter([Row(self._draft, self._shape, self.name, n) for n in self._draft.rows_.get(self.name, ())])

    def __len__(self) -> int:
        return len(self._draft.rows_.get(self.name, ()))

    @property
    def label(self) -> str:
        """What they are called."""
        return self._shape.label

    @property
    def error(self) -> str:
        """What is wrong with them as a whole, such as that there are too few."""
        return self._draft.error_of_(self.name)

    @property
    def full(self) -> bool:
        """Whether there may be no more."""
        return len(self) >= self._shape.most


View = Control | Group | Rows


def view_of(draft: Draft, shape: Shape, name: str, prefix: str = "") -> View:
    """A field of a form or group, by its name. Raises FieldError."""
    found = shape.inside.get(name)
    if found is None:
        form = draft.kind_.form.__name__
        raise FieldError(f"{form} has no field {prefix + name!r}{nearest(name, shape.inside)}")
    if found.kind == "group":
        return Group(draft, found, f"{prefix}{name}-")
    return (Rows if found.kind == "rows" else Control)(draft, found, prefix + name)
