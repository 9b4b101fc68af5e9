"""What a browser may do with a store: nothing but what its rules name."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asok.access import Change, Rules
from asok.errors import ConfigurationError, PathError, StoreDenied, StoreError, ValueRefused
from asok.trees import Path, Write, apply, freeze, parse_path, path_text, read_at, same
from tests.unit.effort import lines_run

TREE = {
    "votes": {"red": 1, "blue": 2},
    "todo": [{"text": "milk", "done": False, "by": "ann"}, {"text": "bread", "done": True, "by": "bob"}],
    "secret": {"key": "hidden"},
}


def attempt(rules: Rules, verb: str, path: str, value: Any = None, session: Any = None, tree: Any = TREE) -> Any:
    """The tree after a write that a browser asks for."""
    old, write = freeze(tree), Write(verb, parse_path(path), value)
    new, _ = apply(old, write)
    rules.check(write, old, new, session)
    return new


def refusal(rules: Rules, verb: str, path: str, value: Any = None, tree: Any = TREE) -> str:
    with pytest.raises(StoreError) as caught:
        attempt(rules, verb, path, value, tree=tree)
    return caught.value.code


# ---- reading


def test_nothing_is_readable_unless_the_store_says_so() -> None:
    rules = Rules("shop")
    assert not rules.may_read(("votes",))
    with pytest.raises(
        StoreDenied, match=r"store 'shop' lets no browser read 'votes' here; name 'votes' in .*readable="
    ):
        rules.visible(freeze(TREE), ("votes",))


def test_true_makes_the_whole_store_readable() -> None:
    assert Rules("shop", readable=True).visible(freeze(TREE), ()) == TREE


@pytest.mark.parametrize("pattern", ["votes", "votes/**"])
@pytest.mark.parametrize(("path", "allowed"), [("votes", True), ("votes/red", True), ("", False), ("secret", False)])
def test_a_readable_path_covers_itself_and_what_is_below(pattern: str, path: str, allowed: bool) -> None:
    assert Rules("shop", [pattern]).may_read(parse_path(path)) is allowed


def test_a_star_is_exactly_one_part() -> None:
    rules = Rules("shop", ["todo/*/done"])
    assert rules.may_read(("todo", "0", "done"))
    assert not rules.may_read(("todo", "done"))
    assert not rules.may_read(("todo", "0", "by"))


def test_above_readable_paths_only_their_part_is_shown() -> None:
    rules = Rules("shop", ["todo/*/done", "votes/red"])
    assert rules.visible(freeze(TREE), ()) == {"votes": {"red": 1}, "todo": [{"done": False}, {"done": True}]}
    assert rules.visible(freeze(TREE), ("todo", "1")) == {"done": True}


def test_a_list_of_which_only_single_items_are_readable_is_shown_by_index() -> None:
    assert Rules("shop", ["todo/1/done"]).visible(freeze(TREE), ("todo",)) == {"1": {"done": True}}


def test_an_item_without_a_readable_part_keeps_its_place_in_the_list() -> None:
    assert Rules("shop", ["todo/*/done"]).visible(freeze({"todo": [7, {"done": True}]}), ("todo",)) == [
        None,
        {"done": True},
    ]


def test_what_may_not_be_read_does_not_tell_whether_it_exists() -> None:
    rules = Rules("shop", ["votes"])
    texts = []
    for path in (("secret", "key"), ("secret", "kex")):
        with pytest.raises(StoreDenied) as caught:
            rules.visible(freeze(TREE), path)
        texts.append(str(caught.value).replace(path[1], "…"))
    assert texts[0] == texts[1]
    with pytest.raises(PathError, match="there is no 'votes/green'"):
        rules.visible(freeze(TREE), ("votes", "green"))


def test_a_follower_is_sent_the_readable_part_of_what_was_touched() -> None:
    rules = Rules("shop", ["todo/*/done", "votes/red"])
    after, touched = apply(freeze(TREE), Write("delete", ("todo", "1")))
    assert rules.visible_changes(after, [*touched, ("votes", "red"), ("secret",)]) == [
        ["todo", [{"done": False}]],
        ["votes/red", 1],
    ]
    after, touched = apply(after, Write("delete", ("todo",)))
    assert rules.visible_changes(after, [*touched, ("todo", "0", "done")]) == [["todo"]]


def test_a_follower_is_sent_each_value_once() -> None:
    tree = freeze({"todo": [{"text": "milk", "done": False}], "counter": 1})
    touched = [("todo", "0", "done"), ("todo", "0"), ("counter",), ("counter",), ("todo", "9"), ("counter", "x")]
    assert Rules("shop", readable=True).visible_changes(tree, touched) == [
        ["counter", 1],
        ["todo/0", {"text": "milk", "done": False}],
        ["todo/9"],
    ]


def test_what_a_follower_is_sent_of_many_changes_costs_so_much_for_each() -> None:
    def effort(size: int) -> int:
        merged = {str(number): number for number in range(size)}
        after, touched = apply(freeze({}), Write("update", (), merged))
        return lines_run(lambda: Rules("shop", readable=True).visible_changes(after, touched))

    assert effort(800) < 5 * effort(200)


# ---- writing


def test_nothing_is_writable_unless_the_store_says_so() -> None:
    assert refusal(Rules("shop", readable=True), "set", "votes/red", 5) == "denied"


def test_a_plain_path_is_writable_exactly_there() -> None:
    rules = Rules("shop", writable={"votes/red": int})
    assert attempt(rules, "update", "votes/red", 4)["votes"]["red"] == 5
    assert refusal(rules, "set", "votes/blue", 4) == "denied"
    assert refusal(Rules("shop", writable={"todo": list}), "set", "todo/0/by", "eve") == "denied"


def test_a_write_above_what_is_writable_is_denied() -> None:
    rules = Rules("shop", writable={"votes/red": int, "votes/*": int})
    assert refusal(rules, "set", "votes", {"red": 3}) == "denied"
    assert refusal(rules, "set", "", {"votes": {"red": 3}}) == "denied"
    assert refusal(rules, "delete", "votes") == "denied"


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        (int, 3, True),
        (int, 3, 3.0),
        (bool, True, 1),
        (float, 3, True),
        (int | None, None, "3"),
        (Literal["a", "b"], "b", "c"),
        (Annotated[int, msgspec.Meta(ge=0)], 0, -1),
        (list[int], [1], [True]),
        (dict[str, int], {"a": 1}, {"a": "1"}),
        (set[Any], [1], [[1]]),
    ],
)
def test_a_type_must_be_fitted_strictly(kind: Any, good: Any, bad: Any) -> None:
    rules = Rules("shop", writable={"place": kind})
    assert same(attempt(rules, "set", "place", good, tree={}), {"place": good})
    assert refusal(rules, "set", "place", bad, tree={}) == "bad_value"


def test_the_type_judges_what_would_stand_there_not_what_was_sent() -> None:
    rules = Rules("shop", writable={"votes/*": Annotated[int, msgspec.Meta(le=5)]})
    assert attempt(rules, "update", "votes/red", 4)["votes"]["red"] == 5
    assert refusal(rules, "update", "votes/red", 5) == "bad_value"


class Todo(msgspec.Struct, rename={"text": "label"}):
    text: str
    done: bool = False


@dataclass
class Note:
    label: str
    tags: list[dict[str, int]]


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        (Todo, {"label": "x"}, {"label": "x", "admin": True}),
        (list[Todo], [{"label": "x", "done": True}], [{"label": "x", "text": "y"}]),
        (dict[str, Todo], {"a": {"label": "x"}}, {"a": {"label": "x", "z": 1}}),
        (Note, {"label": "x", "tags": [{"a": 1}]}, {"label": "x", "tags": [], "z": 1}),
    ],
)
def test_a_key_that_the_type_does_not_know_is_refused(kind: Any, good: Any, bad: Any) -> None:
    rules = Rules("shop", writable={"place": kind})
    attempt(rules, "set", "place", good, tree={})
    assert refusal(rules, "set", "place", bad, tree={}) == "bad_value"


def test_a_merge_is_judged_key_by_key() -> None:
    rules = Rules("shop", writable={"votes/red": int, "votes/blue": int})
    assert attempt(rules, "update", "votes", {"red": 7, "blue": 8})["votes"] == {"red": 7, "blue": 8}
    assert refusal(rules, "update", "votes", {"red": 7, "green": 8}) == "denied"
    assert refusal(rules, "update", "votes", {"red": 7, "blue": "8"}) == "bad_value"
    assert refusal(rules, "update", "votes", {}) == "denied"


def test_an_item_may_be_appended_where_a_rule_covers_its_place() -> None:
    rules = Rules("shop", writable={"todo/*": dict})
    assert len(attempt(rules, "append", "todo", {"text": "eggs"})["todo"]) == 3
    assert refusal(rules, "append", "todo", 5) == "bad_value"
    assert refusal(Rules("shop", writable={"todo/0": dict}), "append", "todo", {}) == "denied"


def test_deleting_needs_a_function_or_a_type_with_none() -> None:
    assert refusal(Rules("shop", writable={"votes/*": int}), "delete", "votes/red") == "denied"
    for validator in (int | None, lambda change: True):
        assert attempt(Rules("shop", writable={"votes/*": validator}), "delete", "votes/red")["votes"] == {"blue": 2}


def test_an_item_is_deleted_only_where_the_items_behind_it_are_writable_too() -> None:
    assert refusal(Rules("shop", writable={"todo/0": lambda change: True}), "delete", "todo/0") == "denied"
    for pattern in ("todo/*", "todo/**"):
        assert len(attempt(Rules("shop", writable={pattern: lambda change: True}), "delete", "todo/0")["todo"]) == 1


def test_no_item_is_deleted_before_one_that_a_nearer_rule_guards() -> None:
    tree = {"todo": ["first", "guarded", "last"]}
    for pattern in ("todo/*", "todo/**", "**"):
        rules = Rules("shop", writable={pattern: lambda change: True, "todo/1": lambda change: False})
        assert refusal(rules, "delete", "todo/0", tree=tree) == "denied"
        assert attempt(rules, "delete", "todo/2", tree=tree) == {"todo": ["first", "guarded"]}


def test_the_nearest_rule_judges() -> None:
    rules = Rules("shop", writable={"**": str, "votes/*": bool, "votes/red": int})
    attempt(rules, "set", "votes/red", 3)
    attempt(rules, "set", "votes/blue", True)
    attempt(rules, "set", "secret/key", "open")
    assert refusal(rules, "set", "votes/red", "3") == "bad_value"


@pytest.mark.parametrize("wide", ["**", "profile/**", "*/**"])
def test_a_write_from_above_does_not_pass_a_nearer_rule(wide: str) -> None:
    tree = {"profile": {"name": "ann", "role": "user", "marks": [{"by": "ann", "n": 1}]}}
    never = {"profile/role": lambda change: False, "profile/marks/*/by": str}
    rules = Rules("shop", writable={wide: lambda change: True, **never})
    for verb, value in (("set", {"name": "ann", "role": "admin"}), ("set", {}), ("delete", None)):
        assert refusal(rules, verb, "profile", value, tree=tree) == "denied"
    assert refusal(rules, "update", "profile", {"role": "admin"}, tree=tree) == "denied"
    assert refusal(rules, "update", "profile", {"marks": [{"by": 7}]}, tree=tree) == "bad_value"
    assert refusal(rules, "append", "profile/marks", {"by": 7}, tree=tree) == "bad_value"
    assert attempt(rules, "update", "profile", {"name": "bob"}, tree=tree)["profile"]["name"] == "bob"
    assert attempt(rules, "set", "profile", {**tree["profile"], "name": "eve"}, tree=tree)["profile"]["name"] == "eve"


def test_a_rule_for_just_that_path_judges_all_of_it() -> None:
    rules = Rules("shop", writable={"profile": dict, "profile/role": lambda change: False})
    tree = {"profile": {"role": "user"}}
    assert attempt(rules, "set", "profile", {"role": "admin"}, tree=tree)["profile"] == {"role": "admin"}


def test_a_function_is_asked_about_the_whole_change() -> None:
    asked: list[Change] = []
    rules = Rules("shop", writable={"votes/*": asked.append})
    attempt(rules, "update", "votes/red", 4, session="ann")
    attempt(rules, "set", "votes/new", 1, session="ann")
    assert asked == [
        Change("shop", "update", "votes/red", 4, 1, 5, "ann"),
        Change("shop", "set", "votes/new", 1, None, 1, "ann"),
    ]


def test_a_function_allows_denies_or_says_why_not() -> None:
    def check(change: Change) -> bool | None:
        if change.new == 0:
            raise ValueError("zero is no vote")
        if change.new == 99:
            raise LookupError("a bug")
        return {1: None, 2: True, 3: False}[change.new]

    rules = Rules("shop", writable={"votes/*": check})
    attempt(rules, "set", "votes/new", 1)
    attempt(rules, "set", "votes/new", 2)
    assert refusal(rules, "set", "votes/new", 3) == "denied"
    with pytest.raises(ValueRefused, match="store 'shop', path 'votes/new': zero is no vote"):
        attempt(rules, "set", "votes/new", 0)
    with pytest.raises(LookupError):
        attempt(rules, "set", "votes/new", 99)


def test_an_answer_that_is_neither_yes_nor_no_allows_nothing() -> None:
    with pytest.raises(TypeError, match="returned str; expected None or True"):
        attempt(Rules("shop", writable={"votes/*": lambda change: "no"}), "set", "votes/red", 3)


def test_a_write_that_no_rule_can_allow_is_denied_without_a_look_at_the_tree() -> None:
    rules = Rules("shop", writable={"votes/red": int})
    rules.permit(Write("set", ("votes", "red")))
    rules.permit(Write("update", ("votes",)))
    for write in (Write("set", ("votes",)), Write("update", ()), Write("delete", ("secret", "key"))):
        with pytest.raises(StoreDenied):
            rules.permit(write)


# ---- rules that cannot be


async def later(change: Change) -> bool:
    return True


@pytest.mark.parametrize(
    ("readable", "writable", "text"),
    [
        ("votes", None, r"expected True or a list of paths"),
        ([5], None, "a path in a rule is text"),
        (["a//b"], None, "a part is empty"),
        (["a/**/b"], None, "at the end only"),
        (["a/b*"], None, "stands for a whole part"),
        (["__class__"], None, "reserved name"),
        (False, True, "expected paths with their validators"),
        (False, {"a": 5}, "5 is no validator; expected a type"),
        (False, {"a": later}, "an async function cannot judge"),
        (False, {"a": functools.partial}, "no value of a store is ever"),
        (False, {"a": list[Note] | list[int]}, "more than one array-like"),
    ],
)
def test_a_rule_that_cannot_be_one_is_told_at_once(readable: Any, writable: Any, text: str) -> None:
    with pytest.raises(ConfigurationError, match=text) as caught:
        Rules("shop", readable, writable)
    assert "'shop'" in str(caught.value)


# ---- whatever the tree and the rules are

keys = st.sampled_from(["a", "b", "0", "1"])
trees = st.recursive(
    st.integers(0, 3) | st.none() | st.text(max_size=1),
    lambda below: st.lists(below, max_size=3) | st.dictionaries(keys, below, max_size=3),
    max_leaves=12,
)
whole = st.dictionaries(keys, trees, max_size=4) | st.lists(trees, max_size=3)
paths = st.lists(keys, max_size=3).map(tuple)
patterns = st.lists(
    st.tuples(st.lists(keys | st.just("*"), max_size=3), st.booleans()).map(
        lambda made: "/".join([*made[0], *(["**"] if made[1] else [])])
    ),
    max_size=4,
)
writes = st.builds(Write, st.sampled_from(["set", "update", "append", "delete"]), paths, trees)


def covered(pattern: str, path: Path) -> bool:
    """Whether a pattern covers a path, written down anew."""
    parts = [part for part in pattern.split("/") if part not in ("", "**")]
    return len(path) >= len(parts) and all(one in ("*", two) for one, two in zip(parts, path, strict=False))


def leaves(tree: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """All that is no container, and the empty containers, with their paths."""
    if tree and isinstance(tree, dict):
        for key, item in tree.items():
            yield from leaves(item, (*path, key))
    elif tree and isinstance(tree, list):
        for at, item in enumerate(tree):
            yield from leaves(item, (*path, str(at)))
    else:
        yield path, tree


@given(whole, patterns, paths)
def test_only_what_is_readable_is_ever_visible(tree: Any, readable: list[str], path: Path) -> None:
    rules, frozen = Rules("shop", readable), freeze(tree)
    try:
        shown = rules.visible(frozen, path)
    except StoreError:
        return
    for place, value in leaves(shown, path):
        if any(covered(pattern, place) for pattern in readable):
            assert same(read_at(frozen, place), value)
        else:  # the place of something of which nothing is shown
            assert value in (None, {}, [])
            assert any(len(place) < len(pattern.split("/")) for pattern in readable)


@given(whole, patterns, st.lists(paths, max_size=4))
def test_only_readable_changes_are_ever_told(tree: Any, readable: list[str], touched: list[Path]) -> None:
    rules, frozen = Rules("shop", readable), freeze(tree)
    for text, *values in rules.visible_changes(frozen, touched):
        assert parse_path(text) in touched
        for place, value in leaves(values[0], parse_path(text)) if values else ():
            assert any(covered(pattern, place) for pattern in readable) or value in (None, {}, [])


@given(whole, patterns, paths)
def test_all_that_is_readable_is_told(tree: Any, readable: list[str], touched: Path) -> None:
    frozen = freeze(tree)
    changes = Rules("shop", readable).visible_changes(frozen, [touched])
    told = {place: value for text, *new in changes for each in new for place, value in leaves(each, parse_path(text))}
    for place, value in leaves(frozen):
        if place[: len(touched)] == touched and any(covered(pattern, place) for pattern in readable):
            assert same(told[place], value)


@given(whole, patterns, writes)
def test_a_write_that_passes_changes_nothing_outside_of_what_is_writable(
    tree: Any, writable: list[str], write: Write
) -> None:
    old = freeze(tree)
    rules = Rules("shop", writable=dict.fromkeys(writable, lambda change: True))
    try:
        new, _ = apply(old, write)
        rules.check(write, old, new, None)
    except StoreError:
        return
    before, after = (dict(leaves(each)) for each in (old, new))
    for place in before.keys() | after.keys():
        unchanged = place in before and place in after and same(before[place], after[place])
        inside = any(covered(pattern, place) for pattern in writable)
        emptied = before.get(place, after.get(place)) in ({}, [])  # a container that got its first or lost its last
        assert unchanged or inside or emptied, path_text(place)
