"""What a person has entered into a control, on its way to the declared type."""

from __future__ import annotations

import sys
from datetime import datetime
from typing import Annotated, Any, Literal, NewType

import pytest
from msgspec import Meta

from asok.entered import as_entered, holds_nul, is_flag, takes_several
from asok.fitting import is_type
from asok.form_checks import kind_of_form
from asok.forms import Form


@pytest.mark.parametrize(
    ("value", "wanted", "entered"),
    [
        ("", int | None, None),
        ("", str | None, ""),
        ("on", bool, True),
        ("", bool, False),
        ("a", list[str], ["a"]),
        (["x"], list[str], ["x"]),
        (["x"], bool, True),
        ("2026-01-31T10:00", datetime, "2026-01-31T10:00:00"),
        ("2026-01-31T10:00", Annotated[datetime | None, "when"], "2026-01-31T10:00:00"),
        ("10:00", str, "10:00"),
        (" a ", Literal["a"], " a "),
        (" a ", Any, " a "),
        (3, int, 3),
    ],
)
def test_text_comes_closer_to_the_type_that_is_wanted(value: Any, wanted: Any, entered: Any) -> None:
    assert as_entered(value, wanted) == entered


@pytest.mark.parametrize(
    ("wanted", "several"),
    [(list[str], True), (tuple[int, ...] | None, True), (set, True), (str, False), (bool | None, False)],
)
def test_lists_and_the_like_take_several(wanted: Any, several: bool) -> None:
    assert takes_several(wanted) is several


Agreed = NewType("Agreed", bool)
Count = NewType("Count", int)
Name = NewType("Name", Annotated[str, Meta(max_length=5)])


@pytest.mark.parametrize(
    ("value", "named", "entered"), [("on", "bool", True), ("", "int | None", None), ("a", "list[str]", ["a"])]
)
@pytest.mark.skipif(sys.version_info < (3, 12), reason="there is no such statement yet")
def test_a_type_is_the_same_by_another_name(value: Any, named: str, entered: Any) -> None:
    known: dict[str, Any] = {}
    exec(f"type Named = {named}", known)
    alias = known["Named"]
    assert as_entered(value, alias) == entered
    assert as_entered(value, Annotated[alias, "said of it"]) == entered
    assert is_type(alias)


def test_a_new_type_takes_what_its_old_one_takes() -> None:
    assert as_entered("on", Agreed) is True
    assert as_entered("", Count | None) is None
    assert is_flag(Agreed) and is_flag(Annotated[bool, "really"]) and not is_flag(bool | None) and not is_flag(Count)


def test_a_form_has_a_box_for_a_new_type_of_bool_and_keeps_what_limits_a_text() -> None:
    class Agreement(Form):
        agreed: Agreed
        name: Name

    kind = kind_of_form(Agreement)
    assert kind.shape.inside["agreed"].kind == "flag"
    made, wrong = kind.check({"name": "Ada Lovelace", "agreed": "on"})
    assert (made, list(wrong)) == (None, [("name",)])


def test_a_nul_is_found_in_a_text_and_in_a_list_of_texts() -> None:
    assert holds_nul("a\x00") and holds_nul(["a", "\x00"])
    assert holds_nul([{"a": ["\x00"]}]) and holds_nul({"\x00": 1})
    assert not holds_nul("a") and not holds_nul(["a", 0]) and not holds_nul(0)
