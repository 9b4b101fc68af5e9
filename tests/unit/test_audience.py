"""Who is interested in a path is found by the path, however many others are interested in other ones."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from asok.audience import PathAudience
from asok.paths import Path, overlaps
from tests.unit.effort import lines_run

PATHS = st.lists(st.sampled_from("abc"), max_size=4).map(tuple)


def audience(*paths: Path) -> PathAudience[str]:
    made = PathAudience[str]()
    for path in paths:
        made.add(path, "somebody")
    return made


@given(st.lists(PATHS), st.lists(PATHS), st.lists(PATHS, unique=True))
def test_those_are_met_whose_path_overlaps_and_nobody_who_has_gone(
    came: list[Path], went: list[Path], touched: list[Path]
) -> None:
    made = audience(*came)
    for path in went:
        made.remove(path, "somebody")
    there = {path for path in came if path not in went}
    wanted = {path: [each for each in touched if overlaps(path, each)] for path in there}
    assert made.meeting(touched) == {path: met for path, met in wanted.items() if met}
    assert len(made) == len(there)


def test_a_change_looks_at_nobody_who_is_interested_in_something_else() -> None:
    few, many = (audience((), *(("votes", str(n)) for n in range(count))) for count in (10, 1000))

    def effort(made: PathAudience[str]) -> int:
        return lines_run(lambda: made.meeting([("votes", "3")]))

    assert list(many.meeting([("votes", "3")])) == [(), ("votes", "3")]
    assert effort(many) == effort(few)


def test_of_many_changes_at_once_each_is_told_only_what_concerns_it() -> None:
    paths = [("votes", str(n)) for n in range(100)]
    assert audience(*paths).meeting(paths) == {path: [path] for path in paths}
