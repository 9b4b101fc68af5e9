"""Forms of other libraries, where they are installed: models of pydantic, and forms of WTForms."""

from __future__ import annotations

import sys
import types
import typing
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Annotated, Any

from asok.entered import holds_nul, unaliased
from asok.errors import FieldError
from asok.form_checks import Form, kind_of_form, label_of
from asok.form_shapes import MOST_ROWS, Errors, Kind, Shape
from asok.form_values import SEQUENCES, text_of
from asok.form_words import WORDS

__all__ = ["kind_of"]


def kind_of(form: Any) -> Kind | None:
    """What is known of a class whose objects a form makes; None for any other. Raises FieldError."""
    if not isinstance(form, type):
        return None
    if issubclass(form, Form):
        return kind_of_form(form)
    pydantic, wtforms = sys.modules.get("pydantic"), sys.modules.get("wtforms")
    if pydantic is not None and issubclass(form, pydantic.BaseModel):
        return _pydantic(typing.cast(Any, form))
    if wtforms is not None and issubclass(form, wtforms.Form):
        return _wtforms(typing.cast(Any, form))
    return None


# ---- pydantic


class PydanticKind:
    """A model of pydantic. What is wrong, its own validators say."""

    slow = True

    def __init__(self, form: Any) -> None:
        self.form = form
        self.keys = {name: _alias(info) or name for name, info in form.model_fields.items()}
        self.shape = Shape("group", inside={name: _shape_of(name, info) for name, info in form.model_fields.items()})

    def check(self, data: Mapping[str, Any]) -> tuple[Any, Errors]:
        """The model, or None and what its validators say."""
        if wrong := dict(_not_kept(data)):
            return None, wrong
        try:
            return self.form.model_validate(self._given(data)), {}
        except sys.modules["pydantic"].ValidationError as error:
            return None, {self._path(each["loc"]): _said(each) for each in reversed(error.errors())}

    def _given(self, data: Mapping[str, Any]) -> dict[str, Any]:
        """The text as pydantic takes it: what is left empty is None, or left out."""
        given: dict[str, Any] = {}
        for name, info in self.form.model_fields.items():
            shape, value = self.shape.inside[name], data.get(name)
            (_, optional), model = _bare(info.annotation), self._model(name)
            if shape.kind == "group":
                value = None if optional and not any((value or {}).values()) else _pydantic(model)._given(value or {})
            elif shape.kind == "rows":
                value = [_pydantic(model)._given(row) for row in value or ()]
            elif shape.kind == "flag":
                value = value == "on"
            elif value in ("", None) and not optional:
                continue
            given[self.keys[name]] = None if value == "" else value
        return given

    def _model(self, name: str) -> Any:
        """The class of a group or of rows."""
        inner, _ = _bare(self.form.model_fields[name].annotation)
        return typing.get_args(inner)[0] if self.shape.inside[name].kind == "rows" else inner

    def _path(self, loc: Iterable[Any]) -> tuple[str | int, ...]:
        """The field that is meant, by its own name. What pydantic says beyond that, such as which value of several
        or which type of a union, has no place on the page."""
        path: tuple[str | int, ...] = ()
        kind = self
        for part in loc:
            if isinstance(part, int):
                path = (*path, part)
                continue
            name = next((name for name, key in kind.keys.items() if part in (key, name)), None)
            if name is None:
                break
            path = (*path, name)
            if kind.shape.inside[name].kind not in ("group", "rows"):
                break
            kind = _pydantic(kind._model(name))
        return path

    def texts(self, value: Any) -> dict[str, Any]:
        """The text of a model's fields."""
        return _texts(self.shape, value if isinstance(value, Mapping) else value.model_dump())


@cache
def _pydantic(form: Any) -> PydanticKind:
    return PydanticKind(form)


def _alias(info: Any) -> str:
    alias = info.validation_alias or info.alias
    return alias if isinstance(alias, str) else ""


def _shape_of(name: str, info: Any) -> Shape:
    bare, _ = _bare(info.annotation)
    inner = typing.get_args(bare)[0] if typing.get_origin(bare) is list else bare
    label, required = info.title or label_of(name), info.is_required()
    model = sys.modules["pydantic"].BaseModel
    if isinstance(inner, type) and issubclass(inner, model):
        inside = _pydantic(inner).shape.inside
        if inner is bare:
            return Shape("group", label, required, "", inside)
        limits = {
            key: getattr(each, key)
            for each in info.metadata
            for key in ("min_length", "max_length")
            if hasattr(each, key)
        }
        return Shape(
            "rows", label, required, "", inside, limits.get("min_length", 0), limits.get("max_length", MOST_ROWS)
        )
    default = None if required else info.get_default(call_default_factory=True)
    if (typing.get_origin(bare) or bare) in SEQUENCES:
        return Shape("many", label, required, text_of(default, many=True))
    secret = bare is sys.modules["pydantic"].SecretStr
    text = "" if secret else text_of(default)
    return Shape("flag" if bare is bool else "text", label, required, text, secret=secret)


def _bare(annotation: Any) -> tuple[Any, bool]:
    annotation = unaliased(annotation)
    if typing.get_origin(annotation) is Annotated:
        return _bare(typing.get_args(annotation)[0])
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        options = [each for each in typing.get_args(annotation) if each is not type(None)]
        if len(options) == 1:
            return _bare(options[0])[0], True
        return annotation, len(options) < len(typing.get_args(annotation))
    return annotation, False


def _said(error: Any) -> str:
    if error["type"] == "missing":
        return WORDS["required"]
    return str(error.get("ctx", {}).get("error") or error["msg"])


# ---- WTForms


class WTFormsKind:
    """A form of WTForms. The method gets the form itself, validated."""

    slow = True

    def __init__(self, form: Any) -> None:
        self.form = form
        if getattr(form.Meta, "csrf", False):
            raise FieldError(
                f"{form.__name__} has a CSRF token of its own, and asok has one already: set Meta.csrf = False"
            )
        self.shape = Shape("group", inside=_shapes(form()))

    def check(self, data: Mapping[str, Any]) -> tuple[Any, Errors]:
        """The form, or None and what its validators say."""
        if wrong := dict(_not_kept(data)):
            return None, wrong
        made = self.form(_Given(_named(self.shape, data)))
        return (made, {}) if made.validate() else (None, dict(_errors(made.errors)))

    def texts(self, value: Any) -> dict[str, Any]:
        """The text of a form's fields."""
        return _texts(self.shape, value if isinstance(value, Mapping) else value.data)


@cache
def _wtforms(form: Any) -> WTFormsKind:
    return WTFormsKind(form)


class _Given(dict[str, list[str]]):
    """The text as WTForms takes it."""

    def getlist(self, name: str) -> list[str]:
        return self.get(name, [])


def _shapes(form: Any) -> dict[str, Shape]:
    submit = sys.modules["wtforms"].SubmitField
    return {field.short_name: _shape(form, field) for field in form if not isinstance(field, submit)}


def _shape(form: Any, field: Any) -> Shape:
    wtforms: Any = sys.modules["wtforms"]
    label, required = field.label.text, bool(field.flags.required)
    if isinstance(field, wtforms.FormField):
        return Shape("group", label, required, "", _shapes(field.form))
    if isinstance(field, wtforms.FieldList):
        row = field.entries[0] if field.entries else field.append_entry()
        if isinstance(row, wtforms.FormField):
            most = field.max_entries or MOST_ROWS
            return Shape("rows", label, required, "", _shapes(row.form), field.min_entries, most)
    if isinstance(field, (wtforms.FieldList, wtforms.FileField)):
        problem = "a list of forms is a FieldList(FormField(…)), and files do not go with a form's text"
        raise FieldError(f"{type(form).__name__}.{field.short_name} is a {type(field).__name__}: {problem}")
    if isinstance(field, wtforms.BooleanField):
        return Shape("flag", label, required, text_of(bool(field.data)))
    if isinstance(field, wtforms.SelectMultipleField):
        return Shape("many", label, required, text_of(field.data, many=True))
    secret = isinstance(field, wtforms.PasswordField)
    return Shape("text", label, required, "" if secret else text_of(field.data), secret=secret)


def _named(shape: Shape, data: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, list[str]]]:
    for key, each in shape.inside.items():
        name, value = prefix + key, data.get(key)
        if each.kind == "group":
            yield from _named(each, value or {}, f"{name}-")
        elif each.kind == "rows":
            for at, row in enumerate(value or ()):
                yield from _named(each, row, f"{name}-{at}-")
        elif each.kind != "flag" or value == "on":
            yield name, [value or ""] if not isinstance(value, list) else value


def _errors(found: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], str]]:
    if isinstance(found, Mapping):
        for name, inside in found.items():
            yield from _errors(inside, path if name is None else (*path, name))
    elif found and all(isinstance(each, (Mapping, list)) for each in found):
        for at, inside in enumerate(found):
            yield from _errors(inside, (*path, at))
    elif found:
        yield path, str(found[0])


def _not_kept(given: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """The fields whose text holds what no library asks about, and a database refuses."""
    if isinstance(given, Mapping):
        for name, inside in given.items():
            yield from _not_kept(inside, (*path, name))
    elif isinstance(given, list) and given and isinstance(given[0], Mapping):
        for at, row in enumerate(given):
            yield from _not_kept(row, (*path, at))
    elif holds_nul(given):
        yield path, WORDS["characters"]


def _texts(shape: Shape, values: Mapping[str, Any]) -> dict[str, Any]:
    """The text of plain values, as the shape has them."""
    found: dict[str, Any] = {}
    for name, each in shape.inside.items():
        value: Any = values.get(name)
        if name not in values or (value is None and each.kind in ("group", "rows")):
            continue
        if each.kind == "rows":
            found[name] = [_texts(each, row) for row in value]
        else:
            found[name] = _texts(each, value) if each.kind == "group" else text_of(value, many=each.kind == "many")
    return found
