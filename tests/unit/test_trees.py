"""A store's tree: frozen, checked, and written by copying only what a write touches."""

from __future__ import annotations

import copy
import enum
import json
import math
import operator
import pickle
from collections.abc import Callable, Iterator
from typing import Any

import jinja2
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asok.access import Rules
from asok.errors import PathError, StoreError, UnknownVerb, ValueRefused, ValueTooLarge
from asok.frozen import FrozenDict, FrozenList, thaw, weigh
from asok.trees import VERBS, Path, Write, apply, differences, freeze, overlaps, parse_path, path_text, read_at, same
from tests.unit.effort import lines_run

ALL = Rules("shop", readable=True)
TODO = {"todo": [{"text": "milk", "done": False}, {"text": "bread", "done": True}], "counter": 1}


def written(verb: str, path: str, value: Any = None, tree: Any = TODO) -> tuple[Any, list[str]]:
    """The plain tree after a write, and the touched paths as text."""
    after, touched = apply(freeze(tree), Write(verb, parse_path(path), value))
    return thaw(after), [path_text(each) for each in touched]


def refusal(verb: str, path: str, value: Any = None, tree: Any = TODO) -> tuple[str, int]:
    with pytest.raises(StoreError) as caught:
        written(verb, path, value, tree)
    return caught.value.code, caught.value.status


# ---- paths


@pytest.mark.parametrize("text", ["", "todo", "todo/0/done", "ü/ /-1", "/".join("x" * 32), "x" * 256, "_a_/__b"])
def test_a_path_reads_back_as_it_was_written(text: str) -> None:
    assert path_text(parse_path(text)) == text


@given(st.lists(st.text(min_size=1, max_size=5), max_size=32))
def test_every_path_that_is_one_reads_back(parts: list[str]) -> None:
    text = "/".join(parts)
    try:
        path = parse_path(text)
    except PathError:
        return
    assert path_text(path) == text and parse_path(path_text(path)) == path


@pytest.mark.parametrize(
    "text", ["/", "a//b", "a/", "/a", "/".join("x" * 33), "x" * 257, "a" + "/" * 100_000, "\ud800"]
)
def test_what_cannot_be_a_path_is_refused(text: str) -> None:
    with pytest.raises(PathError) as caught:
        parse_path(text)
    assert (caught.value.code, caught.value.status) == ("bad_path", 400)
    assert len(str(caught.value)) < 600


@pytest.mark.parametrize("path", [None, 0, 7, False, (), ("todo", "0"), b"todo"])
def test_what_is_no_text_is_no_path_and_least_of_all_the_whole(path: Any) -> None:
    with pytest.raises(PathError, match="a path is text") as caught:
        parse_path(path)
    assert caught.value.code == "bad_path"


@pytest.mark.parametrize("name", ["__proto__", "prototype", "constructor", "__class__", "__", "____", "__ü__"])
def test_a_reserved_name_is_no_part_and_no_key_wherever_it_stands(name: str) -> None:
    with pytest.raises(PathError, match="reserved name"):
        parse_path(f"a/{name}/b")
    with pytest.raises(ValueRefused, match="reserved name"):
        freeze({"a": [{name: 1}]})
    with pytest.raises(ValueRefused, match="reserved name"):
        written("set", "counter", {"a": {name: 1}})
    with pytest.raises(PathError, match="reserved name"):
        apply(freeze(TODO), Write("set", (name,), 1))


@pytest.mark.parametrize(
    ("a", "b", "met"),
    [("", "a/b", True), ("a", "a/b", True), ("a/b", "a", True), ("a/b", "a/c", False), ("a", "ab", False)],
)
def test_paths_overlap_where_one_begins_the_other(a: str, b: str, met: bool) -> None:
    assert overlaps(parse_path(a), parse_path(b)) is met


# ---- frozen


MUTATIONS: list[Callable[[Any], Any]] = [
    lambda it: operator.setitem(it["a"], "x", 1),
    lambda it: operator.delitem(it["a"], "x"),
    lambda it: it["a"].__ior__({"x": 1}),
    lambda it: it["a"].update(x=1),
    lambda it: it["a"].setdefault("y", 1),
    lambda it: it["a"].pop("x"),
    lambda it: it["a"].popitem(),
    lambda it: it["a"].clear(),
    lambda it: it["a"].__init__({"x": 1}),
    lambda it: operator.setitem(it["b"], 0, 1),
    lambda it: operator.setitem(it["b"], slice(0, 1), [1]),
    lambda it: operator.delitem(it["b"], 0),
    lambda it: operator.delitem(it["b"], slice(None)),
    lambda it: it["b"].__iadd__([1]),
    lambda it: it["b"].__imul__(2),
    lambda it: it["b"].append(1),
    lambda it: it["b"].extend([1]),
    lambda it: it["b"].insert(0, 1),
    lambda it: it["b"].pop(),
    lambda it: it["b"].remove(3),
    lambda it: it["b"].clear(),
    lambda it: it["b"].sort(),
    lambda it: it["b"].reverse(),
    lambda it: it["b"].__init__([1]),
    lambda it: FrozenDict({"x": 1}),
    lambda it: FrozenList([1]),
    lambda it: FrozenDict.fromkeys("ab"),
]


@pytest.mark.parametrize("mutate", MUTATIONS)
def test_nothing_changes_what_is_frozen(mutate: Callable[[Any], Any]) -> None:
    plain = {"a": {"x": 1}, "b": [3, 2]}
    frozen = freeze(plain)
    with pytest.raises(TypeError, match=r"not changed in place .*: write (store|freeze)"):
        mutate(frozen)
    assert frozen == plain


def test_every_method_that_changes_a_dict_or_a_list_is_refused() -> None:
    for kind, frozen in ((dict, FrozenDict), (list, FrozenList)):
        changing = {name for name in vars(kind) if name not in dir(tuple) and name not in ("__reversed__",)}
        keeping = {"copy", "get", "items", "keys", "values", "fromkeys", "__or__", "__ror__"}
        assert changing - keeping - vars(frozen).keys() == set()


def test_the_refusal_says_what_to_write_instead() -> None:
    with pytest.raises(TypeError, match=r"\(append\): write store\.append\('todo', …\)"):
        freeze(TODO)["todo"].append({})


def test_what_is_frozen_reads_like_a_plain_dict_and_list() -> None:
    frozen = freeze({"a": {"x": 1}, "b": [3, 2]})
    assert isinstance(frozen, dict) and isinstance(frozen["b"], list)
    assert frozen == {"a": {"x": 1}, "b": [3, 2]} and frozen["a"] == {"x": 1}
    assert frozen["a"] | {"y": 2} == {"x": 1, "y": 2}
    assert sorted(frozen["b"]) == [2, 3] and list(frozen) == ["a", "b"] and [*frozen["b"], 1] == [3, 2, 1]
    assert frozen["b"] + [1] == [3, 2, 1] and frozen["b"][::-1] == [2, 3]
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(frozen)) == frozen
    assert json.loads(json.dumps(frozen)) == json.loads(msgspec.json.encode(frozen)) == frozen
    text = "{% for n in b %}{{ n }},{% endfor %}{{ a.x }}{{ b|tojson }}"
    assert jinja2.Environment(autoescape=True).from_string(text).render(frozen) == "3,2,1[3, 2]"


@pytest.mark.parametrize("duplicate", [copy.deepcopy, thaw, lambda tree: pickle.loads(pickle.dumps(tree))])
def test_a_deep_copy_is_plain_to_its_ends(duplicate: Callable[[Any], Any]) -> None:
    plain = duplicate(freeze(TODO))
    assert type(plain) is dict and type(plain["todo"]) is list and type(plain["todo"][0]) is dict
    plain["todo"][0]["done"] = True


@pytest.mark.parametrize("duplicate", [copy.copy, lambda tree: tree.copy()])
def test_a_shallow_copy_is_plain_at_its_top(duplicate: Callable[[Any], Any]) -> None:
    frozen = freeze(TODO)
    assert type(duplicate(frozen)) is dict and type(duplicate(frozen["todo"])) is list
    assert duplicate(frozen)["todo"] is frozen["todo"]


def test_what_is_frozen_already_is_taken_as_it_is() -> None:
    frozen = freeze(TODO)
    assert freeze(frozen) is frozen
    assert freeze({"more": frozen})["more"] is frozen


def test_a_frozen_tree_keeps_no_hold_on_what_it_was_made_of() -> None:
    plain = copy.deepcopy(TODO)
    frozen = freeze(plain)
    plain["todo"].clear()  # type: ignore[attr-defined]  # the values of TODO have several types
    assert frozen == TODO


class Size(enum.IntEnum):
    BIG = 3


class Name(str):
    pass


def test_what_a_value_is_made_of_becomes_exactly_what_json_has() -> None:
    frozen = freeze({Name("k"): (1, Size.BIG, Name("x"), 2.5, None, True)})
    assert [type(key) for key in frozen] == [str]
    assert [type(item) for item in frozen["k"]] == [int, int, str, float, type(None), bool]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (2**53, "beyond"),
        (-(2**53), "beyond"),
        (10**4000, "beyond"),
        (math.nan, "no finite number"),
        (math.inf, "no finite number"),
        ("\ud800", "surrogate"),
        ({1: "a"}, "a key is short text"),
        ({10**4000: "a"}, "a key is short text"),
        ({"": 1}, "a part is empty"),
        ({"a/b": 1}, "slash"),
        ({"a" * 257: 1}, "longer than 256"),
        ({"\ud800": 1}, "surrogate"),
        ({1, 2}, "this is set"),
        (b"x", "this is bytes"),
        (object, "this is type"),
    ],
)
def test_what_a_store_cannot_hold_is_refused_with_its_place(value: Any, text: str) -> None:
    with pytest.raises(ValueRefused, match=text) as caught:
        freeze({"a": [0, value]})
    assert (caught.value.path, caught.value.code, caught.value.status) == ("a/1", "bad_value", 422)
    with pytest.raises(ValueRefused) as caught:
        written("set", "counter", {"a": [0, value]})
    assert caught.value.path == "counter/a/1"


def nested(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


def test_a_value_is_held_to_its_limits_and_not_one_below_them() -> None:
    for fits in (nested(32), [1] * 9_999, "x" * (1 << 20)):
        freeze(fits)
    beyond: list[Any] = [nested(33), nested(100_000), [1] * 10_000, "ü" * (1 << 19) + "x", {"k": [[]] * 10_000}]
    for value in beyond:
        with pytest.raises(ValueTooLarge) as caught:
            freeze(value)
        assert (caught.value.code, caught.value.status) == ("too_big", 413)
    for limits in ({"depth": 2}, {"nodes": 4}, {"size": 3}):
        with pytest.raises(ValueTooLarge):
            freeze([[["abcd", 1]]], **limits)
        with pytest.raises(ValueTooLarge):
            freeze(freeze([[["abcd", 1]]]), **limits)


def test_a_value_that_holds_itself_is_refused_and_not_walked_for_ever() -> None:
    value: list[Any] = []
    value += [value, value]
    with pytest.raises(ValueTooLarge):
        freeze(value)


class Watched(list[int]):
    """A list that fails where somebody walks to its end."""

    def __iter__(self) -> Iterator[int]:
        yield from self[:]
        pytest.fail("the walk went on behind the limit")


@pytest.mark.parametrize("value", [[Watched([1] * 20_000)], ["x" * (1 << 20), "x", Watched()]])
def test_a_walk_ends_at_the_first_limit(value: Any) -> None:
    with pytest.raises(ValueTooLarge):
        freeze(value)


def test_what_was_frozen_before_weighs_the_same_in_a_new_tree() -> None:
    assert weigh(freeze({"a": [freeze(nested(5)), "x"], "b": {}})) == weigh(freeze({"a": [nested(5), "x"], "b": {}}))


def test_a_tree_is_held_to_its_limits_whatever_single_writes_bring() -> None:
    tree = freeze({"a": freeze(nested(30)), "list": []})
    apply(tree, Write("set", ("a", "0"), freeze(nested(30))))
    with pytest.raises(ValueTooLarge):
        apply(tree, Write("set", ("a", "0"), freeze(nested(31))))
    with pytest.raises(ValueTooLarge):
        apply(tree, Write("append", ("list",), 1), nodes=weigh(tree)[1])
    with pytest.raises(ValueTooLarge):
        apply(tree, Write("append", ("list",), "abc"), size=weigh(tree)[2] + 2)


def test_a_tree_beyond_its_limits_may_be_made_smaller() -> None:
    after, _ = apply(freeze([1, 2, 3, 4]), Write("delete", ("0",)), nodes=2)
    assert after == [2, 3, 4]


# ---- reading


@pytest.mark.parametrize(
    ("path", "kind", "status"),
    [
        ("counter/x", "scalar", 409),
        ("todo/0/text/0", "scalar", 409),
        *((f"todo/{part}", "index", 409) for part in ("2", "-1", "01", "+1", "1.0", "x", "²", "\u0661", "9" * 200)),
        ("nothing", "missing", 404),
        ("todo/0/nothing", "missing", 404),
        ("nothing/at/all", "missing", 404),
    ],
)
def test_a_path_that_leads_nowhere_says_why(path: str, kind: str, status: int) -> None:
    with pytest.raises(PathError) as caught:
        read_at(freeze(TODO), parse_path(path))
    assert (caught.value.code, caught.value.status) == (kind, status)


def test_the_error_says_what_stands_where_the_path_ends() -> None:
    with pytest.raises(PathError, match=r"path 'counter/x/y': 'counter' is a int and has nothing below it"):
        read_at(freeze(TODO), ("counter", "x", "y"))
    with pytest.raises(PathError, match=r"'todo' is a list with the indices 0 to 1, and '2' is not there"):
        read_at(freeze(TODO), ("todo", "2"))


# ---- writing


@pytest.mark.parametrize(
    ("verb", "path", "value", "place", "there", "touched"),
    [
        ("set", "counter", 5, "counter", 5, ["counter"]),
        ("set", "new", {"a": 1}, "new", {"a": 1}, ["new"]),
        ("set", "todo/1", "x", "todo/1", "x", ["todo/1"]),
        ("set", "todo/2", "x", "todo/2", "x", ["todo/2"]),
        ("set", "", [1], "", [1], [""]),
        ("update", "counter", -3, "counter", -2, ["counter"]),
        ("update", "counter", 0.5, "counter", 1.5, ["counter"]),
        ("update", "counter", True, "counter", True, ["counter"]),
        ("update", "counter", "x", "counter", "x", ["counter"]),
        ("update", "counter", {"a": 1}, "counter", {"a": 1}, ["counter"]),
        ("update", "todo/1/done", 1, "todo/1/done", 1, ["todo/1/done"]),
        ("update", "new", 4, "new", 4, ["new"]),
        ("update", "todo", [1], "todo", [1], ["todo"]),
        (
            "update",
            "todo/0",
            {"done": True, "text": "milk", "by": "ann"},
            "todo/0",
            {"text": "milk", "done": True, "by": "ann"},
            ["todo/0/done", "todo/0/by"],
        ),
        ("update", "todo/0", {"done": True, "text": "milk"}, "todo/0/done", True, ["todo/0/done"]),
        ("append", "todo", {"text": "eggs"}, "todo/2", {"text": "eggs"}, ["todo/2"]),
        ("delete", "todo/0", None, "todo", [{"text": "bread", "done": True}], ["todo"]),
        ("delete", "todo/0/text", None, "todo/0", {"done": False}, ["todo/0/text"]),
        ("delete", "counter", None, "", {"todo": TODO["todo"]}, ["counter"]),
    ],
)
def test_a_verb_does_what_its_name_says(
    verb: str, path: str, value: Any, place: str, there: Any, touched: list[str]
) -> None:
    after, told = written(verb, path, value)
    assert same(read_at(after, parse_path(place)), there)
    assert told == touched


@pytest.mark.parametrize(
    ("verb", "path", "value", "expected"),
    [
        ("set", "a/b", 1, ("missing", 404)),
        ("set", "counter/a", 1, ("scalar", 409)),
        ("set", "todo/3", 1, ("index", 409)),
        ("set", "todo/-1", 1, ("index", 409)),
        ("set", "", 5, ("bad_value", 422)),
        ("set", "", None, ("bad_value", 422)),
        ("update", "", 5, ("bad_value", 422)),
        ("update", "counter", 2**53 - 1, ("bad_value", 422)),
        ("append", "counter", 1, ("not_a_list", 409)),
        ("append", "todo/0", 1, ("not_a_list", 409)),
        ("append", "nothing", 1, ("missing", 404)),
        ("delete", "", None, ("bad_path", 400)),
        ("delete", "nothing", None, ("missing", 404)),
        ("delete", "todo/2", None, ("index", 409)),
        ("increment", "counter", 1, ("unknown_verb", 400)),
    ],
)
def test_a_write_that_cannot_be_says_why(verb: str, path: str, value: Any, expected: tuple[str, int]) -> None:
    assert refusal(verb, path, value) == expected


def test_a_sum_beyond_all_floats_is_refused() -> None:
    assert refusal("update", "n", 1e308, {"n": 1e308}) == ("bad_value", 422)


def test_an_unknown_verb_is_told_with_the_nearest() -> None:
    with pytest.raises(UnknownVerb, match="did you mean 'append'"):
        apply(freeze(TODO), Write("apend", ("todo",), 1))


@pytest.mark.parametrize(
    ("verb", "path", "value"),
    [
        ("set", "counter", 1),
        ("set", "todo/0", {"text": "milk", "done": False}),
        ("set", "", TODO),
        ("update", "counter", 0),
        ("update", "todo/0", {"done": False}),
        ("update", "todo/0", {}),
    ],
)
def test_a_write_that_changes_nothing_leaves_the_same_tree(verb: str, path: str, value: Any) -> None:
    tree = freeze(TODO)
    assert apply(tree, Write(verb, parse_path(path), value)) == (tree, ())
    assert apply(tree, Write(verb, parse_path(path), value))[0] is tree


@pytest.mark.parametrize(("before", "after"), [(1, True), (True, 1), (1, 1.0), (0, False), ([1], [True]), ("1", 1)])
def test_equal_values_of_another_type_are_a_change(before: Any, after: Any) -> None:
    tree, touched = written("set", "a", after, {"a": before})
    assert touched == ["a"] and same(tree, {"a": after})


def test_another_order_of_keys_is_a_change() -> None:
    tree, touched = written("set", "", {"b": 1, "a": 2}, {"a": 2, "b": 1})
    assert touched == [""] and list(tree) == ["b", "a"]


def test_a_set_copies_only_what_lies_on_its_path() -> None:
    tree = freeze({**TODO, "other": {"a": [1]}})
    after, _ = apply(tree, Write("set", ("todo", "0", "done"), True))
    assert after["todo"][1] is tree["todo"][1] and after["other"] is tree["other"]
    assert isinstance(after, FrozenDict) and isinstance(after["todo"], FrozenList)
    assert tree["todo"][0]["done"] is False


def test_a_write_deep_in_a_long_list_runs_no_more_of_python_than_in_a_short_one() -> None:
    def effort(rows: int) -> int:
        tree = freeze({"todo": [{"text": f"row {row}", "done": False} for row in range(rows)]})
        write = Write("set", ("todo", "5", "done"), True)
        return lines_run(lambda: apply(tree, write))

    assert effort(1_000) == effort(10)


# ---- what a follower is sent


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        ({"a": 1, "b": [1, 2]}, {"a": 1, "b": [1, 3]}, ["b/1"]),
        ({"a": 1}, {"b": 1}, ["b", "a"]),
        ([1], [1, 2, 3], ["1", "2"]),
        ([1, 2], [1], [""]),
        ({"a": {"x": 1, "y": 2}}, {"a": {"y": 2, "x": 1}}, ["a"]),
        ({"a": 1}, [1], [""]),
        ({"a": 1}, {"a": True}, ["a"]),
        ({}, {}, []),
    ],
)
def test_two_trees_differ_where_a_write_between_them_would_have_touched(old: Any, new: Any, found: list[str]) -> None:
    assert [path_text(path) for path in differences(freeze(old), freeze(new))] == found


# ---- whatever the tree and the write are

keys = st.sampled_from(["a", "b", "0", "1", "2"])
scalars = st.none() | st.booleans() | st.integers(-2, 2) | st.sampled_from([0.0, 1.0, 0.5]) | st.text(max_size=2)
trees = st.recursive(
    scalars,
    lambda below: st.lists(below, max_size=3) | st.dictionaries(keys, below, max_size=3),
    max_leaves=12,
)
whole = st.dictionaries(keys, trees, max_size=4) | st.lists(trees, max_size=3)
writes = st.builds(Write, st.sampled_from(sorted(VERBS)), st.lists(keys, max_size=3).map(tuple), trees)


class Impossible(Exception):
    """The model cannot do it, so apply must not."""


def present(node: Any, part: Any) -> bool:
    return part < len(node) if isinstance(node, list) else part in node


def model(tree: Any, write: Write) -> Any:
    """The tree after a write, the plain way. Raises Impossible."""
    holder: list[Any] = [copy.deepcopy(tree)]
    node: Any = holder
    part: Any = 0
    for name in write.path:
        if not present(node, part):
            if write.verb != "put":
                raise Impossible
            node.append({}) if isinstance(node, list) else node.update({part: {}})
        node = node[part]
        if not isinstance(node, (list, dict)) or (
            isinstance(node, list) and name not in map(str, range(len(node) + 1))
        ):
            raise Impossible
        part = int(name) if isinstance(node, list) else name
    value, there = copy.deepcopy(write.value), present(node, part)
    old = node[part] if there else None
    if write.verb == "append":
        if not isinstance(old, list):
            raise Impossible
        old.append(value)
    elif write.verb == "delete":
        if not there or not write.path:
            raise Impossible
        del node[part]
    elif write.verb == "update" and isinstance(old, dict) and isinstance(value, dict):
        old.update(value)
    else:
        if write.verb == "update" and type(old) in (int, float) and type(value) in (int, float):
            value = old + value
        if isinstance(node, list) and not there:
            node.append(value)
        else:
            node[part] = value
    if not isinstance(holder[0], (list, dict)):
        raise Impossible
    return holder[0]


def places(tree: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Every value of a tree with its path."""
    yield path, tree
    if isinstance(tree, (dict, list)):
        for part, item in tree.items() if isinstance(tree, dict) else enumerate(tree):
            yield from places(item, (*path, str(part)))


def attempt(tree: Any, write: Write) -> tuple[Any, tuple[Path, ...]]:
    try:
        return apply(tree, write)
    except StoreError:
        return tree, ()


@given(whole, writes)
def test_a_write_does_what_a_plain_copy_would(tree: Any, write: Write) -> None:
    frozen = freeze(tree)
    try:
        expected = model(tree, write)
    except Impossible:
        with pytest.raises(StoreError):
            apply(frozen, write)
    else:
        assert same(thaw(apply(frozen, write)[0]), expected)
    assert same(thaw(frozen), tree)


@given(whole, writes)
def test_every_difference_is_at_a_touched_path_and_nothing_else_is_copied(tree: Any, write: Write) -> None:
    frozen = freeze(tree)
    after, touched = attempt(frozen, write)
    old, new = dict(places(frozen)), dict(places(after))
    for path in old.keys() | new.keys():
        near = any(overlaps(path, each) for each in touched)
        assert near or (path in old and path in new and old[path] is new[path])
    for path in touched:
        assert not (path in old and path in new and same(old[path], new[path]))


@given(whole, st.lists(writes, max_size=6))
def test_the_weight_of_a_written_tree_is_that_of_one_made_anew(tree: Any, several: list[Write]) -> None:
    frozen = freeze(tree)
    for write in several:
        frozen, _ = attempt(frozen, write)
        for _, value in places(frozen):
            assert weigh(value) == weigh(freeze(thaw(value)))
            assert not isinstance(value, (dict, list)) or isinstance(value, (FrozenDict, FrozenList))


@given(whole, st.lists(writes, max_size=4))
def test_a_follower_that_takes_the_changes_over_has_the_tree(tree: Any, several: list[Write]) -> None:
    frozen, mirror = freeze(tree), copy.deepcopy(tree)
    for write in several:
        frozen, touched = attempt(frozen, write)
        mirror = followed(mirror, ALL.visible_changes(frozen, touched))
        assert same(mirror, thaw(frozen))


@given(whole, whole)
def test_a_follower_that_takes_the_differences_over_has_the_new_tree(old: Any, new: Any) -> None:
    found = differences(freeze(old), freeze(new))
    mirror = followed(copy.deepcopy(old), ALL.visible_changes(freeze(new), found))
    assert mirror == new and (found != [] or same(old, new))


def followed(mirror: Any, told: list[list[Any]]) -> Any:
    """What a follower makes of the changes that it was sent."""
    holder = {"": mirror}
    for text, *values in told:
        *above, last = ("", *parse_path(text))
        node: Any = holder
        for part in above:
            node = node[int(part)] if isinstance(node, list) else node[part]
        if isinstance(node, list):
            node[int(last) : int(last) + 1] = map(thaw, values)
        elif values:
            node[last] = thaw(values[0])
        else:
            del node[last]
    return holder[""]
