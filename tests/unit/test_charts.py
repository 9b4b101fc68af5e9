"""Charts: whatever is given, everything stands inside of the plot, and the numbers at the axes are round and exact."""

from __future__ import annotations

import re
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from typing import Any

import pytest
from bs4 import BeautifulSoup
from hypothesis import example, given
from hypothesis import strategies as st

from asok import Component, exposed
from asok.charts import SPAN, Chart, bar_chart, line_chart, spark_line
from asok.errors import ComponentError
from asok.testing import LiveClient
from asok.ticks import scale, short, words

numbers = st.one_of(
    st.integers(-(10**6), 10**6),
    st.floats(-1e300, 1e300, allow_nan=False),
    st.floats(-1, 1),
    st.sampled_from([0, -0.0, 5e-324, 1e300, -1e300, 1e9 + 1, 0.1 + 0.2]),
)
values = st.lists(st.one_of(numbers, st.none()), max_size=40)


def points_of(path: str) -> list[tuple[int, int]]:
    """The places that a path of ours leads over."""
    found: list[tuple[int, int]] = []
    x = y = 0
    for command, rest in re.findall(r"([MmlhHVz])([^MmlhHVz]*)", path):
        each = [int(number) for number in re.findall(r"-?\d+", rest)]
        if command == "V":
            y = each[0]
        elif command in "Mml":
            for dx, dy in zip(each[::2], each[1::2], strict=True):
                x, y = (dx, dy) if command == "M" else (x + dx, y + dy)
                found.append((x, y))
        found.append((x, y))
    return found


def expect_inside(chart: Chart) -> None:
    assert chart.width > 0
    assert 0 <= chart.zero <= SPAN
    for series in chart.series:
        for x, y in [*points_of(series.path), *points_of(series.area)]:
            assert 0 <= x <= chart.width
            assert 0 <= y <= SPAN
        for mark in series.marks:
            assert 0 <= mark.x <= mark.x + mark.width <= chart.width
            assert 0 <= mark.y <= mark.y + mark.height <= SPAN
    assert all(0 <= text.at <= 1 for text in [*chart.ticks, *chart.labels])


@given(values, st.none() | numbers, st.none() | numbers)
def test_all_of_a_chart_is_inside(given: list[Any], low: float | None, high: float | None) -> None:
    for chart in (line_chart, bar_chart, spark_line):
        expect_inside(chart(given, low=low, high=high))
        expect_inside(chart({"a": given, "b": given[1:]}, low=low, high=high))


@given(st.lists(numbers, min_size=2, max_size=40))
def test_what_is_more_stands_higher(given: list[float]) -> None:
    for chart in (line_chart(given), spark_line(given)):
        placed = sorted(zip(given, [mark.y for mark in chart.series[0].marks], strict=True))
        assert all(above <= below for (_, below), (_, above) in pairwise(placed))


@given(values)
def test_a_path_leads_over_all_values_and_jumps_over_gaps(given: list[Any]) -> None:
    series = line_chart(given).series[0]
    there = [value is not None for value in given]
    runs = sum(now and not before for before, now in pairwise([False, *there]))
    assert len(series.marks) == sum(there)
    assert {(mark.x, mark.y) for mark in series.marks} == set(points_of(series.path))
    assert series.path.count("M") + series.path.count("m") == runs


@given(numbers, numbers)
@example(0, 0)
@example(-1e300, 1e300)
@example(1, 1 + 2**-52)
@example(1.7e9, 1.7e9 + 5)
def test_ticks_are_round_and_cover_what_is_shown(one: float, other: float) -> None:
    low, high = sorted(0 if abs(number) < 1e-300 else number for number in (one, other))
    axis = scale(low, high)
    ticks = [value for value, _ in axis.ticks]
    assert ticks[0] == axis.low <= low <= high <= axis.high == ticks[-1]
    assert 2 <= len(ticks) <= 7
    assert all(below < above for below, above in pairwise(ticks))
    texts = [text for _, text in axis.ticks]
    assert len({*texts}) == len(texts)
    read = [number_of(text) for text in texts]
    assert [float(number) for number in read] == ticks
    (step,) = {after - before for before, after in pairwise(read)}
    assert (
        re.sub(r"^0*|[.]|0*$", "", f"{Decimal(step.numerator) / Decimal(step.denominator):f}".replace(".", "")) in "125"
    )


def number_of(text: str) -> Fraction:
    """What a text at an axis says."""
    power = {"k": 3, "M": 6, "G": 9, "T": 12}.get(text[-1], 0)
    return Fraction(text.rstrip("kMGT").replace(",", "")) * Fraction(10**power)


@pytest.mark.parametrize(
    ("given", "exponent", "texts"),
    [
        ([0, 5, 10], 0, ["0", "5", "10"]),
        ([-5, 0, 5], -1, ["-0.5", "0", "0.5"]),
        ([5, 10, 15], 2, ["500", "1,000", "1,500"]),
        ([0, 5, 15], 3, ["0", "5k", "15k"]),
        ([0, 5, 10], 4, ["0", "50k", "100k"]),
        ([-10, 0], 4, ["-100k", "0"]),
        ([1, 2], 7, ["10M", "20M"]),
        ([5, 10], 7, ["50M", "100M"]),
        ([10, 15, 20], 19, ["1e20", "1.5e20", "2e20"]),
        ([2, 4], -5, ["2e-5", "4e-5"]),
    ],
)
def test_numbers_at_an_axis_are_short(given: list[int], exponent: int, texts: list[str]) -> None:
    assert short(given, exponent) == texts


@pytest.mark.parametrize(
    ("number", "text"), [(3.0, "3"), (1234567, "1,234,567"), (0.125, "0.125"), (1 / 3, "0.333333"), (1e20, "1e20")]
)
def test_a_number_in_words_is_exact_where_it_is_whole(number: float, text: str) -> None:
    assert words(number) == text


def test_nothing_one_point_and_equal_values_have_an_axis() -> None:
    nothings: list[Any] = [[], [None], {}, {"a": []}]
    for nothing in nothings:
        assert [text.text for text in line_chart(nothing).ticks] == ["0", "0.5", "1"]
    assert line_chart([]).summary == "no values"
    assert line_chart([5]).series[0].path == "M1 167h0"
    assert [text.text for text in line_chart([7, 7]).ticks] == ["0", "2", "4", "6", "8"]
    assert spark_line([7, 7]).series[0].path == "M0 500l1 0"


def test_what_has_no_place_is_a_gap() -> None:
    assert (
        line_chart([1, float("nan"), Decimal("sNaN"), 2]).series[0].path
        == line_chart([1, None, float("inf"), 2]).series[0].path
    )


@pytest.mark.parametrize(
    "wrong", ["12", 3, ["1"], ["12"], [("a", "1")], [("a", 1, 2)], [1e301], [10**400], [[1]], {"a": "b"}]
)
def test_what_cannot_be_drawn_is_refused_in_words(wrong: Any) -> None:
    with pytest.raises(ComponentError, match="a chart draws"):
        line_chart(wrong)


def test_values_have_labels_and_series_have_names() -> None:
    chart = line_chart({"Rome": {"Mon": 1, "Tue": 2}, "Oslo": [("Mon", None), ("Tue", Decimal("2.5"))]}, unit=" °C")
    assert [mark.title for series in chart.series for mark in series.marks] == [
        "Rome: Mon: 1 °C",
        "Rome: Tue: 2 °C",
        "Oslo: Tue: 2.5 °C",
    ]
    assert chart.rows == [("Mon", ["1 °C", ""]), ("Tue", ["2 °C", "2.5 °C"])]
    assert chart.summary == "Rome: 2 values from 1 °C to 2 °C, last 2 °C; Oslo: 2.5 °C"
    assert [(text.at, text.text) for text in chart.labels] == [(0, "Mon"), (1, "Tue")]


@pytest.mark.parametrize("characters", range(1, 15))
def test_labels_stand_side_by_side_on_a_phone(characters: int) -> None:
    half, plot = characters * 6.9 / 2, 0.88 * 300
    for count in range(2, 40):
        chart = line_chart([("8" * characters, 1)] * count)
        # The last one ends where the plot does.
        middles = [plot - half if text.at == 1 else text.at * plot for text in chart.labels]
        assert all(right - left >= 2 * half for left, right in pairwise(middles)), (count, middles)


def test_few_of_many_labels_are_shown_and_long_ones_are_cut() -> None:
    chart = line_chart([(f"a very long label {place}", place) for place in range(100)])
    assert [text.text for text in chart.labels] == ["a very long l…"] * 2


def test_bars_reach_to_zero_and_a_fixed_axis_stays() -> None:
    chart = bar_chart({"a": 3, "b": -1}, low=-5, high=5)
    up, down = chart.series[0].marks
    assert up.y + up.height == down.y == chart.zero
    assert {text.text for text in chart.ticks} >= {"-5", "5"} or chart.ticks[-1].text == "6"
    assert line_chart([50], low=0, high=100).ticks[0].text == "0"
    assert line_chart([50], low=0, high=100).ticks[-1].text == "100"


# --- as they are drawn


class Drawn(Component):
    values: list[float] = [float(place % 7) for place in range(60)]
    template = """{% from "asok/charts.html" import line, bar, sparkline %}<div>
        {{ line(values, label="<Load>", low=0, high=10, dots=False) }}
        {{ bar({"<a>": 1, "b&": 2}, label="Two", table="As a table") }}
        {{ sparkline(values, label="Small", low=0, high=10) }}
        <section>{{ line({"<x>": [1, 2], "y": [2, None]}, label="Series", table="All") }}</section>
        <button ws-click="change">Change</button><button ws-click="slide">Slide</button></div>"""

    @exposed
    def change(self) -> None:
        self.values[30] = 9.5

    @exposed
    def slide(self) -> None:
        self.values = [*self.values[1:], 3]


async def test_charts_are_drawn_without_script_and_style_and_say_what_they_show() -> None:
    async with LiveClient() as live:
        page = await live.mount(Drawn)
        tree = BeautifulSoup(page.html("div"), "html.parser")
    assert not tree.select("script, style, [style], [onclick]")
    images = tree.select("svg[role=img]")
    assert len(images) == 4
    assert all(image["aria-label"] and image.title for image in images)
    assert images[0]["aria-label"] == "<Load>"
    assert images[0].desc is not None and images[0].desc.text == "60 values from 0 to 6, last 3"
    assert [title.text for title in images[1].select("rect title")] == ["<a>: 1", "b&: 2"]
    assert [cell.text for cell in tree.select("table")[0].select("th, td")] == ["<a>", "1", "b&", "2"]
    assert [item.text.strip() for item in tree.select(".legend li")] == ["<x>", "y"]


async def test_a_change_of_one_value_is_a_small_patch_and_so_is_a_step_in_time() -> None:
    async with LiveClient() as live:
        page = await live.mount(Drawn)
        whole = len(page.html("div > figure.line"))
        await page.click("button", text="Slide")
        await page.click("button", text="Change")
        assert page.last_patch.size < 250
        await page.click("button", text="Slide")
        assert page.last_patch.size < 400 < whole
