"""Rows that stand where they stood the last time, among some that do not, are shown as they are."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from asok import compiling
from asok.remembering import Known
from tests.unit.test_remembering import (
    PAIRS,
    ROWS,
    TABLE,
    VALUE,
    Changing,
    Frozen,
    Loose,
    Twins,
    as_dict,
    remembering_template,
    shown,
)

EDIT = st.tuples(st.sampled_from(range(20)), VALUE, VALUE, st.sampled_from(["another row", "the row", "the list"]))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from([TABLE, PAIRS]), st.sampled_from(ROWS), st.lists(VALUE, min_size=3, max_size=3), st.lists(EDIT))
def test_a_row_changed_among_many_that_stay_in_their_places_is_shown_as_it_is(
    source: str, kind: Callable[[Any, Any], Any], values: list[Any], edits: list[Any]
) -> None:
    twins = Twins(source)
    rows = [kind(values[n % 3], n) for n in range(20)]
    for place, name, x, how in [(0, "", "", ""), (0, "", "", ""), *edits]:
        if how == "the row" and isinstance(rows[place], (Changing, Loose)):
            rows[place].name = name
        elif how == "the row" and isinstance(rows[place], dict):
            rows[place]["name"] = name
        elif how:
            rows = rows if how == "the list" else rows.copy()
            rows[place] = kind(name, x)
        twins.show(rows=rows)
        twins.show(rows=[deepcopy(row) for row in rows])
        twins.show(rows=[*rows[1:], rows[0]])
        twins.show(rows=rows)


def test_a_list_that_is_changed_where_it_stands_is_shown_as_it_is() -> None:
    twins = Twins("{% for row in rows %}{{ row }}{{ row }}{{ row }}{% endfor %}")
    rows = [f"<{n}>" for n in range(20)]
    for place in range(4):
        twins.show(rows=rows)
        twins.show(rows=rows)
        rows[place] = "new"


@pytest.mark.parametrize("kind", [Frozen, as_dict])
def test_what_is_known_in_part_by_identity_and_in_part_by_value_is_shown_as_it_is(
    kind: Callable[[Any, Any], Any],
) -> None:
    twins, rows = Twins(TABLE), [kind(f"<{n}>", n) for n in range(20)]
    for _ in range(3):
        twins.show(rows=rows)
    for some in ([*rows[:10], *[kind("new", n) for n in range(10)]], [kind("others", n) for n in range(20)]):
        twins.show(rows=some)
        twins.show(rows=deepcopy(some))
    twins.show(rows=rows)


def test_a_row_changed_by_another_thread_while_it_is_looked_for_is_remembered_as_what_was_rendered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before, template = Known.recall, remembering_template()
    rows = [as_dict(f"<{n}>", n) for n in range(20)]
    shown(template, rows)
    rows[7]["name"] = "new"

    def recall(self: Known, *looked_for: Any) -> None:
        before(self, *looked_for)
        rows[7]["name"] = "briefly"

    with monkeypatch.context() as patch:
        patch.setattr(Known, "recall", recall)
        assert "briefly" in compiling.render(template, {"rows": rows})
    rows[7]["name"] = "new"
    shown(template, rows)
