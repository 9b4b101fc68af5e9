"""Form: the fields of a form as a typed class, and all that is wrong with a text that a person has typed."""

from __future__ import annotations

import types
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from typing import Annotated, Any, ClassVar, Literal, TypeVar, dataclass_transform

import msgspec
from msgspec import NODEFAULT, Meta, Struct, StructMeta

from asok.entered import unaliased
from asok.errors import FieldError
from asok.form_shapes import MOST_ROWS, Errors, Shape
from asok.form_values import SEQUENCES, Entry, Wrong, keep, text_of, value_of
from asok.form_words import FormError, sentence

__all__ = [
    "RESERVED",
    "Email",
    "Form",
    "FormError",
    "FormKind",
    "Meta",
    "Secret",
    "kind_of_form",
    "label_of",
    "validates",
]

F = TypeVar("F", bound=Callable[..., Any])
MARK = "__asok_validates__"
RULES = ("min_length", "max_length", "pattern", "ge", "gt", "le", "lt", "multiple_of", "tz")
RESERVED = frozenset(
    {"add_row", "check", "error", "errors", "errors_", "given_", "id_", "kind_", "messages", "refuse", "remove_row"}
    | {"rows_", "translate", "typed_", "visited_"}
)
Email = Annotated[
    str,
    Meta(
        max_length=254,
        pattern=r"^[^@\s]+@[^@\s.]+(\.[^@\s.]+)+$",
        extra={"message": "Please enter an e-mail address, such as ada@example.org."},
    ),
]


Secret = Annotated[str, Meta(extra={"secret": True, "strip": False})]


class _FormMeta(StructMeta):
    """Fields are given by name, so that one without a default may stand after one that has one."""

    def __new__(cls, name: str, bases: tuple[type, ...], namespace: dict[str, Any], /, **options: Any) -> Any:
        return super().__new__(cls, name, bases, namespace, **{"kw_only": True, **options})


@dataclass_transform(kw_only_default=True)
class Form(Struct, metaclass=_FormMeta):
    """What a form on a page makes of the text in it: a class of typed fields.

    A field without a default must be filled in; `Annotated[int, Meta(ge=18)]` limits it, `Meta(title=…)` is its
    label. `@validates("email")` marks a rule for one field, `check` is one for all of them. messages: other words for
    a rule (`"min_length"`), a field (`"age"`) or a rule of a field (`"age.ge"`).
    """

    messages: ClassVar[Mapping[str, str]] = {}

    def check(self) -> None:
        """Called with the whole form, once every field is right. Raise FormError for what does not go together."""

    @classmethod
    def translate(cls, text: str) -> str:
        """Every sentence of asok passes through here, before its numbers are put in: `return gettext(text)`."""
        return text


def validates(*fields: str) -> Callable[[F], F]:
    """Mark a rule for these fields: it gets the class and the value, and raises FormError where that is wrong.

    What it returns is the field's value; None leaves it as it is.
    """

    def mark(function: F) -> F:
        setattr(function, MARK, fields)
        return function

    return mark


class FormKind:
    """A class of `Form`, as far as pages know it."""

    def __init__(self, form: type[Form]) -> None:
        self.form = form
        self.entries = {each.name: each for each in _entries(form)}
        self.shape = Shape("group", inside={each.name: each.shape for each in self.entries.values()})
        own = form.check is not Form.check or any(each.rules for each in self.entries.values())
        self.slow: bool = own or any(each.form.slow for each in self.entries.values() if each.form)

    def check(self, data: Mapping[str, Any]) -> tuple[Any, Errors]:
        """The form, or None and all that is wrong, by the path of its field."""
        values: dict[str, Any] = {}
        errors: Errors = {}
        for entry in self.entries.values():
            errors |= self._read(entry, data.get(entry.name), values)
        if not errors:
            made = self.form(**values)
            try:
                made.check()
            except FormError as error:
                errors = error.by_path()
            else:
                return made, {}
        return None, errors

    def _read(self, entry: Entry, given: Any, values: dict[str, Any]) -> Errors:
        try:
            if isinstance(entry.form, FormKind):
                return self._read_forms(entry, entry.form, given, values)
            values[entry.name] = self._ruled(
                entry, value_of(entry, given if given is not None else entry.shape.default)
            )
        except Wrong as wrong:
            return {(entry.name,): self._say(entry, wrong)}
        except FormError as error:
            return {(entry.name, *path): text for path, text in error.by_path().items()}
        return {}

    def _ruled(self, entry: Entry, value: Any) -> Any:
        """The value, as the form's own rules for it leave it. Raises FormError."""
        for rule in entry.rules:
            changed = rule(self.form, value)
            value = value if changed is None else changed
        return value

    def _read_forms(self, entry: Entry, kind: FormKind, given: Any, values: dict[str, Any]) -> Errors:
        if entry.shape.kind == "group":
            left_out = entry.optional and kind.is_empty(given or {})
            made, wrong = (None, {}) if left_out else kind.check(given or {})
            errors: Errors = {(entry.name, *path): text for path, text in wrong.items()}
        else:
            rows = [kind.check(row) for row in given or ()]
            errors = {(entry.name, at, *path): text for at, (_, row) in enumerate(rows) for path, text in row.items()}
            made = [value for value, _ in rows] if errors else keep([value for value, _ in rows], entry.limits)
        if not errors:
            values[entry.name] = self._ruled(entry, made)
        return errors

    def is_empty(self, data: Mapping[str, Any]) -> bool:
        """Whether nobody has filled in anything."""
        return all(data.get(name) in (None, "", [], {}, each.shape.default) for name, each in self.entries.items())

    def _say(self, entry: Entry, wrong: Wrong) -> str:
        form = self.form
        own = "" if wrong.rule in ("required", "characters") else entry.own
        return sentence(wrong.rule, entry.name, form.messages, own, form.translate, **wrong.values)

    def texts(self, value: Any) -> dict[str, Any]:
        """The text of a form's fields; of some of them, where `value` is a dict."""
        values = value if isinstance(value, Mapping) else msgspec.structs.asdict(value)
        return {name: self._text(self.entries[name], each) for name, each in values.items() if name in self.entries}

    def _text(self, entry: Entry, value: Any) -> Any:
        if entry.form is None:
            return text_of(value, many=entry.shape.kind == "many")
        return [entry.form.texts(each) for each in value] if isinstance(value, list) else entry.form.texts(value or {})


@cache
def kind_of_form(form: type[Form]) -> FormKind:
    """What is known of a Form. Raises FieldError for one that no page can show."""
    return FormKind(form)


# ---- from annotations to entries


def label_of(name: str) -> str:
    """A field's name as a person reads it."""
    return name.replace("_", " ").strip().capitalize()


def _entries(form: type[Form]) -> Iterator[Entry]:
    try:
        hints = typing.get_type_hints(form, include_extras=True)
        fields = msgspec.structs.fields(form)
    except (NameError, TypeError, AttributeError, SyntaxError) as error:
        raise FieldError(f"an annotation of {form.__name__} cannot be read: {error}; import that name") from None
    rules = _rules(form, {each.name for each in fields})
    for each in fields:
        if each.name in RESERVED or each.name.startswith("_"):
            raise FieldError(f"{form.__name__}.{each.name} cannot be a field of a form: the name is taken; rename it")
        default = each.default if each.default_factory is NODEFAULT else each.default_factory()
        yield _entry(form, each.name, hints[each.name], default, rules.get(each.name, ()))


def _rules(form: type[Form], known: Iterable[str]) -> dict[str, tuple[Any, ...]]:
    found: dict[str, tuple[Any, ...]] = {}
    for name in dict.fromkeys(name for base in form.__mro__ for name in vars(base)):
        function = getattr(form, name, None)
        for field in getattr(function, MARK, ()):
            if field not in known:
                raise FieldError(f"{form.__name__}.{name} validates {field!r}, which is no field of the form")
            found[field] = (*found.get(field, ()), function)
    return found


def _entry(form: type[Form], name: str, annotation: Any, default: Any, rules: tuple[Any, ...]) -> Entry:
    bare, metas, optional = _bare(annotation)
    limits = {rule: getattr(meta, rule) for meta in metas for rule in RULES if getattr(meta, rule) is not None}
    extra = {key: value for meta in metas for key, value in (meta.extra or {}).items()}
    label = next((meta.title for meta in metas if meta.title), label_of(name))
    required = default is NODEFAULT and not optional
    inner = typing.get_args(bare)[0] if typing.get_origin(bare) is list else bare
    kind = kind_of_form(inner) if isinstance(inner, type) and issubclass(inner, Form) else None
    if kind is not None:
        rows = inner is not bare
        fewest, most = (limits.get("min_length", 0), limits.get("max_length", MOST_ROWS)) if rows else (0, 0)
        shape = Shape("rows" if rows else "group", label, required, "", kind.shape.inside, fewest, most)
    else:
        _check_carried(form, name, bare)
        many = (typing.get_origin(bare) or bare) in SEQUENCES
        text = "" if default is NODEFAULT else text_of(default, many=many)
        plain: Literal["many", "flag", "text"] = "many" if many else "flag" if bare is bool else "text"
        secret = extra.get("secret", False)
        shape = Shape(plain, label, required, [] if many and not text else "" if secret else text, secret=secret)
    strip, own = extra.get("strip", True), extra.get("message", "")
    return Entry(name, bare, shape, limits, default, optional, strip, own, kind, rules)


def _bare(annotation: Any) -> tuple[Any, list[Meta], bool]:
    """A type without its limits and without None, the limits, and whether None was there."""
    metas: list[Meta] = []
    optional = False
    while True:
        annotation = unaliased(annotation)
        if typing.get_origin(annotation) is Annotated:
            annotation, *more = typing.get_args(annotation)
            metas += [each for each in more if isinstance(each, Meta)]
        elif typing.get_origin(annotation) in (typing.Union, types.UnionType):
            options = [each for each in typing.get_args(annotation) if each is not type(None)]
            optional |= len(options) < len(typing.get_args(annotation))
            if len(options) > 1:
                return typing.Union[tuple(options)], metas, optional  # noqa: UP007  # made of a list
            annotation = options[0]
        else:
            return annotation, metas, optional


def _check_carried(form: type[Form], name: str, bare: Any) -> None:
    try:
        info = msgspec.inspect.type_info(bare)
    except TypeError as error:
        raise FieldError(f"{form.__name__}.{name} cannot be a field of a form: {error}") from None
    if isinstance(info, (msgspec.inspect.CustomType, msgspec.inspect.DictType)):
        raise FieldError(
            f"{form.__name__}.{name} cannot be a field of a form: no text becomes a {bare}; "
            "use text, numbers, dates, an Enum, a Literal, another Form, or a list of these"
        )
