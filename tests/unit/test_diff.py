"""Deltas between two texts: always exact, short where it matters, and bounded in effort."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asok.diff import Delta, apply, change, diff
from tests.unit.effort import lines_run

ALPHABET = "ab <>\n1é€\u0301\u200d🗑👩\U0010ffff"
texts = st.text(ALPHABET, max_size=80) | st.text(max_size=40)


def table(keys: list[int], note: str = "", selected: tuple[int, ...] = ()) -> str:
    """A page with a counted table, one row for each key."""
    rows = "".join(
        f'<tr ws-key="{key}"{" class=on" if key in selected else ""}>\n<td>Person {key}{note}</td>\n'
        f'<td>{key * 7919 % 100_000}</td><td><button ws-click="remove({key})">Remove</button></td></tr>\n'
        for key in keys
    )
    return f"<div><h1>{len(keys)} people</h1><table>\n{rows}</table></div>"


def characters(delta: Delta) -> int:
    """How much new text the delta brings along."""
    return sum(len(part) for part in delta if isinstance(part, str))


# ---- exact, whatever the texts are


@given(texts, texts)
def test_the_delta_makes_the_new_text_out_of_the_old(old: str, new: str) -> None:
    assert apply(old, diff(old, new)) == new


@given(texts, texts, texts, texts, texts)
def test_an_edit_in_the_middle_is_exact(head: str, old: str, between: str, new: str, tail: str) -> None:
    before, after = head + old + between * 3 + old + tail, head + new + between * 3 + old + tail
    assert apply(before, diff(before, after)) == after
    assert apply(after, diff(after, before)) == before


@settings(max_examples=60, deadline=None)
@given(st.data(), st.sampled_from(["", "é", "€", "🗑", "e\u0301 👩\u200d👧"]))
def test_any_change_of_a_table_is_exact(data: st.DataObject, note: str) -> None:
    keys = list(range(data.draw(st.integers(0, 80))))
    chance = data.draw(st.randoms(use_true_random=False))
    kept = [key for key in keys if chance.random() < 0.8] + [1000 + n for n in range(chance.randrange(5))]
    if data.draw(st.booleans()):
        chance.shuffle(kept)
    selected = tuple(key for key in kept if chance.random() < 0.1)
    other = data.draw(st.sampled_from([note, note + "!", "🗑"]))
    old, new = table(keys, note), table(kept, other, selected)
    assert apply(old, diff(old, new)) == new
    assert apply(new, diff(new, old)) == old


@settings(max_examples=60, deadline=None)
@given(st.text(ALPHABET, min_size=600, max_size=1500), st.randoms(use_true_random=False))
def test_many_small_edits_of_a_long_text_are_exact(old: str, chance: random.Random) -> None:
    new = old
    for _ in range(chance.randrange(1, 20)):
        at = chance.randrange(len(new))
        new = new[:at] + chance.choice(["", "x", "🗑", "<tr", "longer than a probe of characters"]) + new[at + 2 :]
    assert apply(old, diff(old, new)) == new


@settings(deadline=None)
@given(st.integers(1, 40_000), st.data(), st.sampled_from("!é€\udc80🗑"), st.sampled_from("!é€\udc80🗑"))
def test_one_changed_character_is_found_wherever_it_stands(
    length: int, data: st.DataObject, in_it: str, new: str
) -> None:
    text = "".join(map("{}, ".format, range(length // 2)))[:length] + "-"
    text = data.draw(st.sampled_from([text, text + in_it, in_it + text]))
    place = data.draw(st.integers(0, len(text) - 1))
    after = text[:place] + f"\0{new}\1" + text[place + 1 :]
    head, gone = (len(part.encode("utf-16-le", "surrogatepass")) // 2 for part in (text[:place], text[place]))
    assert diff(text, after) == [*([head] if head else []), f"\0{new}\1", -gone]


# ---- the format


def test_equal_texts_need_nothing() -> None:
    assert diff("same", "same") == []
    assert change("same", "same") == []
    assert change("", "") == []


def test_one_changed_character_is_a_literal_and_a_skip() -> None:
    old = "x" * 93_012 + "7" + "y" * 5_000
    assert diff(old, old.replace("7", "8")) == [93_012, "8", -1]


def test_text_can_be_put_in_and_taken_out() -> None:
    assert diff("one three", "one two three") in ([4, "two "], [5, "wo t"])
    assert diff("one two", "one ") == [4, -3]
    assert diff("one", "one two") == [3, " two"]
    assert diff("gone", "") == [-4]
    assert diff("", "come") == ["come"]


def test_offsets_count_an_astral_character_as_two_units() -> None:
    old = "🗑" * 50 + "7" + "-" * 50
    assert diff(old, old.replace("7", "8")) == [100, "8", -1]


def test_an_astral_character_is_never_cut_in_half() -> None:
    # Both begin with the same high surrogate, so that units alone would keep it and replace only the other half.
    assert diff("a👩b", "a👧b") == [1, "👧", -2]


@pytest.mark.parametrize(
    ("delta", "text"),
    [
        ([], "abcdef"),
        (["x"], "xabcdef"),
        ([2, -2], "abef"),
        ([[4], 1, [0], 2, -4], "eab"),
        ([[6]], ""),
        ([6, [0]], "abcdefabcdef"),
    ],
)
def test_a_delta_copies_skips_seeks_and_keeps_the_rest(delta: Delta, text: str) -> None:
    assert apply("abcdef", delta) == text


# ---- short where it matters


def test_far_apart_edits_bring_only_their_own_text() -> None:
    old = table(list(range(1000)))
    new = old.replace("Person 3<", "Somebody<").replace("Person 500<", "Nobody<").replace("Person 990<", "P<")
    assert characters(diff(old, new)) <= len("Somebody" + "Nobody" + "P")


@pytest.mark.parametrize("note", ["", " 🗑"])
def test_a_row_on_top_brings_only_itself_although_the_count_changes_too(note: str) -> None:
    keys = list(range(1000))
    assert characters(diff(table(keys, note), table([5000, *keys], note))) < 200


def test_a_removed_row_brings_nothing_but_the_new_count() -> None:
    keys = list(range(1000))
    delta = diff(table(keys), table(keys[:500] + keys[501:]))
    assert characters(delta) <= len("999")
    assert len(delta) <= 6


def test_moved_rows_are_copied() -> None:
    keys = list(range(1000))
    shuffled = random.Random(7).sample(keys, 1000)
    for moved in (keys[::-1], shuffled, keys[300:] + keys[:300], [*keys[:10], keys[900], *keys[10:900], *keys[901:]]):
        assert characters(diff(table(keys), table(moved))) < 400


def test_rows_that_are_all_touched_bring_only_what_is_new_in_them() -> None:
    keys = list(range(1000))
    delta = diff(table(keys), table(keys, selected=tuple(keys)))
    assert characters(delta) <= len(" class=on") * 1000


def test_a_search_keeps_the_rows_that_it_finds() -> None:
    keys = list(range(1000))
    assert characters(diff(table(keys), table(keys[5::27]))) < 300


# ---- whole where a delta does not pay


def test_without_an_old_text_the_new_one_is_whole() -> None:
    assert change(None, "text") == "text"


def test_a_delta_that_is_mostly_new_text_gives_way_to_the_whole() -> None:
    few, many = table(list(range(30))), table(list(range(5000, 5040)), note="other")
    assert change(few, many) == many
    assert change("", "something") == "something"
    assert change("something", "") == ""


def test_a_short_text_with_a_small_change_is_a_delta_too() -> None:
    old = '<div><h3>Count: 9</h3><button ws-click="increment">Add 1</button></div>'
    assert change(old, old.replace("9", "10")) == [16, "10", -1]


@given(texts, texts)
def test_a_change_leads_to_the_new_text_and_is_never_much_longer(old: str, new: str) -> None:
    changed = change(old, new)
    assert (changed if isinstance(changed, str) else apply(old, changed)) == new


# ---- bounded effort


def repetitive(size: int) -> list[tuple[str, str]]:
    """Texts in which nearly everything looks like nearly everything else."""
    chance = random.Random(3)
    noise = "".join(chance.choice("ab") for _ in range(size))
    return [
        ("a" * size, "a" * (size // 2) + "b" + "a" * (size // 2)),
        ("ab" * (size // 2), "ba" * (size // 2) + "c"),
        (noise, noise[::-1]),
        (noise, "".join(chance.choice("ab") for _ in range(size))),
        ("<" * size, "<" * (size - 3) + "x" + "<" * 9),
        ("<tr" * (size // 3), "<tr>" * (size // 4)),
        ("<tr>a" * (size // 5), "<tr>b<li>" * (size // 9)),
        (("a" * 23 + "b") * (size // 24), ("a" * 23 + "c") * (size // 24)),
        ("\n".join("x" * (n % 7) for n in range(size // 4)), "\n".join("x" * (n % 11) for n in range(size // 5))),
        ("🗑\n" * (size // 2), "🗑\n\n" * (size // 3)),
    ]


@pytest.mark.parametrize("case", range(10))
def test_repetitive_texts_are_exact_and_the_effort_does_not_explode(case: int) -> None:
    (short, short_new), (long, long_new) = repetitive(10_000)[case], repetitive(80_000)[case]
    assert apply(long, diff(long, long_new)) == long_new
    few, many = lines_run(lambda: diff(short, short_new)), lines_run(lambda: diff(long, long_new))
    # Eight times the text may take eight times the lines, and a few; never 64 times.
    assert many <= 12 * few + 2_000


def test_the_effort_for_one_edit_does_not_depend_on_the_text_around_it() -> None:
    small, large = table(list(range(100))), table(list(range(4000)))
    few = lines_run(lambda: diff(small, small.replace("Person 50<", "Somebody<")))
    many = lines_run(lambda: diff(large, large.replace("Person 2000<", "Somebody<")))
    assert many <= few + 100


def test_large_texts_that_have_nothing_in_common_are_given_up_early() -> None:
    old = table(list(range(8000)))
    new = "".join(f"<tr><th>{n}</th><th>{n * n}</th><th>{n**3} {n**5} {n**7}</th></tr>" for n in range(8000))
    same = lines_run(lambda: diff(old, table(list(range(8000, 0, -1)))))
    assert lines_run(lambda: change(old, new)) < 3 * same
