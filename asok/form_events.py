"""A form on its way to a method: the event's text goes into the draft, is checked, and becomes an object."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from asok.calls import Parameter
from asok.errors import BadArguments, ComponentError, nearest
from asok.exposing import Exposed
from asok.fields import Fields
from asok.form_adapters import kind_of
from asok.form_shapes import place_of
from asok.forms import Draft, Form, FormError
from asok.protocol import EventData

__all__ = ["Filling", "drafts_of", "restore", "with_forms"]

Arguments = tuple[list[Any], dict[str, Any]]
Drafts = Mapping[str, type[Draft]]


@dataclass(frozen=True, slots=True)
class FormParameter:
    """The parameter that takes a form. field: the component's draft of it. place: among those given by position."""

    name: str
    field: str
    place: int | None


def drafts_of(fields: Fields) -> Drafts:
    """The fields of a component that are drafts of forms. Raises ComponentError."""
    found = {name: field.type for name, field in fields.by_name.items() if _is_draft(field.type)}
    for name, draft in found.items():
        if draft is Draft:
            raise ComponentError(
                f"{fields.owner}.{name} is a draft of no form; write {name} = form_of(…), without a type"
            )
    return found


def _is_draft(wanted: Any) -> bool:
    return isinstance(wanted, type) and issubclass(wanted, Draft)


def with_forms(cls: type, drafts: Drafts, methods: Mapping[str, Exposed]) -> dict[str, Exposed]:
    """The methods of a component class, those that take a form marked as such, and with what every form answers to.

    Raises ComponentError where a method takes a form of which the component has no draft.
    """
    found = {name: _with_form(cls, drafts, method) for name, method in methods.items()}
    for own in OWN if drafts else ():
        if not hasattr(cls, own.name):
            found[own.name] = own
    return found


def _with_form(cls: type, drafts: Drafts, method: Exposed) -> Exposed:
    for parameter in method.parameters:
        kind = kind_of(parameter.type)
        if kind is None:
            continue
        fields = [name for name, draft in drafts.items() if draft.kind_ is kind]
        if len(fields) == 1 or parameter.name in fields:
            field = parameter.name if parameter.name in fields else fields[0]
            return _taking(method, parameter, field)
        form, what = kind.form.__name__, f"{cls.__name__}.{method.name} takes a {kind.form.__name__}"
        if fields:
            raise ComponentError(
                f"{what}, and {' and '.join(fields)} are drafts of one; call the argument like the field"
            )
        if issubclass(kind.form, Form) and method.called:
            raise ComponentError(f"{what}, and no field holds its draft; write form = form_of({form}) in the class")
    return method


def _taking(method: Exposed, parameter: Parameter, field: str) -> Exposed:
    by_name = parameter.kind is inspect.Parameter.KEYWORD_ONLY
    place = None if by_name else method.parameters.index(parameter)
    others = tuple(each for each in method.parameters if each is not parameter)
    return replace(method, parameters=others, form=FormParameter(parameter.name, field, place))


class Filling:
    """What an event does to a draft of its component, before its method and after it. Nothing, where it has none."""

    def __init__(
        self, component: Any, drafts: Drafts, method: Exposed, arguments: Arguments, data: EventData | None
    ) -> None:
        self.component, self.method, self.arguments = component, method, arguments
        self.given: dict[str, list[str]] | None = None
        self.taken: Draft | None = None
        self.before = {name: getattr(component, name) for name in drafts}
        self.left = (data.left if data else None) or []
        # A submit has no value, nor has the click on a button: who types or chooses stays where they are.
        self.typing = data is not None and data.value is not None
        if data is not None and data.form is not None and drafts:
            self.given = {}
            for name, text in data.form:
                self.given.setdefault(name, []).append(text)
        self.field = self._field(drafts) if drafts else ""

    def _field(self, drafts: Drafts) -> str:
        if self.method.form is not None:
            return str(self.method.form.field)
        args, kwargs = self.arguments
        named = [each for each in (*args, *kwargs.values()) if isinstance(each, str) and each in drafts]
        if named:
            return named[0]
        given = self.given or {}
        known = {
            each: sum(place_of(draft.kind_.shape, name) is not None for name in given) for each, draft in drafts.items()
        }
        most = max(known.values())
        if given and not most and self.method not in OWN:
            self.given = None  # of a form beside it: that its boxes are not there does not mean that they have no tick
        meant = [each for each in drafts if known[each] == most]
        return meant[0] if len(meant) == 1 else ""

    @property
    def draft(self) -> Draft:
        """The draft as the component has it now."""
        draft: Draft = getattr(self.component, self.field)
        return draft

    async def take(self, wrong: FormError | None = None) -> Arguments | None:
        """Keep what was typed; the method's arguments, or None where it must not run, since the form is not right.

        wrong: what the method itself said, when it ran before. Raises BadArguments.
        """
        if not self.field:
            if wrong is not None:
                raise wrong
            return self.arguments
        known = frozenset(each.name for each in self.method.parameters) if self.method.form else None
        if self.given is not None:
            self.taken = self.draft
            self.draft.take_(self.given, known=known)
            self.draft.visit_(*self.left)
        if wrong is not None:
            self.draft.visit_all_()
            self._refused(wrong.by_path())
            return None
        if self.method.form is None:
            return self._for_this_draft() if self.method in OWN else self.arguments
        self.draft.visit_all_()
        made, errors = await checked(self.draft)
        if errors or made is None:
            self._refused(errors)
            return None
        self.draft.judge_({})
        return self._with(made, self.method.form)

    def _for_this_draft(self) -> Arguments:
        """What every form answers to means the draft that has the event's fields, unless the call names one."""
        args, kwargs = self.arguments
        named = len(args) == len(self.method.parameters)
        return args, kwargs if named else {"form": self.field, **kwargs}

    def _refused(self, errors: Any) -> None:
        draft = self.draft
        draft.judge_(errors, beside=frozenset(each.name for each in self.method.parameters))
        draft.visited_ = list(dict.fromkeys([*draft.visited_, *draft.errors_]))
        first = next((name for name in draft.fields_() if name in draft.errors_), None)
        if first is not None and not self.typing:
            self.component.focus(_control(self.component, draft, first))

    def _with(self, made: Any, parameter: FormParameter) -> Arguments:
        args, kwargs = self.arguments
        if parameter.place is not None and parameter.place < len(args):
            return [*args[: parameter.place], made, *args[parameter.place :]], kwargs
        return args, {**kwargs, parameter.name: made}

    def give_back(self) -> None:
        """After the method: what it has put into the form goes onto the page, even where the person has typed."""
        for field, before in self.before.items():
            if self.given is None or field != self.field:
                self._begun_anew(field, before)
        if self.given is None or not isinstance(getattr(self.component, self.field, None), Draft):
            return
        draft, changed = self.draft, []
        draft.forget_secrets_()
        for name, shape in draft.fields_().items():
            given = self.given.get(name, [])
            text = given if shape.kind == "many" else given[-1] if given else ""
            if shape.secret and draft is self.taken:
                continue
            if name in self.given and draft.typed_.get(name, shape.default) != text:
                changed.append(name)
        if changed:
            self.component.reset(*changed)

    def _begun_anew(self, field: str, before: Draft) -> None:
        """A form that did not go with the event and has another draft now: what the page alone knew of it goes."""
        draft = getattr(self.component, field, None)
        if isinstance(draft, Draft) and draft is not before:
            others = [each for each in _drafts(self.component) if each is not draft]
            # The page knows controls by their names: those of another form stay as they are.
            own = [name for name in draft.fields_() if not _in_any(others, name)]
            if own:
                self.component.reset(*own)


def _drafts(component: Any) -> list[Draft]:
    return [each for each in vars(component).values() if isinstance(each, Draft)]


def _in_any(drafts: list[Draft], name: str) -> bool:
    return any(place_of(each.kind_.shape, name) for each in drafts)


def _control(component: Any, draft: Draft, name: str) -> str:
    """The selector of a form's control: by its id where another form of the component has one of the same name."""
    if not _in_any([each for each in _drafts(component) if each.id_ != draft.id_], name):
        return f'[name="{name}"]'
    own = f'[id="{draft.id_}-{name}"]'
    return f'{own}, :root:not(:has({own})) [name="{name}"]'


def restore(component: Any, drafts: Drafts, data: EventData) -> None:
    """A form's text without a call: the page has lost its instance, and gives the new one what the old one knew."""
    given: dict[str, list[str]] = {}
    for name, text in data.form or ():
        given.setdefault(name, []).append(text)
    for field in drafts:
        draft: Draft = getattr(component, field)
        if given and all(place_of(draft.kind_.shape, name) for name in given):
            draft.restore_(given)
            draft.forget_secrets_()
            return


async def checked(draft: Draft) -> tuple[Any, Any]:
    """The object that a draft makes, or None, and what is wrong. Rules that may wait do so in a thread."""
    kind, data = draft.kind_, draft.data_()
    return await asyncio.to_thread(kind.check, data) if kind.slow else kind.check(data)


# ---- what every component with a form answers to


def _draft(component: Any, method: str, form: str) -> Draft:
    drafts = {name: each for name, each in component.__dict__.items() if isinstance(each, Draft)}
    if form in drafts or (not form and len(drafts) == 1):
        return drafts[form or next(iter(drafts))]
    problem = f"there is no form {form!r}{nearest(form, drafts)}" if form else f"which form? {', '.join(drafts)}"
    raise BadArguments(method, f"{problem}; name it, as in {method}('{next(iter(drafts))}')")


async def _validate(component: Any, form: str = "") -> None:
    """Check the form, and say what is wrong with the fields that the person has visited."""
    draft = _draft(component, "validate", form)
    _, errors = await checked(draft)
    draft.judge_(errors)


async def _add_row(component: Any, rows: str, form: str = "") -> None:
    """Add an empty row, and go there."""
    draft = _draft(component, "add_row", form)
    draft.add_row(rows)
    added = f"{rows}-{draft.rows_[rows][-1]}-"
    first = next((name for name in draft.fields_() if name.startswith(added)), None)
    if first is not None:
        component.focus(_control(component, draft, first))
    await _rows_changed(draft)


async def _remove_row(component: Any, rows: str, number: int, form: str = "") -> None:
    """Remove the row with this number."""
    draft = _draft(component, "remove_row", form)
    draft.remove_row(rows, number)
    await _rows_changed(draft)


async def _rows_changed(draft: Draft) -> None:
    """What was said may be true no more."""
    if draft.errors_:
        _, errors = await checked(draft)
        draft.judge_(errors)


def _own(name: str, function: Any) -> Exposed:
    parameters = {"rows": str, "number": int, "form": str}
    wanted = list(inspect.signature(function).parameters.values())[1:]
    return Exposed(
        name,
        function,
        "async",
        None,
        tuple(Parameter(each.name, parameters[each.name], each.default is each.empty, each.kind) for each in wanted),
    )


OWN = (_own("validate", _validate), _own("add_row", _add_row), _own("remove_row", _remove_row))
