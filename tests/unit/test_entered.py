"""What a person has entered into a control, on its way to the declared type."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

import pytest

from asok.entered import as_entered, holds_nul, takes_several


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


def test_a_nul_is_found_in_a_text_and_in_a_list_of_texts() -> None:
    assert holds_nul("a\x00") and holds_nul(["a", "\x00"])
    assert holds_nul([{"a": ["\x00"]}]) and holds_nul({"\x00": 1})
    assert not holds_nul("a") and not holds_nul(["a", 0]) and not holds_nul(0)
