"""A state that another release of its class has stored: what is kept of it, and when the component begins anew."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

import pytest
from msgspec import msgpack

from asok import Component, private
from asok.component import definition_of
from asok.errors import ResetNeeded
from asok.reviving import record_of, restore, revive, values_of
from asok.sessions import Record


@dataclass
class RevivedLine:
    article: int
    note: str


class RevivedBasket(Component):
    count: int = 0
    line: RevivedLine | None = None


class RevivedProfile(Component):
    name: str
    age: int = 18

    def migrate(self, old: dict[str, Any]) -> Any:
        return old["becomes"]


def test_a_dataclass_of_another_release_takes_no_other_field_along() -> None:
    """The class has the same fields, and so the same schema."""
    definition = definition_of(RevivedBasket)
    older = msgpack.encode({"count": 5, "line": {"article": 7}})
    assert revive(definition, definition.fields.schema, older) == {"count": 5, "line": None}


class RevivedPrice(Component):
    amount: float = 0.0

    def migrate(self, old: dict[str, Any]) -> dict[str, Any]:
        return {"amount": old["amount"] / 100}


def test_a_state_of_another_release_is_migrated_though_it_would_fit_as_it_is() -> None:
    definition = definition_of(RevivedPrice)
    state = msgpack.encode({"amount": 250})
    assert revive(definition, b"when it was an int of cents", state) == {"amount": 2.5}
    assert revive(definition, definition.fields.schema, state) == {"amount": 250.0}


def revived(becomes: Any) -> dict[str, Any]:
    return revive(definition_of(RevivedProfile), b"older", msgpack.encode({"becomes": becomes}))


def test_what_migrate_does_not_return_has_its_default() -> None:
    assert revived({"name": "Ada"}) == {"name": "Ada", "age": 18}


@pytest.mark.parametrize("becomes", [None, 7, {}, {"age": 20}, {"name": 3}])
def test_a_component_whose_migrate_returns_no_fields_or_not_those_it_needs_begins_anew(
    becomes: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL)
    with pytest.raises(ResetNeeded, match="RevivedProfile"):
        revived(becomes)


class RevivedOld(Component):
    count: int = 0
    word: str = private("")


class RevivedNew(Component):
    """The next release of the same class."""

    count: int = 0
    total: int = 0
    word: str = private("")
    secret: str = private("none")


def through(cls: type[Component], record: Record | None, **changes: Any) -> Record:
    """What a worker that has this class makes of a record."""
    component = cls()
    if record is not None:
        assert restore(component, definition_of(cls), record)
    for name, value in changes.items():
        setattr(component, name, value)
    return record_of(component, b"", 1, 0.0)


def test_private_fields_survive_a_release_that_adds_one() -> None:
    record = through(RevivedOld, None, count=3, word="kept")
    assert values_of(definition_of(RevivedNew), record) == {"count": 3, "total": 0, "word": "kept", "secret": "none"}


def test_a_worker_of_the_release_before_keeps_what_only_the_next_one_has() -> None:
    record = through(RevivedNew, None, count=1, total=10, word="kept", secret="new")
    for count in (2, 3):
        record = through(RevivedOld, record, count=count)
    found = values_of(definition_of(RevivedNew), record)
    assert found == {"count": 3, "total": 10, "word": "kept", "secret": "new"}
    assert through(RevivedNew, record).foreign == b""
