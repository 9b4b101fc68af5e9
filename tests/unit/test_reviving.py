"""A state that another release of its class has stored: what is kept of it, and when the component begins anew."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

import pytest
from msgspec import msgpack

from asok import Component
from asok.component import definition_of
from asok.errors import ResetNeeded
from asok.reviving import revive


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
