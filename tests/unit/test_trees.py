"""A store's tree: frozen, checked, and written by copying only what a write touches."""

from __future__ import annotations

import pytest

from asok.errors import PathError
from asok.trees import Write, apply, changes, freeze, parse_path, read_at

TODO = {"todo": [{"text": "milk", "done": False}, {"text": "bread", "done": True}], "counter": 1}


def test_a_set_copies_only_what_lies_on_its_path() -> None:
    tree = freeze(TODO)
    after, touched = apply(tree, Write("set", ("todo", "0", "done"), True))
    assert touched == (("todo", "0", "done"),)
    assert after == {"todo": [{"text": "milk", "done": True}, {"text": "bread", "done": True}], "counter": 1}
    assert after["todo"][1] is tree["todo"][1]
    assert tree == TODO


def test_a_frozen_list_says_what_to_write_instead() -> None:
    with pytest.raises(TypeError, match=r"write store\.append\('todo', …\)"):
        freeze(TODO)["todo"].append({})


@pytest.mark.parametrize(
    ("path", "kind", "status"),
    [
        ("counter/x", "scalar", 409),
        ("todo/2", "index", 409),
        ("todo/-1", "index", 409),
        ("nothing", "missing", 404),
        ("todo/0/nothing", "missing", 404),
    ],
)
def test_a_path_that_leads_nowhere_says_why(path: str, kind: str, status: int) -> None:
    with pytest.raises(PathError) as caught:
        read_at(freeze(TODO), parse_path(path))
    assert (caught.value.code, caught.value.status) == (kind, status)


def test_a_follower_is_sent_the_values_at_the_touched_paths() -> None:
    tree, touched = apply(freeze(TODO), Write("append", ("todo",), {"text": "eggs"}))
    assert changes(tree, touched) == [["todo/2", {"text": "eggs"}]]
    tree, touched = apply(tree, Write("delete", ("counter",)))
    assert changes(tree, touched) == [["counter"]]
