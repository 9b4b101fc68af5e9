"""Scoped styles: every rule is put into its scope once, letter for letter, and templates give theirs up."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asok.errors import RenderError
from asok.scoping import flat_css, scoped_css, split_styles

SCOPE = '@scope ([data-asok-scope~="Chart"]) to (:scope [data-asok-state]) {'
TOO = ":where(:scope,:scope *)"

SPACE = st.sampled_from(["", " ", "\n", "/* } { ' */", " /**/ "])
SELECTORS = st.lists(
    st.sampled_from([".a", "b > .c", "[x='{,}']", ":is(a, .b)", ".d\\{", "#e:hover", ":scope", "i~u"]),
    min_size=1,
    max_size=3,
).map(",".join)
DECLARATIONS = st.lists(
    st.sampled_from(["color: red", 'content: "}"', "--p: {a: b}", "background: url(a;b}c)", "x: 'it\\'s }'"]),
    max_size=3,
).map(lambda each: "".join(f"{one};" for one in each))
RULES = st.builds("{}{{{}{}}}".format, SELECTORS, DECLARATIONS, st.sampled_from(["", "& .n { top: 0 }", ".n,.m {}"]))
OTHERS = st.sampled_from(
    [
        "@import url(x;y);",
        "@layer a, b;",
        "@font-face { src: url(z) }",
        "@keyframes k { 0% { top: 0 } }",
        "@property --x { }",
    ]
)
GROUPS = st.sampled_from(
    ["@media (a: b)", "@supports (c: d)", "@layer a.b", "@container n (e)", "@starting-style", "@MEDIA all"]
)


def grouped(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.builds("{}{{{}}}".format, GROUPS, sheet(inner))


def sheet(pieces: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.lists(st.tuples(SPACE, pieces, SPACE).map("".join), max_size=5).map("".join)


SHEETS = sheet(st.recursive(RULES | OTHERS, grouped, max_leaves=6))


@given(SHEETS)
def test_without_what_was_added_the_text_is_the_one_that_was_given(css: str) -> None:
    scoped = scoped_css(css, "Chart")
    assert scoped.replace(SCOPE, "").replace(TOO, "").count("}") - scoped.count(SCOPE) == css.count("}")
    assert bare(scoped) == css


def bare(scoped: str) -> str:
    """The text with every scope taken off, from its first letter to the bracket that closes it."""
    while SCOPE in scoped:
        before, _, after = scoped.rpartition(SCOPE)
        end = next(place for place in range(len(after)) if after[place] == "}" and closes(after[:place]))
        scoped = before + after[:end] + after[end + 1 :]
    return scoped.replace(TOO, "")


def closes(inside: str) -> bool:
    plain = re.sub(r"/\*.*?\*/|\"[^\"]*\"|'(?:[^'\\]|\\.)*'|url\([^)]*\)|\\.", "", inside)
    return plain.count("{") == plain.count("}") and plain.count("/*") == 0 and not re.search(r"['\"]|url\(", plain)


@given(SHEETS)
def test_the_form_for_older_browsers_has_the_same_rules_and_one_condition_for_each_selector(css: str) -> None:
    condition = flat_css("i{}", "Chart")[1:-2]
    flat = flat_css(css, "Chart")
    assert flat.replace(condition, "").replace('[data-asok-scope~="Chart"]', ":scope") == css


@given(st.text("{}()[]\"'/*\\;:@-,.&>a \n") | SHEETS, st.sampled_from([scoped_css, flat_css]))
def test_whatever_is_left_open_ends_with_the_file(css: str, form: Callable[[str, str], str]) -> None:
    # An escape at the end stands for nothing; all else is closed already, so that doing it again adds nothing.
    closed = form(css, "Chart")
    assert form(closed + "/**/", "Chart").endswith("/**/")


@pytest.mark.parametrize(
    ("css", "scoped"),
    [
        (".a{} .b{}", SCOPE + f".a{TOO}{{}} .b{TOO}{{}}}}"),
        ("@import 'x';.a{}", "@import 'x';" + SCOPE + f".a{TOO}{{}}}}"),
        ("@media x{.a{}@font-face{}}", "@media x{" + SCOPE + f".a{TOO}{{}}}}@font-face{{}}}}"),
        (".a::before, .b .c:after{}", SCOPE + f".a{TOO}::before, .b .c{TOO}:after{{}}}}"),
        (".a{.b{} &:hover{}}", SCOPE + f".a{TOO}{{.b{{}} &:hover{{}}}}}}"),
        (".a{color:red", SCOPE + f".a{TOO}{{color:red}}}}"),
        ("@scope (.x){.a{}}", SCOPE + "@scope (.x){.a{}}}"),
        ("@keyframes k{from{top:0}}", "@keyframes k{from{top:0}}"),
        ("<!-- .a{} -->", "<!-- " + SCOPE + f".a{TOO}{{}} }}-->"),
        ("} .a{}", "} .a{}"),
        ("", ""),
    ],
)
def test_rules_stand_in_a_scope_where_they_stood(css: str, scoped: str) -> None:
    assert scoped_css(css, "Chart") == scoped


def test_for_older_browsers_the_root_is_named_and_nested_rules_have_the_condition_too() -> None:
    root = '[data-asok-scope~="Chart"]'
    condition = flat_css("i{}", "Chart")[1:-2]
    assert flat_css(":scope{}", "Chart") == f"{root}{condition}{{}}"
    assert flat_css("> .a{}", "Chart") == f":where({root}) > .a{condition}{{}}"
    assert flat_css(".a{& .b{} color:red}", "Chart") == f".a{condition}{{& .b{condition}{{}} color:red}}"


def test_a_scoped_style_is_taken_out_and_the_lines_stay() -> None:
    source = "<style scoped>\n.a {}\n</style>\n<p>{{ x }}</p><style SCOPED>.b{}</style>"
    assert split_styles(source, "x.html") == ("\n\n\n<p>{{ x }}</p>", "\n.a {}\n\n.b{}")


@pytest.mark.parametrize(
    "source",
    [
        "<style>.a {}</style>",
        "<!-- <style scoped>.a {}</style> -->",
        "{# <style scoped>.a {}</style> #}",
        "<script>'<style scoped>.a {}</style>'</script>",
        '<style data-x="scoped">.a {}</style>',
        "<p>no style</p>",
    ],
)
def test_what_is_no_scoped_style_of_the_template_stays(source: str) -> None:
    assert split_styles(source, "x.html") == (source, "")


def test_a_hash_after_a_bracket_is_css_and_no_comment_of_jinja() -> None:
    assert split_styles("<style scoped>@media print{#a{top:0}}</style>", "x.html")[1] == "@media print{#a{top:0}}"


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (
            "<style scoped>.a { color: {{ color }} }</style>",
            "'{{ color }} }' stands in <style scoped>, which is served",
        ),
        ("<style scoped>{% if x %}.a {}{% endif %}</style>", "cannot change; put what changes into a class"),
        ("<style scoped>{# why #}.a {}</style>", "x.html: '{# why #}"),
        ("<style scoped media=print>.a {}</style>", "cannot have media.*write @media inside"),
        ("<style scoped>.a {}", "has no </style>"),
    ],
)
def test_a_scoped_style_that_cannot_be_a_file_is_refused_in_words(source: str, words: str) -> None:
    with pytest.raises(RenderError, match=words):
        split_styles(source, "x.html")
